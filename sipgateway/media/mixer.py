"""A room: who talks, and what each ear gets. Pure computation, no I/O, no clock.

Every 20 ms `Room.tick` asks each member for the level of what came from it,
gives the floor to at most three of them, decodes those alone and adds them
up. Everybody who is silent hears the same sum, so it is encoded once per
codec; each talker hears the sum without himself, encoded for him. Where an
ear would hear nothing it gets the codec's constant payload for silence.

An encoder remembers what it encoded, and so does the decoder in the phone.
When an ear turns from the common mix to its own encoder, that encoder is
first run over the last frames the ear has heard; without it the first frame
is wrong by as much as the signal itself.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from sipgateway.media import codec, rtp
from sipgateway.media.codec import FRAME, Codec, Encoder, Samples
from sipgateway.media.engine import LegId
from sipgateway.media.rtp import SILENCE

MAX_TALKERS = 3
"""More voices at once are noise to the listener, and each costs an encoding."""

AUDIBLE = -65.0
"""dBov of smoothed level from which a member is worth decoding."""

SPEAKS = -50.0
"""dBov of smoothed level from which a member is said to speak."""

QUIET = -90.0
ATTACK, RELEASE = 0.5, 0.08
"""Share of the way to a new level in one frame: up at once, down in 250 ms."""

HOLD = 25
"""Frames that a talker keeps the floor after he was last audible: 500 ms."""

TENURE = 20
"""Frames before a talker can be displaced: 400 ms, else voices are chopped."""

MARGIN = 6.0
"""dB by which a challenger must be louder than the one he displaces."""

FALL = 0.2
"""dB in a frame by which a talker's peak is forgotten: 10 dB/s, slower than syllables."""

PRIMING = 3
"""Frames an encoder is run over before its output is sent."""

MOST_TO_SAY = 8
"""Announcements to a room, one after the other; more who come and go are left out."""

MOST_OF_WEIGHT = 32
"""The same of all others: nobody locks and unlocks a door that often in a minute."""

CEILING = 0.97
"""Peak of what is sent; 1.0 is full scale."""

ATTACK_SAMPLES = 240
"""Samples over which the limiter turns down: 5 ms."""


class Voice(Protocol):
    """What comes from a member."""

    codec: Codec

    def advance(self) -> int:
        """Let a frame pass; its level, 0 to 127 in -dBov."""

    def samples(self) -> Samples | None:
        """The frame that passed, decoded; None where nothing came."""


@dataclass(slots=True)
class Player:
    """A recording on its way into an ear or a room.

    At its end it goes on at the sample `again_from`, again and again, unless that is None.
    """

    name: str
    recording: Samples
    again_from: int | None = None
    position: int = 0
    then: Player | None = None
    """What is played when it is over."""
    passing: bool = False
    """It only tells who comes and goes: others are said before it, and it may be left out."""

    @property
    def looped(self) -> bool:
        """Whether it goes on until something ends it."""
        return self.again_from is not None

    def follow(self, player: Player) -> bool:
        """Play something else after it and what follows it; False where that is enough already.

        What is not `passing` is said before all that is, and never left out for it.
        """
        last, before = self, 1
        while last.then is not None and (player.passing or not last.then.passing):
            last, before = last.then, before + 1
        most = MOST_TO_SAY if player.passing else MOST_OF_WEIGHT
        if last.name == player.name or before >= most:
            return False
        player.then, last.then = last.then, player
        return True

    def give_way(self, player: Player | None) -> Player | None:
        """What is played instead: what is looped goes on behind words, and stops for nothing."""
        background = self if self.looped else self.then
        if player is not None and not player.looped and background and background.looped:
            player.then = background
        return player

    def interrupt(self) -> Player | None:
        """What is left once somebody has heard enough of the words: music, if there is any."""
        if self.again_from is None:
            return self.then
        self.position = max(self.position, self.again_from)
        return self

    def next(self) -> Samples | None:
        """The next frame; None when it is over."""
        if self.position >= len(self.recording):
            if self.again_from is None or self.again_from >= len(self.recording):
                return None
            self.position = self.again_from
        frame = self.recording[self.position : self.position + FRAME]
        self.position += FRAME
        if len(frame) < FRAME:
            frame = np.concatenate((frame, codec.silence()[len(frame) :]))
        return frame


