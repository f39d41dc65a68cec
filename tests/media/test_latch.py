"""Whose packets a plain RTP leg takes: the phone's, and not those of whoever finds its port."""

from __future__ import annotations

import pytest

from sipgateway.media import rtp
from sipgateway.media.ice import Address
from sipgateway.media.latch import MOST_TRIALS, PROBATION, TAKEN_BACK, Nearness, Place
from sipgateway.media.plain import PlainPath

ALICE = ("192.0.2.1", 4000)
"""Where she says she is, and is."""

OUTSIDE = ("192.0.2.1", 61_000)
"""Where her NAT sends from when she says that she is at `PRIVATE`."""

PRIVATE = ("10.1.2.3", 4000)
MALLORY = ("192.0.2.66", 4000)
REPORT = b"\x80\xc9\x00\x01" + bytes(4)
SOON, LATE = PROBATION[Nearness.HOST][0], PROBATION[Nearness.STRANGER][0]


def place(at: Address, *, sip: str = ALICE[0]) -> Place:
    return Place(at, (at[0], at[1] + 1), frozenset((sip,)), frozenset((0, 101)))


class Source:
    """Somebody who sends a packet every 20 ms."""

    def __init__(self, path: PlainPath, at: Address, ssrc: int) -> None:
        self.path, self.at = path, at
        self.sender = rtp.Sender(ssrc, 1, 0)
        self.now = 0.0

    def sends(self, count: int = 1, *, kind: int = 0) -> int:
        """How many of so many packets are taken."""
        taken = 0
        for _ in range(count):
            self.now += 0.02
            packet = self.sender.build(b"x", 160, payload_type=kind)
            taken += self.path.receive(packet, self.at, self.now) == packet
        return taken


def goes_to(path: PlainPath) -> Address | None:
    sent = path.protect(bytes(12))
    return None if sent is None else sent[1]


def test_who_is_where_the_description_says_is_taken_at_once() -> None:
    path = PlainPath(place(ALICE), None)
    assert goes_to(path) == ALICE
    assert Source(path, ALICE, 1).sends() == 1
    assert Source(path, MALLORY, 2).sends(100) == 0
    assert goes_to(path) == ALICE
    assert path.dropped == {"from an unbound address": 100}


def test_one_packet_to_every_port_takes_no_leg_over() -> None:
    """She listens only, or has not begun; Mallory may even be behind the same NAT."""
    for at in (ALICE, PRIVATE):
        path = PlainPath(place(at), None)
        for number, source in enumerate((MALLORY, ("192.0.2.1", 777))):
            assert Source(path, source, number).sends() == 0
        assert goes_to(path) == at
        assert path.dropped == {"on probation": 2}


def test_a_phone_behind_a_nat_is_taken_soon() -> None:
    path = PlainPath(place(PRIVATE), None)
    Source(path, MALLORY, 2).sends()
    alice = Source(path, OUTSIDE, 1)
    assert alice.sends(10) == 10 - max(SOON - 1, round(PROBATION[Nearness.HOST][1] / 0.02))
    assert goes_to(path) == OUTSIDE
    assert Source(path, MALLORY, 2).sends(100) == 0
    assert path.receive(REPORT, MALLORY, 9.0) is None
    report = (OUTSIDE[0], 61_001)
    assert path.receive(REPORT, report, 9.0) == REPORT
    assert path.protect_rtcp(REPORT) == (REPORT, report)


def test_media_by_another_way_than_sip_is_taken_after_a_long_probation() -> None:
    """SIP by a proxy: nothing says that this host is the phone's."""
    path = PlainPath(place(PRIVATE, sip="203.0.113.5"), None)
    assert Source(path, OUTSIDE, 1).sends(LATE + 10) == 11
    assert goes_to(path) == OUTSIDE


@pytest.mark.parametrize("sip", ["192.0.2.1", "203.0.113.5"])
def test_the_phone_takes_its_leg_back_from_a_stranger(sip: str) -> None:
    """Mallory sends on and on before she does."""
    path = PlainPath(place(ALICE, sip=sip), None)
    mallory = Source(path, MALLORY, 2)
    assert mallory.sends(LATE + 1)
    assert Source(path, ALICE, 1).sends(5) == 5
    assert mallory.sends(100) == 0
    assert goes_to(path) == ALICE
    assert path.dropped[TAKEN_BACK] == 1


def test_a_phone_behind_a_nat_takes_its_leg_back_too() -> None:
    path = PlainPath(place(PRIVATE), None)
    mallory, alice = Source(path, MALLORY, 2), Source(path, OUTSIDE, 1)
    assert mallory.sends(LATE + 1)
    for _ in range(20):
        mallory.sends()
        alice.sends()
    assert goes_to(path) == OUTSIDE, "although he sends on"
    assert mallory.sends(100) == 0
    assert path.dropped[TAKEN_BACK] == 1


