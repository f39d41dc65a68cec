"""The embedded engine: mixer workers beside the gateway.

Starts the workers, watches them, tells them what to do and passes on what
they tell. Descriptions are negotiated here (`description`), so an answer for
a browser needs no round trip to a worker: what was agreed is written to the
worker before the answer is handed out, and so is there before the first
packet. Only a plain RTP leg waits for its ports.

A room lives in one worker, that of the first leg meant for it; who knows the
room of a leg when it is answered says so (`room`), so that it is made there.
What is new is made in the worker with the fewest legs.

Questions about a leg and its end may cross: a leg that was dropped is never
made again, and one that is dropped while it is made holds nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import socket
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from sipgateway.media import control, description, engine, hosts, streams
from sipgateway.media.agreed import read as read_agreed
from sipgateway.media.control import Order, Report, Terms
from sipgateway.media.description import Local, Negotiation
from sipgateway.media.engine import (
    Description,
    LegId,
    LegKind,
    Listener,
    MediaError,
    RoomId,
    Session,
)
from sipgateway.media.load import FULL
from sipgateway.media.said import Said

LOG = logging.getLogger(__name__)

ROOT = Path(__file__).parents[2]
"""Where the package `sipgateway` is found."""

SPOKEN = ROOT / "spoken"
"""The prompts that were made at set-up."""

START = 15.0
"""Seconds a worker may take to be ready; it takes 0.5 on an idle machine."""

MUTE = 15.0
"""Seconds without a word after which a worker is taken for hung and ended."""

REPLY = 3.0
"""Seconds to wait for a worker's answer."""

REPLACED, RESTORED = 5.0, 30.0
"""Seconds to wait for a worker where there is none, for a new call and for one that lost
its own: that is renegotiated the moment its worker dies, and whatever keeps the next ones
from living, a minute of silence is better than to be hung up on."""

TRIES = 3
"""Workers that may die while a leg is made in them."""

LINE = 1 << 20
"""Octets of a report at most; who speaks in a large room is the longest."""

END = 3.0
"""Seconds a worker may take to end by itself."""

GONE, DOWN = "The leg is gone", "The mixer is not running"

REMEMBERED = 10_000
"""Dropped legs that are known as such: a question that crosses with the end of
its leg comes within seconds, and no server sees as many calls end in those."""

PAUSE = (0.1, 0.5, 2.0, 5.0)
"""Seconds between a worker's death and its next start, the last one for ever."""


class _WorkerDied(Exception):
    """A worker died while a leg was made in it."""


@dataclass(slots=True)
class _Leg:
    """A leg and the worker it lives in."""

    negotiation: Negotiation
    worker: _Worker
    room: RoomId | None
    """The room it is in or meant for."""
    port: int = 0
    muted: bool = False
    agrees: bool = True
    track: str = ""
    said: Said = field(default_factory=Said)
    placed: RoomId | None = None
    """The room that it is to be in once its worker has it."""
    told: bool = False
    """That its worker has it."""

    def described(self, sdp: str, direction: engine.Direction) -> Description:
        """What is said to a description."""
        agreed = self.negotiation.agreed
        return Description(
            sdp, direction, self.negotiation.source, "" if agreed is None else str(agreed)
        )


@dataclass(frozen=True, slots=True)
class _Sounding:
    """What is played to a room; `begun` is when, on the loop's clock."""

    name: str
    token: str
    begun: float


@dataclass(eq=False, slots=True)
class _Worker:
    """One worker process, over all its lives."""

    number: int
    process: asyncio.subprocess.Process | None = None
    writer: asyncio.StreamWriter | None = None
    port: int = 0
    fingerprint: str = ""
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    deaths: int = 0
    counters: Counter[str] = field(default_factory=Counter)
    """What its life so far has counted, and `former` what its lives before did."""
    former: Counter[str] = field(default_factory=Counter)
    gauges: dict[str, int] = field(default_factory=dict)
    busy: float = 0.0
    """Share of its time that it works, as it told last."""
    questions: dict[int, asyncio.Future[int]] = field(default_factory=dict)

    def order(self, order: Order) -> None:
        """Tell the worker to do something."""
        if self.writer is not None and not self.writer.is_closing():
            self.writer.write(control.encode(order))


