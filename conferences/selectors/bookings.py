"""What is meant to be: the snapshot for the focus, bookings, and when they take place."""

from __future__ import annotations

import datetime
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from django.conf import settings
from django.db.models import Q, QuerySet, prefetch_related_objects
from django.utils import timezone

from conferences import policy, recurrence
from conferences.models import (
    FACTORY,
    Call,
    CallState,
    Conference,
    Factory,
    FactoryModeChoice,
    Invitation,
    Kind,
    Mail,
    Removal,
    RemovalState,
    Setup,
    User,
    WrongPin,
)
from conferences.selectors import marks
from conferences.selectors.identities import aor, conference_uri, conference_url
from conferences.selectors.times import all_occurrences, occurrence, window


def conference_by_name(name: str) -> Conference | None:
    """The conference of that public id, in any case; also one that is cancelled or over."""
    return Conference.objects.select_related("organizer", "lease").filter(name=name.lower()).first()


def factory(name: str) -> Factory | None:
    """The factory of that name; the one that there always is needs no row."""
    row = Factory.objects.filter(name=name.lower()).first()
    if row is None and name.lower() == FACTORY:
        return Factory(name=FACTORY)
    return row if row is not None and row.active else None


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
    rows = rows.prefetch_related("conference__overrides", "conference__earlier")
    return rows.filter(conference=conference)


def calendar(user: User, *, since: datetime.datetime) -> QuerySet[Conference]:
    """What stands in somebody's calendar: bookings that were not over by `since`."""
    rows = visible_to(user).filter(kind=Kind.BOOKED)
    return rows.filter(Q(closes_at__isnull=True) | Q(closes_at__gt=since))


def snapshot(
    conference: policy.ConferenceId, *, now: datetime.datetime | None = None
) -> policy.Snapshot | None:
    """The conference as it is meant to be at `now`, for the focus and for every edge."""
    row = Conference.objects.select_related("organizer").filter(pk=conference).first()
    if row is None:
        return None
    now = now or timezone.now()
    when = window(row, now=now)
    admittances = dict(row.admittances.values_list("entity", "pulled_in"))
    return policy.Snapshot(
        id=conference,
        name=row.name,
        title=when.title or row.title,
        opens_at=_stamp(when.opens_at),
        closes_at=_stamp(when.closes_at),
        over=when.over,
        admission=policy.Admission(row.admission),
        roles=_roles(row),
        pin=row.pin,
        max_participants=row.max_participants,
        locked=row.locked,
        hidden_focus=row.hidden_focus,
        participants_may_add=row.participants_may_add,
        confirm_calls=row.confirm_calls,
        anonymity=policy.Anonymity(row.anonymity),
        creator_departs=policy.CreatorDeparts(row.creator_departs),
        creator=_creator(row),
        banned=frozenset(row.bans.values_list("entity", flat=True)),
        admitted=frozenset(admittances),
        pulled_in=frozenset(one for one, pulled_in in admittances.items() if pulled_in),
        held_off=_held_off(row, now),
        **marks.of(row),
        recording=marks.recording(row),
        recorded=policy.Recorded(row.recorded),
        language=policy.Language(row.language or settings.PROMPT_LANGUAGE),
        timezone=row.timezone,
        announce=policy.Announce(row.announce),
        quiet_from=row.quiet_from,
        warn_minutes=row.warn_minutes,
        music=row.music,
        removals=tuple(_removals(row)),
        calls=tuple(_calls(row)),
        end_by=row.end_by,
        info_uri=conference_url(row),
        info_email=row.organizer.email if row.organizer else "",
    )


def _stamp(at: datetime.datetime | None) -> float | None:
    return None if at is None else at.timestamp()


def _creator(row: Conference) -> str:
    return row.creator or (aor(row.organizer.username) if row.organizer else "")


def _roles(row: Conference) -> dict[str, policy.Role]:
    roles = {
        aor(username) if username else uri: policy.Role(role)
        for uri, username, role in row.invitations.values_list("uri", "user__username", "role")
        if uri or username
    }
    return {**roles, _creator(row): policy.Role.ORGANIZER}


def _held_off(row: Conference, now: datetime.datetime) -> frozenset[str]:
    if not row.pin:
        return frozenset()
    wrong: dict[str, list[float]] = defaultdict(list)
    for entity, at in WrongPin.objects.filter(conference=row).values_list("entity", "at"):
        wrong[entity].append(at.timestamp())
    stamp = now.timestamp()
    return frozenset(
        entity for entity, times in wrong.items() if policy.held_off_until(times) > stamp
    )


