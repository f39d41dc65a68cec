"""The environment is read once, and what is wrong in it is named."""

from __future__ import annotations

import runpy
import stat
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

SETTINGS = Path(__file__).resolve().parents[2] / "portal" / "settings.py"
NAMES = [
    "HOST",
    "PORT",
    "SIP_PORT",
    "SIPS_PORT",
    "TLS_CERT",
    "TLS_KEY",
    "SIP_DOMAIN",
    "DATABASE_URL",
    "DATABASE_CONNECTIONS",
    "REDIS_URL",
    "MEDIA_ENGINE",
    "JANUS_URL",
    "RTP_PORTS",
    "SIP_TRUNK",
    "SIP_CALLER_ID",
    "SIP_LIMITS",
    "CONFERENCE_APP_ANSWERS",
    "SECOND_FACTOR",
    "USER_CHOSEN_URIS",
    "EMAIL_URL",
    "EMAIL_FROM",
    "EMAIL_REPLIES",
    "IMAP_URL",
    "DIAL_IN",
    "OIDC_ISSUER",
    "OIDC_CLIENT_ID",
    "OIDC_CLIENT_SECRET",
    "OIDC_NAME",
    "OIDC_ORGANIZERS",
    "OIDC_NEW_ACCOUNTS",
    "OIDC_LINK_BY_EMAIL",
]


class Environment:
    """An environment of our own."""

    def __init__(self, patch: pytest.MonkeyPatch, data_dir: Path) -> None:
        self._patch = patch
        for name in NAMES:
            patch.delenv(name, raising=False)
        patch.setenv("DATA_DIR", str(data_dir))

    def read(self, **said: str) -> dict[str, Any]:
        for name, value in said.items():
            self._patch.setenv(name, value)
        return runpy.run_path(str(SETTINGS))


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Environment:
    return Environment(monkeypatch, tmp_path / "var")


