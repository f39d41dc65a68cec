"""REFER: what it asks for, and telling how it goes (RFC 3515, 4488, 5368, RFC 4579 5.5-5.11)."""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol
from urllib.parse import unquote

from conferences.policy import Identity
from sipgateway.focus import resource_lists
from sipgateway.focus.desk import Desk, DialogOwner
from sipgateway.focus.keeper import Keeper
from sipgateway.sip import headers, message
from sipgateway.sip.endpoint import Body
from sipgateway.sip.errors import BadMessage
from sipgateway.sip.events import ResponseReceived
from sipgateway.sip.headers import Tokened
from sipgateway.sip.message import Request
from sipgateway.sip.subscription import Subscription
from sipgateway.sip.uri import OtherUri, SipUri, Uri, parse_uri

SIPFRAG = "message/sipfrag;version=2.0"
FOR_GOOD = 403
"""The cause of a BYE's Reason by which somebody may not come back: what he would get then."""
LIFE = 180.0
"""Seconds that an implicit subscription lives at most; Timer C rings no longer."""

RETURN_WITHIN = 30.0
"""Seconds that a phone may take to come back when its process is gone; then it is told anyway."""
LOOK = 1.0
"""Seconds between two looks whether it has."""

# draft-00 4.10 writes <sip:carol@chicago.example.com&method=BYE>; others write
# ?method=BYE or put the parameter behind the angles. RFC 4579 writes ;method=BYE.
_MISPLACED = re.compile(r"[&?]method=([A-Za-z]+)(?=[>;\s]|$)", re.IGNORECASE)

_METHOD = re.compile(r";method=([A-Za-z]+)", re.IGNORECASE)


class Wish(enum.Enum):
    """What the focus is asked to do with the target."""

    ADD = "add"
    REMOVE = "remove"
    REFER = "refer"  # have him call in (RFC 4579 5.7)
    SHOW = "show"  # a resource that is no call: show it to those who are in (draft 4.6)
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A Refer-To, understood."""

    wish: Wish
    target: Uri
    #: The Refer-To that the target is to get (5.7).
    nested: str = ""
    #: The Replaces that the target is to get (RFC 4579 5.10).
    replaces: str = ""
    #: Why he is to be removed, and that for good: the Reason of the BYE (RFC 3326), whose
    #: cause is 403 where he may not come back.
    reason: str = ""
    ban: bool = False


_WISHES = {"invite": Wish.ADD, "": Wish.ADD, "bye": Wish.REMOVE, "refer": Wish.REFER}
#: Kinds of URIs that lead to something to look at or to write to.
SHOWN = frozenset({"http", "https", "im", "mailto"})


def parse(request: Request) -> tuple[Wanted, ...]:
    """What a REFER asks for: one thing, or by ``cid:`` one for each URI of a list (RFC 5368).

    `BadMessage` where Refer-To is missing, doubled or broken, or its list is.
    """
    values = request.all("refer-to")
    if len(values) != 1:
        raise BadMessage("Missing Refer-To header" if not values else "Multiple Refer-To headers")
    try:
        address = headers.parse_name_addr(_in_place(values[0]))
    except BadMessage as error:
        raise BadMessage(f"Refer-To header: {error.reason}") from None
    method = address.param("method") or ""
    if isinstance(address.uri, OtherUri) and address.uri.scheme == "cid":
        listed = resource_lists.parse(_part(request, address.uri))
        return tuple(_listed(uri, method) for uri in listed)
    return (_wanted(address.uri, method),)


def _in_place(value: str) -> str:
    """With the method where RFC 4579 has it; one among other headers is read there."""
    found = _MISPLACED.search(value)
    if found is None or (found[0].startswith("&") and "?" in value[: found.start()]):
        return value
    return f"{value[: found.start()]};method={found[1]}{value[found.end() :]}"


def _part(request: Request, cid: OtherUri) -> bytes:
    """The part of the body that a Content-ID URL names (RFC 2392)."""
    wanted = unquote(str(cid).partition(":")[2])
    for part in request.parts():
        if part.content_id == wanted and part.media_type.value == resource_lists.MEDIA_TYPE:
            return part.body
    raise BadMessage("Refer-To header: names no list in the body")


def _listed(uri: str, method: str = "") -> Wanted:
    """An entry of a list; ``?method=BYE`` is RFC 5368's own spelling, `method` for all."""
    try:
        return _wanted(parse_uri(_in_place(uri)), method)
    except BadMessage as error:
        raise BadMessage(f"The list of URIs: {error.reason}") from None


def recipients(request: Request) -> tuple[str, ...]:
    """Whom an INVITE wants called besides its sender (RFC 5366); `BadMessage` for others."""
    wanted = [_listed(uri) for uri in resource_lists.recipients(request)]
    if any(one.wish is not Wish.ADD for one in wanted):
        raise BadMessage("The list of URIs has one that cannot be called")
    return tuple(str(one.target) for one in wanted)


