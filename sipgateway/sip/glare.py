"""Which requests may not overlap in a dialog (RFC 3261 14, RFC 3311 5.2)."""

from __future__ import annotations

from collections.abc import Iterable

from sipgateway.sip import headers
from sipgateway.sip.dialog import Dialog
from sipgateway.sip.message import Request
from sipgateway.sip.sanity import Objection
from sipgateway.sip.transaction import Kind, State, Transaction

#: Requests that may make an offer within a dialog.
_OFFERING = frozenset({"INVITE", "UPDATE"})
_UNDECIDED = frozenset({State.CALLING, State.TRYING, State.PROCEEDING})
_OURS = frozenset({Kind.INVITE_CLIENT, Kind.CLIENT})


def objection(request: Request, dialog: Dialog, others: Iterable[Transaction]) -> Objection | None:
    """What a request gets that comes while `others` of the same call are open; None: it may."""
    if request.method not in _OFFERING:
        return None
    for other in others:
        open_ = other.request.method in _OFFERING and other.state in _UNDECIDED
        if open_ and _belongs(other, dialog) and (found := _clash(request, other)):
            return found
    return None


def _clash(request: Request, other: Transaction) -> Objection | None:
    offers = _offers(request)
    if other.kind in _OURS:
        return Objection(491) if offers and _offers(other.request) else None
    if offers or request.method == other.request.method:
        reason = f"{other.request.method} in progress"
        return Objection(500, reason, (("Retry-After", "1"),))
    return None


def _offers(request: Request) -> bool:
    """Whether an offer is open while the request is (an INVITE without one gets one)."""
    return request.method == "INVITE" or bool(request.body)


def _belongs(transaction: Transaction, dialog: Dialog) -> bool:
    """Whether a transaction of the same call runs in that dialog."""
    request = transaction.request
    theirs = request.must(headers.TO if transaction.kind in _OURS else headers.FROM).tag
    return theirs in {dialog.remote.tag, ""}
