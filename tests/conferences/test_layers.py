"""Notices: after commit, from any thread, to whatever loop listens."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from celery import current_app
from channels.layers import channel_layers
from django.db import transaction
from kombu.exceptions import OperationalError

from conferences import notices
from portal.layers import ThreadSafeInMemoryChannelLayer

SOON = 5.0


@pytest.fixture
def layer() -> ThreadSafeInMemoryChannelLayer:
    return ThreadSafeInMemoryChannelLayer()


async def _listen(layer: ThreadSafeInMemoryChannelLayer, group: str = "g") -> str:
    channel: str = await layer.new_channel()
    await layer.group_add(group, channel)
    return channel


def _send_from_a_thread(layer: ThreadSafeInMemoryChannelLayer, *numbers: int) -> threading.Thread:
    def send() -> None:
        for number in numbers:
            async_to_sync(layer.group_send)("g", {"type": "t", "number": number})

    thread = threading.Thread(target=send)
    thread.start()
    return thread


async def test_a_message_from_another_thread_wakes_the_listener(
    layer: ThreadSafeInMemoryChannelLayer,
) -> None:
    channel = await _listen(layer)
    waiting = asyncio.ensure_future(layer.receive(channel))
    await asyncio.sleep(0)
    thread = _send_from_a_thread(layer, 1)
    message = await asyncio.wait_for(waiting, SOON)
    assert message == {"type": "t", "number": 1}
    thread.join()


async def test_messages_before_the_first_look_are_kept_in_order(
    layer: ThreadSafeInMemoryChannelLayer,
) -> None:
    channel = await _listen(layer)
    thread = _send_from_a_thread(layer, 1, 2, 3)
    await asyncio.to_thread(thread.join)
    received = [await asyncio.wait_for(layer.receive(channel), SOON) for _ in range(3)]
    assert [message["number"] for message in received] == [1, 2, 3]


async def test_many_threads_lose_nothing(layer: ThreadSafeInMemoryChannelLayer) -> None:
    channel = await _listen(layer)
    threads = [_send_from_a_thread(layer, *range(n, n + 20)) for n in range(0, 80, 20)]
    received = [await asyncio.wait_for(layer.receive(channel), SOON) for _ in range(80)]
    for thread in threads:
        thread.join()
    assert sorted(message["number"] for message in received) == list(range(80))


async def test_the_same_loop_and_the_senders_own_copy(
    layer: ThreadSafeInMemoryChannelLayer,
) -> None:
    channel = await _listen(layer)
    message: dict[str, Any] = {"type": "t", "list": []}
    await layer.group_send("g", message)
    message["list"].append(1)
    assert await asyncio.wait_for(layer.receive(channel), SOON) == {"type": "t", "list": []}


async def test_who_left_hears_nothing_and_nobody_minds(
    layer: ThreadSafeInMemoryChannelLayer,
) -> None:
    channel = await _listen(layer)
    await layer.group_discard("g", channel)
    await layer.group_send("g", {"type": "t"})
    assert layer.channels == {}


def test_a_listener_whose_loop_is_closed_is_in_nobodys_way(
    layer: ThreadSafeInMemoryChannelLayer,
) -> None:
    asyncio.run(_listen(layer))
    thread = _send_from_a_thread(layer, 1)
    thread.join(SOON)
    assert not thread.is_alive()


async def test_a_full_channel_drops_and_does_not_block(
    layer: ThreadSafeInMemoryChannelLayer,
) -> None:
    layer.capacity = 2
    channel = await _listen(layer)
    thread = _send_from_a_thread(layer, 1, 2, 3)
    await asyncio.to_thread(thread.join)
    await layer.group_send("g", {"type": "t", "number": 4})
    received = [await asyncio.wait_for(layer.receive(channel), SOON) for _ in range(2)]
    assert [message["number"] for message in received] == [1, 2]


@pytest.mark.django_db
def test_a_notice_says_which_and_only_after_commit(
    monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    sent: list[tuple[str, dict[str, Any]]] = []

    class Layer:
        async def group_send(self, group: str, message: dict[str, Any]) -> None:
            sent.append((group, message))

    monkeypatch.setitem(channel_layers.backends, "default", Layer())
    monkeypatch.setattr(current_app, "send_task", lambda name: sent.append((name, {})))
    with django_capture_on_commit_callbacks(execute=True), transaction.atomic():
        notices.conference_changed(4711)
        notices.wake("place_calls")
        assert sent == []
    assert sent == [
        ("conferences", {"type": "conference.changed", "conference": 4711}),
        ("conferences.tasks.place_calls", {}),
    ]


@pytest.mark.django_db
def test_a_broker_that_is_gone_harms_nobody(
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(name: str) -> None:
        raise OperationalError(name)

    monkeypatch.setattr(current_app, "send_task", fail)
    with django_capture_on_commit_callbacks(execute=True):
        notices.wake("place_calls")
    assert "place_calls was not woken" in caplog.text


def test_every_sweep_names_a_task() -> None:
    current_app.loader.import_default_modules()
    swept = {entry["task"] for entry in current_app.conf.beat_schedule.values()}
    assert swept <= set(current_app.tasks)
    assert len(swept) == 9
