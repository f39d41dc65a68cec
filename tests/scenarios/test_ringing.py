"""Who is being called: twice at a time, and for others who have all gone meanwhile."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sipgateway.focus.facts import CallProgressed
from sipgateway.sip.message import Request
from tests.stage import DOMAIN, OFFER, START, Person, Stage

FOCUS = f"sip:4711@{DOMAIN}"
CAROL = f"<sip:carol@{DOMAIN}>"


@pytest.fixture
def booked(stage: Stage) -> Stage:
    """Its conference is over at some time, as a standing room never is."""
    stage.changes(closes_at=START + 3600)
    return stage


def _carol(stage: Stage) -> Person:
    carol = stage.person("carol")
    carol.registers()
    return carol


def _invite(person: Person) -> Request:
    invite = person.gets("INVITE")
    assert isinstance(invite, Request)
    return invite


def _asks(asker: Person) -> None:
    asker.sends("REFER", FOCUS, Refer_To=CAROL)
    asker.gets("202")
    asker.gets("NOTIFY", event="refer", body="100 Trying")


def _ends(stage: Stage) -> dict[int, tuple[str, int | None, str]]:
    told = (fact for fact in stage.facts if isinstance(fact, CallProgressed))
    return {one.call: (one.state, one.status, one.reason) for one in told}


def test_a_second_order_joins_the_first(stage: Stage) -> None:
    """She rings once, and both who asked are told how it goes."""
    alice, bob, carol = stage.joined("alice"), stage.joined("bob"), _carol(stage)
    stage.changes(participants_may_add=True)
    _asks(alice)
    invite = _invite(carol)
    carol.replies(invite, 180)
    alice.gets("NOTIFY", event="refer", body="180 Ringing")
    _asks(bob)
    bob.gets("NOTIFY", event="refer", body="180 Ringing")
    assert carol.inbox == []
    carol.replies(invite, 200, body=OFFER)
    carol.gets("ACK")
    for asker in (alice, bob):
        asker.gets("NOTIFY", event="refer", body="200 OK", terminated=True)
    assert {state for state, *_ in _ends(stage).values()} == {"done"}
    assert stage.roster() == ["alice", "bob", "carol"]
    stage.is_quiet()


def test_one_of_two_orders_is_called_off(stage: Stage) -> None:
    """She rings on for the other."""
    alice, carol = stage.joined("alice"), _carol(stage)
    _asks(alice)
    invite = _invite(carol)
    stage.calls("carol")
    first, second = stage.snapshots["4711"].calls
    stage.changes(calls=(second,))
    alice.gets("NOTIFY", event="refer", body="487 The call was called off", terminated=True)
    assert carol.inbox == []
    carol.replies(invite, 200, body=OFFER)
    carol.gets("ACK")
    assert _ends(stage)[first.id][:2] == ("failed", 487)
    assert _ends(stage)[second.id][:2] == ("done", 200)
    assert stage.roster() == ["alice", "carol"]


def test_both_fail_with_what_she_says(stage: Stage) -> None:
    alice, carol = stage.joined("alice"), _carol(stage)
    _asks(alice)
    invite = _invite(carol)
    stage.calls("carol")
    carol.replies(invite, 486)
    carol.gets("ACK")
    alice.gets("NOTIFY", event="refer", body="486", terminated=True)
    assert [status for _, status, _ in _ends(stage).values()] == [486, 486]


def test_a_certain_phone_is_called_beside_the_others(stage: Stage) -> None:
    """Who takes his call to another phone (RFC 4579 5.9) asks for that one."""
    bob = stage.joined("bob")
    bob.registers()
    desk = "<sip:bob@desk.invalid;transport=ws>"
    bob.registers(contact=desk)
    stage.moves(bob, desk)
    stage.moves(bob, bob.contact)
    assert [_invite(bob).uri for _ in range(2)] == [desk.strip("<>"), bob.contact.strip("<>")]


@pytest.mark.parametrize("answer", ["", OFFER])
def test_an_answer_that_cannot_be_agreed_is_a_failure(stage: Stage, answer: str) -> None:
    """Who asked reads 488, and no 200 before: she never was in (RFC 3261 13.2.2.4)."""
    alice, carol = stage.joined("alice"), _carol(stage)
    _asks(alice)
    invite = _invite(carol)
    stage.media.refuses = (488, "No codec in common") if answer else None
    carol.replies(invite, 200, body=answer)
    carol.gets("ACK")
    carol.gets("BYE")
    alice.gets("NOTIFY", event="refer", body="488", terminated=True)
    assert [state[:2] for state in _ends(stage).values()] == [("failed", 488)]
    assert stage.roster() == ["alice"]
    stage.is_quiet()


def test_the_others_are_cancelled_before_the_answer_is_agreed(stage: Stage) -> None:
    """The mixer thinks; meanwhile the other phone has stopped, and nobody was told 200."""
    alice, carol = stage.joined("alice"), _carol(stage)
    carol.registers(contact="<sip:carol@desk.invalid;transport=ws>")
    _asks(alice)
    first, second = _invite(carol), _invite(carol)
    carol.replies(second, 180)
    alice.gets("NOTIFY", event="refer", body="180 Ringing")
    stage.media_thinks(True)
    carol.replies(first, 200, body=OFFER)
    carol.gets("ACK")
    carol.gets("CANCEL")
    assert alice.inbox == []
    stage.media_thinks(False)
    alice.gets("NOTIFY", event="refer", body="200 OK", terminated=True)


def test_nobody_rings_for_nobody(booked: Stage) -> None:
    """All others have left: she would come into an empty conference."""
    alice, bob, carol = booked.joined("alice"), booked.joined("bob"), _carol(booked)
    _asks(alice)
    invite = _invite(carol)
    carol.replies(invite, 180)
    alice.gets("NOTIFY", event="refer", body="180 Ringing")
    bob.in_dialog("BYE")
    bob.gets("200")
    assert carol.inbox == []
    alice.in_dialog("BYE")
    alice.gets("200")
    carol.gets("CANCEL", reason="Nobody is left in the conference")
    carol.replies(invite, 487)
    carol.gets("ACK")
    alice.gets("NOTIFY", event="refer", body="487 Nobody Is Left", terminated=True)
    assert list(_ends(booked).values()) == [("failed", 487, "Nobody Is Left")]
    booked.is_quiet()


def test_a_standing_room_is_worth_coming_to(stage: Stage) -> None:
    alice, carol = stage.joined("alice"), _carol(stage)
    _asks(alice)
    _invite(carol)
    alice.in_dialog("BYE")
    alice.gets("200")
    assert carol.inbox == []


def test_whom_the_booking_calls_rings_on(booked: Stage) -> None:
    alice, carol = booked.joined("alice"), _carol(booked)
    booked.calls("carol")
    planned = replace(booked.snapshots["4711"].calls[0], id=99, booked=True)
    booked.changes(calls=(*booked.snapshots["4711"].calls, planned))
    _invite(carol)
    alice.in_dialog("BYE")
    alice.gets("200")
    assert carol.inbox == []


def test_who_stands_at_the_pin_is_somebody(booked: Stage) -> None:
    """He may come in yet."""
    booked.changes(pin="2468")
    alice, carol = booked.joined("alice"), _carol(booked)
    booked.joined("bob")
    assert booked.roster() == ["alice"]
    _asks(alice)
    _invite(carol)
    alice.in_dialog("BYE")
    alice.gets("200")
    assert carol.inbox == []
