"""A browser that may reach nothing but a TURN server is heard all the same."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page

from tests.live import browser as browsers
from tests.live import room as rooms
from tests.live.room import Room
from tests.live.server import Server, running, until
from tests.ports import free_port

ALICE, BOB = browsers.TONES["alice"], browsers.TONES["bob"]
RELAYED = """
const Plain = window.RTCPeerConnection;
window.RTCPeerConnection = class extends Plain {
  constructor(config) {
    super({ ...config, iceTransportPolicy: "relay" });
    (window.connections ??= []).push(this);
  }
};
"""


@pytest.fixture
def turn(tmp_path: Path) -> Iterator[int]:
    """The port of a coturn that shares a secret with Parley."""
    port, relay = free_port(), free_port(20)
    coturn = shutil.which("turnserver")
    assert coturn is not None, "set-up installs coturn"
    log = tmp_path / "turn.log"
    command = [coturn, "-n", "--no-cli", "--no-tls", "--no-dtls", "--realm", "parley"]
    command += ["--use-auth-secret", "--static-auth-secret", "shared", "--allow-loopback-peers"]
    command += ["--listening-ip", "127.0.0.1", "--relay-ip", "127.0.0.1", "-p", str(port)]
    command += ["--min-port", str(relay), "--max-port", str(relay + 19), "--log-file", "stdout"]
    command += ["--pidfile", str(tmp_path / "turn.pid"), "--userdb", str(tmp_path / "turn.db")]
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
    try:
        assert until(lambda: _listens(port)), log.read_text()
        yield port
    finally:
        process.terminate()
        process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def behind_turn(tmp_path: Path, turn: int) -> Iterator[Server]:
    environment = {
        "ICE_SERVERS": f"turn:127.0.0.1:{turn}?transport=tcp",
        "TURN_SECRET": "shared",
        "PUBLIC_ADDRESS": "127.0.0.1",
    }
    with running(tmp_path / "parley", environment=environment) as started:
        yield started


async def test_two_who_are_relayed_hear_each_other(behind_turn: Server, browser: Browser) -> None:
    page = await browsers.open_page(browser, tone=ALICE)
    await page.add_init_script(RELAYED)
    await rooms.sign_in(page, behind_turn, behind_turn.phone("alice", "--organizer"))
    link = await rooms.book(page, "By way of TURN")
    await page.goto(link)
    alice = Room(page)
    await alice.joins()
    bob = await Room.of_guest(browser, link, "Bob", tone=BOB)
    await browsers.hears_the_other_alone(page, own=ALICE, other=BOB)
    await browsers.hears_the_other_alone(bob.page, own=BOB, other=ALICE)
    assert await _way_of(page) == "relay"


async def _way_of(page: Page) -> str:
    """How the connection that carries the call reaches the server."""
    found = await page.evaluate(
        """async () => {
          const stats = await window.connections.at(-1).getStats();
          const pair = [...stats.values()].find((one) => one.type === "candidate-pair"
            && one.nominated && one.state === "succeeded");
          return stats.get(pair.localCandidateId).candidateType;
        }"""
    )
    return str(found)
