"""All messages of RFC 4475 to a running server, by UDP, TCP and WebSocket, with a call up."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from collections.abc import Callable

from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.live.conftest import People
from tests.live.desk import OFFER, DeskPhone, DeskServer
from tests.live.patience import PATIENCE
from tests.live.test_desk_phones import DESCRIBED, authorized
from tests.torture import CLOSING, ROWS, UNFINISHED, Row

#: A request that is answered at once: what came before it has been dealt with.
FENCE = (
    "OPTIONS sip:127.0.0.1 SIP/2.0\r\n"
    "Via: SIP/2.0/{via} fence.invalid;branch=z9hG4bKfence{via}{row}\r\n"
    "Max-Forwards: 70\r\nFrom: <sip:fence@fence.invalid>;tag=1\r\nTo: <sip:127.0.0.1>\r\n"
    "Call-ID: fence-{row}-{via}\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n"
)
_STATUS = re.compile(rb"SIP/2\.0 ([0-9]{3}) ")


class Line:
    """One way to the server, for one message."""

    stream = False

    def send(self, octets: bytes) -> None:
        """Send."""
        raise NotImplementedError

    def receive(self) -> bytes:
        """What comes next; empty when the other side has closed."""
        raise NotImplementedError

    def close(self) -> None:
        """Hang up."""
        raise NotImplementedError


class Udp(Line):
    """A datagram is a message."""

    def __init__(self, server: DeskServer, source: str) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((source, 0))
        self._socket.settimeout(PATIENCE)
        self._socket.connect(("127.0.0.1", server.ports["udp"]))

    def send(self, octets: bytes) -> None:
        self._socket.send(octets)

    def receive(self) -> bytes:
        return self._socket.recv(65536)

    def close(self) -> None:
        self._socket.close()


class Tcp(Udp):
    """Messages follow each other."""

    stream = True

    def __init__(self, server: DeskServer, source: str) -> None:
        self._socket = socket.create_connection(
            ("127.0.0.1", server.ports["tcp"]), PATIENCE, source_address=(source, 0)
        )

    def send(self, octets: bytes) -> None:
        with contextlib.suppress(ConnectionError):  # the answer may have been to close
            self._socket.sendall(octets)

    def receive(self) -> bytes:
        with contextlib.suppress(ConnectionError):
            return self._socket.recv(65536)
        return b""


class Ws(Line):
    """A frame is a message (RFC 7118).

    By one thread: two that read and write the same TLS connection lose octets of it.
    """

    def __init__(self, server: DeskServer, source: str) -> None:
        self._loop = asyncio.Runner()
        self._socket = self._loop.run(self._open(server, source))

    async def _open(self, server: DeskServer, source: str) -> ClientConnection:
        return await connect(
            f"wss://127.0.0.1:{server.port}/sip",
            subprotocols=[Subprotocol("sip")],
            ssl=server.trust(),
            proxy=None,
            open_timeout=PATIENCE,
            ping_interval=None,
            local_addr=(source, 0),
        )

    def send(self, octets: bytes) -> None:
        self._loop.run(self._socket.send(octets))

    def receive(self) -> bytes:
        frame = self._loop.run(asyncio.wait_for(self._socket.recv(), PATIENCE))
        return frame if isinstance(frame, bytes) else frame.encode()

    def close(self) -> None:
        self._loop.run(self._socket.close())
        self._loop.close()


def tried(
    line_of: Callable[[DeskServer, str], Line], server: DeskServer, row: Row, via: str
) -> tuple[list[int] | str, list[int]]:
    """What came of a message on a line of its own, and what should have.

    Each comes from another address: all of them from one would be somebody who
    searches for names, and shut out.
    """
    came: list[int] | str = "silence"
    source = f"127.0.1.{1 + ROWS.index(row)}"
    with contextlib.suppress(TimeoutError), contextlib.closing(line_of(server, source)) as line:
        came = statuses(line, row, via)
    return came, row.answers(stream=line_of is Tcp)


def statuses(line: Line, row: Row, via: str) -> list[int]:
    """What is answered to a message before the server closes, or answers the next one."""
    line.send(row.octets)
    came = b""
    while len(_finals(came)) < len(row.answers(stream=line.stream)):  # it may take the database
        more = line.receive()
        assert more, f"closed after {came!r}"
        came += more
    if line.stream and row.name in UNFINISHED:
        return _finals(came)  # whatever comes next would be a part of it
    if line.stream and row.name in CLOSING:
        while more := line.receive():
            came += more
        return _finals(came)
    line.send(FENCE.format(via=via, row=row.name).encode())
    while b"z9hG4bKfence" not in came:
        more = line.receive()
        assert more, f"closed after {came!r}"
        came += more
    return [status for status in _finals(came) if status != 200]


def _finals(octets: bytes) -> list[int]:
    found = [int(status) for status in _STATUS.findall(octets)]
    return [status for status in found if status >= 200]


async def test_nobody_in_a_call_feels_it(desk: DeskServer, desk_people: People) -> None:
    bob = desk_people.bob
    room = desk.conference("--open")
    async with await DeskPhone.open(desk, bob, "tcp") as phone:
        dialog, invite = await authorized(phone, room["uri"])
        await phone.accepted(dialog, invite)
        wrong = []
        for via, line_of in (("UDP", Udp), ("TCP", Tcp), ("WSS", Ws)):
            for row in ROWS:
                # in a thread, so that the phone that is in the call can answer what it is asked
                came, wanted = await asyncio.to_thread(tried, line_of, desk, row, via)
                if came != wanted:
                    wrong.append((via, row.name, came))
        assert not wrong
        assert desk.request("GET", "/healthz")[0] == 200
        assert desk.roster(room["id"]) == [bob.aor]
        again = phone.build("INVITE", dialog.target, DESCRIBED, body=OFFER, dialog=dialog)
        await phone.accepted(dialog, again)
        await dialog.hang_up()
