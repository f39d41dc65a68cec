"""C24, draft 4.9: a call between two people becomes a conference by one press."""

from __future__ import annotations

import pytest

from sipgateway.sip import headers
from sipgateway.sip.message import Request, Response
from tests.stage import ANSWER, DOMAIN, NAMESPACE, OFFER, Person, Stage

FACTORY = f"<sip:conference-factory@{DOMAIN}>"


def _call(stage: Stage) -> tuple[Person, Person]:
    """Alice has called Bob, and he has answered."""
    alice, bob = stage.person("alice"), stage.person("bob")
    bob.registers()
    request = alice.sends("INVITE", f"sip:bob@{DOMAIN}", body=OFFER)
    invite = bob.gets("INVITE")
    assert isinstance(invite, Request)
    bob.replies(invite, 200, body=OFFER)
    bob.gets("ACK")
    alice.accepts(request, alice.gets("200"))
    bob.call_id = invite.must(headers.CALL_ID)
    return alice, bob


def _in_call(person: Person, received: Request, body: str, **fields: str) -> Request:
    """A NOTIFY of the one who was called, in the dialog of what he has received."""
    call_id = received.must(headers.CALL_ID)
    uri = str(received.must(headers.CONTACT).uri)
    notify = person.request(
        "NOTIFY", uri, call_id=call_id, body=body, content_type="message/sipfrag", **fields
    )
    notify.drop("from")
    notify.drop("to")
    notify.append("From", received.get("to") or "")
    notify.append("To", received.get("from") or "")
    return notify


def _moves(person: Person, *, to: str) -> Response | Request:
    """The re-INVITE with the conference's URI, on the dialog that is there."""
    invite = person.gets("INVITE", contact="isfocus", call_id=person.call_id, body=ANSWER)
    assert to in (invite.get("contact") or "")
    assert isinstance(invite, Request)
    person.replies(invite, 200, body=OFFER)
    person.gets("ACK")
    return invite


def _gather(alice: Person, bob: Person) -> str:
    """One press of Alice's; the name of the conference that the two are in then."""
    alice.in_dialog("REFER", Refer_To=FACTORY)
    alice.gets("202", contact="isfocus")
    alice.gets("NOTIFY", event="refer", body="SIP/2.0 100 Trying")
    alice.gets("NOTIFY", event="refer", body="SIP/2.0 200 OK", terminated=True)
    name = next(name for name in alice.stage.snapshots if name != "4711")
    for person in (alice, bob):
        _moves(person, to=name)
    return name


def test_c24_a_call_becomes_a_conference(stage: Stage) -> None:
    """Asked by REFER to the factory in the call; re-INVITE to both, no second dialog."""
    alice, bob = _call(stage)
    before = set(stage.media.rooms)
    name = _gather(alice, bob)
    assert stage.roster(name) == ["alice", "bob"]
    assert set(stage.media.rooms) == before
    assert len(set(stage.media.rooms.values())) == 1
    alice.subscribes(name)
    assert alice.sees().users() == {"alice": "full", "bob": "full"}
    stage.is_quiet()


def test_c24_both_are_shown_by_their_names(stage: Stage) -> None:
    """Also the one who was called, whom a call knows by his address alone."""
    alice, bob = _call(stage)
    name = _gather(alice, bob)
    alice.subscribes(name)
    told = alice.sees().root.iter(f"{NAMESPACE}user")
    assert [one.findtext(f"{NAMESPACE}display-text") for one in told] == ["Alice", "Bob"]


def test_c24_a_third_comes_in_and_the_end_ends_it_for_all(stage: Stage) -> None:
    """It is a conference like any other: who made it adds others, and ends it by leaving."""
    alice, bob = _call(stage)
    name = _gather(alice, bob)
    carol = stage.person("carol")
    carol.registers()
    alice.sends("REFER", f"sip:{name}@{DOMAIN}", Refer_To=f"<sip:carol@{DOMAIN}>")
    alice.gets("202")
    invite = carol.gets("INVITE", contact="isfocus")
    assert isinstance(invite, Request)
    carol.replies(invite, 200, body=OFFER)
    carol.gets("ACK")
    assert stage.roster(name) == ["alice", "bob", "carol"]
    alice.inbox.clear()
    alice.in_dialog("BYE")
    alice.gets("200")
    for person in (bob, carol):
        person.gets("BYE", reason="The conference was ended by Alice")
    assert stage.media.rooms == {}
    assert not stage.switchboard.occupied


@pytest.mark.parametrize(
    "target", [f"sip:4711@{DOMAIN}", f"sip:carol@{DOMAIN}", "sip:conference-factory@elsewhere.test"]
)
def test_c19_the_other_one_is_sent_elsewhere_from_within_the_call(
    stage: Stage, target: str
) -> None:
    """RFC 5589 6.1: all but the factory is for the other phone, which tells how it goes."""
    alice, bob = _call(stage)
    asked = alice.in_dialog("REFER", Refer_To=f"<{target}>")
    passed = bob.gets("REFER", refer_to=target, referred_by=f"sip:alice@{DOMAIN}")
    assert isinstance(passed, Request)
    bob.replies(passed, 202)
    alice.gets("202")
    number = asked.must(headers.CSEQ).number
    for state, line in (("active;expires=60", "100 Trying"), ("terminated", "200 OK")):
        fields = {"Event": "refer", "Subscription_State": state}
        notify = _in_call(bob, passed, f"SIP/2.0 {line}\r\n", **fields)
        bob.feeds(notify)
        bob.gets("200")
        alice.gets("NOTIFY", event="refer", body=line, event_=f"id={number}")
    late = _in_call(bob, passed, "SIP/2.0 200 OK\r\n", **fields)
    bob.feeds(late)
    bob.gets("501")
    assert list(stage.snapshots) == ["4711"]
    alice.in_dialog("BYE")
    alice.gets("200")
    bob.gets("BYE")
    stage.is_quiet()


def test_c19_a_phone_that_lets_nobody_send_it(stage: Stage) -> None:
    """Its answer goes back, and what is no call is nobody's business."""
    alice, bob = _call(stage)
    alice.in_dialog("REFER", Refer_To=f"<sip:carol@{DOMAIN}>")
    refused = bob.gets("REFER")
    assert isinstance(refused, Request)
    bob.replies(refused, 603)
    alice.gets("603")
    alice.in_dialog("REFER", Refer_To=f"<sip:carol@{DOMAIN};method=BYE>")
    alice.gets("501")
    alice.in_dialog("REFER")
    alice.gets("400")
    bob.inbox.clear()
    stage.is_quiet()


def test_c24_mallory_makes_no_conference_of_a_call_of_others(stage: Stage) -> None:
    """She knows the dialog and is not in it."""
    alice, _ = _call(stage)
    mallory = stage.person("mallory")
    mallory.call_id, mallory.to, mallory.target = alice.call_id, dict(alice.to), alice.target
    mallory.in_dialog("REFER", Refer_To=FACTORY)
    mallory.gets("481")
    assert list(stage.snapshots) == ["4711"]
    stage.is_quiet()
