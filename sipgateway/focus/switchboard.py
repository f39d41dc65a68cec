"""Hands each event to the one whom it concerns: the focus's front door.

A request in a dialog goes to the dialog's owner. One outside is first asked
who it is from (digest), then goes by its Request-URI: to the registrar, to
the factory, to a conference, which is loaded if it is not live.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from conferences import policy
from conferences.policy import ConferenceId, Identity, Refusal, Snapshot
from sipgateway.focus import answers, application, joining
from sipgateway.focus.actions import Action, CreateConference, LoadAccount, LoadConference
from sipgateway.focus.application import Application
from sipgateway.focus.conference import Conference
from sipgateway.focus.desk import Desk, Domain, uri_of
from sipgateway.focus.events import (
    AccountLoaded,
    Answer,
    CallAsked,
    ConferenceChanged,
    ConferenceLoaded,
    FocusEvent,
    MediaHappened,
    Negotiated,
    NegotiationFailed,
    QuestionFailed,
    Reached,
    RemovalAsked,
    SetupAnswered,
    SetupOpened,
)
from sipgateway.focus.people import People, PersonCall
from sipgateway.focus.registrar import Registrar
from sipgateway.media.engine import Speaking
from sipgateway.sip import digest, headers
from sipgateway.sip.digest import Digest, Verdict, claim_of
from sipgateway.sip.endpoint import Endpoint
from sipgateway.sip.errors import BadMessage
from sipgateway.sip.events import (
    AckMissing,
    AckReceived,
    CancelReceived,
    FlowClosed,
    RequestReceived,
    ResponseReceived,
)
from sipgateway.sip.flow import Flow
from sipgateway.sip.headers import Auth
from sipgateway.sip.message import Request
from sipgateway.sip.tokens import Tokens
from sipgateway.sip.uri import SipUri, parse_sip_uri

FACTORY = "conference-factory"
#: Requests that make sense only in a dialog (RFC 3261 12.2.2).
_DIALOG_ONLY = frozenset({"BYE", "INFO", "UPDATE", "NOTIFY"})


class UserChosen(enum.StrEnum):
    """Who may create a conference by calling a URI of his choice (RFC 4579 appendix A)."""

    OFF = "off"
    ORGANIZERS = "organizers"
    ANYONE = "anyone"


@dataclass(frozen=True, slots=True)
class House:
    """The house rules that the switchboard needs."""

    domain: Domain
    user_chosen: UserChosen = UserChosen.ORGANIZERS
    #: The address that the pages lie under, without a slash at the end.
    pages: str = ""


Then = Callable[[Identity, float], None]


class Switchboard:
    """See the module. The four verbs of the house: `handle`, `next_action`, the timeouts."""

    def __init__(self, *, endpoint: Endpoint, tokens: Tokens, digest: Digest, house: House) -> None:
        self._desk = Desk(endpoint=endpoint, tokens=tokens, domain=house.domain)
        self._endpoint = endpoint
        self._digest = digest
        self._house = house
        self._registrar = Registrar(self._desk, moved=self._moved)
        self._desk.phones = self._registrar.phones
        self._conferences: dict[ConferenceId, Conference] = {}
        self._application = Application(self._desk, pages=house.pages)
        self._people = People(self._desk)

    def handle(self, event: FocusEvent, now: float) -> None:
        """Take one event."""
        _HANDLERS[type(event)](self, event, now)

    def next_action(self) -> Action | None:
        """The next thing to do, or None."""
        return self._desk.actions.popleft() if self._desk.actions else None

    def next_timeout(self) -> float | None:
        """When `handle_timeout` wants to be called, or None."""
        return self._desk.next_timeout()

    def handle_timeout(self, now: float) -> None:
        """Do what is due by `now`."""
        self._desk.handle_timeout(now)

    @property
    def live(self) -> list[ConferenceId]:
        """The conferences that are live here."""
        return list(self._conferences)

    @property
    def _rooms(self) -> list[Application | Conference | PersonCall]:
        return [self._application, *self._people.calls, *self._conferences.values()]

    @property
    def awaited(self) -> bool:
        """Whether any phone that can be reached has not said goodbye yet."""
        return any(room.awaited for room in self._rooms)

    @property
    def occupied(self) -> bool:
        """Whether any call is up, coming or going."""
        return any(room.occupied for room in self._rooms)

    def stop(self, now: float) -> None:
        """Say BYE to everybody: the process is about to end."""
        self._application.end(now, "The server is stopping")
        self._people.end(now, "The server is stopping")
        for conference in list(self._conferences.values()):
            conference.end("", now, over=False, text="The server is stopping")

    # -- SIP -----------------------------------------------------------------

    def _request(self, event: RequestReceived, now: float) -> None:
        if event.dialog is not None:
            owner = self._desk.dialogs.get(event.dialog)
            if owner is None:
                self._endpoint.respond(event.transaction, 481, now)
            else:
                owner.request_came(event, now)
            return
        request = event.request
        if request.method in _DIALOG_ONLY:
            self._endpoint.respond(event.transaction, 481, now)
            return
        target = parse_sip_uri(request.uri)
        if request.method == "OPTIONS" and target.user is None:
            fields = answers.CAPABILITIES
            self._endpoint.respond(event.transaction, 200, now, fields=fields)
            return
        self._authenticate(event, lambda who, then: self._known(event, target, who, then), now)

    def _known(
        self, event: RequestReceived, target: SipUri, identity: Identity, now: float
    ) -> None:
        if event.request.method == "REGISTER":
            self._registrar.register(event, identity, now)
        elif event.request.method == "INVITE" and self._named(event, identity, now):
            return
        elif not self._house.domain.owns(target):
            self._endpoint.respond(event.transaction, 404, now, reason="Not Our Domain")
        else:
            self._to_name(event, target.name.lower(), identity, now)

    def _to_name(self, event: RequestReceived, name: str, identity: Identity, now: float) -> None:
        """By the user part of the Request-URI: a service, a live conference, or one to load."""
        special = _SERVICES.get(name)
        if special is not None:
            special(self, event, identity, now)
            return
        for conference in self._conferences.values():
            if conference.snapshot.name.lower() == name:
                self._route(conference, event, identity, now)
                return

        def loaded(answer: Answer, then: float) -> None:
            if isinstance(answer, ConferenceLoaded):
                self._loaded(answer, event, name, identity, now=then)
            else:
                self._unavailable(event, then)

        self._desk.ask(lambda number: LoadConference(number, name), loaded)

    def _named(self, event: RequestReceived, identity: Identity, now: float) -> bool:
        """Take an INVITE that names another dialog (Join, Replaces); False for others."""
        wanted = joining.wanted(event.request)
        if wanted is None:
            return False
        if isinstance(wanted, joining.Refused):
            self._endpoint.respond(event.transaction, wanted.status, now, reason=wanted.reason)
            return True
        verb, ref = wanted
        found = joining.find(self._desk, verb, ref, identity)
        if found is None:
            return self._not_found(event, verb, now)
        if isinstance(found, joining.Refused):
            self._endpoint.respond(event.transaction, found.status, now, reason=found.reason)
        else:
            replaces = found.leg if found.verb is joining.Verb.REPLACE else None
            found.conference.invite(event, identity, now, replaces=replaces)
        return True

    def _not_found(self, event: RequestReceived, verb: joining.Verb, now: float) -> bool:
        """RFC 3911 4: at a conference URI a Join without match is ignored."""
        name = parse_sip_uri(event.request.uri).name.lower()
        if verb is joining.Verb.JOIN and name and name not in _SERVICES:
            return False
        self._endpoint.respond(event.transaction, 481, now)
        return True

    def _loaded(
        self,
        answer: ConferenceLoaded,
        event: RequestReceived,
        name: str,
        identity: Identity,
        *,
        now: float,
    ) -> None:
        if not self._endpoint.pending(event.transaction):
            return
        if answer.snapshot is not None:
            self._route(self._live(answer.snapshot, now), event, identity, now)
        elif answer.person:
            self._people.request(event, name, identity, now)
        elif event.request.method == "INVITE" and self._may_choose(identity):
            self._create(event, identity, name, now)
        else:
            self._endpoint.respond(event.transaction, 404, now)

    def _may_choose(self, identity: Identity) -> bool:
        rule = self._house.user_chosen
        if identity.is_guest or rule is UserChosen.OFF:
            return False
        return rule is UserChosen.ANYONE or identity.organizer

    def _live(self, snapshot: Snapshot, now: float) -> Conference:
        conference = self._conferences.get(snapshot.id)
        if conference is None:
            conference = Conference(self._desk, snapshot, idle=self._idle)
            self._conferences[snapshot.id] = conference
        else:
            conference.apply(snapshot, now)
        return conference

    def _idle(self, conference: Conference, now: float) -> None:
        del now
        if self._conferences.get(conference.snapshot.id) is conference:
            del self._conferences[conference.snapshot.id]

    def _route(
        self, conference: Conference, event: RequestReceived, identity: Identity, now: float
    ) -> None:
        handler = _TO_CONFERENCE.get(event.request.method)
        if handler is None:
            self._endpoint.respond(event.transaction, 405, now, fields=answers.CAPABILITIES[:1])
        else:
            handler(self, conference, event, identity, now)
        conference.maybe_idle(now)

    def _invite(
        self, conference: Conference, event: RequestReceived, identity: Identity, now: float
    ) -> None:
        conference.invite(event, identity, now)

    def _subscribe(
        self, conference: Conference, event: RequestReceived, identity: Identity, now: float
    ) -> None:
        conference.subscribe(event, identity, now)

    def _refer(
        self, conference: Conference, event: RequestReceived, identity: Identity, now: float
    ) -> None:
        conference.refer(event, identity, now)

    def _message(
        self, conference: Conference, event: RequestReceived, identity: Identity, now: float
    ) -> None:
        conference.message(event, identity, now)

    def _options(
        self, conference: Conference, event: RequestReceived, identity: Identity, now: float
    ) -> None:
        """The status is the one that an INVITE would get (RFC 3261 11.2)."""
        refusal = policy.may_join(conference.snapshot, identity, present=0, now=now)
        if refusal is not None:
            conference.refuse(event.transaction, refusal, now)
            return
        conference.options(event)

    # -- services ------------------------------------------------------------

    def _factory(self, event: RequestReceived, identity: Identity, now: float) -> None:
        """RFC 4579 5.4: a call to the factory creates a conference."""
        if event.request.method == "OPTIONS":
            fields = answers.CAPABILITIES
            self._endpoint.respond(event.transaction, 200, now, fields=fields)
        elif event.request.method != "INVITE":
            fields = (("Allow", "INVITE, ACK, CANCEL, OPTIONS"),)
            self._endpoint.respond(event.transaction, 405, now, fields=fields)
        elif identity.is_guest:
            _, phrase, _ = answers.REFUSALS[Refusal.NOT_ALLOWED]
            self._endpoint.respond(event.transaction, 403, now, reason=phrase)
        else:
            self._create(event, identity, "", now)

    def _to_application(self, event: RequestReceived, identity: Identity, now: float) -> None:
        self._application.request(event, identity, now)

    def _setup_answered(self, event: SetupAnswered, now: float) -> None:
        """RFC 4579 5.3: the conference exists, its caller's call goes on in it."""
        if self._application.waits(event.token):
            conference = self._live(replace(event.snapshot, calls=()), now)
            self._application.hand_over(event.token, conference, now)
            conference.apply(event.snapshot, now)

    def _create(self, event: RequestReceived, identity: Identity, name: str, now: float) -> None:
        del now

        def created(answer: Answer, then: float) -> None:
            if not isinstance(answer, ConferenceLoaded):
                self._unavailable(event, then)
                return
            if not self._endpoint.pending(event.transaction):
                return
            if answer.snapshot is None:
                self._endpoint.respond(event.transaction, 404, then)
                return
            self._route(self._live(answer.snapshot, then), event, identity, then)

        self._desk.ask(lambda number: CreateConference(number, identity, name), created)

    def _unavailable(self, event: RequestReceived, now: float) -> None:
        """The database does not answer."""
        fields = (("Retry-After", "5"),)
        self._endpoint.respond(event.transaction, 503, now, fields=fields)

    # -- who is it -----------------------------------------------------------

    def _authenticate(self, event: RequestReceived, then: Then, now: float) -> None:
        try:
            auth = self._credentials(event.request)
        except BadMessage as error:
            self._endpoint.respond(event.transaction, 400, now, reason=error.reason)
            return
        if auth is None:
            self._challenge(event, now, stale=False)
            return
        credentials = auth

        def loaded(answer: Answer, at: float) -> None:
            if isinstance(answer, AccountLoaded):
                self._verify(event, credentials, answer, then, now=at)
            else:
                self._unavailable(event, at)

        claim = claim_of(credentials)
        # A hashed name (RFC 7616 3.4.4) was never offered and is nobody's.
        name = "" if claim.hashed_by else claim.name
        self._desk.ask(lambda number: LoadAccount(number, name), loaded)

    @staticmethod
    def _credentials(request: Request) -> Auth | None:
        digests = [a for a in request.every(headers.AUTHORIZATION) if a.scheme == "digest"]
        return digests[0] if digests else None

    def _verify(
        self,
        event: RequestReceived,
        auth: Auth,
        account: AccountLoaded,
        then: Then,
        *,
        now: float,
    ) -> None:
        if not self._endpoint.pending(event.transaction):
            return
        ha1 = account.ha1 if account.identity else self._digest.no_such_user()
        request = event.request
        verdict = self._digest.verify(auth, ha1, method=request.method, now=now, body=request.body)
        if not self._is_for_us(auth.get("uri"), request):
            verdict = Verdict.BAD
        if verdict is Verdict.GOOD and account.identity is not None:
            then(account.identity, now)
            return
        self._challenge(event, now, stale=verdict is Verdict.STALE and bool(account.identity))

    def _is_for_us(self, uri: str, request: Request) -> bool:
        """RFC 7616 3.4.6. SIPp names the server alone, so any URI of this house will do."""
        return uri == request.uri or self._house.domain.owns(uri_of(uri))

    def _challenge(self, event: RequestReceived, now: float, *, stale: bool) -> None:
        user_agent = event.request.get("user-agent") or ""
        algorithms = digest.algorithms_for(user_agent, web=event.flow.web)
        challenges = self._digest.challenges(now, stale=stale, algorithms=algorithms)
        fields = tuple(
            ("WWW-Authenticate", headers.WWW_AUTHENTICATE.build(auth)) for auth in challenges
        )
        self._endpoint.respond(event.transaction, 401, now, fields=fields)

    # -- the rest ------------------------------------------------------------

    def _ack(self, event: AckReceived, now: float) -> None:
        if (owner := self._desk.dialogs.get(event.dialog)) is not None:
            owner.ack_came(event, now)

    def _no_ack(self, event: AckMissing, now: float) -> None:
        if (owner := self._desk.dialogs.get(event.dialog)) is not None:
            owner.ack_missing(event, now)

    def _cancel(self, event: CancelReceived, now: float) -> None:
        cancelled = self._desk.cancels.pop(event.transaction, None)
        if cancelled is not None:
            cancelled(now)
        else:
            self._endpoint.respond(event.transaction, 487, now)

    def _response(self, event: ResponseReceived, now: float) -> None:
        reply = self._desk.replies.get(event.transaction)
        if event.response.status >= 200:
            self._desk.replies.pop(event.transaction, None)
        if reply is not None:
            reply(event, now)

    def _flow_closed(self, event: FlowClosed, now: float) -> None:
        self._registrar.flow_closed(event.flow)
        for room in self._rooms:
            room.flow_closed(event, now)

    def _moved(self, entity: str, contact: SipUri, flow: Flow, now: float) -> None:
        del now
        for room in self._rooms:
            room.moved(entity, contact, flow)

    def _answer(self, event: Answer, now: float) -> None:
        self._desk.answered(event, now)

    def _conference_changed(self, event: ConferenceChanged, now: float) -> None:
        snapshot = event.snapshot
        conference = self._conferences.get(snapshot.id)
        if conference is None:
            if not snapshot.calls:
                return
            # Somebody is to be called into a conference where nobody is yet.
            conference = self._live(replace(snapshot, calls=()), now)
        conference.apply(snapshot, now)
        conference.maybe_idle(now)

    def _media(self, event: MediaHappened, now: float) -> None:
        if isinstance(event.event, Speaking):
            return
        owner = self._desk.legs.get(event.event.leg)
        if owner is not None:
            owner.media_happened(event.event, now)


