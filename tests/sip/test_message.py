"""Messages: octets in, fields in order, octets out; several parts; what is wrong and how."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipgateway.sip import headers, message, multipart, sanity
from sipgateway.sip.errors import BadMessage, LocalError
from sipgateway.sip.headers import CSeq, Tokened
from sipgateway.sip.message import Request, Response

OPTIONS = (
    b"OPTIONS sip:conf.test SIP/2.0\r\n"
    b"Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1, SIP/2.0/TCP h;branch=z9hG4bK2\r\n"
    b"v: SIP/2.0/TCP i;branch=z9hG4bK3\r\n"
    b"From: <sip:bob@conf.test>;tag=1\r\n"
    b"t: <sip:conf.test>\r\n"
    b"i: 1\r\n"
    b"CSEQ: 1 OPTIONS\r\n"
    b"x-Fancy: a\r\n  b\r\n"
    b"Timestamp: 54\r\n"
    b"Content-Length: 2\r\n\r\nhi"
)


def asked(octets: bytes = OPTIONS) -> Request:
    received = message.parse(octets)
    assert isinstance(received, Request)
    return received


def test_fields_are_found_by_any_of_their_names() -> None:
    request = asked()
    assert (request.method, request.uri, request.body) == ("OPTIONS", "sip:conf.test", b"hi")
    assert request.get("Call-ID") == "1"
    assert request.get("x-fancy") == "a b"
    assert [via.branch for via in request.every(headers.VIA)] == [
        "z9hG4bK1",
        "z9hG4bK2",
        "z9hG4bK3",
    ]
    assert request.must(headers.CSEQ) == CSeq(1, "OPTIONS")
    assert request.one(headers.EXPIRES) is None
    assert request.defect is None


def test_known_names_are_written_long_and_others_as_they_came() -> None:
    built = asked().build()
    assert b"\r\nCall-ID: 1\r\nCSeq: 1 OPTIONS\r\nx-Fancy: a b\r\n" in built
    assert built.endswith(b"\r\nContent-Length: 2\r\n\r\nhi")
    assert message.parse(built).build() == built


def test_what_is_only_routed_is_not_read() -> None:
    """A Via taken off and another put on, in the same line as others or not."""
    request = asked()
    assert request.pop("Via") == "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1"
    assert [via.transport for via in request.every(headers.VIA)] == ["TCP", "TCP"]
    request.push("Via", "SIP/2.0/TLS p;branch=z9hG4bK4")
    assert [via.host for via in request.every(headers.VIA)] == ["p", "h", "i"]
    request.push("Record-Route", "<sip:p;lr>")
    assert request.fields[0] == ("record-route", "<sip:p;lr>")
    assert request.pop("Route") is None


def test_values_are_replaced_in_their_place() -> None:
    request = asked()
    request.put(headers.CSEQ, CSeq(2, "OPTIONS"))
    assert request.must(headers.CSEQ).number == 2
    request.put(headers.MAX_FORWARDS, 70)
    assert request.fields[-1] == ("max-forwards", "70")
    request.append("Max-Forwards", "69")
    with pytest.raises(BadMessage, match="Multiple Max-Forwards"):
        request.must(headers.MAX_FORWARDS)
    request.put(headers.MAX_FORWARDS, 68)
    assert request.all("max-forwards") == ["68"]
    request.drop("Max-Forwards")
    with pytest.raises(BadMessage, match="Missing Max-Forwards"):
        request.must(headers.MAX_FORWARDS)


def test_a_field_that_cannot_be_read_names_itself() -> None:
    request = asked(OPTIONS.replace(b"CSEQ: 1 ", b"CSEQ: one "))
    with pytest.raises(BadMessage, match="CSeq header: "):
        request.must(headers.CSEQ)


def test_what_is_built_breaks_no_line() -> None:
    request = asked()
    with pytest.raises(LocalError):
        request.append("Subject", "a\r\nEvil: yes")
    with pytest.raises(LocalError):
        request.append("Sub ject", "a")
    with pytest.raises(LocalError):
        Response(200, "OK\r\nEvil: yes", []).build()


@pytest.mark.parametrize(
    ("octets", "defect"),
    [
        (OPTIONS.replace(b"SIP/2.0\r\nVia", b"SIP/3.0\r\nVia", 1), (505, "Version Not Supported")),
        (OPTIONS.replace(b"OPTIONS ", b"OPTIONS  ", 1), (400, "Malformed Request-Line")),
        (OPTIONS.replace(b"OPTIONS", b" OPTIONS", 1), (400, "Malformed Request-Line")),
        (OPTIONS.replace(b"i: 1", b"i 1"), (400, "Malformed header line")),
        (OPTIONS.replace(b"i: 1", b": 1"), (400, "Malformed header line")),
        (OPTIONS.replace(b"i: 1", b"i\xe9: 1"), (400, "Malformed header line")),
        (OPTIONS.replace(b"i: 1", b"i: 1\nEvil: yes"), (400, "Call-ID header: stray line break")),
        (OPTIONS.replace(b"i: 1", b"s: 1\rEvil: yes"), (400, "Subject header: stray line break")),
        (
            OPTIONS.replace(b"i: 1", b"X: 1\r\n" * (message.MAX_HEADERS + 1) + b"i: 1"),
            (400, "Too many headers"),
        ),
        (
            OPTIONS.replace(b"i: 1", b"X: " + b"1" * message.MAX_FIELD + b"\r\ni: 1"),
            (400, "Header field too long"),
        ),
    ],
)
def test_broken_requests_say_how(octets: bytes, defect: tuple[int, str]) -> None:
    request = asked(octets)
    assert request.defect == defect
    assert not any("\n" in value or "\r" in value for _, value in request.fields)


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\r\n\r\n",
        b"hello",
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01",
        b"\xff" * 40,
        b"SIP/2.0 99 Low\r\n\r\n",
        b"SIP/2.0 700 High\r\n\r\n",
        b"SIP/2.0 4294967301 better not break the receiver\r\n\r\n",
        b"SIP/7.0 200 OK\r\n\r\n",
        b"SIP/2.0 200 OK\r\nnothing\r\n\r\n",
        b"SIP/2.0 200 OK\r\nVia: a\nb: c\r\n\r\n",
        b"\r\n folded\r\n\r\n",
    ],
)
def test_what_cannot_be_answered(octets: bytes) -> None:
    with pytest.raises(BadMessage):
        message.parse(octets)


def test_keep_alives_before_a_message_are_skipped() -> None:
    assert asked(b"\r\n\r\n" + OPTIONS).method == "OPTIONS"


@pytest.mark.parametrize(
    ("length", "body"),
    [
        (b"Content-Length: 2", b"hi"),
        (b"Content-Length: 1", b"h"),
        (b"l:2", b"hi"),
        (b"X: 1", b"hi"),
    ],
)
def test_clip(length: bytes, body: bytes) -> None:
    request = asked(OPTIONS.replace(b"Content-Length: 2", length))
    message.clip(request)
    assert request.body == body


@pytest.mark.parametrize(
    "length", [b"3", b"-1", b"two", b"1, 2", b"2\r\nl: 1", b"99999999999", b"", b"0x2"]
)
def test_clip_refuses(length: bytes) -> None:
    request = asked(OPTIONS.replace(b"Length: 2", b"Length: " + length))
    with pytest.raises(BadMessage, match="Content-Length"):
        message.clip(request)


def test_reply_copies_what_it_has_to() -> None:
    """8.2.6.2."""
    response = message.reply(asked(), 200, tag="x")
    names = [key for key, _ in response.fields]
    assert names == ["via", "via", "from", "to", "call-id", "cseq"]
    assert response.get("to") == "<sip:conf.test>;tag=x"
    trying = message.reply(asked(), 100, tag="x")
    assert trying.get("timestamp") == "54"
    assert trying.get("to") == "<sip:conf.test>"


@pytest.mark.parametrize(
    ("to", "after"),
    [
        (b"<sip:a;tag=1@h>", "<sip:a;tag=1@h>;tag=x"),
        (b"<sip:h>;tag=1", "<sip:h>;tag=1"),
        (b"<sip:h> ; TAG = 1", "<sip:h> ; TAG = 1"),
        (b'"a>;tag=1" <sip:h>', '"a>;tag=1" <sip:h>;tag=x'),
        (b'"a <sip:h>', '"a <sip:h>'),
    ],
)
def test_a_tag_is_put_where_there_is_none(to: bytes, after: str) -> None:
    request = asked(OPTIONS.replace(b"t: <sip:conf.test>", b"t: " + to))
    assert message.reply(request, 200, tag="x").get("to") == after


# -- bodies ------------------------------------------------------------------

MIXED = (
    b"preamble\r\n"
    b"--b1\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n\r\n"
    b"--b1  \r\ncontent-type: application/isup; version=x\r\n"
    b"Content-Disposition: signal; handling=optional\r\n\r\n\x00\xff\r\n"
    b"--b1\r\n\r\nplain\r\n"
    b"--b1--\r\nepilogue"
)


def test_parts() -> None:
    kind = Tokened("multipart/mixed", (("boundary", "b1"),))
    sdp, isup, plain = multipart.parts(MIXED, kind)
    assert (sdp.media_type.value, sdp.body) == ("application/sdp", b"v=0\r\n")
    assert (isup.media_type.param("version"), isup.body) == ("x", b"\x00\xff")
    assert not isup.required
    assert (plain.media_type.value, plain.body) == ("text/plain", b"plain")


def test_the_part_that_is_wanted() -> None:
    request = asked()
    request.body = MIXED
    assert request.body_as("application/sdp") == ""  # its type is not told
    request.append("Content-Type", 'multipart/mixed;boundary="b1"')
    assert request.body_as("application/sdp") == "v=0\r\n"
    assert request.body_as("text/html") == ""
    plain = asked()
    plain.append("Content-Type", "Text/Plain;charset=utf-8")
    assert plain.body_as("text/plain") == "hi"


@pytest.mark.parametrize("params", [(), (("boundary", ""),), (("boundary", "b" * 71),)])
def test_no_boundary(params: headers.Params) -> None:
    with pytest.raises(BadMessage):
        multipart.parts(MIXED, Tokened("multipart/mixed", params))


def test_parts_are_counted() -> None:
    kind = Tokened("multipart/mixed", (("boundary", "b"),))
    assert len(multipart.parts(b"--b\r\n\r\nx\r\n" * 1000, kind)) == multipart.MAX_PARTS


# Mallory's lines: each made to be matched in as many ways as possible.
COSTLY = {
    "spaces and a fold": b"X:" + b" " * 60_000 + b"x\r\n y",
    "folds": b"X: a" + b"\r\n " * 20_000 + b"b",
    "spaces behind a Via": b"Via: SIP/2.0/UDP h" + b" " * 60_000 + b"x",
    "spaces in a Via": b"Via: SIP" + b" " * 60_000 + b"x",
    "hyphens in a host": b"Via: SIP/2.0/UDP " + b"a-" * 30_000 + b"!",
    "spaces behind a type": b"Content-Type: a" + b" " * 60_000 + b"x",
    "open angles": b"Contact: a," + b"<" * 60_000,
    "open quotes": b'Contact: a,"' + b'\\"' * 30_000,
    "quotes": b"Contact: a," + b'"' * 60_001,
    "a long address": b"Contact: sip:" + b"a" * 60_000,
    "parameters": b"Contact: <sip:a@b>" + b";a" * 30_000 + b"\x01",
    "open values": b"Contact: <sip:a@b>" + b';a="\\"' * 10_000,
    "spaces in credentials": b"Authorization: Digest a" + b" " * 60_000 + b"x",
    "commas": b"Supported: " + b"," * 60_000,
    "a name": b'From: "' + b"\\a" * 30_000,
    "words of a name": b"From: " + b"a " * 30_000,
}


@pytest.mark.parametrize("line", COSTLY.values(), ids=list(COSTLY))
def test_what_is_costly_to_match_is_not(line: bytes) -> None:
    """60,000 octets in as many steps, not in their square: seconds, then, not milliseconds."""
    octets = OPTIONS.replace(b"Timestamp: 54", line)
    start = time.process_time()
    sanity.objection(asked(octets))
    assert time.process_time() - start < 0.5


@given(st.binary(max_size=200))
def test_nothing_but_bad_message(octets: bytes) -> None:
    for tried in (octets, b"OPTIONS sip:h SIP/2.0\r\n" + octets, OPTIONS + octets):
        try:
            received = message.parse(tried)
            message.clip(received)
        except BadMessage:
            continue
        built = message.parse(received.build())
        assert built.body == received.body


@given(st.binary(max_size=100), st.binary(min_size=1, max_size=5))
def test_parts_of_anything(body: bytes, boundary: bytes) -> None:
    kind = Tokened("multipart/mixed", (("boundary", boundary.hex()),))
    octets = body.replace(b"x", b"--" + boundary.hex().encode())
    assert all(one.body in octets for one in multipart.parts(octets, kind))
