"""Accounts, credentials of phones, guests, PINs."""

from __future__ import annotations

import datetime
import hashlib
import secrets
from dataclasses import dataclass

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone as clock

from conferences import policy, relays, selectors
from conferences.models import (
    Admittance,
    ApiToken,
    Conference,
    Guest,
    SipAccount,
    User,
    WrongPin,
)
from conferences.services import names
from conferences.services.refused import Refused, unless_none

#: How long a guest of a standing room is a guest.
GUEST_STAYS = datetime.timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class PhoneCredentials:
    """What a browser phone needs to register and call; good for a short time."""

    auth_name: str
    password: str
    uri: str
    display_name: str
    websocket: str
    ice_servers: tuple[dict[str, str], ...] = ()


@transaction.atomic
def create_user(
    *,
    username: str,
    password: str,
    display_name: str = "",
    email: str = "",
    is_organizer: bool = False,
    timezone: str = "UTC",
) -> User:
    """A new person. Raises `ValidationError` about ``username``."""
    try:
        username = names.checked_username(username)
    except ValidationError as error:
        raise ValidationError({"username": error.error_list}) from error
    return User.objects.create_user(
        username,
        email,
        password,
        display_name=display_name.strip(),
        is_organizer=is_organizer,
        timezone=timezone,
    )


def set_sip_password(user: User, password: str) -> SipAccount:
    """Set the password of the person's own phones. The password itself is not kept."""
    return SipAccount.objects.update_or_create(
        auth_name=user.username,
        defaults={
            "user": user,
            "guest": None,
            "expires_at": None,
            **_hashes(user.username, password),
        },
    )[0]


def issue_api_token(user: User) -> str:
    """A new bearer token; this is the only time that it can be read."""
    token = secrets.token_urlsafe(32)
    ApiToken.objects.create(user=user, digest=hashlib.sha256(token.encode()).hexdigest())
    return token


def issue_phone_credentials(
    *,
    identity: policy.Identity,
    user: User | None = None,
    guest: Guest | None = None,
    until: datetime.datetime,
) -> PhoneCredentials:
    """Credentials for one page, under a random name, good until `until`."""
    auth_name, password = f"web-{secrets.token_hex(12)}", secrets.token_urlsafe(24)
    SipAccount.objects.create(
        auth_name=auth_name,
        user=user,
        guest=guest,
        expires_at=until,
        **_hashes(auth_name, password),
    )
    return PhoneCredentials(
        auth_name=auth_name,
        password=password,
        uri=identity.uri,
        display_name=identity.display_name,
        websocket=settings.WEBSOCKET_URL,
        ice_servers=tuple(
            relays.for_browser(
                settings.ICE_SERVERS,
                secret=settings.TURN_SECRET,
                name=auth_name,
                until=until.timestamp(),
            )
        ),
    )


def withdraw_phone_credentials(user: User) -> None:
    """What pages were given is good for nothing more; calls that are up go on."""
    SipAccount.objects.filter(user=user, expires_at__isnull=False).delete()


def _hashes(auth_name: str, password: str) -> dict[str, str]:
    """H(A1) (RFC 7616 3.4.2) and the hashed name (3.4.4), each by both algorithms."""
    name = f"{auth_name}:{settings.SIP_DOMAIN}".encode()
    a1 = name + f":{password}".encode()
    return {
        "ha1_md5": hashlib.md5(a1, usedforsecurity=False).hexdigest(),
        "ha1_sha256": hashlib.sha256(a1).hexdigest(),
        "userhash_md5": hashlib.md5(name, usedforsecurity=False).hexdigest(),
        "userhash_sha256": hashlib.sha256(name).hexdigest(),
    }


def admit_guest(
    *, conference: Conference, display_name: str, pin: str = "", source: str = "guest"
) -> Guest:
    """Let somebody without an account in by the link.

    `source` is whatever tells one guesser from another (his address), for
    wrong PINs are counted by it. Raises `Refused`, or `ValidationError` about
    ``display_name`` or ``pin``.
    """
    now = clock.now()
    if conference.admission != policy.Admission.OPEN:
        raise Refused(policy.Refusal.NOT_INVITED)
    when = selectors.window(conference, now=now)
    if when.over:
        raise Refused(policy.Refusal.OVER)
    display_name = " ".join(display_name.split())
    if not 1 <= len(display_name) <= 100 or not display_name.isprintable():
        raise ValidationError({"display_name": "Type a name of 1 to 100 letters."})
    if conference.pin:
        _compare(conference, entity=f"web:{source}"[:255], pin=pin, now=now)
    return Guest.objects.create(
        conference=conference,
        uri_user=names.GUEST_PREFIX + secrets.token_hex(10),
        display_name=display_name,
        expires_at=when.closes_at or now + GUEST_STAYS,
    )


def check_pin(*, conference: Conference, identity: policy.Identity, pin: str) -> None:
    """A right PIN spares `identity` from keying it in the call.

    Raises `Refused` where he is not on the list or gave wrong ones too often,
    and `ValidationError` about ``pin`` where this one is wrong.
    """
    snapshot = selectors.snapshot(conference.key)
    if snapshot is None:
        raise Refused(policy.Refusal.UNKNOWN)
    unless_none(policy.may_subscribe(snapshot, identity))
    if not conference.pin:
        return
    _compare(conference, entity=identity.uri, pin=pin, now=clock.now())
    Admittance.objects.get_or_create(conference=conference, entity=identity.uri)


def _compare(conference: Conference, *, entity: str, pin: str, now: datetime.datetime) -> None:
    """Count and compare in one transaction, so that guessing in parallel gains nothing."""
    with transaction.atomic():
        Conference.objects.select_for_update().get(pk=conference.pk)
        wrong = WrongPin.objects.filter(conference=conference, entity=entity)
        times = [at.timestamp() for at in wrong.values_list("at", flat=True)]
        if policy.held_off_until(times) > now.timestamp():
            raise Refused(policy.Refusal.WRONG_PIN_TOO_OFTEN)
        right = secrets.compare_digest(pin.strip().encode(), conference.pin.encode())
        if right:
            wrong.delete()
        else:
            WrongPin.objects.create(conference=conference, entity=entity, at=now)
    if not right:
        raise ValidationError({"pin": ValidationError("The PIN is wrong.", code="wrong")})