def test_a_session_refresh_opens_nothing() -> None:
    path = PlainPath(place(ALICE), None)
    Source(path, ALICE, 1).sends(10)
    for _ in range(4):
        path.move(place(ALICE), None)
        assert Source(path, MALLORY, 2).sends(100) == 0, "she is silent (VAD), he is not"
        assert Source(path, ("192.0.2.1", 777), 3).sends(100) == 0
        assert goes_to(path) == ALICE


def test_a_session_refresh_behind_a_nat_opens_nothing_either() -> None:
    path = PlainPath(place(PRIVATE), None)
    alice = Source(path, OUTSIDE, 1)
    alice.sends(10)
    near, far = Source(path, ("192.0.2.1", 777), 2), Source(path, MALLORY, 3)
    for _ in range(4):
        path.move(place(PRIVATE), None)
        for _ in range(100):
            assert far.sends() == near.sends() == 0
            assert alice.sends() == 1
    assert goes_to(path) == OUTSIDE


def test_a_nat_that_is_bound_anew_after_a_hold() -> None:
    """Nothing comes from the old port, and the phone has said something by SIP."""
    path = PlainPath(place(PRIVATE), None)
    Source(path, OUTSIDE, 1).sends(10)
    moved = Source(path, (OUTSIDE[0], 62_000), 5)
    assert moved.sends(100) == 0, "not without a word from the phone"
    path.move(place(PRIVATE), None)
    assert Source(path, MALLORY, 2).sends(100) == 0
    assert moved.sends(20)
    assert goes_to(path) == moved.at


def test_who_was_only_silent_comes_back() -> None:
    """Mallory behind the same NAT, after a refresh, while she says nothing."""
    path = PlainPath(place(PRIVATE), None)
    alice = Source(path, OUTSIDE, 1)
    alice.sends(10)
    path.move(place(PRIVATE), None)
    mallory = Source(path, (OUTSIDE[0], 777), 2)
    assert mallory.sends(20)
    assert alice.sends() == 1
    assert mallory.sends(100) == 0
    assert goes_to(path) == OUTSIDE
    assert path.dropped[TAKEN_BACK] == 1


def test_the_same_stream_may_go_on_elsewhere() -> None:
    """A phone that goes from one network to another in the middle of a word."""
    path = PlainPath(place(PRIVATE), None)
    alice = Source(path, OUTSIDE, 1)
    alice.sends(10)
    alice.at = ("198.51.100.7", 5000)
    assert alice.sends(LATE + 10)
    assert goes_to(path) == alice.at


def test_a_new_description_is_somewhere_else() -> None:
    path = PlainPath(place(ALICE), None)
    Source(path, ALICE, 1).sends()
    path.move(place(("10.0.0.2", 6000)), None)
    assert goes_to(path) == ("10.0.0.2", 6000)
    assert Source(path, ("10.0.0.2", 6000), 1).sends() == 1
    assert Source(path, ALICE, 1).sends() == 0


def test_hold_as_it_was_before_rfc_3264_loses_no_place() -> None:
    path = PlainPath(place(PRIVATE), None)
    Source(path, OUTSIDE, 1).sends(10)
    path.move(Place(("0.0.0.0", 4000), ("0.0.0.0", 4001)), None)
    assert goes_to(path) is None
    path.move(place(PRIVATE), None)
    assert goes_to(path) == OUTSIDE


def test_probation_is_for_one_stream_in_order_of_types_that_were_agreed() -> None:
    path = PlainPath(place(PRIVATE), None)
    assert Source(path, OUTSIDE, 1).sends(100, kind=18) == 0
    for number in range(100):
        assert Source(path, OUTSIDE, number).sends() == 0, "another stream each time"
    same = Source(path, OUTSIDE, 7)
    for _ in range(100):
        same.sender.sequence = 5
        assert same.sends() == 0
    assert path.receive(b"\x80\x00short", OUTSIDE, 0.0) is None
    assert path.receive(bytes(20), OUTSIDE, 0.0) is None
    assert path.dropped["malformed"] == 2


def test_a_flood_of_sources_leaves_nothing_behind() -> None:
    path = PlainPath(place(PRIVATE), None)
    for port in range(10_000):
        Source(path, (MALLORY[0], port), port).sends()
    assert len(path.latch._trials) == MOST_TRIALS
    assert Source(path, OUTSIDE, 1).sends(10)
    assert not path.latch._trials


def test_a_socket_for_both_families_tells_addresses_in_its_own_way() -> None:
    path = PlainPath(place(ALICE), None)
    assert Source(path, ("::ffff:192.0.2.1", 4000), 1).sends() == 1


def test_one_port_for_both() -> None:
    """rtcp-mux (RFC 5761): reports go where the sound goes."""
    path = PlainPath(Place(PRIVATE, PRIVATE, frozenset((ALICE[0],)), frozenset((0,))), None)
    Source(path, OUTSIDE, 1).sends(10)
    assert path.protect_rtcp(REPORT) == (REPORT, OUTSIDE)
