"""Calls and texts between people go through Parley."""

from __future__ import annotations

from sipgateway.sip import headers
from sipgateway.sip.flow import Transport
from sipgateway.sip.message import Request, Response
from tests.stage import ANSWER, DOMAIN, OFFER, Person, Stage

BOB = f"sip:bob@{DOMAIN}"


def _rings(person: Person) -> Request:
    invite = person.gets("INVITE")
    assert isinstance(invite, Request)
    return invite


def test_a_call_from_person_to_person(stage: Stage) -> None:
    """180 and 200 with one Contact; both are in one room, which is no conference."""
    alice, bob = stage.person("alice"), stage.person("bob")
    bob.registers()
    request = alice.sends("INVITE", BOB, body=OFFER)
    invite = bob.gets("INVITE", from_=f"sip:alice@{DOMAIN}")
    assert isinstance(invite, Request)
    assert "isfocus" not in (invite.get("contact") or "")
    bob.replies(invite, 180)
    early = alice.gets("180", contact=BOB)
    bob.replies(invite, 200, body=OFFER)
    bob.gets("ACK")
    answer = alice.gets("200", body=ANSWER)
    assert answer.get("contact") == early.get("contact")
    alice.accepts(request, answer)
    assert len(set(stage.media.rooms.values())) == 1
    alice.in_dialog("BYE")
    alice.gets("200")
    bob.gets("BYE", reason="The other side hung up")
    assert stage.media.rooms == {}
    assert not stage.switchboard.occupied
    stage.is_quiet()


def test_a_caller_without_an_offer_who_requires_100rel(stage: Stage) -> None:
    """RFC 3262 5: a reliable 180 would have to make the offer; the 200 makes it."""
    alice, bob = stage.person("alice"), stage.person("bob")
    bob.registers()
    request = alice.sends("INVITE", BOB, Require="100rel")
    invite = _rings(bob)
    bob.replies(invite, 180)
    assert [one for one in alice.inbox if one.get("rseq")] == []
    bob.replies(invite, 200, body=OFFER)
    bob.gets("ACK")
    alice.accepts(request, alice.gets("200", body="m=audio"), body=ANSWER)
    alice.in_dialog("BYE")
    alice.gets("200")
    bob.gets("BYE")
    assert not stage.switchboard.occupied


def test_a_text_within_a_call_goes_to_the_other(stage: Stage) -> None:
    alice, bob = stage.person("alice"), stage.person("bob")
    bob.registers()
    request = alice.sends("INVITE", BOB, body=OFFER)
    bob.replies(_rings(bob), 200, body=OFFER)
    bob.gets("ACK")
    alice.accepts(request, alice.gets("200"))
    for status in (200, 415):
        alice.in_dialog("MESSAGE", body="See you")
        passed = bob.gets("MESSAGE")
        assert isinstance(passed, Request)
        assert passed.body == b"See you"
        bob.replies(passed, status)
        alice.gets(str(status))
    alice.in_dialog("BYE")
    bob.gets("BYE")


def test_the_called_one_hangs_up(stage: Stage) -> None:
    alice, bob = stage.person("alice"), stage.person("bob")
    bob.registers()
    request = alice.sends("INVITE", BOB, body=OFFER)
    invite = _rings(bob)
    bob.replies(invite, 200, body=OFFER)
    bob.gets("ACK")
    alice.accepts(request, alice.gets("200"))
    bye = bob.request("BYE", f"sip:alice@{DOMAIN}", call_id=invite.get("call-id") or "")
    bye.drop("from")
    bye.drop("to")
    bye.append("From", f"{invite.get('to')};tag=bob-uas")
    bye.append("To", invite.get("from") or "")
    bob.feeds(bye)
    bob.gets("200")
    alice.gets("BYE")
    stage.is_quiet()


def test_two_phones_ring_first_answer_wins(stage: Stage) -> None:
    """The other one gets CANCEL with a Reason."""
    alice, bob = stage.person("alice"), stage.person("bob")
    bob.registers()
    bob.registers(contact="<sip:desk@bob.invalid>")
    request = alice.sends("INVITE", BOB, body=OFFER)
    first, second = _rings(bob), _rings(bob)
    bob.replies(first, 180)
    bob.replies(second, 180)
    alice.gets("180")
    alice.gets("180")
    bob.replies(second, 200, body=OFFER)
    bob.gets("ACK")
    cancel = bob.gets("CANCEL", reason="Call completed elsewhere")
    bob.replies(cancel, 200)  # type: ignore[arg-type]
    bob.replies(first, 487)
    bob.gets("ACK")
    alice.accepts(request, alice.gets("200"))
    stage.is_quiet()


