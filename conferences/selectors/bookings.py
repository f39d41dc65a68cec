"""What is meant to be: the snapshot for the focus, bookings, and when they take place."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Q, QuerySet, prefetch_related_objects

from conferences import policy, recurrence
from conferences.models import (
    FACTORY,
    Conference,
    Factory,
    FactoryModeChoice,
    Invitation,
    Kind,
    Mail,
    OtherSeries,
    Override,
    Participant,
    Setup,
    User,
)
from conferences.selectors.delegations import delegated_to
from conferences.selectors.identities import aor, conference_uri, conference_url, creator
from conferences.selectors.times import (
    Series,
    after_present,
    all_occurrences,
    occurrence,
    present,
    window,
)
from conferences.statements import Rows


def conference_by_name(name: str) -> Conference | None:
    """The conference of that public id, in any case; also one that is cancelled or over."""
    return Conference.objects.select_related("organizer", "lease").filter(name=name.lower()).first()


_KEY = Rows(
    lambda name: (
        Conference.objects.filter(Q(name=name) | Q(number=name)).order_by().values_list("pk")
    ),
    name=str,
)


def conference_key(name: str) -> policy.ConferenceId | None:
    """The primary key of the conference of that public id, or number to dial, as above."""
    found = _KEY(name=name.lower())
    return policy.ConferenceId(found[0][0]) if found else None


def is_vacant(conference: policy.ConferenceId) -> bool:
    """Whether it was made for now under a name of somebody's choice, and is over.

    Whoever may choose names may have this one; numbers that were made here stay (410).
    """
    row = Conference.objects.filter(pk=conference, kind=Kind.ADHOC, ended_at__isnull=False)
    return row.exclude(name__regex=r"^[0-9]{20}$").exists()


def factory(name: str) -> Factory | None:
    """The factory of that name; the one that there always is needs no row."""
    row = Factory.objects.filter(name=name.lower()).first()
    if row is None and name.lower() == FACTORY:
        return Factory(name=FACTORY)
    return row if row is not None and row.active else None


def factories() -> list[Factory]:
    """All of them, also those that are switched off; the one that there always is comes first."""
    rows = list(Factory.objects.select_related("owner").order_by("name"))
    if all(row.name != FACTORY for row in rows):
        rows.append(Factory(name=FACTORY))
    return sorted(rows, key=lambda row: (row.name != FACTORY, row.name))


def redirects(name: str) -> bool:
    """Whether a factory sends its callers on to what it made."""
    found = factory(name) if name else None
    return found is not None and found.mode == FactoryModeChoice.REDIRECT


def setup(token: str) -> Setup | None:
    """The call to the conference application whose page has that secret."""
    return Setup.objects.select_related("conference").filter(token=token).first()


def invitation(token: str) -> Invitation | None:
    """The invitation whose link to answer has that secret, with its conference."""
    rows = Invitation.objects.select_related("conference__organizer", "user")
    return rows.filter(token=token).first()


def outbox(conference: Conference) -> QuerySet[Mail]:
    """What its invitees were, are to be, or would be sent, the latest first."""
    rows = Mail.objects.select_related("conference__organizer", "invitation__user")
    rows = rows.prefetch_related(
        "conference__overrides", "conference__others", "invitation__occurrence_answers"
    )
    return rows.filter(conference=conference)


def calendar(user: User, *, since: datetime.datetime) -> QuerySet[Conference]:
    """What stands in somebody's calendar: bookings that were not over by `since`."""
    rows = visible_to(user).filter(kind=Kind.BOOKED)
    return rows.filter(Q(closes_at__isnull=True) | Q(closes_at__gt=since))


#: Conferences of a kind that a list of what is soon shows.
MOST_UPCOMING = 40


def visible_to(user: User, *, delegated: bool = False) -> QuerySet[Conference]:
    """What somebody organizes or is invited to, and is not cancelled.

    With `delegated` also what is in his hands for others.
    """
    mine = Q(organizer=user) | Q(invitations__user=user)
    if delegated:
        mine |= Q(pk__in=delegated_to(user))
    return (
        Conference.objects.select_related("organizer")
        .prefetch_related("overrides", "others")
        .filter(mine)
        .filter(cancelled_at__isnull=True)
        .distinct()
    )


