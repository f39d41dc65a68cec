"""Host names in descriptions of phones (RFC 8866 5.7)."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest

from sipgateway.media import hosts
from tests.media.offers import BARESIP, CHROMIUM

NAMED = BARESIP.replace("c=IN IP4 192.0.2.2", "c=IN IP4 phone.test")


class Dns:
    """What a loop is asked for addresses in place of the system."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []
        self.goes_on = asyncio.Event()
        self.goes_on.set()

    async def getaddrinfo(self, host: str, _: None, *, family: int, **__: Any) -> list[Any]:
        self.asked.append((host, family))
        await self.goes_on.wait()
        if host != "phone.test":
            raise socket.gaierror("nobody")
        address = "2001:db8::7" if family == socket.AF_INET6 else "192.0.2.7"
        return [(family, socket.SOCK_DGRAM, 17, "", (address, 0))]


@pytest.fixture
async def dns(monkeypatch: pytest.MonkeyPatch) -> Dns:
    made = Dns()
    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", made.getaddrinfo)
    return made


async def test_a_name_is_looked_up_in_the_family_that_is_said(dns: Dns) -> None:
    names = hosts.Names()
    assert "c=IN IP4 192.0.2.7\r\n" in await names.located(NAMED, "")
    six = NAMED.replace("IP4 phone.test", "IP6 phone.test")
    assert "c=IN IP6 2001:db8::7\r\n" in await names.located(six, "")
    own = BARESIP.replace("a=label:1", "c=IN IP4 phone.test\r\na=label:1")
    assert "192.0.2.7" in await names.located(own, ""), "that of the stream counts, too"
    assert dns.asked[0] == ("phone.test", socket.AF_INET)


async def test_who_is_nobody_is_where_his_sip_comes_from(dns: Dns) -> None:
    names, unknown = hosts.Names(), NAMED.replace("phone.test", "nobody.test")
    assert "c=IN IP4 198.51.100.3\r\n" in await names.located(unknown, "198.51.100.3")
    assert "c=IN IP6 2001:db8::3\r\n" in await names.located(unknown, "2001:db8::3")
    assert "nobody.test" in await names.located(unknown, ""), "and is refused for it"
    assert dns.asked


@pytest.mark.parametrize("text", [BARESIP, CHROMIUM, "garbage", ""])
async def test_nobody_is_asked_about_addresses(dns: Dns, text: str) -> None:
    assert await hosts.Names().located(text, "198.51.100.3") == text
    assert dns.asked == []


async def test_mallory_makes_a_slow_dns_hold_up_only_so_many(dns: Dns) -> None:
    names = hosts.Names()
    dns.goes_on.clear()
    slow = [asyncio.create_task(names.located(NAMED, "")) for _ in range(hosts.MOST)]
    while len(dns.asked) < hosts.MOST:
        await asyncio.sleep(0)
    assert "198.51.100.3" in await names.located(NAMED, "198.51.100.3"), "at once"
    dns.goes_on.set()
    assert all("192.0.2.7" in one for one in await asyncio.gather(*slow))
    assert "192.0.2.7" in await names.located(NAMED, "198.51.100.3")
