"""Bodies of several parts (RFC 2046 5.1, RFC 5621)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sipgateway.sip import headers
from sipgateway.sip.errors import BadMessage
from sipgateway.sip.headers import Tokened

MAX_PARTS = 20
"""A description, a location, a signature and the like; more is an attack."""
_PLAIN = Tokened("text/plain")
_RENDER = Tokened("render")


@dataclass(frozen=True, slots=True)
class Part:
    """One part: its type, what it is for, its octets."""

    media_type: Tokened
    disposition: Tokened
    body: bytes
    #: What a ``cid:`` URL calls it (RFC 2392), without the angles.
    content_id: str = ""

    @classmethod
    def of(cls, text: str, media_type: str, disposition: str = "") -> Part:
        """A part of ours."""
        return cls(
            headers.parse_tokened(media_type),
            headers.parse_tokened(disposition) if disposition else _RENDER,
            text.encode(),
        )

    @property
    def required(self) -> bool:
        """Whether its sender says that it must be understood (RFC 5621 8)."""
        return self._handling == "required"

    @property
    def optional(self) -> bool:
        """Whether its sender says that it may be ignored (RFC 3261 20.11)."""
        return self._handling == "optional"

    @property
    def _handling(self) -> str:
        return (self.disposition.param("handling") or "").lower()


def parts(body: bytes, media_type: Tokened) -> list[Part]:
    """The parts of a body whose type is ``multipart/…``; `BadMessage` if it has no boundary."""
    boundary = media_type.param("boundary")
    if not boundary or len(boundary) > 70:
        raise BadMessage("Content-Type header: no boundary")
    return [_part(block) for block in _blocks(body, boundary.encode("utf-8", "replace"))]


def build(known: Iterable[Part], boundary: str) -> tuple[str, str]:
    """A body of these, each of text, and its media type; `boundary` stands in none of them."""
    lines: list[str] = []
    for part in known:
        lines += [f"--{boundary}", f"Content-Type: {headers.build_tokened(part.media_type)}"]
        if part.disposition != _RENDER:
            lines.append(f"Content-Disposition: {headers.build_tokened(part.disposition)}")
        lines += ["", part.body.decode()]
    text = "\r\n".join([*lines, f"--{boundary}--", ""])
    return text, f'multipart/mixed;boundary="{boundary}"'


def _blocks(body: bytes, boundary: bytes) -> Iterator[bytes]:
    """What stands between the delimiter lines; preamble and epilogue are nobody's."""
    delimiter = b"\r\n--" + boundary
    _, *blocks = (b"\r\n" + body).split(delimiter, MAX_PARTS + 1)
    for block in blocks[:MAX_PARTS]:
        if block.startswith(b"--"):
            return
        yield block.lstrip(b" \t").removeprefix(b"\r\n")


def _part(block: bytes) -> Part:
    head, gap, body = (b"\r\n" + block).partition(b"\r\n\r\n")
    fields: dict[str, str] = {}
    for line in head.decode("utf-8", "replace").split("\r\n"):
        name, _, value = line.partition(":")
        fields.setdefault(name.strip().lower(), value)
    return Part(
        _read(fields.get("content-type"), _PLAIN),
        _read(fields.get("content-disposition"), _RENDER),
        body if gap else b"",
        bare_id(fields.get("content-id")),
    )


def bare_id(content_id: str | None) -> str:
    """A Content-ID (RFC 2045 7) without its angles."""
    return (content_id or "").strip().removeprefix("<").removesuffix(">")


def _read(text: str | None, default: Tokened) -> Tokened:
    return headers.parse_tokened(text) if text else default