def _wanted(uri: Uri, method: str) -> Wanted:
    """What is wanted of a URI; what it says of the method is no part of the target."""
    inner, nested, replaces, why = None, "", "", ""
    if isinstance(uri, SipUri):
        inner = uri.param("method") or uri.header("method")
        nested = uri.header("refer-to") or ""
        replaces, why = uri.header("replaces") or "", uri.header("reason") or ""
        kept = tuple(pair for pair in uri.params if pair[0].lower() != "method")
        uri = replace(uri.bare(), params=kept)
    elif uri.scheme in SHOWN:
        return Wanted(Wish.SHOW, uri)
    elif (found := _METHOD.search(uri.rest)) is not None:
        inner, uri = found[1], replace(uri, rest=_METHOD.sub("", uri.rest))
    wish = _WISHES.get((inner or method).lower(), Wish.OTHER)
    if wish is not Wish.REMOVE or not why:
        return Wanted(wish, uri, nested, replaces)
    said = headers.REASON.parse(why)
    for_good = said.value == "sip" and said.param("cause") == str(FOR_GOOD)
    return Wanted(wish, uri, reason=said.param("text") or "", ban=for_good)


def history(request: Request) -> str:
    """What those who are called by the list of a REFER or an INVITE are told of it.

    The list has been read before (`parse`, `recipients`); "" where there is nothing to tell.
    """
    if request.method == "INVITE":
        body = resource_lists.recipient_list(request)
    elif is_list(request):
        address = headers.parse_name_addr(request.all("refer-to")[0])
        body = _part(request, address.uri) if isinstance(address.uri, OtherUri) else b""
    else:
        body = b""
    return resource_lists.history(body) if body else ""


class Telling(Protocol):
    """Whoever wants to know how a REFER goes."""

    def tell(self, status: int, now: float, reason: str = "") -> None:
        """Progress; a final status is the last."""

    def about(self, order: Mapping[str, int], now: float) -> None:
        """What it is about, for another process to go on: {"call": 12}, {"removal": 7}."""


class Silence:
    """Nobody wants to know."""

    def tell(self, status: int, now: float, reason: str = "") -> None:
        """See `Telling`."""

    def about(self, order: Mapping[str, int], now: float) -> None:
        """See `Telling`."""


@dataclass(frozen=True, slots=True)
class Account:
    """Who is told, and who writes that down for another process."""

    who: Identity
    keeper: Keeper


@dataclass(slots=True)
class Referral:
    """One subscription to how a REFER goes; without an account it ends with this process."""

    desk: Desk
    owner: DialogOwner
    subscription: Subscription
    account: Account | None = None
    #: The process whose connections are gone, and until when his phone may come back.
    gone: str = ""
    returns_by: float = 0.0
    #: What is still to be told, each a status with its reason phrase; the last one ends it.
    waiting: list[tuple[int, str]] = field(default_factory=list)

    @property
    def over(self) -> bool:
        """Whether there is nothing left to tell, or nobody to tell it to."""
        return self.subscription.over

    def about(self, order: Mapping[str, int], now: float) -> None:
        """See `Telling`."""
        if self.account is not None and not self.over:
            self.account.keeper.keep_referral(self.account.who, self.subscription, order, now)

    def tell(self, status: int, now: float, reason: str = "") -> None:
        """Tell progress as a sipfrag; a final status ends the subscription."""
        self.waiting.append((status, reason or message.REASONS.get(status, "")))
        self._next(now)

    def expire(self, now: float) -> None:
        """What has not come to an end by now is not told any more."""
        sub = self.subscription
        if not sub.over:
            sub.terminate(self.desk.endpoint, now, reason="timeout", body=None)
            self._end(now)

    def _end(self, now: float) -> None:
        self.subscription.over = True
        if self.account is not None:
            self.account.keeper.forget_referral(self.subscription, now)
        self.owner.usage_ended(self.subscription.dialog)

    def _away(self, now: float) -> bool:
        """Whether his phone was connected to a process that is gone, and may come back."""
        if not self.gone or now >= self.returns_by:
            return False
        dialog = self.desk.endpoint.dialog(self.subscription.dialog)
        return dialog is not None and dialog.flow.via == self.gone

    def resume(self, gone: str, now: float) -> None:
        """Another process began it, which is gone: tell on, and wait for a phone of its."""
        self.gone, self.returns_by = gone, now + RETURN_WITHIN
        self._look(now)

    def _look(self, now: float) -> None:
        if self._away(now):
            self.desk.later(now + LOOK, self._look)
        else:
            self._next(now)

    def _next(self, now: float) -> None:
        sub = self.subscription
        if not sub.idle or not self.waiting or self._away(now):
            return
        status, reason = self.waiting.pop(0)
        body = Body(f"SIP/2.0 {status} {reason}\r\n", SIPFRAG)
        if status >= 200:
            sub.terminate(self.desk.endpoint, now, reason="noresource", body=body)
            self._end(now)
            return
        sent = sub.notify(self.desk.endpoint, now, body)
        self.desk.replies[sent] = self._told

    def _told(self, reply: ResponseReceived, now: float) -> None:
        self.subscription.in_flight = None
        if reply.response.status >= 300:
            self._end(now)
            return
        self._next(now)


def event_of(request: Request) -> Tokened:
    """The Event of the implicit subscription: its id is the REFER's CSeq (RFC 3515 2.4.6)."""
    return Tokened("refer", (("id", str(request.must(headers.CSEQ).number)),))


def unsubscribed(request: Request) -> bool:
    """Whether the sender wants no implicit subscription (RFC 4488)."""
    value = request.one(headers.REFER_SUB)
    return value is not None and value.value == "false"


def requires(request: Request, option: str) -> bool:
    """Whether a REFER asks for an extension by its option tag."""
    return request.has_token(headers.REQUIRE, option)


def is_list(request: Request) -> bool:
    """Whether a REFER names a list of targets rather than one (RFC 5368)."""
    return (request.get("refer-to") or "").strip().lower().startswith(("<cid:", "cid:"))
