"""A real calendar program reads what invitees are sent: khal, by its own vdir and database.

vdirs hold one file for each UID, which is how a calendar shows one series with
its exceptions; khal's import puts it there as CalDAV clients do.
"""

from __future__ import annotations

import datetime
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.utils import timezone
from icalendar import Calendar, Component

from conferences import invitations, selectors, services
from conferences.models import Conference, User
from conferences.services import Invitee
from tests import people

HOUR = datetime.timedelta(hours=1)
WEEK = datetime.timedelta(days=7)
CONFIG = """
[calendars]
[[home]]
path = {directory}/home
type = calendar
[locale]
local_timezone = Europe/Berlin
default_timezone = Europe/Berlin
timeformat = %H:%M
dateformat = %Y-%m-%d
longdateformat = %Y-%m-%d
datetimeformat = %Y-%m-%d %H:%M
longdatetimeformat = %Y-%m-%d %H:%M
[default]
default_calendar = home
[sqlite]
path = {directory}/khal.db
"""

#: Gives khal a calendar, and tells what it lists from a Monday on.
Khal = Callable[[bytes], list[str]]


def _monday() -> datetime.datetime:
    """A Monday to come at nine in Berlin, in summer."""
    june = datetime.datetime(timezone.now().year + 1, 6, 1, 7, tzinfo=datetime.UTC)
    return june + datetime.timedelta(days=(7 - june.weekday()) % 7)


@pytest.fixture
def khal(tmp_path: Path) -> Khal:
    (tmp_path / "home").mkdir()
    (tmp_path / "config").write_text(CONFIG.format(directory=tmp_path))

    def run(*arguments: str) -> str:
        command = Path(sys.executable).with_name("khal")
        environment = {"HOME": str(tmp_path), "LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"}
        done = subprocess.run(
            [command, "-c", str(tmp_path / "config"), *arguments],
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        )
        assert "rror" not in done.stderr
        return done.stdout

    def listed(calendar: bytes) -> list[str]:
        (tmp_path / "sent.ics").write_bytes(calendar)
        run("import", "--batch", "-a", "home", str(tmp_path / "sent.ics"))
        shown = "{start-long} {cancelled}{title}"
        told = run("list", "--day-format", "", "--format", shown, f"{_monday():%Y-%m-%d}", "60d")
        return [line for line in told.splitlines() if line]

    return listed


@pytest.fixture
def weekly(alice: User) -> Conference:
    return services.book(
        organizer=alice,
        title="Weekly",
        starts_at=_monday(),
        timezone="Europe/Berlin",
        rrule="FREQ=WEEKLY;BYDAY=MO;COUNT=5",
        invitees=[Invitee(email="carol@example.org")],
    )


def _latest(row: Conference, *, number: int = 0) -> bytes:
    mail = selectors.outbox(row).filter(series=number)[0]
    return invitations.letter(mail, at=timezone.now()).calendar


def _line(week: int, *, later: datetime.timedelta = 0 * HOUR, title: str = "Weekly") -> str:
    local = _monday() + week * WEEK + later + 2 * HOUR
    return f"{local:%Y-%m-%d %H:%M} {title}"


def test_khal_shows_one_series_and_follows_its_changes(weekly: Conference, khal: Khal) -> None:
    assert khal(_latest(weekly)) == [_line(week) for week in range(5)]

    actor = people.ALICE.uri
    services.cancel_occurrence(conference=weekly, recurrence_id=_monday() + WEEK, actor=actor)
    services.change_occurrence(
        conference=weekly,
        recurrence_id=_monday() + 2 * WEEK,
        actor=actor,
        starts_at=_monday() + 2 * WEEK + 28 * HOUR,
        title="With guests",
    )
    moved = _line(2, later=28 * HOUR, title="With guests")
    assert khal(_latest(weekly)) == [_line(0), moved, _line(3), _line(4)]

    services.change_following(
        conference=weekly,
        recurrence_id=_monday() + 3 * WEEK,
        actor=actor,
        starts_at=_monday() + 3 * WEEK + HOUR,
    )
    assert khal(_latest(weekly, number=0)) == [_line(0), moved]
    both = khal(_latest(weekly, number=1))
    assert both == [_line(0), moved, _line(3, later=HOUR), _line(4, later=HOUR)]


def test_khal_reads_a_whole_feed(alice: User, weekly: Conference, khal: Khal) -> None:
    services.cancel_occurrence(
        conference=weekly, recurrence_id=_monday() + WEEK, actor=people.ALICE.uri
    )
    services.book(
        organizer=alice, title="Single", starts_at=_monday() + HOUR, timezone="Asia/Kathmandu"
    )
    now = timezone.now()
    rows = [(row, "words") for row in selectors.calendar(alice, since=now)]
    single = _line(0, later=HOUR, title="Single")
    assert khal(invitations.feed(rows, name="Alice", at=now)) == [
        _line(0),
        single,
        _line(2),
        _line(3),
        _line(4),
    ]


def test_khal_reads_what_lies_in_a_calendar(alice: User, weekly: Conference, khal: Khal) -> None:
    """A CalDAV object is the whole series with its exceptions."""
    services.cancel_occurrence(
        conference=weekly, recurrence_id=_monday() + WEEK, actor=people.ALICE.uri
    )
    stored = invitations.objects.calendar_object(weekly, 0, reader=alice, kept="")
    assert khal(stored) == [_line(0), _line(2), _line(3), _line(4)]


def test_khal_shows_what_was_cancelled_as_that(weekly: Conference, khal: Khal) -> None:
    khal(_latest(weekly))
    services.cancel(conference=weekly, actor=people.ALICE.uri)
    told = khal(_latest(weekly))
    assert told == [_line(week, title="CANCELLED Weekly") for week in range(5)]


def _letters(row: Conference) -> list[Component]:
    """Every calendar that invitees were sent about it."""
    now = timezone.now()
    octets = [invitations.letter(mail, at=now).calendar for mail in selectors.outbox(row)]
    return [Calendar.from_ical(one) for one in octets if one]


def test_all_that_is_sent_parses_strictly(weekly: Conference) -> None:
    """RFC 5545 and RFC 5546: nothing that a parser has to forgive, and all that it needs."""
    actor = people.ALICE.uri
    services.cancel_occurrence(conference=weekly, recurrence_id=_monday() + WEEK, actor=actor)
    services.change_occurrence(
        conference=weekly,
        recurrence_id=_monday() + 2 * WEEK,
        actor=actor,
        title='Ümläut; with, commas\\ and "quotes" ' * 4,
    )
    services.change_following(
        conference=weekly, recurrence_id=_monday() + 3 * WEEK, actor=actor, duration_minutes=30
    )
    services.cancel(conference=weekly, actor=actor)
    found = _letters(weekly)
    assert {str(one["METHOD"]) for one in found} == {"REQUEST", "CANCEL"}
    for calendar in found:
        zones = {str(zone["TZID"]) for zone in calendar.walk("VTIMEZONE")}
        assert zones == {"Europe/Berlin"}
        for event in calendar.walk("VEVENT"):
            assert event.errors == []
            for name in ("UID", "DTSTAMP", "DTSTART", "SEQUENCE", "ORGANIZER", "ATTENDEE"):
                assert name in event, f"no {name} in {event}"
