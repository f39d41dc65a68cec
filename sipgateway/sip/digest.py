"""Digest authentication of requests (RFC 7616, RFC 8760), as a server.

The client side is `credentials`.

Nonces need no storage: they carry the time and are signed with the server's
key. What is kept is small and bounded: the highest ``nc`` of each nonce that
was used, so that a request caught on the wire cannot be played again. What had to
be forgotten is stale: it never counts as unused.

Challenges go out with SHA-256 first and MD5 second (RFC 8760 2.4): browser
phones know MD5 only and take the last.
"""

from __future__ import annotations

import base64
import binascii
import enum
import hashlib
import hmac
import re
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import unquote

from sipgateway.sip import headers
from sipgateway.sip.errors import BadMessage
from sipgateway.sip.headers import Auth
from sipgateway.sip.tokens import Tokens
from sipgateway.sip.uri import parse_sip_uri

NONCE_LIFE = 300.0
"""Seconds: longer than any phone takes to ask for a password, short for a thief."""
MAX_NONCES = 20_000
"""Nonces remembered against replay, 100 octets each; older ones are refused as stale."""

#: In the order in which they are offered.
ALGORITHMS = ("SHA-256", "MD5")
_HASHES = {"SHA-256": hashlib.sha256, "MD5": hashlib.md5}


#: Phones that fail at once when any challenge is not of MD5, by their User-Agent: libre before
#: 2.0 (baresip 1.0 is Debian 12's) and SIPp before 3.7 give up on the first name they do not know.
_MD5_ALONE = re.compile(r"baresip v[01]\.|sipp\b", re.IGNORECASE)


def algorithms_for(user_agent: str, *, web: bool) -> tuple[str, ...]:
    """What to offer to a phone that calls itself so, in that order; `web` for browsers.

    Best first, as RFC 8760 2.4 has it. A desk phone without a name is taken
    for an old one: those read the first challenge only.
    """
    if _MD5_ALONE.match(user_agent):
        return ("MD5",)
    return ALGORITHMS if web or user_agent else ALGORITHMS[::-1]


class Verdict(enum.Enum):
    """What `Digest.verify` found."""

    GOOD = "good"
    STALE = "stale"
    BAD = "bad"


def hash_text(algorithm: str, text: str) -> str:
    """H(text) of RFC 7616 as lower-case hex; `algorithm` is one of `ALGORITHMS`."""
    return hash_octets(algorithm, text.encode("utf-8", "surrogateescape"))


def hash_octets(algorithm: str, octets: bytes) -> str:
    """H(octets), likewise."""
    return _HASHES[algorithm](octets).hexdigest()


def response_of(
    algorithm: str,
    ha1: str,
    *,
    method: str,
    uri: str,
    nonce: str,
    nc: str,
    cnonce: str,
    qop: str,
    body_hash: str = "",
) -> str:
    """The ``response`` of RFC 7616 3.4.1 to 3.4.3; ``auth-int`` needs H(body)."""
    a2 = f"{method}:{uri}"
    if qop == "auth-int":
        a2 = f"{a2}:{body_hash}"
    ha2 = hash_text(algorithm, a2)
    return hash_text(algorithm, f"{ha1}:{nonce}:{nc}:{cnonce}:{qop}:{ha2}")


def user_hash(algorithm: str, username: str, realm: str) -> str:
    """What a client sends for its name where the challenge says ``userhash=true`` (3.4.4)."""
    return hash_text(algorithm, f"{username}:{realm}")


@dataclass(frozen=True, slots=True)
class Claim:
    """Whom credentials claim to be of: a name, or its `user_hash` by the algorithm named."""

    name: str
    hashed_by: str = ""


def claim_of(auth: Auth) -> Claim:
    """Read ``username``, ``username*`` and ``userhash`` (RFC 7616 3.4, 3.4.4)."""
    if auth.get("userhash").lower() == "true":
        return Claim(auth.get("username").lower(), _algorithm(auth))
    charset, _, rest = auth.get("username*").partition("'")
    if not auth.get("username") and charset.lower() == "utf-8":
        return Claim(unquote(rest.partition("'")[2], errors="replace"))
    return Claim(auth.get("username"))


def _algorithm(auth: Auth) -> str:
    return (auth.get("algorithm") or "MD5").upper()


def challenge_fields(
    challenges: Sequence[Auth], *, proxy: bool = False
) -> tuple[int, tuple[tuple[str, str], ...]]:
    """Status and header fields of a challenge: 401 as user agent, 407 as proxy (22.2, 22.3)."""
    header = headers.PROXY_AUTHENTICATE if proxy else headers.WWW_AUTHENTICATE
    fields = tuple((header.name, header.build(challenge)) for challenge in challenges)
    return (407 if proxy else 401), fields


