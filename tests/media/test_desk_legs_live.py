"""Plain RTP legs at a real mixer: held, moved, named, and left alone by Mallory. By sound."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import socket
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import numpy as np
import pytest

from sipgateway.media import codec, codecs, engine, rtp
from sipgateway.media.codec import PERIOD
from sipgateway.media.engine import LegId, RoomId, Session
from sipgateway.media.local import LocalEngine
from sipgateway.sip import sdp
from tests.media import sounds

pytestmark = pytest.mark.live

ROOM = RoomId("4711")
PCMU = codecs.load()["pcmu"]
NOISE = 13
ALICE, BOB, MALLORY = 440.0, 1000.0, 2300.0
"""What each hums, in Hz."""

LAST = 15
"""Frames that are looked at."""

WITHIN = 20.0
"""Seconds in which what is waited for happens, on a machine that is busy."""


class Phone:
    """G.711 from a port that may change, to wherever it was told to send."""

    def __init__(self, tone: float) -> None:
        self.tone = tone
        self.kind = 0
        self.remote: tuple[str, int] | None = None
        self.heard: list[bytes] = []
        self.sender = rtp.Sender(secrets.randbits(32), 1, 1)
        self._encoder = PCMU.encoder()
        self._sound = sounds.frames(sounds.sine(tone, 50))
        self._at = 0
        self.sock = _bound()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.sock.getsockname()[1])

    def moves(self) -> None:
        """Go on from another port."""
        self.sock.close()
        self.sock = _bound()

    def offer(self, *, host: str = "127.0.0.1", way: str = "sendrecv", port: int = 0) -> str:
        return (
            f"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 {host}\r\nt=0 0\r\n"
            f"m=audio {port or self.port} RTP/AVP 0 {NOISE}\r\na={way}\r\n"
        )

    def ticks(self) -> None:
        """Send a frame, and take what has come."""
        frame = self._sound[self._at % len(self._sound)]
        self._at += 1
        payload = b"\x28" if self.kind == NOISE else self._encoder.encode(frame)
        if self.remote is not None:
            packet = self.sender.build(payload, 160, payload_type=self.kind)
            self.sock.sendto(packet, self.remote)
        with contextlib.suppress(BlockingIOError):
            while True:
                data = self.sock.recv(2048)
                if not rtp.is_rtcp(data):
                    self.heard.append(rtp.parse(data).payload)

    def hears(self, tone: float) -> bool:
        """Whether the last that it heard was that tone."""
        decoder = PCMU.decoder()
        last = [decoder.decode(one) for one in self.heard[-LAST:]]
        return len(last) == LAST and sounds.share(np.concatenate(last), tone) > 0.8

    def hears_nothing(self) -> bool:
        """Whether the last that it heard was silence."""
        decoder = PCMU.decoder()
        last = [decoder.decode(one) for one in self.heard[-LAST:]]
        return len(last) == LAST and codec.level(np.concatenate(last)) > 60


def _bound() -> socket.socket:
    """A socket on a free port."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setblocking(False)
    sock.bind(("127.0.0.1", 0))
    return sock


class Table:
    """A mixer, and phones that speak as the clock says."""

    def __init__(self, mixer: LocalEngine) -> None:
        self.mixer = mixer
        self.phones: list[Phone] = []

    async def joins(self, name: str, tone: float, *, host: str = "127.0.0.1") -> Phone:
        phone = Phone(tone)
        self.phones.append(phone)
        await self.offers(name, phone, phone.offer(host=host))
        self.mixer.place(LegId(name), ROOM)
        return phone

    async def offers(self, name: str, phone: Phone, offer: str) -> engine.Description:
        """An INVITE or a re-INVITE."""
        answer = await self.mixer.answer(LegId(name), offer, Session(), host="127.0.0.1")
        phone.remote = ("127.0.0.1", sdp.parse(answer.sdp).media[0].port)
        return answer

    async def until(self, true: Callable[[], bool], what: str) -> None:
        """Let time pass until something is so."""
        end = time.monotonic() + WITHIN
        while not true():
            assert time.monotonic() < end, what
            await self.passes(1)

    async def passes(self, frames: int) -> None:
        for _ in range(frames):
            for phone in self.phones:
                phone.ticks()
            await asyncio.sleep(PERIOD)

    async def hear_each_other(self, alice: Phone, bob: Phone) -> None:
        await self.until(lambda: alice.hears(BOB), "she does not hear him")
        await self.until(lambda: bob.hears(ALICE), "he does not hear her")


