r"""SIP messages: octets outside, text inside.

A message keeps its header fields as text, in order and as written; `one` and
`every` read a typed value when somebody asks for it, and remember it. So a
message that is only routed costs little, and unknown headers pass untouched.

>>> request = parse(b"OPTIONS sip:conf.test SIP/2.0\r\nCSeq: 1 OPTIONS\r\n\r\n")
>>> request.one(headers.CSEQ)
CSeq(number=1, method='OPTIONS')
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from sipgateway.sip import grammar, headers
from sipgateway.sip.errors import BadMessage, LocalError
from sipgateway.sip.headers import Header

T = TypeVar("T")

MAX_MESSAGE = 65_535
"""A UDP datagram cannot be longer, and no conference message needs to be (513)."""
MAX_HEADERS = 256
"""The longest legal message of RFC 4475 has 40; more is an attack."""

_EXPANDED = {short: name.lower() for short, name in headers.COMPACT.items()}


def _key(name: str) -> str:
    lower = name.lower()
    return _EXPANDED.get(lower, lower)


class Message:
    """What requests and responses share: header fields and a body."""

    __slots__ = ("_typed", "body", "fields")

    def __init__(self, fields: list[tuple[str, str]], body: bytes = b"") -> None:
        """`fields` are pairs of lower-case full name and value, in order."""
        self.fields = fields
        self.body = body
        self._typed: dict[str, object] = {}

    def get(self, name: str) -> str | None:
        """The first value of a field, as text; None if there is none."""
        key = name.lower()
        for field, value in self.fields:
            if field == key:
                return value
        return None

    def all(self, name: str) -> list[str]:
        """Every value of a field as text, commas not taken apart."""
        key = name.lower()
        return [value for field, value in self.fields if field == key]

    def one(self, header: Header[T]) -> T | None:
        """The typed value, the first where there are several; None if absent.

        `BadMessage`, naming the header, if it cannot be read.
        """
        values = self.every(header)
        return values[0] if values else None

    def must(self, header: Header[T]) -> T:
        """The typed value of a field that has to be there, exactly once unless `many`."""
        values = self.every(header)
        if not values:
            raise BadMessage(f"Missing {header.name} header")
        if not header.many and len(values) > 1:
            raise BadMessage(f"Multiple {header.name} headers")
        return values[0]

    def every(self, header: Header[T]) -> list[T]:
        """All typed values, in order."""
        cached = self._typed.get(header.key)
        if cached is None:
            cached = self._typed[header.key] = self._parse(header)
        return cached  # type: ignore[return-value]  # the key tells the type

    def _parse(self, header: Header[T]) -> list[T]:
        values = []
        for text in self.all(header.key):
            for part in grammar.split_commas(text) if header.many else [text]:
                try:
                    values.append(header.parse(part))
                except BadMessage as error:
                    raise BadMessage(f"{header.name} header: {error.reason}") from None
        return values

    def add(self, header: Header[T], value: T) -> None:
        """Append a field."""
        self.append(header.name, header.build(value))

    def put(self, header: Header[T], value: T) -> None:
        """Set a field, in the place of the first of that name if there is one."""
        text = headers.build_text(header.build(value))
        key = header.key
        self._typed.pop(key, None)
        at = next((i for i, (field, _) in enumerate(self.fields) if field == key), None)
        if at is None:
            self.fields.append((key, text))
            return
        self.fields[at] = (key, text)
        self.fields[at + 1 :] = [pair for pair in self.fields[at + 1 :] if pair[0] != key]

    def append(self, name: str, value: str) -> None:
        """Append a field given as text."""
        key = name.lower()
        self._typed.pop(key, None)
        self.fields.append((key, headers.build_text(value)))

    def drop(self, name: str) -> None:
        """Remove every field of that name."""
        key = name.lower()
        self._typed.pop(key, None)
        self.fields = [pair for pair in self.fields if pair[0] != key]

    def has_token(self, header: Header[str], token: str) -> bool:
        """Whether a list such as Supported holds `token`, without regard to case."""
        return any(value.lower() == token for value in self.every(header))

    def body_as(self, media_type: str) -> str:
        """The body as text if its type is `media_type`, else ""."""
        content_type = self.one(headers.CONTENT_TYPE)
        if not self.body or content_type is None or content_type.value != media_type:
            return ""
        return self.body.decode("utf-8", "replace")

    @property
    def start_line(self) -> str:
        """The first line."""
        raise LocalError("a message is a request or a response")

    def build(self) -> bytes:
        """The message as octets, Content-Length counted anew."""
        lines = [self.start_line]
        for key, value in self.fields:
            if key != "content-length":
                lines.append(f"{_NAMES.get(key) or _capital(key)}: {value}")
        lines.append(f"Content-Length: {len(self.body)}\r\n\r\n")
        return "\r\n".join(lines).encode("utf-8", "surrogateescape") + self.body


class Request(Message):
    """A request; `uri` is the Request-URI as text."""

    __slots__ = ("method", "uri")

    def __init__(
        self, method: str, uri: str, fields: list[tuple[str, str]], body: bytes = b""
    ) -> None:
        super().__init__(fields, body)
        self.method = method
        self.uri = uri

    @property
    def start_line(self) -> str:
        """The Request-Line."""
        return f"{self.method} {self.uri} SIP/2.0"

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.uri}>"


class Response(Message):
    """A response."""

    __slots__ = ("reason", "status")

    def __init__(
        self, status: int, reason: str, fields: list[tuple[str, str]], body: bytes = b""
    ) -> None:
        super().__init__(fields, body)
        self.status = status
        self.reason = reason

    @property
    def start_line(self) -> str:
        """The Status-Line."""
        return f"SIP/2.0 {self.status} {headers.build_text(self.reason)}"

    def __repr__(self) -> str:
        return f"<Response {self.status} {self.reason}>"


#: Lower-case name → as it is written.
_NAMES: dict[str, str] = {
    value.key: value.name for value in vars(headers).values() if isinstance(value, Header)
}


def _capital(key: str) -> str:
    name = _NAMES[key] = "-".join(part.capitalize() for part in key.split("-"))
    if len(_NAMES) > 1000:
        del _NAMES[key]  # names from outside must not fill the memory
    return name


def parse(octets: bytes) -> Request | Response:
    """Parse one whole message; everything behind the empty line is body.

    `BadMessage` where not even the start line and the fields can be told
    apart. Content-Length is left to `clip`, since what it means depends on
    the transport.
    """
    head, _, body = octets.partition(b"\r\n\r\n")
    text = head.decode("utf-8", "surrogateescape")
    lines = text.lstrip("\r\n").split("\r\n")
    fields = _fields(lines[1:])
    start = lines[0]
    if match := grammar.status_line.fullmatch(start):
        _check_version(match[1])
        return Response(int(match[2]), match[3] or "", fields, body)
    match = grammar.request_line.fullmatch(start)
    if match is None:
        return _odd_request(start, fields, body)
    if match[3].upper() != "SIP/2.0":
        return _Odd(505, "Version Not Supported", match[1], match[2], fields, body)
    return Request(match[1], match[2], fields, body)


class _Odd(Request):
    """A request whose first line is wrong, kept so that it can be answered."""

    __slots__ = ("defect", "defect_status")

    def __init__(
        self,
        status: int,
        reason: str,
        method: str,
        uri: str,
        fields: list[tuple[str, str]],
        body: bytes,
    ) -> None:
        super().__init__(method, uri, fields, body)
        self.defect_status = status
        self.defect = reason


def defect_of(request: Request) -> tuple[int, str] | None:
    """Status and reason if the request's first line was wrong, else None."""
    return (request.defect_status, request.defect) if isinstance(request, _Odd) else None


