"""One system of several processes for all tests of it: it takes a while to start."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from playwright.async_api import Browser

from tests.live import browser as browsers
from tests.live.baresip import Baresip
from tests.live.conftest import People
from tests.live.harness import BrowserPhone, Pages
from tests.live.phone import Account
from tests.live.server import Server
from tests.live.several import cluster as clusters
from tests.live.several.cluster import Cluster


@pytest.fixture(scope="package")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with clusters.running(tmp_path_factory.mktemp("cluster")) as started:
        yield started


@pytest.fixture(scope="package")
def spread(cluster: Cluster) -> People:
    """The four, whose phones connect to three processes; Alice's token is used at the third."""
    one, two, three = cluster.gateways
    return People(
        alice=one.phone("alice", "--organizer"),
        bob=two.phone("bob"),
        carol=three.phone("carol"),
        mallory=three.phone("mallory"),
        api=three.api("alice"),
    )


@dataclass
class System:
    """Parley and its people, and the phones that they take in hand."""

    people: People
    servers: dict[str, Server]
    """By user name: the process that somebody's phones connect to."""
    browser: Browser
    pages: Pages
    place: Path
    desks: list[Baresip] = field(default_factory=list)

    @property
    def office(self) -> Server:
        """The process at which things are set up."""
        return self.servers["alice"]

    @property
    def spread(self) -> bool:
        """Whether it is more than one process."""
        return self.servers["alice"] is not self.servers["bob"]

    def account(self, who: str, *, at: str) -> Account:
        """Somebody's account, whose phone connects where `at` does."""
        account: Account = getattr(self.people, who)
        return replace(account, websocket=self.servers[at].websocket)

    def uri(self, user: str) -> str:
        """An address of this system."""
        return f"sip:{user}@{self.people.alice.domain}"

    async def page(self, library: str, who: str, *, at: str = "") -> BrowserPhone:
        """A phone in a page, registered; at somebody else's process where that is said."""
        account = self.account(who, at=at or who)
        return await BrowserPhone.open(self.browser, self.pages, library, account)

    async def pair(self, alice: str, bob: str) -> tuple[BrowserPhone, BrowserPhone]:
        """Alice's and Bob's pages, of those libraries."""
        return await asyncio.gather(self.page(alice, "alice"), self.page(bob, "bob"))

    async def desk(self, who: str, *, dial: str = "", transport: str = "udp") -> Baresip:
        """A baresip, registered; it answers whoever calls."""
        phone = Baresip(self.place / f"desk-{len(self.desks)}", tone=browsers.TONES[who])
        self.desks.append(phone)
        through = (transport, self.servers[who].ports[transport])
        await phone.start(self.account(who, at=who), through=through, dial=dial, answers=True)
        await phone.says("200 OK")
        return phone

    def present(self, uri: str) -> dict[str, str]:
        """Who is in a conference: user name to participant id."""
        roster = self.people.api.roster(user_of(uri))
        return {user_of(one["entity"]): one["id"] for one in roster}


def user_of(uri: str) -> str:
    """The user part of a SIP URI."""
    return uri.removeprefix("sip:").partition("@")[0]


@pytest.fixture(params=["one process", "three processes"])
async def system(
    request: pytest.FixtureRequest, browser: Browser, pages: Pages, tmp_path: Path
) -> AsyncIterator[System]:
    """The embedded default, and then three gateways and two workers."""
    if request.param == "one process":
        server: Server = request.getfixturevalue("server")
        people, servers = request.getfixturevalue("people"), [server] * 4
    else:
        cluster: Cluster = request.getfixturevalue("cluster")
        people, servers = request.getfixturevalue("spread"), [*cluster.gateways]
        servers.append(servers[2])
    where = dict(zip(("alice", "bob", "carol", "mallory"), servers, strict=True))
    made = System(people, where, browser, pages, tmp_path)
    yield made
    for desk in made.desks:
        await desk.stop()