def test_defaults(environment: Environment, tmp_path: Path) -> None:
    read = environment.read()
    assert (read["HOST"], read["PORT"], read["SIP_PORT"]) == ("127.0.0.1", 8000, 5060)
    assert read["SIP_DOMAIN"] == "127.0.0.1"
    assert read["BASE_URL"] == "http://127.0.0.1:8000"
    assert read["WEBSOCKET_URL"] == "ws://127.0.0.1:8000/sip"
    assert read["RTP_PORTS"] == (20000, 29999)
    assert read["USER_CHOSEN_URIS"] == "organizers"
    assert read["DATABASES"]["default"]["NAME"] == str(tmp_path / "var" / "parley.sqlite3")
    assert read["DATABASES"]["default"]["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert not read["SESSION_COOKIE_SECURE"]


@pytest.mark.parametrize(
    ("said", "domain"),
    [
        ({"SIP_PORT": "5070"}, "127.0.0.1:5070"),
        ({"SIP_PORT": "0"}, "127.0.0.1"),
        ({"SIP_DOMAIN": "Conf.Test"}, "conf.test"),
        ({"SIP_DOMAIN": "conf.test", "SIP_PORT": "5070"}, "conf.test:5070"),
        ({"SIP_DOMAIN": "conf.test:5080", "SIP_PORT": "5070"}, "conf.test:5080"),
        ({"HOST": "::1"}, "[::1]"),
        ({"HOST": "::1", "SIP_PORT": "5070"}, "[::1]:5070"),
    ],
)
def test_the_domain_of_our_uris(
    environment: Environment, said: dict[str, str], domain: str
) -> None:
    assert environment.read(**said)["SIP_DOMAIN"] == domain


def test_the_key_is_made_once_and_is_nobody_elses(environment: Environment, tmp_path: Path) -> None:
    key = environment.read()["SECRET_KEY"]
    assert len(key) >= 50
    assert environment.read()["SECRET_KEY"] == key
    kept = tmp_path / "var" / "secret_key"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert [file.name for file in kept.parent.iterdir()] == ["secret_key"]


def test_other_servers(environment: Environment) -> None:
    read = environment.read(
        REDIS_URL="redis://127.0.0.1:6379/0", DATABASE_URL="postgres://p:w@db.example/parley"
    )
    assert read["DATABASES"]["default"]["ENGINE"] == "portal.postgresql"
    assert read["DATABASES"]["default"]["NAME"] == "parley"
    assert read["DATABASES"]["default"]["OPTIONS"]["most"] == 20
    assert read["DATABASES"]["default"]["CONN_MAX_AGE"] == 0
    assert read["CELERY_BROKER_URL"] == "redis://127.0.0.1:6379/0"
    assert "redis" in read["CHANNEL_LAYERS"]["default"]["BACKEND"]
    assert "redis" in read["CACHES"]["default"]["BACKEND"]


def test_tls(environment: Environment, tmp_path: Path) -> None:
    file = tmp_path / "pem"
    file.touch()
    read = environment.read(TLS_CERT=str(file), TLS_KEY=str(file), SIPS_PORT="5061")
    assert read["BASE_URL"].startswith("https://")
    assert read["WEBSOCKET_URL"].startswith("wss://")
    assert read["SESSION_COOKIE_SECURE"]
    assert read["CSRF_COOKIE_SECURE"]


def test_a_proxy_before_us(environment: Environment) -> None:
    """Links and browser phones go to the proxy; cookies only over its HTTPS."""
    read = environment.read(PUBLIC_URL="https://meet.example.org/", PORT="8001")
    assert read["BASE_URL"] == "https://meet.example.org"
    assert read["WEBSOCKET_URL"] == "wss://meet.example.org/sip"
    assert "meet.example.org" in read["ALLOWED_HOSTS"]
    assert read["CSRF_TRUSTED_ORIGINS"] == ["https://meet.example.org"]
    assert read["SESSION_COOKIE_SECURE"]
    assert not read["SECURE_SSL_REDIRECT"]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PUBLIC_URL", "meet.example.org"),
        ("PUBLIC_URL", "https://meet.example.org/pages"),
        ("PORT", "http"),
        ("PORT", "65536"),
        ("SIP_PORT", "-1"),
        ("SIPS_PORT", "5061"),
        ("TLS_CERT", "/nowhere/cert.pem"),
        ("TLS_KEY", str(SETTINGS)),
        ("SIP_DOMAIN", "sip:conf.test"),
        ("SIP_DOMAIN", "a b"),
        ("DATABASE_URL", "mysql://x/y"),
        ("DATABASE_URL", "postgres"),
        ("REDIS_URL", "127.0.0.1:6379"),
        ("MEDIA_ENGINE", "asterisk"),
        ("RTP_PORTS", "20000"),
        ("RTP_PORTS", "30000-20000"),
        ("CONFERENCE_APP_ANSWERS", "maybe"),
        ("SECOND_FACTOR", "some"),
        ("USER_CHOSEN_URIS", "yes"),
        ("SIP_CALLER_ID", "Parley <sip:x@y>"),
        ("SIP_LIMITS", "source=none"),
        ("SIP_LIMITS", "speed=5"),
        ("DATA_DIR", str(SETTINGS)),
    ],
)
def test_what_is_wrong_is_named(environment: Environment, name: str, value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=name):
        environment.read(**{name: value})


@pytest.mark.parametrize("most", ["0", "many"])
def test_there_is_at_least_one_connection(environment: Environment, most: str) -> None:
    with pytest.raises(ImproperlyConfigured, match="DATABASE_CONNECTIONS"):
        environment.read(DATABASE_URL="postgres://p:w@db.example/parley", DATABASE_CONNECTIONS=most)


def test_a_trunk_needs_a_port(environment: Environment) -> None:
    with pytest.raises(ImproperlyConfigured, match="SIP_TRUNK"):
        environment.read(SIP_TRUNK="sip:trunk.example", SIP_PORT="0")
    assert environment.read(SIP_PORT="5060")["SIP_TRUNK"] == "sip:trunk.example"


