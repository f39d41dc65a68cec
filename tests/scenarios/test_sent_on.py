"""A phone sends a call on to another place (RFC 3261 8.1.3.4): where it goes, and where not."""

from __future__ import annotations

import pytest

from conferences import policy
from conferences.policy import Admission, CallOrder
from sipgateway.focus.facts import CallProgressed
from sipgateway.sip import message
from sipgateway.sip.credentials import Trunk, parse_trunk
from sipgateway.sip.flow import Transport
from sipgateway.sip.message import Request
from tests.stage import ANSWER, DOMAIN, OFFER, Person, Stage

BOB, CAROL = f"sip:bob@{DOMAIN}", f"sip:carol@{DOMAIN}"
NUMBER = "tel:+4930123456"
PREMIUM = "tel:+881999"


def _rings(person: Person) -> Request:
    invite = person.gets("INVITE")
    assert isinstance(invite, Request)
    return invite


def _sends_on(person: Person, *places: str, status: int = 302) -> None:
    """The phone that rings says where its person is."""
    invite = _rings(person)
    response = message.reply(invite, status, tag=f"{person.name}-{status}")
    for place in places:
        response.append("Contact", place if place.startswith("<") else f"<{place}>")
    person.feeds(response)
    person.gets("ACK")


def _two(stage: Stage, *, organizer: bool = False) -> tuple[Person, Person]:
    """Alice calls Bob, whose phone rings."""
    alice, bob = stage.person("alice", organizer=organizer), stage.person("bob")
    bob.registers()
    alice.sends("INVITE", BOB, body=OFFER)
    return alice, bob


def _phone_of(stage: Stage, name: str) -> Person:
    person = stage.person(name)
    person.registers()
    return person


def _trunk() -> Trunk:
    return parse_trunk("sip:trunk.test")


def _server(stage: Stage) -> Person:
    server = stage.person("trunk", transport=Transport.UDP)
    stage.servers.append(server)
    return server


# -- between people ------------------------------------------------------------


def test_to_somebody_else_of_this_house(stage: Stage) -> None:
    """Bob's phone names Carol: hers rings, Alice hears that, and they talk."""
    carol = _phone_of(stage, "carol")
    alice, bob = _two(stage)
    _sends_on(bob, CAROL)
    assert alice.gets("181").get("to")
    carol.replies(_rings(carol), 200, body=ANSWER)
    carol.gets("ACK")
    assert alice.last is not None
    alice.accepts(alice.last, alice.gets("200"))
    assert len(stage.media.rooms) == 2
    alice.in_dialog("BYE")
    alice.gets("200")
    carol.gets("BYE")
    stage.is_quiet()


def test_the_most_wanted_first_and_what_cannot_be_read_not_at_all(stage: Stage) -> None:
    carol = _phone_of(stage, "carol")
    alice, bob = _two(stage)
    _sends_on(bob, "<mailto:bob@bob.invalid>;q=1.0", f"<{CAROL}>;q=0.5")
    alice.gets("181")
    carol.replies(_rings(carol), 486)
    carol.gets("ACK")
    alice.gets("486")
    assert not stage.switchboard.occupied


@pytest.mark.parametrize("place", ["*", "<sip:[::bad>", "<>"])
def test_a_contact_that_is_none(stage: Stage, place: str) -> None:
    alice, bob = _two(stage)
    invite = _rings(bob)
    response = message.reply(invite, 302, tag="bob")
    response.append("Contact", place)
    bob.feeds(response)
    bob.gets("ACK")
    alice.gets("480")
    assert not stage.switchboard.occupied


@pytest.mark.parametrize("status", [305, 380])
def test_a_proxy_or_another_service_is_no_other_place(stage: Stage, status: int) -> None:
    carol = _phone_of(stage, "carol")
    alice, bob = _two(stage)
    _sends_on(bob, CAROL, status=status)
    alice.gets("480")
    assert carol.inbox == []


def test_into_a_conference_where_he_comes_in_as_any_other_caller(stage: Stage) -> None:
    alice, bob = _two(stage)
    _sends_on(bob, f"sip:4711@{DOMAIN}")
    answer = alice.gets("200", contact="isfocus")
    assert alice.last is not None
    alice.accepts(alice.last, answer)
    assert stage.roster() == ["alice"]
    alice.in_dialog("BYE")
    alice.gets("200")
    assert not stage.switchboard.occupied


