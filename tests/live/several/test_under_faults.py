"""What is killed, restarted and cut off with calls up: the roster is true before and after."""

from __future__ import annotations

import asyncio
import functools
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from playwright.async_api import Browser

from tests.live import browser as browsers
from tests.live.conftest import People
from tests.live.desk import OFFER, DeskPhone
from tests.live.harness import BrowserPhone, Pages
from tests.live.patience import PATIENCE
from tests.live.phone import Dialog, Phone, is_request
from tests.live.server import Api, until
from tests.live.several.cluster import Cluster, Gateway
from tests.live.several.conftest import user_of
from tests.live.test_between_people import Ringing

TAKEN_OVER = 2 * PATIENCE
"""Seconds within which another has taken a conference over."""


@dataclass
class Meeting:
    """Alice at the owner, Bob at the second process, Carol at the third; Bob watches."""

    room: str
    uri: str
    alice: DeskPhone
    bob: DeskPhone
    carol: DeskPhone
    dialogs: list[Dialog]
    api: Api

    def present(self) -> set[str]:
        """Who is in, by user name."""
        return present(self.api, self.room)

    def roster(self, *names: str) -> dict[str, object]:
        """What the roster says of those: participant, role, and phones with how they joined."""
        return {
            user_of(one["entity"]): (one["id"], one["role"], [*map(phone_of, one["endpoints"])])
            for one in self.api.roster(self.room)
            if not names or user_of(one["entity"]) in names
        }

    def has_called(self, uri: str) -> str:
        """Have somebody called; the job."""
        path = f"/conferences/{self.room}/participants"
        status, answer = self.api.call("POST", path, {"uri": uri})
        assert status == 202, answer
        return str(answer["job"])

    def is_in(self, job: str, state: str) -> bool:
        """Whether a job is in that state, or is over."""
        found = self.api.call("GET", f"/jobs/{job}")[1]["state"]
        return found in {state, "done"}

    async def lets_go(self, who: str) -> None:
        """Remove somebody by REST."""
        (entry,) = (one for one in self.api.roster(self.room) if user_of(one["entity"]) == who)
        path = f"/conferences/{self.room}/participants/{entry['id']}"
        assert (await asyncio.to_thread(self.api.call, "DELETE", path))[0] == 202

    async def hang_up(self) -> None:
        for dialog in self.dialogs:
            await dialog.hang_up()
        assert await met(lambda: not self.present())
        told = versions(self.bob)
        assert told == sorted(set(told)), told


def phone_of(endpoint: dict[str, Any]) -> tuple[object, ...]:
    """What does not change while nothing happens, as how well it is heard may."""
    return tuple(endpoint[name] for name in ("entity", "status", "joining_method", "muted"))


def present(api: Api, room: str) -> set[str]:
    """Who is in a conference, by user name."""
    return {user_of(one["entity"]) for one in api.roster(room)}


async def met(condition: Callable[[], bool], *, within: float = PATIENCE) -> bool:
    """Whether a condition was met in time; phones go on answering meanwhile."""
    for _ in range(int(within / 0.1)):
        if await asyncio.to_thread(condition):
            return True
        await asyncio.sleep(0.1)
    return False


async def meet(cluster: Cluster, spread: People, *, owner: Gateway) -> Meeting:
    """Everybody calls in; whoever is called first owns the conference."""
    one, two, three = cluster.gateways
    room = await asyncio.to_thread(one.conference, "--open")
    where = {"alice": one, "bob": two, "carol": three}
    phones = {
        name: await DeskPhone.open(where[name], getattr(spread, name), "tcp") for name in where
    }
    first = next(name for name, gateway in where.items() if gateway is owner)
    dialogs = []
    for name in sorted(where, key=lambda name: name != first):
        await phones[name].register()
        dialogs.append(await phones[name].dials(room["uri"]))
    watched, _ = await phones["bob"].subscribe(room["uri"])
    assert watched.status == 200
    api = await asyncio.to_thread(two.api, "alice")
    meeting = Meeting(room["id"], room["uri"], **phones, dialogs=dialogs, api=api)
    assert await met(lambda: meeting.present() == {"alice", "bob", "carol"})
    return meeting


