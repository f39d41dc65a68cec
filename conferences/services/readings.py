"""A calendar object that a program wants stored (RFC 4791 4.1), read into what it wants.

Strict where something would be lost: what cannot be booked is refused by
`CalendarRefused` with the precondition that it fails and a sentence for the
person who sits before that program; nothing is left out in silence.
"""

from __future__ import annotations

import datetime
import warnings
import zoneinfo
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext as _
from icalendar import Calendar, Component, Event
from icalendar.error import GloballyUniqueTZIDGuessed

from conferences import invitations, selectors, zones
from conferences.recurrence import DEFAULT_MINUTES

#: Octets of one object.
LONGEST = 200_000
#: Times of a series that one object may change.
MOST_CHANGED = 500


class CalendarRefused(Exception):
    """It is not stored; `precondition` is a name of RFC 4791 or one of `OWN`."""

    #: Those that the standard has no name for.
    OWN = frozenset({"no-ports", "not-allowed", "cannot-be-booked"})

    def __init__(self, precondition: str, text: str, *, href: str = "") -> None:
        super().__init__(text)
        self.precondition, self.text, self.href = precondition, text, href


@dataclass(frozen=True, slots=True)
class Single:
    """One time of a series that is not as the rest."""

    title: str
    starts_at: datetime.datetime
    minutes: int
    people: list[Attending] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Attending:
    """An ATTENDEE: a mail address or a URI, what he is there for, and whether he comes."""

    address: str
    role: str
    #: PARTSTAT (RFC 5545 3.2.12).
    answer: str = ""
    #: The program invites him itself: SCHEDULE-AGENT is not SERVER (RFC 6638 7.1).
    by_program: bool = False


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the program wants. `starts_at` is aware, in the zone that is meant.

    `changed` and `off` are by RECURRENCE-ID, in UTC.
    """

    uid: str
    title: str
    starts_at: datetime.datetime
    minutes: int
    zone: str
    rule: str
    cancelled: bool
    people: list[Attending]
    kept: str
    #: Who invites to it, as ATTENDEEs are named; empty where nobody is said to.
    host: str = ""
    off: set[datetime.datetime] = field(default_factory=set)
    changed: dict[datetime.datetime, Single] = field(default_factory=dict)


def read(octets: bytes, *, zone: str) -> Wanted:
    """What is wanted; times without a zone are those of `zone`. Raises `CalendarRefused`."""
    if len(octets) > LONGEST:
        raise CalendarRefused("max-resource-size", _("This event is too long."))
    main, others = _events(_calendar(octets))
    starts_at, name = _start(main, zone)
    wanted = Wanted(
        uid=str(main.get("UID", "")),
        title=str(main.get("SUMMARY", "")),
        starts_at=starts_at,
        minutes=_minutes(main, starts_at),
        zone=name,
        rule=_rule(main),
        cancelled=str(main.get("STATUS", "")).upper() == "CANCELLED",
        people=_people(main),
        kept=_kept(main),
        host=_address(main["ORGANIZER"]) if "ORGANIZER" in main else "",
    )
    _read_exceptions(main, others, wanted)
    return wanted


def _calendar(octets: bytes) -> Calendar:
    try:
        with warnings.catch_warnings():
            # A zone with a path before its name (RFC 5545 3.2.19) is what we look for, too.
            warnings.simplefilter("ignore", GloballyUniqueTZIDGuessed)
            found = Calendar.from_ical(octets)
    except (ValueError, IndexError, KeyError, TypeError) as error:
        words = _("This is no calendar that can be read: %(why)s") % {"why": error}
        raise CalendarRefused("valid-calendar-data", words) from error
    if not isinstance(found, Calendar):
        raise CalendarRefused("valid-calendar-data", _("There is no calendar in it."))
    if found.get("METHOD"):
        words = _("A stored event has no METHOD.")
        raise CalendarRefused("valid-calendar-object-resource", words)
    return found


def _events(calendar: Calendar) -> tuple[Component, list[Component]]:
    """The event itself, and those of its times that are not as the rest."""
    inside = [one for one in calendar.subcomponents if one.name != "VTIMEZONE"]
    if not inside or any(one.name != "VEVENT" for one in inside):
        words = _("Only events can be booked here, no tasks and no journals.")
        raise CalendarRefused("supported-calendar-component", words)
    main = [one for one in inside if "RECURRENCE-ID" not in one]
    names = {str(one.get("UID", "")) for one in inside}
    if len(main) != 1 or len(names) != 1 or not 1 <= len(names.pop()) <= 255:
        words = _("Want one event with one UID, and its exceptions.")
        raise CalendarRefused("valid-calendar-object-resource", words)
    for one in inside:
        if one.errors:
            words = _("This event cannot be read: %(why)s") % {"why": one.errors[0]}
            raise CalendarRefused("valid-calendar-data", words)
    return main[0], [one for one in inside if "RECURRENCE-ID" in one]


def _start(event: Component, zone: str) -> tuple[datetime.datetime, str]:
    said = event.get("DTSTART")
    at = getattr(said, "dt", None)
    if not isinstance(at, datetime.datetime):
        words = _("A conference begins at a time of the day; this event has none.")
        raise CalendarRefused("cannot-be-booked", words)
    named = str(said.params.get("TZID", "")) if said is not None else ""
    if at.tzinfo is None and not named:
        return at.replace(tzinfo=zoneinfo.ZoneInfo(zone)), zone
    if at.utcoffset() == datetime.timedelta(0) and not named:
        return at.astimezone(datetime.UTC), "UTC"
    found = _known_zone(getattr(at.tzinfo, "key", "")) or _known_zone(named)
    if found:
        return at.replace(tzinfo=zoneinfo.ZoneInfo(found)), found
    if at.tzinfo is not None and "RRULE" not in event:
        return at.astimezone(datetime.UTC), "UTC"
    words = _("%(zone)s is no time zone that is known here, as Europe/Berlin is.")
    raise CalendarRefused("cannot-be-booked", words % {"zone": named or at.tzinfo})


def _known_zone(name: str) -> str:
    """The zone's own name: some programs put a path before it."""
    parts = name.strip("/").split("/")
    ends = ["/".join(parts[at:]) for at in range(len(parts))]
    return next(filter(None, map(zones.named, ends)), "")


