"""Hands, asking to speak, and muting all but some."""

from __future__ import annotations

import pytest

from conferences import services
from conferences.models import User, Way
from conferences.policy import Identity, Refusal, Role
from conferences.services import Refused
from tests.conferences.conftest import Joined
from tests.people import ALICE, BOB, CAROL, MALLORY


def hand(live: Joined, actor: Identity, whose: Identity, *, raised: bool = True) -> None:
    services.raise_hand(
        conference=live.conference.key,
        participant=live.key(whose),
        raised=raised,
        actor=actor,
        way=Way.KEYPAD,
    )


def ask(live: Joined, actor: Identity, whom: Identity) -> None:
    services.ask_to_speak(
        conference=live.conference.key, participant=live.key(whom), actor=actor, way=Way.WEB
    )


def mute(live: Joined, actor: Identity, whom: Identity | None, *, muted: bool = True) -> None:
    services.ask_to_mute(
        conference=live.conference.key,
        participant=live.key(whom) if whom else None,
        muted=muted,
        actor=actor,
        way=Way.WEB,
    )


def test_a_hand_is_raised_and_lowered(live: Joined) -> None:
    hand(live, BOB, BOB)
    hand(live, BOB, BOB)
    assert live.snapshot().hands == {live.key(BOB)}
    hand(live, BOB, BOB, raised=False)
    assert live.snapshot().hands == frozenset()
    kinds = [kind for kind, *_ in live.history() if kind.startswith("hand")]
    assert kinds == ["hand-raised", "hand-lowered"]


def test_all_hands_are_lowered_by_a_moderator(live: Joined, mallory: User) -> None:
    hand(live, BOB, BOB)
    hand(live, ALICE, ALICE)
    for who in (BOB, MALLORY):
        with pytest.raises(Refused):
            services.lower_hands(conference=live.conference.key, actor=who, way=Way.WEB)
    assert len(live.snapshot().hands) == 2
    for _ in range(2):
        services.lower_hands(conference=live.conference.key, actor=ALICE, way=Way.WEB)
    assert live.snapshot().hands == frozenset()
    assert [kind for kind, *_ in live.history()].count("hands-lowered") == 1


def test_a_moderator_lowers_hands_and_raises_none(live: Joined, mallory: User) -> None:
    hand(live, BOB, BOB)
    with pytest.raises(Refused):
        hand(live, MALLORY, BOB, raised=False)
    hand(live, ALICE, BOB, raised=False)
    assert live.snapshot().hands == frozenset()
    for who in (ALICE, MALLORY):
        with pytest.raises(Refused):
            hand(live, who, BOB)
    with pytest.raises(Refused) as caught:
        hand(live, MALLORY, MALLORY)
    assert caught.value.refusal is Refusal.UNKNOWN


def test_who_is_asked_to_speak_opens_his_microphone_himself(live: Joined) -> None:
    mute(live, ALICE, BOB)
    assert live.snapshot().silenced == {live.key(BOB)}
    with pytest.raises(Refused):
        mute(live, BOB, BOB, muted=False)
    ask(live, ALICE, BOB)
    snapshot = live.snapshot()
    assert snapshot.muted == {live.key(BOB)}
    assert snapshot.silenced == frozenset()
    assert snapshot.asked_to_speak == {live.key(BOB)}
    mute(live, BOB, BOB, muted=False)
    assert live.snapshot().muted == frozenset()
    assert live.snapshot().asked_to_speak == frozenset()


def test_who_is_heard_or_listens_only_is_not_asked(live: Joined) -> None:
    ask(live, ALICE, BOB)
    live.join(CAROL, Role.LISTENER)
    mute(live, ALICE, CAROL)
    ask(live, ALICE, CAROL)
    assert live.snapshot().asked_to_speak == frozenset()
    assert live.snapshot().silenced == {live.key(CAROL)}


def test_bob_and_mallory_ask_nobody(live: Joined, mallory: User) -> None:
    mute(live, ALICE, BOB)
    for who in (BOB, MALLORY):
        with pytest.raises(Refused) as caught:
            ask(live, who, BOB)
        assert caught.value.refusal is Refusal.NOT_ALLOWED
    assert live.snapshot().asked_to_speak == frozenset()


def test_all_are_muted_but_some(live: Joined) -> None:
    live.join(CAROL)
    services.ask_to_mute(
        conference=live.conference.key,
        participant=None,
        muted=True,
        actor=ALICE,
        way=Way.REST,
        spare=[live.key(CAROL)],
    )
    assert live.snapshot().silenced == {live.key(BOB)}


def test_a_listener_is_not_unmuted(live: Joined) -> None:
    """Neither by himself nor by who commands: his role says so, and the refusal tells it."""
    live.join(CAROL, Role.LISTENER)
    for who in (CAROL, ALICE):
        with pytest.raises(Refused) as caught:
            mute(live, who, CAROL, muted=False)
        assert caught.value.refusal is Refusal.LISTENS
    with pytest.raises(Refused) as caught:
        mute(live, MALLORY, CAROL, muted=False)
    assert caught.value.refusal is Refusal.NOT_ALLOWED
