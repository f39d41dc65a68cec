"""The browser as a phone (/phone/), and people called into a room by its page."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Locator, Page, WebSocket, expect

from tests.live import browser as browsers
from tests.live import room as rooms
from tests.live.conftest import People
from tests.live.phone import Account, Phone, is_request
from tests.live.room import Room
from tests.live.server import Server, until
from tests.live.wire import Message

ALICE, CAROL = browsers.TONES["alice"], browsers.TONES["carol"]


class PhonePage(Room):
    """The phone page of one person; in a call it is a room's."""

    @classmethod
    async def open(cls, browser: Browser, server: Server, account: Account) -> PhonePage:
        """Sign in and open the page; it is ready for calls."""
        page = await browsers.open_page(browser, tone=browsers.TONES[account.username])
        await page.goto(f"{server.url}/sign-in/")
        await page.fill("input[name=username]", account.username)
        await page.fill("input[name=password]", account.web_password)
        await page.get_by_role("button", name="Sign in").click()
        await expect(page.get_by_role("link", name="Phone").first).to_be_visible()
        await page.goto(f"{server.url}/phone/")
        phone = cls(page)
        await phone.is_ready()
        return phone

    async def is_ready(self) -> None:
        await expect(self.hook("phone-state")).to_have_attribute("data-state", "ready")

    async def dials(self, text: str) -> None:
        await self.hook("dial").fill(text)
        await self.hook("dial-button").click()


async def has_called(room: Room, whom: str) -> Locator:
    """Have somebody called by the room's form; the line that tells how it goes."""
    await room.hook("add-button").click()
    await room.hook("add-uri").fill(whom)
    await room.hook("add-confirm").click()
    return room.hook("outgoing-call").last


@pytest.fixture
async def organizer(browser: Browser, server: Server, people: People) -> AsyncIterator[Page]:
    """Alice's browser, signed in."""
    page = await browsers.open_page(browser, tone=ALICE)
    await rooms.sign_in(page, server, people.alice)
    yield page
    await page.context.close()


@pytest.fixture
async def alice(organizer: Page) -> Room:
    """Alice in a room of hers."""
    await organizer.get_by_test_id("start-button").click()
    room = Room(organizer)
    await room.joins()
    return room


@pytest.fixture
async def carol(browser: Browser, server: Server, people: People) -> AsyncIterator[PhonePage]:
    """Carol's phone page, ready for calls."""
    phone = await PhonePage.open(browser, server, people.carol)
    yield phone
    await phone.page.context.close()


async def test_carol_is_called_in(alice: Room, carol: PhonePage) -> None:
    """It rings; she accepts, hears and is heard, and sees who is there."""
    line = await has_called(alice, "carol")
    await expect(carol.hook("ring")).to_contain_text("alice asks you to join")
    await expect(line).to_contain_text("ringing")
    await expect(alice.entry("carol")).to_have_attribute("data-calling", "true")
    await browsers.is_accessible(alice.page)
    await browsers.is_accessible(carol.page)
    await carol.hook("ring-accept").click()
    await expect(line).to_contain_text("has answered")
    await expect(alice.entry("carol")).to_have_attribute("data-calling", "false")
    await carol.sees("Alice", "carol")
    await browsers.hears_the_other_alone(carol.page, own=CAROL, other=ALICE)
    await browsers.hears_the_other_alone(alice.page, own=ALICE, other=CAROL)
    await expect(carol.hook("remove-button")).to_have_count(0)
    await browsers.is_accessible(carol.page)
    await alice.removes("carol", for_good=False)
    await carol.says("Alice removed you")
    await carol.is_ready()
    await alice.sees("Alice")


async def test_carol_declines(alice: Room, carol: PhonePage) -> None:
    line = await has_called(alice, "carol")
    await carol.hook("ring-decline").click()
    await expect(line).to_contain_text("carol declined")
    await alice.sees("Alice")
    await line.get_by_role("button", name="Call again: carol").click()
    await expect(carol.hook("ring")).to_be_visible()
    await expect(alice.hook("outgoing-call")).to_have_count(1)


