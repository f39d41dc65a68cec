"""Two browsers in a booked conference, by the pages that people use."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Browser, Page, expect

from tests.live import browser as browsers
from tests.live import room as rooms
from tests.live.conftest import People
from tests.live.phone import Phone
from tests.live.room import Room
from tests.live.server import Server, until

ALICE, BOB = browsers.TONES["alice"], browsers.TONES["bob"]


@pytest.fixture
async def organizer(browser: Browser, server: Server, people: People) -> AsyncIterator[Page]:
    """Alice's browser, signed in."""
    page = await browsers.open_page(browser, tone=ALICE)
    await rooms.sign_in(page, server, people.alice)
    yield page
    await page.context.close()


def name_of(link: str) -> str:
    return urlsplit(link).path.strip("/").split("/")[-1]


async def test_two_browsers_talk_and_the_moderator_removes_one(
    organizer: Page, browser: Browser, people: People
) -> None:
    """Booked by the form, joined by the link, heard, removed, and out for good."""
    link = await rooms.book(organizer, "Weekly with Bob")
    await organizer.goto(link)
    alice = Room(organizer)
    await alice.joins()
    bob = await Room.of_guest(browser, link, "Bob", tone=BOB)
    await alice.sees("Alice", "Bob")
    await bob.sees("Alice", "Bob")
    await browsers.hears_the_other_alone(alice.page, own=ALICE, other=BOB)
    await browsers.hears_the_other_alone(bob.page, own=BOB, other=ALICE)
    await expect(bob.hook("remove-button")).to_have_count(0)

    await alice.removes("Bob", for_good=True)
    await expect(alice.entry("Bob")).to_have_count(0)
    await bob.is_in("removed")
    await bob.says("Alice")
    await browsers.is_silent(alice.page, BOB)
    await browsers.is_silent(bob.page, ALICE)

    assert bob.account is not None
    refused = await bob.page.goto(link)
    assert refused is not None
    assert refused.status == 403
    await expect(bob.hook("join-button")).to_have_count(0)
    async with await Phone.connect(bob.account) as by_hand:
        response, _ = await by_hand.invite(people.api.uri(name_of(link)))
        assert response.status == 403
    await alice.sees("Alice")
    removals = [one for one in people.api.events(name_of(link)) if one["way"] == "web"]
    assert removals, people.api.events(name_of(link))


async def test_who_was_removed_but_not_for_good_comes_back(
    organizer: Page, browser: Browser
) -> None:
    link = await rooms.book(organizer, "Come back")
    await organizer.goto(link)
    alice = Room(organizer)
    await alice.joins()
    bob = await Room.of_guest(browser, link, "Bob", tone=BOB)
    await alice.removes("Bob", for_good=False)
    await bob.is_in("removed")
    await bob.page.goto(link)
    await bob.joins("Bob")
    await alice.sees("Alice", "Bob")


async def test_the_room_survives_the_loss_of_its_websocket_and_of_its_way(
    organizer: Page, browser: Browser
) -> None:
    """The call goes on, the roster follows again, and removal still works.

    Where nothing comes by the way of the sound any more, another one is found (RFC 8839 4.4.1.1.1).
    """
    link = await rooms.book(organizer, "Bad network")
    await organizer.goto(link)
    alice = Room(organizer)
    await alice.joins()
    bob = await Room.of_guest(browser, link, "Bob", tone=BOB)
    await browsers.hears(alice.page, BOB)
    assert await bob.page.evaluate("loseSockets()") >= 1
    assert await alice.page.evaluate("loseSockets()") >= 1
    await browsers.hears_the_other_alone(alice.page, own=ALICE, other=BOB)
    await alice.page.wait_for_function("() => openSockets() >= 1")
    await bob.page.wait_for_function("() => openSockets() >= 1")
    await bob.is_in("joined")
    before = await bob.page.evaluate("loseWay()")
    await bob.page.wait_for_function("(before) => iceFragment() !== before", arg=before)
    await bob.is_in("joined")
    await browsers.hears_the_other_alone(bob.page, own=BOB, other=ALICE)
    await browsers.hears_the_other_alone(alice.page, own=ALICE, other=BOB)
    await alice.removes("Bob", for_good=False)
    await bob.is_in("removed")
    await alice.sees("Alice")