def test_a_conference_asks_whoever_is_sent_to_it(stage: Stage) -> None:
    """Bob's phone opens no door to Mallory: the list is asked for her, not for him."""
    roles = {BOB: policy.Role.PARTICIPANT}
    stage.changes(admission=Admission.INVITED, roles=roles)
    mallory, bob = stage.person("mallory"), _phone_of(stage, "bob")
    mallory.sends("INVITE", BOB, body=OFFER)
    _sends_on(bob, f"sip:4711@{DOMAIN}")
    mallory.gets("403")
    assert stage.roster() == []
    assert not stage.switchboard.occupied


@pytest.mark.parametrize(
    "name", ["nobody", "conference-factory", "conference-app", "mallory", "refer-opaque"]
)
def test_what_is_neither_a_person_nor_a_conference_is_not_called(stage: Stage, name: str) -> None:
    """Nothing is made by being sent to it."""
    stage.person("mallory")
    alice, bob = _two(stage, organizer=True)
    snapshots = dict(stage.snapshots)
    _sends_on(bob, f"sip:{name}@{DOMAIN}")
    alice.gets("480")
    assert stage.snapshots == snapshots
    assert stage.setups == {}
    assert not stage.switchboard.occupied


def test_in_a_circle_nobody_rings_twice(stage: Stage) -> None:
    carol = _phone_of(stage, "carol")
    alice, bob = _two(stage)
    _sends_on(bob, CAROL, f"{BOB};gr=urn:x", f"sip:alice@{DOMAIN}")
    alice.gets("181")
    _sends_on(carol, BOB, CAROL)
    alice.gets("480")
    assert bob.inbox == []
    assert alice.inbox == []
    assert not stage.switchboard.occupied


def test_no_further_than_five_times(stage: Stage) -> None:
    phones = [_phone_of(stage, f"carol{number}") for number in range(7)]
    alice, bob = _two(stage)
    _sends_on(bob, f"sip:carol0@{DOMAIN}")
    for number in range(5):
        alice.gets("181")
        _sends_on(phones[number], f"sip:carol{number + 1}@{DOMAIN}")
    alice.gets("480")
    assert phones[5].inbox == []
    assert not stage.switchboard.occupied


def test_a_circle_through_more_places_than_that(stage: Stage) -> None:
    """All at once, too."""
    phones = [_phone_of(stage, f"carol{number}") for number in range(7)]
    alice, bob = _two(stage)
    _sends_on(bob, *(f"sip:carol{number}@{DOMAIN}" for number in range(7)))
    assert [bool(phone.inbox) for phone in phones] == [True] * 5 + [False] * 2
    alice.cancels(alice.last)  # type: ignore[arg-type]
    stage.passes(40.0)
    assert not stage.switchboard.occupied


def test_who_declines_has_declined_for_the_place_that_he_is_sent_to(stage: Stage) -> None:
    """A 6xx ends the search (RFC 3261 16.7), also for a phone that is asked for only then."""
    carol, bob = _phone_of(stage, "carol"), stage.person("bob")
    for number in range(2):
        bob.registers(contact=f"<sip:phone{number}@bob.invalid>")
    alice = stage.person("alice")
    alice.sends("INVITE", BOB, body=OFFER)
    first, second = _rings(bob), _rings(bob)
    bob.replies(first, 603)
    bob.inbox.clear()
    moved = message.reply(second, 302, tag="second")
    moved.append("Contact", f"<{CAROL}>")
    bob.feeds(moved)
    alice.gets("603")
    assert carol.inbox == []
    stage.passes(40.0)
    assert not stage.switchboard.occupied


def test_a_secure_call_is_sent_on_to_secure_places_alone(stage: Stage) -> None:
    """8.1.3.4: a sips: address leads to no sip: one."""
    carol = stage.person("carol", transport=Transport.TLS)
    carol.registers(contact="<sips:carol@192.0.2.1:5061>")
    alice = stage.person("alice", transport=Transport.TLS)
    bob = stage.person("bob", transport=Transport.TLS)
    bob.registers(contact="<sips:bob@192.0.2.1:5061>")
    alice.sends("INVITE", f"sips:bob@{DOMAIN}", body=OFFER, Contact="<sips:alice@192.0.2.1:5061>")
    _sends_on(bob, CAROL)
    alice.gets("480")
    assert carol.inbox == []


