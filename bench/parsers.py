"""What reading and writing a SIP message costs, beside other parsers written in Python.

    python -m bench.parsers [--messages 5000] [--rounds 5]

A typical INVITE of about 900 octets, no two alike, so that no cache of whole
values flatters anybody. Two kinds of work:

typed   parsed, every header field read into its type, the description read,
        and built again
routed  parsed, a Via added and taken off, Max-Forwards counted down, built

CPU time of this process, the best of the rounds, in microseconds a message.
What a peer leaves out stands beside its figure: sipmessage knows no
descriptions, sippy reads them but knows fewer header fields.
"""

from __future__ import annotations

import argparse
import importlib
import json
import time
from collections.abc import Callable
from types import ModuleType

from sipgateway.sip import headers, message, sanity, sdp
from sipgateway.sip.message import Request

AIMS = {"parley typed": 120.0, "parley routed": 40.0}
"""Microseconds that are promised, on a quiet machine of two cores."""

SDP = (
    "v=0\r\no=alice 2890844526 2890844526 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\n"
    "t=0 0\r\nm=audio 49170 RTP/AVP 111 0 8 101\r\na=rtpmap:111 opus/48000/2\r\n"
    "a=fmtp:111 useinbandfec=1\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\n"
    "a=sendrecv\r\n"
)


def invite(number: int) -> bytes:
    """One of many."""
    head = (
        "INVITE sip:4711@conf.test SIP/2.0",
        f"Via: SIP/2.0/UDP 192.0.2.1:5060;rport;branch=z9hG4bK{number:016x}",
        "Max-Forwards: 70",
        f'From: "Alice Example" <sip:alice{number}@conf.test>;tag={number:08x}',
        "To: <sip:4711@conf.test>",
        f"Call-ID: {number:032x}@192.0.2.1",
        f"CSeq: {number + 1} INVITE",
        f"Contact: <sip:alice{number}@192.0.2.1:5060;transport=udp>;expires=3600"
        ';+sip.instance="<urn:uuid:00000000-0000-1000-8000-000a95a0e128>"',
        "Allow: INVITE, ACK, CANCEL, BYE, OPTIONS, UPDATE, INFO, REFER, NOTIFY",
        "Supported: replaces, timer, outbound, 100rel",
        "Session-Expires: 1800;refresher=uac",
        "Min-SE: 90",
        "User-Agent: Phone 1.0",
        "Content-Type: application/sdp",
        f"Content-Length: {len(SDP)}",
    )
    return ("\r\n".join(head) + "\r\n\r\n" + SDP).encode()


def parley_typed(octets: bytes) -> object:
    """Ours, everything read; `sanity` reads every field that has a type, as the endpoint does."""
    request = message.parse(octets)
    assert isinstance(request, Request)
    assert sanity.objection(request) is None
    sdp.parse(request.body_as("application/sdp"))
    return request.build()


def parley_headers(octets: bytes) -> object:
    """Ours without the description."""
    request = message.parse(octets)
    assert isinstance(request, Request)
    assert sanity.objection(request) is None
    return request.build()


def parley_routed(octets: bytes) -> object:
    """Ours, as a proxy uses it."""
    request = message.parse(octets)
    request.push("Via", "SIP/2.0/TCP p.test;branch=z9hG4bKp")
    hops = request.must(headers.MAX_FORWARDS)
    request.put(headers.MAX_FORWARDS, hops - 1)
    request.pop("Via")
    return request.build()


Work = Callable[[bytes], object]


def sippy(module: ModuleType) -> dict[str, Work]:
    """sippy: all headers, and the description, which its ``init_body`` makes."""

    def typed(octets: bytes) -> object:
        request = module.SipRequest(octets.decode())
        for header in request.headers:
            header.getBody()
        request.init_body()
        request.body.parse()
        return str(request).encode()

    def routed(octets: bytes) -> object:
        request = module.SipRequest(octets.decode())
        request.init_body()
        return str(request).encode()

    return {"sippy typed": typed, "sippy read and printed": routed}


#: What sipmessage has a property for, of what the message holds.
_PROPERTIES = (
    "via",
    "max_forwards",
    "from_address",
    "to_address",
    "call_id",
    "cseq",
    "contact",
    "supported",
    "user_agent",
    "content_type",
    "content_length",
)


def sipmessage(module: ModuleType) -> dict[str, Work]:
    """sipmessage: the header fields that it has a type for; it knows no descriptions."""

    def typed(octets: bytes) -> object:
        request = module.Message.parse(octets)
        for name in _PROPERTIES:
            getattr(request, name)
        return bytes(request)

    def routed(octets: bytes) -> object:
        request = module.Message.parse(octets)
        request.max_forwards -= 1
        return bytes(request)

    return {"sipmessage typed, no SDP": typed, "sipmessage routed, no Via": routed}


PEERS: tuple[tuple[str, Callable[[ModuleType], dict[str, Work]]], ...] = (
    ("sippy.SipRequest", sippy),
    ("sipmessage", sipmessage),
)


def works() -> dict[str, Work]:
    """All that can be measured here; says so where a peer is not installed."""
    found: dict[str, Work] = {
        "parley typed": parley_typed,
        "parley typed, no SDP": parley_headers,
        "parley routed": parley_routed,
    }
    for name, make in PEERS:
        try:
            module = importlib.import_module(name)
        except ImportError as error:
            print(json.dumps({"parser": name, "missing": str(error)}))
            continue
        found.update(make(module))
    return found


def measure(work: Work, messages: list[bytes], rounds: int) -> float:
    """Microseconds a message."""
    best = float("inf")
    for _ in range(rounds):
        start = time.process_time()
        for octets in messages:
            work(octets)
        best = min(best, time.process_time() - start)
    return round(1e6 * best / len(messages), 1)


def main() -> None:
    """One line of JSON for each."""
    parser = argparse.ArgumentParser(description="CPU of SIP parsers.")
    parser.add_argument("--messages", type=int, default=5000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    # more than any cache holds
    messages = [invite(number) for number in range(max(arguments.messages, 1))]
    print(json.dumps({"octets": len(messages[0]), "messages": len(messages)}))
    for name, work in works().items():
        spent = measure(work, messages, arguments.rounds)
        line: dict[str, object] = {"parser": name, "microseconds": spent}
        if name in AIMS:
            line["aim"] = AIMS[name]
        print(json.dumps(line))


if __name__ == "__main__":
    main()
