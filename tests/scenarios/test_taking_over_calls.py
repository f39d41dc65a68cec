"""The process in which calls without a conference lived is gone: another goes on with them."""

from __future__ import annotations

from collections import defaultdict

import pytest

from sipgateway.focus.events import CallInherited, CallLost, SetupAnswered
from sipgateway.sip import headers
from sipgateway.sip.message import Request
from tests.scenarios.test_application import _calls
from tests.scenarios.test_several_processes import HERE, THERE, System
from tests.stage import ANSWER, DOMAIN, OFFER, Person, Stage


def _talking(system: System) -> tuple[Person, Person]:
    """Alice is connected there, and has called Bob, who is connected here."""
    bob, alice = system.person("bob"), system.there.person("alice")
    bob.registers()
    system.passes(1.0)
    (entry,) = system.here.phones.values()
    system.there.elsewhere[entry.aor] = ((HERE, entry),)
    request = alice.sends("INVITE", f"sip:bob@{DOMAIN}", body=OFFER)
    system.carries()
    invite = bob.gets("INVITE")
    assert isinstance(invite, Request)
    bob.replies(invite, 200, body=OFFER)
    system.carries()
    bob.gets("ACK")
    alice.accepts(request, alice.gets("200"))
    bob.call_id = invite.must(headers.CALL_ID)
    bob.target = str(invite.must(headers.CONTACT).uri)
    bob.to["call"] = invite.get("from") or ""
    return alice, bob


def _left(stage: Stage) -> dict[str, tuple[tuple[dict[str, object], float], ...]]:
    """What a process has written down, by call."""
    groups: dict[str, list[tuple[dict[str, object], float]]] = defaultdict(list)
    for group, what in stage.standing_calls.values():
        groups[group].append((what, stage.now))
    return {group: tuple(legs) for group, legs in groups.items()}


def _dies(system: System) -> None:
    """The process there is gone; the one here gets what it left, ten seconds later."""
    left = _left(system.there)
    system.there.switchboard._desk.actions.clear()
    system.here.passes(10.0)
    for group, legs in left.items():
        system.here.happens(CallInherited(group, legs, THERE))


def _comes_back(system: System, who: Person) -> Person:
    """A phone whose connection went registers here, and goes on in its dialog."""
    (flow, octets) = system.here.sent_elsewhere.pop()
    assert flow.via == THERE
    assert octets.startswith(b"INVITE ")
    system.here.endpoint.flow_closed(flow.id, system.here.now)
    system.here.pump()
    again = system.here.person(who.name)
    again.call_id, again.target, again.to = who.call_id, who.target, who.to
    again.registers()
    return again


def _agrees(person: Person) -> None:
    invite = person.gets("INVITE", call_id=person.call_id)
    assert isinstance(invite, Request)
    assert "isfocus" not in (invite.get("contact") or "")
    person.replies(invite, 200, body=ANSWER)
    person.gets("ACK")


def _bye_of_bob(bob: Person, method: str = "BYE") -> Request:
    bye = bob.request(method, bob.target, call_id=bob.call_id, to=bob.to["call"])
    mine = f"<sip:bob@{DOMAIN}>;tag=bob-uas"
    bye.fields = [(name, mine if name == "from" else value) for name, value in bye.fields]
    return bye


def test_two_people_talk_on() -> None:
    """Both dialogs stand, media are agreed anew, and one hangs up as ever."""
    system = System()
    alice, bob = _talking(system)
    _dies(system)
    _agrees(bob)
    again = _comes_back(system, alice)
    _agrees(again)
    rooms = set(system.here.media.rooms.values())
    assert len(system.here.media.rooms) == 2
    assert len(rooms) == 1
    again.in_dialog("MESSAGE", body="are you there?", content_type="text/plain")
    text = bob.gets("MESSAGE")
    assert isinstance(text, Request)
    bob.replies(text, 200)
    again.gets("200")
    system.here.passes(60.0)
    bob.feeds(_bye_of_bob(bob))
    bob.gets("200")
    again.gets("BYE", reason="The other side hung up")
    assert system.here.standing_calls == {}
    assert system.here.media.rooms == {}
    assert system.here.switchboard.kept == []


def test_who_had_the_others_phone_call_is_told_by_the_next_process() -> None:
    """RFC 5589 6.1: what Bob's phone tells of its call goes on to Alice, by the Event of hers."""
    system = System()
    alice, bob = _talking(system)
    refer = alice.in_dialog("REFER", Refer_To=f"<sip:carol@{DOMAIN}>")
    system.carries()
    asked = bob.gets("REFER")
    assert isinstance(asked, Request)
    bob.replies(asked, 202)
    system.carries()
    alice.gets("202")
    _dies(system)
    _agrees(bob)
    again = _comes_back(system, alice)
    _agrees(again)
    notify = _bye_of_bob(bob, "NOTIFY")
    notify.append("Event", "refer")
    notify.append("Subscription-State", "terminated;reason=noresource")
    bob.feeds(notify)
    bob.gets("200")
    number = refer.must(headers.CSEQ).number
    told = again.gets("NOTIFY", event="refer", terminated=True)
    assert told.get("event") == f"refer;id={number}"
    kept = [what for _, what in system.here.standing_calls.values()]
    assert [what["asked"] for what in kept] == ["", ""]


def test_a_call_that_was_taken_over_becomes_a_conference() -> None:
    """Draft 4.9 in the next process; nothing is left written down of the call."""
    system = System()
    alice, bob = _talking(system)
    _dies(system)
    _agrees(bob)
    again = _comes_back(system, alice)
    _agrees(again)
    again.in_dialog("REFER", Refer_To=f"<sip:conference-factory@{DOMAIN}>")
    again.gets("202", contact="isfocus")
    bob.gets("INVITE", contact="isfocus")
    assert system.here.standing_calls == {}


