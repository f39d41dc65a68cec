"""What the snapshot says of those who are in, and of the recording of them."""

from __future__ import annotations

from typing import TypedDict

from django.db.models import OuterRef, QuerySet

from conferences import policy
from conferences.models import (
    Conference,
    MutedBy,
    Participant,
    Playing,
    Recording,
    RecordingState,
)
from conferences.policy import ParticipantKey


class Marks(TypedDict):
    """Sets of roster entries, by the names of `policy.Snapshot`."""

    muted: frozenset[ParticipantKey]
    silenced: frozenset[ParticipantKey]
    asked_to_speak: frozenset[ParticipantKey]
    hands: frozenset[ParticipantKey]
    agreed: frozenset[ParticipantKey]


def marked(conference: Conference | OuterRef) -> QuerySet[Participant]:
    """Those who are in and of whom there is anything to say."""
    here = Participant.objects.filter(conference=conference, left_at__isnull=True)
    return here.exclude(muted_by="", hand_raised_at=None, agreed_to_recording=False)


def of(row: Conference | None) -> Marks:
    """One query; none where there is nothing to say, which is told by no row."""
    columns = ("key", "muted_by", "asked_to_speak", "hand_raised_at", "agreed_to_recording")
    found = list(marked(row).only(*columns)) if row is not None else []
    keys = {one.pk: ParticipantKey(one.key) for one in found}
    return {
        "muted": frozenset(keys[one.pk] for one in found if one.muted_by),
        "silenced": frozenset(keys[one.pk] for one in found if one.muted_by == MutedBy.MODERATOR),
        "asked_to_speak": frozenset(keys[one.pk] for one in found if one.asked_to_speak),
        "hands": frozenset(keys[one.pk] for one in found if one.hand_raised_at),
        "agreed": frozenset(keys[one.pk] for one in found if one.agreed_to_recording),
    }


def going(conference: Conference | OuterRef) -> QuerySet[Recording]:
    """The recording that is to be made now."""
    states = (RecordingState.RUNNING, RecordingState.PAUSED)
    return Recording.objects.filter(conference=conference, state__in=states)


def recording(row: Conference) -> policy.RecordingOrder | None:
    """The recording that is to be made now. One query."""
    found = going(row).first()
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
