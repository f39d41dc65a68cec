"""The door: guests, links and PINs.

Wrong PINs are counted and compared in one transaction, so that guessing in
parallel gains nothing. A PIN typed on a page spares the call for good; what
one keyed in a call makes of somebody lasts as long as he is in it, for the
phone may be anybody's.
"""

from __future__ import annotations

import datetime
import math
import secrets

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone as clock
from django.utils.translation import gettext as _

from conferences import guesses, notices, policy, selectors, wording
from conferences.models import Admittance, Conference, Event, Guest, Invitation, WrongPin
from conferences.policy import ConferenceId, Identity, Keyed, Refusal, Snapshot
from conferences.services import names, records
from conferences.services.refused import HeldOff, Refused, unless_none

#: How long a guest of a standing room is a guest.
GUEST_STAYS = datetime.timedelta(hours=12)


def admit_guest(
    *,
    conference: Conference,
    display_name: str,
    pin: str = "",
    source: str = "guest",
    browser: str = "",
) -> Guest:
    """Let somebody without an account in by the link.

    `source` is his address and `browser` what tells his browser from others
    there; wrong PINs are counted by both, and by the address alone. Raises
    `Refused`, or `ValidationError` about ``display_name`` or ``pin``.
    """
    now = clock.now()
    if conference.admission != policy.Admission.OPEN:
        raise Refused(Refusal.NOT_INVITED)
    if selectors.window(conference, now=now).over:
        raise Refused(Refusal.OVER)
    display_name = _checked_name(display_name)
    snapshot = _snapshot(conference)
    given = Keyed()
    if policy.has_pin(snapshot):
        entity = guesses.on_the_web(source, browser)[:255]
        given = _compare(snapshot, None, entity=entity, pin=pin, now=now)
    guest = _guest(conference, given.name or display_name, now=now)
    if given.role is not None:
        _admit(conference, selectors.identity_of_guest(guest).uri, given)
    return guest


def _checked_name(display_name: str) -> str:
    try:
        display_name = wording.line(display_name)
    except ValidationError as error:
        raise ValidationError({"display_name": error}) from error
    if not 1 <= len(display_name) <= 100:
        raise ValidationError({"display_name": _("Type a name of 1 to 100 letters.")})
    return display_name


def admit_invitee(*, invitation: Invitation, display_name: str = "") -> Guest:
    """Let an invitee in by the link that is his alone: always as the same guest.

    He is asked for no PIN, for the link is one. Raises `Refused`, or
    `ValidationError` about ``display_name``.
    """
    now = clock.now()
    conference = invitation.conference
    if selectors.window(conference, now=now).over:
        raise Refused(Refusal.OVER)
    known = Guest.objects.filter(invitation=invitation).first()
    name = _checked_name(display_name or selectors.invitee_name(invitation)[:100])
    if known is None:
        return _guest(conference, name, now=now, invitation=invitation)
    known.display_name, known.expires_at = name, _stays(conference, now)
    known.save(update_fields=["display_name", "expires_at"])
    return known


def _guest(
    conference: Conference,
    name: str,
    *,
    now: datetime.datetime,
    invitation: Invitation | None = None,
) -> Guest:
    return Guest.objects.create(
        conference=conference,
        invitation=invitation,
        uri_user=names.GUEST_PREFIX + secrets.token_hex(10),
        display_name=name,
        expires_at=_stays(conference, now),
    )


def _stays(conference: Conference, now: datetime.datetime) -> datetime.datetime:
    return selectors.window(conference, now=now).closes_at or now + GUEST_STAYS


def check_pin(*, conference: Conference, identity: Identity, pin: str) -> None:
    """A right PIN spares `identity` from keying it in the call.

    Raises `Refused` where he is not on the list or gave wrong ones too often,
    and `ValidationError` about ``pin`` where this one is wrong.
    """
    snapshot = _snapshot(conference)
    unless_none(policy.may_try(snapshot, identity))
    if not policy.has_pin(snapshot):
        return
    given = _compare(snapshot, identity, entity=identity.uri, pin=pin, now=clock.now())
    _admit(conference, identity.uri, given)


def _snapshot(conference: Conference) -> Snapshot:
    snapshot = selectors.snapshot(conference.key)
    if snapshot is None:
        raise Refused(Refusal.UNKNOWN)
    return snapshot


def _admit(conference: Conference, entity: str, given: Keyed) -> None:
    """On a page: for good, with the role that the PIN gives."""
    said = {} if given.role is None else {"role": given.role.value}
    Admittance.objects.update_or_create(
        conference=conference, entity=entity, defaults={"keyed": False, **said}
    )


def _compare(
    snapshot: Snapshot,
    who: Identity | None,
    *,
    entity: str,
    pin: str,
    now: datetime.datetime,
) -> Keyed:
    """What the PIN makes of somebody, whose wrong ones are counted as `entity`'s, and told."""
    stamp = now.timestamp()
    with transaction.atomic():
        Conference.objects.select_for_update().get(pk=snapshot.id)
        known = list(WrongPin.objects.filter(conference_id=snapshot.id).values_list("entity", "at"))
        wrong = [(other, at.timestamp()) for other, at in known]
        if guesses.hidden_until(wrong) > stamp:
            raise Refused(Refusal.UNKNOWN)
        mine = [at for other, at in wrong if other == entity]
        wait = math.ceil(guesses.web_held_off_until(wrong, entity) - stamp)
        given = policy.keyed(snapshot, who, pin) if wait <= 0 else None
        if wait > 0:
            refusal = Refusal.WRONG_PIN_TOO_OFTEN.value
            records.join_refused(conference=snapshot.id, entity=entity, refusal=refusal, at=stamp)
        elif given is None:
            records.wrong_pin(conference=snapshot.id, entity=entity, at=stamp)
        elif mine:
            WrongPin.objects.filter(conference_id=snapshot.id, entity=entity).delete()
    if wait > 0:
        raise HeldOff(wait)
    if given is None:
        raise ValidationError({"pin": ValidationError(_("The PIN is wrong."), code="wrong")})
    return given


@transaction.atomic
def pin_given(
    *, conference: ConferenceId, entity: str, role: policy.Role, name: str, at: float
) -> None:
    """A PIN keyed in a call gave somebody a role, for as long as he is in it."""
    Admittance.objects.update_or_create(
        conference_id=conference,
        entity=entity,
        defaults={"role": role.value},
        create_defaults={"role": role.value, "keyed": True},
    )
    Event.objects.create(
        conference_id=conference,
        at=datetime.datetime.fromtimestamp(at, tz=datetime.UTC),
        kind="pin-given",
        actor=entity,
        detail={"role": role.value, **({"name": name} if name else {})},
    )
    notices.conference_changed(conference)
