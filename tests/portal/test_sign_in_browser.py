"""Signing in with Chromium: by a provider, under our content policy, and with a security key."""

from __future__ import annotations

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.test import override_settings
from playwright.async_api import Browser
from pytest_django.live_server_helper import LiveServer

from conferences.models import User
from tests.portal.conftest import PASSWORD
from tests.portal.provider import CLIENT, SECRET, provider
from tests.portal.test_browser import (  # noqa: F401 - fixtures
    _database_in_two_threads,
    is_sound,
    open_page,
)

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True)]

KEY = {
    "protocol": "ctap2",
    "transport": "usb",
    "hasResidentKey": False,
    "hasUserVerification": True,
    "isUserVerified": True,
    "automaticPresenceSimulation": True,
}


async def test_a_provider_and_a_security_key(
    browser: Browser,
    live_server: LiveServer,
    bob: User,
) -> None:
    """Carol comes by the provider; Bob adds a key, without which his password opens nothing."""
    # Keys are for names, not for addresses.
    home = live_server.url.replace("127.0.0.1", "localhost")
    given = settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]
    with provider() as house:
        house.person = {"sub": "1", "preferred_username": "carol", "name": "Carol"}
        app = {
            "provider_id": "oidc",
            "name": "Our house",
            "client_id": CLIENT,
            "secret": SECRET,
            "settings": {"server_url": house.issuer, "oauth_pkce_enabled": True},
        }
        with override_settings(
            BASE_URL=home,
            OIDC_ISSUER=house.issuer,
            OIDC_NAME="Our house",
            SOCIALACCOUNT_PROVIDERS={"openid_connect": {**given, "APPS": [app]}},
        ):
            page = await open_page(browser, width=390)
            await page.goto(f"{home}/sign-in/")
            await is_sound(page, "the page with a provider")
            await page.click("text=Sign in with Our house")
            await page.wait_for_url(f"{home}/")
            await page.get_by_role("heading", name="Hello, Carol").wait_for()
    assert await sync_to_async(User.objects.filter(username="carol").exists)()
    page = await open_page(browser)
    session = await page.context.new_cdp_session(page)
    await session.send("WebAuthn.enable")
    await session.send("WebAuthn.addVirtualAuthenticator", {"options": KEY})
    await page.goto(f"{home}/sign-in/?next=/account/second-factor/keys/add/")
    await page.fill("input[name=username]", "bob")
    await page.fill("input[name=password]", PASSWORD)
    await page.press("input[name=password]", "Enter")
    await page.fill("input[name=password]", PASSWORD)
    await page.click("main button[type=submit]")
    await page.click("[data-key=create]")
    await page.wait_for_url(f"{home}/account/second-factor/codes/")
    await page.context.clear_cookies()
    await page.goto(f"{home}/sign-in/")
    await page.fill("input[name=username]", "bob")
    await page.fill("input[name=password]", PASSWORD)
    await page.press("input[name=password]", "Enter")
    await page.wait_for_url(f"{home}/sign-in/second-factor/")
    await is_sound(page, "the second step")
    await page.click("[data-key=get]")
    await page.wait_for_url(f"{home}/")
    await page.get_by_role("heading", name="Hello, Bob").wait_for()
