"""RFC 4579 5.9 and 5.10: a call goes on on another phone, or on another's."""

from __future__ import annotations

import pytest

from conferences.policy import Role
from sipgateway.sip import headers
from sipgateway.sip.message import Request
from tests.stage import DOMAIN, OFFER, Person, Stage

DESK = "<sip:bob@desk.invalid;transport=ws>"


def _bob_with_two_phones(stage: Stage) -> Person:
    """In the conference by his browser; his desk phone is registered, too."""
    bob = stage.joined("bob")
    bob.registers()
    bob.registers(contact=DESK)
    return bob


def _rings(person: Person, *, at: str = "") -> Request:
    invite = person.gets("INVITE")
    assert isinstance(invite, Request)
    assert at in invite.uri
    return invite


def test_c22_by_one_press_to_the_desk_phone(stage: Stage) -> None:
    """That phone alone rings; the old leg ends when the new one is up; one roster entry."""
    stage.changes(locked=True, confirm_calls=True, max_participants=2)
    stage.changes(roles={**stage.snapshots["4711"].roles, f"sip:bob@{DOMAIN}": Role.MODERATOR})
    alice, bob = stage.joined("alice"), _bob_with_two_phones(stage)
    key = stage.key_of("bob")
    old = bob.call_id
    stage.moves(bob, DESK)
    invite = _rings(bob, at="desk.invalid")
    assert "isfocus" in (invite.get("contact") or "")
    bob.replies(invite, 180)
    assert stage.roster() == ["alice", "bob"]
    bob.replies(invite, 200, body=OFFER)
    bob.gets("ACK")
    bye = bob.gets("BYE", reason="Moved to another phone")
    assert bye.must(headers.CALL_ID) == old
    assert stage.roster() == ["alice", "bob"]
    assert stage.key_of("bob") == key
    assert [room for room in stage.media.rooms.values() if room] == ["conference-1"] * 2
    assert alice.inbox == []
    stage.is_quiet()


def test_c22_who_does_not_answer_stays_where_he_is(stage: Stage) -> None:
    bob = _bob_with_two_phones(stage)
    stage.moves(bob, DESK)
    bob.replies(_rings(bob), 486)
    bob.gets("ACK")
    stage.passes(1)
    assert stage.roster() == ["bob"]
    assert list(stage.media.rooms.values()) == ["conference-1"]
    stage.is_quiet()


def test_c22_a_phone_that_is_gone_is_not_called(stage: Stage) -> None:
    bob = _bob_with_two_phones(stage)
    stage.moves(bob, "<sip:bob@elsewhere.invalid>")
    assert stage.roster() == ["bob"]
    stage.is_quiet()


def test_c22_who_is_anonymous_stays_so_on_his_other_phone(stage: Stage) -> None:
    alice, bob = stage.joined("alice"), stage.person("bob")
    bob.registers(contact=DESK)
    bob.dials(Privacy="id")
    carol = stage.joined("carol")
    carol.subscribes()
    carol.sees()
    stage.moves(bob, DESK)
    bob.replies(_rings(bob), 200, body=OFFER)
    stage.passes(1)
    stage.changes(title="Renamed")
    stage.passes(1)
    told = [message.body.decode() for message in carol.inbox]
    assert told
    assert not [text for text in told if "bob" in text]
    bob.inbox.clear()
    carol.inbox.clear()
    assert alice.inbox == []


def _call(stage: Stage, *, gruu: str = "") -> tuple[Person, Person]:
    """Alice has called Bob, and he has answered, perhaps under his phone's GRUU (RFC 5627)."""
    alice, bob = stage.person("alice"), stage.person("bob")
    bob.registers(contact=f'{bob.contact};+sip.instance="<{gruu}>"' if gruu else bob.contact)
    if gruu:
        bob.contact = f"<sip:bob@{DOMAIN};gr={gruu}>"
    request = alice.sends("INVITE", f"sip:bob@{DOMAIN}", body=OFFER)
    invite = _rings(bob)
    bob.replies(invite, 200, body=OFFER)
    bob.gets("ACK")
    alice.accepts(request, alice.gets("200"))
    bob.call_id = invite.must(headers.CALL_ID)
    return alice, bob


def _refers(who: Person, call: Person) -> None:
    """REFER to the conference: call Bob in place of the call that is up."""
    to_tag = headers.parse_name_addr(call.to["call"]).tag
    replaces = f"{call.call_id};to-tag={to_tag};from-tag={call.name}"
    escaped = replaces.replace(";", "%3B").replace("=", "%3D").replace("@", "%40")
    target = f"<sip:bob@{DOMAIN}?Replaces={escaped}>"
    who.sends("REFER", f"sip:4711@{DOMAIN}", Refer_To=target)


@pytest.mark.parametrize("gruu", ["", "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6"])
def test_c23_refer_with_replaces(stage: Stage, gruu: str) -> None:
    """RFC 4579 5.10, figure 10: the focus calls Bob in place of his call with Alice."""
    alice, bob = _call(stage, gruu=gruu)
    _refers(alice, alice)
    alice.gets("202")
    alice.gets("NOTIFY", event="refer", body="100 Trying")
    invite = _rings(bob)
    named = invite.must(headers.REPLACES)
    assert (named.call_id, named.to_tag) == (bob.call_id, "bob-uas")
    assert "isfocus" in (invite.get("contact") or "")
    bob.replies(invite, 200, body=OFFER)
    bob.gets("ACK")
    alice.gets("NOTIFY", event="refer", body="200 OK", terminated=True)
    assert stage.roster() == ["bob"]


def test_c23_mallory_replaces_no_call_of_others(stage: Stage) -> None:
    """She may add people here, and knows the dialog."""
    alice, _ = _call(stage)
    mallory = stage.person("mallory")
    mallory_moderates = {f"sip:mallory@{DOMAIN}": Role.MODERATOR}
    stage.changes(roles={**stage.snapshots["4711"].roles, **mallory_moderates})
    _refers(mallory, alice)
    mallory.gets("403")
    assert stage.roster() == []
    stage.is_quiet()


def test_c23_a_call_that_is_not_ours_is_named_as_it_was(stage: Stage) -> None:
    """His phone knows what it has with somebody else."""
    alice, bob = stage.joined("alice"), stage.person("bob")
    bob.registers()
    alice.sends(
        "REFER",
        f"sip:4711@{DOMAIN}",
        Refer_To=f"<sip:bob@{DOMAIN}?Replaces=x%40y%3Bto-tag%3D1%3Bfrom-tag%3D2>",
    )
    alice.gets("202")
    assert _rings(bob).get("replaces") == "x@y;to-tag=1;from-tag=2"
    alice.inbox.clear()
    alice.sends("REFER", f"sip:4711@{DOMAIN}", Refer_To=f"<sip:bob@{DOMAIN}?Replaces=nonsense>")
    assert "Replaces" in alice.gets("400").start_line
