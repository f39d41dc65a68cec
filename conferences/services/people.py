"""Accounts, and credentials of phones."""

from __future__ import annotations

import datetime
import hashlib
import secrets
from dataclasses import dataclass

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from conferences import policy, relays
from conferences.models import (
    ApiToken,
    Guest,
    SipAccount,
    User,
)
from conferences.services import names

#: Of a SIP password that is made up: 128 bits.
SIP_PASSWORD_OCTETS = 16


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
    password: str | None,
    display_name: str = "",
    email: str = "",
    is_organizer: bool = False,
    timezone: str = "",
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


def change_person(
    *, user: User, display_name: str | None = None, timezone: str | None = None
) -> None:
    """How somebody is called, and in which zone he reads times; what is None stays."""
    if display_name is not None:
        user.display_name = display_name.strip()
    if timezone is not None:
        user.timezone = timezone
    user.save(update_fields=["display_name", "timezone"])


#: Names that are tried for somebody whose wish is taken.
_VARIANTS = 1000


def create_person(*, wish: str, display_name: str = "", email: str = "") -> User:
    """Somebody whom another house vouches for: he has no password here.

    His name is what he wishes, as far as its letters go, and nobody else has it.
    """
    letters = "".join(one if one in _LETTERS else "-" for one in wish.partition("@")[0].lower())
    stem = letters.strip("-._")[:50] or "person"
    for number in range(1, _VARIANTS):
        name = stem if number == 1 else f"{stem}{number}"
        try:
            names.checked_username(name)
        except ValidationError:
            continue
        return create_user(
            username=name, password=None, display_name=display_name[:100], email=email
        )
    raise ValidationError(_("There is no name left that is like %(wish)s.") % {"wish": stem})


_LETTERS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789._-")


def let_book(*, user: User, may_book: bool) -> None:
    """Give or take the right to book."""
    if user.is_organizer != may_book:
        user.is_organizer = may_book
        user.save(update_fields=["is_organizer"])


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


def renew_sip_password(user: User) -> str:
    """A made-up one, which cannot be read again: it is typed into a phone once."""
    password = secrets.token_urlsafe(SIP_PASSWORD_OCTETS)
    set_sip_password(user, password)
    return password


def choose_language(*, user: User, language: str) -> None:
    """The language in which pages and mails speak to this person from now on."""
    User.objects.filter(pk=user.pk).update(language=language)


def language_read(*, user: User, language: str) -> None:
    """In which language this person, who has chosen none, has read a page."""
    User.objects.filter(pk=user.pk).update(language_read=language)


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
