"""Bookings as calendar objects (RFC 4791 4.1): no method, all who are invited, one UID each.

A calendar program shows and gives back what it does not know, so the words of
ours in a description stand below a line by which they are found again.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from icalendar import Component, Event, vCalAddress, vText

from conferences import policy, selectors
from conferences.invitations import ics, letters
from conferences.models import Answer, Conference, Invitation, RoleChoice, User

#: Below it a description is ours.
LINE = "────────── Parley"
#: Properties that are ours: whatever else a program says of an event is kept for it.
OURS = frozenset(
    {
        "UID",
        "DTSTAMP",
        "CREATED",
        "LAST-MODIFIED",
        "SEQUENCE",
        "SUMMARY",
        "DTSTART",
        "DTEND",
        "DURATION",
        "RRULE",
        "RDATE",
        "EXDATE",
        "RECURRENCE-ID",
        "ORGANIZER",
        "ATTENDEE",
        "URL",
        "CONFERENCE",
        "STATUS",
    }
)
#: What somebody has answered to single times, by RECURRENCE-ID.
Single = Mapping[datetime, Answer]
_ROLES = {RoleChoice.LISTENER.value: "NON-PARTICIPANT"}


def calendar_object(conference: Conference, number: int, *, reader: User, kept: str) -> bytes:
    """The series as `reader` finds it in his calendar; invitees find no others in it."""
    mine = next((one for one in conference.invitations.all() if one.user_id == reader.pk), None)
    invited = None if conference.organizer_id == reader.pk else mine
    words = f"{LINE}\n{letters.way_in(conference, invited)}"
    others: Component = Event.from_ical(kept) if kept else Event()
    listed = conference.invitations.all() if invited is None else [invited]
    said = {one.pk: selectors.single_answers(one) for one in listed}
    answered = {name for mine in said.values() for name in mine}
    at = conference.created_at
    events = [
        event
        for one in selectors.series(conference)
        if one.number == number
        for event in ics.events_of(conference, one, words=words, at=at, answered=answered)
    ]
    for event in events:
        event.add("status", "CONFIRMED")
        _add_people(event, conference, listed, said)
        _add_kept(event, others, words)
    return ics.written(events)


def address(one: Invitation) -> str:
    """How an invitee is named as ATTENDEE: by mail, where that is known."""
    mail = one.email or (one.user.email if one.user else "")
    return f"mailto:{mail}" if mail else one.uri


def addresses(user: User) -> list[str]:
    """How a person is named as ORGANIZER or ATTENDEE."""
    mail = [f"mailto:{user.email}"] if user.email else []
    return [*mail, selectors.aor(user.username)]


def _add_people(
    event: Event, conference: Conference, listed: Iterable[Invitation], said: Mapping[int, Single]
) -> None:
    rows = list(listed)
    if not rows or conference.organizer is None:
        return
    host = vCalAddress(addresses(conference.organizer)[0])
    host.params["CN"] = vText(ics.safe(conference.organizer.get_full_name()))
    event.add("organizer", host)
    for one in rows:
        guest = vCalAddress(address(one))
        commands = one.role in policy.COMMANDING
        guest.params["ROLE"] = vText(
            "CHAIR" if commands else _ROLES.get(one.role, "REQ-PARTICIPANT")
        )
        answer = ics.said_of(event, said[one.pk], Answer(one.answer))
        guest.params["PARTSTAT"] = vText(ics.PARTSTAT[answer])
        if one.user is not None:
            guest.params["CN"] = vText(ics.safe(one.user.get_full_name()))
        event.add("attendee", guest)


def _add_kept(event: Event, kept: Component, words: str) -> None:
    """What the program that made it said besides."""
    for name, value in kept.property_items(recursive=False, sorted=False):
        if name in ("BEGIN", "END", "DESCRIPTION"):
            continue
        if name in event and name == "LOCATION":
            del event[name]
        event.add(name, value, encode=False)
    said = str(kept.get("DESCRIPTION", ""))
    event["DESCRIPTION"] = vText(f"{said}\n\n{words}" if said else words)
    for alarm in kept.subcomponents:
        event.add_component(alarm)
