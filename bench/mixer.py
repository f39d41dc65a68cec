"""What the embedded mixer costs, how punctual it is, and whether it is right.

    python -m bench.mixer [--participants 100 200] [--rooms 1] [--talkers 3]
                          [--seconds 8] [--record] [--others]

This process is the phones: each sends 50 SRTP packets a second of Opus with
RFC 6464 levels, `talkers` of each room speech-like sound, the rest quiet noise,
and receives its mix. The worker is a process of its own, whose user and system
time is read from the kernel. One line of JSON per size:

* CPU milliseconds per participant-second;
* ticks that began more than 5 ms late, in percent, as the worker counts them;
* the share of the mix that was delivered, of 50 packets a second each;
* correlation of what is heard with what is said (by 20 ms of loudness, so that it
  does not matter how it was encoded): a listener with each talker, a talker with
  the other talkers and with himself, which has to be about nothing.

Without arguments: N = 100 and 200 in one room, and ten rooms of four with three
talkers. `--others` puts Asterisk's and Janus's figures beside it, and measures Janus
AudioBridge where it is installed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench import bridge
from bench.voices import LENGTH, Recording, noise, record, speech
from sipgateway.media import codecs
from sipgateway.media.codec import PERIOD
from sipgateway.media.engine import LegId, RoomId, Session
from sipgateway.media.local import LocalEngine
from tests.media.peer import Peer, new_identity

PORTS = (33000, 33999)
SETTLE = 1.0
"""Seconds before the clock is started."""

TOLD = 1.2
"""Seconds within which the worker tells its counters."""

STANDARD = ((100, 1), (200, 1), (4, 10))
"""Participants of a room, and rooms."""

OTHERS = {
    "asterisk 22, one room, ulaw, no SRTP": {"100": 3.5, "200": 3.3},
    "janus 1.1.2 audiobridge, one room, plain RTP": {"10": 30.0, "20": 25.0, "50": 23.0},
}
"""CPU ms per participant-second on this kind of machine, measured once."""


@dataclass(slots=True)
class Caller:
    """A phone, what it says, and its room; `kept` is what it hears, where that is looked at."""

    phone: Peer
    recording: Recording
    room: int
    talks: bool
    listens: bool

    def tick(self, at: int) -> int:
        """Send a frame; how many packets have come."""
        self.phone.say(self.recording.payloads[at], self.recording.levels[at])
        if not self.listens:
            return drain(self.phone)
        before = len(self.phone.heard)
        self.phone.receive()
        return len(self.phone.heard) - before


def cpu(process: int) -> float:
    """Seconds of user and system time of a process."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def join(mixer: LocalEngine, count: int, rooms: int, talkers: int) -> list[Caller]:
    """So many phones in each of so many rooms; a talker and a listener of the first are heard."""
    identity = new_identity()
    quiet = record(noise(np.random.default_rng(1)))
    voices = [record(speech(seed)) for seed in range(talkers)]
    callers = []
    for number in range(count * rooms):
        room, place = divmod(number, count)
        phone = Peer(identity)
        leg = LegId(str(number))
        answer = await mixer.answer(leg, phone.offer(), Session())
        mixer.place(leg, RoomId(f"bench-{room}"))
        phone.connect(answer.sdp)
        async with asyncio.timeout(10):
            while not phone.connected:
                phone.receive()
                await asyncio.sleep(0.001)
        talks = place < talkers
        said = voices[place] if talks else quiet
        callers.append(Caller(phone, said, room, talks, number in (0, count - 1)))
    return callers


def drain(phone: Peer) -> int:
    """Read what has come without looking into it; how many packets."""
    count = 0
    while True:
        try:
            phone.sock.recv(2048)
        except BlockingIOError:
            return count
        count += 1


async def talk(callers: list[Caller], seconds: float) -> int:
    """Everybody sends for so long; how many packets came back."""
    clock = asyncio.get_running_loop()
    start, received = clock.time(), 0
    for tick in range(int(seconds / PERIOD)):
        received += sum(caller.tick(tick % LENGTH) for caller in callers)
        await asyncio.sleep(max(0.0, start + (tick + 1) * PERIOD - clock.time()))
    return received


