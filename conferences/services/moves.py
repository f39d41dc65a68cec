"""A person takes his call to another phone of his (RFC 4579 5.9)."""

from __future__ import annotations

import secrets

from django.db import transaction
from django.utils import timezone

from conferences import notices, policy, selectors
from conferences.models import Call, Way
from conferences.policy import ConferenceId, Identity, Refusal
from conferences.services import dialouts
from conferences.services.refused import Refused, unless_none


@transaction.atomic
def ask_to_move(*, conference: ConferenceId, phone: int, actor: Identity, way: Way) -> Call:
    """Have one of the actor's own phones called, where his call goes on. Raises `Refused`.

    `phone` is the primary key of its registration.
    """
    snapshot = selectors.snapshot(conference)
    if snapshot is None:
        raise Refused(Refusal.UNKNOWN)
    unless_none(policy.may_subscribe(snapshot, actor))
    now = timezone.now()
    unless_none(policy.when(snapshot, now=now.timestamp()))
    others = selectors.other_phones(conference, actor, now=now)
    if others is None:
        raise Refused(Refusal.NOT_ALLOWED)
    meant = next((one for one in others if one.pk == phone), None)
    if meant is None:
        raise Refused(Refusal.UNKNOWN)
    dialouts.check(actor.uri, by=actor.uri, commands=False, now=now)
    call = Call.objects.create(
        conference_id=conference,
        job=secrets.token_hex(16),
        uri=actor.uri,
        display_name=actor.display_name[:100],
        by=actor.uri,
        way=way,
        due_at=now,
        phone=meant.contact,
        takes_over=True,
    )
    notices.wake("place_calls")
    return call
