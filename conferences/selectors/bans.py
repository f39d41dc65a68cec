"""Who may not come back."""

from __future__ import annotations

from typing import Any

from conferences import policy
from conferences.models import Conference, Participant, Waiter
from conferences.selectors.rosters import Viewer, aliases


def bans(conference: Conference, by: Viewer) -> list[dict[str, Any]]:
    """The same as scripts and pages of those who command read it, the latest first."""
    rows = list(conference.bans.order_by("-at", "-pk"))
    if not rows:
        return []
    hidden, entities = aliases(conference, by), [row.entity for row in rows]
    names = dict(
        Waiter.objects.filter(conference=conference, entity__in=entities).values_list(
            "entity", "display_text"
        )
    )
    known = Participant.objects.filter(conference=conference, entity__in=entities)
    names.update(known.order_by("joined_at", "pk").values_list("entity", "display_text"))
    return [
        {
            "id": str(row.pk),
            "entity": hidden.get(row.entity, row.entity),
            "display_text": policy.ANONYMOUS
            if row.entity in hidden
            else names.get(row.entity, "") or row.entity,
            "by": hidden.get(row.by, row.by),
            "at": row.at,
        }
        for row in rows
    ]
