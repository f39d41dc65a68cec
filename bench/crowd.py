"""What a crowd costs: joins for as long as one likes, a thousand who watch, people sent away.

    python -m bench.crowd

The first and the last are of a running server with its database and mixer, and
phones made of text; the whole process group is counted (/proc), the phones are
not. Asterisk ConfBridge joined 125 a second on one core of this kind of
machine, authenticated by its own database and recorded nowhere. The storm is
the real user agent and focus in one process without I/O: a thousand phones
that watch come in one after the other, each is told of all.
"""

from __future__ import annotations

import asyncio
import itertools
import sys
import tempfile
import time
from pathlib import Path

from bench import joins, notify, processes
from bench.signalling import LIMITS
from sipgateway.sip.flow import Flow
from tests.live.phone import Phone
from tests.live.server import Server, running
from tests.stage import OFFER, Person, Stage

PHONES, LONG = 8, 10.0
"""Phones that join and leave all the time, and seconds."""
STORM, APART = 1000, 0.01
"""Phones of the storm, and seconds between two of them."""
SENT_AWAY = 20


async def _joins_on(phone: Phone, uri: str, until: float) -> int:
    """Join and leave until then; how often."""
    for number in itertools.count():
        if time.monotonic() >= until:
            return number
        await (await phone.joins(uri)).hang_up()
    raise AssertionError("counting has no end")


async def sustained(server: Server, uri: str, phones: list[Phone]) -> None:
    """Joins and leaves without a pause."""
    idle = await joins.rate(server)
    began = joins.mark(server)
    until = time.monotonic() + LONG
    counts = await asyncio.gather(*(_joins_on(phone, uri, until) for phone in phones))
    cost = joins.Cost.since(server, began, idle=idle)
    each = cost.cpu / sum(counts)
    print(f"joins for {LONG:.0f} s, {len(phones)} phones over WebSockets, recorded in SQLite")
    print(
        f"  {1000 * each:6.2f} ms of CPU a join and leave: {1 / each:.0f} a second on one core"
        f" ({sum(counts) / cost.wall:.0f} a second here, the phones beside it)"
    )


async def removals(server: Server, uri: str, phones: list[Phone]) -> None:
    """People sent away by the REST API, one after the other."""
    name, api = uri.removeprefix("sip:").partition("@")[0], server.api("alice")
    spent, count = 0.0, 0
    idle = await joins.rate(server)
    while count < SENT_AWAY:
        for phone in phones:
            await phone.joins(uri)
        keys = [one["id"] for one in api.roster(name) if one["role"] != "organizer"]
        began = joins.mark(server)
        for key in keys:
            status, answer = await asyncio.to_thread(
                api.call, "DELETE", f"/conferences/{name}/participants/{key}"
            )
            assert status == 202, answer
        while await asyncio.to_thread(api.roster, name):
            await asyncio.sleep(0.1)
        spent += joins.Cost.since(server, began, idle=idle).cpu
        count += len(keys)
    print(f"{count} people removed by the REST API, the job, BYE and history included")
    print(f"  {1000 * spent / count:6.2f} ms of CPU a removal")


def storm() -> None:
    """A thousand phones that watch come in; all are told of all. Of the phones only the one
    that comes is counted with it: the answers to NOTIFYs are made by the bench."""
    stage = Stage()
    stage.conference()
    people = [stage.person(f"person{number}") for number in range(STORM)]
    for person in people:
        person.subscribes()
    stage.passes(1)
    told, octets, spent = 0, 0, 0.0
    sent: list[tuple[Flow, bytes]] = []
    for person in people:
        person.inbox.clear()
        spent += notify.timed(lambda who=person: _comes(stage, who, sent))  # type: ignore[misc]
        while sent:
            told, octets = told + len(sent), octets + sum(len(one) for _, one in sent)
            answers = [(flow, notify.answer(one)) for flow, one in sent]
            sent.clear()
            spent += notify.timed(lambda these=answers: _answer(stage, these))  # type: ignore[misc]
    assert len(stage.roster()) == STORM, "somebody is missing"
    print(f"{STORM} phones that watch come in, {1 / APART:.0f} a second")
    print(
        f"  {spent:6.1f} s of CPU, joins included, for {told} NOTIFYs: {1000 * spent / told:.3f} ms"
        f" and {octets / told:.0f} octets each; at most one in 0.1 s to each watcher, so that it"
    )
    print(
        f"  tells of {STORM * STORM / told:.1f} who have come: {1e6 * spent / STORM**2:.0f} µs and"
        f" {octets / STORM**2:.0f} octets for one who is told to one"
    )


def _comes(stage: Stage, person: Person, sent: list[tuple[Flow, bytes]]) -> None:
    """Somebody calls, and some time passes; NOTIFYs are put to what was `sent`."""

    def deliver(flow: Flow, octets: bytes) -> None:
        if octets.startswith(b"NOTIFY"):
            sent.append((flow, octets))
        elif flow.id == person.flow.id:
            person.receives(octets)

    stage._deliver = deliver  # type: ignore[method-assign]
    person.sends("INVITE", "sip:4711@conf.test", body=OFFER)
    stage.passes(APART)


def _answer(stage: Stage, answers: list[tuple[Flow, bytes]]) -> None:
    """The phones' 200s come in."""
    for flow, octets in answers:
        stage.endpoint.receive(octets, flow, stage.now)
        stage.pump()


async def _measure(server: Server) -> None:
    server.phone("alice", "--organizer")
    accounts = [server.phone(f"person{number}") for number in range(PHONES)]
    uri = server.conference("--open")["uri"]
    phones = [await Phone.connect(account) for account in accounts]
    await sustained(server, uri, phones)
    await removals(server, uri, phones)
    for phone in phones:
        await phone.close()


def main() -> int:
    """Print all three."""
    with (
        tempfile.TemporaryDirectory() as directory,
        running(Path(directory) / "parley", environment={"SIP_LIMITS": LIMITS}) as server,
    ):
        assert processes.count(joins.group(server)) >= 1
        asyncio.run(_measure(server))
    storm()
    return 0


if __name__ == "__main__":
    sys.exit(main())
