"""Codecs, resampling and what comes from a leg."""

from __future__ import annotations

import numpy as np
import pytest

from sipgateway.media import codec, codecs, resample
from sipgateway.media.codec import FRAME, RATE, CodecError, Limits, Samples
from sipgateway.media.voice import Voice
from tests.media import sounds

CODECS = codecs.load()
NAMES = sorted(CODECS)


def through(name: str, sound: Samples) -> Samples:
    """A sound encoded and decoded."""
    encoder, decoder = CODECS[name].encoder(), CODECS[name].decoder()
    return np.concatenate([decoder.decode(encoder.encode(one)) for one in sounds.frames(sound)])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("frequency", [300.0, 1000.0, 3000.0])
def test_a_tone_survives(name: str, frequency: float) -> None:
    sound = through(name, sounds.sine(frequency, 20))
    assert len(sound) == 20 * FRAME
    assert sounds.share(sound[5 * FRAME :], frequency) > 0.98
    assert abs(codec.level(sound[5 * FRAME :]) - codec.level(sounds.sine(frequency, 20))) <= 1


@pytest.mark.parametrize("name", NAMES)
def test_silence_is_decoded_to_silence(name: str) -> None:
    decoder = CODECS[name].decoder()
    for _ in range(5):
        assert codec.level(decoder.decode(CODECS[name].silence)) > 70


@pytest.mark.parametrize("name", NAMES)
def test_durations(name: str) -> None:
    kind = CODECS[name]
    payload = kind.encoder().encode(codec.silence())
    assert kind.decoder().duration(payload) == FRAME
    assert kind.duration == kind.clock // 50
    assert kind.decoder().duration(kind.silence) == FRAME


@pytest.mark.parametrize("name", NAMES)
def test_a_lost_frame_is_concealed(name: str) -> None:
    kind = CODECS[name]
    encoder, decoder = kind.encoder(), kind.decoder()
    payloads = [encoder.encode(frame) for frame in sounds.frames(sounds.sine(300, 10))]
    for payload in payloads[:8]:
        decoder.decode(payload)
    made_up = decoder.conceal(payloads[9])
    assert len(made_up) == FRAME
    assert codec.level(made_up) < 40


def test_redundancy_in_opus_is_better_than_guessing() -> None:
    encoder = CODECS["opus"].encoder()
    encoder.expect_loss(0.3)
    # A tone that changes with every frame cannot be guessed from the frame before.
    frames = [sounds.sine(200.0 + 90 * at, 1)[:FRAME] for at in range(20)]
    payloads = [encoder.encode(frame) for frame in frames]
    shares = []
    for following in (payloads[16], None):
        decoder = CODECS["opus"].decoder()
        for payload in payloads[:15]:
            decoder.decode(payload)
        made_up = decoder.conceal(following)
        # The codec's delay of 6.5 ms puts a third of the frame before in it.
        shares.append(sounds.share(made_up, 200.0 + 90 * 15))
    assert shares[0] > shares[1]


def test_opus_spends_no_bits_on_what_cannot_be_there() -> None:
    """By the configuration in the first octet (RFC 6716 table 2)."""
    encoder = CODECS["opus"].encoder()
    frames = sounds.frames(sounds.sine(300, 60))

    def configurations(band: int, some: list[Samples]) -> list[int]:
        encoder.expect_band(band)
        return [encoder.encode(frame)[0] >> 3 for frame in some]

    hybrid_fullband, silk_wideband = 15, 9
    assert set(configurations(24_000, frames[:10])) == {hybrid_fullband}
    assert set(configurations(CODECS["g722"].band, frames[10:20])) == {silk_wideband}
    assert set(configurations(CODECS["pcmu"].band, frames[20:30])) == {silk_wideband}
    # Upwards libopus takes its time, so that the change is not heard.
    assert configurations(CODECS["opus"].band, frames[30:])[-1] == hybrid_fullband


@pytest.mark.parametrize("bitrate", [5000, 12_000, 13_500, 20_000, 40_000])
def test_opus_keeps_within_the_bits_that_a_phone_asks_for(bitrate: int) -> None:
    """RFC 7587 7.1: MUST NOT; tones are dear."""
    kind = CODECS["opus"].within(Limits(bitrate=bitrate))
    encoder = kind.encoder()
    tones = sum((sounds.sine(hertz, 150, 0.1) for hertz in (311, 1234, 4321)), sounds.sine(99, 150))
    sent = [len(encoder.encode(frame)) for frame in sounds.frames(tones)]
    average = 8 * sum(sent) / (len(sent) * codec.PERIOD)
    assert average <= max(bitrate, 6000)
    assert average > 0.5 * bitrate


