"""Digits (RFC 4733): one press, one digit."""

from __future__ import annotations

import pytest

from sipgateway.media.dtmf import AT_ONCE, DIGITS, PATIENCE, RECENT, DigitReader, build


def press(digit: str) -> list[bytes]:
    """The packets of a press: four that it goes on, three that it has ended."""
    going = [build(digit, 960 * step, end=False) for step in range(1, 5)]
    return going + [build(digit, 4800, end=True)] * 3


def read(reader: DigitReader, payloads: list[bytes], timestamp: int) -> str:
    return "".join(reader.receive(payload, timestamp, 0.0) for payload in payloads)


@pytest.mark.parametrize("digit", DIGITS)
def test_a_press_is_told_once(digit: str) -> None:
    assert read(DigitReader(), press(digit), 1000) == digit


def test_the_same_key_twice_is_told_twice() -> None:
    reader = DigitReader()
    assert read(reader, press("5"), 1000) + read(reader, press("5"), 9000) == "55"


@pytest.mark.parametrize("kept", [slice(4, 5), slice(6, 7), slice(4, 7), slice(0, 5)])
def test_any_one_end_packet_is_enough(kept: slice) -> None:
    assert read(DigitReader(), press("7")[kept], 1000) == "7"


def test_a_lost_end_is_made_up_for_by_the_next_press() -> None:
    reader = DigitReader()
    assert read(reader, press("1")[:4], 1000) == ""
    assert read(reader, press("2"), 9000) == "12"


def test_a_key_that_is_held_down_is_one_digit() -> None:
    """Segments (RFC 4733 2.5.1.3): the next one begins where the one before ended."""
    reader = DigitReader()
    going = [build("4", step, end=False) for step in (960, 30_000, 0xFFFF)]
    assert read(reader, going, 0xFFFFFFFF) == ""
    assert read(reader, going[:2], 0xFFFE) == ""
    assert read(reader, [build("4", 20_000, end=False)], 0x1FFFD) == ""
    assert read(reader, [build("4", 20_000, end=True)] * 3, 0x1FFFD) == "4"


def test_a_segment_whose_last_packet_was_lost_goes_on() -> None:
    reader = DigitReader()
    assert read(reader, [build("4", 64_000, end=False)], 1000) == ""
    assert read(reader, [build("4", 960, end=True)], 1000 + 0xFFFF) == "4"


def test_a_lost_end_is_made_up_for_by_time() -> None:
    reader = DigitReader()
    read(reader, press("1")[:4], 1000)
    assert reader.handle_timeout(PATIENCE / 2) == ""
    assert reader.handle_timeout(PATIENCE) == "1"
    assert reader.handle_timeout(9.0) == ""
    assert read(reader, press("1")[4:], 1000) == "", "its end came late"


@pytest.mark.parametrize(
    "payload", [b"", b"\x01", b"\x01\x80\x00", b"\x10\x80\x00\x00", b"\xff" * 4]
)
def test_what_is_no_digit_is_passed_over(payload: bytes) -> None:
    assert DigitReader().receive(payload, 1, 0.0) == ""


def test_a_late_packet_of_the_press_before_is_no_other_press() -> None:
    reader = DigitReader()
    one, two = press("1"), press("2")
    assert read(reader, one[:5], 0xFFFFFF00) == "1"
    assert read(reader, two[:3], 1000) == ""
    assert read(reader, one[5:], 0xFFFFFF00) == "", "reordered, or doubled on the road"
    assert read(reader, two[3:], 1000) == "2"
    assert read(reader, one, 0xFFFFFF00) == ""


def test_a_stream_that_has_begun_anew_is_not_late() -> None:
    reader = DigitReader()
    assert read(reader, press("1"), 5000) == "1"
    told = [reader.receive(payload, 1000, RECENT + 1) for payload in press("2")]
    assert "".join(told) == "2"


def test_a_machine_that_dials_is_read_and_a_flood_is_not() -> None:
    reader = DigitReader()
    dialed = [reader.receive(build("5", 640, end=True), 640 * n, 0.08 * n) for n in range(500)]
    assert "".join(dialed) == "5" * 500
    flood = [reader.receive(build("*", 8, end=True), 640 * n, 40.0) for n in range(500, 5000)]
    assert len("".join(flood)) <= AT_ONCE
    assert reader.take_left_out() == 4500 - len("".join(flood))
    assert reader.take_left_out() == 0
    assert reader.receive(build("6", 640, end=True), 640 * 5000, 41.0) == "6"
