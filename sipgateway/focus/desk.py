"""What the rooms of the focus share: the user agent, the queue of actions, the questions.

A question is an action with a number; `Desk.ask` remembers who wants the
answer. Dialogs and transactions have owners likewise, so that the
switchboard can hand each event to the one whom it concerns, by one lookup.
"""

from __future__ import annotations

import heapq
import itertools
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Protocol

from conferences.phonebook import Entry
from conferences.policy import Identity
from sipgateway.focus.actions import Action, Forward
from sipgateway.focus.events import Answer, PhonesFound
from sipgateway.focus.questions import FindPhones, Question
from sipgateway.media.engine import LegId, MediaEvent
from sipgateway.sip import sanity
from sipgateway.sip.endpoint import Endpoint
from sipgateway.sip.errors import BadMessage
from sipgateway.sip.events import (
    AckMissing,
    AckReceived,
    DialogId,
    FlowClosed,
    RequestReceived,
    ResponseReceived,
    TransactionId,
)
from sipgateway.sip.flow import Flow
from sipgateway.sip.headers import NameAddr
from sipgateway.sip.tokens import Tokens
from sipgateway.sip.uri import Params, SipUri, escape_user, parse_sip_uri


@dataclass(frozen=True, slots=True)
class Domain:
    """The domain of every URI that we own, as `SIP_DOMAIN` gives it."""

    host: str
    port: int | None = None
    #: Where else we listen: a Contact of ours over TLS names that port.
    ports: frozenset[int] = frozenset()

    @classmethod
    def parse(cls, text: str, *, ports: Iterable[int] = ()) -> Domain:
        """From ``host`` or ``host:port``."""
        uri = parse_sip_uri(f"sip:{text}")
        return cls(uri.host.lower(), uri.port, frozenset(ports))

    def owns(self, uri: SipUri) -> bool:
        """Whether a URI is one of ours; a port that is left out or 5060 is forgiven."""
        if uri.host.lower() != self.host:
            return False
        return uri.port in {self.port, None, 5060, 5061} | self.ports

    def uri(self, name: str) -> SipUri:
        """The URI of a person, a conference or a service here."""
        return SipUri("sip", escape_user(name), self.host, self.port)


@dataclass(frozen=True, slots=True)
class Phone:
    """Where a person can be called: the URI to put into the INVITE, and the flow."""

    uri: str
    flow: Flow
    #: By what proxies the phone registered (RFC 3327), the first hop first.
    routes: tuple[NameAddr, ...] = ()
    #: The parameters of its Contact: what it can do (RFC 3840).
    features: Params = ()
    #: What it called itself when it registered.
    agent: str = ""
    #: The other flows that lead to it, the newest first: tried when this one fails.
    others: tuple[Phone, ...] = ()

    @property
    def next(self) -> Phone | None:
        """The same phone by its next flow (RFC 5626 7); None where there is no other."""
        return replace(self.others[0], others=self.others[1:]) if self.others else None


def over_tls(phones: Iterable[Phone]) -> list[Phone]:
    """Those that are reached by TLS, by the flows that are (RFC 3261 26.2.2)."""
    found = []
    for phone in phones:
        flows = [one for one in (phone, *phone.others) if one.flow.secure]
        found += [replace(flows[0], others=tuple(flows[1:]))] if flows else []
    return found


class DialogOwner(Protocol):
    """Whoever answers for a dialog."""

    def request_came(self, event: RequestReceived, now: float) -> None:
        """A request in the dialog."""

    def ack_came(self, event: AckReceived, now: float) -> None:
        """The ACK to a 2xx of ours."""

    def ack_missing(self, event: AckMissing, now: float) -> None:
        """It never came."""

    def flow_closed(self, event: FlowClosed, now: float) -> None:
        """A connection is gone; the dialog may have been on it."""

    def usage_ended(self, dialog: DialogId) -> None:
        """A subscription in the dialog has ended; without another usage it is over."""


class LegOwner(Protocol):
    """Whoever answers for a leg's media."""

    def media_happened(self, event: MediaEvent, now: float) -> None:
        """The engine tells something of the leg."""


class Whereabouts(Protocol):
    """Whoever knows where people can be reached: the registrar."""

    def phones(
        self,
        aor: str,
        now: float,
        instance: str = "",
        elsewhere: Iterable[tuple[str, Entry]] = (),
    ) -> list[Phone]:
        """The phones of a person, best first; with `instance` that one alone."""

    def knows(self, aor: str, instance: str) -> bool:
        """Whether a phone of that name was ever registered for the person."""


Service = Callable[[RequestReceived, Identity, float], None]
Reply = Callable[[ResponseReceived, float], None]
Told = Callable[[Answer, float], None]
Found = Callable[[list[Phone], float], None]


