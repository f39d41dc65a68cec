"""What becomes of calls when a Janus node dies, hangs, comes back or does not know us."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from sipgateway.media import (
    engine,
    janus_house,
    prompts,
)
from sipgateway.media.engine import (
    LegKind,
    MediaError,
    RoomId,
    Session,
)
from sipgateway.media.janus import JanusEngine
from sipgateway.media.janus_node import Address
from sipgateway.media.local import SPOKEN
from tests.media import januses, sounds
from tests.media.janus_stage import (
    ALICE,
    BOB,
    CAROL,
    LOST,
    RATE,
    ROOM,
    Desk,
    Stage,
    decoded,
    desks,
    home_of,
    lost,
    recordings,
    stage,
)

pytestmark = pytest.mark.live

__all__ = ["desks", "stage"]


async def test_a_room_that_somebody_destroys_is_made_anew(stage: Stage) -> None:
    """Whoever was in it is told as lost, and finds it when he is described anew."""
    await stage.calls_in(ALICE, 440)
    await stage.calls_in(BOB, 1000)
    one = stage.mixer._legs[ALICE]
    assert one.at is not None
    question = {"request": "destroy", "room": one.at.number, "secret": one.at.secret}
    await one.node.ask(one.handle, question)
    await stage.until(lambda: len(lost(stage)) == 2)
    stage.events.clear()
    alice = await stage.calls_in(ALICE, 440)
    bob = await stage.calls_in(BOB, 1000)
    await stage.hears(alice, 1000)
    await stage.hears(bob, 440)
    assert lost(stage) == []


async def test_a_node_that_knows_another_secret_is_no_node(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`/healthz` says why."""
    monkeypatch.setattr(janus_house, "BACK", 0.1)
    with januses.running(tmp_path) as (node,):
        library = prompts.Library(tmp_path, SPOKEN)
        mixer = JanusEngine(
            [Address.parse(f"ws://:guessed@127.0.0.1:{node.port}")],
            recordings=tmp_path,
            sounds=tmp_path,
            library=library,
        )
        stage = Stage(mixer, [node])
        await mixer.start(stage.events.append)
        try:
            await stage.until(lambda: "Unauthorized" in mixer.failing())
            assert "guessed" not in mixer.failing()
        finally:
            await mixer.stop()