@dataclass(slots=True)
class Limiter:
    """Keeps peaks below `CEILING`, turning down within a frame and up slowly."""

    gain: float = 1.0

    def apply(self, frame: Samples) -> Samples:
        """The frame, turned down where it must be."""
        peak = float(np.abs(frame).max())
        wanted = min(1.0, self.gain * 1.02, CEILING / peak if peak > CEILING else 1.0)
        if wanted == self.gain == 1.0:
            return frame
        gains = np.full(FRAME, wanted, np.float32)
        gains[:ATTACK_SAMPLES] = np.linspace(self.gain, wanted, ATTACK_SAMPLES)
        self.gain = wanted
        limited: Samples = np.clip(frame * gains, -CEILING, CEILING)
        return limited


@dataclass(slots=True)
class Floor:
    """Who has the floor: smoothed levels, hold and a margin for displacing."""

    levels: dict[LegId, float] = field(default_factory=dict)
    holds: dict[LegId, int] = field(default_factory=dict)
    tenures: dict[LegId, int] = field(default_factory=dict)
    peaks: dict[LegId, float] = field(default_factory=dict)
    """Of those with the floor: what was loudest lately."""

    def choose(self, levels: Mapping[LegId, int]) -> tuple[LegId, ...]:
        """Who is mixed in this frame, given every candidate's level in -dBov."""
        self._smooth(levels)
        self._release()
        audible = [leg for leg, level in self.levels.items() if level >= AUDIBLE]
        for leg in sorted(audible, key=self.levels.__getitem__, reverse=True):
            if leg not in self.holds:
                self._admit(leg)
        return tuple(self.holds)

    def speaking(self) -> dict[LegId, int]:
        """Those with the floor who are loud enough to be called speaking, with level in dBov."""
        return {leg: round(self.peaks[leg]) for leg in self.holds if self.levels[leg] >= SPEAKS}

    def _smooth(self, levels: Mapping[LegId, int]) -> None:
        smoothed = {}
        for leg, value in levels.items():
            before = self.levels.get(leg, QUIET)
            now = max(QUIET, -float(value))
            smoothed[leg] = before + (ATTACK if now > before else RELEASE) * (now - before)
        self.levels = smoothed

    def _release(self) -> None:
        for leg in list(self.holds):
            loud = self.levels.get(leg)
            self.holds[leg] = HOLD if loud is not None and loud >= AUDIBLE else self.holds[leg] - 1
            self.tenures[leg] += 1
            if loud is not None:
                self.peaks[leg] = max(loud, self.peaks[leg] - FALL)
            if loud is None or self.holds[leg] <= 0:
                self._remove(leg)

    def _admit(self, leg: LegId) -> None:
        if len(self.holds) >= MAX_TALKERS:
            weakest = min(self.holds, key=self.levels.__getitem__)
            if self.tenures[weakest] < TENURE:
                return
            if self.levels[leg] < self.levels[weakest] + MARGIN:
                return
            self._remove(weakest)
        self.holds[leg], self.tenures[leg], self.peaks[leg] = HOLD, 0, self.levels[leg]

    def _remove(self, leg: LegId) -> None:
        del self.holds[leg], self.tenures[leg], self.peaks[leg]


@dataclass(slots=True)
class Member:
    """One leg in a room. `hears` is whether anything is sent to it at all."""

    leg: LegId
    source: int
    voice: Voice
    codec: Codec
    muted: bool = False
    hears: bool = True
    agrees: bool = True
    """Whether his voice may be kept."""
    track: str = ""
    """The track on which it is kept beside the mix."""
    loss: float = 0.0
    player: Player | None = None
    encoder: Encoder | None = None
    limiter: Limiter = field(default_factory=Limiter)


@dataclass(slots=True)
class Keeper:
    """Keeps what is heard in a room: the common mix, as it is encoded for everybody.

    While somebody talks who does not agree, the mix without him is encoded once more.
    """

    codec: Codec
    take: Callable[[bytes], None]
    tracks: Callable[[Mapping[str, Samples]], None] | None = None
    """Gets what is said in each frame that was taken, by tracks."""
    encoder: Encoder | None = None
    limiter: Limiter = field(default_factory=Limiter)
    loss: float = 0.0


