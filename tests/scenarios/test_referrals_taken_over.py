"""Who sent a REFER is told how it went, also when the process that took it is gone."""

from __future__ import annotations

from typing import Any

import pytest

from sipgateway.focus.events import LeaseLost
from sipgateway.sip.message import Request, Response
from tests.scenarios.test_several_processes import System
from tests.scenarios.test_taking_over import agrees, dies, kept
from tests.stage import ANSWER, DOMAIN, Person, Stage

CAROL = f"<sip:carol@{DOMAIN}>"


def _sipfrag(message: Request | Response) -> str:
    """What a NOTIFY says of the REFER, without the reason phrase."""
    return " ".join(message.body.decode().split()[:2])


def _last_word(person: Person, event: str = "refer") -> str:
    """The NOTIFY that ends the subscription, among whatever else has come."""
    told = [one for one in person.inbox if (one.get("event") or "").startswith(event)]
    (last,) = told
    person.inbox.remove(last)
    assert (last.get("subscription-state") or "").startswith("terminated")
    return _sipfrag(last)


def _asks(system: System, target: str = CAROL, *, within: bool = True) -> Person:
    """Alice, whose phone is connected here, asks the conference there."""
    alice = system.person("alice")
    system.dials(alice)
    if within:
        alice.in_dialog("REFER", Refer_To=target)
    else:
        alice.sends("REFER", f"sip:4711@{DOMAIN}", Refer_To=target)
    system.carries()
    alice.gets("202")
    assert _sipfrag(alice.gets("NOTIFY", event="refer")) == "SIP/2.0 100"
    system.carries()
    return alice


def _carol_rings(system: System) -> None:
    """Her phone is connected to the process there."""
    carol = system.there.person("carol")
    carol.registers()


def _written(system: System) -> dict[str, Any]:
    """What is written down of REFERs there, by key."""
    return {key: what for key, what in kept(system.there).items() if key.startswith("refer-")}


@pytest.mark.parametrize("within", [True, False])
def test_the_heir_calls_again_and_tells_how_it_went(within: bool) -> None:
    """In the dialog of her call or in one of its own: the final word comes, by the same Event."""
    system = System()
    _carol_rings(system)
    alice = _asks(system, within=within)
    (written,) = _written(system).values()
    assert written["order"] == {"call": 1}
    system.there.people["carol"].gets("INVITE")
    carol = system.here.person("carol")
    carol.registers()
    system.here.snapshots["4711"] = system.there.snapshots["4711"]
    dies(system)
    agrees(alice)
    ringing = carol.gets("INVITE")
    assert isinstance(ringing, Request)
    carol.replies(ringing, 200, body=ANSWER)
    carol.gets("ACK")
    assert _last_word(alice, written["event"]) == "SIP/2.0 200"
    assert system.here.roster() == ["alice", "carol"]
    assert not any(key.startswith("refer-") for key in kept(system.here))


def test_who_has_subscribed_is_told_on_by_the_heir() -> None:
    """RFC 7614: the address says which process has it, wherever the phone is connected."""
    system = System()
    _carol_rings(system)
    alice = system.person("alice")
    system.dials(alice)
    alice.in_dialog("REFER", Refer_To=CAROL, Require="explicitsub")
    system.carries()
    at = (alice.gets("200").get("refer-events-at") or "").strip("<>")
    alice.sends("SUBSCRIBE", at, Event="refer")
    system.carries()
    alice.gets("200")
    assert _sipfrag(alice.gets("NOTIFY", event="refer")) == "SIP/2.0 100"
    system.carries()
    (written,) = _written(system).values()
    assert written["order"] == {"call": 1}
    carol = system.here.person("carol")
    carol.registers()
    system.here.snapshots["4711"] = system.there.snapshots["4711"]
    dies(system)
    agrees(alice)
    ringing = carol.gets("INVITE")
    assert isinstance(ringing, Request)
    carol.replies(ringing, 486)
    carol.gets("ACK")
    assert _last_word(alice, "refer") == "SIP/2.0 486"
    assert not any(key.startswith("refer-") for key in kept(system.here))


def test_mallory_reads_nothing_at_an_address_elsewhere() -> None:
    system = System()
    _carol_rings(system)
    alice, mallory = system.person("alice"), system.person("mallory")
    system.dials(alice)
    alice.in_dialog("REFER", Refer_To=CAROL, Require="explicitsub")
    system.carries()
    at = (alice.gets("200").get("refer-events-at") or "").strip("<>")
    mallory.sends("SUBSCRIBE", at, Event="refer")
    system.carries()
    mallory.gets("403")


