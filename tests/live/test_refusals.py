"""What a refused SIP request gets, over a raw WebSocket: the contract's table, row by row."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import pytest
import websockets
from websockets.typing import Subprotocol

from tests.live.conftest import People
from tests.live.phone import Account, Phone, is_request
from tests.live.server import Server
from tests.live.wire import OFFER, Challenge, Message


@pytest.fixture
async def alice(people: People) -> AsyncIterator[Phone]:
    async with await Phone.connect(people.alice) as phone:
        yield phone


@pytest.fixture
async def bob(people: People) -> AsyncIterator[Phone]:
    async with await Phone.connect(people.bob) as phone:
        yield phone


@pytest.fixture
async def mallory(people: People) -> AsyncIterator[Phone]:
    async with await Phone.connect(people.mallory) as phone:
        yield phone


@pytest.fixture
def room(server: Server, people: People) -> str:
    """URI of a standing room with Bob on the list, and Mallory not."""
    uri: str = server.conference("--invite", people.bob.aor)["uri"]
    return uri


@pytest.mark.parametrize("offered", [None, [Subprotocol("chat")]])
async def test_handshake_without_the_sip_subprotocol(
    server: Server, offered: list[Subprotocol] | None
) -> None:
    """RFC 7118 5."""
    with pytest.raises(websockets.InvalidHandshake):
        await websockets.connect(server.websocket, subprotocols=offered, proxy=None)


async def test_handshake_agrees_on_sip(server: Server) -> None:
    subprotocols = [Subprotocol("chat"), Subprotocol("sip")]
    async with websockets.connect(
        server.websocket, subprotocols=subprotocols, proxy=None
    ) as socket:
        assert socket.subprotocol == "sip"


async def test_challenges_are_sha_256_then_md5(bob: Phone, room: str) -> None:
    """RFC 8760 2.4: in the order of the server's preference."""
    response = await bob.transact(bob.build("REGISTER", f"sip:{bob.account.domain}"))
    challenges = [Challenge.parse(value) for value in response.all("www-authenticate")]
    assert response.status == 401
    assert [one.algorithm for one in challenges] == ["SHA-256", "MD5"]
    assert {one.parameters["qop"] for one in challenges} == {"auth"}
    assert {one.parameters["realm"] for one in challenges} == {bob.account.domain}


def without_tokens(response: Message) -> list[str]:
    """The response with everything random, and the names asked for, taken out."""
    text = re.sub(r'(nonce|opaque)="[^"]*"', r'\1=""', response.text())
    text = re.sub(r"(tag|branch)=[^;\r\n]*", r"\1=", text)
    kept = ("via", "from", "to", "call-id", "cseq", "date")
    return [line for line in text.split("\r\n") if line.split(":")[0].lower() not in kept]


@pytest.mark.parametrize("method", ["REGISTER", "INVITE"])
async def test_nothing_reveals_whether_a_user_exists(
    people: People, bob: Phone, room: str, method: str
) -> None:
    """An unknown name with any password looks like a known one with a wrong password."""
    domain = bob.account.domain
    stranger = Account("nobody", "wrong", f"sip:nobody@{domain}", bob.account.websocket)
    mistaken = Account("bob", "wrong", bob.account.aor, bob.account.websocket)
    said = []
    for account in (stranger, mistaken):
        async with await Phone.connect(account) as phone:
            target = f"sip:{domain}" if method == "REGISTER" else room
            headers = [("Content-Type", "application/sdp")] if method == "INVITE" else []
            body = OFFER if method == "INVITE" else ""
            bare = await phone.transact(phone.build(method, target, headers, body=body))
            tried = await phone.ask(method, target, headers, body=body)
            said.append([without_tokens(bare), without_tokens(tried)])
            assert (bare.status, tried.status) == (401, 401)
    assert said[0] == said[1]


@pytest.mark.parametrize("algorithm", ["SHA-256", "MD5"])
async def test_the_right_password_registers(bob: Phone, algorithm: str) -> None:
    response = await bob.register(algorithm=algorithm)
    assert response.status == 200
    assert bob.host in response.get("contact")


