"""RFC 3263 4, as a table of URIs over a small DNS; RFC 2782's weights."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, cast

import dns.asyncresolver
import dns.message
import dns.rdatatype
import dns.rrset
import pytest

from sipgateway.resolver import MAX_TARGETS, Naptr, Srv, SystemDns, Target, by_weight, targets
from sipgateway.sip.flow import Transport
from sipgateway.sip.uri import parse_sip_uri

UDP, TCP, TLS = Transport.UDP, Transport.TCP, Transport.TLS


class Book:
    """A DNS in memory; names what it was asked."""

    NAPTR = {
        "example.com": [
            Naptr(100, 50, "SIP+D2T", "_sip._tcp.example.com"),
            Naptr(90, 50, "SIPS+D2T", "_sips._tcp.example.com"),
            Naptr(110, 50, "SIP+D2U", "_sip._udp.example.com"),
            Naptr(10, 50, "E2U+mailto", "example.com"),
        ],
        "elsewhere.test": [Naptr(1, 1, "SIP+D2U", "_sip._udp.other.test")],
    }
    SRV = {
        "_sip._tcp.example.com": [Srv(1, 0, "b.example.com", 5070), Srv(0, 0, "a.example.com", 5)],
        "_sips._tcp.example.com": [Srv(0, 0, "a.example.com", 5061)],
        "_sip._udp.example.com": [Srv(0, 0, "a.example.com", 5060)],
        "_sip._tcp.srv.test": [Srv(0, 0, "a.example.com", 6)],
        "_sip._udp.other.test": [Srv(0, 0, "a.example.com", 7)],
        "_sip._udp.closed.test": [Srv(0, 0, "", 0)],
    }
    HOSTS = {
        "a.example.com": ["192.0.2.1", "2001:db8::1"],
        "b.example.com": ["192.0.2.2"],
        "example.com": ["192.0.2.3"],
        "plain.test": ["192.0.2.4"],
        "many.test": [f"192.0.2.{number}" for number in range(20)],
    }

    async def naptr(self, name: str) -> list[Naptr]:
        return self.NAPTR.get(name, [])

    async def srv(self, name: str) -> list[Srv]:
        return self.SRV.get(name, [])

    async def addresses(self, name: str) -> list[str]:
        return self.HOSTS.get(name, [])


CASES = [
    ("numeric", "sip:192.0.2.9", [(UDP, "192.0.2.9", 5060)]),
    ("numeric with port", "sip:bob@192.0.2.9:5070", [(UDP, "192.0.2.9", 5070)]),
    ("numeric, IPv6", "sip:[2001:db8::9]:5070", [(UDP, "2001:db8::9", 5070)]),
    ("numeric, sips", "sips:192.0.2.9", [(TLS, "192.0.2.9", 5061)]),
    ("numeric, transport", "sip:192.0.2.9;transport=TCP", [(TCP, "192.0.2.9", 5060)]),
    ("numeric, tls", "sip:192.0.2.9;transport=tls", [(TLS, "192.0.2.9", 5061)]),
    ("sips over TCP is TLS", "sips:192.0.2.9;transport=tcp", [(TLS, "192.0.2.9", 5061)]),
    ("sips over UDP is nothing", "sips:192.0.2.9;transport=udp", []),
    ("a transport of browsers", "sip:x@abc.invalid;transport=ws", []),
    ("maddr", "sip:nowhere.test;maddr=192.0.2.9", [(UDP, "192.0.2.9", 5060)]),
    ("port and name", "sip:plain.test:5099", [(UDP, "192.0.2.4", 5099)]),
    ("port, name, sips", "sips:plain.test:5099", [(TLS, "192.0.2.4", 5099)]),
    ("port, name, transport", "sip:plain.test:5;transport=tcp", [(TCP, "192.0.2.4", 5)]),
    (
        "NAPTR, then SRV",
        "sip:example.com",
        [
            (TLS, "192.0.2.1", 5061),
            (TLS, "2001:db8::1", 5061),
            (TCP, "192.0.2.1", 5),
            (TCP, "2001:db8::1", 5),
            (TCP, "192.0.2.2", 5070),
            (UDP, "192.0.2.1", 5060),
            (UDP, "2001:db8::1", 5060),
        ],
    ),
    (
        "NAPTR for sips",
        "sips:EXAMPLE.com",
        [(TLS, "192.0.2.1", 5061), (TLS, "2001:db8::1", 5061)],
    ),
    ("NAPTR elsewhere", "sip:elsewhere.test", [(UDP, "192.0.2.1", 7), (UDP, "2001:db8::1", 7)]),
    ("SRV without NAPTR", "sip:srv.test", [(TCP, "192.0.2.1", 6), (TCP, "2001:db8::1", 6)]),
    ("SRV of a transport", "sip:srv.test;transport=tls", []),
    ("address alone", "sip:plain.test", [(UDP, "192.0.2.4", 5060)]),
    ("address alone, sips", "sips:plain.test", [(TLS, "192.0.2.4", 5061)]),
    ("nobody", "sip:nobody.test", []),
    ("no such service", "sip:closed.test", []),
]  # fmt: skip


@pytest.mark.parametrize(("name", "uri", "wanted"), CASES)
async def test_targets(name: str, uri: str, wanted: list[tuple[Transport, str, int]]) -> None:
    found = await targets(parse_sip_uri(uri), Book(), pick=lambda _: 0)
    assert [(one.transport, one.host, one.port) for one in found] == wanted


async def test_the_certificate_has_to_name_the_domain_that_was_meant() -> None:
    """RFC 5922 7.1: not the host that DNS, which may lie, leads to."""
    found = await targets(parse_sip_uri("sips:example.com"), Book())
    assert {one.name for one in found} == {"example.com"}


async def test_only_transports_that_are_on() -> None:
    found = await targets(parse_sip_uri("sip:example.com"), Book(), supported=[UDP])
    assert {one.transport for one in found} == {UDP}


async def test_nobody_waits_for_twenty_addresses() -> None:
    found = await targets(parse_sip_uri("sip:many.test"), Book())
    assert found[0] == Target(UDP, "192.0.2.0", 5060, "many.test")
    assert len(found) == MAX_TARGETS


@pytest.mark.parametrize(
    ("drawn", "order"),
    [([0, 0, 0], "cab"), ([1, 0, 0], "acb"), ([10, 0, 0], "bca"), ([3, 0, 0], "acb")],
)
def test_weights(drawn: Sequence[int], order: str) -> None:
    """RFC 2782: a running sum, the weightless first."""
    records = [Srv(0, 3, "a", 1), Srv(0, 7, "b", 1), Srv(0, 0, "c", 1), Srv(1, 9, "z", 1)]
    numbers = iter([*drawn, 0, 0])
    assert [one.host for one in by_weight(records, lambda _: next(numbers))] == [*order, "z"]


ANSWERS = {
    ("example.com.", "NAPTR"): '1 2 "s" "SIP+D2U" "" _sip._udp.Example.com.',
    ("_sip._udp.example.com.", "SRV"): "1 2 5060 a.example.com.",
}


class NameServer(asyncio.DatagramProtocol):
    """A name server on loopback that knows `ANSWERS`."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        query = dns.message.from_wire(data)
        question = query.question[0]
        kind = dns.rdatatype.to_text(question.rdtype)
        response = dns.message.make_response(query)
        if text := ANSWERS.get((question.name.to_text(), kind)):
            response.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, text))
        self.transport.sendto(response.to_wire(), addr)


async def test_the_real_one_reads_records() -> None:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(NameServer, local_addr=("127.0.0.1", 0))
    asked = dns.asyncresolver.Resolver(configure=False)
    asked.nameservers, asked.port = ["127.0.0.1"], transport.get_extra_info("sockname")[1]
    source = SystemDns(asked)
    assert await source.naptr("example.com") == [Naptr(1, 2, "SIP+D2U", "_sip._udp.example.com")]
    assert await source.srv("_sip._udp.example.com") == [Srv(1, 2, "a.example.com", 5060)]
    assert await source.srv("_sip._tcp.example.com") == []
    transport.close()
    await asyncio.sleep(0)  # the turn in which it closes


async def test_the_real_one_knows_this_machine() -> None:
    source = SystemDns()
    assert "127.0.0.1" in await source.addresses("localhost")
    assert await source.addresses("x" * 70 + ".test") == []
