"""RFC 4579 5.11: of somebody who is in by several phones, one is removed."""

from __future__ import annotations

import pytest

from sipgateway.focus.facts import EndpointLeft, Left, RemovalEnded
from sipgateway.sip import headers
from tests.stage import DOMAIN, Person, Stage

FOCUS = f"sip:4711@{DOMAIN}"
DESK = "sip:bob@desk.invalid;transport=ws"
GRUU = f"sip:bob@{DOMAIN};gr=urn:uuid:f81d4fae"


def _bob_by_two(stage: Stage, second: str) -> tuple[Person, str, str]:
    """Bob is in by his browser and by a second phone; the Call-IDs of the two."""
    bob = stage.joined("bob")
    first = bob.call_id
    bob.dials(contact=f"<{second}>")
    return bob, first, bob.call_id


def _removes(asker: Person, target: str, outcome: str) -> None:
    asker.sends("REFER", FOCUS, Refer_To=f"<{target};method=BYE>")
    asker.gets("202")
    asker.gets("NOTIFY", event="refer", body="100 Trying")
    asker.gets("NOTIFY", event="refer", body=outcome, terminated=True)


@pytest.mark.parametrize("second", [DESK, GRUU])
def test_c25_one_phone_by_its_own_uri(stage: Stage, second: str) -> None:
    """That phone gets the BYE, its person stays by the other, and watchers read `booted`."""
    alice = stage.joined("alice")
    bob, first, desk = _bob_by_two(stage, second)
    bob.subscribes()
    bob.sees()
    stage.passes(1)
    _removes(alice, second, "200 OK")
    assert bob.sees().text("status") == "disconnecting"
    bye = bob.gets("BYE", reason="Removed by Alice")
    assert bye.must(headers.CALL_ID) == desk != first
    stage.passes(1)
    told = bob.sees()  # his other phone watches on
    assert told.users() == {"bob": "partial"}
    assert told.text("disconnection-method") == "booted"
    assert stage.roster() == ["alice", "bob"]
    assert [(fact.endpoint, fact.method) for fact in stage.facts if isinstance(fact, EndpointLeft)]
    assert not any(isinstance(fact, Left) for fact in stage.facts)
    assert any(isinstance(fact, RemovalEnded) for fact in stage.facts)
    stage.is_quiet()


def test_c25_the_address_of_the_person_means_all_his_phones(stage: Stage) -> None:
    alice = stage.joined("alice")
    bob, *calls = _bob_by_two(stage, DESK)
    _removes(alice, f"sip:bob@{DOMAIN}", "200 OK")
    gone = [bob.gets("BYE").must(headers.CALL_ID) for _ in calls]
    assert sorted(gone) == sorted(calls)
    assert stage.roster() == ["alice"]


def test_c25_the_phone_that_watched_is_told_no_more(stage: Stage) -> None:
    """RFC 4579 5.11: the subscription of what was removed ends, that of the other phone stays."""
    alice = stage.joined("alice")
    bob, *_ = _bob_by_two(stage, DESK)
    bob.subscribes(contact=f"<{DESK}>")
    bob.sees()
    _removes(alice, DESK, "200 OK")
    bob.gets("BYE")
    last = bob.gets("NOTIFY", event="conference", terminated=True)
    assert "reason=rejected" in (last.get("subscription-state") or "")
    stage.is_quiet()


def test_c25_the_last_phone_is_the_person(stage: Stage) -> None:
    alice, bob = stage.joined("alice"), stage.joined("bob")
    _removes(alice, bob.contact.strip("<>"), "200 OK")
    bob.gets("BYE")
    assert stage.roster() == ["alice"]


def test_c25_of_two_calls_of_one_phone_the_one_that_is_named(stage: Stage) -> None:
    alice, bob = stage.joined("alice"), stage.joined("bob")
    first = bob.call_id
    bob.dials()
    second = bob.call_id
    users = stage.switchboard._conferences[stage.snapshots["4711"].id].roster.users
    older, later = users[f"sip:bob@{DOMAIN}"].endpoints
    _removes(alice, later.entity, "200 OK")
    assert bob.gets("BYE").must(headers.CALL_ID) == second
    _removes(alice, older.entity, "200 OK")
    assert bob.gets("BYE").must(headers.CALL_ID) == first


def test_c25_a_phone_that_is_not_in_is_a_404(stage: Stage) -> None:
    """Not the other phones of the same person, which nobody named."""
    alice, bob = stage.joined("alice"), stage.joined("bob")
    _removes(alice, GRUU, "404 Not Found")
    assert bob.inbox == []
    assert stage.roster() == ["alice", "bob"]


def test_c25_for_good_he_goes_with_all_phones(stage: Stage) -> None:
    alice = stage.joined("alice")
    bob, *_ = _bob_by_two(stage, DESK)
    target = f"<{DESK};method=BYE?Reason=SIP%3Bcause%3D403>"
    alice.sends("REFER", FOCUS, Refer_To=target)
    alice.gets("202")
    bob.gets("BYE")
    bob.gets("BYE")
    assert stage.roster() == ["alice"]


def test_c25_mallory_removes_nobodys_phone(stage: Stage) -> None:
    bob, *_ = _bob_by_two(stage, DESK)
    mallory = stage.joined("mallory")
    mallory.sends("REFER", FOCUS, Refer_To=f"<{DESK};method=BYE>")
    mallory.gets("403")
    assert bob.inbox == []


def test_c25_one_puts_out_a_phone_of_ones_own(stage: Stage) -> None:
    """Bob may leave by whatever phone he likes."""
    stage.joined("alice")
    bob, _, desk = _bob_by_two(stage, DESK)
    bob.sends("REFER", FOCUS, Refer_To=f"<{DESK};method=BYE>")
    bob.gets("202")
    bob.gets("NOTIFY", event="refer", body="100 Trying")
    assert bob.gets("BYE").must(headers.CALL_ID) == desk
    bob.gets("NOTIFY", event="refer", body="200 OK")
    assert stage.roster() == ["alice", "bob"]
