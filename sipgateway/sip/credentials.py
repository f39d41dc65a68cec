"""Digest authentication as a client (RFC 7616, RFC 8760): proving to others who we are."""

from __future__ import annotations

from dataclasses import dataclass, replace

from sipgateway.sip import digest, headers
from sipgateway.sip.errors import BadMessage
from sipgateway.sip.headers import Auth
from sipgateway.sip.message import Response
from sipgateway.sip.uri import SipUri, parse_sip_uri, unescape

#: Status → the challenge's field and the field that answers it (RFC 3261 22.2, 22.3).
_FIELDS = {
    401: ("www-authenticate", "Authorization"),
    407: ("proxy-authenticate", "Proxy-Authorization"),
}


@dataclass(frozen=True, slots=True)
class Trunk:
    """By what foreign URIs and telephone numbers leave; no `username` means no credentials.

    `caller` is the number, or the user name, that is ours there.
    """

    uri: SipUri
    username: str = ""
    password: str = ""
    caller: str = ""

    def __repr__(self) -> str:
        return f"<Trunk {self.uri}>"  # the password stays out of logs


def parse_trunk(text: str, caller: str = "") -> Trunk:
    """Parse ``sip:[user:password@]host[:port][;transport=tcp]``; `BadMessage` if it is not that."""
    uri = parse_sip_uri(text)
    bare = replace(uri, user=None, password=None, headers=())
    return Trunk(bare, uri.name, unescape(uri.password or ""), caller)


def authorize(
    response: Response, *, username: str, password: str, method: str, uri: str, cnonce: str
) -> tuple[str, str] | None:
    """Name and value of the field that answers a 401 or 407; None if nothing can.

    `uri` is the Request-URI of the request that is sent again. The first
    challenge that we can answer is taken, for the server has ordered them
    (RFC 8760 2.4). Called anew for every challenge, so ``nc`` is always 1:
    whoever keeps a nonce saves a round trip that nobody here waits for.
    """
    names = _FIELDS.get(response.status)
    if names is None:
        return None
    for text in response.all(names[0]):
        try:
            challenge = headers.parse_auth(text)
        except BadMessage:
            continue
        if (algorithm := _algorithm(challenge)) is not None:
            ha1 = digest.ha1s(username, challenge.get("realm"), password)[algorithm]
            proof = _proof(challenge, algorithm, ha1, method=method, uri=uri, cnonce=cnonce)
            answer = Auth("digest", (("username", username), *proof))
            return names[1], headers.build_auth(answer)
    return None


def is_stale(response: Response) -> bool:
    """Whether only the nonce was too old, so that one may try again with the same password."""
    names = _FIELDS.get(response.status)
    values = response.all(names[0]) if names else []
    return any("stale=true" in text.replace('"', "").replace(" ", "").lower() for text in values)


def _algorithm(challenge: Auth) -> str | None:
    """The algorithm to use; None where we know neither it nor the quality of protection."""
    algorithm = (challenge.get("algorithm") or "MD5").upper()
    offered = {one.strip().lower() for one in challenge.get("qop").split(",") if one.strip()}
    usable = bool(challenge.get("nonce")) and (not offered or "auth" in offered)
    known = challenge.scheme == "digest" and algorithm in digest.ALGORITHMS
    return algorithm if usable and known else None


def _proof(
    challenge: Auth, algorithm: str, ha1: str, *, method: str, uri: str, cnonce: str
) -> list[tuple[str, str]]:
    nonce, count = challenge.get("nonce"), "00000001"
    proof = [("realm", challenge.get("realm")), ("nonce", nonce), ("uri", uri)]
    if challenge.get("qop"):
        response = digest.response_of(
            algorithm, ha1, method=method, uri=uri, nonce=nonce, nc=count, cnonce=cnonce, qop="auth"
        )
        proof += [("qop", "auth"), ("nc", count), ("cnonce", cnonce)]
    else:  # RFC 2069, which RFC 3261 22.4 still wants
        ha2 = digest.hash_text(algorithm, f"{method}:{uri}")
        response = digest.hash_text(algorithm, f"{ha1}:{nonce}:{ha2}")
    proof.append(("response", response))
    if challenge.get("algorithm"):
        proof.append(("algorithm", algorithm))
    if challenge.get("opaque"):
        proof.append(("opaque", challenge.get("opaque")))
    return proof
