"""Calls that leave the house: to telephone numbers and to SIP addresses of others.

With a trunk all of them go there: a number becomes a user of the trunk's
(``sip:+4930123@trunk;user=phone``, RFC 3261 19.1.6), a SIP address stays what
it is and the trunk stands in Route as outbound proxy (8.1.2). Without one a
SIP address is resolved (RFC 3263), and a number leads nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from sipgateway.focus.desk import Desk, Domain
from sipgateway.focus.events import Answer, Reached
from sipgateway.focus.questions import Reach
from sipgateway.sip import credentials, headers
from sipgateway.sip.credentials import Trunk
from sipgateway.sip.endpoint import Fields
from sipgateway.sip.errors import BadMessage
from sipgateway.sip.events import ResponseReceived
from sipgateway.sip.flow import Flow
from sipgateway.sip.headers import NameAddr
from sipgateway.sip.tokens import Tokens
from sipgateway.sip.uri import OtherUri, SipUri, Uri, escape_user, parse_uri

#: RFC 3966: a number with its visual separators, in front of parameters.
_NUMBER = re.compile(r"\+?[0-9A-Da-d*#().-]{2,40}")
RECONNECTS = 3
"""Times that a connection is made again in a call: one that closes more often does not want us."""
_PHONE = (("user", "phone"),)
STALE = 3
"""Times in a call that a trunk may call a nonce stale that we have just had from it."""


@dataclass(slots=True)
class Way:
    """How one call gets to somebody outside, and how far it has come."""

    #: Whom it is for.
    uri: Uri
    #: The Request-URI.
    target: SipUri
    routes: tuple[NameAddr, ...]
    trunk: Trunk | None
    #: Those not tried yet, the next one first.
    flows: list[Flow]
    tried: list[Flow] = field(default_factory=list)
    #: How often its connection was lost in a call and made again.
    reconnects: int = 0
    _stale: int = 0

    def next_flow(self) -> Flow | None:
        """The flow to try next, or None."""
        if not self.flows:
            return None
        self.tried.append(self.flows.pop(0))
        return self.tried[-1]

    def caller(self, who: NameAddr) -> NameAddr:
        """From: the number that is ours at the trunk, or the account's name there."""
        if self.trunk is None or not (name := self.trunk.caller or self.trunk.username):
            return who
        return NameAddr(
            SipUri("sip", escape_user(name), self.trunk.uri.host, self.trunk.uri.port),
            who.display_name,
        )

    @property
    def assertion(self) -> Fields:
        """P-Asserted-Identity: towards the trunk alone, which trusts us (RFC 3325 4)."""
        if self.trunk is None or not self.trunk.caller:
            return ()
        return (("P-Asserted-Identity", headers.FROM.build(self.caller(NameAddr(self.target)))),)

    def proof(self, reply: ResponseReceived, tokens: Tokens) -> Fields | None:
        """The credentials with which to ask once more after a 401 or 407; None if of no use."""
        if self.trunk is None or not self.trunk.username:
            return None
        if _was_proved(reply):
            self._stale += 1
            if self._stale > STALE or not credentials.is_stale(reply.response):
                return None
        answer = credentials.authorize(
            reply.response,
            username=self.trunk.username,
            password=self.trunk.password,
            method=reply.request.method,
            uri=reply.request.uri,
            cnonce=tokens.opaque(),
        )
        return (answer,) if answer else None


def _was_proved(reply: ResponseReceived) -> bool:
    """Whether the request had credentials already for whoever wants some."""
    field_ = {401: "authorization", 407: "proxy-authorization"}.get(reply.response.status, "")
    return reply.request.get(field_) is not None


def read(domain: Domain, text: str) -> Uri | None:
    """The URI of somebody outside this house; None for what is ours or cannot be called."""
    try:
        uri = parse_uri(text)
    except BadMessage:
        return None
    if isinstance(uri, SipUri):
        return None if domain.owns(uri) else uri
    number = uri.rest.partition(";")[0]
    return uri if uri.scheme == "tel" and _NUMBER.fullmatch(number) else None


def number_in(uri: SipUri) -> OtherUri | None:
    """The telephone number that a URI of this house means (RFC 3261 19.1.6), or None."""
    number = uri.name
    means = number.startswith("+") or (uri.param("user") or "").lower() == "phone"
    return OtherUri("tel", _plain(number)) if means and _NUMBER.fullmatch(number) else None


def canonical(uri: Uri) -> str:
    """How such an address is compared, and stands in the roster."""
    if isinstance(uri, SipUri):
        return str(replace(uri, host=uri.host.lower(), headers=(), password=None))
    return f"{uri.scheme}:{_plain(uri.rest.partition(';')[0])}"


def _plain(number: str) -> str:
    return re.sub(r"[().-]", "", number)


Told = Callable[[Way | None, float], None]


def find(desk: Desk, uri: Uri, told: Told) -> None:
    """Find the way to somebody outside; `told` hears None where there is none."""

    def reached(answer: Answer, now: float) -> None:
        told(_way(uri, answer) if isinstance(answer, Reached) else None, now)

    desk.ask(lambda number: Reach(number, uri), reached)


def find_more(desk: Desk, way: Way, told: Callable[[float], None]) -> None:
    """Look for flows that have not been tried; `told` when the way has them, if there are."""

    def reached(answer: Answer, now: float) -> None:
        if isinstance(answer, Reached):
            way.flows += _good_for(way.uri, answer.flows)
        told(now)

    places = frozenset(flow.peer for flow in way.tried)
    desk.ask(lambda number: Reach(number, way.uri, places), reached)


def _way(uri: Uri, answer: Reached) -> Way | None:
    flows = _good_for(uri, answer.flows)
    if not flows:
        return None
    trunk = answer.trunk
    if isinstance(uri, SipUri):
        target = replace(uri, headers=(), password=None)
        routes = () if trunk is None else (_route(trunk),)
        return Way(uri, target, routes, trunk, flows)
    if trunk is None:
        return None
    number = canonical(uri).removeprefix("tel:")
    target = SipUri("sip", escape_user(number), trunk.uri.host, trunk.uri.port, _PHONE)
    return Way(uri, target, (), trunk, flows)


def _good_for(uri: Uri, flows: tuple[Flow, ...]) -> list[Flow]:
    """A ``sips:`` address is called over TLS or not at all (RFC 3261 26.2.2)."""
    return [flow for flow in flows if flow.secure or uri.scheme != "sips"]


def _route(trunk: Trunk) -> NameAddr:
    return NameAddr(replace(trunk.uri, params=(*trunk.uri.params, ("lr", None))))
