"""The conference application (draft 4.3, RFC 4579 5.3): a call that creates a conference.

It answers, names its page in Call-Info, and waits: for the form of that page,
or for keys. ``#`` opens a conference as it comes, ``1`` asks for a PIN first.
Then the conference exists, the call goes on in it on the same dialog, and a
re-INVITE brings the conference URI with `isfocus`.

By a setting it answers late: 183 with early media and Call-Info, and 200 with the
conference URI once the conference exists.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable

from conferences.policy import Identity, Language, Refusal
from sipgateway.focus import answers, phrases
from sipgateway.focus.actions import AnswerSetup, CloseSetup, LookAtSetup, Play
from sipgateway.focus.anteroom import Anteroom
from sipgateway.focus.calls import Calls
from sipgateway.focus.conference import Conference
from sipgateway.focus.desk import Desk
from sipgateway.focus.events import Answer, SetupOpened
from sipgateway.focus.inheriting import UNREADABLE, Inheriting
from sipgateway.focus.keeper import CallKeeper
from sipgateway.focus.leg import TALKING, Farewell, Leg, State
from sipgateway.focus.menu import Menu
from sipgateway.focus.questions import OpenSetup
from sipgateway.focus.roster import Departure, Joining
from sipgateway.focus.standing import Standing
from sipgateway.media.engine import LegId, LegMeasured, RoomId, Session
from sipgateway.sip import headers
from sipgateway.sip.events import (
    RequestReceived,
)
from sipgateway.sip.headers import NameAddr

NAME = "conference-app"
"""The user part of its URI."""
MINUTE = 60.0
PATIENCE = 600.0
"""Seconds that a caller may take to fill in the page: a long form, not a night."""


class Application(Anteroom):
    """All calls to the application; `pages` is the address that its pages lie under."""

    def __init__(
        self, desk: Desk, *, pages: str, language: Language, answers_late: bool = False
    ) -> None:
        super().__init__(desk)
        self._pages = pages
        self._answers_late = answers_late
        self._language = language
        self._menus: dict[LegId, Menu] = {}
        self._tokens: dict[str, Leg] = {}
        self._keepers: dict[str, CallKeeper] = {}
        self.calls = Calls(desk, self)

    def contact_of(self, leg: Leg) -> NameAddr:
        """See `room.Room`: without `isfocus`, there is no conference yet."""
        del leg
        return NameAddr(self._desk.domain.uri(NAME))

    def caller_of(self, leg: Leg) -> NameAddr:
        """See `room.Room`."""
        return self.contact_of(leg)

    @property
    def session(self) -> Session:
        """See `room.Room`."""
        return Session(name="Parley")

    @property
    def media_room(self) -> RoomId | None:
        """See `room.Room`: the conference does not exist yet."""
        return None

    def request(self, event: RequestReceived, identity: Identity, now: float) -> None:
        """A request to the application's URI, outside dialogs."""
        endpoint = self._desk.endpoint
        if not self._desk.understands(event):
            return
        if event.request.method == "OPTIONS":
            endpoint.respond(event.transaction, 200, now, fields=answers.CAPABILITIES)
        elif event.request.method != "INVITE":
            fields = (("Allow", "INVITE, ACK, CANCEL, OPTIONS, BYE, UPDATE, INFO"),)
            endpoint.respond(event.transaction, 405, now, fields=fields)
        elif identity.is_guest:
            _, phrase, _ = answers.REFUSALS[Refusal.NOT_ALLOWED]
            endpoint.respond(event.transaction, 403, now, reason=phrase)
        elif event.request.has_token(headers.REQUIRE, "recipient-list-invite"):
            unsupported = (("Unsupported", "recipient-list-invite"),)
            endpoint.respond(event.transaction, 420, now, fields=unsupported)
        elif (fields_422 := self.calls.timer_objection(event.request)) is not None:
            endpoint.respond(event.transaction, 422, now, fields=fields_422)
        else:
            self._invite(event, identity)

    def _invite(self, event: RequestReceived, identity: Identity) -> None:
        token = self._desk.tokens.opaque()
        leg = Leg(
            id=LegId(self._desk.tokens.opaque()),
            identity=identity,
            display_text=identity.display_name,
            flow=event.flow,
            joining=Joining.DIALED_IN,
            transaction=event.transaction,
            request=event.request,
            endpoint=str(event.request.must(headers.CONTACT).uri),
            extra=(("Call-Info", f"<{self._pages}/setup/{token}/>;purpose=info"),),
        )

        def opened(answer: Answer, now: float) -> None:
            if not self._desk.endpoint.pending(event.transaction):
                self._desk.act(CloseSetup(token))
            elif isinstance(answer, SetupOpened):
                self._tokens[token] = leg
                # An offer of ours could not go into a 183 that nobody acknowledges.
                late = self._answers_late and event.request.body_as("application/sdp")
                (self.calls.inquire if late else self.calls.dial_in)(leg)
            else:
                self._desk.unavailable(event.transaction, now)

        self._desk.ask(lambda number: OpenSetup(number, token, identity), opened)

    @property
    def keepers(self) -> list[CallKeeper]:
        """What is written down of calls that wait."""
        return list(self._keepers.values())

    def _keep(self, leg: Leg, now: float) -> None:
        """A caller who has been answered can go on waiting in another process."""
        token = self._token(leg)
        if token and leg.dialog is not None:
            group = f"setup-{leg.id}"
            keeper = self._keepers.setdefault(token, CallKeeper(self._desk, group))
            keeper.keep(leg, now, token=token)

    def _forget(self, token: str) -> None:
        if (keeper := self._keepers.pop(token, None)) is not None:
            keeper.forget()

    def inherit(self, left: Iterable[Standing], gone: str, now: float) -> None:
        """Go on with a call that lived in the process `gone`; he may have answered meanwhile."""
        for one in left:
            inheriting = Inheriting(self._desk, self.calls)
            try:
                token, leg = str(one.what["token"]), inheriting.leg(one, now)
            except UNREADABLE:
                continue
            self._tokens[token] = leg
            self._keep(leg, now)
            inheriting.reach(leg, gone, now)
            self._desk.later(now + PATIENCE, functools.partial(self._impatient, leg))
            self._desk.act(LookAtSetup(token))

    def abandon(self, group: str, now: float) -> None:
        """Another process goes on with that call: let go of it, and tell nobody."""
        for token, keeper in list(self._keepers.items()):
            if keeper.group == group:
                keeper.leave()
                del self._keepers[token]
                self.calls.abandon_one(self._tokens.pop(token), now)

    def relocated(self, leg: Leg, now: float) -> None:
        """See `room.Room`."""
        self._keep(leg, now)

    def waits(self, token: str) -> bool:
        """Whether that call is up and still to be handed over."""
        leg = self._tokens.get(token)
        return leg is not None and (leg.state in TALKING or leg.state is State.SETTING_UP)

    def hand_over(self, token: str, conference: Conference, now: float) -> None:
        """The questions are answered: the call becomes the conference's."""
        leg = self._tokens.pop(token)
        self._forget(token)
        self._menus.pop(leg.id, None)
        self._desk.act(CloseSetup(token))
        leg.extra = ()  # its page is done with
        conference.adopt(leg, self.calls, now)

    def end(self, now: float, text: str, *, hand_over: bool = False) -> None:
        """Hang up on everybody; with `hand_over` other processes go on with what stands."""
        for keeper in self.keepers if hand_over else ():
            self.abandon(keeper.group, now)
        for leg in self.calls:
            bye = Farewell(Departure.BOOTED, status=503, text=text)
            self.calls.hang_up(leg, bye, now)

    # -- room.Room -----------------------------------------------------------

    def admitted(self, leg: Leg, now: float) -> None:
        """The call stands: greet, and wait."""
        self._keep(leg, now)
        self._say(leg, "menu")
        self._desk.later(now + PATIENCE, lambda then: self._impatient(leg, then))

    def progressed(self, leg: Leg, now: float) -> None:
        """The variant of draft 4.3 in which the caller hears us before he is answered."""
        self.admitted(leg, now)
        self._desk.later(now + MINUTE, lambda then: self._still_there(leg, then))

    def _still_there(self, leg: Leg, now: float) -> None:
        if leg in self._tokens.values():
            self.calls.repeat_progress(leg, now)
            self._desk.later(now + MINUTE, lambda then: self._still_there(leg, then))

    def _impatient(self, leg: Leg, now: float) -> None:
        if leg in self._tokens.values():
            text = "Nothing was answered for too long"
            self.calls.hang_up(leg, Farewell(Departure.FAILED, status=408, text=text), now)

    def ringing(self, leg: Leg, status: int, now: float) -> None:
        """The application calls nobody."""

    def silenced(self, leg: Leg, now: float) -> None:
        """Nobody else hears the leg."""

    def renegotiated(self, leg: Leg, now: float) -> None:
        """Nobody else sees it; who comes from another process is greeted anew."""
        del now
        if leg.at_door:
            leg.at_door = False
            self._say(leg, "menu")

    def measured(self, leg: Leg, event: LegMeasured, now: float) -> None:
        """Nobody else sees it."""

    def keyed(self, leg: Leg, digit: str, now: float) -> None:
        """The voice menu."""
        del now
        menu, token = self._menus.setdefault(leg.id, Menu()), self._token(leg)
        if not token:
            return
        answer = menu.press(digit)
        if answer.says:
            self._say(leg, *answer.says)
        if answer.pin is not None:
            self._desk.act(AnswerSetup(token, answer.pin))

    def _say(self, leg: Leg, *names: str) -> None:
        self._desk.act(Play(leg.id, phrases.script(self._language, *names)))

    def refused(self, token: str) -> None:
        """The conference cannot be made; he may try again."""
        leg = self._tokens.get(token)
        if leg is not None:
            self._menus.pop(leg.id, None)
            self._say(leg, "not-possible")

    def departed(self, leg: Leg, now: float) -> None:
        """The caller hung up in the middle: nothing is left behind."""

    def freed(self, leg: Leg, now: float) -> None:
        """See `room.Room`."""
        del now
        self._menus.pop(leg.id, None)
        token = self._token(leg)
        if token:
            del self._tokens[token]
            self._forget(token)
            self._desk.act(CloseSetup(token))

    def _token(self, leg: Leg) -> str:
        return next((token for token, known in self._tokens.items() if known is leg), "")
