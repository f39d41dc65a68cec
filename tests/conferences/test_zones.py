"""Time zones: which can be booked in, and what a VTIMEZONE says of their clocks."""

from __future__ import annotations

import datetime
import io
import zoneinfo

import pytest
from dateutil import tz
from icalendar import Calendar, Event

from conferences import zones
from conferences.invitations import ics

#: Summer time, none any more, half an hour of it, a quarter of an hour off; then rules that
#: are no "last Sunday": across a month's end, before a Sunday, by a calendar of the moon.
ZONES = [
    "Europe/Berlin",
    "America/Sao_Paulo",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Africa/Cairo",
    "America/Nuuk",
    "Africa/Casablanca",
    "America/Santiago",
    "Europe/Dublin",
    "UTC",
]


def _calendar(zone: str, year: int) -> bytes:
    event = Event()
    event.add("dtstart", datetime.datetime(year, 6, 1, 9, tzinfo=zoneinfo.ZoneInfo(zone)))
    event.add("summary", "Weekly")
    return ics.written([event])


def _read(octets: bytes, zone: str) -> datetime.tzinfo:
    """The clocks by what is written alone: as a program has them that knows no zones."""
    if zone == "UTC":
        assert b"VTIMEZONE" not in octets
        return datetime.UTC
    found = tz.tzical(io.StringIO(octets.decode())).get(zone)
    assert found is not None
    return found


@pytest.mark.parametrize("zone", ZONES)
def test_a_zone_is_written_as_its_clocks_go(zone: str) -> None:
    """Every six hours' clock, from 2020 to 2045, of series that begin in 2020 and in 2035."""
    info = zoneinfo.ZoneInfo(zone)
    for begins, ends in ((2020, 2030), (2035, 2045)):
        written = _read(_calendar(zone, begins), zone)
        at = datetime.datetime(begins, 1, 3, 3, 30)  # noqa: DTZ001 - a clock on the wall
        while at.year <= ends:
            clear = tz.datetime_exists(at, info) and not tz.datetime_ambiguous(at, info)
            if clear:
                offset = at.replace(tzinfo=info).utcoffset()
                assert at.replace(tzinfo=written).utcoffset() == offset, at
            at += datetime.timedelta(hours=6)


def test_rules_go_on_for_ever() -> None:
    (zone,) = Calendar.from_ical(_calendar("Europe/Berlin", 2026)).walk("VTIMEZONE")
    told = {
        one.name: (one["DTSTART"].to_ical(), one["RRULE"].to_ical(), str(one["TZNAME"]))
        for one in zone.subcomponents
    }
    assert told == {
        "DAYLIGHT": (b"20250330T020000", b"FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3", "CEST"),
        "STANDARD": (b"20251026T030000", b"FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10", "CET"),
    }
    late = _read(_calendar("Europe/Berlin", 2026), "Europe/Berlin")
    summer = datetime.datetime(2090, 7, 1, 9, tzinfo=late)
    assert summer.utcoffset() == datetime.timedelta(hours=2)


def test_every_place_can_be_written() -> None:
    """A rule for ever, single changes, or nothing that ever changes: never an empty zone."""
    for zone in zones.places() - {"UTC"}:
        found = zones.observances(zone, since=2025, until=2037)
        assert found, zone
        assert all(one.begins for one in found), zone


def test_places_are_offered() -> None:
    assert {"UTC", "Europe/Berlin", "Asia/Kolkata", "America/Argentina/Ushuaia"} <= zones.places()
    assert all("/" in one or one == "UTC" for one in zones.places())
    areas = {one.partition("/")[0] for one in zones.places()}
    assert not areas & {"Etc", "US", "posix", "right", "SystemV"}


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("Europe/Berlin", "Europe/Berlin"),
        (" europe/berlin ", "Europe/Berlin"),
        ("Europe/Amsterdam", "Europe/Amsterdam"),
        ("Asia/Calcutta", "Asia/Kolkata"),
        ("US/Eastern", "America/New_York"),
        ("Australia/LHI", "Australia/Lord_Howe"),
        ("UTC", "UTC"),
        ("GMT+0", "UTC"),
        ("Etc/UTC", "UTC"),
        ("Zulu", "UTC"),
        ("EST", None),
        ("EST5EDT", None),
        ("CET", None),
        ("Etc/GMT+5", None),
        ("posixrules", None),
        ("localtime", None),
        ("Factory", None),
        ("../../etc/passwd", None),
        ("", None),
    ],
)
def test_a_name_of_before_means_a_place_of_today(said: str, meant: str | None) -> None:
    assert zones.named(said) == meant
