"""Digest authentication of requests (RFC 7616, RFC 8760), as a server.

Nonces need no storage: they carry the time and are signed with the server's
key. What is kept is small and bounded: the highest ``nc`` of each nonce that
was used, so that a request caught on the wire cannot be played again.

Challenges go out with SHA-256 first and MD5 second (RFC 8760 2.4): browser
phones know MD5 only and take the last.
"""

from __future__ import annotations

import base64
import binascii
import enum
import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Mapping

from sipgateway.sip.headers import Auth
from sipgateway.sip.tokens import Tokens

NONCE_LIFE = 300.0
"""Seconds: longer than any phone takes to ask for a password, short for a thief."""
MAX_NONCES = 20_000
"""Nonces remembered against replay, 100 octets each; older ones are refused as stale."""

#: In the order in which they are offered.
ALGORITHMS = ("SHA-256", "MD5")
_HASHES = {"SHA-256": hashlib.sha256, "MD5": hashlib.md5}


class Verdict(enum.Enum):
    """What `Digest.verify` found."""

    GOOD = "good"
    STALE = "stale"
    BAD = "bad"


def hash_text(algorithm: str, text: str) -> str:
    """H(text) of RFC 7616 as lower-case hex; `algorithm` is one of `ALGORITHMS`."""
    return _HASHES[algorithm](text.encode("utf-8", "surrogateescape")).hexdigest()


def response_of(
    algorithm: str, ha1: str, *, method: str, uri: str, nonce: str, nc: str, cnonce: str, qop: str
) -> str:
    """The ``response`` of RFC 7616 3.4.1 for qop=auth."""
    ha2 = hash_text(algorithm, f"{method}:{uri}")
    return hash_text(algorithm, f"{ha1}:{nonce}:{nc}:{cnonce}:{qop}:{ha2}")


class Digest:
    """Makes challenges and checks credentials for one realm."""

    def __init__(self, realm: str, key: bytes, tokens: Tokens) -> None:
        self._realm = realm
        self._key = key
        self._tokens = tokens
        self._counts: OrderedDict[str, int] = OrderedDict()

    def challenges(self, now: float, *, stale: bool = False) -> list[Auth]:
        """The challenges to send, best first; `now` in POSIX seconds."""
        nonce = self._nonce(now)
        return [self._challenge(algorithm, nonce, stale) for algorithm in ALGORITHMS]

    def _challenge(self, algorithm: str, nonce: str, stale: bool) -> Auth:
        params = [("realm", self._realm), ("nonce", nonce), ("qop", "auth")]
        if stale:
            params.append(("stale", "true"))
        return Auth("digest", (*params, ("algorithm", algorithm)))

    def _nonce(self, now: float) -> str:
        stamp = f"{int(now):x}.{self._tokens.opaque()[:16]}"
        return base64.urlsafe_b64encode(f"{stamp}.{self._sign(stamp)}".encode()).decode()

    def _sign(self, stamp: str) -> str:
        return hmac.new(self._key, stamp.encode(), hashlib.sha256).hexdigest()[:32]

    def _age(self, nonce: str, now: float) -> float | None:
        """Seconds since we made this nonce; None if we did not."""
        try:
            stamp, _, signature = base64.urlsafe_b64decode(nonce.encode()).decode().rpartition(".")
            made = int(stamp.partition(".")[0], 16)
        except (ValueError, binascii.Error):
            return None
        good = hmac.compare_digest(self._sign(stamp).encode(), signature.encode())
        return now - made if good else None

    def verify(self, auth: Auth, ha1: Mapping[str, str], *, method: str, now: float) -> Verdict:
        """Check credentials against the stored H(A1) by algorithm.

        For a user who does not exist hand in `no_such_user()`: the work, and
        so the time, is the same.
        """
        algorithm = (auth.get("algorithm") or "MD5").upper()
        if auth.scheme != "digest" or algorithm not in ha1 or auth.get("realm") != self._realm:
            return Verdict.BAD
        expected = response_of(
            algorithm,
            ha1[algorithm],
            method=method,
            uri=auth.get("uri"),
            nonce=auth.get("nonce"),
            nc=auth.get("nc"),
            cnonce=auth.get("cnonce"),
            qop=auth.get("qop"),
        )
        right = hmac.compare_digest(
            expected.encode(), auth.get("response").lower().encode("utf-8", "replace")
        )
        age = self._age(auth.get("nonce"), now)
        if not right or age is None or auth.get("qop") != "auth":
            return Verdict.BAD
        return Verdict.GOOD if age <= NONCE_LIFE and self._fresh(auth) else Verdict.STALE

    def _fresh(self, auth: Auth) -> bool:
        try:
            count = int(auth.get("nc"), 16)
        except ValueError:
            return False
        nonce = auth.get("nonce")
        if count <= self._counts.get(nonce, 0):
            return False
        self._counts[nonce] = count
        self._counts.move_to_end(nonce)
        if len(self._counts) > MAX_NONCES:
            self._counts.popitem(last=False)
        return True

    def no_such_user(self) -> dict[str, str]:
        """H(A1)s that nothing matches, of the right size."""
        return {name: self._tokens.opaque() for name in ALGORITHMS}


def ha1s(username: str, realm: str, password: str) -> dict[str, str]:
    """H(A1) of RFC 7616 3.4.2 for every algorithm we offer."""
    return {name: hash_text(name, f"{username}:{realm}:{password}") for name in ALGORITHMS}
