"""Desk phones: SIPp over UDP and TCP, baresip over UDP, TCP and TLS, and messages by hand."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.live.baresip import Baresip
from tests.live.conftest import People
from tests.live.desk import (
    OFFER,
    DeskPhone,
    DeskServer,
    GatewayAlone,
    Road,
    accepts,
    certify,
    redis_server,
    serving,
    sipp,
)
from tests.live.phone import Account, Dialog
from tests.live.server import NotReady, Server, until
from tests.live.wire import Challenge, Message

DESCRIBED = [("Content-Type", "application/sdp")]
#: Decibels of full scale over which a tone is heard, and under which it is not.
HEARD, UNHEARD = -40.0, -55.0
#: Calls a second, and for how long; `LOAD_SECONDS=30` is the full measure.
RATE, SECONDS = 10, int(os.environ.get("LOAD_SECONDS", "5"))


@pytest.fixture
def alice(desk_people: People) -> Account:
    return desk_people.alice


@pytest.fixture
def bob(desk_people: People) -> Account:
    return desk_people.bob


@pytest.fixture
def room(desk: DeskServer, alice: Account) -> str:
    """URI of a room that is open to all who have signed in."""
    uri: str = desk.conference("--open")["uri"]
    return uri


def name_of(uri: str) -> str:
    return uri.removeprefix("sip:").partition("@")[0]


def is_empty(desk: DeskServer, room: str) -> bool:
    return until(lambda: not desk.roster(name_of(room)), every=0.5)


def joins(desk: DeskServer, room: str) -> list[str]:
    """Who has joined, once for each time."""
    events = desk.api("alice").events(name_of(room))
    return [one["target"] for one in events if one["kind"] == "joined"]


# -- SIPp ------------------------------------------------------------------------


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@pytest.mark.parametrize("scenario", ["register", "call", "hold", "session_timer"])
async def test_sipp(
    desk: DeskServer, bob: Account, room: str, scenario: str, transport: str
) -> None:
    await sipp(desk, scenario, transport, account=bob, target=room)
    assert is_empty(desk, room)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
async def test_ten_calls_a_second(
    desk: DeskServer, bob: Account, room: str, transport: str
) -> None:
    calls, within = RATE * SECONDS, SECONDS + 30.0
    await sipp(
        desk,
        "call",
        transport,
        account=bob,
        target=room,
        calls=calls,
        rate=RATE,
        hold=2.0,
        within=within,
    )
    assert is_empty(desk, room)


async def test_sipp_on_a_road_that_loses(desk: DeskServer, bob: Account, room: str) -> None:
    """RFC 3261 17: what is lost once, in either direction, is sent again."""
    road = Road(desk, loses=["INVITE", "ACK", "BYE", "SIP/2.0 401", "SIP/2.0 200"])
    await sipp(desk, "call", "udp", account=bob, target=room, by=await road.open())
    road.close()
    assert road.to_lose == []
    assert is_empty(desk, room)
    assert joins(desk, room) == [bob.aor]


async def test_sipp_on_a_road_that_doubles(desk: DeskServer, bob: Account, room: str) -> None:
    """17.2.1: an INVITE that comes twice is one participant, and gets one answer."""
    road = Road(desk, doubles=True)
    await sipp(desk, "call", "udp", account=bob, target=room, by=await road.open())
    road.close()
    assert len(set(road.answers)) == 1
    assert is_empty(desk, room)
    assert joins(desk, room) == [bob.aor]


# -- by hand ---------------------------------------------------------------------


@pytest.fixture(params=["udp", "tcp", "tls"])
async def phone(
    desk: DeskServer, bob: Account, request: pytest.FixtureRequest
) -> AsyncIterator[DeskPhone]:
    async with await DeskPhone.open(desk, bob, request.param) as opened:
        yield opened


async def authorized(phone: DeskPhone, uri: str) -> tuple[Dialog, Message]:
    """An INVITE with the right credentials, not sent yet, and its dialog."""
    dialog = Dialog(phone, remote=f"<{uri}>")
    asked = phone.build("INVITE", uri, DESCRIBED, body=OFFER, dialog=dialog)
    refused = await phone.transact(asked)
    challenge = Challenge.parse(refused.get("www-authenticate"))
    account = phone.account
    proof = challenge.answer(account.username, account.password, "INVITE", uri)
    fields = [*DESCRIBED, ("Authorization", proof)]
    return dialog, phone.build("INVITE", uri, fields, body=OFFER, dialog=dialog)


def same_but(request: Message, method: str) -> Message:
    """CANCEL, or the ACK of a refusal: what has the INVITE's identity (RFC 3261 9.1)."""
    kept = ("Via", "Max-Forwards", "From", "To", "Call-ID")
    number = request.get("cseq").split()[0]
    fields = [(name, request.get(name)) for name in kept]
    return Message(
        f"{method} {request.start.split()[1]} SIP/2.0", (*fields, ("CSeq", f"{number} {method}"))
    )


