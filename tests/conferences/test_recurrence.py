"""Rules, zones and the two nights in which the clocks change."""

from __future__ import annotations

import datetime
import itertools

import pytest

from conferences import recurrence
from conferences.recurrence import BadRule, Pattern

UTC = datetime.UTC


def _pattern(start: str, rule: str, zone: str = "Europe/Berlin", minutes: int = 60) -> Pattern:
    return Pattern(
        datetime.datetime.fromisoformat(start), datetime.timedelta(minutes=minutes), zone, rule
    )


def _starts(pattern: Pattern, count: int = 10) -> list[str]:
    found = itertools.islice(recurrence.occurrences(pattern), count)
    return [f"{one.starts_at:%m-%dT%H:%M}" for one in found]


@pytest.mark.parametrize(
    ("start", "rule", "starts"),
    [
        # Summer time begins on 29 March and ends on 25 October 2026 in Berlin.
        ("2026-03-23T08:00Z", "FREQ=WEEKLY;COUNT=2", ["03-23T08:00", "03-30T07:00"]),
        ("2026-10-19T07:00Z", "FREQ=WEEKLY;COUNT=2", ["10-19T07:00", "10-26T08:00"]),
        # 02:30 is skipped in the first night, and comes twice in the second.
        ("2026-03-28T01:30Z", "FREQ=DAILY;COUNT=3", ["03-28T01:30", "03-29T01:30", "03-30T00:30"]),
        ("2026-10-24T00:30Z", "FREQ=DAILY;COUNT=3", ["10-24T00:30", "10-25T00:30", "10-26T01:30"]),
        ("2026-03-02T08:00Z", "", ["03-02T08:00"]),
        (
            "2026-03-02T08:00Z",
            "FREQ=MONTHLY;BYDAY=1MO;COUNT=3",
            ["03-02T08:00", "04-06T07:00", "05-04T07:00"],
        ),
        ("2026-03-02T08:00Z", "FREQ=DAILY;UNTIL=20260303", ["03-02T08:00", "03-03T08:00"]),
        ("2026-03-02T08:00Z", "FREQ=DAILY;UNTIL=20260303T080000Z", ["03-02T08:00", "03-03T08:00"]),
        ("2026-03-02T08:00Z", "FREQ=DAILY;UNTIL=20260303T075959Z", ["03-02T08:00"]),
        # The start does not fit the rule: the first that fits is the first.
        ("2026-03-02T08:00Z", "FREQ=WEEKLY;BYDAY=TU;COUNT=1", ["03-03T08:00"]),
    ],
)
def test_occurrences(start: str, rule: str, starts: list[str]) -> None:
    assert _starts(_pattern(start, rule)) == starts


def test_the_wall_clock_counts_in_the_zone_of_the_booking() -> None:
    """Early Monday in Auckland is still Sunday in UTC."""
    pattern = _pattern("2026-03-01T20:00Z", "FREQ=WEEKLY;BYDAY=MO;COUNT=1", "Pacific/Auckland")
    assert _starts(pattern) == ["03-01T20:00"]


def test_current_or_next() -> None:
    pattern = _pattern("2026-03-02T08:00Z", "FREQ=DAILY;COUNT=2", "UTC")

    def after(text: str) -> str | None:
        found = recurrence.current_or_next(
            pattern, after=datetime.datetime.fromisoformat(f"2026-03-{text}Z")
        )
        return f"{found.starts_at:%dT%H:%M}" if found else None

    assert after("01T00:00") == "02T08:00"
    assert after("02T08:59") == "02T08:00"
    assert after("02T09:00") == "03T08:00"
    assert after("03T09:00") is None


def test_an_endless_rule_is_found_far_from_its_start() -> None:
    pattern = _pattern("2020-01-01T08:00Z", "FREQ=DAILY", "UTC")
    found = recurrence.current_or_next(pattern, after=datetime.datetime(2026, 5, 1, tzinfo=UTC))
    assert found is not None
    assert found.starts_at == datetime.datetime(2026, 5, 1, 8, tzinfo=UTC)
    assert recurrence.last_end(pattern) is None


def test_last_end() -> None:
    ends = recurrence.last_end(_pattern("2026-03-02T08:00Z", "FREQ=DAILY;COUNT=3", "UTC"))
    assert ends == datetime.datetime(2026, 3, 4, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("FREQ=WEEKLY", "FREQ=WEEKLY"),
        ("rrule:freq=weekly;byday=mo,we", "FREQ=WEEKLY;BYDAY=MO,WE"),
        ("FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=-1", "FREQ=YEARLY;BYMONTH=12;BYMONTHDAY=-1"),
    ],
)
def test_parse_rule(said: str, kept: str) -> None:
    assert recurrence.parse_rule(said) == kept


@pytest.mark.parametrize(
    "said",
    [
        "",
        "WEEKLY",
        "FREQ=SECONDLY",
        "FREQ=HOURLY;INTERVAL=1",
        "FREQ=DAILY;BYHOUR=1,2,3",
        "INTERVAL=2",
        "FREQ=DAILY;FREQ=WEEKLY",
        "FREQ=DAILY;COUNT=2;UNTIL=20260303",
        "FREQ=DAILY\nEXDATE:20260303",
        "FREQ=DAILY;INTERVAL=0",
    ],
)
def test_rules_that_cannot_be_booked(said: str) -> None:
    with pytest.raises(BadRule):
        recurrence.parse_rule(said)


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;UNTIL=20259999",
        "FREQ=DAILY;UNTIL=20250101",
    ],
)
def test_rules_without_a_day(rule: str) -> None:
    """Bounded: a rule that never fits is not searched for until the year 9999."""
    with pytest.raises(BadRule):
        recurrence.first_start(_pattern("2026-03-02T08:00Z", rule))
