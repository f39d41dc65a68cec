"""A second factor that is compulsory: who is led to it, what opens before, who is not asked."""

from __future__ import annotations

import io
import json

import pytest
from allauth.mfa.totp.internal.auth import TOTP
from django.core.management import call_command
from django.test import Client, override_settings

from conferences import services
from conferences.models import Conference, User
from tests.portal.conftest import PASSWORD, SignedIn
from tests.portal.test_second_factor import SECRET

SET_UP = "/account/second-factor/"
PLACES = ["/", "/book/", "/account/", "/account/token/", "/c/planning/", "/phone/", "/admin/"]


@pytest.fixture
def chief(db: None) -> User:
    """The first organizer, as `serve` makes him: an administrator who books."""
    user = services.create_user(username="organizer", password=PASSWORD, is_organizer=True)
    user.is_staff = user.is_superuser = True
    user.save()
    return user


@pytest.mark.parametrize(
    ("who", "led"),
    [
        ("optional", ""),
        ("administrators", "organizer"),
        ("organizers", "organizer alice"),
        ("all", "organizer alice bob"),
    ],
)
def test_who_is_led_to_it(
    chief: User, alice: User, bob: User, signed_in: SignedIn, who: str, led: str
) -> None:
    with override_settings(SECOND_FACTOR=who):
        for user in (chief, alice, bob):
            answer = signed_in(user).get("/account/")
            assert (answer.headers.get("Location") == SET_UP) == (user.username in led.split())


@override_settings(SECOND_FACTOR="administrators")
def test_the_first_organizer_is_not_locked_out(chief: User) -> None:
    """By his password he comes to where he sets one up, and once he has, everywhere."""
    browser = Client()
    browser.post("/sign-in/", {"username": "organizer", "password": PASSWORD})
    for path in PLACES:
        assert browser.get(path).headers.get("Location") == SET_UP, path
    page = browser.get(SET_UP).content.decode()
    assert "Set one up to go on." in page
    assert "Back to your account" not in page
    proof = browser.get(f"{SET_UP}app/")["Location"]
    assert browser.get(proof).status_code == 200
    browser.post(proof, {"password": PASSWORD})
    assert browser.get(f"{SET_UP}app/").status_code == 200
    TOTP.activate(chief, SECRET)
    assert browser.get("/account/").status_code == 200
    assert "and it has one" in browser.get(SET_UP).content.decode()
    said = call_command_json("second_factor", "organizer")
    assert said == {"username": "organizer", "taken": 1}
    assert browser.get("/account/")["Location"] == SET_UP


def call_command_json(*words: str) -> object:
    out = io.StringIO()
    call_command(*words, stdout=out)
    return json.loads(out.getvalue())


@override_settings(SECOND_FACTOR="all")
def test_mallory_who_has_found_a_password_gets_nowhere(room: Conference, bob: User) -> None:
    mallory = Client()
    mallory.post("/sign-in/", {"username": "bob", "password": PASSWORD})
    posted = mallory.post("/account/token/", {"do": "make"})
    assert (posted.status_code, posted["Location"]) == (302, SET_UP)
    assert not bob.api_tokens.exists()
    for fields in ({}, {"HTTP_AUTHORIZATION": "Bearer wrong"}):
        assert mallory.get("/api/v1/conferences", **fields).status_code == 401  # type: ignore[arg-type]
        assert mallory.delete("/api/v1/conferences/planning", **fields).status_code == 401  # type: ignore[arg-type]
    assert mallory.get("/nothing/").status_code == 404
    assert mallory.post("/sign-out/").status_code == 302
    assert "_auth_user_id" not in mallory.session


@override_settings(SECOND_FACTOR="all")
def test_tokens_and_guests_are_not_asked(open_room: Conference, alice: User) -> None:
    token = services.issue_api_token(alice)
    script = Client(headers={"Authorization": f"Bearer {token}"})
    assert script.get("/api/v1/conferences").status_code == 200
    link = services.new_calendar_link(alice)
    assert Client().get(f"/calendar/{link}.ics").status_code == 200
    guest = Client()
    assert guest.get("/").status_code == 200
    entered = guest.post(f"/c/{open_room.name}/enter/", {"display_name": "Carol", "pin": "4711"})
    assert entered.status_code == 200
