"""What can happen in the SIP core, in the past tense."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NewType

from sipgateway.sip.flow import Flow, FlowId
from sipgateway.sip.message import Request, Response

#: Names a transaction of ours, client or server, for as long as the process lives.
TransactionId = NewType("TransactionId", int)
#: Names a dialog likewise.
DialogId = NewType("DialogId", int)


@dataclass(frozen=True, slots=True)
class RequestReceived:
    """A new request other than ACK and CANCEL has passed the checks; answer it."""

    transaction: TransactionId
    request: Request
    flow: Flow
    #: The dialog it belongs to; None outside dialogs.
    dialog: DialogId | None
    #: Who sent it, where another process of this system has asked already.
    vouched: object = None
    #: It came by another flow than what was heard before in its dialog; nothing was
    #: learnt of it until it is recognized.
    strange: bool = False


@dataclass(frozen=True, slots=True)
class AckReceived:
    """The ACK to a 2xx of ours; its body may hold the answer to our offer."""

    dialog: DialogId
    request: Request


@dataclass(frozen=True, slots=True)
class AckMissing:
    """A 2xx of ours was never acknowledged (RFC 3261 13.3.1.4): send a BYE."""

    dialog: DialogId


@dataclass(frozen=True, slots=True)
class CancelReceived:
    """An INVITE has been cancelled; the CANCEL is answered, the INVITE is not yet."""

    transaction: TransactionId
    request: Request


@dataclass(frozen=True, slots=True)
class ResponseReceived:
    """A response to a request of ours. Time-outs come as 408, dead flows as 503.

    `dialog` is the dialog that the response belongs to or has just made.
    """

    transaction: TransactionId
    request: Request
    response: Response
    dialog: DialogId | None
    #: Made here rather than received (RFC 3261 8.1.3.1).
    local: bool = False


@dataclass(frozen=True, slots=True)
class FlowClosed:
    """A connection is gone. Dialogs on it may come back on another."""

    flow: FlowId


@dataclass(frozen=True, slots=True)
class Strayed:
    """A message that is for another process of this system (`siblings`)."""

    to: str
    call_id: str
    octets: bytes
    flow: Flow


SipEvent = (
    RequestReceived
    | AckReceived
    | AckMissing
    | CancelReceived
    | ResponseReceived
    | FlowClosed
    | Strayed
)
