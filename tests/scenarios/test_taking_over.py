"""The process that serves a conference is gone: another goes on with it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from conferences.policy import CallOrder, ParticipantKey, WaitingRoom
from sipgateway.focus.actions import Action
from sipgateway.focus.events import ConferenceInherited, LeaseLost
from sipgateway.focus.facts import DialogForgotten, DialogKept, RosterChanged
from sipgateway.focus.questions import MakeOffer
from sipgateway.media.engine import DigitKeyed, Session
from sipgateway.sip import headers
from sipgateway.sip.flow import Flow, FlowId, Transport
from tests.scenarios.test_several_processes import HERE, THERE, System
from tests.stage import ANSWER, DOMAIN, OFFER, Info, Person, Stage


def kept(stage: Stage) -> dict[str, Any]:
    """What a process has written down of its dialogs, and not crossed out."""
    found: dict[str, Any] = {}
    for fact in stage.facts:
        if isinstance(fact, DialogKept):
            found[fact.key] = fact.what
        elif isinstance(fact, DialogForgotten):
            del found[fact.key]
    return found


def version(stage: Stage) -> int:
    known = (fact.version for fact in stage.facts if isinstance(fact, RosterChanged))
    return max(known, default=0)


def dies(system: System) -> None:
    """The process there is gone; the one here gets what it left, ten seconds later."""
    left = tuple((what, system.there.now) for what in kept(system.there).values())
    last = version(system.there)
    system.there.switchboard._desk.actions.clear()
    system.here.passes(10.0)
    system.here.owners.clear()
    system.there.snapshots.clear()
    inherited = ConferenceInherited(system.here.snapshots["4711"], left, last, THERE)
    system.here.happens(inherited)


def agrees(person: Person) -> int:
    """The phone takes the new description; the CSeq of the re-INVITE."""
    invite = person.gets("INVITE")
    person.replies(invite, 200, body=ANSWER)  # type: ignore[arg-type]
    person.gets("ACK")
    return invite.must(headers.CSEQ).number


def test_who_is_connected_elsewhere_stays_in() -> None:
    """Same dialog, same participant, media agreed anew; he can hang up as ever."""
    system = System()
    bob = system.person("bob")
    system.dials(bob)
    key = system.there.key_of("bob")
    dies(system)
    assert agrees(bob) > 1000
    assert system.here.roster() == ["bob"]
    assert system.here.key_of("bob") == key
    assert system.here.media.rooms == {system.here.leg_of("bob"): "conference-1"}
    bob.in_dialog("BYE")
    bob.gets("200")
    assert system.here.roster() == []
    assert set(kept(system.here)) == set()


def test_who_watches_is_told_all_by_a_version_that_is_higher() -> None:
    """RFC 4575 4.6: no version goes backwards, and the roster's neither."""
    system = System()
    bob = system.person("bob")
    system.dials(bob)
    bob.sends("SUBSCRIBE", f"sip:4711@{DOMAIN}", Event="conference")
    system.carries()
    bob.gets("200")
    before = Info(bob.gets("NOTIFY"))
    last = version(system.there)
    dies(system)
    found = [message for message in bob.inbox if message.get("event")]
    assert len(found) == 1
    after = Info(found[0])
    assert after.state == "full"
    assert after.users() == {"bob": "full"}
    assert after.version > before.version + 100
    cseq = [one.must(headers.CSEQ).number for one in (before.message, after.message)]
    assert cseq[1] > cseq[0] + 100
    assert version(system.here) > last


def test_who_was_connected_to_the_process_that_is_gone_comes_back() -> None:
    """He registers here, and the call goes on by the new connection."""
    system = System()
    bob = system.there.person("bob")
    bob.registers()
    bob.dials("4711")
    call = (bob.call_id, bob.target, bob.to["call"])
    dies(system)
    (flow, octets) = system.here.sent_elsewhere.pop()
    assert flow.via == THERE
    assert octets.startswith(b"INVITE ")
    system.here.endpoint.flow_closed(flow.id, system.here.now)
    system.here.pump()
    again = system.here.person("bob")
    again.call_id, again.target, again.to["call"] = call
    again.registers()
    agrees(again)
    assert system.here.roster() == ["bob"]
    system.here.passes(60.0)
    assert system.here.roster() == ["bob"]
    again.in_dialog("BYE")
    again.gets("200")


def test_who_has_come_back_already_is_found() -> None:
    """A phone that is quicker than the lease is long: it has registered here before."""
    system = System()
    bob = system.there.person("bob")
    bob.registers()
    bob.dials("4711")
    again = system.here.person("bob")
    again.call_id, again.target, again.to["call"] = bob.call_id, bob.target, bob.to["call"]
    again.registers()
    dies(system)
    assert system.here.sent_elsewhere == []
    agrees(again)
    assert system.here.roster() == ["bob"]
    again.in_dialog("BYE")
    again.gets("200")


