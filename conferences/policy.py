"""Who may do what in a conference: pure rules over a frozen snapshot.

The focus and every page, job and API call ask the same functions here, so a
moderator's button, ``DELETE /participants/…`` and a REFER cannot disagree.
Nothing here reads a clock, a database or a setting: the snapshot is handed
in, and so is the time.

A refusal is a value (`Refusal`), never an exception; the SIP edge and the
HTTP edge each own one table that turns it into a status.
"""

from __future__ import annotations

import enum
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NewType

#: Primary key of a conference row.
ConferenceId = NewType("ConferenceId", int)
#: The public id of a roster entry, opaque and unguessable.
ParticipantKey = NewType("ParticipantKey", str)
#: The same of somebody who waits to be let in.
WaiterKey = NewType("WaiterKey", str)


class Role(enum.StrEnum):
    """What somebody is in a conference (RFC 4575 5.6.3 ``roles``)."""

    ORGANIZER = "organizer"
    CO_ORGANIZER = "co-organizer"
    MODERATOR = "moderator"
    PARTICIPANT = "participant"
    LISTENER = "listener"


#: Roles that command: add, remove, mute, lock and end.
COMMANDING = frozenset({Role.ORGANIZER, Role.CO_ORGANIZER, Role.MODERATOR})
#: Roles to which the booking itself belongs: change it, invite, cancel.
OWNING = frozenset({Role.ORGANIZER, Role.CO_ORGANIZER})
#: Who has two roles has the first of them.
_RANKS = (Role.ORGANIZER, Role.CO_ORGANIZER, Role.MODERATOR, Role.PARTICIPANT, Role.LISTENER)


class Admission(enum.StrEnum):
    """Who may come in besides the organizer and the invited."""

    INVITED = "invited"
    SIGNED_IN = "signed-in"
    OPEN = "open"


class CreatorDeparts(enum.StrEnum):
    """What the creator's leaving does (RFC 4579 5.12)."""

    KEEP = "keep"
    END = "end"


class TwoLeft(enum.StrEnum):
    """What becomes of a conference for now in which two are left (RFC 4245 3.3, REQ-2)."""

    STAY = "stay"
    #: They go on in a call between two, and the conference is over.
    CALL = "call"


class Anonymity(enum.StrEnum):
    """Who is shown without his name, and to whom (RFC 3323, RFC 4575 5.6)."""

    #: Who asks for it; those who command see who it is.
    ASKED = "asked"
    #: Who asks for it, and nobody sees who it is.
    STRICT = "strict"
    #: Everybody who does not command; those who do see who it is.
    ALL = "all"


class Language(enum.StrEnum):
    """What prompts speak (RFC 5646)."""

    ENGLISH = "en"
    GERMAN = "de"
    SPANISH = "es"


class Announce(enum.StrEnum):
    """How those who are in hear of who comes and goes."""

    NOTHING = "nothing"
    TONES = "tones"
    #: Who calls by phone is asked for his name; the others hear him say it.
    NAMES = "names"


class Recorded(enum.StrEnum):
    """Whether a conference may be recorded, and what those in it have to say to that."""

    NEVER = "never"
    #: Everybody is told; who stays takes part in it.
    TOLD = "told"
    #: Who has not agreed is left out of it.
    AGREED = "agreed"


class WaitingRoom(enum.StrEnum):
    """Who waits outside, hearing music; those who command never do."""

    NONE = "none"
    #: Until one of those who command is in; then it is open until all have left.
    MODERATOR = "moderator"
    #: Until one of those who command lets him in.
    LET_IN = "let-in"


class Newcomers(enum.StrEnum):
    """How those come in who do not command."""

    HEARD = "heard"
    #: Muted, and each may unmute himself.
    MUTED = "muted"
    #: Muted until one of those who command opens his microphone.
    SILENCED = "silenced"


