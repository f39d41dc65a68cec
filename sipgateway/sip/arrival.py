"""What is done to a request before anybody looks into it, and what it is known by."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from sipgateway.sip import headers
from sipgateway.sip.errors import BadMessage
from sipgateway.sip.flow import Flow, Transport
from sipgateway.sip.headers import Via
from sipgateway.sip.message import Request
from sipgateway.sip.tokens import MAGIC_COOKIE

Key = tuple[str, ...]


def note_source(request: Request, flow: Flow) -> None:
    """Fill in received and rport (18.2.1, RFC 3581); a browser needs neither."""
    if flow.web:
        return
    try:
        via = request.must(headers.VIA)
    except BadMessage:
        return
    params: list[tuple[str, str | None]] = []
    asked = False
    for name, value in via.params:
        lower = name.lower()
        if lower == "rport":
            asked = True
            params.append((name, str(flow.remote_port)))
        elif lower != "received":
            params.append((name, value))
    if asked or via.host.strip("[]").lower() != flow.remote_host.lower():
        params.append(("received", flow.remote_host))
    if tuple(params) != via.params:
        request.pop("via")
        top = Via(via.transport, via.host, via.port, tuple(params), via.version)
        request.push("Via", headers.build_via(top))


def way_back(request: Request, flow: Flow) -> Flow:
    """Where the sender wants to be answered (18.2.2), and reached from now on.

    Over UDP without rport that is the port of his Via: old desk phones listen
    at 5060 and send from another. A Via that names another host than the
    datagram came from is behind a NAT, where its port means nothing.
    """
    if flow.transport is not Transport.UDP:
        return flow
    try:
        via = request.must(headers.VIA)
    except BadMessage:
        return flow
    if any(name.lower() == "rport" for name, _ in via.params):
        return flow
    port = via.port or 5060
    here = via.host.strip("[]").lower() == flow.remote_host.lower()
    return replace(flow, remote_port=port) if here and port != flow.remote_port else flow


def meant_by_rfc_2543(request: Request) -> None:
    """An INVITE of before the magic cookie needs no Contact: what it means is its From."""
    if request.method != "INVITE" or request.get("contact") is not None:
        return
    try:
        old = not request.must(headers.VIA).branch.startswith(MAGIC_COOKIE)
        if old:
            request.append("Contact", f"<{request.must(headers.FROM).uri}>")
    except BadMessage:
        return


def server_key(request: Request) -> Key:
    """RFC 3261 17.2.3; without a branch behind the magic cookie by the rules of RFC 2543."""
    try:
        via = request.must(headers.VIA)
    except BadMessage:
        return ("", "", request.method)
    method = "INVITE" if request.method == "ACK" else request.method
    if via.branch.startswith(MAGIC_COOKIE) and len(via.branch) > len(MAGIC_COOKIE):
        return (via.branch, via.sent_by, method)
    cseq = (request.get("cseq") or "").split()
    old = "|".join(
        (request.uri, request.get("from") or "", request.get("call-id") or "", *cseq[:1])
    )
    return (old, headers.build_via(via), method)


def loop_mark(uri: str) -> str:
    """What ends the branch of a request that came for `uri` and goes on (RFC 5393 4.2.2).

    Where a request goes is told by its Request-URI alone here; and every process
    of one system marks alike, so that a loop may lead through several.
    """
    octets = uri.casefold().encode("utf-8", "surrogateescape")
    return "." + hashlib.blake2s(octets, digest_size=8).hexdigest()


def loops(request: Request) -> bool:
    """Whether a request has gone on from here before with the same Request-URI."""
    mark = loop_mark(request.uri)
    return any(via.branch.endswith(mark) for via in request.every(headers.VIA))


def merge_key(request: Request) -> Key:
    """RFC 3261 8.2.2.2."""
    cseq = request.must(headers.CSEQ)
    tag = request.must(headers.FROM).tag
    return (tag, request.must(headers.CALL_ID), str(cseq.number), cseq.method)
