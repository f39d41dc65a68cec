"""What a burst took comes back."""

from __future__ import annotations

import asyncio
import subprocess
import sys

import pytest

from sipgateway import heap

#: Holds 64 MB in pieces and frees all but every thousandth: none of it is at the top of the heap.
BURST = """
import asyncio, ctypes
from pathlib import Path
from sipgateway import heap

def megabytes():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 2**20

async def main():
    heap.EVERY = 0.05
    before = megabytes()
    pieces = [ctypes.create_string_buffer(8_000) for _ in range(8_000)]
    held = megabytes()
    del pieces[::2], pieces[: len(pieces) - 4]
    giving = asyncio.create_task(heap.give_back())
    while megabytes() > before + 20:
        await asyncio.sleep(0.05)
    giving.cancel()
    print(held > before + 50)

asyncio.run(asyncio.wait_for(main(), 20))
"""


def test_memory_is_given_back() -> None:
    done = subprocess.run([sys.executable, "-c", BURST], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"


async def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ctypes.CDLL", lambda name: object())
    giving = asyncio.create_task(heap.give_back())
    await asyncio.sleep(0)
    assert giving.done(), "there is nothing to come back for"
    await giving
