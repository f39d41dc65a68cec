"""What is measured of a leg, and the mark that is made of it."""

from __future__ import annotations

import pytest

from sipgateway.media import quality
from sipgateway.media.engine import Figures
from sipgateway.media.quality import EVERY, REPEAT, STALE, Meter
from sipgateway.media.rtcp import Reception, Told


@pytest.mark.parametrize(
    ("loss", "delay", "mark"),
    [
        # R = 93.2 is 4.41 (G.107 annex B); 5 % with Bpl 25.1: Ie,eff = 15.8; 300 ms: Id = 20.7
        (0.0, 0.0, 4.41),
        (5.0, 0.0, 3.92),
        (0.0, 300.0, 3.71),
        (100.0, 0.0, 1.18),
        (100.0, 2000.0, 1.0),
    ],
)
def test_the_marks_of_the_e_model(loss: float, delay: float, mark: float) -> None:
    assert quality.score(loss=loss, delay=delay) == pytest.approx(mark, abs=0.01)


def test_more_loss_and_more_delay_are_never_better() -> None:
    by_loss = [quality.score(loss=one, delay=50) for one in range(0, 101, 5)]
    by_delay = [quality.score(loss=0, delay=one) for one in range(0, 1000, 50)]
    assert by_loss == sorted(by_loss, reverse=True)
    assert by_delay == sorted(by_delay, reverse=True)


def stream(reception: Reception, count: int, *, lost: int = 0) -> None:
    """So many packets of 20 ms, of which the first are lost."""
    begin = reception.highest + 1 if reception.first >= 0 else 0
    for number in range(begin + lost, begin + count):
        reception.receive(number & 0xFFFF, 960 * number, 0.02 * number)


def test_both_ways_are_measured() -> None:
    meter, seen = Meter(48_000), Reception(9, 48_000)
    stream(seen, 250)
    units = int((4.9 - 0.1) * 65536)
    meter.hear(Told(lost=0.04, jitter=480, last_report=units, delay=0), 4.9)
    assert meter.look(seen, late=0, depth=2, now=5.0)
    assert meter.now == Figures(
        loss_in=0.0, loss_out=4.0, jitter_in=0, jitter_out=10, round_trip=100, mos=meter.now.mos
    )
    assert meter.now.mos == pytest.approx(quality.score(loss=4, delay=40 + 50 + 40), abs=0.01)


def test_what_is_lost_and_what_comes_too_late_count_alike() -> None:
    meter, seen = Meter(8000), Reception(9, 48_000)
    stream(seen, 250)
    meter.look(seen, late=0, depth=2, now=5.0)
    stream(seen, 100, lost=10)
    meter.look(seen, late=5, depth=3, now=10.0)
    assert meter.now.loss_in == 15.0
    stream(seen, 100)
    meter.look(seen, late=5, depth=3, now=15.0)
    assert meter.now.loss_in == 0.0, "that was before"
    assert meter.mean.loss_in == 5.0
    assert meter.worst == pytest.approx(quality.score(loss=15, delay=100), abs=0.01)


def test_a_phone_that_sends_no_reports_is_half_unknown() -> None:
    meter, seen = Meter(8000), Reception(9, 8000)
    stream(seen, 250)
    meter.look(seen, late=0, depth=2, now=5.0)
    assert (meter.now.loss_out, meter.now.jitter_out, meter.now.round_trip) == (None, None, None)
    assert meter.now.mos is not None


def test_of_a_leg_that_neither_sends_nor_reports_nothing_is_known() -> None:
    meter = Meter(8000)
    assert not meter.look(None, late=0, depth=2, now=5.0)
    assert not meter.look(None, late=0, depth=2, now=5.0 + 2 * REPEAT)
    assert meter.now == meter.mean == Figures()
    assert meter.worst is None


def test_an_old_report_says_nothing_about_now() -> None:
    meter = Meter(48_000)
    meter.hear(Told(0.5, 0, 0, 0), 1.0)
    meter.look(None, late=0, depth=2, now=5.0)
    assert meter.now.loss_out == 50.0
    assert meter.look(None, late=0, depth=2, now=1.0 + STALE), "it is news that it is not known"
    assert meter.now == Figures()


def test_only_what_has_changed_is_told() -> None:
    meter, seen, told = Meter(48_000), Reception(9, 48_000), []
    for number in range(1, 30):
        stream(seen, 250, lost=25 if number == 20 else 0)
        if meter.look(seen, late=0, depth=2, now=EVERY * number):
            told.append(number)
    minutes = [1 + int(REPEAT / EVERY), 1 + 20 - 1]
    assert told[0] == 1, "first that all is well"
    assert {20, 21} <= set(told), "then when something was lost, and when it was not any more"
    assert len(told) <= len(minutes) + 4


def test_another_stream_is_measured_from_its_beginning() -> None:
    meter, first, second = Meter(48_000), Reception(9, 48_000), Reception(10, 48_000)
    stream(first, 250)
    meter.look(first, late=0, depth=2, now=5.0)
    stream(second, 100)
    meter.look(second, late=3, depth=2, now=10.0)
    assert meter.now.loss_in == 0.0