@pytest.fixture
async def meeting(cluster: Cluster, spread: People) -> AsyncIterator[Meeting]:
    held = await meet(cluster, spread, owner=cluster.gateways[0])
    yield held
    for phone in (held.alice, held.bob, held.carol):
        await phone.close()


async def healthy(cluster: Cluster) -> bool:
    """Whether all processes that run are ready again."""
    return await met(lambda: all(one.healthy() for one in cluster.gateways if not one.gone()))


def versions(phone: Phone) -> list[int]:
    """The versions of the conference documents that have come, in their order."""
    notifies = filter(is_request("NOTIFY", event="conference"), phone.inbox)
    return [version(one.body) for one in notifies if one.body]


def told_of_refer(phone: Phone) -> str:
    """What has been told of a REFER last."""
    told = [one.body for one in phone.inbox if is_request("NOTIFY", event="refer")(one)]
    return told[-1] if told else ""


def version(document: str) -> int:
    found = re.search(r'<conference-info[^>]* version="(\d+)"', document)
    assert found is not None, document
    return int(found[1])


async def test_redis_is_killed_and_comes_back(cluster: Cluster, meeting: Meeting) -> None:
    """No call ends; what was asked meanwhile is done once it is back."""
    before = meeting.roster()
    cluster.redis.kill()
    assert (await meeting.dialogs[0].ask("OPTIONS")).status == 200
    assert meeting.roster() == before
    await meeting.lets_go("bob")
    cluster.redis.start()
    await meeting.bob.receives(is_request("BYE"))
    del before["bob"], meeting.dialogs[1]
    assert await met(lambda: meeting.roster() == before)
    assert await healthy(cluster)
    await meeting.hang_up()


async def test_postgresql_is_killed_and_comes_back(cluster: Cluster, meeting: Meeting) -> None:
    """No call ends, nobody else takes the conference, and who left meanwhile is written down."""
    before = meeting.roster("alice", "carol")
    cluster.database.kill()
    await meeting.dialogs[1].hang_up()
    assert (await meeting.dialogs[2].ask("OPTIONS")).status == 200
    await asyncio.to_thread(cluster.database.start)
    assert await healthy(cluster)
    assert await met(lambda: meeting.roster() == before)
    again = [message for message in meeting.alice.inbox if is_request("INVITE")(message)]
    assert again == [], "somebody else has taken the conference"
    told = [one["kind"] for one in meeting.api.events(meeting.room)]
    assert told.count("left") == 1
    del meeting.dialogs[1]
    await meeting.hang_up()


async def test_a_gateway_is_cut_off_from_redis(cluster: Cluster, meeting: Meeting) -> None:
    """Carol's process reaches nobody for a while; she is in all the time, and hangs up after."""
    three, before = cluster.gateways[2], meeting.roster()
    cluster.cable.cut()
    assert await met(lambda: not three.healthy())
    assert meeting.roster() == before
    leaving = asyncio.create_task(
        meeting.dialogs[2].phone.transact(
            meeting.carol.build("BYE", meeting.dialogs[2].target, dialog=meeting.dialogs[2]),
            within=2 * PATIENCE,
        )
    )
    await asyncio.sleep(1.0)
    cluster.cable.mend()
    assert (await leaving).status == 200
    del before["carol"]
    assert await met(lambda: meeting.roster() == before)
    assert await healthy(cluster)
    del meeting.dialogs[2]
    await meeting.hang_up()


