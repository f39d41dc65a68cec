"""Who calls: a user name and an API token by Basic authentication (RFC 7617).

Not the password of the pages: programs keep what they are told, and a token
can be revoked by itself.
"""

from __future__ import annotations

import base64
import binascii

from django.http import HttpRequest
from django.utils import timezone

from conferences import selectors, services
from conferences.models import Door, User


def person(request: HttpRequest) -> User | None:
    """Who calls; None where he has not proved it.

    Raises `services.TooManyAttempts` after too many wrong tokens.
    """
    said = _credentials(request.headers.get("Authorization", ""))
    if said is None:
        return None
    username, token = said
    user = selectors.user_of_token(token)
    source, now = request.META.get("REMOTE_ADDR", ""), timezone.now()
    if user is not None and user.username == username.strip().lower():
        return user
    services.may_try(door=Door.API, source=source, now=now)
    services.attempt_failed(door=Door.API, source=source, now=now)
    return None


def _credentials(field: str) -> tuple[str, str] | None:
    scheme, _, text = field.partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        decoded = base64.b64decode(text.strip(), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None
    username, colon, token = decoded.partition(":")
    return (username, token) if colon else None
