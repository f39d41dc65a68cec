"""Secrets that have to be read again, as they lie in the database: sealed with the secret key.

A copy of the database alone tells none of them. The key is made of `SECRET_KEY`
by HKDF (RFC 5869), so it is not the one that signs cookies. Fernet: AES-128-CBC and
HMAC-SHA-256.
"""

from __future__ import annotations

import base64

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


class Unreadable(Exception):
    """The secret key is not the one with which this was sealed, or somebody has changed it."""


def seal(text: str) -> str:
    """`text`, to be written down; each time another."""
    return _box().encrypt(text.encode()).decode()


def unseal(sealed: str) -> str:
    """What was sealed. Raises `Unreadable`."""
    try:
        return _box().decrypt(sealed.encode()).decode()
    except InvalidToken as error:
        raise Unreadable("the secret key has changed since this was written") from error


def _box() -> Fernet:
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"parley seals").derive(
        settings.SECRET_KEY.encode()
    )
    return Fernet(base64.urlsafe_b64encode(key))
