"""The mixer's CPU where the machine is busy with something else: tick by tick, without a clock.

    python -m bench.lockstep [--participants 100 200] [--rooms 1] [--talkers 3] [--seconds 8]

The worker runs in this process, with its sockets, and its time is counted instead of
waited for: every phone sends a packet, then the worker drains its socket, mixes and
sends, and only that is measured, by the processor time that the system accounts to the
thread. So nothing is late and nothing is lost, however little of the machine there is;
`bench.mixer` measures the same by the clock, and punctuality too.
"""

from __future__ import annotations

import argparse
import json
import socket
import tempfile
import time
from pathlib import Path

import numpy as np

from bench.mixer import STANDARD, Caller, correlations
from bench.voices import LENGTH, noise, record, speech
from sipgateway.media import dtls, prompts, streams
from sipgateway.media.codec import PERIOD
from sipgateway.media.description import Local, Negotiation
from sipgateway.media.engine import LegId, Session
from sipgateway.media.ports import Ports
from sipgateway.media.worker import Worker
from tests.media.peer import Peer, new_identity

PORTS = (35000, 35999)
SETTLE = 50
"""Ticks before it is measured."""

PATIENCE = 2000
"""Looks for an answer within a handshake."""


def join(worker: Worker, count: int, rooms: int, talkers: int) -> list[Caller]:
    """So many phones in each of so many rooms."""
    identity = new_identity()
    local = Local(
        ("127.0.0.1",),
        worker.udp.getsockname()[1],
        dtls.build_fingerprint(worker.identity.fingerprint),
    )
    quiet = record(noise(np.random.default_rng(1)))
    voices = [record(speech(seed)) for seed in range(talkers)]
    callers = []
    for number in range(count * rooms):
        room, place = divmod(number, count)
        phone, leg = Peer(identity), LegId(str(number))
        stream = streams.choose(streams.read(phone.offer()))
        text, terms = Negotiation().answer(stream, local, Session())
        worker.set_leg({"op": "leg", "leg": leg, "terms": terms})
        worker.place({"op": "place", "leg": leg, "room": f"bench-{room}"})
        phone.connect(text)
        for _ in range(PATIENCE):
            if phone.connected:
                break
            worker.drain()
            phone.receive()
        said = voices[place] if place < talkers else quiet
        callers.append(Caller(phone, said, room, place < talkers, number in (0, count - 1)))
    return callers


def talk(worker: Worker, callers: list[Caller], ticks: int, now: float) -> tuple[float, int]:
    """So many ticks from the time `now` on: seconds of the worker's CPU, packets delivered."""
    used, received = 0.0, 0
    for tick in range(ticks):
        received += sum(caller.tick(tick % LENGTH) for caller in callers)
        began = time.thread_time()
        worker.drain()
        worker.tick(now + tick * PERIOD)
        used += time.thread_time() - began
    return used, received


def measure(count: int, rooms: int, talkers: int, seconds: float) -> dict[str, object]:
    """Rooms of `count`."""
    ours, theirs = socket.socketpair()
    with tempfile.TemporaryDirectory() as directory, ours, theirs:
        ours.setblocking(False)
        nowhere = Path(directory)
        library = prompts.Library(nowhere, nowhere)
        worker = Worker(theirs, "127.0.0.1", Ports(*PORTS), library, nowhere, nowhere)
        callers = join(worker, count, rooms, talkers)
        now = time.monotonic()
        talk(worker, callers, SETTLE, now)
        for caller in callers:
            caller.phone.heard.clear()
        ticks = int(seconds / PERIOD)
        used, received = talk(worker, callers, ticks, now + SETTLE * PERIOD)
        voices = [one.recording for one in callers[:talkers]]
        found: dict[str, object] = {
            "participants": count,
            "rooms": rooms,
            "talkers": talkers,
            "cpu_ms_per_participant_second": round(1000 * used / seconds / len(callers), 2),
            "core_percent": round(100 * used / seconds, 1),
            "delivered_percent": round(100 * received / ticks / len(callers), 1),
            "listener_with_talkers": correlations(callers[count - 1].phone, voices)
            if count > talkers
            else None,
            "talker_with_others": correlations(callers[0].phone, voices[1:]),
            "talker_with_himself": correlations(callers[0].phone, voices)[0],
        }
        for caller in callers:
            caller.phone.close()
        worker.udp.close()
        worker.epoll.close()
    return found


def main() -> None:
    """Measure each size that is asked for."""
    parser = argparse.ArgumentParser(description="What the embedded mixer costs, tick by tick.")
    parser.add_argument("--participants", type=int, nargs="+")
    parser.add_argument("--rooms", type=int, default=1)
    parser.add_argument("--talkers", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8.0)
    arguments = parser.parse_args()
    asked = [(count, arguments.rooms) for count in arguments.participants or ()]
    for count, rooms in asked or STANDARD:
        print(json.dumps(measure(count, rooms, arguments.talkers, arguments.seconds)), flush=True)


if __name__ == "__main__":
    main()