# -- what costs money ----------------------------------------------------------


def test_to_a_number_by_whoever_may_dial_it_himself(stage: Stage) -> None:
    """Bob's phone is forwarded to his mobile; Alice may call numbers, so it is rung for her."""
    trunk = _server(stage)
    alice, bob = _two(stage, organizer=True)
    stage.trunk = _trunk()
    _sends_on(bob, NUMBER)
    alice.gets("181")
    trunk.replies(_rings(trunk), 200, body=ANSWER)
    trunk.gets("ACK")
    assert alice.last is not None
    alice.accepts(alice.last, alice.gets("200"))


@pytest.mark.parametrize(
    "place",
    [PREMIUM, "sip:premium@elsewhere.test", f"sip:+881999@{DOMAIN};user=phone", "sips:x@y.test"],
)
def test_mallorys_phone_makes_nobody_call_what_costs_money(stage: Stage, place: str) -> None:
    """Toll fraud by 302: Carol, who may not call outside, calls Mallory, and nothing leaves."""
    trunk = _server(stage)
    stage.trunk = _trunk()
    carol, mallory = stage.person("carol"), _phone_of(stage, "mallory")
    carol.sends("INVITE", f"sip:mallory@{DOMAIN}", body=OFFER)
    _sends_on(mallory, place)
    carol.gets("480")
    assert trunk.inbox == []
    assert not stage.switchboard.occupied


def test_mallory_calls_no_number_by_way_of_her_own_phones(stage: Stage) -> None:
    """She calls herself, and her other phone sends the call on: it is asked in her name."""
    trunk = _server(stage)
    stage.trunk = _trunk()
    desk = _phone_of(stage, "mallory")
    desk.sends("INVITE", f"sip:mallory@{DOMAIN}", body=OFFER)
    _sends_on(desk, PREMIUM)
    desk.gets("480")
    assert trunk.inbox == []


def test_calls_that_are_sent_on_count_as_the_callers(stage: Stage) -> None:
    """Five that leave the house at a time are all that one person has."""
    trunk = _server(stage)
    stage.trunk = _trunk()
    alice, bob = stage.person("alice", organizer=True), _phone_of(stage, "bob")
    for number in range(6):
        alice.sends("INVITE", BOB, body=OFFER)
        _sends_on(bob, f"tel:+49301234{number}")
        alice.gets("181" if number < 5 else "480")
    called = [one for one in trunk.inbox if isinstance(one, Request) and one.method == "INVITE"]
    assert len(called) == 5


# -- calls of a conference -----------------------------------------------------


def _calls(stage: Stage, uri: str = BOB) -> None:
    order = CallOrder(7, "job-7", uri, by=f"sip:alice@{DOMAIN}", display_name="Bob")
    stage.changes(calls=(order,))


def _failed(stage: Stage, status: int) -> bool:
    return any(
        isinstance(fact, CallProgressed) and (fact.state, fact.status) == ("failed", status)
        for fact in stage.facts
    )


def test_a_conference_is_sent_on_to_somebody_who_may_come_in(stage: Stage) -> None:
    """Carol answers for Bob, and is in as herself."""
    carol, bob = _phone_of(stage, "carol"), _phone_of(stage, "bob")
    _calls(stage)
    _sends_on(bob, CAROL)
    carol.replies(_rings(carol), 200, body=ANSWER)
    carol.gets("ACK")
    assert stage.roster() == ["carol"]
    assert CallProgressed(7, "done", 200) in stage.facts


@pytest.mark.parametrize(
    "policies",
    [
        {"admission": Admission.INVITED, "roles": {BOB: policy.Role.PARTICIPANT}},
        {"banned": frozenset({f"sip:mallory@{DOMAIN}"})},
        {"pin": "1234"},
        {"locked": True},
        {"waiting_room": policy.WaitingRoom.LET_IN},
    ],
)
def test_mallory_comes_into_no_conference_by_bobs_phone(
    stage: Stage, policies: dict[str, object]
) -> None:
    """Not invited, banned, without the PIN, locked out, not let in: hers does not even ring."""
    stage.changes("4711", **policies)
    mallory, bob = _phone_of(stage, "mallory"), _phone_of(stage, "bob")
    _calls(stage)
    _sends_on(bob, f"sip:mallory@{DOMAIN}")
    assert mallory.inbox == []
    assert _failed(stage, 302)


