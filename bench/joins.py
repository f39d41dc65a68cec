"""How long a join takes and what it costs: ``make bench``.

A server of its own, on loopback; another participant hums throughout, so that
there is something to hear. Two bounds are promised (medians of ten, on a quiet
machine of two cores): 60 ms to confirmed and 150 ms to the first audio.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import async_playwright

from bench import processes
from tests.live import browser as browsers
from tests.live import harness
from tests.live.harness import BrowserPhone
from tests.live.phone import Phone
from tests.live.server import Server, running

CALLS = 10
RAW_CALLS = 40
#: Seconds over which the cost of running without joins is taken.
BASELINE = 4.0
CONFIRMED_WITHIN = 60.0
AUDIO_WITHIN = 150.0
CALL = (Path(__file__).parent / "joins.js").read_text().rstrip().rstrip(";")


@dataclass(frozen=True)
class Cost:
    """CPU of the server and its mixer over a stretch of time, without what runs anyway."""

    wall: float
    cpu: float

    @classmethod
    def since(cls, server: Server, began: tuple[float, float], *, idle: float = 0.0) -> Cost:
        wall = time.monotonic() - began[0]
        return cls(wall, processes.cpu_seconds(group(server)) - began[1] - idle * wall)


def group(server: Server) -> int:
    """The process group of the server, which leads it."""
    assert server.process is not None
    return server.process.pid


def mark(server: Server) -> tuple[float, float]:
    """The wall clock and the group's CPU now."""
    return time.monotonic(), processes.cpu_seconds(group(server))


async def rate(server: Server) -> float:
    """CPU seconds a second while nobody joins."""
    began = mark(server)
    await asyncio.sleep(BASELINE)
    cost = Cost.since(server, began)
    return cost.cpu / cost.wall


def line(what: str, values: Sequence[float], bound: float | None = None) -> str:
    """One row: median, least and most, in milliseconds."""
    median = statistics.median(values)
    row = f"  {what:<34}{median:8.1f}   ({min(values):.1f} to {max(values):.1f})"
    if bound is None:
        return row
    return f"{row}   bound {bound:.0f}: {'met' if median <= bound else 'MISSED'}"


async def browser_joins(server: Server, uri: str, caller: BrowserPhone) -> None:
    """Ten calls of a JsSIP phone; one before them warms page and server up."""
    await caller.page.evaluate("phone.openMicrophone()")
    await caller.page.evaluate(CALL, uri)
    idle = await rate(server)
    began = mark(server)
    calls = [await caller.page.evaluate(CALL, uri) for _ in range(CALLS)]
    cost = Cost.since(server, began, idle=idle)
    print(f"JsSIP in Chromium, {CALLS} calls, milliseconds from ua.call() (median, range)")
    print("  microphone open before, first ICE candidate taken, 401 answered in between")
    print(line("confirmed", [one["confirmed"] for one in calls], CONFIRMED_WITHIN))
    print(line("first RTP packet (getStats)", [one["packet"] for one in calls], AUDIO_WITHIN))
    print(line("first sound in the page", [one["sound"] for one in calls]))
    print(
        f"  CPU a join, media included        {1000 * cost.cpu / CALLS:8.1f}   "
        f"ms of the server's {processes.count(group(server))} processes, "
        f"BYE and {cost.wall / CALLS:.2f} s of call included"
    )


async def raw_joins(server: Server, uri: str, caller: Phone) -> None:
    """Joins without media: what signalling and roster cost alone."""
    await (await caller.joins(uri)).hang_up()
    idle = await rate(server)
    began = mark(server)
    spent = []
    for _ in range(RAW_CALLS):
        started = time.monotonic()
        call = await caller.joins(uri)
        spent.append(1000 * (time.monotonic() - started))
        await call.hang_up()
    cost = Cost.since(server, began, idle=idle)
    print(f"SIP by hand over a WebSocket, {RAW_CALLS} calls, nobody behind the media")
    print(line("INVITE, 401, INVITE, 200", spent))
    print(
        f"  CPU a join and leave              {1000 * cost.cpu / RAW_CALLS:8.1f}   "
        f"ms (utime + stime in /proc; {1000 * idle:.0f} ms/s that ran anyway taken off)"
    )


async def measure(server: Server, directory: Path) -> None:
    """Measure both kinds of join into one room in which Bob hums."""
    alice, bob = server.phone("alice", "--organizer"), server.phone("bob")
    uri = server.conference("--invite", bob.aor)["uri"]
    with harness.served(directory) as pages:
        async with async_playwright() as playwright:
            chromium = await browsers.launch(playwright)
            humming = await BrowserPhone.open(chromium, pages, "jssip", bob)
            await humming.joins(uri)
            caller = await BrowserPhone.open(chromium, pages, "jssip", alice)
            await browser_joins(server, uri, caller)
            async with await Phone.connect(alice) as raw:
                await raw_joins(server, uri, raw)
            await chromium.close()


def main() -> int:
    """Start a server, measure, print."""
    with tempfile.TemporaryDirectory() as directory:
        pages = Path(directory) / "pages"
        pages.mkdir()
        with running(Path(directory) / "parley") as server:
            asyncio.run(measure(server, pages))
    return 0


if __name__ == "__main__":
    sys.exit(main())
