"""Hands each event to the one whom it concerns: the focus's front door."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, get_args

from conferences.attempts import Notes
from conferences.policy import ConferenceId, Language
from sipgateway.focus import request_routing
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
    Answer,
    AttemptsLifted,
    AttemptsRestored,
    CallInherited,
    CallLost,
    ConferenceChanged,
    ConferenceInherited,
    DialogsTold,
    DialogsWatched,
    FocusEvent,
    LeaseLost,
    MediaHappened,
    OthersHeard,
    PhoneAnnounced,
    PhonesEnded,
    PhonesRemembered,
    ProcessGone,
    SetupAnswered,
    SetupRefused,
)
from sipgateway.focus.guard import Guard
from sipgateway.focus.halls import Halls, UserChosen
from sipgateway.focus.people import People
from sipgateway.focus.person_call import PersonCall
from sipgateway.focus.proxy import Proxy
from sipgateway.focus.registrar import Registrar
from sipgateway.focus.request_routing import RequestRouting
from sipgateway.focus.standing import Standing
from sipgateway.media.engine import RecordingClosed, SoundEnded, Speaking
from sipgateway.sip import timers
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
from sipgateway.sip.uri import SipUri


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
        self._desk.reserved = request_routing.SERVICES
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
        self._routing = RequestRouting(
            self._desk,
            authentication=self._authentication,
            registrar=self._registrar,
            application=self._application,
            people=self._people,
            proxy=self._proxy,
            halls=self._halls,
        )

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

    def _request(self, event: RequestReceived, now: float) -> None:
        self._routing.take(event, now)

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
        self._reached_by(entity, contact, flow, now)

    def _announced(self, event: PhoneAnnounced, now: float) -> None:
        """It is known by another process now; its calls may live here."""
        self._reached_by(event.entity, uri_of(event.contact), event.flow, now)

    def _reached_by(self, entity: str, contact: SipUri, flow: Flow, now: float) -> None:
        self._proxy.moved(entity, contact, flow)
        self._dialogs.moved(entity, contact, flow, now)
        for room in self._rooms:
            room.moved(entity, contact, flow, now)

    def _dialogs_watched(self, event: DialogsWatched, now: float) -> None:
        self._dialogs.watched_elsewhere(event, now)

    def _dialogs_told(self, event: DialogsTold, now: float) -> None:
        self._dialogs.told_elsewhere(event, now)

    def _process_gone(self, event: ProcessGone, now: float) -> None:
        self._dialogs.process_gone(event.name, now)

    def _others_heard(self, event: OthersHeard, now: float) -> None:
        del now
        self._desk.deaf = not event.heard

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
                conference.speaking({leg: told.levels.get(leg) for leg in told.legs}, now)


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
    OthersHeard: Switchboard._others_heard,
    **dict.fromkeys(get_args(Answer), Switchboard._answer),
    SetupAnswered: Switchboard._setup_answered,
    SetupRefused: Switchboard._setup_refused,
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
