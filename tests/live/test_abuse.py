"""Mallory scans, guesses and floods; who calls and who comes new is untouched."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.live import flood
from tests.live.desk import OFFER, DeskPhone, DeskServer, serving
from tests.live.phone import Account, Dialog

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskServer]:
    with serving(DeskServer(tmp_path_factory.mktemp("abuse"))) as server:
        yield server


@pytest.fixture(scope="module")
def alice(desk: DeskServer) -> Account:
    return desk.phone("alice", "--organizer")


@pytest.fixture(scope="module")
def bob(desk: DeskServer) -> Account:
    return desk.phone("bob")


@pytest.fixture(scope="module")
def room(desk: DeskServer, alice: Account) -> str:
    uri: str = desk.conference("--open")["uri"]
    return uri


@pytest.fixture
async def call(desk: DeskServer, alice: Account, room: str) -> AsyncIterator[Dialog]:
    """Alice's call, from where Mallory is too. By TCP, for these phones send nothing twice."""
    async with await DeskPhone.open(desk, alice, "tcp") as phone:
        dialog = await calls(phone, room)
        yield dialog
        await dialog.hang_up()


async def calls(phone: DeskPhone, uri: str) -> Dialog:
    """INVITE, 401, INVITE, 200, ACK."""
    dialog = Dialog(phone, remote=f"<{uri}>")
    described = [("Content-Type", "application/sdp")]
    response = await phone.ask("INVITE", uri, described, body=OFFER, dialog=dialog)
    assert response.status == 200, response.start
    await phone.acknowledges(dialog, response)
    return dialog


def counted(desk: DeskServer) -> dict[str, Any]:
    (found,) = desk.manage("sip", "counters").values()
    return dict(found)


async def scan(directory: Path, *command: str) -> str:
    """Run a program of sipvicious; all that it said. It gives up by itself, or is ended."""

    def run() -> str:
        try:
            done = subprocess.run(
                command, cwd=directory, capture_output=True, text=True, timeout=90, check=False
            )
        except subprocess.TimeoutExpired as slow:
            return "".join((part or b"").decode() for part in (slow.stdout, slow.stderr))
        return done.stdout + done.stderr

    return await asyncio.to_thread(run)


async def test_sipvicious_finds_nothing_and_cracks_nothing(
    desk: DeskServer, alice: Account, bob: Account, call: Dialog, tmp_path: Path
) -> None:
    """Alice's password is among those that it tries, too late."""
    port = str(desk.ports["udp"])
    words = tmp_path / "words.txt"
    words.write_text("\n".join([*(f"guess{n}" for n in range(30)), alice.password, ""]))
    found = [
        await scan(tmp_path, "svwar", "-p", port, "--force", "-e", "100-400", "127.0.0.1"),
        await scan(tmp_path, "svwar", "-p", port, "-m", "INVITE", "-e", "100-400", "127.0.0.1"),
        await scan(tmp_path, "svcrack", "-p", port, "-u", "alice", "-d", str(words), "127.0.0.1"),
    ]
    assert ["found nothing" in said for said in found] == [True] * 3, found
    assert all(alice.password not in said for said in found)
    assert counted(desk)["digest: wrong password"] >= 1
    assert (await call.ask("OPTIONS")).status == 200
    async with await DeskPhone.open(desk, bob, "udp") as phone:
        assert (await phone.register()).status == 200


async def test_a_flood_leaves_the_call_and_a_newcomer_alone(
    desk: DeskServer, bob: Account, call: Dialog, room: str
) -> None:
    """From an address of its own, and from behind that of everybody; thousand slow ones beside."""
    slow = []
    try:
        for number in range(1000):
            port = desk.ports["tcp" if number % 2 else "tls"]
            slow.append(await asyncio.open_connection("127.0.0.1", port))
        for _, writer in slow:
            writer.write(b"INVITE sip:")
        floods = [
            flood.start(desk.ports["udp"], 4.0, source, 3) for source in ("127.0.0.66", "127.0.0.1")
        ]
        await asyncio.sleep(1.0)
        assert (await call.ask("OPTIONS")).status == 200
        async with await DeskPhone.open(desk, bob, "tcp") as phone:
            dialog = await calls(phone, room)
            assert (await call.ask("OPTIONS")).status == 200
            await dialog.hang_up()
        sent = [int((await asyncio.to_thread(one.communicate))[0]) for one in floods]
        assert min(sent) > 1000
    finally:
        for _, writer in slow:
            writer.transport.abort()
    found = counted(desk)
    refused = sum(number for what, number in found.items() if what.startswith("gate: "))
    assert refused > 1000, json.dumps(found)
    assert found["now: transactions"] < 100, json.dumps(found)
    assert (await call.ask("OPTIONS")).status == 200
