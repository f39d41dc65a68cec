"""What a room at a Janus AudioBridge costs: the node, and the lines of desk phones through us.

    python -m bench.bridge [--participants 16] [--codec opus pcmu] [--talkers 3] [--seconds 8]

A node takes what comes from a desk phone by way of this process (`janus_line`), which here is
the engine and nothing else; the phones are in a third one (`bench.desks`). Told for each codec,
of one run, by the operating system's accounting: CPU milliseconds per participant-second of the
node and of the lines, and how much the second is of the first.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path

from bench.desks import TYPES
from sipgateway.media import prompts
from sipgateway.media.engine import LegId, RoomId, Session
from sipgateway.media.janus import JanusEngine
from sipgateway.media.janus_node import Address
from sipgateway.sip import sdp
from tests.media import januses, offers

PARTICIPANTS = 16
"""As many as the ports of the node of `januses` take."""

SETTLE = 1.0
"""Seconds before the clock is started, and behind its end."""


def cpu(directory: Path) -> float:
    """Seconds of user and system time of the Janus whose files are there."""
    total = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
            fields = (process / "stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        if str(directory).encode() in command:
            total += int(fields[11]) + int(fields[12])
    return total / 100


async def measure(
    talkers: int, seconds: float, *, codec: str = "opus", participants: int = PARTICIPANTS
) -> dict[str, object]:
    """CPU per participant-second, and what was delivered."""
    with (
        tempfile.TemporaryDirectory() as directory,
        januses.running(Path(directory)) as (node,),
    ):
        files = Path(directory)
        engine = JanusEngine(
            [Address.parse(node.url)],
            recordings=files,
            sounds=files,
            library=prompts.Library(files, files),
        )
        await engine.start(lambda _: None)
        try:
            return await _measure(engine, files, codec, participants, talkers, seconds)
        finally:
            await engine.stop()


async def _measure(
    engine: JanusEngine,
    directory: Path,
    codec: str,
    participants: int,
    talkers: int,
    seconds: float,
) -> dict[str, object]:
    long = str(seconds + 2 * SETTLE)
    phones = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "bench.desks", str(participants), codec, str(talkers), long),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert phones.stdin is not None
    assert phones.stdout is not None
    ports = json.loads(await phones.stdout.readline())
    there = [await _join(engine, number, port, codec) for number, port in enumerate(ports)]
    phones.stdin.write(json.dumps(there).encode() + b"\n")
    await asyncio.sleep(SETTLE)
    nodes, lines, started = cpu(directory), time.process_time(), time.monotonic()
    await asyncio.sleep(seconds)
    nodes, lines = cpu(directory) - nodes, time.process_time() - lines
    shared = (time.monotonic() - started) * participants / 1000
    received = json.loads(await phones.stdout.readline())
    await phones.wait()
    return {
        "engine": "janus audiobridge, plain RTP",
        "codec": codec,
        "participants": participants,
        "talkers": talkers,
        "cpu_ms_per_participant_second": round(nodes / shared, 2),
        "lines_cpu_ms_per_participant_second": round(lines / shared, 2),
        "lines_to_node": round(lines / nodes, 2),
        "delivered_percent": round(2 * received / float(long) / participants, 1),
    }


async def _join(engine: JanusEngine, number: int, port: int, codec: str) -> int:
    """Have a phone at that port in the room; where it is to send."""
    room, leg = RoomId("bench"), LegId(str(number))
    offer = offers.BARESIP.replace("5016", str(port)).replace("192.0.2.2", "127.0.0.1")
    offer = offer.replace(" 96 0 8 101", f" {TYPES[codec]} 101")
    answer = await engine.answer(leg, offer, Session(), room=room)
    engine.place(leg, room)
    (audio,) = sdp.parse(answer.sdp).media
    return audio.port


def main() -> None:
    """Measure with each codec that is asked for."""
    parser = argparse.ArgumentParser(description="What a room at a Janus AudioBridge costs.")
    parser.add_argument("--participants", type=int, default=PARTICIPANTS)
    parser.add_argument("--codec", nargs="+", choices=sorted(TYPES), default=["opus", "pcmu"])
    parser.add_argument("--talkers", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8.0)
    asked = parser.parse_args()
    for codec in asked.codec:
        work = measure(asked.talkers, asked.seconds, codec=codec, participants=asked.participants)
        print(json.dumps(asyncio.run(work)), flush=True)


if __name__ == "__main__":
    main()