#: Which event goes where; the type of the key is that of the handler's argument.
_HANDLERS: Mapping[type, Callable[[Switchboard, Any, float], None]] = {
    RequestReceived: Switchboard._request,
    AckReceived: Switchboard._ack,
    AckMissing: Switchboard._no_ack,
    CancelReceived: Switchboard._cancel,
    ResponseReceived: Switchboard._response,
    FlowClosed: Switchboard._flow_closed,
    AccountLoaded: Switchboard._answer,
    ConferenceLoaded: Switchboard._answer,
    RemovalAsked: Switchboard._answer,
    CallAsked: Switchboard._answer,
    SetupOpened: Switchboard._answer,
    SetupAnswered: Switchboard._setup_answered,
    QuestionFailed: Switchboard._answer,
    Negotiated: Switchboard._answer,
    NegotiationFailed: Switchboard._answer,
    Reached: Switchboard._answer,
    ConferenceChanged: Switchboard._conference_changed,
    MediaHappened: Switchboard._media,
}
_TO_CONFERENCE: Mapping[
    str, Callable[[Switchboard, Conference, RequestReceived, Identity, float], None]
] = {
    "INVITE": Switchboard._invite,
    "SUBSCRIBE": Switchboard._subscribe,
    "REFER": Switchboard._refer,
    "OPTIONS": Switchboard._options,
    "MESSAGE": Switchboard._message,
}
_SERVICES: Mapping[str, Callable[[Switchboard, RequestReceived, Identity, float], None]] = {
    FACTORY: Switchboard._factory,
    application.NAME: Switchboard._to_application,
}
