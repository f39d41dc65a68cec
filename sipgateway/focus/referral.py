"""REFER: what it asks for, and telling how it goes (RFC 3515, RFC 4579 5.5-5.11)."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass, field, replace

from sipgateway.focus.desk import Desk, DialogOwner
from sipgateway.sip import headers, message
from sipgateway.sip.endpoint import Body
from sipgateway.sip.errors import BadMessage
from sipgateway.sip.events import DialogId, ResponseReceived
from sipgateway.sip.headers import Tokened
from sipgateway.sip.message import Request
from sipgateway.sip.subscription import Subscription
from sipgateway.sip.uri import SipUri, Uri

SIPFRAG = "message/sipfrag;version=2.0"
LIFE = 180.0
"""Seconds that an implicit subscription lives at most; Timer C rings no longer."""

# draft-00 4.10 writes <sip:carol@chicago.example.com&method=BYE>; others write
# ?method=BYE or put the parameter behind the angles. RFC 4579 writes ;method=BYE.
_MISPLACED = re.compile(r"[&?]method=([A-Za-z]+)(?=[>&;\s]|$)", re.IGNORECASE)

_METHOD = re.compile(r";method=([A-Za-z]+)", re.IGNORECASE)


class Wish(enum.Enum):
    """What the focus is asked to do with the target."""

    ADD = "add"
    REMOVE = "remove"
    REFER = "refer"  # have him call in (RFC 4579 5.7)
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A Refer-To, understood."""

    wish: Wish
    target: Uri
    #: The Refer-To that the target is to get (5.7).
    nested: str = ""


_WISHES = {"invite": Wish.ADD, "": Wish.ADD, "bye": Wish.REMOVE, "refer": Wish.REFER}


def parse(request: Request) -> Wanted:
    """What a REFER asks for; `BadMessage` where Refer-To is missing, doubled or broken."""
    values = request.all("refer-to")
    if len(values) != 1:
        raise BadMessage("Missing Refer-To header" if not values else "Multiple Refer-To headers")
    try:
        address = headers.parse_name_addr(_MISPLACED.sub(r";method=\1", values[0]))
    except BadMessage as error:
        raise BadMessage(f"Refer-To header: {error.reason}") from None
    uri, inner, nested = address.uri, None, ""
    if isinstance(uri, SipUri):
        inner, nested = uri.param("method"), uri.header("refer-to") or ""
        kept = tuple(pair for pair in uri.params if pair[0].lower() != "method")
        uri = replace(uri.bare(), params=kept)
    elif (found := _METHOD.search(uri.rest)) is not None:
        inner, uri = found[1], replace(uri, rest=_METHOD.sub("", uri.rest))
    method = inner or address.param("method") or ""
    return Wanted(_WISHES.get(method.lower(), Wish.OTHER), uri, nested)


@dataclass(slots=True)
class Referral:
    """The implicit subscription of one REFER; `subscription` is None after Refer-Sub: false."""

    desk: Desk
    owner: DialogOwner
    subscription: Subscription | None
    #: What is still to be told, each a status with its reason phrase; the last one ends it.
    waiting: list[tuple[int, str]] = field(default_factory=list)

    @property
    def dialog(self) -> DialogId | None:
        """The dialog in which progress is told."""
        return self.subscription.dialog if self.subscription else None

    @property
    def over(self) -> bool:
        """Whether there is nothing left to tell, or nobody to tell it to."""
        return self.subscription is None or self.subscription.over

    def tell(self, status: int, now: float, reason: str = "") -> None:
        """Tell progress as a sipfrag; a final status ends the subscription."""
        self.waiting.append((status, reason or message.REASONS.get(status, "")))
        self._next(now)

    def expire(self, now: float) -> None:
        """What has not come to an end by now is not told any more."""
        sub = self.subscription
        if sub is not None and not sub.over:
            sub.terminate(self.desk.endpoint, now, reason="timeout", body=None)
            self.owner.usage_ended(sub.dialog)

    def _next(self, now: float) -> None:
        sub = self.subscription
        if sub is None or not sub.idle or not self.waiting:
            return
        status, reason = self.waiting.pop(0)
        body = Body(f"SIP/2.0 {status} {reason}\r\n", SIPFRAG)
        if status >= 200:
            sub.terminate(self.desk.endpoint, now, reason="noresource", body=body)
            self.owner.usage_ended(sub.dialog)
            return
        sent = sub.notify(self.desk.endpoint, now, body)
        self.desk.replies[sent] = self._told

    def _told(self, reply: ResponseReceived, now: float) -> None:
        if self.subscription is None:
            return
        self.subscription.in_flight = None
        if reply.response.status >= 300:
            self.subscription.over = True
            self.owner.usage_ended(self.subscription.dialog)
            return
        self._next(now)


def event_of(request: Request) -> Tokened:
    """The Event of the implicit subscription: its id is the REFER's CSeq (RFC 3515 2.4.6)."""
    return Tokened("refer", (("id", str(request.must(headers.CSEQ).number)),))


def unsubscribed(request: Request) -> bool:
    """Whether the sender wants no implicit subscription (RFC 4488)."""
    value = request.one(headers.REFER_SUB)
    return value is not None and value.value == "false"
