"""Random evenings: whatever people do in whatever order, nothing breaks and nothing is left."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from conferences.policy import Role, WaitingRoom
from sipgateway.media.engine import DigitKeyed, LegConnected, LegId, LegLost, LegSilent
from sipgateway.sip.message import Request, Response
from tests.stage import DOMAIN, OFFER, Person, Stage

PEOPLE = ("alice", "bob", "carol", "mallory")
CONFERENCE = f"sip:4711@{DOMAIN}"


class Evening:
    """A stage on which people do what comes to mind; their phones answer by themselves."""

    def __init__(self) -> None:
        self.stage = Stage()
        self.stage.conference(
            roles={f"sip:alice@{DOMAIN}": Role.ORGANIZER}, participants_may_add=True
        )
        self.people = [self.stage.person(name) for name in PEOPLE]
        self.calls: dict[str, tuple[Request, Response]] = {}

    def settles(self) -> None:
        """Phones answer what came: INVITEs are taken, 200s acknowledged."""
        busy = True
        while busy:
            busy = False
            for person in self.people:
                inbox, person.inbox = person.inbox, []
                for received in inbox:
                    busy = True
                    self._answer(person, received)

    def _answer(self, person: Person, received: Request | Response) -> None:
        if isinstance(received, Request):
            if received.method in {"INVITE", "REFER", "CANCEL", "MESSAGE"}:
                body = OFFER if received.method == "INVITE" else ""
                person.replies(received, 200, body=body)
        elif received.status == 200 and "INVITE" in (received.get("cseq") or ""):
            request = person.last
            if request is not None and request.method == "INVITE":
                self.calls[person.name] = (request, received)
                person.accepts(request, received)

    # -- what people do ------------------------------------------------------

    def dials(self, person: Person) -> None:
        person.sends("INVITE", CONFERENCE, body=OFFER)

    def dials_without_offer(self, person: Person) -> None:
        person.sends("INVITE", CONFERENCE)

    def gives_up(self, person: Person) -> None:
        if person.last is not None and person.last.method == "INVITE":
            person.cancels(person.last)

    def hangs_up(self, person: Person) -> None:
        if person.call_id:
            person.in_dialog("BYE")

    def holds(self, person: Person) -> None:
        if person.call_id:
            person.in_dialog("INVITE", body=OFFER)

    def registers(self, person: Person) -> None:
        person.sends("REGISTER", f"sip:{DOMAIN}", to=f"<sip:{person.name}@{DOMAIN}>")

    def loses_connection(self, person: Person) -> None:
        person.disconnects()
        person.connects()

    def subscribes(self, person: Person) -> None:
        person.sends("SUBSCRIBE", CONFERENCE, Event="conference", Expires="60")

    def removes_bob(self, person: Person) -> None:
        person.sends("REFER", CONFERENCE, Refer_To=f"<sip:bob@{DOMAIN};method=BYE>")

    def calls_carol(self, person: Person) -> None:
        person.sends("REFER", CONFERENCE, Refer_To=f"<sip:carol@{DOMAIN}>")

    def calls_bob_himself(self, person: Person) -> None:
        person.sends("INVITE", f"sip:bob@{DOMAIN}", body=OFFER)

    def calls_the_application(self, person: Person) -> None:
        person.sends("INVITE", f"sip:conference-app@{DOMAIN}", body=OFFER)

    def keys(self, person: Person) -> None:
        for leg in self._legs(person):
            for digit in "*6*8#":
                self.stage.media_tells(DigitKeyed(leg, digit))

    def media(self, person: Person) -> None:
        for leg in self._legs(person):
            self.stage.media_tells(LegConnected(leg))
            self.stage.media_tells(LegSilent(leg, 30.0))

    def media_is_lost(self, person: Person) -> None:
        for leg in self._legs(person):
            self.stage.media_tells(LegLost(leg, "gone"))

    def mixer_thinks(self, person: Person) -> None:
        self.stage.media_thinks(not self.stage.media.thinks)

    def locks(self, person: Person) -> None:
        self.stage.changes(locked=not self.stage.snapshots["4711"].locked)

    def changes_the_waiting_room(self, person: Person) -> None:
        rooms = list(WaitingRoom)
        known = self.stage.snapshots["4711"].waiting_room
        self.stage.changes(waiting_room=rooms[(rooms.index(known) + 1) % len(rooms)])

    def lets_in(self, person: Person) -> None:
        self.stage.lets_in(person.name)

    def turns_away(self, person: Person) -> None:
        if self.stage.queue() and person.name in self.stage.queue():
            self.stage.turns_away(person.name)

    def waits(self, person: Person) -> None:
        self.stage.passes(7)

    def answers_nothing(self, person: Person) -> None:
        person.answers_requests = not person.answers_requests

    def _legs(self, person: Person) -> list[LegId]:
        return [
            leg.id
            for room in self.stage.switchboard._rooms
            for leg in room.calls
            if leg.identity.uri == f"sip:{person.name}@{DOMAIN}"
        ]

    # -- what must hold ------------------------------------------------------

    def is_consistent(self) -> None:
        """Whoever is connected in the roster has a leg, and hears the room unless on his way."""
        for conference in self.stage.switchboard._conferences.values():
            legs = {leg.id: leg for leg in conference.calls}
            for user in conference.roster.users.values():
                assert user.endpoints, "a user without endpoint"
                for entry in user.endpoints:
                    assert entry.leg in legs, "an endpoint without leg"
            joined = {leg.id for leg in legs.values() if leg.joined}
            listed = {e.leg for u in conference.roster.users.values() for e in u.endpoints}
            assert joined <= listed, "a leg in the room that nobody sees"
            waiting = {leg.id for leg in legs.values() if leg.waits}
            queued = {e.leg for u in conference.roster.waiting.values() for e in u.endpoints}
            assert waiting == queued, "whoever waits is in the queue, and nobody else"
            assert not waiting & joined, "in, and outside"

    def is_over(self) -> None:
        """Once everybody has been sent home nothing is left of anybody."""
        self.stage.media_thinks(False)
        self.settles()
        for person in self.people:
            person.answers_requests = True
        self.stage.switchboard.stop(self.stage.now)
        self.stage.pump()
        self.settles()
        self.stage.passes(700)
        self.settles()
        self.stage.passes(700)
        desk, endpoint = self.stage.switchboard._desk, self.stage.endpoint
        assert self.stage.switchboard.live == []
        assert not self.stage.switchboard.occupied
        assert self.stage.media.rooms == {}
        assert desk.legs == {}
        assert desk.dialogs == {}
        assert desk.cancels == {}
        assert desk.replies == {}
        assert endpoint.next_timeout() is None, "a transaction is left"


DOINGS: tuple[Callable[[Evening, Person], None], ...] = (
    Evening.dials,
    Evening.dials,
    Evening.dials_without_offer,
    Evening.gives_up,
    Evening.hangs_up,
    Evening.holds,
    Evening.registers,
    Evening.loses_connection,
    Evening.subscribes,
    Evening.removes_bob,
    Evening.calls_carol,
    Evening.calls_bob_himself,
    Evening.calls_the_application,
    Evening.keys,
    Evening.media,
    Evening.media_is_lost,
    Evening.mixer_thinks,
    Evening.locks,
    Evening.changes_the_waiting_room,
    Evening.lets_in,
    Evening.turns_away,
    Evening.waits,
    Evening.answers_nothing,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.tuples(st.integers(0, len(DOINGS) - 1), st.integers(0, len(PEOPLE) - 1), st.booleans()),
        max_size=25,
    )
)
def test_nothing_breaks_and_nothing_is_left(doings: list[tuple[int, int, bool]]) -> None:
    evening = Evening()
    for doing, who, settles in doings:
        DOINGS[doing](evening, evening.people[who])
        if settles:
            evening.settles()
        evening.is_consistent()
    evening.is_over()