def test_who_comes_back_while_his_old_connection_is_tried() -> None:
    """It is not known yet that it goes nowhere: what was sent by it is given up."""
    system = System()
    bob = system.there.person("bob")
    bob.registers()
    bob.dials("4711")
    call = (bob.call_id, bob.target, bob.to["call"])
    dies(system)
    assert [flow.via for flow, _ in system.here.sent_elsewhere] == [THERE]
    again = system.here.person("bob")
    again.call_id, again.target, again.to["call"] = call
    again.registers()
    agrees(again)
    system.here.passes(60.0)
    assert system.here.roster() == ["bob"]
    assert len(system.here.sent_elsewhere) == 1
    again.in_dialog("BYE")
    again.gets("200")


def test_who_does_not_come_back_is_off_the_roster() -> None:
    system = System()
    bob = system.there.person("bob")
    bob.dials("4711")
    dies(system)
    (flow, _) = system.here.sent_elsewhere.pop()
    system.here.endpoint.flow_closed(flow.id, system.here.now)
    system.here.pump()
    system.here.passes(17.0)
    assert system.here.roster() == ["bob"]
    system.here.passes(5.0)
    assert system.here.roster() == []


def test_a_desk_phone_on_udp_is_reached_by_a_socket_here() -> None:
    system = System()
    bob = system.there.person("bob", transport=Transport.UDP)
    bob.dials("4711")
    again = system.here.person("bob", transport=Transport.UDP)
    again.call_id, again.target, again.to = bob.call_id, bob.target, bob.to
    system.here.found_again[bob.flow.remote_host, bob.flow.remote_port] = again.flow
    dies(system)
    agrees(again)
    assert system.here.roster() == ["bob"]


def test_who_was_muted_stays_so() -> None:
    system = System()
    bob = system.person("bob")
    system.dials(bob)
    muted = frozenset({ParticipantKey(system.there.key_of("bob"))})
    system.here.changes(muted=muted)
    dies(system)
    agrees(bob)
    assert system.here.media.muted == {system.here.leg_of("bob"): True}


def test_a_call_that_was_not_written_down_is_over() -> None:
    """Mallory makes up a dialog of the process that is gone: nobody goes on with it."""
    system = System()
    bob = system.person("bob")
    system.dials(bob)
    dies(system)
    mallory = system.here.person("mallory")
    mallory.call_id, mallory.target = "made-up", f"sip:4711@{DOMAIN}"
    mallory.to["call"] = f"<sip:4711@{DOMAIN}>;tag=p{HERE}_made-up"
    mallory.in_dialog("BYE")
    mallory.gets("481")
    assert system.here.roster() == ["bob"]


@pytest.mark.parametrize("damage", ["dialog", "identity", "leg", "joining", "usage"])
def test_what_cannot_be_read_is_passed_over(damage: str) -> None:
    system = System()
    bob, alice = system.person("bob"), system.person("alice")
    system.dials(bob)
    system.dials(alice)
    first = next(key for key, what in kept(system.there).items() if "bob" in str(what["identity"]))
    written = dict(kept(system.there)[first])
    del written[damage]
    system.there.facts.append(DialogKept(first, written))
    dies(system)
    agrees(alice)
    assert system.here.roster() == ["alice"]


def test_who_has_lost_its_lease_lets_go_in_silence(stage: Stage) -> None:
    """It was away from the database for too long: others serve the conference now."""
    bob = stage.joined("bob")
    bob.sends("SUBSCRIBE", f"sip:4711@{DOMAIN}", Event="conference")
    bob.gets("200")
    bob.gets("NOTIFY")
    facts = len(stage.facts)
    stage.happens(LeaseLost(stage.snapshots["4711"].id))
    stage.passes(120.0)
    assert bob.inbox == []
    assert stage.facts[facts:] == []
    assert stage.media.rooms == {}
    assert stage.switchboard.live == []
    bob.in_dialog("BYE")
    bob.gets("481")


def test_who_ends_in_good_order_leaves_calls_to_the_others() -> None:
    """No BYE to who is in or stands at the PIN; who is being called is told."""
    system = System()
    bob = system.person("bob")
    system.dials(bob)
    carol = system.there.person("carol")
    carol.registers()
    order = CallOrder(1, "job", f"sip:carol@{DOMAIN}", "Alice", "Carol")
    system.there.changes(calls=(order,), pin="1234")
    ringing = carol.gets("INVITE")
    carol.replies(ringing, 180)  # type: ignore[arg-type]
    system.there.person("mallory").dials("4711")
    facts = len(system.there.facts)
    system.there.switchboard.stop(system.there.now, hand_over=True)
    system.there.pump()
    carol.gets("CANCEL")
    assert system.there.facts[facts:] == []
    assert system.there.switchboard.live == []
    system.carries()
    assert bob.inbox == []
    dies(system)
    agrees(bob)
    assert system.here.roster() == ["bob"]
    assert not any("BYE" in repr(message) for message in system.there.people["mallory"].inbox)