def loudness(phone: Peer) -> NDArray[np.float64]:
    """Of each frame that a phone has heard, as a deviation from the mean."""
    decoder = codecs.load()["opus"].decoder()
    frames = [decoder.decode(one.packet.payload) for one in phone.heard]
    found = np.array([float(np.sqrt(np.mean(frame**2))) for frame in frames])
    centred: NDArray[np.float64] = found - found.mean()
    return centred


def correlations(heard: Peer, said: list[Recording]) -> list[float]:
    """With each of those recordings, at the delay at which their sum fits best."""
    found = loudness(heard)
    shapes = [one.shape - one.shape.mean() for one in said]

    def at(shape: NDArray[np.float64], delay: int) -> float:
        looped = np.resize(np.roll(shape, delay), len(found))
        both = float(np.linalg.norm(found) * np.linalg.norm(looped))
        return float(found @ looped) / both if both else 0.0

    whole = sum(shapes)
    delay = max(range(LENGTH), key=lambda one: at(whole, one))
    return [round(at(shape, delay), 2) for shape in shapes]


async def measure(
    count: int, rooms: int, talkers: int, seconds: float, *, kept: Path | None
) -> dict[str, object]:
    """Rooms of `count`, the first recorded into `kept` if that is a directory."""
    mixer = LocalEngine(host="127.0.0.1", ports=PORTS, prompts=Path("none"), recordings=kept)
    await mixer.start(lambda _: None)
    try:
        callers = await join(mixer, count, rooms, talkers)
        if kept is not None:
            mixer.record(RoomId("bench-0"), "bench")
        await talk(callers, SETTLE)
        for caller in callers:
            caller.phone.heard.clear()
        (process,) = mixer.processes()
        before = mixer.counters()
        used, started = cpu(process), time.monotonic()
        received = await talk(callers, seconds)
        used, elapsed = cpu(process) - used, time.monotonic() - started
        after = mixer.counters()
        voices = [one.recording for one in callers[:talkers]]
        others = callers[0].phone
        result: dict[str, object] = {
            "participants": count,
            "rooms": rooms,
            "talkers": talkers,
            "cpu_ms_per_participant_second": round(1000 * used / elapsed / len(callers), 2),
            "core_percent": round(100 * used / elapsed, 1),
            "late_by_5_ms_percent": late(before, after),
            "delivered_percent": round(100 * received * PERIOD / elapsed / len(callers), 1),
            "listener_with_talkers": correlations(callers[count - 1].phone, voices)
            if count > talkers
            else None,
            "talker_with_others": correlations(others, voices[1:]),
            "talker_with_himself": correlations(others, voices)[0],
        }
        for caller in callers:
            caller.phone.close()
    finally:
        await mixer.stop()
    return result


def late(before: dict[str, int], after: dict[str, int]) -> float:
    """Percent of the ticks between two tellings."""
    ticks = after.get("ticks", 0) - before.get("ticks", 0)
    tardy = after.get("ticks late by 5 ms", 0) - before.get("ticks late by 5 ms", 0)
    return round(100 * tardy / max(1, ticks), 2)


def main() -> None:
    """Measure each size that is asked for."""
    parser = argparse.ArgumentParser(description="What the embedded mixer costs.")
    parser.add_argument("--participants", type=int, nargs="+")
    parser.add_argument("--rooms", type=int, default=1)
    parser.add_argument("--talkers", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--record", action="store_true", help="with the room recorded")
    parser.add_argument("--others", action="store_true", help="other engines beside it")
    arguments = parser.parse_args()
    asked = [(count, arguments.rooms) for count in arguments.participants or ()]
    for count, rooms in asked or STANDARD:
        with tempfile.TemporaryDirectory() as directory:
            kept = Path(directory) if arguments.record else None
            work = measure(count, rooms, arguments.talkers, arguments.seconds, kept=kept)
            print(json.dumps(asyncio.run(work)), flush=True)
    if arguments.others:
        for engine, figures in OTHERS.items():
            told = {"engine": engine, "measured_before": True}
            print(json.dumps(told | {"cpu_ms_per_participant_second": figures}))
        if shutil.which("janus") is not None:
            print(json.dumps(asyncio.run(bridge.measure(arguments.talkers, arguments.seconds))))


if __name__ == "__main__":
    main()