def upcoming(
    user: User,
    *,
    now: datetime.datetime,
    until: datetime.datetime | None = None,
    most: int = MOST_UPCOMING,
) -> list[tuple[Conference, recurrence.Occurrence | None]]:
    """What runs or comes next for `user`, soonest first, standing rooms at the end.

    Each conference stands once, with its current or next occurrence; those
    that begin at `until` or later, and those that are over, are left out. The
    soonest `most` of what he organizes, of what he is invited to, and of both
    kinds of rooms are looked at. Eight queries, and two for a delegate.
    """
    return soon(user, now=now, until=until, most=most).entries


@dataclass(frozen=True, slots=True)
class Soon:
    """What is soon; whether there is `more` than was looked at."""

    entries: list[tuple[Conference, recurrence.Occurrence | None]]
    more: bool


def soon(
    user: User,
    *,
    now: datetime.datetime,
    until: datetime.datetime | None = None,
    most: int = MOST_UPCOMING,
) -> Soon:
    """As `upcoming`, and whether that is all."""
    rows: dict[int, Conference] = {}
    more = False
    # One that a late sweep has not moved on yet is looked at, too.
    since = now - datetime.timedelta(days=1)
    for mine in _his(user):
        known = Conference.objects.filter(mine, cancelled_at__isnull=True)
        booked = known.filter(next_until__gt=since).order_by("next_until")
        adhoc = Q(kind=Kind.ADHOC, ended_at__isnull=True, closes_at__gt=now)
        rooms = known.filter(Q(kind=Kind.ROOM) | adhoc).order_by("-pk")
        for some in (booked, rooms):
            found = list(some.select_related("organizer")[: most + 1])
            more = more or len(found) > most
            rows |= {row.pk: row for row in found[:most]}
    prefetch_related_objects(list(rows.values()), "overrides", "others")
    return Soon(sorted(_next_ones(rows.values(), now, until), key=_order), more)


def _next_ones(
    rows: Iterable[Conference], now: datetime.datetime, until: datetime.datetime | None
) -> Iterator[tuple[Conference, recurrence.Occurrence | None]]:
    for row in rows:
        if row.kind != Kind.BOOKED:
            yield row, None
            continue
        found = occurrence(row, now=now)
        if found is not None and (until is None or found.starts_at < until):
            yield row, found


def _his(user: User) -> list[Q]:
    """What he organizes, what he is invited to, and what is in his hands as a delegate."""
    found = [Q(organizer=user), Q(pk__in=_invited_to(user))]
    if user.is_delegate:
        found.append(Q(pk__in=delegated_to(user)))
    return found


def _invited_to(user: User) -> QuerySet[Invitation, int]:
    return Invitation.objects.filter(user=user).values_list("conference_id", flat=True)


def booked(
    user: User,
    *,
    since: datetime.datetime | None,
    until: datetime.datetime | None,
    text: str = "",
) -> list[Conference]:
    """What `user` sees with a time from `since` to `until`, and all standing rooms.

    With `text` those whose title, people or address say it.
    """
    rows = visible_to(user, delegated=True).prefetch_related("invitations__user")
    if text.strip():
        rows = rows.filter(says(text.strip()))
    if since is not None:
        rows = rows.filter(Q(closes_at__isnull=True) | Q(closes_at__gt=since))
    if until is not None:
        # Of a series any time may be moved, or be in another part than the row has.
        once = Q(rrule="", series=0)
        rows = rows.filter(Q(starts_at__isnull=True) | Q(starts_at__lt=until) | ~once)
    return [row for row in rows if not (row.rrule or row.series) or _takes_place(row, since, until)]


def says(text: str) -> Q:
    """Words of a title, a person or an address, in any case."""
    people = Invitation.objects.filter(
        Q(email__icontains=text)
        | Q(uri__icontains=text)
        | Q(user__display_name__icontains=text)
        | Q(user__username__icontains=text)
        | Q(user__email__icontains=text)
    )
    named = OtherSeries.objects.filter(title__icontains=text, cancelled=False)
    single = Override.objects.filter(title__icontains=text)
    came = Participant.objects.filter(display_text__icontains=text, private=False)
    return (
        Q(title__icontains=text)
        | Q(pk__in=named.values("conference"))
        | Q(pk__in=single.values("conference"))
        | Q(name__icontains=text)
        | Q(organizer__display_name__icontains=text)
        | Q(organizer__username__icontains=text)
        | Q(pk__in=people.values("conference"))
        | Q(pk__in=came.values("conference"))
    )


