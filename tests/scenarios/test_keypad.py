"""Commands on the keypad: the same wishes as the page's buttons."""

from __future__ import annotations

from conferences.policy import Recorded, RecordingOrder
from sipgateway.focus import keypad
from sipgateway.media.engine import DigitKeyed
from sipgateway.sip.flow import Transport
from tests.stage import Stage


def _keys(stage: Stage, who: str, digits: str) -> None:
    leg = stage.leg_of(who)
    for digit in digits:
        stage.media_tells(DigitKeyed(leg, digit))


def test_mute_oneself_and_back(stage: Stage) -> None:
    """*6: one truth for mixer, roster and watchers; a desk phone hears it said."""
    alice = stage.joined("alice")
    alice.subscribes()
    alice.sees()
    stage.person("bob", transport=Transport.UDP)
    stage.joined("bob")
    leg = stage.leg_of("bob")
    stage.passes(1)
    alice.sees()
    for muted, status, prompt in ((True, "recvonly", "muted"), (False, "sendrecv", "unmuted")):
        stage.passes(1)
        _keys(stage, "bob", "*6")
        assert stage.media.muted[leg] is muted
        assert alice.sees().text("media", "status") == status
        assert stage.media.played[-1] == (leg, prompt)
    stage.is_quiet()


def test_a_moderator_locks_mutes_all_removes_and_ends(stage: Stage) -> None:
    alice, bob, carol = stage.joined("alice"), stage.joined("bob"), stage.joined("carol")
    for locked in (True, False):
        _keys(stage, "alice", "*5")
        assert stage.snapshots["4711"].locked is locked
    _keys(stage, "alice", "*8")
    assert [stage.media.muted[stage.leg_of(who)] for who in ("alice", "bob", "carol")] == [
        False,
        True,
        True,
    ]
    assert stage.media.played[-1] == (stage.leg_of("alice"), "all-muted")
    _keys(stage, "alice", "*8")
    assert not any(stage.media.muted.values())
    assert stage.media.played[-1] == (stage.leg_of("alice"), "all-heard")
    _keys(stage, "alice", "*3")
    assert (stage.leg_of("alice"), "removed-last") in stage.media.played
    carol.gets("BYE", reason="Removed by Alice")
    assert stage.roster() == ["alice", "bob"]
    _keys(stage, "alice", "*0")
    bob.gets("BYE", reason="ended by Alice")
    alice.gets("BYE")
    stage.is_quiet()


def test_mallory_commands_nothing(stage: Stage) -> None:
    """Her keys are refused and heard to be; other digits mean nothing."""
    stage.joined("alice")
    mallory = stage.joined("mallory")
    before = stage.snapshots["4711"]
    _keys(stage, "mallory", "*5*8*3*00")
    _keys(stage, "mallory", "12#6")
    assert stage.snapshots["4711"] == before
    assert stage.roster() == ["alice", "mallory"]
    assert stage.media.played.count((stage.leg_of("mallory"), "not-allowed")) == 4
    assert mallory.inbox == []


def test_nobody_removes_himself_by_the_key(stage: Stage) -> None:
    stage.joined("alice")
    _keys(stage, "alice", "*3")
    assert stage.roster() == ["alice"]
    stage.is_quiet()


def test_a_star_pressed_by_mistake_is_forgotten(stage: Stage) -> None:
    """Who keys a 0 a while later does not end the conference for all."""
    alice = stage.joined("alice")
    _keys(stage, "alice", "*")
    stage.passes(keypad.PATIENCE + 1)
    _keys(stage, "alice", "0")
    assert stage.roster() == ["alice"]
    _keys(stage, "alice", "*")
    stage.passes(keypad.PATIENCE - 1)
    _keys(stage, "alice", "0")
    alice.gets("BYE")
    assert stage.roster() == []


def test_a_number_that_is_not_keyed_on_is_forgotten(stage: Stage) -> None:
    stage.joined("alice")
    _keys(stage, "alice", "*1")
    stage.passes(keypad.DIALING_PATIENCE - 1)
    _keys(stage, "alice", "12")
    stage.passes(keypad.DIALING_PATIENCE + 1)
    _keys(stage, "alice", "*5")
    assert stage.snapshots["4711"].locked
    assert not stage.snapshots["4711"].calls


def test_who_calls_by_the_keypad_hears_that_nobody_comes(stage: Stage) -> None:
    """At once, or later; not of a call that is called off, and not once he has gone."""
    alice = stage.joined("alice")
    heard = stage.media.played
    leg = stage.leg_of("alice")
    _keys(stage, "alice", "*1999#")
    assert heard[-2:] == [(leg, "calling"), (leg, "not-reached")]
    phone = stage.person("12", transport=Transport.UDP)
    phone.registers()
    _keys(stage, "alice", "*112#")
    assert heard[-1] == (leg, "calling")
    phone.replies(phone.gets("INVITE"), 486)  # type: ignore[arg-type]
    assert heard[-1] == (leg, "not-reached")
    phone.gets("ACK")
    _keys(stage, "alice", "*112#")
    invite = phone.gets("INVITE")
    alice.in_dialog("BYE")
    alice.gets("200")
    before = len(heard)
    phone.replies(invite, 486)  # type: ignore[arg-type]
    assert heard[before:] == []


def test_what_is_no_number_is_not_called(stage: Stage) -> None:
    """None is not, and one that is too long is not cut to another one."""
    stage.joined("alice")
    leg = stage.leg_of("alice")
    for number in ("", "5" * 33, "5" * 60):
        _keys(stage, "alice", f"*1{number}#")
        assert stage.media.played[-1] == (leg, "no-such-number")
    assert not stage.snapshots["4711"].calls


def test_nobody_agrees_to_what_is_not_recorded(stage: Stage) -> None:
    stage.changes(recorded=Recorded.AGREED)
    stage.joined("bob")
    leg = stage.leg_of("bob")
    _keys(stage, "bob", "*4")
    assert stage.media.played[-1] == (leg, "nothing-recorded")
    assert not stage.snapshots["4711"].agreed
    stage.changes(recording=RecordingOrder("kept"))
    _keys(stage, "bob", "*4")
    assert (leg, "agreed") in stage.media.played
    assert stage.snapshots["4711"].agreed
