"""Bookings as iCalendar objects (RFC 5545), by iTIP (RFC 5546).

A series is one VEVENT with its rule, in local time beside the VTIMEZONE of
its zone, so that it keeps its wall-clock time in every calendar. What was
called off of it stands in EXDATE, what was moved is a VEVENT with the same UID
and its RECURRENCE-ID. The UID of a series never changes, SEQUENCE counts the
changes of the booking. After a change of "this and following" a conference is
two series: the earlier keeps its UID and ends before, the later has a new one
(RANGE=THISANDFOLLOWING is understood by few programs).
"""

from __future__ import annotations

import datetime
import re
import uuid
import zoneinfo
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import parseaddr

from django.conf import settings
from icalendar import (
    Calendar,
    Event,
    Timezone,
    TimezoneDaylight,
    TimezoneStandard,
    vCalAddress,
    vRecur,
    vText,
    vUri,
)

from conferences import policy, recurrence, selectors, zones
from conferences.models import Answer, Conference, RoleChoice

PRODUCT = "-//Parley//Conferences//EN"
_UNTIL = re.compile(r"UNTIL=([0-9]{8})(?:T([0-9]{6})(Z?))?")
#: What cannot stand in a parameter's value (RFC 5545 3.1 QSAFE-CHAR).
_UNSAFE = re.compile(r'["\x00-\x1f\x7f]')

