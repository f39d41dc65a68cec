"""Rows of `docs/focus.md` trap by trap, where no chart of another file walks into them."""

from __future__ import annotations

import pytest

from conferences.policy import Admission, Refusal
from sipgateway.focus import actions, questions
from sipgateway.focus.facts import AskRefused, Joined, JoinRefused
from sipgateway.media.engine import DigitKeyed, LegLost, Session
from sipgateway.sip import headers
from sipgateway.sip.message import Request, Response
from tests.scenarios.test_application import _calls
from tests.scenarios.test_several_processes import System
from tests.stage import ANSWER, DOMAIN, OFFER, Person, Stage

CONFERENCE = f"sip:4711@{DOMAIN}"


def _contact(said: Request | Response) -> str:
    return said.get("contact") or ""


# -- C01, C02: who says that there is a focus ------------------------------------


@pytest.mark.parametrize("hidden", [False, True])
def test_c01_c02_all_that_sets_the_target_names_the_focus_or_nothing_does(
    stage: Stage, hidden: bool
) -> None:
    """2xx to INVITE, re-INVITE and UPDATE, our offers, our INVITE, OPTIONS, NOTIFY, REFER."""
    stage.changes(hidden_focus=hidden)
    alice, carol = stage.person("alice"), stage.person("carol")
    carol.registers()
    said: list[Request | Response] = []
    request = alice.sends("INVITE", CONFERENCE, body=OFFER)
    said.append(alice.gets("200"))
    alice.accepts(request, said[0])
    for method, body in (("INVITE", OFFER), ("UPDATE", OFFER), ("UPDATE", ""), ("OPTIONS", "")):
        asked = alice.in_dialog(method, body=body)
        said.append(alice.gets("200"))
        if method == "INVITE":
            alice.accepts(asked, said[-1])
    stage.media_tells(LegLost(stage.leg_of("alice"), "the worker died"))
    ours = alice.gets("INVITE")
    assert isinstance(ours, Request)
    alice.replies(ours, 200, body=ANSWER)
    alice.gets("ACK")
    stage.calls("carol")
    said += [ours, carol.gets("INVITE")]
    for method, more in (("OPTIONS", {}), ("SUBSCRIBE", {"Event": "conference"})):
        alice.sends(method, CONFERENCE, **more)
        said.append(alice.gets("200"))
    said.append(alice.gets("NOTIFY"))
    assert all(CONFERENCE in _contact(one) for one in said), [_contact(one) for one in said]
    assert {"isfocus" in _contact(one) for one in said} == {not hidden}


# -- C04: what the description says ------------------------------------------------


def test_c04_every_description_says_what_the_conference_is(stage: Stage) -> None:
    """i=, u=, e= and p= (RFC 4579 3.1): in answers, in offers, and in what OPTIONS tells."""
    told: list[Session] = []
    note = stage._act

    def noted(action: actions.Action) -> None:
        if isinstance(action, questions.AnswerOffer | questions.MakeOffer | questions.Describe):
            told.append(action.session)
        note(action)

    stage._act = noted  # type: ignore[method-assign]
    stage.changes(info_uri="http://conf.test/c/4711/", info_email="a@conf.test", info_phone="+1")
    alice, carol = stage.joined("alice"), stage.person("carol")
    carol.registers()
    stage.calls("carol")
    carol.gets("INVITE")
    alice.sends("OPTIONS", CONFERENCE)
    alice.gets("200")
    assert len(told) == 3
    for one in told:
        assert (one.info, one.uri) == ("Planning", "http://conf.test/c/4711/")
        assert (one.email, one.phone) == ("a@conf.test", "+1")


def test_c04_a_phone_that_reads_no_links_gets_none(stage: Stage) -> None:
    """Linphone 5 ends a call over `u=` or `p=`; the rest it is told."""
    told: list[Session] = []
    note = stage._act

    def noted(action: actions.Action) -> None:
        if isinstance(action, questions.AnswerOffer | questions.MakeOffer):
            told.append(action.session)
        note(action)

    stage._act = noted  # type: ignore[method-assign]
    stage.changes(info_uri="http://conf.test/c/4711/", info_email="a@conf.test", info_phone="+1")
    bob = stage.person("bob")
    bob.dials(User_Agent="Linphonec/5.1.65 (belle-sip/5.1.64)")
    carol = stage.person("carol")
    carol.registers(User_Agent="Linphonec/5.1.65 (belle-sip/5.1.64)")
    stage.calls("carol")
    carol.gets("INVITE")
    assert len(told) == 2
    for one in told:
        assert (one.info, one.uri, one.email, one.phone) == ("Planning", "", "a@conf.test", "")


# -- C10: what goes wrong is heard --------------------------------------------------


def test_c10_a_caller_of_the_application_hears_that_it_cannot_be(stage: Stage) -> None:
    """No ports are left: he hears so, his call stays up, and he may try again."""
    alice = stage.person("alice")
    _calls(stage, alice)
    leg = next(iter(stage.switchboard._application.calls)).id
    stage.no_ports = True
    stage.media_tells(DigitKeyed(leg, "#"))
    assert stage.media.played[-1] == (leg, "not-possible")
    assert alice.inbox == []
    stage.no_ports = False
    stage.media_tells(DigitKeyed(leg, "#"))
    alice.gets("INVITE", contact="isfocus")


# -- C14: the end ---------------------------------------------------------------------


