"""The portal's pages as somebody uses them: by their labels and by the room's hooks."""

from __future__ import annotations

import re

from playwright.async_api import Browser, Locator, Page, expect

from tests.live import browser as browsers
from tests.live.phone import Account
from tests.live.server import Server

#: Milliseconds for a call to be up, ICE and DTLS included.
JOINED_WITHIN = 2 * browsers.PATIENCE


async def sign_in(page: Page, server: Server, account: Account) -> None:
    """Sign in by the form."""
    await page.goto(f"{server.url}/sign-in/")
    await page.fill("input[name=username]", account.username)
    await page.fill("input[name=password]", account.web_password)
    await page.get_by_role("button", name="Sign in").click()
    await expect(page.get_by_role("link", name="Phone").first).to_be_visible()


async def book(page: Page, title: str, *, waiting_room: str = "none") -> str:
    """Book a standing room open to guests by the form; the link that its page shows."""
    await page.get_by_role("link", name="Book").first.click()
    await page.fill("input[name=title]", title)
    await page.check("input[name=kind][value=room]", force=True)
    await page.check("input[name=admission][value=open]", force=True)
    await page.select_option("select[name=waiting_room]", waiting_room)
    await page.locator("main form button[type=submit]").first.click()
    await expect(page.get_by_role("heading", name=title).first).to_be_visible()
    found = re.search(r"https?://[^\"'<\s]+/c/[^\"'<\s/]+/", await page.content())
    assert found is not None, "the conference's page shows no link to join by"
    return found.group(0)


class Room:
    """The room page of one person."""

    def __init__(self, page: Page) -> None:
        self.page = page
        #: A guest's short-lived SIP credentials, as his page was given them.
        self.account: Account | None = None

    @classmethod
    async def of_guest(
        cls, browser: Browser, link: str, name: str, *, tone: int, state: str = "joined"
    ) -> Room:
        """Open the link in a browser of one's own, and join under a name."""
        room = cls(await browsers.open_page(browser, tone=tone))
        await room.page.goto(link)
        async with room.page.expect_response("**/enter/") as entered:
            await room.press_join(name)
        given = (await (await entered.value).json())["phone"]
        room.account = Account(
            username=given["auth_name"],
            password=given["password"],
            aor=given["uri"],
            websocket=given["websocket"],
        )
        await room.is_in(state, within=JOINED_WITHIN)
        return room

    def hook(self, name: str) -> Locator:
        return self.page.get_by_test_id(name)

    async def press_join(self, name: str = "") -> None:
        """Fill in the name where one is asked for, and press join."""
        if name:
            await self.hook("join-name").fill(name)
        await self.hook("join-button").click()

    async def joins(self, name: str = "") -> None:
        """Join, which has to work."""
        await self.press_join(name)
        await self.is_in("joined", within=JOINED_WITHIN)

    async def is_in(self, state: str, *, within: float = browsers.PATIENCE) -> None:
        """Wait until the call is in a state."""
        await expect(self.hook("call-state")).to_have_attribute("data-state", state, timeout=within)

    def entry(self, text: str) -> Locator:
        """The roster's entry with that name."""
        return self.hook("roster-item").filter(has_text=text)

    async def sees(self, *names: str) -> None:
        """The roster has these people and nobody else."""
        await expect(self.hook("roster-item")).to_have_count(len(names))
        for name in names:
            await expect(self.entry(name)).to_be_visible()

    async def removes(self, name: str, *, for_good: bool) -> None:
        """Remove somebody by the entry's button and the dialog that it opens."""
        await self.entry(name).get_by_test_id("remove-button").click()
        if for_good:
            await self.hook("remove-ban").check()
        await self.hook("remove-confirm").click()

    async def says(self, pattern: str) -> None:
        """The page's message."""
        words = re.compile(pattern, re.IGNORECASE)
        await expect(self.hook("message")).to_contain_text(words)