#: What an answer is called (RFC 5545 3.2.12).
PARTSTAT = {
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
    #: The secret of his invitation, by which his answer is known to be his.
    token: str = ""
    #: What he has answered to single times, by RECURRENCE-ID in UTC.
    single: Mapping[datetime.datetime, Answer] = field(default_factory=dict)


def uid(conference: Conference, number: int = 0) -> str:
    """The same for ever for that series, and nobody else's (RFC 7986 5.3: no host, no clock)."""
    if conference.uid and number == 0:
        return conference.uid  # booked by a calendar program, which has named it
    made = f"parley:{conference.pk}:{conference.created_at.isoformat()}"
    return str(uuid.uuid5(uuid.NAMESPACE_OID, made if number == 0 else f"{made}:{number}"))


def request(
    conference: Conference, attendee: Attendee, *, words: str, at: datetime.datetime, number: int
) -> bytes:
    """METHOD:REQUEST for a series, at first and for every change, with all that became of it.

    `words` are the description.
    """
    events = [
        event
        for one in selectors.series(conference)
        if one.number == number
        for event in events_of(conference, one, words=words, at=at, answered=attendee.single)
    ]
    for event in events:
        event.add("status", "CONFIRMED")
        _add_people(event, conference, attendee)
    return written(events, method="REQUEST")


def cancel(
    conference: Conference, attendee: Attendee, *, at: datetime.datetime, number: int
) -> bytes:
    """METHOD:CANCEL: a series called off, or called off for this attendee."""
    event = _event(conference, number, words="", at=at)
    for one in selectors.series(conference, cancelled=True):
        if one.number == number:
            event["summary"] = vText(one.title)
            _add_time(event, one.pattern)
    event.add("status", "CANCELLED")
    _add_people(event, conference, attendee)
    return written([event], method="CANCEL")


def feed(booked: Iterable[tuple[Conference, str]], *, name: str, at: datetime.datetime) -> bytes:
    """METHOD:PUBLISH: bookings, each with its description, for somebody's own calendar."""
    rows = list(booked)
    events = [
        event
        for conference, words in rows
        for one in selectors.series(conference)
        for event in events_of(conference, one, words=words, at=at)
    ]
    for event in events:
        event.add("status", "CONFIRMED")
    octets = written(events, method="PUBLISH")
    return octets.replace(b"METHOD:", _property("NAME", name) + b"METHOD:", 1)


def _property(name: str, value: str) -> bytes:
    return b"".join(
        f"{one}:{_UNSAFE.sub('', value)}\r\n".encode() for one in (name, f"X-WR-CAL{name}")
    )


def written(events: list[Event], *, method: str = "") -> bytes:
    """A calendar of `events`, with the zones that they name."""
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    if method:
        calendar.add("method", method)
    for event in events:
        calendar.add_component(event)
    starts = [
        at
        for event in events
        if isinstance(at := getattr(event.get("dtstart"), "dt", None), datetime.datetime)
    ]
    for name in sorted(calendar.get_missing_tzids()):
        until = max(starts) + recurrence.HORIZON
        zone = _zone(name, since=min(starts).year - 1, until=until.year + 1)
        calendar.subcomponents.insert(0, zone)
    octets: bytes = calendar.to_ical()
    return octets


def _zone(name: str, *, since: int, until: int) -> Timezone:
    """Its VTIMEZONE (RFC 5545 3.6.5), with rules for ever where there are any."""
    told = Timezone()
    told.add("tzid", name)
    for found in zones.observances(name, since=since, until=until):
        one = TimezoneDaylight() if found.summer else TimezoneStandard()
        one.add("dtstart", found.begins[0])
        one.add("tzoffsetfrom", found.before)
        one.add("tzoffsetto", found.after)
        one.add("tzname", found.name)
        if found.rule:
            one.add("rrule", vRecur.from_ical(found.rule))
        for begin in found.begins[1:]:
            one.add("rdate", begin)
        told.add_component(one)
    return told


def events_of(
    conference: Conference,
    one: selectors.Series,
    *,
    words: str,
    at: datetime.datetime,
    answered: Iterable[datetime.datetime] = (),
) -> Iterator[Event]:
    """The series, each occurrence that something became of, and those `answered` by themselves."""
    whole = _event(conference, one.number, words=words, at=at)
    whole["summary"] = vText(one.title)
    _add_time(whole, one.pattern)
    where = _where(one.pattern)
    planned = [name for name, found in sorted(one.pattern.overrides.items()) if found.cancelled]
    if planned and one.pattern.rule:
        whole.add("exdate", [name.astimezone(where) for name in planned])
    yield whole
    for found in recurrence.changed(one.pattern, also=answered if one.pattern.rule else ()):
        single = _event(conference, one.number, words=words, at=at)
        single["summary"] = vText(found.title or one.title)
        single.add("recurrence-id", found.recurrence_id.astimezone(where))
        single.add("dtstart", found.starts_at.astimezone(where))
        single.add("dtend", found.ends_at.astimezone(where))
        yield single


def _event(conference: Conference, number: int, *, words: str, at: datetime.datetime) -> Event:
    """The booking itself, without time, people and status."""
    event = Event()
    event.add("uid", uid(conference, number))
    event.add("dtstamp", at.astimezone(datetime.UTC))
    event.add("created", conference.created_at.astimezone(datetime.UTC))
    event.add("sequence", conference.sequence)
    event.add("summary", conference.title)
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


def _where(pattern: recurrence.Pattern) -> datetime.tzinfo:
    """UTC is written with Z and needs no VTIMEZONE (RFC 5545 3.3.5, form 2)."""
    return datetime.UTC if pattern.zone == "UTC" else zoneinfo.ZoneInfo(pattern.zone)


def _add_time(event: Event, pattern: recurrence.Pattern) -> None:
    where = _where(pattern)
    event.add("dtstart", pattern.starts_at.astimezone(where))
    event.add("dtend", (pattern.starts_at + pattern.duration).astimezone(where))
    if pattern.rule:
        rule = exact_until(pattern.rule, zoneinfo.ZoneInfo(pattern.zone))
        event.add("rrule", vRecur.from_ical(rule))


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
    answers = _answers_to(attendee)
    host = vCalAddress(f"mailto:{answers or own or parseaddr(settings.DEFAULT_FROM_EMAIL)[1]}")
    host.params["CN"] = vText(safe(organizer.get_full_name() if organizer else "Parley"))
    event.add("organizer", host)
    guest = vCalAddress(f"mailto:{attendee.email}")
    guest.params["CUTYPE"] = vText("INDIVIDUAL")
    guest.params["ROLE"] = vText(
        "CHAIR" if attendee.role in policy.COMMANDING else "REQ-PARTICIPANT"
    )
    answer = said_of(event, attendee.single, attendee.answer)
    guest.params["PARTSTAT"] = vText(PARTSTAT[answer])
    guest.params["RSVP"] = vText("TRUE")
    if attendee.name:
        guest.params["CN"] = vText(safe(attendee.name))
    event.add("attendee", guest)


def said_of(event: Event, single: Mapping[datetime.datetime, Answer], whole: Answer) -> Answer:
    """What somebody has answered to an event: to that occurrence, or to the whole series."""
    name = event.get("recurrence-id")
    return whole if name is None else single.get(name.dt.astimezone(datetime.UTC), whole)


def _answers_to(attendee: Attendee) -> str:
    """The address at which we take his answer in, if there is one (RFC 5233)."""
    user, _, host = parseaddr(settings.EMAIL_REPLIES)[1].partition("@")
    return f"{user}+{attendee.token}@{host}" if host and attendee.token else ""


def safe(name: str) -> str:
    """`name` as the value of a parameter."""
    return _UNSAFE.sub("'", name)