#: Before all that is booked.
BEGINNING = datetime.datetime(1900, 1, 1, tzinfo=datetime.UTC)


def _takes_place(
    row: Conference, since: datetime.datetime | None, until: datetime.datetime | None
) -> bool:
    found = next(all_occurrences(row, after=since or BEGINNING), None)
    return found is not None and (until is None or found.starts_at < until)


def _order(
    item: tuple[Conference, recurrence.Occurrence | None],
) -> tuple[bool, float, str]:
    row, found = item
    return (found is None, found.starts_at.timestamp() if found else 0.0, row.title.lower())


def booking(
    conference: Conference,
    *,
    now: datetime.datetime,
    pin: bool,
    guest_list: bool,
    pins_of: Callable[[str], bool] = lambda _: True,
) -> dict[str, Any]:
    """The booking as scripts read it, with its PIN and with its list where the reader may.

    Of a series that was changed from one time on, title, time and rule are those
    of the part that runs or comes next; `later` are those that follow it.
    `pins_of` says of whose address the reader may read the PIN that makes its bearer him.
    """
    when = window(conference, now=now)
    part = present(conference, now=now)
    shown: dict[str, Any] = {
        "id": conference.name,
        "uri": conference_uri(conference),
        "number": conference.digits,
        "url": conference_url(conference),
        "kind": conference.kind,
        "organizer": creator(conference),
        **(_part(part) if part is not None else _no_time(conference)),
        "later": [_part(one) for one in after_present(conference, now=now)],
        "max_participants": conference.max_participants,
        "opens_at": _iso(when.opens_at),
        "closes_at": _iso(when.closes_at),
        "over": when.over,
        "cancelled": conference.cancelled_at is not None,
        "pin_required": bool(conference.pin or conference.personal_pins),
        "policy": {
            "admission": conference.admission,
            "participants_may_add": conference.participants_may_add,
            "redials": conference.redials,
            "confirm_calls": conference.confirm_calls,
            "hidden_focus": conference.hidden_focus,
            "anonymity": conference.anonymity,
            "creator_departs": conference.creator_departs,
            "two_left": conference.two_left,
            "personal_pins": conference.personal_pins,
            "reminder_minutes": conference.reminder_minutes,
            "early_minutes": conference.early_minutes,
            "grace_minutes": conference.grace_minutes,
            "language": conference.language,
            "announce": conference.announce,
            "quiet_from": conference.quiet_from,
            "warn_minutes": conference.warn_minutes,
            "music": conference.music,
            "recorded": conference.recorded,
            "tracks": conference.tracks,
            "waiting_room": conference.waiting_room,
            "newcomers": conference.newcomers_at_first,
        },
    }
    if pin:
        shown["pin"] = conference.pin
    if guest_list:
        prefetch_related_objects([conference], "invitations__user")
        shown["moderator_pin"] = conference.moderator_pin
        shown["invitees"] = [_invited(one, pins_of) for one in conference.invitations.all()]
    return shown


def _part(one: Series) -> dict[str, Any]:
    return {
        "title": one.title,
        "starts_at": _iso(one.pattern.starts_at),
        "duration_minutes": round(one.pattern.duration.total_seconds() / 60),
        "timezone": one.pattern.zone,
        "rrule": one.pattern.rule,
    }


def _no_time(conference: Conference) -> dict[str, Any]:
    return {
        "title": conference.title,
        "starts_at": None,
        "duration_minutes": None,
        "timezone": conference.timezone,
        "rrule": "",
    }


def _invited(one: Invitation, pins_of: Callable[[str], bool]) -> dict[str, Any]:
    uri = aor(one.user.username) if one.user else one.uri
    return {
        "uri": uri,
        "email": one.email,
        "role": one.role,
        "dial_out": one.dial_out,
        "answer": one.answer,
        "pin": one.pin if pins_of(uri) else "",
    }


def _iso(at: datetime.datetime | None) -> str | None:
    return None if at is None else at.astimezone(datetime.UTC).isoformat().replace("+00:00", "Z")
