"""Effort is saved before a frame is dropped, and a full worker takes no new room."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sipgateway.media import codecs, load, opus
from sipgateway.media.engine import LegId, LegKind, MediaError, RoomId, Session
from sipgateway.media.load import Load
from sipgateway.media.local import LocalEngine
from tests.media import sounds


def seconds_of(share: float, times: int, one: Load, begin: int) -> list[int]:
    """The complexity after each of so many seconds that were worked for a share."""
    found = []
    spent = one._spent
    for second in range(begin, begin + times):
        spent += share
        one.spent(spent)
        one.look(second + 1.0)
        found.append(one.complexity)
    return found


def test_effort_follows_the_work() -> None:
    one = Load(0.0)
    assert seconds_of(0.5, 3, one, 0) == [5, 5, 5]
    assert seconds_of(0.9, 5, one, 3) == [3, 1, 0, 0, 0]
    assert one.busy == pytest.approx(0.9)
    assert seconds_of(0.5, 3, one, 8) == [0, 0, 0], "no swinging to and fro"
    assert seconds_of(0.1, 11, one, 11) == [0, 0, 0, 0, 1, 1, 1, 1, 1, 3, 3]


def test_encoders_that_run_follow() -> None:
    library = opus.Library()
    encoder = codecs.load(library)["opus"].encoder()
    decoder = codecs.load(library)["opus"].decoder()
    heard = []
    for at, frame in enumerate(sounds.frames(sounds.sine(440, 20))):
        library.complexity = load.EFFORTS[at % len(load.EFFORTS)]
        heard.append(decoder.decode(encoder.encode(frame)))
    assert encoder._complexity == library.complexity  # type: ignore[attr-defined]
    assert sounds.share(np.concatenate(heard[5:]), 440) > 0.9


@pytest.mark.live
async def test_a_full_worker_takes_who_comes_to_its_rooms_and_no_others(tmp_path: Path) -> None:
    mixer = LocalEngine(host="127.0.0.1", ports=(31000, 31999), prompts=tmp_path)
    await mixer.start(lambda _: None)
    try:
        home = RoomId("4711")
        await mixer.offer(LegId("alice"), LegKind.WEBRTC, Session(), room=home)
        (worker,) = mixer._workers
        worker.busy = 1.0
        await mixer.offer(LegId("bob"), LegKind.WEBRTC, Session(), room=home)
        with pytest.raises(MediaError) as caught:
            await mixer.offer(LegId("carol"), LegKind.WEBRTC, Session(), room=RoomId("other"))
        assert caught.value.status == 503
        assert LegId("carol") not in mixer._legs
    finally:
        await mixer.stop()
