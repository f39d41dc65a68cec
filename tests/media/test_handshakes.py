"""DTLS-SRTP of desk phones, without ICE: the phone is whoever has the certificate."""

from __future__ import annotations

import pytest

from sipgateway.media import dtls, handshakes, srtp
from sipgateway.media.handshakes import Promise
from sipgateway.media.ice import Address
from sipgateway.media.latch import UNBOUND, Place
from sipgateway.media.path import EARLY, FAILED, PathClosed
from sipgateway.media.plain import PlainPath
from tests.media.test_secure import ALICE, MALLORY, NOW, PACKET, REPORT

DESCRIBED = ("10.0.0.1", 5000)
"""Where she says that she is; a NAT hides it."""

ALICE_RTCP = ("192.0.2.1", 4001)


@pytest.fixture(scope="module")
def server() -> dtls.Identity:
    return dtls.Identity(NOW)


@pytest.fixture(scope="module")
def phone() -> dtls.Identity:
    return dtls.Identity(NOW)


def promise(who: dtls.Identity, *, greet: Address | None = None) -> Promise:
    return Promise(dtls.build_fingerprint(who.fingerprint), "", greet)


def path_of(
    server: dtls.Identity, phone: dtls.Identity, *, greet: bool = False, apart: bool = False
) -> PlainPath:
    """A leg whose phone has promised its certificate, with a port for RTCP where it is `apart`."""
    rtcp = (DESCRIBED[0], DESCRIBED[1] + apart)
    ports = (DESCRIBED, rtcp) if apart else (DESCRIBED,)
    promises = tuple(promise(phone, greet=one if greet else None) for one in ports)
    return PlainPath(Place(DESCRIBED, rtcp), None, identity=server, promises=promises)


def shakes(
    path: PlainPath, session: dtls.DtlsSession, at: Address, *, beside: bool = False
) -> None:
    """Carry datagrams to and fro; every one of ours goes to `at`."""
    session.start()
    for _ in range(10):
        for datagram in session.data_to_send():
            assert path.receive(datagram, at, 0.0, beside=beside) is None
        for datagram, to in path.data_beside() if beside else path.data_to_send():
            assert to == at
            session.receive(datagram)


def begins(server: dtls.Identity, who: dtls.Identity) -> dtls.DtlsSession:
    return dtls.DtlsSession(who, server.fingerprint, client=True)


def keys_of(session: dtls.DtlsSession) -> srtp.SrtpSession:
    assert session.keys is not None
    return srtp.SrtpSession(session.keys)


def numbered(sequence: int) -> bytes:
    return PACKET[:2] + sequence.to_bytes(2, "big") + PACKET[4:]


def test_the_phone_is_where_it_shook_hands(server: dtls.Identity, phone: dtls.Identity) -> None:
    path, session = path_of(server, phone), begins(server, phone)
    assert path.protect(PACKET) is None, "nothing is sent in clear"
    assert path.receive(PACKET, ALICE, 0.0) is None, "nor taken"
    shakes(path, session, ALICE)
    hers = keys_of(session)
    assert path.receive(hers.protect(PACKET), ALICE, 0.0) == PACKET
    sent, report = path.protect(PACKET), path.protect_rtcp(REPORT)
    assert sent is not None
    assert report is not None
    assert (hers.unprotect(sent[0]), sent[1]) == (PACKET, ALICE)
    assert (hers.unprotect_rtcp(report[0]), report[1]) == (REPORT, ALICE)
    assert path.dropped == {EARLY: 1}


