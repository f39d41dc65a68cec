"""Draft 4.1, RFC 4579 5.1: joining a conference by its URI."""

from __future__ import annotations

from conferences.policy import Admission, Recorded, RecordingOrder, Role
from sipgateway.focus.facts import Joined, JoinRefused, Left
from sipgateway.media.engine import Direction, LegId, LegLost, LegSilent
from sipgateway.sip.message import Request
from tests.stage import ANSWER, DOMAIN, OFFER, START, Stage


def test_c01_c03_the_answer_names_the_focus(stage: Stage) -> None:
    """Draft 2.2, RFC 4579 5.1 F3."""
    alice = stage.person("alice")
    request = alice.sends("INVITE", f"sip:4711@{DOMAIN}", body=OFFER)
    answer = alice.gets(
        "200",
        contact=f"<sip:4711@{DOMAIN}>;isfocus",
        allow="REFER",
        allow_events="conference, refer",
        accept="application/conference-info+xml",
        supported="timer",
        body=ANSWER,
    )
    alice.accepts(request, answer)
    assert stage.roster() == ["alice"]
    assert any(isinstance(fact, Joined) and fact.role is Role.ORGANIZER for fact in stage.facts)
    stage.is_quiet()


def test_c02_a_hidden_focus_says_nothing(stage: Stage) -> None:
    """Draft 2.2: unless the focus wishes to hide the fact that it is a focus."""
    stage.conference("4712", hidden_focus=True)
    alice = stage.person("alice")
    alice.sends("INVITE", f"sip:4712@{DOMAIN}", body=OFFER)
    assert "isfocus" not in (alice.gets("200").get("contact") or "")
    alice.sends("OPTIONS", f"sip:4712@{DOMAIN}")
    assert "isfocus" not in (alice.gets("200").get("contact") or "")


def test_c05_nobody_reserved_it(stage: Stage) -> None:
    bob = stage.person("bob")
    bob.sends("INVITE", f"sip:9999@{DOMAIN}", body=OFFER)
    bob.gets("404")
    assert stage.switchboard.live == []
    stage.is_quiet()


def test_c05_too_early_and_too_late(stage: Stage) -> None:
    stage.conference("4712", opens_at=START + 90, closes_at=START + 600)
    bob = stage.person("bob")
    bob.sends("INVITE", f"sip:4712@{DOMAIN}", body=OFFER)
    bob.is_turned_away("480", retry_after="90")
    stage.passes(89)
    bob.dials("4712")
    stage.passes(510)
    bob.gets("BYE", reason="The conference is over")
    bob.sends("INVITE", f"sip:4712@{DOMAIN}", body=OFFER)
    bob.is_turned_away("410")
    stage.is_quiet()


def test_c06_who_has_no_credentials_is_challenged(stage: Stage) -> None:
    """RFC 8760 2.4: SHA-256 first, then MD5."""
    mallory = stage.person("mallory")
    mallory.feeds(mallory.request("INVITE", f"sip:4711@{DOMAIN}", body=OFFER))
    challenge = mallory.gets("401")
    offered = [value.split("algorithm=")[1] for value in challenge.all("www-authenticate")]
    assert offered == ["SHA-256", "MD5"]
    assert all('qop="auth"' in value for value in challenge.all("www-authenticate"))


def test_c06_mallory_guesses_a_password(stage: Stage) -> None:
    mallory = stage.person("mallory")
    mallory.password = "secret"
    stage.person("alice")
    request = mallory.request("INVITE", f"sip:4711@{DOMAIN}", body=OFFER)
    mallory.feeds(request)
    challenge = mallory.gets("401")
    for name in ("alice", "nobody"):
        mallory.name, name = name, mallory.name
        again = mallory.request("INVITE", f"sip:4711@{DOMAIN}", body=OFFER)
        mallory.password = "guess"
        credentials = mallory.credentials(challenge, "INVITE", f"sip:4711@{DOMAIN}")  # type: ignore[arg-type]
        mallory.name = name
        again.append("Authorization", credentials)
        mallory.feeds(again)
        assert len(mallory.gets("401").all("www-authenticate")) == 2
    assert stage.roster() == []


def test_c06_credentials_are_good_once(stage: Stage) -> None:
    """A request that Mallory caught on the wire is not played again."""
    alice, mallory = stage.person("alice"), stage.person("mallory")
    caught = alice.sends("INVITE", f"sip:4711@{DOMAIN}", body=OFFER)
    alice.gets("200")
    played = mallory.request("INVITE", f"sip:4711@{DOMAIN}", body=OFFER)
    played.append("Authorization", caught.get("authorization") or "")
    mallory.feeds(played)
    mallory.gets("401", www_authenticate="stale=true")


def test_c06_mallory_is_not_on_the_list(stage: Stage) -> None:
    stage.conference("4712", admission=Admission.INVITED)
    mallory = stage.person("mallory")
    for method in ("INVITE", "OPTIONS"):
        mallory.sends(method, f"sip:4712@{DOMAIN}", body=OFFER if method == "INVITE" else "")
        mallory.gets("403")
    mallory.sends("SUBSCRIBE", f"sip:4712@{DOMAIN}", Event="conference")
    mallory.gets("403")
    assert any(isinstance(fact, JoinRefused) for fact in stage.facts)
    stage.is_quiet()


