"""What there is about a person: where his address stands, and all of it to take away."""

from __future__ import annotations

from typing import Any

from django.db.models import Model, Q
from django.utils import timezone

from conferences.models import (
    Admittance,
    Ban,
    Call,
    Conference,
    Event,
    HeldOff,
    Invitation,
    KnownSource,
    Mail,
    OccurrenceAnswer,
    Participant,
    Recording,
    Removal,
    Setup,
    Sound,
    Track,
    User,
    Waiter,
)
from conferences.selectors.identities import aor

#: Where the address of somebody stands in what happened, and who he was to it.
ADDRESSES: tuple[tuple[type[Model], tuple[str, ...]], ...] = (
    (Participant, ("entity", "left_by")),
    (Event, ("actor", "target")),
    (Removal, ("actor",)),
    (Call, ("uri", "by")),
    (Recording, ("started_by",)),
    (Track, ("entity",)),
    (Sound, ("added_by",)),
    (Waiter, ("entity", "decided_by")),
    (Ban, ("entity", "by")),
    (Admittance, ("entity",)),
    (Setup, ("entity",)),
    (Conference, ("creator", "end_by")),
)
#: What is in none of the rows that are taken away: secrets of others, and what is huge.
_LEFT_OUT = frozenset({"id", "conference", "participant", "token", "name", "organizer", "user"})

_PART = ("title", "starts_at", "duration_minutes", "rrule", "timezone", "cancelled")
_TIME = ("recurrence_id", "cancelled", "starts_at", "duration_minutes", "title")
_POLICY = (
    "admission",
    "early_minutes",
    "grace_minutes",
    "reminder_minutes",
    "max_participants",
    "hidden_focus",
    "participants_may_add",
    "anonymity",
    "creator_departs",
    "two_left",
    "redials",
    "confirm_calls",
    "announce",
    "recorded",
    "tracks",
    "waiting_room",
    "newcomers_at_first",
)


def everything_about(user: User) -> dict[str, Any]:
    """All rows that are about him, by kind, as JSON can say them. Secrets are not among them."""
    address = aor(user.username)
    told: dict[str, Any] = {
        "made_at": timezone.now(),
        "account": {
            "username": user.username,
            "address": address,
            "display_name": user.display_name,
            "email": user.email,
            "may_book": user.is_organizer,
            "administrator": user.is_staff,
            "timezone": user.timezone,
            "language": user.language,
            "language_read": user.language_read,
            "groups": list(user.groups.values_list("name", flat=True)),
            "joined_at": user.date_joined,
            "last_sign_in": user.last_login,
        },
        "phones": list(
            user.registrations.values("user_agent", "transport", "remote_host", "since", "ended_at")
        ),
        "tokens": list(user.api_tokens.values("created_at")),
        "delegates": list(user.delegations.values_list("delegate__username", flat=True)),
        "delegate_of": list(user.delegated.values_list("owner__username", flat=True)),
        "conferences": [_booking(row) for row in user.conferences.order_by("pk")],
        "invitations": list(
            user.invitations.values(
                "conference__title", "conference__name", "role", "answer", "answered_at"
            )
        ),
        "answers_to_single_times": list(
            OccurrenceAnswer.objects.filter(invitation__user=user)
            .order_by("pk")
            .values("invitation__conference__name", "recurrence_id", "answer", "answered_at")
        ),
        "mails": list(
            Mail.objects.filter(address=user.email).values("created_at", "kind", "state")
            if user.email
            else ()
        ),
        "signed_in_from": list(
            KnownSource.objects.filter(account=user.username).values("source", "last_at")
        ),
        "wrong_passwords": list(
            HeldOff.objects.filter(account=user.username).values("door", "source", "last_at")
        ),
    }
    for model, fields in ADDRESSES:
        told[f"{model._meta.model_name}_rows"] = _rows(model, fields, address)
    return told


def _booking(row: Conference) -> dict[str, Any]:
    invited = Invitation.objects.filter(conference=row).values_list(
        "user__username", "uri", "email"
    )
    return {
        "id": row.name,
        "title": row.title,
        "starts_at": row.starts_at,
        "duration_minutes": row.duration_minutes,
        "rrule": row.rrule,
        "timezone": row.timezone,
        "changed_from_one_time_on": list(row.others.values(*_PART)),
        "single_times": list(row.overrides.values(*_TIME)),
        "policy": {name: getattr(row, name) for name in _POLICY},
        "cancelled_at": row.cancelled_at,
        "created_at": row.created_at,
        "invited": [username or uri or email for username, uri, email in invited],
    }


def _rows(model: type[Model], fields: tuple[str, ...], address: str) -> list[dict[str, Any]]:
    mine = Q()
    for field in fields:
        mine |= Q(**{field: address})
    plain = [
        one.name
        for one in model._meta.concrete_fields
        if one.name not in _LEFT_OUT and not one.is_relation
    ]
    if model is Conference:
        plain = ["title", "created_at"]
    where = [] if model in (Conference, Setup, Track) else ["conference__title"]
    return list(model._default_manager.filter(mine).order_by("pk").values(*plain, *where))
