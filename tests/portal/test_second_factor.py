"""A second factor: set up, asked for at every way in, and not to be gone around."""

from __future__ import annotations

import re

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, hotp_value
from django.test import Client

from conferences import seals, services
from conferences.models import User
from tests.portal.conftest import PASSWORD

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time by which codes are made, so that none runs out in a test."""
    now = [1_800_000_000.0]
    counters = "allauth.mfa.totp.internal.auth.yield_hotp_counters_from_time"
    monkeypatch.setattr(counters, lambda: iter([int(now[0]) // 30]))
    return now


def code(now: list[float], secret: str = SECRET) -> str:
    return str(format_hotp_value(hotp_value(secret, int(now[0]) // 30)))


def password(browser: Client, username: str = "bob", path: str = "/sign-in/") -> str:
    said = {"username": username, "password": PASSWORD}
    return browser.post(path, said).headers.get("Location", "")


def who(browser: Client) -> bool:
    return "_auth_user_id" in browser.session


@pytest.fixture
def protected(bob: User, clock: list[float]) -> User:
    """Bob, who has an app and recovery codes."""
    TOTP.activate(bob, SECRET)
    RecoveryCodes.activate(bob)
    return bob


def test_setting_up_an_app(bob: User, clock: list[float]) -> None:
    browser = Client()
    password(browser)
    assert "Set one up" in browser.get("/account/").content.decode()
    asked = browser.get("/account/second-factor/app/")
    assert asked["Location"].startswith("/account/prove/")
    browser.post(asked["Location"], {"password": PASSWORD})
    page = browser.get("/account/second-factor/app/").content.decode()
    assert "data:image/svg+xml;base64," in page
    found = re.search(r'data-copy="([A-Z2-7]{32})"', page)
    assert found is not None
    wrong = browser.post("/account/second-factor/app/", {"code": "000000"})
    assert "Incorrect code" in wrong.content.decode()
    right = browser.post("/account/second-factor/app/", {"code": code(clock, found[1])})
    assert right["Location"] == "/account/second-factor/codes/"
    page = browser.get(right["Location"]).content.decode()
    assert len(re.findall(r"<code>\d{8}</code>", page)) == 10
    assert 'tag-live">on<' in browser.get("/account/").content.decode()
    kept = Authenticator.objects.get(type="totp").data["secret"]
    assert found[1] not in kept
    assert seals.unseal(kept) == found[1]


def test_the_password_alone_lets_nobody_in(protected: User, clock: list[float]) -> None:
    browser = Client()
    assert password(browser) == "/sign-in/second-factor/"
    assert not who(browser)
    assert browser.get("/account/").status_code == 302
    assert "One more step" in browser.get("/sign-in/second-factor/").content.decode()
    wrong = browser.post("/sign-in/second-factor/", {"code": "000000"})
    assert "Incorrect code" in wrong.content.decode()
    assert not who(browser)
    assert browser.post("/sign-in/second-factor/", {"code": code(clock)})["Location"] == "/"
    assert who(browser)


def test_the_way_goes_on_to_where_one_was_going(protected: User, clock: list[float]) -> None:
    browser = Client()
    said = {"username": "bob", "password": PASSWORD, "next": "/planner/"}
    browser.post("/sign-in/", said)
    response = browser.post("/sign-in/second-factor/", {"code": code(clock)})
    assert response["Location"] == "/planner/"


def test_the_administration_has_no_door_of_its_own(protected: User, clock: list[float]) -> None:
    protected.is_staff = protected.is_superuser = True
    protected.save()
    browser = Client()
    assert password(browser, path="/admin/login/?next=/admin/") == "/sign-in/second-factor/"
    assert not who(browser)
    assert browser.get("/admin/").status_code == 302
    response = browser.post("/sign-in/second-factor/", {"code": code(clock)})
    assert response["Location"] == "/admin/"
    assert browser.get("/admin/").status_code == 200


def test_who_may_not_go_to_the_administration_reads_so(bob: User) -> None:
    browser = Client()
    browser.force_login(bob)
    assert browser.get("/admin/", follow=True).status_code == 403


def test_mallory_who_has_not_given_the_password_is_sent_back(protected: User) -> None:
    response = Client().post("/sign-in/second-factor/", {"code": "000000"})
    assert response["Location"] == "/sign-in/"


def test_a_code_is_good_once_and_so_is_a_recovery_code(protected: User, clock: list[float]) -> None:
    used = code(clock)
    for expected in (True, False):
        browser = Client()
        password(browser)
        browser.post("/sign-in/second-factor/", {"code": used})
        assert who(browser) is expected
    row = Authenticator.objects.get(type="recovery_codes")
    spare = RecoveryCodes(row).generate_codes()[0]
    for expected in (True, False):
        browser = Client()
        password(browser)
        browser.post("/sign-in/second-factor/", {"code": spare})
        assert who(browser) is expected


def test_guessing_codes_ends_after_five(protected: User, clock: list[float]) -> None:
    browser = Client()
    password(browser)
    for _ in range(5):
        browser.post("/sign-in/second-factor/", {"code": "000000"})
    page = browser.post("/sign-in/second-factor/", {"code": code(clock)}).content.decode()
    assert "Too many failed login attempts" in page
    assert not who(browser)


def test_taking_it_away_wants_proof(protected: User, clock: list[float]) -> None:
    browser = Client()
    browser.force_login(protected)
    response = browser.post("/account/second-factor/app/remove/")
    assert response["Location"].startswith("/account/prove/")
    assert Authenticator.objects.filter(type="totp").exists()
    browser.post(response["Location"], {"password": PASSWORD})
    assert not Authenticator.objects.exists()
    assert password(Client()) == "/"


def test_a_new_password_by_link_leaves_the_second_factor(protected: User, alice: User) -> None:
    alice.is_staff = True
    link = services.password_link(user=protected, by=alice)
    services.set_password_by_link(link=link, password=PASSWORD + "!")
    browser = Client()
    said = {"username": "bob", "password": PASSWORD + "!"}
    assert browser.post("/sign-in/", said)["Location"] == "/sign-in/second-factor/"


def test_pages_of_it_are_their_owners(protected: User, mallory: User) -> None:
    browser = Client()
    browser.force_login(mallory)
    page = browser.get("/account/second-factor/").content.decode()
    assert "in use" not in page
    assert browser.get("/account/second-factor/codes/").status_code == 404
    assert browser.post("/account/second-factor/app/remove/").status_code == 404


def test_sealed_with_another_key_it_cannot_be_read() -> None:
    sealed = seals.seal("a secret")
    assert seals.unseal(sealed) == "a secret"
    assert sealed != seals.seal("a secret")
    with pytest.raises(seals.Unreadable):
        seals.unseal(sealed[:-4] + "AAA=")