async def test_nobody_is_there(alice: Room) -> None:
    """No phone of Bob's is on; an address that is none is said at the field."""
    line = await has_called(alice, "bob")
    await expect(line).to_contain_text("bob has no phone that is on")
    await has_called(alice, "no such address")
    await expect(alice.hook("add-error")).to_contain_text("is not an address that can be called")
    await expect(alice.hook("add-uri")).to_be_focused()
    await browsers.is_accessible(alice.page)
    await alice.sees("Alice")


async def test_a_phone_that_lost_its_connection_rings_again(alice: Room, carol: PhonePage) -> None:
    assert await carol.page.evaluate("loseSockets()") >= 1
    await expect(carol.hook("phone-state")).to_have_attribute("data-state", "offline")
    await carol.is_ready()
    await has_called(alice, "carol")
    await carol.hook("ring-accept").click()
    await carol.sees("Alice", "carol")
    assert await carol.page.evaluate("loseSockets()") >= 1
    await expect(carol.hook("phone-state")).to_have_attribute("data-state", "offline")
    await expect(carol.hook("phone-state")).to_have_attribute("data-state", "ready")
    await browsers.hears_the_other_alone(carol.page, own=CAROL, other=ALICE)
    await alice.removes("carol", for_good=False)
    await carol.says("Alice removed you")


async def test_one_answers_the_others_stop(
    alice: Room, carol: PhonePage, browser: Browser, server: Server, people: People
) -> None:
    """Two pages of hers ring; one takes it, the other says so."""
    other = await PhonePage.open(browser, server, people.carol)
    await has_called(alice, "carol")
    await expect(other.hook("ring")).to_be_visible()
    await carol.hook("ring-accept").click()
    await other.says("Answered on another phone")
    await carol.sees("Alice", "carol")


async def test_a_missed_call_is_called_back(alice: Room, carol: PhonePage) -> None:
    """Alice ends it while it rings."""
    await has_called(alice, "carol")
    await expect(carol.hook("ring")).to_be_visible()
    await alice.hook("end-button").click()
    await alice.hook("end-confirm").click()
    await carol.says("Missed call")
    await carol.hook("again-button").click()
    await carol.sees("Carol")


async def test_a_conference_now(carol: PhonePage, browser: Browser, people: People) -> None:
    """The factory makes one (RFC 4579 5.4); its link is on the page, and others come by it."""
    await carol.hook("factory-button").click()
    await carol.sees("Carol")
    uri = await carol.page.get_by_text("sip:").last.inner_text()
    async with await Phone.connect(people.bob) as bob:
        await bob.joins(uri)
        await carol.sees("Carol", "Bob")
        await carol.hook("leave-button").click()
        await carol.says("With you the conference has ended")
        await bob.receives(is_request("BYE"))
    await carol.dials(uri)
    await carol.says("over")


async def test_a_conference_to_which_the_factory_sends_on(carol: PhonePage, server: Server) -> None:
    """302 with the conference's URI, and the page calls that (RFC 4579 5.4, figure 4)."""
    said: list[str] = []

    def listen(line: WebSocket) -> None:
        for way in ("framesent", "framereceived"):
            line.on(way, lambda text: said.append(str(text)))

    carol.page.on("websocket", listen)
    await carol.page.reload()
    await carol.is_ready()
    server.back_office("Factory.objects.update_or_create(defaults={'mode': 'redirect'}, name=NAME)")
    try:
        await carol.hook("factory-button").click()
        await carol.sees("Carol")
        (moved,) = (one for one in said if one.startswith("SIP/2.0 302"))
        contact = re.search(r"^Contact: <(sip:[^>]+)>;isfocus", moved, re.MULTILINE)
        assert contact is not None, moved
        later = said[said.index(moved) + 1 :]
        assert [one for one in later if one.startswith(f"INVITE {contact[1]} ")] != []
        await carol.hook("leave-button").click()
    finally:
        server.back_office("Factory.objects.filter(name=NAME).update(mode='answer')")


