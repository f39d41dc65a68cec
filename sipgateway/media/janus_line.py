"""The line of a plain phone: its RTP comes to us, and goes on to its node from here.

An AudioBridge sends plain RTP to the one address that it was told. It hears no keyed
digits, opens no SDES, finds no phone behind a NAT, and tells neither whether anything
comes nor who talks. So what is between phone and us is as at the embedded mixer (`leg`).

Between us and the node it is Opus in frames of 20 ms, whatever the phone speaks. G.711 a
node would take, too, but it brings it to its own rate by five zeros behind each sample,
and back by leaving samples out, with no filter: a fifth of the voice's loudness is left, and
what else is heard is its images. Opus of such frames goes on as it is; it is decoded to know
how loud it is, and encoded while something is played to this phone alone.
"""

from __future__ import annotations

import contextlib
import secrets
from collections import deque
from collections.abc import Callable, Mapping

import numpy as np

from sipgateway.media import codec, plain, rtp
from sipgateway.media.clips import Clips
from sipgateway.media.codec import FRAME, RATE, Codec, CodecError, Encoder, Samples
from sipgateway.media.control import Terms
from sipgateway.media.engine import LegId
from sipgateway.media.leg import Leg
from sipgateway.media.mixer import AUDIBLE, Floor, Limiter, Output, Player
from sipgateway.media.opus import SILENCE

TYPE = 111
"""The payload type between a node and us."""

BEHIND = 10
"""Frames that may wait until it is looked how loud they are."""

NUDGE = 1.0
"""Seconds without a word until a node is sent silence: it mixes for nobody whom it never heard."""

Mouth = Callable[[], Encoder]


