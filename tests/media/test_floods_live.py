"""What Mallory sends to a mixer's port: nothing is heard, nothing is bound, all is counted."""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aioice import stun

from sipgateway.media import codec, codecs, dtls, ice, rtp
from sipgateway.media.engine import LegId, RoomId, Session
from sipgateway.media.local import LocalEngine
from sipgateway.sip import sdp
from tests.media import offers, peer, sounds
from tests.media.peer import Peer
from tests.media.test_worker_live import Stage, sound, talk

pytestmark = pytest.mark.live

ALICE, BOB, DESK = LegId("alice"), LegId("bob"), LegId("desk")
ROOM = RoomId("4711")
MANY = 300
TOLD = 1.3
"""Seconds within which the worker tells what it has counted."""


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    mixer = LocalEngine(host="127.0.0.1", ports=(31000, 31999), prompts=tmp_path)
    made = Stage(mixer)
    await mixer.start(made.events.append)
    yield made
    for phone in made.peers:
        phone.close()
    await mixer.stop()


@pytest.fixture
def mallory() -> Peer:
    made = Peer(peer.new_identity())
    made.offer()
    return made


async def counted(stage: Stage, before: dict[str, int]) -> dict[str, int]:
    """What has been counted since."""
    await asyncio.sleep(TOLD)
    now = stage.mixer.counters()
    found = {name: number - before.get(name, 0) for name, number in now.items()}
    return {name: number for name, number in found.items() if number and "tick" not in name}


def silent(phone: Peer) -> bool:
    """Whether nothing at all was answered."""
    try:
        phone.sock.recv(2048)
    except BlockingIOError:
        return True
    return False


async def joined(stage: Stage) -> tuple[Peer, Peer, str]:
    """Alice and Bob in the room, and the user fragment by which Alice's leg is known."""
    alice = Peer(stage.identity)
    stage.peers.append(alice)
    answer = await stage.mixer.answer(ALICE, alice.offer(), Session())
    stage.mixer.place(ALICE, ROOM)
    alice.connect(answer.sdp)
    await stage.until(lambda: alice.connected)
    fragment = sdp.parse(answer.sdp).media[0].get("ice-ufrag") or ""
    return alice, await stage.joined(BOB), fragment


async def test_floods_from_outside(stage: Stage, mallory: Peer) -> None:
    """STUN that is not authentic or for nobody, DTLS, RTP and noise, from an unbound address."""
    alice, bob, fragment = await joined(stage)
    before = stage.mixer.counters()
    mallory.remote = alice.remote
    hello = dtls.DtlsSession(mallory.identity, stage.identity.fingerprint, client=True)
    hello.start()
    (first,) = hello.data_to_send()
    spoken = codecs.load()["opus"].encoder().encode(sounds.frames(sounds.sine(2000, 1))[0])
    for _ in range(MANY):
        mallory.check(fragment, "guessed password of 24 c")
        mallory.check("nobody", "guessed password of 24 c")
        mallory.sock.sendto(first, alice.remote)
        mallory.sock.sendto(
            mallory.sender.build(spoken, 960, payload_type=peer.PAYLOAD_TYPE), alice.remote
        )
        mallory.sock.sendto(b"\xff" + os.urandom(60), alice.remote)
    await talk([(alice, 440.0), (bob, 0.0)], 60)
    found = await counted(stage, before)
    # A kernel with small buffers loses some of them.
    assert found.keys() == {
        "STUN that is not authentic",
        "STUN for nobody",
        "from an unbound address",
    }
    assert min(found.values()) > MANY / 4
    assert silent(mallory)
    assert sounds.share(sound(bob), 440) > 0.9
    assert sounds.share(sound(bob), 2000) < 0.02
    assert stage.mixer.gauges()["legs"] == 2
    mallory.close()