def _minutes(event: Component, starts_at: datetime.datetime) -> int:
    """DTEND or DURATION; a part of a minute is a minute."""
    end, length = (
        getattr(event.get("DTEND"), "dt", None),
        getattr(event.get("DURATION"), "dt", None),
    )
    if isinstance(end, datetime.datetime):
        length = _aware(end, starts_at) - starts_at
    if not isinstance(length, datetime.timedelta):
        return DEFAULT_MINUTES
    return -int(-length.total_seconds() // 60)


def _aware(at: datetime.datetime, like: datetime.datetime) -> datetime.datetime:
    return at if at.tzinfo is not None else at.replace(tzinfo=like.tzinfo)


def _rule(event: Component) -> str:
    if "RDATE" in event or isinstance(event.get("RRULE"), list):
        words = _("A series here has one rule; further dates cannot be listed beside it.")
        raise CalendarRefused("cannot-be-booked", words)
    rule = event.get("RRULE")
    text = "" if rule is None else str(rule.to_ical().decode())
    if rule is not None and not text:
        words = _("The rule by which this event repeats cannot be read.")
        raise CalendarRefused("valid-calendar-data", words)
    return text


def _listed(event: Component, name: str) -> list[Any]:
    found = event.get(name)
    if found is None:
        return []
    return list(found) if isinstance(found, list) else [found]


def _people(event: Component) -> list[Attending]:
    found = []
    host = any(_by_program(one) for one in _listed(event, "ORGANIZER"))
    for one in _listed(event, "ATTENDEE"):
        text = _address(one)
        if not text:
            words = _("%(who)s can be invited neither by mail nor by phone.") % {"who": one}
            raise CalendarRefused("cannot-be-booked", words)
        role, answer = (str(one.params.get(name, "")).upper() for name in ("ROLE", "PARTSTAT"))
        found.append(Attending(text, role, answer, by_program=host or _by_program(one)))
    return found


def _address(said: Any) -> str:
    """Somebody's mail address, or a URI by which he is called; empty where there is neither."""
    text = str(said)
    if text.lower().startswith("mailto:"):
        return text[len("mailto:") :].lower()
    if text.lower().startswith(("sip:", "sips:", "tel:")):
        return text
    return str(getattr(said, "params", {}).get("EMAIL", "")).lower()


def _by_program(said: Any) -> bool:
    return str(said.params.get("SCHEDULE-AGENT", "SERVER")).upper() in ("CLIENT", "NONE")


def _kept(event: Component) -> str:
    """What is none of ours, as a VEVENT; without the words of ours in a description."""
    kept = Event()
    for name, value in event.property_items(recursive=False, sorted=False):
        if name not in invitations.objects.OURS and name not in ("BEGIN", "END"):
            kept.add(name, value, encode=False)
    said = str(kept.pop("DESCRIPTION", "")).partition(invitations.objects.LINE)[0].rstrip()
    if said:
        kept.add("description", said)
    for alarm in event.subcomponents:
        kept.add_component(alarm)
    return kept.to_ical().decode() if kept or kept.subcomponents else ""


def _read_exceptions(main: Component, others: list[Component], wanted: Wanted) -> None:
    for listed in _listed(main, "EXDATE"):
        wanted.off.update(_named(one.dt, wanted) for one in listed.dts)
    for event in others:
        said: Any = event["RECURRENCE-ID"]
        if "RANGE" in said.params:
            words = _("Change this and all that follow on the page of the conference.")
            raise CalendarRefused("cannot-be-booked", words)
        name = _named(said.dt, wanted)
        if str(event.get("STATUS", "")).upper() == "CANCELLED":
            wanted.off.add(name)
            continue
        starts_at, _zone = _start(event, wanted.zone)
        title = str(event.get("SUMMARY", wanted.title))
        minutes = _minutes(event, starts_at)
        wanted.changed[name] = Single(title, starts_at, minutes, _people(event))
    if len(wanted.off) + len(wanted.changed) > MOST_CHANGED:
        raise CalendarRefused("cannot-be-booked", _("Too many times of it are not as the rest."))


def _named(at: datetime.date, wanted: Wanted) -> datetime.datetime:
    """A RECURRENCE-ID in UTC; a day means the occurrence of that day."""
    if not isinstance(at, datetime.datetime):
        at = datetime.datetime.combine(at, wanted.starts_at.timetz())
    return _aware(at, wanted.starts_at).astimezone(datetime.UTC)


def differing(before: selectors.Series, wanted: Wanted) -> dict[str, Any]:
    """What of the series is other than it was, as `bookings.change` takes it."""
    pattern = before.pattern
    changes: dict[str, Any] = {}
    if " ".join(wanted.title.split()) != before.title:
        changes["title"] = wanted.title
    if datetime.timedelta(minutes=wanted.minutes) != pattern.duration:
        changes["duration_minutes"] = wanted.minutes
    zone_matters = bool(wanted.rule or pattern.rule) and wanted.zone != pattern.zone
    if wanted.starts_at != pattern.starts_at or zone_matters:
        changes |= {"starts_at": wanted.starts_at, "timezone": wanted.zone}
    if _parts(wanted.rule, wanted.starts_at) != _parts(pattern.rule, wanted.starts_at):
        changes["rrule"] = wanted.rule
    return changes


def _parts(rule: str, at: datetime.datetime) -> frozenset[str]:
    """The rule, however it is written; UNTIL as a calendar has it."""
    zone = at.tzinfo if isinstance(at.tzinfo, zoneinfo.ZoneInfo) else zoneinfo.ZoneInfo("UTC")
    told = invitations.exact_until(rule.upper(), zone)
    parts = {part for part in told.split(";") if part not in ("INTERVAL=1", "WKST=MO")}
    return frozenset(parts - {""})
