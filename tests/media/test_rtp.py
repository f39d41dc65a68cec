"""RTP and RTCP packets (RFC 3550, RFC 6464, RFC 8285)."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipgateway.media import rtcp, rtp


def sender(ssrc: int = 7) -> rtp.Sender:
    return rtp.Sender(ssrc=ssrc, sequence=65535, timestamp=2**32 - 960)


def test_what_is_built_is_parsed() -> None:
    data = sender().build(
        b"payload", 960, payload_type=111, sources=(1, 2), extension=rtp.build_level(1, 23)
    )
    packet = rtp.parse(data, 1)
    assert packet == rtp.Packet(111, True, 65535, 2**32 - 960, 7, b"payload", 23)
    assert data[12:20] == bytes((0, 0, 0, 1, 0, 0, 0, 2))


def test_counters_wrap_and_time_passes() -> None:
    stream = sender()
    stream.build(b"x", 960, payload_type=0)
    second = rtp.parse(stream.build(b"x", 960, payload_type=0))
    assert (second.sequence, second.timestamp, second.marker) == (0, 0, False)
    stream.skip(960)
    third = rtp.parse(stream.build(b"x", 960, payload_type=0))
    assert (third.sequence, third.timestamp, third.marker) == (1, 1920, True)
    assert (stream.packets, stream.octets) == (3, 3)


@pytest.mark.parametrize("level_id", [1, 14, 15, 200])
@pytest.mark.parametrize("level", [0, 64, 127])
def test_levels_in_both_forms(level_id: int, level: int) -> None:
    data = sender().build(b"x", 960, payload_type=0, extension=rtp.build_level(level_id, level))
    assert rtp.parse(data, level_id).level == level
    assert rtp.parse(data, 3).level is None
    assert rtp.parse(data).payload == b"x"


def test_a_level_among_other_extensions() -> None:
    # abs-send-time (id 2, 3 octets), padding, level (id 1), mid (id 4, 1 octet)
    block = bytes((0xBE, 0xDE, 0, 3, 0x22, 9, 9, 9, 0, 0x10, 0x80 | 31, 0, 0x40, 48, 0, 0))
    data = sender().build(b"x", 960, payload_type=0, extension=block)
    assert rtp.parse(data, 1).level == 31


def test_padding_is_taken_off() -> None:
    data = sender().build(b"abc\0\0\x03", 960, payload_type=0)
    assert rtp.parse(bytes((data[0] | 0x20,)) + data[1:]).payload == b"abc"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x80" * 11,
        b"\x00" * 20,
        b"\x8f" + bytes(11),  # 15 sources that are not there
        b"\x90" + bytes(13),  # an extension that is not there
        b"\x90" + bytes(13) + b"\xff\xff",  # a longer one than there is
        b"\xa0" + bytes(11) + b"\xff",  # more padding than packet
    ],
)
def test_what_is_not_rtp(data: bytes) -> None:
    with pytest.raises(rtp.RtpError):
        rtp.parse(data, 1)


@given(st.binary(max_size=100))
def test_any_octets_are_parsed_or_refused(data: bytes) -> None:
    with contextlib.suppress(rtp.RtpError):
        rtp.parse(data, 1)
    with contextlib.suppress(rtcp.RtcpError):
        list(rtcp.parse(data, 7))


# RTCP


def reception(*packets: tuple[int, int, float]) -> rtcp.Reception:
    made = rtcp.Reception(9, 48_000)
    for packet in packets:
        made.receive(*packet)
    return made


def test_a_report_is_read_by_the_other_side() -> None:
    theirs = sender(ssrc=9)
    theirs.build(b"x", 960, payload_type=0)
    seen = reception(*((number, 960 * number, 0.02 * number) for number in range(8) if number != 3))
    data = rtcp.build(theirs, seen, name="parley", now=100.0)
    assert rtp.is_rtcp(data)
    (heard,) = rtcp.parse(data, 9)
    assert heard.ssrc == 9
    assert heard.ntp == 100 << 32
    assert heard.told is not None
    assert heard.told.lost == pytest.approx(1 / 8)


def test_loss_is_told_per_interval() -> None:
    seen = reception((0, 0, 0.0), (4, 3840, 0.08))
    assert seen.block(1.0)[4] == 3 * 256 // 5
    seen.receive(5, 4800, 0.1)
    assert seen.block(2.0)[4] == 0
    assert int.from_bytes(seen.block(2.0)[5:8], "big") == 3


def test_jitter_is_zero_for_a_steady_stream_and_not_for_another() -> None:
    steady = reception(*((n, 960 * n & 0xFFFFFFFF, 0.02 * n) for n in range(50)))
    assert steady.jitter == pytest.approx(0.0, abs=1e-3)
    uneven = reception(*((n, 960 * n, 0.02 * n + 0.01 * (n % 2)) for n in range(50)))
    assert uneven.jitter > 300


def test_before_anything_is_sent_it_is_a_receivers_report() -> None:
    data = rtcp.build(sender(), None, name="parley", now=1.0)
    assert data[1] == rtcp.RECEIVER_REPORT
    (heard,) = rtcp.parse(data, 1)
    assert heard == rtcp.Heard(7)


def test_goodbye() -> None:
    told = rtcp.parse(rtcp.build_goodbye(sender(), name="x"), 1)
    assert [one.goodbye for one in told] == [(), (7,)]


def test_the_round_trip_can_be_computed() -> None:
    seen = reception((0, 0, 0.0))
    seen.receive_report(0x0001_2345_6789_0000, 10.0)
    block = seen.block(10.5)
    assert int.from_bytes(block[16:20], "big") == 0x2345_6789
    assert int.from_bytes(block[20:24], "big") == 32768


def test_the_round_trip_is_what_is_left_of_the_time() -> None:
    """We report at 100 s; they hear it, wait for 2 s and answer; that takes 80 ms."""
    ours, theirs = sender(7), sender(9)
    ours.build(b"x", 960, payload_type=0)
    (first,) = rtcp.parse(rtcp.build(ours, None, name="a", now=100.0), 9)
    seen = rtcp.Reception(7, 48_000)
    seen.receive(1, 960, 50.0)
    assert first.ntp is not None
    seen.receive_report(first.ntp, 50.0)
    (heard,) = rtcp.parse(rtcp.build(theirs, seen, name="b", now=52.0), 7)
    assert heard.told is not None
    assert heard.told.round_trip(102.08) == pytest.approx(0.08, abs=1e-3)
    assert heard.told.round_trip(101.99) == 0.0, "a clock is read coarsely"
    assert heard.told.round_trip(300.0) is None, "made up"
    assert rtcp.Told(0.0, 0, 0, 0).round_trip(1.0) is None, "they have had no report of ours"


def test_a_stream_that_begins_anew_is_not_a_loss() -> None:
    seen = reception((0, 0, 0.0), (1, 960, 0.02), (40_000, 5, 0.04))
    assert (seen.expected, seen.received) == (2, 2), "one alone may be anything"
    for number in range(40_001, 40_050):
        seen.receive(number, 960 * number, 0.02 * number)
    assert seen.expected == seen.received == 2 + 49
    seen.receive(40_055, 960 * 40_055, 0.02 * 40_055)
    assert seen.expected - seen.received == 5


def test_packets_are_asked_for_again() -> None:
    wanted = [65534, 65535, 65536, 65540, 65600]
    data = rtcp.build_nack(sender(), 9, wanted, name="parley")
    told = [one.nacked for one in rtcp.parse(data, 9)]
    assert told == [(), (65534, 65535, 0, 4, 64)]
    assert [one.nacked for one in rtcp.parse(data, 8)] == [(), ()], "of another stream"


@pytest.mark.parametrize(("level_id", "levels_id"), [(1, 2), (None, 3), (1, 20), (14, 15)])
def test_the_levels_of_those_in_the_mix(level_id: int | None, levels_id: int) -> None:
    """RFC 6465 3: one octet for each source, in their order."""
    block = rtp.build_levels(level_id, 30, levels_id, (31, 127, 40))
    data = sender().build(b"x", 960, payload_type=0, sources=(1, 2, 3), extension=block)
    assert rtp.parse(data, level_id).payload == b"x"
    if level_id is not None:
        assert rtp.parse(data, level_id).level == 30
    assert rtp.parse(data, levels_id).level == 31, "the first of them"
    assert bytes((31, 127, 40)) in block
    assert len(block) % 4 == 0


def test_where_nobody_is_in_the_mix_there_are_no_levels() -> None:
    assert rtp.build_levels(None, 127, 2, ()) == b""
    assert rtp.build_levels(1, 127, 2, ()) == rtp.build_level(1, 127)
