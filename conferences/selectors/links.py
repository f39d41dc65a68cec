"""Links by which somebody sets a password: how they read, and whose they are."""

from __future__ import annotations

import datetime
import hmac

from django.conf import settings
from django.db.models import QuerySet
from django.utils.crypto import salted_hmac

from conferences.models import AccountLink, LinkKind, User

_SALT = "parley account link"


def link_token(link: AccountLink) -> str:
    """The secret of the link: its number, and what only who has the secret key can make."""
    proof = salted_hmac(_SALT, f"{link.pk}:{link.nonce}", algorithm="sha256")
    return f"{link.pk}-{proof.hexdigest()}"


def link_url(link: AccountLink) -> str:
    """What is sent."""
    return f"{settings.BASE_URL}/welcome/{link_token(link)}/"


def account_link(token: str, *, now: datetime.datetime) -> AccountLink | None:
    """The link with that secret, while it is good."""
    number = token.partition("-")[0]
    if not number.isascii() or not number.isdigit() or len(number) > 18:
        return None
    rows = AccountLink.objects.select_related("user", "by")
    found = rows.filter(pk=int(number), used_at__isnull=True, expires_at__gt=now).first()
    if found is None or not hmac.compare_digest(link_token(found), token):
        return None
    if found.user is not None and not found.user.is_active:
        return None
    return found


def open_invitations(by: User, *, now: datetime.datetime) -> QuerySet[AccountLink]:
    """Whom `by` has invited and who has not come yet; administrators see everybody's."""
    rows = AccountLink.objects.select_related("by").filter(
        kind=LinkKind.INVITED, used_at__isnull=True, expires_at__gt=now
    )
    return rows if by.is_staff else rows.filter(by=by)
