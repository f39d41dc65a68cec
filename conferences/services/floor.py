"""Who would like to be heard: raised hands, and those whom a moderator asks to speak."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from conferences import notices, policy, selectors
from conferences.models import Conference, Event, MutedBy, Participant, Way
from conferences.policy import ConferenceId, Identity, ParticipantKey
from conferences.services.refused import Refused, unless_none


def _there(conference: ConferenceId, participant: ParticipantKey) -> Participant:
    """The roster entry. Raises `Refused`."""
    found = selectors.participant_by_key(conference, participant)
    if found is None:
        raise Refused(policy.Refusal.UNKNOWN)
    return found


def _may_command(conference: ConferenceId, actor: Identity) -> policy.Refusal | None:
    snapshot = selectors.snapshot(conference)
    return policy.Refusal.UNKNOWN if snapshot is None else policy.may_command(snapshot, actor)


@transaction.atomic
def raise_hand(
    *,
    conference: ConferenceId,
    participant: ParticipantKey,
    raised: bool,
    actor: Identity,
    way: Way,
) -> None:
    """Raise one's hand or lower it; a moderator may lower another's. Raises `Refused`."""
    target = _there(conference, participant)
    if target.entity != actor.uri:
        unless_none(policy.Refusal.NOT_ALLOWED if raised else _may_command(conference, actor))
    if raised == (target.hand_raised_at is not None):
        return
    target.hand_raised_at = timezone.now() if raised else None
    target.save(update_fields=["hand_raised_at"])
    kind = "hand-raised" if raised else "hand-lowered"
    _note(conference, kind, actor, target.entity, way)


@transaction.atomic
def lower_hands(*, conference: ConferenceId, actor: Identity, way: Way) -> None:
    """Lower all hands. Raises `Refused`."""
    unless_none(_may_command(conference, actor))
    raised = Participant.objects.filter(conference_id=conference, left_at__isnull=True)
    if raised.exclude(hand_raised_at=None).update(hand_raised_at=None):
        _note(conference, "hands-lowered", actor, "", way)


@transaction.atomic
def ask_to_speak(
    *, conference: ConferenceId, participant: ParticipantKey, actor: Identity, way: Way
) -> None:
    """Ask somebody who is muted to open his microphone, which only he does. Raises `Refused`.

    A moderator's mute becomes his own thereby, so that he can undo it.
    """
    unless_none(_may_command(conference, actor))
    target = _there(conference, participant)
    if target.muted_by == MutedBy.NOBODY or target.role == policy.Role.LISTENER:
        return
    target.muted_by, target.asked_to_speak = MutedBy.SELF, True
    target.save(update_fields=["muted_by", "asked_to_speak"])
    _note(conference, "asked-to-speak", actor, target.entity, way)


def _note(conference: ConferenceId, kind: str, actor: Identity, target: str, way: Way) -> None:
    Event.objects.create(
        conference_id=conference,
        at=timezone.now(),
        kind=kind,
        actor=actor.uri,
        target=target,
        way=way,
    )
    notices.conference_changed(conference)


def newcomers_come(conference: ConferenceId, *, muted: bool, may_unmute: bool) -> None:
    """How those come in from now on who do not command."""
    come = policy.Newcomers.MUTED if may_unmute else policy.Newcomers.SILENCED
    come = come if muted else policy.Newcomers.HEARD
    Conference.objects.filter(pk=conference).update(newcomers=come.value)


@transaction.atomic
def set_newcomers(
    *, conference: ConferenceId, newcomers: policy.Newcomers, actor: Identity, way: Way
) -> None:
    """Say how those come in from now on who do not command. Raises `Refused`."""
    snapshot = selectors.snapshot(conference)
    if snapshot is None:
        raise Refused(policy.Refusal.UNKNOWN)
    unless_none(policy.may_command(snapshot, actor))
    row = Conference.objects.filter(pk=conference).exclude(newcomers=newcomers.value)
    if row.update(newcomers=newcomers.value):
        Event.objects.create(
            conference_id=conference,
            at=timezone.now(),
            kind="newcomers",
            actor=actor.uri,
            way=way,
            detail={"newcomers": newcomers.value},
        )
    notices.conference_changed(conference)