async def test_one_cannot_register_for_another(people: People, mallory: Phone) -> None:
    """Mallory's own password does not bind her phone to Bob's address."""
    request = mallory.build("REGISTER", f"sip:{people.bob.domain}")
    first = await mallory.transact(request)
    challenge = Challenge.parse(first.all("www-authenticate")[0])
    proof = challenge.answer(
        "mallory", people.mallory.password, "REGISTER", f"sip:{people.bob.domain}"
    )
    headers = tuple(
        (name, f"<{people.bob.aor}>") if name == "To" else (name, value)
        for name, value in mallory.build(
            "REGISTER", f"sip:{people.bob.domain}", [("Authorization", proof)]
        ).headers
    )
    response = await mallory.transact(Message(request.start, headers))
    assert response.status == 403


async def test_unknown_conference(bob: Phone) -> None:
    response, _ = await bob.invite(f"sip:90909090@{bob.account.domain}")
    assert response.status == 404


async def test_too_early(server: Server, people: People, bob: Phone) -> None:
    """480 with the seconds until the doors open."""
    start = datetime.now(UTC) + timedelta(hours=2)
    booked = server.conference(
        "--start", start.isoformat(), "--minutes", "30", "--invite", people.bob.aor
    )
    response, _ = await bob.invite(booked["uri"])
    assert response.status == 480
    assert 3600 < int(response.get("retry-after").split()[0].rstrip(";(")) <= 7200


async def test_one_time_of_a_series_called_off(server: Server, people: People, bob: Phone) -> None:
    """480 until the next one opens; brought back, it is open."""
    start = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=5)
    when = ("--start", start.isoformat(), "--minutes", "60", "--rrule", "FREQ=DAILY")
    booked = server.conference(*when, "--invite", people.bob.aor)
    path = f"/conferences/{booked['id']}/occurrences/{start:%Y%m%dT%H%M%SZ}"
    status, answer = people.api.call("DELETE", path)
    assert status == 204, answer
    response, _ = await bob.invite(booked["uri"])
    assert response.status == 480
    wait = int(response.get("retry-after").split()[0].rstrip(";("))
    assert 23 * 3600 < wait <= 24 * 3600
    status, answer = people.api.call("POST", f"{path}/restore")
    assert status == 200, answer
    response, _ = await bob.invite(booked["uri"])
    assert response.status == 200


async def test_over_for_good(server: Server, people: People, bob: Phone) -> None:
    booked = server.conference("--invite", people.bob.aor)
    status, answer = people.api.call("DELETE", f"/conferences/{booked['id']}")
    assert status in (200, 204), answer
    response, _ = await bob.invite(booked["uri"])
    assert response.status == 410


async def test_full(server: Server, people: People, alice: Phone, bob: Phone) -> None:
    """486, with the reason in a Reason field (RFC 3326) or the phrase."""
    booked = server.conference("--max-participants", "1", "--invite", people.bob.aor)
    call = await alice.joins(booked["uri"])
    response, _ = await bob.invite(booked["uri"])
    assert response.status == 486
    assert "full" in (response.get("reason") + response.reason).lower()
    await call.hang_up()


async def test_locked(people: People, alice: Phone, bob: Phone, room: str) -> None:
    name = room.removeprefix("sip:").split("@")[0]
    call = await alice.joins(room)
    assert people.api.call("POST", f"/conferences/{name}/lock")[0] in (200, 202, 204)
    response, _ = await bob.invite(room)
    assert response.status == 403
    await call.hang_up()


async def test_not_on_the_list(mallory: Phone, room: str) -> None:
    joined, _ = await mallory.invite(room)
    watched, _ = await mallory.subscribe(room)
    assert (joined.status, watched.status) == (403, 403)


async def test_unknown_method(bob: Phone, room: str) -> None:
    """RFC 3261 8.2.1."""
    response = await bob.ask("DANCE", room)
    assert response.status == 405
    assert {"INVITE", "ACK", "BYE", "CANCEL", "OPTIONS", "REFER"} <= response.tokens("allow")


async def test_unknown_event_package(bob: Phone, room: str) -> None:
    """RFC 6665 4.2.1.1."""
    response, _ = await bob.subscribe(room, event="weather")
    assert response.status == 489
    assert "conference" in response.tokens("allow-events")


async def test_unsupported_extension(bob: Phone, room: str) -> None:
    """RFC 3261 8.2.2.3: the answer names just what is not understood."""
    response = await bob.ask("OPTIONS", room, [("Require", "timer, teleport")])
    assert response.status == 420
    assert response.tokens("unsupported") == {"teleport"}


async def test_unsupported_scheme(bob: Phone) -> None:
    """RFC 3261 8.2.2.1."""
    headers = [("Content-Type", "application/sdp")]
    response = await bob.ask("INVITE", "urn:service:sos", headers, body=OFFER)
    assert response.status == 416


