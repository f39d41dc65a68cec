"""The shell: flows, the pump, one table of tasks, the loop's clock.

Everything that happens, a frame, a timer, an answer of the database or of
the media engine, goes through `Gateway._pump`: feed, drain the events, hand
out the actions, send, arm the timer. Nothing here waits.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import time
from collections.abc import Callable, Collection, Coroutine, Mapping
from typing import Any, Protocol

from conferences.policy import ConferenceId
from sipgateway.focus.actions import (
    AcceptAnswer,
    Action,
    Agree,
    AnnouncePhone,
    AnswerOffer,
    AnswerSetup,
    AskAgreement,
    AskCall,
    AskCallOut,
    AskCancel,
    AskEnd,
    AskHand,
    AskLock,
    AskMute,
    AskRecording,
    AskRemoval,
    AskTurnAway,
    CloseSetup,
    CreateConference,
    Describe,
    DropMedia,
    FindPhones,
    ForgetCall,
    ForgetPhones,
    Forward,
    KeepCall,
    KeepPhones,
    Listen,
    LoadAccount,
    LoadConference,
    LookAtSetup,
    MakeOffer,
    Mute,
    NoteRecording,
    NoteSound,
    OpenSetup,
    Place,
    Play,
    PlayRoom,
    PlaySound,
    Reach,
    Record,
    RecordRoom,
    Reopen,
    TellDialogs,
    Track,
    WatchDialogs,
    Wish,
    WriteAttempts,
)
from sipgateway.focus.events import (
    FocusEvent,
    MediaHappened,
    Negotiated,
    NegotiationFailed,
    Reached,
    Reopened,
)
from sipgateway.focus.switchboard import Switchboard
from sipgateway.gate import Gate, Verdict
from sipgateway.ladder import Batch, Ladder
from sipgateway.media.engine import (
    Description,
    Direction,
    MediaEngine,
    MediaError,
    MediaEvent,
)
from sipgateway.sip.credentials import Trunk
from sipgateway.sip.endpoint import Endpoint
from sipgateway.sip.flow import Flow, FlowId, Peer, Transport
from sipgateway.sip.uri import Uri
from sipgateway.wire import Watch

LOG = logging.getLogger(__name__)

RENEW = 2.5
"""Seconds between two renewals of leases, which last more than three times as long."""
LOOK = 2
"""Renewals between two looks at the rows of live conferences, which heal a lost notice."""
GOODBYE = 1.5
"""Seconds that phones get to answer our BYEs when the process ends."""
REOPEN_AT_ONCE = 50
"""Phones that are connected to at the same time, after a restart."""
AFTER_REFUSAL = 5
"""Seconds after which those may ask again who asked too much: any measure has room then."""
DRIFT = 2.0
"""Seconds by which the wall clock may differ from ours before we follow it."""

DirectoryAction = (
    LoadAccount
    | LoadConference
    | CreateConference
    | AskRemoval
    | AskTurnAway
    | AskCallOut
    | AskCancel
    | AskCall
    | OpenSetup
    | Wish
    | AnswerSetup
    | CloseSetup
    | WriteAttempts
    | Record
    | FindPhones
    | KeepPhones
    | ForgetPhones
    | KeepCall
    | ForgetCall
    | LookAtSetup
)
Send = Callable[[bytes], None]


class Directory(Protocol):
    """What the gateway needs of the directory."""

    async def start(self) -> None:
        """Start."""

    async def stop(self) -> None:
        """Write down what waits, then stop."""

    def failing(self) -> str:
        """What is wrong, or ""."""

    def act(self, action: DirectoryAction) -> None:
        """Queue a question or a fact."""

    def hand_over(self) -> None:
        """Let others take all our conferences at once."""

    def look(self, conference: ConferenceId, *, live: bool) -> None:
        """Read a conference again."""

    def look_at_setup(self, token: str) -> None:
        """Read what a caller has answered."""

    def find_owner(self, call_id: str, then: Callable[[str], None]) -> None:
        """Tell the process that has the dialogs of a Call-ID."""

    def look_at_phones(self) -> None:
        """Read which registrations were ended."""

    def remember_phones(self) -> None:
        """Read what an earlier life of this process knew of phones."""

    def look_at_trunks(self, then: Callable[[list[tuple[str, Trunk]]], None]) -> None:
        """Tell by what calls leave, by prefix of number."""

    def look_at_lifted(self) -> None:
        """Read whom administrators let try again."""

    def keep_messages(self, batches: list[Batch]) -> None:
        """Write down what was said in conferences."""

    def renew(self, conferences: list[ConferenceId], calls: Collection[str]) -> None:
        """Keep the leases of these, and take over what nobody keeps."""


class Routes(Protocol):
    """Ways out that are not connections which phones have opened."""

    def trunk_for(self, uri: Uri) -> Trunk | None:
        """By what that foreign URI leaves, if it does by a trunk."""

    def use_trunks(self, trunks: list[tuple[str, Trunk]]) -> None:
        """Have numbers that begin with a prefix leave by its trunk from now on."""

    async def reach(self, uri: Uri, tried: Collection[Peer] = ()) -> list[Flow]:
        """Flows to whoever serves a URI, in the order of trying, without those places."""

    async def reopen(self, transport: Transport, remote: tuple[str, int]) -> Flow | None:
        """The flow to a phone that was there before; None where there can be none."""

    def send_datagram(self, flow: Flow, octets: bytes) -> None:
        """Send on a flow of `Gateway.datagram_flow`."""


class Peers(Protocol):
    """The other processes of the system, where there are any."""

    #: The name of this process.
    name: str

    def send(self, flow: Flow, octets: bytes) -> None:
        """Send by a flow that ends in another process."""

    def forward(self, action: Forward) -> None:
        """Have a message answered by another process."""

    def announce(self, action: AnnouncePhone) -> None:
        """Tell all where a phone has registered."""

    def watch_dialogs(self, action: WatchDialogs) -> None:
        """Tell all whose dialogs are watched here."""

    def tell_dialogs(self, action: TellDialogs) -> None:
        """Tell another process the dialogs that it watches."""

    def others(self) -> list[str]:
        """The other processes that are there."""

    def flow_closed(self, flow: FlowId) -> None:
        """One of our connections is gone."""


class Clock:
    """POSIX seconds that never run backwards for a timer: the loop's clock, set once.

    Booking windows need the wall clock, retransmissions a steady one. This is
    steady, and follows the wall only when that has been put right by more
    than `DRIFT`.
    """

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def now(self) -> float:
        """The time."""
        return time.monotonic() + self._offset

    def follow(self) -> None:
        """Look at the wall."""
        offset = time.time() - time.monotonic()
        if abs(offset - self._offset) > DRIFT:
            self._offset = offset


class Gateway:
    """See the module. `directory` is made by the caller with `Gateway.told` as its ear."""

    def __init__(
        self,
        *,
        endpoint: Endpoint,
        switchboard: Switchboard,
        media: MediaEngine,
        gate: Gate,
        ladder: Ladder,
    ) -> None:
        self._endpoint = endpoint
        self._switchboard = switchboard
        self._media = media
        self._gate = gate
        self._ladder = ladder
        #: What passes on the wire, for those who follow.
        self.watch = Watch()
        self._directory: Directory | None = None
        self._clock = Clock()
        self._flows: dict[FlowId, Send] = {}
        self._flow_ids = itertools.count(1)
        self._routes: Routes | None = None
        self._peers: Peers | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._reopening = asyncio.Semaphore(REOPEN_AT_ONCE)
        self._pumping = False
        self._running = False
        self._stopping = False
        self._stopped = asyncio.Event()

    # -- up and down ---------------------------------------------------------

    async def start(self, directory: Directory) -> None:
        """Bring up the directory and the media engine."""
        self._directory = directory
        await directory.start()
        await self._media.start(self._media_happened)
        self._running = True
        self.spawn("sweep", self._sweep())

    async def stop(self) -> None:
        """Say BYE to everybody, wait a little for the answers, then stop everything.

        Where there are other processes they go on with the conferences.
        """
        if not self._running or self._stopping:
            return
        self._stopping = True
        now = self._clock.now()
        hand_over = self._peers is not None and bool(self._peers.others())
        self._switchboard.stop(now, hand_over=hand_over)
        self._pump(now)
        end = now + GOODBYE
        while self._switchboard.awaited and self._clock.now() < end:
            await asyncio.sleep(0.02)
        self._running = False
        self._stopped.set()
        if self._timer is not None:
            self._timer.cancel()
        for task in list(self._tasks):
            task.cancel()
        await self._media.stop()
        if self._directory is not None:
            self._directory.keep_messages(self._ladder.take(self._clock.now()))
            if hand_over:
                self._directory.hand_over()
            await self._directory.stop()

    async def until_stopped(self) -> None:
        """Return once the goodbyes are said, in bounded time."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopped.wait(), 2 * GOODBYE)

    def failing(self) -> str:
        """What is not ready, or "", for ``/healthz``."""
        if not self._running or self._directory is None:
            return "not started"
        return self._media.failing() or self._directory.failing()

    def counters(self) -> dict[str, int]:
        """What was refused and dropped, and how much goes on, by part and what."""
        counted: dict[str, int] = {}
        for part, counter in (
            ("gate", self._gate.counters),
            ("sip", self._endpoint.counters),
            ("digest", self._switchboard.guard.counters),
            ("media", self._media.counters()),
        ):
            counted |= {f"{part}: {what}": number for what, number in counter.items()}
        return counted

    def gauges(self) -> dict[str, int]:
        """How much goes on at this moment."""
        return {
            **self._endpoint.gauges(),
            **{f"media {what}": number for what, number in self._media.gauges().items()},
            "conferences": len(self._switchboard.live),
            "connections": len(self._flows),
        }

    # -- flows ---------------------------------------------------------------

    def open_flow(
        self, transport: Transport, remote: tuple[str, int], local: tuple[str, int], send: Send
    ) -> Flow:
        """A connection is there; `send` takes one whole message and does not wait."""
        number = FlowId(next(self._flow_ids))
        flow = Flow(number, transport, remote[0], remote[1], local[0], local[1])
        self._flows[number] = send
        return flow

    def use(self, routes: Routes) -> None:
        """From now on there are ways out by UDP, and to URIs whose phones are not connected."""
        self._routes = routes

    def join(self, peers: Peers) -> None:
        """From now on this process is one of several; its flows are told from theirs."""
        self._peers = peers
        self._flow_ids = itertools.count((int(peers.name, 16) << 31) + 1)

    def datagram_flow(self, remote: tuple[str, int], local: tuple[str, int]) -> Flow:
        """A pair of addresses over UDP: a flow that is never closed (see `transport.udp`)."""
        number = FlowId(next(self._flow_ids))
        return Flow(number, Transport.UDP, remote[0], remote[1], local[0], local[1])

    async def reach(self, uri: Uri, tried: Collection[Peer] = ()) -> list[Flow]:
        """Flows to whoever serves a URI that is not ours (RFC 3263), in the order of trying."""
        return await self._routes.reach(uri, tried) if self._routes is not None else []

    def received(
        self, flow: Flow, octets: bytes, *, vouched: object = None, settled: bool = False
    ) -> None:
        """One whole message came, by a flow of ours or of another process."""
        if not self._running:
            return
        now = self._clock.now()
        verdict = Verdict.TAKE
        if not (flow.via or settled):
            host, port = flow.remote_host, flow.remote_port
            verdict = self._gate.judge(octets, host, port, now, connected=flow.reliable)
        if verdict is Verdict.DROP:
            return
        if verdict is Verdict.REFUSE:
            self._endpoint.turn_away(octets, flow, AFTER_REFUSAL)
        else:
            self.watch.show(flow, octets, now, inward=True)
            self._ladder.saw(octets, now, sent=False, way=_way(flow))
            self._endpoint.receive(octets, flow, now, vouched=vouched, settled=settled)
        self._pump(now)

    def pass_on(self, flow: Flow, octets: bytes) -> bool:
        """Send what another process wants to be sent by a flow of ours; False if that is gone."""
        if flow.id not in self._flows and flow.transport is not Transport.UDP:
            return False
        self._send(flow, octets)
        return True

    def find_owner(self, call_id: str, then: Callable[[str], None]) -> None:
        """Tell `then` the process that has the dialogs of a Call-ID; "" if none has."""
        if self._directory is not None:
            self._directory.find_owner(call_id, then)

    def lose_flow(self, flow: FlowId) -> None:
        """A flow of another process is gone."""
        if self._running:
            now = self._clock.now()
            self._endpoint.flow_closed(flow, now)
            self._pump(now)

    def close_flow(self, flow: Flow) -> None:
        """The connection is gone."""
        if self._flows.pop(flow.id, None) is None or not self._running:
            return
        if self._peers is not None:
            self._peers.flow_closed(flow.id)
        now = self._clock.now()
        self._endpoint.flow_closed(flow.id, now)
        self._pump(now)

    # -- the pump ------------------------------------------------------------

    def told(self, event: FocusEvent) -> None:
        """An answer, or something that happened outside SIP; on the loop's thread."""
        if not self._running:
            return
        now = self._clock.now()
        self._switchboard.handle(event, now)
        self._pump(now)

    def changed(self, conference: ConferenceId) -> None:
        """Somebody says that a conference was changed."""
        if self._directory is not None:
            self._directory.look(conference, live=self._switchboard.serves(conference))

    def setup_answered(self, token: str) -> None:
        """Somebody says that a caller of the conference application has answered.

        Only where the call is: whoever looks takes the lease of the conference.
        """
        if self._directory is not None and self._switchboard.awaits(token):
            self._directory.look_at_setup(token)

    def registrations_ended(self) -> None:
        """Somebody says that registrations were ended."""
        if self._directory is not None:
            self._directory.look_at_phones()

    def remember_phones(self) -> None:
        """Take up the phones that were registered before; once the listeners are there."""
        if self._directory is not None:
            self._directory.remember_phones()

    def look_at_trunks(self) -> None:
        """See by what calls leave: administrators may have changed that."""
        if self._directory is not None and self._routes is not None:
            self._directory.look_at_trunks(self._routes.use_trunks)

    def attempts_lifted(self) -> None:
        """Somebody says that an administrator lets somebody try again."""
        if self._directory is not None:
            self._directory.look_at_lifted()

    def _media_happened(self, event: MediaEvent) -> None:
        self.told(MediaHappened(event))

    def _pump(self, now: float) -> None:
        if self._pumping:
            return
        self._pumping = True
        try:
            self._drain(now)
        finally:
            self._pumping = False
            self._arm(now)  # what broke concerns one message, the timers concern all

    def _drain(self, now: float) -> None:
        working = True
        while working:
            working = False
            while (event := self._endpoint.next_event()) is not None:
                self._switchboard.handle(event, now)
            while (action := self._switchboard.next_action()) is not None:
                working = True
                _ACTIONS[type(action)](self, action)
            for flow, octets in self._endpoint.data_to_send():
                self._ladder.saw(octets, now, sent=True, way=_way(flow))
                self._send(flow, octets)

    def _send(self, flow: Flow, octets: bytes) -> None:
        if flow.via:
            if self._peers is not None:
                self._peers.send(flow, octets)
            return
        send = self._flows.get(flow.id)
        by_udp = self._routes if flow.transport is Transport.UDP else None
        if send is None and by_udp is None:
            return
        self.watch.show(flow, octets, self._clock.now(), inward=False)
        if send is not None:
            send(octets)
        elif by_udp is not None:
            by_udp.send_datagram(flow, octets)

    def _arm(self, now: float) -> None:
        times = [t for t in (self._endpoint.next_timeout(), self._switchboard.next_timeout()) if t]
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if times:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(max(0.0, min(times) - now), self._timed_out)

    def _timed_out(self) -> None:
        self._timer = None
        now = self._clock.now()
        try:
            self._endpoint.handle_timeout(now)
            self._switchboard.handle_timeout(now)
        finally:
            self._pump(now)

    # -- actions -------------------------------------------------------------

    def _ask_directory(self, action: DirectoryAction) -> None:
        if self._directory is not None:
            self._directory.act(action)

    def _answer_offer(self, action: AnswerOffer) -> None:
        work = self._media.answer(
            action.leg, action.offer, action.session, room=action.room, host=action.host
        )
        self.spawn(action.leg, self._negotiate(action.question, work))

    def _make_offer(self, action: MakeOffer) -> None:
        work = self._media.offer(
            action.leg, action.kind, action.session, room=action.room, host=action.host
        )
        self.spawn(action.leg, self._negotiate(action.question, work))

    def _accept_answer(self, action: AcceptAnswer) -> None:
        work = self._media.accept(action.leg, action.answer)
        self.spawn(action.leg, self._negotiate(action.question, work))

    def _describe(self, action: Describe) -> None:
        self.spawn("describe", self._negotiate(action.question, self._description(action)))

    async def _description(self, action: Describe) -> Description:
        sdp = await self._media.describe(action.session)
        return Description(sdp, Direction.SENDRECV, 0)

    async def _negotiate(self, question: int, work: Coroutine[None, None, Description]) -> None:
        """Ask the engine; whatever it does, the question gets its one answer."""
        answer: Negotiated | NegotiationFailed = NegotiationFailed(question, 500, "")
        try:
            answer = Negotiated(question, await work)
        except MediaError as error:
            answer = NegotiationFailed(question, error.status, error.reason)
        finally:
            self.told(answer)

    def _forward(self, action: Forward) -> None:
        if self._peers is not None:
            self._peers.forward(action)

    def _announce(self, action: AnnouncePhone) -> None:
        if self._peers is not None:
            self._peers.announce(action)

    def _watch_dialogs(self, action: WatchDialogs) -> None:
        if self._peers is not None:
            self._peers.watch_dialogs(action)

    def _tell_dialogs(self, action: TellDialogs) -> None:
        if self._peers is not None:
            self._peers.tell_dialogs(action)

    def _reach(self, action: Reach) -> None:
        self.spawn("reach", self._find(action))

    async def _find(self, action: Reach) -> None:
        flows: list[Flow] = []
        trunk = self._routes.trunk_for(action.uri) if self._routes is not None else None
        try:
            flows = await self.reach(action.uri, action.tried)
        finally:  # whatever breaks, the question gets its one answer
            self.told(Reached(action.question, tuple(flows), trunk))

    def _reopen(self, action: Reopen) -> None:
        self.spawn("reopen", self._find_again(action))

    async def _find_again(self, action: Reopen) -> None:
        """Whatever happens, the question gets its one answer."""
        flow = None
        try:
            async with self._reopening:
                if self._routes is not None:
                    remote = (action.host, action.port)
                    flow = await self._routes.reopen(Transport(action.transport), remote)
        finally:
            self.told(Reopened(action.question, flow))

    def _place(self, action: Place) -> None:
        self._media.place(action.leg, action.room)

    def _mute(self, action: Mute) -> None:
        self._media.mute(action.leg, action.muted)

    def _play(self, action: Play) -> None:
        self._media.play(action.leg, action.prompt)

    def _play_room(self, action: PlayRoom) -> None:
        self._media.play_room(action.room, action.prompt)

    def _play_sound(self, action: PlaySound) -> None:
        self._media.sound(action.room, action.name, action.token, start=action.start)

    def _listen(self, action: Listen) -> None:
        self._media.listen(action.leg, action.seconds)

    def _record_room(self, action: RecordRoom) -> None:
        self._media.record(action.room, action.name, paused=action.paused)

    def _agree(self, action: Agree) -> None:
        self._media.agree(action.leg, action.agrees)

    def _track(self, action: Track) -> None:
        self._media.track(action.leg, action.name)

    def _drop(self, action: DropMedia) -> None:
        self._media.drop(action.leg)

    # -- tasks ---------------------------------------------------------------

    def spawn(self, owner: str, work: Coroutine[None, None, None]) -> None:
        """Run something that takes time; if it breaks, that ends nothing but itself."""
        task = asyncio.get_running_loop().create_task(self._guard(owner, work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @staticmethod
    async def _guard(owner: str, work: Coroutine[None, None, None]) -> None:
        try:
            await work
        except Exception:  # the one place: a broken task must not end the others
            LOG.exception("a task of %s broke", owner)

    async def _sweep(self) -> None:
        """Look at what should be, and keep our leases."""
        for turn in itertools.count(1):
            await asyncio.sleep(RENEW)
            self._clock.follow()
            live = self._switchboard.live
            if self._directory is not None:
                self._directory.renew(live, self._switchboard.kept)
                self._directory.keep_messages(self._ladder.take(self._clock.now()))
            if turn % LOOK == 0:
                self.registrations_ended()
                self.look_at_trunks()
                self._look_at_attempts()
                for conference in live:
                    self.changed(conference)

    def _look_at_attempts(self) -> None:
        """Have written down who was wrong, and hear of those who were forgiven since."""
        now = self._clock.now()
        self._switchboard.write_attempts(now)
        self._pump(now)
        if self._switchboard.guard.holding:
            self.attempts_lifted()


def _way(flow: Flow) -> str:
    """By what a message came or goes, for people."""
    return f"{flow.transport} {flow.remote_host}:{flow.remote_port}"


_ACTIONS: Mapping[type[Action], Callable[[Gateway, Any], None]] = {
    LoadAccount: Gateway._ask_directory,
    LoadConference: Gateway._ask_directory,
    CreateConference: Gateway._ask_directory,
    AskRemoval: Gateway._ask_directory,
    AskTurnAway: Gateway._ask_directory,
    AskCallOut: Gateway._ask_directory,
    AskCancel: Gateway._ask_directory,
    AskCall: Gateway._ask_directory,
    AskMute: Gateway._ask_directory,
    AskLock: Gateway._ask_directory,
    AskEnd: Gateway._ask_directory,
    OpenSetup: Gateway._ask_directory,
    AnswerSetup: Gateway._ask_directory,
    CloseSetup: Gateway._ask_directory,
    WriteAttempts: Gateway._ask_directory,
    NoteRecording: Gateway._ask_directory,
    NoteSound: Gateway._ask_directory,
    AskHand: Gateway._ask_directory,
    AskRecording: Gateway._ask_directory,
    AskAgreement: Gateway._ask_directory,
    Record: Gateway._ask_directory,
    AnswerOffer: Gateway._answer_offer,
    MakeOffer: Gateway._make_offer,
    AcceptAnswer: Gateway._accept_answer,
    Describe: Gateway._describe,
    Reach: Gateway._reach,
    Reopen: Gateway._reopen,
    FindPhones: Gateway._ask_directory,
    KeepPhones: Gateway._ask_directory,
    ForgetPhones: Gateway._ask_directory,
    KeepCall: Gateway._ask_directory,
    ForgetCall: Gateway._ask_directory,
    LookAtSetup: Gateway._ask_directory,
    Forward: Gateway._forward,
    AnnouncePhone: Gateway._announce,
    WatchDialogs: Gateway._watch_dialogs,
    TellDialogs: Gateway._tell_dialogs,
    Place: Gateway._place,
    Mute: Gateway._mute,
    Play: Gateway._play,
    PlayRoom: Gateway._play_room,
    PlaySound: Gateway._play_sound,
    Listen: Gateway._listen,
    RecordRoom: Gateway._record_room,
    Agree: Gateway._agree,
    Track: Gateway._track,
    DropMedia: Gateway._drop,
}
