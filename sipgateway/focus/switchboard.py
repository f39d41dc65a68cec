"""Hands each event to the one whom it concerns: the focus's front door.

A request in a dialog goes to the dialog's owner. One outside is first asked
who it is from (digest), then goes by its Request-URI: to the registrar, to
the factory, to a conference, which is loaded if it is not live.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from conferences.attempts import Notes
from conferences.policy import ConferenceId, Identity, Language
from sipgateway.focus import answers, application, joining, outside
from sipgateway.focus.actions import (
    Action,
    AnnouncePhone,
    Forward,
    NoteRecording,
    NoteSound,
    WriteAttempts,
)
from sipgateway.focus.application import Application
from sipgateway.focus.authentication import Authentication
from sipgateway.focus.conference import Conference
from sipgateway.focus.desk import Desk, Domain, uri_of
from sipgateway.focus.dialog_watchers import DialogWatchers, Line
from sipgateway.focus.doorstep import Doorstep
from sipgateway.focus.events import (
    AccountLoaded,
    Answer,
    AttemptsLifted,
    AttemptsRestored,
    CallAsked,
    CallInherited,
    CallLost,
    CallOutAsked,
    CancelAsked,
    ConferenceChanged,
    ConferenceInherited,
    ConferenceLoaded,
    DialogsTold,
    DialogsWatched,
    FocusEvent,
    LeaseLost,
    MediaHappened,
    Negotiated,
    NegotiationFailed,
    PhoneAnnounced,
    PhonesEnded,
    PhonesFound,
    PhonesKept,
    PhonesRemembered,
    ProcessGone,
    QuestionFailed,
    Reached,
    RemovalAsked,
    Reopened,
    SetupAnswered,
    SetupOpened,
    SetupRefused,
    TurnAwayAsked,
)
from sipgateway.focus.guard import Guard
from sipgateway.focus.halls import FACTORY, Halls, UserChosen
from sipgateway.focus.people import People
from sipgateway.focus.person_call import PersonCall
from sipgateway.focus.proxy import Proxy
from sipgateway.focus.registrar import Registrar
from sipgateway.focus.standing import Standing
from sipgateway.media.engine import RecordingClosed, SoundEnded, Speaking
from sipgateway.sip import headers, timers
from sipgateway.sip.digest import Digest
from sipgateway.sip.endpoint import Endpoint
from sipgateway.sip.events import (
    AckMissing,
    AckReceived,
    CancelReceived,
    FlowClosed,
    RequestReceived,
    ResponseReceived,
    Strayed,
    TransactionId,
)
from sipgateway.sip.flow import Flow
from sipgateway.sip.limits import DEFAULT, Limits
from sipgateway.sip.tokens import Tokens
from sipgateway.sip.uri import SipUri, parse_uri

#: Requests that make sense only in a dialog (RFC 3261 12.2.2).
_DIALOG_ONLY = frozenset({"BYE", "INFO", "UPDATE", "NOTIFY"})


@dataclass(frozen=True, slots=True)
class House:
    """The house rules that the switchboard needs."""

    domain: Domain
    user_chosen: UserChosen = UserChosen.ORGANIZERS
    #: The address that the pages lie under, without a slash at the end.
    pages: str = ""
    #: What prompts speak where no conference says so.
    language: Language = Language.ENGLISH
    #: The application answers once the conference exists, with early media until then.
    answers_late: bool = False
    #: Who speaks is in the roster, for a mixer whose packets do not say it (RFC 3550 5.1).
    shows_speakers: bool = False


class Switchboard:
    """See the module. The four verbs of the house: `handle`, `next_action`, the timeouts."""

    def __init__(
        self,
        *,
        endpoint: Endpoint,
        tokens: Tokens,
        digest: Digest,
        house: House,
        limits: Limits = DEFAULT,
    ) -> None:
        self._desk = Desk(endpoint=endpoint, tokens=tokens, domain=house.domain)
        self._desk.reserved = frozenset(_SERVICES)
        self._endpoint = endpoint
        self._house = house
        self.guard = Guard()
        self._authentication = Authentication(self._desk, digest, self.guard, limits)
        self._registrar = Registrar(self._desk, moved=self._moved)
        self._desk.whereabouts = self._registrar
        self._application = Application(
            self._desk,
            pages=house.pages,
            language=house.language,
            answers_late=house.answers_late,
        )
        self._doorstep = Doorstep(self._desk)
        self._dialogs = DialogWatchers(self._desk, self._lines)
        self._desk.stepped = self._dialogs.changed
        self._proxy = Proxy(self._desk, is_ours=self._authentication.is_ours)
        self._people = People(self._desk, self._dialogs, self._proxy)
        self._desk.other_end = self._people.other_end
        self._halls = Halls(
            self._desk, self._people, self._dialogs, house.user_chosen, doorstep=self._doorstep
        )
        self._conferences = self._halls.by_id

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
    def kept(self) -> list[str]:
        """The calls that live here and that another process could go on with, by group."""
        keepers = [call.keeper for call in self._people.calls] + self._application.keepers
        return [keeper.group for keeper in keepers if keeper]

    def serves(self, conference: ConferenceId) -> bool:
        """Whether a conference is live here."""
        return conference in self._conferences

    def awaits(self, token: str) -> bool:
        """Whether the call to the application that has that page is here, and still waits."""
        return self._application.waits(token)

    @property
    def _rooms(self) -> list[Application | Conference | Doorstep | PersonCall]:
        return [self._application, self._doorstep, *self._people.calls, *self._halls]

    def _lines(self) -> Iterator[Line]:
        """The legs of all rooms, as watchers of dialogs see them."""
        for room in self._rooms:
            conference = str(room.uri) if isinstance(room, Conference) else ""
            for leg in room.calls:
                yield Line(leg, room.contact_of(leg), conference)

    @property
    def awaited(self) -> bool:
        """Whether any phone that can be reached has not said goodbye yet."""
        return any(room.awaited for room in self._rooms)

    @property
    def occupied(self) -> bool:
        """Whether any call is up, coming or going."""
        return any(room.occupied for room in self._rooms)

    def write_attempts(self, now: float) -> None:
        """Have written down who was wrong too often since the last time."""
        notes = self.guard.take_notes()
        if notes != Notes():
            self._desk.act(WriteAttempts(notes, now))

    def stop(self, now: float, *, hand_over: bool = False) -> None:
        """Say BYE to everybody: the process is about to end.

        With `hand_over` other processes go on with conferences and calls.
        """
        self._registrar.stop(now)
        self._application.end(now, "The server is stopping", hand_over=hand_over)
        self._people.end(now, "The server is stopping", hand_over=hand_over)
        self._doorstep.end(now)
        for conference in self._halls:
            if hand_over:
                self._halls.abandon(conference.snapshot.id, now)
            else:
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
        if request.must(headers.TO).tag:
            self._proxy.inside(event, self._authentication.of, now)
            return
        if request.method in _DIALOG_ONLY:
            self._endpoint.respond(event.transaction, 481, now)
            return
        target = self._target(request.uri)
        if target.scheme == "sips" and not event.flow.secure:  # RFC 3261 26.2.2: every hop
            self._endpoint.refuse(event.transaction, 403, reason="SIPS Wants TLS")
            return
        if request.method == "OPTIONS" and target.user is None:
            if self._desk.understands(event):
                fields = answers.CAPABILITIES
                self._endpoint.respond(event.transaction, 200, now, fields=fields)
            return
        self._authentication.of(event, lambda who, then: self._known(event, target, who, then), now)

    def _target(self, text: str) -> SipUri:
        """The Request-URI; a telephone number is dialed here like any other name."""
        uri = parse_uri(text)
        if isinstance(uri, SipUri):
            return uri
        number = outside.canonical(uri).removeprefix("tel:")
        return replace(self._house.domain.uri(number), params=(("user", "phone"),))

    def _known(
        self, event: RequestReceived, target: SipUri, identity: Identity, now: float
    ) -> None:
        if event.request.method == "REGISTER":
            self._registrar.register(event, identity, now)
        elif event.request.method == "INVITE" and self._takes(event, target, identity, now):
            return
        elif self._house.domain.owns(target):
            self._to_name(event, target, identity, now)
        elif event.request.method == "INVITE":
            self._people.call_out(event, target, identity, now)
        else:
            self._endpoint.respond(event.transaction, 404, now, reason="Not Our Domain")

    def _to_name(
        self, event: RequestReceived, target: SipUri, identity: Identity, now: float
    ) -> None:
        """By the user part of the Request-URI."""
        service = _SERVICES.get(target.name.lower())
        if service is not None:
            service(self, event, identity, now)
        elif (answers_it := self._desk.services.get(target.name.lower())) is not None:
            if self._desk.understands(event):
                answers_it(event, identity, now)
        else:
            self._halls.request(event, target, identity, now)

    def _takes(
        self, event: RequestReceived, target: SipUri, identity: Identity, now: float
    ) -> bool:
        """Whether an INVITE names another dialog, and is taken up for that."""
        conference = target.name.lower() not in {"", *_SERVICES}
        return joining.take(self._desk, event, identity, now, conference=conference)

    # -- services ------------------------------------------------------------

    def _factory(self, event: RequestReceived, identity: Identity, now: float) -> None:
        self._halls.factory(event, identity, FACTORY, now)

    def _to_application(self, event: RequestReceived, identity: Identity, now: float) -> None:
        self._application.request(event, identity, now)

    def _setup_refused(self, event: SetupRefused, now: float) -> None:
        """No conference could be made; the caller may try again."""
        del now
        self._application.refused(event.token)

    def _setup_answered(self, event: SetupAnswered, now: float) -> None:
        """RFC 4579 5.3: the conference exists, its caller's call goes on in it."""
        if self.awaits(event.token):
            # Who is to be called is called once the caller is in.
            known = self._halls.by_id.get(event.snapshot.id)
            conference = known or self._halls.open(replace(event.snapshot, calls=()), now)
            self._application.hand_over(event.token, conference, now)
            conference.apply(event.snapshot, now)

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
        if event.request.method == "INVITE" and 200 <= event.response.status < 300:
            # Another fork may answer as long as the transaction lives (13.2.2.4).
            self._desk.later(now + timers.GIVE_UP, lambda _: self._forget(event.transaction))
        elif event.response.status >= 200:
            self._forget(event.transaction)
        if reply is not None:
            reply(event, now)

    def _forget(self, transaction: TransactionId) -> None:
        self._desk.replies.pop(transaction, None)

    def _flow_closed(self, event: FlowClosed, now: float) -> None:
        self._registrar.flow_closed(event.flow, now)
        for room in self._rooms:
            room.flow_closed(event, now)

    def _moved(self, entity: str, contact: SipUri, flow: Flow, now: float) -> None:
        if self._desk.process:
            self._desk.act(AnnouncePhone(entity, str(contact), flow))
        self._proxy.moved(entity, contact, flow)
        self._dialogs.moved(entity, contact, flow, now)
        for room in self._rooms:
            room.moved(entity, contact, flow, now)

    def _announced(self, event: PhoneAnnounced, now: float) -> None:
        """It is known by another process now; its calls may live here."""
        contact = uri_of(event.contact)
        self._proxy.moved(event.entity, contact, event.flow)
        self._dialogs.moved(event.entity, contact, event.flow, now)
        for room in self._rooms:
            room.moved(event.entity, contact, event.flow, now)

    def _dialogs_watched(self, event: DialogsWatched, now: float) -> None:
        self._dialogs.watched_elsewhere(event, now)

    def _dialogs_told(self, event: DialogsTold, now: float) -> None:
        self._dialogs.told_elsewhere(event, now)

    def _process_gone(self, event: ProcessGone, now: float) -> None:
        self._dialogs.process_gone(event.name, now)

    def _strayed(self, event: Strayed, now: float) -> None:
        del now
        self._desk.act(Forward(event.to, event.call_id, event.octets, event.flow))

    def _answer(self, event: Answer, now: float) -> None:
        self._desk.answered(event, now)

    def _inherited(self, event: ConferenceInherited, now: float) -> None:
        self._halls.inherit(event, now)

    def _call_inherited(self, event: CallInherited, now: float) -> None:
        left = [Standing(what, at) for what, at in event.left]
        if any("token" in one.what for one in left):
            self._application.inherit(left, event.gone, now)
        else:
            self._people.inherit(left, event.gone, now)

    def _call_lost(self, event: CallLost, now: float) -> None:
        for call in list(self._people.calls):
            if call.keeper.group == event.group:
                self._people.abandon(call, now)
        self._application.abandon(event.group, now)

    def _lease_lost(self, event: LeaseLost, now: float) -> None:
        self._halls.abandon(event.conference, now)

    def _conference_changed(self, event: ConferenceChanged, now: float) -> None:
        self._halls.changed(event.snapshot, now)

    def _phones_remembered(self, event: PhonesRemembered, now: float) -> None:
        self._registrar.remember(event.what, now)

    def _phones_ended(self, event: PhonesEnded, now: float) -> None:
        self._registrar.ended(event, now)

    def _restored(self, event: AttemptsRestored, now: float) -> None:
        del now
        self.guard.restore(event.notes)

    def _lifted(self, event: AttemptsLifted, now: float) -> None:
        del now
        for who, at in event.lifted:
            self.guard.lift(who, at)

    def _media(self, event: MediaHappened, now: float) -> None:
        told = event.event
        if isinstance(told, Speaking):
            if self._house.shows_speakers:
                self._speaking(told, now)
            return
        if isinstance(told, RecordingClosed):
            self._desk.act(NoteRecording(told.name, told.seconds, told.failed, now))
            return
        if isinstance(told, SoundEnded):
            self._desk.act(NoteSound(told.token, told.failed, now))
            return
        owner = self._desk.legs.get(told.leg)
        if owner is not None:
            owner.media_happened(told, now)

    def _speaking(self, told: Speaking, now: float) -> None:
        for conference in self._halls:
            if conference.room == told.room:
                conference.speaking(told.legs, now)


