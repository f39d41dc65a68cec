"""How many ports somebody may take at a time, by himself and with his groups."""

from __future__ import annotations

from dataclasses import dataclass

from conferences.ledger import DEFAULT_SIZE
from conferences.models import GroupQuota, User


@dataclass(frozen=True, slots=True)
class Quota:
    """At most `ports` at any moment, of all whose primary keys are in `whose` together."""

    ports: int
    whose: frozenset[int]
    #: The name of the group; empty for one's own.
    group: str = ""


def ports_kept(organizer: int | None) -> int:
    """The ports that a conference of his takes where nobody says how many.

    No more than he may take at all: who has a small quota could else book by saying its
    size alone.
    """
    own = quotas(organizer) if organizer is not None else []
    return max(1, min([DEFAULT_SIZE, *(one.ports for one in own)]))


def quotas(organizer: int) -> list[Quota]:
    """His own, if he has one, then those of his groups. Two queries, and one for each group."""
    own = User.objects.filter(pk=organizer).values_list("ports_quota", flat=True).first()
    of_groups = list(GroupQuota.objects.filter(group__user=organizer).select_related("group"))
    each = [one.ports_each for one in of_groups if one.ports_each is not None]
    if own is None and each:
        own = max(each)
    found = [] if own is None else [Quota(own, frozenset({organizer}))]
    for one in of_groups:
        if one.ports is not None:
            members = User.objects.filter(groups=one.group_id).values_list("pk", flat=True)
            found.append(Quota(one.ports, frozenset(members), one.group.name))
    return found
