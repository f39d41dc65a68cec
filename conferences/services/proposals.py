"""Another time that an invitee asks for: iTIP COUNTER (RFC 5546 3.2.7).

It changes nothing: the history tells those who organize, and they change the
booking or leave it as it is.
"""

from __future__ import annotations

import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from conferences import selectors
from conferences.models import Event, Invitation, Way
from conferences.services import changes

#: Characters of what he writes with it that are kept.
LONGEST_COMMENT = 300


def propose(
    *,
    invitation: Invitation,
    series: int,
    starts_at: datetime.datetime,
    ends_at: datetime.datetime,
    at: datetime.datetime,
    recurrence_id: datetime.datetime | None = None,
    comment: str = "",
) -> None:
    """Take it down: of that whole series of the conference where `recurrence_id` is None.

    Raises `ValidationError` where it is over, or asks for what is booked already.
    """
    row = invitation.conference
    if selectors.window(row, now=at).over:
        raise ValidationError(_("This conference is over, or was cancelled."))
    detail: dict[str, Any] = {}
    if recurrence_id is None:
        start, end = _first(invitation, series)
    else:
        start, end = _one(invitation, recurrence_id, at)
        detail["recurrence_id"] = selectors.occurrence_name(recurrence_id)
        detail["from"] = start.isoformat()
    detail["changes"] = changes.between(_facts(start, end), _facts(starts_at, ends_at))
    if not detail["changes"]:
        raise ValidationError(_("That is the time for which it is booked."))
    if comment:
        detail["reason"] = comment[:LONGEST_COMMENT]
    Event.objects.create(
        conference=row, at=at, kind="proposed", actor=str(invitation), way=Way.MAIL, detail=detail
    )


Span = tuple[datetime.datetime, datetime.datetime]


def _first(invitation: Invitation, number: int) -> Span:
    """From when to when the first time of a series is."""
    for one in selectors.series(invitation.conference):
        if one.number == number:
            return one.pattern.starts_at, one.pattern.starts_at + one.pattern.duration
    raise ValidationError(_("This conference has no time of its own."))


def _one(invitation: Invitation, recurrence_id: datetime.datetime, at: datetime.datetime) -> Span:
    """From when to when one time of a series is."""
    found = selectors.planned_one(invitation.conference, recurrence_id)
    if found is None or found.now is None or found.now.ends_at <= at:
        raise ValidationError(_("This time is over, or was called off."))
    return found.now.starts_at, found.now.ends_at


def _facts(start: datetime.datetime, end: datetime.datetime) -> changes.Facts:
    return {"starts_at": start, "duration_minutes": round((end - start).total_seconds() / 60)}