async def test_leaving_and_muting(organizer: Page, browser: Browser) -> None:
    link = await rooms.book(organizer, "Mute and leave")
    await organizer.goto(link)
    alice = Room(organizer)
    await alice.joins()
    bob = await Room.of_guest(browser, link, "Bob", tone=BOB)
    await browsers.hears(alice.page, BOB)
    await bob.hook("mute-button").click()
    await browsers.is_silent(alice.page, BOB)
    await bob.hook("mute-button").click()
    await browsers.hears(alice.page, BOB)
    await bob.hook("leave-button").click()
    await bob.is_in("left")
    await alice.sees("Alice")


async def test_the_moderator_locks_and_ends(organizer: Page, browser: Browser) -> None:
    """A locked room takes nobody in; ending it for all ends every call."""
    link = await rooms.book(organizer, "Lock and end")
    await organizer.goto(link)
    alice = Room(organizer)
    await alice.joins()
    bob = await Room.of_guest(browser, link, "Bob", tone=BOB)
    await expect(bob.hook("lock-button")).to_have_count(0)
    await expect(bob.hook("end-button")).to_have_count(0)
    await alice.hook("lock-button").click()
    await expect(alice.hook("lock-button")).to_have_text("Unlock")
    late = Room(await browsers.open_page(browser, tone=browsers.TONES["carol"]))
    await late.page.goto(link)
    await late.press_join("Carol")
    await late.is_in("failed")
    await late.says("locked")
    await alice.sees("Alice", "Bob")
    await alice.hook("end-button").click()
    await alice.hook("end-confirm").click()
    await bob.is_in("left")
    await alice.is_in("left")
    await browsers.is_silent(bob.page, ALICE)


async def test_a_guest_moderates_nothing_by_hand(organizer: Page, browser: Browser) -> None:
    """What the moderator's page sends is refused when a guest's page sends it."""
    link = await rooms.book(organizer, "By hand")
    await organizer.goto(link)
    alice = Room(organizer)
    await alice.joins()
    bob = await Room.of_guest(browser, link, "Bob", tone=BOB)
    statuses = await bob.page.evaluate(
        """async (base) => {
            const token = /csrftoken=([^;]+)/.exec(document.cookie);
            const type = "application/json";
            const headers = { "X-CSRFToken": token ? token[1] : "", "Content-Type": type };
            const ask = (method, path) =>
                fetch(base + path, { method, headers, body: "{}" }).then(({ status }) => status);
            return [await ask("POST", "/lock"), await ask("POST", "/end"), await ask("DELETE", "")];
        }""",
        f"/api/v1/conferences/{name_of(link)}",
    )
    assert set(statuses) <= {401, 403, 404}
    await alice.sees("Alice", "Bob")


async def test_who_hides_his_name_is_known_to_the_moderator_alone(
    organizer: Page, browser: Browser, server: Server, people: People
) -> None:
    """RFC 3323 by one tick; his own entry is his for all that."""
    link = await rooms.book(organizer, "Confessions")
    await organizer.goto(link)
    alice = Room(organizer)
    await alice.joins()
    carol = await Room.of_guest(browser, link, "Carol", tone=browsers.TONES["carol"])
    page = await browsers.open_page(browser, tone=BOB)
    await rooms.sign_in(page, server, people.bob)
    await page.goto(link)
    bob = Room(page)
    await bob.hook("join-anonymous").check()
    await bob.joins()
    await alice.sees("Alice", "Bob", "Carol")
    await carol.sees("Alice", "Anonymous", "Carol")
    own = bob.entry("Anonymous")
    await expect(own.get_by_text("you", exact=True)).to_be_visible()
    await bob.hook("mute-button").click()
    await expect(alice.entry("Bob")).to_have_attribute("data-muted", "true")
    assert "bob@" not in await carol.page.content()
    await page.context.close()


