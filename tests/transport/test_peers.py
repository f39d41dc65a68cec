"""Flows that end in another process: what goes over the channel layer, and what if it fails."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from channels.layers import InMemoryChannelLayer
from redis.exceptions import ConnectionError as RedisGone

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
from sipgateway.transport import peers as peering
from sipgateway.transport.peers import Peers

pytestmark = pytest.mark.jumping

HERE, THERE = "aaaaaaaa", "bbbbbbbb"
BOB = Identity("sip:bob@conf.test", "Bob")
FLOW = Flow(FlowId(5), Transport.WS, "192.0.2.1", 5062, "192.0.2.9", 8000)
INVITE = b"INVITE sip:4711@conf.test SIP/2.0\r\nCall-ID: call-1\r\nCSeq: 7 INVITE\r\n\r\n"
OK = b"SIP/2.0 200 OK\r\nCall-ID: call-1\r\nCSeq: 7 INVITE\r\n\r\n"


class Layer(InMemoryChannelLayer):  # type: ignore[misc]  # Channels has no types
    """A layer that can be cut off."""

    cut = False

    async def group_send(self, group: str, message: Mapping[str, Any]) -> None:
        if self.cut:
            raise RedisGone("connection refused")
        await super().group_send(group, message)


@dataclass
class Shell:
    """A gateway that keeps what it is told."""

    received_: list[tuple[Flow, bytes, object, bool]] = field(default_factory=list)
    passed: list[tuple[Flow, bytes]] = field(default_factory=list)
    lost: list[FlowId] = field(default_factory=list)
    events: list[FocusEvent] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)
    here: bool = True
    owners: dict[str, str] = field(default_factory=dict)

    def received(
        self, flow: Flow, octets: bytes, *, vouched: object = None, settled: bool = False
    ) -> None:
        self.received_.append((flow, octets, vouched, settled))

    def pass_on(self, flow: Flow, octets: bytes) -> bool:
        self.passed.append((flow, octets))
        return self.here

    def lose_flow(self, flow: FlowId) -> None:
        self.lost.append(flow)

    def find_owner(self, call_id: str, then: Callable[[str], None]) -> None:
        asyncio.get_running_loop().call_soon(then, self.owners.get(call_id, ""))

    def told(self, event: FocusEvent) -> None:
        self.events.append(event)

    def spawn(self, owner: str, work: Coroutine[None, None, None]) -> None:
        self.tasks.append(asyncio.get_running_loop().create_task(work, name=owner))


@dataclass
class Process:
    """One of two."""

    name: str
    layer: Layer
    shell: Shell = field(default_factory=Shell)

    def __post_init__(self) -> None:
        self.siblings = Siblings(self.name)
        clock = asyncio.get_running_loop().time
        self.peers = Peers(self.shell, self.siblings, lambda: self.layer, clock)

    def stop(self) -> None:
        for task in self.shell.tasks:
            task.cancel()


@pytest.fixture
async def two() -> AsyncIterator[tuple[Process, Process]]:
    """Two processes that hear each other, and have for so long that they know who is there."""
    layer = Layer()
    here, there = Process(HERE, layer), Process(THERE, layer)
    await here.peers.start()
    await there.peers.start()
    await until(lambda: here.peers.others() == [THERE] and there.peers.others() == [HERE])
    await asyncio.sleep(peering.GRACE)
    yield here, there
    here.stop()
    there.stop()


async def until(met: Callable[[], bool], within: float = 60.0) -> None:
    """Let time pass until something is so; `within` is in seconds of its own."""
    async with asyncio.timeout(within):
        while not met():
            await asyncio.sleep(0.01)


async def test_a_message_goes_there_and_its_answer_comes_back(
    two: tuple[Process, Process],
) -> None:
    here, there = two
    here.peers.forward(Forward(THERE, "call-1", INVITE, FLOW, BOB))
    await until(lambda: bool(there.shell.received_))
    flow, octets, vouched, settled = there.shell.received_[0]
    assert (flow.id, flow.via, flow.transport, octets) == (FLOW.id, HERE, Transport.WS, INVITE)
    assert (vouched, settled) == (BOB, False)
    there.peers.send(flow, OK)
    await until(lambda: bool(here.shell.passed))
    assert here.shell.passed == [(FLOW, OK)]
    assert here.siblings.of_call("call-1", "") == THERE


async def test_a_request_of_a_browser_is_sent_again_until_an_answer_passes_by(
    two: tuple[Process, Process],
) -> None:
    """It sends nothing twice itself, and what goes there may get lost."""
    here, there = two
    here.layer.cut = True
    here.peers.forward(Forward(THERE, "call-1", INVITE, FLOW, BOB))
    await until(lambda: here.peers.counters["sent again"] >= 2)
    assert there.shell.received_ == []
    here.layer.cut = False
    await until(lambda: bool(there.shell.received_))
    there.peers.send(there.shell.received_[0][0], OK)
    await until(lambda: bool(here.shell.passed))
    so_often = here.peers.counters["sent again"]
    await asyncio.sleep(10 * timers.T1)
    assert here.peers.counters["sent again"] == so_often


@pytest.mark.parametrize(
    ("octets", "transport"),
    [
        (INVITE, Transport.UDP),
        (INVITE.replace(b"INVITE", b"ACK"), Transport.WS),
        (OK, Transport.WS),
    ],
)
async def test_what_somebody_else_sends_again_is_sent_once(
    two: tuple[Process, Process], octets: bytes, transport: Transport
) -> None:
    """RFC 3261 17.1.1.2, 13.2.2.4: a phone on UDP; the ACK, which a 2xx brings out again."""
    here, there = two
    flow = Flow(FLOW.id, transport, "192.0.2.1", 5062, "192.0.2.9", 8000)
    here.peers.forward(Forward(THERE, "call-1", octets, flow))
    await until(lambda: bool(there.shell.received_))
    await asyncio.sleep(10 * timers.T1)
    assert len(there.shell.received_) == 1


async def test_the_end_of_a_connection_is_told_to_whoever_used_it(
    two: tuple[Process, Process],
) -> None:
    here, there = two
    here.peers.forward(Forward(THERE, "call-1", INVITE, FLOW, BOB))
    await until(lambda: bool(there.shell.received_))
    here.peers.flow_closed(FLOW.id)
    await until(lambda: there.shell.lost == [FLOW.id])
    here.peers.flow_closed(FlowId(6))  # nobody else has ever used that one
    await asyncio.sleep(1.0)
    assert there.shell.lost == [FLOW.id]


async def test_whoever_sends_by_a_connection_that_is_gone_is_told(
    two: tuple[Process, Process],
) -> None:
    here, there = two
    here.shell.here = False
    there.peers.send(Flow(FLOW.id, FLOW.transport, "h", 1, "h", 2, via=HERE), OK)
    await until(lambda: there.shell.lost == [FLOW.id])


async def test_a_phone_is_announced_to_the_others_alone(two: tuple[Process, Process]) -> None:
    here, there = two
    here.peers.announce(AnnouncePhone(BOB.uri, "sip:bob@x.invalid", FLOW))
    await until(lambda: bool(there.shell.events))
    (event,) = there.shell.events
    assert isinstance(event, PhoneAnnounced)
    assert (event.entity, event.contact) == (BOB.uri, "sip:bob@x.invalid")
    assert (event.flow.id, event.flow.via) == (FLOW.id, HERE)
    assert here.shell.events == []


async def test_a_process_that_says_goodbye_is_gone_with_its_connections(
    two: tuple[Process, Process],
) -> None:
    here, there = two
    there.peers.send(Flow(FLOW.id, FLOW.transport, "h", 1, "h", 2, via=HERE), OK)
    here.stop()
    await here.peers.leave()
    await until(lambda: there.shell.lost == [FLOW.id])
    assert there.peers.others() == []


async def test_a_process_that_is_silent_is_gone_and_what_was_for_it_is_settled_here(
    two: tuple[Process, Process],
) -> None:
    here, there = two
    there.peers.send(Flow(FLOW.id, FLOW.transport, "h", 1, "h", 2, via=HERE), OK)
    here.stop()
    await asyncio.sleep(peering.SILENCE - peering.BEAT - 0.1)
    assert there.shell.lost == []
    await until(lambda: there.shell.lost == [FLOW.id])
    there.shell.owners["call-2"] = HERE  # nobody has taken that over yet
    there.peers.forward(Forward(HERE, "call-2", INVITE.replace(b"call-1", b"call-2"), FLOW))
    there.peers.forward(Forward(HERE, "call-1", INVITE, FLOW))
    await until(lambda: bool(there.shell.received_))
    ((_, octets, vouched, settled),) = there.shell.received_
    assert (octets, vouched, settled) == (INVITE, None, True)


async def test_nobody_is_gone_because_redis_is(
    two: tuple[Process, Process], caplog: pytest.LogCaptureFixture
) -> None:
    """Who hears nobody, himself neither, knows nothing of the others."""
    here, there = two
    there.peers.send(Flow(FLOW.id, FLOW.transport, "h", 1, "h", 2, via=HERE), OK)
    await until(lambda: bool(here.shell.passed))
    here.layer.cut = True
    await until(lambda: bool(there.peers.failing()) and bool(here.peers.failing()))
    assert "Redis" in there.peers.failing()
    await asyncio.sleep(3 * peering.SILENCE)
    assert (here.shell.lost, there.shell.lost) == ([], [])
    assert there.shell.events[-1] == OthersHeard(heard=False)
    here.layer.cut = False
    await until(lambda: not there.peers.failing() and not here.peers.failing())
    await until(lambda: here.peers.others() == [THERE])
    assert (here.shell.lost, there.shell.lost) == ([], [])
    assert "connection refused" in caplog.text
    await until(lambda: there.shell.events[-1] == OthersHeard(heard=True))


async def test_what_was_for_a_process_that_is_gone_goes_to_its_heir(
    two: tuple[Process, Process],
) -> None:
    """A phone that has said nothing since: its tag still names the one that is gone."""
    here, there = two
    here.shell.owners["call-1"] = THERE
    here.peers.forward(Forward("cccccccc", "call-1", INVITE, FLOW))
    await until(lambda: bool(there.shell.received_))
    assert there.shell.received_[0][1] == INVITE
    assert here.siblings.of_call("call-1", "pcccccccc_1") == THERE
    assert here.shell.received_ == []


async def test_who_finds_back_to_redis_later_is_not_gone_meanwhile(
    two: tuple[Process, Process],
) -> None:
    here, there = two
    there.peers.send(Flow(FLOW.id, FLOW.transport, "h", 1, "h", 2, via=HERE), OK)
    await until(lambda: bool(here.shell.passed))
    here.stop()
    there.layer.cut = True
    await until(lambda: there.peers.counters["lost: Redis failed"] > 0)
    there.layer.cut = False
    await asyncio.sleep(peering.GRACE - 0.1)
    assert there.shell.lost == []
    await until(lambda: there.shell.lost == [FLOW.id])


async def test_whose_dialogs_are_watched_is_told_to_all_and_answered_to_one(
    two: tuple[Process, Process],
) -> None:
    here, there = two
    here.peers.watch_dialogs(WatchDialogs((BOB.uri,), whole=True))
    await until(lambda: DialogsWatched(HERE, (BOB.uri,), whole=True) in there.shell.events)
    talk = {"id": "leg-1", "local": {"identity": BOB.uri, "focus": False}}
    there.peers.tell_dialogs(TellDialogs(HERE, {BOB.uri: [talk]}, whole=False))
    told = DialogsTold(THERE, {BOB.uri: [talk]}, whole=False)
    await until(lambda: told in here.shell.events)
    assert not any(isinstance(one, DialogsWatched) for one in here.shell.events)
    assert told not in there.shell.events


async def test_a_process_that_is_about_to_end_is_told_as_gone(
    two: tuple[Process, Process],
) -> None:
    here, there = two
    await there.peers.leave()
    await until(lambda: ProcessGone(THERE) in here.shell.events)
    assert ProcessGone(THERE) not in there.shell.events
