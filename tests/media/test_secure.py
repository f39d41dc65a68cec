"""ICE, DTLS and SRTP: what Mallory sends does not get in."""

from __future__ import annotations

import datetime
import os
from collections.abc import Mapping

import pytest
from aioice import stun

from sipgateway.media import dtls, ice, srtp
from sipgateway.media.control import Terms
from sipgateway.media.latch import Place
from sipgateway.media.path import PathClosed, WebRtcPath
from sipgateway.media.plain import PlainPath
from tests.media.test_leg import TERMS

NOW = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)
ALICE = ("192.0.2.1", 4000)
MALLORY = ("192.0.2.66", 4000)
NATTED = Place(("10.0.0.1", 5000), ("10.0.0.1", 5001))
OURS = ice.Credentials("ours", "0123456789abcdef01234567")
PACKET = b"\x80\x00" + bytes(10) + b"hello"
REPORT = b"\x80\xc9\x00\x01" + bytes(4)


@pytest.fixture(scope="module")
def server() -> dtls.Identity:
    return dtls.Identity(NOW)


@pytest.fixture(scope="module")
def client() -> dtls.Identity:
    return dtls.Identity(NOW)


def check(
    credentials: ice.Credentials = OURS, attributes: Mapping[str, object] | None = None
) -> bytes:
    """A connectivity check of a phone."""
    message = stun.Message(
        message_method=stun.Method.BINDING,
        message_class=stun.Class.REQUEST,
        attributes={
            "USERNAME": f"{credentials.ufrag}:theirs",
            "PRIORITY": 1,
            "ICE-CONTROLLING": 7,
            **(attributes or {}),
        },
    )
    message.add_message_integrity(credentials.password.encode())
    return bytes(message)


def shake(one: dtls.DtlsSession, other: dtls.DtlsSession) -> None:
    """Carry datagrams to and fro until nobody has anything to say."""
    one.start()
    other.start()
    for _ in range(10):
        for source, sink in ((one, other), (other, one)):
            for datagram in source.data_to_send():
                sink.receive(datagram)


# ICE


def test_an_authentic_check_is_answered() -> None:
    agent = ice.IceLite(OURS)
    answer = ice.parse(agent.receive(ice.parse(check()), ALICE))
    assert answer.message_class is stun.Class.RESPONSE
    assert answer.attributes["XOR-MAPPED-ADDRESS"] == ALICE
    assert answer.check_message_integrity(OURS.password.encode())
    assert agent.remote == ALICE
    assert not agent.nominated


def test_a_check_with_another_password_is_refused() -> None:
    agent = ice.IceLite(OURS)
    forged = check(ice.Credentials("ours", "another password of her own"))
    with pytest.raises(ice.IceError):
        agent.receive(ice.parse(forged), MALLORY)
    assert agent.remote is None
    assert not agent.checked


def test_a_check_without_integrity_is_refused() -> None:
    message = stun.Message(
        message_method=stun.Method.BINDING,
        message_class=stun.Class.REQUEST,
        attributes={"USERNAME": "ours:theirs"},
    )
    with pytest.raises(ice.IceError):
        ice.IceLite(OURS).receive(ice.parse(bytes(message)), MALLORY)


def test_the_nominated_address_stays() -> None:
    agent = ice.IceLite(OURS)
    agent.receive(ice.parse(check(attributes={"USE-CANDIDATE": None})), ALICE)
    agent.receive(ice.parse(check()), ("192.0.2.1", 4001))
    assert agent.remote == ALICE
    assert agent.nominated


def test_both_credentials_are_good_during_a_restart() -> None:
    agent = ice.IceLite(OURS)
    agent.receive(ice.parse(check()), ALICE)
    new = ice.new_credentials()
    agent.restart(new)
    agent.receive(ice.parse(check()), ALICE)
    agent.receive(ice.parse(check(new)), ALICE)
    with pytest.raises(ice.IceError):
        agent.receive(ice.parse(check()), ALICE)


