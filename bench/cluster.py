"""What the second and the third process add: ``python -m bench.cluster``.

One, two and three gateways share a PostgreSQL and a Redis; phones on WebSockets
join and leave, each in a room of its own. In the first round everybody calls
the process that serves his room, in the second everybody calls another one,
so that each message takes the way through Redis. Phones and servers share the
machine's cores: where there are but two of them, look at the CPU of a join,
which says what each process could do with a core of its own.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from bench import processes
from tests.live.phone import Account, Phone
from tests.live.several import cluster as clusters
from tests.live.several.cluster import Cluster, Gateway

PHONES = 6
"""Phones that join and leave at once, over all gateways."""
SECONDS = 6.0


async def joins(phone: Phone, uri: str, until: float) -> int:
    """Join and leave until then; how often."""
    done = 0
    while time.monotonic() < until:
        await (await phone.joins(uri)).hang_up()
        done += 1
    return done


async def round_of(
    gateways: Sequence[Gateway],
    account: Account,
    rooms: Sequence[str],
    *,
    counted: Sequence[Gateway],
) -> None:
    """Phones at these gateways, in these rooms; prints joins a second and what one costs."""
    phones = [
        await Phone.connect(gateways[number % len(gateways)].account(account))
        for number in range(len(rooms))
    ]
    for phone, room in zip(phones, rooms, strict=True):
        await (await phone.joins(room)).hang_up()
    groups = [gateway.process.pid for gateway in counted if gateway.process is not None]
    before, began = [processes.cpu_seconds(group) for group in groups], time.monotonic()
    done = sum(
        await asyncio.gather(
            *(
                joins(phone, room, began + SECONDS)
                for phone, room in zip(phones, rooms, strict=True)
            )
        )
    )
    wall = time.monotonic() - began
    spent = [processes.cpu_seconds(group) - cpu for group, cpu in zip(groups, before, strict=True)]
    for phone in phones:
        await phone.close()
    shares = ", ".join(f"{cpu / wall:.2f}" for cpu in spent)
    cost = 1000 * sum(spent) / done
    print(f"{done / wall:8.1f} joins/s   {cost:6.1f} CPU-ms a join   (cores: {shares})")


async def measure(cluster: Cluster) -> None:
    """One, two, three."""
    alice = cluster.gateways[0].phone("alice", "--organizer")
    rooms = [cluster.gateways[0].conference("--open")["uri"] for _ in range(PHONES)]
    for count in range(1, len(cluster.gateways) + 1):
        print(f"{count} gateways, each room served where its phone is:  ", end="")
        some = cluster.gateways[:count]
        await round_of(some, alice, rooms, counted=some)
    first, second = cluster.gateways[:2]
    keepers = [await Phone.connect(first.account(alice)) for _ in rooms]
    for phone, room in zip(keepers, rooms, strict=True):
        await phone.subscribe(room)  # so the room stays with the first gateway
    print("2 gateways, each room served by the other one:   ", end="")
    await round_of([second], alice, rooms, counted=[first, second])
    for phone in keepers:
        await phone.close()


def main() -> int:
    """Start three gateways, measure, print."""
    with (
        tempfile.TemporaryDirectory() as directory,
        clusters.running(Path(directory), gateways=3, workers=1) as cluster,
    ):
        asyncio.run(measure(cluster))
    return 0


if __name__ == "__main__":
    sys.exit(main())
