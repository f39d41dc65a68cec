"""Flows beyond dialing in, with a plain JsSIP phone: PIN, page, dial-out, a phone that is gone."""

from __future__ import annotations

import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser

from tests.live import browser as browsers
from tests.live.conftest import People
from tests.live.harness import BrowserPhone, Pages
from tests.live.server import Server, until
from tests.live.test_phones import name_of, present

GONE_WITHIN = 30.0
"""Seconds; the contract's word."""


@pytest.fixture
async def bob(browser: Browser, pages: Pages, people: People) -> AsyncIterator[BrowserPhone]:
    phone = await BrowserPhone.open(browser, pages, "jssip", people.bob)
    yield phone
    await phone.page.context.close()


@pytest.fixture
async def alice(browser: Browser, pages: Pages, people: People) -> AsyncIterator[BrowserPhone]:
    phone = await BrowserPhone.open(browser, pages, "jssip", people.alice)
    yield phone
    await phone.page.context.close()


async def test_the_pin_is_keyed_in_the_call(
    server: Server, people: People, bob: BrowserPhone
) -> None:
    """RFC 4733 digits ended by #: a wrong PIN first, then the right one."""
    room = server.conference("--invite", people.bob.aor, "--pin", "2468")["uri"]
    await bob.joins(room)
    await bob.page.evaluate("phone.keys('1111#')")
    assert until(lambda: "wrong-pin" in kinds(people, room), within=5.0)
    assert present(people, room) == {}
    await bob.page.evaluate("phone.keys('2468#')")
    assert until(lambda: people.bob.aor in present(people, room), within=5.0)
    await bob.hangs_up()


def kinds(people: People, room: str) -> set[str]:
    """What has happened, by kind."""
    return {one["kind"] for one in people.api.events(name_of(room))}


async def test_draft_4_3_the_page_makes_the_conference(
    server: Server, people: People, alice: BrowserPhone, bob: BrowserPhone
) -> None:
    """200 without isfocus and with a page; the page's form; a re-INVITE with isfocus."""
    domain = people.alice.domain
    answer = await alice.call(f"sip:conference-app@{domain}")
    assert answer["status"] == 200
    assert not await alice.page.evaluate("phone.isFocus")
    info = re.fullmatch(r"<(http[^>]*)>;purpose=info", await alice.page.evaluate("phone.callInfo"))
    assert info is not None
    with urllib.request.urlopen(info[1]) as page:
        assert 'name="title"' in page.read().decode()
    form = urllib.parse.urlencode({"title": "By the page"}).encode()
    with urllib.request.urlopen(info[1], data=form) as page:
        assert "By the page" in page.read().decode()
    await alice.page.wait_for_function("phone.contacts.length > 0")
    contact = await alice.page.evaluate("phone.contacts[0]")
    uri = re.fullmatch(r"<(sip:[0-9]{20}@[^>]*)>;isfocus", contact)
    assert uri is not None, contact
    await bob.joins(uri[1])
    await browsers.hears_the_other_alone(bob.page, own=bob.tone, other=alice.tone)
    shown = server.manage("conference", "show", name_of(uri[1]))
    assert shown["title"] == "By the page"
    assert {one["entity"] for one in shown["participants"]} == {people.alice.aor, people.bob.aor}
    await alice.hangs_up()
    assert "ended by" in (await bob.was_removed())["reason"]
    with pytest.raises(urllib.error.HTTPError) as mallory:
        urllib.request.urlopen(info[1].rsplit("/", 2)[0] + "/guessed/")
    assert mallory.value.code == 404
    mallory.value.close()


async def test_draft_4_2_the_focus_dials_out(
    server: Server, people: People, alice: BrowserPhone, bob: BrowserPhone
) -> None:
    """Asked for by REST: Bob's phone rings with isfocus, he answers, they hear each other."""
    room = server.conference()["uri"]
    await alice.joins(room)
    await bob.page.evaluate("phone.awaitsCall()")
    path = f"/conferences/{name_of(room)}/participants"
    status, job = people.api.call("POST", path, {"uri": people.bob.aor})
    assert status == 202, job
    await bob.page.wait_for_function("phone.state === 'ringing'")
    assert ";isfocus" in await bob.page.evaluate("phone.contacts[0]")
    await bob.page.evaluate("phone.answer()")
    assert until(lambda: people.bob.aor in present(people, room), within=5.0)
    await browsers.hears_the_other_alone(bob.page, own=bob.tone, other=alice.tone)
    await browsers.hears_the_other_alone(alice.page, own=alice.tone, other=bob.tone)
    assert people.api.call("GET", f"/jobs/{job['job']}")[1]["state"] == "done"
    shown = server.manage("conference", "show", name_of(room))["participants"]
    methods = {one["entity"]: one["endpoints"][0]["joining_method"] for one in shown}
    assert methods == {people.alice.aor: "dialed-in", people.bob.aor: "dialed-out"}
    await alice.hangs_up()
    await bob.hangs_up()


async def test_a_phone_that_has_gone_is_off_the_roster(
    server: Server, browser: Browser, pages: Pages, people: People
) -> None:
    """The browser is closed without a word: no flow and no media."""
    room = server.conference("--invite", people.bob.aor)["uri"]
    gone = await BrowserPhone.open(browser, pages, "jssip", people.bob)
    await gone.joins(room)
    assert people.bob.aor in present(people, room)
    await gone.page.context.close()
    assert until(lambda: present(people, room) == {}, within=GONE_WITHIN)
