"""RFC 7118 under an ASGI server that the test plays, and phones that do not read."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Mapping, MutableMapping
from typing import Any

import pytest

from sipgateway.sip.flow import Transport
from sipgateway.transport import websocket
from sipgateway.transport.websocket import WebSocketTransport
from tests.transport import shell as shells

OPTIONS = "OPTIONS sip:4711@conf.test SIP/2.0\r\nContent-Length: 0\r\n\r\n"
SCOPE = {"scheme": "wss", "subprotocols": ["sip"], "client": ["127.0.0.1", 5], "server": None}


class Shell(shells.Shell):
    """It says goodbye at once."""

    async def until_stopped(self) -> None: ...


class Server:
    """An ASGI server whose `send` waits while the phone does not read."""

    def __init__(self, shell: Shell) -> None:
        self.shell = shell
        #: Where several connections come to the same transport.
        self.application: WebSocketTransport | None = None
        self.sent: list[Mapping[str, Any]] = []
        self.reads = asyncio.Event()
        self.reads.set()
        self.came: asyncio.Queue[Mapping[str, Any]] = asyncio.Queue()
        self.says("connect")

    def says(self, what: str, **more: object) -> None:
        self.came.put_nowait({"type": f"websocket.{what}", **more})

    async def send(self, frame: MutableMapping[str, Any]) -> None:
        await self.reads.wait()
        self.sent.append(frame)

    def opens(self, send: websocket.SendFrame | None = None) -> asyncio.Task[None]:
        application = self.application or WebSocketTransport(self.shell)
        running = application(SCOPE, self.came.get, send or self.send)
        return asyncio.ensure_future(running)


class Protocol:
    """Twisted's side of a connection under daphne: `send` never waits."""

    def __init__(self) -> None:
        self.producer: Any = "daphne's HTTP channel"
        self.sent: list[Mapping[str, Any]] = []

    def unregisterProducer(self) -> None:  # noqa: N802  Twisted's name
        self.producer = None

    def registerProducer(self, producer: object, streaming: bool) -> None:  # noqa: N802
        assert self.producer is None
        assert streaming
        self.producer = producer

    async def send(self, frame: MutableMapping[str, Any]) -> None:
        self.sent.append(frame)


async def handle_reply(protocol: Protocol, frame: MutableMapping[str, Any]) -> None:
    await protocol.send(frame)


@pytest.fixture
async def server() -> Server:
    return Server(Shell())


async def test_octets_in_and_out(server: Server) -> None:
    server.shell.answer = b"SIP/2.0 200 OK\r\n\r\n"
    connection = server.opens()
    server.says("receive", text=OPTIONS)
    server.says("receive", bytes=b"\r\n\r\n")
    server.says("disconnect")
    await connection
    (flow,) = server.shell.flows
    assert (flow.transport, flow.remote_host) == (Transport.WSS, "127.0.0.1")
    assert server.shell.messages == [(flow, OPTIONS.encode())]
    assert server.shell.closed == [flow]
    texts = [frame.get("text") for frame in server.sent if frame["type"] == "websocket.send"]
    assert texts == ["SIP/2.0 200 OK\r\n\r\n", "\r\n"]


@pytest.mark.parametrize(("limit", "most"), [("MAX_BACKLOG", 10), ("MAX_UNSENT", 500)])
async def test_a_phone_that_does_not_read_is_cut_off(
    server: Server, monkeypatch: pytest.MonkeyPatch, limit: str, most: int
) -> None:
    monkeypatch.setattr(websocket, limit, most)
    monkeypatch.setattr(websocket, "LAST_FRAMES", 0.01)
    server.shell.answer = b"x" * 50
    connection = server.opens()
    await server.shell.until(lambda: len(server.shell.flows) == 1)
    server.reads.clear()
    for _ in range(100):
        server.says("receive", text=OPTIONS)
    async with asyncio.timeout(5):
        await connection
    assert server.shell.closed == server.shell.flows


async def test_a_phone_that_reads_may_ask_as_much_as_it_likes(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What has gone out no longer counts."""
    monkeypatch.setattr(websocket, "MAX_UNSENT", 100)
    server.shell.answer = b"x" * 50
    connection = server.opens()
    for count in range(1, 11):
        server.says("receive", text=OPTIONS)
        async with asyncio.timeout(5):
            while len(server.sent) <= count:
                await asyncio.sleep(0)
    server.says("disconnect")
    await connection
    assert len(server.shell.messages) == 10


async def test_daphne_is_waited_for(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its buffer has no end: Twisted tells when it is full and when it is empty."""
    monkeypatch.setattr(websocket, "MAX_BACKLOG", 10)
    protocol = Protocol()
    server.shell.answer = b"x"
    connection = server.opens(functools.partial(handle_reply, protocol))
    server.says("receive", text=OPTIONS)
    await server.shell.until(lambda: len(server.shell.messages) == 1)
    await asyncio.sleep(0)
    protocol.producer.pauseProducing()
    before = len(protocol.sent)
    for _ in range(5):
        server.says("receive", text=OPTIONS)
    await server.shell.until(lambda: len(server.shell.messages) == 6)
    assert len(protocol.sent) == before
    protocol.producer.resumeProducing()
    async with asyncio.timeout(5):
        while len(protocol.sent) < before + 5:
            await asyncio.sleep(0)
    protocol.producer.pauseProducing()
    for _ in range(20):
        server.says("receive", text=OPTIONS)
    async with asyncio.timeout(5):
        await connection
    assert protocol.sent[-1] == {"type": "websocket.close", "code": 4008}
    assert len(protocol.sent) <= before + 7
    assert protocol.producer is None, "or Twisted would not close"


def codes(server: Server) -> list[int]:
    return [frame["code"] for frame in server.sent if frame["type"] == "websocket.close"]


@pytest.mark.jumping
async def test_a_silent_connection_is_closed() -> None:
    """Keep-alives prove nothing."""
    shell = Shell()
    server, phone = Server(shell), Server(shell)
    server.application = phone.application = WebSocketTransport(shell)
    silent, speaking = server.opens(), phone.opens()
    server.says("receive", text="\r\n\r\n")
    phone.says("receive", text=OPTIONS)
    async with asyncio.timeout(2 * websocket.PROVEN_WITHIN):
        await silent
    assert codes(server) == [websocket.TOO_SLOW]
    assert server.application.counters == {"closed: too slow": 1}
    assert not speaking.done()
    phone.says("disconnect", code=1000)
    await speaking


async def test_a_silent_connection_makes_room_and_a_proven_one_stays() -> None:
    shell = Shell()
    application = WebSocketTransport(shell, per_source=2)
    phone, silent, newcomer, late = (Server(shell) for _ in range(4))
    tasks = []
    for server in (phone, silent):
        server.application = application
        tasks.append(server.opens())
    phone.says("receive", text=OPTIONS)
    await shell.until(lambda: len(shell.messages) == 1)
    newcomer.application = late.application = application
    tasks.append(newcomer.opens())
    newcomer.says("receive", text=OPTIONS)
    await shell.until(lambda: len(shell.messages) == 2)
    async with asyncio.timeout(5.0):
        await tasks[1]
    assert codes(silent) == [websocket.TOO_SLOW]
    await late.opens()
    assert [frame["type"] for frame in late.sent] == ["websocket.close"]
    assert application.counters == {"closed: made room": 1, "refused: too many from one address": 1}
    for server, task in ((phone, tasks[0]), (newcomer, tasks[2])):
        server.says("disconnect", code=1000)
        await task
    assert len(application._crowd) == 0
