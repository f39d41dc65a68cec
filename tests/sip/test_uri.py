"""URIs: reading, writing, and the whole of RFC 3261 19.1.4."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipgateway.sip.errors import BadMessage
from sipgateway.sip.uri import LONGEST, OtherUri, SipUri, escape_user, parse_sip_uri, parse_uri

# 19.1.1 and 19.1.3, then what phones send
REALISTIC = [
    "sip:alice@atlanta.com",
    "sip:alice:secretword@atlanta.com;transport=tcp",
    "sips:alice@atlanta.com?subject=project%20x&priority=urgent",
    "sip:+1-212-555-1212:1234@gateway.com;user=phone",
    "sips:1212@gateway.com",
    "sip:alice@192.0.2.4",
    "sip:atlanta.com;method=REGISTER?to=alice%40atlanta.com",
    "sip:alice;day=tuesday@atlanta.com",
    "sip:j%40s0n@example.com",
    "sip:a1b2c3@d4e5.invalid;transport=ws",
    "sip:bob@[2001:db8::1]:5061;transport=tls;lr",
    "sip:bob@[fe80::1%eth0]",
    "sip:conf_room@my_host.local",
    "sip:bob@example.com;gr=urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6",
    "sip:conf@example.com?Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2",
]
OTHER = ["tel:+358-555-1234567;phone-context=+1", "http://example.com/a?b=c", "urn:service:sos"]
PATHOLOGICAL = [
    "",
    "sip:",
    "sip:@host",
    "sip:bob@",
    "sip:bob@host:",
    "sip:bob@host:99999",
    "sip:bob@host:5060x",
    "sip:bo b@host",
    "sip:bob@host;;lr",
    "sip:bob@host;lr;LR",
    "sip:bob@host?",
    "sip:bob@host?a&b=c",
    "sip:bob@ho st",
    "sip:bob@[::1",
    'sip:bob@host;a="b"',
    "sip:bob@host;a=\x00",
    "sip:bob%4@host",
    "sip:bob@host\r\nVia: x",
    "bob@host",
    "1a:b",
    "tel:",
    "http://ex ample",
    "x:\u00e9",
    "sip:" + "a" * LONGEST + "@host",
]


@pytest.mark.parametrize("text", REALISTIC)
def test_what_is_read_is_written_again(text: str) -> None:
    assert str(parse_sip_uri(text)) == text


@pytest.mark.parametrize("text", OTHER)
def test_other_schemes(text: str) -> None:
    uri = parse_uri(text)
    assert isinstance(uri, OtherUri)
    assert str(uri) == text
    with pytest.raises(BadMessage):
        parse_sip_uri(text)


@pytest.mark.parametrize("text", PATHOLOGICAL)
def test_what_is_no_uri(text: str) -> None:
    with pytest.raises(BadMessage):
        parse_uri(text)


# The lists of 19.1.4, in their order, with what they do not spell out behind them.
SAME = [
    ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtlanTa.CoM;Transport=tcp"),
    ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
    ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
    (
        "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
        "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
    ),
    (
        "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
        "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
    ),
    ("SIP:alice@atlanta.com", "sip:alice@atlanta.com"),
    ("sip:bob@[2001:DB8::1]", "sip:bob@[2001:db8::1]"),
    ("sip:bob@h;%6C%72", "sip:bob@h;lr"),
]
DIFFERENT = [
    ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
    ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
    ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
    ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
    ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
    ("sip:bob@h", "sips:bob@h"),
    ("sip:bob@h;user=phone", "sip:bob@h"),
    ("sip:bob@h;ttl=1", "sip:bob@h"),
    ("sip:bob@h;maddr=192.0.2.1", "sip:bob@h"),
    ("sip:h;method=INVITE", "sip:h"),
    ("sip:bob@h;gr=1", "sip:bob@h"),
    ("sip:bob:secret@h", "sip:bob@h"),
    ("sip:h", "sip:bob@h"),
    ("sip:a%3Bb@h", "sip:a;b@h"),
    ("sip:%FF@h", "sip:%FE@h"),
    ("sip:%00@h", "sip:%00%00@h"),
    ("sip:%2541@h", "sip:A@h"),
]


@pytest.mark.parametrize(("one", "other"), SAME)
def test_the_same(one: str, other: str) -> None:
    left, right = parse_sip_uri(one), parse_sip_uri(other)
    assert left.matches(right)
    assert right.matches(left)


@pytest.mark.parametrize(("one", "other"), DIFFERENT)
def test_not_the_same(one: str, other: str) -> None:
    left, right = parse_sip_uri(one), parse_sip_uri(other)
    assert not left.matches(right)
    assert not right.matches(left)


def test_comparison_is_not_transitive() -> None:
    """19.1.4 says so itself."""
    plain = parse_sip_uri("sip:carol@chicago.com")
    on = parse_sip_uri("sip:carol@chicago.com;security=on")
    off = parse_sip_uri("sip:carol@chicago.com;security=off")
    assert plain.matches(on)
    assert plain.matches(off)
    assert not on.matches(off)


def test_address_of_record() -> None:
    uri = parse_sip_uri("sip:B%6Fb:pw@CONF.test:5070;transport=ws?a=b")
    assert uri.aor == "sip:bob@conf.test:5070"
    assert str(uri.bare()) == "sip:B%6Fb@CONF.test:5070"
    assert parse_sip_uri("sip:conf.test").aor == "sip:conf.test"


def test_a_uri_header_breaks_no_line() -> None:
    """It is put into messages: what Mallory escapes must not become a field."""
    uri = parse_sip_uri("sip:bob@h?Replaces=a%0D%0AEvil:%20yes")
    assert uri.header("replaces") == "a Evil: yes"


users = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
hosts = st.sampled_from(["conf.test", "192.0.2.1", "[2001:db8::1]", "a-b.example"])
words = st.text("abcXYZ019-.!%*_+`'~".replace("%", ""), min_size=1, max_size=8)
params = st.lists(st.tuples(words, st.none() | words), max_size=4, unique_by=lambda p: p[0].lower())


@given(
    st.builds(
        SipUri,
        st.sampled_from(["sip", "sips"]),
        st.none() | users.map(escape_user),
        hosts,
        st.none() | st.integers(0, 65535),
        params.map(tuple),
    )
)
def test_build_and_parse_are_inverses(uri: SipUri) -> None:
    again = parse_sip_uri(str(uri))
    assert again == uri
    assert again.matches(uri)


@given(users)
def test_escaping_is_undone(name: str) -> None:
    assert SipUri("sip", escape_user(name), "h").name == name


@given(st.text(max_size=60))
def test_nothing_but_bad_message(text: str) -> None:
    for tried in (text, f"sip:{text}", f"sip:bob@h;{text}"):
        try:
            uri = parse_uri(tried)
        except BadMessage:
            continue
        assert parse_uri(str(uri)) == uri
