"""Plain JsSIP and SIP.js phones in Chromium, which know nothing of our pages."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser

from tests.live import browser as browsers
from tests.live import harness
from tests.live.conftest import People
from tests.live.harness import BrowserPhone, Pages
from tests.live.server import Server, until


@pytest.fixture(params=harness.LIBRARIES)
def library(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def room(server: Server, people: People) -> str:
    """URI of a standing room with Bob on the list."""
    uri: str = server.conference("--invite", people.bob.aor)["uri"]
    return uri


@pytest.fixture
async def alice(
    browser: Browser, pages: Pages, people: People, library: str
) -> AsyncIterator[BrowserPhone]:
    phone = await BrowserPhone.open(browser, pages, library, people.alice)
    yield phone
    await phone.page.context.close()


@pytest.fixture
async def bob(
    browser: Browser, pages: Pages, people: People, library: str
) -> AsyncIterator[BrowserPhone]:
    phone = await BrowserPhone.open(browser, pages, library, people.bob)
    yield phone
    await phone.page.context.close()


def name_of(uri: str) -> str:
    return uri.removeprefix("sip:").split("@")[0]


def present(people: People, uri: str) -> dict[str, str]:
    """Who is in the roster: address to participant id."""
    return {one["entity"]: one["id"] for one in people.api.roster(name_of(uri))}


async def both_hear_the_other_alone(alice: BrowserPhone, bob: BrowserPhone) -> None:
    await browsers.hears_the_other_alone(alice.page, own=alice.tone, other=bob.tone)
    await browsers.hears_the_other_alone(bob.page, own=bob.tone, other=alice.tone)


async def test_two_phones_talk_and_one_is_removed_by_rest(
    people: People, alice: BrowserPhone, bob: BrowserPhone, room: str
) -> None:
    """Each hears the other and not himself; DELETE ends Bob's call, and says whose order it was."""
    await alice.joins(room)
    await bob.joins(room)
    await both_hear_the_other_alone(alice, bob)
    participant = present(people, room)[people.bob.aor]
    path = f"/conferences/{name_of(room)}/participants/{participant}"
    assert people.api.call("DELETE", path)[0] in (200, 202, 204)
    ended = await bob.was_removed()
    assert ended["by"] == "remote"
    assert "alice" in ended["reason"].lower()
    assert until(lambda: people.bob.aor not in present(people, room))
    await browsers.is_silent(alice.page, bob.tone)
    assert [one for one in people.api.events(name_of(room)) if one["way"] == "rest"]
    await alice.hangs_up()


async def test_one_is_removed_by_refer(
    people: People, alice: BrowserPhone, bob: BrowserPhone, room: str
) -> None:
    """RFC 4579 5.11: REFER with method=BYE in Alice's call, told to her by sipfrags."""
    await alice.joins(room)
    await bob.joins(room)
    await browsers.hears(alice.page, bob.tone)
    said = await alice.refers(f"{people.bob.aor};method=BYE")
    assert said[-1] == "200", said
    assert (await bob.was_removed())["by"] == "remote"
    assert until(lambda: people.bob.aor not in present(people, room))
    await browsers.is_silent(alice.page, bob.tone)
    await alice.hangs_up()


async def test_a_participant_removes_nobody(
    people: People, alice: BrowserPhone, bob: BrowserPhone, room: str
) -> None:
    await alice.joins(room)
    await bob.joins(room)
    assert await bob.refers(f"{people.alice.aor};method=BYE") == ["refused 403"]
    assert people.alice.aor in present(people, room)
    await bob.hangs_up()
    await alice.hangs_up()


async def test_who_watches_learns_of_joins_and_leaves(
    people: People, alice: BrowserPhone, bob: BrowserPhone, room: str
) -> None:
    """RFC 4575: a full document first, then what changes."""
    await alice.joins(room)
    await alice.subscribes(room)
    first = (await alice.notes())[0]
    assert 'state="full"' in first
    assert people.alice.aor in first
    await bob.joins(room)
    await alice.page.wait_for_function(
        "(who) => phone.notes.slice(1).some((note) => note.includes(who))", arg=people.bob.aor
    )
    await bob.hangs_up()
    await alice.page.wait_for_function(
        "(who) => phone.notes.at(-1).includes(who)"
        " && /disconnected|deleted/.test(phone.notes.at(-1))",
        arg=people.bob.aor,
    )
    await alice.hangs_up()


async def test_a_call_survives_the_loss_of_its_websocket(
    people: People, alice: BrowserPhone, bob: BrowserPhone, room: str
) -> None:
    """Media goes on, and a BYE finds the phone on its new connection."""
    await alice.joins(room)
    await bob.joins(room)
    await browsers.hears(alice.page, bob.tone)
    assert await bob.page.evaluate("loseSockets()") == 1
    await browsers.hears_the_other_alone(alice.page, own=alice.tone, other=bob.tone)
    await bob.page.wait_for_function("() => openSockets() === 1")
    assert people.bob.aor in present(people, room)
    participant = present(people, room)[people.bob.aor]
    path = f"/conferences/{name_of(room)}/participants/{participant}"
    assert people.api.call("DELETE", path)[0] in (200, 202, 204)
    assert (await bob.was_removed())["by"] == "remote"
    await alice.hangs_up()


async def test_mallory_is_refused(
    browser: Browser, pages: Pages, people: People, library: str, room: str
) -> None:
    mallory = await BrowserPhone.open(browser, pages, library, people.mallory)
    assert (await mallory.call(room))["status"] == 403