def test_mallory_has_not_the_certificate(server: dtls.Identity, phone: dtls.Identity) -> None:
    """Nor does she keep the phone from shaking hands meanwhile and afterwards."""
    path = path_of(server, phone)
    mallory, alice = begins(server, dtls.Identity(NOW)), begins(server, phone)
    shakes(path, mallory, MALLORY)
    assert (path.ready, path.dropped) == (False, {FAILED: 1})
    shakes(path, alice, ALICE)
    shakes(path, begins(server, dtls.Identity(NOW)), MALLORY)
    path.receive(PACKET, MALLORY, 0.0)
    hers = keys_of(alice)
    assert path.receive(hers.protect(PACKET), ALICE, 0.0) == PACKET
    sent = path.protect(PACKET)
    assert sent is not None
    assert sent[1] == ALICE


def test_nobody_is_flooded_with_our_certificate(
    server: dtls.Identity, phone: dtls.Identity
) -> None:
    """RFC 6347 4.2.1: a greeting from an address where nobody hears us, with the source forged."""
    path, session = path_of(server, phone), begins(server, phone)
    session.start()
    (greeting,) = session.data_to_send()
    for port in range(1000):
        path.receive(greeting, (MALLORY[0], port), 0.0)
    said = path.data_to_send()
    assert all(len(data) < len(greeting) for data, _ in said)
    assert path.next_timeout() is None, "nothing is remembered"
    (asked,) = [data for data, to in said if to == (MALLORY[0], 7)]
    session.receive(asked)
    (again,) = session.data_to_send()
    path.receive(again, ALICE, 0.0)
    assert path.next_timeout() is None, "what was told to another is no proof"
    path.receive(again, (MALLORY[0], 7), 0.0)
    assert path.next_timeout() is not None


def test_only_so_many_shake_hands_at_a_time(server: dtls.Identity, phone: dtls.Identity) -> None:
    path = path_of(server, phone)
    for port in range(handshakes.MOST + 3):
        at, session = (MALLORY[0], port), begins(server, phone)
        session.start()
        for _ in range(2):
            (greeting,) = session.data_to_send()
            path.receive(greeting, at, 0.0)
            for data, _ in path.data_to_send()[:1]:
                session.receive(data)
    assert len(path._hands[0]._trials) == handshakes.MOST


def test_a_phone_begins_again_from_elsewhere(server: dtls.Identity, phone: dtls.Identity) -> None:
    """RFC 6347 4.2.8: it was started anew. What was agreed stands until it has proved itself."""
    path, before, after = path_of(server, phone), begins(server, phone), begins(server, phone)
    moved = ("198.51.100.7", 6000)
    shakes(path, before, ALICE)
    old = keys_of(before)
    after.start()
    for datagram in after.data_to_send():
        path.receive(datagram, moved, 0.0)
    assert path.receive(old.protect(PACKET), ALICE, 0.0) == PACKET
    for datagram, _ in path.data_to_send():
        after.receive(datagram)
    shakes(path, after, moved)
    sent = path.protect(PACKET)
    assert sent is not None
    assert (keys_of(after).unprotect(sent[0]), sent[1]) == (PACKET, moved)
    assert path.receive(old.protect(numbered(2)), ALICE, 0.0) is None


def test_what_is_authentic_may_come_from_elsewhere(
    server: dtls.Identity, phone: dtls.Identity
) -> None:
    """A NAT that was bound anew in the middle of a call."""
    path, session, moved = path_of(server, phone), begins(server, phone), ("192.0.2.1", 61_000)
    shakes(path, session, ALICE)
    assert path.receive(keys_of(session).protect(PACKET), moved, 0.0) == PACKET
    sent = path.protect(PACKET)
    assert sent is not None
    assert sent[1] == moved


