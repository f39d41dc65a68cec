"""What a browser is told of STUN and TURN servers.

A TURN server that shares a secret with Parley (coturn's `static-auth-secret`)
takes credentials that say themselves until when they are good: the user name
begins with that moment, and the password is the name's keyed digest
(draft-uberti-behave-turn-rest-00).
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

# RFC 7064 3.1 and RFC 7065 3.1; what stands before "@" are credentials that never change.
_URI = re.compile(
    r"(?P<scheme>stuns?|turns?):(?:(?P<user>[^:@/?]+):(?P<password>[^@/?]+)@)?"
    r"(?P<place>(?:[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?(?:\?transport=(?:udp|tcp))?)"
)


@dataclass(frozen=True, slots=True)
class IceServer:
    """One server, in the words of ``RTCIceServer`` (WebRTC 4.2.4)."""

    urls: str
    username: str = ""
    credential: str = ""


def parse(text: str) -> tuple[IceServer, ...]:
    """Read URIs of servers with commas between; raises `ValueError` without any password in it.

    They are ``stun:HOST[:PORT]`` and ``turn[s]:[USER:PASSWORD@]HOST[:PORT][?transport=tcp]``.
    """
    return tuple(_one(part.strip()) for part in text.split(",") if part.strip())


def _one(text: str) -> IceServer:
    found = _URI.fullmatch(text)
    if found is None:
        raise ValueError("want stun:host:port or turn:host:port, with commas between")
    return IceServer(
        f"{found['scheme']}:{found['place']}", found["user"] or "", found["password"] or ""
    )


def for_browser(
    servers: Sequence[IceServer], *, secret: str, name: str, until: float
) -> Iterable[dict[str, str]]:
    """`servers` as a page hands them to the browser; `until` is in POSIX seconds."""
    username = f"{int(until)}:{name}"
    digest = hmac.new(secret.encode(), username.encode(), "sha1").digest()
    limited = IceServer("", username, base64.b64encode(digest).decode())
    for server in servers:
        told = {"urls": server.urls}
        if server.urls.startswith("turn"):
            known = limited if secret and not server.username else server
            told |= {"username": known.username, "credential": known.credential}
        yield told
