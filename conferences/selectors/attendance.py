"""Who was in a conference: how, from when to when, and why he left."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.db.models import Q, QuerySet
from django.utils import timezone

from conferences import policy
from conferences.models import Conference, Participant
from conferences.selectors import times
from conferences.selectors.rosters import Viewer, is_masked

#: A phone in a page registers by WebSocket, and names a host that nobody has (RFC 7118 5).
_BROWSER = re.compile(r";transport=ws|@[^;>]*\.invalid", re.IGNORECASE)


def attendance(
    conference: Conference, *, found: times.Planned | None = None
) -> QuerySet[Participant]:
    """Everybody who was in it, or in that one time of it, by when he came."""
    rows = Participant.objects.filter(conference=conference).prefetch_related("endpoints")
    if found is not None and found.now is not None:
        line = times.occurrence_line(conference, found)
        rows = rows.filter(joined_at__lt=line["closes_at"])
        there = Q(left_at__gte=line["opens_at"])
        if timezone.now() >= line["opens_at"]:
            there |= Q(left_at__isnull=True)
        rows = rows.filter(there)
    elif found is not None:
        rows = rows.none()
    return rows.order_by("joined_at", "pk")


def attendance_line(
    participant: Participant, by: Viewer, masks: Mapping[str, str]
) -> dict[str, Any]:
    """One stay as scripts read it; `by` reads an alias where he may not know who it was.

    `masks` is what `aliases` gave.
    """
    masked = is_masked(participant, by)
    endpoints = list(participant.endpoints.all())
    return {
        "id": participant.key,
        "entity": policy.alias(policy.ParticipantKey(participant.key))
        if masked
        else participant.entity,
        "display_text": policy.ANONYMOUS if masked else participant.display_text,
        "role": participant.role,
        "joining_method": endpoints[0].joining_method if endpoints else "",
        "device": _device([one.uri for one in endpoints]),
        "joined_at": participant.joined_at,
        "left_at": participant.left_at,
        "seconds": None
        if participant.left_at is None
        else round((participant.left_at - participant.joined_at).total_seconds()),
        "left_method": participant.left_method,
        "left_by": masks.get(participant.left_by, participant.left_by),
        "left_reason": participant.left_reason,
    }


def _device(uris: list[str]) -> str:
    """By what he came: ``browser``, ``phone``, or both."""
    kinds = {"browser" if _BROWSER.search(uri) else "phone" for uri in uris}
    return "+".join(sorted(kinds))
