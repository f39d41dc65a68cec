"""Flows that end in another process of the same system: octets by the channel layer.

What comes in by a connection here and is for another process goes there as a
`message`, and what that process wants to be sent by the connection comes back
as a `send`. The channel layer delivers at most once, so such a flow is
unreliable in SIP's sense: the process at the far end sends again as it would
over UDP. A phone on TCP or a WebSocket sends nothing twice, so its requests
are sent again from here until an answer passes by.

Every process tells all others every `BEAT` that it is there. One that has not
been heard for `SILENCE`, while we hear ourselves, is gone, and its connections
with it.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import logging
import re
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol, TypedDict

from channels.exceptions import ChannelFull
from redis.exceptions import RedisError

from conferences.policy import Identity
from sipgateway.focus.actions import AnnouncePhone, Forward, TellDialogs, WatchDialogs
from sipgateway.focus.events import (
    DialogsTold,
    DialogsWatched,
    FocusEvent,
    OthersHeard,
    PhoneAnnounced,
    ProcessGone,
)
from sipgateway.sip import timers
from sipgateway.sip.flow import Flow, FlowId, Transport
from sipgateway.sip.siblings import Siblings

LOG = logging.getLogger(__name__)

ALL = "gateways"
"""The group of all processes; each has one of its own besides."""
BEAT = 2.0
"""Seconds between two signs of life."""
SILENCE = 7.0
"""Seconds after which a process that was not heard is gone."""
GRACE = 12.0
"""Seconds for which nobody is taken for gone once Redis has failed us: others may need longer
than we to find back to it."""
MAX_WAITING = 20_000
"""Messages that wait for Redis; more than that are lost, as over any such flow."""
MAX_TOGETHER = 200
"""Messages that go to Redis in one."""
PATIENCE = 2.0
"""Seconds that Redis may take for a message."""
READY_WITHIN = 10.0
"""Seconds that a process waits at its start to hear itself."""
DEAF = 1.0
"""Seconds until Redis is tried again once it has failed."""


class Item(TypedDict, total=False):
    """One message between processes; `kind` says which of the others are there."""

    kind: str
    flow: list[Any]
    octets: bytes
    vouched: dict[str, Any] | None
    entity: str
    contact: str
    entities: list[str]
    talks: dict[str, list[dict[str, Any]]]
    whole: bool


class Layer(Protocol):
    """What is needed of a channel layer (Channels has no types)."""

    async def new_channel(self) -> str:
        """A channel of our own."""

    async def group_add(self, group: str, channel: str) -> None:
        """Hear what goes to a group."""

    async def group_discard(self, group: str, channel: str) -> None:
        """Hear it no more."""

    async def group_send(self, group: str, message: Mapping[str, Any]) -> None:
        """Send to a group."""

    async def receive(self, channel: str) -> Mapping[str, Any]:
        """Wait for the next message."""


class Shell(Protocol):
    """What this transport needs of the gateway."""

    def received(
        self, flow: Flow, octets: bytes, *, vouched: object = None, settled: bool = False
    ) -> None:
        """A whole message came."""

    def pass_on(self, flow: Flow, octets: bytes) -> bool:
        """Send by a flow of ours; False if that is gone."""

    def lose_flow(self, flow: FlowId) -> None:
        """A flow of another process is gone."""

    def find_owner(self, call_id: str, then: Callable[[str], None]) -> None:
        """Tell `then` the process that has the dialogs of a Call-ID; "" if none has."""

    def told(self, event: FocusEvent) -> None:
        """Something happened outside SIP."""

    def spawn(self, owner: str, work: Coroutine[None, None, None]) -> None:
        """Run something that takes time."""


@dataclass(slots=True)
class _Request:
    """A request of a phone that sends nothing twice, until an answer passes by."""

    action: Forward
    due: float
    interval: float
    give_up: float


_Key = tuple[bytes, bytes]


class Peers:
    """See the module. `siblings` is what the user agent goes by."""

    def __init__(
        self,
        shell: Shell,
        siblings: Siblings,
        layer: Callable[[], Layer],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clock = clock
        self._shell = shell
        self._siblings = siblings
        self._layer = layer
        self.name = siblings.name
        #: What was dropped or sent again, by reason.
        self.counters: Counter[str] = Counter()
        self._outbox: asyncio.Queue[tuple[str, Item]] = asyncio.Queue()
        self._heard: dict[str, float] = {}
        self._borrowed: dict[str, set[FlowId]] = defaultdict(set)
        self._lent: set[FlowId] = set()
        self._requests: dict[_Key, _Request] = {}
        #: When Redis was not to be relied on the last time; at the start it is new to us.
        self._troubled = 0.0
        #: What was told last of whether the others are heard.
        self._told_heard = True
        #: Set once we have heard ourselves.
        self.ready = asyncio.Event()

    async def start(self) -> None:
        """Begin to hear and to be heard; returns once that works, or has taken too long."""
        for work in (self._listen(), self._write(), self._beat_on()):
            self._shell.spawn("peers", work)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(READY_WITHIN):
                await self.ready.wait()

    # -- what the gateway asks -------------------------------------------------

    def send(self, flow: Flow, octets: bytes) -> None:
        """Send by a flow that ends in another process."""
        if not self._alive(flow.via):
            asyncio.get_running_loop().call_soon(self._shell.lose_flow, flow.id)
            return
        self._borrowed[flow.via].add(flow.id)
        self._put(_group(flow.via), {"kind": "send", "flow": _told(flow, ""), "octets": octets})

    def forward(self, action: Forward) -> None:
        """Have a message answered by another process.

        Where that is gone, another may have taken its calls over.
        """
        if action.flow.reliable:
            self._keep(action)
        if action.identity is None and not self._alive(action.to):
            self._look_for_heir(action)
        else:
            self._post(action)

    def announce(self, action: AnnouncePhone) -> None:
        """Tell all where a phone has registered."""
        flow = _told(action.flow, action.flow.via or self.name)
        self._put(
            ALL, {"kind": "phone", "entity": action.entity, "contact": action.contact, "flow": flow}
        )

    def watch_dialogs(self, action: WatchDialogs) -> None:
        """Tell all whose dialogs are watched here."""
        entities = list(action.entities)
        self._put(ALL, {"kind": "watching", "entities": entities, "whole": action.whole})

    def tell_dialogs(self, action: TellDialogs) -> None:
        """Tell another process the dialogs that it watches."""
        talks = {who: [dict(one) for one in those] for who, those in action.talks.items()}
        self._put(_group(action.to), {"kind": "dialogs", "talks": talks, "whole": action.whole})

    def flow_closed(self, flow: FlowId) -> None:
        """One of our connections is gone; others may have sent by it."""
        self._requests = {
            key: one for key, one in self._requests.items() if one.action.flow.id != flow
        }
        if flow in self._lent:
            self._lent.discard(flow)
            self._put(ALL, {"kind": "closed", "flow": [flow]})

    def failing(self) -> str:
        """Empty while we hear ourselves, for ``/healthz``."""
        return "" if self._hears else "other processes are not heard: Redis does not answer"

    def others(self) -> list[str]:
        """The other processes that are there."""
        return sorted(name for name in self._heard if name != self.name and self._alive(name))

    # -- what goes out ---------------------------------------------------------

    def _post(self, action: Forward) -> None:
        item: Item = {
            "kind": "message",
            "flow": _told(action.flow, action.flow.via or self.name),
            "octets": action.octets,
            "vouched": asdict(action.identity) if action.identity is not None else None,
        }
        if not action.flow.via:
            self._lent.add(action.flow.id)
        self._put(_group(action.to), item)

    def _look_for_heir(self, action: Forward) -> None:
        self._shell.find_owner(action.call_id, functools.partial(self._owner_found, action))

    def _owner_found(self, action: Forward, owner: str) -> None:
        """Who has the call now; as long as it is the one that is gone, it is asked again."""
        if owner in ("", self.name):
            self._requests.pop(_key(action.octets), None)
            self._settle(action)
        elif owner != action.to and self._alive(owner):
            self._siblings.learn(action.call_id, owner)
            self.forward(replace(action, to=owner))

    def _settle(self, action: Forward) -> None:
        """Answer here, as well as that can be done."""
        self.counters["settled for a process that is gone"] += 1
        self._siblings.learn(action.call_id, self.name)
        self._shell.received(action.flow, action.octets, settled=True)

    def _put(self, group: str, item: Item) -> None:
        if self._outbox.qsize() >= MAX_WAITING:
            self.counters["dropped: Redis does not answer"] += 1
        else:
            self._outbox.put_nowait((group, item))

    async def _write(self) -> None:
        """Send what waits, as much as there is in one message to each process."""
        while True:
            waiting = [await self._outbox.get()]
            while len(waiting) < MAX_TOGETHER and not self._outbox.empty():
                waiting.append(self._outbox.get_nowait())
            together: dict[str, list[Item]] = defaultdict(list)
            for group, item in waiting:
                together[group].append(item)
            for group, items in together.items():
                await self._send(group, items)

    async def _send(self, group: str, items: Sequence[Item]) -> None:
        message = {"type": "gateway.items", "by": self.name, "items": list(items)}
        try:
            async with asyncio.timeout(PATIENCE):
                await self._layer().group_send(group, message)
        except (ChannelFull, RedisError, OSError) as error:
            self._troubled = self._clock()
            if not self.counters["lost: Redis failed"]:
                LOG.warning("other processes are not reached: %s", error)
            self.counters["lost: Redis failed"] += len(items)

    # -- what comes in ---------------------------------------------------------

    async def _listen(self) -> None:
        """Hear what the other processes tell, on a new channel after every failure."""
        while True:
            try:
                await self._hear()
            except (RedisError, OSError) as error:
                LOG.warning("other processes are not heard: %s", error)
            await asyncio.sleep(DEAF)

    async def _hear(self) -> None:
        layer, loop = self._layer(), asyncio.get_running_loop()
        channel = await layer.new_channel()
        for group in (ALL, _group(self.name)):
            await layer.group_add(group, channel)
        self._put(ALL, {"kind": "alive"})
        while True:
            async with asyncio.timeout(SILENCE):  # there is at least our own beat
                message = await layer.receive(channel)
            by: str = message["by"]
            if by not in self._heard:
                self._put(ALL, {"kind": "alive"})  # whoever is new is to know of us at once
            self._heard[by] = self._clock()
            if by == self.name:
                self.ready.set()
            for item in message["items"]:
                # Each on its own: what breaks concerns one message.
                loop.call_soon(_KINDS[item["kind"]], self, by, item)
            await asyncio.sleep(0)

    def _message(self, by: str, item: Item) -> None:
        """A message that is for us."""
        del by  # who passes it on need not be who holds the flow
        flow = self._flow(item["flow"])
        if flow.via:
            self._borrowed[flow.via].add(flow.id)
        vouched = item["vouched"]
        identity = Identity(**vouched) if vouched else None
        self._shell.received(flow, item["octets"], vouched=identity)

    def _sent(self, by: str, item: Item) -> None:
        """Something to send by a flow of ours; its call is served there from now on."""
        flow, octets = self._flow(item["flow"]), item["octets"]
        call_id, number = _key(octets)
        self._siblings.learn(call_id.decode("utf-8", "surrogateescape"), by)
        if octets.startswith(b"SIP/2.0 "):
            self._requests.pop((call_id, number), None)
        self._lent.add(flow.id)
        if not self._shell.pass_on(flow, octets):
            self._lent.discard(flow.id)
            self._put(_group(by), {"kind": "closed", "flow": [flow.id]})

    def _closed(self, by: str, item: Item) -> None:
        """A connection of another process is gone."""
        flow = FlowId(item["flow"][0])
        if flow in self._borrowed[by]:
            self._borrowed[by].discard(flow)
            self._shell.lose_flow(flow)

    def _phone(self, by: str, item: Item) -> None:
        """A phone has registered at another process."""
        if by != self.name:
            flow = self._flow(item["flow"])
            self._shell.told(PhoneAnnounced(item["entity"], item["contact"], flow))

    def _watching(self, by: str, item: Item) -> None:
        """Another process watches people's dialogs."""
        if by != self.name:
            self._shell.told(DialogsWatched(by, tuple(item["entities"]), item["whole"]))

    def _dialogs(self, by: str, item: Item) -> None:
        """Another process tells them."""
        self._shell.told(DialogsTold(by, item["talks"], item["whole"]))

    def _flow(self, told: Sequence[Any]) -> Flow:
        """A flow that was told, which may be one of ours."""
        number, transport, remote_host, remote_port, local_host, local_port, via = told
        return Flow(
            FlowId(number),
            Transport(transport),
            remote_host,
            remote_port,
            local_host,
            local_port,
            "" if via == self.name else via,
        )

    def _beat(self, by: str, item: Item) -> None:
        """Somebody is there, which `_hear` has noted."""

    def _left(self, by: str, item: Item) -> None:
        """Somebody says that he is about to end."""
        del item
        if by != self.name:
            self._gone(by)

    # -- who is there ----------------------------------------------------------

    @property
    def _hears(self) -> bool:
        return self._clock() - self._heard.get(self.name, 0.0) < SILENCE

    def _alive(self, name: str) -> bool:
        """Whether a process is there; nobody is gone whom we would not hear anyway."""
        now = self._clock()
        if not self._hears or now - self._troubled < GRACE:
            return True
        return now - self._heard.get(name, 0.0) < SILENCE

    async def _beat_on(self) -> None:
        """Tell that we are there; notice who is not; send again what was not answered."""
        began = self._troubled = self._clock()
        while True:
            self._put(ALL, {"kind": "alive"})
            for _ in range(round(BEAT / timers.T1)):
                await asyncio.sleep(timers.T1)
                self._repeat()
            if self._clock() - self._heard.get(self.name, 0.0) > 2 * BEAT:
                self._troubled = self._clock()
            self._tell_whether_heard(self._troubled == began)
            for name in [one for one in self._heard if not self._alive(one)]:
                self._gone(name)

    def _tell_whether_heard(self, never_troubled: bool) -> None:
        heard = never_troubled or self._clock() - self._troubled >= GRACE
        if heard is not self._told_heard:
            self._told_heard = heard
            self._shell.told(OthersHeard(heard))

    def _gone(self, name: str) -> None:
        LOG.warning("process %s is gone", name)
        self._heard.pop(name, None)
        for flow in self._borrowed.pop(name, set()):
            self._shell.lose_flow(flow)
        self._shell.told(ProcessGone(name))

    async def leave(self) -> None:
        """Tell that we are about to end."""
        await self._send(ALL, [{"kind": "left"}])

    # -- requests of phones that send nothing twice ------------------------------

    def _keep(self, action: Forward) -> None:
        key = _key(action.octets)
        if action.octets.startswith((b"SIP/2.0 ", b"ACK ")):
            return
        known = self._requests.get(key)
        if known is not None:
            known.action = action
            return
        now = self._clock()
        self._requests[key] = _Request(action, now + timers.T1, timers.T1, now + timers.GIVE_UP)

    def _repeat(self) -> None:
        now = self._clock()
        for key, one in list(self._requests.items()):
            if now >= one.give_up:
                del self._requests[key]
            elif now >= one.due:
                one.interval = min(2 * one.interval, timers.T2)
                one.due = now + one.interval
                self.counters["sent again"] += 1
                if self._alive(one.action.to):
                    self._post(one.action)
                elif one.action.identity is None:
                    self._look_for_heir(one.action)
                else:
                    self._settle(one.action)


