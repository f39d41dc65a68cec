"""Registrations outlive the process, and their person can end them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from tests.live.baresip import Baresip
from tests.live.desk import OFFER, DeskPhone, DeskServer, Stream, serving
from tests.live.phone import Account, Dialog, is_request
from tests.live.server import Api, until
from tests.live.wire import Challenge, Message

TEXT = [("Content-Type", "text/plain")]


class Listening(DeskPhone):
    """A phone on TCP that can be connected to, and says so in its Contact."""

    server: asyncio.Server
    called: asyncio.Queue[Stream]

    @classmethod
    async def at(cls, server: DeskServer, account: Account) -> Listening:
        called: asyncio.Queue[Stream] = asyncio.Queue()

        async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await called.put(Stream("tcp", reader, writer))

        listener = await asyncio.start_server(connected, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection("127.0.0.1", server.ports["tcp"])
        host, port = listener.sockets[0].getsockname()
        phone = cls(account, Stream("tcp", reader, writer), transport="tcp", host=f"{host}:{port}")
        phone.server, phone.called = listener, called
        return phone

    async def hears(self) -> Message:
        """The next message on the connection that Parley has made."""
        async with asyncio.timeout(8):
            wire = await self.called.get()
            text = await wire.incoming.get()
            assert text is not None
            request = Message.parse(text)
            await wire.send(self.response_to(request, 200, "OK").text())
        self.server.close()
        await wire.close()
        return request


def phones(api: Api) -> list[str]:
    """Transports of the phones that the API shows."""
    status, answer = api.call("GET", "/me/phones")
    assert status == 200, answer
    return sorted(phone["transport"] for phone in answer["phones"])


def written_since(api: Api, before: dict[str, Any]) -> bool:
    """Whether the phone has been written down since it looked like that."""
    (phone,) = api.call("GET", "/me/phones")[1]["phones"]
    return bool(phone["refreshed_at"] != before["refreshed_at"])


async def test_phones_are_reached_after_a_restart(tmp_path: Path) -> None:
    """Nobody registers again: over UDP by the same addresses, over TCP by connecting."""
    server = DeskServer(tmp_path)
    with serving(server):
        alice, bob, carol = (server.phone(name) for name in ("alice", "bob", "carol"))
        desk = await DeskPhone.open(server, bob, "udp")
        listening = await Listening.at(server, carol)
        assert (await desk.register()).status == 200
        assert (await listening.register()).status == 200
        hers = Baresip(tmp_path / "baresip", tone=440)
        await hers.start(alice, through=("udp", server.ports["udp"]))
        await hers.says("200 OK")
        as_bob = server.api("bob")
        assert until(lambda: phones(as_bob) == ["UDP"])
        server.stop()
        server.start()
        caller = await DeskPhone.open(server, alice, "udp")
        assert phones(as_bob) == ["UDP"]
        assert (await caller.ask("MESSAGE", bob.aor, TEXT, body="Still there?")).status == 200
        heard = await desk.receives(is_request("MESSAGE"))
        assert heard.body == "Still there?"
        reached = asyncio.create_task(listening.hears())
        assert (await caller.ask("MESSAGE", carol.aor, TEXT, body="And you?")).status == 200
        assert (await reached).body == "And you?"
        await rings(desk, alice, hers)
        await sign_out(server, caller, desk)
        for phone in (caller, desk, listening):
            await phone.close()


async def rings(caller: DeskPhone, called: Account, phone: Baresip) -> None:
    """A call reaches the phone, which knows nothing of any restart."""
    try:
        dialog = Dialog(caller, remote=f"<{called.aor}>")
        fields = [("Content-Type", "application/sdp")]
        invite = caller.build("INVITE", called.aor, fields, body=OFFER, dialog=dialog)
        challenged = await caller.transact(invite)
        proof = Challenge.parse(challenged.all("www-authenticate")[-1]).answer(
            caller.account.username, caller.account.password, "INVITE", called.aor
        )
        fields.append(("Authorization", proof))
        invite = caller.build("INVITE", called.aor, fields, body=OFFER, dialog=dialog)
        await caller.send_text(invite.text())
        await phone.says("Incoming call")
        cancel = tuple((n, v.replace("INVITE", "CANCEL")) for n, v in invite.headers[:6])
        await caller.send_text(Message(f"CANCEL {called.aor} SIP/2.0", cancel).text())
        await caller.receives(lambda one: one.status == 487 and one.branch == invite.branch)
    finally:
        await phone.stop()


async def sign_out(server: DeskServer, caller: DeskPhone, desk: DeskPhone) -> None:
    """Bob ends the registration: nothing reaches the phone, which is refused when it refreshes."""
    place = Dialog(desk, remote=f"<{desk.account.aor}>")
    registrar, fields = f"sip:{desk.account.domain}", [("Expires", "600")]
    as_bob = server.api("bob")
    (before,) = as_bob.call("GET", "/me/phones")[1]["phones"]
    assert (await desk.ask("REGISTER", registrar, fields, dialog=place)).status == 200
    assert until(lambda: written_since(as_bob, before))
    (phone,) = as_bob.call("GET", "/me/phones")[1]["phones"]
    assert as_bob.call("DELETE", f"/me/phones/{phone['id']}")[0] == 204
    assert phones(as_bob) == []

    async def unreachable() -> bool:
        answer = await caller.ask("MESSAGE", desk.account.aor, TEXT, body="Hello?")
        return answer.status == 480

    async with asyncio.timeout(5):
        while not await unreachable():
            await asyncio.sleep(0.1)
    assert (await desk.ask("REGISTER", registrar, fields, dialog=place)).status == 403
    assert (await desk.register()).status == 200
