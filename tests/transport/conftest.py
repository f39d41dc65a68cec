"""Which clock the tests of transports go by."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import pytest

from tests.jumping import JumpingLoop


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The system's clock, or one that jumps where a test says so."""
    if item.get_closest_marker("jumping"):
        return {"jumping": JumpingLoop}
    return {"real": asyncio.new_event_loop}
