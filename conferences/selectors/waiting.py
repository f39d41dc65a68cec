"""Who waits to be let in, who need not, and who is not to come in."""

from __future__ import annotations

import datetime
from typing import Any

from django.db.models import Q, QuerySet

from conferences import policy
from conferences.models import Conference, Kind, Participant, Waiter, WaiterState
from conferences.policy import WaiterKey
from conferences.selectors.rosters import Viewer
from conferences.selectors.times import Window

#: Whoever is let into a room that has no hours may come back for so long.
LET_IN_LASTS = datetime.timedelta(hours=12)


def waiters(conference: Conference) -> QuerySet[Waiter]:
    """Those of whom nothing is decided yet, in their order."""
    return conference.waiters.filter(state=WaiterState.WAITING, left_at__isnull=True)


def waiting(conference: Conference, by: Viewer) -> list[dict[str, Any]]:
    """The same as scripts and pages of those who command read it."""
    return [waiter_line(one, by) for one in waiters(conference)]


def waiter_line(waiter: Waiter, by: Viewer) -> dict[str, Any]:
    """One of them."""
    masked = waiter.private and not by.identifies
    alias = policy.alias(policy.ParticipantKey(waiter.key))
    return {
        "id": waiter.key,
        "entity": alias if masked else waiter.entity,
        "display_text": policy.ANONYMOUS if masked else waiter.display_text,
        "since": waiter.since,
    }


def may_watch(snapshot: policy.Snapshot, who: policy.Identity) -> policy.Refusal | None:
    """Whether `who` may see who is in: not before he is, or could be at once."""
    refusal = policy.may_watch(snapshot, who, inside=False)
    if refusal is not policy.Refusal.NOT_ALLOWED:
        return refusal
    here = Participant.objects.filter(conference_id=snapshot.id, left_at__isnull=True)
    return policy.may_watch(snapshot, who, inside=here.filter(entity=who.uri).exists())


def decided(
    row: Conference, when: Window, now: datetime.datetime
) -> tuple[frozenset[str], tuple[policy.TurnedAway, ...]]:
    """Who need not wait, for he was let in; and who still waits and is not to come in.

    One query, none where there is no waiting room. Being let in holds for one
    occurrence, and for `LET_IN_LASTS` where there is none; not beyond an ending for all.
    """
    if row.waiting_room == policy.WaitingRoom.NONE:
        return frozenset(), ()
    since = when.opens_at if row.kind == Kind.BOOKED and when.opens_at else now - LET_IN_LASTS
    since = max(since, row.ended_at or since)
    let_in = Q(state=WaiterState.LET_IN, decided_at__gte=since)
    refused = Q(state=WaiterState.REFUSED, left_at__isnull=True)
    rows = list(row.waiters.filter(let_in | refused))
    return (
        frozenset(one.entity for one in rows if one.state == WaiterState.LET_IN),
        tuple(
            policy.TurnedAway(
                WaiterKey(one.key), one.decided_by, one.decided_by_name, one.reason, one.ban
            )
            for one in rows
            if one.state == WaiterState.REFUSED
        ),
    )
