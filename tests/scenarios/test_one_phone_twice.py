"""Two calls from one phone, and somebody added who is in: the roster stays true (RFC 4575 5.7)."""

from __future__ import annotations

from sipgateway.focus.facts import CallProgressed, EndpointLeft, Joined
from sipgateway.media.engine import LegSilent
from sipgateway.sip.flow import Transport
from tests.stage import DOMAIN, NAMESPACE, Info, Person, Stage


def _calls_again(who: Person) -> str:
    """A second call of the same phone; gives its Call-ID. Returns to the first one after that."""
    first = who.to["call"], who.call_id, who.target
    who.dials()
    second = who.call_id
    who.to["call"], who.call_id, who.target = first
    return second


def _endpoints(told: Info) -> list[tuple[str, str]]:
    found = told.root.iter(f"{NAMESPACE}endpoint")
    return [(one.get("entity") or "", one.get("state") or "full") for one in found]


def test_each_call_of_one_phone_is_an_endpoint_of_its_own(stage: Stage) -> None:
    """A phone dials again: who watches reads of each call when it comes and how it goes."""
    alice = stage.joined("alice")
    alice.subscribes()
    alice.sees()
    bob = stage.joined("bob")
    stage.passes(1)
    (first, _), *_ = _endpoints(alice.sees())
    _calls_again(bob)
    stage.passes(0.5)
    second = next(one for one, _ in _endpoints(alice.sees()) if one != first)
    assert second.startswith(f"{first};call=")
    bob.in_dialog("BYE")
    bob.gets("200")
    stage.passes(1)
    told = alice.sees()
    assert _endpoints(told) == [(first, "deleted")]
    assert told.users() == {"bob": "partial"}
    assert told.text("status") == "disconnected"
    assert told.text("disconnection-method") == "departed"
    told.text("disconnection-info", "when")
    joined = [fact.endpoint for fact in stage.facts if isinstance(fact, Joined)]
    assert joined[1:] == [first, second]
    assert [fact.endpoint for fact in stage.facts if isinstance(fact, EndpointLeft)] == [first]


def test_a_restarted_phone_is_asked_after_its_old_call(stage: Stage) -> None:
    """It sends nothing there, and knows nothing of it any more (481), so the call is over."""
    stage.person("bob", transport=Transport.UDP)
    alice, bob = stage.joined("alice"), stage.joined("bob")
    alice.subscribes()
    alice.sees()
    old = bob.call_id
    leg = stage.leg_of("bob")
    _calls_again(bob)
    stage.passes(2)
    stage.media_tells(LegSilent(leg, 10.0))
    asked = bob.gets("OPTIONS", call_id=old)
    bob.replies(asked, 481)  # type: ignore[arg-type]
    stage.passes(2)
    bob.gets("BYE", call_id=old, reason="Nothing was heard from the phone")
    stage.passes(5)
    assert alice.sees().text("joining-method") == "dialed-in"
    assert alice.sees().text("status") == "disconnecting"
    assert alice.sees().text("disconnection-method") == "failed"
    assert stage.roster() == ["alice", "bob"]
    stage.is_quiet()


def test_a_phone_that_has_both_calls_keeps_them(stage: Stage) -> None:
    """Nobody asks it anything: programs that make many calls would not expect that."""
    bob = stage.joined("bob")
    _calls_again(bob)
    stage.passes(5)
    stage.is_quiet()


def test_a_phone_whose_connection_is_gone_has_left_its_old_call(stage: Stage) -> None:
    bob = stage.joined("bob")
    bob.disconnects()
    bob.connects()
    bob.dials()
    stage.passes(3)
    assert stage.roster() == ["bob"]
    joined = [fact.endpoint for fact in stage.facts if isinstance(fact, Joined)]
    left = [(fact.endpoint, fact.method) for fact in stage.facts if isinstance(fact, EndpointLeft)]
    assert left == [(joined[0], "failed")]


def test_a_gateways_calls_are_those_of_many(stage: Stage) -> None:
    gate = stage.person("gate", gateway=True)
    gate.dials()
    _calls_again(gate)
    stage.passes(5)
    stage.is_quiet()


def test_a_text_comes_once_to_a_phone_with_two_calls(stage: Stage) -> None:
    alice, bob = stage.joined("alice"), stage.joined("bob")
    _calls_again(bob)
    alice.sends("MESSAGE", f"sip:4711@{DOMAIN}", body="Hello", content_type="text/plain")
    bob.replies(bob.gets("MESSAGE", body="Hello"), 200)  # type: ignore[arg-type]
    alice.gets("202")
    stage.is_quiet()


def test_who_is_in_is_not_rung_again(stage: Stage) -> None:
    """RFC 4579 5.5, of somebody who is in: the answer is there at once, and no phone rings."""
    alice = stage.joined("alice")
    bob = stage.person("bob")
    bob.registers()
    bob.dials()
    alice.sends("REFER", f"sip:4711@{DOMAIN}", Refer_To=f"<sip:bob@{DOMAIN}>")
    alice.gets("202")
    alice.gets("NOTIFY", event="refer", body="100 Trying")
    alice.gets("NOTIFY", event="refer", body="SIP/2.0 200 Is In Already", terminated=True)
    stage.calls("bob")  # the page's button and REST
    stage.is_quiet()
    told = [fact for fact in stage.facts if isinstance(fact, CallProgressed)]
    assert [(fact.state, fact.reason) for fact in told] == [("done", "Is In Already")] * 2


def test_mallory_learns_nothing_of_who_is_in(stage: Stage) -> None:
    stage.conference("4712", roles={f"sip:alice@{DOMAIN}": "organizer"})
    stage.joined("bob", "4712")
    mallory = stage.person("mallory")
    mallory.sends("REFER", f"sip:4712@{DOMAIN}", Refer_To=f"<sip:bob@{DOMAIN}>")
    mallory.gets("403")
    stage.is_quiet()
