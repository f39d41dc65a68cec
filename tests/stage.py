"""The stage on which protocol tests are charts.

A `Stage` holds the real user agent and the real focus, a counter for tokens,
a clock that only it moves, and stand-ins for the database and the mixer that
answer at once. A `Person` is a phone on the stage: `sends` feeds a message,
`gets` compares only what is named, and what nobody asked for fails the test
at `is_quiet`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from lxml import etree

from conferences import policy
from conferences.phonebook import Entry, Remembered
from conferences.policy import (
    Admission,
    CallOrder,
    ConferenceId,
    Identity,
    Newcomers,
    ParticipantKey,
    RecordingOrder,
    Refusal,
    RemovalOrder,
    Role,
    Snapshot,
    TurnedAway,
    WaiterKey,
)
from sipgateway.focus import actions, facts, questions
from sipgateway.focus.desk import Domain, uri_of
from sipgateway.focus.events import (
    AccountLoaded,
    CallAsked,
    CallOutAsked,
    CancelAsked,
    ConferenceChanged,
    ConferenceLoaded,
    FocusEvent,
    MediaHappened,
    Negotiated,
    NegotiationFailed,
    PhonesFound,
    PhonesKept,
    PhonesRemembered,
    Reached,
    RemovalAsked,
    Reopened,
    SetupAnswered,
    SetupOpened,
    SetupRefused,
    TurnAwayAsked,
)
from sipgateway.focus.halls import UserChosen
from sipgateway.focus.registrar import CONFIRMED_WITHIN
from sipgateway.focus.switchboard import House, Switchboard
from sipgateway.gate import Gate, Verdict
from sipgateway.gateway import AFTER_REFUSAL
from sipgateway.media.engine import Description, Direction, LegId, MediaEvent, Session
from sipgateway.sip import headers, message
from sipgateway.sip.credentials import Trunk
from sipgateway.sip.digest import ALGORITHMS, Digest, ha1s, response_of, user_hash
from sipgateway.sip.endpoint import Endpoint
from sipgateway.sip.flow import Flow, FlowId, Transport
from sipgateway.sip.limits import DEFAULT, Limits
from sipgateway.sip.message import Request, Response
from sipgateway.sip.siblings import Siblings

DOMAIN = "conf.test"
PAGES = "http://conf.test"
START = 1_800_000_000.0
OFFER = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"
ANSWER = "v=0\r\no=- 2 1 IN IP4 192.0.2.9\r\ns=-\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\n"
NAMESPACE = "{urn:ietf:params:xml:ns:conference-info}"


class CountingTokens:
    """Tokens that a test can foresee."""

    def __init__(self, name: str = "") -> None:
        self._numbers = itertools.count(1)
        #: So that two processes give nothing the same name.
        self._own = int(name[:2] or "0", 16) * 1000
        self._prefix = f"p{name}_" if name else ""

    def branch(self) -> str:
        return f"z9hG4bK{self._prefix}-{next(self._numbers)}"

    def tag(self) -> str:
        return f"{self._prefix or 'tag'}-{next(self._numbers)}"

    def call_id(self) -> str:
        return f"call-{next(self._numbers)}@{DOMAIN}"

    def opaque(self) -> str:
        return f"opaque-{self._own + next(self._numbers):06d}"


@dataclass
class Media:
    """A mixer that agrees to everything, and remembers who is where."""

    rooms: dict[LegId, str | None] = field(default_factory=dict)
    #: Where the SIP of each leg comes from, as the mixer was told last.
    hosts: dict[LegId, str] = field(default_factory=dict)
    #: What it was told with the last question that was agreed before.
    reminded: dict[LegId, str] = field(default_factory=dict)
    agreements: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    #: Whose answers to offers of ours were taken.
    accepted: list[LegId] = field(default_factory=list)
    muted: dict[LegId, bool] = field(default_factory=dict)
    played: list[tuple[str, str]] = field(default_factory=list)
    listening: dict[LegId, float] = field(default_factory=dict)
    recorded: list[tuple[str, str, bool]] = field(default_factory=list)
    agreed: dict[LegId, bool] = field(default_factory=dict)
    tracks: dict[LegId, str] = field(default_factory=dict)
    sounds: list[tuple[str, str, float]] = field(default_factory=list)
    #: What is played reaches the phone before anything has come from it.
    near: bool = False
    #: What the phone's stream is, as the next description says.
    direction: Direction = Direction.SENDRECV
    #: What the next description is answered with, instead of agreeing.
    refuses: tuple[int, str] | None = None
    #: Questions that are kept back until `Stage.media_thinks` ends.
    thinks: bool = False
    kept: list[actions.Action] = field(default_factory=list)

    def note(self, action: actions.Action) -> None:
        """Remember what was ordered."""
        match action:
            case actions.Place():
                self.rooms[action.leg] = action.room
            case actions.Mute():
                self.muted[action.leg] = action.muted
            case actions.Play():
                self.played.append((action.leg, action.prompt))
            case actions.PlayRoom():
                self.played.append((action.room, action.prompt))
            case actions.DropMedia():
                self.rooms.pop(action.leg, None)
            case _:
                self._note_keeping(action)

    def _note_keeping(self, action: actions.Action) -> None:
        match action:
            case actions.Listen():
                self.listening[action.leg] = action.seconds
            case actions.RecordRoom():
                self.recorded.append((action.room, action.name, action.paused))
            case actions.Agree():
                self.agreed[action.leg] = action.agrees
            case actions.PlaySound():
                self.sounds.append((action.room, action.name, action.start))
            case actions.Track():
                self.tracks[action.leg] = action.name
            case _:
                pass


class Stage:
    """See the module. With a `name` it is one of several processes (eight hex digits)."""

    def __init__(
        self,
        *,
        user_chosen: UserChosen = UserChosen.ORGANIZERS,
        answers_late: bool = False,
        name: str = "",
        limits: Limits = DEFAULT,
    ) -> None:
        self.now = START
        self._limits = limits
        self.name = name
        self._tokens = CountingTokens(name)
        self._house = House(
            Domain.parse(DOMAIN), user_chosen=user_chosen, pages=PAGES, answers_late=answers_late
        )
        self._starts()
        self.media = Media()
        self.snapshots: dict[str, Snapshot] = {}
        self.facts: list[facts.Fact] = []
        self.chart: list[str] = []
        self.setups: dict[str, Identity] = {}
        #: By name, what each makes of its conferences, and how it answers.
        self.factories: dict[str, dict[str, object]] = {}
        #: Names of conferences that are over and may be had anew.
        self.vacant: set[str] = set()
        self.noted: list[actions.NoteRecording | actions.NoteSound] = []
        #: Whether no conference can be made any more.
        self.no_ports = False
        self.people: dict[str, Person] = {}
        #: Registrations that were written down, by address of record and key.
        self.phones: dict[tuple[str, str], Entry] = {}
        #: Legs of calls without a conference, as written down: group and what, by key.
        self.standing_calls: dict[str, tuple[str, dict[str, object]]] = {}
        #: Setups that were looked at once more.
        self.looked_at: list[str] = []
        #: Phones that other processes hold, by address of record.
        self.elsewhere: dict[str, tuple[tuple[str, Entry], ...]] = {}
        #: Flows that are found again after a restart, by address.
        self.found_again: dict[tuple[str, int], Flow] = {}
        #: What leads out of the house: servers in the order of trying, and the trunk.
        self.servers: list[Person] = []
        self.trunk: Trunk | None = None
        #: Where calls of conferences may be sent on to, and what was asked of that.
        self.sends_on: set[str] = set()
        self.asked_to_send_on: list[tuple[int, str]] = []
        #: Whether the DNS takes its time.
        self.dns_thinks = False
        self.looked_up: list[questions.Reach] = []
        #: Which process serves a conference, where that is another one.
        self.owners: dict[str, str] = {}
        #: What is to be told to other processes, and sent by flows that end there.
        self.forwarded: list[actions.Forward] = []
        self.announced: list[actions.AnnouncePhone] = []
        self.of_dialogs: list[actions.WatchDialogs | actions.TellDialogs] = []
        self.sent_elsewhere: list[tuple[Flow, bytes]] = []
        self._flows = itertools.count(int(name or "0", 16) + 1)
        self._orders = itertools.count(1)

    def _starts(self) -> None:
        self.siblings = Siblings(self.name)
        self.endpoint = Endpoint(self._tokens, self.siblings if self.name else None, self._limits)
        digest = Digest(DOMAIN, b"key", self._tokens, name=self.name)
        self.switchboard = Switchboard(
            endpoint=self.endpoint,
            tokens=self._tokens,
            digest=digest,
            house=self._house,
            limits=self._limits,
        )
        self.gate = Gate(
            knows_call=self.endpoint.knows,
            guard=self.switchboard.guard,
            digest=digest,
            limits=self._limits,
            alone=not self.name,
        )

    def receives(self, octets: bytes, flow: Flow) -> None:
        """What the gateway does with a message."""
        host, port = flow.remote_host, flow.remote_port
        verdict = self.gate.judge(octets, host, port, self.now, connected=flow.reliable)
        if verdict is Verdict.REFUSE:
            self.endpoint.turn_away(octets, flow, AFTER_REFUSAL)
        elif verdict is Verdict.TAKE:
            self.endpoint.receive(octets, flow, self.now)
        self.pump()

    def restarts(self, *ended: tuple[str, str], away: tuple[tuple[str, str], ...] = ()) -> None:
        """The process ends in good order and a new one begins, with what was written down."""
        self.switchboard.stop(self.now)
        self.pump()
        self._starts()
        self.happens(self.memories(*ended, away=away))

    def memories(
        self, *ended: tuple[str, str], away: tuple[tuple[str, str], ...] = ()
    ) -> PhonesRemembered:
        """What was written down."""
        return PhonesRemembered(Remembered(tuple(self.phones.values()), ended=ended, away=away))

    # -- scenery -------------------------------------------------------------

    def conference(self, name: str = "4711", **policies: object) -> Snapshot:
        """Book a conference: Alice organizes it, anybody who signs in may come."""
        wanted: dict[str, object] = {
            "id": ConferenceId(len(self.snapshots) + 1),
            "name": name,
            "title": "Planning",
            "admission": Admission.SIGNED_IN,
            "roles": {f"sip:alice@{DOMAIN}": Role.ORGANIZER},
            "creator": f"sip:alice@{DOMAIN}",
        }
        self.snapshots[name] = Snapshot(**{**wanted, **policies})  # type: ignore[arg-type]
        return self.snapshots[name]

    def person(self, name: str, **how: object) -> Person:
        """Somebody with a phone."""
        person = self.people[name] = Person(self, name, **how)  # type: ignore[arg-type]
        return person

    def joined(self, name: str, conference: str = "4711") -> Person:
        """Somebody who has dialed in."""
        person = self.people.get(name) or self.person(name)
        person.dials(conference)
        return person

    def changes(self, name: str = "4711", **policies: object) -> None:
        """Somebody changed what a conference is meant to be, and the focus heard of it."""
        self.snapshots[name] = replace(self.snapshots[name], **policies)  # type: ignore[arg-type]
        self.happens(ConferenceChanged(self.snapshots[name]))

    def roster(self, name: str = "4711") -> list[str]:
        """Who is in, by user name."""
        conference = self.switchboard._conferences.get(self.snapshots[name].id)
        users = conference.roster.users.values() if conference else ()
        return [user.entity.removeprefix("sip:").partition("@")[0] for user in users]

    def queue(self, name: str = "4711") -> list[str]:
        """Who waits to be let in, by user name."""
        conference = self.switchboard._conferences.get(self.snapshots[name].id)
        waiting = conference.roster.waiting if conference else ()
        return [entity.removeprefix("sip:").partition("@")[0] for entity in waiting]

    def lets_in(self, *who: str, name: str = "4711") -> None:
        """The page's button, after the service."""
        entities = {f"sip:{one}@{DOMAIN}" for one in who}
        self.changes(name, let_in=self.snapshots[name].let_in | entities)

    def turns_away(self, who: str, *, reason: str = "", ban: bool = False) -> None:
        """The page's button with which somebody who waits is not let in, after the service."""
        conference = self.switchboard._conferences[self.snapshots["4711"].id]
        entity = f"sip:{who}@{DOMAIN}"
        waiter = WaiterKey(conference.roster.waiting[entity].key)
        order = TurnedAway(waiter, f"sip:alice@{DOMAIN}", "Alice", reason, ban)
        banned = frozenset({entity} if ban else ())
        self.changes(turned_away=(order,), banned=banned)

    def key_of(self, who: str, name: str = "4711") -> ParticipantKey:
        """The roster entry of somebody."""
        conference = self.switchboard._conferences[self.snapshots[name].id]
        return conference.roster.users[f"sip:{who}@{DOMAIN}"].key

    def leg_of(self, who: str, name: str = "4711") -> LegId:
        """The first leg of somebody, in the roster or not."""
        conference = self.switchboard._conferences[self.snapshots[name].id]
        return next(leg.id for leg in conference.calls if leg.identity.uri == f"sip:{who}@{DOMAIN}")

    # -- action --------------------------------------------------------------

    def passes(self, seconds: float) -> None:
        """Time goes by, with every timer on the way."""
        end = self.now + seconds
        while True:
            times = [self.endpoint.next_timeout(), self.switchboard.next_timeout()]
            due = min((when for when in times if when is not None), default=float("inf"))
            if due > end:
                break
            self.now = max(self.now, due)
            self.endpoint.handle_timeout(self.now)
            self.switchboard.handle_timeout(self.now)
            self.pump()
        self.now = end

    def happens(self, event: FocusEvent) -> None:
        """Something reaches the focus from outside SIP."""
        self.switchboard.handle(event, self.now)
        self.pump()

    def media_tells(self, event: MediaEvent) -> None:
        """The mixer tells something."""
        self.happens(MediaHappened(event))

    def media_thinks(self, thinks: bool) -> None:
        """Keep back the mixer's answers; given up, they all come."""
        self.media.thinks = thinks
        if not thinks:
            kept, self.media.kept = self.media.kept, []
            for action in kept:
                self._act(action)
            self.pump()

    def pump(self) -> None:
        """The gateway's pump, with everything answered at once."""
        working = True
        while working:
            working = False
            while (event := self.endpoint.next_event()) is not None:
                self.switchboard.handle(event, self.now)
            while (action := self.switchboard.next_action()) is not None:
                working = True
                self._act(action)
            for flow, octets in self.endpoint.data_to_send():
                working = True
                self._deliver(flow, octets)

    def _deliver(self, flow: Flow, octets: bytes) -> None:
        if flow.via:
            self.sent_elsewhere.append((flow, octets))
            return
        for person in list(self.people.values()):
            if person.flow.id == flow.id:
                person.receives(octets)

    def _act(self, action: actions.Action) -> None:
        asked = (questions.AnswerOffer, questions.MakeOffer, questions.AcceptAnswer)
        if isinstance(action, asked) and self.media.thinks:
            self.media.kept.append(action)
        elif isinstance(action, asked):
            self._negotiate(action)
        elif not (self._answer(action) or self._ask(action) or self._tell_others(action)):
            self._note(action)

    def _tell_others(self, action: actions.Action) -> bool:
        """Keep what is for other processes; False for what is not."""
        if isinstance(action, actions.Forward):
            self.forwarded.append(action)
        elif isinstance(action, actions.AnnouncePhone):
            self.announced.append(action)
        elif isinstance(action, actions.WatchDialogs | actions.TellDialogs):
            self.of_dialogs.append(action)
        else:
            return False
        return True

    def _ask(self, action: actions.Action) -> bool:
        """Do what service and job do about a wish; False for what is none."""
        if isinstance(action, actions.Wish):
            self._wish(action)
        elif isinstance(action, questions.AskRemoval):
            self._removal(action)
        elif isinstance(action, questions.AskCall):
            self._call(action)
        elif isinstance(action, questions.AskCancel):
            self._cancel(action)
        elif isinstance(action, questions.OpenSetup):
            self.setups[action.token] = action.caller
            self._tell(SetupOpened(action.question))
        elif isinstance(action, actions.AnswerSetup):
            self._answer_setup(action)
        elif isinstance(action, actions.CloseSetup):
            self.setups.pop(action.token, None)
        else:
            return self._write_down(action)
        return True

    def _answer_setup(self, action: actions.AnswerSetup) -> None:
        if self.no_ports:
            self.happens(SetupRefused(action.token))
        else:
            self.answers(action.token, "Conference of Alice", pin=action.pin)

    def _write_down(self, action: actions.Action) -> bool:
        """Keep registrations, or forget them; False for what is no such wish."""
        if isinstance(action, actions.KeepCall):
            self.standing_calls[action.key] = (action.group, dict(action.what))
        elif isinstance(action, actions.ForgetCall):
            self.standing_calls.pop(action.key, None)
        elif isinstance(action, questions.AskTurnAway):
            self._turn_away(action)
        elif isinstance(action, actions.LookAtSetup):
            self.looked_at.append(action.token)
        elif isinstance(action, actions.ForgetPhones):
            for name in action.names:
                self.phones.pop(name, None)
        else:
            return False
        return True

    def _answer(self, action: actions.Action) -> bool:
        """Answer a question to the database; False for what is none."""
        if isinstance(action, questions.Describe):
            self._tell(Negotiated(action.question, _described(_port_zero(action.session))))
        elif isinstance(action, questions.LoadAccount):
            self._tell(self._account(action))
        elif isinstance(action, questions.LoadConference):
            found = self.snapshots.get(action.name)
            person = action.name in self.people
            factory = action.name in self.factories
            vacant = action.name in self.vacant
            loaded = ConferenceLoaded(
                action.question, found, person=person, factory=factory, vacant=vacant
            )
            self._tell(replace(loaded, owner=self.owners.get(action.name, "")))
        elif isinstance(action, questions.CreateConference):
            self._tell(self._created(action))
        elif isinstance(action, questions.FindPhones):
            self._tell(PhonesFound(action.question, self.elsewhere.get(action.aor, ())))
        elif isinstance(action, questions.KeepPhones):
            self.phones.update({entry.name: entry for entry in action.entries})
            self._tell(PhonesKept(action.question))
        elif isinstance(action, questions.Reopen):
            self._tell(Reopened(action.question, self.found_again.get((action.host, action.port))))
        else:
            return self._answer_about_outside(action)
        return True

    def _answer_about_outside(self, action: actions.Action) -> bool:
        """Who may call out, and the way there."""
        if isinstance(action, questions.AskCallOut):
            allowed = action.actor.organizer and not action.actor.is_guest
            if action.call is not None:
                self.asked_to_send_on.append((action.call, action.uri))
                allowed = action.uri in self.sends_on
            refusal = None if allowed else policy.Refusal.TARGET_NOT_ALLOWED
            self._tell(CallOutAsked(action.question, refusal))
            return True
        if isinstance(action, questions.Reach):
            if self.dns_thinks:
                self.looked_up.append(action)
            else:
                self._tell(self._reached(action))
            return True
        return False

    def dns_answers(self) -> None:
        """What the DNS was asked while it took its time."""
        self.dns_thinks = False
        asked, self.looked_up = self.looked_up, []
        for action in asked:
            self.happens(self._reached(action))

    def _wish(self, action: actions.Wish) -> None:
        """What the services do about a wish that policy allows."""
        name = next(n for n, s in self.snapshots.items() if s.id == action.conference)
        snapshot = self.snapshots[name]
        if isinstance(action, actions.AskLock):
            self.changes(name, locked=action.locked)
        elif isinstance(action, actions.AskEnd):
            self.changes(name, end_by=action.actor.display_name)
        elif isinstance(action, actions.AskHand):
            hand = {action.participant}
            hands = snapshot.hands | hand if action.raised else snapshot.hands - hand
            self.changes(name, hands=frozenset(hands))
        elif isinstance(action, actions.AskRecording):
            self.changes(name, recording=RecordingOrder("kept") if action.recorded else None)
        elif isinstance(action, actions.AskLetIn):
            self.lets_in(*self.queue(name), name=name)
        elif isinstance(action, actions.AskAgreement):
            self.changes(name, agreed=snapshot.agreed | {action.participant})
        elif action.participant is not None:
            one = {action.participant}
            muted = snapshot.muted | one if action.muted else snapshot.muted - one
            self.changes(name, muted=frozenset(muted))
        else:
            others = {self.key_of(who, name) for who in self.roster(name) if who != "alice"}
            all_of_them = frozenset(others if action.muted else ())
            come = Newcomers.SILENCED if action.newcomers else Newcomers.HEARD
            self.changes(name, muted=all_of_them, silenced=all_of_them, newcomers=come)

    def _note(self, action: actions.Action) -> None:
        if isinstance(action, facts.Record):
            self.facts.append(action.fact)
        elif isinstance(action, actions.NoteRecording | actions.NoteSound):
            self.noted.append(action)
        else:
            self.media.note(action)

    def _tell(self, event: FocusEvent) -> None:
        self.switchboard.handle(event, self.now)

    def _negotiate(
        self, action: questions.AnswerOffer | questions.MakeOffer | questions.AcceptAnswer
    ) -> None:
        if self.media.refuses is not None:
            status, reason = self.media.refuses
            self._tell(NegotiationFailed(action.question, status, reason))
            return
        sdp = ANSWER
        if isinstance(action, questions.AcceptAnswer):
            self.media.accepted.append(action.leg)
            sdp = ""
        else:
            self.media.hosts[action.leg] = action.host
            self.media.reminded[action.leg] = action.agreed
        agreed = f"agreed {next(self.media.agreements)}"
        described = replace(
            _described(sdp, self.media.direction), agreed=agreed, near=self.media.near
        )
        self._tell(Negotiated(action.question, described))

    def _account(self, action: questions.LoadAccount) -> AccountLoaded:
        names = {self._named(name, action.hashed_by): name for name in self.people}
        name = names.get(action.auth_name, "")
        if name not in self.people:
            return AccountLoaded(action.question, None, {})
        ha1 = ha1s(name, DOMAIN, self.people[name].password)
        return AccountLoaded(action.question, self.people[name].identity, ha1, name)

    @staticmethod
    def _named(name: str, hashed_by: str) -> str:
        return user_hash(hashed_by, name, DOMAIN) if hashed_by in ALGORITHMS else name

    def _reached(self, action: questions.Reach) -> Reached:
        """Like the real thing: of streams the first alone, of UDP every server."""
        flows = [one.flow for one in self.servers if one.flow.peer not in action.tried]
        reliable = [flow for flow in flows if flow.reliable]
        flows = [flow for flow in flows if flow not in reliable[1:]]
        return Reached(action.question, tuple(flows), self.trunk)

    def _created(self, action: questions.CreateConference) -> ConferenceLoaded:
        template = dict(self.factories.get(action.factory, {}))
        refusal, redirect = template.pop("refusal", None), bool(template.pop("redirect", False))
        if refusal is not None:
            assert isinstance(refusal, Refusal)
            return ConferenceLoaded(action.question, None, refusal=refusal)
        made: dict[str, object] = {
            "roles": {action.creator.uri: Role.ORGANIZER},
            "creator": action.creator.uri,
            "creator_departs": policy.CreatorDeparts.END,
        }
        name = action.name or f"9{len(self.snapshots):019d}"
        snapshot = self.conference(name, **{**made, **template})
        self.vacant.discard(name)
        names = {one: uri_of(one).name.capitalize() for one in action.parties}
        return ConferenceLoaded(action.question, snapshot, redirect=redirect, names=names)

    def _removal(self, action: questions.AskRemoval) -> None:
        """What service and job do: write the order down, then tell that something changed."""
        order = RemovalOrder(
            next(self._orders),
            action.participant,
            by=action.actor.display_name,
            reason=action.reason,
            ban=action.ban,
            anonymous=action.anonymous,
            endpoint=action.endpoint,
        )
        self._tell(RemovalAsked(action.question, order.id))
        name = next(n for n, s in self.snapshots.items() if s.id == action.conference)
        snapshot = self.snapshots[name]
        conference = self.switchboard._conferences[action.conference]
        users = conference.roster.users.values()
        gone = {user.entity for user in users if user.key == action.participant and action.ban}
        removals, banned = (*snapshot.removals, order), snapshot.banned | gone
        self.snapshots[name] = replace(snapshot, removals=removals, banned=banned)
        self._tell(ConferenceChanged(self.snapshots[name]))

    def _turn_away(self, action: questions.AskTurnAway) -> None:
        """What the service does about somebody before the door."""
        self._tell(TurnAwayAsked(action.question))
        name = next(n for n, s in self.snapshots.items() if s.id == action.conference)
        banned = self.snapshots[name].banned | ({action.entity} if action.ban else set())
        if action.waiter is not None:
            by = action.actor
            order = TurnedAway(action.waiter, by.uri, by.display_name, action.reason, action.ban)
            self.changes(name, turned_away=(order,), banned=banned)

    def _call(self, action: questions.AskCall) -> None:
        """What service and job do for a call; who does not command calls nobody outside."""
        name, booked = next((n, s) for n, s in self.snapshots.items() if s.id == action.conference)
        if uri_of(action.uri).name.lower() in {*self.snapshots, *self.factories}:
            self._tell(CallAsked(action.question, None))
            return
        refusal = self._may_not_call(booked, action)
        if refusal is not None:
            self._tell(CallAsked(action.question, None, refusal))
            return
        number = next(self._orders)
        self._tell(CallAsked(action.question, number))
        if policy.may_command(booked, action.actor) is None:
            pulled_in, banned = booked.pulled_in | {action.uri}, booked.banned - {action.uri}
            self.snapshots[name] = replace(booked, pulled_in=pulled_in, banned=banned)
        order = CallOrder(
            number,
            f"job-{number}",
            action.uri,
            by=action.actor.uri,
            phone=action.phone,
            secure=action.uri.startswith("sips:"),
            replaces=action.replaces,
            anonymous=action.anonymous,
            history=action.history,
        )
        running = self.snapshots[name].calls
        self.snapshots[name] = replace(self.snapshots[name], calls=(*running, order))
        self._tell(ConferenceChanged(self.snapshots[name]))

    @staticmethod
    def _may_not_call(booked: Snapshot, action: questions.AskCall) -> Refusal | None:
        if policy.may_command(booked, action.actor) is None:
            return None
        if not action.uri.endswith(f"@{DOMAIN}"):
            return Refusal.TARGET_NOT_ALLOWED
        return Refusal.BANNED if action.uri in booked.banned else None

    def _cancel(self, action: questions.AskCancel) -> None:
        """What the service does when a call is called off."""
        name = next(n for n, s in self.snapshots.items() if s.id == action.conference)
        running = self.snapshots[name].calls
        left = tuple(order for order in running if order.uri != action.uri)
        self._tell(CancelAsked(action.question, len(running) - len(left)))
        self.changes(name, calls=left)

    def calls(self, who: str, name: str = "4711", *, secure: bool = False) -> None:
        """The page's button, after service and job."""
        number = next(self._orders)
        order = CallOrder(
            number,
            f"job-{number}",
            f"sip:{who}@{DOMAIN}",
            by=f"sip:alice@{DOMAIN}",
            display_name=who.capitalize(),
            secure=secure,
        )
        self.changes(name, calls=(*self.snapshots[name].calls, order))

    def moves(self, who: Person, contact: str, name: str = "4711") -> None:
        """The page's button with which somebody takes his call to another phone of his."""
        number = next(self._orders)
        uri = who.identity.uri
        order = CallOrder(number, f"job-{number}", uri, by=uri, phone=contact, takes_over=True)
        self.changes(name, calls=(*self.snapshots[name].calls, order))

    def answers(self, token: str, title: str, *, pin: str = "") -> None:
        """The application's page, after its service."""
        caller = self.setups[token]
        snapshot = self.conference(
            f"8{len(self.snapshots):019d}",
            title=title,
            roles={caller.uri: Role.ORGANIZER},
            creator=caller.uri,
            creator_departs=policy.CreatorDeparts.END,
            pin=pin,
        )
        self.happens(SetupAnswered(token, snapshot))

    def removes(self, who: str, *, by: str = "Alice", reason: str = "", ban: bool = False) -> None:
        """The page's button, after service and job."""
        order = RemovalOrder(next(self._orders), self.key_of(who), by=by, reason=reason, ban=ban)
        banned = frozenset({f"sip:{who}@{DOMAIN}"}) if ban else frozenset()
        self.changes(removals=(*self.snapshots["4711"].removals, order), banned=banned)

    def is_quiet(self) -> None:
        """Nobody got anything that the test did not ask for."""
        left = [f"{p.name}: {m!r}" for p in self.people.values() for m in p.inbox]
        assert not left, "\n".join(["nobody asked for", *left, "", "the chart:", *self.chart])


