"""Those who are not let in: a voice tells them why, before they are refused as ever.

The answer to an INVITE stays what it is (480 with Retry-After, 486, 403, 410);
but where the caller's phone can hear a 183 with a description (RFC 3960), it
is told by a prompt first. Most desk phones send nothing until they are answered,
but play what comes: they are sent the words where their description names the host
that their SIP comes from, so that nobody has a third flooded. Any other phone from
which nothing comes is refused at once, and so is everybody while many are being
told already.
"""

from __future__ import annotations

from dataclasses import dataclass

from conferences.policy import Identity, Refusal, Snapshot
from sipgateway.focus import answers, phrases
from sipgateway.focus.announcer import say_then
from sipgateway.focus.anteroom import Anteroom
from sipgateway.focus.calls import Calls
from sipgateway.focus.desk import Desk
from sipgateway.focus.leg import Farewell, Input, Leg
from sipgateway.focus.roster import Departure, Joining
from sipgateway.media.engine import LegId, LegMeasured, RoomId, Session
from sipgateway.sip import headers
from sipgateway.sip.events import RequestReceived
from sipgateway.sip.headers import NameAddr

MOST = 20
"""Who are told at the same time; more are only refused."""

SIGN_OF_LIFE = 1.0
"""Seconds after the 183 in which something has to come from the phone."""

MAKES_READY = 0.5
"""Seconds after the 183 in which a silent phone comes to play what it is sent."""

LONGEST = 12.0
"""Seconds that the telling may take."""


@dataclass(frozen=True, slots=True)
class Refused:
    """Who is refused, and by which conference: its Contact and description."""

    identity: Identity
    contact: NameAddr
    session: Session
    snapshot: Snapshot


class Doorstep(Anteroom):
    """See the module."""

    def __init__(self, desk: Desk) -> None:
        super().__init__(desk)
        self.calls = Calls(desk, self)
        self._contacts: dict[LegId, NameAddr] = {}
        self.session = Session(name="Parley")

    def turn_away(
        self, event: RequestReceived, refused: Refused, refusal: Refusal, now: float
    ) -> bool:
        """Tell somebody why, then refuse him; False where he cannot be told."""
        told = refusal in phrases.AT_THE_DOOR and self._takes(event)
        words = phrases.refused(refused.snapshot, refusal, now) if told else ""
        if words:
            status, phrase, text = answers.REFUSALS[refusal]
            bye = Farewell(
                Departure.FAILED,
                status=status,
                reason=phrase,
                text=text,
                fields=answers.retry_after(refusal, refused.snapshot, now),
                words=words,
            )
            self._tell(event, refused, bye)
        return bool(words)

    def _takes(self, event: RequestReceived) -> bool:
        """Whether the caller can be told."""
        offers = event.request.body_as("application/sdp")
        return bool(offers) and len(self.calls) < MOST

    def _tell(self, event: RequestReceived, refused: Refused, bye: Farewell) -> None:
        leg = Leg(
            id=LegId(self._desk.tokens.opaque()),
            identity=refused.identity,
            display_text=refused.identity.display_name,
            flow=event.flow,
            joining=Joining.DIALED_IN,
            transaction=event.transaction,
            request=event.request,
            endpoint=str(event.request.must(headers.CONTACT).uri),
        )
        self._contacts[leg.id] = refused.contact
        self.session = refused.session
        self.calls.turn_away(leg, bye)

    def end(self, now: float) -> None:
        """Refuse everybody who is still listening."""
        for leg in self.calls:
            self._refuse(leg, now)

    def _refuse(self, leg: Leg, now: float) -> None:
        self.calls.feed(leg, Input.HANG_UP, now)

    # -- room.Room -----------------------------------------------------------

    def contact_of(self, leg: Leg) -> NameAddr:
        """See `room.Room`: as if the conference itself answered."""
        return self._contacts[leg.id]

    def caller_of(self, leg: Leg) -> NameAddr:
        """See `room.Room`."""
        return self.contact_of(leg)

    @property
    def media_room(self) -> RoomId | None:
        """See `room.Room`: he is alone."""
        return None

    def progressed(self, leg: Leg, now: float) -> None:
        """See `room.Room`."""
        if leg.media:
            self._say(leg, now)
            return
        leg.on_media = lambda then: self._say(leg, then)
        if leg.near:
            self._desk.later(now + MAKES_READY, lambda then: self._ready(leg, then))
        else:
            self._desk.later(now + SIGN_OF_LIFE, lambda then: self._deaf(leg, then))

    def _say(self, leg: Leg, now: float) -> None:
        words, until = leg.farewell.words, now + LONGEST
        say_then(self._desk, leg, words, lambda then: self._refuse(leg, then), until=until)

    def _ready(self, leg: Leg, now: float) -> None:
        todo, leg.on_media = leg.on_media, None
        if todo is not None:
            todo(now)

    def _deaf(self, leg: Leg, now: float) -> None:
        if not leg.media:
            self._refuse(leg, now)

    def admitted(self, leg: Leg, now: float) -> None:
        """Nobody is."""

    def ringing(self, leg: Leg, status: int, now: float) -> None:
        """Nobody is called."""

    def silenced(self, leg: Leg, now: float) -> None:
        """Nobody else hears the leg."""

    def renegotiated(self, leg: Leg, now: float) -> None:
        """Nobody else sees it."""

    def measured(self, leg: Leg, event: LegMeasured, now: float) -> None:
        """Nobody else sees it."""

    def keyed(self, leg: Leg, digit: str, now: float) -> None:
        """Nothing can be asked for here."""

    def departed(self, leg: Leg, now: float) -> None:
        """He was never in."""

    def freed(self, leg: Leg, now: float) -> None:
        """See `room.Room`."""
        del now
        self._contacts.pop(leg.id, None)
