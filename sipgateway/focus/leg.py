"""One call between the focus and a phone, as a table.

`STEPS` says for a state and what happened which state follows and what the
conference is to do. A late answer of the media engine meets a leg that is
GONE, whose row says `FREE`: nobody waited, so CANCEL works at any time.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

from conferences.policy import Identity, ParticipantKey
from sipgateway.focus.roster import Departure, Joining
from sipgateway.media.engine import Direction, LegId
from sipgateway.sip.events import DialogId, TransactionId
from sipgateway.sip.flow import Flow
from sipgateway.sip.message import Request


class State(enum.Enum):
    """Where a leg stands."""

    NEGOTIATING = "negotiating"  # the phone's INVITE waits for the engine
    ANSWERED = "answered"  # our 200 waits for its ACK
    CONNECTED = "connected"
    ENDING = "ending"  # to be hung up as soon as the ACK allows it (RFC 3261 15)
    LEAVING = "leaving"  # our BYE waits for its answer
    GONE = "gone"


class Input(enum.Enum):
    """What happens to a leg."""

    NEGOTIATED = "negotiated"
    NOT_NEGOTIATED = "not negotiated"
    ACKED = "acked"
    ACK_MISSING = "ack missing"
    CANCELLED = "cancelled"
    BYE_CAME = "bye came"
    HANG_UP = "hang up"  # we want it gone
    BYE_ANSWERED = "bye answered"  # 200, 408, 481 or too long: all mean gone


class Effect(enum.Enum):
    """What the conference does about it."""

    ANSWER = "answer"  # 200 with the description
    REFUSE = "refuse"  # the status that the leg carries
    TERMINATE = "terminate"  # 487
    ADMIT = "admit"  # into the roster, or to the PIN
    SILENCE = "silence"  # out of the room at once
    SAY_BYE = "say bye"
    CONFIRM_BYE = "confirm bye"  # 200 to his BYE
    DEPART = "depart"  # out of the roster
    FREE = "free"  # give back media and dialog


Step = tuple[State, tuple[Effect, ...]]

STEPS: Mapping[tuple[State, Input], Step] = {
    (State.NEGOTIATING, Input.NEGOTIATED): (State.ANSWERED, (Effect.ANSWER, Effect.ADMIT)),
    (State.NEGOTIATING, Input.NOT_NEGOTIATED): (State.GONE, (Effect.REFUSE, Effect.FREE)),
    (State.NEGOTIATING, Input.CANCELLED): (State.GONE, (Effect.TERMINATE, Effect.FREE)),
    (State.NEGOTIATING, Input.HANG_UP): (State.GONE, (Effect.REFUSE, Effect.FREE)),
    (State.ANSWERED, Input.ACKED): (State.CONNECTED, ()),
    (State.ANSWERED, Input.ACK_MISSING): (State.LEAVING, (Effect.SILENCE, Effect.SAY_BYE)),
    (State.ANSWERED, Input.BYE_CAME): (
        State.GONE,
        (Effect.CONFIRM_BYE, Effect.DEPART, Effect.FREE),
    ),
    (State.ANSWERED, Input.HANG_UP): (State.ENDING, (Effect.SILENCE,)),
    (State.ENDING, Input.ACKED): (State.LEAVING, (Effect.SAY_BYE,)),
    (State.ENDING, Input.ACK_MISSING): (State.LEAVING, (Effect.SAY_BYE,)),
    (State.ENDING, Input.BYE_CAME): (
        State.GONE,
        (Effect.CONFIRM_BYE, Effect.DEPART, Effect.FREE),
    ),
    (State.CONNECTED, Input.BYE_CAME): (
        State.GONE,
        (Effect.CONFIRM_BYE, Effect.DEPART, Effect.FREE),
    ),
    (State.CONNECTED, Input.HANG_UP): (State.LEAVING, (Effect.SILENCE, Effect.SAY_BYE)),
    (State.LEAVING, Input.BYE_CAME): (State.LEAVING, (Effect.CONFIRM_BYE,)),
    (State.LEAVING, Input.BYE_ANSWERED): (State.GONE, (Effect.DEPART, Effect.FREE)),
    (State.GONE, Input.NEGOTIATED): (State.GONE, (Effect.FREE,)),
    (State.GONE, Input.BYE_CAME): (State.GONE, (Effect.CONFIRM_BYE,)),
}

LONGEST_GOODBYE = 3.0
"""Seconds that a BYE of ours may go unanswered before the roster stops waiting."""


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


@dataclass(slots=True)
class Leg:
    """One leg."""

    id: LegId
    identity: Identity
    display_text: str
    flow: Flow
    joining: Joining
    #: The INVITE that waits for our answer.
    transaction: TransactionId | None
    request: Request
    endpoint: str
    state: State = State.NEGOTIATING
    participant: ParticipantKey | None = None
    dialog: DialogId | None = None
    #: The description to put into the 200; "" while the engine thinks.
    sdp: str = ""
    #: The 200 holds an offer of ours: the ACK brings the answer.
    offered: bool = False
    direction: Direction = Direction.SENDRECV
    source: int = 0
    farewell: Farewell = field(default_factory=lambda: Farewell(Departure.DEPARTED))
    joined: bool = False
    #: Digits keyed so far while the PIN is wanted; None when it is not.
    pin: str | None = None
    wrong_pins: int = 0
    #: When an unanswered BYE is taken for answered.
    patience: float | None = None
    #: When the session dies unless refreshed (RFC 4028).
    session_ends: float | None = None
    flow_gone: bool = False
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
    def present(self) -> bool:
        """Whether the leg takes a place in the room, or is about to."""
        return self.state in {State.NEGOTIATING, State.ANSWERED, State.CONNECTED}
