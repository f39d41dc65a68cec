"""What live tests stand on: a server, and browsers and phones that know nothing of it."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sipgateway.media import local, prompts
from tests.live import harness
from tests.live.desk import DeskServer, serving
from tests.live.phone import Account
from tests.live.server import Api, Server, running
from tests.live.several.cluster import Cluster


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything below this directory needs a running server."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker(pytest.mark.live)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Print the end of the server's log below a failed test."""
    report = yield
    arguments = getattr(item, "funcargs", {})
    server, cluster = arguments.get("server"), arguments.get("cluster")
    servers = [server] if isinstance(server, Server) else []
    servers += cluster.gateways if isinstance(cluster, Cluster) else []
    if report.failed:
        for one in servers:
            report.sections.append((f"server log {one.port}", one.log()[-2000:]))
    return report


@dataclass(frozen=True)
class People:
    """The accounts of the four, and Alice's token."""

    alice: Account
    bob: Account
    carol: Account
    mallory: Account
    api: Api


@pytest.fixture(scope="session")
def spoken() -> prompts.Library:
    """The prompts that set-up makes, and that servers play."""
    prompts.render(local.SPOKEN)
    return prompts.Library(Path("none"), local.SPOKEN)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, spoken: prompts.Library) -> Iterator[Server]:
    """One server, as it is by default, for all tests that leave it standing."""
    del spoken  # it has to be there when the server starts
    with running(tmp_path_factory.mktemp("parley")) as started:
        yield started


@pytest.fixture(scope="session")
def people(server: Server) -> People:
    """Alice organizes and moderates, Bob takes part, Carol is called, Mallory is not invited."""
    return _people(server)


@pytest.fixture(autouse=True)
def _nobody_stays_registered(request: pytest.FixtureRequest) -> Iterator[None]:
    """A phone that a test has killed is none of the next test's business."""
    yield
    for people, place in (("people", "server"), ("desk_people", "desk")):
        if people in request.fixturenames:
            _sign_out(request.getfixturevalue(place))


def _sign_out(server: Server) -> None:
    for name in ("alice", "bob", "carol", "mallory"):
        api = server.api(name)
        for phone in api.call("GET", "/me/phones")[1]["phones"]:
            api.call("DELETE", f"/me/phones/{phone['id']}")


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskServer]:
    """The same with TLS for everything."""
    with serving(DeskServer(tmp_path_factory.mktemp("desk"))) as started:
        yield started


@pytest.fixture(scope="session")
def desk_people(desk: DeskServer) -> People:
    """The same four there."""
    return _people(desk)


def _people(server: Server) -> People:
    return People(
        alice=server.phone("alice", "--organizer"),
        bob=server.phone("bob"),
        carol=server.phone("carol"),
        mallory=server.phone("mallory"),
        api=server.api("alice"),
    )


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[harness.Pages]:
    """The pages of plain JsSIP and SIP.js phones, bundled and served."""
    with harness.served(tmp_path_factory.mktemp("phones")) as pages:
        yield pages
