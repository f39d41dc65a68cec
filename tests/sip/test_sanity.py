"""What a request is refused for before anybody asks who sends it."""

from __future__ import annotations

import pytest

from sipgateway.sip import headers, message, sanity
from sipgateway.sip.message import Request
from tests.sip import ua

MIXED = (
    "--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n"
    "--b\r\nContent-Type: application/x\r\n{}\r\nx\r\n--b--\r\n"
)


def without(name: str, request: Request) -> Request:
    request.drop(name)
    return request


def having(request: Request, body: str = "", **fields: str) -> Request:
    for name, value in fields.items():
        request.drop(name.replace("_", "-"))
        request.append(name.replace("_", "-"), value)
    request.body = body.encode() or request.body
    return request


# The request, the status, what reason or fields say. In the order of the checks.
REFUSED = [
    (without("Call-ID", ua.invite()), 400, "Missing Call-ID header"),
    (without("From", ua.invite()), 400, "Missing From header"),
    (without("To", ua.invite()), 400, "Missing To header"),
    (without("CSeq", ua.invite()), 400, "Missing CSeq header"),
    (without("Contact", ua.invite()), 400, "Missing Contact header"),
    (ua.invite(contact="<tel:+1>"), 400, "Contact header: Not a SIP URI"),
    (having(ua.invite(), CSeq="1 BYE"), 400, "CSeq header: method does not match"),
    (having(ua.invite(), Via="SIP/2.0/UDP"), 400, "Via header: Malformed value"),
    (having(ua.invite(), Max_Forwards="x"), 400, "Max-Forwards header: Malformed number"),
    (having(ua.invite(), Record_Route="<sip:p"), 400, "Record-Route header: "),
    (having(ua.invite(), Session_Expires=";"), 400, "Session-Expires header: "),
    (having(ua.invite(), Privacy="id;foo;critical"), 500, "Privacy Not Supported: foo"),
    (having(ua.invite(), Session_Expires="foo"), 400, "Session-Expires header: "),
    (having(ua.invite(), Session_Expires="99999999999"), 400, "Session-Expires header: "),
    (having(ua.invite(), Accept="application/sdp;q=0"), 406, ""),
    (having(ua.invite(), Replaces="1;to-tag=2"), 400, "Replaces header: "),
    (having(ua.invite(), Authorization="Digest x"), 400, "Authorization header: "),
    (ua.request("REGISTER", contact="*", Contact="*, <sip:a@b>"), 400, "Contact header: "),
    (ua.request("REGISTER", to="<tel:+1>"), 400, "To header: Not a SIP URI"),
    (ua.request("FROBNICATE"), 405, "Allow: INVITE, ACK"),
    (ua.request("OPTIONS", "tel:+1"), 416, "Unsupported URI Scheme"),
    (ua.request("OPTIONS", "sip:"), 400, "Request-URI: Malformed URI"),
    (ua.request("OPTIONS", "sip:a@b?c=d"), 400, "Request-URI: holds header fields"),
    (ua.request("OPTIONS", "sip:" + "a" * 3000 + "@b"), 414, "Request-URI Too Long"),
    (ua.invite(Require="timer, x, y"), 420, "Unsupported: x, y"),
    (ua.invite(Proxy_Require="z"), 420, "Unsupported: z"),
    (ua.request("SUBSCRIBE"), 489, "Allow-Events: conference, refer"),
    (ua.request("SUBSCRIBE", Event="weather"), 489, "Allow-Events: conference, refer"),
    (having(ua.invite(body="x"), Content_Type="text/plain"), 415, "Accept: application/sdp"),
    (
        having(ua.invite(body="x"), Content_Type="text/plain", Content_Disposition="x"),
        415,
        "Accept: application/sdp",
    ),
    (ua.request("REGISTER", Expires="99999999999"), 400, "Expires header: Malformed number"),
    (ua.request("SUBSCRIBE", Event="presence", Expires="abc"), 400, "Expires header: "),
    (without("Content-Type", ua.invite(body="x")), 415, "Accept: application/sdp"),
    (ua.invite(body="x", Content_Encoding="gzip"), 415, "Accept-Encoding: identity"),
    (
        having(
            ua.invite(body="x"),
            body=MIXED.format("Content-Disposition: x;handling=required\r\n"),
            Content_Type="multipart/mixed;boundary=b",
        ),
        415,
        "Accept: application/sdp",
    ),
    (
        having(ua.invite(body="x"), Content_Type="multipart/mixed"),
        400,
        "Content-Type header: no boundary",
    ),
    (ua.invite(Accept="text/plain"), 406, "Accept: application/sdp"),
]
FINE = [
    ua.invite(body="v=0"),
    ua.invite(body="v=0", Content_Encoding="identity"),
    ua.invite(Accept="text/plain, application/*"),
    ua.invite(Supported="", Allow="", Accept_Language=""),
    ua.invite(Require="timer, 100REL"),
    ua.invite(Date="yesterday", Warning="1812 x"),
    ua.request("REGISTER", Contact="*"),
    ua.request("REGISTER", Contact="<tel:+1>"),
    ua.request("SUBSCRIBE", Event="Conference"),
    ua.request("SUBSCRIBE", Event="presence"),
    ua.request("SUBSCRIBE", Event="load-control"),
    ua.request("SUBSCRIBE", Event="as-feature-event"),
    ua.request("SUBSCRIBE", Event="call-info"),
    ua.request("SUBSCRIBE", Event="line-seize"),
    ua.request("NOTIFY", Event="check-sync"),
    ua.request("CANCEL", Require="x"),
    ua.request("OPTIONS", Require="x"),
    ua.request("REGISTER", Expires="abc"),
    ua.request("OPTIONS", RAck="1\t2 INVITE"),
    having(
        ua.invite(body="x"),
        Content_Type="application/x",
        Content_Disposition="x;handling=OPTIONAL",
    ),
    ua.request("REFER", Refer_To="<sip:bob@conf.test&method=BYE>"),
    having(
        ua.invite(body="x"),
        body=MIXED.format(""),
        Content_Type='multipart/mixed; boundary="b"',
    ),
]


