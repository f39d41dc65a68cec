"""What a roster says of a leg, and of the recording: made of both, kept by `attendance`."""

from __future__ import annotations

from typing import TypedDict

from conferences.policy import Snapshot
from sipgateway.focus.leg import Leg
from sipgateway.focus.roster import PRESENT, EndpointEntry, Status, User


class Recorded(TypedDict):
    """What the roster says of the recording."""

    recording: str
    tracks: bool


def recorded_in(snapshot: Snapshot) -> Recorded:
    """What it is meant to say."""
    order = snapshot.recording
    if order is None:
        return Recorded(recording="", tracks=False)
    return Recorded(recording="paused" if order.paused else "running", tracks=order.tracks)


def is_in(user: User) -> bool:
    """Whether he has a phone in already."""
    return any(entry.status in PRESENT for entry in user.endpoints)


def entry_of(
    leg: Leg, user: User, status: Status, now: float, *, muted: bool = False
) -> EndpointEntry:
    """What a roster says of a phone of somebody.

    An endpoint's entity is its key (RFC 4575 5.7): where a phone has two calls to the
    conference the later one is told apart by a parameter, as long as it stands.
    """
    if not leg.entity:
        taken = any(entry.entity == leg.endpoint for entry in user.endpoints)
        leg.entity = f"{leg.endpoint};call={leg.id}" if taken else leg.endpoint
    return EndpointEntry(
        leg=leg.id,
        entity=leg.entity,
        status=status,
        joining_method=leg.joining,
        joined_at=now,
        source=leg.source,
        direction=leg.direction,
        muted=muted,
        referred_by=leg.referred_by,
    )
