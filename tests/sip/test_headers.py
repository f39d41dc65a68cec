"""Header fields: every row of the table read and written; what cannot be read is refused."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sipgateway.sip import grammar, headers
from sipgateway.sip.errors import BadMessage, LocalError
from sipgateway.sip.headers import (
    Auth,
    CSeq,
    DialogRef,
    Header,
    NameAddr,
    RAck,
    Tokened,
    Via,
)
from sipgateway.sip.uri import parse_uri

BOB = parse_uri("sip:bob@conf.test")

# What is read from what, one or more for every row.
GOOD: list[tuple[Header[Any], str, object]] = [
    # realistic
    (
        headers.VIA,
        "SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bK1",
        Via("UDP", "192.0.2.1", 5060, (("rport", None), ("branch", "z9hG4bK1"))),
    ),
    (
        headers.VIA,
        "SIP/2.0/ws a.invalid;branch=b",
        Via("WS", "a.invalid", None, (("branch", "b"),)),
    ),
    (headers.VIA, "SIP/2.0/TLS [2001:db8::1]:5061", Via("TLS", "[2001:db8::1]", 5061)),
    (headers.FROM, '"Bob B." <sip:bob@conf.test>;tag=1', NameAddr(BOB, "Bob B.", (("tag", "1"),))),
    (headers.TO, "<sip:bob@conf.test>", NameAddr(BOB)),
    (headers.TO, "sip:bob@conf.test;tag=1", NameAddr(BOB, "", (("tag", "1"),))),
    (
        headers.CONTACT,
        "Bob <sip:bob@conf.test>;isfocus",
        NameAddr(BOB, "Bob", (("isfocus", None),)),
    ),
    (
        headers.CONTACT,
        '<sip:bob@conf.test>;+sip.instance="<urn:uuid:1>"',
        NameAddr(BOB, "", (("+sip.instance", '"<urn:uuid:1>"'),)),
    ),
    (headers.ROUTE, "<sip:conf.test;lr>", NameAddr(parse_uri("sip:conf.test;lr"))),
    (headers.RECORD_ROUTE, "<sip:conf.test;lr>", NameAddr(parse_uri("sip:conf.test;lr"))),
    (headers.PATH, "<sip:conf.test;ob>", NameAddr(parse_uri("sip:conf.test;ob"))),
    (headers.REFER_TO, "<tel:+1>", NameAddr(parse_uri("tel:+1"))),
    (headers.REFERRED_BY, "<sip:bob@conf.test>", NameAddr(BOB)),
    (headers.CALL_ID, "a84b4c76e66710@pc33.atlanta.com", "a84b4c76e66710@pc33.atlanta.com"),
    (headers.CSEQ, "4711 INVITE", CSeq(4711, "INVITE")),
    (headers.RSEQ, "988789", 988789),
    (headers.RACK, "776656 1 INVITE", RAck(776656, 1, "INVITE")),
    (headers.RACK, "776656\t1 \tINVITE", RAck(776656, 1, "INVITE")),
    (headers.CONTENT_DISPOSITION, "Session", Tokened("session")),
    (headers.MAX_FORWARDS, "70", 70),
    (headers.MAX_BREADTH, "60", 60),
    (headers.CONTENT_LENGTH, "349", 349),
    (headers.CONTENT_TYPE, "Application/SDP", Tokened("application/sdp")),
    (
        headers.CONTENT_TYPE,
        'multipart/mixed; boundary="a b"',
        Tokened("multipart/mixed", (("boundary", '"a b"'),)),
    ),
    (headers.EXPIRES, "3600", 3600),
    (headers.MIN_EXPIRES, "60", 60),
    (headers.RETRY_AFTER, "18000 (in a meeting);duration=3600", 18000),
    (headers.SESSION_EXPIRES, "1800;refresher=uac", Tokened("1800", (("refresher", "uac"),))),
    (headers.MIN_SE, "90", 90),
    (headers.EVENT, "refer;id=93809824", Tokened("refer", (("id", "93809824"),))),
    (
        headers.SUBSCRIPTION_STATE,
        "terminated;reason=noresource",
        Tokened("terminated", (("reason", "noresource"),)),
    ),
    (headers.ALLOW, "INVITE", "INVITE"),
    (headers.ALLOW_EVENTS, "conference", "conference"),
    (headers.SUPPORTED, "100rel", "100rel"),
    (headers.REQUIRE, "timer", "timer"),
    (headers.PROXY_REQUIRE, "sec-agree", "sec-agree"),
    (headers.UNSUPPORTED, "foo", "foo"),
    (headers.ACCEPT_CONTACT, "*;audio;require", Tokened("*", (("audio", None), ("require", None)))),
    (headers.REJECT_CONTACT, '*;class="business"', Tokened("*", (("class", '"business"'),))),
    (headers.ACCEPT, "application/sdp;level=1", Tokened("application/sdp", (("level", "1"),))),
    (headers.ACCEPT, "*/*", Tokened("*/*")),
    (headers.CONTENT_ENCODING, "gzip", "gzip"),
    (
        headers.WWW_AUTHENTICATE,
        'Digest realm="a, b", nonce="c", stale=true',
        Auth("digest", (("realm", "a, b"), ("nonce", "c"), ("stale", "true"))),
    ),
    (headers.PROXY_AUTHENTICATE, 'Digest realm="a"', Auth("digest", (("realm", "a"),))),
    (
        headers.AUTHORIZATION,
        'Digest username="b", response="0a", nc=00000001, qop=auth',
        Auth(
            "digest",
            (("username", "b"), ("response", "0a"), ("nc", "00000001"), ("qop", "auth")),
        ),
    ),
    (headers.AUTHORIZATION, 'Digest\trealm="a"', Auth("digest", (("realm", "a"),))),
    (headers.AUTHORIZATION, "Basic dXNlcg==", Auth("basic", (("", "dXNlcg=="),))),
    (headers.PROXY_AUTHORIZATION, 'Digest realm="a"', Auth("digest", (("realm", "a"),))),
    (headers.REPLACES, "1@h;to-tag=2;from-tag=3", DialogRef("1@h", "2", "3")),
    (headers.JOIN, "1@h;from-tag=3;to-tag=2;x", DialogRef("1@h", "2", "3", (("x", None),))),
    (headers.TARGET_DIALOG, "1@h;local-tag=3;remote-tag=2", DialogRef("1@h", "3", "2")),
    (
        headers.REASON,
        'SIP;cause=200;text="Call completed elsewhere"',
        Tokened("sip", (("cause", "200"), ("text", '"Call completed elsewhere"'))),
    ),
    (headers.PRIVACY, "id;user", Tokened("id", (("user", None),))),
    (headers.CALL_INFO, "<http://h/>;purpose=info", "<http://h/>;purpose=info"),
    (
        headers.P_ASSERTED_IDENTITY,
        '"Bob" <sip:+4930123@gateway.invalid>',
        NameAddr(parse_uri("sip:+4930123@gateway.invalid"), "Bob"),
    ),
    (headers.REFER_SUB, "false", Tokened("false")),
    (headers.USER_AGENT, "Phone/1.0 (x; y) \udcff", "Phone/1.0 (x; y) \ufffd"),
    (headers.SUBJECT, "Über, uns", "Über, uns"),
    # synthetic
    (
        headers.FROM,
        "<sip:bob@conf.test> ; tag = 1 ; a",
        NameAddr(BOB, "", (("tag", "1"), ("a", None))),
    ),
    (headers.FROM, r'"\"B\\" <sip:bob@conf.test>', NameAddr(BOB, '"B\\')),
    (headers.FROM, "Bo-b .b <sip:bob@conf.test>", NameAddr(BOB, "Bo-b .b")),
    (
        headers.VIA,
        "SIP / 2.0 / UDP h : 5060 ; branch = b",
        Via("UDP", "h", 5060, (("branch", "b"),)),
    ),
    (headers.CONTENT_TYPE, "application / sdp", Tokened("application/sdp")),
    (headers.MAX_FORWARDS, "0068", 68),
]
# What must not be read.
BAD: list[tuple[Header[Any], str]] = [
    (headers.VIA, "SIP/2.0/UDP"),
    (headers.VIA, "SIP/2.0/UDP h;;"),
    (headers.VIA, "HTTP/2.0/UDP h"),
    (headers.VIA, "SIP/2.0/UDP h:99999"),
    (headers.VIA, "SIP/2.0/UDP h:5060 x"),
    (headers.FROM, '"Bob <sip:bob@conf.test>'),
    (headers.FROM, "<sip:bob@conf.test"),
    (headers.FROM, "Bob, B <sip:bob@conf.test>"),
    (headers.FROM, "<sip:bob@conf.test>;=1"),
    (headers.FROM, "<sip:bob@conf.test> x"),
    (headers.FROM, "sip:bob@conf.test?a=b"),
    (headers.FROM, ""),
    (headers.CONTACT, "*"),
    (headers.CSEQ, "INVITE"),
    (headers.CSEQ, "1INVITE"),
    (headers.CSEQ, "-1 INVITE"),
    (headers.CSEQ, f"{2**31} INVITE"),
    (headers.CSEQ, "٣ INVITE"),
    (headers.CALL_ID, "a b"),
    (headers.CALL_ID, "a@b@c"),
    (headers.MAX_FORWARDS, "256"),
    (headers.MAX_FORWARDS, "-1"),
    (headers.CONTENT_LENGTH, "4294967296"),
    (headers.CONTENT_LENGTH, "1e3"),
    (headers.CONTENT_LENGTH, "٣"),
    (headers.EXPIRES, "soon"),
    (headers.EVENT, "a b"),
    (headers.EVENT, ""),
    (headers.EVENT, ";id=1"),
    (headers.CONTENT_TYPE, "application/"),
    (headers.REQUIRE, "a b"),
    (headers.AUTHORIZATION, "Digest"),
    (headers.AUTHORIZATION, 'Digest realm="a'),
    (headers.AUTHORIZATION, 'Digest realm="a", realm="b"'),
    (headers.REPLACES, "1@h;to-tag=2"),
    (headers.RACK, "1 INVITE"),
]


@pytest.mark.parametrize(("row", "text", "value"), GOOD)
def test_read_and_written(row: Header[Any], text: str, value: object) -> None:
    assert row.parse(text) == value
    assert row.parse(row.build(value)) == value


@pytest.mark.parametrize(("row", "text"), BAD)
def test_refused(row: Header[Any], text: str) -> None:
    with pytest.raises(BadMessage):
        row.parse(text)


def test_every_row_is_tried() -> None:
    assert {row.key for row, _, _ in GOOD} == set(headers.TABLE)


def test_compact_forms_are_of_the_registry() -> None:
    assert all(len(short) == 1 for short in headers.COMPACT)
    assert headers.COMPACT["r"] == "Refer-To"


@pytest.mark.parametrize("value", ["a\r\nEvil: yes", "a\nb", "a\rb"])
def test_a_value_stays_on_its_line(value: str) -> None:
    with pytest.raises(LocalError):
        headers.build_text(value)


@pytest.mark.parametrize("name", ["", "a b", "a:", "a\r\n", "é"])
def test_a_name_is_a_token(name: str) -> None:
    with pytest.raises(LocalError):
        headers.build_name(name)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("", []),
        ("  ", []),
        ("a", ["a"]),
        ("a, b ,c", ["a", "b", "c"]),
        ('"a, b" <sip:c,d@e>, f', ['"a, b" <sip:c,d@e>', "f"]),
        (r'"a\", b", c', [r'"a\", b"', "c"]),
        ('"a, b', ['"a, b']),
        ("<a, b", ["<a, b"]),
        ('<a"b>, "c', ['<a"b>', '"c']),
        (",,", []),
    ],
)
def test_lists(text: str, values: list[str]) -> None:
    assert grammar.split_commas(text) == values


def test_what_is_shown_is_clean() -> None:
    """Names reach pages, documents and the database: no controls, nothing that is not UTF-8."""
    read = headers.parse_name_addr('"a\\\x00b\udcff\u2028c" <sip:bob@conf.test>;x="\udcff"')
    assert read.display_name == "a b\ufffd c"
    assert read.param("x") == "\ufffd"


def test_a_user_name_is_clean() -> None:
    """It is looked up before anybody knows who sends it; the rest is hashed as it is."""
    auth = headers.parse_auth('Digest username="a\udcff\\\x00", cnonce="\udcff"')
    assert auth.get("username") == "a\ufffd "
    assert auth.get("cnonce") == "\udcff"


printable = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]))
tokens = st.from_regex(grammar.token, fullmatch=True)
quoted = printable.map(grammar.quote)
params = st.lists(st.tuples(tokens, st.none() | tokens | quoted), max_size=3).map(tuple)
addresses = st.builds(NameAddr, st.just(BOB), printable.map(lambda text: text.strip(" ")), params)


@given(addresses)
def test_addresses(value: NameAddr) -> None:
    assert headers.parse_name_addr(headers.build_name_addr(value)) == value


@given(
    st.builds(
        Via,
        st.sampled_from(["UDP", "TCP", "TLS", "WS", "WSS", "SCTP"]),
        st.sampled_from(["192.0.2.1", "h.example", "[2001:db8::1]"]),
        st.none() | st.integers(0, 65535),
        params,
    )
)
def test_vias(value: Via) -> None:
    assert headers.parse_via(headers.build_via(value)) == value


@given(st.builds(Tokened, tokens.map(str.lower), params))
def test_tokened(value: Tokened) -> None:
    assert headers.parse_tokened(headers.build_tokened(value)) == value


@given(st.lists(st.tuples(tokens.map(str.lower), printable), max_size=5, unique_by=lambda p: p[0]))
def test_auth(pairs: list[tuple[str, str]]) -> None:
    bare = {"algorithm", "stale", "nc", "userhash", "qop"}
    value = Auth("digest", (("x", ""), *(p for p in pairs if p[0] not in bare | {"x"})))
    assert headers.parse_auth(headers.build_auth(value)) == value


@given(st.sampled_from(sorted(headers.TABLE)), st.text(max_size=40))
@example("call-info", "<http://conf.test/>;purpose=info\rEvil: 1")
def test_nothing_but_bad_message(key: str, text: str) -> None:
    row = headers.TABLE[key]
    try:
        value = row.parse(text)
    except BadMessage:
        return
    row.build(value)


@given(st.text())
def test_quoting_is_undone(text: str) -> None:
    quoted = grammar.quote(text)
    assert grammar.quoted.fullmatch(quoted)
    assert grammar.quote(grammar.unquote(quoted)) == quoted
