"""A network made of numbers: packets that are lost and late by a seed, and what comes of it.

Nothing here waits: the time is counted, so the same seed gives the same sound.
"""

from __future__ import annotations

import functools
import random
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from sipgateway.media import codec, opus, resample
from sipgateway.media.codec import FRAME, RATE, Codec, Samples
from sipgateway.media.engine import LegId
from sipgateway.media.mixer import Member, Room
from sipgateway.media.voice import Voice
from tests.media import sounds

ALICE, BOB = LegId("alice"), LegId("bob")
PERIOD_MS = 20.0
TICK_MS = 3.0
"""When the mixer ticks, after a phone has sent."""
PAUSE = 25
"""Frames of silence before and after what is said."""

SENTENCES = (
    "The birch canoe slid on the smooth planks. Glue the sheet to the dark blue background.",
    "It is easy to tell the depth of a well. These days a chicken leg is a rare dish.",
)
"""Of the Harvard list (IEEE 297-1969)."""


SPEAK = """
import sys
from sipgateway.media.speech import Synthesizer
speaker = Synthesizer()
speaker.choose("en")
sys.stdout.buffer.write(speaker.rate.to_bytes(4, "big") + speaker.speak(sys.argv[1]).tobytes())
"""


@functools.cache
def _said(number: int) -> tuple[int, Samples]:
    """A sentence and its rate; by a process of its own, as one has one synthesizer at most."""
    command = [sys.executable, "-c", SPEAK, SENTENCES[number]]
    told = subprocess.run(command, check=True, capture_output=True).stdout
    return int.from_bytes(told[:4], "big"), np.frombuffer(told[4:], np.float32)


def speech(number: int = 0, *, loudness: float = -26.0) -> list[Samples]:
    """A sentence, frame by frame; `loudness` is in dBov, of what is not silent."""
    rate, made = _said(number)
    at = np.arange(int(len(made) * RATE / rate)) * rate / RATE
    sound = np.interp(at, np.arange(len(made)), made).astype(np.float32)
    loud = sound[np.abs(sound) > 0.01 * np.abs(sound).max()]
    sound *= np.float32(10 ** (loudness / 20) / np.sqrt(float(np.mean(loud**2))))
    quiet = np.zeros(PAUSE * FRAME, np.float32)
    whole = np.concatenate((quiet, sound, quiet))
    return sounds.frames(np.concatenate((whole, np.zeros(-len(whole) % FRAME, np.float32))))


@dataclass(frozen=True, slots=True)
class Network:
    """Loses a share of all packets, and holds each up by up to so many milliseconds."""

    loss: float = 0.0
    jitter: float = 0.0
    seed: int = 1

    def carry(self, packets: list[bytes]) -> list[tuple[float, int, bytes]]:
        """When (ms) each packet comes, its number, and itself; in the order of arrival."""
        chance = random.Random(self.seed)
        came = []
        for number, packet in enumerate(packets):
            lost, held = chance.random() < self.loss, chance.uniform(0, self.jitter)
            if not lost:
                came.append((PERIOD_MS * number + held, number, packet))
        return sorted(came)


LIBRARY = opus.Library()
BROWSERS = 32_000
"""Bits a second of Opus in a browser."""


def encoded(kind: Codec, frames: list[Samples], loss: float) -> list[bytes]:
    """As a phone sends it that was told of the loss."""
    browser = kind.name == "opus"
    encoder = opus.OpusEncoder(LIBRARY, bitrate=BROWSERS) if browser else kind.encoder()
    encoder.expect_loss(loss)
    return [encoder.encode(frame) for frame in frames]


def decoded(kind: Codec, packets: list[bytes], network: Network) -> Samples:
    """The codec alone: what comes is decoded in order, what does not is concealed."""
    came = {number: packet for _, number, packet in network.carry(packets)}
    decoder = kind.decoder()
    parts = []
    for number in range(len(packets)):
        packet = came.get(number)
        parts.append(
            decoder.conceal(came.get(number + 1)) if packet is None else decoder.decode(packet)
        )
    return np.concatenate(parts)


def mixed(
    kind: Codec,
    frames: list[Samples],
    *,
    there: Network,
    back: Network,
    ear: Codec | None = None,
    ppm: float = 0.0,
    says_level: bool | None = None,
) -> tuple[list[bytes], Voice]:
    """What the mixer sends of it to somebody who listens; and the voice it came by.

    `ear` is the codec of the phone that listens, if it is another one; the clock of the
    phone that sends is faster by `ppm`. Browsers say how loud their packets are,
    desk phones do not.
    """
    says_level = kind.name == "opus" if says_level is None else says_level
    voice = Voice(kind)
    room = Room()
    room.members[ALICE] = Member(ALICE, 1, voice, kind)
    room.members[BOB] = Member(BOB, 2, Voice(kind), ear or kind, loss=back.loss)
    came = iter(there.carry(encoded(kind, frames, there.loss)))
    levels = [codec.level(frame) for frame in frames]
    coming = _next(came)
    out = []
    for tick in range(len(frames) + PAUSE):
        while coming is not None and coming[0] / (1 + ppm * 1e-6) <= PERIOD_MS * tick + TICK_MS:
            number = coming[1]
            voice.buffer.put(number & 0xFFFF, coming[2], levels[number] if says_level else None)
            coming = _next(came)
        out.append(room.tick()[BOB].payload)
    return out, voice


def _next(came: Iterator[tuple[float, int, bytes]]) -> tuple[float, int, bytes] | None:
    return next(came, None)


def telephone(sound: Samples, rate: int) -> Samples:
    """The sound at a lower rate, as the scores want it."""
    down = resample.Down(RATE // rate)
    return down.convert(sound[: len(sound) // FRAME * FRAME])