@pytest.mark.parametrize("stage", [2], indirect=True)
async def test_a_recording_goes_on_at_another_node(stage: Stage, tmp_path: Path) -> None:
    await stage.calls_in(ALICE, 440)
    stage.mixer.record(ROOM, "one")
    await asyncio.sleep(1.5)
    home_of(stage, ALICE).kill()
    await stage.until(lambda: LOST in stage.events)
    stage.events.clear()
    await stage.calls_in(ALICE, 1000)
    await asyncio.sleep(1.5)
    stage.mixer.record(ROOM, "")
    await stage.until(lambda: any(one.seconds > 2.0 for one in recordings(stage)))
    sound = decoded(tmp_path / "recordings" / "one.opus")
    assert sounds.share(sound[RATE // 4 : RATE], 440) > 0.9
    assert sounds.share(sound[-RATE // 2 :], 1000) > 0.9


@pytest.mark.parametrize("stage", [2], indirect=True)
async def test_a_room_moves_to_another_node_when_its_own_dies(
    stage: Stage, desks: list[Desk]
) -> None:
    """Browsers are to be described anew; a desk phone need not know of it, mute and all."""
    await stage.calls_in(ALICE, 440)
    desks.append(desk := Desk())
    await desk.calls_in(stage)
    await stage.until(lambda: desk.hears(440))
    stage.mixer.mute(BOB, True)
    await stage.calls_in(CAROL, 600, RoomId("other"))
    home = home_of(stage, ALICE)
    assert home_of(stage, BOB) is home
    assert home_of(stage, CAROL) is not home
    home.kill()
    await stage.until(lambda: LOST in stage.events)
    assert stage.mixer.failing() == ""
    alice = await stage.calls_in(ALICE, 700)
    await stage.until(lambda: desk.hears(700))
    await stage.hears_nothing(alice)
    stage.mixer.mute(BOB, False)
    await stage.hears(alice, 1000)
    assert lost(stage) == [LOST]


@pytest.mark.parametrize("stage", [2], indirect=True)
async def test_a_node_that_hangs_is_noticed_and_what_was_asked_of_it_done_by_another(
    stage: Stage,
) -> None:
    await stage.calls_in(ALICE, 440)
    home = home_of(stage, ALICE)
    home.hang()
    called = asyncio.create_task(stage.mixer.offer(BOB, LegKind.WEBRTC, Session(), room=ROOM))
    await stage.until(lambda: LOST in stage.events)
    offered = await called
    assert "a=setup:actpass" in offered.sdp
    assert home_of(stage, BOB) is not home
    assert stage.events.count(LOST) == 1
    assert engine.LegLost(BOB, LOST.reason) not in stage.events


@pytest.mark.parametrize("stage", [2], indirect=True)
async def test_all_nodes_die_and_one_comes_back(
    stage: Stage, desks: list[Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A desk phone hears again without a word; a browser is described by the one that is back."""
    monkeypatch.setattr(janus_house, "BACK", 60.0)
    await stage.calls_in(ALICE, 440)
    desks.append(desk := Desk())
    await desk.calls_in(stage)
    await stage.until(lambda: desk.hears(440))
    for node in stage.nodes:
        node.kill()
    await stage.until(lambda: LOST in stage.events)
    stage.events.clear()
    again = asyncio.create_task(stage.calls_in(ALICE, 700))
    stage.nodes[1].start()
    alice = await again
    await stage.until(lambda: desk.hears(700))
    await stage.hears(alice, 1000)
    assert not [one for one in stage.events if isinstance(one, engine.LegLost)]


async def test_a_lost_phone_is_offered_what_it_had(
    stage: Stage, desks: list[Desk], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no node came back in time, what is offered then keeps session, SRTP and types."""
    (node,) = stage.nodes
    monkeypatch.setattr(janus_house, "BACK", 0.1)
    desks.append(desk := Desk())
    answer = await desk.calls_in(stage, secure=True)
    node.kill()
    lost = engine.LegLost(BOB, "the Janus node is gone")
    await stage.until(lambda: lost in stage.events)
    node.start()
    await stage.until(lambda: stage.mixer.failing() == "")
    again = await stage.mixer.offer(BOB, LegKind.RTP, Session(), room=ROOM)
    assert "RTP/SAVP 0 101" in again.sdp
    assert _line(again.sdp, "o=")[:2] == _line(answer.sdp, "o=")[:2]
    assert _line(again.sdp, "a=crypto:") != _line(answer.sdp, "a=crypto:")


def _line(text: str, begins: str) -> list[str]:
    return next(one for one in text.splitlines() if one.startswith(begins)).split()


async def test_a_node_that_comes_back_is_used_again(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    (node,) = stage.nodes
    node.kill()
    await stage.until(lambda: stage.mixer.failing() != "")
    monkeypatch.setattr(janus_house, "BACK", 0.1)
    with pytest.raises(MediaError) as caught:
        await stage.mixer.offer(ALICE, LegKind.WEBRTC, Session())
    assert caught.value.status == 503
    node.start()
    await stage.until(lambda: stage.mixer.failing() == "")
    await stage.calls_in(ALICE, 440)


async def test_a_dropped_leg_leaves_nothing_at_the_node(stage: Stage) -> None:
    await stage.calls_in(ALICE, 440)
    await stage.calls_in(BOB, 1000)
    one = stage.mixer._legs[BOB]
    stage.mixer.drop(ALICE)
    await stage.until(lambda: one.wanted is one.at)
    assert one.at is not None
    question = {"request": "listparticipants", "room": one.at.number}
    while len((await one.node.ask(one.handle, question)).data["participants"]) > 1:
        await asyncio.sleep(0.05)
    rooms = await one.node.ask(one.handle, {"request": "exists", "room": one.at.number})
    assert rooms.data["exists"]
    with pytest.raises(MediaError):
        await stage.mixer.offer(ALICE, LegKind.WEBRTC, Session())
