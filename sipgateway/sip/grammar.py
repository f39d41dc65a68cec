"""The grammar of RFC 3261 25.1, as named regular expressions, used with ``fullmatch``.

No two parts that can match the same stand side by side: what Mallory sends in
60,000 octets of white space has to be refused in the time of 60,000 steps.

The core works on text: octets are decoded once, in `message`, as UTF-8 with
surrogate escapes, so that what is not UTF-8 passes through unharmed.
"""

from __future__ import annotations

import re

# token = 1*(alphanum / "-" / "." / "!" / "%" / "*" / "_" / "+" / "`" / "'" / "~" )
TOKEN = r"[A-Za-z0-9\-.!%*_+`'~]+"  # noqa: S105  not a secret
# quoted-string = SWS DQUOTE *(qdtext / quoted-pair ) DQUOTE
QUOTED = r'"(?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\[\x00-\x09\x0b\x0c\x0e-\x7f])*"'
# LWS, after unfolding
WS = r"[ \t]*"
# host = hostname / IPv4address / IPv6reference; underscores are seen in the wild
HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9\-_.]*[A-Za-z0-9.])?|\[[0-9A-Fa-f:.]+(?:%[A-Za-z0-9]+)?\])"
# port = 1*DIGIT, and it has to fit
PORT = r"[0-9]{1,5}"

token = re.compile(TOKEN)
quoted = re.compile(QUOTED)
host = re.compile(HOST)

# Request-Line = Method SP Request-URI SP SIP-Version
request_line = re.compile(rf"({TOKEN}) (\S+) ([Ss][Ii][Pp]/[0-9]+\.[0-9]+)")
# Status-Line = SIP-Version SP Status-Code SP Reason-Phrase
status_line = re.compile(r"([Ss][Ii][Pp]/[0-9]+\.[0-9]+) ([0-9]{3})(?: (.*))?")
# LWS = [*WSP CRLF] 1*WSP: a line that goes on in the next
fold = re.compile(r"\r\n[ \t]+")

# generic-param = token [ EQUAL gen-value ]; gen-value = token / host / quoted-string
# Any visible ASCII but separators is let through: phones send bare URNs and slashes.
param = re.compile(rf";{WS}({TOKEN}){WS}(?:={WS}({QUOTED}|[!#-+\--:<-~]*){WS})?")
# m-type SLASH m-subtype, or a token alone
tokened = re.compile(rf"({TOKEN})(?:{WS}/{WS}({TOKEN}))?{WS}")
# auth-param = auth-param-name EQUAL ( token / quoted-string )
auth_param = re.compile(rf"{WS}({TOKEN}){WS}={WS}({QUOTED}|[^,\"\s]+){WS}")

# via-parm = sent-protocol LWS sent-by *( SEMI via-params )
via = re.compile(
    rf"{WS}(SIP){WS}/{WS}({TOKEN}){WS}/{WS}({TOKEN})[ \t]+({HOST})(?:{WS}:{WS}({PORT}))?{WS}(;.*)?",
    re.IGNORECASE,
)
# CSeq = 1*DIGIT LWS Method
cseq = re.compile(rf"([0-9]{{1,10}})[ \t]+({TOKEN})")
# callid = word [ "@" word ]
call_id = re.compile(r"[^\s@]+(?:@[^\s@]+)?")
digits = re.compile(r"[0-9]+")
_LWS = re.compile(r"[ \t]+")


def first_word(text: str) -> tuple[str, str]:
    """What stands before the first white space, and what stands behind it."""
    first, *rest = _LWS.split(text.strip(" \t"), maxsplit=1)
    return first, "".join(rest)


def clean(text: str) -> str:
    """`text` as one may show and store it: controls become spaces, what is not UTF-8 U+FFFD."""
    if text.isprintable() and text.isascii():
        return text
    octets = text.encode("utf-8", "surrogateescape")
    return _CONTROLS.sub(" ", octets.decode("utf-8", "replace"))


_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def unquote(text: str) -> str:
    """The text inside a quoted-string, escapes taken back; other text as it is."""
    if len(text) >= 2 and text[0] == '"' and text[-1] == '"':
        inner = text[1:-1]
        return re.sub(r"\\(.)", r"\1", inner) if "\\" in inner else inner
    return text


def quote(text: str) -> str:
    """A quoted-string that holds `text`; line breaks and controls become spaces."""
    safe = re.sub(r"[\x00-\x08\x0a-\x1f\x7f]+", " ", text)
    return '"' + safe.replace("\\", "\\\\").replace('"', '\\"') + '"'


# What may begin or end something in a comma-separated list; an escaped character is neither.
_MARKS = re.compile(r'\\.|[",<>]', re.DOTALL)


def split_commas(text: str) -> list[str]:
    """The values of a comma-separated field, commas in quotes and angles left alone."""
    if "," not in text:
        value = text.strip()
        return [value] if value else []
    if '"' not in text and "<" not in text:
        return [value for part in text.split(",") if (value := part.strip())]
    values, start, closes = [], 0, ""
    for match in _MARKS.finditer(text):
        mark = match[0]
        if closes:
            closes = "" if mark == closes else closes
        elif mark in _CLOSES:
            closes = _CLOSES[mark]
        elif mark == ",":
            values.append(text[start : match.start()].strip())
            start = match.end()
    values.append(text[start:].strip())
    return [value for value in values if value]


_CLOSES = {'"': '"', "<": ">"}
