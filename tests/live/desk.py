"""Parley with UDP, TCP and TLS on, and phones of text that speak these."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import ipaddress
import json
import socket
import ssl
import subprocess
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol, cast

import websockets
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from websockets.asyncio.client import ClientConnection
from websockets.typing import Subprotocol

from tests.live.patience import PATIENCE
from tests.live.phone import Account, Dialog, Phone
from tests.live.server import Server, until
from tests.live.wire import Message
from tests.ports import free_port

SIPP = Path(__file__).parent / "sipp"
#: What a desk phone offers; nobody is at this port.
OFFER = "\r\n".join(
    [
        "v=0",
        "o=- 1 1 IN IP4 127.0.0.1",
        "s=-",
        "c=IN IP4 127.0.0.1",
        "t=0 0",
        "m=audio 9 RTP/AVP 0 101",
        "a=rtpmap:101 telephone-event/8000",
        "",
    ]
)


def certify(directory: Path, host: str = "127.0.0.1", *, days: int = 30) -> tuple[Path, Path]:
    """A new key and a certificate for `host` that it signs itself; their files."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host)])
    address = x509.IPAddress(ipaddress.ip_address(host))
    begins = datetime.now(UTC) - timedelta(hours=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    files = directory / "certificate.pem", directory / "key.pem"
    files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    files[1].write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return files


class DeskServer(Server):
    """A server with all transports on, and therefore with HTTPS."""

    def __init__(
        self,
        directory: Path,
        *,
        command: Sequence[str] = ("manage.py", "serve"),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True)
        self.certificate, self.key = certify(directory, self.host)
        secure = free_port()
        super().__init__(
            directory,
            command=command,
            environment={
                "SIPS_PORT": str(secure),
                "TLS_CERT": str(self.certificate),
                "TLS_KEY": str(self.key),
                **(environment or {}),
            },
        )
        self.ports["tls"] = secure

    def trust(self) -> ssl.SSLContext:
        """Whoever trusts this server's certificate and no other."""
        return ssl.create_default_context(cafile=str(self.certificate))

    def request(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> tuple[int, Any, Mapping[str, str]]:
        connection = http.client.HTTPSConnection(
            self.host, self.port, timeout=PATIENCE, context=self.trust()
        )
        content = None if body is None else json.dumps(body)
        with contextlib.closing(connection):
            connection.request(method, path, content, dict(headers or {}))
            response = connection.getresponse()
            text = response.read().decode()
            fields = {name.lower(): value for name, value in response.getheaders()}
        is_json = "json" in fields.get("content-type", "")
        return response.status, json.loads(text) if is_json and text else text, fields


class Reachable(Protocol):
    """A server that phones reach by other ways than a WebSocket."""

    host: str
    ports: dict[str, int]

    def trust(self) -> ssl.SSLContext:
        """Whoever trusts this server's certificate and no other."""


class GatewayAlone(DeskServer):
    """``manage.py sipgateway``, which tells on standard output that it is ready."""

    def __init__(self, directory: Path, *, redis: str) -> None:
        super().__init__(
            directory, command=("manage.py", "sipgateway"), environment={"REDIS_URL": redis}
        )

    def healthy(self) -> bool:
        return "SIP is served" in self.log()


@contextlib.contextmanager
def redis_server(directory: Path) -> Iterator[str]:
    """A Redis of our own; its URL."""
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", ""]
    with subprocess.Popen([*command, "--dir", str(directory)], stdout=subprocess.DEVNULL) as redis:
        try:
            assert until(lambda: accepts(port)), "Redis does not start"
            yield f"redis://127.0.0.1:{port}/0"
        finally:
            redis.terminate()


def accepts(port: int) -> bool:
    """Whether somebody listens on a TCP port."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


@contextlib.contextmanager
def serving(server: DeskServer) -> Iterator[DeskServer]:
    """The server, started; stopped at the end, when it must have left no alarm."""
    server.start()
    try:
        yield server
    finally:
        if not server.gone():
            server.stop()
    assert not server.alarms(), server.log()[-6000:]


class Wire:
    """What `Phone` wants of a WebSocket, over something else: texts out, texts in."""

    def __init__(self, transport: str) -> None:
        self._transport = transport.upper()
        self.incoming: asyncio.Queue[str | None] = asyncio.Queue()

    async def send(self, text: str) -> None:
        """Send a message that was written for a WebSocket."""
        self.write(text.replace("SIP/2.0/WS ", f"SIP/2.0/{self._transport} ").encode())

    def write(self, octets: bytes) -> None:
        """Send octets as they stand."""
        raise NotImplementedError

    async def close(self) -> None:
        """End it."""
        await self.incoming.put(None)

    async def __aiter__(self) -> AsyncIterator[str]:
        while (text := await self.incoming.get()) is not None:
            yield text


class Datagrams(Wire, asyncio.DatagramProtocol):
    """UDP."""

    def __init__(self) -> None:
        super().__init__("udp")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._datagrams = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: object) -> None:
        self.incoming.put_nowait(data.decode())

    def write(self, octets: bytes) -> None:
        self._datagrams.sendto(octets)

    async def close(self) -> None:
        self._datagrams.close()
        await super().close()


class Stream(Wire):
    """TCP and TLS."""

    def __init__(
        self, transport: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        super().__init__(transport)
        self._writer = writer
        self._reading = asyncio.create_task(self._read(reader))

    async def _read(self, reader: asyncio.StreamReader) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = next(
                    int(line.partition(":")[2])
                    for line in head.lower().split("\r\n")
                    if line.startswith("content-length:")
                )
                self.incoming.put_nowait(head + (await reader.readexactly(length)).decode())
        await super().close()

    def write(self, octets: bytes) -> None:
        self._writer.write(octets)

    async def close(self) -> None:
        self._writer.close()
        await self._reading


def _authority(address: tuple[Any, ...]) -> str:
    host = f"[{address[0]}]" if ":" in address[0] else address[0]
    return f"{host}:{address[1]}"


class DeskPhone(Phone):
    """`Phone` over UDP, TCP or TLS."""

    def __init__(self, account: Account, wire: Wire, *, transport: str, host: str) -> None:
        super().__init__(account, cast(ClientConnection, wire))
        self.host, self.transport = host, transport

    @property
    def contact(self) -> str:
        return f"<sip:{self.account.username}@{self.host};transport={self.transport}>"

    async def __aenter__(self) -> DeskPhone:
        return self

    async def accepted(self, dialog: Dialog, invite: Message) -> Message:
        """Send an INVITE, which has to be answered, and acknowledge; the 200."""
        response = await self.transact(invite)
        assert response.status == 200, response.start
        await self.acknowledges(dialog, response)
        return response

    async def acknowledges(self, dialog: Dialog, response: Message) -> None:
        """Send the ACK of a 200."""
        dialog.confirm(response)
        acknowledgement = self.build("ACK", dialog.target, dialog=dialog)
        await self.send_text(dialog.renumbered(acknowledgement, response).text())

    async def dials(self, uri: str) -> Dialog:
        """Call a conference, which has to answer; a re-INVITE of its is answered as well."""
        self.description = OFFER
        dialog = Dialog(self, remote=f"<{uri}>")
        fields = [("Content-Type", "application/sdp")]
        response = await self.ask("INVITE", uri, fields, body=OFFER, dialog=dialog)
        assert response.status == 200, response.start
        await self.acknowledges(dialog, response)
        return dialog

    @classmethod
    async def open(cls, server: Reachable, account: Account, transport: str) -> DeskPhone:
        """Connect; ``wss`` as a browser does."""
        if transport == "wss":
            protocols = [Subprotocol("sip")]
            socket_ = await websockets.connect(
                account.websocket, subprotocols=protocols, ssl=server.trust(), proxy=None
            )
            return cls(account, cast(Wire, socket_), transport="ws", host="phone.invalid")
        where = (server.host, server.ports[transport])
        if transport == "udp":
            loop = asyncio.get_running_loop()
            opened, wire = await loop.create_datagram_endpoint(Datagrams, remote_addr=where)
            here = opened.get_extra_info("sockname")
            return cls(account, wire, transport=transport, host=_authority(here))
        context = server.trust() if transport == "tls" else None
        reader, writer = await asyncio.open_connection(*where, ssl=context)
        here = writer.get_extra_info("sockname")
        wire_ = Stream(transport, reader, writer)
        return cls(account, wire_, transport=transport, host=_authority(here))


class Road(asyncio.DatagramProtocol):
    """A UDP path between one phone and the server that loses and doubles what it is told to.

    `loses` names first lines' beginnings, each of which is lost once; with `doubles`
    everything arrives twice.
    """

    def __init__(self, server: Reachable, *, loses: Sequence[str] = (), doubles: bool = False):
        self._server = (server.host, server.ports["udp"])
        self._copies = 2 if doubles else 1
        self.to_lose = list(loses)
        #: The finals to INVITEs as the phone got them.
        self.answers: list[str] = []

    async def open(self) -> int:
        """Open both ends; gives the port for the phone."""
        loop = asyncio.get_running_loop()
        here = ("127.0.0.1", 0)
        self._near, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=here)
        far = Datagrams()
        self._far, _ = await loop.create_datagram_endpoint(lambda: far, remote_addr=self._server)
        self._back = asyncio.create_task(self._carry_back(far))
        port: int = self._near.get_extra_info("sockname")[1]
        return port

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._phone = addr
        if not self._lost(data.decode()):
            for _ in range(self._copies):
                self._far.sendto(data)

    async def _carry_back(self, far: Datagrams) -> None:
        async for text in far:
            if self._lost(text):
                continue
            if text.startswith("SIP/2.0 2") and " INVITE\r\n" in text:
                self.answers.append(text)
            for _ in range(self._copies):
                self._near.sendto(text.encode(), self._phone)

    def _lost(self, text: str) -> bool:
        found = next((start for start in self.to_lose if text.startswith(start)), None)
        if found is not None:
            self.to_lose.remove(found)
        return found is not None

    def close(self) -> None:
        """Tear it up."""
        self._back.cancel()
        self._near.close()
        self._far.close()


async def sipp(
    server: Server,
    scenario: str,
    transport: str,
    *,
    account: Account,
    target: str,
    calls: int = 1,
    rate: int = 10,
    hold: float = 1.0,
    within: float = 2 * PATIENCE,
    by: int = 0,
) -> None:
    """Run a scenario of ``sipp/``; fails with SIPp's own words if a call did.

    `by` is the port of a `Road` that it goes by.
    """
    errors = server.directory / f"sipp-{scenario}-{transport}.log"
    command = ["sipp", f"127.0.0.1:{server.ports[transport]}", "-sf", f"{SIPP / scenario}.xml"]
    command += ["-t", {"udp": "u1", "tcp": "t1"}[transport], "-i", "127.0.0.1", "-nostdin"]
    command += ["-rsa", f"127.0.0.1:{by}"] if by else []
    command += ["-p", str(free_port()), "-mp", str(free_port(4)), "-m", str(calls)]
    command += ["-r", str(rate), "-l", str(calls), "-d", str(round(hold * 1000))]
    command += ["-au", account.username, "-ap", account.password]
    command += ["-key", "username", account.username, "-key", "domain", account.domain]
    command += ["-key", "target", target.removeprefix("sip:")]
    command += ["-trace_err", "-error_file", str(errors), "-recv_timeout", "10000"]
    command += ["-timeout", f"{within:.0f}", "-timeout_error"]
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
    )
    try:
        async with asyncio.timeout(within + 5.0):
            said, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    told = errors.read_text(errors="replace")[-2000:] if errors.exists() else ""
    assert process.returncode == 0, f"{told}\n{said.decode(errors='replace')[-1500:]}"
