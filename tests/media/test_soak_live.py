"""The short form of `bench.soak`: two hundred calls in twenty seconds, and nothing stays behind."""

from __future__ import annotations

import pytest

from bench.soak import GROWTH, Look, Soaked, soak

pytestmark = pytest.mark.live

EMPTY = Look(70.0, 6, 0, 0, 0)


async def test_people_come_and_go_and_nothing_stays_behind() -> None:
    """Every kind of phone; prompts, recordings, moves and mutes meanwhile."""
    found = await soak(0.35, people=12, every=0.1)
    assert found.wrong() == [], found
    assert found.calls >= 70
    # The worker may have counted while one had gone and the next was coming.
    assert {found.warm.legs, found.full.legs} <= {11, 12}
    assert found.full.encoders > 0


@pytest.mark.parametrize(
    ("left", "full", "words"),
    [
        (EMPTY, Look(75.0 + GROWTH + 1, 20, 5, 2, 3), "memory has grown by 7.0 MiB"),
        (Look(70.0, 8, 0, 0, 0), EMPTY, "2 files are open"),
        (Look(70.0, 6, 1, 0, 0), EMPTY, "1 legs are left"),
        (Look(70.0, 6, 0, 3, 0), EMPTY, "3 rooms are left"),
        (Look(70.0, 6, 0, 0, 4), EMPTY, "4 encoders are left"),
    ],
)
def test_what_stays_behind_is_named(left: Look, full: Look, words: str) -> None:
    warm = Look(75.0, 20, 5, 2, 3)
    assert Soaked(1.0, 10, EMPTY, warm, full, left, 0.0).wrong() == [words]
