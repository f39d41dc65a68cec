"""Firefox, by as much of WebDriver BiDi (https://w3c.github.io/webdriver-bidi/) as tests use.

Playwright drives a Firefox of its own only; this is the one that people have.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import shutil
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect

PROGRAM = "firefox-esr"
EARS = (Path(__file__).parent / "ears.js").read_text()
PREFERENCES = {
    "media.autoplay.default": 0,  # a page may play without having been clicked
    "media.navigator.streams.fake": True,
    "media.peerconnection.ice.loopback": True,
    "app.update.auto": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
}
TOLD = "WebDriverBiDiServer.json"
"""Where Firefox writes, in its profile, where it takes orders."""

PERMISSIONS_VERSION = 12
"""Of the table in which Firefox keeps what a site may do."""

STARTS_WITHIN = 60.0
HAPPENS_WITHIN = 30.0
"""Seconds, on a machine that is busy."""


class FirefoxError(Exception):
    """What Firefox answers to a command that it cannot carry out."""


class Page:
    """A tab, in which functions of JavaScript are called."""

    def __init__(self, connection: ClientConnection) -> None:
        self._connection = connection
        self._numbers = itertools.count(1)
        self._context = ""

    async def open(self) -> None:
        """Begin a session."""
        await self._command("session.new", capabilities={})
        tree = await self._command("browsingContext.getTree")
        self._context = tree["contexts"][0]["context"]
        await self._command("script.addPreloadScript", functionDeclaration=f"() => {{ {EARS} }}")

    async def goto(self, url: str) -> None:
        """Open an address."""
        await self._command(
            "browsingContext.navigate", context=self._context, url=url, wait="complete"
        )

    async def evaluate(self, function: str, arg: object = None, /) -> Any:
        """What a function returns, also by a promise; by way of JSON."""
        by_text = f"async (arg) => JSON.stringify(await ({function})(JSON.parse(arg)))"
        told = await self._command(
            "script.callFunction",
            functionDeclaration=by_text,
            arguments=[{"type": "string", "value": json.dumps(arg)}],
            awaitPromise=True,
            target={"context": self._context},
            userActivation=True,
        )
        if told["type"] != "success":
            raise FirefoxError(told["exceptionDetails"]["text"])
        return json.loads(told["result"].get("value", "null"))

    async def wait_for_function(self, function: str, /, *, arg: object = None) -> None:
        """Wait until a function returns something true."""
        waits = f"""async (arg) => {{
            while (!(await ({function})(arg))) await new Promise((go) => setTimeout(go, 100));
        }}"""
        async with asyncio.timeout(HAPPENS_WITHIN):
            await self.evaluate(waits, arg)

    async def _command(self, method: str, **parameters: object) -> Any:
        number = next(self._numbers)
        order = {"id": number, "method": method, "params": parameters}
        await self._connection.send(json.dumps(order))
        while (told := json.loads(await self._connection.recv())).get("id") != number:
            continue  # an event, or the answer to what is not waited for any more
        if told["type"] == "error":
            raise FirefoxError(f"{method}: {told['error']}: {told['message']}")
        return told["result"]


@contextlib.asynccontextmanager
async def page(directory: Path, *, origin: str, tone: int) -> AsyncIterator[Page]:
    """A tab of a Firefox with a new profile in the directory.

    Its microphone hums a tone, and the pages of `origin` may use it.
    """
    program = shutil.which(PROGRAM)
    assert program is not None, f"{PROGRAM} is not installed"
    directory.mkdir()
    wanted = {**PREFERENCES, "media.navigator.audio.fake_frequency": tone}
    lines = (f"user_pref({json.dumps(name)}, {json.dumps(to)});" for name, to in wanted.items())
    (directory / "user.js").write_text("\n".join(lines))
    _permit(directory / "permissions.sqlite", origin)
    with (directory / "firefox.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            program,
            "--headless",
            "--no-remote",
            "--remote-debugging-port=0",
            f"--profile={directory}",
            stdout=log,
            stderr=log,
        )
    try:
        async with connect(await _told(directory, process), max_size=None) as connection:
            tab = Page(connection)
            await tab.open()
            yield tab
    finally:
        process.kill()
        await process.wait()


def _permit(database: Path, origin: str) -> None:
    """Allow the microphone, as somebody did who ticked "Remember".

    With it Firefox tells the page's peers all its addresses, also the loopback's.
    """
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        connection.execute(f"PRAGMA user_version = {PERMISSIONS_VERSION}")
        connection.execute(
            "CREATE TABLE moz_perms (id INTEGER PRIMARY KEY, origin TEXT, type TEXT,"
            " permission INTEGER, expireType INTEGER, expireTime INTEGER,"
            " modificationTime INTEGER)"
        )
        allow, never = 1, 0
        row = (origin, "microphone", allow, never, 0, 0)
        connection.execute("INSERT INTO moz_perms VALUES (NULL, ?, ?, ?, ?, ?, ?)", row)


async def _told(directory: Path, process: asyncio.subprocess.Process) -> str:
    """Where Firefox takes orders, once it says so."""
    async with asyncio.timeout(STARTS_WITHIN):
        while process.returncode is None:
            with contextlib.suppress(OSError, ValueError):
                told = json.loads((directory / TOLD).read_text())
                return f"ws://{told['ws_host']}:{told['ws_port']}/session"
            await asyncio.sleep(0.1)
    raise FirefoxError((directory / "firefox.log").read_text())
