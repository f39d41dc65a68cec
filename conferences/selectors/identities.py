"""Who somebody is, and how people and conferences are written as URIs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.base import SessionBase
from django.db.models import Q
from django.utils import timezone

from conferences import policy
from conferences.models import ApiToken, Conference, Guest, SipAccount, User

#: Key of a browser session under which its guests are kept: primary key of the
#: conference, as a string, to that of the guest; the latest stands last.
GUESTS_KEY = "guests"


@dataclass(frozen=True, slots=True)
class Account:
    """What digest authentication needs: `ha1` by algorithm, hexadecimal (RFC 8760)."""

    auth_name: str
    identity: policy.Identity
    ha1: Mapping[str, str]


def aor(username: str) -> str:
    """The address of record of a person of ours."""
    return f"sip:{username.lower()}@{settings.SIP_DOMAIN}"


def conference_uri(conference: Conference) -> str:
    """What phones call."""
    return f"sip:{conference.name}@{settings.SIP_DOMAIN}"


def conference_url(conference: Conference) -> str:
    """The page on which everybody joins; also the guest link."""
    return f"{settings.BASE_URL}/c/{conference.name}/"


def identity_of_user(user: User) -> policy.Identity:
    """The identity of somebody with an account."""
    return policy.Identity(
        uri=aor(user.username), display_name=user.get_full_name(), organizer=user.is_organizer
    )


def identity_of_guest(guest: Guest) -> policy.Identity:
    """The identity of somebody who came by the link of one conference."""
    return policy.Identity(
        uri=f"sip:{guest.uri_user}@{settings.SIP_DOMAIN}",
        display_name=guest.display_name,
        guest_of=policy.ConferenceId(guest.conference_id),
    )


def identity_of_request_session(
    user: User | AnonymousUser,
    session: SessionBase,
    conference: policy.ConferenceId | None = None,
) -> policy.Identity | None:
    """Who is behind a browser's request: signed in, a guest whose time is not over, or nobody.

    Somebody may be a guest of several: at `conference` he is the guest of that
    one, elsewhere the one that he became last.
    """
    if isinstance(user, User):
        return identity_of_user(user)
    guest = guest_of_session(session, conference)
    return identity_of_guest(guest) if guest else None


def guest_of_session(
    session: SessionBase, conference: policy.ConferenceId | None = None
) -> Guest | None:
    """The session's guest of `conference`, else the latest; None once his time is over."""
    guests: dict[str, int] = session.get(GUESTS_KEY, {})
    pk = guests.get(str(conference)) or next(reversed(guests.values()), 0)
    return Guest.objects.filter(pk=pk, expires_at__gt=timezone.now()).first()


def keep_guest(session: SessionBase, guest: Guest) -> None:
    """Have the session remember `guest`, and those of other conferences beside him."""
    guests: dict[str, int] = session.get(GUESTS_KEY, {})
    guests.pop(str(guest.conference_id), None)
    session[GUESTS_KEY] = {**guests, str(guest.conference_id): guest.pk}


def person_exists(username: str) -> bool:
    """Whether `sip:username@DOMAIN` is a person's address."""
    return User.objects.filter(username=username.lower(), is_active=True).exists()


#: By which column an account is found whose name is sent hashed (RFC 7616 3.4.4).
_HASHED_NAMES = {"MD5": "userhash_md5", "SHA-256": "userhash_sha256"}


def account(auth_name: str, *, hashed_by: str = "") -> Account | None:
    """The credentials of that name, unless they have expired. One query.

    With an algorithm in `hashed_by` the name is what H(username:realm) gives.
    """
    column = _HASHED_NAMES.get(hashed_by) if hashed_by else "auth_name"
    if column is None or not auth_name:
        return None
    row = (
        SipAccount.objects.select_related("user", "guest")
        .filter(Q(expires_at__isnull=True) | Q(expires_at__gt=timezone.now()))
        .filter(**{column: auth_name})
        .first()
    )
    if row is None:
        return None
    if row.guest is not None:
        identity = identity_of_guest(row.guest)
    elif row.user is not None and row.user.is_active:
        identity = identity_of_user(row.user)
    else:
        return None
    return Account(row.auth_name, identity, {"MD5": row.ha1_md5, "SHA-256": row.ha1_sha256})


def user_of_token(token: str) -> User | None:
    """Whose bearer token this is."""
    digest = hashlib.sha256(token.encode()).hexdigest()
    found = ApiToken.objects.select_related("user").filter(digest=digest).first()
    return found.user if found is not None and found.user.is_active else None


def user_of_calendar(token: str) -> User | None:
    """Whose calendar the link with that secret shows."""
    return User.objects.filter(calendar_token=token, is_active=True).first()