async def test_workers_are_killed_in_the_middle_of_a_call(
    cluster: Cluster, spread: People, meeting: Meeting
) -> None:
    """When it is claimed, and when it rings: neither lost nor made twice."""
    await meeting.dialogs[2].hang_up()
    await meeting.carol.close()
    assert await met(lambda: meeting.present() == {"alice", "bob"})
    carol = await Ringing.open(cluster.gateways[2], spread.carol, "tcp")
    assert isinstance(carol, Ringing)
    async with carol:
        await carol.register()
        for claimed in (True, False):
            before = meeting.roster()
            job = await asyncio.to_thread(meeting.has_called, spread.carol.aor)
            if claimed:
                at_work = functools.partial(meeting.is_in, job, "calling")
                assert await asyncio.to_thread(until, at_work, every=0.005)
            else:
                assert await met(lambda: any(map(is_request("INVITE"), carol.inbox)))
            for worker in cluster.workers:
                worker.kill()
            await carol.says(await carol.receives(is_request("INVITE")), 200, "OK", OFFER)
            assert await met(lambda: meeting.present() == {"alice", "bob", "carol"})
            for worker in cluster.workers:
                worker.start()
            assert await met(lambda: meeting.is_in(job, "done"))  # noqa: B023
            assert meeting.roster("alice", "bob") == before
            await meeting.lets_go("carol")
            assert await met(lambda: meeting.roster() == before)  # noqa: B023
        await asyncio.sleep(6.0)  # a sweep later
        assert [one.start for one in carol.inbox if is_request("INVITE")(one)] == []
    del meeting.dialogs[2]
    await meeting.hang_up()


async def test_the_owner_is_stopped_in_good_order(cluster: Cluster, spread: People) -> None:
    """It hands the conference over: nobody who is connected elsewhere hears a BYE.

    Alice has Mallory called meanwhile, and is told by the next owner how that goes.
    """
    one, two, three = cluster.gateways
    held = await meet(cluster, spread, owner=two)
    mallory = await Ringing.open(three, spread.mallory, "tcp")
    assert isinstance(mallory, Ringing)
    await mallory.register()
    asks = next(dialog for dialog in held.dialogs if dialog.phone is held.alice)
    refer = await asks.ask("REFER", [("Refer-To", f"<{spread.mallory.aor}>")])
    assert refer.status == 202, refer.start
    await mallory.receives(is_request("INVITE"))
    await asyncio.to_thread(two.stop)
    await mallory.says(
        await mallory.receives(is_request("INVITE"), within=TAKEN_OVER), 200, "OK", OFFER
    )
    for phone in (held.alice, held.carol):
        await phone.receives(is_request("INVITE"), within=TAKEN_OVER)
        assert [message for message in phone.inbox if is_request("BYE")(message)] == []
    api = await asyncio.to_thread(one.api, "alice")
    assert await met(lambda: {"alice", "carol", "mallory"} <= present(api, held.room))
    assert await met(lambda: "SIP/2.0 200" in told_of_refer(held.alice))
    await mallory.close()
    for dialog in (one for one in held.dialogs if one.phone is not held.bob):
        await dialog.hang_up()
    await asyncio.to_thread(two.start)
    for phone in (held.alice, held.bob, held.carol):
        await phone.close()


