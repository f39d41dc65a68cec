"""The shell goes on, whatever breaks in it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass, field
from typing import get_args

import pytest

from conferences.policy import ConferenceId
from sipgateway import errands
from sipgateway.focus.actions import Action, DirectoryAction
from sipgateway.focus.events import FocusEvent, Negotiated, NegotiationFailed
from sipgateway.focus.questions import AnswerOffer, MakeOffer
from sipgateway.gateway import Gateway
from sipgateway.ladder import Batch, Ladder
from sipgateway.media.engine import (
    Description,
    Direction,
    LegId,
    LegKind,
    Listener,
    MediaError,
    RoomId,
    Session,
)
from sipgateway.sip.credentials import Trunk
from tests.stage import DOMAIN, OFFER, Stage

ALICE = LegId("alice")
ROOM = RoomId("4711")


@dataclass
class Engine:
    """A mixer that answers with its errors first, and remembers rooms."""

    errors: list[Exception] = field(default_factory=list)
    rooms: list[RoomId | None] = field(default_factory=list)

    async def start(self, listener: Listener) -> None: ...

    async def stop(self) -> None: ...

    def failing(self) -> str:
        return ""

    def counters(self) -> dict[str, int]:
        return {"forged": 3}

    def gauges(self) -> dict[str, int]:
        return {"legs": 2}

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
        self.rooms.append(room)
        if self.errors:
            raise self.errors.pop()
        return Description(offer, Direction.SENDRECV, 1)

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
        return await self.answer(leg, OFFER, session, room=room)

    async def accept(self, leg: LegId, answer: str) -> Description:
        return await self.answer(leg, answer, Session())

    async def describe(self, session: Session) -> str:
        return OFFER

    def place(self, leg: LegId, room: RoomId | None) -> None: ...

    def mute(self, leg: LegId, muted: bool) -> None: ...

    def play(self, leg: LegId, prompt: str) -> None: ...

    def play_room(self, room: RoomId, prompt: str) -> None: ...

    def listen(self, leg: LegId, seconds: float) -> None: ...

    def record(self, room: RoomId, name: str, *, paused: bool = False) -> None: ...

    def agree(self, leg: LegId, agrees: bool) -> None: ...

    def sound(self, room: RoomId, name: str, token: str, *, start: float = 0.0) -> None: ...

    def track(self, leg: LegId, name: str) -> None: ...

    def drop(self, leg: LegId) -> None: ...


class Directory:
    """A directory that nobody asks, but for answers of callers."""

    def __init__(self) -> None:
        self.looked_at: list[str] = []

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def failing(self) -> str:
        return ""

    def act(self, action: DirectoryAction) -> None: ...

    def look(self, conference: ConferenceId, *, live: bool) -> None: ...

    def hand_over(self) -> None: ...

    def look_at_setup(self, token: str) -> None:
        self.looked_at.append(token)

    def find_owner(self, call_id: str, then: Callable[[str], None]) -> None: ...

    def look_at_phones(self) -> None: ...

    def remember_phones(self) -> None: ...

    def look_at_trunks(self, then: Callable[[list[tuple[str, Trunk]]], None]) -> None: ...

    def look_at_lifted(self) -> None: ...

    def keep_messages(self, batches: list[Batch]) -> None: ...

    def renew(self, conferences: list[ConferenceId], calls: Collection[str]) -> None: ...


class House:
    """A gateway around a real focus, whose events are kept instead of handled."""

    def __init__(self, stage: Stage) -> None:
        self.engine, self.directory = Engine(), Directory()
        self.told: asyncio.Queue[FocusEvent] = asyncio.Queue()
        self.gateway = Gateway(
            endpoint=stage.endpoint,
            switchboard=stage.switchboard,
            media=self.engine,
            gate=stage.gate,
            ladder=Ladder(DOMAIN),
        )

    def handle(self, event: FocusEvent, now: float) -> None:
        del now
        self.told.put_nowait(event)


@pytest.fixture
async def house(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    stage = Stage()
    house = House(stage)
    monkeypatch.setattr(stage.switchboard, "handle", house.handle)
    await house.gateway.start(house.directory)
    yield house
    await house.gateway.stop()


async def test_every_question_to_the_engine_is_answered(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    """Also when the engine has a fault: else a call would wait for ever."""
    house.engine.errors = [KeyError("port"), MediaError(488, "No audio")]
    for number in (1, 2, 3):
        house.gateway._errands.run(AnswerOffer(number, ALICE, OFFER, Session()))
        async with asyncio.timeout(5):
            event = await house.told.get()
        if number == 1:
            assert event == NegotiationFailed(1, 488, "No audio")
        elif number == 2:
            assert event == NegotiationFailed(2, 500, "")
        else:
            assert event == Negotiated(3, Description(OFFER, Direction.SENDRECV, 1))
    assert house.told.empty()
    assert "a task of alice broke" in caplog.text


def test_whatever_the_focus_asks_for_is_done() -> None:
    assert set(get_args(Action)) == set(errands._ACTIONS)


async def test_the_engine_hears_where_a_leg_is_going_to_be(house: House) -> None:
    house.gateway._errands.run(AnswerOffer(1, ALICE, OFFER, Session(), ROOM))
    house.gateway._errands.run(MakeOffer(2, ALICE, LegKind.RTP, Session(), ROOM))
    async with asyncio.timeout(5):
        for _ in range(2):
            await house.told.get()
    assert house.engine.rooms == [ROOM, ROOM]


@pytest.mark.parametrize("part", ["next_event", "handle_timeout"])
async def test_timers_go_on_when_a_message_or_a_timer_breaks(
    house: House, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    """What broke concerns one call, the timers concern all."""
    endpoint = house.gateway._endpoint

    def breaks(*_: float) -> None:
        raise KeyError("branch")

    due = house.gateway._clock.now() + 60
    monkeypatch.setattr(endpoint, "next_timeout", lambda: due)
    with monkeypatch.context() as broken:
        broken.setattr(endpoint, part, breaks)
        with pytest.raises(KeyError):
            house.gateway._timed_out()
    assert house.gateway._timer is not None
    assert house.gateway._timer.when() > asyncio.get_running_loop().time() + 50


async def test_what_is_due_at_once_keeps_no_other_timer_waiting(house: House) -> None:
    """A room that may be empty is looked at as soon as its moment is over: at 0.0."""
    fired = asyncio.Event()
    gateway = house.gateway
    desk = gateway._switchboard._desk
    now = gateway._clock.now()
    desk.later(0.0, lambda _: None)
    desk.later(now, lambda _: fired.set())
    gateway._pump(now)
    assert gateway._timer is not None
    await fired.wait()
    assert desk.next_timeout() is None


async def test_a_caller_that_others_have_is_none_of_our_business(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every process hears that he has answered; whoever looked would take his conference."""
    house.gateway.setup_answered("elsewhere")
    monkeypatch.setattr(house.gateway._switchboard, "awaits", lambda token: token == "here")
    house.gateway.setup_answered("here")
    assert house.directory.looked_at == ["here"]