def test_c14_all_are_told_that_there_is_no_conference_any_more(stage: Stage) -> None:
    """RFC 4579 5.12: BYE to all, and every subscription ends with noresource."""
    alice = stage.person("alice")
    request = alice.sends("INVITE", f"sip:conference-factory@{DOMAIN}", body=OFFER)
    alice.accepts(request, alice.gets("200"))
    name = alice.target.removeprefix("sip:").partition("@")[0]
    bob = stage.joined("bob", name)
    bob.subscribes(name)
    bob.sees()
    alice.in_dialog("BYE")
    alice.gets("200")
    found = {one.method: one for one in bob.inbox if isinstance(one, Request)}
    assert set(found) == {"BYE", "NOTIFY"}
    state = found["NOTIFY"].must(headers.SUBSCRIPTION_STATE)
    assert (state.value, state.param("reason")) == ("terminated", "noresource")


# -- C21: Join, case by case (RFC 3911 4) -----------------------------------------------


def _dialog(person: Person) -> str:
    """The dialog that somebody has with the focus, as the focus names its ends."""
    tag = person.to["call"].partition("tag=")[2]
    return f"{person.call_id};to-tag={tag};from-tag={person.name}"


@pytest.mark.parametrize("at", [CONFERENCE, f"sip:conference-factory@{DOMAIN}"])
def test_c21_by_any_address_of_the_focus(stage: Stage, at: str) -> None:
    alice, bob = stage.joined("alice"), stage.person("bob")
    request = bob.sends("INVITE", at, body=OFFER, Join=_dialog(alice))
    answer = bob.gets("200", contact=f"<{CONFERENCE}>;isfocus")
    bob.accepts(request, answer)
    assert stage.roster() == ["alice", "bob"]


def test_c21_join_gives_nobody_a_right_that_he_has_not(stage: Stage) -> None:
    """Mallory knows the dialog; she is not on the list, and that is written down (C31)."""
    alice = stage.joined("alice")
    stage.changes(admission=Admission.INVITED)
    mallory = stage.person("mallory")
    mallory.sends("INVITE", CONFERENCE, body=OFFER, Join=_dialog(alice))
    mallory.gets("403")
    refused = JoinRefused(mallory.identity.uri, Refusal.NOT_INVITED)
    assert refused in stage.facts
    assert stage.roster() == ["alice"]


# -- C27: who may watch ---------------------------------------------------------------------


def test_c27_who_is_not_in_watches_where_policy_lets_him(stage: Stage) -> None:
    """His own credentials, and the list: neither is he asked to be in."""
    bob, mallory = stage.person("bob"), stage.person("mallory")
    bob.feeds(bob.request("SUBSCRIBE", CONFERENCE, Event="conference"))
    bob.gets("401")
    bob.subscribes()
    assert bob.sees().users() == {}
    stage.changes(admission=Admission.INVITED)
    mallory.sends("SUBSCRIBE", CONFERENCE, Event="conference")
    mallory.gets("403")


# -- C29: one owner ---------------------------------------------------------------------------


def test_c29_a_conference_answers_once_wherever_it_is_called() -> None:
    """Two phones at two processes, at the same moment: one focus, one Contact, one 200 each."""
    system = System()
    bob, alice = system.person("bob"), system.there.person("alice")
    asked = {who: who.sends("INVITE", CONFERENCE, body=OFFER) for who in (alice, bob)}
    system.carries()
    for who, request in asked.items():
        answers = [one for one in who.inbox if isinstance(one, Response)]
        assert [one.status for one in answers] == [200]
        assert _contact(answers[0]) == f"<{CONFERENCE}>;isfocus"
        who.accepts(request, answers[0])
    system.carries()
    assert sorted(system.there.roster()) == ["alice", "bob"]
    assert system.here.switchboard.live == []


def test_c29_a_call_that_was_forked_on_its_way_is_one(stage: Stage) -> None:
    """RFC 3261 8.2.2.2: the second copy of an INVITE gets 482, never another 200."""
    bob = stage.person("bob")
    stage.media_thinks(True)
    first = bob.sends("INVITE", CONFERENCE, body=OFFER)
    other = [
        (name, value.replace("z9hG4bK", "z9hG4bK-other") if name == "via" else value)
        for name, value in first.fields
    ]
    bob.feeds(Request("INVITE", first.uri, other, first.body))
    bob.gets("482")
    stage.media_thinks(False)
    bob.accepts(first, bob.gets("200"))
    assert stage.roster() == ["bob"]
    assert len(stage.media.rooms) == 1
    stage.is_quiet()


# -- C31: what is written down --------------------------------------------------------------


def test_c31_who_had_somebody_in_and_who_could_not(stage: Stage) -> None:
    """The actor stands in the record of what was done, and with the rule of what was not."""
    alice, carol = stage.joined("alice"), stage.person("carol")
    mallory = stage.joined("mallory")
    carol.registers()
    alice.sends("REFER", CONFERENCE, Refer_To=f"<sip:carol@{DOMAIN}>")
    alice.gets("202")
    invite = carol.gets("INVITE")
    assert isinstance(invite, Request)
    carol.replies(invite, 200, body=ANSWER)
    mallory.sends("INVITE", CONFERENCE, body=OFFER, Replaces=_dialog(alice))
    mallory.gets("403")
    joined = [fact for fact in stage.facts if isinstance(fact, Joined)]
    assert (joined[-1].entity, joined[-1].by) == (carol.identity.uri, alice.identity.uri)
    refused = AskRefused(mallory.identity.uri, "replace", alice.identity.uri, Refusal.NOT_ALLOWED)
    assert refused in stage.facts