@dataclass(frozen=True, slots=True)
class Output:
    """A frame for an ear: payload, whose voices are in it, level in -dBov."""

    payload: bytes
    sources: tuple[int, ...] = ()
    level: int = SILENCE
    levels: tuple[int, ...] = ()
    """Of each of the sources, in -dBov."""
    extensions: dict[tuple[int | None, int | None], bytes] = field(default_factory=dict)
    """What was built of the levels, by the extensions' numbers: hundreds get the same."""

    def extension(self, level_id: int | None, levels_id: int | None) -> bytes:
        """The header extension that tells the levels to a phone that asked for them so."""
        key = level_id, levels_id
        block = self.extensions.get(key)
        if block is None:
            block = self.extensions[key] = self._build(level_id, levels_id)
        return block

    def _build(self, level_id: int | None, levels_id: int | None) -> bytes:
        if levels_id is not None:
            return rtp.build_levels(level_id, self.level, levels_id, self.levels)
        return b"" if level_id is None else rtp.build_level(level_id, self.level)


class Sound(Protocol):
    """What is played to a whole room besides announcements."""

    def next(self) -> Samples | None:
        """The next frame; None when it is over."""


class Room:
    """The members of a room and the state of its mix."""

    def __init__(self) -> None:
        self.members: dict[LegId, Member] = {}
        self.floor = Floor()
        self.player: Player | None = None
        self.sound: Sound | None = None
        self.keeper: Keeper | None = None
        self.listener: Callable[[Samples | None], None] | None = None
        """Gets what is said in each frame, None for nothing."""
        self._limiter = Limiter()
        self._levels: dict[LegId, int] = {}
        self._encoders: dict[str, Encoder] = {}
        self._history: deque[Samples] = deque(maxlen=PRIMING)

    def tick(self) -> dict[LegId, Output]:
        """Mix one frame: what goes to each member that hears."""
        voices = self._voices()
        announcement = self._played()
        common = self._common(voices, announcement)
        outputs = {}
        for member in self.members.values():
            private = _play(member, member.player)
            if not member.hears:
                member.encoder = None
            elif private is None and member.leg not in voices:
                member.encoder = None
                outputs[member.leg] = self._shared(member.codec, common)
            else:
                others = {leg: one for leg, one in voices.items() if leg != member.leg}
                played = [one for one in (announcement, private) if one is not None]
                outputs[member.leg] = self._own(member, others, played)
        self._keep(voices, announcement, common)
        self._remember(common)
        return outputs

    def _played(self) -> Samples | None:
        """What everybody hears that nobody says."""
        announcement = _play(self, self.player)
        frame = None if self.sound is None else self.sound.next()
        if frame is None:
            self.sound = None
            return announcement
        return frame if announcement is None else _sum([frame, announcement])

    def _keep(
        self, voices: Mapping[LegId, Samples], announcement: Samples | None, common: _Mix | None
    ) -> None:
        """Hand on what is kept of the frame."""
        if self.listener is not None:
            self.listener(_sum([*voices.values()]) if voices else None)
        keeper = self.keeper
        if keeper is None:
            return
        agreed = {leg: one for leg, one in voices.items() if self.members[leg].agrees}
        if len(agreed) == len(voices):
            keeper.encoder = None
            output = self._shared(keeper.codec, common)
        else:
            output = self._own(keeper, agreed, [] if announcement is None else [announcement])
        keeper.take(output.payload)
        if keeper.tracks is not None:
            keeper.tracks(self._said(voices))

    def _said(self, voices: Mapping[LegId, Samples]) -> dict[str, Samples]:
        """What is said on each track, also by those who do not have the floor."""
        said: dict[str, Samples] = {}
        for leg, member in self.members.items():
            if not member.track or not member.agrees or member.muted:
                continue
            frame = voices.get(leg)
            if frame is None and self.floor.levels.get(leg, QUIET) >= AUDIBLE:
                frame = member.voice.samples()
            if frame is not None:  # on two phones one has one track
                known = said.get(member.track)
                said[member.track] = _sum([frame] if known is None else [known, frame])
        return said

    @property
    def encoders(self) -> int:
        """How many encoders run."""
        own = (one.encoder for one in (*self.members.values(), self.keeper) if one is not None)
        return len(self._encoders) + sum(1 for one in own if one is not None)

    def leave(self, leg: LegId) -> None:
        """Take a member out."""
        self.members.pop(leg, None)
        used = {one.codec.name for one in (*self.members.values(), self.keeper) if one}
        self._encoders = {name: one for name, one in self._encoders.items() if name in used}

    def _voices(self) -> dict[LegId, Samples]:
        """The decoded frames of those who have the floor."""
        levels = {leg: member.voice.advance() for leg, member in self.members.items()}
        self._levels = levels
        talkers = self.floor.choose(
            {leg: level for leg, level in levels.items() if not self.members[leg].muted}
        )
        frames = ((leg, self.members[leg].voice.samples()) for leg in talkers)
        return {leg: frame for leg, frame in frames if frame is not None}

    def _common(self, voices: Mapping[LegId, Samples], played: Samples | None) -> _Mix | None:
        frames = [*voices.values(), *(() if played is None else (played,))]
        if not frames:
            return None
        frame = self._limiter.apply(_sum(frames))
        return _Mix(
            frame,
            self._sources(voices),
            codec.level(frame),
            self._levels_of(voices),
            self._band(voices, played=played is not None),
        )

    def _shared(self, kind: Codec, mix: _Mix | None) -> Output:
        """What everybody with this codec hears who does not talk: encoded once."""
        if mix is None:
            return Output(kind.silence)
        output = mix.outputs.get(kind.name)
        if output is None:
            encoder = self._encoders.get(kind.name)
            if encoder is None:
                encoder = self._encoders[kind.name] = self._primed(kind)
            losses = (one.loss for one in self.members.values() if one.codec is kind)
            encoder.expect_loss(max(losses, default=0.0))
            encoder.expect_band(mix.band)
            output = Output(encoder.encode(mix.frame), mix.sources, mix.level, mix.levels)
            mix.outputs[kind.name] = output
        return output

    def _own(
        self, member: Member | Keeper, others: Mapping[LegId, Samples], played: list[Samples]
    ) -> Output:
        """What one ear hears that does not hear the common mix."""
        if not others and not played:
            return Output(member.codec.silence)
        if member.encoder is None:
            member.encoder = self._primed(member.codec)
        member.encoder.expect_loss(member.loss)
        member.encoder.expect_band(self._band(others, played=bool(played)))
        frame = member.limiter.apply(_sum([*others.values(), *played]))
        return Output(
            member.encoder.encode(frame),
            self._sources(others),
            codec.level(frame),
            self._levels_of(others),
        )

    def _primed(self, kind: Codec) -> Encoder:
        encoder = kind.encoder()
        for frame in self._history:
            encoder.encode(frame)
        return encoder

    def _remember(self, mix: _Mix | None) -> None:
        if mix is None:
            self._history.clear()
        else:
            self._history.append(mix.frame)

    def _sources(self, legs: Iterable[LegId]) -> tuple[int, ...]:
        return tuple(self.members[leg].source for leg in legs)

    def _band(self, legs: Iterable[LegId], *, played: bool) -> int:
        """Hz up to which there is anything in what is mixed."""
        if played:
            return codec.RATE // 2
        return max(self.members[leg].voice.codec.band for leg in legs)

    def _levels_of(self, legs: Iterable[LegId]) -> tuple[int, ...]:
        return tuple(self._levels[leg] for leg in legs)


@dataclass(slots=True)
class _Mix:
    """The common mix of a frame and what has been encoded of it, by codec."""

    frame: Samples
    sources: tuple[int, ...]
    level: int
    levels: tuple[int, ...]
    band: int
    outputs: dict[str, Output] = field(default_factory=dict)


class _Plays(Protocol):
    player: Player | None


def _play(owner: _Plays, player: Player | None) -> Samples | None:
    """The next frame of what is played; forgets it when it is over."""
    if player is None:
        return None
    frame = player.next()
    if frame is not None:
        return frame
    owner.player = player.then
    return None if owner.player is None else owner.player.next()


def _sum(frames: list[Samples]) -> Samples:
    # Contiguous and a copy: the encoder reads the memory, the limiter may write.
    total = frames[0].astype(np.float32, copy=True)
    for frame in frames[1:]:
        total += frame
    return total
