"""Somebody leaves whose other phone still rings, or never says that it was cancelled."""

from __future__ import annotations

from conferences.policy import CreatorDeparts
from sipgateway.focus.facts import Ended, EndpointLeft, Joined, Left
from sipgateway.sip.message import Request
from tests.stage import DOMAIN, OFFER, Person, Stage

FOCUS = f"sip:4711@{DOMAIN}"
DESK = "sip:bob@desk.invalid;transport=ws"


def _in_by_one_of_two(stage: Stage) -> tuple[Person, Person]:
    """Bob was called on two phones and answered by one; the other says nothing to its CANCEL."""
    alice, bob = stage.joined("alice"), stage.person("bob")
    bob.registers()
    bob.registers(contact=f"<{DESK}>")
    stage.calls("bob")
    invites = [bob.gets("INVITE") for _ in range(2)]
    for invite in invites:
        assert isinstance(invite, Request)
        bob.replies(invite, 180)
    answered = invites[0]
    assert isinstance(answered, Request)
    bob.replies(answered, 200, body=OFFER)
    bob.inbox.clear()
    return alice, bob


def _left(stage: Stage) -> list[str]:
    return [fact.method for fact in stage.facts if isinstance(fact, Left)]


def test_who_is_removed_is_gone_at_once(stage: Stage) -> None:
    """Not when the other phone's CANCEL has timed out, and for good: no row of his is left."""
    alice, bob = _in_by_one_of_two(stage)
    alice.sends("REFER", FOCUS, Refer_To=f"<sip:bob@{DOMAIN};method=BYE>")
    alice.gets("202")
    alice.gets("NOTIFY", event="refer", body="100 Trying")
    bob.gets("BYE")
    alice.gets("NOTIFY", event="refer", body="200 OK", terminated=True)
    assert _left(stage) == ["booted"]
    assert not any(isinstance(fact, EndpointLeft) for fact in stage.facts)
    stage.passes(40)
    assert _left(stage) == ["booted"]
    assert stage.roster() == ["alice"]


def test_who_comes_back_meanwhile_is_somebody_new(stage: Stage) -> None:
    """His row of before is closed, so he gets another."""
    _, bob = _in_by_one_of_two(stage)
    before = stage.key_of("bob")
    stage.removes("bob")
    bob.inbox.clear()
    bob.dials()
    joined = [fact.participant for fact in stage.facts if isinstance(fact, Joined)]
    assert joined[1:] == [before, stage.key_of("bob")]
    assert before != stage.key_of("bob")
    stage.passes(40)
    assert stage.roster() == ["alice", "bob"]


def test_what_still_rings_is_shown_and_may_be_answered(stage: Stage) -> None:
    """He hangs up while another phone of his is called for him to go on there."""
    stage.joined("alice")
    bob = stage.joined("bob")
    bob.registers(contact=f"<{DESK}>")
    stage.moves(bob, f"<{DESK}>")
    invite = bob.gets("INVITE")
    assert isinstance(invite, Request)
    bob.replies(invite, 180)
    bob.in_dialog("BYE")
    bob.gets("200")
    assert _left(stage) == ["departed"]
    bob.replies(invite, 200, body=OFFER)
    bob.gets("ACK")
    assert stage.roster() == ["alice", "bob"]
    assert sum(isinstance(fact, Joined) for fact in stage.facts) == 3


def test_a_creator_who_does_not_answer_ends_nothing(stage: Stage) -> None:
    """Only who was in departs (RFC 4579 5.12)."""
    stage.conference("4712", creator_departs=CreatorDeparts.END, creator=f"sip:carol@{DOMAIN}")
    bob, carol = stage.joined("bob", "4712"), stage.person("carol")
    carol.registers()
    stage.calls("carol", "4712")
    invite = carol.gets("INVITE")
    assert isinstance(invite, Request)
    carol.replies(invite, 486)
    carol.gets("ACK")
    assert stage.roster("4712") == ["bob"]
    assert bob.inbox == []
    assert not any(isinstance(fact, Ended) for fact in stage.facts)
