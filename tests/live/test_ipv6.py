"""HOST=::1: every transport, and media, over IPv6."""

from __future__ import annotations

import asyncio
import contextlib
import re
import struct
from collections.abc import AsyncIterator, Iterator

import pytest

from tests.live.desk import DeskPhone, DeskServer, serving
from tests.live.test_desk_phones import authorized, is_empty, name_of
from tests.live.wire import Message


class SixServer(DeskServer):
    """Parley on the loopback address of IPv6."""

    host = "::1"


@pytest.fixture(scope="module")
def six(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SixServer]:
    with serving(SixServer(tmp_path_factory.mktemp("six"))) as server:
        assert isinstance(server, SixServer)
        yield server


class Ear(asyncio.DatagramProtocol):
    """A phone's RTP: keeps the payloads that come."""

    def __init__(self) -> None:
        self.payloads: list[bytes] = []

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.payloads.append(data[12:])

    @property
    def loud(self) -> int:
        """How many packets are nearly as loud as G.711 gets, which no prompt is."""
        return sum(min(octet & 0x7F for octet in payload) < 0x10 for payload in self.payloads)


@contextlib.asynccontextmanager
async def ears(number: int) -> AsyncIterator[list[tuple[asyncio.DatagramTransport, Ear]]]:
    """So many open RTP ports, with what they hear."""
    loop = asyncio.get_running_loop()
    opened = [
        await loop.create_datagram_endpoint(Ear, local_addr=("::1", 0)) for _ in range(number)
    ]
    yield opened
    for transport, _ in opened:
        transport.close()


def offer(port: int) -> str:
    lines = ["v=0", "o=- 1 1 IN IP6 ::1", "s=-", "c=IN IP6 ::1", "t=0 0"]
    return "\r\n".join([*lines, f"m=audio {port} RTP/AVP 0", "a=rtpmap:0 PCMU/8000", ""])


def where(response: Message) -> tuple[str, int]:
    """Where the mixer listens."""
    found = re.search(r"m=audio ([0-9]+) RTP/AVP", response.body)
    assert found, response.body
    assert "c=IN IP6 ::1" in response.body
    return "::1", int(found[1])


async def test_phones_by_udp_and_tcp_hear_each_other(six: SixServer) -> None:
    alice, bob = six.phone("alice", "--organizer"), six.phone("bob")
    room: str = six.conference("--open")["uri"]
    assert room.endswith(f"@[::1]:{six.ports['udp']}")
    async with (
        await DeskPhone.open(six, alice, "udp") as hers,
        await DeskPhone.open(six, bob, "tcp") as his,
        ears(2) as opened,
    ):
        dialogs = []
        for phone, (transport, _) in zip((hers, his), opened, strict=True):
            assert (await phone.register()).status == 200
            dialog, invite = await authorized(phone, room)
            port = transport.get_extra_info("sockname")[1]
            invite = Message(invite.start, invite.headers, offer(port))
            response = await phone.accepted(dialog, invite)
            assert dialog.target.startswith(f"sip:{name_of(room)}@[::1]:")
            dialogs.append((dialog, where(response)))
        for number in range(100):  # two seconds of hers, as loud as it gets
            head = struct.pack("!BBHII", 0x80, 0, number, number * 160, 0xA11CE)
            opened[0][0].sendto(head + (b"\x00" * 8 + b"\x80" * 8) * 10, dialogs[0][1])
            await asyncio.sleep(0.02)
        assert opened[1][1].loud > 30
        assert opened[0][1].loud == 0
        for dialog, _ in dialogs:
            await dialog.hang_up()
    assert is_empty(six, room)


@pytest.mark.parametrize("transport", ["tls", "wss"])
async def test_secure_ones(six: SixServer, transport: str) -> None:
    account = six.phone("carol")
    async with await DeskPhone.open(six, account, transport) as phone:
        assert (await phone.register()).status == 200


def test_the_pages(six: SixServer) -> None:
    assert six.request("GET", "/sign-in/")[0] == 200
