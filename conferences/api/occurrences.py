"""The times of a series: look at each, move it, call it off, or it and all that follow."""

from __future__ import annotations

import datetime
import itertools
from typing import Any, cast

from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest
from django.utils import timezone
from ninja import Query, Router, Status

from conferences import policy, selectors, services
from conferences.api import access
from conferences.api.schemas.bookings import (
    FollowingIn,
    OccurrenceIn,
    OccurrenceOut,
    OccurrencesIn,
    OccurrencesOut,
)
from conferences.api.schemas.records import OccurrenceEventsOut
from conferences.models import Conference

router = Router(tags=["Occurrences"])
PATH = "/conferences/{conference}/occurrences"


@router.get(
    PATH, response=OccurrencesOut, exclude_unset=True, summary="List the times of a booking"
)
def listed(request: HttpRequest, conference: str, window: Query[OccurrencesIn]) -> dict[str, Any]:
    """Its times from `from` on (by default now), those called off too; `next` begins the rest."""
    row = access.conference(request, conference, access.may_look)
    since = window.since or timezone.now()
    since = since if since.tzinfo else since.replace(tzinfo=datetime.UTC)
    return _list(row, since, window.most)


def _list(row: Conference, since: datetime.datetime, most: int = 50) -> dict[str, Any]:
    found = list(itertools.islice(selectors.planned(row, since=since), most + 1))
    items = [selectors.occurrence_line(row, one) for one in found[:most]]
    return {"occurrences": items, "next": found[most].then.starts_at if found[most:] else None}


@router.get(
    PATH + "/{occurrence}", response=OccurrenceOut, exclude_unset=True, summary="Read one time"
)
def read(request: HttpRequest, conference: str, occurrence: str) -> dict[str, Any]:
    """One time of the series, by its `id`; with the answers to it for those who command."""
    row = access.conference(request, conference, access.may_look)
    found = _planned(row, _named(occurrence))
    shown = selectors.occurrence_line(row, found)
    snapshot = selectors.snapshot(row.key)
    who = access.caller(request).identity
    if snapshot is not None and policy.may_command(snapshot, who) is None:
        shown["answers"] = [
            {"uri": one.uri, "email": one.email, "answer": one.answer}
            for one in selectors.answers_of(row, found)
        ]
    return shown


@router.get(
    PATH + "/{occurrence}/events", response=OccurrenceEventsOut, summary="What happened in it"
)
def events(request: HttpRequest, conference: str, occurrence: str) -> dict[str, Any]:
    """The history of one time: what became of it, and what happened in it."""
    row, by = access.view(request, conference, policy.may_command)
    happened = selectors.events_of(row, _planned(row, _named(occurrence)))
    masks = selectors.aliases(row, by)
    return {"events": [selectors.event_line(one, masks) for one in happened]}


@router.patch(
    PATH + "/{occurrence}", response=OccurrenceOut, exclude_unset=True, summary="Change one time"
)
def change(
    request: HttpRequest, conference: str, occurrence: str, said: OccurrenceIn
) -> dict[str, Any]:
    """Move it, change its length, or what it is called; one that is called off: 409."""
    row = access.conference(request, conference, access.may_change)
    caller = access.caller(request)
    recurrence_id = _known(row, occurrence)
    services.change_occurrence(
        conference=row,
        recurrence_id=recurrence_id,
        actor=caller.identity.uri,
        way=caller.way,
        **cast(services.Times, said.model_dump(exclude_unset=True)),
    )
    return _shown(row, recurrence_id)


@router.delete(PATH + "/{occurrence}", response={204: None}, summary="Call one time off")
def cancel(request: HttpRequest, conference: str, occurrence: str) -> Status[None]:
    """It does not take place; whoever is in it is sent away."""
    row = access.conference(request, conference, access.may_change)
    caller = access.caller(request)
    services.cancel_occurrence(
        conference=row,
        recurrence_id=_known(row, occurrence),
        actor=caller.identity.uri,
        way=caller.way,
    )
    return Status(204, None)


@router.post(
    PATH + "/{occurrence}/restore",
    response=OccurrenceOut,
    exclude_unset=True,
    summary="Undo a change",
)
def restore(request: HttpRequest, conference: str, occurrence: str) -> dict[str, Any]:
    """Let it be as the rest of the series again."""
    row = access.conference(request, conference, access.may_change)
    caller = access.caller(request)
    recurrence_id = _known(row, occurrence)
    services.restore_occurrence(
        conference=row,
        recurrence_id=recurrence_id,
        actor=caller.identity.uri,
        way=caller.way,
    )
    return _shown(row, recurrence_id)


@router.patch(
    PATH + "/{occurrence}/following",
    response=OccurrencesOut,
    exclude_unset=True,
    summary="Change this one and all that follow",
)
def change_following(
    request: HttpRequest, conference: str, occurrence: str, said: FollowingIn
) -> dict[str, Any]:
    """From it on the series goes on as you say, up to the next such change.

    The next times come back.
    """
    row = access.conference(request, conference, access.may_change)
    caller = access.caller(request)
    services.change_following(
        conference=row,
        recurrence_id=_known(row, occurrence),
        actor=caller.identity.uri,
        way=caller.way,
        **cast(services.SeriesTimes, said.model_dump(exclude_unset=True)),
    )
    return _list(row, timezone.now())


@router.delete(
    PATH + "/{occurrence}/following",
    response={204: None},
    summary="Call this one and all that follow off",
)
def cancel_following(request: HttpRequest, conference: str, occurrence: str) -> Status[None]:
    """The series ends before it, with all later changes of it."""
    row = access.conference(request, conference, access.may_change)
    caller = access.caller(request)
    services.cancel_following(
        conference=row,
        recurrence_id=_known(row, occurrence),
        actor=caller.identity.uri,
        way=caller.way,
    )
    return Status(204, None)


def _named(name: str) -> datetime.datetime:
    found = selectors.occurrence_named(name)
    if found is None:
        raise Http404(f"{name!r} names no time; they are named as 20260302T080000Z.")
    return found


def _planned(row: Conference, recurrence_id: datetime.datetime) -> selectors.Planned:
    found = selectors.planned_one(row, recurrence_id)
    if found is None:
        name = selectors.occurrence_name(recurrence_id)
        raise Http404(f"The conference has no time {name!r}.")
    return found


def planned_of(row: Conference, name: str) -> selectors.Planned:
    """The time of that name. Raises `Http404`."""
    return _planned(row, _named(name))


def _known(row: Conference, name: str) -> datetime.datetime:
    """The RECURRENCE-ID of an occurrence that there is."""
    if row.cancelled_at is not None:
        raise ValidationError("This conference is cancelled.")
    return _planned(row, _named(name)).recurrence_id


def _shown(row: Conference, recurrence_id: datetime.datetime) -> dict[str, Any]:
    return selectors.occurrence_line(row, _planned(row, recurrence_id))
