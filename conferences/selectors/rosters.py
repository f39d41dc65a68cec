"""What is and what happened: rosters, histories, dial-outs."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from django.db.models import Prefetch, Q, QuerySet
from django.utils import timezone

from conferences import policy
from conferences.models import (
    Call,
    CallState,
    Conference,
    Endpoint,
    EndpointStatus,
    Event,
    GatewayLease,
    Lease,
    Participant,
    Quality,
    Removal,
    RemovalState,
    StandingCall,
    StandingDialog,
    Waiter,
)
from conferences.selectors import times
from conferences.selectors.bookings import booking
from conferences.selectors.identities import conference_uri
from conferences.selectors.qualities import quality, quality_row
from conferences.statements import Rows


@dataclass(frozen=True, slots=True)
class Viewer:
    """Somebody who looks at a conference, and whether he may see who the anonymous are."""

    uri: str
    identifies: bool
    commands: bool = False
    """He may see how well others are heard, too."""


def viewer(snapshot: policy.Snapshot, who: policy.Identity) -> Viewer:
    """What `who` may see of a conference."""
    identifies = policy.may_identify(snapshot, who) is None
    return Viewer(who.uri, identifies, commands=policy.may_command(snapshot, who) is None)


def aliases(conference: Conference, by: Viewer) -> dict[str, str]:
    """What stands for the addresses that `by` may not read, himself excepted; two queries."""
    if by.identifies:
        return {}
    hidden = Q(conference=conference, private=True) & ~Q(entity=by.uri)
    waited = Waiter.objects.filter(hidden).order_by("since", "pk")
    rows = Participant.objects.filter(hidden).order_by("joined_at", "pk")
    return {
        entity: policy.alias(policy.ParticipantKey(key))
        for known in (waited, rows)
        for entity, key in known.values_list("entity", "key")
    }


def is_masked(participant: Participant, by: Viewer | None) -> bool:
    """Whether `by` (None: the operator) reads an alias there, as phones do; of himself, too."""
    return by is not None and participant.private and not by.identifies


def roster(
    conference: Conference, *, by: Viewer | None = None, now: datetime.datetime | None = None
) -> dict[str, Any]:
    """Who is there, for `by` (None: the operator). Three queries.

    Names of states and methods are those of RFC 4575.
    """
    present = list(
        Participant.objects.filter(conference=conference, left_at__isnull=True)
        .order_by("joined_at", "pk")
        .prefetch_related(
            Prefetch("endpoints", queryset=Endpoint.objects.select_related("quality"))
        )
    )
    lease = Lease.objects.filter(conference=conference, expires_at__gt=now or timezone.now())
    return {
        "id": conference.name,
        "uri": conference_uri(conference),
        "active": bool(present) or lease.exists(),
        "locked": conference.locked,
        "newcomers": conference.newcomers,
        "version": conference.roster_version,
        "participants": [_entry(one, by) for one in present],
    }


def _entry(participant: Participant, by: Viewer | None) -> dict[str, Any]:
    masked = is_masked(participant, by)
    alias = policy.alias(policy.ParticipantKey(participant.key))
    heard = by is None or by.commands or participant.entity == by.uri
    return {
        "id": participant.key,
        "entity": alias if masked else participant.entity,
        "display_text": policy.ANONYMOUS if masked else participant.display_text,
        "role": participant.role,
        **({"you": participant.entity == by.uri} if by is not None else {}),
        "endpoints": [
            {
                "entity": f"{alias};endpoint={number}" if masked else endpoint.uri,
                "status": endpoint.status,
                "joining_method": endpoint.joining_method,
                "muted": endpoint.muted,
                **({"speaking": True, "level": endpoint.level} if endpoint.speaking else {}),
                **({"quality": measured} if heard and (measured := quality(endpoint)) else {}),
            }
            for number, endpoint in enumerate(participant.endpoints.all(), start=1)
            if endpoint.status != EndpointStatus.DISCONNECTED
        ],
    }


@dataclass(frozen=True, slots=True)
class Heard:
    """A phone that was in a conference, and how well it went."""

    name: str
    entity: str
    joined_at: datetime.datetime
    left_at: datetime.datetime | None
    quality: Quality | None


def phones_heard(conference: Conference) -> QuerySet[Endpoint]:
    """The phones of a conference with what was measured, the last that came first."""
    rows = Endpoint.objects.filter(participant__conference=conference)
    return rows.select_related("participant", "quality").order_by("-joined_at", "-pk")


def heard(conference: Conference, *, by: Viewer, most: int) -> list[Heard]:
    """The latest phones of a conference, the last first. One query."""
    return [_heard(row, by) for row in phones_heard(conference)[:most]]


def heard_line(row: Endpoint, by: Viewer) -> dict[str, Any]:
    """One of `phones_heard`, for scripts."""
    told = _heard(row, by)
    return {
        "entity": told.entity,
        "display_text": told.name,
        "joined_at": told.joined_at,
        "left_at": told.left_at,
        "quality": quality(row),
    }


def _heard(row: Endpoint, by: Viewer) -> Heard:
    who = row.participant
    masked = who.entity != by.uri and is_masked(who, by)
    entity = policy.alias(policy.ParticipantKey(who.key)) if masked else who.entity
    name = policy.ANONYMOUS if masked else who.display_text or who.entity
    return Heard(name, entity, row.joined_at, row.left_at, quality_row(row))


def show(conference: Conference, *, now: datetime.datetime) -> dict[str, Any]:
    """The booking, its policy and the live roster: what ``conference show`` prints."""
    told = booking(conference, now=now, pin=True, guest_list=True)
    return {**told, **roster(conference, now=now)}


def participant_by_key(
    conference: policy.ConferenceId, key: policy.ParticipantKey
) -> Participant | None:
    """The roster entry of that id, while it is on the roster."""
    return Participant.objects.filter(
        conference_id=conference, key=key, left_at__isnull=True
    ).first()


_OWNER = Rows(
    lambda conference: Lease.objects.filter(conference_id=conference).values_list("owner"),
    conference=int,
)


def owner_of(conference: policy.ConferenceId) -> str:
    """The process that holds the lease of a conference, or held it last; "" if none does."""
    found = _OWNER(conference=conference)
    return str(found[0][0]) if found else ""


def roster_version(conference: policy.ConferenceId) -> int:
    """The version of the roster that was written down last."""
    found = Conference.objects.filter(pk=conference).values_list("roster_version", flat=True)
    return found.first() or 0


def orphans(*, now: datetime.datetime) -> list[policy.ConferenceId]:
    """The conferences with dialogs whose owner has not renewed his lease. One query."""
    rows = StandingDialog.objects.filter(conference__lease__expires_at__lte=now)
    found = rows.values_list("conference_id", flat=True).distinct()
    return [policy.ConferenceId(pk) for pk in found]


def owner_of_call(call_id: str) -> str:
    """The process that has, or had, the dialogs of that Call-ID; "" if none is written down."""
    rows = StandingDialog.objects.filter(call_id=call_id[:255])
    calls = StandingCall.objects.filter(call_id=call_id[:255])
    owner = rows.values_list("conference__lease__owner", flat=True).first()
    return owner or calls.values_list("owner", flat=True).first() or ""


def orphaned_calls(*, now: datetime.datetime) -> list[tuple[str, str]]:
    """Owner and group of the calls whose process has not said that it is there. One query."""
    there = GatewayLease.objects.filter(expires_at__gt=now).values("owner")
    rows = StandingCall.objects.exclude(owner__in=there).order_by("group")
    return list(rows.values_list("owner", "group").distinct())


def standing_calls(group: str) -> list[tuple[dict[str, Any], float]]:
    """What was written down of a call, each leg with when (POSIX seconds)."""
    rows = StandingCall.objects.filter(group=group).order_by("pk")
    return [(row.what, row.at.timestamp()) for row in rows]


def calls_elsewhere(groups: Collection[str], owner: str) -> list[str]:
    """Which of these calls live in another process than `owner`, as it is written down."""
    rows = StandingCall.objects.filter(group__in=groups).exclude(owner=owner).order_by("group")
    return list(rows.values_list("group", flat=True).distinct())


def standing_dialogs(conference: policy.ConferenceId) -> list[tuple[dict[str, Any], float]]:
    """What was written down of a conference's dialogs, each with when (POSIX seconds)."""
    rows = StandingDialog.objects.filter(conference_id=conference).order_by("pk")
    return [(row.what, row.at.timestamp()) for row in rows]


