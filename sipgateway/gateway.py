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
from collections.abc import Callable, Collection, Coroutine

from conferences.policy import ConferenceId
from sipgateway.clock import Clock
from sipgateway.errands import Errands
from sipgateway.focus.events import (
    FocusEvent,
    MediaHappened,
)
from sipgateway.focus.switchboard import Switchboard
from sipgateway.gate import Gate, Verdict
from sipgateway.ladder import Ladder
from sipgateway.media.engine import (
    MediaEngine,
    MediaEvent,
)
from sipgateway.ports import Directory, Peers, Ports, Routes
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
AFTER_REFUSAL = 5
"""Seconds after which those may ask again who asked too much: any measure has room then."""

Send = Callable[[bytes], None]


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
        self._clock = Clock()
        self._flows: dict[FlowId, Send] = {}
        self._flow_ids = itertools.count(1)
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._ports = Ports()
        self._errands = Errands(media, self._ports, spawn=self.spawn, told=self.told)
        self._pumping = False
        self._running = False
        self._stopping = False
        self._stopped = asyncio.Event()

    # -- up and down ---------------------------------------------------------

    async def start(self, directory: Directory) -> None:
        """Bring up the directory and the media engine."""
        self._ports.directory = directory
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
        hand_over = self._ports.peers is not None and bool(self._ports.peers.others())
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
        if self._ports.directory is not None:
            self._ports.directory.keep_messages(self._ladder.take(self._clock.now()))
            if hand_over:
                self._ports.directory.hand_over()
            await self._ports.directory.stop()

    async def until_stopped(self) -> None:
        """Return once the goodbyes are said, in bounded time."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopped.wait(), 2 * GOODBYE)

    def failing(self) -> str:
        """What is not ready, or "", for ``/healthz``."""
        if not self._running or self._ports.directory is None:
            return "not started"
        return self._media.failing() or self._ports.directory.failing()

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
        self._ports.routes = routes

    def join(self, peers: Peers) -> None:
        """From now on this process is one of several; its flows are told from theirs."""
        self._ports.peers = peers
        self._flow_ids = itertools.count((int(peers.name, 16) << 31) + 1)

    def datagram_flow(self, remote: tuple[str, int], local: tuple[str, int]) -> Flow:
        """A pair of addresses over UDP: a flow that is never closed (see `transport.udp`)."""
        number = FlowId(next(self._flow_ids))
        return Flow(number, Transport.UDP, remote[0], remote[1], local[0], local[1])

    async def reach(self, uri: Uri, tried: Collection[Peer] = ()) -> list[Flow]:
        """Flows to whoever serves a URI that is not ours (RFC 3263), in the order of trying."""
        return await self._ports.routes.reach(uri, tried) if self._ports.routes is not None else []

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
        if self._ports.directory is not None:
            self._ports.directory.find_owner(call_id, then)

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
        if self._ports.peers is not None:
            self._ports.peers.flow_closed(flow.id)
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
        if self._ports.directory is not None:
            self._ports.directory.look(conference, live=self._switchboard.serves(conference))

    def setup_answered(self, token: str) -> None:
        """Somebody says that a caller of the conference application has answered.

        Only where the call is: whoever looks takes the lease of the conference.
        """
        if self._ports.directory is not None and self._switchboard.awaits(token):
            self._ports.directory.look_at_setup(token)

    def registrations_ended(self) -> None:
        """Somebody says that registrations were ended."""
        if self._ports.directory is not None:
            self._ports.directory.look_at_phones()

    def remember_phones(self) -> None:
        """Take up the phones that were registered before; once the listeners are there."""
        if self._ports.directory is not None:
            self._ports.directory.remember_phones()

    def look_at_trunks(self) -> None:
        """See by what calls leave: administrators may have changed that."""
        if self._ports.directory is not None and self._ports.routes is not None:
            self._ports.directory.look_at_trunks(self._ports.routes.use_trunks)

    def attempts_lifted(self) -> None:
        """Somebody says that an administrator lets somebody try again."""
        if self._ports.directory is not None:
            self._ports.directory.look_at_lifted()

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
                self._errands.run(action)
            for flow, octets in self._endpoint.data_to_send():
                self._ladder.saw(octets, now, sent=True, way=_way(flow))
                self._send(flow, octets)

    def _send(self, flow: Flow, octets: bytes) -> None:
        if flow.via:
            if self._ports.peers is not None:
                self._ports.peers.send(flow, octets)
            return
        send = self._flows.get(flow.id)
        by_udp = self._ports.routes if flow.transport is Transport.UDP else None
        if send is None and by_udp is None:
            return
        self.watch.show(flow, octets, self._clock.now(), inward=False)
        if send is not None:
            send(octets)
        elif by_udp is not None:
            by_udp.send_datagram(flow, octets)

    def _arm(self, now: float) -> None:
        due = self._endpoint.next_timeout(), self._switchboard.next_timeout()
        times = [when for when in due if when is not None]  # 0.0: at once
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
            if self._ports.directory is not None:
                self._ports.directory.renew(live, self._switchboard.kept)
                self._ports.directory.keep_messages(self._ladder.take(self._clock.now()))
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
