"""What belongs to a person: name, zone, phones, tokens, password."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta

from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from conferences import selectors, services
from conferences.models import SipAccount, User
from tests.conferences.test_registrations import DESK
from tests.portal.conftest import PASSWORD, SignedIn


def shown(page: str, what: str) -> str:
    """The value beside the copy button of that label."""
    found = re.search(rf'data-copy="([^"]+)" data-copy-what="{what}"', page)
    assert found is not None, f"no {what} on the page"
    return found.group(1)


def test_name_and_zone(bob: User, signed_in: SignedIn) -> None:
    browser = signed_in(bob)
    said = {"display_name": "Bob B.", "timezone": "Asia/Tokyo"}
    assert browser.post("/account/", said).status_code == 302
    bob.refresh_from_db()
    assert (bob.display_name, bob.timezone) == ("Bob B.", "Asia/Tokyo")
    assert ">Asia/Tokyo</a>" in browser.get("/").content.decode()
    browser.cookies["zone"] = "America/Sao_Paulo"
    assert ">Asia/Tokyo</a>" in browser.get("/").content.decode()
    browser.post("/account/", {"display_name": "Bob B.", "timezone": ""})
    assert ">America/Sao_Paulo</a>" in browser.get("/").content.decode()
    wrong = browser.post("/account/", {"display_name": "Bob", "timezone": "Mars/Olympus"})
    assert "Select a valid choice" in wrong.content.decode()


def test_a_zone_of_before_is_shown_and_not_chosen_away(bob: User, signed_in: SignedIn) -> None:
    """A list without it would choose UTC in silence; what is sent back has to be a place's."""
    User.objects.filter(pk=bob.pk).update(timezone="EST")
    browser = signed_in(bob)
    page = browser.get("/account/").content.decode()
    assert '<option value="EST" selected>' in page
    kept = browser.post("/account/", {"display_name": "Bob", "timezone": "EST"})
    assert "“EST” is no time zone of a place" in kept.content.decode()
    User.objects.filter(pk=bob.pk).update(timezone="Asia/Calcutta")
    browser.post("/account/", {"display_name": "Bob", "timezone": "Asia/Calcutta"})
    bob.refresh_from_db()
    assert bob.timezone == "Asia/Kolkata"


def test_the_sip_account_is_told(bob: User, signed_in: SignedIn) -> None:
    page = signed_in(bob).get("/account/").content.decode()
    assert shown(page, "Address of record") == "sip:bob@conf.test"
    assert shown(page, "WebSocket, for browser phones").endswith("/sip")


def test_a_made_up_sip_password_is_shown_once(bob: User, signed_in: SignedIn) -> None:
    browser = signed_in(bob)
    response = browser.post("/account/sip-password/", {"password": ""})
    password = shown(response.content.decode(), "SIP password")
    assert len(password) > 20
    assert "no-store" in response["Cache-Control"]
    assert SipAccount.objects.get().auth_name == "bob"
    assert password not in browser.get("/account/").content.decode()


def test_a_sip_password_of_ones_own_is_not_shown(bob: User, signed_in: SignedIn) -> None:
    browser = signed_in(bob)
    short = browser.post("/account/sip-password/", {"password": "short"}).content.decode()
    assert "at least 12 characters" in short
    assert not SipAccount.objects.exists()
    page = browser.post("/account/sip-password/", {"password": "long enough 1"}).content.decode()
    assert "long enough 1" not in page
    assert SipAccount.objects.exists()


def test_tokens_are_shown_once_and_revoked(bob: User, signed_in: SignedIn) -> None:
    browser = signed_in(bob)
    token = shown(browser.post("/account/token/").content.decode(), "API token")
    assert selectors.user_of_token(token) == bob
    page = browser.get("/account/").content.decode()
    assert token not in page
    assert "You have 1 token." in page
    browser.post("/account/token/", {"do": "revoke"})
    assert selectors.user_of_token(token) is None


def test_changing_the_password_keeps_one_signed_in(bob: User, signed_in: SignedIn) -> None:
    browser = signed_in(bob)
    new = "another horse entirely"
    said = {"old_password": PASSWORD, "new_password1": new, "new_password2": new}
    wrong = browser.post("/account/password/", {**said, "old_password": "x"})
    assert wrong.status_code == 200
    assert browser.post("/account/password/", said).status_code == 302
    assert browser.get("/account/").status_code == 200
    assert Client().login(username="bob", password=new)


def test_what_changes_something_wants_post(bob: User, signed_in: SignedIn) -> None:
    for path in ("sip-password", "token", "password"):
        browser = signed_in(bob)
        assert browser.get(f"/account/{path}/")["Location"] == "/account/"
        assert "press the button once more" in browser.get("/account/").content.decode()
        assert browser.put(f"/account/{path}/").status_code == 405
    assert not bob.api_tokens.exists()


def test_signing_out_ends_what_pages_were_given(bob: User, signed_in: SignedIn) -> None:
    """A page's phone signs out with its person; his own phones stay."""
    services.set_sip_password(bob, "a long enough one")
    identity = selectors.identity_of_user(bob)
    until = timezone.now() + timedelta(hours=12)
    given = services.issue_phone_credentials(identity=identity, user=bob, until=until)
    assert selectors.account(given.auth_name) is not None
    assert signed_in(bob).post("/sign-out/").status_code == 302
    assert selectors.account(given.auth_name) is None
    assert selectors.account("bob") is not None


def test_phones_are_shown_and_signed_out(
    bob: User,
    mallory: User,
    signed_in: SignedIn,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    """Where calls ring; Mallory signs nobody out but himself."""
    assert "No phone is registered" in signed_in(bob).get("/account/").content.decode()
    many = [replace(DESK, key=f"sip:bob@{n}.invalid") for n in range(3)]
    services.keep_registrations(gateway="host:1:a", entries=[DESK, *many])
    browser = signed_in(bob)
    with django_assert_num_queries(8):
        page = browser.get("/account/").content.decode()
    assert "4 registered" in page
    assert "UDP from 192.0.2.1:5062" in page
    row = bob.registrations.get(key=DESK.key)
    path = f"/account/phones/{row.pk}/end/"
    assert browser.get(path)["Location"] == "/account/"
    signed_in(mallory).post(path)
    assert selectors.registrations(bob).count() == 4
    assert "signed out" in browser.post(path, follow=True).content.decode()
    assert selectors.registrations(bob).count() == 3
    assert "not registered any more" in browser.post(path, follow=True).content.decode()