class LocalEngine:
    """A `MediaEngine` made of worker processes.

    `host` is the address to bind to and to announce; ``0.0.0.0`` binds to all
    and announces that of the default route. `ports` is the first and the last
    UDP port that may be used, `announced` the addresses to announce instead
    where phones reach it by others (behind a NAT), `prompts` the directory of
    prompts of one's own, `recordings` and `sounds` those of recordings and of
    sounds to be played (beside it where they are not said).
    """

    def __init__(
        self,
        *,
        host: str,
        ports: tuple[int, int],
        prompts: Path,
        announced: tuple[str, ...] = (),
        recordings: Path | None = None,
        sounds: Path | None = None,
        workers: int = 1,
    ) -> None:
        self._host = host
        self._announced = announced
        self._ports = ports
        self._prompts = prompts
        self._recordings = recordings or prompts.parent / "recordings"
        self._sounds = sounds or prompts.parent / "sounds"
        self._names = hosts.Names()
        self._bind = ""
        self._addresses: tuple[str, ...] = ()
        self._workers = [_Worker(number) for number in range(1, workers + 1)]
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._legs: dict[LegId, _Leg] = {}
        self._dropped: dict[LegId, None] = {}  # in the order of dropping
        self._orphans: dict[LegId, _Leg] = {}
        """Legs whose worker has died: they go on with what was agreed and said."""
        self._rooms: dict[RoomId, _Worker] = {}
        self._places: dict[LegId, RoomId] = {}
        self._recorded: dict[RoomId, tuple[str, bool]] = {}
        self._open: dict[str, tuple[RoomId, _Worker | None]] = {}
        """Recordings whose end was not told yet, and who writes them, if he lives."""
        self._sounding: dict[RoomId, _Sounding] = {}
        self._up = asyncio.Event()
        """That some worker is ready."""
        self._questions = itertools.count(1)
        self._listener: Listener = _ignore

    # Up and down

    async def start(self, listener: Listener) -> None:
        """Start the workers and wait for them. Raises `MediaError` (503)."""
        self._listener = listener
        try:
            self._bind = await hosts.resolve(self._host)
        except OSError as error:
            raise MediaError(503, f"{self._host} is not an address: {error}") from error
        self._addresses = self._announced or (hosts.announced(self._bind),)
        for worker in self._workers:
            self._supervise(worker)
        try:
            async with asyncio.timeout(START):
                for worker in self._workers:
                    await worker.ready.wait()
        except TimeoutError:
            await self.stop()
            raise MediaError(503, "A mixer worker does not start") from None

    async def stop(self) -> None:
        """End every worker."""
        self._legs.clear()
        self._orphans.clear()
        self._dropped.clear()
        tasks, self._tasks = [*self._tasks.values()], {}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._rooms.clear()
        self._places.clear()

    def failing(self) -> str:
        """Which workers are not there."""
        down = [str(worker.number) for worker in self._workers if not worker.ready.is_set()]
        return f"mixer worker {', '.join(down)} is not running" if down else ""

    def counters(self) -> dict[str, int]:
        """What the workers have counted, over all their lives."""
        total: Counter[str] = Counter()
        for worker in self._workers:
            total += worker.former + worker.counters
        return dict(total)

    def gauges(self) -> dict[str, int]:
        """What the workers have now."""
        total: Counter[str] = Counter()
        for worker in self._workers:
            total.update(worker.gauges)
        return dict(total)

    def processes(self) -> tuple[int, ...]:
        """The process ids of the workers that run (for measuring)."""
        return tuple(one.process.pid for one in self._workers if one.process is not None)

    # Descriptions

    async def answer(
        self,
        leg: LegId,
        offer: str,
        session: Session,
        *,
        room: RoomId | None = None,
        host: str = "",
        agreed: str = "",
    ) -> Description:
        """Answer an offer or a re-offer. Raises `MediaError`."""
        offer = await self._names.located(offer, host)
        read = streams.read(offer)
        known = self._legs.get(leg)
        if known is not None and known.negotiation.gives_up(read):
            local = await self._local(leg, known, known.negotiation.kind or LegKind.RTP)
            text, terms = known.negotiation.hold(read, local, session)
            known.worker.order({"op": "leg", "leg": leg, "terms": terms})
            return known.described(text, engine.Direction.INACTIVE)
        stream = streams.choose(read)

        async def make() -> Description:
            with self._made(leg, room, agreed) as one:
                local = await self._local(leg, one, stream.kind)
                one.negotiation.sip_host = host
                text, terms = one.negotiation.answer(stream, local, session)
                self._tell(leg, one, terms)
            near = bool(host) and terms["hears"] and terms["host"] == host
            near = near and not terms["fingerprint"]  # that one has to shake hands first
            return replace(one.described(text, stream.direction), near=near)

        return await self._surely(leg, make)

    async def offer(
        self,
        leg: LegId,
        kind: LegKind,
        session: Session,
        *,
        room: RoomId | None = None,
        host: str = "",
        agreed: str = "",
    ) -> Description:
        """Make an offer, or repeat what was agreed. Raises `MediaError`."""

        async def make() -> Description:
            with self._made(leg, room, agreed) as one:
                known = one.negotiation.kind or kind
                local = await self._local(leg, one, known)
                one.negotiation.sip_host = host
                text = one.negotiation.offer(known, local, session)
            return one.described(text, engine.Direction.SENDRECV)

        return await self._surely(leg, make)

    async def accept(self, leg: LegId, answer: str) -> Description:
        """Take the answer to our offer. Raises `MediaError`."""
        one = self._meant(leg)
        if one is None:
            raise MediaError(500, "An answer for a leg that is not there")
        answer = await self._names.located(answer, one.negotiation.sip_host)
        if self._meant(leg) is not one:
            raise MediaError(500, GONE)
        stream, terms = one.negotiation.accept(answer)
        if leg in self._legs:
            self._tell(leg, one, terms)
        else:
            # The worker died while the phone rang: what it agreed to stands, but the
            # address that it was offered does not, so it is lost again, to be offered another.
            one.negotiation.move()
            lost = engine.LegLost(leg, "the mixer worker ended")
            asyncio.get_running_loop().call_soon(self._listener, lost)
        return one.described("", stream.direction)

    async def describe(self, session: Session) -> str:
        """What the engine can do, every port 0."""
        return description.capabilities(Local(self._addresses, 0, ""), session)

    # Orders

    def _tell(self, leg: LegId, one: _Leg, terms: Terms) -> None:
        """Tell a worker what was agreed and, where it is new to it, what was ordered before."""
        one.worker.order({"op": "leg", "leg": leg, "terms": terms})
        if one.told:
            return
        one.told = True
        self.mute(leg, one.muted)
        self.agree(leg, one.agrees)
        self.track(leg, one.track)
        if one.placed is not None:
            self.place(leg, one.placed)
        for script in one.said.again():
            self._order(leg, {"op": "play", "leg": leg, "prompt": script})

    def _meant(self, leg: LegId) -> _Leg | None:
        """The leg, also while no worker has it: what is ordered then is told later."""
        return self._legs.get(leg) or self._orphans.get(leg)

    def place(self, leg: LegId, room: RoomId | None) -> None:
        """Put a leg into a room or take it out of any."""
        one = self._meant(leg)
        if one is None:
            return
        if one.placed != room:
            one.placed = room
            one.said.moved()
        if leg not in self._legs:
            return
        self._unplace(leg)
        if room is not None:
            worker = self._rooms.setdefault(room, one.worker)
            if worker is not one.worker:
                one.worker.order({"op": "drop", "leg": leg})
                self._lose(leg, "its room lives in another mixer worker")
                return
            self._places[leg] = one.room = room
        self._tell_place(leg)

    def mute(self, leg: LegId, muted: bool) -> None:
        """Let the room hear a leg or not."""
        if (one := self._meant(leg)) is not None:
            one.muted = muted
        self._order(leg, {"op": "mute", "leg": leg, "muted": muted})

    def play(self, leg: LegId, prompt: str) -> None:
        """Play a prompt to a leg; an empty name ends what is played."""
        if (one := self._meant(leg)) is not None:
            one.said.play(prompt)
        self._order(leg, {"op": "play", "leg": leg, "prompt": prompt})

    def play_room(self, room: RoomId, prompt: str) -> None:
        """Play a prompt to everybody in a room."""
        worker = self._rooms.get(room)
        if worker is not None:
            worker.order({"op": "play_room", "room": room, "prompt": prompt})

    def sound(self, room: RoomId, name: str, token: str, *, start: float = 0.0) -> None:
        """Play a file to a room, whichever worker it lives in and comes to live in."""
        if name:
            begun = asyncio.get_running_loop().time() - start
            self._sounding[room] = _Sounding(name, token, begun)
        else:
            self._sounding.pop(room, None)
        self._tell_sound(room, name, token, start)

    def _tell_sound(self, room: RoomId, name: str, token: str, start: float) -> None:
        worker = self._rooms.get(room)
        if worker is not None:
            worker.order(
                {"op": "sound", "room": room, "name": name, "token": token, "seconds": start}
            )

    def listen(self, leg: LegId, seconds: float) -> None:
        """Remember what a leg says that is in no room."""
        self._order(leg, {"op": "listen", "leg": leg, "seconds": seconds})

    def agree(self, leg: LegId, agrees: bool) -> None:
        """Let a leg's voice be recorded or not."""
        if (one := self._meant(leg)) is not None:
            one.agrees = agrees
        self._order(leg, {"op": "agree", "leg": leg, "agrees": agrees})

    def track(self, leg: LegId, name: str) -> None:
        """Keep a leg's voice by itself, too."""
        if (one := self._meant(leg)) is not None:
            one.track = name
        self._order(leg, {"op": "track", "leg": leg, "name": name})

    def record(self, room: RoomId, name: str, *, paused: bool = False) -> None:
        """Record a room, whichever worker it lives in and comes to live in."""
        before, _ = self._recorded.pop(room, ("", False))
        if name:
            self._recorded[room] = (name, paused)
        worker = self._rooms.get(room)
        if worker is not None:
            worker.order({"op": "record", "room": room, "name": name, "paused": paused})
            if name:
                self._open[name] = (room, worker)
        elif before in self._open:
            self._finish(before)

    def _finish(self, name: str) -> None:
        """Have a recording that is over ended by another worker, where its own has died."""
        room, writes = self._open[name]
        worker = next((one for one in self._workers if one.ready.is_set()), None)
        if writes is None and room not in self._recorded and worker is not None:
            self._open[name] = (room, worker)
            for one in (name, ""):
                worker.order({"op": "record", "room": room, "name": one, "paused": True})

    def _leave(self, worker: _Worker) -> None:
        """A worker can write nothing more."""
        for name, (room, writes) in [*self._open.items()]:
            if writes is worker:
                self._open[name] = (room, None)
                self._finish(name)

    def drop(self, leg: LegId) -> None:
        """Forget a leg for good."""
        self._orphans.pop(leg, None)
        self._dropped[leg] = None
        if len(self._dropped) > REMEMBERED:
            del self._dropped[next(iter(self._dropped))]
        self._forget(leg)

    def _forget(self, leg: LegId) -> None:
        """Free what a leg holds; it may be made anew."""
        self._order(leg, {"op": "drop", "leg": leg})
        self._unplace(leg)
        self._legs.pop(leg, None)

    def _order(self, leg: LegId, order: Order) -> None:
        one = self._legs.get(leg)
        if one is not None:
            one.worker.order(order)

    def _tell_place(self, leg: LegId) -> None:
        room = self._places.get(leg)
        self._order(leg, {"op": "place", "leg": leg, "room": room})
        if room in self._recorded:
            # Its first leg, here or in a worker that has replaced another.
            name, paused = self._recorded[room]
            self.record(room, name, paused=paused)
        if room in self._sounding:
            one = self._sounding[room]
            start = asyncio.get_running_loop().time() - one.begun
            self._tell_sound(room, one.name, one.token, start)

    def _unplace(self, leg: LegId) -> None:
        room = self._places.pop(leg, None)
        if room is not None and room not in self._places.values():
            del self._rooms[room]

    # Workers

    @contextlib.contextmanager
    def _made(self, leg: LegId, room: RoomId | None, agreed: str) -> Iterator[_Leg]:
        """The leg, made if it is not known, and then kept only if all goes well."""
        if leg in self._dropped:
            raise MediaError(500, GONE)
        known = self._legs.get(leg)
        one = known or self._made_anew(leg, room, agreed)
        self._legs[leg] = one
        well = known is not None
        try:
            yield one
            well = True
            self._orphans.pop(leg, None)
        finally:
            if not well:
                self._forget(leg)

    def _made_anew(self, leg: LegId, room: RoomId | None, agreed: str) -> _Leg:
        """A leg that is new, or whose worker has died, or that was another process's."""
        worker, orphan = self._worker_for(room), self._orphans.get(leg)
        if orphan is not None:
            return replace(orphan, worker=worker, room=room, port=0, told=False)
        negotiation, before = Negotiation(), read_agreed(agreed)
        if before is not None:
            negotiation.go_on(before)
        return _Leg(negotiation, worker, room)

    async def _surely(self, leg: LegId, make: Callable[[], Awaitable[Description]]) -> Description:
        """Have a leg made, again where its worker dies meanwhile. Raises `MediaError`."""
        for _ in range(TRIES):
            patience = RESTORED if leg in self._orphans else REPLACED
            try:
                async with asyncio.timeout(patience):
                    await self._up.wait()
            except TimeoutError:
                break
            with contextlib.suppress(_WorkerDied):
                return await make()
        raise MediaError(503, DOWN)

    def _worker_for(self, room: RoomId | None) -> _Worker:
        """Where a new leg is made. Raises `MediaError` (503)."""
        home = self._home(room)
        if home is not None:
            return home
        ready = [worker for worker in self._workers if worker.ready.is_set()]
        if not ready:
            raise MediaError(503, DOWN)
        used = [one.worker for one in self._legs.values()]
        free = [worker for worker in ready if worker.busy < FULL]
        if not free:
            raise MediaError(503, "The mixer has too much to do for another room")
        return min(free, key=used.count)

    def _home(self, room: RoomId | None) -> _Worker | None:
        """Where a room lives, or will when the first leg meant for it is placed."""
        if room is None:
            return None
        meant = (one.worker for one in self._legs.values() if one.room == room)
        return self._rooms.get(room) or next(meant, None)

    async def _local(self, leg: LegId, one: _Leg, kind: LegKind) -> Local:
        """Where the leg's media is taken."""
        if kind is LegKind.RTP and not one.port:
            one.port = await self._ask(one.worker, leg)
            if not one.port:
                raise MediaError(503, "No RTP port is free")
            if self._legs.get(leg) is not one:
                raise MediaError(500, GONE)  # the order to drop it follows that to open ports
        return Local(self._addresses, one.port or one.worker.port, one.worker.fingerprint)

    async def _ask(self, worker: _Worker, leg: LegId) -> int:
        """Have a port pair opened; its number, 0 where none is free."""
        number = next(self._questions)
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        worker.questions[number] = answer
        worker.order({"op": "open", "leg": leg, "question": number})
        try:
            async with asyncio.timeout(REPLY):
                return await answer
        except TimeoutError:
            raise MediaError(503, "The mixer does not answer") from None
        finally:
            worker.questions.pop(number, None)

    def _supervise(self, worker: _Worker, wait: float = 0.0) -> None:
        """Keep a worker running whatever happens, from so many seconds on."""
        name = f"media worker {worker.number}"
        task = self._tasks[worker.number] = asyncio.create_task(self._keep(worker, wait), name=name)
        task.add_done_callback(lambda done: self._unkept(worker, done))

    def _unkept(self, worker: _Worker, task: asyncio.Task[None]) -> None:
        """What keeps a worker has failed: a fault of ours, but calls must go on."""
        if task.cancelled() or self._tasks.get(worker.number) is not task:
            return
        LOG.error("mixer worker %d is not kept", worker.number, exc_info=task.exception())
        self._supervise(worker, PAUSE[1])

    async def _keep(self, worker: _Worker, wait: float) -> None:
        """Run a worker again and again."""
        await asyncio.sleep(wait)
        while True:
            try:
                reader = await self._spawn(worker)
                await self._listen(worker, reader)
                calls = sum(one.worker is worker for one in self._legs.values())
                LOG.error("mixer worker %d has ended; calls to go on: %d", worker.number, calls)
            except OSError as error:
                LOG.error("mixer worker %d does not start: %s", worker.number, error)
            finally:
                await self._bury(worker)
            await asyncio.sleep(PAUSE[min(worker.deaths, len(PAUSE) - 1)])
            worker.deaths += 1

    async def _spawn(self, worker: _Worker) -> asyncio.StreamReader:
        ours, theirs = socket.socketpair()
        with theirs:
            worker.process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "sipgateway.media.worker",
                f"--control={theirs.fileno()}",
                f"--host={self._bind}",
                f"--ports={self._ports[0]}-{self._ports[1]}",
                f"--prompts={self._prompts.absolute()}",
                f"--spoken={SPOKEN}",
                f"--recordings={self._recordings.absolute()}",
                f"--sounds={self._sounds.absolute()}",
                pass_fds=(theirs.fileno(),),
                stdin=asyncio.subprocess.DEVNULL,
                cwd=ROOT,
            )
        reader, worker.writer = await asyncio.open_connection(sock=ours, limit=LINE)
        return reader

    async def _listen(self, worker: _Worker, reader: asyncio.StreamReader) -> None:
        """Pass on what a worker tells until it ends or says nothing any more."""
        while True:
            try:
                async with asyncio.timeout(MUTE):
                    line = await reader.readline()
            except (TimeoutError, ConnectionError):
                return
            if not line:
                return
            report: Report = control.decode(line)
            REPORTS[report["event"]](self, worker, report)

    async def _bury(self, worker: _Worker) -> None:
        """Make sure a worker is gone and tell of its legs."""
        worker.ready.clear()
        worker.busy = 0.0
        worker.former += worker.counters
        worker.counters.clear()
        worker.gauges.clear()
        if not any(one.ready.is_set() for one in self._workers):
            self._up.clear()
        if worker.writer is not None:
            worker.writer.close()
            worker.writer = None
        for question in worker.questions.values():
            if not question.done():
                question.set_exception(_WorkerDied())
        if worker.process is not None:
            await _end(worker.process)
            worker.process = None
        self._leave(worker)
        for room in [room for room, one in self._rooms.items() if one is worker]:
            self._listener(engine.Speaking(room, frozenset()))
        for leg in [leg for leg, one in self._legs.items() if one.worker is worker]:
            self._lose(leg, "the mixer worker ended")

    def _lose(self, leg: LegId, reason: str) -> None:
        self._unplace(leg)
        one = self._legs.pop(leg, None)
        if one is not None:
            one.negotiation.move()
            self._orphans[leg] = one
            self._listener(engine.LegLost(leg, reason))

    # Reports

    def _ready(self, worker: _Worker, report: Report) -> None:
        worker.port, worker.fingerprint = report["port"], report["fingerprint"]
        worker.ready.set()
        self._up.set()
        for name in [*self._open]:
            self._finish(name)

    def _answer(self, worker: _Worker, report: Report) -> None:
        question = worker.questions.get(report["question"])
        if question is not None and not question.done():
            question.set_result(report["port"])

    def _lost(self, _: _Worker, report: Report) -> None:
        self._lose(LegId(report["leg"]), report["reason"])

    def _alive(self, worker: _Worker, report: Report) -> None:
        worker.deaths = 0
        worker.busy = report["busy"]
        worker.counters = Counter(report["counters"])
        worker.gauges = report["gauges"]

    def _ended(self, worker: _Worker, report: Report) -> None:
        one = self._legs.get(LegId(report["leg"]))
        if one is not None:
            one.said.ended(report["prompt"])
        self._happened(worker, report)

    def _sounded(self, worker: _Worker, report: Report) -> None:
        room = RoomId(report["room"])
        if room in self._sounding and self._sounding[room].token == report["name"]:
            del self._sounding[room]
        self._happened(worker, report)

    def _kept(self, worker: _Worker, report: Report) -> None:
        self._open.pop(report["name"], None)
        self._happened(worker, report)

    def _happened(self, _: _Worker, report: Report) -> None:
        self._listener(control.happened(report))


REPORTS: dict[str, Callable[[LocalEngine, _Worker, Report], None]] = {
    "ready": LocalEngine._ready,
    "answer": LocalEngine._answer,
    "lost": LocalEngine._lost,
    "alive": LocalEngine._alive,
    **dict.fromkeys(control.EVENTS, LocalEngine._happened),
    "ended": LocalEngine._ended,
    "sounded": LocalEngine._sounded,
    "kept": LocalEngine._kept,
}


def _ignore(_: engine.MediaEvent) -> None:
    """Listen to nothing."""


async def _end(process: asyncio.subprocess.Process) -> None:
    """Wait for a process whose control has been closed; kill it if it stays."""
    try:
        async with asyncio.timeout(END):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
