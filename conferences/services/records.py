"""What the gateway writes down, from one database thread, in order.

Times are POSIX seconds. Everything may be said twice (a report is repeated
after a crash, or by the next owner of a conference) and counts once. A join
costs CPU here, so each is a few plain queries, and those of every join
are written once (`rows`).
"""

from __future__ import annotations

import datetime
from collections.abc import Collection, Mapping
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, Q
from django.utils import timezone as clock

from conferences import guesses, notices, policy
from conferences.models import (
    Ban,
    Call,
    CallState,
    Conference,
    DisconnectionMethod,
    Endpoint,
    EndpointStatus,
    Event,
    JoiningMethod,
    Kind,
    Lease,
    MutedBy,
    Participant,
    Quality,
    Removal,
    RemovalState,
    Waiter,
    Way,
    WrongPin,
)
from conferences.policy import ConferenceId, ParticipantKey
from conferences.services import capacity, recordings, rows, sounds, waiting

#: Outcomes of a removal by which the participant is gone: the focus says so, or the
#: answer to our BYE (408 and 481 end a dialog too, RFC 3261 15 and 12.2.1.2).
GONE = frozenset({"removed", "gone", "200", "408", "481"})

#: The same refusal of the same caller within this time is one line of history.
_REPEATED = datetime.timedelta(seconds=10)


