"""What somebody looks for among his conferences, and the templates that he keeps."""

from __future__ import annotations

import datetime

from django.db.models import Exists, F, OuterRef, Q, QuerySet

from conferences.models import (
    BookingTemplate,
    Conference,
    Hold,
    Invitation,
    Kind,
    Participant,
    User,
)
from conferences.selectors.bookings import says
from conferences.selectors.delegations import delegated_to


def search(
    user: User,
    *,
    text: str = "",
    since: datetime.datetime | None = None,
    until: datetime.datetime | None = None,
    past: bool = False,
    now: datetime.datetime,
) -> QuerySet[Conference]:
    """What he organizes, has in his hands or is invited to: what is to come, soonest first.

    Standing rooms come behind.
    Or what is `past` or called off, the latest first. With `text` those whose
    title, address or people say it; with times those that take place then. For
    a series that is a time that is to come, or that somebody came to.
    """
    invited = Invitation.objects.filter(user=user).values("conference")
    mine = Q(organizer=user) | Q(pk__in=invited) | Q(pk__in=delegated_to(user))
    rows = Conference.objects.filter(mine)
    rows = rows.select_related("organizer").prefetch_related("overrides", "others")
    if text := text.strip():
        rows = rows.filter(says(text))
    if since is not None or until is not None:
        rows = rows.filter(_takes_place(since, until))
    adhoc = Q(kind=Kind.ADHOC, ended_at__isnull=True)
    comes = Q(kind=Kind.ROOM) | adhoc | Q(closes_at__isnull=True) | Q(closes_at__gt=now)
    if past:
        over = rows.filter(~comes | Q(cancelled_at__isnull=False))
        return over.order_by(F("closes_at").desc(nulls_last=True), "-pk")
    rows = rows.filter(comes, cancelled_at__isnull=True)
    return rows.order_by(F("next_until").asc(nulls_last=True), "-pk")


def _takes_place(since: datetime.datetime | None, until: datetime.datetime | None) -> Q:
    """Rooms are there at any time."""
    once = Q(kind=Kind.BOOKED, rrule="", series=0)
    holds = Hold.objects.filter(conference=OuterRef("pk"))
    came = Participant.objects.filter(conference=OuterRef("pk"))
    if since is not None:
        once &= Q(closes_at__gt=since)
        holds = holds.filter(ends_at__gt=since.timestamp())
        came = came.filter(Q(left_at__isnull=True) | Q(left_at__gt=since))
    if until is not None:
        once &= Q(starts_at__lt=until)
        holds = holds.filter(starts_at__lt=until.timestamp())
        came = came.filter(joined_at__lt=until)
    series = Q(kind=Kind.BOOKED) & ~Q(rrule="", series=0) & (Q(Exists(holds)) | Q(Exists(came)))
    return once | series | Q(kind=Kind.ROOM) | (Q(kind=Kind.ADHOC) & Q(Exists(came)))


def templates_of(user: User) -> QuerySet[BookingTemplate]:
    """Those that he keeps, by title."""
    return user.templates.order_by("title", "pk")


def template(user: User, key: str) -> BookingTemplate | None:
    """That one of his."""
    return user.templates.filter(key=key).first()
