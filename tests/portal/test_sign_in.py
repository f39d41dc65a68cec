"""The sign-in page counts wrong passwords, says so, and tells nobody who has an account."""

from __future__ import annotations

import pytest
from django.http import HttpResponse
from django.test import Client

from conferences.models import HeldOff, KnownSource, User
from tests.portal.conftest import PASSWORD

MALLORY = "203.0.113.66"


def sign_in(
    username: str, password: str = "wrong", *, source: str = MALLORY, path: str = "/sign-in/"
) -> HttpResponse:
    said = {"username": username, "password": password}
    response: object = Client(REMOTE_ADDR=source).post(path, said)
    assert isinstance(response, HttpResponse)
    return response


@pytest.mark.django_db
@pytest.mark.usefixtures("still")
@pytest.mark.parametrize("name", ["bob", "nobody", " BOB "])
def test_after_ten_wrong_ones_the_page_asks_to_wait(bob: User, name: str) -> None:
    statuses = [sign_in(name).status_code for _ in range(13)]
    assert statuses == [200] * 11 + [429] * 2
    refused = sign_in(name)
    assert 1 <= int(refused["Retry-After"]) <= 2
    page = refused.content.decode()
    assert "Too many wrong passwords" in page
    assert "try again in" in page


@pytest.mark.usefixtures("still")
def test_the_right_password_has_to_wait_too_but_not_at_home(bob: User) -> None:
    home = "192.0.2.7"
    assert sign_in("bob", PASSWORD, source=home).status_code == 302
    assert KnownSource.objects.get().source == home
    for _ in range(12):
        sign_in("bob")
    assert sign_in("bob", PASSWORD).status_code == 429
    assert sign_in("bob", PASSWORD, source=home).status_code == 302


@pytest.mark.usefixtures("still")
def test_the_door_of_the_administration_is_counted_too(bob: User) -> None:
    for _ in range(11):
        sign_in("bob", path="/admin/login/")
    assert sign_in("bob").status_code == 429
    row = HeldOff.objects.get(source=MALLORY, account="bob")
    assert round(row.wrong) == 11


def test_a_mistyped_password_is_said_plainly_and_forgiven(bob: User) -> None:
    assert "do not fit together" in sign_in("bob").content.decode()
    assert sign_in("bob", PASSWORD).status_code == 302
    assert not HeldOff.objects.filter(account="bob", source=MALLORY).exists()