@pytest.mark.parametrize(("request_", "status", "says"), REFUSED)
def test_refused(request_: Request, status: int, says: str) -> None:
    objection = sanity.objection(request_)
    assert objection is not None
    assert objection.status == status
    reason = objection.reason or message.REASONS[status]
    assert says in "\n".join([reason, *(": ".join(pair) for pair in objection.fields)])


@pytest.mark.parametrize("request_", FINE)
def test_fine(request_: Request) -> None:
    assert sanity.objection(request_) is None


SINGLE = sorted(row.name for row in headers.TABLE.values() if not row.many and not row.repeats)


@pytest.mark.parametrize("name", [n for n in SINGLE if n not in {"Refer-To", "Content-Length"}])
def test_what_may_be_there_once(name: str) -> None:
    values = {
        "From": "<sip:a@b>;tag=1",
        "To": "<sip:a@b>",
        "Call-ID": "1",
        "CSeq": "1 INVITE",
        "RAck": "1 1 INVITE",
        "Replaces": "1;to-tag=2;from-tag=3",
        "Join": "1;to-tag=2;from-tag=3",
        "Target-Dialog": "1;local-tag=2;remote-tag=3",
        "Referred-By": "<sip:a@b>",
    }
    request = ua.invite()
    request.drop(name)
    for _ in range(2):
        request.append(name, values.get(name, "90"))
    objection = sanity.objection(request)
    assert objection is not None
    assert (objection.status, objection.reason) == (400, f"Multiple {name} headers")


def test_answerable() -> None:
    assert sanity.answerable(ua.invite())
    assert sanity.answerable(having(ua.invite(), Via="?"))
    assert not sanity.answerable(without("Via", ua.invite()))
