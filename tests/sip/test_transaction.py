"""The four machines: every row of their tables, and their timers over UDP and WebSocket."""

from __future__ import annotations

from itertools import product

import pytest

from sipgateway.sip import timers
from sipgateway.sip import transaction as transactions
from sipgateway.sip.events import TransactionId
from sipgateway.sip.flow import Flow
from sipgateway.sip.message import Request
from sipgateway.sip.transaction import (
    SPANS,
    STATE_TIMERS,
    TRANSITIONS,
    Effect,
    Input,
    Kind,
    State,
    Timer,
    Transaction,
)
from tests.sip import ua

IC, NC, IS, NS = Kind.INVITE_CLIENT, Kind.CLIENT, Kind.INVITE_SERVER, Kind.SERVER
SEND, DELIVER, ACK = Effect.SEND, Effect.DELIVER, Effect.ACKNOWLEDGE
TIME_OUT, FAIL = Effect.TIME_OUT, Effect.FAIL
CALLING, TRYING, PROCEEDING = State.CALLING, State.TRYING, State.PROCEEDING
ACCEPTED, COMPLETED = State.ACCEPTED, State.COMPLETED
CONFIRMED, TERMINATED = State.CONFIRMED, State.TERMINATED

# Figures 5 to 8 of RFC 3261 as RFC 6026 7 has them, written down from there.
ROWS: list[tuple[Kind, State, Input | Timer, State, tuple[Effect, ...]]] = [
    (IC, CALLING, Timer.A, CALLING, (SEND,)),
    (IC, CALLING, Timer.B, TERMINATED, (TIME_OUT,)),
    (IC, CALLING, Input.FLOW_LOST, TERMINATED, (FAIL,)),
    (IC, CALLING, Input.RESPONSE_1XX, PROCEEDING, (DELIVER,)),
    (IC, CALLING, Input.RESPONSE_2XX, ACCEPTED, (DELIVER,)),
    (IC, CALLING, Input.RESPONSE_3456, COMPLETED, (ACK, DELIVER)),
    (IC, PROCEEDING, Input.RESPONSE_1XX, PROCEEDING, (DELIVER,)),
    (IC, PROCEEDING, Input.RESPONSE_2XX, ACCEPTED, (DELIVER,)),
    (IC, PROCEEDING, Input.RESPONSE_3456, COMPLETED, (ACK, DELIVER)),
    (IC, PROCEEDING, Input.FLOW_LOST, TERMINATED, (FAIL,)),
    (IC, PROCEEDING, Timer.B, TERMINATED, (TIME_OUT,)),
    (IC, ACCEPTED, Input.RESPONSE_2XX, ACCEPTED, (DELIVER,)),
    (IC, ACCEPTED, Timer.M, TERMINATED, ()),
    (IC, COMPLETED, Input.RESPONSE_3456, COMPLETED, (ACK,)),
    (IC, COMPLETED, Timer.D, TERMINATED, ()),
    (IC, COMPLETED, Input.FLOW_LOST, TERMINATED, ()),
    (NC, TRYING, Timer.E, TRYING, (SEND,)),
    (NC, TRYING, Timer.F, TERMINATED, (TIME_OUT,)),
    (NC, TRYING, Input.FLOW_LOST, TERMINATED, (FAIL,)),
    (NC, TRYING, Input.RESPONSE_1XX, PROCEEDING, (DELIVER,)),
    (NC, TRYING, Input.RESPONSE_2XX, COMPLETED, (DELIVER,)),
    (NC, TRYING, Input.RESPONSE_3456, COMPLETED, (DELIVER,)),
    (NC, PROCEEDING, Timer.E, PROCEEDING, (SEND,)),
    (NC, PROCEEDING, Timer.F, TERMINATED, (TIME_OUT,)),
    (NC, PROCEEDING, Input.FLOW_LOST, TERMINATED, (FAIL,)),
    (NC, PROCEEDING, Input.RESPONSE_1XX, PROCEEDING, (DELIVER,)),
    (NC, PROCEEDING, Input.RESPONSE_2XX, COMPLETED, (DELIVER,)),
    (NC, PROCEEDING, Input.RESPONSE_3456, COMPLETED, (DELIVER,)),
    (NC, COMPLETED, Timer.K, TERMINATED, ()),
    (IS, PROCEEDING, Input.REQUEST, PROCEEDING, (SEND,)),
    (IS, PROCEEDING, Input.SEND_1XX, PROCEEDING, (SEND,)),
    (IS, PROCEEDING, Input.SEND_2XX, ACCEPTED, (SEND,)),
    (IS, PROCEEDING, Input.SEND_3456, COMPLETED, (SEND,)),
    (IS, ACCEPTED, Input.REQUEST, ACCEPTED, ()),
    (IS, ACCEPTED, Input.SEND_2XX, ACCEPTED, (SEND,)),
    (IS, ACCEPTED, Timer.L, TERMINATED, ()),
    (IS, COMPLETED, Input.REQUEST, COMPLETED, (SEND,)),
    (IS, COMPLETED, Input.ACK, CONFIRMED, ()),
    (IS, COMPLETED, Timer.G, COMPLETED, (SEND,)),
    (IS, COMPLETED, Timer.H, TERMINATED, ()),
    (IS, CONFIRMED, Timer.I, TERMINATED, ()),
    (NS, TRYING, Input.SEND_1XX, PROCEEDING, (SEND,)),
    (NS, TRYING, Input.SEND_2XX, COMPLETED, (SEND,)),
    (NS, TRYING, Input.SEND_3456, COMPLETED, (SEND,)),
    (NS, PROCEEDING, Input.REQUEST, PROCEEDING, (SEND,)),
    (NS, PROCEEDING, Input.SEND_1XX, PROCEEDING, (SEND,)),
    (NS, PROCEEDING, Input.SEND_2XX, COMPLETED, (SEND,)),
    (NS, PROCEEDING, Input.SEND_3456, COMPLETED, (SEND,)),
    (NS, COMPLETED, Input.REQUEST, COMPLETED, (SEND,)),
    (NS, COMPLETED, Timer.J, TERMINATED, ()),
]
NAMED = {(kind, state, what): (after, effects) for kind, state, what, after, effects in ROWS}


