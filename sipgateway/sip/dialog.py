"""Dialogs (RFC 3261 section 12): who talks to whom, and how the next request gets there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sipgateway.sip import headers
from sipgateway.sip.events import DialogId
from sipgateway.sip.flow import Flow, Transport
from sipgateway.sip.headers import CSeq, NameAddr
from sipgateway.sip.message import Request, Response
from sipgateway.sip.uri import SipUri, parse_uri

#: Call-ID, local tag, remote tag (RFC 3261 12).
DialogKey = tuple[str, str, str]
#: Methods whose request may change the remote target (12.2, RFC 3311, RFC 6665).
TARGET_REFRESH = frozenset({"INVITE", "UPDATE", "SUBSCRIBE", "NOTIFY", "REFER"})
FORMING = frozenset({"INVITE", "SUBSCRIBE", "REFER"})


@dataclass(slots=True)
class Acknowledgement:
    """The ACK to a 2xx of the peer's, kept for when that 2xx comes again (13.2.2.4)."""

    cseq: int
    octets: bytes = b""
    credentials: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class Dialog:
    """One dialog. `local` and `remote` carry their tags; `contact` is what we send as Contact."""

    id: DialogId
    call_id: str
    local: NameAddr
    remote: NameAddr
    contact: NameAddr
    remote_target: str
    route_set: tuple[NameAddr, ...]
    local_seq: int
    remote_seq: int | None
    flow: Flow
    early: bool = True
    #: Of the last 2xx to an INVITE of ours; without octets until it is sent.
    ack: Acknowledgement | None = None
    #: The address that the peer has proved to be his, if he was asked.
    proved: str = ""
    #: CSeq and RSeq of the peer's last reliable provisional response (RFC 3262 4).
    heard_reliably: tuple[int, int] = (0, 0)

    @property
    def key(self) -> DialogKey:
        """See `DialogKey`."""
        return (self.call_id, self.local.tag, self.remote.tag)

    def next_request(self, method: str, *, branch: str) -> Request:
        """The next request in this dialog (12.2.1.1), without body."""
        if method not in {"ACK", "CANCEL"}:
            self.local_seq += 1
        target, routes = self.remote_target, list(self.route_set)
        if routes and not _loose(routes[0]):
            routes.append(NameAddr(parse_uri(target)))
            target = _as_target(routes.pop(0))
        request = Request(method, target, [])
        request.add(headers.VIA, via_of(self.flow, branch))
        for route in routes:
            request.add(headers.ROUTE, route)
        request.add(headers.MAX_FORWARDS, 70)
        request.add(headers.FROM, self.local)
        request.add(headers.TO, self.remote)
        request.add(headers.CALL_ID, self.call_id)
        request.add(headers.CSEQ, CSeq(self.local_seq, method))
        return request

    def came_by(self, flow: Flow) -> bool:
        """Whether that is the flow by which the peer was last heard."""
        before = self.flow
        same = before.transport is Transport.UDP or (before.id, before.via) == (flow.id, flow.via)
        return same and before.peer == flow.peer

    def in_order(self, request: Request) -> bool:
        """Whether a request of the peer's comes behind all that he sent before (12.2.2)."""
        return self.remote_seq is None or request.must(headers.CSEQ).number >= self.remote_seq

    def heard(self, request: Request, flow: Flow) -> None:
        """Take a request of the peer's: learn its number, and where he is now."""
        self.remote_seq = request.must(headers.CSEQ).number
        self.flow = flow
        if request.method in TARGET_REFRESH:
            self.retarget(request)

    def retarget(self, message: Request | Response) -> None:
        """Follow the Contact of a target refresh."""
        contact = message.one(headers.CONTACT)
        if contact is not None:
            self.remote_target = str(contact.uri)

    def confirm(self, response: Response) -> None:
        """A 2xx to our INVITE: the dialog is no longer early, its routes are final (13.2.2.4)."""
        if self.early:
            self.route_set = tuple(reversed(response.every(headers.RECORD_ROUTE)))
        self.early = False
        self.retarget(response)


