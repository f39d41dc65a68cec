"""Phones over UDP, which nobody hears of when they are switched off."""

from __future__ import annotations

import pytest

from sipgateway.media.engine import LegSilent
from sipgateway.sip.flow import Transport
from sipgateway.sip.message import Request
from tests.stage import Person, Stage


@pytest.fixture
def bob(stage: Stage) -> Person:
    stage.person("bob", transport=Transport.UDP)
    stage.joined("alice")
    return stage.joined("bob")


def falls_silent(stage: Stage, bob: Person, *, answering: int | None) -> int:
    """As the mixer tells it, after ten seconds and then every five; how often he was asked."""
    leg, asked = stage.leg_of("bob"), 0
    for told in range(10, 70, 5):
        stage.media_tells(LegSilent(leg, float(told)))
        if bob.inbox and answering is not None:
            request = bob.gets("OPTIONS")
            assert isinstance(request, Request)
            bob.replies(request, answering)
            asked += 1
        stage.passes(5)
        if "bob" not in stage.roster():
            break
    return asked


def test_the_mixer_is_told_where_a_phone_is_heard_from(stage: Stage, bob: Person) -> None:
    """By SIP, so that its media is known although its description names a private address."""
    assert stage.media.hosts[stage.leg_of("bob")] == bob.flow.remote_host


def test_a_muted_phone_is_asked_and_stays(stage: Stage, bob: Person) -> None:
    """RFC 3261 11: OPTIONS in the dialog, no more often than every ten seconds."""
    assert falls_silent(stage, bob, answering=200) == 6
    assert stage.roster() == ["alice", "bob"]
    stage.is_quiet()


def test_what_a_phone_asks_in_its_call_is_a_sign_of_life(stage: Stage, bob: Person) -> None:
    """One that sends no media and answers no OPTIONS, but refreshes its session, is there."""
    bob.answers_requests = False
    leg = stage.leg_of("bob")
    for told in range(10, 70, 5):
        stage.media_tells(LegSilent(leg, float(told)))
        bob.in_dialog("OPTIONS")
        stage.passes(5)
    assert stage.roster() == ["alice", "bob"]


def test_a_phone_that_was_switched_off_is_gone(stage: Stage, bob: Person) -> None:
    """Within 30 s of its last word, the BYE that nobody answers included."""
    bob.answers_requests = False
    began = stage.now - 10.0  # the mixer tells it then
    falls_silent(stage, bob, answering=None)
    assert stage.roster() == ["alice"]
    assert stage.now - began <= 30.0


def test_a_phone_that_was_restarted_is_gone(stage: Stage, bob: Person) -> None:
    """It does not know the dialog any more (RFC 3261 12.2.1.2)."""
    assert falls_silent(stage, bob, answering=481) == 1
    assert stage.roster() == ["alice"]
