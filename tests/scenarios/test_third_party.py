"""Draft 4.7, RFC 4579 5.6 and 5.7: somebody is asked to call in by himself."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from sipgateway.sip import headers
from sipgateway.sip.message import Request
from tests.stage import DOMAIN, Person, Stage

BOB = f"sip:bob@{DOMAIN}"
CONFERENCE = f"sip:4711@{DOMAIN}"


def _tells(bob: Person, refer: Request, state: str, line: str) -> None:
    """Bob's phone tells how it goes, in the dialog that its 202 made."""
    contact = refer.must(headers.CONTACT)
    notify = bob.request("NOTIFY", str(contact.uri), call_id=refer.get("call-id") or "")
    notify.drop("from")
    notify.drop("to")
    notify.append("From", f"{refer.get('to')};tag=bob-uas")
    notify.append("To", refer.get("from") or "")
    notify.append("Contact", bob.contact)
    for route in refer.all("record-route"):
        notify.append("Route", route)
    notify.append("Event", "refer")
    notify.append("Subscription-State", state)
    notify.append("Content-Type", "message/sipfrag;version=2.0")
    notify.body = f"{line}\r\n".encode()
    bob.feeds(notify)
    bob.gets("200")


@pytest.mark.parametrize("refer_to", [f"<{CONFERENCE}>;isfocus", f"<{CONFERENCE}>"])
def test_c19_figure_7_refer_a_person_to_the_conference(stage: Stage, refer_to: str) -> None:
    """Alice refers Bob by his address; both forms of Refer-To pass as they are."""
    alice, bob = stage.person("alice"), stage.person("bob")
    bob.registers()
    alice.sends("REFER", BOB, Refer_To=refer_to)
    refer = bob.gets("REFER", refer_to=refer_to, referred_by=f"sip:alice@{DOMAIN}")
    assert isinstance(refer, Request)
    bob.replies(refer, 202)
    alice.gets("202")
    _tells(bob, refer, "active;expires=60", "SIP/2.0 100 Trying")
    alice.gets("NOTIFY", event="refer", body="100 Trying", terminated=False)
    bob.dials()
    _tells(bob, refer, "terminated;reason=noresource", "SIP/2.0 200 OK")
    alice.gets("NOTIFY", event="refer", body="200 OK", terminated=True)
    stage.is_quiet()


def test_c20_ask_the_focus_to_refer(stage: Stage) -> None:
    """`Refer-To: <sip:bob;method=REFER?Refer-To=conf>`: the focus refers Bob and tells Alice."""
    alice, bob = stage.joined("alice"), stage.person("bob")
    bob.registers()
    nested = f"sip:4711%40{DOMAIN}"
    alice.sends("REFER", CONFERENCE, Refer_To=f"<{BOB};method=REFER?Refer-To={nested}>")
    alice.gets("202", contact="isfocus")
    alice.gets("NOTIFY", event="refer", body="SIP/2.0 100 Trying", terminated=False)
    refer = bob.gets("REFER", refer_to=f"<{CONFERENCE}>;isfocus")
    assert isinstance(refer, Request)
    bob.replies(refer, 202)
    alice.gets("NOTIFY", event="refer", body="SIP/2.0 202 Accepted", terminated=False)
    _tells(bob, refer, "terminated;reason=noresource", "SIP/2.0 200 OK")
    alice.gets("NOTIFY", event="refer", body="200 OK", terminated=True)
    stage.is_quiet()


@pytest.mark.parametrize("value", ["{}", "<{}>", "<{}>;isfocus", '"Planning" <{}>', "{};isfocus"])
def test_c20_however_the_nested_refer_to_is_written(stage: Stage, value: str) -> None:
    """It is the value of a header field (RFC 3261 19.1.1), and may hold `isfocus` (draft 4.7)."""
    alice, bob = stage.joined("alice"), stage.person("bob")
    bob.registers()
    nested = quote(value.format(CONFERENCE), safe="")
    alice.sends("REFER", CONFERENCE, Refer_To=f"<{BOB};method=REFER?Refer-To={nested}>")
    alice.gets("202")
    bob.gets("REFER", refer_to=f"<{CONFERENCE}>;isfocus")


@pytest.mark.parametrize("value", ["sip:4712@conf.test", "nonsense", "", "tel:+493012"])
def test_c20_to_this_conference_alone(stage: Stage, value: str) -> None:
    alice = stage.joined("alice")
    nested = quote(value, safe="")
    alice.sends("REFER", CONFERENCE, Refer_To=f"<{BOB};method=REFER?Refer-To={nested}>")
    alice.gets("400")


