"""The planner as one uses it: drag over a span to book, drag a conference to move it."""

from __future__ import annotations

import datetime

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone
from playwright.async_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from conferences import services
from conferences.models import Conference, User
from tests.portal.test_browser import (  # noqa: F401 - fixtures
    _database_in_two_threads,
    open_page,
    sign_in,
)

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True)]

HOUR = datetime.timedelta(hours=1)


@pytest.fixture
def tuesday() -> datetime.datetime:
    """Ten o'clock of a Tuesday in three weeks."""
    now = timezone.now().replace(hour=10, minute=0, second=0, microsecond=0)
    return now + datetime.timedelta(days=22 - now.weekday())


@pytest.fixture
def review(alice: User, tuesday: datetime.datetime) -> Conference:
    return services.book(
        organizer=alice, title="Review", starts_at=tuesday, duration_minutes=60, timezone="UTC"
    )


async def drag(page: Page, start: tuple[float, float], end: tuple[float, float]) -> None:
    await page.mouse.move(*start)
    await page.mouse.down()
    await page.mouse.move(end[0], end[1] - 4, steps=8)
    await page.mouse.move(*end, steps=4)
    await page.mouse.up()


async def slot(page: Page, day: datetime.date, time: str) -> tuple[float, float]:
    """The middle of a half hour of a day, scrolled to."""
    row = page.locator(f'td.fc-timegrid-slot-lane[data-time="{time}"]')
    column = page.locator(f'td.fc-timegrid-col[data-date="{day}"]')
    await row.scroll_into_view_if_needed()
    across, down = await column.bounding_box(), await row.bounding_box()
    assert across is not None
    assert down is not None
    return across["x"] + across["width"] / 2, down["y"] + down["height"] / 2


async def test_drag_to_move_and_to_book(
    browser: Browser,
    live_server: LiveServer,
    review: Conference,
    tuesday: datetime.datetime,
) -> None:
    page = await open_page(browser, height=1000)
    await sign_in(page, live_server, "alice")
    await page.goto(f"{live_server.url}/planner/?week={tuesday:%G-W%V}")
    event = page.locator(".fc-event", has_text="Review")
    await expect(event).to_have_attribute("title", "10:00\N{EN DASH}11:00 Review")
    day = tuesday.date() + datetime.timedelta(days=1)
    box = await event.bounding_box()
    assert box is not None
    target = await slot(page, day, "13:00:00")
    async with page.expect_response("**/planner/move/") as moved:
        await drag(page, (box["x"] + box["width"] / 2, box["y"] + 8), target)
    assert (await moved.value).status == 204
    await expect(event).to_have_attribute("title", "13:00\N{EN DASH}14:00 Review")
    await sync_to_async(review.refresh_from_db)()
    assert review.starts_at == tuesday + 27 * HOUR

    begin, end = await slot(page, day, "15:00:00"), await slot(page, day, "16:00:00")
    begin = await slot(page, day, "15:00:00")
    await drag(page, begin, end)
    await page.wait_for_url("**/book/?**")
    await expect(page.locator("input[name=date]")).to_have_value(f"{day}")
    await expect(page.locator("input[name=time]")).to_have_value("15:00")
    await page.fill("input[name=title]", "Dragged")
    await page.locator("main form button[type=submit]").first.click()
    await expect(page.get_by_role("heading", name="Dragged").first).to_be_visible()
    found = await sync_to_async(Conference.objects.get)(title="Dragged")
    assert (found.starts_at, found.duration_minutes) == (tuesday + 29 * HOUR, 90)


async def test_what_cannot_be_goes_back_with_the_reason(
    browser: Browser,
    live_server: LiveServer,
    review: Conference,
    tuesday: datetime.datetime,
) -> None:
    page = await open_page(browser, height=1000)
    await sign_in(page, live_server, "alice")
    await page.goto(f"{live_server.url}/planner/?week={tuesday:%G-W%V}")
    event = page.locator(".fc-event", has_text="Review")
    await expect(event).to_have_attribute("title", "10:00\N{EN DASH}11:00 Review")
    await sync_to_async(services.cancel)(conference=review, actor="sip:alice@conf.test")
    box = await event.bounding_box()
    assert box is not None
    target = await slot(page, tuesday.date(), "12:00:00")
    await drag(page, (box["x"] + box["width"] / 2, box["y"] + 8), target)
    await expect(page.locator("#planner-problem")).to_be_visible()
    await expect(event).to_have_attribute("title", "10:00\N{EN DASH}11:00 Review")
