r"""SIP messages: octets outside, text inside.

A message keeps its header fields as text, in order and as written; `one` and
`every` read a typed value when somebody asks for it, and remember it. So a
message that is only routed costs little, and unknown headers pass untouched.

>>> request = parse(b"OPTIONS sip:conf.test SIP/2.0\r\nCSeq: 1 OPTIONS\r\n\r\n")
>>> request.one(headers.CSEQ)
CSeq(number=1, method='OPTIONS')
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeVar

from sipgateway.sip import grammar, headers, multipart
from sipgateway.sip.errors import BadMessage, LocalError
from sipgateway.sip.headers import Header, Tokened
from sipgateway.sip.multipart import Part
from sipgateway.sip.reasons import REASONS as REASONS

T = TypeVar("T")

MAX_MESSAGE = 65_535
"""A UDP datagram cannot be longer, and no conference message needs to be (513)."""
HOPS = 70
"""Max-Forwards of a request that begins here (RFC 3261 8.1.1.6)."""
MAX_HEADERS = 256
"""The longest legal message of RFC 4475 has 40; more is an attack."""
MAX_FIELD = 8192
"""Letters of one header field: an Identity with its certificate chain by reference has 1000,
the longest of RFC 4475 has 700. What is longer costs those who read it (400)."""

#: Lower-case name → as it is written.
_NAMES: dict[str, str] = {row.key: row.name for row in headers.TABLE.values()}
#: A name as it may come → the key by which it is looked up.
_KEYS: dict[str, str] = {
    spelt: name.lower()
    for short, name in [*headers.COMPACT.items(), *((n, n) for n in _NAMES.values())]
    for spelt in {short, short.lower(), short.upper()}
}


def _key(name: str) -> str:
    known = _KEYS.get(name)
    return known if known is not None else _KEYS.get(name.lower(), name.lower())


class Message:
    """What requests and responses share: header fields and a body."""

    __slots__ = ("_typed", "body", "fields", "spelt")

    def __init__(self, fields: list[tuple[str, str]], body: bytes = b"") -> None:
        """`fields` are pairs of lower-case full name and value, in order."""
        self.fields = fields
        self.body = body
        #: Names without a row in the table, by key, as they were written.
        self.spelt: dict[str, str] = {}
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
        if len(values) > 1 and not header.many and not header.repeats:
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

    def read_all(self, unless: Collection[str]) -> None:
        """Read every field that has a row in the table, in one go, except those keys.

        `BadMessage`, naming the header, if one cannot be read or may be there only once.
        """
        typed: dict[str, list[object]] = {}
        for key, text in self.fields:
            row = headers.TABLE.get(key)
            if row is None or key in unless:
                continue
            values = typed.setdefault(key, [])
            if values and not row.many and not row.repeats:
                raise BadMessage(f"Multiple {row.name} headers")
            try:
                if row.many:
                    values.extend(map(row.parse, grammar.split_commas(text)))
                else:
                    values.append(row.parse(text))
            except BadMessage as error:
                raise BadMessage(f"{row.name} header: {error.reason}") from None
        self._typed.update(typed)

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
        self.fields.append(self._field(name, value))

    def push(self, name: str, value: str) -> None:
        """Put a value before all others of that name: a Via, a Record-Route."""
        pair = self._field(name, value)
        at = next((i for i, (field, _) in enumerate(self.fields) if field == pair[0]), 0)
        self.fields.insert(at, pair)

    def pop(self, name: str) -> str | None:
        """Take away the first value of a list and give it back; None if there is none."""
        key = name.lower()
        self._typed.pop(key, None)
        for at, (field, text) in enumerate(self.fields):
            if field == key:
                first, *rest = grammar.split_commas(text) or [""]
                self.fields[at : at + 1] = [(key, ", ".join(rest))] if rest else []
                return first
        return None

    def _field(self, name: str, value: str) -> tuple[str, str]:
        key = name.lower()
        self._typed.pop(key, None)
        if key not in _NAMES:
            self.spelt[key] = headers.build_name(name)
        return key, headers.build_text(value)

    def drop(self, name: str) -> None:
        """Remove every field of that name."""
        key = name.lower()
        self._typed.pop(key, None)
        self.fields = [pair for pair in self.fields if pair[0] != key]

    def has_token(self, header: Header[str], token: str) -> bool:
        """Whether a list such as Supported holds `token`, without regard to case."""
        return any(value.lower() == token for value in self.every(header))

    def body_as(self, media_type: str) -> str:
        """The body as text if its type is `media_type`, or the first part that is; else ""."""
        for part in self.parts():
            if part.media_type.value == media_type:
                return part.body.decode("utf-8", "replace")
        return ""

    def parts(self) -> list[Part]:
        """The body, taken apart where it is multipart; nothing if its type is not told."""
        content_type = self.one(headers.CONTENT_TYPE)
        if not self.body or content_type is None:
            return []
        if content_type.value.startswith("multipart/"):
            return multipart.parts(self.body, content_type)
        content_id = multipart.bare_id(self.get("content-id"))
        disposition = self.one(headers.CONTENT_DISPOSITION) or Tokened("render")
        return [Part(content_type, disposition, self.body, content_id)]

    @property
    def start_line(self) -> str:
        """The first line."""
        raise LocalError("a message is a request or a response")

    def build(self) -> bytes:
        """The message as octets, Content-Length counted anew."""
        lines = [self.start_line]
        for key, value in self.fields:
            if key != "content-length":
                lines.append(f"{_NAMES.get(key) or self.spelt.get(key, key)}: {value}")
        lines.append(f"Content-Length: {len(self.body)}\r\n\r\n")
        return "\r\n".join(lines).encode("utf-8", "surrogateescape") + self.body


class Request(Message):
    """A request; `uri` is the Request-URI as text.

    `defect` says what is wrong with it as a whole: the status to answer and
    the reason, or None.
    """

    __slots__ = ("defect", "method", "uri")

    def __init__(
        self, method: str, uri: str, fields: list[tuple[str, str]], body: bytes = b""
    ) -> None:
        super().__init__(fields, body)
        self.method = method
        self.uri = uri
        self.defect: tuple[int, str] | None = None

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


def parse(octets: bytes) -> Request | Response:
    """Parse one whole message; everything behind the empty line is body.

    A request that can be told as one is given back even if it is broken: its
    `defect` says how. `BadMessage` for what cannot be answered, and for a
    broken response. Content-Length is left to `clip`, since what it means
    depends on the transport.
    """
    head, _, body = octets.lstrip(b"\r\n").partition(b"\r\n\r\n")
    text = head.decode("utf-8", "surrogateescape").removesuffix("\r\n")
    if "\r\n " in text or "\r\n\t" in text:
        text = grammar.fold.sub(" ", text)
    start, *lines = text.split("\r\n")
    received, defect = _start(start, body)
    fault = _read_fields(received, lines)
    if text.count("\r") != len(lines) or text.count("\n") != len(lines):
        fault = _mend_breaks(received)
    if isinstance(received, Request):
        received.defect = defect or ((400, fault) if fault else None)
    elif fault:
        raise BadMessage("Malformed header line")
    return received


def _start(line: str, body: bytes) -> tuple[Request | Response, tuple[int, str] | None]:
    if match := grammar.request_line.fullmatch(line):
        request = Request(match[1], match[2], [], body)
        odd = match[3].upper() != "SIP/2.0"
        return request, (505, "Version Not Supported") if odd else None
    if match := grammar.status_line.fullmatch(line):
        if match[1].upper() != "SIP/2.0":
            raise BadMessage("Unknown SIP version")
        if not 100 <= int(match[2]) <= 699:
            raise BadMessage("Status out of range")
        return Response(int(match[2]), match[3] or "", [], body), None
    words = line.split()
    looks = len(words) > 2 and words[-1].upper().startswith("SIP/")
    if not looks or not grammar.token.fullmatch(words[0]):
        raise BadMessage("Malformed start line")
    return Request(words[0], " ".join(words[1:-1]), [], body), (400, "Malformed Request-Line")


def _read_fields(into: Message, lines: list[str]) -> str:
    """Fill in the fields; gives what is wrong with them, or ""."""
    fields, fault = into.fields, ""
    for line in lines:
        if len(line) > MAX_FIELD:
            fault = fault or "Header field too long"
            continue
        name, colon, value = line.partition(":")
        key = _KEYS.get(name)
        if key is None:
            name = name.rstrip(" \t")
            key = _key(name)
            if not colon or not grammar.token.fullmatch(name):
                fault = fault or "Malformed header line"
                continue
            if key not in _NAMES:
                into.spelt.setdefault(key, name)
        fields.append((key, value.strip(" \t")))
    if len(fields) > MAX_HEADERS:
        del fields[MAX_HEADERS:]
        return "Too many headers"
    return fault


def _mend_breaks(message: Message) -> str:
    """Take stray CRs and LFs out, so that they never reach the wire; names the first field."""
    names = [key for key, value in message.fields if "\r" in value or "\n" in value]
    message.fields = [(k, v.replace("\r", " ").replace("\n", " ")) for k, v in message.fields]
    name = _NAMES.get(names[0], names[0]) if names else "Request-Line"
    return f"{name} header: stray line break"


def clip(message: Message) -> None:
    """Hold a datagram or a frame to its Content-Length (RFC 3261 18.3).

    Octets beyond it are cut off; `BadMessage` if there are fewer.
    """
    if message.all("content-length") == [str(len(message.body))]:
        return
    values = message.every(headers.CONTENT_LENGTH)
    if not values:
        return
    if len(set(values)) > 1:
        raise BadMessage("Conflicting Content-Length headers")
    if values[0] > len(message.body):
        raise BadMessage("Content-Length is larger than the body")
    message.body = message.body[: values[0]]


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
    response.spelt = request.spelt
    if tag and status != 100 and not _has_tag(request):
        response.fields = [
            (key, f"{value};tag={tag}" if key == "to" else value) for key, value in fields
        ]
    return response


_COPIED = frozenset({"via", "from", "to", "call-id", "cseq"})


def hops_left(request: Request) -> int:
    """Max-Forwards of what is sent on because of a request (RFC 3261 16.6, RFC 7332 4)."""
    hops = request.one(headers.MAX_FORWARDS)
    return HOPS if hops is None else max(0, hops - 1)


def _has_tag(request: Request) -> bool:
    try:
        to = request.one(headers.TO)
    except BadMessage:
        return True  # nothing may be added to what cannot be read
    return to is None or bool(to.tag)