def _removals(row: Conference) -> Iterator[policy.RemovalOrder]:
    orders = Removal.objects.select_related("participant").filter(
        conference=row, state=RemovalState.CARRYING
    )
    for order in orders.order_by("pk"):
        yield policy.RemovalOrder(
            id=order.pk,
            participant=policy.ParticipantKey(order.participant.key),
            by=order.actor,
            reason=order.reason,
            ban=order.ban,
            by_name=order.actor_name,
        )


def _calls(row: Conference) -> Iterator[policy.CallOrder]:
    for call in Call.objects.filter(conference=row, state=CallState.CALLING).order_by("pk"):
        yield policy.CallOrder(
            id=call.pk,
            job=call.job,
            uri=call.uri,
            by=call.by,
            display_name=call.display_name,
            role=policy.Role(call.role),
            attempt=call.attempts,
        )


def visible_to(user: User) -> QuerySet[Conference]:
    """What somebody organizes or is invited to, and is not cancelled."""
    return (
        Conference.objects.select_related("organizer")
        .prefetch_related("overrides", "earlier")
        .filter(Q(organizer=user) | Q(invitations__user=user))
        .filter(cancelled_at__isnull=True)
        .distinct()
    )


def upcoming(
    user: User,
    *,
    now: datetime.datetime,
    until: datetime.datetime | None = None,
) -> list[tuple[Conference, recurrence.Occurrence | None]]:
    """What runs or comes next for `user`, soonest first, standing rooms at the end.

    Each conference stands once, with its current or next occurrence; those
    that begin at `until` or later, and those that are over, are left out.
    """
    rows = visible_to(user).filter(Q(closes_at__isnull=True) | Q(closes_at__gt=now))
    return sorted(_next_ones(rows, now, until), key=_order)


def _next_ones(
    rows: Iterable[Conference], now: datetime.datetime, until: datetime.datetime | None
) -> Iterator[tuple[Conference, recurrence.Occurrence | None]]:
    for row in rows:
        if row.kind != Kind.BOOKED:
            if not window(row, now=now).over:
                yield row, None
            continue
        found = occurrence(row, now=now)
        if found is not None and (until is None or found.starts_at < until):
            yield row, found


def booked(
    user: User, *, since: datetime.datetime | None, until: datetime.datetime | None
) -> list[Conference]:
    """What `user` sees with a time from `since` to `until`, and all standing rooms."""
    rows = visible_to(user).prefetch_related("invitations__user")
    if since is not None:
        rows = rows.filter(Q(closes_at__isnull=True) | Q(closes_at__gt=since))
    if until is not None:
        rows = rows.filter(Q(starts_at__isnull=True) | Q(starts_at__lt=until))
    return [row for row in rows if not row.rrule or _takes_place(row, since, until)]


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
    conference: Conference, *, now: datetime.datetime, pin: bool, guest_list: bool
) -> dict[str, Any]:
    """The booking as scripts read it, with its PIN and with its list where the reader may."""
    when = window(conference, now=now)
    shown: dict[str, Any] = {
        "id": conference.name,
        "uri": conference_uri(conference),
        "url": conference_url(conference),
        "title": conference.title,
        "kind": conference.kind,
        "organizer": _creator(conference),
        "starts_at": _iso(conference.starts_at),
        "duration_minutes": conference.duration_minutes,
        "timezone": conference.timezone,
        "rrule": conference.rrule,
        "max_participants": conference.max_participants,
        "opens_at": _iso(when.opens_at),
        "closes_at": _iso(when.closes_at),
        "over": when.over,
        "cancelled": conference.cancelled_at is not None,
        "pin_required": bool(conference.pin),
        "policy": {
            "admission": conference.admission,
            "participants_may_add": conference.participants_may_add,
            "redials": conference.redials,
            "confirm_calls": conference.confirm_calls,
            "hidden_focus": conference.hidden_focus,
            "anonymity": conference.anonymity,
            "creator_departs": conference.creator_departs,
            "early_minutes": conference.early_minutes,
            "grace_minutes": conference.grace_minutes,
            "language": conference.language,
            "announce": conference.announce,
            "quiet_from": conference.quiet_from,
            "warn_minutes": conference.warn_minutes,
            "music": conference.music,
            "recorded": conference.recorded,
        },
    }
    if pin:
        shown["pin"] = conference.pin
    if guest_list:
        prefetch_related_objects([conference], "invitations__user")
        shown["invitees"] = [_invited(one) for one in conference.invitations.all()]
    return shown


def _invited(one: Invitation) -> dict[str, Any]:
    return {
        "uri": aor(one.user.username) if one.user else one.uri,
        "email": one.email,
        "role": one.role,
        "dial_out": one.dial_out,
    }


def _iso(at: datetime.datetime | None) -> str | None:
    return None if at is None else at.astimezone(datetime.UTC).isoformat().replace("+00:00", "Z")