@pytest.mark.parametrize(
    ("outcome", "told"),
    [([200, "OK"], "SIP/2.0 200"), ([486, "Busy Here"], "SIP/2.0 486"), ([503, ""], "SIP/2.0 503")],
)
def test_what_was_over_already_is_told(outcome: list[object], told: str) -> None:
    """It was written down, but the process died before it could tell."""
    system = System()
    _carol_rings(system)
    alice = _asks(system)
    for what in _written(system).values():
        what["outcome"] = outcome
    dies(system)
    assert _last_word(alice) == told
    agrees(alice)


def test_a_removal_is_carried_out_and_told_by_the_heir() -> None:
    system = System()
    bob = system.person("bob")
    system.dials(bob)
    bob.answers_requests = False
    alice = _asks(system, f"<sip:bob@{DOMAIN};method=BYE>")
    (written,) = _written(system).values()
    assert written["order"] == {"removal": 1}
    system.carries()
    bob.gets("BYE")
    system.here.snapshots["4711"] = system.there.snapshots["4711"]
    dies(system)
    again = bob.gets("BYE")
    assert isinstance(again, Request)
    bob.replies(again, 200)
    assert _last_word(alice) == "SIP/2.0 200"
    agrees(alice)
    assert system.here.roster() == ["alice"]


def test_who_has_to_come_back_first_is_told_then() -> None:
    """Her phone was connected to the process that is gone."""
    system = System()
    _carol_rings(system)
    alice = system.there.person("alice")
    alice.registers()
    alice.dials("4711")
    alice.in_dialog("REFER", Refer_To=CAROL)
    alice.gets("202")
    alice.gets("NOTIFY", event="refer")
    call = (alice.call_id, alice.target, alice.to["call"])
    for what in _written(system).values():
        what["outcome"] = [200, "OK"]
    dies(system)
    system.here.passes(5.0)
    told = [octets for _, octets in system.here.sent_elsewhere if octets.startswith(b"NOTIFY")]
    assert told == []
    again = system.here.person("alice")
    again.call_id, again.target, again.to["call"] = call
    again.registers()
    agrees(again)
    system.here.passes(1.0)
    assert _last_word(again) == "SIP/2.0 200"


def test_what_nobody_knows_any_more_is_said_to_be_so() -> None:
    """RFC 4579 5.7: whose phone was asked to call in is told by nobody; she hears that."""
    system = System()
    carol = system.there.person("carol")
    carol.registers()
    alice = system.person("alice")
    system.dials(alice)
    nested = f"%3Csip:4711@{DOMAIN}%3E"
    target = f"<sip:carol@{DOMAIN};method=REFER?Refer-To={nested}>"
    alice.in_dialog("REFER", Refer_To=target)
    system.carries()
    asked = carol.gets("REFER")
    assert isinstance(asked, Request)
    carol.replies(asked, 202)
    system.carries()
    alice.gets("202")
    alice.gets("NOTIFY", event="refer", body="100 Trying")
    alice.gets("NOTIFY", event="refer", body="202 Accepted")
    (written,) = _written(system).values()
    assert written["order"] == {}
    dies(system)
    assert _last_word(alice) == "SIP/2.0 503"
    agrees(alice)


def test_what_is_told_to_the_end_is_crossed_out() -> None:
    system = System()
    alice = _asks(system, f"<sip:carol@{DOMAIN};method=BYE>")
    assert _sipfrag(alice.gets("NOTIFY", event="refer", terminated=True)) == "SIP/2.0 404"
    assert _written(system) == {}


def test_mallory_is_refused_and_nothing_is_written_down() -> None:
    system = System()
    mallory = system.person("mallory")
    system.dials(mallory)
    mallory.in_dialog("REFER", Refer_To=f"<sip:alice@{DOMAIN};method=BYE>")
    system.carries()
    mallory.gets("403")
    assert _written(system) == {}


def test_who_has_lost_its_lease_tells_nothing_more(stage: Stage) -> None:
    """Another process tells it now."""
    carol, alice = stage.person("carol"), stage.joined("alice")
    carol.registers()
    alice.in_dialog("REFER", Refer_To=CAROL)
    alice.gets("202")
    alice.gets("NOTIFY", event="refer")
    carol.gets("INVITE")
    stage.happens(LeaseLost(stage.snapshots["4711"].id))
    stage.passes(200.0)
    assert alice.inbox == []
