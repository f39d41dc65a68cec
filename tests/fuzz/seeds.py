"""What fuzzing starts from beside RFC 4475: calls that go well, as charts of messages."""

from __future__ import annotations

from tests.fuzz.application import SPLIT
from tests.sip import ua

#: The tag that the first request which comes in gets.
FIRST_TAG = "tag-5"

LINES = [
    b"Via: SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bK-2",
    b"Via: SIP/2.0/UDP 192.0.2.9:5060;rport;branch=z9hG4bK-2, SIP/2.0/TCP h",
    b"To: <sip:4711@conf.test>;tag=tag-5",
    b'From: "B\\"\xd1\x80" <sip:bob@conf.test;a=b?c=d>;tag=bob',
    b"CSeq: 2 INVITE",
    b"CSeq: 2 PRACK",
    b"Require: 100rel",
    b"RSeq: 1",
    b"RAck: 1 1 INVITE",
    b"Contact: *",
    b"Contact: <sip:bob@[2001:db8::1]:5061;transport=tcp>;q=0.5, sip:a@b",
    b"Record-Route: <sip:p.test;lr>, <sip:q.test>",
    b"Content-Type: multipart/mixed;boundary=b",
    b"Content-Length: 4",
    b'Authorization: Digest username="b", realm="c", nonce="d", response="e", nc=1',
    b"Replaces: 1@h;to-tag=2;from-tag=3",
    b"Session-Expires: 1800;refresher=uac",
    b"Event: conference;id=1",
    b"Max-Forwards: 0",
    b"Subject: folded\r\n  and more",
]


def _chart(*steps: tuple[int, bytes]) -> bytes:
    return SPLIT.join(bytes([how]) + octets for how, octets in steps)


def _in_dialog(method: str, cseq: int, **how: str) -> bytes:
    to = f"<sip:4711@conf.test>;tag={FIRST_TAG}"
    return ua.request(method, branch=f"z9hG4bK-{method}{cseq}", cseq=cseq, to=to, **how).build()


def _response(status: int, tag: str, **fields: str) -> bytes:
    table = ua.Table()
    _, invite = table.calls()
    return ua.reply(invite, status, tag=tag, **fields)


def charts() -> dict[str, bytes]:
    """By name."""
    invite = ua.invite(body="v=0\r\n").build()
    reliable = ua.invite(body="v=0\r\n", Require="100rel").build()
    return {
        "call": _chart(
            (0x00, invite),
            (0x70, _in_dialog("ACK", 1)),
            (0x00, _in_dialog("INVITE", 2, body="v=0\r\n")),
            (0x70, _in_dialog("ACK", 2)),
            (0x00, _in_dialog("UPDATE", 3)),
            (0x00, _in_dialog("BYE", 4)),
        ),
        "cancelled": _chart((0x10, invite), (0x60, ua.request("CANCEL").build())),
        "twice": _chart((0x10, invite), (0x14, invite), (0x38, invite), (0x30, invite)),
        "reliable": _chart(
            (0x20, reliable),
            (0x04, _in_dialog("PRACK", 2, RAck="1 1 INVITE")),
            (0x00, _in_dialog("ACK", 1)),
        ),
        "watching": _chart(
            (0x00, ua.request("SUBSCRIBE", Event="conference", Expires="60").build()),
            (0xB0, _in_dialog("SUBSCRIBE", 2, Event="conference", Expires="0")),
        ),
        "forks": _chart(
            (0xF0, _response(180, "a", Require="100rel", RSeq="1")),
            (0x80, _response(183, "b", Record_Route="<sip:p;lr>")),
            (0xE0, _response(200, "b")),
            (0x80, _response(200, "a")),
            (0x80, _response(200, "b")),
        ),
        "refused": _chart((0xF0, _response(180, "a")), (0x88, _response(486, "a"))),
    }