def _loose(route: NameAddr) -> bool:
    return isinstance(route.uri, SipUri) and route.uri.param("lr") is not None


def _as_target(route: NameAddr) -> str:
    """A strict router's URI without what has no place in a Request-URI (12.2.1.1)."""
    uri = route.uri
    return str(replace(uri, headers=()) if isinstance(uri, SipUri) else uri)


def via_of(flow: Flow, branch: str) -> headers.Via:
    """Our Via on a flow; `rport` so that the answer comes back the same way."""
    host = f"[{flow.local_host}]" if ":" in flow.local_host else flow.local_host
    params: headers.Params = (("rport", None), ("branch", branch))
    if flow.web:
        params = (("branch", branch),)
    return headers.Via(flow.transport, host, flow.local_port, params)


def contact_on(contact: NameAddr, flow: Flow) -> NameAddr:
    """Our Contact as the phone on that flow reaches it: by the transport it has chosen.

    Without a transport parameter its next request would come by UDP (RFC 3263
    4.1), in clear where it had taken TLS.
    """
    uri = contact.uri
    if flow.transport not in {Transport.TCP, Transport.TLS} or not isinstance(uri, SipUri):
        return contact
    if uri.scheme == "sips" and flow.secure:  # TLS goes without saying
        return replace(contact, uri=replace(uri, port=flow.local_port))
    others = tuple(pair for pair in uri.params if pair[0].lower() != "transport")
    port = flow.local_port if flow.secure else uri.port
    params = (*others, ("transport", flow.transport.lower()))
    return replace(contact, uri=replace(uri, port=port, params=params))


def wants_sips(request: Request) -> bool:
    """Whether the Contact of a response has to be a ``sips:`` URI (12.1.1)."""
    if request.uri.lower().startswith("sips:"):
        return True
    routes = request.every(headers.RECORD_ROUTE)
    first = routes[0] if routes else request.one(headers.CONTACT)
    return first is not None and first.uri.scheme == "sips"


def secured(contact: NameAddr) -> NameAddr:
    """The same with ``sips:`` for ``sip:``."""
    uri = contact.uri
    return replace(contact, uri=replace(uri, scheme="sips")) if isinstance(uri, SipUri) else contact


def tagged(address: NameAddr, tag: str) -> NameAddr:
    """The address with that tag in place of any other."""
    others = tuple((name, value) for name, value in address.params if name.lower() != "tag")
    return replace(address, params=(*others, ("tag", tag)))


def as_server(
    dialog: DialogId, request: Request, *, tag: str, contact: NameAddr, flow: Flow
) -> Dialog:
    """The dialog that our response with `tag` and `contact` makes (12.1.1)."""
    return Dialog(
        id=dialog,
        call_id=request.must(headers.CALL_ID),
        local=tagged(request.must(headers.TO), tag),
        remote=request.must(headers.FROM),
        contact=contact,
        remote_target=str(request.must(headers.CONTACT).uri),
        route_set=tuple(request.every(headers.RECORD_ROUTE)),
        local_seq=0,
        remote_seq=request.must(headers.CSEQ).number,
        flow=flow,
    )


def as_client(dialog: DialogId, request: Request, response: Response, flow: Flow) -> Dialog:
    """The dialog that a response to our request makes (12.1.2)."""
    routes: Sequence[NameAddr] = response.every(headers.RECORD_ROUTE)
    contact = response.one(headers.CONTACT)
    return Dialog(
        id=dialog,
        call_id=request.must(headers.CALL_ID),
        local=request.must(headers.FROM),
        remote=response.must(headers.TO),
        contact=request.must(headers.CONTACT),
        remote_target=str(contact.uri) if contact else request.uri,
        route_set=tuple(reversed(routes)),
        local_seq=request.must(headers.CSEQ).number,
        remote_seq=None,
        flow=flow,
    )
