"""Pages of plain phones: JsSIP and SIP.js out of node_modules, bundled for the test.

They are served from an origin of their own, as anybody's phone would be.
"""

from __future__ import annotations

import contextlib
import functools
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page

from tests.live import browser as browsers
from tests.live.office import ROOT
from tests.live.phone import Account

PHONES = Path(__file__).parent / "phones"
LIBRARIES = ("jssip", "sipjs")
HTML = """<!doctype html>
<meta charset="utf-8">
<title>A phone</title>
<audio id="remote-audio" autoplay></audio>
<script src="{library}.bundle.js"></script>
"""


class _Quiet(SimpleHTTPRequestHandler):
    """Serves a directory, and says nothing about it."""

    def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 (its name upstream)
        """Say nothing."""


@dataclass(frozen=True)
class Pages:
    """Where the pages are served."""

    url: str

    def of(self, library: str) -> str:
        return f"{self.url}/{library}.html"


def _bundle(library: str, directory: Path) -> None:
    """Bundle one phone, and write the page around it."""
    subprocess.run(
        [
            str(ROOT / "node_modules" / ".bin" / "esbuild"),
            str(PHONES / f"{library}.js"),
            "--bundle",
            "--format=iife",
            "--log-level=warning",
            "--define:global=globalThis",
            f"--outfile={directory / library}.bundle.js",
        ],
        check=True,
        cwd=ROOT,
    )
    (directory / f"{library}.html").write_text(HTML.format(library=library))


@contextlib.contextmanager
def served(directory: Path) -> Iterator[Pages]:
    """Bundle both phones and serve them on loopback."""
    for library in LIBRARIES:
        _bundle(library, directory)
    handler = functools.partial(_Quiet, directory=str(directory))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield Pages(f"http://127.0.0.1:{server.server_address[1]}")
        server.shutdown()
        thread.join()


class BrowserPhone:
    """A phone in a page, as the test sees it."""

    def __init__(self, page: Page, account: Account, tone: int) -> None:
        self.page = page
        self.account = account
        self.tone = tone

    @classmethod
    async def open(
        cls, browser: Browser, pages: Pages, library: str, account: Account
    ) -> BrowserPhone:
        """Open the page; connect and register."""
        tone = browsers.TONES[account.username]
        trusting = account.websocket.startswith("wss:")
        page = await browsers.open_page(browser, tone=tone, trusting=trusting)
        await page.goto(pages.of(library))
        phone = cls(page, account, tone)
        await page.evaluate("(account) => phone.start(account)", phone.credentials)
        return phone

    @property
    def credentials(self) -> dict[str, str]:
        account = self.account
        return {
            "websocket": account.websocket,
            "aor": account.aor,
            "username": account.username,
            "password": account.password,
            "displayName": account.username.capitalize(),
        }

    async def call(self, uri: str, *headers: str) -> dict[str, Any]:
        """Call, with header fields of one's own; status and phrase of what came back."""
        answer: dict[str, Any] = await self.page.evaluate(
            "([uri, headers]) => phone.call(uri, { headers })", [uri, headers]
        )
        return answer

    async def joins(self, uri: str, *headers: str) -> None:
        """Call a conference, which has to answer and to say that it is one (RFC 4579 5.1)."""
        answer = await self.call(uri, *headers)
        assert answer["status"] == 200, answer
        assert await self.page.evaluate("phone.isFocus"), "no isfocus in Contact"

    async def has_joined(self) -> None:
        """Wait until the call is up that this phone was sent into."""
        await self.page.wait_for_function("() => phone.state === 'confirmed' && phone.isFocus")

    async def contact(self) -> str:
        """URI of the Contact in the answer to its call."""
        uri: str = await self.page.evaluate("phone.contact")
        return uri

    async def answers(self) -> str:
        """Wait until it rings, and answer; the Contact of who calls."""
        await self.page.wait_for_function("() => phone.state === 'ringing'")
        contact: str = await self.page.evaluate("phone.contacts.at(-1)")
        await self.page.evaluate("() => { phone.answer(); }")
        await self.page.wait_for_function("() => phone.state === 'confirmed'")
        return contact

    async def dialog(self) -> str:
        """Its dialog, as Join and Replaces have to name it at the other end (RFC 3911 4)."""
        told = await self.page.evaluate("phone.dialog()")
        return f"{told['callId']};to-tag={told['remote']};from-tag={told['local']}"

    async def subscribes(self, uri: str, event: str = "conference") -> None:
        """Subscribe to the conference package, or another, and wait for the first document."""
        await self.page.evaluate("([uri, e]) => { phone.subscribe(uri, e); }", [uri, event])
        await self.page.wait_for_function("() => phone.notes.length > 0")

    async def notes(self) -> list[str]:
        """Every conference-info document that came."""
        bodies: list[str] = await self.page.evaluate("phone.notes")
        return bodies

    async def refers(self, refer_to: str) -> list[str]:
        """REFER in the call: the statuses of its sipfrags, or ``refused …``."""
        said: list[str] = await self.page.evaluate("(to) => phone.refer(to)", refer_to)
        return said

    async def was_removed(self) -> dict[str, str]:
        """Wait for the BYE; who ended the call, and the Reason it gave."""
        await self.page.wait_for_function("() => phone.state === 'ended'")
        ended: dict[str, str] = await self.page.evaluate("phone.ended")
        return ended

    async def hangs_up(self) -> None:
        """End the call from this side."""
        await self.page.evaluate("() => { phone.hangUp(); }")