async def test_an_invite_that_comes_again_is_one_participant(
    desk: DeskServer, phone: DeskPhone, room: str
) -> None:
    """RFC 3261 17.2.1: the answer was lost, so the phone asks again and gets the same one."""
    dialog, invite = await authorized(phone, room)

    def is_final(message: Message) -> bool:
        return message.status >= 200 and message.branch == invite.branch

    await phone.send_text(invite.text())
    await phone.send_text(invite.text())
    first = await phone.receives(is_final)
    await phone.send_text(invite.text())
    if phone.transport == "udp":  # not acknowledged yet, so it comes again (13.3.1.4)
        assert (await phone.receives(is_final)).text() == first.text()
    await phone.acknowledges(dialog, first)
    await asyncio.to_thread(until, lambda: bool(desk.roster(name_of(room))))
    assert desk.roster(name_of(room)) == [phone.account.aor]
    await dialog.hang_up()


async def test_cancel(desk: DeskServer, phone: DeskPhone, room: str) -> None:
    """RFC 3261 9.2, with the CANCEL on the heels of the INVITE; on a stream in one piece.

    Two datagrams may lie so far apart that the call is answered between them: then it
    stands (9.1), is hung up, and the next one is tried.
    """
    ended = 200
    while ended == 200:
        dialog, invite = await authorized(phone, room)
        cancel = same_but(invite, "CANCEL")
        whole = [invite.text() + cancel.text()]
        for text in [invite.text(), cancel.text()] if phone.transport == "udp" else whole:
            await phone.send_text(text)
        taken = await phone.receives(lambda m: m.status >= 200 and m.method == "CANCEL")
        assert taken.status == 200
        final = await phone.receives(lambda m: m.status >= 200 and m.method == "INVITE")
        ended = final.status
        if ended == 200:
            assert phone.transport == "udp"
            await phone.acknowledges(dialog, final)
            await dialog.hang_up()
    assert ended == 487
    acknowledgement = same_but(invite, "ACK").text().replace(invite.get("to"), final.get("to"))
    await phone.send_text(acknowledgement)
    assert desk.roster(name_of(room)) == []


async def test_contact_leads_back_by_the_same_transport(
    desk: DeskServer, phone: DeskPhone, room: str
) -> None:
    """So that whoever came by TLS does not go on in clear."""
    dialog, invite = await authorized(phone, room)
    response = await phone.accepted(dialog, invite)
    by = phone.transport
    wanted = {"udp": "", "tcp": ";transport=tcp", "tls": ";transport=tls"}[by]
    assert dialog.target == f"sip:{name_of(room)}@127.0.0.1:{desk.ports[by]}{wanted}"
    assert "isfocus" in response.contact_parameters()
    await dialog.hang_up()


async def test_keep_alive_and_what_is_not_sip(desk: DeskServer, bob: Account) -> None:
    """RFC 5626 3.5.1: a ping gets its pong; another protocol gets a closed connection."""
    where = ("127.0.0.1", desk.ports["tcp"])
    reader, writer = await asyncio.open_connection(*where)
    writer.write(b"\r\n\r\n")
    assert await asyncio.wait_for(reader.readexactly(2), 5.0) == b"\r\n"
    writer.write(b"GET / HTTP/1.1\r\n\r\n")
    assert await asyncio.wait_for(reader.read(), 5.0) == b""
    writer.close()
    for rubbish in (b"\r\n\r\n", b"\x00\x01\x00\x00!\x12\xa4B" + bytes(12), b"\xff" * 2000, b"x"):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            one.sendto(rubbish, ("127.0.0.1", desk.ports["udp"]))
    async with await DeskPhone.open(desk, bob, "udp") as phone:
        assert (await phone.register()).status == 200


async def test_a_thousand_silent_connections_keep_nobody_out(
    desk: DeskServer, bob: Account, room: str
) -> None:
    silent = []
    try:
        async with await DeskPhone.open(desk, bob, "tcp") as before:
            dialog, invite = await authorized(before, room)
            await before.accepted(dialog, invite)
            for number in range(1000):
                port = desk.ports["tcp" if number % 2 else "tls"]
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(b"INVITE sip:x SIP/2.0\r\n")
                silent.append(writer)
            for transport in ("tcp", "tls"):
                async with await DeskPhone.open(desk, bob, transport) as after:
                    assert (await after.register()).status == 200
            await dialog.hang_up()
    finally:
        for writer in silent:
            writer.transport.abort()


