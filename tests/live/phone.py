"""A phone made of text on a WebSocket (RFC 7118), with no media behind it.

It answers every request with 200 and keeps what came, so a test says what it
sends and what it waits for.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType

import websockets
from websockets.asyncio.client import ClientConnection
from websockets.typing import Subprotocol

from tests.live.patience import PATIENCE
from tests.live.wire import OFFER, Challenge, Counter, Headers, Message

ALLOW = "INVITE, ACK, BYE, CANCEL, OPTIONS, NOTIFY, MESSAGE, INFO, UPDATE, REFER"

Match = Callable[[Message], bool]


@dataclass
class Account:
    """What ``manage.py phone`` printed."""

    username: str
    password: str
    aor: str
    websocket: str
    web_password: str = ""

    @property
    def domain(self) -> str:
        return self.aor.split("@", 1)[1]


def is_request(method: str, *, event: str = "") -> Match:
    """Match a request of that method (and event package)."""

    def matches(message: Message) -> bool:
        if message.status or message.method != method:
            return False
        return not event or message.get("event").split(";")[0] == event

    return matches


class Phone:
    """One WebSocket connection of one account."""

    def __init__(self, account: Account, socket: ClientConnection) -> None:
        self.account = account
        #: What names our end where we are called.
        self.tag = secrets.token_hex(5)
        self.host = f"{secrets.token_hex(6)}.invalid"
        self.inbox: list[Message] = []
        #: What an INVITE is answered with; without it a 200 has no description.
        self.description = ""
        self._socket = socket
        self._arrived = asyncio.Condition()
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def connect(cls, account: Account) -> Phone:
        subprotocols = [Subprotocol("sip")]
        socket = await websockets.connect(account.websocket, subprotocols=subprotocols, proxy=None)
        return cls(account, socket)

    async def __aenter__(self) -> Phone:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection with nothing said in SIP."""
        await self._socket.close()
        await self._reader

    @property
    def contact(self) -> str:
        return f"<sip:{self.account.username}@{self.host};transport=ws>"

    async def _read(self) -> None:
        try:
            async for frame in self._socket:
                text = frame if isinstance(frame, str) else frame.decode()
                if text.strip():
                    await self._take(Message.parse(text))
        except websockets.ConnectionClosed:
            # The server went without a close frame, or was still talking while we closed:
            # tests look for what came before.
            return

    async def _take(self, message: Message) -> None:
        if not message.status and message.method not in ("ACK", "CANCEL"):
            answer = self.response_to(message, 200, "OK")
            if message.method == "INVITE" and self.description:
                fields = (*answer.headers, ("Content-Type", "application/sdp"))
                answer = Message(answer.start, fields, self.description)
            await self._socket.send(answer.text())
        async with self._arrived:
            self.inbox.append(message)
            self._arrived.notify_all()

    def response_to(self, request: Message, status: int, reason: str) -> Message:
        """Build a response (RFC 3261 8.2.6)."""
        copied = [("Via", value) for value in request.all("via")]
        copied += [(name, request.get(name)) for name in ("From", "To", "Call-ID", "CSeq")]
        copied = [
            (name, f"{value};tag={self.tag}" if name == "To" and ";tag=" not in value else value)
            for name, value in copied
        ]
        return Message(f"SIP/2.0 {status} {reason}", (*copied, ("Contact", self.contact)))

    async def send_text(self, text: str) -> None:
        """Send a frame as it stands."""
        await self._socket.send(text)

    async def receives(self, matches: Match, *, within: float = PATIENCE) -> Message:
        """Take the first message that matches out of the inbox, waiting for it."""

        def found() -> Message | None:
            return next((message for message in self.inbox if matches(message)), None)

        async with self._arrived:
            try:
                async with asyncio.timeout(within):
                    await self._arrived.wait_for(lambda: found() is not None)
            except TimeoutError:
                came = "\n".join(message.start for message in self.inbox) or "nothing"
                raise AssertionError(
                    f"did not come within {within} s; what came:\n{came}"
                ) from None
            message = found()
            assert message is not None
            self.inbox.remove(message)
            return message

    def build(
        self,
        method: str,
        uri: str,
        headers: Headers = (),
        *,
        body: str = "",
        dialog: Dialog | None = None,
    ) -> Message:
        """Build a request, in a dialog or outside any."""
        place = dialog or Dialog(self, remote=f"<{uri}>")
        fields = [
            ("Via", f"SIP/2.0/WS {self.host};branch=z9hG4bK{secrets.token_hex(8)}"),
            ("Max-Forwards", "70"),
            ("From", place.local),
            ("To", place.remote),
            ("Call-ID", place.call_id),
            ("CSeq", f"{place.counter.next()} {method}"),
        ]
        given = list(headers)
        if not any(name.lower() == "contact" for name, _ in given):
            fields.append(("Contact", self.contact))
        fields.append(("Allow", ALLOW))
        return Message(f"{method} {uri} SIP/2.0", (*fields, *given), body)

    async def transact(self, request: Message, *, within: float = PATIENCE) -> Message:
        """Send a request and return its final response; a non-2xx of INVITE is acknowledged."""
        await self._socket.send(request.text())

        def final(message: Message) -> bool:
            return message.status >= 200 and message.branch == request.branch

        response = await self.receives(final, within=within)
        if request.method == "INVITE" and response.status >= 300:
            await self._socket.send(self._acknowledgement(request, response).text())
        return response

    def _acknowledgement(self, request: Message, response: Message) -> Message:
        """ACK of a final response that is not 2xx (RFC 3261 17.1.1.3)."""
        number = request.get("cseq").split()[0]
        fields = (
            ("Via", request.get("via")),
            ("Max-Forwards", "70"),
            ("From", request.get("from")),
            ("To", response.get("to")),
            ("Call-ID", request.get("call-id")),
            ("CSeq", f"{number} ACK"),
        )
        return Message(f"ACK {request.start.split()[1]} SIP/2.0", fields)

    async def ask(
        self,
        method: str,
        uri: str,
        headers: Headers = (),
        *,
        body: str = "",
        dialog: Dialog | None = None,
        algorithm: str = "SHA-256",
    ) -> Message:
        """Send a request, answer a challenge once, return the final response."""
        place = dialog or Dialog(self, remote=f"<{uri}>")
        request = self.build(method, uri, headers, body=body, dialog=place)
        response = await self.transact(request)
        if response.status != 401:
            return response
        offered = [Challenge.parse(value) for value in response.all("www-authenticate")]
        challenge = next(one for one in offered if one.algorithm == algorithm)
        account = self.account
        proof = challenge.answer(account.username, account.password, method, uri)
        proven = (*headers, ("Authorization", proof))
        return await self.transact(self.build(method, uri, proven, body=body, dialog=place))

    async def register(self, *, algorithm: str = "SHA-256") -> Message:
        """Bind this connection to the address of record."""
        registrar = f"sip:{self.account.domain}"
        place = Dialog(self, remote=f"<{self.account.aor}>")
        fields = [("Expires", "600")]
        return await self.ask("REGISTER", registrar, fields, dialog=place, algorithm=algorithm)

    async def invite(self, uri: str, headers: Headers = ()) -> tuple[Message, Dialog]:
        """Call `uri`; where it answers, acknowledge. Returns the final response and the dialog."""
        dialog = Dialog(self, remote=f"<{uri}>")
        described = [("Content-Type", "application/sdp"), *headers]
        response = await self.ask("INVITE", uri, described, body=OFFER, dialog=dialog)
        if response.status < 300:
            dialog.confirm(response)
            acknowledgement = self.build("ACK", dialog.target, dialog=dialog)
            await self._socket.send(dialog.renumbered(acknowledgement, response).text())
        return response, dialog

    async def joins(self, uri: str) -> Dialog:
        """Call a conference, which has to answer."""
        response, dialog = await self.invite(uri)
        assert response.status == 200, response.start
        return dialog

    async def subscribe(self, uri: str, event: str = "conference") -> tuple[Message, Dialog]:
        """Subscribe outside any INVITE dialog (RFC 4579 3.4)."""
        dialog = Dialog(self, remote=f"<{uri}>")
        headers = [
            ("Event", event),
            ("Accept", _DOCUMENTS.get(event, "application/xml")),
            ("Expires", "600"),
        ]
        response = await self.ask("SUBSCRIBE", uri, headers, dialog=dialog)
        if response.status < 300:
            dialog.confirm(response)
        return response, dialog