#: Which event goes where; the type of the key is that of the handler's argument.
_HANDLERS: Mapping[type, Callable[[Switchboard, Any, float], None]] = {
    RequestReceived: Switchboard._request,
    AckReceived: Switchboard._ack,
    AckMissing: Switchboard._no_ack,
    CancelReceived: Switchboard._cancel,
    ResponseReceived: Switchboard._response,
    FlowClosed: Switchboard._flow_closed,
    Strayed: Switchboard._strayed,
    PhoneAnnounced: Switchboard._announced,
    DialogsWatched: Switchboard._dialogs_watched,
    DialogsTold: Switchboard._dialogs_told,
    ProcessGone: Switchboard._process_gone,
    AccountLoaded: Switchboard._answer,
    ConferenceLoaded: Switchboard._answer,
    RemovalAsked: Switchboard._answer,
    TurnAwayAsked: Switchboard._answer,
    CallAsked: Switchboard._answer,
    CallOutAsked: Switchboard._answer,
    CancelAsked: Switchboard._answer,
    SetupOpened: Switchboard._answer,
    SetupAnswered: Switchboard._setup_answered,
    SetupRefused: Switchboard._setup_refused,
    QuestionFailed: Switchboard._answer,
    Negotiated: Switchboard._answer,
    NegotiationFailed: Switchboard._answer,
    Reached: Switchboard._answer,
    PhonesFound: Switchboard._answer,
    PhonesKept: Switchboard._answer,
    Reopened: Switchboard._answer,
    PhonesRemembered: Switchboard._phones_remembered,
    PhonesEnded: Switchboard._phones_ended,
    ConferenceChanged: Switchboard._conference_changed,
    ConferenceInherited: Switchboard._inherited,
    LeaseLost: Switchboard._lease_lost,
    CallInherited: Switchboard._call_inherited,
    CallLost: Switchboard._call_lost,
    MediaHappened: Switchboard._media,
    AttemptsRestored: Switchboard._restored,
    AttemptsLifted: Switchboard._lifted,
}
_SERVICES: Mapping[str, Callable[[Switchboard, RequestReceived, Identity, float], None]] = {
    FACTORY: Switchboard._factory,
    application.NAME: Switchboard._to_application,
}
