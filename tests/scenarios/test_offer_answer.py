"""Offers and answers in every place where they may stand (RFC 3264, 6337), and session timers."""

from __future__ import annotations

import pytest

from conferences.policy import CallOrder
from sipgateway.focus.facts import CallProgressed
from sipgateway.media.engine import LegLost
from sipgateway.sip import headers
from sipgateway.sip.flow import Transport
from sipgateway.sip.message import Request, Response
from tests.stage import ANSWER, DOMAIN, OFFER, Person, Stage

CAROL = "sip:carol@elsewhere.test"


def _outside(stage: Stage) -> tuple[Person, Request]:
    """Somebody at another domain is called; her phone, and what it got."""
    carol = stage.person("carol-elsewhere", transport=Transport.UDP)
    stage.servers.append(carol)
    order = CallOrder(7, "job-7", CAROL, by=f"sip:alice@{DOMAIN}")
    stage.changes(calls=(order,))
    invite = carol.gets("INVITE", supported="100rel", body=ANSWER)
    assert isinstance(invite, Request)
    return carol, invite


def _replies(
    phone: Person, invite: Request, status: int, *, tag: str = "x", body: str = "", **more: str
) -> None:
    """An answer with fields of its own."""
    response = Response(status, "As It Is", [])
    for name in ("via", "from", "call-id", "cseq"):
        response.append(name, invite.get(name) or "")
    to = invite.get("to") or ""
    response.append("To", to if "tag=" in to else f"{to};tag={tag}")
    response.append("Contact", more.pop("contact", phone.contact))
    for name, value in more.items():
        response.append(name.replace("_", "-"), value)
    if body:
        response.append("Content-Type", "application/sdp")
        response.body = body.encode()
    phone.feeds(response)


# -- when we call ----------------------------------------------------------------


@pytest.mark.parametrize("again", [False, True])
def test_the_answer_in_a_reliable_provisional(stage: Stage, again: bool) -> None:
    """RFC 3262 5: the 200 need not repeat it, and may."""
    carol, invite = _outside(stage)
    _replies(carol, invite, 183, body=OFFER, Require="100rel", RSeq="1")
    prack = carol.gets("PRACK", rack=f"1 {invite.must(headers.CSEQ).number} INVITE")
    _replies(carol, prack, 200)  # type: ignore[arg-type]
    _replies(carol, invite, 200, body=OFFER if again else "")
    carol.gets("ACK")
    assert CallProgressed(7, "done", 200) in stage.facts
    assert stage.switchboard.occupied
    stage.is_quiet()


def test_no_answer_at_all(stage: Stage) -> None:
    """13.2.2.4: acknowledged, and hung up."""
    carol, invite = _outside(stage)
    _replies(carol, invite, 200)
    carol.gets("ACK")
    carol.gets("BYE", reason="No description came")


def test_a_fork_that_answers_second_is_let_go(stage: Stage) -> None:
    """13.2.2.4: each 2xx its ACK, and a BYE to all but the first."""
    carol, invite = _outside(stage)
    for tag in ("first", "second"):
        _replies(carol, invite, 180, tag=tag, contact=f"<sip:{tag}@192.0.2.1>")
    for tag in ("first", "second"):
        _replies(carol, invite, 200, tag=tag, contact=f"<sip:{tag}@192.0.2.1>", body=OFFER)
    ack = carol.gets("ACK")
    assert isinstance(ack, Request)
    assert ack.uri == "sip:first@192.0.2.1"
    other, bye = carol.gets("ACK"), carol.gets("BYE")
    assert isinstance(other, Request)
    assert isinstance(bye, Request)
    assert other.uri == bye.uri == "sip:second@192.0.2.1"
    assert len(stage.media.rooms) == 1
    stage.is_quiet()


# -- when we are called ----------------------------------------------------------


def test_a_reinvite_without_an_offer_gets_one(stage: Stage) -> None:
    """RFC 6337 3.1: the answer is in the ACK."""
    bob = stage.joined("bob")
    request = bob.in_dialog("INVITE")
    bob.accepts(request, bob.gets("200", body=ANSWER), body=OFFER)
    assert stage.roster() == ["bob"]
    request = bob.in_dialog("INVITE")
    bob.accepts(request, bob.gets("200", body=ANSWER))
    bob.gets("BYE", reason="No description came")
    stage.is_quiet()


