"""What stands of a negotiation, as text: another process goes on with the session by it.

It is what is repeated when another mixer takes a leg (RFC 3264 8): origin, streams,
protocol, payload types, extensions. Keys and credentials are left out; whoever goes on has
keys of its own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from sipgateway.media.engine import LegKind
from sipgateway.sip import sdp
from sipgateway.sip.sdp import Attribute, Media

SECRETS = frozenset({"ice-ufrag", "ice-pwd"})
NOTHING = "-"
"""In the place of a secret."""

NOWHERE = "0.0.0.0"  # noqa: S104 - an origin needs an address; the real one is written anew


@dataclass(frozen=True, slots=True)
class Agreed:
    """See the module. `index` is that of the stream that was taken among `media`."""

    kind: LegKind
    source: int
    session: int
    version: int
    index: int
    media: tuple[Media, ...]

    def __str__(self) -> str:
        """As JSON."""
        written = sdp.Description(
            origin=sdp.Origin("-", self.session, self.version, NOWHERE),
            media=tuple(_open(one) for one in self.media),
        )
        return json.dumps(
            {
                "kind": self.kind.value,
                "source": self.source,
                "index": self.index,
                "sdp": sdp.build(written),
            }
        )


def read(text: str) -> Agreed | None:
    """What `str` has made of it; None for an empty text, and for that of another version."""
    try:
        what = json.loads(text)
        description = sdp.parse(what["sdp"])
        found = Agreed(
            LegKind(what["kind"]),
            int(what["source"]),
            description.origin.session,
            description.origin.version,
            int(what["index"]),
            description.media,
        )
    except (ValueError, KeyError, TypeError):  # `sdp.SdpError` is one
        return None
    return found if 0 <= found.index < len(found.media) else None


def text_of(kind: LegKind) -> str:
    """The text where an engine keeps nothing else."""
    return json.dumps({"kind": kind.value})


def kind_of(text: str) -> LegKind | None:
    """What kind of leg it is, where that is known."""
    try:
        return LegKind(json.loads(text)["kind"])
    except (ValueError, KeyError, TypeError):
        return None


def _open(media: Media) -> Media:
    """A block without secrets."""
    return replace(media, attributes=tuple(_told(one) for one in media.attributes))


def _told(one: Attribute) -> Attribute:
    if one.name in SECRETS:
        return Attribute(one.name, NOTHING)
    crypto = sdp.parse_crypto(one.value or "") if one.name == "crypto" else None
    if crypto is None:
        return one
    return Attribute("crypto", sdp.build_crypto(replace(crypto, key="=", parameters="")))
