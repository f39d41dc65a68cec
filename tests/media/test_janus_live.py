"""The engine that is made of Janus, with a real one, aiortc's phones and plain ones."""

from __future__ import annotations

import asyncio
from pathlib import Path

import numpy as np
import pytest

from sipgateway.media import (
    codec,
    engine,
    intake,
    opus,
    rtp,
)
from sipgateway.media.engine import (
    Direction,
    LegId,
    LegKind,
    MediaError,
    Session,
)
from tests.media import offers, sounds
from tests.media.janus_stage import (
    ALICE,
    BOB,
    CAROL,
    RATE,
    ROOM,
    Desk,
    Stage,
    decoded,
    desks,
    lost,
    loudest,
    port_of,
    recordings,
    stage,
)

pytestmark = pytest.mark.live

__all__ = ["desks", "stage"]


async def test_each_hears_the_other_and_not_himself(stage: Stage) -> None:
    alice = await stage.calls_in(ALICE, 440)
    bob = await stage.is_called(BOB, 1000)
    await stage.hears(alice, 1000)
    await stage.hears(bob, 440)
    assert sounds.share(alice.sound(), 440) < 0.05
    assert sounds.share(bob.sound(), 1000) < 0.05
    stage.mixer.mute(ALICE, True)
    await stage.hears_nothing(bob)
    stage.mixer.mute(ALICE, False)
    await stage.hears(bob, 440)
    stage.mixer.place(BOB, None)
    await stage.hears_nothing(bob)
    await stage.hears_nothing(alice)
    stage.mixer.place(BOB, ROOM)
    await stage.hears(bob, 440)


async def test_how_well_browsers_are_heard_is_known_to_their_node(stage: Stage) -> None:
    alice = await stage.calls_in(ALICE, 440)
    await stage.calls_in(BOB, 1000)
    await stage.hears(alice, 1000)
    await stage.until(lambda: {ALICE, BOB} <= {one.leg for one in _measured(stage)})
    for one in _measured(stage):
        assert one.now.loss_in is not None
        assert one.now.mos is not None
        assert 1.0 <= one.now.mos <= 4.41


def _measured(stage: Stage) -> list[engine.LegMeasured]:
    return [one for one in stage.events if isinstance(one, engine.LegMeasured)]


async def test_hold_and_refresh_are_described_without_janus(stage: Stage) -> None:
    alice, bob = await stage.calls_in(ALICE, 440), await stage.calls_in(BOB, 1000)
    await stage.hears(bob, 440)
    offer = alice.connection.localDescription.sdp
    held = await stage.mixer.answer(ALICE, offer.replace("sendrecv", "sendonly"), Session("Talk"))
    assert held.direction is Direction.SENDONLY
    assert "a=recvonly" in held.sdp
    await stage.hears_nothing(bob)
    back = await stage.mixer.answer(ALICE, offer, Session("Talk"))
    first, second = (int(one.sdp.split()[3]) for one in (held, back))
    assert second == first + 1, "o= of one session, its version one up"
    await stage.hears(bob, 440)
    refresh = await stage.mixer.offer(BOB, LegKind.WEBRTC, Session("Talk"))
    assert "a=setup:actpass" in refresh.sdp
    answer = bob.connection.localDescription.sdp
    await stage.mixer.accept(BOB, answer.replace("actpass", "active"))
    await stage.hears(alice, 1000)


@pytest.mark.parametrize(("name", "number"), [("opus", 96), ("pcmu", 0), ("pcma", 8)])
async def test_a_desk_phone_in_the_same_room(
    stage: Stage, desks: list[Desk], name: str, number: int
) -> None:
    """It is heard and hears, keys digits, speaks, and is played to alone."""
    alice = await stage.calls_in(ALICE, 440)
    desks.append(desk := Desk(name, number))
    answer = await desk.calls_in(stage)
    assert f" {number} 101\r\n" in answer.sdp, "and no G.722"
    await stage.hears(alice, 1000)
    assert loudest(alice.sound(), 440, 1000) == 1000
    await stage.until(lambda: desk.hears(440))
    assert loudest(desk.sound(), 440, 1000) == 440
    assert engine.LegConnected(BOB) in stage.events
    await stage.until(lambda: _speak_now(stage) == {ALICE, BOB})
    stage.mixer.play(BOB, "beep beep beep beep beep beep beep beep")
    await stage.until(lambda: desk.hears(880, above=0.1))
    assert loudest(alice.sound(), 880, 1000) == 1000, "he alone hears it"
    desk.keys("7")
    await stage.until(lambda: engine.DigitKeyed(BOB, "7") in stage.events)
    stage.mixer.mute(BOB, True)
    await stage.hears_nothing(alice)
    await stage.until(lambda: _speak_now(stage) == {ALICE})


