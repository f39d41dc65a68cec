"""Who is in the calls right now, as pages show it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from conferences import policy, selectors
from conferences.models import Conference, Endpoint, MutedBy, Participant
from portal.access import Visit
from portal.views import quality


@dataclass(frozen=True, slots=True)
class Present:
    """One who is in the call."""

    key: str
    entity: str
    name: str
    role: str
    role_words: str
    joined_at: datetime
    muted: bool
    removable: bool
    #: How well he is heard and hears, for those who command.
    mark: quality.Mark | None = None


@dataclass(frozen=True, slots=True)
class Waits:
    """One who waits to be let in."""

    key: str
    entity: str
    name: str
    since: datetime


def waiting(visit: Visit) -> list[Waits]:
    """Those who wait, for one who commands; for others nobody does."""
    if not visit.commands or visit.snapshot.waiting_room is policy.WaitingRoom.NONE:
        return []
    lines = selectors.waiting(visit.conference, visit.viewer)
    return [
        Waits(one["id"], one["entity"], one["display_text"] or one["entity"], one["since"])
        for one in lines
    ]


def counts(conferences: Iterable[Conference]) -> dict[int, int]:
    """How many are in each of these, by primary key; one query."""
    rows = (
        Participant.objects.filter(conference__in=list(conferences), left_at__isnull=True)
        .order_by()
        .values_list("conference_id")
        .annotate(Count("pk"))
    )
    return dict(rows)


def count(conference: Conference) -> int:
    """How many are in this one."""
    return Participant.objects.filter(conference=conference, left_at__isnull=True).count()


def phones(participant: Participant) -> list[tuple[str, str]]:
    """The phones by which somebody is in: the address of each, and words for it."""
    rows = participant.endpoints.filter(left_at__isnull=True)
    return [(row.uri, _phone_words(row)) for row in rows]


def _phone_words(row: Endpoint) -> str:
    """A browser's address says nothing to people (RFC 7118 5)."""
    address = row.uri.partition("@")[2].partition(";")[0] or row.uri
    browser = address.endswith(".invalid") or ";transport=ws" in row.uri
    phone = _("Browser phone") if browser else address
    at = date_format(localtime(row.joined_at), "SECONDS_FORMAT")
    return _("%(phone)s, since %(at)s") % {"phone": phone, "at": at}


def people(visit: Visit) -> list[Present]:
    """Those who are in the call, in the order in which they came; none for who has to wait."""
    if selectors.may_watch(visit.snapshot, visit.identity) is not None:
        return []
    rows = Participant.objects.filter(conference=visit.conference, left_at__isnull=True)
    marks = selectors.worst_qualities(visit.conference) if visit.commands else {}
    by = visit.viewer
    return [
        Present(
            key=row.key,
            entity=_shown(row, by)[0],
            name=_shown(row, by)[1],
            role=row.role,
            role_words=row.get_role_display(),
            joined_at=row.joined_at,
            muted=row.muted_by != MutedBy.NOBODY or row.role == policy.Role.LISTENER,
            removable=visit.commands
            and row.entity != visit.identity.uri
            and policy.may_remove(visit.snapshot, visit.identity, target=row.entity) is None,
            mark=quality.mark(marks.get(row.pk)) if visit.commands else None,
        )
        for row in rows
    ]


def _shown(row: Participant, by: selectors.Viewer) -> tuple[str, str]:
    """Address and name of one who is there, as `by` may read them."""
    if row.entity != by.uri and selectors.is_masked(row, by):
        return policy.alias(policy.ParticipantKey(row.key)), policy.ANONYMOUS
    return row.entity, row.display_text or row.entity