def test_full_and_locked(stage: Stage) -> None:
    stage.conference("4712", max_participants=1)
    stage.joined("bob", "4712")
    carol = stage.person("carol")
    carol.sends("INVITE", f"sip:4712@{DOMAIN}", body=OFFER)
    carol.is_turned_away("486", reason="The conference is full")
    stage.conference("4713", locked=True)
    carol.sends("INVITE", f"sip:4713@{DOMAIN}", body=OFFER)
    carol.is_turned_away("403", reason="The conference is locked")
    stage.joined("alice", "4713")
    stage.is_quiet()


def test_a_second_phone_is_a_second_endpoint(stage: Stage) -> None:
    """RFC 4575 5.6: one user, two endpoints."""
    alice, bob = stage.joined("alice"), stage.joined("bob")
    alice.subscribes()
    alice.sees()
    stage.passes(1)
    bob.sends("INVITE", f"sip:4711@{DOMAIN}", body=OFFER, contact="<sip:desk@bob.invalid>")
    bob.gets("200")
    told = alice.sees()
    assert told.users() == {"bob": "partial"}
    assert stage.roster() == ["alice", "bob"]


def test_cancel_while_the_mixer_thinks(stage: Stage) -> None:
    """Nobody waited, so CANCEL works; the late answer finds nobody."""
    bob = stage.person("bob")
    stage.media_thinks(True)
    invite = bob.sends("INVITE", f"sip:4711@{DOMAIN}", body=OFFER)
    bob.cancels(invite)
    bob.gets("200")
    bob.gets("487")
    stage.media_thinks(False)
    assert stage.roster() == []
    assert stage.media.rooms == {}


def test_a_retransmitted_invite_is_one_participant(stage: Stage) -> None:
    bob = stage.person("bob")
    invite = bob.sends("INVITE", f"sip:4711@{DOMAIN}", body=OFFER)
    first = bob.gets("200")
    bob.feeds(invite)
    bob.accepts(invite, first)
    assert stage.roster() == ["bob"]
    stage.is_quiet()


def test_the_200_goes_out_until_it_is_acknowledged(stage: Stage) -> None:
    """RFC 3261 13.3.1.4; without any ACK the call is given up with a BYE."""
    bob = stage.person("bob")
    bob.sends("INVITE", f"sip:4711@{DOMAIN}", body=OFFER)
    bob.gets("200")
    stage.passes(0.5)
    bob.gets("200")
    stage.passes(1.0)
    bob.gets("200")
    bob.inbox.clear()
    stage.passes(31)
    bob.skips("200")
    bob.gets("BYE", reason="No ACK came")
    assert stage.roster() == []
    stage.is_quiet()


def test_a_call_without_a_description_gets_an_offer(stage: Stage) -> None:
    """RFC 3261 13.2.1: the offer is in the 200, the answer in the ACK."""
    bob = stage.person("bob")
    request = bob.sends("INVITE", f"sip:4711@{DOMAIN}")
    response = bob.gets("200", body=ANSWER)
    bob.accepts(request, response, body=OFFER)
    assert stage.roster() == ["bob"]
    stage.is_quiet()


def test_a_description_that_cannot_be_met(stage: Stage) -> None:
    bob = stage.person("bob")
    stage.media.refuses = (488, "No codec in common")
    bob.sends("INVITE", f"sip:4711@{DOMAIN}", body=OFFER)
    assert "No codec in common" in bob.gets("488").start_line
    assert stage.roster() == []
    stage.is_quiet()


def test_leaving(stage: Stage) -> None:
    alice, bob = stage.joined("alice"), stage.joined("bob")
    alice.subscribes()
    assert alice.sees().users() == {"alice": "full", "bob": "full"}
    bob.in_dialog("BYE")
    bob.gets("200")
    stage.passes(1)
    gone = alice.sees()
    assert gone.users() == {"bob": "deleted"}
    assert gone.text("disconnection-method") == "departed"
    assert any(isinstance(fact, Left) for fact in stage.facts)
    stage.is_quiet()


def test_a_call_outlives_its_websocket(stage: Stage) -> None:
    """Media flows on; the phone registers again and is reached by the new connection."""
    bob = stage.joined("bob")
    bob.registers()
    bob.disconnects()
    stage.passes(5)
    assert stage.roster() == ["bob"]
    bob.connects()
    bob.registers()
    stage.joined("alice")
    stage.removes("bob")
    bob.gets("BYE")
    stage.is_quiet()


def test_who_is_gone_is_off_the_roster(stage: Stage) -> None:
    """No flow and no media: 30 s at the most."""
    bob = stage.joined("bob")
    stage.joined("alice")
    bob.disconnects()
    stage.media_tells(LegSilent(LegId(stage.leg_of("bob")), 10.0))
    stage.passes(5)
    assert stage.roster() == ["alice"]


