"""What a change has changed, for the history: from what, and to what.

A change is told by the names that scripts know, as
``{"title": {"from": "Planning", "to": "Weekly planning"}}``, times in UTC. Of a
PIN nobody reads more than whether there is one.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

from conferences.models import Conference
from conferences.selectors import Planned
from conferences.services.guestlists import Written

#: Columns of a booking whose values stand in its history.
TOLD = (
    "title",
    "kind",
    "starts_at",
    "duration_minutes",
    "timezone",
    "rrule",
    "max_participants",
    "admission",
    "personal_pins",
    "waiting_room",
    "newcomers",
    "early_minutes",
    "grace_minutes",
    "warn_minutes",
    "reminder_minutes",
    "anonymity",
    "participants_may_add",
    "creator_departs",
    "two_left",
    "hidden_focus",
    "redials",
    "confirm_calls",
    "language",
    "announce",
    "quiet_from",
    "music",
    "recorded",
    "tracks",
)
#: Columns of which it stands there that they changed, and whether there is something.
SECRET = ("pin", "moderator_pin")
#: Where the column of that name has what is true at the moment.
_COLUMNS = {"newcomers": "newcomers_at_first"}
#: Those of one series, where a booking has several.
TIMES = ("title", "starts_at", "duration_minutes", "timezone", "rrule")

Facts = Mapping[str, Any]
Changed = dict[str, dict[str, Any]]


def facts(row: Conference) -> Facts:
    """What is booked at this moment; keep it in memory, for the PINs are in it."""
    return {name: getattr(row, _COLUMNS.get(name, name)) for name in (*TOLD, *SECRET)}


def facts_of_series(row: Conference) -> Facts:
    """Of the series alone that the row has."""
    return {name: getattr(row, name) for name in TIMES}


def facts_of_time(found: Planned) -> Facts:
    """Of one occurrence; nothing where it is called off."""
    one = found.now
    if one is None:
        return {}
    return {
        "title": one.title or found.series.title,
        "starts_at": one.starts_at,
        "duration_minutes": _minutes(one.ends_at - one.starts_at),
    }


def between(before: Facts, after: Facts) -> Changed:
    """What of both is not the same, by its name; what one of them lacks is left out."""
    return {
        name: {"from": _said(name, before[name]), "to": _said(name, after[name])}
        for name in before
        if name in after and before[name] != after[name]
    }


def of_list(written: Written) -> Changed:
    """How many were invited and taken off; who they are is in the list, not in the history."""
    if not (written.added or written.removed or written.changed):
        return {}
    counts = {
        "added": len(written.added),
        "removed": len(written.removed),
        "changed": written.changed,
    }
    return {"invitees": {name: number for name, number in counts.items() if number}}


def _minutes(length: datetime.timedelta) -> int:
    return round(length.total_seconds() / 60)


def _said(name: str, value: Any) -> Any:
    if name in SECRET:
        return bool(value)
    if isinstance(value, datetime.datetime):
        return value.astimezone(datetime.UTC).isoformat().replace("+00:00", "Z")
    return value
