"""The PIN is asked for in the call and keyed as RFC 4733 digits ended by #."""

from __future__ import annotations

import pytest

from conferences.policy import Admission, PersonalPin, Role
from sipgateway.focus.facts import Joined, PinGiven, WrongPin
from sipgateway.media.engine import DigitKeyed, LegId
from sipgateway.sip.flow import Transport
from tests.stage import DOMAIN, OFFER, Person, Stage


def _keys(stage: Stage, who: str, digits: str, name: str = "4712") -> None:
    leg = stage.leg_of(who, name)
    for digit in digits:
        stage.media_tells(DigitKeyed(leg, digit))


def _info(person: Person, digit: str) -> None:
    info = person.request("INFO", person.target, call_id=person.call_id, to=person.to["call"])
    info.append("Content-Type", "application/dtmf-relay")
    info.body = f"Signal={digit}\r\nDuration=100\r\n".encode()
    person.feeds(info)
    person.gets("200")


def test_the_right_pin_opens(stage: Stage) -> None:
    stage.conference("4712", pin="2468")
    bob = stage.joined("bob", "4712")
    leg = stage.leg_of("bob", "4712")
    assert stage.roster("4712") == []
    assert stage.media.rooms.get(leg) is None
    assert (leg, "enter-pin") in stage.media.played
    _keys(stage, "bob", "2468#")
    assert stage.roster("4712") == ["bob"]
    assert stage.media.rooms[leg] == "conference-2"
    assert bob.inbox == []


def test_mallory_guesses_three_times(stage: Stage) -> None:
    stage.conference("4712", pin="2468")
    mallory = stage.joined("mallory", "4712")
    for guess in ("1234#", "24680#", "##1#"):
        _keys(stage, "mallory", guess)
    mallory.gets("BYE", reason="Wrong PIN too often")
    wrong = [fact for fact in stage.facts if isinstance(fact, WrongPin)]
    assert [fact.last for fact in wrong] == [False, False, True]
    stage.changes("4712", held_off=frozenset({f"sip:mallory@{DOMAIN}"}))
    mallory.sends("INVITE", f"sip:4712@{DOMAIN}", body=OFFER)
    mallory.gets("403", reason="Wrong PIN too often")
    stage.is_quiet()


def test_no_pin_is_no_wrong_one(stage: Stage) -> None:
    stage.conference("4712", pin="2468")
    bob = stage.joined("bob", "4712")
    leg = stage.leg_of("bob", "4712")
    _keys(stage, "bob", "####")
    assert stage.media.played == [(leg, "enter-pin")] * 5
    assert not [fact for fact in stage.facts if isinstance(fact, WrongPin)]
    _keys(stage, "bob", "2468#")
    assert stage.roster("4712") == ["bob"]
    assert bob.inbox == []


def test_who_is_not_asked(stage: Stage) -> None:
    """The organizer, and whoever has given it on a page or was pulled in."""
    stage.conference("4712", pin="2468", admitted=frozenset({f"sip:bob@{DOMAIN}"}))
    stage.joined("alice", "4712")
    stage.joined("bob", "4712")
    assert stage.roster("4712") == ["alice", "bob"]


def test_digits_by_info(stage: Stage) -> None:
    """RFC 6086, for phones that cannot send RFC 4733."""
    stage.conference("4712", pin="24")
    bob = stage.joined("bob", "4712")
    for digit in "24#":
        _info(bob, digit)
    assert stage.roster("4712") == ["bob"]


def test_a_key_that_is_told_in_both_ways_is_one_digit(stage: Stage) -> None:
    """Desk phones have a setting for it; whichever comes first counts."""
    stage.conference("4712", pin="2244")
    bob = stage.joined("bob", "4712")
    for digit in "22":
        _keys(stage, "bob", digit)
        _info(bob, digit)
    for digit in "44#":
        _info(bob, digit)
        _keys(stage, "bob", digit)
    assert stage.roster("4712") == ["bob"]
    assert not [fact for fact in stage.facts if isinstance(fact, WrongPin)]


def test_who_keys_a_pin_of_his_own_is_known_by_it(stage: Stage) -> None:
    """On any phone; one that is not on the list is asked for nothing but such a PIN."""
    carol = PersonalPin("Carol of the board", Role.MODERATOR)
    stage.conference(
        "4712", pin="2468", admission=Admission.INVITED, personal_pins={"80808080": carol}
    )
    mallory = stage.joined("mallory", "4712")
    _keys(stage, "mallory", "2468#")
    assert stage.roster("4712") == []
    _keys(stage, "mallory", "80808080#")
    given = [fact for fact in stage.facts if isinstance(fact, PinGiven)]
    assert given == [PinGiven(f"sip:mallory@{DOMAIN}", Role.MODERATOR, "Carol of the board")]
    told = [fact.display_text for fact in stage.facts if isinstance(fact, Joined)]
    assert told == ["Carol of the board"]
    assert mallory.inbox == []


def test_the_pin_of_moderators_lets_command(stage: Stage) -> None:
    stage.conference("4712", pin="2468", moderator_pin="1357")
    stage.joined("bob", "4712")
    _keys(stage, "bob", "1357#")
    bob = f"sip:bob@{DOMAIN}"
    assert PinGiven(bob, Role.MODERATOR) in stage.facts
    stage.changes("4712", roles={**stage.snapshots["4712"].roles, bob: Role.MODERATOR})
    stage.joined("carol", "4712")
    _keys(stage, "carol", "2468#")
    _keys(stage, "bob", "*5")
    assert stage.snapshots["4712"].locked