def order_outcome(order: Mapping[str, int]) -> tuple[int, str] | None:
    """What came of a call or a removal (``{"call": 12}``): SIP status and reason, None while open.

    503 where nobody knows any more. A call that is to be tried again later has failed to whoever
    asked for it.
    """
    if "removal" in order:
        removal = Removal.objects.filter(pk=order["removal"]).first()
        if removal is not None and removal.state in {RemovalState.DUE, RemovalState.CARRYING}:
            return None
        if removal is not None and removal.state == RemovalState.DONE:
            return 200, ""
        return (404, "") if removal is not None and removal.outcome == "absent" else (503, "")
    call = Call.objects.filter(pk=order.get("call", 0)).first()
    if call is None:
        return 503, ""
    if call.state == CallState.CANCELLED:
        return 487, "The call was called off"
    over = call.state in {CallState.DONE, CallState.FAILED}
    again = call.state == CallState.PLANNED and call.status is not None
    return (call.status or 480, call.reason) if over or again else None


def has_calls(conference: policy.ConferenceId) -> bool:
    """Whether somebody is to be called into it right now."""
    return Call.objects.filter(conference_id=conference, state=CallState.CALLING).exists()


def events(conference: Conference) -> QuerySet[Event]:
    """What happened, oldest first."""
    return conference.events.order_by("at", "pk")


def events_of(conference: Conference, found: times.Planned) -> QuerySet[Event]:
    """What became of one occurrence, and what happened in it, oldest first."""
    about = Q(detail__recurrence_id=times.occurrence_name(found.recurrence_id))
    if found.now is not None:
        line = times.occurrence_line(conference, found)
        about |= Q(at__gte=line["opens_at"], at__lt=line["closes_at"])
    return events(conference).filter(about)


def event_line(event: Event, masks: Mapping[str, str]) -> dict[str, Any]:
    """One line of the history as scripts read it; `masks` is what `aliases` gave."""
    detail = dict(event.detail)
    if masks.keys() & {event.actor, event.target}:
        detail.pop("endpoint", None)
    return {
        "at": event.at.astimezone(datetime.UTC).isoformat().replace("+00:00", "Z"),
        "kind": event.kind,
        "actor": masks.get(event.actor, event.actor),
        "target": masks.get(event.target, event.target),
        "way": event.way,
        **({"detail": detail} if detail else {}),
    }


def call_by_job(job: str) -> Call | None:
    """The dial-out of that public id."""
    return Call.objects.select_related("conference").filter(job=job).first()


def job(call: Call) -> dict[str, Any]:
    """A dial-out as scripts read it; why it failed only where it did."""
    shown: dict[str, Any] = {
        "job": call.job,
        "conference": call.conference.name,
        "uri": call.uri.replace("sip:", "sips:", 1) if call.secure else call.uri,
        "state": call.state,
    }
    if call.state == "failed":
        shown |= {"reason": call.reason, "status": call.status}
    return shown
