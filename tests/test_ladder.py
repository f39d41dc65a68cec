"""What was said with whom: whose conference a message belongs to, bounds, and secrets."""

from __future__ import annotations

import pytest

from sipgateway import ladder
from sipgateway.ladder import Batch, Ladder

HOST = "conf.test"
SDP = "Content-Type: application/sdp\r\n\r\n"


def _request(method: str, user: str, call: str, *, contact: str = "", who: str = "bob") -> bytes:
    return (
        f"{method} sip:{user}@{HOST} SIP/2.0\r\nVia: SIP/2.0/WS x.invalid;branch=z9hG4bK1\r\n"
        f"From: <sip:{who}@{HOST}>;tag=1\r\nTo: <sip:{user}@{HOST}>\r\nCall-ID: {call}\r\n"
        f"CSeq: 1 {method}\r\n{f'Contact: <sip:{contact}@{HOST}>' if contact else ''}\r\n\r\n"
    ).encode()


def _answer(status: str, method: str, call: str, *, contact: str = "") -> bytes:
    field = f"Contact: <sip:{contact}@{HOST}>;isfocus\r\n" if contact else ""
    return f"SIP/2.0 {status}\r\nCall-ID: {call}\r\nCSeq: 1 {method}\r\n{field}\r\n".encode()


@pytest.fixture
def seen() -> Ladder:
    return Ladder(HOST, services=("conference-factory", "conference-app"))


def _shown(batch: Batch) -> list[tuple[str, str, str]]:
    return [
        ("→" if one.sent else "←", one.peer.partition("@")[0], one.octets.split(b" ")[0].decode())
        for one in batch.messages
    ]


def test_a_call_to_a_conference(seen: Ladder) -> None:
    seen.saw(_request("INVITE", "4711", "a"), 1.0, sent=False, way="WS")
    seen.saw(_answer("200 OK", "INVITE", "a", contact="4711"), 2.0, sent=True, way="WS")
    seen.saw(_request("ACK", "4711", "a"), 3.0, sent=False, way="WS")
    (batch,) = seen.take(4.0)
    assert batch.name == "4711"
    assert _shown(batch) == [("←", "bob", "INVITE"), ("→", "bob", "SIP/2.0"), ("←", "bob", "ACK")]
    assert seen.take(5.0) == []
    seen.saw(_request("BYE", "4711", "a"), 6.0, sent=False, way="WS")
    assert _shown(seen.take(7.0)[0]) == [("←", "bob", "BYE")]


def test_a_call_out_belongs_to_who_calls(seen: Ladder) -> None:
    out = _request("INVITE", "carol", "b", contact="4711", who="4711")
    seen.saw(out, 1.0, sent=True, way="UDP")
    (batch,) = seen.take(2.0)
    assert (batch.name, batch.messages[0].peer) == ("4711", f"carol@{HOST}")


def test_what_was_said_to_a_factory_belongs_to_what_it_made(seen: Ladder) -> None:
    seen.saw(_request("INVITE", "conference-factory", "c"), 1.0, sent=False, way="WS")
    assert seen.take(2.0) == []
    seen.saw(_answer("200 OK", "INVITE", "c", contact="9900"), 3.0, sent=True, way="WS")
    (batch,) = seen.take(4.0)
    assert (batch.name, len(batch.messages)) == ("9900", 2)


def test_a_call_to_the_factory_that_came_to_nothing_is_forgotten(seen: Ladder) -> None:
    seen.saw(_request("INVITE", "conference-factory", "c"), 1.0, sent=False, way="WS")
    assert seen.take(1.0 + ladder.STRANGE + 1) == []
    seen.saw(_answer("200 OK", "INVITE", "c", contact="9900"), 200.0, sent=True, way="WS")
    assert seen.take(201.0) == []


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"\r\n\r\n",
        b"REGISTER sip:conf.test SIP/2.0\r\nCall-ID: x\r\nCSeq: 1 REGISTER\r\n\r\n",
        b"INVITE sip:4711@elsewhere.example SIP/2.0\r\nCall-ID: x\r\nCSeq: 1 INVITE\r\n\r\n",
        b"INVITE sip:4711@conf.test SIP/2.0\r\nCSeq: 1 INVITE\r\n\r\n",
        _answer("200 OK", "INVITE", "unknown", contact="4711"),
        b"\xff\xfe\x00" * 100,
    ],
)
def test_what_belongs_to_no_conference(seen: Ladder, octets: bytes) -> None:
    for sent in (True, False):
        seen.saw(octets, 1.0, sent=sent, way="")
    assert seen.take(2.0) == []


