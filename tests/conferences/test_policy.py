"""Who may do what, as tables."""

from __future__ import annotations

import dataclasses

import pytest

from conferences import guesses, policy
from conferences.policy import Admission, ConferenceId, Identity, Refusal, Role, Snapshot
from tests.people import ALICE, BOB, CAROL, MALLORY

GUEST = Identity("sip:guest-1@conf.test", "Guest", guest_of=ConferenceId(1))
STRANGE_GUEST = dataclasses.replace(GUEST, guest_of=ConferenceId(2))
LISTED = Snapshot(
    id=ConferenceId(1),
    name="4711",
    title="Weekly",
    roles={
        ALICE.uri: Role.ORGANIZER,
        BOB.uri: Role.PARTICIPANT,
        CAROL.uri: Role.MODERATOR,
    },
)
OPEN = dataclasses.replace(LISTED, admission=Admission.OPEN)
SIGNED_IN = dataclasses.replace(LISTED, admission=Admission.SIGNED_IN)


@pytest.mark.parametrize(
    ("snapshot", "who", "present", "refusal"),
    [
        (LISTED, ALICE, 0, None),
        (LISTED, BOB, 0, None),
        (LISTED, MALLORY, 0, Refusal.NOT_INVITED),
        (LISTED, GUEST, 0, Refusal.NOT_INVITED),
        (SIGNED_IN, MALLORY, 0, None),
        (SIGNED_IN, GUEST, 0, Refusal.NOT_INVITED),
        (OPEN, MALLORY, 0, None),
        (OPEN, GUEST, 0, None),
        (OPEN, STRANGE_GUEST, 0, Refusal.NOT_INVITED),
        (dataclasses.replace(LISTED, pulled_in=frozenset({MALLORY.uri})), MALLORY, 0, None),
        (
            dataclasses.replace(LISTED, admitted=frozenset({MALLORY.uri})),
            MALLORY,
            0,
            Refusal.NOT_INVITED,
        ),
        (dataclasses.replace(OPEN, banned=frozenset({BOB.uri})), BOB, 0, Refusal.BANNED),
        (
            dataclasses.replace(LISTED, held_off=frozenset({BOB.uri})),
            BOB,
            0,
            Refusal.WRONG_PIN_TOO_OFTEN,
        ),
        (dataclasses.replace(LISTED, locked=True), BOB, 0, Refusal.LOCKED),
        (dataclasses.replace(LISTED, locked=True), CAROL, 0, None),
        (dataclasses.replace(LISTED, max_participants=2), BOB, 1, None),
        (dataclasses.replace(LISTED, max_participants=2), BOB, 2, Refusal.FULL),
        (dataclasses.replace(LISTED, opens_at=101.0), BOB, 0, Refusal.TOO_EARLY),
        (dataclasses.replace(LISTED, opens_at=100.0), BOB, 0, None),
        (dataclasses.replace(LISTED, closes_at=100.0), BOB, 0, Refusal.OVER),
        (dataclasses.replace(LISTED, over=True), BOB, 0, Refusal.OVER),
        (dataclasses.replace(LISTED, over=True), MALLORY, 0, Refusal.NOT_INVITED),
    ],
)
def test_may_join(snapshot: Snapshot, who: Identity, present: int, refusal: Refusal | None) -> None:
    assert policy.may_join(snapshot, who, present=present, now=100.0) is refusal


@pytest.mark.parametrize(
    ("who", "target", "refusal"),
    [
        (ALICE, BOB, None),
        (CAROL, BOB, None),
        (BOB, BOB, None),
        (BOB, CAROL, Refusal.NOT_ALLOWED),
        (CAROL, ALICE, Refusal.NOT_ALLOWED),
        (ALICE, ALICE, None),
        (MALLORY, BOB, Refusal.NOT_ALLOWED),
        (GUEST, BOB, Refusal.NOT_ALLOWED),
    ],
)
def test_may_remove(who: Identity, target: Identity, refusal: Refusal | None) -> None:
    assert policy.may_remove(OPEN, who, target=target.uri) is refusal


@pytest.mark.parametrize(
    ("snapshot", "who", "joined", "refusal"),
    [
        (LISTED, ALICE, False, None),
        (LISTED, BOB, True, Refusal.NOT_ALLOWED),
        (dataclasses.replace(OPEN, participants_may_add=True), BOB, True, None),
        (dataclasses.replace(OPEN, participants_may_add=True), BOB, False, Refusal.NOT_ALLOWED),
        (dataclasses.replace(OPEN, participants_may_add=True), GUEST, True, Refusal.NOT_ALLOWED),
        (LISTED, MALLORY, True, Refusal.NOT_ALLOWED),
    ],
)
def test_may_add(snapshot: Snapshot, who: Identity, joined: bool, refusal: Refusal | None) -> None:
    assert policy.may_add(snapshot, who, joined=joined) is refusal


@pytest.mark.parametrize(
    ("who", "command", "subscribe"),
    [
        (ALICE, None, None),
        (CAROL, None, None),
        (BOB, Refusal.NOT_ALLOWED, None),
        (MALLORY, Refusal.NOT_ALLOWED, Refusal.NOT_INVITED),
        (GUEST, Refusal.NOT_ALLOWED, Refusal.NOT_INVITED),
    ],
)
def test_may_command_and_subscribe(
    who: Identity, command: Refusal | None, subscribe: Refusal | None
) -> None:
    assert policy.may_command(LISTED, who) is command
    assert policy.may_subscribe(LISTED, who) is subscribe


@pytest.mark.parametrize(
    ("who", "asked"), [(ALICE, False), (BOB, True), (CAROL, True), (GUEST, False), (MALLORY, True)]
)
def test_needs_pin(who: Identity, asked: bool) -> None:
    snapshot = dataclasses.replace(OPEN, pin="1234")
    assert policy.needs_pin(snapshot, who) is asked
    assert not policy.needs_pin(OPEN, who)
    admitted = dataclasses.replace(snapshot, admitted=frozenset({who.uri}))
    assert not policy.needs_pin(admitted, who)
    pulled_in = dataclasses.replace(snapshot, pulled_in=frozenset({who.uri}))
    assert not policy.needs_pin(pulled_in, who)


@pytest.mark.parametrize(
    ("wrong", "until"),
    [(0, 0.0), (4, 0.0), (5, 130.0), (6, 160.0), (7, 220.0), (12, 3700.0), (5000, 3700.0)],
)
def test_the_pause_after_wrong_pins_grows(wrong: int, until: float) -> None:
    assert guesses.held_off_until([100.0] * wrong) == until
