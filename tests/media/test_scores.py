"""How speech sounds that went through the mixer, by PESQ (ITU-T P.862, P.862.2).

A phone says a sentence over a network that loses packets and holds others up
by up to 30 ms; what a listener's codec gives is compared with what was said.
Beside it stands the codec alone with the same loss: decoded in order, nobody
mixing. The phone is a browser's Opus (32 kb/s) or a desk phone's G.711.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from pesq import pesq

from sipgateway.media import codecs
from sipgateway.media.codec import Codec, Samples
from tests.media import network
from tests.media.network import Network

CODECS = codecs.load()
WITHIN = 0.3
JITTER = 30.0
CASES = ((0, 1), (0, 2), (1, 1), (1, 2))
"""Sentences and seeds."""

CLEAN = Network()


@dataclass(frozen=True, slots=True)
class Scores:
    """Of the same sentences: the codec alone, lost to the mixer, lost from the mixer."""

    alone: float
    there: float
    back: float


def score(said: list[Samples], heard: Samples, kind: Codec) -> float:
    """1.0 to 4.6; wideband where the codec is."""
    wide = kind.name in ("opus", "g722")
    rate = 16_000 if wide else 8000
    original = network.telephone(np.concatenate(said), rate)
    return float(pesq(rate, original, network.telephone(heard, rate), "wb" if wide else "nb"))


def scores(kind: Codec, *, loss: float, ear: Codec | None = None) -> Scores:
    """The means of all cases."""

    def of(case: tuple[int, int]) -> Iterator[float]:
        said = network.speech(case[0])
        bad = Network(loss, JITTER, case[1])
        alone = network.decoded(kind, network.encoded(kind, said, loss), bad)
        yield score(said, alone, kind)
        for there, back in ((bad, CLEAN), (CLEAN, bad)):
            sent, _ = network.mixed(kind, said, there=there, back=back, ear=ear)
            yield score(said, network.decoded(ear or kind, sent, back), kind)

    return Scores(*np.mean([list(of(case)) for case in CASES], axis=0))


@pytest.mark.parametrize("loss", [0.0, 0.02, 0.05])
@pytest.mark.parametrize("name", ["opus", "pcmu"])
def test_the_mixer_keeps_what_the_codec_gives(name: str, loss: float) -> None:
    found = scores(CODECS[name], loss=loss)
    assert found.there > found.alone - WITHIN, found
    assert found.back > found.alone - WITHIN, found


@pytest.mark.parametrize("loss", [0.0, 0.02, 0.05])
@pytest.mark.parametrize("phone", ["g722", "pcmu"])
def test_a_browser_hears_a_desk_phone_as_it_was_encoded(phone: str, loss: float) -> None:
    found = scores(CODECS[phone], loss=loss, ear=CODECS["opus"])
    assert found.there > found.alone - WITHIN, found


def test_a_desk_phone_hears_one_of_another_law_as_it_was_encoded() -> None:
    found = scores(CODECS["pcma"], loss=0.0, ear=CODECS["pcmu"])
    assert found.there > found.alone - WITHIN, found


def test_redundancy_follows_the_loss_that_is_reported() -> None:
    """Without the report the same loss is worse: the packets carry nothing of those before."""
    kind, bad = CODECS["opus"], Network(0.05, 0.0, 1)
    said = network.speech(0)
    told, _ = network.mixed(kind, said, there=CLEAN, back=bad)
    untold, _ = network.mixed(kind, said, there=CLEAN, back=CLEAN)
    with_it = score(said, network.decoded(kind, told, bad), kind)
    assert with_it > score(said, network.decoded(kind, untold, bad), kind) + 0.2


def test_the_buffer_follows_the_jitter() -> None:
    """100 ms is not heard for long: after the first seconds nothing is too late."""
    kind = CODECS["opus"]
    said = network.speech(0) * 3
    _, calm = network.mixed(kind, said, there=Network(0.0, 10.0, 1), back=CLEAN)
    _, rough = network.mixed(kind, said, there=Network(0.0, 100.0, 1), back=CLEAN)
    assert (calm.buffer.depth, calm.buffer.late) == (2, 0)
    assert rough.buffer.depth > calm.buffer.depth
    assert 0 < rough.buffer.late < 10
