"""STUN keep-alives (RFC 5626 3.5.2), read by a codec that is not ours."""

from __future__ import annotations

import pytest
from aioice import stun as theirs

from sipgateway.transport import stun

REMOTE = ("192.0.2.1", 5061)


def _request() -> theirs.Message:
    return theirs.Message(theirs.Method.BINDING, theirs.Class.REQUEST)


@pytest.mark.parametrize("remote", [REMOTE, ("2001:db8::17", 40000)])
def test_a_phone_learns_its_address(remote: tuple[str, int]) -> None:
    request = _request()
    answer = stun.answer(bytes(request), remote)
    assert answer is not None
    read = theirs.parse_message(answer)
    assert read.message_class is theirs.Class.RESPONSE
    assert read.transaction_id == request.transaction_id
    assert read.attributes["XOR-MAPPED-ADDRESS"] == remote


def test_what_need_not_be_understood_is_passed_over() -> None:
    request = _request()
    request.attributes["SOFTWARE"] = "phone"
    request.add_fingerprint()
    assert stun.answer(bytes(request), REMOTE) is not None


WHOLE = bytes(_request())


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        WHOLE[:19],
        WHOLE + b"\0",
        b"\1\1" + WHOLE[2:],  # a response
        b"\0\2" + WHOLE[2:],  # another method
        WHOLE[:4] + bytes(16),  # no magic cookie
        WHOLE[:2] + b"\0\4" + WHOLE[4:] + b"\x80\x22\0\5",  # an attribute that is not whole
        WHOLE[:2] + b"\0\2" + WHOLE[4:] + b"\x80\x22",
        WHOLE[:2] + b"\0\4" + WHOLE[4:] + b"\0\6\0\0",  # a user name, which has to be understood
    ],
    ids=range(9),  # they carry random numbers
)
def test_anything_else_gets_nothing(octets: bytes) -> None:
    assert stun.answer(octets, REMOTE) is None