@pytest.mark.parametrize("body", ["", OFFER])
def test_one_offer_at_a_time(stage: Stage, body: str) -> None:
    """RFC 3311 5.2: while ours waits for its answer, in the ACK, 491; the answer still counts."""
    bob = stage.joined("bob")
    open_ = bob.in_dialog("INVITE")
    offer = bob.gets("200", body=ANSWER)
    bob.in_dialog("UPDATE", body=OFFER)
    bob.gets("491")
    again = bob.in_dialog("INVITE", body=body)
    refused = bob.gets("491")
    assert isinstance(refused, Response)
    bob.feeds(bob.ack(refused, again))
    bob.in_dialog("UPDATE")
    bob.gets("200")
    before = len(stage.media.accepted)
    bob.accepts(open_, offer, body=OFFER)
    assert len(stage.media.accepted) == before + 1
    bob.in_dialog("UPDATE", body=OFFER)
    bob.gets("200", body=ANSWER)
    assert stage.roster() == ["bob"]
    stage.is_quiet()


def test_an_offer_of_the_first_invite_is_open_until_the_ack(stage: Stage) -> None:
    bob = stage.person("bob")
    request = bob.sends("INVITE", f"sip:4711@{DOMAIN}")
    offer = bob.gets("200", body=ANSWER)
    contact = offer.one(headers.CONTACT)
    bob.to["call"], bob.call_id = offer.get("to") or "", offer.get("call-id") or ""
    bob.target = str(contact.uri) if contact else ""
    bob.in_dialog("UPDATE", body=OFFER)
    bob.gets("491")
    bob.accepts(request, offer, body=OFFER)
    assert stage.roster() == ["bob"]
    stage.is_quiet()


def test_an_offer_that_was_cancelled_is_not_open(stage: Stage) -> None:
    """RFC 3261 9.2: the phone never saw it, so it owes no answer."""
    bob = stage.joined("bob")
    stage.media_thinks(True)
    request = bob.in_dialog("INVITE")
    bob.cancels(request)
    bob.gets("200")
    refused = bob.gets("487")
    assert isinstance(refused, Response)
    bob.feeds(bob.ack(refused, request))
    stage.media_thinks(False)
    bob.in_dialog("UPDATE", body=OFFER)
    bob.gets("200", body=ANSWER)
    stage.is_quiet()


def test_our_reinvite_waits_for_the_answer_to_the_offer_before(stage: Stage) -> None:
    """RFC 3264 4: no second offer of ours meanwhile; and the first one's answer is taken."""
    bob = stage.joined("bob")
    request = bob.in_dialog("INVITE")
    offer = bob.gets("200", body=ANSWER)
    stage.media_tells(LegLost(stage.leg_of("bob"), "the worker died"))
    stage.is_quiet()
    before = len(stage.media.accepted)
    bob.accepts(request, offer, body=OFFER)
    bob.replies(bob.gets("INVITE", body=ANSWER), 200, body=OFFER)  # type: ignore[arg-type]
    bob.gets("ACK")
    assert len(stage.media.accepted) == before + 2
    assert stage.roster() == ["bob"]
    stage.is_quiet()


def test_an_answer_that_a_dead_worker_cannot_take_does_not_end_the_call(stage: Stage) -> None:
    """The new offer that is due is asked for; here the engine has none either: 503, not 488."""
    bob = stage.joined("bob")
    request = bob.in_dialog("INVITE")
    offer = bob.gets("200", body=ANSWER)
    stage.media_tells(LegLost(stage.leg_of("bob"), "the worker died"))
    stage.media.refuses = (500, "No worker")
    bob.accepts(request, offer, body=OFFER)
    bob.gets("BYE", reason="cause=503")


def test_an_update_with_an_offer_is_answered(stage: Stage) -> None:
    """RFC 3311 5.2."""
    bob = stage.joined("bob")
    bob.in_dialog("UPDATE", body=OFFER)
    bob.gets("200", body=ANSWER, contact="isfocus")
    stage.media.refuses = (488, "No Common Codec")
    bob.in_dialog("UPDATE", body=OFFER)
    bob.gets("488", warning=f'305 {DOMAIN} "No Common Codec"')
    stage.media.refuses = None
    assert stage.roster() == ["bob"]
    stage.is_quiet()


@pytest.mark.parametrize(("reason", "code"), [("No audio stream", 304), ("No codec", 305)])
def test_a_call_that_cannot_be_described_is_told_why(stage: Stage, reason: str, code: int) -> None:
    """RFC 3261 21.4.26: a 488 has a Warning."""
    stage.conference()
    bob = stage.person("bob")
    stage.media.refuses = (488, reason)
    bob.sends("INVITE", f"sip:4711@{DOMAIN}", body=OFFER)
    refused = bob.gets("488", warning=f'{code} {DOMAIN} "{reason}"')
    assert refused.all("warning") == [f'{code} {DOMAIN} "{reason}"']