def test_compact_forms(seen: Ladder) -> None:
    octets = b"INVITE sip:4711@conf.test SIP/2.0\r\nf: <sip:bob@b.example>\r\ni:a\r\n\r\n"
    seen.saw(octets, 1.0, sent=False, way="UDP")
    assert seen.take(2.0)[0].messages[0].peer == "bob@b.example"


def test_a_storm_of_notifies_is_counted_and_not_kept(seen: Ladder) -> None:
    for number in range(ladder.MOST_NOTIFIES + 50):
        notify = _request("NOTIFY", "watcher", f"n{number}", contact="4711")
        seen.saw(notify, 1.0, sent=True, way="WS")
    seen.saw(_request("INVITE", "4711", "a"), 2.0, sent=False, way="WS")
    (batch,) = seen.take(3.0)
    assert (len(batch.messages), batch.left_out) == (ladder.MOST_NOTIFIES + 1, 50)
    seen.saw(_request("NOTIFY", "w", "n1", contact="4711"), 4.0, sent=True, way="WS")
    assert seen.take(5.0)[0].left_out == 0


def test_one_call_cannot_fill_the_memory(seen: Ladder) -> None:
    for _ in range(ladder.MOST_OF_A_CALL + 10):
        seen.saw(_request("INFO", "4711", "a"), 1.0, sent=False, way="WS")
    (batch,) = seen.take(2.0)
    assert (len(batch.messages), batch.left_out) == (ladder.MOST_OF_A_CALL, 10)


def test_nor_can_many(seen: Ladder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ladder, "MOST_CALLS", 3)
    for number in range(10):
        seen.saw(_request("INVITE", "4711", f"a{number}"), float(number), sent=False, way="WS")
    (batch,) = seen.take(20.0)
    assert [one.call for one in batch.messages] == ["a7", "a8", "a9"]


def test_strangers_cannot_write_without_end(seen: Ladder, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mallory calls and calls, without credentials."""
    monkeypatch.setattr(ladder, "MOST_NEW", 3)
    for _ in range(2):
        for number in range(10):
            seen.saw(_request("INVITE", "4711", f"a{number}"), 1.0, sent=False, way="UDP")
    (batch,) = seen.take(2.0)
    assert sorted(one.call for one in batch.messages) == ["a0"] * 2 + ["a1"] * 2 + ["a2"] * 2
    seen.saw(_request("INVITE", "4711", "b"), 3.0, sent=False, way="UDP")
    assert len(seen.take(4.0)) == 1


@pytest.mark.parametrize(
    ("line", "kept", "secret"),
    [
        ('Authorization: Digest username="bob", response="5ecret"', "Authorization: Digest", "5ec"),
        ('proxy-authorization:Digest username="b", response="5ecret"', "Digest", "5ecret"),
        ('WWW-Authenticate: Digest realm="x", nonce="5ecret"', "WWW-Authenticate: Digest", "5ec"),
        ("Call-Info: <http://x/setup/5ecret/>;purpose=info", "purpose=info", "5ecret"),
        (f"{SDP}a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:5ecret|2^31", "a=crypto:1", "5ecret"),
        (f"{SDP}a=ice-pwd:5ecret", "a=ice-pwd:", "5ecret"),
    ],
)
def test_secrets_are_cut_out(line: str, kept: str, secret: str) -> None:
    text = ladder.readable(f"INVITE sip:4711@x SIP/2.0\r\n{line}\r\n\r\n".encode())
    assert kept in text
    assert secret not in text


def test_texts_and_digits_are_nobodys_business() -> None:
    """A digit may be of a PIN."""
    for method in ("MESSAGE", "INFO"):
        octets = f"{method} sip:4711@x SIP/2.0\r\nCall-ID: 1\r\n\r\nSignal=5ecret".encode()
        assert ladder.readable(octets).endswith("Call-ID: 1\n\n(13 octets)")
    assert len(ladder.readable(b"x" * 100_000)) == ladder.LONGEST + 1