def _group(name: str) -> str:
    return f"gateway.{name}"


def _told(flow: Flow, via: str) -> list[Any]:
    """A flow as it is told to others."""
    remote, local = (flow.remote_host, flow.remote_port), (flow.local_host, flow.local_port)
    return [flow.id, flow.transport.value, *remote, *local, via]


_CALL_ID = re.compile(rb"\r\n(?:Call-ID|i)[ \t]*:[ \t]*([^\r\n]*?)[ \t]*\r\n", re.IGNORECASE)
_CSEQ = re.compile(rb"\r\nCSeq[ \t]*:[ \t]*([^\r\n]*?)[ \t]*\r\n", re.IGNORECASE)


def _key(octets: bytes) -> _Key:
    """Call-ID and CSeq: what a request and its responses have in common."""
    call_id, number = _CALL_ID.search(octets), _CSEQ.search(octets)
    return (call_id[1] if call_id else b"", number[1] if number else b"")


_KINDS: Mapping[str, Callable[[Peers, str, Item], None]] = {
    "message": Peers._message,
    "send": Peers._sent,
    "closed": Peers._closed,
    "phone": Peers._phone,
    "watching": Peers._watching,
    "dialogs": Peers._dialogs,
    "alive": Peers._beat,
    "left": Peers._left,
}