@pytest.fixture
async def table(tmp_path: Path) -> AsyncIterator[Table]:
    mixer = LocalEngine(host="127.0.0.1", ports=(32000, 32999), prompts=tmp_path)
    made = Table(mixer)
    await mixer.start(lambda _: None)
    yield made
    for phone in made.phones:
        phone.sock.close()
    await mixer.stop()


async def test_a_phone_that_names_its_host(table: Table) -> None:
    """RFC 8866 5.7: by its name, and where that is nobody's by the host of its SIP."""
    alice = await table.joins("alice", ALICE, host="localhost")
    bob = await table.joins("bob", BOB, host="nobody.invalid")
    await table.hear_each_other(alice, bob)


async def test_hold_and_resume(table: Table) -> None:
    """RFC 3264 8.4, and as it was said before (RFC 2543): who holds is neither heard nor hears."""
    alice, bob = await table.joins("alice", ALICE), await table.joins("bob", BOB)
    await table.hear_each_other(alice, bob)
    for offer, said in (
        (alice.offer(way="inactive"), engine.Direction.INACTIVE),
        (alice.offer(host="0.0.0.0"), engine.Direction.SENDONLY),
    ):
        await table.offers("alice", alice, offer)
        count = len(alice.heard) + LAST
        alice.remote = None
        await table.until(bob.hears_nothing, f"{said}: he hears her")
        await table.passes(LAST)
        assert len(alice.heard) < count, "nothing is sent to who holds"
        await table.offers("alice", alice, alice.offer())
        await table.hear_each_other(alice, bob)
    await table.offers("alice", alice, alice.offer(way="sendonly"))  # music on hold
    count = len(alice.heard) + LAST
    await table.until(lambda: bob.hears(ALICE), "he does not hear her music")
    await table.passes(LAST)
    assert len(alice.heard) < count
    await table.offers("alice", alice, alice.offer())
    await table.hear_each_other(alice, bob)


async def test_a_phone_that_moves(table: Table) -> None:
    """By a re-INVITE; then by a NAT that was bound anew, which nothing announces."""
    alice, bob = await table.joins("alice", ALICE), await table.joins("bob", BOB)
    await table.hear_each_other(alice, bob)
    alice.moves()
    await table.offers("alice", alice, alice.offer())
    alice.heard.clear()
    await table.hear_each_other(alice, bob)
    alice.moves()
    alice.heard.clear()
    await table.until(lambda: alice.hears(BOB), "she is not found where she is now")
    assert bob.hears(ALICE)


async def test_mallory_on_the_same_host_takes_no_leg_over(table: Table) -> None:
    """He knows the port and sends on and on, before she speaks and while she is silent."""
    alice, bob = await table.joins("alice", ALICE), await table.joins("bob", BOB)
    mallory = Phone(MALLORY)
    mallory.remote = alice.remote
    table.phones.append(mallory)
    await table.hear_each_other(alice, bob)
    hers, alice.remote = alice.remote, None
    await table.offers("bob", bob, bob.offer())
    await table.until(bob.hears_nothing, "he hears Mallory")
    await table.until(lambda: alice.hears(BOB), "what is hers goes to her, though she is silent")
    await table.passes(3 * LAST)
    assert bob.hears_nothing()
    assert mallory.heard == []
    alice.remote = hers
    await table.hear_each_other(alice, bob)


async def test_comfort_noise_is_silence_and_no_gap(table: Table) -> None:
    """RFC 3389: she stops speaking and says so."""
    alice, bob = await table.joins("alice", ALICE), await table.joins("bob", BOB)
    await table.hear_each_other(alice, bob)
    alice.kind = NOISE
    await table.until(bob.hears_nothing, "he still hears her")
    alice.kind = 0
    await table.hear_each_other(alice, bob)
