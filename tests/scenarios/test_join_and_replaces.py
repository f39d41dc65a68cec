"""Draft 4.8, RFC 4579 5.8 and 5.9: INVITEs that name another dialog."""

from __future__ import annotations

import pytest

from conferences.policy import Admission, Role
from sipgateway.focus.facts import EndpointChanged
from sipgateway.sip import headers
from tests.stage import DOMAIN, OFFER, Person, Stage


def _dialog(person: Person) -> str:
    """The dialog of somebody's call, as the focus sees it."""
    to_tag = headers.parse_name_addr(person.to["call"]).tag
    return f"{person.call_id};to-tag={to_tag};from-tag={person.name}"


def test_c22_from_the_browser_to_the_desk_phone(stage: Stage) -> None:
    """One user, two endpoints for a moment, BYE to the old one."""
    alice, bob = stage.joined("alice"), stage.joined("bob")
    alice.subscribes()
    alice.sees()
    stage.changes(locked=True)
    stage.passes(1)
    alice.sees()
    old = _dialog(bob)
    bob.sends(
        "INVITE",
        f"sip:4711@{DOMAIN}",
        body=OFFER,
        contact="<sip:desk@bob.invalid>",
        Replaces=old,
    )
    bob.gets("200", contact="isfocus")
    bob.gets("BYE", reason="Replaced by another phone")
    stage.passes(1)
    told = alice.sees()
    assert told.users() == {"bob": "partial"}
    assert stage.roster() == ["alice", "bob"]
    stage.passes(1)
    bob.inbox.clear()
    alice.inbox.clear()


def test_mallory_replaces_nobody(stage: Stage) -> None:
    bob, mallory = stage.joined("bob"), stage.person("mallory")
    for target in (f"sip:4711@{DOMAIN}", f"sip:conference-factory@{DOMAIN}"):
        mallory.sends("INVITE", target, body=OFFER, Replaces=_dialog(bob))
        mallory.gets("403")
    mallory.sends("INVITE", f"sip:4711@{DOMAIN}", body=OFFER, Replaces="x@y;to-tag=1;from-tag=2")
    mallory.gets("481")
    assert stage.roster() == ["bob"]
    stage.is_quiet()


def test_an_answered_call_is_not_early(stage: Stage) -> None:
    bob = stage.joined("bob")
    bob.sends("INVITE", f"sip:4711@{DOMAIN}", body=OFFER, Replaces=f"{_dialog(bob)};early-only")
    bob.gets("486")
    stage.is_quiet()


def test_c21_figure_8_by_the_factory_uri(stage: Stage) -> None:
    """Draft 4.8: only a dialog and the factory's URI are known."""
    alice, bob = stage.joined("alice"), stage.person("bob")
    for target in (f"sip:conference-factory@{DOMAIN}", f"sip:4711@{DOMAIN}"):
        request = bob.sends("INVITE", target, body=OFFER, Join=_dialog(alice))
        bob.accepts(request, bob.gets("200", contact=f"<sip:4711@{DOMAIN}>;isfocus"))
        assert stage.roster() == ["alice", "bob"]
        bob.in_dialog("BYE")
        bob.gets("200")
    stage.is_quiet()


def test_c21_no_match(stage: Stage) -> None:
    """RFC 3911 4: ignored at a conference URI, 481 elsewhere."""
    bob = stage.person("bob")
    nothing = "x@y;to-tag=1;from-tag=2"
    bob.sends("INVITE", f"sip:conference-factory@{DOMAIN}", body=OFFER, Join=nothing)
    bob.gets("481")
    bob.dials(Join=nothing)
    assert stage.roster() == ["bob"]
    stage.is_quiet()


def test_c21_one_header_at_the_most(stage: Stage) -> None:
    alice, bob = stage.joined("alice"), stage.person("bob")
    bob.sends(
        "INVITE",
        f"sip:4711@{DOMAIN}",
        body=OFFER,
        Join=_dialog(alice),
        Replaces=_dialog(alice),
    )
    bob.gets("400")
    stage.is_quiet()


def test_c21_mallory_joins_by_no_dialog_either(stage: Stage) -> None:
    """Policy comes first: knowing a dialog is no invitation."""
    stage.changes(admission=Admission.INVITED)
    alice, mallory = stage.joined("alice"), stage.person("mallory")
    mallory.sends("INVITE", f"sip:conference-factory@{DOMAIN}", body=OFFER, Join=_dialog(alice))
    mallory.gets("403")
    assert stage.roster() == ["alice"]
    stage.is_quiet()


def test_a_terminated_dialog(stage: Stage) -> None:
    """603 while the call is on its way out."""
    alice, bob = stage.joined("alice"), stage.joined("bob")
    bob.answers_requests = False
    dialog = _dialog(bob)
    stage.removes("bob")
    alice.sends("INVITE", f"sip:4711@{DOMAIN}", body=OFFER, Join=dialog)
    alice.gets("603")


@pytest.mark.parametrize("field", ["Join", "Replaces"])
def test_a_call_that_is_over_cannot_be_joined(stage: Stage, field: str) -> None:
    """It was here; 603, and 481 for what never was (RFC 3911 4, RFC 3891 3)."""
    alice, bob = stage.joined("alice"), stage.joined("bob")
    dialog = _dialog(bob)
    bob.in_dialog("BYE")
    bob.gets("200")
    alice.sends("INVITE", f"sip:conference-factory@{DOMAIN}", body=OFFER, **{field: dialog})
    alice.gets("603")
    alice.sends("INVITE", f"sip:conference-factory@{DOMAIN}", body=OFFER, **{field: f"x{dialog}"})
    alice.gets("481")


@pytest.mark.parametrize("field", ["Join", "Replaces"])
@pytest.mark.parametrize("method", ["OPTIONS", "SUBSCRIBE", "MESSAGE"])
def test_only_an_invite_names_another_call(stage: Stage, method: str, field: str) -> None:
    bob, alice = stage.joined("bob"), stage.person("alice")
    named = {field: _dialog(bob), "Event": "conference"}
    alice.sends(method, f"sip:4711@{DOMAIN}", **named)
    alice.gets("400")
    bob.in_dialog("OPTIONS", **{field: _dialog(bob)})
    bob.gets("400")


def test_a_listener_is_heard_by_nobody(stage: Stage) -> None:
    """The role mutes, and nobody's unmuting opens it."""
    stage.changes(roles={f"sip:alice@{DOMAIN}": Role.ORGANIZER, f"sip:bob@{DOMAIN}": Role.LISTENER})
    stage.joined("bob")
    assert stage.media.muted[stage.leg_of("bob")] is True
    (told,) = [fact for fact in stage.facts if isinstance(fact, EndpointChanged)]
    assert told.muted, "the page and scripts read what watchers do"
    stage.changes(roles={f"sip:alice@{DOMAIN}": Role.ORGANIZER})
    assert stage.media.muted[stage.leg_of("bob")] is False
