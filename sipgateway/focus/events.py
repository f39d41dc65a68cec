"""What can happen to the focus besides SIP, in the past tense.

Most are answers: `question` is that of the action which asked, and every
question has exactly one answer, also when it failed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from conferences.attempts import Held, Notes
from conferences.phonebook import Entry, Remembered
from conferences.policy import ConferenceId, Identity, Refusal, Snapshot
from sipgateway.media.engine import Description, MediaEvent
from sipgateway.sip.credentials import Trunk
from sipgateway.sip.events import SipEvent
from sipgateway.sip.flow import Flow


@dataclass(frozen=True, slots=True)
class AccountLoaded:
    """Answers `LoadAccount`. Without such an account `identity` is None."""

    question: int
    identity: Identity | None
    ha1: Mapping[str, str]
    #: The account's name, also where it was asked for by its hash.
    auth_name: str = ""


@dataclass(frozen=True, slots=True)
class ConferenceLoaded:
    """Answers `LoadConference` and `CreateConference`."""

    question: int
    snapshot: Snapshot | None
    #: The name is that of a person rather than of a conference.
    person: bool = False
    #: It is that of a factory.
    factory: bool = False
    #: Why nothing was created.
    refusal: Refusal | None = None
    #: Whoever called the factory is to be sent on to what it made (302).
    redirect: bool = False
    #: The process that serves it, where that is another one.
    owner: str = ""
    #: It was made by a call to a name of somebody's choice and is over: the name is free.
    vacant: bool = False
    #: What those are called who become its participants, by address; see `CreateConference`.
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ConferenceChanged:
    """Somebody changed what a conference is meant to be; nobody asked."""

    snapshot: Snapshot


@dataclass(frozen=True, slots=True)
class TurnAwayAsked:
    """Answers `AskTurnAway`: that it is written down, or why not."""

    question: int
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class RemovalAsked:
    """Answers `AskRemoval`: the order's id, or why not."""

    question: int
    removal: int | None
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class CallAsked:
    """Answers `AskCall`: the order's id, or why not."""

    question: int
    call: int | None
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class CallOutAsked:
    """Answers `AskCallOut`: why not, or None."""

    question: int
    refusal: Refusal | None


@dataclass(frozen=True, slots=True)
class CancelAsked:
    """Answers `AskCancel`: how many calls were called off, or why none may be."""

    question: int
    cancelled: int
    refusal: Refusal | None = None


@dataclass(frozen=True, slots=True)
class SetupOpened:
    """Answers `OpenSetup`: the page is there."""

    question: int


@dataclass(frozen=True, slots=True)
class SetupAnswered:
    """A caller's questions are answered, and his conference exists; nobody asked."""

    token: str
    snapshot: Snapshot


@dataclass(frozen=True, slots=True)
class SetupRefused:
    """Answers `AnswerSetup` where no conference can be made: no ports, or it is there already."""

    token: str


@dataclass(frozen=True, slots=True)
class QuestionFailed:
    """Answers any question to the database that could not be put to it."""

    question: int


@dataclass(frozen=True, slots=True)
class Negotiated:
    """Answers `Answer`, `Offer`, `Accept` and `Describe`."""

    question: int
    description: Description


@dataclass(frozen=True, slots=True)
class NegotiationFailed:
    """Answers them when the description could not be taken."""

    question: int
    status: int
    reason: str


@dataclass(frozen=True, slots=True)
class Reached:
    """Answers `Reach`: flows in the order of trying, none if there is no way.

    With a `trunk` they all lead to it, and it may want its credentials
    (`sip.credentials.authorize`).
    """

    question: int
    flows: tuple[Flow, ...]
    trunk: Trunk | None = None


@dataclass(frozen=True, slots=True)
class Reopened:
    """Answers `Reopen`: the flow, or None where the phone cannot be reached any more."""

    question: int
    flow: Flow | None


@dataclass(frozen=True, slots=True)
class PhonesFound:
    """Answers `FindPhones`: each phone with the process that holds its flow."""

    question: int
    elsewhere: tuple[tuple[str, Entry], ...]


@dataclass(frozen=True, slots=True)
class PhonesKept:
    """Answers `KeepPhones`: every process can find them now."""

    question: int


@dataclass(frozen=True, slots=True)
class PhonesRemembered:
    """What an earlier life of this process knew of phones; told once, at the start."""

    what: Remembered


@dataclass(frozen=True, slots=True)
class PhonesEnded:
    """(address of record, key, Call-ID) of registrations that their owners have ended."""

    phones: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class ConferenceInherited:
    """A conference is ours now, because its owner, the process `gone`, has not renewed it.

    `left` is what was written down of its dialogs (`standing`), each with when.
    """

    snapshot: Snapshot
    left: tuple[tuple[Mapping[str, Any], float], ...]
    #: The last version of the roster that was written down.
    version: int
    gone: str


@dataclass(frozen=True, slots=True)
class CallInherited:
    """A call without a conference lived in a process that is gone; it lives here from now on."""

    group: str
    #: What was written down of its legs, each with when (POSIX seconds).
    left: tuple[tuple[Mapping[str, Any], float], ...]
    gone: str


@dataclass(frozen=True, slots=True)
class CallLost:
    """A call lives in another process by now: this one could not say that it is there."""

    group: str


@dataclass(frozen=True, slots=True)
class LeaseLost:
    """Another process serves a conference that was ours."""

    conference: ConferenceId


@dataclass(frozen=True, slots=True)
class PhoneAnnounced:
    """A phone has registered anew at another process."""

    entity: str
    contact: str
    flow: Flow


@dataclass(frozen=True, slots=True)
class DialogsWatched:
    """The process `by` watches the dialogs of these people; `whole`: of these alone."""

    by: str
    entities: tuple[str, ...]
    whole: bool


@dataclass(frozen=True, slots=True)
class DialogsTold:
    """The process `by` tells the dialogs that people have there; see `actions.TellDialogs`."""

    by: str
    talks: Mapping[str, Sequence[Mapping[str, Any]]]
    whole: bool


@dataclass(frozen=True, slots=True)
class ProcessGone:
    """Another process has ended, or is not heard any more."""

    name: str


@dataclass(frozen=True, slots=True)
class OthersHeard:
    """Whether anything is heard of other processes: what connects them may be down."""

    heard: bool


@dataclass(frozen=True, slots=True)
class MediaHappened:
    """The engine tells something of a leg or a room."""

    event: MediaEvent


@dataclass(frozen=True, slots=True)
class AttemptsRestored:
    """Who had to wait, and who was known where, when this process last ended."""

    notes: Notes


@dataclass(frozen=True, slots=True)
class AttemptsLifted:
    """Administrators let these try again: what they got wrong before `at` is forgotten."""

    lifted: tuple[tuple[Held, float], ...]


Answer = (
    AccountLoaded
    | ConferenceLoaded
    | RemovalAsked
    | TurnAwayAsked
    | CallAsked
    | CallOutAsked
    | CancelAsked
    | SetupOpened
    | QuestionFailed
    | Negotiated
    | NegotiationFailed
    | Reached
    | Reopened
    | PhonesFound
    | PhonesKept
)
FocusEvent = (
    SipEvent
    | Answer
    | ConferenceChanged
    | SetupAnswered
    | SetupRefused
    | PhonesRemembered
    | PhonesEnded
    | PhoneAnnounced
    | DialogsWatched
    | DialogsTold
    | ProcessGone
    | OthersHeard
    | ConferenceInherited
    | LeaseLost
    | CallInherited
    | CallLost
    | MediaHappened
    | AttemptsRestored
    | AttemptsLifted
)
