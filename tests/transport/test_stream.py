"""TCP connections on loopback: what they carry, and what they may cost."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest

from sipgateway.sip.flow import Transport
from sipgateway.transport import stream
from sipgateway.transport.sockets import CannotListen
from sipgateway.transport.stream import StreamTransport
from tests.ports import free_port
from tests.transport.shell import Shell

OPTIONS = b"OPTIONS sip:conf.test SIP/2.0\r\nl: 0\r\n\r\n"
Pair = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@pytest.fixture
def shell() -> Shell:
    return Shell()


@pytest.fixture
async def tcp(shell: Shell) -> AsyncIterator[StreamTransport]:
    transport = StreamTransport(shell)
    await transport.start("127.0.0.1", free_port())
    yield transport
    transport.stop()
    await asyncio.sleep(0.05)  # the connections close


async def connected(tcp: StreamTransport, host: str = "127.0.0.1") -> Pair:
    return await asyncio.open_connection(host, tcp._port)


async def closed(pair: Pair) -> bool:
    """Wait until the other side has closed."""
    with contextlib.suppress(ConnectionResetError):
        assert await asyncio.wait_for(pair[0].read(), 5.0) == b""
    pair[1].close()
    return True


async def test_messages_go_both_ways(tcp: StreamTransport, shell: Shell) -> None:
    shell.answer = b"SIP/2.0 200 OK\r\nl: 0\r\n\r\n"
    reader, writer = await connected(tcp)
    writer.write(OPTIONS[:10])
    await asyncio.sleep(0)
    writer.write(OPTIONS[10:] + b"\r\n\r\n" + OPTIONS)
    answer = shell.answer + b"\r\n" + shell.answer
    assert await reader.readexactly(len(answer)) == answer
    (flow,) = shell.flows
    assert flow.transport is Transport.TCP
    assert (flow.local_host, flow.local_port) == ("127.0.0.1", tcp._port)
    assert [octets for _, octets in shell.messages] == [OPTIONS, OPTIONS]
    writer.close()
    await shell.until(lambda: shell.closed == [flow])


async def test_ipv6(shell: Shell) -> None:
    transport = StreamTransport(shell)
    await transport.start("::1", port := free_port())
    _, writer = await asyncio.open_connection("::1", port)
    writer.write(OPTIONS)
    await shell.until(lambda: len(shell.messages) == 1)
    assert (shell.flows[0].remote_host, shell.flows[0].local_host) == ("::1", "::1")
    writer.close()
    await shell.until(lambda: len(shell.closed) == 1)
    transport.stop()


async def test_everywhere_is_both_families(shell: Shell) -> None:
    transport = StreamTransport(shell)
    await transport.start("::", port := free_port())
    pairs = [await asyncio.open_connection(host, port) for host in ("127.0.0.1", "::1")]
    await shell.until(lambda: len(shell.flows) == 2)
    assert [flow.local_host for flow in shell.flows] == ["127.0.0.1", "::1"]
    for _, writer in pairs:
        writer.close()
    await shell.until(lambda: len(shell.closed) == 2)
    transport.stop()


async def test_a_port_in_use(tcp: StreamTransport, shell: Shell) -> None:
    with pytest.raises(CannotListen, match=f"TCP 127.0.0.1 port {tcp._port}: Address already"):
        await StreamTransport(shell).start("127.0.0.1", tcp._port)


@pytest.mark.parametrize("beginning", [b"", b"\r\n\r\n", OPTIONS[:10], OPTIONS + OPTIONS[:10]])
async def test_too_slow(
    tcp: StreamTransport, beginning: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Silent, only pinging, half a message, half of the second."""
    monkeypatch.setattr(stream, "WHOLE_WITHIN", 0.1)
    reader, writer = await connected(tcp)
    writer.write(beginning)
    with contextlib.suppress(ConnectionResetError):
        await asyncio.wait_for(reader.read(), 5.0)
    assert tcp.counters["closed: too slow"] == 1
    writer.close()


