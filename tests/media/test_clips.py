"""Names that are asked for: from the first word to a pause behind the last."""

from __future__ import annotations

import numpy as np
import pytest

from sipgateway.media.clips import BREATH, Clips
from sipgateway.media.codec import PERIOD, RATE
from sipgateway.media.engine import LegId
from tests.media import sounds

BOB = LegId("bob")


def say(clips: Clips, seconds: float, *, hertz: float = 0.0) -> None:
    """A tone, or (0 Hz) nothing, for so long."""
    for frame in sounds.frames(sounds.sine(hertz or 1.0, round(seconds / PERIOD))):
        clips.take(BOB, frame if hertz else None)


def test_a_name_ends_with_a_pause() -> None:
    clips = Clips()
    clips.begin(BOB, 5.0)
    say(clips, 1.0)
    say(clips, 0.6, hertz=440)
    say(clips, BREATH - 0.1)
    say(clips, 0.4, hertz=440)
    assert clips.listens(BOB)
    say(clips, BREATH + 0.1)
    assert clips.reports == [{"event": "heard", "leg": "bob", "seconds": 1.0}]
    said = clips.get("bob")
    assert said is not None
    assert len(said) == RATE
    assert sounds.share(said, 440) > 0.95


@pytest.mark.parametrize(("seconds", "told"), [(0.0, 0.0), (0.5, 0.5)])
def test_it_can_be_ended(seconds: float, told: float) -> None:
    clips = Clips()
    clips.begin(BOB, 5.0)
    say(clips, seconds, hertz=440)
    clips.begin(BOB, 0.0)
    assert clips.reports == [{"event": "heard", "leg": "bob", "seconds": told}]
    assert (clips.get("bob") is None) == (told == 0.0)


def test_who_talks_on_is_cut_short_and_who_says_nothing_let_go() -> None:
    clips = Clips()
    clips.begin(BOB, 2.0)
    say(clips, 3.0, hertz=440)
    clips.begin(BOB, 2.0)
    say(clips, 3.0)
    assert [one["seconds"] for one in clips.reports] == [2.0, 0.0]
    said = clips.get("bob")
    assert said is not None
    assert np.isclose(len(said), 2 * RATE)


def test_it_is_deleted_and_nobody_else_has_it() -> None:
    clips = Clips()
    clips.take(BOB, sounds.sine(440, 1))
    clips.begin(BOB, 0.0)
    assert clips.reports == []
    clips.begin(BOB, 1.0)
    say(clips, 1.0, hertz=440)
    assert clips.get("mallory") is None
    clips.forget(BOB)
    assert clips.get("bob") is None
    clips.begin(BOB, 1.0)
    clips.forget(BOB)
    assert not clips.listens(BOB)
