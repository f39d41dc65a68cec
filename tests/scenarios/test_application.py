"""Draft 4.3, RFC 4579 5.3: a conference made by calling the conference application."""

from __future__ import annotations

import re

from sipgateway.media.engine import DigitKeyed
from sipgateway.sip import headers
from sipgateway.sip.message import Request, Response
from tests.stage import ANSWER, DOMAIN, OFFER, Person, Stage

APPLICATION = f"sip:conference-app@{DOMAIN}"


def _calls(stage: Stage, person: Person) -> str:
    """Call the application; gives the token of the page."""
    request = person.sends("INVITE", APPLICATION, body=OFFER)
    answer = person.gets("200", body=ANSWER)
    assert "isfocus" not in (answer.get("contact") or "")
    info = re.fullmatch(
        r"<http://conf\.test/setup/([^/]+)/>;purpose=info", answer.get("call-info") or ""
    )
    assert info is not None
    person.accepts(request, answer)
    return info[1]


def _reinvited(person: Person) -> Request:
    invite = person.gets("INVITE", contact="isfocus")
    assert isinstance(invite, Request)
    return invite


def test_c08_figure_3(stage: Stage) -> None:
    """200 without isfocus; the page; then a re-INVITE with the conference URI, same dialog."""
    alice = stage.person("alice")
    token = _calls(stage, alice)
    call_id, leg = alice.call_id, stage.media.played[-1]
    assert leg[1] == "menu"
    stage.answers(token, "Planning")
    invite = _reinvited(alice)
    assert invite.get("call-id") == call_id
    name = next(name for name in stage.snapshots if name.startswith("8"))
    assert f"<sip:{name}@{DOMAIN}>;isfocus" in (invite.get("contact") or "")
    alice.replies(invite, 200, body=OFFER)
    alice.gets("ACK")
    assert stage.roster(name) == ["alice"]
    alice.subscribes(name)
    assert alice.sees().text("conference-description", "display-text") == "Planning"
    assert stage.setups == {}
    stage.is_quiet()


def test_by_keypad(stage: Stage) -> None:
    """A desk phone has no page: # creates the conference as it comes."""
    alice = stage.person("alice")
    _calls(stage, alice)
    leg = next(iter(stage.switchboard._application.calls)).id
    stage.media_tells(DigitKeyed(leg, "5"))
    assert alice.inbox == []
    stage.media_tells(DigitKeyed(leg, "#"))
    alice.replies(_reinvited(alice), 200, body=OFFER)
    alice.gets("ACK")
    stage.is_quiet()


def test_who_hangs_up_in_the_middle_leaves_nothing(stage: Stage) -> None:
    alice = stage.person("alice")
    _calls(stage, alice)
    alice.in_dialog("BYE")
    alice.gets("200")
    assert stage.setups == {}
    assert stage.media.rooms == {}
    assert not stage.switchboard.occupied
    stage.is_quiet()


def test_who_never_answers_is_let_go(stage: Stage) -> None:
    alice = stage.person("alice")
    _calls(stage, alice)
    stage.passes(601)
    alice.gets("BYE", reason="Nothing was answered")
    assert stage.setups == {}


def test_the_conference_ends_with_its_creator(stage: Stage) -> None:
    alice, bob = stage.person("alice"), stage.person("bob")
    token = _calls(stage, alice)
    stage.answers(token, "Planning")
    alice.replies(_reinvited(alice), 200, body=OFFER)
    alice.gets("ACK")
    name = next(name for name in stage.snapshots if name.startswith("8"))
    bob.dials(name)
    alice.in_dialog("BYE")
    alice.gets("200")
    bob.gets("BYE", reason="ended by Alice")
    stage.is_quiet()


def test_a_phone_that_busily_renegotiates_is_asked_again(stage: Stage) -> None:
    """491: glare; the re-INVITE goes out once more (RFC 3261 14.1)."""
    alice = stage.person("alice")
    stage.answers(_calls(stage, alice), "Planning")
    alice.replies(_reinvited(alice), 491)
    alice.gets("ACK")
    stage.passes(3)
    alice.replies(_reinvited(alice), 200, body=OFFER)
    alice.gets("ACK")
    stage.is_quiet()


