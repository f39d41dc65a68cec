"""Ports over time, compared with counting them minute by minute."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from conferences import ledger
from conferences.ledger import FOR_EVER, LONGEST_PIECE, Limit, Load, Span, Taken

MINUTES = 60

spans = st.builds(
    lambda start, length: Span(float(start), FOR_EVER if length is None else float(start + length)),
    st.integers(0, MINUTES),
    st.none() | st.integers(1, MINUTES),
)
taken = st.lists(st.builds(Taken, spans, st.integers(1, 9)), max_size=12)


def _holds(span: Span, minute: int) -> bool:
    return span.starts_at <= minute < span.ends_at


@given(taken, spans)
def test_a_peak_is_what_one_counts(rows: list[Taken], asked: Span) -> None:
    counted = [
        sum(one.ports for one in rows if _holds(one.span, minute))
        for minute in range(3 * MINUTES)
        if _holds(asked, minute)
    ]
    assert Load(rows).peak(asked) == max(counted)


@given(st.lists(spans, max_size=12))
def test_merged_spans_are_the_same_time_apart(some: list[Span]) -> None:
    found = ledger.merged(some)
    for minute in range(3 * MINUTES):
        assert any(_holds(one, minute) for one in some) == any(_holds(one, minute) for one in found)
    assert all(a.ends_at < b.starts_at for a, b in itertools.pairwise(found))


@given(st.integers(0, 10), st.floats(1.0, 5 * LONGEST_PIECE))
def test_pieces_are_the_whole(start: int, length: float) -> None:
    whole = Span(float(start), start + length)
    found = list(ledger.pieces(whole))
    assert ledger.merged(found) == [whole]
    assert all(0 < one.ends_at - one.starts_at <= LONGEST_PIECE + 1e-6 for one in found)


def test_what_never_ends_stays_whole() -> None:
    assert list(ledger.pieces(Span(1.0))) == [Span(1.0)]


def _limit(ports: int, *rows: tuple[float, float, int]) -> Limit:
    return Limit(Load(Taken(Span(start, end), taken) for start, end, taken in rows), ports)


@pytest.mark.parametrize(
    ("limits", "shifts"),
    [
        # Taken until a quarter past: the next quarter, then an hour each later.
        ([_limit(10, (0.0, 900.0, 5))], [900.0, 4500.0, 8100.0]),
        # Both limits count.
        ([_limit(10, (0.0, 900.0, 5)), _limit(8, (0.0, 1800.0, 3))], [1800.0, 5400.0, 9000.0]),
        # A gap that is too short is none.
        ([_limit(10, (0.0, 900.0, 5), (3600.0, 7200.0, 5))], [7200.0, 10800.0]),
        ([_limit(10, (0.0, FOR_EVER, 5))], []),
    ],
)
def test_free_starts(limits: list[Limit], shifts: list[float]) -> None:
    found = ledger.free_starts([Span(0.0, 3600.0)], 6, limits, until=10_800.0, most=3)
    assert found == shifts


def test_a_free_start_is_on_a_quarter_of_an_hour() -> None:
    assert ledger.free_starts([Span(60.0, 120.0)], 1, [_limit(1)], until=900.0, most=1) == [840.0]


def test_a_series_is_put_off_as_a_whole() -> None:
    series = [Span(0.0, 900.0), Span(86_400.0, 87_300.0)]
    full = _limit(1, (0.0, 900.0, 1), (86_400.0 + 900.0, 86_400.0 + 1800.0, 1))
    assert ledger.free_starts(series, 1, [full], until=3600.0, most=1) == [1800.0]