async def test_who_has_proved_himself_may_be_silent(
    tcp: StreamTransport, shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What would have closed the connection is called off."""
    loop, clocks = asyncio.get_running_loop(), list[asyncio.TimerHandle]()
    set_one = loop.call_later

    def kept(delay: float, *rest: Any) -> asyncio.TimerHandle:
        one = set_one(delay, *rest)
        if delay == stream.WHOLE_WITHIN:
            clocks.append(one)
        return one

    monkeypatch.setattr(loop, "call_later", kept)
    _, writer = await connected(tcp)
    await shell.until(lambda: len(shell.flows) == 1)
    assert [one.cancelled() for one in clocks] == [False]
    writer.write(OPTIONS)
    await shell.until(lambda: len(shell.messages) == 1)
    assert [one.cancelled() for one in clocks] == [True]
    writer.close()


async def test_the_oldest_silent_connection_makes_room(tcp: StreamTransport, shell: Shell) -> None:
    tcp._crowd._per_source = 3
    proven, first, second = [await connected(tcp) for _ in range(3)]
    proven[1].write(OPTIONS)
    await shell.until(lambda: len(shell.messages) == 1)
    third = await connected(tcp)
    assert await closed(first)
    third[1].write(OPTIONS)
    second[1].write(OPTIONS)
    await shell.until(lambda: len(shell.messages) == 3)
    assert await closed(await connected(tcp))  # all have proved themselves: the newcomer goes
    assert tcp.counters == {"closed: made room": 1, "refused: too many from one address": 1}
    for _, writer in (proven, second, third):
        writer.close()


async def test_one_address_does_not_take_the_place_of_others(
    tcp: StreamTransport, shell: Shell
) -> None:
    tcp._crowd._per_source = 1
    here = await connected(tcp)
    there = await asyncio.open_connection("127.0.0.1", tcp._port, local_addr=("127.0.0.2", 0))
    await shell.until(lambda: len(shell.flows) == 2)
    assert not tcp.counters
    for _, writer in (here, there):
        writer.close()


async def test_limit_of_all(tcp: StreamTransport, shell: Shell) -> None:
    tcp._crowd._most = 1
    first = await connected(tcp)
    await shell.until(lambda: len(shell.flows) == 1)
    second = await asyncio.open_connection("127.0.0.1", tcp._port, local_addr=("127.0.0.2", 0))
    assert await closed(first)
    second[1].write(OPTIONS)
    await shell.until(lambda: len(shell.messages) == 1)
    assert await closed(await connected(tcp))
    assert tcp._crowd._by_source.keys() == {"127.0.0.2"}  # nothing is kept of who was refused
    second[1].close()


async def test_a_phone_that_does_not_read_is_cut_off(tcp: StreamTransport, shell: Shell) -> None:
    reader, writer = await connected(tcp)
    writer.write(OPTIONS)
    await shell.until(lambda: len(shell.messages) == 1)
    notify = b"NOTIFY sip:bob SIP/2.0\r\nl: 60000\r\n\r\n" + b"x" * 60_000
    for _ in range(1000):
        if tcp.counters["closed: does not read"]:
            break
        shell.send(shell.flows[0], notify)
        await asyncio.sleep(0)
    await shell.until(lambda: len(shell.closed) == 1)
    writer.close()
    del reader


async def test_rubbish_closes_the_connection(tcp: StreamTransport, shell: Shell) -> None:
    pair = await connected(tcp)
    pair[1].write(OPTIONS + b"GET / HTTP/1.1\r\n\r\n")
    assert await closed(pair)
    assert len(shell.messages) == 1
    assert tcp.counters["closed: Not SIP"] == 1


async def test_connecting_and_using_it_again(shell: Shell) -> None:
    """One connection for any number of requests, also when asked for at once."""
    ours, theirs = Shell(), StreamTransport(shell)
    await theirs.start("127.0.0.1", port := free_port())
    transport = StreamTransport(ours)
    both = await asyncio.gather(*[transport.connect(("127.0.0.1", port)) for _ in range(2)])
    flow = both[0]
    assert flow is not None
    assert both == [flow, flow]
    assert await transport.connect(("127.0.0.1", port)) == flow
    transport.send_to(("127.0.0.1", port), OPTIONS)
    await shell.until(lambda: len(shell.messages) == 1)
    theirs.stop()
    await ours.until(lambda: ours.closed == [flow])
    assert await transport.connect(("127.0.0.1", port)) is None
    assert sum(transport.counters.values()) == 1
    await shell.until(lambda: len(shell.closed) == 1)


async def test_pings_on_connections_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 5626 3.5.1: CRLF twice, at intervals; two of the answers make no ping."""
    monkeypatch.setattr(stream, "PING_EVERY", 0.01)
    came: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (octets := await reader.read(4)) and len(came) < 6:
            came.append(octets)
            writer.write(b"\r\n")
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", port := free_port())
    shell = Shell()
    transport = StreamTransport(shell)
    flow = await transport.connect(("127.0.0.1", port))
    await shell.until(lambda: shell.closed == [flow])
    assert came == [b"\r\n\r\n"] * 6
    server.close()
    await server.wait_closed()
