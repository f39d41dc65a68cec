"""Bodies of WebDAV (RFC 4918 14) and CalDAV (RFC 4791): read with care, and written.

Nothing outside of a body is ever fetched, and a body that declares a document
type is refused, so there are no entities to be expanded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpResponse
from lxml import etree

DAV = "DAV:"
CAL = "urn:ietf:params:xml:ns:caldav"
#: Of the calendar server of old, whose ``getctag`` many programs ask for.
CS = "http://calendarserver.org/ns/"
#: Preconditions that no standard has.
OWN = "urn:parley:caldav"
PREFIXES = {"D": DAV, "C": CAL, "CS": CS, "P": OWN}

#: Octets of a body that asks for something.
LONGEST = 1_000_000


class BadBody(ValueError):
    """The body of a request cannot be read."""


def dav(name: str) -> str:
    """A name of RFC 4918 and its family."""
    return f"{{{DAV}}}{name}"


def cal(name: str) -> str:
    """A name of RFC 4791."""
    return f"{{{CAL}}}{name}"


def parse(octets: bytes) -> etree._Element | None:
    """The root of a body; None where there is no body. Raises `BadBody`."""
    if not octets.strip():
        return None
    if len(octets) > LONGEST:
        raise BadBody("The body is too long.")
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )
    try:
        root = etree.fromstring(octets, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise BadBody(f"The body is no XML: {error}") from error
    docinfo: Any = root.getroottree().docinfo
    if docinfo.doctype:
        raise BadBody("The body declares a document type.")
    return root


def children(element: etree._Element) -> list[etree._Element]:
    """The elements inside, without comments."""
    return [one for one in element if isinstance(one.tag, str)]


def element(
    tag: str, /, *inside: etree._Element, text: str = "", **attributes: str
) -> etree._Element:
    """An element with others inside, or with text."""
    made = etree.Element(tag, attributes, nsmap=PREFIXES)
    made.extend(inside)
    if text:
        made.text = _NOT_WRITTEN.sub("\N{REPLACEMENT CHARACTER}", text)
    return made


#: Characters that XML has no way to write (XML 1.0 2.2).
_NOT_WRITTEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def href(address: str) -> etree._Element:
    """A ``DAV:href``."""
    return element(dav("href"), text=address)


@dataclass(slots=True)
class Found:
    """What is told of one resource: properties that it has, and those that it has not."""

    href: str
    has: Mapping[str, etree._Element] = field(default_factory=dict)
    lacks: Iterable[str] = ()
    #: Where it is not there at all, or may not be changed.
    status: int = 0
    #: Why, in Clark's notation.
    precondition: str = ""


_PHRASES = {200: "OK", 403: "Forbidden", 404: "Not Found", 507: "Insufficient Storage"}


def multistatus(found: Iterable[Found], *, token: str = "") -> HttpResponse:
    """207, with a response for each (RFC 4918 13), and what to ask with next (RFC 6578 6.4)."""
    root = element(dav("multistatus"), *(_response(one) for one in found))
    if token:
        root.append(element(dav("sync-token"), text=token))
    return document(root, 207)


def _response(found: Found) -> etree._Element:
    made = element(dav("response"), href(found.href))
    if found.status:
        made.append(_status(found.status))
        if found.precondition:
            made.append(element(dav("error"), element(found.precondition)))
        return made
    if found.has or not found.lacks:
        made.append(_propstat(found.has.values(), 200))
    if lacks := [element(name) for name in found.lacks]:
        made.append(_propstat(lacks, 404))
    return made


def refused(address: str, names: Iterable[str]) -> HttpResponse:
    """207 in which none of the properties was changed (RFC 4918 9.2)."""
    propstat = _propstat([element(name) for name in names], 403)
    return document(element(dav("multistatus"), _answer(address, propstat)), 207)


def _answer(address: str, propstat: etree._Element) -> etree._Element:
    return element(dav("response"), href(address), propstat)


def _propstat(properties: Iterable[etree._Element], status: int) -> etree._Element:
    prop = element(dav("prop"), *properties)
    return element(dav("propstat"), prop, _status(status))


def _status(status: int) -> etree._Element:
    return element(dav("status"), text=f"HTTP/1.1 {status} {_PHRASES[status]}")


def error(status: int, precondition: str, text: str = "", *, about: str = "") -> HttpResponse:
    """A precondition that is not met (RFC 4918 16), in Clark's notation, and why."""
    condition = element(precondition, *([href(about)] if about else []))
    root = element(dav("error"), condition)
    if text:
        root.append(element(dav("responsedescription"), text=text))
    return document(root, status)


def document(root: etree._Element, status: int) -> HttpResponse:
    """The answer that holds it."""
    octets = etree.tostring(root, xml_declaration=True, encoding="utf-8")
    return HttpResponse(octets, status=status, content_type="application/xml; charset=utf-8")