async def test_the_owner_is_killed(
    cluster: Cluster, spread: People, browser: Browser, pages: Pages
) -> None:
    """Another goes on: who is connected elsewhere stays in, who was connected there comes back.

    Afterwards they hear each other again, by the mixer of the new owner.
    """
    one, two, three = cluster.gateways
    room = await asyncio.to_thread(one.conference, "--open")
    alice = await BrowserPhone.open(browser, pages, "jssip", spread.alice)
    bob = await BrowserPhone.open(browser, pages, "sipjs", spread.bob)
    await alice.joins(room["uri"])
    await bob.joins(room["uri"])
    await bob.subscribes(room["uri"])
    async with await DeskPhone.open(three, spread.carol, "udp") as carol:
        await carol.register()
        dialog = await carol.dials(room["uri"])
        assert (await carol.subscribe(room["uri"]))[0].status == 200
        await hear_each_other(alice, bob)
        api = await asyncio.to_thread(two.api, "alice")
        meeting = Meeting(room["id"], room["uri"], carol, carol, carol, [dialog], api)
        assert await met(lambda: meeting.present() == {"alice", "bob", "carol"})
        before = meeting.roster()
        one.kill()
        await carol.receives(is_request("INVITE"), within=TAKEN_OVER)
        assert meeting.roster("bob", "carol").keys() == {"bob", "carol"}
        await asyncio.to_thread(one.start)
        await alice.page.wait_for_function(
            "() => openSockets() === 1 && phone.ua.isRegistered()", timeout=2000 * PATIENCE
        )
        await hear_each_other(alice, bob)
        assert await met(lambda: meeting.roster() == before)
        assert [message.start for message in carol.inbox if is_request("BYE")(message)] == []
        told = [version(note) for note in await bob.notes() if note]
        assert told == sorted(set(told)), told
        await alice.hangs_up()
        await bob.hangs_up()
        await meeting.hang_up()


async def hear_each_other(one: BrowserPhone, other: BrowserPhone) -> None:
    """Each hears the other's tone, and not his own."""
    for here, there in ((one, other), (other, one)):
        await browsers.hears_the_other_alone(here.page, own=here.tone, other=there.tone)


def written_down(cluster: Cluster) -> set[str]:
    """The Call-IDs of the calls that another process could go on with."""
    with psycopg.connect(cluster.database.url) as connection:
        rows = connection.execute(
            "SELECT call_id FROM conferences_standingcall"
            " UNION SELECT call_id FROM conferences_standingdialog"
        )
        return {call_id for (call_id,) in rows}


async def comes_back(phone: DeskPhone, dialog: Dialog, to: Gateway) -> DeskPhone:
    """The same phone by another connection, which it registers there; its call goes on."""
    again = await DeskPhone.open(to, phone.account, "tcp")
    again.host, again.description = phone.host, phone.description
    await again.register()
    await again.receives(is_request("INVITE"), within=TAKEN_OVER)
    dialog.phone = again
    return again


async def test_calls_without_a_conference_outlive_their_process(
    cluster: Cluster, spread: People
) -> None:
    """Alice talks to Carol, Bob stands at the PIN, Mallory asks the application."""
    one, two, three = cluster.gateways
    room = await asyncio.to_thread(one.conference, "--open", "--pin", "2468")
    carol = await DeskPhone.open(three, spread.carol, "tcp")
    carol.description = OFFER
    await carol.register()
    called = {
        "alice": spread.carol.aor,
        "bob": room["uri"],
        "mallory": f"sip:conference-app@{spread.bob.domain}",
    }
    phones: list[tuple[DeskPhone, Dialog]] = []
    for name, uri in called.items():
        phone = await DeskPhone.open(one, getattr(spread, name), "tcp")
        await phone.register()
        phones.append((phone, await phone.dials(uri)))
    await carol.receives(is_request("INVITE"))
    calls = {dialog.call_id for _, dialog in phones}
    assert await met(lambda: calls <= written_down(cluster))
    one.kill()
    await carol.receives(is_request("INVITE"), within=TAKEN_OVER)
    back = [await comes_back(phone, dialog, two) for phone, dialog in phones]
    assert not present(spread.api, room["id"])
    for _, dialog in phones:
        await dialog.hang_up()
    await carol.receives(is_request("BYE"))
    for phone in (carol, *back, *(phone for phone, _ in phones)):
        await phone.close()
    await asyncio.to_thread(one.start)
    assert await healthy(cluster)


def test_nothing_broke_on_the_way(cluster: Cluster) -> None:
    """Only what tells of Redis and PostgreSQL being away was logged as a failure."""
    for gateway in cluster.gateways:
        log = Path(gateway.log_path).read_text()
        broken = [line for line in log.splitlines() if "a task of" in line and "broke" in line]
        assert broken == [], log[-4000:]