def _speak_now(stage: Stage) -> set[LegId]:
    told = [one for one in stage.events if isinstance(one, engine.Speaking)]
    return set(told[-1].legs) if told else set()


async def test_a_desk_phone_that_says_nothing_hears(stage: Stage, desks: list[Desk]) -> None:
    await stage.calls_in(ALICE, 440)
    desks.append(desk := Desk())
    await desk.calls_in(stage, speaks=False)
    await stage.until(lambda: desk.hears(440))


async def test_a_desk_phone_behind_a_nat(stage: Stage, desks: list[Desk]) -> None:
    """Its descriptions name a port that is not the one it sends from, but for its SIP's host."""
    alice = await stage.calls_in(ALICE, 440)
    desks.append(desk := Desk())
    await desk.calls_in(stage, described=9, host="127.0.0.1")
    await stage.hears(alice, 1000)
    await stage.until(lambda: desk.hears(440))


async def test_a_name_that_is_said_is_heard_by_all(stage: Stage, desks: list[Desk]) -> None:
    alice = await stage.calls_in(ALICE, 0)
    desks.append(desk := Desk())
    await desk.calls_in(stage)
    stage.mixer.place(BOB, None)
    await stage.hears_nothing(alice)
    stage.mixer.listen(BOB, 1.0)
    await stage.until(lambda: any(isinstance(one, engine.Heard) for one in stage.events))
    (told,) = (one for one in stage.events if isinstance(one, engine.Heard))
    assert 0.5 < told.seconds <= 1.0
    stage.mixer.play_room(ROOM, f"@{BOB}")
    await stage.hears(alice, 1000)
    stage.events.clear()
    stage.mixer.place(BOB, ROOM)
    await stage.until(lambda: _speak_now(stage) == {BOB})  # who talks already when he comes in


async def test_a_called_desk_phone(stage: Stage, desks: list[Desk]) -> None:
    """What it is offered is what stays, whatever it answers; a refresh changes nothing."""
    alice = await stage.calls_in(ALICE, 440)
    offer = await stage.mixer.offer(BOB, LegKind.RTP, Session(), room=ROOM)
    assert "G722" not in offer.sdp
    answer = (
        "v=0\r\no=bob 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        "m=audio 39998 RTP/AVP 8\r\na=sendrecv\r\n"
    )
    await stage.mixer.accept(BOB, answer)
    stage.mixer.place(BOB, ROOM)
    desks.append(desk := Desk("pcma", 8))
    again = await stage.mixer.offer(BOB, LegKind.RTP, Session(), room=ROOM)
    assert port_of(again.sdp) == port_of(offer.sdp)
    await stage.mixer.accept(BOB, answer)
    await desk.calls_in(stage)
    await stage.hears(alice, 1000)
    await stage.until(lambda: desk.hears(440))
    assert lost(stage) == []


async def test_what_it_cannot_do_is_refused(stage: Stage) -> None:
    offer = offers.BARESIP.replace(" 96 0 8 101", " 9 101")
    with pytest.raises(MediaError) as caught:
        await stage.mixer.answer(CAROL, offer, Session())
    assert (caught.value.status, "G.722" in caught.value.reason) == (488, True)
    assert not stage.mixer._legs, "nothing is kept of them"


async def test_what_it_does_not_do_is_told(stage: Stage) -> None:
    """Nobody is played to alone who is among others, but by a line; no page says a name."""
    await stage.calls_in(ALICE, 440)
    await stage.calls_in(BOB, 1000)
    stage.events.clear()
    stage.mixer.play(ALICE, "enter-pin")
    stage.mixer.listen(ALICE, 3.0)
    stage.mixer.sound(ROOM, "jingle", "token")
    told: list[engine.MediaEvent] = [
        engine.PlayEnded(ALICE, "enter-pin"),
        engine.Heard(ALICE, 0.0),
        engine.SoundEnded(ROOM, "token", "No such file or directory"),
    ]
    await stage.until(lambda: all(one in stage.events for one in told))


