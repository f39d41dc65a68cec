"""What may be read of the wire, by whom it is followed, and what is remembered of a call."""

from __future__ import annotations

import logging

import pytest

from sipgateway import wire
from sipgateway.sip.flow import Flow, FlowId, Transport
from sipgateway.wire import Follower, Passed, Tap, Watch, redacted

ALICE = Flow(FlowId(1), Transport.UDP, "192.0.2.1", 5060, "192.0.2.9", 5060)


def message(
    *lines: str, first: str = "INVITE sip:4711@conf.test SIP/2.0", body: str = "", call: str = "c1"
) -> bytes:
    head = (first, "From: <sip:alice@conf.test>;tag=1", "To: <sip:4711@conf.test>")
    return "\r\n".join([*head, f"Call-ID: {call}", "CSeq: 1 INVITE", *lines, "", body]).encode()


def passed(octets: bytes, at: float = 1.0, *, inward: bool = True) -> Passed:
    return Passed(at, inward, "UDP", "192.0.2.1:5060", octets)


@pytest.mark.parametrize(
    "octets",
    [
        message('Authorization: Digest username="alice", response="SECRET"'),
        message('Authentication-Info: rspauth="SECRET"'),
        message("Refer-To: <sip:carol@conf.test?Authorization=Digest%20SECRET>"),
        message('Proxy-Authorization : Digest response="SECRET"'),
        message('authorization: Digest username="alice",\r\n response="SECRET",\r\n\tnc=1'),
        message("Content-Type: application/sdp", body="a=crypto:1 AES_CM inline:SECRET|2^20\r\n"),
        message("c: application/sdp", body="A=CRYPTO:1 AES_CM INLINE:SECRET|2^20\r\n"),
        message("c: application/sdp", body="v=0\r\na=key-mgmt:mikey SECRET\r\nm=\r\n"),
        message("c: application/sdp", body="v=0\r\na=ice-pwd:SECRET\r\nk=clear:SECRET\r\n"),
        message("Content-Type: text/plain", body="It is SECRET"),
        message("Content-Type: application/dtmf-relay", body="Signal=SECRET\r\n"),
        message(body="SECRET"),
        message("Call-Info: <http://conf.test/setup/SECRET/>;purpose=info"),
        message("Contact: <sip:alice:SECRET@192.0.2.1>"),
        message(first="INVITE sip:trunk:SECRET@conf.test SIP/2.0"),
    ],
)
def test_secrets_are_cut_out(octets: bytes) -> None:
    text = redacted(octets)
    assert "SECRET" not in text
    assert "alice" in text
    assert "Call-ID: c1" in text


def test_what_is_no_secret_stays() -> None:
    sdp = "v=0\r\nm=audio 9 RTP/AVP 0\r\na=ice-ufrag:abcd\r\n"
    octets = message("Content-Type: application/sdp", "Via: SIP/2.0/UDP h:5060", body=sdp)
    assert redacted(octets) == octets.decode()
    assert redacted(b"\xff\xfe no SIP at all") == "\ufffd\ufffd no SIP at all"


@pytest.mark.parametrize(
    ("octets", "line"),
    [
        (message(), "INVITE sip:4711@conf.test"),
        (message(first="SIP/2.0 180 Ringing"), "180 Ringing (INVITE)"),
        (b"SIP/2.0 200 OK\r\n\r\n", "200 OK"),
        (message(first="INVITE sip:t:pw@h SIP/2.0"), "INVITE sip:t:…@h"),
        (b"", ""),
    ],
)
def test_the_first_line_says_it(octets: bytes, line: str) -> None:
    assert passed(octets).first_line == line


def followed(**whom: str) -> tuple[Tap, list[Passed]]:
    seen: list[Passed] = []
    tap = Tap()
    tap.follow(Follower(seen.append, **whom))
    return tap, seen


def test_one_call_is_followed() -> None:
    tap, seen = followed(call_id="c1")
    for call in ("c1", "c2", "c11"):
        tap.passed(passed(message(call=call)))
    assert [one.call_id for one in seen] == ["c1"]


@pytest.mark.parametrize("name", ["alice", "ALICE", "4711", "bob"])
def test_an_account_is_followed_through_its_calls(name: str) -> None:
    """Also by messages that no longer name it."""
    tap, seen = followed(account=name)
    tap.passed(passed(message('Authorization: Digest username="bob"')))
    tap.passed(passed(b"SIP/2.0 200 OK\r\nCall-ID: c1\r\n\r\n"))
    tap.passed(passed(b"BYE sip:carol@h SIP/2.0\r\nCall-ID: c2\r\nTo: <sip:carol@h>\r\n\r\n"))
    assert [one.call_id for one in seen] == ["c1", "c1"]


def test_who_follows_everything_sees_everything_until_he_leaves() -> None:
    tap, seen = followed()
    follower = tap._followers[0]
    tap.passed(passed(b"nonsense"))
    tap.leave(follower)
    tap.leave(follower)
    tap.passed(passed(b"nonsense"))
    assert (len(seen), tap.on) == (1, False)


def test_nothing_is_made_while_nobody_follows(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch()
    monkeypatch.setattr(wire, "Passed", None)  # would break if it were called
    watch.show(ALICE, message(), 1.0, inward=True)
    watch.tap.follow(Follower(lambda _: None))
    with pytest.raises(TypeError):
        watch.show(ALICE, message(), 1.0, inward=True)


def test_the_log_has_everything_but_secrets(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "sipgateway.wire")
    octets = message('Authorization: Digest response="SECRET"')
    Watch().show(ALICE, octets, 1.0, inward=True)
    assert "from UDP 192.0.2.1:5060\nINVITE sip:4711@conf.test" in caplog.text
    assert "SECRET" not in caplog.text
