"""Requests in a dialog that came by another flow than what was heard before in it.

Who knows a dialog's identifiers is not its peer yet: the dialog package
(RFC 4235) tells them to moderators. By the flow that the peer was last heard by,
or that one of his phones is registered by, a request is taken as it is. From
elsewhere whoever has an account here proves that he is the peer (RFC 3261 22,
RFC 4579 6); somebody of another domain, who cannot, has at least to be at a host
that the dialog has to do with.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

from conferences.policy import Identity
from sipgateway.focus.authentication import Authentication
from sipgateway.focus.desk import Desk, uri_of
from sipgateway.sip.dialog import Dialog
from sipgateway.sip.events import RequestReceived
from sipgateway.sip.flow import Flow
from sipgateway.sip.uri import SipUri

Then = Callable[[RequestReceived, float], None]


def recognize(
    desk: Desk, authentication: Authentication, event: RequestReceived, then: Then, now: float
) -> None:
    """Call `then` if the `strange` request is the peer's; else it is answered 401, 403 or 500."""
    dialog = desk.endpoint.dialog(event.dialog) if event.dialog is not None else None
    if dialog is None:
        desk.endpoint.refuse(event.transaction, 481)
        return

    def recognized(at: float) -> None:
        if desk.endpoint.recognize(event.transaction):
            then(event, at)

    def proved(who: Identity, at: float) -> None:
        if who.uri == peer:
            recognized(at)
        else:
            desk.endpoint.refuse(event.transaction, 403, reason="Not Your Dialog")

    peer = dialog.proved or _called(desk, dialog)
    if _is_registered_by(desk, peer, event.flow, now) if peer else _is_of(dialog, event.flow):
        recognized(now)
    elif peer:
        authentication.of(event, proved, now)
    else:
        desk.endpoint.refuse(event.transaction, 403, reason="Not Your Dialog")


def _called(desk: Desk, dialog: Dialog) -> str:
    """Whom of ours we have called; "" where the peer has no account here."""
    uri = dialog.remote.uri
    ours = isinstance(uri, SipUri) and desk.domain.owns(uri) and uri.name
    return desk.domain.uri(uri_of(str(uri)).name.lower()).aor if ours else ""


def _is_registered_by(desk: Desk, aor: str, flow: Flow, now: float) -> bool:
    known = desk.whereabouts
    phones = known.phones(aor, now) if known is not None else []
    return any(phone.flow.id == flow.id and phone.flow.peer == flow.peer for phone in phones)


def _is_of(dialog: Dialog, flow: Flow) -> bool:
    """Whether the flow comes from where the peer is; of a name we cannot tell."""
    hosts = [dialog.flow.remote_host, uri_of(dialog.remote_target).host]
    hosts += [uri.host for route in dialog.route_set if isinstance(uri := route.uri, SipUri)]
    return any(host == flow.remote_host or not _is_number(host) for host in hosts)


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