def test_we_are_never_the_controlling_one() -> None:
    answer = ice.IceLite(OURS).receive(ice.parse(check(attributes={"ICE-CONTROLLED": 1})), ALICE)
    assert ice.parse(answer).error_code == 487


@pytest.mark.parametrize(
    "data",
    [b"", b"\0" * 20, check()[:-3], check()[:20], b"\1\1" + check()[2:]],
    ids=range(5),  # they carry random numbers
)
def test_malformed_checks(data: bytes) -> None:
    with pytest.raises(ice.IceError):
        ice.fragment(ice.parse(data))
    assert ice.is_stun(check())
    assert not ice.is_stun(PACKET)


# DTLS


def test_a_handshake_gives_both_the_same_keys(server: dtls.Identity, client: dtls.Identity) -> None:
    one = dtls.DtlsSession(server, client.fingerprint, client=False)
    other = dtls.DtlsSession(client, server.fingerprint, client=True)
    shake(one, other)
    assert one.keys is not None
    assert other.keys is not None
    assert one.keys.profile is srtp.GCM_128
    assert (one.keys.ours, one.keys.theirs) == (other.keys.theirs, other.keys.ours)
    assert one.next_timeout() is None


def test_flights_fit_into_datagrams(server: dtls.Identity, client: dtls.Identity) -> None:
    other = dtls.DtlsSession(client, server.fingerprint, client=True)
    one = dtls.DtlsSession(server, client.fingerprint, client=False)
    other.start()
    for datagram in other.data_to_send():
        one.receive(datagram)
    assert all(len(datagram) <= dtls.MTU for datagram in one.data_to_send())
    timeout = other.next_timeout()
    assert timeout is not None
    assert 0.0 < timeout <= 1.0


def test_another_certificate_than_promised(server: dtls.Identity, client: dtls.Identity) -> None:
    mallory = dtls.Identity(NOW)
    one = dtls.DtlsSession(server, client.fingerprint, client=False)
    other = dtls.DtlsSession(mallory, server.fingerprint, client=True)
    with pytest.raises(dtls.DtlsError, match="not the one of its description"):
        shake(one, other)
    assert one.keys is None
    assert one.closed


def test_goodbye_is_heard(server: dtls.Identity, client: dtls.Identity) -> None:
    one = dtls.DtlsSession(server, client.fingerprint, client=False)
    other = dtls.DtlsSession(client, server.fingerprint, client=True)
    shake(one, other)
    other.close()
    for datagram in other.data_to_send():
        one.receive(datagram)
    assert one.closed


def test_fingerprints() -> None:
    one = dtls.Fingerprint("sha-256", bytes(range(32)))
    assert dtls.parse_fingerprint(dtls.build_fingerprint(one)) == one
    for bad in ("", "sha-256", "sha-1 AA:BB", "md5 AA", "sha-256 XY"):
        with pytest.raises(dtls.DtlsError):
            dtls.parse_fingerprint(bad)


# SRTP


def sessions(profile: srtp.Profile) -> tuple[srtp.SrtpSession, srtp.SrtpSession]:
    size = profile.key + profile.salt
    ours, theirs = bytes(range(size)), bytes(range(1, size + 1))
    return (
        srtp.SrtpSession(srtp.Keys(profile, ours, theirs)),
        srtp.SrtpSession(srtp.Keys(profile, theirs, ours)),
    )


@pytest.mark.parametrize(
    "profile", [srtp.GCM_128, srtp.CM_80, srtp.CM_32], ids=lambda one: one.sdes
)
def test_what_is_protected_is_unprotected_once(profile: srtp.Profile) -> None:
    one, other = sessions(profile)
    protected = one.protect(PACKET)
    assert b"hello" not in protected
    assert other.unprotect(protected) == PACKET
    with pytest.raises(srtp.SrtpError):
        other.unprotect(protected)
    assert other.unprotect_rtcp(one.protect_rtcp(REPORT)) == REPORT