def test_who_stood_at_the_pin_is_asked_again() -> None:
    """What he had keyed so far is lost, his call is not."""
    system = System()
    system.there.changes(pin="1234")
    bob = system.person("bob")
    system.dials(bob)
    system.there.media_tells(DigitKeyed(system.there.leg_of("bob"), "9"))
    system.here.snapshots["4711"] = system.there.snapshots["4711"]
    dies(system)
    agrees(bob)
    leg = system.here.leg_of("bob")
    assert system.here.media.played[-1] == (leg, "enter-pin")
    assert system.here.roster() == []
    for digit in "1234#":
        system.here.media_tells(DigitKeyed(leg, digit))
    assert system.here.roster() == ["bob"]
    assert system.here.media.rooms == {leg: "conference-1"}
    bob.in_dialog("BYE")
    bob.gets("200")
    assert kept(system.here) == {}


def test_who_was_asked_for_the_pin_and_hangs_up_is_crossed_out() -> None:
    system = System()
    system.there.changes(pin="1234")
    bob = system.person("bob")
    system.dials(bob)
    assert len(kept(system.there)) == 1
    bob.in_dialog("BYE")
    system.carries()
    bob.gets("200")
    assert kept(system.there) == {}


def test_who_waited_waits_on() -> None:
    """In another process he is anew in the queue, on the same dialog."""
    system = System()
    system.there.changes(waiting_room=WaitingRoom.LET_IN)
    bob = system.person("bob")
    system.dials(bob)
    system.here.snapshots["4711"] = system.there.snapshots["4711"]
    dies(system)
    agrees(bob)
    assert system.here.roster() == []
    system.here.changes(waiting_room=WaitingRoom.NONE)
    assert system.here.roster() == ["bob"]


def test_who_was_put_out_meanwhile_does_not_come_in_by_the_door() -> None:
    """Mallory waited where the process died; policy is asked again."""
    system = System()
    system.there.changes(pin="1234")
    mallory = system.person("mallory")
    system.dials(mallory)
    banned = frozenset({f"sip:mallory@{DOMAIN}"})
    system.here.snapshots["4711"] = replace(system.there.snapshots["4711"], banned=banned, pin="")
    dies(system)
    agrees(mallory)
    system.here.passes(10)
    assert system.here.roster() == []
    assert any("BYE" in repr(message) for message in mallory.inbox)


@pytest.mark.parametrize("dials_in", [True, False])
def test_what_a_phone_calls_itself_is_known_to_the_next_process(dials_in: bool) -> None:
    """Linphone 5 ends a call over `u=` or `p=`: its new description has none either."""
    agent = "Linphonec/5.1.65 (belle-sip/5.1.64)"
    system = System()
    for stage in (system.here, system.there):
        stage.changes(info_uri="http://conf.test/c/4711/", info_phone="+1")
    bob = system.there.person("bob")
    bob.registers(User_Agent=agent)
    if dials_in:
        bob.dials("4711", User_Agent=agent)
    else:
        system.there.calls("bob")
        agrees(bob)
    told: list[Session] = []
    note = system.here._act

    def noted(action: Action) -> None:
        if isinstance(action, MakeOffer):
            told.append(action.session)
        note(action)

    system.here._act = noted  # type: ignore[method-assign]
    dies(system)
    assert [(one.info, one.uri, one.phone) for one in told] == [("Planning", "", "")]


@pytest.mark.parametrize("changes", [False, True])
def test_the_session_of_a_phone_goes_on_in_the_next_process(changes: bool) -> None:
    """What was agreed last, and never less secret than it was."""
    system = System()
    bob = system.person("bob")
    system.dials(bob)
    leg = system.there.leg_of("bob")
    (first,) = (one["agreed"] for one in kept(system.there).values())
    if changes:
        again = bob.in_dialog("INVITE", body=OFFER)
        system.carries()
        bob.accepts(again, bob.gets("200"))
        system.carries()
        assert system.there.media.reminded[leg] == first
    (last,) = (one["agreed"] for one in kept(system.there).values())
    assert (last != first) is changes
    dies(system)
    assert system.here.media.reminded[leg] == last


def test_one_process_alone_writes_no_dialogs_down(stage: Stage) -> None:
    stage.joined("bob")
    assert kept(stage) == {}


def test_a_flow_is_seen_from_both_sides() -> None:
    flow = Flow(FlowId(1), Transport.WS, "h", 1, "h", 2, via=HERE)
    assert flow.seen_from(HERE).via == ""
    assert flow.seen_from(THERE).via == HERE
