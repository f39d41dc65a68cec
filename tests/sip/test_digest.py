"""Digest: the formulas of RFC 7616, what is good, stale or bad, and Mallory."""

from __future__ import annotations

import pytest

from sipgateway.sip import digest, headers
from sipgateway.sip.digest import Claim, Digest, Verdict
from sipgateway.sip.headers import Auth
from tests.stage import CountingTokens

REALM, NOW = "conf.test", 1_800_000_000.0
URI = "sip:4711@conf.test"
HA1 = digest.ha1s("bob", REALM, "secret")


def house(**how: object) -> Digest:
    return Digest(REALM, b"key", CountingTokens(), **how)  # type: ignore[arg-type]


def answer(
    challenge: Auth, *, password: str = "secret", method: str = "INVITE", nc: int = 1
) -> Auth:
    """What a phone of Bob's makes of it."""
    algorithm = challenge.get("algorithm")
    ha1 = digest.ha1s("bob", REALM, password)[algorithm]
    how = {"nonce": challenge.get("nonce"), "nc": f"{nc:08x}", "cnonce": "c", "qop": "auth"}
    response = digest.response_of(algorithm, ha1, method=method, uri=URI, **how)
    who = {"username": "bob", "realm": REALM, "uri": URI, "response": response}
    return Auth("digest", tuple({**who, "algorithm": algorithm, **how}.items()))


def changed(auth: Auth, **to: str) -> Auth:
    return Auth(auth.scheme, tuple((name, to.get(name, value)) for name, value in auth.params))


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_examples_of_rfc_7616_3_9_1(algorithm: str, response: str) -> None:
    realm, nonce = "http-auth@example.org", "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"
    ha1 = digest.ha1s("Mufasa", realm, "Circle of Life")[algorithm]
    cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    how = {"nonce": nonce, "nc": "00000001", "cnonce": cnonce, "qop": "auth"}
    got = digest.response_of(algorithm, ha1, method="GET", uri="/dir/index.html", **how)
    assert got == response


def test_example_of_rfc_2617_with_integrity() -> None:
    """A2 has H(body) behind it (RFC 7616 3.4.3)."""
    ha1 = digest.hash_text("MD5", "Mufasa:testrealm@host.com:Circle Of Life")
    how = {"nonce": "n", "nc": "00000001", "cnonce": "c", "qop": "auth-int"}
    body_hash = digest.hash_octets("MD5", b"v=0")
    got = digest.response_of("MD5", ha1, method="M", uri="u", body_hash=body_hash, **how)
    ha2 = digest.hash_text("MD5", f"M:u:{body_hash}")
    assert got == digest.hash_text("MD5", f"{ha1}:n:00000001:c:auth-int:{ha2}")


def test_challenges_sha_256_before_md5() -> None:
    """RFC 8760 2.4; browser phones take the last."""
    first, last = house().challenges(NOW)
    assert (first.get("algorithm"), last.get("algorithm")) == ("SHA-256", "MD5")
    assert first.get("nonce") == last.get("nonce")
    assert {one.get("qop") for one in (first, last)} == {"auth"}
    built = headers.WWW_AUTHENTICATE.build(first)
    assert 'qop="auth"' in built
    assert "algorithm=SHA-256" in built
    assert "stale" not in built
    assert "stale=true" in headers.WWW_AUTHENTICATE.build(house().challenges(NOW, stale=True)[0])


def test_challenges_as_server_and_as_proxy() -> None:
    challenges = house().challenges(NOW)
    status, fields = digest.challenge_fields(challenges)
    assert (status, [name for name, _ in fields]) == (401, ["WWW-Authenticate"] * 2)
    status, fields = digest.challenge_fields(challenges, proxy=True)
    assert (status, [name for name, _ in fields]) == (407, ["Proxy-Authenticate"] * 2)


@pytest.mark.parametrize("which", [0, 1])
def test_good(which: int) -> None:
    house_ = house()
    auth = answer(house_.challenges(NOW)[which])
    assert house_.verify(auth, HA1, method="INVITE", now=NOW + 1, uri=URI) is Verdict.GOOD


def test_good_as_it_comes_by_the_wire() -> None:
    house_ = house()
    built = headers.AUTHORIZATION.build(answer(house_.challenges(NOW)[1]))
    assert "nc=00000001" in built
    assert "qop=auth" in built
    parsed = headers.AUTHORIZATION.parse(built)
    assert house_.verify(parsed, HA1, method="INVITE", now=NOW) is Verdict.GOOD


def test_auth_int() -> None:
    house_ = house(qops=("auth", "auth-int"))
    challenge = house_.challenges(NOW)[0]
    assert challenge.get("qop") == "auth, auth-int"
    how = {"nonce": challenge.get("nonce"), "nc": "00000001", "cnonce": "c", "qop": "auth-int"}
    body_hash = digest.hash_octets("SHA-256", b"v=0")
    response = digest.response_of(
        "SHA-256", HA1["SHA-256"], method="INVITE", uri=URI, body_hash=body_hash, **how
    )
    auth = Auth(
        "digest",
        (
            ("username", "bob"),
            ("realm", REALM),
            ("uri", URI),
            ("algorithm", "SHA-256"),
            ("response", response),
            *how.items(),
        ),
    )
    other = house_.verify(auth, HA1, method="INVITE", now=NOW, body=b"v=1")
    assert other is Verdict.BAD
    assert house_.verify(auth, HA1, method="INVITE", now=NOW, body=b"v=0") is Verdict.GOOD