@pytest.mark.parametrize("at", [0, 1, 8, 14, -1])
def test_a_changed_packet_is_refused(at: int) -> None:
    one, other = sessions(srtp.GCM_128)
    changed = bytearray(one.protect(PACKET))
    changed[at] ^= 1
    with pytest.raises(srtp.SrtpError):
        other.unprotect(bytes(changed))


@pytest.mark.parametrize("data", [b"", b"\x80", bytes(2000), PACKET])
def test_what_is_not_srtp_is_refused(data: bytes) -> None:
    with pytest.raises(srtp.SrtpError):
        sessions(srtp.CM_80)[0].unprotect(data)


# Paths


def connected(server: dtls.Identity, client: dtls.Identity) -> tuple[WebRtcPath, srtp.SrtpSession]:
    """A path and the phone's SRTP, after the handshake."""
    path = WebRtcPath(server, OURS, client.fingerprint, client=False)
    path.check(check(attributes={"USE-CANDIDATE": None}), ALICE)
    assert [source for _, source in path.data_to_send()] == [ALICE]
    phone = dtls.DtlsSession(client, server.fingerprint, client=True)
    phone.start()
    while phone.keys is None:
        for datagram in phone.data_to_send():
            assert path.receive(datagram, ALICE, 0.0) is None
        for datagram, destination in path.data_to_send():
            assert destination == ALICE
            phone.receive(datagram)
    assert path.ready
    return path, srtp.SrtpSession(phone.keys)


def webrtc_terms(
    credentials: ice.Credentials, fingerprint: dtls.Fingerprint, *, client: bool = False
) -> Terms:
    """What a later description says."""
    said = dtls.build_fingerprint(fingerprint)
    return {
        **TERMS,
        "kind": "webrtc",
        "ufrag": credentials.ufrag,
        "password": credentials.password,
        "fingerprint": said,
        "association": said,
        "client": client,
    }


def talk(path: WebRtcPath, phone: dtls.DtlsSession, at: ice.Address = ALICE) -> None:
    """Carry DTLS to and fro between a path and a phone."""
    for _ in range(4):
        for datagram, _ in path.data_to_send():
            if dtls.is_dtls(datagram):
                phone.receive(datagram)
        for datagram in phone.data_to_send():
            path.receive(datagram, at, 0.0)


def test_media_flows_both_ways(server: dtls.Identity, client: dtls.Identity) -> None:
    path, phone = connected(server, client)
    assert path.receive(phone.protect(PACKET), ALICE, 0.0) == PACKET
    assert path.receive(phone.protect_rtcp(REPORT), ALICE, 0.0) == REPORT
    sent = path.protect(PACKET)
    assert sent is not None
    assert (phone.unprotect(sent[0]), sent[1]) == (PACKET, ALICE)


def test_mallory_is_not_heard(server: dtls.Identity, client: dtls.Identity) -> None:
    path, phone = connected(server, client)
    good = phone.protect(PACKET)
    assert path.receive(good, MALLORY, 0.0) is None, "from an address that was never checked"
    changed = good[:-1] + bytes([good[-1] ^ 1])
    assert path.receive(changed, ALICE, 0.0) is None, "changed on the way"
    assert path.receive(PACKET, ALICE, 0.0) is None, "not protected at all"
    assert path.dropped.total() == 3
    with pytest.raises(ice.IceError):
        path.check(check(ice.Credentials("ours", "guessed")), MALLORY)
    assert path.ice.remote == ALICE
    assert path.data_to_send() == [], "and gets no answer"


def test_dtls_from_an_unchecked_address_starts_nothing(
    server: dtls.Identity, client: dtls.Identity
) -> None:
    path = WebRtcPath(server, OURS, client.fingerprint, client=False)
    phone = dtls.DtlsSession(client, server.fingerprint, client=True)
    phone.start()
    for datagram in phone.data_to_send():
        assert path.receive(datagram, MALLORY, 0.0) is None
    assert path.data_to_send() == []
    assert path.dropped.total() == 1