def test_who_declines_for_all_phones_ends_the_search(stage: Stage) -> None:
    """RFC 3261 16.7, steps 5 and 6: the rest gets CANCEL, and nothing later replaces the 603."""
    alice, bob = stage.person("alice"), stage.person("bob")
    bob.registers()
    bob.registers(contact="<sip:desk@bob.invalid>")
    alice.sends("INVITE", BOB, body=OFFER)
    first, second = _rings(bob), _rings(bob)
    bob.replies(second, 180)
    alice.gets("180")
    bob.replies(first, 603)
    bob.gets("ACK")
    cancel = bob.gets("CANCEL", reason="Declined elsewhere")
    bob.replies(cancel, 200)  # type: ignore[arg-type]
    bob.replies(second, 486)
    bob.gets("ACK")
    alice.gets("603")
    assert not stage.switchboard.occupied
    stage.is_quiet()


def test_who_declines_beside_a_phone_that_is_silent(stage: Stage) -> None:
    """A registration that is stale: the caller hears of it at once, and nothing is left over."""
    alice, bob = stage.person("alice"), stage.person("bob", transport=Transport.UDP)
    bob.registers()
    bob.registers(contact="<sip:desk@bob.invalid>")
    alice.sends("INVITE", BOB, body=OFFER)
    first, silent = _rings(bob), _rings(bob)
    bob.replies(first, 603)
    alice.gets("603")
    bob.gets("ACK")
    bob.replies(silent, 200, body=OFFER)  # picked up all the same
    bob.gets("ACK")
    bob.gets("BYE")
    stage.passes(40)
    assert not alice.inbox
    assert not stage.switchboard.occupied
    stage.is_quiet()


def test_busy_and_nobody_there(stage: Stage) -> None:
    alice, bob = stage.person("alice"), stage.person("bob")
    alice.sends("INVITE", BOB, body=OFFER)
    alice.gets("480")
    bob.registers()
    alice.sends("INVITE", BOB, body=OFFER)
    bob.replies(_rings(bob), 486)
    bob.gets("ACK")
    alice.gets("486")
    assert not stage.switchboard.occupied
    stage.is_quiet()


def test_the_caller_gives_up(stage: Stage) -> None:
    alice, bob = stage.person("alice"), stage.person("bob")
    bob.registers()
    request = alice.sends("INVITE", BOB, body=OFFER)
    invite = _rings(bob)
    bob.replies(invite, 180)
    alice.gets("180")
    alice.cancels(request)
    alice.gets("200")
    alice.gets("487")
    cancel = bob.gets("CANCEL")
    bob.replies(cancel, 200)  # type: ignore[arg-type]
    bob.replies(invite, 487)
    bob.gets("ACK")
    assert not stage.switchboard.occupied
    stage.is_quiet()


def _early(person: Person, invite: Request, said: Request | Response) -> None:
    """What `in_dialog` needs, of a provisional response."""
    person.to["call"], person.call_id = said.get("to") or "", invite.get("call-id") or ""
    person.target = str(said.must(headers.CONTACT).uri)


def test_the_caller_gives_up_by_a_bye(stage: Stage) -> None:
    """RFC 3261 15: in an early dialog the caller may send one; the INVITE gets its 487."""
    alice, bob = stage.person("alice"), stage.person("bob")
    bob.registers()
    request = alice.sends("INVITE", BOB, body=OFFER)
    invite = _rings(bob)
    bob.replies(invite, 180)
    _early(alice, request, alice.gets("180"))
    alice.in_dialog("BYE")
    alice.gets("200")
    alice.gets("487")
    cancel = bob.gets("CANCEL")
    bob.replies(cancel, 200)  # type: ignore[arg-type]
    bob.replies(invite, 487)
    bob.gets("ACK")
    assert not stage.switchboard.occupied
    stage.is_quiet()


def test_only_a_bye_ends_an_early_dialog(stage: Stage) -> None:
    alice, bob = stage.person("alice"), stage.person("bob")
    bob.registers()
    request = alice.sends("INVITE", BOB, body=OFFER)
    invite = _rings(bob)
    bob.replies(invite, 180)
    _early(alice, request, alice.gets("180"))
    for method in ("INFO", "MESSAGE"):
        alice.in_dialog(method, body="x", content_type="text/plain")
        alice.gets("481")
    bob.replies(invite, 200, body=OFFER)
    bob.gets("ACK")
    alice.accepts(request, alice.gets("200"))