def test_janus_needs_an_address(environment: Environment) -> None:
    with pytest.raises(ImproperlyConfigured, match="JANUS_URL"):
        environment.read(MEDIA_ENGINE="janus")


@pytest.mark.parametrize(
    ("url", "server", "tls", "ssl"),
    [
        ("smtp://mail.example", ("mail.example", 25, "", ""), False, False),
        ("smtp+tls://u%40x:p%2Fq@mail.example", ("mail.example", 587, "u@x", "p/q"), True, False),
        ("smtps://u:p@mail.example:4465", ("mail.example", 4465, "u", "p"), False, True),
    ],
)
def test_a_mail_server(
    environment: Environment, url: str, server: tuple[str, int, str, str], tls: bool, ssl: bool
) -> None:
    read = environment.read(EMAIL_URL=url, EMAIL_FROM="Calls <calls@example.org>")
    found = (read["EMAIL_HOST"], read["EMAIL_PORT"])
    assert (*found, read["EMAIL_HOST_USER"], read["EMAIL_HOST_PASSWORD"]) == server
    assert (read["EMAIL_USE_TLS"], read["EMAIL_USE_SSL"]) == (tls, ssl)
    assert read["MAIL_GOES_OUT"] is True
    assert read["EMAIL_BACKEND"].endswith("smtp.EmailBackend")
    assert read["DEFAULT_FROM_EMAIL"] == "Calls <calls@example.org>"


def test_without_a_mail_server_nothing_leaves(environment: Environment) -> None:
    read = environment.read()
    assert read["MAIL_GOES_OUT"] is False
    assert read["EMAIL_BACKEND"].endswith("dummy.EmailBackend")
    assert read["DEFAULT_FROM_EMAIL"] == "Parley <parley@127.0.0.1>"


def test_where_answers_arrive(environment: Environment) -> None:
    said = {"EMAIL_REPLIES": "p@example.org", "IMAP_URL": "imaps://u:p@h", "DIAL_IN": "+49 30 1"}
    read = environment.read(**said)
    assert {name: read[name] for name in said} == said


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("EMAIL_URL", "mail.example"),
        ("EMAIL_URL", "http://mail.example"),
        ("EMAIL_URL", "smtp://mail.example:x"),
        ("EMAIL_FROM", "nobody"),
        ("EMAIL_REPLIES", "nobody"),
        ("IMAP_URL", "http://mail.example"),
        ("IMAP_URL", "imaps://mail.example"),
        ("DIAL_IN", "call us"),
    ],
)
def test_a_mail_server_that_is_none(environment: Environment, name: str, value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=name):
        environment.read(**{name: value})


def test_a_provider_of_openid_connect(environment: Environment) -> None:
    assert environment.read()["SOCIALACCOUNT_PROVIDERS"]["openid_connect"]["APPS"] == []
    found = environment.read(OIDC_ISSUER="https://id.example.org/", OIDC_CLIENT_ID="parley")
    assert found["OIDC_ISSUER"] == "https://id.example.org"
    assert found["OIDC_NAME"] == "id.example.org"
    assert not found["OIDC_LINK_BY_EMAIL"]
    assert found["SOCIALACCOUNT_PROVIDERS"]["openid_connect"]["APPS"][0]["client_id"] == "parley"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OIDC_ISSUER", "http://id.example.org"),
        ("OIDC_ISSUER", "id.example.org"),
        ("OIDC_ORGANIZERS", "bookers"),
        ("OIDC_ORGANIZERS", "=bookers"),
        ("OIDC_NEW_ACCOUNTS", "maybe"),
        ("OIDC_LINK_BY_EMAIL", "1"),
    ],
)
def test_a_provider_that_is_none(environment: Environment, name: str, value: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=name):
        environment.read(OIDC_CLIENT_ID="parley", **{name: value})


def test_a_provider_has_given_us_an_id(environment: Environment) -> None:
    with pytest.raises(ImproperlyConfigured, match="OIDC_CLIENT_ID"):
        environment.read(OIDC_ISSUER="https://id.example.org")
