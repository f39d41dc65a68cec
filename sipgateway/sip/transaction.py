"""The four transaction machines of RFC 3261 section 17 with RFC 6026, as tables.

A machine is its table: `TRANSITIONS` says for a state and an input which state
follows and what is to be done; `STATE_TIMERS` says which timers a state owns.
Entering a state starts its timers, leaving it stops them; a timer that both
states own goes on.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from sipgateway.sip import timers
from sipgateway.sip.events import TransactionId
from sipgateway.sip.flow import Flow
from sipgateway.sip.message import Request, Response


class Kind(enum.Enum):
    """Which of the four machines."""

    INVITE_CLIENT = "invite client"
    CLIENT = "client"
    INVITE_SERVER = "invite server"
    SERVER = "server"


class State(enum.Enum):
    """States of figures 5 to 8 of RFC 3261; ACCEPTED is of RFC 6026."""

    CALLING = "calling"
    TRYING = "trying"
    PROCEEDING = "proceeding"
    ACCEPTED = "accepted"
    COMPLETED = "completed"
    CONFIRMED = "confirmed"
    TERMINATED = "terminated"


class Timer(enum.Enum):
    """The timers of RFC 3261 table 4 and RFC 6026 (L, M)."""

    A = "A"
    B = "B"
    D = "D"
    E = "E"
    F = "F"
    G = "G"
    H = "H"
    I = "I"  # noqa: E741  the standard's name
    J = "J"
    K = "K"
    L = "L"
    M = "M"


class Input(enum.Enum):
    """What a machine is fed, besides its timers."""

    REQUEST = "request"  # a retransmission of the request
    ACK = "ack"
    RESPONSE_1XX = "1xx"
    RESPONSE_2XX = "2xx"
    RESPONSE_3456 = "300-699"
    SEND_1XX = "send 1xx"
    SEND_2XX = "send 2xx"
    SEND_3456 = "send 300-699"
    FLOW_LOST = "flow lost"


class Effect(enum.Enum):
    """What a transition asks of the endpoint."""

    SEND = "send"  # the request, or the last response, once more
    DELIVER = "deliver"  # the response to the user
    ACKNOWLEDGE = "acknowledge"  # ACK to a 300-699, in the transaction
    TIME_OUT = "time out"  # tell the user 408
    FAIL = "fail"  # tell the user 503


Step = tuple[State, tuple[Effect, ...]]

_INVITE_CLIENT: Mapping[tuple[State, Input | Timer], Step] = {
    (State.CALLING, Timer.A): (State.CALLING, (Effect.SEND,)),
    (State.CALLING, Timer.B): (State.TERMINATED, (Effect.TIME_OUT,)),
    (State.CALLING, Input.FLOW_LOST): (State.TERMINATED, (Effect.FAIL,)),
    (State.CALLING, Input.RESPONSE_1XX): (State.PROCEEDING, (Effect.DELIVER,)),
    (State.CALLING, Input.RESPONSE_2XX): (State.ACCEPTED, (Effect.DELIVER,)),
    (State.CALLING, Input.RESPONSE_3456): (
        State.COMPLETED,
        (Effect.ACKNOWLEDGE, Effect.DELIVER),
    ),
    (State.PROCEEDING, Input.RESPONSE_1XX): (State.PROCEEDING, (Effect.DELIVER,)),
    (State.PROCEEDING, Input.RESPONSE_2XX): (State.ACCEPTED, (Effect.DELIVER,)),
    (State.PROCEEDING, Input.RESPONSE_3456): (
        State.COMPLETED,
        (Effect.ACKNOWLEDGE, Effect.DELIVER),
    ),
    (State.PROCEEDING, Input.FLOW_LOST): (State.TERMINATED, (Effect.FAIL,)),
    # 9.1: an INVITE that was cancelled and gets no answer is given up; see `give_up`
    (State.PROCEEDING, Timer.B): (State.TERMINATED, (Effect.TIME_OUT,)),
    (State.ACCEPTED, Input.RESPONSE_2XX): (State.ACCEPTED, (Effect.DELIVER,)),
    (State.ACCEPTED, Timer.M): (State.TERMINATED, ()),
    (State.COMPLETED, Input.RESPONSE_3456): (State.COMPLETED, (Effect.ACKNOWLEDGE,)),
    (State.COMPLETED, Timer.D): (State.TERMINATED, ()),
    (State.COMPLETED, Input.FLOW_LOST): (State.TERMINATED, ()),
}
_CLIENT: Mapping[tuple[State, Input | Timer], Step] = {
    (State.TRYING, Timer.E): (State.TRYING, (Effect.SEND,)),
    (State.TRYING, Timer.F): (State.TERMINATED, (Effect.TIME_OUT,)),
    (State.TRYING, Input.FLOW_LOST): (State.TERMINATED, (Effect.FAIL,)),
    (State.TRYING, Input.RESPONSE_1XX): (State.PROCEEDING, (Effect.DELIVER,)),
    (State.TRYING, Input.RESPONSE_2XX): (State.COMPLETED, (Effect.DELIVER,)),
    (State.TRYING, Input.RESPONSE_3456): (State.COMPLETED, (Effect.DELIVER,)),
    (State.PROCEEDING, Timer.E): (State.PROCEEDING, (Effect.SEND,)),
    (State.PROCEEDING, Timer.F): (State.TERMINATED, (Effect.TIME_OUT,)),
    (State.PROCEEDING, Input.FLOW_LOST): (State.TERMINATED, (Effect.FAIL,)),
    (State.PROCEEDING, Input.RESPONSE_1XX): (State.PROCEEDING, (Effect.DELIVER,)),
    (State.PROCEEDING, Input.RESPONSE_2XX): (State.COMPLETED, (Effect.DELIVER,)),
    (State.PROCEEDING, Input.RESPONSE_3456): (State.COMPLETED, (Effect.DELIVER,)),
    (State.COMPLETED, Timer.K): (State.TERMINATED, ()),
}
_INVITE_SERVER: Mapping[tuple[State, Input | Timer], Step] = {
    (State.PROCEEDING, Input.REQUEST): (State.PROCEEDING, (Effect.SEND,)),
    (State.PROCEEDING, Input.SEND_1XX): (State.PROCEEDING, (Effect.SEND,)),
    (State.PROCEEDING, Input.SEND_2XX): (State.ACCEPTED, (Effect.SEND,)),
    (State.PROCEEDING, Input.SEND_3456): (State.COMPLETED, (Effect.SEND,)),
    (State.ACCEPTED, Input.REQUEST): (State.ACCEPTED, ()),
    (State.ACCEPTED, Input.SEND_2XX): (State.ACCEPTED, (Effect.SEND,)),
    (State.ACCEPTED, Timer.L): (State.TERMINATED, ()),
    (State.COMPLETED, Input.REQUEST): (State.COMPLETED, (Effect.SEND,)),
    (State.COMPLETED, Input.ACK): (State.CONFIRMED, ()),
    (State.COMPLETED, Timer.G): (State.COMPLETED, (Effect.SEND,)),
    (State.COMPLETED, Timer.H): (State.TERMINATED, ()),
    (State.CONFIRMED, Timer.I): (State.TERMINATED, ()),
}
_SERVER: Mapping[tuple[State, Input | Timer], Step] = {
    (State.TRYING, Input.SEND_1XX): (State.PROCEEDING, (Effect.SEND,)),
    (State.TRYING, Input.SEND_2XX): (State.COMPLETED, (Effect.SEND,)),
    (State.TRYING, Input.SEND_3456): (State.COMPLETED, (Effect.SEND,)),
    (State.PROCEEDING, Input.REQUEST): (State.PROCEEDING, (Effect.SEND,)),
    (State.PROCEEDING, Input.SEND_1XX): (State.PROCEEDING, (Effect.SEND,)),
    (State.PROCEEDING, Input.SEND_2XX): (State.COMPLETED, (Effect.SEND,)),
    (State.PROCEEDING, Input.SEND_3456): (State.COMPLETED, (Effect.SEND,)),
    (State.COMPLETED, Input.REQUEST): (State.COMPLETED, (Effect.SEND,)),
    (State.COMPLETED, Timer.J): (State.TERMINATED, ()),
}
TRANSITIONS: Mapping[Kind, Mapping[tuple[State, Input | Timer], Step]] = {
    Kind.INVITE_CLIENT: _INVITE_CLIENT,
    Kind.CLIENT: _CLIENT,
    Kind.INVITE_SERVER: _INVITE_SERVER,
    Kind.SERVER: _SERVER,
}
INITIAL: Mapping[Kind, State] = {
    Kind.INVITE_CLIENT: State.CALLING,
    Kind.CLIENT: State.TRYING,
    Kind.INVITE_SERVER: State.PROCEEDING,
    Kind.SERVER: State.TRYING,
}
STATE_TIMERS: Mapping[tuple[Kind, State], tuple[Timer, ...]] = {
    (Kind.INVITE_CLIENT, State.CALLING): (Timer.A, Timer.B),
    (Kind.INVITE_CLIENT, State.ACCEPTED): (Timer.M,),
    (Kind.INVITE_CLIENT, State.COMPLETED): (Timer.D,),
    (Kind.CLIENT, State.TRYING): (Timer.E, Timer.F),
    (Kind.CLIENT, State.PROCEEDING): (Timer.E, Timer.F),
    (Kind.CLIENT, State.COMPLETED): (Timer.K,),
    (Kind.INVITE_SERVER, State.ACCEPTED): (Timer.L,),
    (Kind.INVITE_SERVER, State.COMPLETED): (Timer.G, Timer.H),
    (Kind.INVITE_SERVER, State.CONFIRMED): (Timer.I,),
    (Kind.SERVER, State.COMPLETED): (Timer.J,),
}


@dataclass(frozen=True, slots=True)
class Span:
    """How long a timer runs: over UDP, over a reliable transport (None: never)."""

    unreliable: float
    reliable: float | None
    #: A timer that fires again doubles up to this; None does not repeat.
    cap: float | None = None


_FOREVER = float("inf")
SPANS: Mapping[Timer, Span] = {
    Timer.A: Span(timers.T1, None, cap=_FOREVER),
    Timer.B: Span(timers.GIVE_UP, timers.GIVE_UP),
    Timer.D: Span(timers.TIMER_D, 0.0),
    Timer.E: Span(timers.T1, None, cap=timers.T2),
    Timer.F: Span(timers.GIVE_UP, timers.GIVE_UP),
    Timer.G: Span(timers.T1, None, cap=timers.T2),
    Timer.H: Span(timers.GIVE_UP, timers.GIVE_UP),
    Timer.I: Span(timers.T4, 0.0),
    Timer.J: Span(timers.GIVE_UP, 0.0),
    Timer.K: Span(timers.T4, 0.0),
    Timer.L: Span(timers.GIVE_UP, timers.GIVE_UP),
    Timer.M: Span(timers.GIVE_UP, timers.GIVE_UP),
}


class Cancelling(enum.Enum):
    """How far the CANCEL of an INVITE is (9.1)."""

    NO = "no"
    WANTED = "wanted"  # once a provisional has come
    SENT = "sent"


@dataclass(slots=True)
class Transaction:
    """One transaction. `feed` takes an input and gives back what is to be done."""

    id: TransactionId
    kind: Kind
    request: Request
    flow: Flow
    state: State = field(init=False)
    #: The last response sent (server) or received (client).
    response: Response | None = None
    #: The request, or the last response, as it went out.
    octets: bytes = b""
    deadlines: dict[Timer, float] = field(default_factory=dict)
    intervals: dict[Timer, float] = field(default_factory=dict)
    #: The CANCEL of an INVITE of ours.
    cancelling: Cancelling = Cancelling.NO
    cancel_fields: tuple[tuple[str, str], ...] = ()
    #: Started by this package itself: nobody else waits for its response.
    inner: bool = False
    #: Somebody else's request that goes on through us: it makes no dialog here.
    passing: bool = False
    #: The tag that To gets in our responses (server).
    tag: str = ""
    #: The address that its sender has proved to be his (server).
    proved: str = ""
    #: When somebody will next look at the deadlines.
    alarm: float | None = None

    def __post_init__(self) -> None:
        """Start in the machine's first state; `begin` starts its timers."""
        self.state = INITIAL[self.kind]

    def begin(self, now: float) -> None:
        """Start the timers of the first state."""
        for timer in STATE_TIMERS.get((self.kind, self.state), ()):
            self._start(timer, now)

    def feed(self, what: Input | Timer, now: float) -> tuple[Effect, ...]:
        """Take one step; an input that the state has no row for changes nothing."""
        if isinstance(what, Timer):
            self._again(what, now)
        step = TRANSITIONS[self.kind].get((self.state, what))
        if step is None:
            return ()
        after, effects = step
        if after is not self.state:
            self._enter(after, now)
        return effects

    def give_up(self, now: float) -> None:
        """Wait for the final response no longer than timer B from now."""
        self._start(Timer.B, now)

    def _again(self, timer: Timer, now: float) -> None:
        cap, running = SPANS[timer].cap, self.deadlines.pop(timer, None)
        if cap is None or running is None:
            return
        if timer not in STATE_TIMERS.get((self.kind, self.state), ()):
            return
        slow = self.kind is Kind.CLIENT and self.state is State.PROCEEDING
        interval = timers.T2 if slow else min(2 * self.intervals[timer], cap)
        self.intervals[timer] = interval
        self.deadlines[timer] = now + interval

    def _enter(self, after: State, now: float) -> None:
        owned = STATE_TIMERS.get((self.kind, self.state), ())
        wanted = STATE_TIMERS.get((self.kind, after), ())
        for timer in tuple(self.deadlines):
            if timer not in wanted:
                del self.deadlines[timer]
        self.state = after
        for timer in wanted:
            if timer not in owned:
                self._start(timer, now)

    def _start(self, timer: Timer, now: float) -> None:
        span = SPANS[timer]
        length = span.reliable if self.flow.reliable else span.unreliable
        if length is not None:
            self.intervals[timer] = length
            self.deadlines[timer] = now + length

    @property
    def over(self) -> bool:
        """Whether the transaction has ended."""
        return self.state is State.TERMINATED


def input_of(status: int, *, sending: bool) -> Input:
    """The input that a response of `status` is, received or sent."""
    if status < 200:
        return Input.SEND_1XX if sending else Input.RESPONSE_1XX
    if status < 300:
        return Input.SEND_2XX if sending else Input.RESPONSE_2XX
    return Input.SEND_3456 if sending else Input.RESPONSE_3456
