"""What every join and leave asks of the database and writes there, each statement written once."""

from __future__ import annotations

import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from conferences.models import (
    Admittance,
    Conference,
    Endpoint,
    EndpointStatus,
    Event,
    Lease,
    Participant,
    Playing,
    Recording,
    StandingDialog,
)
from conferences.services import recordings
from conferences.statements import Change, Deletion, Entry, Rows

#: How many of somebody's latest joins are looked through for the one that is told again.
REMEMBERED = 20

#: With what the conference is called and is at that moment.
new_event = Entry(
    Event,
    looked_up={"title": ("conference", "title"), "conference_kind": ("conference", "kind")},
)

#: Of a lease that is ours, or has run out.
taken = Change(
    lambda conference, by, now: Lease.objects.filter(conference_id=conference).filter(
        Q(owner=by) | Q(expires_at__lte=now)
    ),
    {"owner": str, "expires_at": datetime.datetime},
    conference=int,
    by=str,
    now=datetime.datetime,
)
new_lease = Entry(Lease)
given_back = Deletion(
    lambda conference, owner: Lease.objects.filter(conference_id=conference, owner=owner),
    conference=int,
    owner=str,
)


def _left_over(conference: int) -> QuerySet[Conference, Any]:
    """Of a conference: whether it is locked, who ends it, whether somebody is in, what goes on."""
    here = OuterRef("pk")
    return Conference.objects.filter(pk=conference).values_list(
        "locked",
        "end_by",
        Exists(Participant.objects.filter(conference=here, left_at__isnull=True)),
        Exists(Recording.objects.filter(conference=here, state__in=recordings.GOING)),
        Exists(Playing.objects.filter(conference=here)),
    )


#: One row, none where there is no such conference.
left_overs = Rows(_left_over, conference=int)

#: Primary key, key, whether private, by whom muted, when left; the latest first.
joins_of_somebody = Rows(
    lambda conference, entity: (
        Participant.objects.filter(conference_id=conference, entity=entity)
        .order_by("-joined_at", "-pk")
        .values_list("pk", "key", "private", "muted_by", "left_at")[:REMEMBERED]
    ),
    conference=int,
    entity=str,
)
new_participant = Entry(Participant)
new_endpoint = Entry(Endpoint)

#: Primary key and entity of a participant who is in.
present = Rows(
    lambda key: (
        Participant.objects.filter(key=key, left_at__isnull=True)
        .order_by()
        .values_list("pk", "entity")
    ),
    key=str,
)
gone = Change(
    lambda pk: Participant.objects.filter(pk=pk),
    {"left_at": datetime.datetime, "left_method": str, "left_by": str, "left_reason": str},
    pk=int,
)
phones_gone = Change(
    lambda participant: Endpoint.objects.filter(participant_id=participant, left_at__isnull=True),
    {
        "status": EndpointStatus.DISCONNECTED,
        "disconnection_method": str,
        "left_at": datetime.datetime,
    },
    participant=int,
)
#: What a PIN has given somebody for this call.
keyed = Deletion(
    lambda conference, entity: Admittance.objects.filter(
        conference_id=conference, entity=entity, keyed=True
    ),
    conference=int,
    entity=str,
)

published = Change(
    lambda conference: Conference.objects.filter(pk=conference),
    {"roster_version": int},
    conference=int,
)

dialog = Entry(StandingDialog, instead_of="key")
no_dialog = Deletion(lambda key: StandingDialog.objects.filter(key=key), key=str)
