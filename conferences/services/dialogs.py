"""Dialogs that outlive the process they are in."""

from __future__ import annotations

import datetime
from collections.abc import Collection, Mapping
from typing import Any

from django.db import transaction

from conferences.models import DisconnectionMethod, Participant, StandingDialog, Waiter
from conferences.policy import ConferenceId, ParticipantKey
from conferences.services import records, waiting


def keep_dialog(*, conference: ConferenceId, key: str, what: Mapping[str, Any], at: float) -> None:
    """Write a usage of a dialog down, or how it is now. One query."""
    when = datetime.datetime.fromtimestamp(at, tz=datetime.UTC)
    call_id = str(what["dialog"]["call_id"])[:255]
    row = StandingDialog(
        conference_id=conference, key=key, call_id=call_id, what=dict(what), at=when
    )
    StandingDialog.objects.bulk_create(
        [row],
        update_conflicts=True,
        unique_fields=["key"],
        update_fields=["conference", "call_id", "what", "at"],
    )


def forget_dialog(*, key: str) -> None:
    """It is over."""
    StandingDialog.objects.filter(key=key).delete()


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
