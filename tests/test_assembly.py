"""What runs beside the pages goes on when Redis fails for a while."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from channels.layers import InMemoryChannelLayer
from redis.exceptions import ConnectionError as RedisGone

from conferences import notices
from conferences.policy import ConferenceId
from sipgateway import assembly
from sipgateway.assembly import Assembly


class Layer(InMemoryChannelLayer):  # type: ignore[misc]  # Channels has no types
    """A layer that fails before it works."""

    errors: list[Exception]

    async def receive(self, channel: str) -> dict[str, Any]:
        if self.errors:
            raise self.errors.pop()
        received: dict[str, Any] = await super().receive(channel)
        return received


async def test_notices_are_heard_again_after_redis_failed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    layer = Layer()
    layer.errors = [OSError("refused"), RedisGone("closed by the server")]
    monkeypatch.setattr(assembly, "get_channel_layer", lambda: layer)
    monkeypatch.setattr(assembly, "DEAF", 0.0)
    made = Assembly()
    heard: asyncio.Queue[ConferenceId] = asyncio.Queue()
    monkeypatch.setattr(made.gateway, "changed", heard.put_nowait)
    listening = asyncio.create_task(made._hear())
    async with asyncio.timeout(5):
        while len(layer.groups.get(notices.GROUP, ())) < 3:
            await asyncio.sleep(0)
        await layer.group_send(notices.GROUP, {"type": "conference.changed", "conference": 4711})
        assert await heard.get() == 4711
    listening.cancel()
    assert "closed by the server" in caplog.text
    assert "refused" in caplog.text
