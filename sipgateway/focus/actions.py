"""What the focus can ask of its shell, in the imperative.

Questions carry a number that their one answer brings back. Facts are what
`Record` writes down, in order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conferences.attempts import Notes
from conferences.phonebook import Entry
from conferences.policy import ConferenceId, Identity, ParticipantKey, Refusal, Role, WaiterKey
from sipgateway.media.engine import Figures, LegId, LegKind, RoomId, Session
from sipgateway.sip.flow import Flow, Peer
from sipgateway.sip.uri import Uri


# One answer: AccountLoaded.
@dataclass(frozen=True, slots=True)
class LoadAccount:
    """Read the credentials of a digest username, or of what it hashes to by that algorithm."""

    question: int
    auth_name: str
    hashed_by: str = ""


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


# One answer: ConferenceLoaded.
@dataclass(frozen=True, slots=True)
class LoadConference:
    """Read a conference by the user part of its URI, to be served here if nobody else does."""

    question: int
    name: str


# One answer: ConferenceLoaded.
@dataclass(frozen=True, slots=True)
class CreateConference:
    """Create an ad-hoc conference; `name` is "" for a random one, made by `factory`, if any.

    `of_call` says that a call between two people becomes it (draft 4.9).
    """

    question: int
    creator: Identity
    name: str = ""
    factory: str = ""
    of_call: bool = False


# One answer: RemovalAsked.
@dataclass(frozen=True, slots=True)
class AskRemoval:
    """Ask that a participant be removed (RFC 4579 5.11)."""

    question: int
    conference: ConferenceId
    participant: ParticipantKey
    actor: Identity
    reason: str = ""
    #: By the keypad rather than by REFER.
    keypad: bool = False
    #: He may not come back.
    ban: bool = False
    #: Nobody there is to read who asked.
    anonymous: bool = False


# One answer: TurnAwayAsked.
@dataclass(frozen=True, slots=True)
class AskTurnAway:
    """Ask that somebody before the door not come in: who waits, or stands at the PIN."""

    question: int
    conference: ConferenceId
    entity: str
    actor: Identity
    #: Who waits; None for one who stands at the PIN.
    waiter: WaiterKey | None = None
    reason: str = ""
    #: He may not come again.
    ban: bool = False


# One answer: SetupOpened.
@dataclass(frozen=True, slots=True)
class OpenSetup:
    """A call to the conference application: make its page (draft 4.3)."""

    question: int
    token: str
    caller: Identity


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


# One answer: CallAsked.
@dataclass(frozen=True, slots=True)
class AskCall:
    """Ask that somebody be called (RFC 4579 5.5)."""

    question: int
    conference: ConferenceId
    uri: str
    actor: Identity
    display_name: str = ""
    #: The Contact of the one phone that is to ring, and the Replaces that it is to get.
    phone: str = ""
    replaces: str = ""
    #: Nobody there is to read who asked.
    anonymous: bool = False
    #: Who else is called by the same list, for the phone (RFC 5364).
    history: str = ""


# One answer: CancelAsked.
@dataclass(frozen=True, slots=True)
class AskCancel:
    """Ask that the calls to somebody who is being called be called off."""

    question: int
    conference: ConferenceId
    uri: str
    actor: Identity


# One answer: CallOutAsked.
@dataclass(frozen=True, slots=True)
class AskCallOut:
    """Ask whether somebody may call a target outside from his own phone.

    With `call` whether a call of a conference's, which he had made, may be sent on there.
    """

    question: int
    uri: str
    actor: Identity
    call: int | None = None


# One answer each: Negotiated or NegotiationFailed.
@dataclass(frozen=True, slots=True)
class AnswerOffer:
    """Answer the phone's offer."""

    question: int
    leg: LegId
    offer: str
    session: Session
    #: Where the leg is going to be, if that is known.
    room: RoomId | None = None
    #: The address that the phone's SIP comes from.
    host: str = ""


@dataclass(frozen=True, slots=True)
class MakeOffer:
    """Make an offer to the phone."""

    question: int
    leg: LegId
    kind: LegKind
    session: Session
    #: Where the leg is going to be, if that is known.
    room: RoomId | None = None
    #: The address that the phone's SIP comes from.
    host: str = ""


@dataclass(frozen=True, slots=True)
class AcceptAnswer:
    """Take the phone's answer to our offer."""

    question: int
    leg: LegId
    answer: str


@dataclass(frozen=True, slots=True)
class Describe:
    """What a 200 to OPTIONS says we could do."""

    question: int
    session: Session


# One answer: Reached.
@dataclass(frozen=True, slots=True)
class Reach:
    """Find ways to whoever serves a URI that is not ours (RFC 3263), or to the trunk."""

    question: int
    uri: Uri
    #: Where it was tried in vain (RFC 3263 4.3).
    tried: frozenset[Peer] = frozenset()


# One answer: Reopened.
@dataclass(frozen=True, slots=True)
class Reopen:
    """Find the flow to a phone that was registered in an earlier life of this process.

    `transport` and the address are those of then; where the phone has to be
    connected to, that is done at `port`.
    """

    question: int
    transport: str
    host: str
    port: int


# One answer: PhonesFound.
@dataclass(frozen=True, slots=True)
class FindPhones:
    """Find the phones of a person that are connected to other processes."""

    question: int
    aor: str


# One answer: PhonesKept.
@dataclass(frozen=True, slots=True)
class KeepPhones:
    """Write down bindings that are new or have changed."""

    question: int
    entries: tuple[Entry, ...]


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


Question = (
    LoadAccount
    | LoadConference
    | CreateConference
    | AskRemoval
    | AskTurnAway
    | AskCall
    | AskCancel
    | AskCallOut
    | OpenSetup
    | AnswerOffer
    | MakeOffer
    | AcceptAnswer
    | Describe
    | Reach
    | Reopen
    | FindPhones
    | KeepPhones
)
Action = (
    Question
    | Wish
    | AnswerSetup
    | CloseSetup
    | Place
    | Mute
    | Play
    | PlayRoom
    | PlaySound
    | Listen
    | RecordRoom
    | Agree
    | Track
    | DropMedia
    | Record
    | ForgetPhones
    | KeepCall
    | ForgetCall
    | LookAtSetup
    | NoteRecording
    | NoteSound
    | WriteAttempts
    | Forward
    | AnnouncePhone
    | WatchDialogs
    | TellDialogs
)
