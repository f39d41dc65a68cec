"""The conferences that are live here: found by name, loaded, created, let go of."""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import replace

from conferences.policy import ConferenceId, Identity, Refusal, Snapshot
from sipgateway.focus import answers, outside
from sipgateway.focus.conference import Conference
from sipgateway.focus.desk import Desk
from sipgateway.focus.dialog_watchers import DialogWatchers
from sipgateway.focus.doorstep import Doorstep
from sipgateway.focus.events import Answer, ConferenceInherited, ConferenceLoaded
from sipgateway.focus.facts import Record, Released
from sipgateway.focus.leg import Leg
from sipgateway.focus.people import People
from sipgateway.focus.person_call import Led, PersonCall
from sipgateway.focus.questions import CreateConference, LoadConference
from sipgateway.focus.standing import Standing
from sipgateway.sip.events import RequestReceived
from sipgateway.sip.headers import NameAddr
from sipgateway.sip.uri import SipUri

FACTORY = "conference-factory"
"""The user part of the factory that is always there (RFC 4579 5.4)."""


class UserChosen(enum.StrEnum):
    """Who may create a conference by calling a URI of his choice (RFC 4579 appendix A)."""

    OFF = "off"
    ORGANIZERS = "organizers"
    ANYONE = "anyone"


class Halls:
    """See the module."""

    def __init__(
        self,
        desk: Desk,
        people: People,
        dialogs: DialogWatchers,
        user_chosen: UserChosen,
        *,
        doorstep: Doorstep,
    ) -> None:
        self._desk = desk
        self._doorstep = doorstep
        self._people = people
        self._dialogs = dialogs
        self._user_chosen = user_chosen
        self.by_id: dict[ConferenceId, Conference] = {}
        people.gatherer = self._gather
        people.leader = self._lead

    def __iter__(self) -> Iterator[Conference]:
        return iter(list(self.by_id.values()))

    def request(self, event: RequestReceived, target: SipUri, who: Identity, now: float) -> None:
        """A request for a URI of ours: of a live conference, or of one to load."""
        name = target.name.lower()
        for conference in self.by_id.values():
            if conference.snapshot.name.lower() == name:
                self._route(conference, event, who, now)
                return

        def loaded(answer: Answer, then: float) -> None:
            if isinstance(answer, ConferenceLoaded):
                self._loaded(answer, event, target, who, now=then)
            else:
                self._desk.unavailable(event.transaction, then)

        self._desk.ask(lambda number: LoadConference(number, name), loaded)

    def _loaded(
        self,
        answer: ConferenceLoaded,
        event: RequestReceived,
        target: SipUri,
        who: Identity,
        *,
        now: float,
    ) -> None:
        if not self._desk.endpoint.pending(event.transaction):
            return
        name, inviting = target.name.lower(), event.request.method == "INVITE"
        if inviting and answer.vacant and self._may_choose(who):
            self.create(event, who, name)
        else:
            self._lead_to(answer, event, target, who, now=now)

    def _lead_to(
        self,
        answer: ConferenceLoaded,
        event: RequestReceived,
        target: SipUri,
        who: Identity,
        *,
        now: float,
    ) -> None:
        """To whatever bears that name, or to a conference that gets it."""
        name, inviting = target.name.lower(), event.request.method == "INVITE"
        if answer.owner:
            self._desk.forward(event, answer.owner, who)
        elif answer.snapshot is not None:
            self._route(self.open(answer.snapshot, now), event, who, now)
        elif answer.person:
            self._people.request(event, name, who, now)
        elif answer.factory:
            self.factory(event, who, name, now)
        elif inviting and (number := outside.number_in(target)) is not None:
            self._people.call_out(event, number, who, now)
        elif inviting and self._may_choose(who):
            self.create(event, who, name)
        else:
            self._desk.endpoint.respond(event.transaction, 404, now)

    def _may_choose(self, who: Identity) -> bool:
        if who.is_guest or self._user_chosen is UserChosen.OFF:
            return False
        return self._user_chosen is UserChosen.ANYONE or who.organizer

    def factory(self, event: RequestReceived, who: Identity, name: str, now: float) -> None:
        """RFC 4579 5.4: a call to a factory creates a conference."""
        respond = self._desk.endpoint.respond
        if not self._desk.understands(event):
            return
        if event.request.method == "OPTIONS":
            respond(event.transaction, 200, now, fields=answers.CAPABILITIES)
        elif event.request.method != "INVITE":
            fields = (("Allow", "INVITE, ACK, CANCEL, OPTIONS"),)
            respond(event.transaction, 405, now, fields=fields)
        elif event.request.all("join"):  # RFC 3911 4: nothing was found that it could join
            respond(event.transaction, 481, now)
        elif who.is_guest:
            self._refuse(event, Refusal.NOT_ALLOWED, now)
        else:
            self.create(event, who, "", factory=name)

    def _refuse(self, event: RequestReceived, refusal: Refusal, now: float) -> None:
        status, phrase, text = answers.REFUSALS[refusal]
        fields = (("Reason", answers.reason_value(status, text)),)
        self._desk.endpoint.respond(event.transaction, status, now, reason=phrase, fields=fields)

    def create(
        self, event: RequestReceived, who: Identity, name: str, *, factory: str = ""
    ) -> None:
        """A call that creates a conference; `name` is "" for a random one."""

        def created(answer: Answer, now: float) -> None:
            if not isinstance(answer, ConferenceLoaded):
                self._desk.unavailable(event.transaction, now)
                return
            if not self._desk.endpoint.pending(event.transaction):
                return
            if answer.snapshot is None:
                self._refuse(event, answer.refusal or Refusal.UNKNOWN, now)
            elif answer.redirect:
                self._redirect(event, answer.snapshot, now)
            else:
                self._route(self.open(answer.snapshot, now), event, who, now)

        self._desk.ask(lambda number: CreateConference(number, who, name, factory), created)

    def _redirect(self, event: RequestReceived, snapshot: Snapshot, now: float) -> None:
        """RFC 4579 5.4, figure 4: the conference exists, and is to be called itself."""
        focus = () if snapshot.hidden_focus else (("isfocus", None),)
        contact = NameAddr(self._desk.domain.uri(snapshot.name), "", focus)
        self._desk.endpoint.respond(event.transaction, 302, now, contact=contact)

    def _gather(self, event: RequestReceived, call: PersonCall, asker: Leg, name: str) -> None:
        """Draft 4.9: a call between two people becomes a conference, if `name` is a factory's."""

        def loaded(answer: Answer, now: float) -> None:
            if not isinstance(answer, ConferenceLoaded):
                self._desk.unavailable(event.transaction, now)
            elif answer.factory:
                self._make_of(event, call, asker, name)
            else:
                call.transfer(event, asker, now)

        if name == FACTORY:
            self._make_of(event, call, asker, name)
        else:
            self._desk.ask(lambda number: LoadConference(number, name), loaded)

    def _lead(self, call: Led, event: RequestReceived, uri: SipUri) -> None:
        """A phone has sent a caller on to a conference: he comes in by himself, if he may.

        Where another process serves it, his phone is told to call there (302).
        """
        who, name = call.calling, uri.name.lower()

        def loaded(answer: Answer, then: float) -> None:
            if not self._desk.endpoint.pending(event.transaction):
                return
            if not isinstance(answer, ConferenceLoaded) or answer.snapshot is None:
                call.lead_nowhere(then)
                return
            call.led()
            if answer.owner:
                self._redirect(event, answer.snapshot, then)
            else:
                self._route(self.open(answer.snapshot, then), event, who, then)

        self._desk.ask(lambda number: LoadConference(number, name), loaded)

    def _make_of(self, event: RequestReceived, call: PersonCall, asker: Leg, factory: str) -> None:
        who = asker.identity

        def created(answer: Answer, now: float) -> None:
            parties = call.parties
            if not isinstance(answer, ConferenceLoaded):
                self._desk.unavailable(event.transaction, now)
            elif answer.snapshot is None or parties is None:
                self._refuse(event, answer.refusal or Refusal.UNKNOWN, now)
            else:
                conference = self.open(answer.snapshot, now)
                told = conference.accept(event, who, now)
                told.tell(100, now)
                for leg in parties:
                    leg.display_text = leg.display_text or answer.names.get(leg.identity.uri, "")
                    conference.adopt(leg, call.calls, now)
                told.tell(200, now)
                self._people.over(call)

        entities = tuple(leg.identity.uri for leg in call.parties or ())
        self._desk.ask(
            lambda number: CreateConference(number, who, "", factory, parties=entities), created
        )

    def _route(
        self, conference: Conference, event: RequestReceived, who: Identity, now: float
    ) -> None:
        if self._desk.understands(event):
            conference.request(event, who, now)
        conference.maybe_idle(now)

    def open(self, snapshot: Snapshot, now: float) -> Conference:
        """The live conference of a snapshot, which it follows from now on."""
        conference = self.by_id.get(snapshot.id)
        if conference is None:
            conference = Conference(
                self._desk,
                snapshot,
                dialogs=self._dialogs,
                doorstep=self._doorstep,
                line=self._people,
                idle=self._idle,
            )
            self.by_id[snapshot.id] = conference
        else:
            conference.apply(snapshot, now)
        return conference

    def _idle(self, conference: Conference, now: float) -> None:
        if self.by_id.get(conference.snapshot.id) is conference:
            del self.by_id[conference.snapshot.id]
            if self._desk.process:
                self._desk.act(Record(conference.snapshot.id, Released(), now))

    def inherit(self, event: ConferenceInherited, now: float) -> None:
        """Go on with a conference whose process is gone."""
        conference = self.open(replace(event.snapshot, calls=()), now)
        left = [Standing(what, at) for what, at in event.left]
        conference.resume(left, event.version, event.gone, now)
        conference.apply(event.snapshot, now)
        conference.maybe_idle(now)

    def abandon(self, conference: ConferenceId, now: float) -> None:
        """Another process serves it: it is none of ours any more."""
        known = self.by_id.pop(conference, None)
        if known is not None:
            known.abandon(now)

    def changed(self, snapshot: Snapshot, now: float) -> None:
        """Somebody changed what a conference is meant to be."""
        conference = self.by_id.get(snapshot.id)
        if conference is None:
            if not snapshot.calls:
                return
            # Somebody is to be called into a conference where nobody is yet.
            conference = self.open(replace(snapshot, calls=()), now)
        conference.apply(snapshot, now)
        conference.maybe_idle(now)
