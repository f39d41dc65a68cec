"""Lists of URIs in a body (RFC 4826), for REFER (RFC 5368) and INVITE (RFC 5366).

What comes is a stranger's XML: no document type, no entities, nothing fetched,
and a size beyond which nobody reads. Of the format the flat list is taken, as
both RFCs say; entries by reference are left out.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from lxml import etree

from conferences.policy import NOBODY
from sipgateway.sip.errors import BadMessage
from sipgateway.sip.message import Request

MEDIA_TYPE = "application/resource-lists+xml"
NAMESPACE = "urn:ietf:params:xml:ns:resource-lists"
HISTORY = "recipient-list-history; handling=optional"
"""The disposition of what those who are called get of it (RFC 5366 5)."""
#: The schema of RFC 5364 spells it in lower case, the examples of RFC 5366 do not.
COPY_CONTROL = "urn:ietf:params:xml:ns:copycontrol"
_COPY_CONTROLS = (COPY_CONTROL, "urn:ietf:params:xml:ns:copyControl")
#: Who is named to the others; without a word about it, nobody is (RFC 5364 4).
_NAMED = ("to", "cc")
LONGEST_HISTORY = 8_192
"""Octets of a list that goes with every INVITE; a longer one is left out, as it may be."""
LONGEST = 65_536
"""Octets of a list."""
MOST = 200
"""Entries: more are no invitation to a meeting but a campaign."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One of a list: `copy` is "to", "cc" or "bcc" (RFC 5364)."""

    uri: str
    copy: str = "bcc"
    anonymous: bool = False


def recipients(request: Request) -> list[str]:
    """Whom an INVITE wants called besides (RFC 5366); `BadMessage` for a list that is none."""
    body = recipient_list(request)
    return parse(body) if body else []


def recipient_list(request: Request) -> bytes:
    """The list in the body of an INVITE; nothing where there is none."""
    for part in request.parts():
        if part.media_type.value == MEDIA_TYPE and part.disposition.value == "recipient-list":
            return part.body
    return b""


def parse(body: bytes) -> list[str]:
    """The URIs of a list, once each, in their order; `BadMessage` for anything else."""
    return [entry.uri for entry in entries(body)]


def history(body: bytes) -> str:
    """What those who are called by a list are told of it (RFC 5364 4); "" for nothing.

    Those who are to be hidden are counted, and blind copies left out.
    """
    known = entries(body)
    spaces = {None: NAMESPACE, "cp": COPY_CONTROL}
    root = etree.Element(f"{{{NAMESPACE}}}resource-lists", nsmap=spaces)  # type: ignore[arg-type]
    wanted = etree.SubElement(root, f"{{{NAMESPACE}}}list")
    hidden = Counter(entry.copy for entry in known if entry.anonymous)
    for copy in _NAMED:
        for entry in known:
            if entry.copy == copy and not entry.anonymous:
                _entry(wanted, entry.uri, copy)
        if hidden[copy]:
            _entry(wanted, NOBODY, copy).set(f"{{{COPY_CONTROL}}}count", str(hidden[copy]))
    if not len(wanted):
        return ""
    text = etree.tostring(root, encoding="unicode")
    return text if len(text.encode()) <= LONGEST_HISTORY else ""


def _entry(parent: etree._Element, uri: str, copy: str) -> etree._Element:
    attributes = {"uri": uri, f"{{{COPY_CONTROL}}}copyControl": copy}
    return etree.SubElement(parent, f"{{{NAMESPACE}}}entry", attributes)


def _read(element: etree._Element) -> Entry:
    def said(name: str) -> str:
        found = (element.get(f"{{{space}}}{name}") for space in _COPY_CONTROLS)
        return next((value for value in found if value), "")

    copy = said("copyControl").lower()
    hidden = said("anonymize").lower() in {"true", "1"}
    return Entry(element.get("uri", ""), copy if copy in _NAMED else "bcc", hidden)


def entries(body: bytes) -> list[Entry]:
    """The entries of a list, once each, in their order; `BadMessage` for anything else."""
    if len(body) > LONGEST:
        raise BadMessage("The list of URIs is too long")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, dtd_validation=False
    )
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise BadMessage("The list of URIs cannot be read") from None
    if root.getroottree().docinfo.internalDTD is not None:
        raise BadMessage("A list of URIs has no document type")
    if root.tag != f"{{{NAMESPACE}}}resource-lists":
        raise BadMessage("That is no list of URIs")
    found: dict[str, Entry] = {}
    for element in root.iter(f"{{{NAMESPACE}}}entry"):
        entry = _read(element)
        found.setdefault(entry.uri, entry)
    if not found or "" in found:
        raise BadMessage("The list of URIs has an entry without one" if found else "An empty list")
    if len(found) > MOST:
        raise BadMessage(f"More than {MOST} URIs")
    return list(found.values())
