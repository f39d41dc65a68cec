"""The same load on a Janus AudioBridge: plain RTP, Opus, one room, as many as its ports take."""

from __future__ import annotations

import asyncio
import socket
import tempfile
import time
from pathlib import Path

import numpy as np

from bench.voices import LENGTH, noise, record, speech
from sipgateway.media import prompts, rtp
from sipgateway.media.codec import PERIOD
from sipgateway.media.engine import LegId, RoomId, Session
from sipgateway.media.janus import JanusEngine
from sipgateway.media.janus_node import Address
from sipgateway.sip import sdp
from tests.media import januses, offers

PARTICIPANTS = 16
SETTLE = 1.0


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


async def measure(talkers: int, seconds: float) -> dict[str, object]:
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
            return await _measure(engine, Path(directory), talkers, seconds)
        finally:
            await engine.stop()


async def _measure(
    engine: JanusEngine, directory: Path, talkers: int, seconds: float
) -> dict[str, object]:
    room = RoomId("bench")
    phones: list[tuple[socket.socket, tuple[str, int], rtp.Sender]] = []
    for number in range(PARTICIPANTS):
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind(("127.0.0.1", 0))
        sock.setblocking(False)
        port = str(sock.getsockname()[1])
        offer = offers.BARESIP.replace("5016", port).replace("192.0.2.2", "127.0.0.1")
        leg = LegId(str(number))
        answer = await engine.answer(leg, offer, Session(), room=room)
        engine.place(leg, room)
        (audio,) = sdp.parse(answer.sdp).media
        phones.append((sock, ("127.0.0.1", audio.port), rtp.Sender(number + 1, 1, 1)))
    quiet = record(noise(np.random.default_rng(1)))
    voices = [record(speech(seed)) for seed in range(talkers)]

    async def talk(length: float) -> int:
        clock = asyncio.get_running_loop()
        start, received = clock.time(), 0
        for tick in range(int(length / PERIOD)):
            for number, (sock, remote, sender) in enumerate(phones):
                said = voices[number] if number < talkers else quiet
                payload = said.payloads[tick % LENGTH]
                sock.sendto(sender.build(payload, 960, payload_type=96), remote)
                received += _drain(sock)
            await asyncio.sleep(max(0.0, start + (tick + 1) * PERIOD - clock.time()))
        return received

    await talk(SETTLE)
    used, started = cpu(directory), time.monotonic()
    received = await talk(seconds)
    used, elapsed = cpu(directory) - used, time.monotonic() - started
    for sock, _, _ in phones:
        sock.close()
    return {
        "engine": "janus audiobridge, plain RTP",
        "participants": PARTICIPANTS,
        "talkers": talkers,
        "cpu_ms_per_participant_second": round(1000 * used / elapsed / PARTICIPANTS, 2),
        "core_percent": round(100 * used / elapsed, 1),
        "delivered_percent": round(100 * received * PERIOD / elapsed / PARTICIPANTS, 1),
    }


def _drain(sock: socket.socket) -> int:
    count = 0
    while True:
        try:
            data = sock.recv(2048)
        except BlockingIOError:
            return count
        count += not rtp.is_rtcp(data)