class Refusal(enum.StrEnum):
    """Why somebody may not. Each edge has one table from this to a status."""

    UNKNOWN = "unknown"
    TOO_EARLY = "too-early"
    OVER = "over"
    FULL = "full"
    #: It cannot last longer: its next time begins, or others have booked the ports.
    NEXT_BEGINS = "next-begins"
    PORTS_BOOKED = "ports-booked"
    NO_PORTS = "no-ports"
    LOCKED = "locked"
    NOT_INVITED = "not-invited"
    BANNED = "banned"
    WRONG_PIN_TOO_OFTEN = "wrong-pin-too-often"
    TARGET_NOT_ALLOWED = "target-not-allowed"
    TOO_MANY_CALLS = "too-many-calls"
    NOT_ALLOWED = "not-allowed"
    NOT_RECORDED = "not-recorded"
    LISTENS = "listens"


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody who has proved who he is.

    `uri` is the address of record, ``sip:bob@example.com``, in canonical form
    (lower-case host; user part as stored, which is lower case). `guest_of` is
    set for a guest: the one conference his credentials are good for.
    """

    uri: str
    display_name: str = ""
    guest_of: ConferenceId | None = None
    #: The person's account allows booking (and user-chosen URIs).
    organizer: bool = False
    #: Not one person, but whoever calls through a gateway.
    gateway: bool = False
    #: Which of those who call through it: his number, or his call where it is withheld.
    caller: str = ""

    @property
    def side(self) -> str:
        """Who gives wrong PINs: a person, or one caller of a gateway."""
        return f"{self.uri};caller={self.caller}" if self.caller else self.uri

    @property
    def is_guest(self) -> bool:
        """Whether these are short-lived credentials from a guest link."""
        return self.guest_of is not None


@dataclass(frozen=True, slots=True)
class PersonalPin:
    """A PIN of one invitee: who keys it is he. `uri` is empty where he has no address here."""

    name: str
    role: Role = Role.PARTICIPANT
    uri: str = ""


@dataclass(frozen=True, slots=True)
class Keyed:
    """What a right PIN makes of somebody: a role and a name, where it says so."""

    role: Role | None = None
    name: str = ""


@dataclass(frozen=True, slots=True)
class RemovalOrder:
    """Somebody who is to be removed; the job has claimed the row."""

    id: int
    participant: ParticipantKey
    #: Address of record of who asked.
    by: str
    reason: str = ""
    #: He may not come back.
    ban: bool = False
    #: What who asked is called, for the removed person to read.
    by_name: str = ""
    #: Nobody here is to read who asked (RFC 3323).
    anonymous: bool = False
    #: The one phone of his that is to go, as the roster names it; "" for all.
    endpoint: str = ""


@dataclass(frozen=True, slots=True)
class CallOrder:
    """Somebody whom the focus is to call (dial-out); the job has claimed the row."""

    id: int
    #: The job's public id (``/api/v1/jobs/{job}``).
    job: str
    uri: str
    by: str
    display_name: str = ""
    role: Role = Role.PARTICIPANT
    #: Which try it is: an order that is told twice is carried out once, a redial again.
    attempt: int = 1
    #: The Contact of the one phone that is to ring; all of them without it.
    phone: str = ""
    #: Only phones that are connected over TLS may ring (``sips:``, RFC 3261 26.2.2).
    secure: bool = False
    #: The call goes on there: other phones of the person are let go (RFC 4579 5.9).
    takes_over: bool = False
    #: The Replaces that the phone is to get (RFC 4579 5.10).
    replaces: str = ""
    #: Nobody here is to read who asked (RFC 3323).
    anonymous: bool = False
    #: Who else is called by the same list, as a document for the phone (RFC 5364).
    history: str = ""
    #: The booking plans it: it rings also where nobody is.
    booked: bool = False


@dataclass(frozen=True, slots=True)
class TurnedAway:
    """Somebody who waited and is not let in; he is told by whom and why."""

    waiter: WaiterKey
    #: Address of record of who decided so, and what he is called.
    by: str
    by_name: str = ""
    reason: str = ""
    #: He may not come again.
    ban: bool = False


@dataclass(frozen=True, slots=True)
class RecordingOrder:
    """The recording that is to be made now; `name` is its file's, without an ending."""

    name: str
    paused: bool = False
    #: Each voice is kept on a track of its own, too.
    tracks: bool = False


