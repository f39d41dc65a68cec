"""Lists of URIs in a body (RFC 4826), for REFER (RFC 5368) and INVITE (RFC 5366).

What comes is a stranger's XML: no document type, no entities, nothing fetched,
and a size beyond which nobody reads. Of the format the flat list is taken, as
both RFCs say; entries by reference are left out.
"""

from __future__ import annotations

from lxml import etree

from sipgateway.sip.errors import BadMessage
from sipgateway.sip.message import Request

MEDIA_TYPE = "application/resource-lists+xml"
NAMESPACE = "urn:ietf:params:xml:ns:resource-lists"
LONGEST = 65_536
"""Octets of a list."""
MOST = 200
"""Entries: more are no invitation to a meeting but a campaign."""


def recipients(request: Request) -> list[str]:
    """Whom an INVITE wants called besides (RFC 5366); `BadMessage` for a list that is none."""
    for part in request.parts():
        if part.media_type.value == MEDIA_TYPE and part.disposition.value == "recipient-list":
            return parse(part.body)
    return []


def parse(body: bytes) -> list[str]:
    """The URIs of a list, once each, in their order; `BadMessage` for anything else."""
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
    uris = list(dict.fromkeys(e.get("uri", "") for e in root.iter(f"{{{NAMESPACE}}}entry")))
    if not uris or not all(uris):
        raise BadMessage("The list of URIs has an entry without one" if uris else "An empty list")
    if len(uris) > MOST:
        raise BadMessage(f"More than {MOST} URIs")
    return uris