#: What is told of each event package.
_DOCUMENTS = {
    "conference": "application/conference-info+xml",
    "dialog": "application/dialog-info+xml",
}


@dataclass
class Dialog:
    """Our end of a dialog, or what a request outside any needs."""

    phone: Phone
    remote: str
    counter: Counter = field(default_factory=Counter)
    call_id: str = field(default_factory=lambda: secrets.token_hex(12))
    tag: str = field(default_factory=lambda: secrets.token_hex(5))
    target: str = ""

    @property
    def local(self) -> str:
        return f"<{self.phone.account.aor}>;tag={self.tag}"

    def confirm(self, response: Message) -> None:
        """Take the remote tag and target (RFC 3261 12.1.2)."""
        self.remote = response.get("to")
        self.target = response.contact_uri()

    def renumbered(self, acknowledgement: Message, response: Message) -> Message:
        """Give the ACK of a 2xx the number of its INVITE (RFC 3261 13.2.2.4)."""
        number = response.get("cseq").split()[0]
        headers = tuple(
            (name, f"{number} ACK" if name == "CSeq" else value)
            for name, value in acknowledgement.headers
        )
        return Message(acknowledgement.start, headers)

    async def ask(self, method: str, headers: Headers = (), *, body: str = "") -> Message:
        """Send a request in the dialog."""
        return await self.phone.ask(method, self.target, headers, body=body, dialog=self)

    async def hang_up(self) -> None:
        """End the call."""
        response = await self.ask("BYE")
        assert response.status == 200, response.start