def _time(at: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(at, tz=datetime.UTC)


def _note(conference: int, kind: str, at: datetime.datetime, **columns: Any) -> None:
    rows.new_event(conference_id=conference, kind=kind, at=at, **columns)


# --- Leases -------------------------------------------------------------------


def take_lease(*, conference: ConferenceId, owner: str, until: float, now: float) -> bool:
    """Become, or stay, the one process that serves the conference. False where another is."""
    end = _time(until)
    if rows.taken(conference=conference, by=owner, now=_time(now), owner=owner, expires_at=end):
        return True
    try:
        with transaction.atomic():
            rows.new_lease(conference_id=conference, owner=owner, expires_at=end)
    except IntegrityError:
        return False
    return True


def renew_leases(
    *, owner: str, conferences: Collection[ConferenceId], until: float
) -> frozenset[ConferenceId]:
    """Keep serving these; returns those that are still `owner`'s."""
    held = Lease.objects.filter(owner=owner, conference_id__in=conferences)
    held.update(expires_at=_time(until))
    return frozenset(ConferenceId(pk) for pk in held.values_list("conference_id", flat=True))


def expire_leases(*, owner: str, at: float) -> None:
    """`owner` is about to end: whoever is next takes over what he serves."""
    Lease.objects.filter(owner=owner).update(expires_at=_time(at))


def release_lease(*, conference: ConferenceId, owner: str) -> None:
    """Serve it no longer."""
    rows.given_back(conference=conference, owner=owner)


@transaction.atomic(savepoint=False)
def room_emptied(*, conference: ConferenceId, released_by: str = "") -> None:
    """Nobody is in; whoever serves it may release it with that.

    An empty room is unlocked, or nobody could come in again; an ending that
    was asked for while the last one left is completed, or it would end the
    next meeting.
    """
    if released_by:
        release_lease(conference=conference, owner=released_by)
    for locked, end_by, occupied, recorded, playing in rows.left_overs(conference=conference):
        if occupied:
            return
        if locked:
            Conference.objects.filter(pk=conference).update(locked=False)
        if recorded:
            recordings.end_recordings(conference=conference, at=clock.now())
        if playing:
            sounds.forget_playing(conference=conference)
        if end_by:
            conference_ended(conference=conference, at=clock.now().timestamp(), by=end_by)


def close_stale_rosters(*, owner: str, at: float) -> None:
    """After a restart of `owner`: whoever he, or nobody any more, serves has left."""
    served = Lease.objects.filter(expires_at__gt=_time(at)).exclude(owner=owner)
    stale = (
        Participant.objects.filter(left_at__isnull=True)
        .exclude(conference_id__in=served.values("conference_id"))
        .values_list("conference_id", "key")
    )
    for conference, key in list(stale):
        participant_left(
            conference=ConferenceId(conference),
            key=ParticipantKey(key),
            method=DisconnectionMethod.FAILED.value,
            by="",
            reason="the server was restarted",
            at=at,
        )
    waiters = Waiter.objects.exclude(conference_id__in=served.values("conference_id"))
    waiting.nobody_waits(waiters, at=at)
    Lease.objects.filter(owner=owner).delete()


# --- The roster -----------------------------------------------------------------


@transaction.atomic(savepoint=False)
def participant_joined(
    *,
    conference: ConferenceId,
    key: ParticipantKey,
    entity: str,
    display_text: str,
    role: policy.Role,
    endpoint: str,
    joining_method: str,
    at: float,
    by: str = "",
    private: bool = False,
    comes: policy.Newcomers = policy.Newcomers.HEARD,
) -> None:
    """A participant is in, with a phone; or one who is in has come with another phone."""
    when = _time(at)
    # One query says whether this was told before and whether he is still muted.
    known = rows.joins_of_somebody(conference=conference, entity=entity)
    before = next((row for row in known if row[1] == key), None)
    new, muted_by = before is None, MutedBy.NOBODY
    if before is None:
        muted_by = _still_muted(known) or _COMES[comes]
        participant = rows.new_participant(
            conference_id=conference,
            key=key,
            entity=entity,
            display_text=display_text[:100],
            role=role,
            private=private,
            joined_at=when,
            muted_by=muted_by,
        )
    else:
        participant, _, was_private, _, left_at = before
        if left_at is not None:
            return
        if private and not was_private:
            Participant.objects.filter(pk=participant).update(private=True)
    if new or not _taken_up(participant, endpoint):
        rows.new_endpoint(
            participant_id=participant,
            uri=endpoint[:512],
            status=EndpointStatus.CONNECTED,
            joining_method=JoiningMethod(joining_method),
            joined_at=when,
        )
        detail = {"participant": key, "endpoint": endpoint, "joining_method": joining_method}
        _note(conference, "joined", when, actor=by or entity, target=entity, detail=detail)
    if muted_by:
        notices.conference_changed(conference)


def _taken_up(participant: int, endpoint: str) -> bool:
    """Whether the phone was there before; then it is there again."""
    before = Endpoint.objects.filter(participant_id=participant, uri=endpoint[:512])
    return bool(
        before.update(
            status=EndpointStatus.CONNECTED,
            left_at=None,
            speaking=False,
            level=None,
            disconnection_method=DisconnectionMethod.NONE,
        )
    )


#: Whoever comes in muted: whether he may open his microphone himself.
_COMES = {
    policy.Newcomers.HEARD: MutedBy.NOBODY,
    policy.Newcomers.MUTED: MutedBy.SELF,
    policy.Newcomers.SILENCED: MutedBy.MODERATOR,
}


def _still_muted(known: list[tuple[Any, ...]]) -> MutedBy:
    """Who was muted by a moderator does not get his voice back by calling again."""
    muted = known and known[0][3] == MutedBy.MODERATOR
    return MutedBy.MODERATOR if muted else MutedBy.NOBODY


def endpoint_changed(
    *,
    conference: ConferenceId,  # noqa: ARG001 - the reports of the gateway have one shape
    key: ParticipantKey,
    endpoint: str,
    status: str,
    muted: bool,
    at: float,  # noqa: ARG001
) -> None:
    """A phone is held, taken back, heard or not heard (RFC 4575 5.7.2)."""
    Endpoint.objects.filter(participant__key=key, uri=endpoint[:512], left_at__isnull=True).update(
        status=EndpointStatus(status), muted=muted
    )


def endpoint_measured(
    *,
    key: ParticipantKey,
    endpoint: str,
    now: Mapping[str, float | None],
    mean: Mapping[str, float | None],
    worst: float | None,
    at: float,
) -> None:
    """How well a phone goes: the names are those of `Quality`'s columns.

    The worst of a call is kept when its mixer was replaced, who begins with new means.
    """
    row = (
        Endpoint.objects.filter(participant__key=key, uri=endpoint[:512], left_at__isnull=True)
        .select_related("quality")
        .first()
    )
    if row is None:
        return
    before = getattr(row, "quality", None)
    known = [one for one in (worst, before.worst_mos if before else None) if one is not None]
    columns = {
        **now,
        **{f"mean_{name}": value for name, value in mean.items()},
        "worst_mos": min(known, default=None),
        "at": _time(at),
    }
    Quality.objects.update_or_create(endpoint=row, defaults=columns)


@transaction.atomic(savepoint=False)
def speakers_changed(
    *, conference: ConferenceId, heard: Mapping[tuple[ParticipantKey, str], int | None]
) -> None:
    """These phones are heard, at so many dBov, and no others of the conference."""
    inside = Endpoint.objects.filter(participant__conference=conference, left_at__isnull=True)
    inside.filter(speaking=True).update(speaking=False, level=None)
    for (key, endpoint), level in heard.items():
        phone = inside.filter(participant__key=key, uri=endpoint[:512])
        phone.update(speaking=True, level=level)


def endpoint_left(
    *,
    conference: ConferenceId,  # noqa: ARG001
    key: ParticipantKey,
    endpoint: str,
    method: str,
    at: float,
) -> None:
    """One phone of a participant is gone; he may have others."""
    Endpoint.objects.filter(participant__key=key, uri=endpoint[:512], left_at__isnull=True).update(
        status=EndpointStatus.DISCONNECTED,
        disconnection_method=DisconnectionMethod(method),
        left_at=_time(at),
    )


@transaction.atomic(savepoint=False)
def participant_left(
    *, conference: ConferenceId, key: ParticipantKey, method: str, by: str, reason: str, at: float
) -> None:
    """A participant is out, by RFC 4575 5.7.5 `method`; `by` is who saw to it, if anybody."""
    when = _time(at)
    method = DisconnectionMethod(method).value
    found = rows.present(key=key)
    if not found:
        return
    ((participant, entity),) = found
    rows.gone(
        pk=participant, left_at=when, left_method=method, left_by=by, left_reason=reason[:255]
    )
    rows.phones_gone(participant=participant, disconnection_method=method, left_at=when)
    rows.keyed(conference=conference, entity=entity)
    detail = {"participant": key, "method": method, "reason": reason}
    _note(conference, "left", when, actor=by or entity, target=entity, detail=detail)
    if method == DisconnectionMethod.BOOTED and by:
        waiting.withdraw(conference=conference, entity=entity)
    if method == DisconnectionMethod.BOOTED:
        orders = Removal.objects.filter(participant=participant, state=RemovalState.CARRYING)
        for removal in orders:
            removal_ended(removal=removal.pk, outcome="gone", at=at)


def roster_changed(*, conference: ConferenceId, version: int) -> None:
    """The version of the roster that was last published."""
    rows.published(conference=conference, roster_version=version)


def join_refused(*, conference: ConferenceId, entity: str, refusal: str, at: float) -> None:
    """Somebody was not let in, and why. Said again at once it is not written again."""
    when = _time(at)
    repeated = Event.objects.filter(
        conference_id=conference, kind="refused", actor=entity, at__gt=when - _REPEATED
    )
    if not repeated.filter(detail__refusal=refusal).exists():
        _note(conference, "refused", when, actor=entity, detail={"refusal": refusal})


def ask_refused(
    *, conference: ConferenceId, entity: str, asked: str, target: str, refusal: str, at: float
) -> None:
    """Somebody asked for what he may not, and by which rule (RFC 4579 6). Once for a while."""
    when = _time(at)
    absent = (asked, refusal) == ("remove", policy.Refusal.UNKNOWN)
    kind = "removal-failed" if absent else "ask-refused"
    repeated = Event.objects.filter(
        conference_id=conference, kind=kind, actor=entity, at__gt=when - _REPEATED
    )
    detail = {"outcome": "absent"} if absent else {"asked": asked, "refusal": refusal}
    same = repeated.filter(target=target[:255]) if absent else repeated.filter(detail__asked=asked)
    if not same.exists():
        way = Way.REFER if absent else ""
        _note(conference, kind, when, actor=entity, target=target[:255], way=way, detail=detail)


def link_shown(*, conference: ConferenceId, uri: str, by: str, at: float) -> None:
    """Somebody showed the others a link; it is kept as it was given, and followed by nobody."""
    _note(conference, "link-shown", _time(at), actor=by, detail={"uri": uri})


def wrong_pin(*, conference: ConferenceId, entity: str, at: float, last: bool = False) -> None:
    """A wrong PIN was keyed in the call; the `last` one, that ended it, holds off at once."""
    when = _time(at)
    wrong = WrongPin.objects.filter(conference_id=conference, entity=entity)
    missing = max(1, guesses.WRONG_PINS - wrong.count()) if last else 1
    WrongPin.objects.bulk_create(
        WrongPin(conference_id=conference, entity=entity, at=when) for _ in range(missing)
    )
    _note(conference, "wrong-pin", when, actor=entity)
    # It may be hidden now.
    notices.conference_changed(conference)


@transaction.atomic
def conference_ended(*, conference: ConferenceId, at: float, by: str, parted: bool = False) -> None:
    """Everybody has been sent away, or the last of an ad-hoc conference has gone.

    An ad-hoc conference is over then. Of a booking the occurrence is over if
    somebody ended it, but not if the room is merely empty. A standing room
    may be joined again. `parted` says that the two who were left went on in a call.
    """
    when = _time(at)
    row = Conference.objects.filter(pk=conference).first()
    if row is None:
        return
    by = by or row.end_by
    if row.kind == Kind.ADHOC:
        capacity.give_back(conference)
    fresh = Conference.objects.filter(pk=conference)
    if row.kind == Kind.ADHOC or by:
        fresh.update(ended_at=when, end_by="", locked=False, newcomers=F("newcomers_at_first"))
    else:
        fresh.update(end_by="", locked=False, newcomers=F("newcomers_at_first"))
    running = Q(state__in=[CallState.DUE, CallState.CALLING])
    redials = Q(state=CallState.PLANNED, attempts__gt=0)
    Call.objects.filter(running | redials, conference_id=conference).update(
        state=CallState.CANCELLED, done_at=when
    )
    if row.kind == Kind.ADHOC and row.ended_at is not None:
        return
    _note(conference, "ended", when, actor=by, detail={"parted": True} if parted else {})


# --- Orders ---------------------------------------------------------------------


def ban(target: Participant, *, by: str, at: datetime.datetime) -> None:
    """Whoever this is may not come back."""
    Ban.objects.get_or_create(
        conference_id=target.conference_id, entity=target.entity, defaults={"by": by, "at": at}
    )


#: What the history says: whether it was done, and whether of one phone alone.
_REMOVED = {
    (True, False): "removed",
    (True, True): "phone-removed",
    (False, False): "removal-failed",
    (False, True): "removal-failed",
}


@transaction.atomic
def removal_ended(*, removal: int, outcome: str, at: float) -> None:
    """A removal is carried out (an `outcome` in `GONE`) or has failed, and why."""
    done = outcome in GONE
    open_states = [RemovalState.DUE, RemovalState.CARRYING]
    changed = Removal.objects.filter(pk=removal, state__in=open_states).update(
        state=RemovalState.DONE if done else RemovalState.FAILED,
        outcome=outcome[:255],
        done_at=_time(at),
    )
    if changed != 1:
        return
    row = Removal.objects.select_related("participant").get(pk=removal)
    detail = {
        "participant": row.participant.key,
        "reason": row.reason,
        "ban": row.ban,
        **({"endpoint": row.endpoint} if row.endpoint else {}),
        **({} if done else {"outcome": outcome}),
    }
    _note(
        row.conference_id,
        _REMOVED[done, bool(row.endpoint)],
        _time(at),
        actor=row.asker,
        target=row.participant.entity,
        way=row.way,
        detail=detail,
    )
