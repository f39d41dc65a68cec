"""Three gateways, two workers, Redis and PostgreSQL are one system."""

from __future__ import annotations

import asyncio
import functools
from typing import Any

from playwright.async_api import Browser

from tests.live import browser as browsers
from tests.live.conftest import People
from tests.live.harness import BrowserPhone, Pages
from tests.live.phone import Dialog, Phone, is_request
from tests.live.server import until
from tests.live.several.cluster import Cluster


async def test_one_conference_for_the_phones_of_all_processes(
    cluster: Cluster, spread: People
) -> None:
    """Join, watch, text, and REFER, each from another process than the owner's."""
    room = cluster.gateways[0].conference("--open")
    async with (
        await Phone.connect(spread.alice) as alice,
        await Phone.connect(spread.bob) as bob,
        await Phone.connect(spread.carol) as carol,
    ):
        for phone in (alice, bob, carol):
            assert (await phone.register()).status == 200
        called = await bob.joins(room["uri"])
        moderates = await alice.joins(room["uri"])
        watched, _ = await carol.subscribe(room["uri"])
        assert watched.status == 200, watched.start
        assert (await carol.receives(is_request("NOTIFY"))).body.count("<user ") == 2
        assert (await called.ask("OPTIONS")).status == 200
        text = [("Content-Type", "text/plain")]
        assert (await bob.ask("MESSAGE", room["uri"], text, body="Good morning")).status == 202
        assert (await alice.receives(is_request("MESSAGE"))).body == "Good morning"
        refused = await called.ask("REFER", [("Refer-To", f"<{spread.alice.aor};method=BYE>")])
        assert refused.status == 403
        removed = await moderates.ask("REFER", [("Refer-To", f"<{spread.bob.aor};method=BYE>")])
        assert removed.status == 202
        assert "Reason" in dict((await bob.receives(is_request("BYE"))).headers)
        await carol.receives(lambda one: is_request("NOTIFY")(one) and "joining-method" in one.body)
        present = functools.partial(spread.api.roster, room["id"])
        assert until(lambda: [one["entity"] for one in present()] == [spread.alice.aor]), present()
        await moderates.hang_up()
    assert until(lambda: not spread.api.roster(room["id"]))


async def test_a_person_sees_his_calls_wherever_they_live(cluster: Cluster, spread: People) -> None:
    """RFC 4235: Bob watches where he is connected, the conference lives where Alice is."""
    room = cluster.gateways[0].conference("--open")
    async with (
        await Phone.connect(spread.alice) as alice,
        await Phone.connect(spread.bob) as bob,
        await Phone.connect(spread.mallory) as mallory,
    ):
        held = await alice.joins(room["uri"])
        called = await bob.joins(room["uri"])
        assert (await mallory.subscribe(spread.bob.aor, "dialog"))[0].status == 403
        assert (await bob.subscribe(spread.bob.aor, "dialog"))[0].status == 200
        told = await bob.receives(is_request("NOTIFY", event="dialog"))
        assert f'call-id="{called.call_id}"' in told.body, told.body
        assert "<state>confirmed</state>" in told.body
        await called.hang_up()
        over = await bob.receives(is_request("NOTIFY", event="dialog"))
        assert "<state>terminated</state>" in over.body, over.body
        await held.hang_up()


def test_healthz_says_what_each_process_runs(cluster: Cluster) -> None:
    def asked() -> list[dict[str, Any]]:
        return [gateway.request("GET", "/healthz")[1] for gateway in cluster.gateways]

    assert until(lambda: all(len(one["others"]) == 2 for one in asked())), asked()
    told = asked()
    names = {one["process"].rpartition(":")[2] for one in told}
    assert len(names) == 3
    for one in told:
        assert set(one["parts"]) == {"database", "gateway", "peers"}
        assert {one["process"].rpartition(":")[2], *one["others"]} == names


async def test_who_is_not_invited_is_refused_wherever_he_connects(
    cluster: Cluster, spread: People
) -> None:
    room = cluster.gateways[0].conference("--invite", spread.bob.aor)
    async with (
        await Phone.connect(spread.alice) as alice,
        await Phone.connect(spread.mallory) as mallory,
    ):
        dialog = await alice.joins(room["uri"])
        assert (await mallory.invite(room["uri"]))[0].status == 403
        assert (await mallory.subscribe(room["uri"]))[0].status == 403
        # His own From tag names no dialog of hers, whatever he writes into To.
        forged = Dialog(mallory, remote=dialog.remote, call_id=dialog.call_id)
        forged.target = room["uri"]
        assert (await forged.ask("BYE")).status == 481
        await dialog.hang_up()


async def test_browsers_at_two_processes_hear_each_other(
    cluster: Cluster, spread: People, browser: Browser, pages: Pages
) -> None:
    """Media goes straight to the owner's mixer; REST at a third process removes."""
    room = cluster.gateways[0].conference("--invite", spread.bob.aor)
    alice = await BrowserPhone.open(browser, pages, "jssip", spread.alice)
    bob = await BrowserPhone.open(browser, pages, "jssip", spread.bob)
    await alice.joins(room["uri"])
    await bob.joins(room["uri"])
    await bob.subscribes(room["uri"])
    await browsers.hears_the_other_alone(alice.page, own=alice.tone, other=bob.tone)
    await browsers.hears_the_other_alone(bob.page, own=bob.tone, other=alice.tone)
    assert await bob.page.evaluate("loseSockets()") == 1
    await bob.page.wait_for_function("() => openSockets() === 1 && phone.ua.isRegistered()")
    (participant,) = (
        one["id"] for one in spread.api.roster(room["id"]) if one["entity"] == spread.bob.aor
    )
    path = f"/conferences/{room['id']}/participants/{participant}"
    assert spread.api.call("DELETE", path)[0] == 202
    assert (await bob.was_removed())["by"] == "remote"
    await browsers.is_silent(alice.page, bob.tone)
    carol = await BrowserPhone.open(browser, pages, "jssip", spread.carol)
    path = f"/conferences/{room['id']}/participants"
    status, answer = spread.api.call("POST", path, {"uri": spread.carol.aor})
    assert status == 202, answer
    await carol.page.wait_for_function("() => phone.state === 'ringing'")
    await carol.page.evaluate("() => phone.answer()")
    await browsers.hears_the_other_alone(carol.page, own=carol.tone, other=alice.tone)
    job = functools.partial(spread.api.call, "GET", f"/jobs/{answer['job']}")
    assert await asyncio.to_thread(until, lambda: job()[1]["state"] == "done"), job()
    await carol.hangs_up()
    await alice.hangs_up()


def test_nothing_was_logged_as_a_mistake(cluster: Cluster) -> None:
    found = [line for gateway in cluster.gateways for line in gateway.alarms()]
    assert not found, found
