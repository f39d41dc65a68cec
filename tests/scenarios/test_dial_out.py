"""Draft 4.2 and 4.6, RFC 4579 5.2 and 5.5: the focus calls out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sipgateway.focus.facts import CallProgressed, Joined
from sipgateway.media.engine import DigitKeyed
from sipgateway.sip.flow import Transport
from sipgateway.sip.message import Request
from tests.stage import ANSWER, DOMAIN, OFFER, Person, Stage


def _called(person: Person) -> Request:
    """The INVITE that a person got."""
    invite = person.gets("INVITE")
    assert isinstance(invite, Request)
    return invite


def test_figure_2_the_focus_dials_out(stage: Stage) -> None:
    """INVITE with the conference URI and isfocus in Contact; Carol subscribes on her own."""
    alice = stage.joined("alice")
    alice.subscribes()
    alice.sees()
    stage.passes(1)
    carol = stage.person("carol")
    carol.registers()
    stage.calls("carol")
    invite = carol.gets(
        "INVITE",
        contact=f"<sip:4711@{DOMAIN}>;isfocus",
        allow_events="conference",
        supported="norefersub",
        body=ANSWER,
    )
    assert isinstance(invite, Request)
    assert alice.sees().text("endpoint", "status") == "dialing-out"
    stage.passes(1)
    carol.replies(invite, 180)
    assert alice.sees().text("endpoint", "status") == "alerting"
    stage.passes(1)
    carol.replies(invite, 200, body=OFFER)
    carol.gets("ACK")
    told = alice.sees()
    assert told.text("endpoint", "status") == "connected"
    assert told.text("joining-method") == "dialed-out"
    assert stage.roster() == ["alice", "carol"]
    assert CallProgressed(1, "done", 200) in stage.facts
    carol.subscribes()
    assert carol.sees().users() == {"alice": "full", "carol": "full"}
    stage.is_quiet()


def test_who_is_pulled_in_is_not_asked_for_the_pin(stage: Stage) -> None:
    stage.conference("4712", pin="2468")
    carol = stage.person("carol")
    carol.registers()
    stage.calls("carol", "4712")
    carol.replies(_called(carol), 200, body=OFFER)
    carol.gets("ACK")
    assert stage.roster("4712") == ["carol"]


def test_two_phones_ring_the_first_answer_wins(stage: Stage) -> None:
    stage.joined("alice")
    carol = stage.person("carol")
    carol.registers()
    carol.registers(contact="<sip:desk@carol.invalid>")
    stage.calls("carol")
    first, second = _called(carol), _called(carol)
    carol.replies(first, 180)
    carol.replies(second, 180)
    carol.replies(second, 200, body=OFFER)
    carol.gets("ACK")
    cancel = carol.gets("CANCEL", reason="Call completed elsewhere")
    assert cancel.get("call-id") == first.get("call-id")
    carol.replies(cancel, 200)  # type: ignore[arg-type]
    carol.replies(first, 487)
    carol.gets("ACK")
    assert stage.roster() == ["alice", "carol"]
    joined = [fact for fact in stage.facts if isinstance(fact, Joined)]
    assert [fact.entity for fact in joined].count(f"sip:carol@{DOMAIN}") == 1
    stage.is_quiet()


def test_busy_is_told(stage: Stage) -> None:
    alice = stage.joined("alice")
    alice.subscribes()
    alice.sees()
    carol = stage.person("carol")
    carol.registers()
    stage.calls("carol")
    carol.replies(_called(carol), 486)
    carol.gets("ACK")
    assert CallProgressed(1, "failed", 486, "Busy Here") in stage.facts
    stage.passes(1)
    assert stage.roster() == ["alice"]


def test_nobody_answers(stage: Stage) -> None:
    stage.joined("alice")
    carol = stage.person("carol")
    carol.registers()
    stage.calls("carol")
    invite = _called(carol)
    carol.replies(invite, 180)
    stage.passes(61)
    cancel = carol.gets("CANCEL")
    carol.replies(cancel, 200)  # type: ignore[arg-type]
    carol.replies(invite, 487)
    carol.gets("ACK")
    assert any(isinstance(f, CallProgressed) and f.state == "failed" for f in stage.facts)
    assert stage.roster() == ["alice"]
    stage.is_quiet()


def test_no_phone_is_registered(stage: Stage) -> None:
    stage.joined("alice")
    stage.calls("carol")
    assert CallProgressed(1, "failed", 480, "No Phone Is Registered") in stage.facts


def test_into_an_empty_conference_and_only_once(stage: Stage) -> None:
    carol = stage.person("carol")
    carol.registers()
    stage.calls("carol")
    invite = _called(carol)
    stage.changes(title="Planning again")
    carol.replies(invite, 200, body=OFFER)
    carol.gets("ACK")
    assert stage.roster() == ["carol"]
    stage.is_quiet()


def test_c16_figure_6_a_participant_asks_the_focus(stage: Stage) -> None:
    """REFER: 202, sipfrag 100, 180, 200; Referred-By forwarded."""
    alice = stage.joined("alice")
    carol = stage.person("carol")
    carol.registers()
    alice.sends("REFER", f"sip:4711@{DOMAIN}", Refer_To=f"<sip:carol@{DOMAIN}>")
    alice.gets("202")
    alice.gets("NOTIFY", event="refer", body="SIP/2.0 100 Trying", terminated=False)
    invite = carol.gets("INVITE", referred_by=f"<sip:alice@{DOMAIN}>")
    assert isinstance(invite, Request)
    carol.replies(invite, 180)
    alice.gets("NOTIFY", event="refer", body="SIP/2.0 180 Ringing", terminated=False)
    carol.replies(invite, 200, body=OFFER)
    carol.gets("ACK")
    alice.gets("NOTIFY", event="refer", body="SIP/2.0 200 OK", terminated=True)
    assert stage.roster() == ["alice", "carol"]
    stage.is_quiet()


def test_a_declined_call_is_told_to_the_end(stage: Stage) -> None:
    alice = stage.joined("alice")
    carol = stage.person("carol")
    carol.registers()
    alice.in_dialog("REFER", Refer_To=f"<sip:carol@{DOMAIN}>")
    alice.gets("202")
    alice.gets("NOTIFY", event="refer", body="100 Trying")
    carol.replies(_called(carol), 603)
    carol.gets("ACK")
    alice.gets("NOTIFY", event="refer", body="SIP/2.0 603 Decline", terminated=True)
    stage.is_quiet()


def test_who_declines_beside_a_phone_that_is_silent(stage: Stage) -> None:
    """Whoever asked hears of it at once; the other phone is let go of by itself."""
    alice = stage.joined("alice")
    carol = stage.person("carol", transport=Transport.UDP)
    carol.registers()
    carol.registers(contact="<sip:desk@carol.invalid>")
    alice.in_dialog("REFER", Refer_To=f"<sip:carol@{DOMAIN}>")
    alice.gets("202")
    alice.gets("NOTIFY", event="refer", body="100 Trying")
    first, silent = _called(carol), _called(carol)
    carol.replies(first, 603)
    carol.gets("ACK")
    alice.gets("NOTIFY", event="refer", body="SIP/2.0 603 Decline", terminated=True)
    carol.replies(silent, 200, body=OFFER)  # picked up all the same
    carol.gets("ACK")
    carol.gets("BYE")
    stage.passes(40)
    assert stage.roster() == ["alice"]
    stage.is_quiet()


def test_mallory_adds_nobody(stage: Stage) -> None:
    """403 before any INVITE is sent; where policy allows, participants may."""
    stage.joined("alice")
    mallory, carol = stage.joined("mallory"), stage.person("carol")
    carol.registers()
    mallory.sends("REFER", f"sip:4711@{DOMAIN}", Refer_To=f"<sip:carol@{DOMAIN}>")
    mallory.gets("403")
    assert carol.inbox == []
    stage.changes(participants_may_add=True)
    mallory.sends("REFER", f"sip:4711@{DOMAIN}", Refer_To=f"<sip:carol@{DOMAIN}>")
    mallory.gets("202")
    outsider = stage.person("bob")
    outsider.sends("REFER", f"sip:4711@{DOMAIN}", Refer_To=f"<sip:carol@{DOMAIN}>")
    outsider.gets("403")


def test_c17_the_factory_adds_nobody(stage: Stage) -> None:
    alice = stage.person("alice")
    alice.sends("REFER", f"sip:conference-factory@{DOMAIN}", Refer_To=f"<sip:carol@{DOMAIN}>")
    alice.gets("405", allow="INVITE")


@pytest.mark.parametrize("name", ["4711", "conference-factory", "CONFERENCE-APP"])
def test_no_conference_is_called_into_a_conference(stage: Stage, name: str) -> None:
    """It is refused at once, not taken and then said to have no phone."""
    alice = stage.joined("alice")
    for how in ("", f";method=REFER?Refer-To=sip:4711%40{DOMAIN}"):
        alice.sends("REFER", f"sip:4711@{DOMAIN}", Refer_To=f"<sip:{name}@{DOMAIN}{how}>")
        alice.gets("488", warning="That Is A Conference")
    stage.is_quiet()


@pytest.mark.parametrize("name", ["4712", "sales", "SALES"])
def test_no_other_conference_and_no_factory_is_called(stage: Stage, name: str) -> None:
    """Conferences are not joined to each other: that is said at once, and in words."""
    stage.conference("4712")
    stage.factories["sales"] = {}
    alice = stage.joined("alice")
    alice.sends("REFER", f"sip:4711@{DOMAIN}", Refer_To=f"<sip:{name}@{DOMAIN}>")
    alice.gets("488", warning="That Is A Conference And Nobody To Call")
    stage.is_quiet()


def test_what_is_refused_at_once_leaves_nothing_behind(stage: Stage) -> None:
    """By an organizer who is not in: the focus lets go of the conference again."""
    stage.conference("4712")
    alice = stage.person("alice")
    alice.sends("REFER", f"sip:4711@{DOMAIN}", Refer_To=f"<sip:4712@{DOMAIN}>")
    alice.gets("488")
    assert stage.switchboard.live == []


def test_a_target_that_cannot_be_called(stage: Stage) -> None:
    alice = stage.joined("alice")
    alice.sends("REFER", f"sip:4711@{DOMAIN}", Refer_To="<xmpp:carol@conf.test>")
    alice.gets("488")
    stage.is_quiet()


def test_called_off_while_it_rings(stage: Stage) -> None:
    """By page or API: the order is gone, so the phone gets CANCEL and reads why."""
    stage.joined("alice")
    carol = stage.person("carol")
    carol.registers()
    stage.calls("carol")
    invite = _called(carol)
    carol.replies(invite, 180)
    stage.changes(calls=())
    cancel = carol.gets("CANCEL", reason='SIP;cause=487;text="The call was called off"')
    carol.replies(cancel, 200)  # type: ignore[arg-type]
    carol.replies(invite, 487)
    carol.gets("ACK")
    assert stage.roster() == ["alice"]
    stage.is_quiet()


def test_who_was_called_off_may_be_called_again(stage: Stage) -> None:
    """The same order in its second try is carried out; in the same try it is not."""
    stage.joined("alice")
    carol = stage.person("carol")
    carol.registers()
    stage.calls("carol")
    carol.replies(_called(carol), 486)
    carol.gets("ACK")
    (order,) = stage.snapshots["4711"].calls
    stage.changes(title="Nothing new")
    assert carol.inbox == []
    stage.changes(calls=(replace(order, attempt=2),))
    carol.replies(_called(carol), 200, body=OFFER)
    carol.gets("ACK")
    assert stage.roster() == ["alice", "carol"]


def test_a_refer_with_bye_calls_off_who_is_ringing(stage: Stage) -> None:
    """RFC 4579 5.11 for somebody who has not answered yet; Mallory may not."""
    alice, mallory = stage.joined("alice"), stage.joined("mallory")
    carol = stage.person("carol")
    carol.registers()
    stage.calls("carol")
    invite = _called(carol)
    carol.replies(invite, 180)
    wish = f"<sip:carol@{DOMAIN};method=BYE>"
    mallory.sends("REFER", f"sip:4711@{DOMAIN}", Refer_To=wish)
    mallory.gets("403")
    assert carol.inbox == []
    alice.sends("REFER", f"sip:4711@{DOMAIN}", Refer_To=wish)
    alice.gets("202")
    alice.gets("NOTIFY", event="refer", body="SIP/2.0 100 Trying", terminated=False)
    carol.gets("CANCEL")
    carol.replies(invite, 487)
    carol.gets("ACK")
    alice.gets("NOTIFY", event="refer", body="SIP/2.0 200 OK", terminated=True)
    assert stage.roster() == ["alice", "mallory"]


def test_who_is_called_presses_1_before_he_is_in(stage: Stage) -> None:
    """The conference wants it so: until then nobody hears him, and his other phone rings on."""
    stage.conference("4712", confirm_calls=True)
    stage.joined("alice", "4712")
    carol = stage.person("carol")
    carol.registers()
    carol.registers(contact="<sip:desk@carol.invalid>")
    stage.calls("carol", "4712")
    first, second = _called(carol), _called(carol)
    carol.replies(second, 180)
    carol.replies(first, 200, body=OFFER)
    carol.gets("ACK")
    leg = stage.leg_of("carol", "4712")
    assert stage.media.played[-1] == (leg, "confirm-call")
    assert stage.media.rooms.get(leg) is None
    assert not any(isinstance(f, Joined) and "carol" in f.entity for f in stage.facts)
    stage.media_tells(DigitKeyed(leg, "7"))
    assert stage.media.rooms.get(leg) is None
    stage.media_tells(DigitKeyed(leg, "1"))
    carol.gets("CANCEL", reason="Call completed elsewhere")
    assert stage.media.rooms[leg] is not None
    assert any(isinstance(f, Joined) and "carol" in f.entity for f in stage.facts)
    assert CallProgressed(1, "done", 200) in stage.facts


def test_a_voicemail_presses_nothing(stage: Stage) -> None:
    """It is told twice what to press, then hung up: the call has failed."""
    stage.conference("4712", confirm_calls=True)
    stage.joined("alice", "4712")
    carol = stage.person("carol")
    carol.registers()
    stage.calls("carol", "4712")
    carol.replies(_called(carol), 200, body=OFFER)
    carol.gets("ACK")
    leg = stage.leg_of("carol", "4712")
    stage.passes(26)
    assert stage.media.played.count((leg, "confirm-call")) == 2
    carol.gets("BYE", reason="Nobody pressed 1")
    assert CallProgressed(1, "failed", 480, "Not Confirmed") in stage.facts
    assert stage.roster("4712") == ["alice"]


def test_picked_up_and_hung_up_again_is_not_in(stage: Stage) -> None:
    stage.conference("4712", confirm_calls=True)
    stage.joined("alice", "4712")
    carol = stage.person("carol")
    carol.registers()
    stage.calls("carol", "4712")
    invite = _called(carol)
    carol.replies(invite, 200, body=OFFER)
    carol.gets("ACK")
    carol.hangs_up(invite)
    carol.gets("200")
    assert CallProgressed(1, "failed", 480, "Not Confirmed") in stage.facts


def test_hung_up_while_it_rings(stage: Stage) -> None:
    """End for all cancels what still rings; a 200 that crosses it gets ACK and BYE."""
    stage.joined("alice")
    carol = stage.person("carol")
    carol.registers()
    stage.calls("carol")
    invite = _called(carol)
    carol.replies(invite, 180)
    stage.changes(end_by="Alice")
    carol.gets("CANCEL")
    carol.replies(invite, 200, body=OFFER)
    carol.gets("ACK")
    carol.gets("BYE")
    assert stage.switchboard.live == []
