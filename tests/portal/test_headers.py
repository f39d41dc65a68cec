"""What browsers are told: load nothing from elsewhere, stand in no frame, ask for no camera."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.test import Client, override_settings

from conferences.models import Conference, User
from tests.portal.conftest import SignedIn


def directives(value: str) -> dict[str, list[str]]:
    """The policy by directive."""
    parts = (part.split() for part in value.split(";"))
    return {name: sources for name, *sources in parts}


@pytest.mark.parametrize("path", ["/", "/sign-in/", "/nothing", "/healthz", "/api/v1/nothing"])
def test_every_answer_has_both(path: str, client: Client, db: None) -> None:
    response = client.get(path)
    rules = directives(response["Content-Security-Policy"])
    assert rules["default-src"] == ["'self'"]
    assert rules["img-src"] == ["'self'", "data:"]
    assert rules["media-src"] == ["'self'", "blob:"]
    assert rules["frame-ancestors"] == ["'none'"]
    assert rules["object-src"] == ["'none'"]
    assert "'unsafe-inline'" not in rules["script-src"]
    assert "style-src" not in rules
    assert "microphone=(self)" in response["Permissions-Policy"]
    assert "camera=()" in response["Permissions-Policy"]


@pytest.mark.parametrize("url", ["ws://parley.test:8000/sip", "wss://[::1]:8443/sip"])
def test_the_phone_may_reach_its_websocket(url: str, open_room: Conference, client: Client) -> None:
    with override_settings(WEBSOCKET_URL=url):
        rules = directives(client.get("/c/open/")["Content-Security-Policy"])
    assert rules["connect-src"] == ["'self'", url.removesuffix("/sip")]


@pytest.mark.parametrize("path", ["/admin/", "/api/v1/docs"])
def test_pages_of_other_peoples_making_may_write_styles(
    path: str, alice: User, signed_in: SignedIn
) -> None:
    alice.is_staff = alice.is_superuser = True
    alice.save()
    response = signed_in(alice).get(path)
    assert response.status_code == 200
    rules = directives(response["Content-Security-Policy"])
    assert rules["style-src"] == ["'self'", "'unsafe-inline'"]
    assert rules["default-src"] == ["'self'"]
    assert rules["frame-ancestors"] == ["'none'"]


def test_it_comes_before_whatever_answers_by_itself() -> None:
    assert settings.MIDDLEWARE[0] == "portal.headers.BrowserRules"