class Desk:
    """See the module."""

    def __init__(self, *, endpoint: Endpoint, tokens: Tokens, domain: Domain) -> None:
        self.endpoint = endpoint
        #: The name of this process, where several are one system; else "".
        self.process = endpoint.process
        #: Nothing is heard of other processes: the silence of their phones says nothing.
        self.deaf = False
        self.tokens = tokens
        self.domain = domain
        self.actions: deque[Action] = deque()
        self.dialogs: dict[DialogId, DialogOwner] = {}
        self.replies: dict[TransactionId, Reply] = {}
        self.cancels: dict[TransactionId, Callable[[float], None]] = {}
        self.legs: dict[LegId, LegOwner] = {}
        #: User parts that are services of ours: nobody who could be called.
        self.reserved: frozenset[str] = frozenset()
        #: User parts that mean something for a while, and who answers for them.
        self.services: dict[str, Service] = {}
        #: The dialog at the other end of an anchored call that somebody has with us.
        self.other_end: Callable[[DialogId, Identity], DialogId | None] = lambda _, __: None
        #: Told of every step that a leg takes.
        self.stepped: Callable[[float], None] = lambda _: None
        #: Where people can be reached; the switchboard brings it.
        self.whereabouts: Whereabouts | None = None
        self._answers: dict[int, Told] = {}
        self._due: list[tuple[float, int, Callable[[float], None]]] = []
        self._numbers = itertools.count(1)

    def find(self, aor: str, then: Found, now: float, *, instance: str = "") -> None:
        """Call `then` with the phones of a person, best first; with `instance` that one alone.

        Where several processes are one system, those that others hold are among them.
        """
        known = self.whereabouts
        if known is None or not self.process:
            then(known.phones(aor, now, instance) if known else [], now)
            return

        def found(answer: Answer, at: float) -> None:
            elsewhere = answer.elsewhere if isinstance(answer, PhonesFound) else ()
            then(known.phones(aor, at, instance, elsewhere), at)

        self.ask(lambda number: FindPhones(number, aor), found)

    def knows(self, aor: str, instance: str) -> bool:
        """Whether a phone of that name was ever registered for the person."""
        return self.whereabouts is not None and self.whereabouts.knows(aor, instance)

    def act(self, action: Action) -> None:
        """Queue an action."""
        self.actions.append(action)

    def ask(self, make: Callable[[int], Question], told: Told) -> None:
        """Queue a question; `told` gets its one answer."""
        number = next(self._numbers)
        self._answers[number] = told
        self.actions.append(make(number))

    def answered(self, answer: Answer, now: float) -> None:
        """Hand an answer to whoever asked."""
        told = self._answers.pop(answer.question, None)
        if told is not None:
            told(answer, now)

    def forward(self, event: RequestReceived, to: str, identity: Identity) -> None:
        """Have another process answer a request whose sender is known."""
        call_id = event.request.get("call-id") or ""
        octets = self.endpoint.release(event.transaction, to)
        self.act(Forward(to, call_id, octets, event.flow, identity))

    def later(self, when: float, do: Callable[[float], None]) -> None:
        """Call `do` at `when`; what is no longer wanted by then finds that out itself."""
        heapq.heappush(self._due, (when, next(self._numbers), do))

    def next_timeout(self) -> float | None:
        """When `handle_timeout` wants to be called, or None."""
        return self._due[0][0] if self._due else None

    def handle_timeout(self, now: float) -> None:
        """Do what is due by `now`."""
        while self._due and self._due[0][0] <= now:
            heapq.heappop(self._due)[2](now)

    def own(self, dialog: DialogId, owner: DialogOwner) -> None:
        """From now on `owner` answers for that dialog."""
        self.dialogs[dialog] = owner

    def disown(self, dialog: DialogId) -> None:
        """No usage is left in it: forget it."""
        self.dialogs.pop(dialog, None)
        self.endpoint.forget(dialog)

    def understands(self, event: RequestReceived) -> bool:
        """Whether we know all that a request for us requires; else it is answered 420, or 400."""
        objection = sanity.unsupported(event.request) or sanity.misplaced(event.request)
        if objection is not None:
            status, reason, fields = objection.status, objection.reason, objection.fields
            self.endpoint.refuse(event.transaction, status, reason=reason, fields=fields)
        return objection is None

    def unavailable(self, transaction: TransactionId, now: float) -> None:
        """The database does not answer."""
        self.endpoint.respond(transaction, 503, now, fields=(("Retry-After", "5"),))

    def address(self, name: str, display_name: str = "") -> NameAddr:
        """The address of something here."""
        return NameAddr(self.domain.uri(name), display_name)


def same_device(endpoint: SipUri, contact: SipUri) -> bool:
    """Whether two Contacts, or GRUUs (RFC 5627), are of the same phone."""
    here, there = ((one.name, one.hostport, one.param("gr")) for one in (endpoint, contact))
    return here == there


def uri_of(text: str) -> SipUri:
    """A SIP URI that was checked before; what is none after all names nobody."""
    try:
        return parse_sip_uri(text)
    except BadMessage:
        return SipUri("sip", None, "invalid.invalid")
