"""Datagrams on loopback, and long requests that leave by TCP."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator

import pytest

from sipgateway.resolver import Naptr, Srv
from sipgateway.sip.credentials import parse_trunk
from sipgateway.sip.flow import Transport
from sipgateway.sip.uri import parse_uri
from sipgateway.transport import udp
from sipgateway.transport.routes import LARGE, Routes, over_tcp
from sipgateway.transport.sockets import CannotListen
from sipgateway.transport.stream import StreamTransport
from sipgateway.transport.udp import UdpTransport
from tests.ports import free_port
from tests.transport.shell import Shell
from tests.transport.test_stream import OPTIONS

LONG = b"NOTIFY sip:bob@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9;branch=1\r\nl: %d\r\n\r\n"
LONG = LONG % LARGE + b"x" * LARGE


@pytest.fixture
def phone() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.bind(("127.0.0.1", 0))
        opened.settimeout(5.0)
        yield opened


@pytest.fixture
def shell() -> Shell:
    return Shell()


@pytest.fixture
async def server(shell: Shell) -> UdpTransport:
    transport = UdpTransport(shell)
    await transport.start("127.0.0.1", free_port())
    return transport


async def stopped(transport: UdpTransport) -> None:
    transport.stop()
    await asyncio.sleep(0)


def where(transport: UdpTransport) -> tuple[str, int]:
    return transport._sockets[socket.AF_INET].local


async def test_a_flow_for_every_address(
    shell: Shell, server: UdpTransport, phone: socket.socket
) -> None:
    for _ in range(2):
        phone.sendto(OPTIONS, where(server))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.sendto(OPTIONS, where(server))
        await shell.until(lambda: len(shell.messages) == 3)
    assert len(shell.flows) == 2
    flow = shell.flows[0]
    assert flow.transport is Transport.UDP
    assert (flow.remote_host, flow.remote_port) == phone.getsockname()
    assert (flow.local_host, flow.local_port) == where(server)
    server.send(flow, b"SIP/2.0 200 OK\r\n\r\n")
    assert phone.recv(100) == b"SIP/2.0 200 OK\r\n\r\n"
    assert server.flow_to(phone.getsockname()) is flow
    await stopped(server)


async def test_what_is_not_a_message(
    shell: Shell, server: UdpTransport, phone: socket.socket
) -> None:
    for rubbish in (b"\r\n\r\n", b"\r\n", b"\0", b"", b"\0\1\0\0\x21\x12\xa4\x42" + bytes(12)):
        phone.sendto(rubbish, where(server))
    phone.sendto(OPTIONS, where(server))
    await shell.until(lambda: len(shell.messages) == 1)
    assert server.counters == {"keep-alive": 4, "dropped: STUN": 1}
    await stopped(server)


async def test_forged_addresses_push_nobody_out(
    shell: Shell, server: UdpTransport, phone: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The table forgets; the flow that a call or a registration holds still leads there."""
    monkeypatch.setattr(udp, "MAX_FLOWS", 3)
    server.received(OPTIONS, phone.getsockname(), where(server))
    for number in range(50):
        server.received(OPTIONS, ("192.0.2.1", 1000 + number), where(server))
    assert len(server._flows) == 3
    server.send(shell.flows[0], OPTIONS)
    assert phone.recv(100) == OPTIONS
    assert not shell.closed
    await stopped(server)


async def test_everywhere_says_how_it_is_reached(shell: Shell, phone: socket.socket) -> None:
    """A Via of 0.0.0.0 would lead nowhere (RFC 3261 18.1.1)."""
    transport = UdpTransport(shell)
    await transport.start("0.0.0.0", port := free_port())
    phone.sendto(OPTIONS, ("127.0.0.1", port))
    await shell.until(lambda: len(shell.messages) == 1)
    assert (shell.flows[0].local_host, shell.flows[0].local_port) == ("127.0.0.1", port)
    await stopped(transport)


async def test_a_port_in_use(shell: Shell, server: UdpTransport) -> None:
    port = where(server)[1]
    with pytest.raises(CannotListen, match=f"UDP 127.0.0.1 port {port}: Address already in use"):
        await UdpTransport(shell).start("127.0.0.1", port)
    await stopped(server)


async def test_an_address_of_a_family_that_is_off(server: UdpTransport) -> None:
    assert server.flow_to(("2001:db8::1", 5060)) is None
    await stopped(server)


# -- ways out --------------------------------------------------------------------


class NoDns:
    """Whoever needs no DNS is numeric."""

    async def naptr(self, name: str) -> list[Naptr]:
        return []

    async def srv(self, name: str) -> list[Srv]:
        return []

    async def addresses(self, name: str) -> list[str]:
        return ["127.0.0.1"] if name == "two.test" else []


def ways(shell: Shell, server: UdpTransport, trunk: str = "") -> Routes:
    return Routes(
        udp=server,
        streams={Transport.TCP: StreamTransport(shell)},
        dns=NoDns(),
        trunk=parse_trunk(trunk) if trunk else None,
        spawn=shell.spawn,
    )


