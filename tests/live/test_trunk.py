"""Calls that leave the house: by a trunk that is SIPp, and by one that is another Parley."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.live.desk import SIPP, DeskServer, serving
from tests.live.server import Api, until
from tests.ports import free_port

NUMBER = "tel:+4930123456"


@contextlib.asynccontextmanager
async def sipp_trunk(directory: Path, port: int, transport: str) -> AsyncIterator[None]:
    """SIPp as a trunk for one call, which must go as its scenario says."""
    errors = directory / "trunk.log"
    command = ["sipp", "-sf", str(SIPP / "trunk.xml"), "-i", "127.0.0.1", "-p", str(port)]
    command += ["-t", {"udp": "u1", "tcp": "t1"}[transport], "-mp", str(free_port() & ~1)]
    command += ["-m", "1", "-nostdin", "-timeout", "25", "-timeout_error"]
    command += ["-trace_err", "-error_file", str(errors)]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        yield
        async with asyncio.timeout(10.0):
            await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    told = errors.read_text(errors="replace")[-2000:] if errors.exists() else ""
    assert process.returncode == 0, told


def calls(alice: Api, conference: str, uri: str) -> dict[str, Any]:
    """Have somebody called; the job when it is over."""
    status, answer = alice.call("POST", f"/conferences/{conference}/participants", {"uri": uri})
    assert status == 202, answer
    found: dict[str, Any] = {}

    def is_over() -> bool:
        nonlocal found
        found = alice.call("GET", f"/jobs/{answer['job']}")[1]
        return found["state"] in {"done", "failed"}

    assert until(is_over), found
    return found


def entities(alice: Api, conference: str) -> set[str]:
    return {one["entity"] for one in alice.roster(conference)}


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_a_trunk_that_wants_to_know_who_we_are(tmp_path: Path, transport: str) -> None:
    """A telephone number by REST: 401, credentials, in the roster, removed again."""
    port = free_port()
    environment = {
        "SIP_TRUNK": f"sip:parley:secret@127.0.0.1:{port};transport={transport}",
        "SIP_CALLER_ID": "+4930999",
    }
    server = DeskServer(tmp_path, environment=environment)
    with serving(server):
        server.phone("alice", "--organizer")
        alice, room = server.api("alice"), server.conference()["id"]
        if transport == "tcp":  # nobody listens yet, and that is known at once
            failed = await asyncio.to_thread(calls, alice, room, NUMBER)
            assert (failed["state"], failed["status"]) == ("failed", 480)
        async with sipp_trunk(tmp_path, port, transport):
            job = await asyncio.to_thread(calls, alice, room, NUMBER)
            assert job["state"] == "done", job
            (one,) = alice.roster(room)
            assert one["entity"] == NUMBER
            alice.call("DELETE", f"/conferences/{room}/participants/{one['id']}")
        assert until(lambda: not alice.roster(room))


async def test_another_parley_is_the_trunk(tmp_path: Path) -> None:
    """A conference calls a conference over TLS, with the credentials of an account there."""
    far = DeskServer(tmp_path / "far")
    with serving(far):
        gateway = far.phone("gateway", "--organizer")
        there = far.conference("--open", organizer="gateway")
        where = f"127.0.0.1:{far.ports['tls']};transport=tls"
        environment = {
            "SIP_TRUNK": f"sip:gateway:{gateway.password}@{where}",
            "SSL_CERT_FILE": str(far.certificate),
        }
        near = DeskServer(tmp_path / "near", environment=environment)
        with serving(near):
            near.phone("alice", "--organizer")
            alice, room = near.api("alice"), near.conference()["id"]
            job = await asyncio.to_thread(calls, alice, room, there["uri"])
            assert job["state"] == "done", job
            assert entities(alice, room) == {there["uri"]}
            assert far.roster(there["id"]) == [gateway.aor]
            alice.call("POST", f"/conferences/{room}/end")
            assert until(lambda: not far.roster(there["id"]))
