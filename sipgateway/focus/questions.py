"""What the focus asks of its shell: each question has a number, which its one answer brings back.

Those to the database are carried out in the order in which they were asked, those to
the media engine and to the network when they are done.
"""

from __future__ import annotations

from dataclasses import dataclass

from conferences.phonebook import Entry
from conferences.policy import ConferenceId, Identity, ParticipantKey, WaiterKey
from sipgateway.media.engine import LegId, LegKind, RoomId, Session
from sipgateway.sip.flow import Peer
from sipgateway.sip.uri import Uri


# One answer: AccountLoaded.
@dataclass(frozen=True, slots=True)
class LoadAccount:
    """Read the credentials of a digest username, or of what it hashes to by that algorithm."""

    question: int
    auth_name: str
    hashed_by: str = ""


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

    With `parties` a call between these becomes it (draft 4.9): the answer has their names.
    """

    question: int
    creator: Identity
    name: str = ""
    factory: str = ""
    parties: tuple[str, ...] = ()


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
    #: The one phone of his that is meant, as the roster names it.
    endpoint: str = ""


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
    #: What was agreed last, for an engine that does not know the leg.
    agreed: str = ""


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
    #: What was agreed last, for an engine that does not know the leg.
    agreed: str = ""


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


Query = (
    LoadAccount
    | LoadConference
    | CreateConference
    | AskRemoval
    | AskTurnAway
    | AskCall
    | AskCancel
    | AskCallOut
    | OpenSetup
    | FindPhones
    | KeepPhones
)
MediaQuestion = AnswerOffer | MakeOffer | AcceptAnswer | Describe
NetworkQuestion = Reach | Reopen
Question = Query | MediaQuestion | NetworkQuestion
