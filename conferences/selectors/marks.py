"""What the snapshot says of those who are in, and of the recording of them."""

from __future__ import annotations

from typing import TypedDict

from conferences import policy
from conferences.models import Conference, MutedBy, Participant, Playing, RecordingState
from conferences.policy import ParticipantKey


class Marks(TypedDict):
    """Sets of roster entries, by the names of `policy.Snapshot`."""

    muted: frozenset[ParticipantKey]
    silenced: frozenset[ParticipantKey]
    asked_to_speak: frozenset[ParticipantKey]
    hands: frozenset[ParticipantKey]
    agreed: frozenset[ParticipantKey]


def of(row: Conference) -> Marks:
    """One query."""
    marked = list(
        Participant.objects.filter(conference=row, left_at__isnull=True)
        .exclude(muted_by="", hand_raised_at=None, agreed_to_recording=False)
        .only("key", "muted_by", "asked_to_speak", "hand_raised_at", "agreed_to_recording")
    )
    keys = {one.pk: ParticipantKey(one.key) for one in marked}
    return {
        "muted": frozenset(keys[one.pk] for one in marked if one.muted_by),
        "silenced": frozenset(keys[one.pk] for one in marked if one.muted_by == MutedBy.MODERATOR),
        "asked_to_speak": frozenset(keys[one.pk] for one in marked if one.asked_to_speak),
        "hands": frozenset(keys[one.pk] for one in marked if one.hand_raised_at),
        "agreed": frozenset(keys[one.pk] for one in marked if one.agreed_to_recording),
    }


def recording(row: Conference) -> policy.RecordingOrder | None:
    """The recording that is to be made now. One query."""
    going = (RecordingState.RUNNING, RecordingState.PAUSED)
    found = row.recordings.filter(state__in=going).first()
    if found is None:
        return None
    paused = found.state == RecordingState.PAUSED
    return policy.RecordingOrder(found.name, paused=paused, tracks=found.with_tracks)


def sound(row: Conference) -> policy.SoundOrder | None:
    """What is to be played to everybody now. One query."""
    found = Playing.objects.filter(conference=row).select_related("sound").first()
    if found is None:
        return None
    return policy.SoundOrder(
        name=found.sound.name,
        token=found.token,
        title=found.sound.title,
        by=found.by,
        since=found.since.timestamp(),
    )