class Line(Leg):
    """One plain phone. Without I/O: what goes on to the node waits in `onward`."""

    def __init__(
        self,
        leg: LegId,
        terms: Terms,
        *,
        codecs: Mapping[str, Codec],
        mouth: Mouth,
        clips: Clips,
        now: float,
    ) -> None:
        super().__init__(leg, plain.make(terms), terms, codecs=codecs, now=now)
        self.onward: list[bytes] = []
        self.loudness: int | None = None
        """Level in dBov while he speaks."""
        self._clips = clips
        self._said: deque[Samples] = deque(maxlen=BEHIND)
        self._floor = Floor()
        self._audible = False
        self._limiter = Limiter()
        self._make_mouth = mouth
        self._mouth: Encoder | None = None
        self._opus = codecs["opus"]
        self._source = secrets.randbits(32)
        self._before: rtp.Packet | None = None
        """What of the phone's went on last, and as what."""
        self._number, self._time = secrets.randbits(15), secrets.randbits(31)
        self._went_on, self._nudge_at = False, now
        self._rest = codec.silence()[:0]
        self._mix: rtp.Packet | None = None
        self._listen()

    @property
    def bitrate(self) -> int:
        """Bits a second that the phone wants at most, 0 where it does not say."""
        return self._terms["limits"]["bitrate"]

    def change(self, terms: Terms) -> None:
        """Take what a later description says."""
        super().change(terms)
        self._listen()

    def _hear_in(self, payload_type: int) -> None:
        super()._hear_in(payload_type)
        self._listen()

    def _listen(self) -> None:
        """Have decoders for what comes from both sides."""
        self._ear = self.voice.codec.decoder()
        self._mix_ear = self._opus.decoder()
        self._as_it_is = self.member.codec.name.startswith(self._opus.name)
        self._before, self._mouth, self._rest = None, None, self._rest[:0]

    # From the phone

    def _take_audio(self, packet: rtp.Packet) -> None:
        """Hand on what was said. Comfort noise is silence at a node."""
        if packet.payload_type == self._terms["noise"]:
            return
        try:
            frame = self._ear.decode(packet.payload)
        except CodecError:
            return
        self._said.append(frame)
        if len(frame) == FRAME and not len(self._rest):
            self._step_to(packet)
            self._put(packet.payload if self.voice.codec is self._opus else self._spoken(frame))
        else:
            self._hand_on_in_frames(frame)

    def _step_to(self, packet: rtp.Packet) -> None:
        """Go on by as much as the phone's numbers do, in the clock of Opus."""
        before, self._before = self._before, packet
        if before is None or before.ssrc != packet.ssrc:
            self._number, self._time = self._number + 1, self._time + FRAME
            return
        later = (packet.timestamp - before.timestamp + (1 << 31)) % (1 << 32) - (1 << 31)
        self._number += (packet.sequence - before.sequence + (1 << 15)) % (1 << 16) - (1 << 15)
        self._time += later * RATE // self.voice.codec.clock

    def _hand_on_in_frames(self, frame: Samples) -> None:
        """In frames of 20 ms, out of packets of 10, 30 or more."""
        self._before = None
        said = np.concatenate((self._rest, frame))
        whole = len(said) // FRAME * FRAME
        self._rest = said[whole:]
        for at in range(0, whole, FRAME):
            self._number, self._time = self._number + 1, self._time + FRAME
            self._put(self._spoken(said[at : at + FRAME]))

    def _spoken(self, frame: Samples) -> bytes:
        """The frame in Opus; what nobody could hear costs nothing."""
        if codec.level(frame) > -AUDIBLE and not self._audible:
            self._mouth = None
            return SILENCE
        if self._mouth is None:
            self._mouth = self._make_mouth()
            self._mouth.expect_band(self.voice.codec.band)
        return self._mouth.encode(frame)

    def _put(self, payload: bytes) -> None:
        number, time = self._number & 0xFFFF, self._time & 0xFFFFFFFF
        self._went_on = True
        self.onward.append(rtp.HEADER.pack(0x80, TYPE, number, time, self._source) + payload)

    def arrive(self) -> None:
        """It has come to a node, or to another one, that has heard nothing of it."""
        self._went_on, self._nudge_at = False, 0.0

    def handle_timeout(self, now: float) -> None:
        """Do what is due; a phone that sends nothing is to hear, too."""
        super().handle_timeout(now)
        if not self._went_on and now >= self._nudge_at:
            self._number, self._time = self._number + 1, self._time + FRAME
            self._put(SILENCE)
        if self._went_on:
            self._went_on, self._nudge_at = False, now + NUDGE

    # From the node

    def mixed(self, data: bytes) -> None:
        """Take a frame of what is heard in the room; it is the clock of all that happens here."""
        try:
            packet = rtp.parse(data)
        except rtp.RtpError:
            return
        self._listen_to_it()
        for _ in range(self._missing(packet)):
            self.pause()
        if self._terms["hears"] and packet.payload:
            self.send(Output(self._heard(packet.payload)))
        else:
            self.pause()

    def _missing(self, packet: rtp.Packet) -> int:
        before, self._mix = self._mix, packet
        if before is None or before.ssrc != packet.ssrc:
            return 0
        missing = (packet.sequence - before.sequence - 1) & 0xFFFF
        return missing if missing < BEHIND else 0

    def _heard(self, payload: bytes) -> bytes:
        """The mix as the phone takes it, with what is played to this phone alone."""
        member = self.member
        said = self._prompt()
        if said is None and self._as_it_is:
            member.encoder = None
            return payload
        mix = codec.silence()
        with contextlib.suppress(CodecError):
            decoded = self._mix_ear.decode(payload)
            mix = decoded if len(decoded) == FRAME else mix
        if said is None and not mix.any():
            return member.codec.silence
        member.encoder = member.encoder or member.codec.encoder()
        return member.encoder.encode(mix if said is None else self._limiter.apply(said + mix))

    def _prompt(self) -> Samples | None:
        """The next frame of what is played to him, and of what follows it."""
        player = self.member.player
        if player is None:
            return None
        frame = player.next()
        if frame is None:
            self._put_on(player.then)
            frame = None if player.then is None else player.then.next()
        return frame

    def _listen_to_it(self) -> None:
        """How loud the phone is at the moment, and what it says where somebody listens."""
        frame = self._said.popleft() if self._said else None
        level = rtp.SILENCE if frame is None else codec.level(frame)
        self._audible = bool(self._floor.choose({self.leg: level}))
        self.loudness = self._floor.speaking().get(self.leg)
        self._clips.take(self.leg, frame if self._audible else None)

    # What is played

    def play(self, player: Player | None) -> None:
        """Play something to this phone alone, in place of what is played."""
        before = self.member.player
        self._put_on(player if before is None else before.give_way(player))

    def _put_on(self, player: Player | None) -> None:
        """Play something instead of what is played, and tell that this is over."""
        before, self.member.player = self.member.player, player
        if before is not None:
            self.reports.append({"event": "ended", "leg": self.leg, "prompt": before.name})

    def moved(self) -> None:
        """It has changed rooms: the music was that of where it was."""
        player = self.member.player
        if player is not None:
            player.then = None
            if player.looped:
                self._put_on(None)
