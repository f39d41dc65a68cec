"""An hour of people coming and going: what stays behind in the mixer?

    python -m bench.soak [--minutes 60] [--every 0.5] [--people 12]

Browsers (ICE, DTLS-SRTP) and desk phones (G.711, G.722, Opus, with SDES and
without) talk in three rooms; every now and then one hangs up, or just goes, and
another one comes. Rooms are recorded, prompts played, legs muted and moved
meanwhile. The worker is looked at from outside: its memory and its open files
(/proc), and its legs, rooms and encoders, which it tells itself. One line of JSON
a minute, and one at the end; the exit code is 1 where something has stayed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from sipgateway.media import codec, codecs, rtp, srtp
from sipgateway.media.codec import PERIOD
from sipgateway.media.dtls import Identity
from sipgateway.media.engine import LegId, RoomId, Session
from sipgateway.media.local import LocalEngine
from sipgateway.media.srtp import SrtpSession
from sipgateway.sip import sdp
from tests.media import offers, sounds
from tests.media.peer import Peer, new_identity

PORTS = (34000, 34999)
ROOMS = tuple(RoomId(f"soak-{number}") for number in range(3))
WARM = 0.25
"""Share of the time after which memory has to be flat: every code path has been gone by then."""

GROWTH = 6.0
"""MiB that may come on top of that: the allocator's, and a few seconds of recording."""

SETTLE = 2.5
"""Seconds in which the worker tells what it has, twice."""

CODECS = codecs.load()
PLAIN = {"pcmu": 0, "pcma": 8, "g722": 9, "opus": 96}
KINDS = ("browser", *PLAIN, "sdes")
FRAMES = sounds.frames(sounds.sine(440, 50, 0.1))
SAID = {
    name: [encoder.encode(frame) for frame in FRAMES]
    for name, kind in CODECS.items()
    for encoder in [kind.encoder()]
}
LEVEL = codec.level(FRAMES[10])


class Desk:
    """A desk phone: RTP on a socket of its own."""

    def __init__(self, kind: str) -> None:
        self.kind = "pcmu" if kind == "sdes" else kind
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.sock.setblocking(False)
        self._key = srtp.new_key(srtp.CM_80) if kind == "sdes" else ""
        self._session: SrtpSession | None = None
        self._sender = rtp.Sender(random.getrandbits(32), 1, 1)
        self._remote = ("", 0)

    def offer(self) -> str:
        """What it offers."""
        port = self.sock.getsockname()[1]
        text = offers.BARESIP.replace("5016", str(port)).replace("192.0.2.2", "127.0.0.1")
        text = text.replace(" 96 0 8 101", f" {PLAIN[self.kind]} 101")
        if self._key:
            line = f"a=crypto:1 {srtp.CM_80.sdes} inline:{self._key}\r\n"
            text = text.replace("RTP/AVP", "RTP/SAVP") + line
        return text

    def connect(self, answer: str) -> None:
        """Take the answer."""
        (audio,) = sdp.parse(answer).media
        self._remote = ("127.0.0.1", audio.port)
        if self._key:
            (line,) = audio.cryptos()
            keys = (srtp.read_key(self._key, srtp.CM_80), srtp.read_key(line.key, srtp.CM_80))
            self._session = SrtpSession(srtp.Keys(srtp.CM_80, *keys))

    def talk(self, at: int) -> None:
        """Send a frame."""
        kind, payload = CODECS[self.kind], SAID[self.kind][at]
        packet = self._sender.build(payload, kind.duration, payload_type=PLAIN[self.kind])
        self.sock.sendto(
            packet if self._session is None else self._session.protect(packet), self._remote
        )


class Caller:
    """Somebody in a room, by whatever phone."""

    def __init__(self, leg: LegId, kind: str, identity: Identity) -> None:
        self.leg = leg
        self.phone = Peer(identity) if kind == "browser" else Desk(kind)

    async def come(self, mixer: LocalEngine, room: RoomId) -> None:
        """Call, and into the room."""
        answer = await mixer.answer(self.leg, self.phone.offer(), Session(), room=room)
        mixer.place(self.leg, room)
        self.phone.connect(answer.sdp)

    def tick(self, at: int) -> None:
        """Talk, and hear what has come."""
        phone = self.phone
        if isinstance(phone, Desk):
            phone.talk(at)
            _drain(phone.sock)
        elif phone.connected:
            phone.say(SAID["opus"][at], LEVEL)
            _drain(phone.sock)
        else:
            phone.receive()

    def go(self) -> None:
        """Be gone, whoever is told."""
        self.phone.sock.close()


def _drain(sock: socket.socket) -> None:
    while True:
        try:
            sock.recv(2048)
        except BlockingIOError:
            return


@dataclass(frozen=True, slots=True)
class Look:
    """What the worker has, from outside and by its own account."""

    mebibytes: float
    files: int
    legs: int
    rooms: int
    encoders: int