async def test_carol_is_not_called_any_more(alice: Room, carol: PhonePage) -> None:
    """Alice stops it, at the line and at the tile; the phone is told so."""
    line = await has_called(alice, "carol")
    await expect(carol.hook("ring")).to_be_visible()
    await browsers.is_accessible(alice.page)
    await line.get_by_role("button", name="Stop calling").click()
    await expect(carol.hook("ring")).to_be_hidden()
    await expect(alice.hook("outgoing-call")).to_have_count(0)
    await has_called(alice, "carol")
    await expect(carol.hook("ring")).to_be_visible()
    await alice.entry("carol").get_by_role("button", name="Stop calling").click()
    await expect(carol.hook("ring")).to_be_hidden()
    await alice.sees("Alice")


async def test_the_application_asks_on_the_page(alice: Room, carol: PhonePage) -> None:
    """Draft 4.3: the page of the call is shown beside it; then it is the conference's."""
    await carol.hook("application-button").click()
    panel = carol.hook("setup-panel")
    await panel.locator("[name=title]").fill("Made by a form")
    await panel.locator("[name=pin]").fill("1")
    await panel.locator("[type=submit]").click()
    await expect(panel).to_contain_text("A PIN has 4 to 16 digits.")
    await panel.locator("[name=pin]").fill("")
    await panel.get_by_role("button", name="Look it over first").click()
    await expect(panel).to_contain_text("Is this right?")
    await panel.get_by_role("button", name="Back").click()
    await expect(panel.locator("[name=title]")).to_have_value("Made by a form")
    await browsers.is_accessible(carol.page)
    await panel.locator("[name=pin]").fill("4711")
    await panel.locator("[type=submit]").click()
    await expect(carol.page.get_by_role("heading", name="Made by a form")).to_be_visible()
    await expect(panel).to_be_hidden()
    await carol.sees("Carol")


async def test_a_call_between_people(
    carol: PhonePage, browser: Browser, server: Server, people: People
) -> None:
    """No conference, so no roster: two people, who hear each other."""
    alice = await PhonePage.open(browser, server, people.alice)
    await alice.dials("Carol")
    await expect(carol.hook("ring")).to_contain_text("Alice is calling")
    await carol.hook("ring-accept").click()
    await browsers.hears_the_other_alone(alice.page, own=ALICE, other=CAROL)
    await browsers.hears_the_other_alone(carol.page, own=CAROL, other=ALICE)
    await carol.sees("Carol", "Alice")
    await expect(carol.hook("add-button")).to_have_count(0)
    await carol.hook("leave-button").click()
    await alice.says("The call has ended")
    await alice.is_ready()


async def test_a_link_to_the_call(
    carol: PhonePage, browser: Browser, server: Server, people: People
) -> None:
    """Sent out of the room as a text; whoever has his phone page open can follow it."""
    page = await browsers.open_page(browser, tone=ALICE)
    await rooms.sign_in(page, server, people.alice)
    link = await rooms.book(page, "By invitation")
    await page.goto(link)
    alice = Room(page)
    await alice.joins()
    await alice.hook("add-button").click()
    await alice.hook("add-link").click()
    await expect(alice.hook("add-error")).to_contain_text("Say whom")
    await alice.hook("add-uri").fill("mallory")
    await alice.hook("add-link").click()
    await expect(alice.hook("add-error")).to_contain_text("No phone there")
    await alice.hook("add-uri").fill("carol")
    await alice.hook("add-link").click()
    await carol.says("Alice writes")
    await expect(carol.hook("message").get_by_role("link")).to_have_attribute("href", link)
    await page.context.close()


async def test_a_call_becomes_a_conference_by_one_press(
    carol: PhonePage, browser: Browser, server: Server, people: People
) -> None:
    """Draft 4.9: both pages show the roster, both hear on, and there is room for a third."""
    alice = await PhonePage.open(browser, server, people.alice)
    await alice.dials("Carol")
    await carol.hook("ring-accept").click()
    await browsers.hears(carol.page, ALICE)
    await alice.hook("gather-button").click()
    await expect(alice.hook("add-button")).to_be_visible()
    await alice.sees("Alice", "Carol")
    await carol.sees("Carol", "Alice")
    await browsers.hears_the_other_alone(alice.page, own=ALICE, other=CAROL)
    await browsers.hears_the_other_alone(carol.page, own=CAROL, other=ALICE)
    await browsers.is_accessible(alice.page)
    await alice.hook("leave-button").click()
    await carol.says("Alice ended the conference")
    await alice.is_ready()
    await alice.page.context.close()