def _odd_request(start: str, fields: list[tuple[str, str]], body: bytes) -> Request:
    words = start.split()
    if len(words) < 3 or not words[-1].upper().startswith("SIP/"):
        raise BadMessage("Malformed start line")
    if not grammar.token.fullmatch(words[0]):
        raise BadMessage("Malformed start line")
    return _Odd(400, "Malformed Request-Line", words[0], " ".join(words[1:-1]), fields, body)


def _check_version(text: str) -> None:
    if text.upper() != "SIP/2.0":
        raise BadMessage("Unknown SIP version")


def _fields(lines: Iterable[str]) -> list[tuple[str, str]]:
    fields: list[tuple[str, str]] = []
    for line in lines:
        if line[:1] in {" ", "\t"}:
            if not fields:
                raise BadMessage("Folded start line")
            key, value = fields[-1]
            fields[-1] = (key, f"{value} {line.strip()}".strip())
            continue
        match = grammar.header_name.match(line)
        if match is None:
            raise BadMessage("Malformed header line")
        fields.append((_key(match[1]), line[match.end() :].strip()))
    if len(fields) > MAX_HEADERS:
        raise BadMessage("Too many headers")
    return fields


def clip(message: Message) -> None:
    """Hold a datagram or a frame to its Content-Length (RFC 3261 18.3).

    Octets beyond it are cut off; `BadMessage` if there are fewer.
    """
    values = message.every(headers.CONTENT_LENGTH)
    if not values:
        return
    if len(set(values)) > 1:
        raise BadMessage("Conflicting Content-Length headers")
    if values[0] > len(message.body):
        raise BadMessage("Content-Length is larger than the body")
    message.body = message.body[: values[0]]


#: Reason phrases of RFC 3261 21 and of the RFCs that added a status.
REASONS: dict[int, str] = {
    100: "Trying",
    180: "Ringing",
    183: "Session Progress",
    200: "OK",
    202: "Accepted",
    302: "Moved Temporarily",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    406: "Not Acceptable",
    407: "Proxy Authentication Required",
    408: "Request Timeout",
    410: "Gone",
    413: "Request Entity Too Large",
    415: "Unsupported Media Type",
    416: "Unsupported URI Scheme",
    420: "Bad Extension",
    422: "Session Interval Too Small",
    423: "Interval Too Brief",
    480: "Temporarily Unavailable",
    481: "Call/Transaction Does Not Exist",
    482: "Loop Detected",
    483: "Too Many Hops",
    486: "Busy Here",
    487: "Request Terminated",
    488: "Not Acceptable Here",
    489: "Bad Event",
    491: "Request Pending",
    500: "Server Internal Error",
    501: "Not Implemented",
    503: "Service Unavailable",
    505: "Version Not Supported",
    513: "Message Too Large",
    603: "Decline",
}


def reply(request: Request, status: int, reason: str = "", *, tag: str = "") -> Response:
    """The response to a request with the fields of RFC 3261 8.2.6.2.

    `tag` is put on To unless it has one; 100 gets none and takes the Timestamp.
    """
    fields = [
        (key, value)
        for key, value in request.fields
        if key in _COPIED or (status == 100 and key == "timestamp")
    ]
    response = Response(status, reason or REASONS.get(status, "Unknown"), fields)
    to = response.get("to") or ""
    if tag and status != 100 and not _has_tag(to):
        response.fields = [
            (key, f"{value};tag={tag}" if key == "to" else value) for key, value in fields
        ]
    return response


_COPIED = frozenset({"via", "from", "to", "call-id", "cseq"})


def _has_tag(to: str) -> bool:
    after = to.rpartition(">")[2] if ">" in to else to
    return ";tag=" in after.replace(" ", "").replace("\t", "").lower()
