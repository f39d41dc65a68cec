"""Pages answer in the language of who asks."""

from __future__ import annotations

import pytest
from django.test import Client

from conferences import services
from conferences.invitations import letters
from conferences.models import Conference, User
from conferences.services import Invitee

pytestmark = pytest.mark.django_db


def test_without_a_wish_pages_are_english(client: Client) -> None:
    answer = client.get("/sign-in/")
    assert 'lang="en"' in answer.text
    assert answer["Content-Language"] == "en"


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("de-AT,de;q=0.9,en;q=0.5", "de"),
        ("fr-CA", "fr"),
        ("es-MX,es;q=0.9", "es"),
        ("en-GB,en;q=0.9", "en"),
        ("en-US,en;q=0.9", "en-us"),
        ("ja, nl;q=0.5", "en"),
        ("*;;q=x", "en"),
    ],
)
def test_a_guest_reads_what_the_browser_asks_for(client: Client, asked: str, given: str) -> None:
    answer = client.get("/sign-in/", headers={"accept-language": asked})
    assert f'<html lang="{given}"' in answer.text
    assert "Accept-Language" in answer["Vary"]


def test_a_guest_chooses_by_the_menu(client: Client) -> None:
    answer = client.post("/language/", {"language": "fr", "next": "/sign-in/"})
    assert answer["Location"] == "/sign-in/"
    page = client.get("/sign-in/", headers={"accept-language": "de"})
    assert '<html lang="fr"' in page.text


def test_the_menu_leads_nowhere_else(client: Client) -> None:
    answer = client.post("/language/", {"language": "fr", "next": "https://elsewhere.test/"})
    assert answer["Location"] == "/"


def test_a_language_that_there_is_not_changes_nothing(client: Client, alice: User) -> None:
    client.force_login(alice)
    client.post("/language/", {"language": "tlh", "next": "/"})
    alice.refresh_from_db()
    assert alice.language == ""
    assert '<html lang="en"' in client.get("/account/").text


def test_the_choice_of_a_person_is_kept_with_the_account(client: Client, alice: User) -> None:
    client.force_login(alice)
    client.post("/language/", {"language": "es", "next": "/"})
    other = Client(headers={"accept-language": "de"})
    other.force_login(User.objects.get(pk=alice.pk))
    assert '<html lang="es"' in other.get("/account/").text


def test_the_account_page_goes_back_to_the_browsers_language(client: Client, alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(language="es")
    client.force_login(alice)
    said = {"display_name": "Alice", "timezone": "UTC", "language": ""}
    client.post("/account/", said, headers={"accept-language": "de"})
    page = client.get("/account/", headers={"accept-language": "de"})
    assert '<html lang="de"' in page.text


def test_the_words_of_the_scripts_are_a_script_of_ours(client: Client) -> None:
    answer = client.get("/words/de.js")
    assert answer["Content-Type"].startswith("text/javascript")
    assert "django.gettext" in answer.text
    again = client.get("/words/de.js", headers={"if-none-match": answer["ETag"]})
    assert again.status_code == 304
    assert client.get("/words/tlh.js").status_code == 404


def test_mails_are_in_the_language_that_the_organizer_reads(client: Client, alice: User) -> None:
    """He has chosen none: his guests are written to as he reads pages, until he chooses."""
    client.force_login(alice)
    row = services.book(organizer=alice, title="x", invitees=[Invitee(email="carol@example.org")])
    assert letters.language(row, row.invitations.get()) == "en"
    for asked in ("de", "de", "fr", "en"):
        client.get("/", headers={"accept-language": asked})
        row = Conference.objects.get()
        assert letters.language(row, row.invitations.get()) == asked
    services.choose_language(user=alice, language="es")
    client.get("/", headers={"accept-language": "de"})
    row = Conference.objects.get()
    assert letters.language(row, row.invitations.get()) == "es"
