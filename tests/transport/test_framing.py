"""RFC 3261 7.5 and 18.3, RFC 5626 3.5.1: where a message ends and what stands between two."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipgateway.sip.framing import MAX_HEAD, MAX_LENGTH, Framer, KeepAlive, Unframeable

PING = KeepAlive.PING
EMPTY = b"OPTIONS sip:conf.test SIP/2.0\r\nVia: SIP/2.0/TCP a\r\n\r\n"


def sized(body: bytes, name: str = "Content-Length") -> bytes:
    """A message with that body."""
    return b"MESSAGE sip:a SIP/2.0\r\n%s: %d\r\n\r\n%s" % (name.encode(), len(body), body)


def drained(framer: Framer) -> list[bytes | KeepAlive]:
    """All events that are there."""
    events = []
    while (event := framer.next_event()) is not None:
        events.append(event)
    return events


def framed(*parts: bytes) -> list[bytes | KeepAlive]:
    """All events of a stream that comes in these parts."""
    framer = Framer()
    events = []
    for part in parts:
        framer.receive(part)
        events += drained(framer)
    return events


REALISTIC = [
    ("one", sized(b"hello"), [sized(b"hello")]),
    ("without body", EMPTY, [EMPTY]),
    ("compact", sized(b"hi", "l"), [sized(b"hi", "l")]),
    ("two at once", sized(b"a") + sized(b"bc"), [sized(b"a"), sized(b"bc")]),
    ("response", b"SIP/2.0 200 OK\r\nl: 0\r\n\r\n", [b"SIP/2.0 200 OK\r\nl: 0\r\n\r\n"]),
    ("ping", b"\r\n\r\n", [PING]),
    ("pong", b"\r\n", []),
    ("ping between", EMPTY + b"\r\n\r\n" + EMPTY, [EMPTY, PING, EMPTY]),
    ("leading empty line", b"\r\n" + EMPTY, [EMPTY]),
]
SYNTHETIC = [
    ("two pings", b"\r\n\r\n\r\n\r\n", [PING, PING]),
    ("ping and a half", b"\r\n\r\n\r\n" + EMPTY, [PING, EMPTY]),
    ("halves apart", b"\r\n" + EMPTY + b"\r\n" + EMPTY, [EMPTY, EMPTY]),
    ("body of empty lines", sized(b"\r\n\r\n"), [sized(b"\r\n\r\n")]),
    (
        "folded length",
        b"INFO sip:a SIP/2.0\r\nContent-Length:\r\n  2\r\n\r\nhi",
        [b"INFO sip:a SIP/2.0\r\nContent-Length:\r\n  2\r\n\r\nhi"],
    ),
    (
        "spaces before the colon",
        b"INFO sip:a SIP/2.0\r\ncontent-length \t: 2\r\n\r\nhi",
        [b"INFO sip:a SIP/2.0\r\ncontent-length \t: 2\r\n\r\nhi"],
    ),
    (
        "the same length twice",
        b"INFO sip:a SIP/2.0\r\nl: 2\r\nContent-Length: 02\r\n\r\nhi",
        [b"INFO sip:a SIP/2.0\r\nl: 2\r\nContent-Length: 02\r\n\r\nhi"],
    ),
    (
        "a length inside another field",
        b"INFO sip:a SIP/2.0\r\nSubject: l: 9\r\nX-l: 9\r\n\r\n",
        [b"INFO sip:a SIP/2.0\r\nSubject: l: 9\r\nX-l: 9\r\n\r\n"],
    ),
    ("version 7", b"OPTIONS sip:a SIP/7.0\r\n\r\n", [b"OPTIONS sip:a SIP/7.0\r\n\r\n"]),
]


@pytest.mark.parametrize(("name", "stream", "events"), REALISTIC + SYNTHETIC)
def test_whole_and_octet_by_octet(name: str, stream: bytes, events: list[object]) -> None:
    assert framed(stream) == events
    assert framed(*(bytes([octet]) for octet in stream)) == events


#: What breaks the stream → what still comes out before, and the status.
PATHOLOGICAL = [
    ("negative length", b"INFO sip:a SIP/2.0\r\nl: -9\r\n\r\n", 1, 400),
    ("length of words", b"INFO sip:a SIP/2.0\r\nContent-Length: ten\r\n\r\n", 1, 400),
    ("no length in the field", b"INFO sip:a SIP/2.0\r\nl:\r\nX: 1\r\n\r\n", 1, 400),
    ("two lengths", b"INFO sip:a SIP/2.0\r\nl: 1\r\nl: 2\r\n\r\nab", 1, 400),
    ("length past all bounds", b"INFO sip:a SIP/2.0\r\nl: 9999999\r\n\r\n", 1, 513),
    ("a length of many digits", b"INFO sip:a SIP/2.0\r\nl: %s\r\n\r\n" % (b"9" * 99), 1, 400),
    ("endless header", b"INFO sip:a SIP/2.0\r\n" + b"X: y\r\n" * MAX_HEAD, 0, 513),
    ("endless start line", b"INFO sip:" + b"a" * MAX_HEAD, 0, 513),
    ("HTTP", b"GET / HTTP/1.1\r\nHost: conf.test\r\n\r\n", 0, 400),
    ("HTTP, begun", b"GET / HTTP/1.1\r\n", 0, 400),
    ("TLS on a plain port", b"\x16\x03\x01\x02\x00\x01" + bytes(100) + b"\r\n", 0, 400),
]


@pytest.mark.parametrize(("name", "stream", "before", "status"), PATHOLOGICAL)
def test_a_stream_breaks(name: str, stream: bytes, before: int, status: int) -> None:
    for parts in ([stream], [bytes([octet]) for octet in stream]):
        events, broken = until_broken(parts)
        assert len(events) == before
        assert broken.status == status


def until_broken(parts: list[bytes]) -> tuple[list[object], Unframeable]:
    """What came out before the stream broke, and how; it has to stay broken."""
    framer, events = Framer(), list[object]()
    try:
        for part in parts:
            framer.receive(part)
            while (event := framer.next_event()) is not None:
                events.append(event)
    except Unframeable as error:
        assert stays_broken(framer)
        return events, error
    raise AssertionError("the stream did not break")


def stays_broken(framer: Framer) -> bool:
    """Whether nothing more comes out, whatever comes in."""
    framer.receive(EMPTY)
    try:
        return framer.next_event() is not None
    except Unframeable:
        return True


def test_what_came_before_the_break_is_delivered() -> None:
    events, _ = until_broken([EMPTY + b"GET / HTTP/1.1\r\n\r\n"])
    assert events == [EMPTY]


def test_partial_says_whether_something_has_begun() -> None:
    framer, said = Framer(), [Framer().partial]
    for part in (EMPTY[:-1], EMPTY[-1:] + b"\r\n\r\n"):
        framer.receive(part)
        drained(framer)
        said.append(framer.partial)
    assert said == [False, True, False]


def test_the_longest_message_passes() -> None:
    head = len(sized(b"")) + 4
    longest = sized(b"x" * (MAX_LENGTH - head))
    assert len(longest) == MAX_LENGTH
    assert framed(longest) == [longest]


def test_a_slow_header_costs_no_more_than_a_quick_one() -> None:
    """The end is looked for where it was not looked for yet."""
    framer = Framer()
    for octet in b"INFO sip:a SIP/2.0\r\nX: " + b"y" * (MAX_HEAD - 100):
        framer.receive(bytes([octet]))
        assert framer.next_event() is None
    framer.receive(b"\r\n\r\n")
    assert len(drained(framer)) == 1


@given(
    st.lists(st.one_of(st.binary(max_size=80).map(sized), st.just(b"\r\n\r\n"), st.just(EMPTY))),
    st.lists(st.integers(1, 40)),
)
def test_however_it_is_cut(pieces: list[bytes], cuts: list[int]) -> None:
    stream, parts, at = b"".join(pieces), [], 0
    for cut in cuts:
        parts.append(stream[at : at + cut])
        at += cut
    wanted = [PING if piece == b"\r\n\r\n" else piece for piece in pieces]
    assert framed(*parts, stream[at:]) == wanted


@given(st.lists(st.binary(max_size=200), max_size=20))
def test_nothing_but_unframeable_is_raised(parts: list[bytes]) -> None:
    framer = Framer()
    with contextlib.suppress(Unframeable):
        for part in parts:
            framer.receive(part)
            drained(framer)