MALLORY = {
    "another password": lambda a: changed(a, response="0" * 32),
    "another realm": lambda a: changed(a, realm="evil.test"),
    "a nonce of his own": lambda a: changed(a, nonce="bm9uY2U="),
    "a nonce that is no base64": lambda a: changed(a, nonce="\u00e9\udcff"),
    "another count": lambda a: changed(a, nc="00000002"),
    "another client nonce": lambda a: changed(a, cnonce="d"),
    "no protection": lambda a: changed(a, qop=""),
    "another algorithm": lambda a: changed(a, algorithm="SHA-512"),
    "an algorithm that he likes": lambda a: changed(a, algorithm="MD5-sess"),
    "another scheme": lambda a: Auth("basic", a.params),
    "nothing": lambda a: Auth("digest", ()),
}


@pytest.mark.parametrize("how", MALLORY)
def test_mallory(how: str) -> None:
    house_ = house()
    auth = MALLORY[how](answer(house_.challenges(NOW)[1]))
    assert house_.verify(auth, HA1, method="INVITE", now=NOW, uri=URI) is Verdict.BAD


def test_mallory_uses_what_bob_sent_elsewhere() -> None:
    """Credentials are for one method and one resource (3.4.6)."""
    house_ = house()
    auth = answer(house_.challenges(NOW)[1])
    assert house_.verify(auth, HA1, method="REGISTER", now=NOW, uri=URI) is Verdict.BAD
    elsewhere = "sip:4712@conf.test"
    assert house_.verify(auth, HA1, method="INVITE", now=NOW, uri=elsewhere) is Verdict.BAD
    rewritten = "sip:4711@CONF.test;transport=ws"
    assert house_.verify(auth, HA1, method="INVITE", now=NOW, uri=rewritten) is Verdict.GOOD


def test_mallory_plays_it_again() -> None:
    house_ = house()
    challenge = house_.challenges(NOW)[1]
    assert house_.verify(answer(challenge), HA1, method="INVITE", now=NOW) is Verdict.GOOD
    assert house_.verify(answer(challenge), HA1, method="INVITE", now=NOW) is Verdict.STALE
    later = answer(challenge, nc=3)
    assert house_.verify(later, HA1, method="INVITE", now=NOW) is Verdict.GOOD
    early = answer(challenge, nc=2)
    assert house_.verify(early, HA1, method="INVITE", now=NOW) is Verdict.STALE


def test_mallory_pushes_a_nonce_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """What had to be forgotten does not become good again."""
    monkeypatch.setattr(digest, "MAX_NONCES", 2)
    house_ = house()
    first = answer(house_.challenges(NOW)[1])
    assert house_.verify(first, HA1, method="INVITE", now=NOW) is Verdict.GOOD
    for later in (1, 2, 3):
        other = answer(house_.challenges(NOW + later)[1])
        assert house_.verify(other, HA1, method="INVITE", now=NOW + later) is Verdict.GOOD
    assert house_.verify(first, HA1, method="INVITE", now=NOW + 4) is Verdict.STALE


@pytest.mark.parametrize("count", ["", "0", "-1", "+1", "1_0", "0x1", "000000001", " 1"])
def test_counts_are_eight_digits(count: str) -> None:
    house_ = house()
    auth = answer(house_.challenges(NOW)[1])
    how = {"nonce": auth.get("nonce"), "nc": count, "cnonce": "c", "qop": "auth"}
    response = digest.response_of("MD5", HA1["MD5"], method="INVITE", uri=URI, **how)
    auth = changed(auth, nc=count, response=response)
    assert house_.verify(auth, HA1, method="INVITE", now=NOW) is Verdict.STALE


def test_stale_after_its_time() -> None:
    house_ = house()
    auth = answer(house_.challenges(NOW)[1])
    late = NOW + digest.NONCE_LIFE + 1
    assert house_.verify(auth, HA1, method="INVITE", now=late) is Verdict.STALE
    bad = answer(house_.challenges(NOW)[1], password="wrong")
    assert house_.verify(bad, HA1, method="INVITE", now=late) is Verdict.BAD


def test_nobody_there_is_a_wrong_password() -> None:
    house_ = house()
    auth = answer(house_.challenges(NOW)[1])
    nobody = house_.no_such_user()
    assert nobody.keys() == HA1.keys()
    assert house_.verify(auth, nobody, method="INVITE", now=NOW) is Verdict.BAD


def test_another_house_another_key() -> None:
    auth = answer(Digest(REALM, b"other", CountingTokens()).challenges(NOW)[1])
    assert house().verify(auth, HA1, method="INVITE", now=NOW) is Verdict.BAD


def test_who_it_claims_to_be() -> None:
    """RFC 7616 3.4 and 3.4.4."""
    assert digest.claim_of(Auth("digest", (("username", "bob"),))) == Claim("bob")
    name = digest.user_hash("SHA-256", "bob", REALM)
    hashed = (("username", name.upper()), ("userhash", "true"), ("algorithm", "SHA-256"))
    assert digest.claim_of(Auth("digest", hashed)) == Claim(name, "SHA-256")
    encoded = (("username*", "UTF-8''J%C3%A4s%C3%B8n%20Doe"),)
    assert digest.claim_of(Auth("digest", encoded)) == Claim("Jäsøn Doe")
    assert house(userhash=True).challenges(NOW)[0].get("userhash") == "true"


def test_credentials_for_us_among_others() -> None:
    house_ = house()
    ours = answer(house_.challenges(NOW)[1])
    others = [Auth("basic", (("", "x"),)), changed(ours, realm="proxy.test"), ours]
    assert house_.pick(others) == ours
    assert house_.pick(others[:2]) is None