async def test_replayed_and_forged_from_where_the_phone_is(stage: Stage) -> None:
    """As if Mallory could send from Alice's own address what he has heard on the way."""
    alice, bob, _ = await joined(stage)
    await talk([(alice, 440.0), (bob, 0.0)], 10)
    before = stage.mixer.counters()
    assert alice.session is not None
    packet = alice.sender.build(b"\xf8\xff\xfe", 960, payload_type=peer.PAYLOAD_TYPE)
    once = alice.session.protect(packet)
    again = dtls.DtlsSession(alice.identity, stage.identity.fingerprint, client=True)
    again.start()
    (hello,) = again.data_to_send()
    for number in range(MANY):
        alice.sock.sendto(once, alice.remote)
        forged = bytearray(once)
        forged[2:4] = (5000 + number).to_bytes(2, "big")
        alice.sock.sendto(bytes(forged), alice.remote)
        alice.sock.sendto(hello, alice.remote)
    await talk([(alice, 440.0), (bob, 0.0)], 40)
    found = await counted(stage, before)
    assert found.keys() == {"replayed", "forged", "DTLS after the handshake"}
    assert min(found.values()) > MANY / 4
    assert sounds.share(sound(bob), 440) > 0.9, "and it goes on"


async def test_a_participant_who_checks_from_anothers_address(stage: Stage) -> None:
    """Bob's credentials are good, the address from which he seems to check is Alice's."""
    alice, bob, _ = await joined(stage)
    before = stage.mixer.counters()
    bob_check = bob.sock
    bob.sock = alice.sock
    local = next(iter(stage.mixer._legs[BOB].negotiation._blocks))
    bob.check(local.get("ice-ufrag") or "", local.get("ice-pwd") or "")
    bob.sock = bob_check
    await talk([(alice, 440.0), (bob, 1000.0)], 40)
    assert await counted(stage, before) == {"STUN from the address of another": 1}
    assert sounds.share(sound(alice, 20), 1000) > 0.9, "Alice hears on, and not herself"


async def test_a_desk_phones_port_is_taken_by_nobody_else(stage: Stage) -> None:
    """Mallory is quicker than the phone, and is heard no more once the phone speaks."""
    bob = await stage.joined(BOB)
    kind = codecs.load()["pcmu"]
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other,
    ):
        for one in (phone, other):
            one.bind(("127.0.0.1", 0))
        port = str(phone.getsockname()[1])
        offer = offers.BARESIP.replace(" 96 0 8 101", " 0 101").replace("192.0.2.2", "127.0.0.1")
        answer = await stage.mixer.answer(DESK, offer.replace("5016", port), Session())
        stage.mixer.place(DESK, ROOM)
        place = ("127.0.0.1", sdp.parse(answer.sdp).media[0].port)
        encoders = (kind.encoder(), kind.encoder())
        senders = [rtp.Sender(secrets.randbits(32), 1, 1) for _ in encoders]
        tones = [sounds.frames(sounds.sine(hertz, 60)) for hertz in (440, 2000)]
        clock = asyncio.get_running_loop()
        start, before = clock.time(), stage.mixer.counters()
        for at in range(60):
            for number, sock in ((1, other), (0, phone)) if at else ((1, other),):
                payload = encoders[number].encode(tones[number][at])
                sock.sendto(senders[number].build(payload, 160, payload_type=0), place)
            bob.say(b"\xf8\xff\xfe", 127)
            bob.receive()
            await asyncio.sleep(max(0.0, start + (at + 1) * 0.02 - clock.time()))
        assert sounds.share(sound(bob, 20), 440) > 0.8
        assert sounds.share(sound(bob, 20), 2000) < 0.05
        found = await counted(stage, before)
        assert found["from an unbound address"] >= 55
        assert codec.level(sound(bob, 5)) < 40


def test_what_stun_is_for_is_found_without_reading_it_all() -> None:
    """The fragment of a check, and nothing of whatever else comes."""
    message = stun.Message(
        message_method=stun.Method.BINDING,
        message_class=stun.Class.REQUEST,
        attributes={"PRIORITY": 1, "USERNAME": "ours:theirs"},
    )
    assert ice.username(bytes(message)) == "ours:theirs"
    assert ice.username(bytes(20)) == ""
    assert ice.username(bytes(message)[:27]) == ""
    for length in range(80):
        ice.username(os.urandom(length))
