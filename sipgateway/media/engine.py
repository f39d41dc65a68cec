"""The port between the focus and whatever mixes the audio.

The focus knows legs by id and session descriptions as text; it never sees a
peer connection, a socket or a codec. An engine is driven by the gateway
(which awaits these coroutines in tasks, never in the pump) and tells what
happens to a leg by calling the listener it was handed.

A leg belongs to one room at a time, or to none: a leg without a room hears
only what is played to it and is heard by nobody (PIN entry, voice menu,
waiting room).
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NewType, Protocol

LegId = NewType("LegId", str)
RoomId = NewType("RoomId", str)


class Direction(enum.StrEnum):
    """RFC 3264 direction of the audio stream, as the phone's offer or answer says."""

    SENDRECV = "sendrecv"
    SENDONLY = "sendonly"
    RECVONLY = "recvonly"
    INACTIVE = "inactive"


class LegKind(enum.StrEnum):
    """What an offer made by Parley has to look like."""

    WEBRTC = "webrtc"  # UDP/TLS/RTP/SAVPF, ICE-lite, DTLS-SRTP, Opus
    RTP = "rtp"  # RTP/AVP: Opus, G.722, PCMU, PCMA


@dataclass(frozen=True, slots=True)
class Session:
    """What session-level lines of a description say (RFC 8866; RFC 4579 3.1)."""

    name: str = "-"
    info: str = ""
    uri: str = ""
    email: str = ""
    phone: str = ""


@dataclass(frozen=True, slots=True)
class Description:
    """What an engine says to a description.

    `sdp` is the text to send, empty where there is nothing to send; `direction`
    is that of the *phone's* stream; `source` is the 32-bit identifier by which
    the leg appears as CSRC in what others hear (RFC 3550 5.1) and as `src-id`
    in the roster (RFC 4575 5.8.3), constant for the life of the leg. `agreed` is
    what an engine that does not know the leg is to be told with the next offer, so
    that the session goes on there: opaque, and without secrets. `near` says that
    what is played reaches the phone before anything has come from it: it goes, without
    ICE, to the very host that its SIP comes from, and so hits nobody else.
    """

    sdp: str
    direction: Direction
    source: int
    agreed: str = ""
    near: bool = False


class MediaError(Exception):
    """The description cannot be taken. `status` is the SIP status to answer.

    488 nothing in the description that we can do; 400 it cannot be read;
    503 the engine has no room or is gone; 500 its own fault.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(frozen=True, slots=True)
class LegConnected:
    """Media flows: ICE and DTLS are done (WebRTC) or the first packet came (RTP)."""

    leg: LegId


@dataclass(frozen=True, slots=True)
class LegSilent:
    """Nothing (no RTP, no STUN consent) has come from the leg for `seconds`."""

    leg: LegId
    seconds: float


@dataclass(frozen=True, slots=True)
class LegLost:
    """The engine no longer has the leg (its worker died, DTLS closed)."""

    leg: LegId
    reason: str


@dataclass(frozen=True, slots=True)
class DigitKeyed:
    """A whole RFC 4733 digit: one of ``0-9 * # A-D``, told once a press."""

    leg: LegId
    digit: str


@dataclass(frozen=True, slots=True)
class Speaking:
    """Who speaks in a room: told when the set changes, at most 5 times a second.

    `levels` is how loud they come in, in dBov (RFC 6464: 0 to -127), where that is known.
    """

    room: RoomId
    legs: frozenset[LegId]
    levels: Mapping[LegId, int] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class PlayEnded:
    """What `play` started is over, or was cut short by a digit or by another `play`."""

    leg: LegId
    prompt: str


@dataclass(frozen=True, slots=True)
class Heard:
    """What `listen` asked for has been said, in so many seconds; 0.0 where nothing was."""

    leg: LegId
    seconds: float


@dataclass(frozen=True, slots=True)
class RecordingClosed:
    """A recording is not written any more: ended, its room empty, or `failed` says why.

    `seconds` is the length of all that is in it.
    """

    room: RoomId
    name: str
    seconds: float
    failed: str = ""


@dataclass(frozen=True, slots=True)
class SoundEnded:
    """What `sound` started is over, or could not be played: `failed` says why."""

    room: RoomId
    token: str
    failed: str = ""


@dataclass(frozen=True, slots=True)
class Figures:
    """How well a leg is heard (in) and hears (out); None is not known.

    `loss_in` and `loss_out` in percent of packets lost or too late, `jitter_in`,
    `jitter_out` and `round_trip` in milliseconds, `mos` the estimated mean opinion
    score (1 to 4.4) of whichever way is the worse. What goes out is known from the
    phone's reports alone (RTCP), which some desk phones do not send.
    """

    loss_in: float | None = None
    loss_out: float | None = None
    jitter_in: float | None = None
    jitter_out: float | None = None
    round_trip: float | None = None
    mos: float | None = None


