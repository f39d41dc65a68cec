"""Somebody's bookings as a collection of calendar objects (RFC 4791 4.1).

An object is a series: a conference that was split by "this and following" is
several, each with its UID. The address of an object is the one that the
program gave it which made it, else the name of the conference.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from django.conf import settings
from django.db.models import QuerySet

from conferences import recurrence
from conferences.models import (
    Answer,
    CalendarObject,
    CalendarState,
    Conference,
    Invitation,
    Kind,
    User,
)
from conferences.selectors import bookings
from conferences.selectors.times import series

_NAMED = re.compile(r"(?P<name>[^/~]+?)(?:~(?P<number>[0-9]{1,4}))?\.ics")
#: What a calendar shows of a conference, beside its series, its list and its texts.
_SHOWN = (
    "name",
    "number",
    "uid",
    "sequence",
    "pin",
    "moderator_pin",
)
_SHOWN_OF_TIMES = (
    "recurrence_id",
    "cancelled",
    "starts_at",
    "duration_minutes",
    "title",
)
_LISTED = ("uri", "email", "role", "pin", "token")
_SHOWN_OF_INVITEES = (*_LISTED, "answer")
#: Of an event that takes no time (RFC 5545 3.8.2.7).
_FREE = re.compile(r"^TRANSP(?:;[^:]*)?:TRANSPARENT\r?$", re.MULTILINE | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Stored:
    """One object: series `number` of a conference, under `name`, for the one who looks."""

    conference: Conference
    number: int
    name: str
    etag: str
    #: What is in it of the program that made it.
    kept: str
    #: Another one when the event is another, and not when somebody answers (RFC 6638 3.2.10).
    schedule_tag: str


@dataclass(frozen=True, slots=True)
class Busy:
    """When somebody is in a conference; `surely` where he said so, or organizes it."""

    starts_at: datetime.datetime
    ends_at: datetime.datetime
    surely: bool


def calendar_state(user: User, digest: str) -> dict[str, str] | None:
    """The ETags by name of his calendar as it was then; None where that is forgotten."""
    found = CalendarState.objects.filter(owner=user, digest=digest).first()
    if found is None:
        return None
    etags: dict[str, str] = json.loads(zlib.decompress(bytes(found.packed)))
    return etags


def busy(
    user: User, *, since: datetime.datetime, until: datetime.datetime, most: int
) -> list[Busy]:
    """When he is busy, even in part, from `since` to `until`, by start; `most` at the most.

    Neither by what he has declined, nor by what his calendar program shows as free.
    """
    found: list[Busy] = []
    for row in _prefetched(bookings.calendar(user, since=since)):
        answer, single = _answers(row, user)
        kept = getattr(row, "calendar_object", None)
        free = kept is not None and kept.owner_id == user.pk and _FREE.search(kept.kept)
        if free or (answer is Answer.DECLINED and not single):
            continue
        for one in recurrence.merged([each.pattern for each in series(row)], after=since):
            if one.starts_at >= until or len(found) >= most:
                break
            said = single.get(one.recurrence_id, answer)
            if said is not Answer.DECLINED:
                found.append(Busy(one.starts_at, one.ends_at, said == Answer.ACCEPTED))
    return sorted(found, key=lambda one: (one.starts_at, one.ends_at))


def _answers(row: Conference, user: User) -> tuple[Answer, Mapping[datetime.datetime, Answer]]:
    """Whether he comes, and to which times he has said something else."""
    if row.organizer_id == user.pk:
        return Answer.ACCEPTED, {}
    mine = [one for one in row.invitations.all() if one.user_id == user.pk]
    return next(((Answer(one.answer), single_answers(one)) for one in mine), (Answer.DECLINED, {}))


def calendar_objects(user: User, *, since: datetime.datetime) -> list[Stored]:
    """What stands in his calendar and was not over by `since`. Six queries."""
    rows = _prefetched(bookings.calendar(user, since=since).exclude(pk__in=_hidden(user)))
    return [_stored(row, one.number, user) for row in rows for one in series(row)]


def calendar_object(user: User, name: str) -> Stored | None:
    """The object of that address, if it is in his calendar."""
    mine = CalendarObject.objects.filter(owner=user, name=name).first()
    found = _NAMED.fullmatch(name)
    rows = _prefetched(
        bookings.visible_to(user).filter(kind=Kind.BOOKED).exclude(pk__in=_hidden(user))
    )
    if mine is not None:
        row, number = rows.filter(pk=mine.conference_id).first(), 0
    elif found is not None:
        row, number = rows.filter(name=found["name"].lower()).first(), int(found["number"] or 0)
    else:
        return None
    if row is None or number not in {one.number for one in series(row)}:
        return None
    return _stored(row, number, user)


def uid_is_taken(user: User, uid: str) -> Stored | None:
    """The object in the calendars of his own that has that UID."""
    row = _prefetched(bookings.visible_to(user).filter(organizer=user, uid=uid)).first()
    return _stored(row, 0, user) if row is not None and row.kind == Kind.BOOKED else None


def takes_place(
    row: Conference, number: int, *, since: datetime.datetime, until: datetime.datetime
) -> bool:
    """Whether any time of that series lies, even in part, from `since` to `until`."""
    patterns = [one.pattern for one in series(row) if one.number == number]
    found = next(recurrence.merged(patterns, after=since), None)
    return found is not None and found.starts_at < until


def single_answers(invitation: Invitation) -> dict[datetime.datetime, Answer]:
    """What he said about single times, by RECURRENCE-ID; no query where that is prefetched."""
    rows = invitation.occurrence_answers.all()
    return {one.recurrence_id: Answer(one.answer) for one in rows}


def _hidden(user: User) -> QuerySet[Invitation, int]:
    """What he has taken out of his calendar."""
    return Invitation.objects.filter(user=user, hidden=True).values_list("conference_id", flat=True)


def _prefetched(rows: QuerySet[Conference]) -> QuerySet[Conference]:
    return rows.select_related("calendar_object").prefetch_related(
        "invitations__user", "invitations__occurrence_answers"
    )


def _stored(row: Conference, number: int, user: User) -> Stored:
    made = getattr(row, "calendar_object", None)
    own = made if made is not None and made.owner_id == user.pk and number == 0 else None
    name = own.name if own else f"{row.name}~{number}.ics" if number else f"{row.name}.ics"
    kept = own.kept if own else ""
    etag, tag = (_digest(row, number, kept, fields) for fields in (_SHOWN_OF_INVITEES, _LISTED))
    return Stored(row, number, name, etag, kept, tag)


def _digest(row: Conference, number: int, kept: str, of_invitees: tuple[str, ...]) -> str:
    """Another one whenever what is shown is another."""
    part = next((one for one in series(row) if one.number == number), None)
    shown = [
        number,
        [part.title, part.pattern.starts_at, part.pattern.duration, part.pattern.zone]
        if part
        else [],
        part.pattern.rule if part else "",
        kept,
        settings.BASE_URL,
        settings.DIAL_IN,
        [getattr(row, field) for field in _SHOWN],
        row.organizer.email if row.organizer else "",
        [
            [getattr(one, field) for field in _SHOWN_OF_TIMES]
            for one in row.overrides.all()
            if one.series == number
        ],
        [
            [getattr(one, field) for field in of_invitees]
            + [one.user.email if one.user else ""]
            + (sorted(single_answers(one).items()) if "answer" in of_invitees else [])
            for one in row.invitations.all()
        ],
    ]
    return hashlib.sha256(json.dumps(shown, default=str).encode()).hexdigest()[:32]
