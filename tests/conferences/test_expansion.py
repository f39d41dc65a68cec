"""Series expand as `dateutil` and `recurring-ical-events` say, across the clocks' changes."""

from __future__ import annotations

import datetime
import zoneinfo

import pytest
import recurring_ical_events
from dateutil import rrule
from hypothesis import given, settings
from hypothesis import strategies as st
from icalendar import Calendar

from conferences import recurrence
from conferences.invitations import ics
from conferences.models import Conference, Kind
from conferences.recurrence import Override, Pattern
from conferences.selectors import Series

ZONES = ["Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe", "Asia/Kathmandu"]
UTC = datetime.UTC
HOUR = datetime.timedelta(hours=1)
FIRST, LAST = datetime.datetime(2020, 1, 1), datetime.datetime(2035, 12, 31, 23)  # noqa: DTZ001

_DAYS = st.lists(
    st.sampled_from(["MO", "TU", "WE", "TH", "FR", "SA", "SU"]), min_size=1, max_size=7, unique=True
).map(",".join)
_PLACES = st.tuples(
    st.sampled_from(["", "1", "2", "3", "4", "-1"]), st.sampled_from(["MO", "WE", "SU"])
).map("".join)
_BY = {
    "DAILY": st.just(""),
    "WEEKLY": st.one_of(st.just(""), _DAYS.map(";BYDAY={}".format)),
    "MONTHLY": st.one_of(
        _PLACES.map(";BYDAY={}".format), st.integers(1, 31).map(";BYMONTHDAY={}".format)
    ),
    "YEARLY": st.just(""),
}


@st.composite
def patterns(draw: st.DrawFn) -> Pattern:
    """A series in one of the zones: any start, so also in the hours that come twice."""
    zone = draw(st.sampled_from(ZONES))
    wall = draw(st.datetimes(FIRST, LAST)).replace(second=0, microsecond=0)
    # Half of them in the small hours, in which the clocks are changed.
    if draw(st.booleans()):
        wall = wall.replace(hour=draw(st.integers(0, 3)))
    frequency = draw(st.sampled_from(sorted(_BY)))
    ends = draw(
        st.one_of(
            st.integers(1, 400).map(";COUNT={}".format),
            st.dates(wall.date(), LAST.date()).map(";UNTIL={:%Y%m%d}".format),
        )
    )
    step = draw(st.integers(1, 3))
    rule = f"FREQ={frequency};INTERVAL={step}{draw(_BY[frequency])}{ends}"
    start = wall.replace(tzinfo=zoneinfo.ZoneInfo(zone)).astimezone(UTC)
    plain = Pattern(start, draw(st.integers(1, 180)) * HOUR / 60, zone, rule)
    try:
        first = recurrence.first_start(plain)
    except recurrence.BadRule:
        return Pattern(start, HOUR, zone, "FREQ=DAILY;COUNT=3")
    return Pattern(first, plain.duration, zone, rule)


@st.composite
def changed(draw: st.DrawFn) -> Pattern:
    """A series, some of whose first occurrences were moved, called off or called otherwise."""
    plain = draw(patterns())
    names = [
        one.recurrence_id for one, _ in zip(recurrence.planned(plain), range(12), strict=False)
    ]
    overrides = {}
    for name in draw(st.lists(st.sampled_from(names), max_size=4, unique=True)):
        what = draw(st.sampled_from(["off", "moved", "longer", "named"]))
        overrides[name] = {
            "off": Override(cancelled=True),
            "moved": Override(starts_at=name + draw(st.integers(-50, 50)) * HOUR),
            "longer": Override(duration=plain.duration + HOUR),
            "named": Override(title="Other"),
        }[what]
    return Pattern(plain.starts_at, plain.duration, plain.zone, plain.rule, overrides)


def _walls(pattern: Pattern) -> list[datetime.datetime]:
    """By `dateutil` alone: the rule on the clock on the wall, without an end."""
    zone = zoneinfo.ZoneInfo(pattern.zone)
    kept = [p for p in pattern.rule.split(";") if not p.startswith(("UNTIL=", "COUNT="))]
    first = pattern.starts_at.astimezone(zone).replace(tzinfo=None, fold=0)
    found = rrule.rrulestr(";".join(kept), dtstart=first)
    assert isinstance(found, rrule.rrule)
    return found.between(first, first + recurrence.HORIZON, inc=True)