@dataclass(frozen=True, slots=True)
class LegMeasured:
    """How well a leg goes: told when that has changed, every 5 s at most.

    `mean` is since the leg began, `worst` the lowest mark of five seconds.
    """

    leg: LegId
    now: Figures
    mean: Figures
    worst: float | None


MediaEvent = (
    LegConnected
    | LegSilent
    | LegLost
    | DigitKeyed
    | Speaking
    | PlayEnded
    | Heard
    | RecordingClosed
    | SoundEnded
    | LegMeasured
)
Listener = Callable[[MediaEvent], None]


class MediaEngine(Protocol):
    """What the gateway can ask of an engine. All raise `MediaError`, and only that.

    `answer` and `offer` create the leg if it is not known, unless it was
    dropped; `room` says where it is going to be placed, if that is known, and
    places nothing; `host` is the address that the phone's SIP comes from, where its
    media may come from as well, whatever its description says (NAT); `agreed` is that
    of the leg's last `Description`, if it had one, from whichever process. Every other
    call for a leg that is not (or no longer) known does nothing.
    """

    async def start(self, listener: Listener) -> None:
        """Bring the engine up. `listener` is called on the event loop's thread."""

    async def stop(self) -> None:
        """Drop every leg and end every worker; safe to call twice."""

    def failing(self) -> str:
        """Empty when ready, else what is wrong, for ``/healthz``."""

    def counters(self) -> dict[str, int]:
        """What was dropped and went wrong since the start, for ``/metrics``."""

    def gauges(self) -> dict[str, int]:
        """How much goes on at this moment, for ``/metrics``."""

    async def answer(
        self,
        leg: LegId,
        offer: str,
        session: Session,
        *,
        room: RoomId | None = None,
        host: str = "",
        agreed: str = "",
    ) -> Description:
        """Answer an initial offer or a re-offer of a phone.

        A re-offer keeps ports, keys and o= session id; o= version goes up by one.
        """

    async def offer(
        self,
        leg: LegId,
        kind: LegKind,
        session: Session,
        *,
        room: RoomId | None = None,
        host: str = "",
        agreed: str = "",
    ) -> Description:
        """Make an offer: a first one for a new leg, or a session refresh.

        For a known leg it repeats what was negotiated, o= version + 1.
        """

    async def accept(self, leg: LegId, answer: str) -> Description:
        """Take the answer to our offer. `sdp` is empty."""

    async def describe(self, session: Session) -> str:
        """The description for a 200 to OPTIONS: all m= ports 0 (RFC 3261 11.2)."""

    def place(self, leg: LegId, room: RoomId | None) -> None:
        """Put the leg into a room (it hears and is heard), or take it out of any."""

    def mute(self, leg: LegId, muted: bool) -> None:
        """Whether the room hears the leg."""

    def play(self, leg: LegId, prompt: str) -> None:
        """Play a script of prompts (see `prompts`) into this leg alone.

        A new one replaces the old; an empty one ends what is played.
        """

    def play_room(self, room: RoomId, prompt: str) -> None:
        """Play a script of prompts to everyone in a room."""

    def sound(self, room: RoomId, name: str, token: str, *, start: float = 0.0) -> None:
        """Play a file of that name to everybody in a room, from `start` seconds on.

        `token` names this playing of it; told again, it goes on. It is mixed with
        what is said and announced, and outlasts a worker's death. An empty name ends
        what is played, without a word; else `SoundEnded` tells of the end.
        """

    def listen(self, leg: LegId, seconds: float) -> None:
        """Remember what a leg in no room says, for so long at most; 0.0 ends it early.

        `Heard` tells when; ``@`` and the leg's id is then a prompt, until it is dropped.
        """

    def record(self, room: RoomId, name: str, *, paused: bool = False) -> None:
        """Record what is heard in a room under a name; an empty one ends it for good.

        What has that name already is gone on with. It outlasts the room's emptying
        and a worker's death.
        """

    def agree(self, leg: LegId, agrees: bool) -> None:
        """Whether the voice of a leg may be recorded; it may unless this says otherwise."""

    def track(self, leg: LegId, name: str) -> None:
        """Keep the voice of a leg by itself, too, while its room is recorded.

        `name` is that of the recording, a hyphen and more; two legs may have one. An
        empty one ends it. All tracks are as long as the recording and begin with it.
        """

    def drop(self, leg: LegId) -> None:
        """Forget the leg for good and free all it held; its id is never used again."""
