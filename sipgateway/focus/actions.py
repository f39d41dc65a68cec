"""What the focus can have done by its shell, in the imperative.

What it asks and waits for the answer of is in `questions`, what it has written down in `facts`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conferences.attempts import Notes
from conferences.policy import ConferenceId, Identity, ParticipantKey
from sipgateway.focus.facts import Record
from sipgateway.focus.questions import MediaQuestion, NetworkQuestion, Query
from sipgateway.media.engine import LegId, RoomId
from sipgateway.sip.flow import Flow


@dataclass(frozen=True, slots=True)
class Forward:
    """Pass a message on to the process it is for, and who sent it, where that is known."""

    to: str
    call_id: str
    octets: bytes
    flow: Flow
    identity: Identity | None = None


@dataclass(frozen=True, slots=True)
class AnnouncePhone:
    """Tell the other processes that a phone has registered anew, and where."""

    entity: str
    contact: str
    flow: Flow


@dataclass(frozen=True, slots=True)
class WatchDialogs:
    """Tell the other processes whose dialogs are watched here; `whole`: these alone."""

    entities: tuple[str, ...]
    whole: bool


@dataclass(frozen=True, slots=True)
class TellDialogs:
    """Tell another process the dialogs of people whom it watches (`dialogs_elsewhere`).

    With `whole` those who are not named have none, else theirs are as they were.
    """

    to: str
    talks: Mapping[str, Sequence[Mapping[str, Any]]]
    whole: bool


# One answer: SetupAnswered, if the page was not quicker; SetupRefused where it cannot be.
@dataclass(frozen=True, slots=True)
class AnswerSetup:
    """The caller answered by keypad: create the conference, with the PIN that he chose."""

    token: str
    pin: str = ""


@dataclass(frozen=True, slots=True)
class CloseSetup:
    """The caller is gone, or in his conference."""

    token: str


@dataclass(frozen=True, slots=True)
class KeepCall:
    """Write down a leg of a call without a conference, where another process could go on."""

    group: str
    key: str
    what: Mapping[str, Any]
    #: POSIX seconds.
    at: float


@dataclass(frozen=True, slots=True)
class ForgetCall:
    """It is over, or a conference's."""

    key: str


@dataclass(frozen=True, slots=True)
class LookAtSetup:
    """Tell once more what a caller of the application has answered, if he has."""

    token: str


@dataclass(frozen=True, slots=True)
class ForgetPhones:
    """Bindings, by address of record and key, that hold no more."""

    names: tuple[tuple[str, str], ...]
    #: POSIX seconds.
    at: float


@dataclass(frozen=True, slots=True)
class AskMute:
    """Ask that a participant, or (None) everybody who does not command, be muted or heard."""

    conference: ConferenceId
    participant: ParticipantKey | None
    muted: bool
    actor: Identity
    #: Where everybody is: those, too, who come later.
    newcomers: bool = False


@dataclass(frozen=True, slots=True)
class AskLock:
    """Ask that the conference be locked or opened."""

    conference: ConferenceId
    locked: bool
    actor: Identity


@dataclass(frozen=True, slots=True)
class AskEnd:
    """Ask that the conference be ended for all."""

    conference: ConferenceId
    actor: Identity


@dataclass(frozen=True, slots=True)
class AskHand:
    """Ask that a hand be raised or lowered."""

    conference: ConferenceId
    participant: ParticipantKey
    raised: bool
    actor: Identity


@dataclass(frozen=True, slots=True)
class AskRecording:
    """Ask that the conference be recorded, or that it be so no longer."""

    conference: ConferenceId
    recorded: bool
    actor: Identity


@dataclass(frozen=True, slots=True)
class AskAgreement:
    """Ask that somebody's voice be kept, which he asks himself."""

    conference: ConferenceId
    participant: ParticipantKey
    actor: Identity


@dataclass(frozen=True, slots=True)
class AskLetIn:
    """Ask that everybody who waits be let in."""

    conference: ConferenceId
    actor: Identity


Wish = AskMute | AskLock | AskEnd | AskHand | AskRecording | AskAgreement | AskLetIn


@dataclass(frozen=True, slots=True)
class Place:
    """Put a leg into a room or out of any."""

    leg: LegId
    room: RoomId | None


@dataclass(frozen=True, slots=True)
class Mute:
    """Whether the room hears the leg."""

    leg: LegId
    muted: bool


@dataclass(frozen=True, slots=True)
class Play:
    """Play a prompt into a leg."""

    leg: LegId
    prompt: str


@dataclass(frozen=True, slots=True)
class PlayRoom:
    """Play a prompt to a room."""

    room: RoomId
    prompt: str


@dataclass(frozen=True, slots=True)
class PlaySound:
    """Play a file to a room from `start` seconds on; "" ends it."""

    room: RoomId
    name: str
    token: str = ""
    start: float = 0.0


@dataclass(frozen=True, slots=True)
class Listen:
    """Remember what a leg says; 0 seconds end it."""

    leg: LegId
    seconds: float


@dataclass(frozen=True, slots=True)
class RecordRoom:
    """Record what is heard in a room under a name, or pause; "" ends it."""

    room: RoomId
    name: str
    paused: bool


@dataclass(frozen=True, slots=True)
class Agree:
    """Whether the voice of a leg may be recorded."""

    leg: LegId
    agrees: bool


@dataclass(frozen=True, slots=True)
class Track:
    """On which track the voice of a leg is kept beside the mix; "" for none."""

    leg: LegId
    name: str


@dataclass(frozen=True, slots=True)
class DropMedia:
    """Free what a leg holds in the engine."""

    leg: LegId


@dataclass(frozen=True, slots=True)
class NoteRecording:
    """Write down that a recording is written no more: its length, and why if it failed."""

    name: str
    seconds: float
    failed: str
    #: POSIX seconds.
    at: float


@dataclass(frozen=True, slots=True)
class NoteSound:
    """Write down that a sound is over, and why it could not be played if so."""

    token: str
    failed: str
    #: POSIX seconds.
    at: float


@dataclass(frozen=True, slots=True)
class WriteAttempts:
    """Write down who was wrong too often, and who signed in from where for the first time."""

    notes: Notes
    #: POSIX seconds.
    at: float


DirectoryAction = (
    Query
    | Wish
    | Record
    | AnswerSetup
    | CloseSetup
    | LookAtSetup
    | KeepCall
    | ForgetCall
    | ForgetPhones
    | NoteRecording
    | NoteSound
    | WriteAttempts
)
MediaAction = (
    Place | Mute | Play | PlayRoom | PlaySound | Listen | RecordRoom | Agree | Track | DropMedia
)
PeerAction = Forward | AnnouncePhone | WatchDialogs | TellDialogs
Action = DirectoryAction | MediaAction | PeerAction | MediaQuestion | NetworkQuestion