def test_a_body_that_may_be_ignored_is_as_if_it_were_not_there(stage: Stage) -> None:
    """RFC 3261 20.11: the offer is ours then."""
    stage.conference()
    bob = stage.person("bob")
    bob.sends(
        "INVITE",
        f"sip:4711@{DOMAIN}",
        body="x",
        content_type="application/x",
        Content_Disposition="x;handling=optional",
    )
    bob.gets("200", body=ANSWER)


def test_a_reinvite_that_is_refused_changes_nothing(stage: Stage) -> None:
    """14.1: the session goes on as it was."""
    bob = stage.joined("bob")
    stage.media.refuses = (488, "No Common Codec")
    request = bob.in_dialog("INVITE", body=OFFER)
    refused = bob.gets("488")
    assert isinstance(refused, Response)
    bob.feeds(bob.ack(refused, request))
    assert stage.roster() == ["bob"]
    stage.is_quiet()


def test_a_reinvite_whose_answer_is_never_acknowledged_ends_the_call(stage: Stage) -> None:
    bob = stage.joined("bob")
    bob.in_dialog("INVITE", body=OFFER)
    bob.gets("200")
    stage.passes(33)
    bob.skips("200")
    bob.gets("BYE", reason="No ACK came")
    assert stage.roster() == []


def test_what_nobody_does_in_a_call_does_not_end_it(stage: Stage) -> None:
    """RFC 5057: 481 would. INFO packages are refused by name (RFC 6086 4.2.2)."""
    alice, bob = stage.joined("alice"), stage.joined("bob")
    bob.in_dialog("INFO", Info_Package="infoDtmf")
    bob.gets("469", recv_info="")
    bob.in_dialog("REGISTER")
    bob.gets("501")
    request = bob.request("MESSAGE", bob.target, call_id=bob.call_id, to=bob.to["call"])
    request.append("Content-Type", "text/plain")
    request.body = b"hello"
    bob.feeds(request)
    bob.gets("202")
    alice.replies(alice.gets("MESSAGE", body="hello"), 200)  # type: ignore[arg-type]
    carol = stage.person("carol")
    carol.registers()
    request = bob.sends("INVITE", f"sip:carol@{DOMAIN}", body=OFFER)
    ringing = carol.gets("INVITE")
    carol.replies(ringing, 200, body=OFFER)  # type: ignore[arg-type]
    carol.gets("ACK")
    bob.accepts(request, bob.gets("200"))
    bob.in_dialog("NOTIFY", Event="refer", Subscription_State="active")
    bob.gets("501")
    stage.is_quiet()


# -- session timers (RFC 4028) ---------------------------------------------------


def test_a_phone_that_wants_us_to_refresh(stage: Stage) -> None:
    """Table 2: refresher=uas is obeyed; halfway an UPDATE goes out."""
    bob = stage.person("bob")
    timer = {"Session_Expires": "120;refresher=uas", "Supported": "timer"}
    request = bob.sends("INVITE", f"sip:4711@{DOMAIN}", body=OFFER, Allow="INVITE, UPDATE", **timer)
    bob.accepts(request, bob.gets("200", session_expires="120;refresher=uas"))
    stage.passes(61)
    update = bob.gets("UPDATE", session_expires="120;refresher=uac")
    assert isinstance(update, Request)
    assert not update.body
    _replies(bob, update, 200, Session_Expires="120;refresher=uac", Allow="INVITE, UPDATE")
    stage.passes(61)
    assert stage.roster() == ["bob"]
    _replies(bob, bob.gets("UPDATE"), 481)  # type: ignore[arg-type]
    bob.gets("BYE")
    assert stage.roster() == []


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_a_refresh_that_asks_for_no_timer_leaves_it_to_us(stage: Stage, method: str) -> None:
    """RFC 4028 9: who supports timers is given the one that runs, and we refresh it."""
    bob = stage.person("bob")
    bob.dials(Session_Expires="90;refresher=uac", Supported="timer", Allow="INVITE, UPDATE")
    stage.passes(50)
    body = OFFER if method == "INVITE" else ""
    more = {"Supported": "timer", "Allow": "INVITE, UPDATE", "Min_SE": "100"}
    request = bob.in_dialog(method, body=body, **more)
    accepted = bob.gets("200", session_expires="100;refresher=uas")
    if method == "INVITE":
        bob.accepts(request, accepted)
    stage.passes(50.1)
    update = bob.gets("UPDATE", session_expires="100;refresher=uac")
    assert isinstance(update, Request)
    _replies(bob, update, 200, Session_Expires="100;refresher=uac", Allow="INVITE, UPDATE")
    stage.passes(50.1)
    assert stage.roster() == ["bob"]
    _replies(bob, bob.gets("UPDATE"), 481)  # type: ignore[arg-type]
    bob.gets("BYE")
    assert stage.roster() == []


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_a_refresh_without_timers_ends_the_timer(stage: Stage, method: str) -> None:
    """RFC 4028 9: no Session-Expires in the latest 2xx, so nothing expires."""
    bob = stage.person("bob")
    bob.dials(Session_Expires="90;refresher=uac", Supported="timer")
    stage.passes(50)
    request = bob.in_dialog(method, body=OFFER if method == "INVITE" else "")
    accepted = bob.gets("200")
    assert accepted.get("session-expires") is None
    if method == "INVITE":
        bob.accepts(request, accepted)
    stage.passes(300)
    assert stage.roster() == ["bob"]
    stage.is_quiet()


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_too_short_an_interval_in_the_call(stage: Stage, method: str) -> None:
    """RFC 4028 9: 422 with Min-SE; an interval is never made longer. The old one goes on."""
    bob = stage.person("bob")
    bob.dials(Session_Expires="90;refresher=uac", Supported="timer")
    stage.passes(50)
    timer = {"Session_Expires": "60", "Supported": "timer"}
    request = bob.in_dialog(method, body=OFFER, **timer)
    refused = bob.gets("422", min_se="90")
    assert isinstance(refused, Response)
    if method == "INVITE":
        bob.feeds(bob.ack(refused, request))
    stage.passes(39)
    assert stage.roster() == ["bob"]
    stage.passes(2)
    bob.gets("BYE", reason="The session was not refreshed")