def _port_zero(session: Session) -> str:
    """What the mixer says to OPTIONS: the session-level lines, and nothing to send to."""
    fields = zip("iuep", (session.info, session.uri, session.email, session.phone), strict=True)
    lines = "".join(f"{letter}={text}\r\n" for letter, text in fields if text)
    return PORT_ZERO.replace("s=-\r\n", f"s=-\r\n{lines}")


PORT_ZERO = "v=0\r\no=- 3 1 IN IP4 192.0.2.9\r\ns=-\r\nm=audio 0 RTP/AVP 0\r\n"


def _described(sdp: str, direction: Direction = Direction.SENDRECV) -> Description:
    return Description(sdp, direction, 12345)


class Person:
    """A phone on the stage. `transport` is WS unless said otherwise."""

    def __init__(
        self,
        stage: Stage,
        name: str,
        *,
        transport: Transport = Transport.WS,
        display_name: str = "",
        guest_of: ConferenceId | None = None,
        organizer: bool = False,
        gateway: bool = False,
        password: str = "secret",
        host: str = "192.0.2.1",
        port: int = 5061,
    ) -> None:
        self.stage = stage
        self.name = name
        self.password = password
        self.host, self.port = host, port
        self.identity = Identity(
            f"sip:{name}@{DOMAIN}", display_name or name.capitalize(), guest_of, organizer, gateway
        )
        self.inbox: list[Request | Response] = []
        self.answers_requests = True
        self.to: dict[str, str] = {}
        self.call_id = ""
        self.target = ""
        self._numbers = itertools.count(int(stage.name or "0", 16) + 1)
        self._cseq = itertools.count(1)
        self.last: Request | None = None
        self.contact = f"<sip:{self.name}@{self.name}.invalid;transport=ws>"
        self.flow = self.connects(transport)

    def connects(self, transport: Transport = Transport.WS) -> Flow:
        """A new connection."""
        number = FlowId(next(self.stage._flows))
        self.flow = Flow(number, transport, self.host, self.port, "192.0.2.9", 5060)
        return self.flow

    def disconnects(self) -> None:
        """The connection is gone."""
        self.stage.endpoint.flow_closed(self.flow.id, self.stage.now)
        self.stage.pump()

    # -- sending -------------------------------------------------------------

    def request(
        self, method: str, uri: str, *, body: str = "", call_id: str = "", **fields: str
    ) -> Request:
        """Build a request; `fields` are header fields with underscores for hyphens."""
        call_id = call_id or f"{self.name}-{next(self._numbers)}"
        content_type = fields.pop("content_type", "application/sdp")
        request = Request(method, uri, [])
        branch = f"z9hG4bK-{self.name}-{next(self._numbers)}"
        request.append("Via", f"SIP/2.0/{self.flow.transport} {self.name}.invalid;branch={branch}")
        request.append("Max-Forwards", "70")
        request.append("From", f"<sip:{self.name}@{DOMAIN}>;tag={self.name}")
        request.append("To", fields.pop("to", f"<{uri}>"))
        request.append("Call-ID", call_id)
        request.append("CSeq", f"{next(self._cseq)} {method}")
        if method in {"INVITE", "SUBSCRIBE", "REFER", "REGISTER", "UPDATE"}:
            request.append("Contact", fields.pop("contact", self.contact))
        for name, value in fields.items():
            request.append(name.replace("_", "-"), value)
        if body:
            request.append("Content-Type", content_type)
            request.body = body.encode()
        return request

    def feeds(self, request: Request | Response | bytes) -> None:
        """Put a message on the wire, as it is."""
        octets = request if isinstance(request, bytes) else request.build()
        self.stage.chart.append(f"{self.name} → {_first_line(octets)}")
        self.stage.receives(octets, self.flow)

    def sends(self, method: str, uri: str, *, body: str = "", **fields: str) -> Request:
        """Send a request outside dialogs; a 401 is answered by itself."""
        request = self.request(method, uri, body=body, **fields)
        self.feeds(request)
        challenged = self._take_challenge()
        if challenged is None:
            return request
        self.feeds(self.ack(challenged, request)) if method == "INVITE" else None
        fields["call_id"] = request.must(headers.CALL_ID)
        again = self.request(method, uri, body=body, **fields)
        field = "Authorization" if challenged.status == 401 else "Proxy-Authorization"
        again.append(field, self.credentials(challenged, method, uri))
        self.last = again
        self.feeds(again)
        return again

    def _take_challenge(self) -> Response | None:
        for at, received in enumerate(self.inbox):
            if isinstance(received, Response) and received.status in {401, 407}:
                return self.inbox.pop(at)  # type: ignore[return-value]
        return None

    def credentials(self, challenge: Response, method: str, uri: str) -> str:
        """What a browser phone answers: MD5, the last challenge."""
        challenges = challenge.every(headers.WWW_AUTHENTICATE)
        asked = (challenges or challenge.every(headers.PROXY_AUTHENTICATE))[-1]
        algorithm, nonce = asked.get("algorithm"), asked.get("nonce")
        ha1 = ha1s(self.name, DOMAIN, self.password)[algorithm]
        how = {"nonce": nonce, "nc": "00000001", "cnonce": "c", "qop": "auth"}
        response = response_of(algorithm, ha1, method=method, uri=uri, **how)
        return (
            f'Digest username="{self.name}", realm="{DOMAIN}", nonce="{nonce}", uri="{uri}", '
            f'response="{response}", algorithm={algorithm}, qop=auth, nc=00000001, cnonce="c"'
        )

    def ack(self, response: Response, request: Request) -> Request:
        """The ACK to a failure, in the transaction."""
        ack = Request("ACK", request.uri, [])
        for key in ("via", "from", "call-id"):
            ack.append(key, request.get(key) or "")
        ack.append("To", response.get("to") or "")
        ack.append("CSeq", f"{request.must(headers.CSEQ).number} ACK")
        return ack

    def cancels(self, invite: Request) -> None:
        """CANCEL a request (RFC 3261 9.1)."""
        cancel = Request("CANCEL", invite.uri, [])
        for key in ("via", "from", "to", "call-id"):
            cancel.append(key, invite.get(key) or "")
        cancel.append("CSeq", f"{invite.must(headers.CSEQ).number} CANCEL")
        self.feeds(cancel)

    def in_dialog(self, method: str, *, body: str = "", **fields: str) -> Request:
        """Send a request in the dialog of the call."""
        request = self.request(
            method, self.target, body=body, call_id=self.call_id, to=self.to["call"], **fields
        )
        self.last = request
        self.feeds(request)
        return request

    def dials(self, conference: str = "4711", *, body: str = OFFER, **fields: str) -> None:
        """INVITE, 200, ACK."""
        request = self.sends("INVITE", f"sip:{conference}@{DOMAIN}", body=body, **fields)
        response = self.gets("200")
        self.accepts(request, response)

    def accepts(self, request: Request, response: Request | Response, *, body: str = "") -> None:
        """ACK a 200."""
        self.to["call"] = response.get("to") or ""
        self.call_id = response.get("call-id") or ""
        contact = response.one(headers.CONTACT)
        self.target = str(contact.uri) if contact else request.uri
        ack = self.request("ACK", self.target, call_id=self.call_id, to=self.to["call"], body=body)
        cseq = request.must(headers.CSEQ).number
        ack.put(headers.CSEQ, headers.CSeq(cseq, "ACK"))
        self.feeds(ack)

    def subscribes(self, conference: str = "4711", **fields: str) -> None:
        """SUBSCRIBE to the conference package, 200."""
        self.sends("SUBSCRIBE", f"sip:{conference}@{DOMAIN}", Event="conference", **fields)
        self.gets("200")

    def registers(self, **fields: str) -> None:
        """REGISTER, 200: where there are several processes, once it is written down."""
        self.sends("REGISTER", f"sip:{DOMAIN}", to=f"<sip:{self.name}@{DOMAIN}>", **fields)
        if self.stage.switchboard._desk.process:
            self.stage.passes(CONFIRMED_WITHIN)
        self.gets("200")

    def replies(self, request: Request, status: int, *, body: str = "") -> None:
        """Answer a request of the focus's."""
        response = message.reply(request, status, tag=f"{self.name}-uas")
        response.append("Contact", self.contact)
        if body:
            response.append("Content-Type", "application/sdp")
            response.body = body.encode()
        self.feeds(response)

    def hangs_up(self, invite: Request) -> None:
        """BYE in the dialog of a call that he took."""
        contact = invite.must(headers.CONTACT)
        bye = self.request(
            "BYE",
            str(contact.uri),
            call_id=invite.get("call-id") or "",
            to=invite.get("from") or "",
        )
        bye.fields = [
            (name, f"{invite.get('to')};tag={self.name}-uas" if name == "from" else value)
            for name, value in bye.fields
        ]
        self.feeds(bye)

    # -- receiving -----------------------------------------------------------

    def receives(self, octets: bytes) -> None:
        """What the wire brings."""
        received = message.parse(octets)
        self.stage.chart.append(f"{self.name} ← {_first_line(octets)}")
        if isinstance(received, Response) and received.status == 100:
            return
        self.inbox.append(received)
        wanted = isinstance(received, Request) and received.method in {"NOTIFY", "BYE"}
        if isinstance(received, Request) and wanted and self.answers_requests:
            self.replies(received, 200)

    def is_turned_away(self, status: str, *, reason: str = "", retry_after: str = "") -> None:
        """Refused, after a 183 to which nothing came from the phone."""
        self.gets("183")
        self.stage.passes(1)
        said = {"reason": reason, "retry_after": retry_after}
        fields = {name: text for name, text in said.items() if text}
        self.gets(status, event="", body="", terminated=None, **fields)

    def gets(
        self,
        what: str,
        *,
        event: str = "",
        body: str = "",
        terminated: bool | None = None,
        **fields: str,
    ) -> Request | Response:
        """The next message, which has to be this one; gives it back."""
        assert self.inbox, self._miss(what, "nothing came")
        received = self.inbox.pop(0)
        got = str(received.status) if isinstance(received, Response) else received.method
        assert got == what, self._miss(what, _first_line(received.build()))
        if event:
            value = received.must(headers.EVENT).value
            assert value == event, self._miss(f"{what} of {event}", value)
        if body:
            text = received.body.decode()
            assert body in text, self._miss(f"{what} with {body!r}", text)
        if terminated is not None:
            state = received.must(headers.SUBSCRIPTION_STATE).value
            assert (state == "terminated") is terminated, self._miss(what, state)
        for name, value in fields.items():
            text = ", ".join(received.all(name.rstrip("_").replace("_", "-")))
            assert value in text, self._miss(f"{name}: {value}", text or "no such field")
        return received

    def skips(self, status: str) -> None:
        """Pass over the responses of that status that come next."""
        while self.inbox and repr(self.inbox[0]).startswith(f"<Response {status}"):
            self.inbox.pop(0)

    def sees(self, what: str = "NOTIFY") -> Info:
        """The next message, a conference NOTIFY, read."""
        received = self.gets(what, event="conference")
        return Info(received)

    def _miss(self, wanted: str, got: str) -> str:
        return "\n".join([f"{self.name} wanted {wanted}, got {got}; the chart:", *self.stage.chart])


class Info:
    """A conference-info document, read by somebody who is not us (no shared code)."""

    def __init__(self, received: Request | Response) -> None:
        self.message = received
        self.root = etree.fromstring(received.body)
        self.state = self.root.get("state")
        self.version = int(self.root.get("version") or -1)

    def users(self) -> dict[str, str]:
        """User name → state of the element."""
        found = self.root.iter(f"{NAMESPACE}user")
        return {_name(user.get("entity")): user.get("state") or "full" for user in found}

    def text(self, *path: str) -> str:
        """The text of the first element at a path of local names."""
        element = self.root.find("/".join(f".//{NAMESPACE}{path[0]}".split()))
        for step in path[1:]:
            assert element is not None, f"no {path}"
            element = element.find(f"{NAMESPACE}{step}")
        assert element is not None, f"no {path}"
        return element.text or ""


def _name(entity: str | None) -> str:
    return (entity or "").removeprefix("sip:").partition("@")[0]


def _first_line(octets: bytes) -> str:
    return octets.split(b"\r\n", 1)[0].decode("utf-8", "replace")


def names(people: Iterable[Person]) -> list[str]:
    """Their names."""
    return [person.name for person in people]
