"""The page of a call to the conference application: its link is the secret (draft 4.3)."""

from __future__ import annotations

import datetime

import pytest
from django.test import Client
from django.utils import timezone

from conferences import selectors, services
from conferences.models import Call, Conference, Setup
from tests import people

TOKEN = "0123456789abcdef01234567"
PAGE = f"/setup/{TOKEN}/"


@pytest.fixture
def waiting(bob: object) -> Setup:
    """Bob has called the application and is on the line."""
    at = timezone.now().timestamp()
    services.open_setup(token=TOKEN, caller=people.BOB, at=at)
    return Setup.objects.get()


@pytest.fixture
def phone() -> Client:
    """A browser that keeps no cookies, and is asked for whatever Django can ask for."""
    return Client(enforce_csrf_checks=True)


def test_the_link_alone_opens_the_page(waiting: Setup, phone: Client) -> None:
    response = phone.get(PAGE)
    page = response.content.decode()
    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    assert not response.cookies
    assert "You are on the line, Bob" in page
    assert '<form method="post"' in page
    assert 'name="title"' in page
    assert "csrfmiddlewaretoken" not in page


def test_a_plain_post_creates_the_conference(waiting: Setup, phone: Client, carol: object) -> None:
    sent = phone.post(PAGE, {"title": "Planning", "call": "carol", "pin": "4711"})
    assert (sent.status_code, sent["Location"]) == (302, PAGE)
    row = Conference.objects.get()
    assert (row.title, row.pin, row.organizer and row.organizer.username) == (
        "Planning",
        "4711",
        "bob",
    )
    assert [call.uri for call in Call.objects.all()] == ["sip:carol@conf.test"]
    page = phone.get(PAGE).content.decode()
    assert selectors.conference_uri(row) in page
    assert selectors.conference_url(row) in page
    assert "4711" in page


def test_posted_twice_creates_once(waiting: Setup, phone: Client) -> None:
    phone.post(PAGE, {"title": "Planning"})
    again = phone.post(PAGE, {"title": "Another"})
    assert again.status_code == 200
    assert "Planning" in again.content.decode()
    assert Conference.objects.count() == 1


@pytest.mark.parametrize(
    ("said", "field", "words"),
    [
        ({"title": ""}, "title", "Give it a title."),
        ({"title": "Planning", "pin": "12"}, "pin", "A PIN has 4 to 16 digits."),
        ({"title": "Planning", "call": "no body!"}, "call", "is not an address that can be called"),
        (
            {"title": "Planning", "max_participants": "0"},
            "max_participants",
            "greater than or equal to 1",
        ),
        (
            {"title": "Planning", "call": "tel:+49900111222"},
            "call",
            "tel:+49900111222 may not be called from here",
        ),
        (
            {"title": "Planning", "call": "sip:carol@example.com"},
            "call",
            "sip:carol@example.com may not be called from here",
        ),
    ],
)
def test_a_mistake_is_told_at_its_field_and_nothing_is_lost(
    said: dict[str, str], field: str, words: str, waiting: Setup, phone: Client
) -> None:
    response = phone.post(PAGE, {"call": "bob", **said})
    page = response.content.decode()
    assert response.status_code == 422
    assert f'id="id_{field}_error"' in page
    assert words in page.partition(f'id="id_{field}_error"')[2]
    for value in filter(None, said.values()):
        assert value in page
    assert not Conference.objects.exists()
    assert not Call.objects.exists()
    assert Setup.objects.get().waits


def test_after_the_caller_has_hung_up(waiting: Setup, phone: Client) -> None:
    services.close_setup(token=TOKEN, at=timezone.now().timestamp())
    assert phone.get(PAGE).status_code == 410
    late = phone.post(PAGE, {"title": "Too late"})
    assert late.status_code == 410
    assert "Nothing was created" in late.content.decode()
    assert not Conference.objects.exists()


def test_the_page_stays_when_the_call_has_become_the_conference(
    waiting: Setup, phone: Client
) -> None:
    phone.post(PAGE, {"title": "Planning"})
    later = timezone.now() + datetime.timedelta(minutes=1)
    services.close_setup(token=TOKEN, at=later.timestamp())
    response = phone.get(PAGE)
    assert response.status_code == 200
    assert "Planning" in response.content.decode()


@pytest.mark.parametrize("token", ["0" * 24, TOKEN.upper(), TOKEN[:-1], "x"])
def test_mallory_guesses_a_token(waiting: Setup, phone: Client, token: str) -> None:
    assert phone.get(f"/setup/{token}/").status_code == 404
    assert phone.post(f"/setup/{token}/", {"title": "Mine"}).status_code == 404
    assert not Conference.objects.exists()
    assert Setup.objects.get().waits


def test_nothing_else_is_for_this_address(waiting: Setup, phone: Client) -> None:
    assert phone.delete(PAGE).status_code == 405
    assert phone.put(PAGE).status_code == 405


def test_who_looks_it_over_may_go_back(waiting: Setup, phone: Client) -> None:
    """Steps that nobody has to take; what was typed goes along, and nothing is made by them."""
    typed = {"title": "Plan <1>", "call": "alice@x\nsip:carol@example.com", "pin": "4711"}
    look = phone.post(PAGE, {**typed, "look": "1"})
    page = look.content.decode()
    assert look.status_code == 200
    assert "Is this right?" in page
    assert "sip:carol@example.com" in page
    assert "Plan &lt;1&gt;" in page
    assert 'type="hidden"' in page
    back = phone.post(PAGE, {**typed, "back": "1"})
    assert back.status_code == 200
    assert "Plan &lt;1&gt;" in back.content.decode()
    assert not Conference.objects.exists()
    wrong = phone.post(PAGE, {**typed, "pin": "1", "look": "1"})
    assert wrong.status_code == 422
    assert "A PIN has 4 to 16 digits." in wrong.content.decode()
    assert phone.post(PAGE, {"title": typed["title"]}).status_code == 302
    assert Conference.objects.get().title == "Plan <1>"