class Digest:
    """Makes challenges and checks credentials for one realm.

    `qops` is what challenges offer; ``auth-int`` is understood in any case,
    and so is a hashed user name, which is offered with `userhash`. Of several
    processes each has a `name`; a nonce is good in the one that made it, and
    stale in the others, so that nothing can be played again to them.
    """

    def __init__(
        self,
        realm: str,
        key: bytes,
        tokens: Tokens,
        *,
        qops: Sequence[str] = ("auth",),
        userhash: bool = False,
        name: str = "",
    ) -> None:
        self._realm = realm
        self._qops = ", ".join(qops)
        self._userhash = userhash
        self._key = key
        self._name = name
        self._tokens = tokens
        self._counts: OrderedDict[str, int] = OrderedDict()
        #: Nonces made up to then may have been forgotten.
        self._horizon = 0

    def challenges(
        self, now: float, *, stale: bool = False, algorithms: Sequence[str] = ALGORITHMS
    ) -> list[Auth]:
        """The challenges to send, in the order of `algorithms`; `now` in POSIX seconds."""
        nonce = self._nonce(now)
        return [self._challenge(algorithm, nonce, stale) for algorithm in algorithms]

    def _challenge(self, algorithm: str, nonce: str, stale: bool) -> Auth:
        params = [("realm", self._realm), ("nonce", nonce), ("qop", self._qops)]
        if self._userhash:
            params.append(("userhash", "true"))
        if stale:
            params.append(("stale", "true"))
        return Auth("digest", (*params, ("algorithm", algorithm)))

    def _nonce(self, now: float) -> str:
        stamp = f"{int(now):x}.{self._tokens.opaque()[:16]}.{self._name}"
        return base64.urlsafe_b64encode(f"{stamp}.{self._sign(stamp)}".encode()).decode()

    def _sign(self, stamp: str) -> str:
        return hmac.new(self._key, stamp.encode(), hashlib.sha256).hexdigest()[:32]

    def _made(self, nonce: str) -> int | None:
        """When we made this nonce; None if we did not."""
        try:
            stamp, _, signature = base64.urlsafe_b64decode(nonce.encode()).decode().rpartition(".")
            made = int(stamp.partition(".")[0], 16)
        except (ValueError, binascii.Error):
            return None
        good = hmac.compare_digest(self._sign(stamp).encode(), signature.encode())
        return made if good else None

    def is_ours(self, auth: Auth) -> bool:
        """Whether credentials answer a challenge of ours, however old; cheap to find out."""
        return auth.get("realm") == self._realm and self.made(auth.get("nonce"))

    def made(self, nonce: str) -> bool:
        """Whether a nonce is one of ours, however old."""
        return self._made(nonce) is not None

    @staticmethod
    def _maker(nonce: str) -> str:
        """The process that made a nonce which has been checked."""
        return base64.urlsafe_b64decode(nonce.encode()).decode().split(".")[2]

    def pick(self, credentials: Iterable[Auth]) -> Auth | None:
        """The credentials for this realm among those of a request, or None (22.2)."""
        return next(
            (a for a in credentials if a.scheme == "digest" and a.get("realm") == self._realm), None
        )

    def verify(
        self,
        auth: Auth,
        ha1: Mapping[str, str],
        *,
        method: str,
        now: float,
        uri: str = "",
        body: bytes = b"",
    ) -> Verdict:
        """Check credentials against the stored H(A1) by algorithm.

        With the Request-URI in `uri` they have to be for it (RFC 7616 3.4.6);
        `body` is needed for ``auth-int``. For a user who does not exist hand in
        `no_such_user()`: the work, and so the time, is the same.
        """
        algorithm, qop = _algorithm(auth), auth.get("qop").lower()
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
            body_hash=hash_octets(algorithm, body),
        )
        right = hmac.compare_digest(
            expected.encode(), auth.get("response").lower().encode("utf-8", "replace")
        )
        made = self._made(auth.get("nonce"))
        if not right or made is None or qop not in {"auth", "auth-int"}:
            return Verdict.BAD
        if uri and not _same_resource(uri, auth.get("uri")):
            return Verdict.BAD
        fresh = now - made <= NONCE_LIFE and self._unused(auth, made)
        return Verdict.GOOD if fresh else Verdict.STALE

    def _unused(self, auth: Auth, made: int) -> bool:
        """Whether this ``nc`` of the nonce has not been seen; from now on it has."""
        nonce, digits = auth.get("nonce"), auth.get("nc")
        if not _NC.fullmatch(digits):
            return False
        if self._maker(nonce) != self._name:
            return False  # another process counts what it was used for
        last = self._counts.get(nonce)
        if last is None and made <= self._horizon:
            return False
        if int(digits, 16) <= (last or 0):
            return False
        self._counts[nonce] = int(digits, 16)
        self._counts.move_to_end(nonce)
        if len(self._counts) > MAX_NONCES:
            forgotten, _ = self._counts.popitem(last=False)
            self._horizon = max(self._horizon, self._made(forgotten) or 0)
        return True

    def no_such_user(self) -> dict[str, str]:
        """H(A1)s that nothing matches, of the right size."""
        return {name: self._tokens.opaque() for name in ALGORITHMS}


# nc-value = 8LHEX; some leave out leading zeros
_NC = re.compile(r"[0-9A-Fa-f]{1,8}")


def _same_resource(uri: str, claimed: str) -> bool:
    """Whether credentials are for this Request-URI; a proxy may have changed parameters."""
    if uri == claimed:
        return True
    try:
        one, other = parse_sip_uri(uri), parse_sip_uri(claimed)
    except BadMessage:
        return False
    return one.bare().matches(other.bare())


def ha1s(username: str, realm: str, password: str) -> dict[str, str]:
    """H(A1) of RFC 7616 3.4.2 for every algorithm we offer."""
    return {name: hash_text(name, f"{username}:{realm}:{password}") for name in ALGORITHMS}
