"""Conferences for now: made by a call to a factory, the application, or a name of choice."""

from __future__ import annotations

import datetime

from django.db import transaction
from django.utils import timezone as clock

from conferences import policy, selectors
from conferences.models import (
    Conference,
    Event,
    Factory,
    FactoryModeChoice,
    FactoryTwoLeftChoice,
    Kind,
    User,
)
from conferences.policy import Refusal
from conferences.services import capacity, names, terms
from conferences.services.refused import Refused

RESERVED = datetime.timedelta(seconds=60)
"""For so long a factory keeps what it made for the caller whom it has sent there (302)."""


def create_adhoc(
    *,
    creator: policy.Identity,
    title: str = "",
    name: str = "",
    pin: str = "",
    max_participants: int | None = None,
    factory: str = "",
    of_call: bool = False,
) -> policy.ConferenceId:
    """A conference for now; what is not said is as the factory of that name makes it.

    It ends when its creator departs (RFC 4579 5.12), unless the factory says
    otherwise, and lasts as long as that says, for which it takes its ports.
    `of_call` says that a call between two people becomes it (draft 4.9).
    Raises `ValidationError`, and `Refused` where the factory is not for the
    creator, or the ports are all taken.
    """
    now = clock.now()
    template = selectors.factory(factory) if factory else Factory()
    if template is None:
        raise Refused(Refusal.UNKNOWN)
    if template.for_organizers and not creator.organizer:
        raise Refused(Refusal.NOT_ALLOWED)
    if name:
        over = Conference.objects.filter(name=name.lower(), kind=Kind.ADHOC)
        over.filter(ended_at__isnull=False).update(name=names.generated_name())
        name = names.checked_conference_name(name)
    row = _from(template, creator, now)
    row.two_left = _two_left(template, of_call=of_call).value
    if template.mode == FactoryModeChoice.REDIRECT and not of_call:
        row.reserved_until = now + RESERVED
    row.name = name or names.generated_name()
    complaints = terms.Complaints()
    said = terms.Changes(
        title=title or _title(template, creator),
        pin=pin or template.pin,
        max_participants=max_participants or template.max_participants,
    )
    terms.say_title(row, said, complaints)
    terms.say_limits(row, said, complaints)
    complaints.raise_if_any()
    try:
        with transaction.atomic():
            row.save()
            capacity.take(row, now=now)
            Event.objects.create(conference=row, at=now, kind="booked", actor=creator.uri)
    except capacity.NoRoom as no_room:
        raise Refused(Refusal.NO_PORTS) from no_room
    return row.key


def _from(template: Factory, creator: policy.Identity, now: datetime.datetime) -> Conference:
    organizer = User.objects.filter(username=names.username_of(creator.uri)).first()
    return Conference(
        organizer=organizer,
        creator="" if organizer else creator.uri,
        kind=Kind.ADHOC,
        admission=template.admission,
        participants_may_add=template.participants_may_add,
        waiting_room=template.waiting_room,
        creator_departs=template.creator_departs,
        created_at=now,
        closes_at=now + datetime.timedelta(minutes=template.lasts_minutes),
    )


def _two_left(template: Factory, *, of_call: bool) -> policy.TwoLeft:
    """What was a call before may become one again, where the factory says so."""
    back = of_call and template.two_left == FactoryTwoLeftChoice.BACK
    call = back or template.two_left == FactoryTwoLeftChoice.CALL
    return policy.TwoLeft.CALL if call else policy.TwoLeft.STAY


def _title(template: Factory, creator: policy.Identity) -> str:
    by = creator.display_name or creator.uri
    return template.title.replace("{creator}", by)[:200]
