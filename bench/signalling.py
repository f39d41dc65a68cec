"""What a request costs: CPU of the server per OPTIONS and per registration, over WebSocket and UDP.

The whole process group is counted (/proc), the phones that ask are not. A
registration is a REGISTER with digest (SHA-256, qop=auth), told to the
database as it would be; with the challenge where a phone starts, without it
where it refreshes by the nonce that it has.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import websockets
from websockets.asyncio.client import ClientConnection
from websockets.typing import Subprotocol

from bench import processes
from tests.live.server import Server, running
from tests.live.wire import Challenge, Message
from tests.ports import free_port

OPTIONS, REGISTRATIONS = 3000, 1000
PEOPLE = 64
AT_ONCE = 32
"""Requests on their way: more would measure queues, fewer the waiting."""
BASELINE = 3.0
#: Nobody is refused for asking so much.
LIMITS = ", ".join(
    f"{name}=100000"
    for name in ("source", "stranger", "resident", "strangers", "account", "invites")
)
ACCOUNTS = """
import json
from conferences import services
names = [f"phone{n}" for n in range(%d)]
for name in names:
    services.set_sip_password(services.create_user(username=name, password=name * 3), name)
print(json.dumps(names))
"""


@dataclass
class Line:
    """One transport to the server: texts out, the answer of each request by its Call-ID."""

    transport: str
    send: Callable[[str], Awaitable[None]]
    host: str
    waiting: dict[str, asyncio.Future[str]] = field(default_factory=dict)
    numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    def came(self, text: str) -> None:
        """A message."""
        branch = text.partition("branch=")[2].partition("\r\n")[0].partition(";")[0]
        found = self.waiting.pop(branch, None)
        if found is not None and not found.done():
            found.set_result(text)

    async def ask(
        self, method: str, uri: str, who: str, *, call_id: str = "", fields: Sequence[str] = ()
    ) -> str:
        """Send a request, wait for its answer."""
        number = next(self.numbers)
        branch = f"z9hG4bK{self.transport}-{number}"
        answer = self.waiting[branch] = asyncio.get_running_loop().create_future()
        lines = [
            f"{method} {uri} SIP/2.0",
            f"Via: SIP/2.0/{self.transport} {self.host};rport;branch={branch}",
            "Max-Forwards: 70",
            f"From: <sip:{who}>;tag={number}",
            f"To: <sip:{who}>",
            f"Call-ID: {call_id or branch}",
            f"CSeq: {number} {method}",
            f"User-Agent: Bench/{self.transport}",
            *fields,
            "Content-Length: 0",
            "",
            "",
        ]
        await self.send("\r\n".join(lines))
        return await asyncio.wait_for(answer, 30)


class _Datagrams(asyncio.DatagramProtocol):
    line: Line

    def datagram_received(self, data: bytes, addr: object) -> None:
        del addr
        self.line.came(data.decode())


async def by_udp(server: Server, port: int) -> Line:
    """A phone on UDP."""
    del server
    loop = asyncio.get_running_loop()
    transport, protocol = await loop.create_datagram_endpoint(
        _Datagrams, remote_addr=("127.0.0.1", port)
    )
    host, here = transport.get_extra_info("sockname")

    async def send(text: str) -> None:
        transport.sendto(text.encode())

    protocol.line = Line("UDP", send, f"{host}:{here}")
    return protocol.line


async def by_websocket(server: Server, port: int) -> Line:
    """A phone on a WebSocket."""
    del port
    opened = await websockets.connect(
        server.websocket, subprotocols=[Subprotocol("sip")], proxy=None
    )
    line = Line("WS", opened.send, "bench.invalid")
    READERS.append(asyncio.create_task(_read(opened, line)))
    return line


READERS: list[asyncio.Task[None]] = []


async def _read(opened: ClientConnection, line: Line) -> None:
    async for frame in opened:
        line.came(frame if isinstance(frame, str) else frame.decode())


@dataclass
class Registrations:
    """Phones of people who register again and again."""

    line: Line
    domain: str
    names: Sequence[str]
    nonces: dict[str, tuple[Challenge, int]] = field(default_factory=dict)
    locks: dict[str, asyncio.Lock] = field(default_factory=lambda: defaultdict(asyncio.Lock))

    async def begin(self, number: int) -> None:
        """Challenge and answer."""
        name = self.names[number % len(self.names)]
        async with self.locks[name]:
            answer = await self._send(name, ())
            assert answer.startswith("SIP/2.0 401"), answer
            offered = map(Challenge.parse, Message.parse(answer).all("www-authenticate"))
            self.nonces[name] = next(one for one in offered if one.algorithm == "SHA-256"), 0
            await self._prove(name)

    async def refresh(self, number: int) -> None:
        """By the nonce that the phone has, with the next count."""
        name = self.names[number % len(self.names)]
        async with self.locks[name]:  # a phone has one REGISTER out at a time
            await self._prove(name)

    async def _prove(self, name: str) -> None:
        challenge, count = self.nonces[name]
        self.nonces[name] = challenge, count + 1
        answer = await self._send(name, (self._proof(name, challenge, count + 1),))
        assert answer.startswith("SIP/2.0 200"), answer

    async def _send(self, name: str, proof: Sequence[str]) -> str:
        contact = f"<sip:{name}@{self.line.host};transport={self.line.transport.lower()}>"
        fields = (f"Contact: {contact}", "Expires: 600", "Supported: path, outbound, gruu", *proof)
        return await self.line.ask(
            "REGISTER",
            f"sip:{self.domain}",
            f"{name}@{self.domain}",
            call_id=f"{self.line.transport}-{name}",
            fields=fields,
        )

    def _proof(self, name: str, challenge: Challenge, count: int) -> str:
        realm, nonce = challenge.parameters["realm"], challenge.parameters["nonce"]
        uri, nc = f"sip:{self.domain}", f"{count:08x}"
        secret, asked = _hash(f"{name}:{realm}:{name}"), _hash(f"REGISTER:{uri}")
        response = _hash(f"{secret}:{nonce}:{nc}:bench:auth:{asked}")
        return (
            f'Authorization: Digest username="{name}", realm="{realm}", nonce="{nonce}", '
            f'uri="{uri}", response="{response}", algorithm=SHA-256, qop=auth, '
            f'cnonce="bench", nc={nc}'
        )


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


Do = Callable[[int], Awaitable[None]]


async def cost(server: Server, idle: float, count: int, do: Do) -> str:
    """Microseconds of CPU for each of `count`, and how many there were each second."""
    assert server.process is not None
    group = server.process.pid
    numbers = iter(range(count))

    async def worker() -> None:
        for number in numbers:
            await do(number)

    began, before = time.monotonic(), processes.cpu_seconds(group)
    async with asyncio.TaskGroup() as tasks:
        for _ in range(AT_ONCE):
            tasks.create_task(worker())
    wall = time.monotonic() - began
    spent = processes.cpu_seconds(group) - before - idle * wall
    return f"{1e6 * spent / count:8.0f} µs   {count / wall:6.0f}/s"


async def measure(server: Server, port: int) -> None:
    """All of it."""
    assert server.process is not None
    names = json.loads(server._manage("shell", "-v", "0", "-c", ACCOUNTS % PEOPLE))
    domain = f"127.0.0.1:{port}"
    before = processes.cpu_seconds(server.process.pid)
    await asyncio.sleep(BASELINE)
    idle = (processes.cpu_seconds(server.process.pid) - before) / BASELINE
    print(f"CPU of the server for each request, {AT_ONCE} at once (Asterisk on such a machine:")
    print("93 to 165 µs per OPTIONS over WebSocket)")
    for connect in (by_websocket, by_udp):
        line = await connect(server, port)

        async def options(_: int, line: Line = line) -> None:
            answer = await line.ask("OPTIONS", f"sip:{domain}", f"bench@{domain}")
            assert answer.startswith("SIP/2.0 200"), answer

        phones = Registrations(line, domain, names)
        rows = (
            ("OPTIONS, 200", OPTIONS, options),
            ("REGISTER, 401, REGISTER, 200", REGISTRATIONS, phones.begin),
            ("REGISTER, 200", REGISTRATIONS, phones.refresh),
        )
        for what, count, do in rows:
            print(f"  {line.transport:<5}{what:<32}{await cost(server, idle, count, do)}")
    for reader in READERS:
        reader.cancel()


def main() -> int:
    """Start a server, measure, print."""
    port = free_port()
    environment = {"SIP_PORT": str(port), "SIP_LIMITS": LIMITS}
    with (
        tempfile.TemporaryDirectory() as directory,
        running(Path(directory) / "parley", environment=environment) as server,
    ):
        asyncio.run(measure(server, port))
    return 0


if __name__ == "__main__":
    sys.exit(main())