def _accepted_with_timer(stage: Stage, **fields: str) -> Person:
    carol, invite = _outside(stage)
    _replies(carol, invite, 200, body=OFFER, **fields)
    carol.gets("ACK")
    return carol


def test_a_trunk_that_wants_us_to_refresh_by_reinvite(stage: Stage) -> None:
    """7.2: it takes no UPDATE; an interval that is too small is made longer."""
    carol = _accepted_with_timer(stage, Session_Expires="100;refresher=uac", Allow="INVITE, BYE")
    stage.passes(50.1)
    invite = carol.gets("INVITE", session_expires="100;refresher=uac", body=ANSWER)
    assert isinstance(invite, Request)
    _replies(carol, invite, 200, body=OFFER, Session_Expires="100;refresher=uac")
    carol.gets("ACK")
    stage.passes(50.1)
    # without Session-Expires: no timer any more
    _replies(carol, carol.gets("INVITE"), 200, body=OFFER)  # type: ignore[arg-type]
    carol.gets("ACK")
    stage.passes(300)
    stage.is_quiet()
    assert stage.switchboard.occupied


def test_a_refresh_that_is_refused_for_now(stage: Stage) -> None:
    carol = _accepted_with_timer(stage, Session_Expires="100;refresher=uac", Allow="INVITE, UPDATE")
    stage.passes(50.1)
    _replies(carol, carol.gets("UPDATE"), 422, Min_SE="180")  # type: ignore[arg-type]
    stage.passes(0.1)
    longer = carol.gets("UPDATE", session_expires="180;refresher=uac")
    _replies(carol, longer, 491)  # type: ignore[arg-type]
    stage.passes(5.1)
    _replies(carol, carol.gets("UPDATE"), 501)  # type: ignore[arg-type]
    stage.passes(0.1)
    invite = carol.gets("INVITE", session_expires="180;refresher=uac")
    _replies(carol, invite, 200, body=OFFER, Session_Expires="180;refresher=uac")  # type: ignore[arg-type]
    carol.gets("ACK")
    stage.is_quiet()
    assert stage.switchboard.occupied


def test_whoever_promised_to_refresh_and_does_not_is_let_go(stage: Stage) -> None:
    carol = _accepted_with_timer(stage, Session_Expires="100;refresher=uas")
    stage.passes(99)
    stage.is_quiet()
    stage.passes(2)
    carol.gets("BYE", reason="The session was not refreshed")


def test_the_timer_goes_along_to_another_room(stage: Stage) -> None:
    """Draft 4.3: the application's call becomes a conference's, and is still watched."""
    alice = stage.person("alice")
    timer = {"Session_Expires": "90", "Supported": "timer"}
    request = alice.sends("INVITE", f"sip:conference-app@{DOMAIN}", body=OFFER, **timer)
    alice.accepts(request, alice.gets("200"))
    stage.answers(next(iter(stage.setups)), "Planning")
    invite = alice.gets("INVITE")
    _replies(alice, invite, 200, body=OFFER, Session_Expires="90;refresher=uas")  # type: ignore[arg-type]
    alice.gets("ACK")
    stage.passes(91)
    alice.gets("BYE", reason="The session was not refreshed")
    assert not stage.switchboard.live
