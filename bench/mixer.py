"""What the embedded mixer costs: CPU milliseconds per participant-second.

    python -m bench.mixer [--participants 10 100] [--talkers 3] [--seconds 8] [--record]

This process is the phones: each sends 50 SRTP packets a second of Opus with
RFC 6464 levels, `talkers` of them speech-like sound, the rest quiet noise,
and receives its mix. The worker is a process of its own, whose user and
system time is read from the kernel. One line of JSON per size.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sipgateway.media import codec, codecs
from sipgateway.media.codec import FRAME, PERIOD, RATE, Samples
from sipgateway.media.engine import LegId, RoomId, Session
from sipgateway.media.local import LocalEngine
from tests.media.peer import Peer, new_identity

LENGTH = 100
"""Frames of each recording, played round and round: 2 s."""

SETTLE = 1.0
"""Seconds before the clock is started."""


@dataclass(slots=True)
class Recording:
    """Payloads and the level of each."""

    payloads: list[bytes]
    levels: list[int]


def speech(seed: int) -> Samples:
    """Something with the pitch, formants and syllables of speech."""
    at = np.arange(LENGTH * FRAME) / RATE
    pitch = 110 + 30 * seed + 15 * np.sin(2 * np.pi * 0.7 * at)
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    voice = sum(np.sin(number * phase) / number for number in range(1, 20))
    syllables = 0.55 + 0.45 * np.sin(2 * np.pi * 4 * at + seed)
    return (0.1 * voice * syllables).astype(np.float32)


def noise(chance: np.random.Generator) -> Samples:
    """A quiet room: about -75 dBov."""
    return (1.8e-4 * chance.standard_normal(LENGTH * FRAME)).astype(np.float32)


def record(sound: Samples) -> Recording:
    """The sound as a phone would send it."""
    encoder = codecs.load()["opus"].encoder()
    frames = sound.reshape(LENGTH, FRAME)
    return Recording(
        [encoder.encode(np.ascontiguousarray(frame)) for frame in frames],
        [codec.level(frame) for frame in frames],
    )


def cpu(process: int) -> float:
    """Seconds of user and system time of a process."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def join(mixer: LocalEngine, count: int) -> list[Peer]:
    """So many phones in one room."""
    identity = new_identity()
    phones = []
    for number in range(count):
        phone = Peer(identity)
        leg = LegId(str(number))
        answer = await mixer.answer(leg, phone.offer(), Session())
        mixer.place(leg, RoomId("bench"))
        phone.connect(answer.sdp)
        async with asyncio.timeout(10):
            while not phone.connected:
                phone.receive()
                await asyncio.sleep(0.001)
        phones.append(phone)
    return phones


def drain(phone: Peer) -> int:
    """Read what has come without looking into it; how many packets."""
    count = 0
    while True:
        try:
            phone.sock.recv(2048)
        except BlockingIOError:
            return count
        count += 1


async def talk(phones: list[Peer], recordings: list[Recording], seconds: float) -> int:
    """Everybody sends for so long; how many packets came back."""
    clock = asyncio.get_running_loop()
    start, received = clock.time(), 0
    for tick in range(int(seconds / PERIOD)):
        at = tick % LENGTH
        for phone, recording in zip(phones, recordings, strict=True):
            phone.say(recording.payloads[at], recording.levels[at])
            received += drain(phone)
        await asyncio.sleep(max(0.0, start + (tick + 1) * PERIOD - clock.time()))
    return received


async def measure(
    count: int, talkers: int, seconds: float, kept: Path | None
) -> dict[str, float | int]:
    """One room of `count`, recorded into `kept` if that is a directory."""
    mixer = LocalEngine(
        host="127.0.0.1", ports=(33000, 33999), prompts=Path("none"), recordings=kept
    )
    await mixer.start(lambda _: None)
    try:
        phones = await join(mixer, count)
        if kept is not None:
            mixer.record(RoomId("bench"), "bench")
        quiet = record(noise(np.random.default_rng(1)))
        voices = [record(speech(seed)) for seed in range(talkers)]
        recordings = [voices[n] if n < talkers else quiet for n in range(count)]
        await talk(phones, recordings, SETTLE)
        (process,) = mixer.processes()
        used, started = cpu(process), time.monotonic()
        received = await talk(phones, recordings, seconds)
        used, elapsed = cpu(process) - used, time.monotonic() - started
        for phone in phones:
            phone.close()
    finally:
        await mixer.stop()
    return {
        "participants": count,
        "talkers": talkers,
        "cpu_ms_per_participant_second": round(1000 * used / elapsed / count, 2),
        "core_percent": round(100 * used / elapsed, 1),
        "packets_per_second_each": round(received / elapsed / count, 1),
    }


def main() -> None:
    """Measure each size that is asked for."""
    parser = argparse.ArgumentParser(description="CPU cost of the embedded mixer.")
    parser.add_argument("--participants", type=int, nargs="+", default=[10, 100])
    parser.add_argument("--talkers", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--record", action="store_true", help="with the room recorded")
    arguments = parser.parse_args()
    for count in arguments.participants:
        with tempfile.TemporaryDirectory() as directory:
            kept = Path(directory) if arguments.record else None
            work = measure(count, arguments.talkers, arguments.seconds, kept)
            print(json.dumps(asyncio.run(work)))


if __name__ == "__main__":
    main()
