"""How well it is heard: in the page of a conference, kept on a page of its own, in REST."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from conferences import selectors, services
from conferences.models import Conference, Endpoint, Quality, User
from conferences.policy import ParticipantKey
from tests import people
from tests.portal.conftest import SignedIn, join

NOTHING = dict.fromkeys(
    ("mos", "loss_in", "loss_out", "jitter_in", "jitter_out", "round_trip"), None
)
GOOD: dict[str, float | None] = {
    "mos": 4.3,
    "loss_in": 0.2,
    "loss_out": 0.0,
    "jitter_in": 3,
    "jitter_out": 2,
    "round_trip": 40,
}
POOR = GOOD | {"mos": 2.9, "loss_in": 12.5, "round_trip": 310}
#: A desk phone that sends no reports.
HALF = GOOD | {"loss_out": None, "jitter_out": None, "round_trip": None}


def measured(
    key: ParticipantKey, now: dict[str, float | None], *, worst: float | None = None, **mean: Any
) -> None:
    phone = Endpoint.objects.get(participant__key=key)
    services.endpoint_measured(
        key=key,
        endpoint=phone.uri,
        now=now,
        mean=now | mean,
        worst=worst if worst is not None else now["mos"],
        at=timezone.now().timestamp(),
    )


def text(page: bytes) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", page.decode()).split())


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (GOOD, "Good connection · 0.2 % lost, 40 ms there and back"),
        (POOR, "Poor connection · 12.5 % lost, 310 ms there and back"),
        (GOOD | {"mos": 3.7}, "Fair connection ·"),
        (HALF, "Good connection · 0.2 % lost; what the phone hears is not known"),
        (NOTHING, "Quality not known"),
    ],
)
def test_those_who_command_see_how_each_is_heard(
    room: Conference,
    alice: User,
    bob: User,
    signed_in: SignedIn,
    now: dict[str, float | None],
    words: str,
) -> None:
    measured(join(room, "bob"), now)
    assert words in text(signed_in(alice).get("/conferences/planning/").content)
    assert words in text(signed_in(alice).get("/conferences/planning/roster/").content)
    assert "connection" not in text(signed_in(bob).get("/conferences/planning/roster/").content)


def test_before_anything_is_measured_it_is_not_known(
    room: Conference, alice: User, bob: User, signed_in: SignedIn
) -> None:
    join(room, "bob")
    page = signed_in(alice).get("/conferences/planning/roster/").content
    assert "Quality not known" in text(page)
    assert b'data-grade="unknown"' in page


def test_it_is_kept_with_means_and_the_worst_moment(
    room: Conference, alice: User, bob: User, signed_in: SignedIn
) -> None:
    key = join(room, "bob")
    measured(key, POOR)
    measured(key, GOOD, mos=4.1, loss_in=2.25, loss_out=0.5)
    services.participant_left(
        conference=room.key,
        key=key,
        method="departed",
        by="",
        reason="",
        at=timezone.now().timestamp(),
    )
    page = text(signed_in(alice).get("/conferences/planning/quality/").content)
    assert re.search(r"Bob .* Good 4\.1 2\.9 2\.\d % 0\.5 % 3 ms 40 ms", page)


def test_what_a_silent_phone_hears_is_not_known_there_either(
    room: Conference, alice: User, bob: User, signed_in: SignedIn
) -> None:
    measured(join(room, "bob"), HALF)
    page = text(signed_in(alice).get("/conferences/planning/quality/").content)
    assert re.search(r"Bob .* here Good 4\.3 4\.3 0\.2 % not known 3 ms not known", page)


def test_a_room_where_nobody_was(room: Conference, alice: User, signed_in: SignedIn) -> None:
    assert "Nobody was in yet" in text(
        signed_in(alice).get("/conferences/planning/quality/").content
    )


def test_mallory_and_those_who_do_not_command_are_refused(
    room: Conference, bob: User, mallory: User, signed_in: SignedIn
) -> None:
    assert signed_in(bob).get("/conferences/planning/quality/").status_code == 403
    assert signed_in(mallory).get("/conferences/planning/quality/").status_code == 404
    assert Client().get("/conferences/planning/quality/").status_code == 302


def test_scripts_read_it_in_the_roster(room: Conference, alice: User, bob: User) -> None:
    key = join(room, "bob")
    (before,) = selectors.roster(room)["participants"]
    assert "quality" not in before["endpoints"][0]
    measured(key, POOR, worst=2.5)
    (entry,) = selectors.roster(room)["participants"]
    told = entry["endpoints"][0]["quality"]
    assert told.pop("at") is not None
    assert told == {"grade": "poor", **POOR, "mean": POOR, "worst_mos": 2.5}


def test_how_others_are_heard_is_told_to_who_commands(
    room: Conference, alice: User, bob: User
) -> None:
    """Carol, who takes part as Bob does, reads nothing of his line."""
    measured(join(room, "bob"), POOR)
    snapshot = selectors.snapshot(room.key)
    assert snapshot is not None
    read = {}
    for who in (people.ALICE, people.BOB, people.CAROL):
        (entry,) = selectors.roster(room, by=selectors.viewer(snapshot, who))["participants"]
        read[who] = "quality" in entry["endpoints"][0]
    assert read == {people.ALICE: True, people.BOB: True, people.CAROL: False}


def test_the_worst_is_kept_when_the_mixer_is_another(room: Conference, bob: User) -> None:
    key = join(room, "bob")
    measured(key, GOOD, worst=2.0)
    measured(key, GOOD, worst=4.0)
    measured(key, NOTHING)
    assert Quality.objects.get().worst_mos == 2.0


def test_a_phone_that_has_gone_is_not_measured(room: Conference, bob: User) -> None:
    key = join(room, "bob")
    Endpoint.objects.update(left_at=timezone.now())
    measured(key, GOOD)
    assert not Quality.objects.exists()


@pytest.mark.parametrize(
    ("mos", "grade"),
    [(4.4, "good"), (4.03, "good"), (4.0, "fair"), (3.6, "fair"), (3.5, "poor"), (None, "unknown")],
)
def test_grades(mos: float | None, grade: str) -> None:
    assert selectors.grade(mos) == grade
