"""Requests for a person (``sip:bob@DOMAIN``): calls to all his phones, the rest to the proxy."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from itertools import permutations

from conferences.policy import Identity, Refusal
from sipgateway.focus import answers, outside, preferences, privacy, veiled
from sipgateway.focus.calls import Calls
from sipgateway.focus.desk import Desk, Phone, over_tls, uri_of
from sipgateway.focus.dialog_watchers import DialogWatchers, Watched
from sipgateway.focus.events import Answer, CallOutAsked
from sipgateway.focus.leg import Farewell, Leg
from sipgateway.focus.person_call import Led, PersonCall
from sipgateway.focus.placed_call import PlacedCall
from sipgateway.focus.proxy import Proxy
from sipgateway.focus.questions import AskCallOut
from sipgateway.focus.roster import Departure
from sipgateway.focus.standing import Standing
from sipgateway.sip import headers, sanity
from sipgateway.sip.events import (
    DialogId,
    RequestReceived,
)
from sipgateway.sip.headers import NameAddr
from sipgateway.sip.uri import SipUri, Uri

Gather = Callable[[RequestReceived, PersonCall, Leg, str], None]
Lead = Callable[[Led, RequestReceived, SipUri], None]


MAX_OUTSIDE = 5
"""Calls that leave the house for one person at a time; more are a stolen password (486)."""


class People:
    """Everything that is for a person rather than for a conference."""

    def __init__(self, desk: Desk, dialogs: DialogWatchers, proxy: Proxy) -> None:
        self._desk = desk
        self._dialogs = dialogs
        self._proxy = proxy
        self.calls: list[PersonCall] = []
        #: Makes a conference of a call; whoever keeps conferences brings it.
        self.gatherer: Gather | None = None
        #: Leads a caller into a conference; the same.
        self.leader: Lead | None = None

    def request(self, event: RequestReceived, name: str, who: Identity, now: float) -> None:
        """A request from somebody known, for the person called `name`."""
        if event.request.has_token(headers.REQUIRE, "recipient-list-invite"):
            fields = (("Unsupported", "recipient-list-invite"),)
            self._desk.endpoint.respond(event.transaction, 420, now, fields=fields)
            return
        if who.is_guest:
            _, phrase, _ = answers.REFUSALS[Refusal.NOT_ALLOWED]
            self._desk.endpoint.respond(event.transaction, 403, now, reason=phrase)
            return
        aor = self._desk.domain.uri(name).aor
        if event.request.method == "SUBSCRIBE" and not _is_for_phones(event):
            if self._desk.understands(event):
                self._subscribe(event, aor, who, now)
            return
        if event.request.method not in _HANDLERS:
            fields = (("Allow", ", ".join(_HANDLERS)),)
            self._desk.endpoint.respond(event.transaction, 405, now, fields=fields)
            return
        dialed = uri_of(event.request.uri)
        instance = dialed.param("gr")

        def found(phones: list[Phone], then: float) -> None:
            if dialed.scheme == "sips":  # RFC 3261 26.2.2: over TLS on the last hop, too
                phones = over_tls(phones)
            known = bool(phones) or instance is None or self._desk.knows(aor, instance)
            wanted = preferences.chosen(event.request, phones)
            self._found(event, wanted, who, then, known=known)

        self._desk.find(aor, found, now, instance=instance or "")

    def _found(
        self, event: RequestReceived, phones: list[Phone], who: Identity, now: float, *, known: bool
    ) -> None:
        """His phones, if the one that was asked for was ever `known`."""
        if not self._desk.endpoint.pending(event.transaction):
            return
        if not known:
            reason = "No Phone Of That Name"  # RFC 5627 5.1
            self._desk.endpoint.respond(event.transaction, 404, now, reason=reason)
        elif not phones:
            reason = "No Phone Is Registered"
            self._desk.endpoint.respond(event.transaction, 480, now, reason=reason)
        else:
            _HANDLERS[event.request.method](self, event, phones, who, now)

    def _subscribe(self, event: RequestReceived, aor: str, who: Identity, now: float) -> None:
        """RFC 4235: to his own dialogs; those of others are nobody's business."""
        if event.request.must(headers.EVENT).value != "dialog":
            packages = ("dialog", *sorted(sanity.PASSED_PACKAGES))
            fields = (("Allow-Events", ", ".join(packages)),)
            self._desk.endpoint.respond(event.transaction, 489, now, fields=fields)
            return
        own = who.uri == aor
        what = Watched(aor, who, NameAddr(uri_of(aor)), allowed=lambda: own, everywhere=True)
        self._dialogs.subscribe(event, what, now)

    def _invite(
        self, event: RequestReceived, phones: list[Phone], who: Identity, now: float
    ) -> None:
        call = PlacedCall(self._desk, event, who, line=self)
        self.calls.append(call)
        call.ring(phones, now)

    def call_out(self, event: RequestReceived, uri: Uri, who: Identity, now: float) -> None:
        """A call to a telephone number or to another domain, by somebody who may."""
        if sum(call.caller == who.uri and call.outside for call in self.calls) >= MAX_OUTSIDE:
            self._desk.endpoint.respond(event.transaction, 486, now, reason="Too Many Calls")
            return
        entity = outside.canonical(uri)

        def asked(answer: Answer, then: float) -> None:
            if not self._desk.endpoint.pending(event.transaction):
                return
            if not isinstance(answer, CallOutAsked):
                self._desk.unavailable(event.transaction, then)
            elif answer.refusal is not None:
                status, phrase, _ = answers.REFUSALS[answer.refusal]
                self._desk.endpoint.respond(event.transaction, status, then, reason=phrase)
            else:
                call = PlacedCall(self._desk, event, who, line=self, called=entity)
                self.calls.append(call)
                call.ring_outside(uri, then)

        self._desk.ask(lambda number: AskCallOut(number, entity, who), asked)

    def gather(self, event: RequestReceived, call: PersonCall, asker: Leg, name: str) -> None:
        """See `person_call.Line`."""
        if self.gatherer is not None:
            self.gatherer(event, call, asker, name)

    def may_leave(self, call: PersonCall) -> bool:
        """See `person_call.Line`."""
        others = (one for one in self.calls if one is not call)
        return sum(one.caller == call.caller and one.outside for one in others) < MAX_OUTSIDE

    def lead_in(self, call: Led, event: RequestReceived, uri: SipUri) -> None:
        """See `person_call.Line`."""
        if self.leader is not None:
            self.leader(call, event, uri)

    def other_end(self, dialog: DialogId, who: Identity) -> DialogId | None:
        """See `desk.Desk`: None where that is no call of his."""
        for call in self.calls:
            for mine, other in permutations(call.parties or (), 2):
                if mine.dialog == dialog and mine.identity.uri == who.uri:
                    return other.dialog
        return None

    def take_in(self, parties: tuple[Leg, Leg], calls: Calls, now: float) -> None:
        """A conference is over, and the two who are left of it go on in a call (RFC 4245 3.3)."""
        call = PersonCall.of(self._desk, parties, line=self)
        self.calls.append(call)
        call.take_in(calls, now)

    def inherit(self, left: Iterable[Standing], gone: str, now: float) -> None:
        """Go on with a call that lived in the process `gone`."""
        call = PersonCall.inherited(self._desk, left, gone, line=self, now=now)
        if call is not None:
            self.calls.append(call)

    def abandon(self, call: PersonCall, now: float) -> None:
        """Another process goes on with it: let go of it, and tell nobody."""
        self.calls.remove(call)
        call.keeper.leave()
        call.calls.abandon(now)

    def over(self, call: PersonCall) -> None:
        """See `person_call.Line`."""
        call.keeper.forget()
        if call in self.calls:  # a late answer of the mixer frees a leg twice
            self.calls.remove(call)

    def _pass_on(
        self, event: RequestReceived, phones: list[Phone], who: Identity, now: float
    ) -> None:
        if privacy.wanted(event.request):
            veiled.send(self._desk, event, phones, who, now)
        else:
            self._proxy.request(event, phones, who, now)

    def _options(
        self, event: RequestReceived, phones: list[Phone], who: Identity, now: float
    ) -> None:
        if event.request.one(headers.MAX_FORWARDS) != 0:
            self._pass_on(event, phones, who, now)
        elif self._desk.understands(event):  # it goes no further (RFC 3261 11)
            self._desk.endpoint.respond(event.transaction, 200, now, fields=answers.CAPABILITIES)

    def end(self, now: float, text: str, *, hand_over: bool = False) -> None:
        """Hang up on everybody; with `hand_over` other processes go on with what stands."""
        for call in list(self.calls):
            if hand_over and call.keeper:
                self.abandon(call, now)
                continue
            call.end(Farewell(Departure.FAILED, status=503, text=text), now)


def _is_for_phones(event: RequestReceived) -> bool:
    """Whether his phones know it. Calls are anchored here, so of dialogs it is we who know."""
    return event.request.must(headers.EVENT).value in sanity.PASSED_PACKAGES


_HANDLERS: Mapping[str, Callable[[People, RequestReceived, list[Phone], Identity, float], None]] = {
    "INVITE": People._invite,
    "OPTIONS": People._options,
    "MESSAGE": People._pass_on,
    "REFER": People._pass_on,
    "SUBSCRIBE": People._pass_on,
}