def test_a_phone_with_another_certificate_is_lost(
    server: dtls.Identity, client: dtls.Identity
) -> None:
    path = WebRtcPath(server, OURS, client.fingerprint, client=False)
    path.check(check(), ALICE)
    path.data_to_send()
    phone = dtls.DtlsSession(dtls.Identity(NOW), server.fingerprint, client=True)
    phone.start()
    with pytest.raises(PathClosed, match="not the one of its description"):
        talk(path, phone)


def test_we_can_be_the_dtls_client(server: dtls.Identity, client: dtls.Identity) -> None:
    path = WebRtcPath(server, OURS, client.fingerprint, client=True)
    path.check(check(), ALICE)
    phone = dtls.DtlsSession(client, server.fingerprint, client=False)
    talk(path, phone)
    assert path.ready
    assert phone.keys is not None


def test_another_peer_connection_gets_an_association_of_its_own(
    server: dtls.Identity, client: dtls.Identity
) -> None:
    """A browser's page was loaded anew: other certificate, fragment and port (RFC 8842 5)."""
    path, before = connected(server, client)
    old = before.protect(PACKET)
    other, new = dtls.Identity(NOW), ice.new_credentials()
    path.change(webrtc_terms(new, other.fingerprint))
    assert not path.ready
    assert path.receive(old, ALICE, 0.0) is None, "what has the old keys is not taken"
    with pytest.raises(ice.IceError):
        path.check(check(), ALICE)
    moved = ("192.0.2.1", 4100)
    path.check(check(new, {"USE-CANDIDATE": None}), moved)
    phone = dtls.DtlsSession(other, server.fingerprint, client=True)
    phone.start()
    talk(path, phone, moved)
    assert phone.keys is not None
    assert path.receive(srtp.SrtpSession(phone.keys).protect(PACKET), moved, 0.0) == PACKET
    sent = path.protect(PACKET)
    assert sent is not None
    assert sent[1] == moved


def test_another_certificate_alone_begins_anew_too(
    server: dtls.Identity, client: dtls.Identity
) -> None:
    path, before = connected(server, client)
    other = dtls.Identity(NOW)
    path.change(webrtc_terms(OURS, other.fingerprint))
    assert path.receive(before.protect(PACKET), ALICE, 0.0) is None
    phone = dtls.DtlsSession(other, server.fingerprint, client=True)
    phone.start()
    talk(path, phone)
    assert path.ready
    assert phone.keys is not None
    path.change(webrtc_terms(OURS, other.fingerprint))
    assert path.ready, "a session refresh changes nothing"


def test_whoever_keeps_the_old_certificate_is_not_taken_for_the_new_one(
    server: dtls.Identity, client: dtls.Identity
) -> None:
    path, _ = connected(server, client)
    path.change(webrtc_terms(OURS, dtls.Identity(NOW).fingerprint))
    phone = dtls.DtlsSession(client, server.fingerprint, client=True)
    phone.start()
    with pytest.raises(PathClosed, match="not the one of its description"):
        talk(path, phone)


def test_we_are_the_client_of_another_association(
    server: dtls.Identity, client: dtls.Identity
) -> None:
    path, _ = connected(server, client)
    other, new = dtls.Identity(NOW), ice.new_credentials()
    path.change(webrtc_terms(new, other.fingerprint, client=True))
    assert path.data_to_send() == [], "nobody is there yet"
    path.check(check(new), ALICE)
    phone = dtls.DtlsSession(other, server.fingerprint, client=False)
    talk(path, phone)
    assert phone.keys is not None


def test_a_plain_leg_with_keys_latches_on_what_is_authentic() -> None:
    size = srtp.CM_80.key + srtp.CM_80.salt
    ours, theirs = bytes(range(size)), bytes(range(1, size + 1))
    path = PlainPath(Place(ALICE, ALICE), srtp.Keys(srtp.CM_80, ours, theirs))
    phone = srtp.SrtpSession(srtp.Keys(srtp.CM_80, theirs, ours))
    assert path.receive(PACKET, MALLORY, 0.0) is None
    assert path.receive(phone.protect(PACKET), ALICE, 0.0) == PACKET
    sent = path.protect(PACKET)
    assert sent is not None
    assert phone.unprotect(sent[0]) == PACKET