async def test_unsupported_body(bob: Phone, room: str) -> None:
    """RFC 3261 8.2.3."""
    headers = [("Content-Type", "text/plain")]
    response = await bob.ask("INVITE", room, headers, body="Let me in")
    assert response.status == 415
    assert "application/sdp" in response.tokens("accept")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("CSeq", "36893488147419103232 OPTIONS"),
        ("CSeq", "17 INVITE"),
        ("From", '"Bob" <<sip:bob@example.com'),
        ("To", "<sip:room@"),
        ("Max-Forwards", "many"),
    ],
)
async def test_malformed(bob: Phone, room: str, name: str, value: str) -> None:
    """400, and the reason phrase names the header field."""
    request = bob.build("OPTIONS", room)
    bent = Message(
        request.start, tuple((key, value if key == name else old) for key, old in request.headers)
    )
    response = await bob.transact(bent)
    assert response.status == 400
    assert name.lower() in response.reason.lower()


async def test_malformed_contact(bob: Phone, room: str) -> None:
    """A dialog cannot be made with a target that cannot be read."""
    headers = [("Contact", "<sip:bob@example.com"), ("Content-Type", "application/sdp")]
    response = await bob.ask("INVITE", room, headers, body=OFFER)
    assert response.status == 400
    assert "contact" in response.reason.lower()


async def test_the_hopeless_is_dropped(bob: Phone, room: str) -> None:
    """What cannot be answered gets nothing, and the connection lives on."""
    for hopeless in ("\r\n\r\n", "HELO parley\r\n\r\n", "OPTIONS\r\n", "\x00\xff" * 40):
        await bob.send_text(hopeless)
    response = await bob.ask("OPTIONS", room)
    assert response.status == 200


async def test_options_outside_a_dialog(bob: Phone, room: str) -> None:
    """RFC 4579 5.13; checklist C02, C03."""
    response = await bob.ask("OPTIONS", room)
    assert_is_a_focus(response, room)


async def test_options_in_a_dialog(bob: Phone, room: str) -> None:
    call = await bob.joins(room)
    assert_is_a_focus(await call.ask("OPTIONS"), room)
    await call.hang_up()


def assert_is_a_focus(response: Message, room: str) -> None:
    """What every 200 of a focus says of itself."""
    assert response.status == 200
    assert response.contact_uri() == room
    assert "isfocus" in response.contact_parameters()
    assert {"conference", "refer"} <= response.tokens("allow-events")
    assert {"INVITE", "SUBSCRIBE", "REFER"} <= response.tokens("allow")
    assert {"application/sdp", "application/conference-info+xml"} <= response.tokens("accept")
    assert response.get("supported")


@pytest.mark.parametrize("inside", [True, False])
async def test_mallory_removes_nobody(
    server: Server, people: People, bob: Phone, mallory: Phone, inside: bool
) -> None:
    """403 to her REFER before any BYE is sent (RFC 4579 5.11)."""
    uri = server.conference("--open")["uri"]
    call = await bob.joins(uri)
    order = [("Refer-To", f"<{people.bob.aor};method=BYE>")]
    if inside:
        hers = await mallory.joins(uri)
        refused = await hers.ask("REFER", order)
        await hers.hang_up()
    else:
        refused = await mallory.ask("REFER", uri, order)
    assert refused.status == 403
    assert (await call.ask("OPTIONS")).status == 200
    assert not any(is_request("BYE")(message) for message in bob.inbox)
    await call.hang_up()


async def test_mallory_moderates_nothing_by_hand(
    server: Server, people: People, bob: Phone, mallory: Phone
) -> None:
    """Hand-made REST calls of somebody who does not moderate change nothing."""
    uri = server.conference("--open")["uri"]
    name = uri.removeprefix("sip:").split("@")[0]
    call = await bob.joins(uri)
    hers = await mallory.joins(uri)
    target = next(one for one in people.api.roster(name) if one["entity"] == people.bob.aor)
    api = server.api("mallory")
    path = f"/conferences/{name}"
    refused = [
        api.call("DELETE", f"{path}/participants/{target['id']}")[0],
        api.call("POST", f"{path}/lock")[0],
        api.call("POST", f"{path}/mute", {"participant": target["id"]})[0],
        api.call("POST", f"{path}/end")[0],
        api.call("DELETE", path)[0],
    ]
    assert set(refused) <= {403, 404}
    assert (await call.ask("OPTIONS")).status == 200
    await hers.hang_up()
    await call.hang_up()
