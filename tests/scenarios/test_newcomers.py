"""Whoever comes after "mute all" is muted, too, where that was wanted."""

from __future__ import annotations

import pytest

from conferences.policy import Newcomers, Role
from sipgateway.focus.attendance import WRITTEN_WITHIN
from sipgateway.focus.facts import EndpointChanged, Joined
from sipgateway.media.engine import DigitKeyed
from sipgateway.sip.flow import Transport
from tests.stage import DOMAIN, Stage

FLOOR = "{urn:parley:xml:ns:floor}newcomers"


def _heard(stage: Stage, who: str) -> bool:
    return not stage.media.muted[stage.leg_of(who)]


@pytest.mark.parametrize("how", [Newcomers.MUTED, Newcomers.SILENCED])
def test_whoever_comes_is_muted_at_once(stage: Stage, how: Newcomers) -> None:
    """The mixer, the roster, the record and the watchers say so before any row is read."""
    alice = stage.joined("alice")
    alice.subscribes()
    assert alice.sees().root.find(f".//{FLOOR}") is None
    stage.passes(1)
    stage.changes(newcomers=how)
    assert alice.sees().root.findtext(f".//{FLOOR}") == how
    stage.passes(1)
    stage.joined("bob")
    assert not _heard(stage, "bob")
    told = alice.sees()
    assert told.text("media", "status") == "recvonly"
    bob = next(f for f in stage.facts if isinstance(f, Joined) and "bob" in f.entity)
    assert bob.comes is how
    assert any(isinstance(fact, EndpointChanged) and fact.muted for fact in stage.facts)


def test_his_row_decides_from_then_on(stage: Stage) -> None:
    stage.changes(newcomers=Newcomers.MUTED)
    stage.joined("bob")
    stage.changes(title="Read before his row was written")
    assert not _heard(stage, "bob")
    stage.changes(muted=frozenset({stage.key_of("bob")}))
    stage.changes(muted=frozenset())
    assert _heard(stage, "bob")


def test_a_row_that_never_comes_mutes_nobody_for_ever(stage: Stage) -> None:
    stage.changes(newcomers=Newcomers.MUTED)
    stage.joined("bob")
    stage.passes(WRITTEN_WITHIN)
    stage.changes(title="Planning")
    assert _heard(stage, "bob")


def test_those_who_command_and_who_is_in_already_are_heard(stage: Stage) -> None:
    stage.changes(roles={**stage.snapshots["4711"].roles, f"sip:carol@{DOMAIN}": Role.MODERATOR})
    bob = stage.joined("bob")
    stage.changes(newcomers=Newcomers.SILENCED)
    stage.joined("alice")
    stage.joined("carol")
    bob.dials(contact="<sip:desk@bob.invalid>")
    assert not any(stage.media.muted.values())


@pytest.mark.parametrize(
    ("how", "said"), [(Newcomers.MUTED, "muted"), (Newcomers.SILENCED, "muted-by-moderator")]
)
def test_a_desk_phone_hears_it(stage: Stage, how: Newcomers, said: str) -> None:
    stage.changes(newcomers=how)
    stage.person("bob", transport=Transport.UDP)
    stage.joined("bob")
    assert any(said in prompt.split() for _, prompt in stage.media.played)


def test_by_the_keypad_both_ways(stage: Stage) -> None:
    """``*8`` mutes the others and who comes later; again, and all are heard."""
    stage.joined("alice")
    stage.joined("bob")
    leg = stage.leg_of("alice")
    for come, heard in ((Newcomers.SILENCED, False), (Newcomers.HEARD, True)):
        for key in "*8":
            stage.media_tells(DigitKeyed(leg, key))
        assert stage.snapshots["4711"].newcomers is come
        assert _heard(stage, "bob") is heard


def test_mallory_does_not_mute_who_comes(stage: Stage) -> None:
    stage.joined("mallory")
    for key in "*8":
        stage.media_tells(DigitKeyed(stage.leg_of("mallory"), key))
    assert stage.snapshots["4711"].newcomers is Newcomers.HEARD