def in_state(kind: Kind, state: State, flow: Flow = ua.UDP) -> Transaction:
    """A transaction that is in a state by some way through the table."""
    made = Transaction(TransactionId(1), kind, Request("INVITE", "sip:h", []), flow)
    made.begin(0.0)
    if state is not made.state:
        made._enter(state, 0.0)
    return made


@pytest.mark.parametrize("kind", Kind)
def test_every_row(kind: Kind) -> None:
    """Each state and input: a row, or nothing changes."""
    for state, what in product(State, [*Input, *Timer]):
        transaction = in_state(kind, state)
        after, effects = NAMED.get((kind, state, what), (state, ()))
        assert transaction.feed(what, 0.0) == effects, (state, what)
        assert transaction.state is after, (state, what)


def test_the_table_has_no_other_rows() -> None:
    has = {(kind, *key) for kind, table in TRANSITIONS.items() for key in table}
    assert has == set(NAMED)


def test_every_timer_has_a_row_where_it_runs() -> None:
    for (kind, state), owned in STATE_TIMERS.items():
        for timer in owned:
            assert (state, timer) in TRANSITIONS[kind]


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize("flow", [ua.UDP, ua.TCP, ua.WS], ids=["udp", "tcp", "ws"])
def test_entering_starts_and_leaving_stops(kind: Kind, flow: Flow) -> None:
    for state in State:
        transaction = in_state(kind, state, flow)
        owned = STATE_TIMERS.get((kind, state), ())
        runs = {t for t in owned if not flow.reliable or SPANS[t].reliable is not None}
        assert set(transaction.deadlines) == runs, state
        transaction._enter(TERMINATED, 0.0)
        assert not transaction.deadlines