def test_mallory_is_challenged_and_may_not_refer_to_it(stage: Stage) -> None:
    mallory = stage.person("mallory")
    mallory.feeds(mallory.request("INVITE", APPLICATION, body=OFFER))
    mallory.gets("401")
    guest = stage.person("guest-1", guest_of=stage.snapshots["4711"].id)
    guest.sends("INVITE", APPLICATION, body=OFFER)
    guest.gets("403")
    mallory.sends("REFER", APPLICATION, Refer_To=f"<sip:bob@{DOMAIN}>")
    mallory.gets("405")
    assert stage.setups == {}
    stage.is_quiet()


# --- C09: the variant in which the caller is answered once the conference exists -----


def _calls_late(stage: Stage, person: Person) -> tuple[Request, str]:
    """Call the application; gives the INVITE and the token of the page."""
    request = person.sends("INVITE", APPLICATION, body=OFFER)
    early = person.gets("183", body=ANSWER)
    assert "isfocus" not in (early.get("contact") or "")
    info = re.search(r"/setup/([^/]+)/>;purpose=info", early.get("call-info") or "")
    assert info is not None
    return request, info[1]


def test_c09_the_early_variant() -> None:
    """Draft 4.3: early media and the page by a 183, the conference URI in the 200."""
    stage = Stage(answers_late=True)
    alice = stage.person("alice")
    request, token = _calls_late(stage, alice)
    assert stage.media.played[-1][1] == "menu"
    stage.answers(token, "Planning")
    name = next(name for name in stage.snapshots if name.startswith("8"))
    answer = alice.gets("200", contact=f"<sip:{name}@{DOMAIN}>;isfocus", body=ANSWER)
    assert answer.get("call-info") is None
    alice.accepts(request, answer)
    assert stage.roster(name) == ["alice"]
    assert stage.setups == {}
    alice.in_dialog("BYE")
    alice.gets("200")
    assert stage.switchboard.live == []
    stage.is_quiet()


def test_the_early_variant_by_keypad() -> None:
    stage = Stage(answers_late=True)
    alice = stage.person("alice")
    request, _ = _calls_late(stage, alice)
    leg = next(iter(stage.switchboard._application.calls)).id
    stage.media_tells(DigitKeyed(leg, "#"))
    alice.accepts(request, alice.gets("200", contact=";isfocus"))


def test_who_hangs_up_in_the_early_variant_leaves_nothing_behind() -> None:
    stage = Stage(answers_late=True)
    alice = stage.person("alice")
    request, token = _calls_late(stage, alice)
    alice.cancels(request)
    alice.gets("200")
    alice.gets("487")
    assert stage.setups == {}
    assert not len(stage.switchboard._application.calls)
    assert not stage.switchboard._application.waits(token)


def test_who_says_bye_in_the_early_variant_leaves_nothing_behind() -> None:
    """RFC 3261 15: a BYE in the early dialog that the 183 has made."""
    stage = Stage(answers_late=True)
    alice = stage.person("alice")
    request = alice.sends("INVITE", APPLICATION, body=OFFER)
    early = alice.gets("183")
    alice.to["call"], alice.call_id = early.get("to") or "", request.get("call-id") or ""
    alice.target = str(early.must(headers.CONTACT).uri)
    alice.in_dialog("BYE")
    alice.gets("200")
    alice.gets("487")
    assert stage.setups == {}
    assert not len(stage.switchboard._application.calls)
    stage.is_quiet()


def test_the_early_variant_keeps_proxies_awake_and_ends() -> None:
    """A 183 a minute (RFC 3261 13.3.1.1), and 408 to who answers nothing."""
    stage = Stage(answers_late=True)
    alice = stage.person("alice")
    _calls_late(stage, alice)
    stage.passes(61)
    alice.gets("183", body=ANSWER)
    stage.passes(600)
    last = alice.inbox[-1]
    assert isinstance(last, Response)
    assert last.status == 408
    alice.inbox.clear()
    assert stage.setups == {}
    assert not len(stage.switchboard._application.calls)


def test_without_an_offer_the_early_variant_answers_at_once() -> None:
    """An offer of ours in a 183 that nobody acknowledges would be worth nothing (RFC 3262 5)."""
    stage = Stage(answers_late=True)
    alice = stage.person("alice")
    alice.sends("INVITE", APPLICATION)
    alice.gets("200", call_info="/setup/")


def test_the_early_variant_when_the_server_stops() -> None:
    stage = Stage(answers_late=True)
    alice = stage.person("alice")
    _calls_late(stage, alice)
    stage.switchboard.stop(stage.now)
    stage.pump()
    alice.gets("503", reason="The server is stopping")
    assert not stage.switchboard.occupied
