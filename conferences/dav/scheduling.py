"""When people are busy (RFC 4791 7.10), also asked of others (RFC 6638 5).

Invitations are Parley's to send: whoever puts an event with attendees has them invited, an
attendee's answer goes to who organizes it, and nothing waits in the inbox for a program
to act on (RFC 6638 3.2). So only the question who has time is ever posted to the outbox.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable

from django.http import HttpResponse
from icalendar import Calendar, Component, FreeBusy, vPeriod, vText
from lxml import etree

from conferences import invitations, selectors
from conferences.dav import xml
from conferences.dav.tree import Place
from conferences.dav.xml import cal, dav, element
from conferences.models import User

#: Conferences of one person that one answer tells of.
MOST_BUSY = 5000
#: People who are asked about at once.
MOST_ASKED = 200
#: The longest time that may be asked about.
LONGEST = datetime.timedelta(days=800)


def free_busy(here: Place, root: etree._Element, now: datetime.datetime) -> HttpResponse:
    """The answer to a ``free-busy-query``: a calendar with one VFREEBUSY."""
    span = root.find(cal("time-range"))
    since, until = (_moment(span, name) for name in ("start", "end"))
    if since is None or until is None or since >= until:
        raise xml.BadBody("A free-busy-query has a time-range with start and end, in UTC.")
    if until - since > LONGEST:
        return xml.error(403, dav("number-of-matches-within-limits"))
    told = _told(here.user, since, until, now)
    return HttpResponse(_calendar(told), content_type="text/calendar; charset=utf-8")


def post(here: Place, octets: bytes, *, now: datetime.datetime) -> HttpResponse:
    """The answer to a request that is posted to the outbox: who of those named is busy when."""
    asked = _request(octets)
    if asked is None:
        return xml.error(403, cal("valid-calendar-data"), "Want a VFREEBUSY with METHOD:REQUEST.")
    if str(asked.get("ORGANIZER", "")).lower() not in _known_as(here.user):
        return xml.error(403, cal("organizer-allowed"), "The organizer has to be who asks.")
    since, until = (_utc(asked.get(name)) for name in ("DTSTART", "DTEND"))
    people = _attendees(asked)
    if since is None or until is None or since >= until or until - since > LONGEST:
        return xml.error(403, cal("valid-calendar-data"), "Want DTSTART and DTEND, in UTC.")
    if len(people) > MOST_ASKED:
        return xml.error(403, cal("max-attendees-per-instance"))
    told = [_of_one(one, asked, since, until, now=now) for one in people]
    return xml.document(element(cal("schedule-response"), *told), 200)


def _request(octets: bytes) -> Component | None:
    try:
        calendar = Calendar.from_ical(octets)
    except (ValueError, KeyError, IndexError):
        return None
    found = calendar.walk("VFREEBUSY")
    is_request = str(calendar.get("METHOD", "")).upper() == "REQUEST"
    return found[0] if is_request and len(found) == 1 else None


def _attendees(asked: Component) -> list[str]:
    said = asked.get("ATTENDEE", [])
    listed = said if isinstance(said, list) else [said]
    return list(dict.fromkeys(str(one) for one in listed))


def _known_as(user: User) -> set[str]:
    return {one.lower() for one in invitations.objects.addresses(user)}


def _of_one(
    address: str,
    asked: Component,
    since: datetime.datetime,
    until: datetime.datetime,
    *,
    now: datetime.datetime,
) -> etree._Element:
    recipient = element(cal("recipient"), xml.href(address))
    user = selectors.person_at(address)
    if user is None:
        status = element(cal("request-status"), text="3.7;Invalid calendar user")
        return element(cal("response"), recipient, status)
    told = _told(user, since, until, now)
    for name in ("UID", "ORGANIZER"):
        if name in asked:
            told.add(name, asked[name], encode=False)
    told.add("attendee", address)
    status = element(cal("request-status"), text="2.0;Success")
    data = element(cal("calendar-data"), text=_calendar(told, method="REPLY").decode())
    return element(cal("response"), recipient, status, data)


def _told(
    user: User, since: datetime.datetime, until: datetime.datetime, now: datetime.datetime
) -> FreeBusy:
    """When he is in conferences, and where he may be; neither which, nor with whom."""
    told = FreeBusy()
    told.add("dtstamp", now)
    told.add("dtstart", since)
    told.add("dtend", until)
    rows = selectors.busy(user, since=since, until=until, most=MOST_BUSY)
    for surely, kind in ((True, "BUSY"), (False, "BUSY-TENTATIVE")):
        for span in _joined(one for one in rows if one.surely is surely):
            period = vPeriod((max(span[0], since), min(span[1], until)))
            period.params.clear()
            period.params["FBTYPE"] = vText(kind)
            told.add("freebusy", period)
    return told


def _joined(
    rows: Iterable[selectors.Busy],
) -> list[tuple[datetime.datetime, datetime.datetime]]:
    """Spans, those that touch made one; `rows` come by start."""
    spans: list[tuple[datetime.datetime, datetime.datetime]] = []
    for one in rows:
        starts_at, ends_at = (at.astimezone(datetime.UTC) for at in (one.starts_at, one.ends_at))
        if spans and starts_at <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(spans[-1][1], ends_at))
        else:
            spans.append((starts_at, ends_at))
    return spans


def _calendar(told: FreeBusy, *, method: str = "") -> bytes:
    calendar = Calendar()
    calendar.add("prodid", invitations.PRODUCT)
    calendar.add("version", "2.0")
    if method:
        calendar.add("method", method)
    calendar.add_component(told)
    octets: bytes = calendar.to_ical()
    return octets


def _moment(span: etree._Element | None, name: str) -> datetime.datetime | None:
    said = "" if span is None else span.get(name, "")
    try:
        return datetime.datetime.strptime(said, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.UTC)
    except ValueError:
        return None


def _utc(found: object) -> datetime.datetime | None:
    at = getattr(found, "dt", None)
    aware = isinstance(at, datetime.datetime) and at.tzinfo is not None
    return at.astimezone(datetime.UTC) if aware and isinstance(at, datetime.datetime) else None
