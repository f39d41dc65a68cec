"""The jitter buffer: order, gaps, pauses, drift."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from sipgateway.media.jitter import (
    CAPACITY,
    MAX_DEPTH,
    MIN_DEPTH,
    PATIENCE,
    Entry,
    Gap,
    JitterBuffer,
)


def put(buffer: JitterBuffer, *sequences: int) -> None:
    for sequence in sequences:
        buffer.put(sequence & 0xFFFF, str(sequence).encode(), None)


def got(buffer: JitterBuffer, count: int) -> list[str]:
    """What comes out: a number, ``-`` for a gap, an empty string for nothing."""
    out = []
    for _ in range(count):
        entry = buffer.get()
        text = entry.payload.decode() if isinstance(entry, Entry) else ""
        out.append("-" if isinstance(entry, Gap) else text)
    return out


def test_it_waits_for_two() -> None:
    buffer = JitterBuffer()
    put(buffer, 1)
    assert got(buffer, 1) == [""]
    put(buffer, 2)
    assert got(buffer, 2) == ["1", "2"]


def test_one_alone_does_not_wait_for_ever() -> None:
    buffer = JitterBuffer()
    put(buffer, 1)
    assert got(buffer, 4) == ["", "", "1", "-"]


def test_disorder_is_put_in_order() -> None:
    buffer = JitterBuffer()
    put(buffer, 2, 1, 4, 3)
    assert got(buffer, 4) == ["1", "2", "3", "4"]


def test_a_lost_packet_is_a_gap_that_knows_what_follows() -> None:
    buffer = JitterBuffer()
    put(buffer, 1, 2, 4)
    assert got(buffer, 2) == ["1", "2"]
    assert buffer.get() == Gap(b"4")
    assert got(buffer, 1) == ["4"]


def test_the_same_packet_twice_is_played_once() -> None:
    buffer = JitterBuffer()
    put(buffer, 1, 1, 2, 2, 3)
    assert got(buffer, 3) == ["1", "2", "3"]


def test_too_late_is_dropped_and_counted() -> None:
    buffer = JitterBuffer()
    put(buffer, 1, 2, 4)
    got(buffer, 3)
    put(buffer, 3)
    assert buffer.late == 1
    assert got(buffer, 2) == ["-", "4"], "and the stream is held up, so that the next is in time"
    assert buffer.depth == MIN_DEPTH + 1


def test_what_comes_again_is_not_late() -> None:
    buffer = JitterBuffer()
    put(buffer, 1, 2, 3)
    got(buffer, 2)
    put(buffer, 1, 2)
    assert (buffer.late, buffer.depth) == (0, MIN_DEPTH)


def test_one_that_comes_much_too_late_changes_nothing() -> None:
    buffer = JitterBuffer()
    put(buffer, 1, 2, *range(4, 20))
    got(buffer, 15)
    put(buffer, 3)
    assert (buffer.late, buffer.depth) == (1, MIN_DEPTH)


def test_what_is_too_much_is_left_out_where_nothing_is_said() -> None:
    buffer = JitterBuffer()
    for sequence in range(10):
        buffer.put(sequence, str(sequence).encode(), 30)
    got(buffer, 1)
    for sequence in range(10, 59):
        buffer.put(sequence, str(sequence).encode(), 100 if sequence == 50 else 30)
        entry = buffer.get()
        assert isinstance(entry, Entry)
        assert entry.payload == str(sequence - 9).encode()
    assert got(buffer, 2) == ["51", "52"]


def test_the_sequence_wraps() -> None:
    buffer = JitterBuffer()
    put(buffer, 65534, 65535, 65536, 65537)
    assert got(buffer, 4) == ["65534", "65535", "65536", "65537"]


def test_a_pause_ends_in_silence_and_then_it_goes_on() -> None:
    buffer = JitterBuffer()
    put(buffer, 1, 2)
    assert got(buffer, 6) == ["1", "2", "-", "-", "", ""]
    put(buffer, 3, 4)
    assert got(buffer, 2) == ["3", "4"]


def test_a_packet_that_was_only_late_is_still_played() -> None:
    """And from then on one more is kept in hand."""
    buffer = JitterBuffer()
    put(buffer, 1, 2)
    assert got(buffer, 3) == ["1", "2", "-"]
    put(buffer, 3, 4)
    assert got(buffer, 2) == ["3", "4"]
    assert buffer.depth == MIN_DEPTH + 1


def test_a_faster_clock_does_not_pile_up() -> None:
    buffer = JitterBuffer()
    sequence = 0
    for tick in range(40 * PATIENCE):
        for _ in range(2 if tick % 50 == 0 else 1):
            sequence += 1
            put(buffer, sequence)
        buffer.get()
    assert len(buffer.packets) <= buffer.depth + 2


def test_a_big_jump_is_not_concealed() -> None:
    buffer = JitterBuffer()
    put(buffer, 1, 2)
    got(buffer, 2)
    put(buffer, 2 + 3 * MAX_DEPTH, 3 + 3 * MAX_DEPTH)
    assert got(buffer, 2) == [str(2 + 3 * MAX_DEPTH), str(3 + 3 * MAX_DEPTH)]


def test_it_never_holds_more_than_a_second() -> None:
    buffer = JitterBuffer()
    put(buffer, *range(10 * CAPACITY))
    assert len(buffer.packets) <= CAPACITY


@given(st.lists(st.one_of(st.none(), st.integers(0, 0xFFFF)), max_size=200), st.randoms())
def test_whatever_comes_it_goes_on(steps: list[int | None], chance: random.Random) -> None:
    """Random packets and requests: no exception, bounded, depth within its limits."""
    buffer = JitterBuffer()
    for step in steps:
        if step is None or chance.random() < 0.3:
            buffer.get()
        else:
            buffer.put(step, b"x", None)
        assert len(buffer.packets) <= CAPACITY
        assert MIN_DEPTH <= buffer.depth <= MAX_DEPTH