@dataclass(frozen=True, slots=True)
class Soaked:
    """What came of it. `empty` is before the first came, `left` after the last has gone."""

    minutes: float
    calls: int
    empty: Look
    warm: Look
    full: Look
    left: Look
    late_percent: float

    def wrong(self) -> list[str]:
        """What has stayed behind, in words; nothing where all is well."""
        grown = self.full.mebibytes - self.warm.mebibytes
        found = {
            f"memory has grown by {grown:.1f} MiB": grown > GROWTH,
            f"{self.left.files - self.empty.files} files are open": self.left.files
            != self.empty.files,
            f"{self.left.legs} legs are left": self.left.legs,
            f"{self.left.rooms} rooms are left": self.left.rooms,
            f"{self.left.encoders} encoders are left": self.left.encoders,
        }
        return [words for words, so in found.items() if so]


class Soak:
    """A mixer, and those who come and go."""

    def __init__(self, mixer: LocalEngine, *, people: int, every: float) -> None:
        self.mixer = mixer
        self.calls = 0
        self._identity = new_identity()
        self._chance = random.Random(1)
        self._people, self._every = people, every
        self._callers: list[Caller] = []

    def look(self) -> Look:
        """Look at the worker."""
        (process,) = self.mixer.processes()
        status = Path(f"/proc/{process}/status").read_text()
        resident = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        files = len(list(Path(f"/proc/{process}/fd").iterdir()))
        told = self.mixer.gauges()
        return Look(
            round(int(resident.split()[1]) / 1024, 1),
            files,
            told.get("legs", 0),
            told.get("rooms", 0),
            told.get("encoders", 0),
        )

    async def run(self, seconds: float) -> AsyncIterator[Look]:
        """Come and go for so long; a look each minute."""
        clock = asyncio.get_running_loop()
        start = clock.time()
        turn, shown, ticks = 0.0, 60.0, 0
        while (passed := clock.time() - start) < seconds:
            ticks += 1
            for caller in self._callers:
                caller.tick(ticks % len(FRAMES))
            if passed >= turn:
                turn += self._every
                await self._turn()
            if passed >= shown:
                shown += 60.0
                yield self.look()
            await asyncio.sleep(max(0.0, start + ticks * PERIOD - clock.time()))
            ticks = max(ticks, int((clock.time() - start) / PERIOD))

    async def empty(self) -> None:
        """Everybody goes."""
        for caller in self._callers:
            self.mixer.drop(caller.leg)
            caller.go()
        self._callers.clear()
        for room in ROOMS:
            self.mixer.record(room, "")
        await asyncio.sleep(SETTLE)

    async def _turn(self) -> None:
        """One comes, one goes, and something happens to another one."""
        chance = self._chance
        if len(self._callers) >= self._people:
            gone = self._callers.pop(chance.randrange(len(self._callers)))
            self.mixer.drop(gone.leg)
            gone.go()
        self.calls += 1
        kind = KINDS[self.calls % len(KINDS)]
        caller = Caller(LegId(f"leg-{self.calls}"), kind, self._identity)
        await caller.come(self.mixer, chance.choice(ROOMS))
        self._callers.append(caller)
        self._happen(chance.choice(self._callers).leg, chance.choice(ROOMS))

    def _happen(self, leg: LegId, room: RoomId) -> None:
        number = self.calls % 6
        if number == 0:
            self.mixer.play(leg, "ring")
        elif number == 1:
            self.mixer.mute(leg, self.calls % 4 < 2)
        elif number == 2:
            self.mixer.place(leg, room)
        elif number == 3:
            self.mixer.play_room(room, "beep")
        elif number == 4:
            self.mixer.record(room, "" if self.calls % 8 < 4 else f"soak-{self.calls}")
        else:
            self.mixer.place(leg, None)
            self.mixer.listen(leg, 1.0)


@asynccontextmanager
async def _mixer() -> AsyncIterator[LocalEngine]:
    with tempfile.TemporaryDirectory() as directory:
        kept = Path(directory)
        mixer = LocalEngine(
            host="127.0.0.1", ports=PORTS, prompts=Path("none"), recordings=kept / "recordings"
        )
        await mixer.start(lambda _: None)
        try:
            yield mixer
        finally:
            await mixer.stop()


async def soak(minutes: float, *, people: int, every: float, show: bool = False) -> Soaked:
    """The whole of it."""
    async with _mixer() as mixer:
        one = Soak(mixer, people=people, every=every)
        await asyncio.sleep(SETTLE)
        empty, began = one.look(), time.monotonic()
        for share in (WARM, 1 - WARM):
            async for look in one.run(60 * minutes * share):
                if show:
                    print(json.dumps(asdict(look)), flush=True)
            if share == WARM:
                warm = one.look()
        full, minutes = one.look(), (time.monotonic() - began) / 60
        await one.empty()
        counted = mixer.counters()
        late = 100 * counted.get("ticks late by 5 ms", 0) / max(1, counted["ticks"])
        left = one.look()
        return Soaked(round(minutes, 1), one.calls, empty, warm, full, left, round(late, 2))


def main() -> int:
    """Print what came of it."""
    parser = argparse.ArgumentParser(description="People coming and going for long.")
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--every", type=float, default=0.5, help="seconds between two turns")
    parser.add_argument("--people", type=int, default=12)
    arguments = parser.parse_args()
    work = soak(arguments.minutes, people=arguments.people, every=arguments.every, show=True)
    found = asyncio.run(work)
    print(json.dumps(asdict(found)))
    for words in found.wrong():
        print(words, file=sys.stderr)
    return 1 if found.wrong() else 0


if __name__ == "__main__":
    sys.exit(main())