async def test_long_requests_go_by_tcp(
    shell: Shell, server: UdpTransport, phone: socket.socket
) -> None:
    """RFC 3261 18.1.1; short ones and all responses stay."""
    theirs = Shell()
    listener = StreamTransport(theirs)
    await listener.start(*phone.getsockname())
    flow = server.flow_to(phone.getsockname())
    assert flow is not None
    out = ways(shell, server)
    out.send_datagram(flow, LONG)
    out.send_datagram(flow, LONG)
    await theirs.until(lambda: len(theirs.messages) == 2)
    assert theirs.messages[0][1] == over_tcp(LONG)
    assert b"SIP/2.0/TCP 192.0.2.9" in theirs.messages[0][1]
    assert len(theirs.flows) == 1
    for stays in (OPTIONS, b"SIP/2.0 200 OK\r\n\r\n" + b"x" * LARGE):
        out.send_datagram(flow, stays)
        assert phone.recv(2000) == stays
    listener.stop()
    await theirs.until(lambda: len(theirs.closed) == 1)
    await shell.until(lambda: len(shell.closed) == 1)
    await stopped(server)


async def test_long_requests_to_a_phone_without_tcp(
    shell: Shell, server: UdpTransport, phone: socket.socket
) -> None:
    """By UDP after all, and the next one at once."""
    flow = server.flow_to(phone.getsockname())
    assert flow is not None
    out = ways(shell, server)
    out.send_datagram(flow, LONG)
    assert await asyncio.to_thread(phone.recv, 2000) == LONG
    out.send_datagram(flow, LONG)
    assert phone.recv(2000) == LONG
    await stopped(server)


async def test_reach(shell: Shell, server: UdpTransport) -> None:
    out = ways(shell, server)
    (flow,) = await out.reach(parse_uri("sip:carol@192.0.2.7:5070"))
    assert (flow.transport, flow.remote_host, flow.remote_port) == (
        Transport.UDP,
        "192.0.2.7",
        5070,
    )
    again = parse_uri("sip:carol@192.0.2.7:5070")
    assert await out.reach(again, tried={flow.peer}) == []  # RFC 3263 4.3
    nowhere = ("tel:+4930123", "sip:nobody.test", "sip:x@y.invalid;transport=ws")
    for uri in nowhere:
        assert await out.reach(parse_uri(uri)) == []
    closed = parse_uri(f"sip:two.test:{free_port()};transport=tcp")
    assert await out.reach(closed) == []
    await stopped(server)


async def test_a_trunk_takes_everything(shell: Shell, server: UdpTransport) -> None:
    theirs = Shell()
    listener = StreamTransport(theirs)
    await listener.start("127.0.0.1", port := free_port())
    out = ways(shell, server, f"sip:me:secret@two.test:{port};transport=tcp")
    flows = [
        await out.reach(parse_uri(uri)) for uri in ("tel:+4930123", "sip:carol@elsewhere.test")
    ]
    assert flows[0] == flows[1]
    assert (flows[0][0].transport, flows[0][0].remote_port) == (Transport.TCP, port)
    listener.stop()
    await theirs.until(lambda: len(theirs.closed) == 1)
    await shell.until(lambda: len(shell.closed) == 1)
    await stopped(server)


@pytest.mark.parametrize(
    ("environment", "uri", "port"),
    [
        (False, "tel:+49-30-123", 5091),
        (False, "tel:+4989123", 5092),
        (False, "tel:+33123", 5093),
        (False, "sip:carol@192.0.2.7:5070", 5093),
        (True, "tel:+4930123", 5091),
        (True, "tel:+33123", 5090),
        (True, "sip:carol@192.0.2.7:5070", 5090),
    ],
)
async def test_the_longest_prefix_chooses_the_trunk(
    shell: Shell, server: UdpTransport, environment: bool, uri: str, port: int
) -> None:
    """What the environment says takes all that no prefix takes."""
    out = ways(shell, server, "sip:two.test:5090" if environment else "")
    rows = (("", 5093), ("+49", 5092), ("+4930", 5091))
    out.use_trunks([(prefix, parse_trunk(f"sip:two.test:{at}")) for prefix, at in rows])
    (flow,) = await out.reach(parse_uri(uri))
    assert flow.remote_port == port
    chosen = out.trunk_for(parse_uri(uri))
    assert chosen is not None
    assert chosen.uri.port == port
    out.use_trunks([])
    assert (out.trunk_for(parse_uri(uri)) is not None) == environment
    await stopped(server)


async def test_a_phone_that_is_known_may_ask_for_its_address(
    shell: Shell, server: UdpTransport, phone: socket.socket
) -> None:
    """Who has not spoken SIP from there gets nothing: he may have forged his address."""
    binding = b"\0\1\0\0\x21\x12\xa4\x42" + bytes(12)
    phone.sendto(binding, where(server))
    phone.sendto(OPTIONS, where(server))
    await shell.until(lambda: len(shell.messages) == 1)
    phone.sendto(binding, where(server))
    phone.sendto(OPTIONS, where(server))
    await shell.until(lambda: len(shell.messages) == 2)
    assert phone.recv(100).startswith(b"\1\1\0\x0c")
    assert server.counters == {"dropped: STUN": 1, "keep-alive": 1}
    await stopped(server)
