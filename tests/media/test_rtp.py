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
    assert heard.fraction_lost == pytest.approx(1 / 8)


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
    assert [one.goodbye for one in rtcp.parse(rtcp.build_goodbye(sender(), name="x"), 1)] == [
        False,
        True,
    ]


def test_the_round_trip_can_be_computed() -> None:
    seen = reception((0, 0, 0.0))
    seen.receive_report(0x0001_2345_6789_0000, 10.0)
    block = seen.block(10.5)
    assert int.from_bytes(block[16:20], "big") == 0x2345_6789
    assert int.from_bytes(block[20:24], "big") == 32768
