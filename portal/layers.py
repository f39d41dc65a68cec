"""The channel layer of a single process, safe to call from other threads.

Channels' in-memory layer hands messages over in `asyncio.Queue`s, which
belong to one event loop. In the embedded setup a Celery worker's thread sends
through `async_to_sync`, which runs a loop of its own, and the queue's getter
on the gateway's loop would never wake. Here a channel remembers the loop on
which it is received, and a message from anywhere else is put there by
`call_soon_threadsafe`.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from copy import deepcopy
from typing import Any

from channels.exceptions import ChannelFull
from channels.layers import InMemoryChannelLayer


class ThreadSafeInMemoryChannelLayer(InMemoryChannelLayer):  # type: ignore[misc]
    """`InMemoryChannelLayer` whose `send` and `group_send` may come from any thread."""

    def __init__(self, **config: Any) -> None:
        super().__init__(**config)
        self._loops: dict[str, asyncio.AbstractEventLoop] = {}
        self._lock = threading.Lock()

    async def receive(self, channel: str) -> dict[str, Any]:
        """Wait for the next message on `channel`; its loop is the running one from now on."""
        with self._lock:
            self._loops[channel] = asyncio.get_running_loop()
        message: dict[str, Any] = await super().receive(channel)
        return message

    async def send(self, channel: str, message: dict[str, Any]) -> None:
        """Put a copy of `message` on `channel`. Raises `ChannelFull` where that can be known.

        A message that crosses to another loop and finds the channel full there
        is dropped: delivery is at most once in every channel layer.
        """
        self.require_valid_channel_name(channel)
        with self._lock:
            loop = self._loops.get(channel)
        if loop is None or loop is asyncio.get_running_loop() or loop.is_closed():
            await super().send(channel, message)
            return
        copy = deepcopy(message)
        self._call(loop, lambda: self._put(channel, copy))

    async def group_add(self, group: str, channel: str) -> None:
        """Add `channel` to `group`; messages to it arrive on the running loop."""
        with self._lock:
            self._loops.setdefault(channel, asyncio.get_running_loop())
            await super().group_add(group, channel)

    async def group_discard(self, group: str, channel: str) -> None:
        """Take `channel` out of `group`."""
        with self._lock:
            await super().group_discard(group, channel)
            if not any(channel in members for members in self.groups.values()):
                self._loops.pop(channel, None)

    async def group_send(self, group: str, message: dict[str, Any]) -> None:
        """Send to every member; a full channel misses this one."""
        self.require_valid_group_name(group)
        with self._lock:
            members = list(self.groups.get(group, ()))
        for channel in members:
            try:
                await self.send(channel, message)
            except ChannelFull:
                continue

    def _put(self, channel: str, message: dict[str, Any]) -> None:
        """On the receiver's own loop: what `InMemoryChannelLayer.send` does."""
        sending = super().send(channel, message)
        try:
            sending.send(None)
        except (StopIteration, ChannelFull):
            return

    @staticmethod
    def _call(loop: asyncio.AbstractEventLoop, put: Callable[[], None]) -> None:
        """Hand `put` over, unless the loop has just been closed: then nobody listens."""
        try:
            loop.call_soon_threadsafe(put)
        except RuntimeError:
            return
