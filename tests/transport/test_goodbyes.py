"""How long stopping takes where phones do not answer their BYE: by a clock that jumps."""

from __future__ import annotations

import asyncio

import pytest

from sipgateway import clock
from sipgateway.gateway import GOODBYE, Gateway
from sipgateway.ladder import Ladder
from tests.stage import DOMAIN, Stage
from tests.test_gateway import Directory, Engine

pytestmark = pytest.mark.jumping

SOON = 0.1
"""Seconds within which somebody who waits for nothing has stopped."""


async def stopped(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> float:
    """Stop a gateway around the focus of a stage; the seconds that it took."""
    loop = asyncio.get_running_loop()
    monkeypatch.setattr(clock.Clock, "now", lambda _: stage.now + loop.time())
    gateway = Gateway(
        endpoint=stage.endpoint,
        switchboard=stage.switchboard,
        media=Engine(),
        gate=stage.gate,
        ladder=Ladder(DOMAIN),
    )
    await gateway.start(Directory())
    await asyncio.sleep(0)  # what it does beside has begun
    begun = loop.time()
    await gateway.stop()
    await asyncio.sleep(0)
    return loop.time() - begun


async def test_nobody_is_waited_for_where_nobody_is_in(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await stopped(Stage(), monkeypatch) < SOON


async def test_a_phone_that_does_not_answer_is_not_waited_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nor two of them one after the other."""
    stage = Stage()
    stage.conference()
    stage.joined("alice")
    stage.joined("bob")
    assert await stopped(stage, monkeypatch) == pytest.approx(GOODBYE, abs=SOON)