def test_a_page_that_is_closed_is_gone_at_once(stage: Stage) -> None:
    """Its DTLS and its WebSocket close, in whichever order."""
    stage.joined("alice")
    for media_first in (True, False):
        bob = stage.joined("bob")
        leg = stage.leg_of("bob")
        if media_first:
            stage.media_tells(LegLost(leg, "closed"))
            bob.gets("INVITE")
            bob.disconnects()
        else:
            bob.disconnects()
            stage.media_tells(LegLost(leg, "closed"))
        stage.passes(4)
        assert stage.roster() == ["alice"]
        bob.inbox.clear()
        bob.connects()


def test_a_mixer_that_died_is_replaced(stage: Stage) -> None:
    """The phone is offered a new description by re-INVITE, and stays in the roster."""
    bob = stage.joined("bob")
    stage.changes(
        muted=frozenset({stage.key_of("bob")}),
        recorded=Recorded.AGREED,
        recording=RecordingOrder("kept", tracks=True),
    )
    stage.media_tells(LegLost(stage.leg_of("bob"), "the worker died"))
    stage.media.muted.clear()
    stage.media.agreed.clear()
    invite = bob.gets("INVITE", contact="isfocus", body=ANSWER)
    assert isinstance(invite, Request)
    bob.replies(invite, 200, body=OFFER)
    bob.gets("ACK")
    assert stage.roster() == ["bob"]
    assert stage.media.rooms[stage.leg_of("bob")] == "conference-1"
    assert stage.media.muted[stage.leg_of("bob")], "nobody hears who was muted"
    assert stage.media.agreed[stage.leg_of("bob")] is False, "nor keeps who has not agreed"
    stage.is_quiet()


def test_a_mixer_that_dies_before_the_ack_is_replaced_after_it(stage: Stage) -> None:
    """Our re-INVITE has to wait for it (RFC 3261 14.1), and is not forgotten."""
    bob = stage.person("bob")
    request = bob.sends("INVITE", f"sip:4711@{DOMAIN}", body=OFFER)
    response = bob.gets("200")
    stage.media_tells(LegLost(stage.leg_of("bob"), "the worker died"))
    stage.is_quiet()
    bob.accepts(request, response)
    invite = bob.gets("INVITE", contact="isfocus", body=ANSWER)
    assert isinstance(invite, Request)
    bob.replies(invite, 200, body=OFFER)
    bob.gets("ACK")
    assert stage.roster() == ["bob"]
    stage.is_quiet()


def test_a_session_that_is_not_refreshed_ends(stage: Stage) -> None:
    """RFC 4028; an UPDATE without a description refreshes it (JsSIP)."""
    bob = stage.person("bob")
    bob.dials(Session_Expires="90", Supported="timer")
    stage.passes(60)
    bob.in_dialog("UPDATE", Session_Expires="90", Supported="timer")
    bob.gets("200", session_expires="90;refresher=uac", require="timer")
    stage.passes(60)
    assert stage.roster() == ["bob"]
    stage.passes(31)
    bob.gets("BYE")
    stage.is_quiet()


def test_hold_and_resume(stage: Stage) -> None:
    """RFC 3264 8.4, by re-INVITE in the dialog; the roster tells it."""
    alice, bob = stage.joined("alice"), stage.joined("bob")
    alice.subscribes()
    alice.sees()
    held = (Direction.SENDONLY, "on-hold"), (Direction.SENDRECV, "connected")
    for direction, status in held:
        stage.passes(1)
        stage.media.direction = direction
        request = bob.in_dialog("INVITE", body=OFFER)
        answer = bob.gets("200", contact=f"<sip:4711@{DOMAIN}>;isfocus", body=ANSWER)
        bob.accepts(request, answer)
        told = alice.sees()
        assert told.text("endpoint", "status") == status
        assert told.text("media", "status") == direction
    assert stage.roster() == ["alice", "bob"]
    stage.is_quiet()


def test_a_factory_call_creates_and_ends_a_conference(stage: Stage) -> None:
    """C12, C14: draft 4.5, RFC 4579 5.4 and 5.12."""
    alice, bob = stage.person("alice"), stage.person("bob")
    request = alice.sends("INVITE", f"sip:conference-factory@{DOMAIN}", body=OFFER)
    answer = alice.gets("200", contact=";isfocus")
    alice.accepts(request, answer)
    name = alice.target.removeprefix("sip:").partition("@")[0]
    assert name.isdigit()
    bob.dials(name)
    alice.in_dialog("BYE")
    alice.gets("200")
    bob.gets("BYE", reason="ended by Alice")
    stage.is_quiet()


def test_mallory_guest_of_another_conference(stage: Stage) -> None:
    other = stage.conference("4712", admission=Admission.OPEN)
    guest = stage.person("guest-1", guest_of=other.id)
    guest.sends("INVITE", f"sip:4711@{DOMAIN}", body=OFFER)
    guest.gets("403")
    guest.sends("INVITE", f"sip:conference-factory@{DOMAIN}", body=OFFER)
    guest.gets("403")
    guest.dials("4712")
    stage.is_quiet()