async def test_who_is_alone_hears_prompts_to_their_end(stage: Stage) -> None:
    """And music until he is among others; it goes on behind a prompt."""
    alice = await stage.calls_in(ALICE, 440, None)
    stage.mixer.play(ALICE, "music")
    await stage.until(lambda: bool(alice.heard) and float(np.abs(alice.sound()).max()) > 0.01)
    stage.mixer.play(ALICE, "beep beep beep")
    await stage.hears(alice, 880, above=0.5)
    assert engine.PlayEnded(ALICE, "music") in stage.events
    await stage.until(lambda: engine.PlayEnded(ALICE, "beep beep beep") in stage.events)
    await stage.until(lambda: _is_music(alice.sound()))
    stage.mixer.play(ALICE, "")
    await stage.hears_nothing(alice)
    stage.mixer.play(ALICE, "ring")
    await stage.hears(alice, 440)
    stage.mixer.place(ALICE, ROOM)
    await stage.until(lambda: engine.PlayEnded(ALICE, "ring") in stage.events)
    await stage.hears_nothing(alice)


def _is_music(sound: codec.Samples) -> bool:
    return float(np.abs(sound).max()) > 0.01 and sounds.share(sound, 880) < 0.1


async def test_all_hear_announcements_and_sounds(stage: Stage, tmp_path: Path) -> None:
    """Also in the recording; a room that others come into goes on playing."""
    alice = await stage.calls_in(ALICE, 0)
    intake.write(tmp_path / "jingle.opus", sounds.sine(700, 200), opus.Library())
    stage.mixer.record(ROOM, "one")
    stage.mixer.sound(ROOM, "jingle", "token")
    await stage.hears(alice, 700)
    stage.mixer.play_room(ROOM, "beep beep beep beep beep beep beep beep")
    await stage.hears(alice, 880, above=0.1)
    bob = await stage.calls_in(BOB, 0)
    await stage.hears(bob, 700)
    await stage.until(lambda: engine.SoundEnded(ROOM, "token") in stage.events)
    await stage.hears_nothing(bob)
    stage.mixer.sound(ROOM, "jingle", "again")
    await stage.hears(bob, 700)
    stage.mixer.sound(ROOM, "", "")
    await stage.hears_nothing(bob)
    stage.mixer.record(ROOM, "")
    await stage.until(lambda: bool(recordings(stage)))
    kept = decoded(tmp_path / "recordings" / "one.opus")
    assert sounds.share(kept[RATE : 2 * RATE], 700) > 0.5


async def test_a_room_is_recorded_without_who_does_not_agree(stage: Stage, tmp_path: Path) -> None:
    """Mallory is heard and not kept; a pause is left out; the end is told."""
    await stage.calls_in(ALICE, 440)
    mallory = await stage.calls_in(BOB, 1000)
    stage.mixer.agree(BOB, False)
    await stage.hears(mallory, 440)
    stage.mixer.record(ROOM, "one")
    await asyncio.sleep(2.0)
    stage.mixer.record(ROOM, "one", paused=True)
    await asyncio.sleep(0.5)
    stage.mixer.agree(BOB, True)
    await asyncio.sleep(0.5)
    stage.mixer.record(ROOM, "one")
    await asyncio.sleep(2.0)
    stage.mixer.record(ROOM, "")
    await stage.until(lambda: bool(recordings(stage)))
    (told,) = recordings(stage)
    assert (told.room, told.name, told.failed) == (ROOM, "one", "")
    sound = decoded(tmp_path / "recordings" / "one.opus")
    assert 3.0 < len(sound) / RATE < 4.7
    assert told.seconds == pytest.approx(len(sound) / RATE, abs=0.1)
    first, last = sound[RATE // 4 : RATE * 3 // 2], sound[-RATE:]
    assert loudest(first, 440, 1000) == 440
    assert sounds.share(last, 1000) > 0.3


async def test_a_forger_gets_nothing_into_a_recording(stage: Stage, tmp_path: Path) -> None:
    """Mallory sends to the port, and does not know the key."""
    await stage.calls_in(ALICE, 440)
    stage.mixer.record(ROOM, "one")
    await stage.until(lambda: stage.mixer._tapes.get(ROOM) is not None)
    tape = stage.mixer._tapes.get(ROOM)
    assert tape is not None
    await stage.until(lambda: tape.recorder.frames > 0)
    before = tape.recorder.frames
    forged = rtp.Sender(tape._source, 1, 1)
    for _ in range(100):
        tape.datagram_received(forged.build(b"\xf8\xff\xfe", 960, payload_type=111), None)
    assert tape.recorder.frames == before


async def test_who_is_alone_hears_music_until_somebody_comes(stage: Stage) -> None:
    """In a room, too, where he is the only one."""
    alice = await stage.calls_in(ALICE, 0)
    stage.mixer.play(ALICE, "beep beep music")
    await stage.hears(alice, 880, above=0.5)
    bob = await stage.calls_in(BOB, 0)
    await stage.until(lambda: engine.PlayEnded(ALICE, "beep beep music") in stage.events)
    await stage.hears_nothing(bob)
    await stage.hears_nothing(alice)
