"""Rooms of another server (Jitsi's) that may be used when they are booked here.

Such a server asks when the first person opens a room. What is booked under
that name is told, with how long it lasts; a name that nobody has booked is
booked there and then.
"""

from __future__ import annotations

import datetime
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import formats
from django.utils import timezone as clock
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from conferences import policy, recurrence, selectors
from conferences.models import Conference, Event, Kind, User, Way
from conferences.services import bookings, moderation, terms
from conferences.services.refused import Refused, unless_none

#: How long a room may be used that has no end.
ENDLESS = datetime.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Reservation:
    """A conference that may be used: since when, for how long."""

    conference: Conference
    starts_at: datetime.datetime
    lasts: datetime.timedelta
    new: bool = False


def reserve(
    *, by: User, name: str, starts_at: datetime.datetime, owner: str, now: datetime.datetime
) -> Reservation:
    """What is booked under that name, or is now, until it closes.

    `owner` is a mail address or user name of whoever opened the room, as the
    other server knows him, or anything where he is a stranger; `by` is whose
    token it used. Raises `ValidationError` and `Refused` where it may not be used.
    """
    row = selectors.conference_by_name(name)
    if row is None or _is_again(row, by, now):
        return _booked(by, name, starts_at, row, now)
    who = _person(owner)
    snapshot = selectors.snapshot(row.key, now=now)
    assert snapshot is not None, "the row was read a moment ago"
    stranger = policy.Identity(uri=f"sip:{policy.ANONYMOUS.lower()}", display_name=owner)
    identity = selectors.identity_of_user(who) if who else stranger
    signed_in = row.admission == policy.Admission.SIGNED_IN and who is not None
    listed = identity.uri in snapshot.roles
    if not (listed or signed_in or row.admission == policy.Admission.OPEN):
        raise Refused(policy.Refusal.NOT_INVITED)
    unless_none(policy.when(snapshot, now=now.timestamp()))
    return reservation(row, now=now)


def reservation(row: Conference, *, now: datetime.datetime) -> Reservation:
    """When it may be used: the time that runs or comes next, with early entry and grace."""
    window = selectors.window(row, now=now)
    if row.kind != Kind.BOOKED or window.opens_at is None or window.closes_at is None:
        return Reservation(row, now, ENDLESS)
    return Reservation(row, window.opens_at, window.closes_at - window.opens_at)


def release(*, by: User, conference: Conference, now: datetime.datetime) -> None:
    """The room is empty: one that was booked by `reserve` is over, others stay as booked.

    Raises `Refused`.
    """
    snapshot = selectors.snapshot(conference.key, now=now)
    assert snapshot is not None, "the conference was read a moment ago"
    unless_none(policy.may_change(snapshot, selectors.identity_of_user(by)))
    found = selectors.occurrence(conference, now=now)
    here = conference.participants.filter(left_at__isnull=True).exists()
    if here or found is None or found.starts_at > now or not _is_ours(conference):
        return
    who = selectors.identity_of_user(by)
    moderation.end(conference=conference.key, actor=who, way=Way.JITSI)
    minutes = max(1, int((now - found.starts_at).total_seconds() // 60))
    if minutes < (conference.duration_minutes or 0):  # its ports are free again
        bookings.change(
            conference=conference, actor=who.uri, way=Way.JITSI, duration_minutes=minutes
        )


def _person(owner: str) -> User | None:
    """Who that is here: by mail address, or by user name with any domain."""
    text = owner.strip().lower()
    people = User.objects.filter(is_active=True)
    by_mail = people.filter(email__iexact=text).exclude(email="").first()
    return by_mail or people.filter(username=text).first()


def _is_ours(row: Conference) -> bool:
    """Whether it was booked by `reserve`."""
    return Event.objects.filter(conference=row, kind="booked", way=Way.JITSI).exists()


def _is_again(row: Conference, by: User, now: datetime.datetime) -> bool:
    """Whether that name was used like this before, by the same, and that is over."""
    over = row.cancelled_at is None and selectors.window(row, now=now).over
    return over and _is_ours(row) and by in (row.organizer, None)


def _booked(
    by: User,
    name: str,
    starts_at: datetime.datetime,
    before: Conference | None,
    now: datetime.datetime,
) -> Reservation:
    if not by.is_organizer:
        raise Refused(policy.Refusal.NOT_ALLOWED)
    if abs(starts_at - now) > datetime.timedelta(hours=1):
        raise ValidationError({"start_time": _("A room is opened when it is used.")})
    starts_at = max(starts_at, now - terms.JUST_NOW / 2)
    actor = selectors.aor(by.username)
    if before is not None:
        with transaction.atomic():
            Conference.objects.filter(pk=before.pk).update(ended_at=None)
            row = bookings.change(
                conference=before,
                actor=actor,
                way=Way.JITSI,
                starts_at=starts_at,
                duration_minutes=recurrence.DEFAULT_MINUTES,
            )
    else:
        row = bookings.book(
            organizer=by,
            name=name,
            way=Way.JITSI,
            title=name,
            admission=policy.Admission.OPEN,
            starts_at=starts_at,
            duration_minutes=recurrence.DEFAULT_MINUTES,
        )
    found = reservation(row, now=now)
    return Reservation(row, found.starts_at, found.lasts, new=True)


def why_not(refused: Refused, row: Conference | None, *, now: datetime.datetime) -> str:
    """What the person reads who may not use it."""
    if refused.refusal is policy.Refusal.TOO_EARLY and row is not None:
        opens_at = selectors.window(row, now=now).opens_at
        if opens_at is not None:
            local = clock.localtime(opens_at)
            at = formats.date_format(local, "DATETIME_FORMAT")
            return _("It opens at %(at)s (%(zone)s).") % {"at": at, "zone": local.tzname()}
    return str(_WHY.get(refused.refusal, _("You may not use this room now.")))


_WHY = {
    policy.Refusal.OVER: gettext_lazy("This conference is over."),
    policy.Refusal.NOT_INVITED: gettext_lazy("You are not invited to this conference."),
    policy.Refusal.NOT_ALLOWED: gettext_lazy("This token may not book conferences."),
}