@dataclass(frozen=True, slots=True)
class SoundOrder:
    """The file that is to be played to everybody; `name` is its file's, without an ending."""

    name: str
    #: Which playing of it this is.
    token: str
    title: str
    #: Address of record of who plays it, and since when (POSIX seconds).
    by: str
    since: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A conference as it is meant to be, at one moment; replaced whole.

    Times are POSIX seconds. `opens_at` is None for a standing room, which is
    joinable at any time; `closes_at` is when the window is over, grace
    included. `over` says it is over for good whatever the clock says.
    """

    id: ConferenceId
    name: str
    title: str
    opens_at: float | None = None
    closes_at: float | None = None
    over: bool = False
    admission: Admission = Admission.INVITED
    #: Address of record → role, organizer included.
    roles: Mapping[str, Role] = field(default_factory=dict)
    pin: str = ""
    #: Who keys it moderates.
    moderator_pin: str = ""
    #: PIN → invitee.
    personal_pins: Mapping[str, PersonalPin] = field(default_factory=dict)
    #: Until then it looks as if it did not exist to all who would have to give a PIN.
    hidden_until: float = 0.0
    #: Until then it is its creator's alone, if nobody is in: he is on his way (302).
    reserved_until: float = 0.0
    max_participants: int | None = None
    locked: bool = False
    hidden_focus: bool = False
    participants_may_add: bool = False
    #: Who is called has to press 1 before he is in.
    confirm_calls: bool = False
    anonymity: Anonymity = Anonymity.ASKED
    creator_departs: CreatorDeparts = CreatorDeparts.KEEP
    two_left: TwoLeft = TwoLeft.STAY
    creator: str = ""
    banned: frozenset[str] = frozenset()
    #: Addresses that need no PIN: asked on a web page, or pulled in. It puts nobody on the list.
    admitted: frozenset[str] = frozenset()
    #: Addresses that a moderator has had called: they may come in without being on the list.
    pulled_in: frozenset[str] = frozenset()
    waiting_room: WaitingRoom = WaitingRoom.NONE
    newcomers: Newcomers = Newcomers.HEARD
    #: Addresses that were let in: they may come back without waiting again.
    let_in: frozenset[str] = frozenset()
    #: Those who still wait and are not to come in.
    turned_away: tuple[TurnedAway, ...] = ()
    #: Those who gave wrong PINs too often and have to wait, by `Identity.side`.
    held_off: frozenset[str] = frozenset()
    #: Roster entries that are muted, by themselves or by a moderator.
    muted: frozenset[ParticipantKey] = frozenset()
    #: Those of them whom a moderator has muted.
    silenced: frozenset[ParticipantKey] = frozenset()
    #: Whom a moderator has asked to speak, and who has raised his hand.
    asked_to_speak: frozenset[ParticipantKey] = frozenset()
    hands: frozenset[ParticipantKey] = frozenset()
    #: Who has agreed to be recorded.
    agreed: frozenset[ParticipantKey] = frozenset()
    recording: RecordingOrder | None = None
    sound: SoundOrder | None = None
    recorded: Recorded = Recorded.TOLD
    language: Language = Language.ENGLISH
    #: In which times are told (RFC 5545 3.3.5, "form #3").
    timezone: str = "UTC"
    announce: Announce = Announce.TONES
    #: From so many people on, nobody's coming or going is announced.
    quiet_from: int = 15
    #: How long before the end everybody is told of it; 0 for never.
    warn_minutes: int = 5
    #: Whether a phone that is alone hears music.
    music: bool = True
    removals: tuple[RemovalOrder, ...] = ()
    calls: tuple[CallOrder, ...] = ()
    #: End for all has been asked for; by whom.
    end_by: str = ""
    #: RFC 4579 3.1: u=, e= and p= of session descriptions.
    info_uri: str = ""
    info_email: str = ""
    info_phone: str = ""

    def role_of(self, who: Identity) -> Role:
        """The role that `who` has, or would have, here."""
        return self.roles.get(who.uri, Role.PARTICIPANT)


def when(snapshot: Snapshot, *, now: float) -> Refusal | None:
    """Whether the booking's clock lets anybody in at `now` (POSIX seconds)."""
    if snapshot.over or (snapshot.closes_at is not None and now >= snapshot.closes_at):
        return Refusal.OVER
    if snapshot.opens_at is not None and now < snapshot.opens_at:
        return Refusal.TOO_EARLY
    return None


def comes(snapshot: Snapshot, role: Role) -> Newcomers:
    """How somebody of that role comes in; who only listens is muted anyway."""
    spared = role in COMMANDING or role is Role.LISTENER
    return Newcomers.HEARD if spared else snapshot.newcomers


def higher(one: Role, other: Role) -> Role:
    """The one of two roles that may more."""
    return min(one, other, key=_RANKS.index)


def _on_the_list(snapshot: Snapshot, who: Identity) -> bool:
    if who.is_guest:
        invited = snapshot.admission is Admission.OPEN or who.uri in snapshot.roles
        return who.guest_of == snapshot.id and invited
    if who.uri in snapshot.roles or who.uri in snapshot.pulled_in:
        return True
    return snapshot.admission is not Admission.INVITED