def test_a_timer_that_fires_never_stays_due() -> None:
    """Else whoever serves timers would do so for ever."""
    for kind, state, timer in product(Kind, State, Timer):
        transaction = in_state(kind, state)
        transaction.deadlines[timer] = 5.0
        transaction.intervals.setdefault(timer, 0.5)
        transaction.feed(timer, 5.0)
        assert transaction.deadlines.get(timer, 6.0) > 5.0


def fires(transaction: Transaction, until: float) -> list[tuple[float, str]]:
    """When which timer fires."""
    seen = []
    while transaction.deadlines:
        timer = min(transaction.deadlines, key=lambda t: transaction.deadlines[t])
        when = transaction.deadlines[timer]
        if when > until:
            break
        seen.append((when, timer.value))
        transaction.feed(timer, when)
    return seen


UNRELIABLE = {
    (IC, CALLING): [
        *((t, "A") for t in (0.5, 1.5, 3.5, 7.5, 15.5, 31.5)),
        (32.0, "B"),
    ],
    (IC, ACCEPTED): [(32.0, "M")],
    (IC, COMPLETED): [(32.0, "D")],
    (NC, TRYING): [
        *((t, "E") for t in (0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5)),
        (32.0, "F"),
    ],
    (NC, COMPLETED): [(5.0, "K")],
    (IS, ACCEPTED): [(32.0, "L")],
    (IS, COMPLETED): [
        *((t, "G") for t in (0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5)),
        (32.0, "H"),
    ],
    (IS, CONFIRMED): [(5.0, "I")],
    (NS, COMPLETED): [(32.0, "J")],
}
RELIABLE = {
    (IC, CALLING): [(32.0, "B")],
    (IC, ACCEPTED): [(32.0, "M")],
    (IC, COMPLETED): [(0.0, "D")],
    (NC, TRYING): [(32.0, "F")],
    (NC, COMPLETED): [(0.0, "K")],
    (IS, ACCEPTED): [(32.0, "L")],
    (IS, COMPLETED): [(32.0, "H")],
    (IS, CONFIRMED): [(0.0, "I")],
    (NS, COMPLETED): [(0.0, "J")],
}


@pytest.mark.parametrize(("key", "wanted"), UNRELIABLE.items())
def test_timers_over_udp(key: tuple[Kind, State], wanted: list[tuple[float, str]]) -> None:
    assert fires(in_state(*key), 100.0) == wanted


@pytest.mark.parametrize(("key", "wanted"), RELIABLE.items())
def test_timers_over_websocket(key: tuple[Kind, State], wanted: list[tuple[float, str]]) -> None:
    assert fires(in_state(*key, ua.WS), 100.0) == wanted


def test_a_provisional_slows_retransmission_down() -> None:
    """17.1.2.2: every T2 in Proceeding; timer F goes on from where it was."""
    transaction = in_state(NC, TRYING)
    transaction.feed(Timer.E, 0.5)
    transaction.feed(Input.RESPONSE_1XX, 0.6)
    assert fires(transaction, 100.0)[:3] == [(1.5, "E"), (5.5, "E"), (9.5, "E")]
    assert transaction.state is TERMINATED
    assert transaction.intervals[Timer.E] == timers.T2


@pytest.mark.parametrize(
    ("status", "sent", "received"),
    [
        (100, Input.SEND_1XX, Input.RESPONSE_1XX),
        (199, Input.SEND_1XX, Input.RESPONSE_1XX),
        (200, Input.SEND_2XX, Input.RESPONSE_2XX),
        (302, Input.SEND_3456, Input.RESPONSE_3456),
        (699, Input.SEND_3456, Input.RESPONSE_3456),
    ],
)
def test_which_input_a_status_is(status: int, sent: Input, received: Input) -> None:
    assert transactions.input_of(status, sending=True) is sent
    assert transactions.input_of(status, sending=False) is received
