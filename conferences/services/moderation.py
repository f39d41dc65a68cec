"""What may be asked of a conference: remove, mute, lock, end, call.

The page's button, the REST API, a keypad and a REFER all come through here,
so they cannot disagree. Nothing is done to a call here: the wish is written
down and the focus is told that something changed.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from conferences import notices, policy, selectors
from conferences.models import (
    Admittance,
    Call,
    Conference,
    Event,
    Invitation,
    Lease,
    MutedBy,
    Participant,
    Removal,
    RemovalState,
    User,
    Way,
)
from conferences.policy import ConferenceId, Identity, ParticipantKey
from conferences.services import bans, dialouts, floor, records
from conferences.services.names import canonical_uri, is_secure, username_of
from conferences.services.refused import Refused, unless_none


def _snapshot(conference: ConferenceId) -> policy.Snapshot:
    found = selectors.snapshot(conference)
    if found is None:
        raise Refused(policy.Refusal.UNKNOWN)
    return found


def _present(conference: ConferenceId, participant: ParticipantKey) -> Participant:
    """The roster entry; raises `Refused` (UNKNOWN) for somebody who is not there."""
    found = selectors.participant_by_key(conference, participant)
    if found is None:
        raise Refused(policy.Refusal.UNKNOWN)
    return found


@transaction.atomic
def ask_to_remove(
    *,
    conference: ConferenceId,
    participant: ParticipantKey,
    actor: Identity,
    way: Way,
    reason: str = "",
    ban: bool = False,
    anonymous: bool = False,
    endpoint: str = "",
) -> Removal:
    """Ask that a participant be gone; `ban` says he may not come back. Raises `Refused`.

    `anonymous`: nobody in the conference reads who asked; the row knows.
    `endpoint`: one phone of his, as the roster names it (UNKNOWN where it is not in);
    who may not come back goes with all of them.

    Asked twice, it is one wish; a ban asked for later is added to it.
    """
    snapshot = _snapshot(conference)
    target = _present(conference, participant)
    phone = "" if ban else endpoint[:512]
    if phone and not target.endpoints.filter(uri=phone, left_at__isnull=True).exists():
        raise Refused(policy.Refusal.UNKNOWN)
    unless_none(policy.may_remove(snapshot, actor, target=target.entity))
    if ban:
        unless_none(policy.may_ban(snapshot, actor, target=target.entity))
        records.ban(target, by=actor.uri, at=timezone.now())
    removal, _ = Removal.objects.get_or_create(
        participant=target,
        endpoint=phone,
        state__in=[RemovalState.DUE, RemovalState.CARRYING],
        defaults={
            "conference_id": conference,
            "actor": actor.uri,
            "actor_name": actor.display_name,
            "way": way,
            "reason": reason[:255],
            "ban": ban,
            "anonymous": anonymous,
            "state": RemovalState.DUE,
        },
    )
    if ban and not removal.ban:
        removal.ban = True
        removal.save(update_fields=["ban"])
    notices.wake("carry_out_removals")
    return removal


@transaction.atomic
def ask_to_remove_several(
    *,
    conference: ConferenceId,
    participants: Collection[ParticipantKey],
    actor: Identity,
    way: Way,
    reason: str = "",
    ban: bool = False,
) -> list[Removal]:
    """Ask that these be gone, each once: all of them, or, where one may not be, none."""
    return [
        ask_to_remove(
            conference=conference,
            participant=key,
            actor=actor,
            way=way,
            reason=reason,
            ban=ban,
        )
        for key in dict.fromkeys(participants)
    ]


@transaction.atomic
def ask_to_mute(
    *,
    conference: ConferenceId,
    participant: ParticipantKey | None,
    muted: bool,
    actor: Identity,
    way: Way,
    spare: Collection[ParticipantKey] = (),
    newcomers: bool = False,
    may_unmute: bool = False,
) -> None:
    """Mute or unmute one participant, or (None) everybody who does not command but `spare`.

    Where all are muted: those who come later, too (`newcomers`), and each may open his
    microphone himself (`may_unmute`). When all are heard again, so is who comes.

    One may mute oneself and undo that. What a moderator has muted only a
    moderator opens; and nobody opens the microphone of somebody who closed it
    himself. Who only listens is never heard (LISTENS). Raises `Refused`.
    """
    snapshot = _snapshot(conference)
    if participant is None:
        unless_none(policy.may_command(snapshot, actor))
        by = MutedBy.SELF if may_unmute else MutedBy.MODERATOR
        _mute_all(conference, muted=muted, by=by, spare=spare)
        if newcomers or not muted:
            floor.newcomers_come(conference, muted=muted, may_unmute=may_unmute)
        target = ""
    else:
        target = _mute_one(snapshot, _present(conference, participant), muted, actor)
    Event.objects.create(
        conference_id=conference,
        at=timezone.now(),
        kind="muted" if muted else "unmuted",
        actor=actor.uri,
        target=target,
        way=way,
        detail={"newcomers": True} if newcomers and not target else {},
    )
    notices.conference_changed(conference)


def _mute_all(
    conference: ConferenceId, *, muted: bool, by: MutedBy, spare: Collection[ParticipantKey]
) -> None:
    there = Participant.objects.filter(conference_id=conference, left_at__isnull=True)
    there = there.exclude(key__in=spare)
    if muted:
        spared = [role.value for role in policy.COMMANDING]
        there = there.exclude(role__in=spared)
        if by == MutedBy.SELF:  # who was silenced before stays so
            there = there.filter(muted_by=MutedBy.NOBODY)
        there.update(muted_by=by)
    else:
        there.filter(muted_by=MutedBy.MODERATOR).update(muted_by=MutedBy.NOBODY)


def _mute_one(snapshot: policy.Snapshot, target: Participant, muted: bool, actor: Identity) -> str:
    himself = target.entity == actor.uri
    commands = policy.may_command(snapshot, actor) is None
    if not himself and not commands:
        raise Refused(policy.Refusal.NOT_ALLOWED)
    if not muted and target.role == policy.Role.LISTENER:
        raise Refused(policy.Refusal.LISTENS)
    if not muted and not _may_open(target, himself=himself, commands=commands):
        raise Refused(policy.Refusal.NOT_ALLOWED)
    target.asked_to_speak = False
    if not muted:
        target.muted_by = MutedBy.NOBODY
    elif target.muted_by != MutedBy.MODERATOR:
        target.muted_by = MutedBy.SELF if himself else MutedBy.MODERATOR
    target.save(update_fields=["muted_by", "asked_to_speak"])
    return target.entity


def _may_open(target: Participant, *, himself: bool, commands: bool) -> bool:
    if target.muted_by == MutedBy.SELF:
        return himself
    return commands or target.muted_by == MutedBy.NOBODY


def lock(*, conference: ConferenceId, actor: Identity, way: Way) -> None:
    """Let nobody else in but those who command. Raises `Refused`."""
    _set_lock(conference, actor, way, locked=True)


def unlock(*, conference: ConferenceId, actor: Identity, way: Way) -> None:
    """Undo `lock`. Raises `Refused`."""
    _set_lock(conference, actor, way, locked=False)


@transaction.atomic
def _set_lock(conference: ConferenceId, actor: Identity, way: Way, *, locked: bool) -> None:
    unless_none(policy.may_command(_snapshot(conference), actor))
    changed = Conference.objects.filter(pk=conference, locked=not locked).update(locked=locked)
    if changed:
        Event.objects.create(
            conference_id=conference,
            at=timezone.now(),
            kind="locked" if locked else "unlocked",
            actor=actor.uri,
            way=way,
        )
    notices.conference_changed(conference)


@transaction.atomic
def end(*, conference: ConferenceId, actor: Identity, way: Way) -> None:
    """Ask that the conference be ended for all. Raises `Refused`.

    Where no focus serves it nobody has to be sent away, and it is over at
    once; else the focus carries it out and reports `conference_ended`.
    """
    unless_none(policy.may_command(_snapshot(conference), actor))
    now = timezone.now()
    Conference.objects.filter(pk=conference).update(end_by=actor.uri)
    Event.objects.create(
        conference_id=conference, at=now, kind="end-asked", actor=actor.uri, way=way
    )
    if not Lease.objects.filter(conference_id=conference, expires_at__gt=now).exists():
        records.conference_ended(conference=conference, at=now.timestamp(), by=actor.uri)
    notices.conference_changed(conference)


def name_of(uri: str) -> str:
    """What the person behind an address calls himself, if he has an account here."""
    person = User.objects.filter(username=username_of(uri), is_active=True).first()
    return selectors.identity_of_user(person).display_name if person else ""


@transaction.atomic
def ask_to_call(
    *,
    conference: ConferenceId,
    uri: str,
    actor: Identity,
    way: Way,
    display_name: str = "",
    role: policy.Role = policy.Role.PARTICIPANT,
    phone: str = "",
    replaces: str = "",
    anonymous: bool = False,
    history: str = "",
) -> Call:
    """Have the focus call somebody in. Raises `Refused`, or `ValidationError` about ``uri``.

    Whom a moderator pulls in is asked for no PIN and may come back by himself, also
    where he was removed for good before.
    With a `phone` (its Contact) that one alone rings; `replaces` is the Replaces
    that it is to get (RFC 3891), `history` who else is called by the same list (RFC
    5364). `anonymous`: nobody in the conference reads who asked; the row knows.
    """
    snapshot = _snapshot(conference)
    joined = Participant.objects.filter(
        conference_id=conference, entity=actor.uri, left_at__isnull=True
    ).exists()
    unless_none(policy.may_add(snapshot, actor, joined=joined))
    now = timezone.now()
    unless_none(policy.when(snapshot, now=now.timestamp()))
    commands = policy.may_command(snapshot, actor) is None
    if role is policy.Role.ORGANIZER or (role is not policy.Role.PARTICIPANT and not commands):
        raise Refused(policy.Refusal.NOT_ALLOWED)
    if role is policy.Role.CO_ORGANIZER:
        unless_none(policy.may_change(snapshot, actor))
    secure = is_secure(uri)
    uri = _callable(uri)
    if uri in snapshot.banned and not commands:
        raise Refused(policy.Refusal.BANNED)
    commanded = dialouts.commands(conference, actor)
    dialouts.check(uri, by=actor.uri, commands=commanded, now=now)
    if role is not policy.Role.PARTICIPANT:
        Invitation.objects.update_or_create(
            conference_id=conference,
            uri=uri,
            defaults={"role": role},
            create_defaults={"role": role, "token": secrets.token_urlsafe(32)},
        )
    if commands:
        bans.lifted(conference, uri, actor=actor, way=way)
        Admittance.objects.update_or_create(
            conference_id=conference, entity=uri, defaults={"pulled_in": True}
        )
    call = Call.objects.create(
        conference_id=conference,
        job=secrets.token_hex(16),
        uri=uri,
        display_name=(display_name or name_of(uri))[:100],
        role=role,
        by=actor.uri,
        way=way,
        due_at=now,
        phone=phone,
        secure=secure and bool(username_of(uri)),
        replaces=replaces,
        anonymous=anonymous,
        history=history,
    )
    notices.wake("place_calls")
    return call


def _callable(uri: str) -> str:
    try:
        called = canonical_uri(uri)
    except ValidationError as error:
        raise ValidationError({"uri": error.error_list}) from error
    name = username_of(called)
    if name and (selectors.conference_key(name) or selectors.factory(name)):
        raise ValidationError({"uri": _("This is a conference, and nobody to call.")})
    return called