def test_a_secure_call_of_a_conference_is_sent_on_to_secure_places_alone(stage: Stage) -> None:
    carol, bob = stage.person("carol"), stage.person("bob", transport=Transport.TLS)
    carol.registers()
    bob.registers(contact="<sips:bob@192.0.2.1:5061>")
    order = CallOrder(7, "job-7", BOB, by=f"sip:alice@{DOMAIN}", secure=True)
    stage.changes(calls=(order,))
    _sends_on(bob, CAROL, f"sips:carol@{DOMAIN}")
    assert carol.inbox == []
    assert _failed(stage, 302)


def test_a_conference_is_sent_on_to_no_other_conference(stage: Stage) -> None:
    stage.conference("4712")
    bob = _phone_of(stage, "bob")
    _calls(stage)
    _sends_on(bob, f"sip:4712@{DOMAIN}", f"sip:4711@{DOMAIN}")
    assert _failed(stage, 302)
    assert not stage.switchboard.occupied


def test_a_conference_is_sent_on_to_a_number_in_the_name_of_whoever_asked(stage: Stage) -> None:
    """Bob's mobile is a phone of his: he is in, not the number."""
    trunk, bob = _server(stage), _phone_of(stage, "bob")
    stage.trunk = _trunk()
    stage.sends_on = {NUMBER}
    _calls(stage)
    _sends_on(bob, NUMBER)
    assert stage.asked_to_send_on == [(7, NUMBER)]
    trunk.replies(_rings(trunk), 200, body=ANSWER)
    trunk.gets("ACK")
    assert stage.roster() == ["bob"]


def test_mallorys_phone_makes_no_conference_call_what_costs_money(stage: Stage) -> None:
    """She was called by a conference that may call numbers, but not those."""
    trunk, mallory = _server(stage), _phone_of(stage, "mallory")
    stage.trunk = _trunk()
    _calls(stage, f"sip:mallory@{DOMAIN}")
    _sends_on(mallory, PREMIUM)
    assert stage.asked_to_send_on == [(7, PREMIUM)]
    assert trunk.inbox == []
    assert _failed(stage, 302)
    assert not stage.switchboard.occupied


def test_who_is_called_off_meanwhile_is_not_looked_for_any_more(stage: Stage) -> None:
    """The way to the number is found only after that."""
    trunk, bob = _server(stage), _phone_of(stage, "bob")
    stage.trunk = _trunk()
    stage.sends_on = {NUMBER}
    stage.dns_thinks = True
    _calls(stage)
    _sends_on(bob, NUMBER)
    stage.changes(calls=())
    assert _failed(stage, 487)
    stage.dns_answers()
    assert trunk.inbox == []
    assert not stage.switchboard.occupied


@pytest.mark.parametrize(
    ("refusals", "status"), [((503, 404), 404), ((486, 408), 486), ((404, 603), 603)]
)
def test_the_best_failure_of_all_phones_is_told(
    stage: Stage, refusals: tuple[int, ...], status: int
) -> None:
    """RFC 3261 16.7, as for calls between people."""
    bob = stage.person("bob")
    for number, _ in enumerate(refusals):
        bob.registers(contact=f"<sip:phone{number}@bob.invalid>")
    _calls(stage)
    for invite, refusal in zip([_rings(bob) for _ in refusals], refusals, strict=True):
        bob.replies(invite, refusal)
        bob.gets("ACK")
    assert _failed(stage, status)


def test_the_caller_gives_up_while_the_way_is_looked_for(stage: Stage) -> None:
    trunk = _server(stage)
    stage.trunk = _trunk()
    stage.dns_thinks = True
    alice, bob = _two(stage, organizer=True)
    _sends_on(bob, NUMBER)
    assert stage.switchboard._people.calls
    alice.cancels(alice.last)  # type: ignore[arg-type]
    alice.gets("200")
    alice.gets("487")
    assert not stage.switchboard._people.calls
    stage.dns_answers()
    assert trunk.inbox == []
    stage.is_quiet()