async def test_the_call_goes_on_on_the_other_phone(
    organizer: Page, browser: Browser, server: Server, people: People
) -> None:
    """RFC 4579 5.9 by one press: Bob's room page lets go when his phone page has it."""
    link = await rooms.book(organizer, "On the move")
    await organizer.goto(link)
    alice = Room(organizer)
    await alice.joins()
    page = await browsers.open_page(browser, tone=BOB)
    await rooms.sign_in(page, server, people.bob)
    await page.goto(link)
    bob = Room(page)
    await bob.joins()
    phone = Room(await page.context.new_page())
    await phone.page.goto(f"{server.url}/phone/")
    await expect(phone.hook("phone-state")).to_have_attribute("data-state", "ready")
    await bob.hook("move-button").click()
    await bob.hook("move-to").click()
    await phone.hook("ring-accept").click()
    await phone.is_in("joined")
    await bob.says("The call is on your other phone")
    await alice.sees("Alice", "Bob")
    await browsers.hears(alice.page, BOB)
    await page.context.close()


async def test_people_write_to_each_other(organizer: Page, browser: Browser) -> None:
    """By keyboard alone; who is not looking sees that something is unread."""
    link = await rooms.book(organizer, "Quiet room")
    await organizer.goto(link)
    alice = Room(organizer)
    await alice.joins()
    bob = await Room.of_guest(browser, link, "Bob", tone=BOB)
    await alice.sees("Alice", "Bob")
    await alice.hook("chat-button").press("Enter")
    await expect(alice.hook("chat-text")).to_be_focused()
    await alice.page.keyboard.type("Hello all")
    await alice.page.keyboard.press("Enter")
    await expect(alice.hook("chat-line")).to_contain_text("Hello all")
    await expect(bob.hook("chat-unread")).to_have_text("1")
    await bob.hook("chat-button").press("Enter")
    await expect(bob.hook("chat-unread")).to_be_hidden()
    await expect(bob.hook("chat-line")).to_contain_text("Alice")
    await bob.page.keyboard.type("https://example.org/plan")
    await bob.page.keyboard.press("Enter")
    await expect(alice.hook("chat-list").get_by_role("link")).to_have_text(
        "https://example.org/plan"
    )
    await bob.page.keyboard.press("Escape")
    await expect(bob.hook("chat-button")).to_be_focused()
    await alice.page.set_viewport_size({"width": 390, "height": 700})
    await browsers.is_accessible(alice.page)
    await expect(alice.hook("leave-button")).to_be_in_viewport(ratio=1)
    await alice.hook("chat-button").press("Enter")
    await expect(alice.hook("leave-button")).to_be_in_viewport(ratio=1)


DIALOGS = ("keypad", "devices", "move", "add", "mute-all", "mute-others", "sounds", "end")


async def test_every_dialog_of_the_room_gives_the_focus_back(organizer: Page) -> None:
    """Opened and left by keyboard; nothing is wrong with any of them."""
    await organizer.goto(await rooms.book(organizer, "Many dialogs"))
    alice = Room(organizer)
    await alice.joins()
    for name in DIALOGS:
        await alice.hook(f"{name}-button").press("Enter")
        dialog = organizer.locator("dialog[open]")
        await expect(dialog).to_be_visible()
        await browsers.is_accessible(organizer)
        await organizer.keyboard.press("Escape")
        await expect(dialog).to_have_count(0)
        await expect(alice.hook(f"{name}-button")).to_be_focused()


async def test_the_moderator_sees_how_well_each_is_heard(
    organizer: Page, browser: Browser, people: People
) -> None:
    """Measured by the mixer, written down, and shown: in the room, in REST and on its page."""
    link = await rooms.book(organizer, "Heard well")
    await organizer.goto(link)
    alice = Room(organizer)
    await alice.joins()
    bob = await Room.of_guest(browser, link, "Bob", tone=BOB)
    mark = alice.entry("Bob").get_by_test_id("mark")
    await expect(mark).to_have_attribute("data-grade", "good")
    await expect(mark).to_contain_text("good")
    await expect(bob.entry("Alice").get_by_test_id("mark")).to_be_hidden()

    def is_good() -> bool:
        told = people.api.roster(name_of(link))
        (his,) = [one for one in told if one["display_text"] == "Bob"]
        quality = his["endpoints"][0]["quality"]
        return bool(quality["grade"] == "good" and quality["mos"] > 4)

    assert await asyncio.to_thread(until, is_good), people.api.roster(name_of(link))
    await organizer.goto(link.replace("/c/", "/conferences/") + "quality/")
    await expect(organizer.get_by_test_id("qualities")).to_contain_text("Bob")