def test_a_conference_under_attack_looks_as_if_there_were_none(stage: Stage) -> None:
    admitted = frozenset({f"sip:bob@{DOMAIN}"})
    stage.conference("4712", pin="2468", admitted=admitted, hidden_until=stage.now + 600)
    mallory = stage.person("mallory")
    mallory.sends("INVITE", f"sip:4712@{DOMAIN}", body=OFFER)
    mallory.gets("404")
    stage.joined("bob", "4712")
    assert stage.roster("4712") == ["bob"]


def _calls_through(stage: Stage, **how: str) -> LegId:
    """Somebody's call through a gateway; its leg."""
    trunk = stage.people.get("trunk") or stage.person(
        "trunk", gateway=True, transport=Transport.UDP
    )
    request = trunk.sends("INVITE", f"sip:4712@{DOMAIN}", body=OFFER, **how)
    trunk.accepts(request, trunk.gets("200"))
    return list(stage.switchboard._conferences[stage.snapshots["4712"].id].calls)[-1].id


@pytest.mark.parametrize(
    ("guesser", "honest"),
    [
        (
            {"P_Asserted_Identity": "<sip:+493331@gateway.invalid>"},
            {"P_Asserted_Identity": "<tel:+493332>"},
        ),
        ({"Privacy": "id"}, {"Privacy": "id"}),
    ],
    ids=["numbers", "withheld"],
)
def test_one_caller_of_a_gateway_guesses(
    stage: Stage, guesser: dict[str, str], honest: dict[str, str]
) -> None:
    """He is held off, and nobody else who calls through it."""
    stage.conference("4712", pin="2468")
    waiting, mallory = _calls_through(stage, **honest), _calls_through(stage, **guesser)
    for digit in "1#2#3#":
        stage.media_tells(DigitKeyed(mallory, digit))
    stage.people["trunk"].gets("BYE", reason="Wrong PIN too often")
    for digit in "2468#":
        stage.media_tells(DigitKeyed(waiting, digit))
    assert stage.roster("4712") == ["trunk"]
    sides = {fact.entity for fact in stage.facts if isinstance(fact, WrongPin)}
    assert len(sides) == 1
    stage.changes("4712", held_off=frozenset(sides))
    _calls_through(stage, **honest)


def test_a_caller_of_a_gateway_who_guessed_is_held_off(stage: Stage) -> None:
    stage.conference("4712", pin="2468", held_off=frozenset({f"sip:trunk@{DOMAIN};caller=+493331"}))
    trunk = stage.person("trunk", gateway=True, transport=Transport.UDP)
    number = {"P_Asserted_Identity": "<sip:+493331@gateway.invalid>"}
    trunk.sends("INVITE", f"sip:4712@{DOMAIN}", body=OFFER, **number)
    trunk.gets("403", reason="Wrong PIN too often")


def test_who_is_there_is_not_told_before_the_pin_is_keyed(stage: Stage) -> None:
    """Mallory watches a conference with a PIN: she is held off with nothing, as is Bob until
    he has keyed it; whom a moderator had called, and who commands, read it all."""
    stage.conference("4712", pin="2468")
    alice = stage.joined("alice", "4712")
    alice.subscribes("4712")
    assert alice.sees().users() == {"alice": "full"}
    mallory = stage.person("mallory")
    mallory.subscribes("4712")
    held = mallory.gets("NOTIFY", event="conference", subscription_state="pending")
    assert held.body == b""
    bob = stage.joined("bob", "4712")
    bob.subscribes("4712")
    bob.gets("NOTIFY", event="conference", subscription_state="pending")
    _keys(stage, "bob", "2468#")
    stage.passes(1)
    assert bob.sees().users() == {"alice": "full", "bob": "full"}
    alice.sees()
    stage.is_quiet()
    carol = stage.person("carol")
    stage.changes("4712", pulled_in=frozenset({f"sip:carol@{DOMAIN}"}))
    carol.subscribes("4712")
    assert set(carol.sees().users()) == {"alice", "bob"}
    stage.is_quiet()


def test_a_moderator_of_the_list_watches_without_a_pin(stage: Stage) -> None:
    roles = {f"sip:alice@{DOMAIN}": Role.ORGANIZER, f"sip:bob@{DOMAIN}": Role.MODERATOR}
    stage.conference("4712", pin="2468", roles=roles)
    stage.joined("alice", "4712")
    bob = stage.person("bob")
    bob.subscribes("4712")
    assert bob.sees().users() == {"alice": "full"}


def test_one_at_the_pin_is_put_out_by_refer(stage: Stage) -> None:
    stage.conference("4712", pin="2468")
    alice, bob = stage.joined("alice", "4712"), stage.joined("bob", "4712")
    alice.sends("REFER", f"sip:4712@{DOMAIN}", Refer_To=f"<sip:bob@{DOMAIN};method=BYE>")
    alice.gets("202")
    alice.gets("NOTIFY", event="refer", body="100 Trying")
    bob.gets("BYE", reason="not let in")
    alice.gets("NOTIFY", event="refer", body="200 OK", terminated=True)
    stage.is_quiet()


def test_one_at_the_pin_whom_a_moderator_adds_is_in(stage: Stage) -> None:
    stage.conference("4712", pin="2468")
    alice, bob = stage.joined("alice", "4712"), stage.person("bob")
    bob.registers()
    bob.dials("4712")
    alice.sends("REFER", f"sip:4712@{DOMAIN}", Refer_To=f"<sip:bob@{DOMAIN}>")
    alice.gets("202")
    alice.gets("NOTIFY", event="refer", body="100 Trying")
    alice.gets("NOTIFY", event="refer", body="200 Is In Already", terminated=True)
    assert stage.roster("4712") == ["alice", "bob"]
    stage.is_quiet()