def test_c20_in_the_dialog_of_the_call(stage: Stage) -> None:
    """The call stays the conference's: what Alice sends in it afterwards is heard there."""
    alice, bob = stage.joined("alice"), stage.person("bob")
    bob.registers()
    nested = f"sip:4711%40{DOMAIN}"
    alice.in_dialog("REFER", Refer_To=f"<{BOB};method=REFER?Refer-To={nested}>")
    alice.gets("202")
    alice.gets("NOTIFY", event="refer", body="100 Trying", terminated=False)
    bob.replies(bob.gets("REFER"), 202)  # type: ignore[arg-type]
    alice.gets("NOTIFY", event="refer", body="202 Accepted", terminated=False)
    alice.in_dialog("BYE")
    alice.gets("200")
    assert stage.roster() == []


@pytest.mark.parametrize("status", [405, 603])
def test_c20_a_phone_that_declines(stage: Stage, status: int) -> None:
    """RFC 3515 2.4.4: the REFER is taken, and then told that Bob's phone does not want it."""
    alice, bob = stage.joined("alice"), stage.person("bob")
    bob.registers()
    nested = f"sip:4711%40{DOMAIN}"
    alice.sends("REFER", CONFERENCE, Refer_To=f"<{BOB};method=REFER?Refer-To={nested}>")
    alice.gets("202")
    alice.gets("NOTIFY", event="refer", body="100 Trying")
    bob.replies(bob.gets("REFER"), status)  # type: ignore[arg-type]
    alice.gets("NOTIFY", event="refer", body=f"SIP/2.0 {status}", terminated=True)
    stage.is_quiet()


def test_c20_a_phone_that_is_silent(stage: Stage) -> None:
    alice, bob = stage.joined("alice"), stage.person("bob")
    bob.registers()
    nested = f"sip:4711%40{DOMAIN}"
    alice.sends("REFER", CONFERENCE, Refer_To=f"<{BOB};method=REFER?Refer-To={nested}>")
    alice.gets("202")
    alice.gets("NOTIFY", event="refer", body="100 Trying")
    stage.passes(40)
    bob.gets("REFER")
    alice.gets("NOTIFY", event="refer", body="SIP/2.0 408", terminated=True)


def test_c20_who_wants_no_subscription_is_told_nothing(stage: Stage) -> None:
    alice, bob = stage.joined("alice"), stage.person("bob")
    bob.registers()
    nested = f"<{BOB};method=REFER?Refer-To=sip:4711%40{DOMAIN}>"
    alice.sends("REFER", CONFERENCE, Refer_To=nested, Refer_Sub="false")
    alice.gets("202", refer_sub="false")
    bob.replies(bob.gets("REFER", refer_sub="false"), 200)  # type: ignore[arg-type]
    stage.passes(5)
    stage.is_quiet()


def test_the_nested_target_is_this_conference(stage: Stage) -> None:
    alice, bob = stage.joined("alice"), stage.person("bob")
    bob.registers()
    for nested in (f"sip:4712%40{DOMAIN}", "sip:4711%40elsewhere.test", ""):
        alice.sends("REFER", CONFERENCE, Refer_To=f"<{BOB};method=REFER?Refer-To={nested}>")
        alice.gets("400")
    assert bob.inbox == []


def test_a_phone_that_declines(stage: Stage) -> None:
    """JsSIP answers 405 to a REFER outside dialogs: told as it is."""
    alice, bob = stage.person("alice"), stage.person("bob")
    bob.registers()
    alice.sends("REFER", BOB, Refer_To=f"<{CONFERENCE}>")
    refer = bob.gets("REFER")
    assert isinstance(refer, Request)
    bob.replies(refer, 405)
    alice.gets("405")
    stage.is_quiet()


def test_mallory_refers_nobody(stage: Stage) -> None:
    mallory, bob = stage.joined("mallory"), stage.person("bob")
    bob.registers()
    nested = f"sip:4711%40{DOMAIN}"
    mallory.sends("REFER", CONFERENCE, Refer_To=f"<{BOB};method=REFER?Refer-To={nested}>")
    mallory.gets("403")
    mallory.feeds(mallory.request("REFER", BOB, Refer_To=f"<{CONFERENCE}>"))
    mallory.gets("401")
    guest = stage.person("guest-1", guest_of=stage.snapshots["4711"].id)
    guest.sends("REFER", BOB, Refer_To=f"<{CONFERENCE}>")
    guest.gets("403")
    assert bob.inbox == []
