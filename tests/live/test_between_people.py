"""Between people, on the wire: two phones ring, and what is not a call is passed on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.live.conftest import People
from tests.live.desk import OFFER, Datagrams, DeskPhone, sipp
from tests.live.phone import Dialog, is_request
from tests.live.server import Server
from tests.live.wire import Challenge, Message

SDP = [("Content-Type", "application/sdp")]


class Ringing(DeskPhone):
    """A phone that rings until somebody answers it, and goes silent when it is cancelled."""

    async def _take(self, message: Message) -> None:
        invite = next((one for one in self.inbox if one.method == "INVITE"), None)
        if not message.status and message.method == "INVITE":
            await self.says(message, 180, "Ringing")
        elif not message.status and message.method == "CANCEL" and invite is not None:
            await self.says(message, 200, "OK")
            await self.says(invite, 487, "Request Terminated")
        if message.status or message.method in {"INVITE", "CANCEL"}:
            async with self._arrived:
                self.inbox.append(message)
                self._arrived.notify_all()
        else:
            await super()._take(message)

    async def says(self, request: Message, status: int, reason: str, body: str = "") -> None:
        """Answer a request, with a tag of our own."""
        built = self.response_to(request, status, reason)
        fields = [
            (
                name,
                f"{value};tag=phone-{id(self)}" if name == "To" and "tag=" not in value else value,
            )
            for name, value in built.headers
        ]
        fields += [("Record-Route", value) for value in request.all("record-route")]
        fields += SDP if body else []
        await self.send_text(Message(built.start, tuple(fields), body).text())


class Listening(DeskPhone):
    """A phone that sends from one socket and listens at another."""

    async def listens(self) -> None:
        """Open the other one; what comes there is answered by 200."""
        self.heard: list[str] = []
        loop = asyncio.get_running_loop()
        opened, wire = await loop.create_datagram_endpoint(Datagrams, local_addr=("127.0.0.1", 0))
        self.port: int = opened.get_extra_info("sockname")[1]
        self._ear = opened
        self._listening = asyncio.create_task(self._hears(wire))

    async def _hears(self, wire: Datagrams) -> None:
        async for text in wire:
            self.heard.append(text)
            answer = self.response_to(Message.parse(text), 200, "OK").text()
            where = (self.account.domain.partition(":")[0], int(self.account.domain.split(":")[1]))
            self._ear.sendto(answer.replace("SIP/2.0/WS ", "SIP/2.0/UDP ").encode(), where)

    @property
    def contact(self) -> str:
        return f"<sip:{self.account.username}@127.0.0.1:{self.port}>"

    async def close(self) -> None:
        self._listening.cancel()
        self._ear.close()
        await super().close()


@pytest.fixture
async def phones(
    server: Server, people: People
) -> AsyncIterator[tuple[DeskPhone, Ringing, Ringing]]:
    """Alice's, and two of Bob's, by UDP and TCP."""
    alice, bob = people.alice, people.bob
    hers = await DeskPhone.open(server, alice, "udp")
    opened = [await Ringing.open(server, bob, transport) for transport in ("udp", "tcp")]
    first, second = (one for one in opened if isinstance(one, Ringing))
    for phone in (first, second):
        assert (await phone.register()).status == 200
    yield hers, first, second
    for phone in (first, second):
        place = Dialog(phone, remote=f"<{bob.aor}>")
        await phone.ask("REGISTER", f"sip:{bob.domain}", [("Expires", "0")], dialog=place)
    for one in (hers, first, second):
        await one.close()


async def test_both_phones_ring_and_the_first_answer_wins(
    people: People, phones: tuple[DeskPhone, Ringing, Ringing]
) -> None:
    """The other one gets CANCEL with a Reason (RFC 3326)."""
    alice, first, second = phones
    dialog = Dialog(alice, remote=f"<{people.bob.aor}>")
    challenged = await alice.transact(
        alice.build("INVITE", people.bob.aor, SDP, body=OFFER, dialog=dialog)
    )
    offered = [Challenge.parse(value) for value in challenged.all("www-authenticate")]
    proof = offered[-1].answer("alice", alice.account.password, "INVITE", people.bob.aor)
    fields = [*SDP, ("Authorization", proof)]
    invite = alice.build("INVITE", people.bob.aor, fields, body=OFFER, dialog=dialog)
    await alice.send_text(invite.text())
    await alice.receives(lambda one: one.status == 180)
    await first.receives(is_request("INVITE"))
    await second.says(await second.receives(is_request("INVITE")), 200, "OK", OFFER)
    answer = await alice.receives(lambda one: one.status == 200 and one.branch == invite.branch)
    await alice.acknowledges(dialog, answer)
    cancel = await first.receives(is_request("CANCEL"))
    assert 'text="Call completed elsewhere"' in cancel.get("reason")
    assert (await dialog.ask("BYE")).status == 200
    await second.receives(is_request("BYE"))


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_sipp_takes_its_call_back(
    server: Server,
    people: People,
    phones: tuple[DeskPhone, Ringing, Ringing],
    transport: str,
) -> None:
    """RFC 3261 9: both phones that ring are cancelled, and SIPp gets its 487."""
    caller, called = people.alice, people.bob
    await sipp(server, "cancel", transport, account=caller, target=called.aor)
    for phone in phones[1:]:
        await phone.receives(is_request("CANCEL"))


async def test_a_phone_that_listens_at_another_port(server: Server, people: People) -> None:
    """RFC 3261 10.3: it is reached at its Contact, on the address that it registered from."""
    alice, bob = people.alice, people.bob
    async with (
        await DeskPhone.open(server, alice, "udp") as hers,
        await Listening.open(server, bob, "udp") as his,
    ):
        assert isinstance(his, Listening)
        await his.listens()
        assert (await his.register()).status == 200
        answer = await hers.ask("MESSAGE", bob.aor, [("Content-Type", "text/plain")], body="hi")
        assert answer.status == 200, answer.start
        assert [text.split()[0] for text in his.heard] == ["MESSAGE"]
        place = Dialog(his, remote=f"<{bob.aor}>")
        await his.ask("REGISTER", f"sip:{bob.domain}", [("Expires", "0")], dialog=place)


async def test_a_browser_watches_a_desk_phone(
    server: Server, people: People, phones: tuple[DeskPhone, Ringing, Ringing]
) -> None:
    """SUBSCRIBE by UDP to phones on UDP and TCP; a NOTIFY comes back, each by its own way."""
    alice, _, second = phones
    place = Dialog(alice, remote=f"<{people.bob.aor}>")
    fields = [("Event", "presence"), ("Expires", "600")]
    challenged = await alice.transact(
        alice.build("SUBSCRIBE", people.bob.aor, fields, dialog=place)
    )
    assert challenged.status == 407
    offered = [Challenge.parse(value) for value in challenged.all("proxy-authenticate")]
    proof = offered[-1].answer("alice", alice.account.password, "SUBSCRIBE", people.bob.aor)
    proven = [*fields, ("Proxy-Authorization", proof)]
    answer = await alice.transact(alice.build("SUBSCRIBE", people.bob.aor, proven, dialog=place))
    assert answer.status == 200
    asked = await second.receives(is_request("SUBSCRIBE", event="presence"))
    assert not asked.get("proxy-authorization")
    routes = [("Route", value) for value in asked.all("record-route")]
    assert ";transport=tcp" in routes[0][1]
    notify = Message(
        f"NOTIFY {asked.contact_uri()} SIP/2.0",
        (
            ("Via", f"SIP/2.0/WS {second.host};branch=z9hG4bKnotify"),
            ("Max-Forwards", "70"),
            ("From", f"{asked.get('to')};tag=second"),
            ("To", asked.get("from")),
            ("Call-ID", asked.get("call-id")),
            ("CSeq", "1 NOTIFY"),
            ("Contact", second.contact),
            ("Event", "presence"),
            ("Subscription-State", "terminated;reason=noresource"),
            *routes,
        ),
    )
    assert (await second.transact(notify)).status == 200
    told = await alice.receives(is_request("NOTIFY", event="presence"))
    assert told.get("max-forwards") == "69"
    assert not told.get("route")


async def test_mallory_is_relayed_nowhere(
    server: Server, people: People, phones: tuple[DeskPhone, Ringing, Ringing]
) -> None:
    """A Route to elsewhere is refused, once he has proved who he is."""
    mallory = await DeskPhone.open(server, people.mallory, "udp")
    text = [("Content-Type", "text/plain"), ("Route", "<sip:127.0.0.1:9;lr>")]
    assert (await mallory.ask("MESSAGE", people.bob.aor, text, body="Hello")).status == 403
    assert (await mallory.ask("MESSAGE", "sip:bob@198.51.100.1", text[:1], body="x")).status == 404
    await mallory.close()
