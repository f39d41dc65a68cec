"""Lists of URIs: what is read, and what a stranger's XML may not do."""

from __future__ import annotations

import pytest

from sipgateway.focus import resource_lists
from sipgateway.sip.errors import BadMessage

HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
NS = 'xmlns="urn:ietf:params:xml:ns:resource-lists"'


def _list(*uris: str, head: str = HEAD) -> bytes:
    entries = "".join(f'<entry uri="{uri}"/>' for uri in uris)
    return f"{head}<resource-lists {NS}><list>{entries}</list></resource-lists>".encode()


def test_the_list_of_rfc_5368() -> None:
    """Figure 1, with the copy control of RFC 5364, which is nothing to a call."""
    body = f"""{HEAD}
    <resource-lists {NS} xmlns:cp="urn:ietf:params:xml:ns:copycontrol">
      <list>
        <entry uri="sip:bob@example.com" cp:copyControl="to"  />
        <entry uri="sip:carol@example.org" cp:copyControl="cc" />
        <entry uri="sip:bob@example.com" cp:copyControl="bcc" />
      </list>
    </resource-lists>"""
    assert resource_lists.parse(body.encode()) == ["sip:bob@example.com", "sip:carol@example.org"]


BOMB = '<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;">]>'
FILE = '<!DOCTYPE r [<!ENTITY f SYSTEM "file:///etc/passwd">]>'


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no xml",
        b"\xff\xfe",
        _list(),
        _list("sip:a@b", ""),
        _list(*(f"sip:{number}@b" for number in range(resource_lists.MOST + 1))),
        _list("sip:" + "a" * resource_lists.LONGEST),
        _list("sip:&b;@c", head=BOMB),
        _list("sip:&f;@c", head=FILE),
        _list("sip:a@b", head='<!DOCTYPE r SYSTEM "http://127.0.0.1:9/x.dtd">'),
        f"<list {NS}><entry uri='sip:a@b'/></list>".encode(),
        b"<resource-lists><list><entry uri='sip:a@b'/></list></resource-lists>",
    ],
)
def test_what_is_no_list(body: bytes) -> None:
    with pytest.raises(BadMessage):
        resource_lists.parse(body)