async def test_two_who_are_left_are_in_a_call_again(
    carol: PhonePage, browser: Browser, server: Server, people: People
) -> None:
    """RFC 4245 3.3, REQ-2: on the phone page and in a room, both hear on when Bob has gone."""
    server.back_office("Factory.objects.update_or_create(defaults={'two_left': 'call'}, name=NAME)")
    try:
        await carol.hook("factory-button").click()
        await carol.sees("Carol")
    finally:
        server.back_office("Factory.objects.filter(name=NAME).update(two_left='stay')")
    uri = await carol.page.get_by_text("sip:").last.inner_text()
    page = await browsers.open_page(browser, tone=ALICE)
    await rooms.sign_in(page, server, people.alice)
    name = uri.removeprefix("sip:").partition("@")[0]
    await page.goto(f"{server.url}/c/{name}/")
    alice = Room(page)
    await alice.joins()
    async with await Phone.connect(people.bob) as bob:
        call = await bob.joins(uri)
        await carol.sees("Carol", "Alice", "Bob")
        await call.hang_up()
    await expect(carol.hook("gather-button")).to_be_visible()
    await expect(carol.hook("notice")).to_contain_text("You and Alice are the only ones left")
    await expect(alice.hook("notice")).to_contain_text("You and Carol are the only ones left")
    await browsers.hears_the_other_alone(alice.page, own=ALICE, other=CAROL)
    await browsers.hears_the_other_alone(carol.page, own=CAROL, other=ALICE)
    await browsers.is_accessible(alice.page)
    await alice.hook("leave-button").click()
    await carol.says("The call has ended")
    await page.context.close()


async def test_who_has_no_phone_on(carol: PhonePage) -> None:
    await carol.dials("bob")
    await carol.says("No phone is on there")


async def test_what_cannot_be_called(carol: PhonePage) -> None:
    await carol.dials("")
    await expect(carol.hook("dial-error")).to_have_text("Type whom to call.")
    await carol.dials("0049 (30) 1234")
    await carol.says("There is no such conference")
    await carol.is_ready()


async def test_the_room_rings_for_its_own_conference(
    alice: Room, browser: Browser, server: Server, people: People
) -> None:
    """Carol has only opened the room's page; its moderator calls her in."""
    page = await browsers.open_page(browser, tone=CAROL)
    await page.goto(f"{server.url}/sign-in/?next={alice.page.url.removeprefix(server.url)}")
    await page.fill("input[name=username]", people.carol.username)
    await page.fill("input[name=password]", people.carol.web_password)
    await page.get_by_role("button", name="Sign in").click()
    carol = Room(page)
    await expect(page.locator("body")).to_have_attribute("data-phone", "ready")
    await has_called(alice, "carol")
    await carol.hook("ring-accept").click()
    await carol.is_in("joined", within=rooms.JOINED_WITHIN)
    await browsers.hears(alice.page, CAROL)
    await page.context.close()


async def test_mallory_calls_nobody_in(alice: Room, people: People, server: Server) -> None:
    """What the form sends is refused when she sends it."""
    name = alice.page.url.rstrip("/").rpartition("/")[2]
    api = server.api("mallory")
    status, _ = api.call("POST", f"/conferences/{name}/participants", {"uri": "carol"})
    assert status == 403
    async with await Phone.connect(people.mallory) as phone:
        dialog = await phone.joins(f"sip:{name}@{server.domain}")
        answer: Message = await dialog.ask("REFER", [("Refer-To", f"<{people.carol.aor}>")])
        # She is in an open room, where participants may add; out of it she may not.
        assert answer.status == 202
        await dialog.hang_up()
    assert until(lambda: people.mallory.aor not in server.roster(name))
    status, _ = api.call("POST", f"/conferences/{name}/participants", {"uri": "carol"})
    assert status == 403