def _by_dateutil(pattern: Pattern) -> list[datetime.datetime]:
    zone = zoneinfo.ZoneInfo(pattern.zone)
    walls = _walls(pattern)
    ends = dict(part.split("=") for part in pattern.rule.split(";"))
    if "COUNT" in ends:
        walls = walls[: int(ends["COUNT"])]
    if "UNTIL" in ends:
        walls = [one for one in walls if f"{one:%Y%m%d}" <= ends["UNTIL"]]
    return [one.replace(tzinfo=zone).astimezone(UTC) for one in walls]


@settings(max_examples=150, deadline=None)
@given(patterns())
def test_a_series_is_as_dateutil_has_it(pattern: Pattern) -> None:
    ours = [one.starts_at for one in recurrence.occurrences(pattern)]
    assert ours == _by_dateutil(pattern)


def _calendar(pattern: Pattern) -> Calendar:
    """What invitees are sent."""
    conference = Conference(
        pk=1,
        name="series",
        title="Series",
        kind=Kind.BOOKED,
        starts_at=pattern.starts_at,
        duration_minutes=30,
        timezone=pattern.zone,
        created_at=datetime.datetime(2020, 1, 1, tzinfo=UTC),
    )
    events = list(ics.events_of(conference, Series(0, "Series", pattern), words="", at=FIRST))
    read = Calendar.from_ical(ics.written(events, method="PUBLISH").decode())
    assert isinstance(read, Calendar)
    assert [event.errors for event in read.walk("VEVENT")] == [[]] * len(events)
    return read


@settings(max_examples=60, deadline=None)
@given(changed())
def test_others_read_the_same_out_of_our_calendars(pattern: Pattern) -> None:
    ours = sorted(
        (one.starts_at, one.ends_at, one.title or "Series")
        for one in recurrence.occurrences(pattern)
    )
    since, until = ours[0][0] if ours else pattern.starts_at, pattern.starts_at
    until = max([until, *(one[1] for one in ours)]) + HOUR
    found = recurring_ical_events.of(_calendar(pattern)).between(since - HOUR, until)
    theirs = sorted(
        (
            one["DTSTART"].dt.astimezone(UTC),
            one["DTEND"].dt.astimezone(UTC),
            str(one["SUMMARY"]),
        )
        for one in found
    )
    assert [(one[0], one[2]) for one in theirs] == [(one[0], one[2]) for one in ours]
    # The same exact duration applies to all (RFC 5545 3.8.5.3); they count on the wall, which
    # differs where the clocks are changed meanwhile.
    zone = zoneinfo.ZoneInfo(pattern.zone)
    for (begin, end, _), (_, their_end, _) in zip(ours, theirs, strict=True):
        around = {at.astimezone(zone).utcoffset() for at in (begin - 2 * HOUR, end + 2 * HOUR)}
        assert end == their_end or len(around) > 1


@pytest.mark.parametrize(
    ("zone", "wall", "rule", "starts"),
    [
        # Skipped: as much later as the clocks skip (RFC 5545 3.3.5).
        (
            "Europe/Berlin",
            "2027-03-27T02:30",
            "FREQ=DAILY;COUNT=3",
            ["2027-03-27T01:30", "2027-03-28T01:30", "2027-03-29T00:30"],
        ),
        # Twice: the first of the two.
        (
            "Europe/Berlin",
            "2027-10-30T02:30",
            "FREQ=DAILY;COUNT=3",
            ["2027-10-30T00:30", "2027-10-31T00:30", "2027-11-01T01:30"],
        ),
        # Half an hour on Lord Howe.
        (
            "Australia/Lord_Howe",
            "2027-10-02T02:15",
            "FREQ=DAILY;COUNT=3",
            ["2027-10-01T15:45", "2027-10-02T15:45", "2027-10-03T15:15"],
        ),
        # No changes in these since 2019 and ever.
        (
            "America/Sao_Paulo",
            "2027-10-16T00:30",
            "FREQ=DAILY;COUNT=2",
            ["2027-10-16T03:30", "2027-10-17T03:30"],
        ),
        (
            "Asia/Kathmandu",
            "2027-03-27T00:15",
            "FREQ=DAILY;COUNT=2",
            ["2027-03-26T18:30", "2027-03-27T18:30"],
        ),
    ],
)
def test_the_hours_in_which_clocks_change(
    zone: str, wall: str, rule: str, starts: list[str]
) -> None:
    start = datetime.datetime.fromisoformat(wall).replace(tzinfo=zoneinfo.ZoneInfo(zone))
    pattern = Pattern(start, HOUR, zone, rule)
    found = [f"{one.starts_at:%Y-%m-%dT%H:%M}" for one in recurrence.occurrences(pattern)]
    assert found == starts
