"""One system of several processes for all tests of it: it takes a while to start."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.live.phone import Account
from tests.live.server import Api
from tests.live.several import cluster as clusters
from tests.live.several.cluster import Cluster


@dataclass(frozen=True)
class People:
    """The four, whose phones connect to three processes; Alice's token is used at the third."""

    alice: Account
    bob: Account
    carol: Account
    mallory: Account
    api: Api


@pytest.fixture(scope="package")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with clusters.running(tmp_path_factory.mktemp("cluster")) as started:
        yield started


@pytest.fixture(scope="package")
def people(cluster: Cluster) -> People:
    one, two, three = cluster.gateways
    return People(
        alice=one.phone("alice", "--organizer"),
        bob=two.phone("bob"),
        carol=three.phone("carol"),
        mallory=three.phone("mallory"),
        api=three.api("alice"),
    )
