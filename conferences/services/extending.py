"""One press in a conference that is about to close: it stays open for longer."""

from __future__ import annotations

import datetime

from django.db import transaction
from django.utils import timezone as clock

from conferences import notices, policy, selectors
from conferences.models import Conference, Event, Kind, Override, Way
from conferences.policy import ConferenceId, Identity, Refusal
from conferences.services import capacity, terms
from conferences.services.refused import Refused, unless_none

#: Minutes of one press, and those that somebody may ask for at once.
EXTENDED_BY = 15
LONGEST_EXTENSION = 240


def extend(
    *, conference: ConferenceId, actor: Identity, way: Way, minutes: int = EXTENDED_BY
) -> datetime.datetime:
    """Let what runs now end `minutes` later; returns when it closes then.

    Raises `Refused`: NOT_ALLOWED for who does not moderate, TOO_EARLY or OVER
    where nothing runs, PORTS_BOOKED where the ports are taken by others then,
    NEXT_BEGINS where the next time of the same series begins. Calendars are not
    told: those who are in it know.
    """
    now = clock.now()
    snapshot = selectors.snapshot(conference, now=now)
    if snapshot is None:
        raise Refused(Refusal.UNKNOWN)
    unless_none(policy.may_command(snapshot, actor))
    unless_none(policy.when(snapshot, now=now.timestamp()))
    if not 1 <= minutes <= LONGEST_EXTENSION or snapshot.end_by:
        raise Refused(Refusal.NOT_ALLOWED)
    try:
        with transaction.atomic():
            row = Conference.objects.select_for_update().get(pk=conference)
            closes_at = _extend(row, datetime.timedelta(minutes=minutes), now)
            Event.objects.create(
                conference=row,
                at=now,
                kind="extended",
                actor=actor.uri,
                way=way,
                detail={"minutes": minutes, "closes_at": closes_at.isoformat()},
            )
            notices.conference_changed(row.pk)
    except capacity.NoRoom as no_room:
        raise Refused(Refusal.PORTS_BOOKED) from no_room
    return closes_at


def _extend(row: Conference, more: datetime.timedelta, now: datetime.datetime) -> datetime.datetime:
    running = selectors.occurrence(row, now=now)
    if row.kind != Kind.BOOKED or running is None:
        raise Refused(Refusal.NOT_ALLOWED)
    ends_at = running.ends_at + more
    length = ends_at - running.starts_at
    after = selectors.all_occurrences(row, after=running.ends_at)
    next_one = next((one for one in after if one.starts_at > running.starts_at), None)
    early = datetime.timedelta(minutes=row.early_minutes)
    if next_one is not None and next_one.starts_at - early < ends_at:
        raise Refused(Refusal.NEXT_BEGINS)
    _write(row, running.recurrence_id, int(length.total_seconds() // 60))
    terms.close(row)
    row.save()
    capacity.take(row, now=now)
    return ends_at + datetime.timedelta(minutes=row.grace_minutes)


def _write(row: Conference, recurrence_id: datetime.datetime, minutes: int) -> None:
    """Of a series it is this one alone that lasts longer."""
    found = selectors.planned_one(row, recurrence_id)
    if found is None or not found.series.pattern.rule:
        row.duration_minutes = minutes
        return
    Override.objects.update_or_create(
        conference=row,
        series=found.series.number,
        recurrence_id=recurrence_id,
        defaults={"duration_minutes": minutes},
    )
