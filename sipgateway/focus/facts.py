"""What happened, in the past tense: what `Record` has written down, in order."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from conferences.policy import ConferenceId, Newcomers, ParticipantKey, Refusal, Role, WaiterKey
from sipgateway.media.engine import Figures


@dataclass(frozen=True, slots=True)
class Joined:
    """A participant, or another endpoint of one, is in."""

    participant: ParticipantKey
    entity: str
    display_text: str
    role: Role
    endpoint: str
    joining_method: str
    by: str = ""
    #: He is shown to others without his name.
    private: bool = False
    #: Whether he is heard, where he was not in before.
    comes: Newcomers = Newcomers.HEARD


@dataclass(frozen=True, slots=True)
class EndpointChanged:
    """An endpoint's status (RFC 4575 5.7.2) or mute has changed."""

    participant: ParticipantKey
    endpoint: str
    status: str
    muted: bool


@dataclass(frozen=True, slots=True)
class EndpointMeasured:
    """How well an endpoint's audio goes, now and since it is in."""

    participant: ParticipantKey
    endpoint: str
    now: Figures
    mean: Figures
    worst: float | None


@dataclass(frozen=True, slots=True)
class Spoken:
    """An endpoint that is heard, and its level in dBov where the mixer knows it."""

    participant: ParticipantKey
    endpoint: str
    level: int | None


@dataclass(frozen=True, slots=True)
class SpeakersChanged:
    """These and no others of a conference speak."""

    speakers: tuple[Spoken, ...]


@dataclass(frozen=True, slots=True)
class EndpointLeft:
    """One of a participant's endpoints has left; others are still there."""

    participant: ParticipantKey
    endpoint: str
    method: str


@dataclass(frozen=True, slots=True)
class Left:
    """A participant has left with the last of his endpoints."""

    participant: ParticipantKey
    method: str
    by: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class TrackBegan:
    """Somebody's voice is kept on a track of his own."""

    name: str
    entity: str
    display_text: str


@dataclass(frozen=True, slots=True)
class RosterChanged:
    """The roster has a new version."""

    version: int


@dataclass(frozen=True, slots=True)
class JoinRefused:
    """Somebody who proved who he is was not let in."""

    entity: str
    refusal: Refusal


@dataclass(frozen=True, slots=True)
class WrongPin:
    """Somebody keyed a wrong PIN; the last one that his call allows, if `last`."""

    #: `Identity.side`.
    entity: str
    last: bool = False


@dataclass(frozen=True, slots=True)
class PinGiven:
    """Somebody keyed a PIN that gives him a role, and perhaps a name."""

    entity: str
    role: Role
    name: str = ""


@dataclass(frozen=True, slots=True)
class WaitBegan:
    """Somebody waits to be let in."""

    waiter: WaiterKey
    entity: str
    display_text: str
    private: bool = False


@dataclass(frozen=True, slots=True)
class WaitEnded:
    """He waits no more: he is in, or gone; `by` came and opened, if somebody did."""

    waiter: WaiterKey
    inside: bool
    by: str = ""


@dataclass(frozen=True, slots=True)
class RemovalEnded:
    """What came of a removal: "removed", or "absent" if he was not there."""

    removal: int
    outcome: str


@dataclass(frozen=True, slots=True)
class CallProgressed:
    """How a dial-out goes: "calling", "done" or "failed", with the SIP status."""

    call: int
    state: str
    status: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class AskRefused:
    """Somebody asked the focus for what policy does not allow him: by REFER or Replaces."""

    entity: str
    #: "add", "remove", "refer", "show" or "replace".
    asked: str
    target: str
    refusal: Refusal


@dataclass(frozen=True, slots=True)
class LinkShown:
    """Somebody showed the others something that is no call (draft 4.6)."""

    uri: str
    by: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The conference is over for good; `parted`: two were left, and go on in a call."""

    by: str
    parted: bool = False


@dataclass(frozen=True, slots=True)
class Emptied:
    """Nobody is left; the focus lets go of the conference."""


@dataclass(frozen=True, slots=True)
class Released:
    """Nothing is left of it here, watchers neither: any process may serve it."""


@dataclass(frozen=True, slots=True)
class DialogKept:
    """A usage of a dialog (`standing`) that the next process could go on with."""

    key: str
    what: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DialogForgotten:
    """It is over."""

    key: str


@dataclass(frozen=True, slots=True)
class Occupied:
    """Somebody is coming into an empty conference: this process serves it from now on."""


Fact = (
    Joined
    | EndpointChanged
    | EndpointLeft
    | EndpointMeasured
    | SpeakersChanged
    | Left
    | RosterChanged
    | JoinRefused
    | WrongPin
    | PinGiven
    | WaitBegan
    | WaitEnded
    | RemovalEnded
    | CallProgressed
    | AskRefused
    | LinkShown
    | Ended
    | Emptied
    | Occupied
    | Released
    | TrackBegan
    | DialogKept
    | DialogForgotten
)


@dataclass(frozen=True, slots=True)
class Record:
    """Write a fact down."""

    conference: ConferenceId
    fact: Fact
    #: POSIX seconds.
    at: float
