"""Every scenario has a stage of its own."""

from __future__ import annotations

import pytest

from tests.stage import Stage


@pytest.fixture
def stage() -> Stage:
    """An empty stage with one conference booked: 4711."""
    stage = Stage()
    stage.conference()
    return stage
