"""The snapshot of a conference: what it is meant to be, for the focus and for every edge."""

from __future__ import annotations

import datetime
import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from conferences import guesses, policy
from conferences.models import (
    Admittance,
    Ban,
    Call,
    CallState,
    Conference,
    Delegation,
    Guest,
    Invitation,
    OccurrenceAnswer,
    Playing,
    Removal,
    RemovalState,
    User,
)
from conferences.selectors import marks, waiting
from conferences.selectors.delegations import delegates_of
from conferences.selectors.identities import aor, conference_url, creator
from conferences.selectors.times import Planned, window
from conferences.statements import Rows

_HERE = OuterRef("pk")
#: What may hang on a conference and mostly does not: what is there is asked for.
_HANGING: Mapping[str, QuerySet[Any]] = {
    "admittances": Admittance.objects.filter(conference=_HERE),
    "bans": Ban.objects.filter(conference=_HERE),
    "calls": Call.objects.filter(conference=_HERE, state=CallState.CALLING),
    "delegates": Delegation.objects.filter(owner=OuterRef("organizer")),
    "guests": Guest.objects.filter(conference=_HERE, invitation__isnull=False),
    "invitations": Invitation.objects.filter(conference=_HERE),
    "marks": marks.marked(_HERE),
    "recording": marks.going(_HERE),
    "removals": Removal.objects.filter(conference=_HERE, state=RemovalState.CARRYING),
    "sound": Playing.objects.filter(conference=_HERE),
}
_COLUMNS = tuple(field.attname for field in Conference._meta.concrete_fields)
_ORGANIZER = ("pk", "username", "email")


def _asked(conference: int) -> QuerySet[Conference, Any]:
    organizer = (f"organizer__{name}" for name in _ORGANIZER)
    there = map(Exists, _HANGING.values())
    rows = Conference.objects.filter(pk=conference).order_by()
    return rows.values_list(*_COLUMNS, *organizer, *there)


_ROW = Rows(_asked, conference=int)


def _found(conference: policy.ConferenceId) -> tuple[Conference, frozenset[str]] | None:
    """The row, of its organizer what is needed here, and what of `_HANGING` there is. One query."""
    found = _ROW(conference=conference)
    if not found:
        return None
    cells = found[0]
    own, cells = cells[: len(_COLUMNS)], cells[len(_COLUMNS) :]
    organizer, there = cells[: len(_ORGANIZER)], cells[len(_ORGANIZER) :]
    row = Conference.from_db(connection.alias, _COLUMNS, own)
    if row.organizer_id is not None:
        row.organizer = User(**dict(zip(_ORGANIZER, organizer, strict=True)))
    return row, frozenset(name for name, is_so in zip(_HANGING, there, strict=True) if is_so)


def snapshot(
    conference: policy.ConferenceId, *, now: datetime.datetime | None = None
) -> policy.Snapshot | None:
    """The conference as it is meant to be at `now`, for the focus and for every edge."""
    found = _found(conference)
    if found is None:
        return None
    row, there = found
    now = now or timezone.now()
    when = window(row, now=now)
    admittances = _admittances(row) if "admittances" in there else []
    invited = list(row.invitations.select_related("user")) if "invitations" in there else []
    wrong = _wrong_pins(row)
    let_in, turned_away = waiting.decided(row, when, now)
    return policy.Snapshot(
        id=conference,
        name=row.name,
        title=when.title or row.title,
        opens_at=_stamp(when.opens_at),
        closes_at=_stamp(when.closes_at),
        over=when.over,
        admission=policy.Admission(row.admission),
        roles=_roles(row, there, invited, ((one[0], one[3]) for one in admittances if one[3])),
        pin=row.pin,
        moderator_pin=row.moderator_pin,
        personal_pins=_personal_pins(invited) if row.personal_pins else {},
        hidden_until=guesses.hidden_until(wrong),
        reserved_until=_stamp(row.reserved_until) or 0.0,
        max_participants=row.max_participants,
        locked=row.locked,
        hidden_focus=row.hidden_focus,
        participants_may_add=row.participants_may_add,
        confirm_calls=row.confirm_calls,
        anonymity=policy.Anonymity(row.anonymity),
        creator_departs=policy.CreatorDeparts(row.creator_departs),
        two_left=policy.TwoLeft(row.two_left),
        creator=creator(row),
        banned=frozenset(row.bans.values_list("entity", flat=True) if "bans" in there else ()),
        admitted=frozenset(one[0] for one in admittances if not one[2]),
        pulled_in=frozenset(one[0] for one in admittances if one[1]),
        waiting_room=policy.WaitingRoom(row.waiting_room),
        newcomers=policy.Newcomers(row.newcomers),
        let_in=let_in,
        turned_away=turned_away,
        held_off=_held_off(wrong, now),
        **marks.of(row if "marks" in there else None),
        recording=marks.recording(row) if "recording" in there else None,
        sound=marks.sound(row) if "sound" in there else None,
        recorded=policy.Recorded(row.recorded),
        language=policy.Language(row.language or settings.PROMPT_LANGUAGE),
        timezone=row.timezone,
        announce=policy.Announce(row.announce),
        quiet_from=row.quiet_from,
        warn_minutes=row.warn_minutes,
        music=row.music,
        removals=tuple(_removals(row)) if "removals" in there else (),
        calls=tuple(_calls(row)) if "calls" in there else (),
        end_by=row.end_by,
        info_uri=conference_url(row),
        info_email=row.organizer.email if row.organizer else "",
    )