def test_opus_keeps_within_the_band_that_a_phone_plays() -> None:
    """RFC 7587 6.1 maxplaybackrate."""
    high = sounds.sine(7000, 50)
    for rate, passes in ((8000, False), (16_000, True), (48_000, True)):
        kind = CODECS["opus"].within(Limits(band=rate // 2))
        encoder, decoder = kind.encoder(), kind.decoder()
        encoder.expect_band(24_000)
        out = [decoder.decode(encoder.encode(frame)) for frame in sounds.frames(high)]
        assert (sounds.share(np.concatenate(out[10:]), 7000) > 0.5) is passes


def test_opus_of_one_size() -> None:
    """RFC 7587 6.1 cbr, which hides what is said from who counts octets (RFC 6562)."""
    encoder = CODECS["opus"].within(Limits(bitrate=24_000, cbr=True)).encoder()
    loud, quiet = sounds.frames(sounds.sine(800, 20)), [codec.silence()] * 20
    assert len({len(encoder.encode(frame)) for frame in (*loud, *quiet)}) == 1


def test_redundancy_is_left_out_where_it_is_of_no_use() -> None:
    sound = sounds.frames(sounds.sine(440, 60))
    guessed = []
    for fec in (True, False):
        kind = CODECS["opus"].within(Limits(bitrate=32_000, fec=fec))
        encoder, decoder = kind.encoder(), kind.decoder()
        encoder.expect_loss(0.2)
        payloads = [encoder.encode(frame) for frame in sound]
        for payload in payloads[:30]:
            decoder.decode(payload)
        guessed.append(decoder.conceal(payloads[31]))
    assert not np.array_equal(guessed[0], guessed[1])


def test_who_asks_for_much_the_same_shares_a_codec() -> None:
    opus = CODECS["opus"]
    assert opus.within(Limits()) is opus
    assert opus.within(Limits(bitrate=510_000, band=24_000)) is opus
    assert opus.within(Limits(bitrate=12_000)) is opus.within(Limits(bitrate=15_000))
    assert opus.within(Limits(bitrate=12_000)) is not opus
    assert CODECS["pcmu"].within(Limits(bitrate=6000)) is CODECS["pcmu"]


def test_g722_is_decoded_also_while_nobody_wants_to_hear_it() -> None:
    """Its decoder follows the encoder's steps; one that was missed is heard long after."""
    kind = CODECS["g722"]
    encoder, alone, voice = kind.encoder(), kind.decoder(), Voice(kind)
    heard = codec.silence()
    for number, frame in enumerate(sounds.frames(sounds.sine(300, 30, 0.05))):
        payload = encoder.encode(frame)
        heard = alone.decode(payload)
        voice.buffer.put(number, payload, 30)
        if number:
            voice.advance()
    voice.advance()
    wanted = voice.samples()
    assert wanted is not None
    assert np.array_equal(wanted, heard)


@pytest.mark.parametrize(
    ("name", "payload"), [("opus", b""), ("opus", b"\xff\xff"), ("pcmu", b""), ("g722", b"")]
)
def test_what_cannot_be_decoded(name: str, payload: bytes) -> None:
    with pytest.raises(CodecError):
        CODECS[name].decoder().duration(payload)


@pytest.mark.parametrize(
    ("name", "pairs"),
    [
        # ITU-T G.711 tables 1 and 2: decision values at the ends and around zero.
        ("pcmu", {0xFF: 0, 0x7F: 0, 0x80: 32124, 0x00: -32124, 0xFE: 8, 0xF0: 120}),
        ("pcma", {0xD5: 8, 0x55: -8, 0xAA: 32256, 0x2A: -32256, 0xD4: 24}),
    ],
)
def test_g711_is_that_of_the_standard(name: str, pairs: dict[int, int]) -> None:
    law = CODECS[name].decoder()._law  # type: ignore[attr-defined]
    assert {code: round(float(law.expand[code]) * 32768) for code in pairs} == pairs
    every = np.arange(256, dtype=np.uint8)
    again = law.compress[(law.expand[every] * 32768).astype(np.int32) + 32768]
    assert np.array_equal(law.expand[again], law.expand)


@pytest.mark.parametrize("factor", [2, 3, 6])
def test_resampling_there_and_back(factor: int) -> None:
    sound = sounds.sine(1000, 20)
    down, up = resample.Down(factor), resample.Up(factor)
    low = [down.convert(frame) for frame in sounds.frames(sound)]
    assert all(len(frame) == FRAME // factor for frame in low)
    back = np.concatenate([up.convert(frame) for frame in low])
    assert sounds.share(back[2 * FRAME :], 1000) > 0.999
    assert codec.level(back[2 * FRAME :]) == codec.level(sound)


def test_what_is_too_high_does_not_fold_back() -> None:
    down = resample.Down(6)
    low = np.concatenate([down.convert(frame) for frame in sounds.frames(sounds.sine(5000, 20))])
    assert codec.level(low[200:]) > 50


def test_levels() -> None:
    assert codec.level(codec.silence()) == 127
    assert codec.level(np.ones(FRAME, np.float32)) == 0
    assert codec.level(sounds.sine(1000, 1, 1.0)) == 3


# Voices


def voice(sound: Samples, *, says_level: bool = True, lost: tuple[int, ...] = ()) -> Voice:
    """A voice whose packets have all come, but for the lost ones."""
    made = Voice(CODECS["opus"])
    encoder = CODECS["opus"].encoder()
    for number, frame in enumerate(sounds.frames(sound)):
        payload = encoder.encode(frame)
        if number not in lost:
            made.buffer.put(number, payload, codec.level(frame) if says_level else None)
    return made


@pytest.mark.parametrize("says_level", [True, False])
def test_a_voice_is_decoded_frame_by_frame(says_level: bool) -> None:
    made = voice(sounds.sine(440, 20), says_level=says_level)
    levels, frames = [], []
    for _ in range(18):
        levels.append(made.advance())
        frame = made.samples()
        assert frame is not None
        assert len(frame) == FRAME
        frames.append(frame)
    assert sounds.share(np.concatenate(frames[5:]), 440) > 0.99
    assert all(abs(level - 14) <= 2 for level in levels[3:])


def test_a_voice_that_is_not_wanted_keeps_time() -> None:
    """Frames that nobody asked for are gone, not late."""
    sound = np.concatenate((sounds.sine(440, 10), sounds.sine(1000, 10)))
    made = voice(sound)
    for _ in range(12):
        made.advance()
    frames = []
    for _ in range(5):
        made.advance()
        frame = made.samples()
        assert frame is not None
        frames.append(frame)
    assert sounds.share(np.concatenate(frames[2:]), 1000) > 0.9


def test_loss_is_concealed() -> None:
    made = voice(sounds.sine(440, 20), lost=(8, 12))
    frames = []
    for _ in range(16):
        made.advance()
        frame = made.samples()
        assert frame is not None
        frames.append(frame)
    assert max(codec.level(frame) for frame in frames[2:]) < 25


def _after_a_talk(level: int, pauses: int) -> tuple[list[int], list[Samples | None]]:
    """Levels and frames of a G.711 phone that speaks, says its noise and stops sending."""
    made = Voice(CODECS["pcmu"])
    encoder = CODECS["pcmu"].encoder()
    talk = [encoder.encode(frame) for frame in sounds.frames(sounds.sine(440, 10))]
    for number, payload in enumerate(talk):
        made.buffer.put(number, payload, None)
    made.put_noise(len(talk), bytes((level,)))
    levels, frames = [], []
    for _ in range(len(talk) + 1 + pauses):
        levels.append(made.advance())
        frames.append(made.samples())
    return levels, frames


def test_comfort_noise_is_as_loud_as_the_phone_says() -> None:
    """RFC 3389: heard while it has the floor, by which it never gets the floor."""
    levels, frames = _after_a_talk(50, 25)
    assert set(levels[12:]) == {127}
    heard = [one for one in frames[12:] if one is not None]
    assert len(heard) == len(frames[12:]), "half a second later it is there still"
    assert all(abs(codec.level(one) - 50) <= 2 for one in heard)
    assert sounds.share(np.concatenate(heard), 440) < 0.2, "nothing is concealed"


def test_noise_of_a_quiet_room_is_silence() -> None:
    _, frames = _after_a_talk(90, 5)
    assert all(one is None or codec.level(one) == 127 for one in frames[13:])


def test_noise_ends_where_nobody_wants_it() -> None:
    made = Voice(CODECS["pcmu"])
    made.put_noise(0, bytes((50,)))
    made.put_noise(1, bytes((50,)))
    made.advance()
    assert made.samples() is not None
    for _ in range(4):
        made.advance()
    assert made.samples() is None


@pytest.mark.parametrize("name", ["pcmu", "pcma", "g722"])
def test_a_lost_vowel_goes_on(name: str) -> None:
    """The tone is continued in phase: what is concealed has no other frequency in it."""
    kind = CODECS[name]
    encoder, decoder = kind.encoder(), kind.decoder()
    parts = []
    for number, frame in enumerate(sounds.frames(sounds.sine(250, 30))):
        payload = encoder.encode(frame)
        lost = number % 10 == 9
        parts.append(decoder.conceal(None) if lost else decoder.decode(payload))
    sound = np.concatenate(parts[5:])
    assert sounds.share(sound, 250) > 0.95
    concealed = parts[9]
    assert sounds.share(concealed, 250) > 0.9
    assert codec.level(concealed) - codec.level(parts[8]) <= 6


def test_what_stays_away_fades_to_nothing() -> None:
    decoder = CODECS["pcmu"].decoder()
    encoder = CODECS["pcmu"].encoder()
    for frame in sounds.frames(sounds.sine(250, 10)):
        decoder.decode(encoder.encode(frame))
    levels = [codec.level(decoder.conceal(None)) for _ in range(5)]
    assert levels == sorted(levels)
    assert levels[-1] == 127


def test_g711_through_the_mixers_rate_is_what_it_was() -> None:
    """Decoded to 48 kHz and encoded again nearly every octet is the same."""
    kind = CODECS["pcmu"]
    encoder, decoder, again = kind.encoder(), kind.decoder(), kind.encoder()
    chance = np.random.default_rng(1)
    speech = np.convolve(chance.standard_normal(40 * FRAME), np.hanning(60), "same")
    frames = sounds.frames((speech / np.abs(speech).max() * 0.3).astype(np.float32))
    first = b"".join(encoder.encode(frame) for frame in frames)
    second = b"".join(
        again.encode(decoder.decode(first[at : at + 160])) for at in range(0, len(first), 160)
    )
    delay = 39  # samples at 8 kHz, of both filters
    same = np.frombuffer(first[:-delay], np.uint8) == np.frombuffer(second[delay:], np.uint8)
    assert np.mean(same[400:]) > 0.9


def test_long_packets_last_for_several_frames() -> None:
    made = Voice(CODECS["pcmu"])
    encoder = CODECS["pcmu"].encoder()
    frames = [encoder.encode(frame) for frame in sounds.frames(sounds.sine(440, 12))]
    for number in range(6):
        made.buffer.put(number, frames[2 * number] + frames[2 * number + 1], None)
    parts = []
    for _ in range(10):
        made.advance()
        frame = made.samples()
        assert frame is not None
        parts.append(frame)
    assert sounds.share(np.concatenate(parts[2:]), 440) > 0.99


@pytest.mark.parametrize("size", [80, 40, 20])
def test_short_packets_make_a_frame_together(size: int) -> None:
    """10, 5 and 2.5 ms (RFC 7587 4.2)."""
    made = Voice(CODECS["pcmu"])
    encoder, number, parts = CODECS["pcmu"].encoder(), 0, []
    for at, frame in enumerate(sounds.frames(sounds.sine(440, 40))):
        octets = encoder.encode(frame)
        for start in range(0, len(octets), size):
            made.buffer.put(number, octets[start : start + size], None)
            number += 1
        if at > 0:
            made.advance()
            heard = made.samples()
            assert heard is not None
            parts.append(heard)
    assert sounds.share(np.concatenate(parts[2:]), 440) > 0.99


@pytest.mark.parametrize("milliseconds", [10, 30, 60])
def test_a_lost_packet_is_made_up_for_as_long_as_it_was(milliseconds: int) -> None:
    """Else the buffer fills, or runs dry and is made deeper, at every twentieth packet."""
    made, number, parts = Voice(CODECS["pcmu"]), 0, []
    encoder = CODECS["pcmu"].encoder()
    octets = b"".join(encoder.encode(one) for one in sounds.frames(sounds.sine(440, 1000)))
    size = 8 * milliseconds
    for tick in range(990):
        while number * milliseconds <= 20 * tick:
            if number % 20 != 13:
                made.buffer.put(number, octets[number * size : (number + 1) * size], None)
            number += 1
        made.advance()
        frame = made.samples()
        parts.append(0.0 if frame is None else float(np.sqrt(np.mean(frame**2))))
    usual = float(np.median(parts))
    assert made.buffer.depth <= 3
    assert sum(one < 0.8 * usual for one in parts[10:]) < 0.05 * len(parts)


def test_garbage_from_mallory_is_silence() -> None:
    made = Voice(CODECS["opus"])
    for number in range(5):
        made.buffer.put(number, b"\xff\xff\xff", 10)
    made.advance()
    frame = made.samples()
    assert frame is not None
    assert codec.level(frame) == 127
    assert made.undecodable == 1


def test_who_says_nothing_is_silent() -> None:
    made = Voice(CODECS["opus"])
    assert made.advance() == 127
    assert made.samples() is None
    assert RATE == 48_000