async def test_a_certificate_is_reloaded_with_calls_up(
    desk: DeskServer, bob: Account, room: str
) -> None:
    """SIGHUP for SIPS, at once for pages: who is connected stays, who comes sees the new one."""
    async with (
        await DeskPhone.open(desk, bob, "tls") as before,
        await DeskPhone.open(desk, bob, "wss") as page,
    ):
        calls = []
        for phone in (before, page):
            dialog, invite = await authorized(phone, room)
            await phone.accepted(dialog, invite)
            calls.append(dialog)
        places = [("127.0.0.1", port) for port in (desk.ports["tls"], desk.port)]
        old = [await asyncio.to_thread(ssl.get_server_certificate, where) for where in places]
        assert desk.process is not None
        desk.key.write_bytes(b"half written")
        assert await asyncio.to_thread(ssl.get_server_certificate, places[1]) == old[1]
        certify(desk.directory)
        desk.process.send_signal(signal.SIGHUP)

        def are_new() -> bool:
            shown = [ssl.get_server_certificate(where) for where in places]
            return shown[0] == shown[1] != old[0]

        assert await asyncio.to_thread(until, are_new)
        async with await DeskPhone.open(desk, bob, "tls") as after:
            assert (await after.register()).status == 200
        assert desk.roster(name_of(room)) == [bob.aor, bob.aor]
        for dialog in calls:
            await dialog.hang_up()
    assert is_empty(desk, room)


class Failing(Server):
    """A server that is up once it says what fails."""

    def healthy(self) -> bool:
        with contextlib.suppress(OSError):
            status, answer, _ = self.request("GET", "/healthz")
            return status == 503 and "SIP_PORT" in str(answer)
        return False


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    """In the log and in /healthz; the pages are up all the same."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        server = Failing(tmp_path, environment={"SIP_PORT": str(port)})
        server.start()
        try:
            assert f"SIP_PORT: UDP 127.0.0.1 port {port}: Address already in use" in server.log()
            assert server.request("GET", "/sign-in/")[0] == 200
        finally:
            server.stop()


async def test_the_gateway_on_its_own(tmp_path: Path) -> None:
    """`manage.py sipgateway`, without web pages."""
    with redis_server(tmp_path) as redis, serving(GatewayAlone(tmp_path, redis=redis)) as alone:
        alice = alone.phone("alice", "--organizer")
        room: str = alone.conference("--open")["uri"]
        for transport in ("udp", "tcp", "tls"):
            async with await DeskPhone.open(alone, alice, transport) as phone:
                assert (await phone.register()).status == 200
                dialog, invite = await authorized(phone, room)
                await phone.accepted(dialog, invite)
                await dialog.hang_up()
        assert not accepts(alone.port)


def test_the_gateway_on_its_own_wants_redis(tmp_path: Path) -> None:
    server = DeskServer(tmp_path, command=("manage.py", "sipgateway"))
    with pytest.raises(NotReady, match="REDIS_URL"):
        server.start()


# -- baresip ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("transport", "codec", "encryption"),
    [
        ("udp", "PCMU", "dtls_srtp"),  # with RTCP at a port of its own, and no ICE
        ("udp", "opus", ""),
        ("tcp", "G722", ""),
        ("tls", "PCMA", "srtp-mand"),
    ],
)
async def test_baresip_hears_the_other(
    desk: DeskServer,
    alice: Account,
    bob: Account,
    room: str,
    tmp_path: Path,
    transport: str,
    codec: str,
    encryption: str,
) -> None:
    """Registers, calls, is in the roster, hears the other and not himself, leaves."""
    hers, his = Baresip(tmp_path / "alice", tone=1000), Baresip(tmp_path / "bob", tone=440)
    through = (transport, desk.ports[transport])
    how = {"through": through, "codec": codec, "encryption": encryption, "dial": room}
    try:
        await hers.start(alice, **how)  # type: ignore[arg-type]
        await his.start(bob, **how)  # type: ignore[arg-type]
        await hers.says("Call established")
        await his.says("Call established")
        await his.says("200 OK")
        joined = sorted([alice.aor, bob.aor])
        assert until(lambda: sorted(desk.roster(name_of(room))) == joined)
        assert await asyncio.to_thread(until, lambda: his.hears(1000, HEARD))
        assert await asyncio.to_thread(until, lambda: hers.hears(440, HEARD))
    finally:
        await his.stop()
        await hers.stop()
    assert is_empty(desk, room)
    assert his.level(his.tone) < UNHEARD
    assert hers.level(hers.tone) < UNHEARD