def may_join(
    snapshot: Snapshot, who: Identity, *, present: int, now: float, keyed: bool = False
) -> Refusal | None:
    """Whether `who` may join now, with `present` participants in the room; `keyed` a right PIN.

    The list comes before the clock, so that a stranger learns nothing of a
    booking; a commander may enter a locked conference, and a full one not.
    """
    if now < snapshot.hidden_until and needs_pin(snapshot, who) and not keyed:
        return Refusal.UNKNOWN
    if (refusal := may_try(snapshot, who)) is not None:
        return refusal
    refusal = _shut(snapshot, who, present=present, now=now)
    if refusal is not None and is_stranger(snapshot, who) and not keyed:
        return Refusal.NOT_INVITED
    return refusal


def _shut(snapshot: Snapshot, who: Identity, *, present: int, now: float) -> Refusal | None:
    if (refusal := when(snapshot, now=now)) is not None:
        return refusal
    if not present and now < snapshot.reserved_until and who.uri != snapshot.creator:
        return Refusal.NOT_INVITED
    if snapshot.locked and snapshot.role_of(who) not in COMMANDING:
        return Refusal.LOCKED
    if snapshot.max_participants is not None and present >= snapshot.max_participants:
        return Refusal.FULL
    return None


def has_to_wait(snapshot: Snapshot, who: Identity, *, opened: bool) -> bool:
    """Whether `who`, who dials in, is let in only by somebody.

    `opened` says that one of those who command has come, and that people have
    been in ever since. Whom one of them had called, or let in before, does not wait.
    """
    if snapshot.waiting_room is WaitingRoom.NONE or snapshot.role_of(who) in COMMANDING:
        return False
    if who.uri in snapshot.let_in or who.uri in snapshot.pulled_in:
        return False
    return snapshot.waiting_room is WaitingRoom.LET_IN or not opened


def sees_nobody(snapshot: Snapshot, who: Identity) -> bool:
    """Whether `who`, who is not in, is not to see who is: he would have to wait, or key a PIN."""
    if snapshot.role_of(who) in COMMANDING:
        return False
    return needs_pin(snapshot, who) or has_to_wait(snapshot, who, opened=False)


def may_watch(snapshot: Snapshot, who: Identity, *, inside: bool) -> Refusal | None:
    """Whether `who` may see who is in now: not as long as he is not to be in himself."""
    if (refusal := may_subscribe(snapshot, who)) is not None:
        return refusal
    outside = not inside and sees_nobody(snapshot, who)
    return Refusal.NOT_ALLOWED if outside else None


def may_try(snapshot: Snapshot, who: Identity) -> Refusal | None:
    """Whether `who` may give a PIN.

    With personal PINs anybody with an account may, who calls by a phone that
    is not his own, say: the PIN then says who he is.
    """
    if not _on_the_list(snapshot, who) and (who.is_guest or not snapshot.personal_pins):
        return Refusal.NOT_INVITED
    if who.uri in snapshot.banned:
        return Refusal.BANNED
    return Refusal.WRONG_PIN_TOO_OFTEN if who.side in snapshot.held_off else None


def is_stranger(snapshot: Snapshot, who: Identity) -> bool:
    """Whether `who` may try a personal PIN and has not yet: he learns nothing of the booking."""
    return not _on_the_list(snapshot, who) and who.uri not in snapshot.admitted


def has_pin(snapshot: Snapshot) -> bool:
    """Whether there is a PIN to give."""
    return bool(snapshot.pin or snapshot.personal_pins)


def needs_pin(snapshot: Snapshot, who: Identity) -> bool:
    """Whether `who` has to key a PIN in the call."""
    if not has_pin(snapshot) or who.is_guest:
        return False
    if who.uri in snapshot.admitted or who.uri in snapshot.pulled_in:
        return False
    return snapshot.roles.get(who.uri) not in OWNING


def keyed(snapshot: Snapshot, who: Identity | None, pin: str) -> Keyed | None:
    """What `pin` makes of `who` (None: a guest to be); None where it is wrong.

    The PIN for all is good for those on the list alone.
    """
    given = pin.strip().encode()
    for known, owner in snapshot.personal_pins.items():
        if hmac.compare_digest(given, known.encode()):
            return Keyed(owner.role, owner.name)
    if snapshot.moderator_pin and hmac.compare_digest(given, snapshot.moderator_pin.encode()):
        return Keyed(Role.MODERATOR)
    right = snapshot.pin and hmac.compare_digest(given, snapshot.pin.encode())
    return Keyed() if right and (who is None or _on_the_list(snapshot, who)) else None


