"""Dialogs that outlive the process they are in."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Mapping
from typing import Any

from django.db import transaction

from conferences.models import (
    DisconnectionMethod,
    GatewayLease,
    Participant,
    StandingCall,
    Waiter,
)
from conferences.policy import ConferenceId, ParticipantKey
from conferences.services import records, rows, waiting

#: Nobody has taken over what it left by then; its phones have called again.
GATEWAY_GONE = datetime.timedelta(hours=1)


def keep_dialog(*, conference: ConferenceId, key: str, what: Mapping[str, Any], at: float) -> None:
    """Write a usage of a dialog down, or how it is now. One query."""
    when = datetime.datetime.fromtimestamp(at, tz=datetime.UTC)
    call_id = str(what["dialog"]["call_id"])[:255]
    rows.dialog(conference_id=conference, key=key, call_id=call_id, what=dict(what), at=when)


def forget_dialog(*, key: str) -> None:
    """It is over."""
    rows.no_dialog(key=key)


def keep_call(*, owner: str, group: str, key: str, what: Mapping[str, Any], at: float) -> None:
    """Write a leg of a call without a conference down, or how it is now. One query."""
    when = datetime.datetime.fromtimestamp(at, tz=datetime.UTC)
    call_id = str(what["dialog"]["call_id"])[:255]
    row = StandingCall(owner=owner, group=group, key=key, call_id=call_id, what=dict(what), at=when)
    StandingCall.objects.bulk_create(
        [row],
        update_conflicts=True,
        unique_fields=["key"],
        update_fields=["owner", "group", "call_id", "what", "at"],
    )


def forget_call(*, key: str) -> None:
    """It is over."""
    StandingCall.objects.filter(key=key).delete()


def renew_gateway(*, owner: str, until: float) -> None:
    """The process is there until then, for the calls that live in it. One query."""
    when = datetime.datetime.fromtimestamp(until, tz=datetime.UTC)
    GatewayLease.objects.bulk_create(
        [GatewayLease(owner=owner, expires_at=when)],
        update_conflicts=True,
        unique_fields=["owner"],
        update_fields=["expires_at"],
    )


def take_call(*, group: str, before: str, owner: str) -> bool:
    """Have a call that lived in another process live in this one; False where it does not."""
    return StandingCall.objects.filter(group=group, owner=before).update(owner=owner) > 0


def prune_gateways(*, now: datetime.datetime) -> None:
    """Forget processes that are long gone, and what they left and nobody took."""
    gone = GatewayLease.objects.filter(expires_at__lte=now - GATEWAY_GONE)
    StandingCall.objects.filter(owner__in=gone.values("owner")).delete()
    gone.delete()


@transaction.atomic
def take_roster_over(
    *, conference: ConferenceId, present: Collection[ParticipantKey], at: float
) -> None:
    """Another process goes on with these; whoever else was on the roster is gone."""
    gone = Participant.objects.filter(conference_id=conference, left_at__isnull=True)
    for key in gone.exclude(key__in=list(present)).values_list("key", flat=True):
        records.participant_left(
            conference=conference,
            key=ParticipantKey(key),
            method=DisconnectionMethod.FAILED.value,
            by="",
            reason="the server that served the call is gone",
            at=at,
        )
    waiting.nobody_waits(Waiter.objects.filter(conference_id=conference), at=at)