def _stamp(at: datetime.datetime | None) -> float | None:
    return None if at is None else at.timestamp()


def _roles(
    row: Conference,
    there: Collection[str],
    invited: Iterable[Invitation],
    given: Iterable[tuple[str, str]],
) -> dict[str, policy.Role]:
    """By the list, by a link, by a PIN that gave one, and as a delegate of the organizer."""
    roles = {_address(one): policy.Role(one.role) for one in invited if _address(one)}
    for user, role in _guests(row) if "guests" in there else ():
        roles[aor(user)] = policy.Role(role)
    for entity, role in given:
        roles[entity] = policy.higher(policy.Role(role), roles.get(entity, policy.Role.LISTENER))
    for username in delegates_of(row) if "delegates" in there else ():
        roles[aor(username)] = policy.Role.CO_ORGANIZER
    return {**roles, creator(row): policy.Role.ORGANIZER}


def _admittances(row: Conference) -> list[tuple[str, bool, bool, str]]:
    return list(row.admittances.values_list("entity", "pulled_in", "keyed", "role"))


def _guests(row: Conference) -> list[tuple[str, str]]:
    """Who came by a link that gives a role."""
    guests = row.guests.filter(invitation__isnull=False)
    return list(guests.values_list("uri_user", "invitation__role"))


def _address(one: Invitation) -> str:
    return aor(one.user.username) if one.user else one.uri


def _personal_pins(invited: Iterable[Invitation]) -> dict[str, policy.PersonalPin]:
    return {
        one.pin: policy.PersonalPin(invitee_name(one), policy.Role(one.role), _address(one))
        for one in invited
        if one.pin
    }


def invitee_name(one: Invitation) -> str:
    """What an invitee is called, as far as it is known."""
    return one.user.get_full_name() if one.user else one.email.partition("@")[0] or one.uri


@dataclass(frozen=True, slots=True)
class Said:
    """What an invitee said about one occurrence."""

    name: str
    uri: str
    email: str
    answer: str
    words: str


def answers_of(conference: Conference, found: Planned) -> list[Said]:
    """What invitees said about that occurrence alone."""
    rows = OccurrenceAnswer.objects.select_related("invitation__user").order_by("invitation")
    rows = rows.filter(invitation__conference=conference, recurrence_id=found.recurrence_id)
    return [
        Said(
            invitee_name(one.invitation),
            _address(one.invitation),
            one.invitation.email,
            one.answer,
            one.get_answer_display(),
        )
        for one in rows
    ]


def _wrong_pins(row: Conference) -> list[tuple[str, float]]:
    """Who gave a wrong PIN, and when."""
    if not (row.pin or row.personal_pins):
        return []
    rows = row.wrong_pins.values_list("entity", "at")
    return [(entity, at.timestamp()) for entity, at in rows]


def pin_wait(conference: Conference, entity: str, *, now: datetime.datetime) -> int:
    """Seconds until a PIN of `entity` is looked at again; 0 if it may come now."""
    given = conference.wrong_pins.filter(entity=entity).values_list("at", flat=True)
    until = guesses.held_off_until([at.timestamp() for at in given])
    return max(0, math.ceil(until - now.timestamp()))


def _held_off(wrong: Iterable[tuple[str, float]], now: datetime.datetime) -> frozenset[str]:
    times: dict[str, list[float]] = defaultdict(list)
    for entity, at in wrong:
        times[entity].append(at)
    stamp = now.timestamp()
    return frozenset(one for one, some in times.items() if guesses.held_off_until(some) > stamp)


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
            anonymous=order.anonymous,
            endpoint=order.endpoint,
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
            phone=call.phone,
            secure=call.secure,
            takes_over=call.takes_over,
            replaces=call.replaces,
            anonymous=call.anonymous,
            history=call.history,
            booked=call.invitation_id is not None,
        )
