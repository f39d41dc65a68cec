"""STUN and TURN servers, and credentials that end by themselves."""

from __future__ import annotations

import base64
import hmac

import pytest

from conferences import relays
from conferences.relays import IceServer

TURN = "turn:turn.example:3478?transport=tcp"


def test_servers_are_read() -> None:
    text = f" stun:stun.example , {TURN},turns:alice:secret@[2001:db8::1]:5349 "
    assert relays.parse(text) == (
        IceServer("stun:stun.example"),
        IceServer(TURN),
        IceServer("turns:[2001:db8::1]:5349", "alice", "secret"),
    )
    assert relays.parse("") == ()


@pytest.mark.parametrize(
    "text", ["http://turn.example", "turn:", "turn:mallory:p@ss@h", "stun:a b", "turn:h?x=1"]
)
def test_others_are_refused_without_a_word_of_passwords(text: str) -> None:
    with pytest.raises(ValueError, match="want stun:host:port") as caught:
        relays.parse(text)
    assert "p@ss" not in str(caught.value)


def test_credentials_say_until_when() -> None:
    servers = relays.parse(f"stun:stun.example,{TURN},turn:alice:secret@other.example")
    stun, limited, fixed = relays.for_browser(
        servers, secret="shared", name="web-1", until=1_800_000_000.9
    )
    assert stun == {"urls": "stun:stun.example"}
    assert limited["username"] == "1800000000:web-1"
    digest = hmac.new(b"shared", b"1800000000:web-1", "sha1").digest()
    assert base64.b64decode(limited["credential"]) == digest
    assert (fixed["username"], fixed["credential"]) == ("alice", "secret")
