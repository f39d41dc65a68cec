"""RFC 7616 3.9.1 and RFC 2617 3.5 by their own examples; what we answer and what we do not."""

from __future__ import annotations

import pytest

from sipgateway.sip import headers
from sipgateway.sip.credentials import authorize, is_stale, parse_trunk
from sipgateway.sip.digest import Digest, Verdict, ha1s
from sipgateway.sip.errors import BadMessage
from sipgateway.sip.message import Response
from tests.stage import START, CountingTokens

REALM = "http-auth@example.org"
NONCE = "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"


def challenged(*challenges: str, status: int = 401) -> Response:
    """A response with these challenges."""
    name = "www-authenticate" if status == 401 else "proxy-authenticate"
    return Response(status, "Unauthorized", [(name, text) for text in challenges])


def answered(response: Response, **changed: str) -> tuple[str, headers.Auth]:
    """Which field, and the credentials in it."""
    named = {
        "username": "Mufasa",
        "password": "Circle of Life",
        "method": "GET",
        "uri": "/dir/index.html",
        "cnonce": CNONCE,
    }
    found = authorize(response, **{**named, **changed})
    assert found is not None
    return found[0], headers.parse_auth(found[1])


@pytest.mark.parametrize(
    ("algorithm", "expected"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_examples_of_rfc_7616(algorithm: str, expected: str) -> None:
    challenge = (
        f'Digest realm="{REALM}", qop="auth, auth-int", algorithm={algorithm}, '
        f'nonce="{NONCE}", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
    )
    name, auth = answered(challenged(challenge))
    assert name == "Authorization"
    assert auth.get("response") == expected
    assert auth.get("opaque") == "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"


def test_without_quality_of_protection() -> None:
    """RFC 2069 2.4 with the digest of its erratum."""
    nonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093"
    challenge = f'Digest realm="testrealm@host.com", nonce="{nonce}"'
    _, auth = answered(challenged(challenge), password="CircleOfLife")
    assert auth.get("response") == "1949323746fe6a43ef61f9606e7febea"
    assert not auth.get("qop")
    assert not auth.get("nc")


def test_a_proxy_is_answered_in_its_own_field() -> None:
    name, auth = answered(challenged('Digest realm="a", nonce="b", qop="auth"', status=407))
    assert name == "Proxy-Authorization"
    assert auth.get("nc") == "00000001"


def test_the_first_that_can_be_answered_is_taken() -> None:
    _, auth = answered(
        challenged(
            'Basic realm="a"',
            'Digest realm="a", nonce="b", qop="auth-int"',
            'Digest realm="a", nonce="b", qop="auth", algorithm=SHA-512-256',
            'Digest realm="a", nonce="b", qop="auth", algorithm=SHA-256',
            'Digest realm="a", nonce="b", qop="auth", algorithm=MD5',
        )
    )
    assert auth.get("algorithm") == "SHA-256"


@pytest.mark.parametrize(
    "response",
    [
        Response(403, "Forbidden", []),
        Response(401, "Unauthorized", []),
        challenged("Digest"),
        challenged('Digest realm="'),
        challenged('Basic realm="a"'),
    ],
)
def test_what_cannot_be_answered(response: Response) -> None:
    assert (
        authorize(response, username="a", password="b", method="INVITE", uri="sip:a", cnonce="c")
        is None
    )


def test_our_own_server_takes_it() -> None:
    for at in range(2):
        server = Digest("conf.test", b"key", CountingTokens())
        challenge = server.challenges(START)[at]
        text = headers.build_auth(challenge)
        _, auth = answered(challenged(text), method="INVITE", uri="sip:4711@conf.test")
        known = ha1s("Mufasa", "conf.test", "Circle of Life")
        assert server.verify(auth, known, method="INVITE", now=START) is Verdict.GOOD


def test_stale() -> None:
    assert is_stale(challenged('Digest realm="a", nonce="b", stale=TRUE'))
    assert not is_stale(challenged('Digest realm="a", nonce="b"'))
    assert not is_stale(Response(200, "OK", []))


@pytest.mark.parametrize(
    ("text", "uri", "username", "password"),
    [
        ("sip:trunk.test", "sip:trunk.test", "", ""),
        ("sip:me:s%40cret@[2001:db8::1]:5062", "sip:[2001:db8::1]:5062", "me", "s@cret"),
        ("sips:+4930:x@trunk.test;transport=tcp", "sips:trunk.test;transport=tcp", "+4930", "x"),
    ],
)
def test_trunk(text: str, uri: str, username: str, password: str) -> None:
    trunk = parse_trunk(text)
    assert (str(trunk.uri), trunk.username, trunk.password) == (uri, username, password)
    assert password in {"", "x"} or password not in repr(trunk)


@pytest.mark.parametrize("text", ["", "trunk.test", "tel:+49", "sip:", "sip:a b@c"])
def test_no_trunk(text: str) -> None:
    with pytest.raises(BadMessage):
        parse_trunk(text)
