"""Who somebody is, and how people and conferences are written as URIs."""

from __future__ import annotations

import functools
import hashlib
import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.base import SessionBase
from django.db import connection
from django.db.models import Q, QuerySet
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


def people(text: str = "") -> QuerySet[User]:
    """The accounts that there are, by user name; `text` stands in a name or an address."""
    rows = User.objects.filter(deleting_since__isnull=True).order_by("username")
    if not text.strip():
        return rows
    fields = ("username", "display_name", "email")
    return rows.filter(
        functools.reduce(operator.or_, (Q(**{f"{one}__icontains": text.strip()}) for one in fields))
    )


def address_of_mail(email: str) -> str:
    """The address of record of the person of ours with that mail address; "" for nobody."""
    known = User.objects.filter(email__iexact=email, is_active=True).first() if email else None
    return aor(known.username) if known else ""


def person_at(address: str) -> User | None:
    """The person of ours whom a calendar names so: ``mailto:``, or his address of record."""
    address = address.strip().lower()
    rows = User.objects.filter(is_active=True)
    if address.startswith("mailto:"):
        return rows.filter(email__iexact=address.removeprefix("mailto:")).first()
    user, _, host = address.removeprefix("sip:").partition("@")
    return rows.filter(username=user).first() if host == settings.SIP_DOMAIN else None


def creator(row: Conference) -> str:
    """The address of whoever is behind it."""
    return row.creator or (aor(row.organizer.username) if row.organizer else "")


def conference_uri(conference: Conference) -> str:
    """What phones call."""
    return f"sip:{conference.name}@{settings.SIP_DOMAIN}"


def conference_url(conference: Conference) -> str:
    """The page on which everybody joins; also the guest link."""
    return f"{settings.BASE_URL}/c/{conference.name}/"


def identity_of_user(user: User) -> policy.Identity:
    """The identity of somebody with an account."""
    return policy.Identity(
        uri=aor(user.username),
        display_name=user.get_full_name(),
        organizer=user.is_organizer,
        gateway=user.is_gateway,
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


#: What is read of an account, in the order of `_Row`.
_COLUMNS = (
    "auth_name",
    "ha1_md5",
    "ha1_sha256",
    "user__username",
    "user__display_name",
    "user__first_name",
    "user__last_name",
    "user__is_organizer",
    "user__is_gateway",
    "user__is_active",
    "guest__uri_user",
    "guest__display_name",
    "guest__conference_id",
)


def account(auth_name: str, *, hashed_by: str = "") -> Account | None:
    """The credentials of that name, unless they have expired. One query.

    With an algorithm in `hashed_by` the name is what H(username:realm) gives.
    Every request that proves its sender comes by here: the query is written
    once, which takes thirty times as long as to ask it.
    """
    column = _HASHED_NAMES.get(hashed_by) if hashed_by else "auth_name"
    if column is None or not auth_name:
        return None
    query, names = _account_query(connection.vendor, column)
    now = connection.ops.adapt_datetimefield_value(timezone.now())
    with connection.cursor() as cursor:
        cursor.execute(query, [auth_name if is_name else now for is_name in names])
        row = cursor.fetchone()
    found = _account_of(row or _NOBODY)  # for nobody the same work, and so the same time
    return found if row is not None else None


#: A row like any other, of which nothing is told.
_NOBODY = ("", "0" * 32, "0" * 64, "nobody", "Nobody", "", "", False, False, True, None, "", None)


def _account_of(row: Sequence[Any]) -> Account | None:
    name, md5, sha256, username, display_name, first, last, *flags, uri_user, as_guest, of = row
    organizer, gateway, active = map(bool, flags)
    if uri_user is not None:
        guest = Guest(uri_user=uri_user, display_name=as_guest, conference_id=of)
        identity = identity_of_guest(guest)
    elif active:
        person = User(username=username, display_name=display_name, is_organizer=organizer)
        person.is_gateway = gateway
        person.first_name, person.last_name = first, last
        identity = identity_of_user(person)
    else:
        return None
    return Account(name, identity, {"MD5": md5, "SHA-256": sha256})


@functools.cache
def _account_query(vendor: str, column: str) -> tuple[str, tuple[bool, ...]]:
    """SQL for the account of a name in that column; of each parameter, whether it is the name.

    The others are the time.
    """
    del vendor  # each has its own words
    lasting = Q(expires_at__isnull=True) | Q(expires_at__gt=timezone.now())
    rows = SipAccount.objects.filter(lasting, **{column: "name"}).values_list(*_COLUMNS)
    query, parameters = rows[:1].query.sql_with_params()
    return query, tuple(one == "name" for one in parameters)


def user_of_token(token: str) -> User | None:
    """Whose bearer token this is."""
    digest = hashlib.sha256(token.encode()).hexdigest()
    found = ApiToken.objects.select_related("user").filter(digest=digest).first()
    return found.user if found is not None and found.user.is_active else None


def user_of_calendar(token: str) -> User | None:
    """Whose calendar the link with that secret shows."""
    return User.objects.filter(calendar_token=token, is_active=True).first()
