"""One call between the focus and a phone, as a table.

`STEPS` says for a state and what happened which state follows and what is to
be done. A late answer of the media engine meets a leg that is GONE, whose row
says `FREE`: nobody waited, so CANCEL works at any time.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from conferences.policy import Identity, ParticipantKey
from sipgateway.focus.desk import Phone
from sipgateway.focus.outside import Way
from sipgateway.focus.presses import Presses
from sipgateway.focus.roster import Departure, Joining
from sipgateway.media.engine import Direction, LegId
from sipgateway.sip.events import DialogId, TransactionId
from sipgateway.sip.flow import Flow
from sipgateway.sip.headers import NameAddr
from sipgateway.sip.message import HOPS, Request
from sipgateway.sip.uri import Uri


class State(enum.Enum):
    """Where a leg stands."""

    NEGOTIATING = "negotiating"  # the phone's INVITE waits for the engine
    REFUSING = "refusing"  # not let in; his offer waits for the engine, so that he hears why
    EARLY = "early"  # our 183 is out, and he hears it
    INQUIRING = "inquiring"  # his offer waits for the engine; he is asked before he is answered
    SETTING_UP = "setting up"  # our 183 is out; 200 once what he calls for exists (draft 4.3)
    OFFERING = "offering"  # our INVITE waits for the engine's offer
    CALLING = "calling"  # our INVITE waits for its answer
    CANCELLING = "cancelling"  # it has been cancelled; an answer may still come
    ANSWERED = "answered"  # our 200 waits for its ACK
    CONNECTED = "connected"
    PARTING = "parting"  # out of the room, hearing a last word before our BYE
    ENDING = "ending"  # to be hung up as soon as the ACK allows it (RFC 3261 15)
    LEAVING = "leaving"  # our BYE waits for its answer
    GONE = "gone"


class Input(enum.Enum):
    """What happens to a leg."""

    NEGOTIATED = "negotiated"
    NOT_NEGOTIATED = "not negotiated"
    TAKEN_IN = "taken in"  # what he calls for exists
    ACKED = "acked"
    ACK_MISSING = "ack missing"
    CANCELLED = "cancelled"
    ACCEPTED = "accepted"  # 2xx to our INVITE
    DECLINED = "declined"  # anything else that is final
    BYE_CAME = "bye came"
    HANG_UP = "hang up"  # we want it gone
    PART = "part"  # we want it gone, with a word first
    SAID = "said"  # it was said, or took too long
    BYE_ANSWERED = "bye answered"  # 200, 408, 481 or too long: all mean gone


class Effect(enum.Enum):
    """What is to be done about it."""

    ANSWER = "answer"  # 200 with the description
    REFUSE = "refuse"  # the status that the leg carries
    TERMINATE = "terminate"  # 487
    PROGRESS = "progress"  # 183 with the description
    SPEAK = "speak"  # the last word
    CALL = "call"  # send our INVITE
    CANCEL = "cancel"  # our INVITE
    ACKNOWLEDGE = "acknowledge"  # the 2xx to it
    ADMIT = "admit"  # into the roster, or to the PIN
    SILENCE = "silence"  # out of the room at once
    SAY_BYE = "say bye"
    CONFIRM_BYE = "confirm bye"  # 200 to his BYE
    DEPART = "depart"  # out of the roster
    FREE = "free"  # give back media and dialog


Step = tuple[State, tuple[Effect, ...]]
_HE_LEFT: Step = (State.GONE, (Effect.CONFIRM_BYE, Effect.DEPART, Effect.FREE))

STEPS: Mapping[tuple[State, Input], Step] = {
    (State.NEGOTIATING, Input.NEGOTIATED): (State.ANSWERED, (Effect.ANSWER, Effect.ADMIT)),
    (State.NEGOTIATING, Input.NOT_NEGOTIATED): (State.GONE, (Effect.REFUSE, Effect.FREE)),
    (State.NEGOTIATING, Input.CANCELLED): (State.GONE, (Effect.TERMINATE, Effect.FREE)),
    (State.NEGOTIATING, Input.HANG_UP): (State.GONE, (Effect.REFUSE, Effect.FREE)),
    (State.REFUSING, Input.NEGOTIATED): (State.EARLY, (Effect.PROGRESS,)),
    (State.REFUSING, Input.NOT_NEGOTIATED): (State.GONE, (Effect.REFUSE, Effect.FREE)),
    (State.REFUSING, Input.CANCELLED): (State.GONE, (Effect.TERMINATE, Effect.FREE)),
    (State.REFUSING, Input.HANG_UP): (State.GONE, (Effect.REFUSE, Effect.FREE)),
    (State.EARLY, Input.CANCELLED): (State.GONE, (Effect.TERMINATE, Effect.FREE)),
    (State.EARLY, Input.HANG_UP): (State.GONE, (Effect.REFUSE, Effect.FREE)),
    (State.INQUIRING, Input.NEGOTIATED): (State.SETTING_UP, (Effect.PROGRESS,)),
    (State.INQUIRING, Input.NOT_NEGOTIATED): (State.GONE, (Effect.REFUSE, Effect.FREE)),
    (State.INQUIRING, Input.CANCELLED): (State.GONE, (Effect.TERMINATE, Effect.FREE)),
    (State.INQUIRING, Input.HANG_UP): (State.GONE, (Effect.REFUSE, Effect.FREE)),
    (State.SETTING_UP, Input.TAKEN_IN): (State.ANSWERED, (Effect.ANSWER,)),
    (State.SETTING_UP, Input.CANCELLED): (State.GONE, (Effect.TERMINATE, Effect.FREE)),
    (State.SETTING_UP, Input.HANG_UP): (State.GONE, (Effect.REFUSE, Effect.FREE)),
    (State.OFFERING, Input.NEGOTIATED): (State.CALLING, (Effect.CALL,)),
    (State.OFFERING, Input.NOT_NEGOTIATED): (State.GONE, (Effect.DEPART, Effect.FREE)),
    (State.OFFERING, Input.HANG_UP): (State.GONE, (Effect.DEPART, Effect.FREE)),
    (State.CALLING, Input.ACCEPTED): (State.CONNECTED, (Effect.ACKNOWLEDGE, Effect.ADMIT)),
    (State.CALLING, Input.DECLINED): (State.GONE, (Effect.DEPART, Effect.FREE)),
    (State.CALLING, Input.HANG_UP): (State.CANCELLING, (Effect.CANCEL,)),
    (State.CANCELLING, Input.DECLINED): (State.GONE, (Effect.DEPART, Effect.FREE)),
    (State.CANCELLING, Input.ACCEPTED): (State.LEAVING, (Effect.ACKNOWLEDGE, Effect.SAY_BYE)),
    (State.ANSWERED, Input.ACKED): (State.CONNECTED, ()),
    (State.ANSWERED, Input.ACK_MISSING): (State.LEAVING, (Effect.SILENCE, Effect.SAY_BYE)),
    (State.ANSWERED, Input.BYE_CAME): _HE_LEFT,
    (State.ANSWERED, Input.HANG_UP): (State.ENDING, (Effect.SILENCE,)),
    (State.ENDING, Input.ACKED): (State.LEAVING, (Effect.SAY_BYE,)),
    (State.ENDING, Input.ACK_MISSING): (State.LEAVING, (Effect.SAY_BYE,)),
    (State.ENDING, Input.BYE_CAME): _HE_LEFT,
    (State.CONNECTED, Input.BYE_CAME): _HE_LEFT,
    # 14.2: whoever does not acknowledge a re-INVITE's 200 for 32 s is not there any more
    (State.CONNECTED, Input.ACK_MISSING): (State.LEAVING, (Effect.SILENCE, Effect.SAY_BYE)),
    (State.CONNECTED, Input.HANG_UP): (State.LEAVING, (Effect.SILENCE, Effect.SAY_BYE)),
    (State.CONNECTED, Input.PART): (State.PARTING, (Effect.SILENCE, Effect.SPEAK)),
    (State.PARTING, Input.SAID): (State.LEAVING, (Effect.SAY_BYE,)),
    (State.PARTING, Input.HANG_UP): (State.LEAVING, (Effect.SAY_BYE,)),
    (State.PARTING, Input.BYE_CAME): _HE_LEFT,
    (State.LEAVING, Input.BYE_CAME): (State.LEAVING, (Effect.CONFIRM_BYE,)),
    (State.LEAVING, Input.BYE_ANSWERED): (State.GONE, (Effect.DEPART, Effect.FREE)),
    (State.GONE, Input.NEGOTIATED): (State.GONE, (Effect.FREE,)),
    (State.GONE, Input.BYE_CAME): (State.GONE, (Effect.CONFIRM_BYE,)),
}

#: States in which a hang-up has something to do.
ALIVE = frozenset(
    {
        State.NEGOTIATING,
        State.INQUIRING,
        State.SETTING_UP,
        State.OFFERING,
        State.CALLING,
        State.ANSWERED,
        State.CONNECTED,
    }
)
#: States in which the phone may renegotiate.
TALKING = frozenset({State.ANSWERED, State.CONNECTED})

LONGEST_GOODBYE = 3.0
"""Seconds that a BYE of ours may go unanswered before the roster stops waiting."""

LONGEST_WORDS = 5.0
"""Seconds that a last word may take before the BYE."""


@dataclass(frozen=True, slots=True)
class Farewell:
    """Why a leg goes, who wanted it, and what the phone is told."""

    method: Departure
    by: str = ""
    reason: str = ""
    #: Status and text of the BYE's Reason (RFC 3326), or of the refusal.
    status: int = 200
    text: str = ""
    #: The removal that this carries out, if it does.
    removal: int | None = None
    #: Header fields of a refusal besides Reason.
    fields: Sequence[tuple[str, str]] = ()
    #: Where a phone says that its person is instead (RFC 3261 8.1.3.4).
    elsewhere: Sequence[Uri] = ()
    #: What a phone without a page is told before the BYE, as a script of prompts.
    words: str = ""


@dataclass(frozen=True, slots=True)
class Words:
    """What is being played to a leg, and what follows when it has been."""

    script: str
    then: Callable[[float], None]


@dataclass(slots=True)
class Leg:
    """One leg."""

    id: LegId
    identity: Identity
    display_text: str
    flow: Flow
    joining: Joining
    #: The phone's INVITE (dial-in) or BYE that waits for our answer, or our INVITE (dial-out).
    transaction: TransactionId | None
    request: Request | None
    endpoint: str
    #: What a roster calls it: its endpoint, unless another call of the same phone is that.
    entity: str = ""
    #: The proxies by which the phone is reached (RFC 3327).
    routes: tuple[NameAddr, ...] = ()
    #: Max-Forwards of our INVITE: what the caller's has left, where one is carried on (RFC 7332).
    hops: int = HOPS
    #: What a phone that we call, or took over, has called itself.
    agent: str = ""
    #: How somebody outside is reached; None for a phone of this house.
    way: Way | None = None
    state: State = State.NEGOTIATING
    participant: ParticipantKey | None = None
    dialog: DialogId | None = None
    #: The description that the engine made; "" while it thinks.
    sdp: str = ""
    #: What the engine has agreed with the phone, in its words.
    agreed: str = ""
    #: What we sent holds an offer of ours: the next ACK brings the answer.
    offered: bool = False
    #: A description of its phone's has been agreed.
    settled: bool = False
    direction: Direction = Direction.SENDRECV
    source: int = 0
    farewell: Farewell = field(default_factory=lambda: Farewell(Departure.DEPARTED))
    joined: bool = False
    #: The phone does not say that it takes no texts (Allow, RFC 3261 20.5).
    takes_texts: bool = True
    #: The phone asks that its person be shown without his name (RFC 3323).
    private: bool = False
    #: Who asked that it be called (dial-out).
    referred_by: str = ""
    #: The same for the phone to read.
    referred_as: str = ""
    #: He waits to be let in.
    waits: bool = False
    #: The PIN that he keyed makes him one who commands.
    commands: bool = False
    #: Digits keyed so far while the PIN is wanted; None when it is not.
    pin: str | None = None
    #: Picked up, and no key has said yet that it was by a person (dial-out).
    confirming: bool = False
    #: The start of a command on the keypad.
    keyed: str = ""
    #: When the last of it was.
    keyed_at: float = 0.0
    #: Digits of a number to call, while one is keyed.
    calling: str | None = None
    #: He is being asked for his name, or has said it so that it can be played.
    naming: bool = False
    named: bool = False
    #: Prompts that he is to hear first when he is in.
    greeting: tuple[str, ...] = ()
    #: Something comes from the phone: it hears what is played to it.
    media: bool = False
    #: What is played to it reaches it before that, and nobody else.
    near: bool = False
    #: What is to be done when the first of it comes.
    on_media: Callable[[float], None] | None = None
    words: Words | None = None
    #: What is to be done when he has said his name, in so many seconds.
    on_heard: Callable[[float, float], None] | None = None
    #: When the session dies unless refreshed (RFC 4028).
    session_ends: float | None = None
    #: When we refresh it, if that is for us to do, and for how many seconds.
    refresh_at: float | None = None
    session_interval: int = 0
    #: The other side allows UPDATE (RFC 3311 5.1).
    takes_update: bool = False
    #: Its phone by the next of its flows, for when it cannot be called by this one.
    spare: Phone | None = None
    #: Descriptions that provisional responses to our INVITE held, by dialog.
    early: dict[DialogId, str] = field(default_factory=dict)
    flow_gone: bool = False
    #: When a silent phone was asked whether it is there; None once it has answered.
    asked_at: float | None = None
    #: Until then its last answer counts.
    alive_until: float = 0.0
    #: The engine has lost the leg, and no new description is agreed yet.
    media_lost: bool = False
    #: The leg of the same person whose place this one takes (RFC 3891).
    replaces: LegId | None = None
    #: It takes the place of all other legs of its person (RFC 4579 5.9, asked for by him).
    takes_over: bool = False
    #: Whom the caller wants called as soon as he is in (RFC 5366).
    recipients: tuple[str, ...] = ()
    #: Who is called by that list, for those who are (RFC 5364); of a leg that is called by
    #: one, what its phone is told.
    history: str = ""
    #: Header fields that our 200 has besides the usual.
    extra: tuple[tuple[str, str], ...] = ()
    #: Written down, so that another process could go on with it.
    kept: bool = False
    #: After a take-over: he was not in yet, and comes to the door again once he can be heard.
    at_door: bool = False
    #: After a take-over: until when its phone may be away.
    returns_by: float | None = None
    #: The fields of a re-INVITE of ours that is due once the phone has answered our offer.
    reinvite_due: tuple[tuple[str, str], ...] | None = None
    #: What it keys, by whichever ways.
    presses: Presses = field(default_factory=Presses)
    #: A re-INVITE of ours that waits for its answer.
    reinvite: TransactionId | None = None

    def feed(self, what: Input) -> tuple[Effect, ...]:
        """Take one step; an input that the state has no row for changes nothing."""
        step = STEPS.get((self.state, what))
        if step is None:
            return ()
        self.state, effects = step
        return effects

    @property
    def made_by(self) -> str:
        """What the phone calls itself, as it registered or in its own INVITE; "" if nothing."""
        asked = self.request.get("user-agent") if self.request is not None else None
        return self.agent or asked or ""

    @property
    def awaited(self) -> bool:
        """Whether its phone may be about to come back, after a take-over."""
        return self.media_lost and self.returns_by is not None

    @property
    def texted(self) -> bool:
        """Whether texts for those who are in go to it."""
        return self.joined and self.takes_texts and not self.flow_gone

    @property
    def present(self) -> bool:
        """Whether the leg takes a place in the room, or is about to."""
        return self.state in ALIVE
