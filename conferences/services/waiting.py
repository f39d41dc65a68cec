"""The waiting room: who lets whom in, and who waits.

Page, REST API and keypad come through `let_in` and `turn_away`, which decide
and tell the focus; `wait_began` and `wait_ended` are what the gateway writes down.
Decided twice, it is decided once.
"""

from __future__ import annotations

import datetime

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone as clock

from conferences import notices, policy, selectors
from conferences.models import Ban, Conference, Event, Participant, Waiter, WaiterState, Way
from conferences.policy import ConferenceId, Identity, Refusal, WaiterKey
from conferences.services.refused import Refused, unless_none


def _commanded(conference: ConferenceId, actor: Identity) -> policy.Snapshot:
    snapshot = selectors.snapshot(conference)
    if snapshot is None:
        raise Refused(Refusal.UNKNOWN)
    unless_none(policy.may_command(snapshot, actor))
    return snapshot


def _undecided(conference: ConferenceId) -> QuerySet[Waiter]:
    return Waiter.objects.filter(
        conference_id=conference, state=WaiterState.WAITING, left_at__isnull=True
    )


@transaction.atomic
def let_in(*, conference: ConferenceId, waiter: WaiterKey | None, actor: Identity, way: Way) -> int:
    """Let one in who waits, or (None) all of them; how many that are.

    Raises `Refused`: FULL where there is no place for anybody, UNKNOWN for
    one who waits no more.
    """
    snapshot = _commanded(conference, actor)
    here = Participant.objects.filter(conference_id=conference, left_at__isnull=True).count()
    if snapshot.max_participants is not None and here >= snapshot.max_participants:
        raise Refused(Refusal.FULL)
    meant = _undecided(conference)
    if waiter is not None:
        meant = meant.filter(key=waiter)
    now = clock.now()
    let = [one for one in meant if _decide(one, WaiterState.LET_IN, actor, now)]
    if waiter is not None and not let:
        raise Refused(Refusal.UNKNOWN)
    for one in let:
        _note(one, "let-in", now, actor=actor.uri, way=way)
    notices.conference_changed(conference)
    return len(let)


@transaction.atomic
def turn_away(
    *,
    conference: ConferenceId,
    waiter: WaiterKey,
    actor: Identity,
    way: Way,
    reason: str = "",
    ban: bool = False,
) -> None:
    """Do not let one in who waits; `ban` says that he may not come again. Raises `Refused`."""
    _commanded(conference, actor)
    now = clock.now()
    one = _undecided(conference).filter(key=waiter).first()
    if one is None:
        raise Refused(Refusal.UNKNOWN)
    one.reason, one.ban = reason[:255], ban
    if not _decide(one, WaiterState.REFUSED, actor, now):
        raise Refused(Refusal.UNKNOWN)
    if ban:
        Ban.objects.get_or_create(
            conference_id=conference, entity=one.entity, defaults={"by": actor.uri, "at": now}
        )
    detail = {"reason": one.reason, "ban": ban}
    _note(one, "not-let-in", now, actor=actor.uri, way=way, detail=detail)
    notices.conference_changed(conference)


def _decide(one: Waiter, state: WaiterState, actor: Identity, now: datetime.datetime) -> bool:
    """Whether it was for us to decide: nobody has before."""
    fresh = Waiter.objects.filter(pk=one.pk, state=WaiterState.WAITING)
    changed = fresh.update(
        state=state,
        decided_at=now,
        decided_by=actor.uri,
        decided_by_name=actor.display_name[:100],
        reason=one.reason,
        ban=one.ban,
    )
    return changed == 1


@transaction.atomic
def set_waiting_room(
    *, conference: ConferenceId, room: policy.WaitingRoom, actor: Identity, way: Way
) -> None:
    """Have people wait from now on, or no more: then all who wait come in. Raises `Refused`."""
    _commanded(conference, actor)
    row = Conference.objects.filter(pk=conference).exclude(waiting_room=room)
    if row.update(waiting_room=room):
        Event.objects.create(
            conference_id=conference,
            at=clock.now(),
            kind="waiting-room",
            actor=actor.uri,
            way=way,
            detail={"waiting_room": room.value},
        )
    notices.conference_changed(conference)


# --- What the gateway writes down ----------------------------------------------------


def _time(at: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(at, tz=datetime.UTC)


@transaction.atomic
def wait_began(
    *,
    conference: ConferenceId,
    key: WaiterKey,
    entity: str,
    display_text: str,
    private: bool,
    at: float,
) -> None:
    """Somebody waits to be let in."""
    one, new = Waiter.objects.get_or_create(
        key=key,
        defaults={
            "conference_id": conference,
            "entity": entity,
            "display_text": display_text[:100],
            "private": private,
            "since": _time(at),
        },
    )
    if new:
        _note(one, "waits", one.since, actor=entity)


@transaction.atomic
def wait_ended(*, key: WaiterKey, inside: bool, by: str, at: float) -> None:
    """He is in, by the coming of `by` if by nobody's decision; or he is gone."""
    when = _time(at)
    one = Waiter.objects.filter(key=key, left_at__isnull=True).first()
    if one is None:
        return
    Waiter.objects.filter(pk=one.pk).update(left_at=when)
    if one.state != WaiterState.WAITING:
        return
    if inside:
        _note(one, "let-in", when, actor=by)
    else:
        _note(one, "gave-up", when, actor=one.entity)


def nobody_waits(waiters: QuerySet[Waiter], *, at: float) -> None:
    """The process before whose door these waited is gone; they wait anew at another, or call."""
    waiters.filter(left_at__isnull=True).update(left_at=_time(at))


def withdraw(*, conference: ConferenceId, entity: str) -> None:
    """Whoever was removed waits again when he comes back."""
    let = Waiter.objects.filter(conference_id=conference, entity=entity, state=WaiterState.LET_IN)
    if let.update(state=WaiterState.WITHDRAWN):
        notices.conference_changed(conference)


def _note(
    one: Waiter,
    kind: str,
    at: datetime.datetime,
    *,
    actor: str,
    way: str = "",
    detail: dict[str, object] | None = None,
) -> None:
    Event.objects.create(
        conference_id=one.conference_id,
        kind=kind,
        at=at,
        actor=actor,
        target="" if actor == one.entity else one.entity,
        way=way,
        detail={"waiter": one.key, **(detail or {})},
    )
