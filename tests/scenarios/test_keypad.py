"""Commands on the keypad: the same wishes as the page's buttons."""

from __future__ import annotations

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
