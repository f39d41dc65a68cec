"""Calls that a booking plans: whom it calls when it opens."""

from __future__ import annotations

import datetime
import secrets

from conferences import notices, selectors
from conferences.models import Call, CallState, Conference, Kind, Way


def plan_calls(conference: Conference, *, by: str, way: Way, now: datetime.datetime) -> None:
    """Plan a call to each invited person who is to be called, for the next opening.

    A standing room is open from the start, so its calls are due at once, and
    once only. Planning twice plans once: a call is unique by invitation and time.
    """
    invited = conference.invitations.filter(dial_out=True)
    if conference.kind != Kind.BOOKED:
        invited = invited.filter(calls__isnull=True)
        due_at: datetime.datetime | None = now
    else:
        found = selectors.occurrence(conference, now=now)
        due_at = found.starts_at if found else None
    if due_at is None:
        return
    # One that is planned already is left alone, and so is whoever would be woken for it.
    planned = [
        Call(
            conference=conference,
            invitation=invitation,
            job=secrets.token_hex(16),
            uri=invitation.uri,
            role=invitation.role,
            by=by,
            way=way,
            state=CallState.PLANNED,
            due_at=due_at,
        )
        for invitation in invited.exclude(calls__due_at=due_at)
    ]
    Call.objects.bulk_create(planned, ignore_conflicts=True)
    if planned and due_at <= now:
        notices.wake("open_and_close")


def plan_again(conference: Conference, *, by: str, way: Way, now: datetime.datetime) -> None:
    """Plan the calls anew, because the conference or its next occurrence changed."""
    cancel_calls(conference, CallState.PLANNED)
    plan_calls(conference, by=by, way=way, now=now)


def cancel_calls(conference: Conference, *states: CallState) -> None:
    """Call off calls in these states."""
    Call.objects.filter(conference=conference, state__in=states).update(
        state=CallState.CANCELLED, invitation=None
    )