def test_nobody_answers(stage: Stage) -> None:
    alice, bob = stage.person("alice"), stage.person("bob")
    bob.registers()
    alice.sends("INVITE", BOB, body=OFFER)
    invite = _rings(bob)
    bob.replies(invite, 180)
    alice.gets("180")
    stage.passes(61)
    cancel = bob.gets("CANCEL")
    bob.replies(cancel, 200)  # type: ignore[arg-type]
    bob.replies(invite, 487)
    bob.gets("ACK")
    alice.gets("408")
    stage.is_quiet()


def test_an_invite_that_is_good_for_a_while(stage: Stage) -> None:
    """RFC 3261 13.3.1: what Expires says is over, 487."""
    alice, bob = stage.person("alice"), stage.person("bob")
    bob.registers()
    alice.sends("INVITE", BOB, body=OFFER, Expires="10")
    invite = _rings(bob)
    bob.replies(invite, 180)
    alice.gets("180")
    stage.passes(10.1)
    cancel = bob.gets("CANCEL")
    bob.replies(cancel, 200)  # type: ignore[arg-type]
    bob.replies(invite, 487)
    bob.gets("ACK")
    alice.gets("487")
    stage.is_quiet()


def test_a_text(stage: Stage) -> None:
    """To a person, and to everybody else in a conference; the sender is who he proved to be."""
    alice, bob = stage.joined("alice"), stage.joined("bob")
    bob.registers()
    for target, status in ((BOB, "200"), (f"sip:4711@{DOMAIN}", "202")):
        text = alice.request("MESSAGE", target)
        alice.feeds(text)
        challenge = alice.gets("401")
        again = alice.request("MESSAGE", target)
        again.append("Authorization", alice.credentials(challenge, "MESSAGE", target))  # type: ignore[arg-type]
        again.append("Content-Type", "text/plain")
        again.body = "Grüße".encode()
        alice.feeds(again)
        got = bob.gets("MESSAGE", body="Grüße", from_=f"sip:alice@{DOMAIN}")
        bob.replies(got, 200)  # type: ignore[arg-type]
        alice.gets(status)
    stage.is_quiet()


def test_mallory_reaches_nobody_without_a_name(stage: Stage) -> None:
    """No credentials, a guest's credentials, not in the conference, another domain: no relay."""
    bob, mallory = stage.joined("bob"), stage.person("mallory")
    bob.registers()
    for method in ("INVITE", "MESSAGE"):
        mallory.feeds(mallory.request(method, BOB, body=OFFER if method == "INVITE" else ""))
        mallory.gets("401")
    guest = stage.person("guest-1", guest_of=stage.snapshots["4711"].id)
    guest.sends("INVITE", BOB, body=OFFER)
    guest.gets("403")
    mallory.sends("MESSAGE", f"sip:4711@{DOMAIN}")
    mallory.gets("403")
    mallory.sends("INVITE", "sip:bob@elsewhere.test", body=OFFER)
    mallory.gets("403")
    mallory.sends("MESSAGE", "sip:bob@elsewhere.test")
    mallory.gets("404")
    assert bob.inbox == []


def test_a_conference_takes_plain_texts_alone(stage: Stage) -> None:
    """415; a person's phone decides for itself."""
    stage.conference()
    alice, bob = stage.joined("alice"), stage.person("bob")
    bob.registers()
    for target, status in ((f"sip:4711@{DOMAIN}", "415"), (BOB, None)):
        first = alice.request("MESSAGE", target)
        alice.feeds(first)
        challenge = alice.gets("401")
        assert isinstance(challenge, Response)
        again = alice.request("MESSAGE", target, Content_Type="message/cpim")
        again.append("Authorization", alice.credentials(challenge, "MESSAGE", target))
        again.body = b"From: <im:alice@conf.test>\r\n"
        alice.feeds(again)
        if status is None:
            bob.gets("MESSAGE", content_type="message/cpim", body="im:alice")
        else:
            alice.gets(status, accept="text/plain")
    stage.is_quiet()


def test_a_caller_says_what_phones_he_wants(stage: Stage) -> None:
    """RFC 3841: what one says of itself counts; nobody left is 480."""
    alice, bob = stage.person("alice"), stage.person("bob")
    bob.registers(contact="<sip:desk@bob.invalid>;audio")
    bob.registers(contact="<sip:film@bob.invalid>;audio;video")
    alice.sends("INVITE", BOB, body=OFFER, Accept_Contact="*;video;require;explicit")
    assert _rings(bob).uri == "sip:film@bob.invalid"
    assert bob.inbox == []
    alice.sends("MESSAGE", BOB, Reject_Contact="*;audio")
    alice.gets("480")