def test_rtcp_at_a_port_of_its_own_has_keys_of_its_own(
    server: dtls.Identity, phone: dtls.Identity
) -> None:
    """RFC 5764 4.1. Without them no reports are sent, and the sound goes on."""
    path = path_of(server, phone, apart=True)
    sound, reports = begins(server, phone), begins(server, phone)
    shakes(path, sound, ALICE)
    assert path.ready
    assert path.protect_rtcp(REPORT) is None
    shakes(path, reports, ALICE_RTCP, beside=True)
    assert path.receive(keys_of(sound).protect(PACKET), ALICE, 0.0) == PACKET
    told = keys_of(reports).protect_rtcp(REPORT)
    assert path.receive(told, ALICE_RTCP, 0.0, beside=True) == REPORT
    sent, report = path.protect(PACKET), path.protect_rtcp(REPORT)
    assert sent is not None
    assert report is not None
    assert (keys_of(sound).unprotect(sent[0]), sent[1]) == (PACKET, ALICE)
    assert (keys_of(reports).unprotect_rtcp(report[0]), report[1]) == (REPORT, ALICE_RTCP)


def test_we_greet_a_phone_that_waits_for_it(server: dtls.Identity, phone: dtls.Identity) -> None:
    """a=setup:passive (RFC 4145); a stranger who answers in its place is not heard."""
    path = path_of(server, phone, greet=True)
    session = dtls.DtlsSession(phone, server.fingerprint, client=False)
    mallory = dtls.DtlsSession(dtls.Identity(NOW), server.fingerprint, client=False)
    flight = path.data_to_send()
    assert [to for _, to in flight] == [DESCRIBED]
    for data, _ in flight:
        mallory.receive(data)
        session.receive(data)
    for data in mallory.data_to_send():
        path.receive(data, MALLORY, 0.0)
    assert path.data_to_send() == []
    shakes(path, session, DESCRIBED)
    assert path.ready
    assert path.receive(keys_of(session).protect(PACKET), DESCRIBED, 0.0) == PACKET


def test_a_leg_whose_phone_shows_another_certificate_is_lost(
    server: dtls.Identity, phone: dtls.Identity
) -> None:
    path = path_of(server, phone, greet=True)
    session = dtls.DtlsSession(dtls.Identity(NOW), server.fingerprint, client=False)
    for data, _ in path.data_to_send():
        session.receive(data)
    with pytest.raises(PathClosed, match="not the one of its description"):
        shakes(path, session, DESCRIBED)
    assert not path.ready


def test_another_certificate_begins_anew_and_a_refresh_does_not(
    server: dtls.Identity, phone: dtls.Identity
) -> None:
    """RFC 8842 5; then without DTLS at all, and with keys of the description."""
    path, session, other = path_of(server, phone), begins(server, phone), dtls.Identity(NOW)
    shakes(path, session, ALICE)
    place = Place(DESCRIBED, DESCRIBED)
    path.move(place, None, (promise(phone),))
    assert path.ready, "a session refresh changes nothing"
    path.move(place, None, (promise(other),))
    assert path.receive(keys_of(session).protect(PACKET), ALICE, 0.0) is None
    anew = begins(server, other)
    shakes(path, anew, ALICE)
    assert path.receive(keys_of(anew).protect(PACKET), ALICE, 0.0) == PACKET
    size = srtp.CM_80.key + srtp.CM_80.salt
    path.move(place, srtp.Keys(srtp.CM_80, bytes(size), bytes(range(size))))
    phone_keys = srtp.SrtpSession(srtp.Keys(srtp.CM_80, bytes(range(size)), bytes(size)))
    assert path.receive(phone_keys.protect(PACKET), ALICE, 0.0) == PACKET
    path.move(place, None)
    assert path.receive(PACKET, DESCRIBED, 0.0) == PACKET
    assert path.dropped[UNBOUND] == 0


@pytest.mark.parametrize(
    "data", [b"\x16\xfe\xfd" + bytes(60), b"\x16", b"\x15\xfe\xfd" + bytes(12)]
)
def test_rubbish_begins_nothing(server: dtls.Identity, phone: dtls.Identity, data: bytes) -> None:
    path, session = path_of(server, phone), begins(server, phone)
    for tail in (b"", bytes(1200), b"\x01" * 100):
        assert path.receive(data + tail, MALLORY, 0.0) is None
    assert path.data_to_send() == []
    shakes(path, session, ALICE)
    assert path.ready