def may_change(snapshot: Snapshot, who: Identity) -> Refusal | None:
    """Whether `who` may change and cancel the booking itself."""
    return None if snapshot.role_of(who) in OWNING else Refusal.NOT_ALLOWED


def may_command(snapshot: Snapshot, who: Identity) -> Refusal | None:
    """Whether `who` may remove, mute others, lock and end."""
    return None if snapshot.role_of(who) in COMMANDING else Refusal.NOT_ALLOWED


def may_record(snapshot: Snapshot, who: Identity) -> Refusal | None:
    """Whether `who` may start a recording, or pause and end one."""
    if (refusal := may_command(snapshot, who)) is not None:
        return refusal
    return Refusal.NOT_RECORDED if snapshot.recorded is Recorded.NEVER else None


def may_play(snapshot: Snapshot, who: Identity) -> Refusal | None:
    """Whether `who` may keep sounds with the conference, and play them to everybody."""
    return may_command(snapshot, who)


def may_be_kept(snapshot: Snapshot, participant: ParticipantKey) -> bool:
    """Whether the voice of a roster entry may be in a recording."""
    return snapshot.recorded is not Recorded.AGREED or participant in snapshot.agreed


def track(recording: str, entity: str) -> str:
    """What the track of somebody in a recording is called, which is its file's name, too."""
    digest = hashlib.sha256(f"{recording} {entity}".encode()).hexdigest()
    return f"{recording}-{digest[:20]}"


def may_remove(snapshot: Snapshot, who: Identity, *, target: str) -> Refusal | None:
    """Whether `who` may remove the participant whose address is `target`.

    Leaving is always allowed; the organizer is removed by nobody else, and
    co-organizers by none but those who organize.
    """
    if who.uri == target:
        return None
    theirs = snapshot.roles.get(target)
    if theirs is Role.ORGANIZER:
        return Refusal.NOT_ALLOWED
    if theirs is Role.CO_ORGANIZER:
        return may_change(snapshot, who)
    return may_command(snapshot, who)


def may_ban(snapshot: Snapshot, who: Identity, *, target: str) -> Refusal | None:
    """Whether `who` may see to it that `target` does not come back.

    Nobody shuts himself out, for he could not undo it.
    """
    if who.uri == target:
        return Refusal.NOT_ALLOWED
    return may_command(snapshot, who) or may_remove(snapshot, who, target=target)


def may_add(snapshot: Snapshot, who: Identity, *, joined: bool) -> Refusal | None:
    """Whether `who` may have the focus call somebody."""
    if may_command(snapshot, who) is None:
        return None
    if joined and not who.is_guest and snapshot.participants_may_add:
        return None
    return Refusal.NOT_ALLOWED


ANONYMOUS = "Anonymous"
"""What somebody without a name is called."""
NOBODY = "sip:anonymous@anonymous.invalid"
"""The address of somebody who does not want to be known at all (RFC 3323 4.1.1.3)."""

FORMER = "sip:former-"
"""How addresses begin that stand for people whose account is deleted."""
FORMER_NAME = "Former user"
"""What they are called."""


def alias(key: ParticipantKey) -> str:
    """What stands for the address of somebody without a name, unique to his entry."""
    return f"sip:anonymous-{key}@anonymous.invalid"


def is_anonymous(snapshot: Snapshot, role: Role, *, asked: bool) -> bool:
    """Whether somebody of that role is shown without his name; `asked` says he wants that."""
    return asked or (snapshot.anonymity is Anonymity.ALL and role not in COMMANDING)


def may_identify(snapshot: Snapshot, who: Identity) -> Refusal | None:
    """Whether `who` may see who those without a name are."""
    if snapshot.anonymity is Anonymity.STRICT:
        return Refusal.NOT_ALLOWED
    return may_command(snapshot, who)


def may_subscribe(snapshot: Snapshot, who: Identity) -> Refusal | None:
    """Whether `who` may watch the roster: whoever may come in by the list."""
    if not _on_the_list(snapshot, who):
        return Refusal.NOT_INVITED
    return Refusal.BANNED if who.uri in snapshot.banned else None
