"""SRTP and SRTCP (RFC 3711) of one leg, by libsrtp.

Keys come from DTLS (RFC 5764) or from the description (SDES, RFC 4568).
libsrtp keeps the replay window and refuses what is forged, repeated or too
old; all that shows here as `SrtpError`.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from dataclasses import dataclass

import pylibsrtp


class SrtpError(ValueError):
    """A packet that is forged, repeated, too old or too long."""


class Replayed(SrtpError):
    """A packet whose number came before or is too old to tell.

    libsrtp looks at the number first, so this says nothing of whether it is forged.
    """


@dataclass(frozen=True, slots=True)
class Profile:
    """A protection profile: its names in DTLS and SDES, and lengths in octets."""

    dtls: bytes
    sdes: str
    identifier: int
    key: int
    salt: int


GCM_128 = Profile(
    b"SRTP_AEAD_AES_128_GCM",
    "AEAD_AES_128_GCM",
    pylibsrtp.Policy.SRTP_PROFILE_AEAD_AES_128_GCM,
    key=16,
    salt=12,
)
CM_80 = Profile(
    b"SRTP_AES128_CM_SHA1_80",
    "AES_CM_128_HMAC_SHA1_80",
    pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_80,
    key=16,
    salt=14,
)
CM_32 = Profile(
    b"SRTP_AES128_CM_SHA1_32",
    "AES_CM_128_HMAC_SHA1_32",
    pylibsrtp.Policy.SRTP_PROFILE_AES128_CM_SHA1_32,
    key=16,
    salt=14,
)
DTLS_PROFILES = (GCM_128, CM_80)
"""What is offered in DTLS, the best first: GCM costs half of what CM does."""

SDES_PROFILES = (CM_80, CM_32)


@dataclass(frozen=True, slots=True)
class Keys:
    """Master key and salt of each way, one after the other."""

    profile: Profile
    ours: bytes
    theirs: bytes


def new_key(profile: Profile) -> str:
    """A random master key and salt as SDES writes it."""
    return base64.b64encode(secrets.token_bytes(profile.key + profile.salt)).decode("ascii")


def read_key(text: str, profile: Profile) -> bytes:
    """The master key and salt of an SDES line. Raises `SrtpError`."""
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise SrtpError("a key that is not base64") from error
    if len(key) != profile.key + profile.salt:
        raise SrtpError("a key of the wrong length")
    return key


class SrtpSession:
    """Protects what goes to one leg and unprotects what comes from it."""

    def __init__(self, keys: Keys) -> None:
        self._outbound = pylibsrtp.Session(
            _policy(keys.ours, keys.profile, pylibsrtp.Policy.SSRC_ANY_OUTBOUND)
        )
        self._inbound = pylibsrtp.Session(
            _policy(keys.theirs, keys.profile, pylibsrtp.Policy.SSRC_ANY_INBOUND)
        )

    def protect(self, packet: bytes) -> bytes:
        """An RTP packet ready to send. Raises `SrtpError`."""
        try:
            return bytes(self._outbound.protect(packet))
        except (pylibsrtp.Error, ValueError) as error:
            raise SrtpError(str(error)) from error

    def protect_rtcp(self, packet: bytes) -> bytes:
        """An RTCP packet ready to send. Raises `SrtpError`."""
        try:
            return bytes(self._outbound.protect_rtcp(packet))
        except (pylibsrtp.Error, ValueError) as error:
            raise SrtpError(str(error)) from error

    def unprotect(self, packet: bytes) -> bytes:
        """The RTP packet that was received. Raises `SrtpError`."""
        try:
            return bytes(self._inbound.unprotect(packet))
        except (pylibsrtp.Error, ValueError) as error:
            raise _refused(error) from error

    def unprotect_rtcp(self, packet: bytes) -> bytes:
        """The RTCP packet that was received. Raises `SrtpError`."""
        try:
            return bytes(self._inbound.unprotect_rtcp(packet))
        except (pylibsrtp.Error, ValueError) as error:
            raise _refused(error) from error


def _refused(error: Exception) -> SrtpError:
    # The binding has one class of errors and tells them apart by their words.
    text = str(error)
    return Replayed(text) if text.startswith("replay check failed") else SrtpError(text)


def _policy(key: bytes, profile: Profile, direction: int) -> pylibsrtp.Policy:
    return pylibsrtp.Policy(key=key, ssrc_type=direction, srtp_profile=profile.identifier)
