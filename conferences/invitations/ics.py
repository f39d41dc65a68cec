"""Bookings as iCalendar objects (RFC 5545), by iTIP (RFC 5546).

A series is one VEVENT with its rule, in local time beside the VTIMEZONE of
its zone, so that it keeps its wall-clock time in every calendar. The UID of a
booking never changes, SEQUENCE counts its changes.
"""

from __future__ import annotations

import datetime
import re
import uuid
import zoneinfo
from collections.abc import Iterable
from dataclasses import dataclass
from email.utils import parseaddr

from django.conf import settings
from icalendar import Calendar, Event, vCalAddress, vRecur, vText, vUri

from conferences import recurrence, selectors
from conferences.models import Answer, Conference, Kind, RoleChoice

PRODUCT = "-//Parley//Conferences//EN"
#: VTIMEZONEs tell the changes of the clock from the year before the first start
#: for so long: as far as a rule is unrolled.
_ZONE_TOLD = recurrence.HORIZON + datetime.timedelta(days=366)
_UNTIL = re.compile(r"UNTIL=([0-9]{8})(?:T([0-9]{6})(Z?))?")
#: What cannot stand in a parameter's value (RFC 5545 3.1 QSAFE-CHAR).
_UNSAFE = re.compile(r'["\x00-\x1f\x7f]')

_PARTSTAT = {
    Answer.NONE: "NEEDS-ACTION",
    Answer.ACCEPTED: "ACCEPTED",
    Answer.TENTATIVE: "TENTATIVE",
    Answer.DECLINED: "DECLINED",
}


@dataclass(frozen=True, slots=True)
class Attendee:
    """Who is invited by mail, and what he has answered."""

    email: str
    name: str = ""
    answer: Answer = Answer.NONE
    role: str = RoleChoice.PARTICIPANT


def uid(conference: Conference) -> str:
    """The same for ever, and nobody else's (RFC 7986 5.3: no host, no clock)."""
    made = f"parley:{conference.pk}:{conference.created_at.isoformat()}"
    return str(uuid.uuid5(uuid.NAMESPACE_OID, made))


def request(
    conference: Conference, attendee: Attendee, *, words: str, at: datetime.datetime
) -> bytes:
    """METHOD:REQUEST, at first and for every change. `words` are the description."""
    event = _event(conference, words=words, at=at)
    event.add("status", "CONFIRMED")
    _add_people(event, conference, attendee)
    return _calendar([event], [conference], method="REQUEST")


def cancel(conference: Conference, attendee: Attendee, *, at: datetime.datetime) -> bytes:
    """METHOD:CANCEL: called off, or called off for this attendee."""
    event = _event(conference, words="", at=at)
    event.add("status", "CANCELLED")
    _add_people(event, conference, attendee)
    return _calendar([event], [conference], method="CANCEL")


def feed(booked: Iterable[tuple[Conference, str]], *, name: str, at: datetime.datetime) -> bytes:
    """METHOD:PUBLISH: bookings, each with its description, for somebody's own calendar."""
    rows = list(booked)
    events = [_event(conference, words=words, at=at) for conference, words in rows]
    for event in events:
        event.add("status", "CONFIRMED")
    calendar = _calendar(events, [conference for conference, _ in rows], method="PUBLISH")
    return calendar.replace(b"METHOD:", _property("NAME", name) + b"METHOD:", 1)


def _property(name: str, value: str) -> bytes:
    return b"".join(
        f"{one}:{_UNSAFE.sub('', value)}\r\n".encode() for one in (name, f"X-WR-CAL{name}")
    )


def _calendar(events: list[Event], rows: list[Conference], *, method: str) -> bytes:
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    calendar.add("method", method)
    for event in events:
        calendar.add_component(event)
    starts = [row.starts_at for row in rows if row.starts_at is not None]
    if starts:
        calendar.add_missing_timezones(
            first_date=datetime.date(min(starts).year - 1, 1, 1),
            last_date=(max(starts) + _ZONE_TOLD).date(),
        )
    written: bytes = calendar.to_ical()
    return written


def _event(conference: Conference, *, words: str, at: datetime.datetime) -> Event:
    """The booking itself, without people and status."""
    event = Event()
    event.add("uid", uid(conference))
    event.add("dtstamp", at.astimezone(datetime.UTC))
    event.add("created", conference.created_at.astimezone(datetime.UTC))
    event.add("sequence", conference.sequence)
    event.add("summary", conference.title)
    if conference.kind == Kind.BOOKED:
        _add_time(event, conference)
    if words:
        event.add("description", words)
    event.add("location", selectors.conference_url(conference))
    event.add("url", selectors.conference_url(conference))
    event.add(
        "conference",
        vUri(selectors.conference_uri(conference)),
        parameters={"VALUE": "URI", "FEATURE": "AUDIO", "LABEL": "SIP"},
    )
    return event


def _add_time(event: Event, conference: Conference) -> None:
    pattern = selectors.pattern(conference)
    zone = zoneinfo.ZoneInfo(pattern.zone)
    # UTC is written with Z and needs no VTIMEZONE (RFC 5545 3.3.5, form 2).
    where: datetime.tzinfo = datetime.UTC if pattern.zone == "UTC" else zone
    event.add("dtstart", pattern.starts_at.astimezone(where))
    event.add("dtend", (pattern.starts_at + pattern.duration).astimezone(where))
    if pattern.rule:
        event.add("rrule", vRecur.from_ical(exact_until(pattern.rule, zone)))


def exact_until(rule: str, zone: zoneinfo.ZoneInfo) -> str:
    """`rule` with UNTIL in UTC, as beside a DTSTART with a zone (RFC 5545 3.3.10).

    We take a day, which means all of it in the zone of the booking, and local
    time too.
    """
    found = _UNTIL.search(rule)
    if found is None or found[3]:
        return rule
    local = datetime.datetime.strptime(found[1] + (found[2] or "235959"), "%Y%m%d%H%M%S")  # noqa: DTZ007
    until = local.replace(tzinfo=zone).astimezone(datetime.UTC)
    return rule.replace(found[0], f"UNTIL={until:%Y%m%dT%H%M%SZ}")


def _add_people(event: Event, conference: Conference, attendee: Attendee) -> None:
    organizer = conference.organizer
    own = organizer.email if organizer else ""
    host = vCalAddress(f"mailto:{own or parseaddr(settings.DEFAULT_FROM_EMAIL)[1]}")
    host.params["CN"] = vText(_safe(organizer.get_full_name() if organizer else "Parley"))
    event.add("organizer", host)
    guest = vCalAddress(f"mailto:{attendee.email}")
    guest.params["CUTYPE"] = vText("INDIVIDUAL")
    guest.params["ROLE"] = vText(
        "CHAIR" if attendee.role == RoleChoice.MODERATOR else "REQ-PARTICIPANT"
    )
    guest.params["PARTSTAT"] = vText(_PARTSTAT[attendee.answer])
    guest.params["RSVP"] = vText("TRUE")
    if attendee.name:
        guest.params["CN"] = vText(_safe(attendee.name))
    event.add("attendee", guest)


def _safe(name: str) -> str:
    return _UNSAFE.sub("'", name)
