"""The in-domain proxy (RFC 3261 16): what is for a person goes on to his phones.

Forwarded are requests of people who have proved who they are, to phones that
are registered here, by the flows that these have registered; nothing else, and
nobody else's address. All phones are asked at once and the best answer goes
back (16.7). Calls are not forwarded but anchored (`people`).

Where the form of a request alone says that it can only be passed on, its
sender is asked by 407; else by 401, since a 407 for people alone would tell
strangers who there is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from conferences.policy import Identity
from sipgateway.focus.desk import Desk, Phone, uri_of
from sipgateway.focus.forking import ANSWER_WITHIN, Forking, Send
from sipgateway.focus.passage import Found, Passage, Passages, Side
from sipgateway.focus.referral import LIFE
from sipgateway.sip import dialog as dialogs
from sipgateway.sip import headers, message, sanity
from sipgateway.sip.events import RequestReceived, ResponseReceived, TransactionId
from sipgateway.sip.flow import Flow
from sipgateway.sip.headers import Auth, NameAddr
from sipgateway.sip.message import Request, Response
from sipgateway.sip.uri import SipUri

MAX_BREADTH = 60
"""Branches of a request that says nothing of it (RFC 5393 5.3.3.1)."""
SWEEP = 60.0
"""Seconds between two looks for dialogs that have lived their time."""
GRACE = 32.0
"""Seconds that a dialog is known beyond its subscription: for the last NOTIFY."""
LONGEST = 86_400
"""Seconds that a NOTIFY may say a subscription has left."""
#: What makes a dialog, and therefore has to keep coming by us; NOTIFY by RFC 6665 4.4.1.
_RECORDED = frozenset({"SUBSCRIBE", "REFER", "NOTIFY"})
#: What is passed on within dialogs; calls are anchored and have none here.
_WITHIN = frozenset({"SUBSCRIBE", "REFER", "NOTIFY", "MESSAGE", "OPTIONS", "INFO"})

_SECRETS = frozenset({headers.AUTHORIZATION.key, headers.PROXY_AUTHORIZATION.key})

Ask = Callable[[RequestReceived, Callable[[Identity, float], None], float], None]


def is_merely_passed(request: Request) -> bool:
    """Whether its form alone says that a request can be for a phone only (407 rather than 401)."""
    if request.must(headers.TO).tag:
        return True
    if request.method == "SUBSCRIBE":
        return request.must(headers.EVENT).value in sanity.PASSED_PACKAGES
    return request.method != "INVITE" and uri_of(request.uri).param("gr") is not None


class Proxy:
    """See the module. `is_ours` knows credentials that are meant for us."""

    def __init__(self, desk: Desk, *, is_ours: Callable[[Auth], bool]) -> None:
        self._desk = desk
        self._is_ours = is_ours
        self._passages = Passages()
        self._sweeping = False

    # -- outside dialogs -----------------------------------------------------

    def request(
        self, event: RequestReceived, phones: Sequence[Phone], who: Identity, now: float
    ) -> None:
        """Send a request to all these phones."""
        request = event.request
        refused = self._refusal(request, who, len(phones))
        if refused is not None:
            status, reason, fields = refused
            self._desk.endpoint.respond(
                event.transaction, status, now, reason=reason, fields=fields
            )
            return
        passage = self._begin(event, phones, who, now) if request.method in _RECORDED else None
        breadth = (request.one(headers.MAX_BREADTH) or MAX_BREADTH) // len(phones)

        def done(reply: ResponseReceived | None, phone: Phone | None, then: float) -> None:
            response = reply.response if reply is not None else None
            if passage is not None:
                self._answered(passage, response, phone, request, then)
            self._back(event, response, then)

        def branch(phone: Phone) -> Request:
            onward = self._onward(event, phone.flow)
            onward.uri = phone.uri
            for route in phone.routes:
                onward.add(headers.ROUTE, route)
            onward.put(headers.MAX_BREADTH, breadth)
            sender = request.must(headers.FROM)
            if request.method == "MESSAGE" and sender.display_name:  # which people read
                onward.put(headers.FROM, replace(sender, display_name=who.display_name))
            if request.method == "REFER":
                onward.put(headers.REFERRED_BY, NameAddr(uri_of(who.uri)))
            return onward

        Forking(self._desk, self._sender(request.uri, branch), done).start(phones, now)

    def _refusal(
        self, request: Request, who: Identity, branches: int
    ) -> tuple[int, str, tuple[tuple[str, str], ...]] | None:
        """Why a request is not passed on (16.3, 16.4); no relay, and in nobody else's name."""
        domain = self._desk.domain
        sender = request.must(headers.FROM).uri
        if not isinstance(sender, SipUri) or not domain.owns(sender):
            return 403, "From Is Not You", ()
        if domain.uri(sender.name.lower()).aor != who.uri:
            return 403, "From Is Not You", ()
        if not all(self._is_here(route) for route in request.every(headers.ROUTE)):
            return 403, "No Relay To Other Routes", ()
        breadth = request.one(headers.MAX_BREADTH)
        if breadth is not None and breadth < branches:
            return 440, "", ()  # RFC 5393 5.3.3
        return self._no_dialog(request, who) if request.method in _RECORDED else None

    def _no_dialog(
        self, request: Request, who: Identity
    ) -> tuple[int, str, tuple[tuple[str, str], ...]] | None:
        """Why a request may not make a dialog."""
        if self._passages.is_full_for(who.uri):
            return 503, "", (("Retry-After", "60"),)
        known = self._passages.get((request.must(headers.CALL_ID), request.must(headers.FROM).tag))
        if known is not None and known.caller.entity != who.uri:
            return 403, "Not Your Dialog", ()
        return None

    def _is_here(self, route: NameAddr) -> bool:
        uri = route.uri
        return isinstance(uri, SipUri) and self._desk.domain.owns(uri)

    def _begin(
        self, event: RequestReceived, phones: Sequence[Phone], who: Identity, now: float
    ) -> Passage:
        request = event.request
        aor = self._desk.domain.uri(uri_of(request.uri).name.lower()).aor
        flows = [flow for phone in phones for flow in (phone, *phone.others)]
        asked = [Side(aor, one.flow, contact=uri_of(one.uri)) for one in flows]
        name = request.must(headers.CALL_ID), request.must(headers.FROM).tag
        if (known := self._passages.get(name)) is not None:
            known.asked += asked
            return known
        caller = Side(who.uri, event.flow, tuple(request.every(headers.RECORD_ROUTE)))
        caller.told(request)
        passage = Passage(
            *name,
            caller,
            asked,
            until=now + ANSWER_WITHIN + GRACE,
        )
        self._passages.begin(passage)
        self._sweep_later(now)
        return passage

    def _answered(
        self,
        passage: Passage,
        response: Response | None,
        phone: Phone | None,
        request: Request,
        now: float,
    ) -> None:
        """The request that was to make a dialog has its answer."""
        if response is None or phone is None or response.status >= 300:
            if not passage.called:
                self._passages.end(passage)
            return
        tag, entity = response.must(headers.TO).tag, passage.asked[0].entity
        side = passage.called.setdefault(tag, Side(entity, phone.flow, contact=uri_of(phone.uri)))
        self._learn(side, response)
        passage.until = max(passage.until, now + _lasts(request, response) + GRACE)

    # -- inside dialogs --------------------------------------------------------

    def inside(self, event: RequestReceived, ask: Ask, now: float) -> None:
        """A request in a dialog that is none of ours: pass it on if it goes through us.

        From the flow that its phone was last seen on it is taken as it is; from
        elsewhere its sender has to prove that he is the one whose dialog it is.
        """
        found = self._passages.find(event.request, event.flow)
        if found is None or event.request.method not in _WITHIN:
            self._desk.endpoint.refuse(event.transaction, 481)
        elif event.request.one(headers.MAX_FORWARDS) == 0:
            self._desk.endpoint.refuse(event.transaction, 483)
        elif found.sender.flow.id == event.flow.id:
            self._pass(event, found, now)
        else:
            ask(event, lambda who, then: self._proved(event, found, who, then), now)

    def _proved(self, event: RequestReceived, found: Found, who: Identity, now: float) -> None:
        if who.uri != found.sender.entity:
            self._desk.endpoint.respond(event.transaction, 403, now)
            return
        found.sender.flow = event.flow
        self._pass(event, found, now)

    def _pass(self, event: RequestReceived, found: Found, now: float) -> None:
        request, passage, receiver = event.request, found.passage, found.receiver
        if request.method == "NOTIFY" and found.tag not in passage.called:
            sender = found.sender  # the NOTIFY that overtakes the 2xx makes the dialog
            passage.called[found.tag] = Side(sender.entity, sender.flow, contact=sender.contact)
            self._learn(passage.called[found.tag], request)
        onward = self._onward(event, receiver.flow)
        for route in receiver.routes:
            onward.add(headers.ROUTE, route)
        found.sender.told(request)

        def done(reply: ResponseReceived | None, phone: Phone | None, then: float) -> None:
            del phone
            response = reply.response if reply is not None else None
            self._passed(found, request, response, then)
            self._back(event, response, then)

        phone = Phone(onward.uri, receiver.flow)
        send = self._sender(request.uri, lambda _: onward)
        Forking(self._desk, send, done).start([phone], now)

    def _passed(
        self, found: Found, request: Request, response: Response | None, now: float
    ) -> None:
        """Whether the dialog goes on, and for how long (RFC 6665 4.1.3, 4.2.2)."""
        passage = found.passage
        state = request.one(headers.SUBSCRIPTION_STATE)
        over = request.method == "NOTIFY" and state is not None and state.value == "terminated"
        if over or response is None or response.status in {481, 489}:
            passage.called.pop(found.tag, None)
            if not passage.called:
                self._passages.end(passage)
        elif response.status < 300:
            found.receiver.told(response)
            passage.until = max(passage.until, now + _lasts(request, response) + GRACE)

    # -- there and back --------------------------------------------------------

    def _sender(self, came_for: str, branch: Callable[[Phone], Request]) -> Send:
        """Sends to one phone what `branch` makes of a request that came for that URI."""

        def send(phone: Phone, now: float) -> TransactionId:
            return self._desk.endpoint.forward(branch(phone), phone.flow, now, came_for=came_for)

        return send

    def _onward(self, event: RequestReceived, flow: Flow) -> Request:
        """The request as it goes on by `flow` (16.6): one hop less, no word of our secrets."""
        before = event.request
        onward = Request(before.method, before.uri, list(before.fields), before.body)
        onward.spelt = dict(before.spelt)
        onward.drop("route")
        onward.put(headers.MAX_FORWARDS, message.hops_left(before))
        onward.fields = [pair for pair in onward.fields if not self._is_our_secret(*pair)]
        if before.method in _RECORDED:
            ours = [self._route_on(event.flow), self._route_on(flow)]
            for route in ours if ours[0] != ours[1] else ours[:1]:
                onward.push("Record-Route", headers.RECORD_ROUTE.build(route))
        return onward

    def _is_our_secret(self, key: str, value: str) -> bool:
        """Whether a field is the answer to a challenge of ours."""
        return key in _SECRETS and self._is_ours(headers.AUTHORIZATION.parse(value))

    def _route_on(self, flow: Flow) -> NameAddr:
        """Our Record-Route towards one side: one for each transport (RFC 5658)."""
        domain = self._desk.domain
        uri = SipUri("sip", None, domain.host, domain.port, (("lr", None),))
        return dialogs.contact_on(NameAddr(uri), flow)

    def _learn(self, side: Side, message: Request | Response) -> None:
        """Where a called phone is, and by what proxies beyond us (12.1.2, 12.1.1)."""
        side.told(message)
        routes = message.every(headers.RECORD_ROUTE)
        if isinstance(message, Request):
            side.routes = tuple(routes)
            return
        ours = [at for at, route in enumerate(routes) if self._is_here(route)]
        side.routes = tuple(reversed(routes[: ours[0]])) if ours else ()

    def _back(self, event: RequestReceived, response: Response | None, now: float) -> None:
        if response is None:
            reason = "No Phone Answered"
            self._desk.endpoint.respond(event.transaction, 480, now, reason=reason)
        elif response.status == 503:  # 16.7: what is ours to say of ourselves alone
            self._desk.endpoint.respond(event.transaction, 500, now, reason=response.reason)
        else:
            self._desk.endpoint.pass_back(event.transaction, response, now)

    # -- what happens meanwhile --------------------------------------------------

    def moved(self, entity: str, contact: SipUri, flow: Flow) -> None:
        """A phone has registered anew."""
        self._passages.moved(entity, contact, flow)

    def _sweep_later(self, now: float) -> None:
        if not self._sweeping and len(self._passages):
            self._sweeping = True
            self._desk.later(now + SWEEP, self._sweep)

    def _sweep(self, now: float) -> None:
        self._sweeping = False
        for passage in self._passages.expired(now):
            self._passages.end(passage)
        self._sweep_later(now)


def _lasts(request: Request, response: Response) -> float:
    """Seconds that the dialog lives from now on, as far as this exchange says."""
    if request.method == "SUBSCRIBE":
        told = response.one(headers.EXPIRES)
        asked = request.one(headers.EXPIRES)
        return float(told if told is not None else asked if asked is not None else 3600)
    if request.method == "REFER":
        return LIFE
    state = request.one(headers.SUBSCRIPTION_STATE)
    expires = (state.param("expires") if state is not None else None) or ""
    known = expires.isdecimal() and expires.isascii()
    return float(min(int(expires[:10]), LONGEST)) if known else 0.0