def test_who_does_not_come_back_ends_the_call() -> None:
    system = System()
    _, bob = _talking(system)
    _dies(system)
    _agrees(bob)
    (flow, _) = system.here.sent_elsewhere.pop()
    system.here.endpoint.flow_closed(flow.id, system.here.now)
    system.here.pump()
    system.here.passes(17.0)
    assert not any("BYE" in repr(message) for message in bob.inbox)
    system.here.passes(5.0)
    bob.gets("BYE", reason="The other side hung up")
    assert system.here.standing_calls == {}


def test_a_call_that_rings_is_not_written_down() -> None:
    system = System()
    alice = system.there.person("alice")
    bob = system.there.person("bob")
    bob.registers()
    alice.sends("INVITE", f"sip:bob@{DOMAIN}", body=OFFER)
    bob.gets("INVITE")
    assert system.there.standing_calls == {}
    assert system.there.switchboard.kept == []


def test_a_call_that_is_over_is_crossed_out() -> None:
    system = System()
    alice, _ = _talking(system)
    assert len(system.there.standing_calls) == 2
    assert len(system.there.switchboard.kept) == 1
    alice.in_dialog("BYE")
    alice.gets("200")
    assert system.there.standing_calls == {}


def test_one_process_alone_writes_no_calls_down(stage: Stage) -> None:
    alice, bob = stage.person("alice"), stage.person("bob")
    bob.registers()
    request = alice.sends("INVITE", f"sip:bob@{DOMAIN}", body=OFFER)
    invite = bob.gets("INVITE")
    assert isinstance(invite, Request)
    bob.replies(invite, 200, body=OFFER)
    alice.accepts(request, alice.gets("200"))
    assert stage.standing_calls == {}


@pytest.mark.parametrize("damage", ["dialog", "identity", "leg", "place"])
def test_a_call_that_cannot_be_read_is_passed_over(damage: str) -> None:
    """Written by another version, say: its phones call again."""
    system = System()
    _talking(system)
    for _, what in system.there.standing_calls.values():
        del what[damage]
    _dies(system)
    assert system.here.switchboard.kept == []
    assert system.here.media.rooms == {}


def test_mallory_knows_the_dialog_and_is_in_no_call() -> None:
    """Of a call that nobody wrote down, or that is others', she gets 481."""
    system = System()
    alice, bob = _talking(system)
    _dies(system)
    _agrees(bob)
    mallory = system.here.person("mallory")
    mallory.call_id, mallory.target, mallory.to = alice.call_id, alice.target, dict(alice.to)
    mallory.in_dialog("BYE")
    mallory.gets("481")
    assert len(system.here.standing_calls) == 2


def test_who_ends_in_good_order_leaves_calls_to_the_others() -> None:
    """No BYE to anybody; what is written down stays."""
    system = System()
    alice, bob = _talking(system)
    system.there.switchboard.stop(system.there.now, hand_over=True)
    system.there.pump()
    system.carries()
    assert alice.inbox == bob.inbox == []
    assert len(system.there.standing_calls) == 2
    assert system.there.switchboard.kept == []
    _dies(system)
    _agrees(bob)


def test_whose_calls_live_elsewhere_lets_go_in_silence() -> None:
    """It was away from the database for too long."""
    system = System()
    alice, bob = _talking(system)
    (group,) = system.there.switchboard.kept
    system.there.happens(CallLost("call-of-others"))
    assert system.there.switchboard.kept == [group]
    system.there.happens(CallLost(group))
    system.passes(120.0)
    assert alice.inbox == bob.inbox == []
    assert len(system.there.standing_calls) == 2
    assert system.there.switchboard.kept == []
    alice.in_dialog("BYE")
    alice.gets("481")


# -- the conference application ------------------------------------------------------


def test_a_caller_of_the_application_is_greeted_again() -> None:
    """His page is as good as before: what he answers there makes the conference."""
    system = System()
    alice = system.there.person("alice")
    token = _calls(system.there, alice)
    _dies(system)
    again = _comes_back(system, alice)
    _agrees(again)
    assert system.here.looked_at == [token]
    assert system.here.media.played[-1][1] == "menu"
    made = system.here.conference("8471", creator=alice.identity.uri)
    system.here.happens(SetupAnswered(token, made))
    invite = again.gets("INVITE", contact="isfocus", call_id=alice.call_id)
    assert isinstance(invite, Request)
    again.replies(invite, 200, body=ANSWER)
    again.gets("ACK")
    assert system.here.roster("8471") == ["alice"]
    assert system.here.standing_calls == {}


def test_a_caller_of_the_application_who_hangs_up_leaves_nothing() -> None:
    system = System()
    alice = system.there.person("alice")
    _calls(system.there, alice)
    assert len(system.there.standing_calls) == 1
    alice.in_dialog("BYE")
    alice.gets("200")
    assert system.there.standing_calls == {}
    assert system.there.setups == {}


def test_a_caller_of_the_application_whose_process_ends_in_good_order() -> None:
    system = System()
    alice = system.there.person("alice")
    _calls(system.there, alice)
    system.there.switchboard.stop(system.there.now, hand_over=True)
    system.there.pump()
    assert alice.inbox == []
    _dies(system)
    _agrees(_comes_back(system, alice))
    assert len(system.here.switchboard.kept) == 1


def test_a_caller_who_thinks_for_too_long_is_let_go_in_the_next_process() -> None:
    system = System()
    alice = system.there.person("alice")
    _calls(system.there, alice)
    _dies(system)
    again = _comes_back(system, alice)
    _agrees(again)
    system.here.passes(601.0)
    again.gets("BYE", reason="Nothing was answered")
    assert system.here.standing_calls == {}