def test_a_plain_leg_goes_from_srtp_to_rtp_and_back() -> None:
    size = srtp.CM_80.key + srtp.CM_80.salt
    ours, theirs = bytes(range(size)), bytes(range(1, size + 1))
    keys = srtp.Keys(srtp.CM_80, ours, theirs)
    place = Place(ALICE, ALICE)
    path = PlainPath(place, keys)
    path.move(place, None)
    assert path.protect(PACKET) == (PACKET, ALICE)
    assert path.receive(PACKET, ALICE, 0.0) == PACKET
    path.move(place, keys)
    assert path.receive(PACKET, ALICE, 0.0) is None
    phone = srtp.SrtpSession(srtp.Keys(srtp.CM_80, theirs, ours))
    assert path.receive(phone.protect(PACKET), ALICE, 0.0) == PACKET


def test_an_authentic_phone_may_move_and_a_replay_moves_nothing() -> None:
    size = srtp.CM_80.key + srtp.CM_80.salt
    ours, theirs = bytes(range(size)), bytes(range(1, size + 1))
    path = PlainPath(NATTED, srtp.Keys(srtp.CM_80, ours, theirs))
    phone = srtp.SrtpSession(srtp.Keys(srtp.CM_80, theirs, ours))
    first = phone.protect(PACKET)
    assert path.receive(first, ALICE, 0.0) == PACKET
    assert path.receive(first, MALLORY, 0.0) is None, "he has heard it on the way"
    later = bytes((*first[:2], 0, 99, *first[4:]))
    assert path.receive(later, MALLORY, 0.0) is None, "nor does it help to change it"
    assert path.dropped == {"replayed": 1, "forged": 1}
    moved = ("192.0.2.9", 9000)
    following = bytes((*PACKET[:2], 0, 200, *PACKET[4:]))
    assert path.receive(phone.protect(following), moved, 0.0) == following
    sent = path.protect(PACKET)
    assert sent is not None
    assert sent[1] == moved
    report = phone.protect_rtcp(REPORT)
    assert path.receive(report, moved, 0.0) == REPORT
    assert path.receive(report, MALLORY, 0.0) is None


def test_a_replay_to_a_browser_leg_is_counted(server: dtls.Identity, client: dtls.Identity) -> None:
    path, phone = connected(server, client)
    sent = phone.protect(PACKET)
    assert path.receive(sent, ALICE, 0.0) == PACKET
    assert path.receive(sent, ALICE, 0.0) is None
    assert path.receive(phone.protect_rtcp(REPORT), ALICE, 0.0) == REPORT
    assert path.dropped == {"replayed": 1}


def test_a_flood_within_a_handshake_that_is_done_leaves_nothing_behind(
    server: dtls.Identity, client: dtls.Identity
) -> None:
    """Datagrams full of records: all are read and none is kept."""
    path, phone = connected(server, client)
    record = b"\x17\xfe\xfd" + bytes(8) + (1).to_bytes(2, "big") + b"x"
    for _ in range(50):
        assert path.receive(record * 80, ALICE, 0.0) is None
        assert path.receive(os.urandom(1) + record, ALICE, 0.0) is None
    assert path._dtls._connection.pending() == 0
    assert [one for one, _ in path.data_to_send() if dtls.is_dtls(one)] == []
    assert path.receive(phone.protect(PACKET), ALICE, 0.0) == PACKET, "and it goes on"


def test_nothing_is_sent_nowhere() -> None:
    assert PlainPath(Place(("0.0.0.0", 5000), ("0.0.0.0", 5001)), None).protect(PACKET) is None
    assert PlainPath(Place(("10.0.0.1", 0), ("10.0.0.1", 1)), None).protect(PACKET) is None
