"""Session descriptions: reading, writing, refusing (RFC 8866)."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sipgateway.sip import sdp
from tests.media import offers

MINIMAL = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n"

# RFC 8866 5, the example.
RFC = """v=0
o=jdoe 3724394400 3724394405 IN IP4 198.51.100.1
s=Call to John Smith
i=SDP Offer #1
u=http://www.jdoe.example.com/home.html
e=Jane Doe <jane@jdoe.example.com>
p=+1 617 555-6011
c=IN IP4 198.51.100.1
t=0 0
m=audio 49170 RTP/AVP 0
m=audio 49180 RTP/AVP 0
m=video 51372 RTP/AVP 99
c=IN IP6 2001:db8::2
a=rtpmap:99 h263-1998/90000
""".replace("\n", "\r\n")


@pytest.mark.parametrize(
    "text", [RFC, MINIMAL, *offers.ALL.values()], ids=["rfc", "minimal", *offers.ALL]
)
def test_what_is_read_is_written_again(text: str) -> None:
    """Every line comes back, in an order that RFC 8866 asks for."""
    built = sdp.build(sdp.parse(text))
    assert sorted(built.splitlines()) == sorted(text.splitlines())
    assert sdp.build(sdp.parse(built)) == built


def test_the_example_of_the_rfc() -> None:
    description = sdp.parse(RFC)
    assert description.origin == sdp.Origin("jdoe", 3724394400, 3724394405, "198.51.100.1")
    assert (description.name, description.info) == ("Call to John Smith", "SDP Offer #1")
    assert description.uri == "http://www.jdoe.example.com/home.html"
    assert description.emails == ("Jane Doe <jane@jdoe.example.com>",)
    assert description.phones == ("+1 617 555-6011",)
    first, _, video = description.media
    assert (first.kind, first.port, first.protocol, first.formats) == (
        "audio",
        49170,
        "RTP/AVP",
        ("0",),
    )
    assert description.address(first) == "198.51.100.1"
    assert description.address(video) == "2001:db8::2"
    assert video.rtpmaps() == {99: sdp.RtpMap(99, "h263-1998", 90_000)}


def test_a_browsers_offer() -> None:
    description = sdp.parse(offers.CHROMIUM)
    (audio,) = description.media
    assert audio.rtpmaps()[111] == sdp.RtpMap(111, "opus", 48_000, 2)
    assert audio.fmtp(111) == "minptime=10;useinbandfec=1"
    assert audio.fmtp(9) == ""
    assert audio.get("rtcp-mux") == ""
    assert audio.get("ice-lite") is None
    assert audio.extmaps()[0] == sdp.ExtMap(1, "urn:ietf:params:rtp-hdrext:ssrc-audio-level")
    assert len(list(audio.all("candidate"))) == 2
    assert description.direction(audio) == "sendrecv"
    assert list(description.all("group")) == ["BUNDLE 0"]


def test_keys_in_a_description() -> None:
    (audio,) = sdp.parse(offers.SAVP).media
    first, second = audio.cryptos()
    assert first.has_mki
    assert second == sdp.Crypto(
        2, "AES_CM_128_HMAC_SHA1_80", "WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz"
    )
    assert sdp.parse_crypto(sdp.build_crypto(second)) == second


@pytest.mark.parametrize(
    ("session", "media", "direction"),
    [
        ("", "", "sendrecv"),
        ("a=sendonly\r\n", "", "sendonly"),
        ("a=sendonly\r\n", "a=inactive\r\n", "inactive"),
    ],
)
def test_direction_is_inherited(session: str, media: str, direction: str) -> None:
    text = f"{MINIMAL}{session}m=audio 9 RTP/AVP 0\r\n{media}"
    description = sdp.parse(text)
    assert description.direction(description.media[0]) == direction


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        (MINIMAL.replace("\r\n", "\n"), MINIMAL),  # bare line feeds
        (MINIMAL.replace("s=-\r\n", ""), MINIMAL),  # no session name
        (MINIMAL.replace("t=0 0\r\n", ""), MINIMAL),  # no time
        (MINIMAL + "y=1\r\n", MINIMAL),  # a type nobody knows
        (MINIMAL + "\r\n\r\n", MINIMAL),  # empty lines behind it
    ],
)
def test_what_devices_get_wrong_is_read(text: str, changed: str) -> None:
    assert sdp.build(sdp.parse(text)) == changed


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "v=: a description begins with its version"),
        ("hello", "v=: a description begins with its version"),
        ("v=1\r\no=- 1 1 IN IP4 a\r\n", "v=: only version 0 is known"),
        ("v=0\r\ns=-\r\n", "o=: not <username> <id> <version> <nettype> <addrtype> <address>"),
        (MINIMAL + "o=- 1 1 IN IP4 a\r\n", "o=: more than one in a block"),
        (MINIMAL + "c=ATM x y\r\n", "c=: not IN <addrtype> <address>"),
        (MINIMAL + "m=audio\r\n", "m=: not <media> <port> <proto> <fmt>"),
        (MINIMAL + "m=audio 70000 RTP/AVP 0\r\n", "m=: port above 65535"),
        (MINIMAL + "m=audio -1 RTP/AVP 0\r\n", "m=: not <media> <port> <proto> <fmt>"),
        (MINIMAL + "a=:x\r\n", "a=: the name is not a token"),
        (MINIMAL + "nonsense\r\n", "line 5 is not <type>=<value>"),
        (MINIMAL + "a=x\0\r\n", "line 5 is not <type>=<value>"),
        (MINIMAL + "a=" + "x" * sdp.MAX_TEXT, "longer than 65536 characters"),
        (MINIMAL + "m=audio 9 RTP/AVP 0\r\n" * 65, "m=: more than 64"),
    ],
)
def test_what_is_refused(text: str, reason: str) -> None:
    with pytest.raises(sdp.SdpError) as caught:
        sdp.parse(text)
    assert caught.value.reason == reason


@pytest.mark.parametrize("value", ["x\r\na=injected", "x\ny", "x\0"])
def test_a_value_cannot_begin_a_line(value: str) -> None:
    """Mallory's display name does not become a line of our description."""
    description = sdp.Description(origin=sdp.Origin("-", 1, 1, "192.0.2.1"), info=value)
    with pytest.raises(sdp.SdpError):
        sdp.build(description)


@pytest.mark.parametrize("value", ["0 PCMU", "x PCMU/8000", "200 PCMU/8000", ""])
def test_a_bad_rtpmap_is_refused(value: str) -> None:
    with pytest.raises(sdp.SdpError):
        sdp.parse_rtpmap(value)


@given(st.text())
def test_anything_is_read_or_refused(text: str) -> None:
    try:
        description = sdp.parse(text)
    except sdp.SdpError:
        return
    sdp.build(description)


@given(st.lists(st.sampled_from(offers.CHROMIUM.splitlines() + RFC.splitlines()), max_size=30))
def test_shuffled_lines_are_read_or_refused(lines: list[str]) -> None:
    try:
        description = sdp.parse("v=0\r\n" + "\r\n".join(lines))
    except sdp.SdpError:
        return
    assert sdp.parse(sdp.build(description)) == description
