"""Commands that look into a running gateway, over a real socket."""

from __future__ import annotations

import asyncio
import io
import json
import socket
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import override_settings

from sipgateway import control
from sipgateway.control import Control
from sipgateway.sip.flow import Flow, FlowId, Transport
from sipgateway.wire import Watch

FLOW = Flow(FlowId(1), Transport.UDP, "192.0.2.1", 5060, "192.0.2.9", 5060)


def options(call_id: str, secret: str = "") -> bytes:
    lines = ("OPTIONS sip:4711@conf.test SIP/2.0", f"Call-ID: {call_id}", "CSeq: 1 OPTIONS")
    return "\r\n".join([*lines, f"Authorization: Digest {secret}", "", ""]).encode()


@pytest.fixture
def watch() -> Watch:
    return Watch()


@pytest.fixture(params=["short", "long"])
def directory(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    """Also one whose name is longer than a socket's may be."""
    made = tmp_path / ("d" if request.param == "short" else "d" * 150)
    made.mkdir()
    return made


@pytest.fixture
async def served(directory: Path, watch: Watch) -> AsyncIterator[Path]:
    served = Control(directory, watch, lambda: {"gate: dropped: STUN": 3})
    await served.start()
    yield directory
    await served.stop()
    assert control.sockets(directory) == []


async def run(directory: Path, *arguments: str) -> str:
    """A command in a thread, as if in a process of its own."""
    out = io.StringIO()
    with override_settings(DATA_DIR=directory):
        await asyncio.to_thread(call_command, "sip", *arguments, stdout=out, stderr=io.StringIO())
    return out.getvalue()


async def until_followed(watch: Watch) -> None:
    async with asyncio.timeout(5):
        while not watch.tap.on:
            await asyncio.sleep(0.01)


async def test_counters(served: Path) -> None:
    (found,) = json.loads(await run(served, "counters")).values()
    assert found == {"gate: dropped: STUN": 3}


async def test_a_call_is_traced(served: Path, watch: Watch) -> None:
    tracing = asyncio.ensure_future(run(served, "trace", "--call-id", "c1", "--full", "--count=2"))
    await until_followed(watch)
    for call_id in ("c1", "other", "c1"):
        watch.show(FLOW, options(call_id, "SECRET"), 1.0, inward=True)
    async with asyncio.timeout(5):
        shown = await tracing
    assert shown.count("OPTIONS sip:4711@conf.test  ") == 2
    assert "UDP 192.0.2.1:5060" in shown
    assert "──▶" in shown
    assert "    Call-ID: c1" in shown
    assert "other" not in shown
    assert "SECRET" not in shown
    async with asyncio.timeout(5):
        while watch.tap.on:  # who has left is not written to
            await asyncio.sleep(0.01)


async def test_a_reader_who_is_slow_is_told_what_he_missed(
    served: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(control, "MOST_WAITING", 2)
    tracing = asyncio.ensure_future(run(served, "trace", "--account", "4711", "--count=3"))
    await until_followed(watch)
    named = options("c1").replace(b"CSeq", b"To: <sip:4711@conf.test>\r\nCSeq")
    for _ in range(5):
        watch.show(FLOW, named, 1.0, inward=False)
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        while watch.tap.on and not tracing.done():
            watch.show(FLOW, named, 1.0, inward=False)
            await asyncio.sleep(0.01)
        shown = await tracing
    assert "◀──" in shown
    assert "3 messages came too fast" in shown


@pytest.mark.parametrize("said", [b"\n", b"{}\n", b"[]\n", b'{"ask": "password"}\n', b"x" * 9000])
async def test_nonsense_gets_nothing(served: Path, said: bytes) -> None:
    (path,) = control.sockets(served)
    with control.reachable(path) as short:
        reader, writer = await asyncio.open_unix_connection(short)
    writer.write(said)
    async with asyncio.timeout(5):
        assert await reader.read() == b""
    writer.close()


async def test_the_socket_is_its_owners_alone(served: Path) -> None:
    (path,) = control.sockets(served)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_where_no_gateway_runs(directory: Path) -> None:
    """Also where one was killed, whose socket is tidied away."""
    left = directory / "sip-1.sock"
    with (
        socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead,
        control.reachable(left) as short,
    ):
        dead.bind(short)
    for arguments in (["counters"], ["trace"]):
        with pytest.raises(CommandError, match="no gateway runs"):
            await run(directory, *arguments)
    assert not left.exists()
