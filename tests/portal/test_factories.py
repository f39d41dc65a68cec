"""The pages of factories: kept by organizers and administrators, read as sentences."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import override_settings
from pytest_django import DjangoAssertNumQueries

from conferences import selectors, services
from conferences.models import Factory, User
from conferences.policy import WaitingRoom
from portal.views import factories
from tests.portal.conftest import SignedIn

TEAM: dict[str, Any] = {
    "name": "Team",
    "title": "Team of {creator}",
    "mode": "redirect",
    "admission": "open",
    "waiting_room": "let-in",
    "for_organizers": "on",
    "pin": "2468",
    "max_participants": "12",
    "lasts_minutes": "240",
    "creator_departs": "keep",
    "two_left": "call",
    "active": "on",
}


@pytest.fixture
def admin(bob: User) -> User:
    bob.is_staff = True
    bob.save()
    return bob


def test_an_organizer_makes_one_and_it_works(alice: User, signed_in: SignedIn) -> None:
    response = signed_in(alice).post("/new-factory/", TEAM, follow=True)
    page = response.content.decode()
    assert "Whoever calls sip:team@conf.test makes a conference from now on." in page
    assert "An organizer who calls is sent on to a new conference." in page
    assert "Anyone with its link may join, guests included." in page
    assert "They wait until a moderator lets them in." in page
    assert "There is room for 12." in page
    assert "It ends when all have left, or after 4 hours." in page
    assert "When two are left they go on in a plain call." in page
    row = Factory.objects.get(name="team")
    assert row.owner == alice
    made = selectors.snapshot(
        services.create_adhoc(creator=selectors.identity_of_user(alice), factory="team")
    )
    assert made is not None
    assert made.waiting_room is WaitingRoom.LET_IN
    assert (made.title, made.pin, made.max_participants) == ("Team of Alice", "2468", 12)
    assert selectors.redirects("team")


def test_without_a_name_it_is_a_number_to_dial(alice: User, signed_in: SignedIn) -> None:
    signed_in(alice).post("/new-factory/", {**TEAM, "name": ""})
    assert Factory.objects.get(owner=alice).name.isdigit()
    with override_settings(USER_CHOSEN_URIS="off"):
        assert 'name="name"' not in signed_in(alice).get("/new-factory/").content.decode()
        signed_in(alice).post("/new-factory/", TEAM)
    assert not Factory.objects.filter(name="team").exists()


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"name": "alice"}, "This name is taken"),
        ({"name": "conference-app"}, "has a meaning of its own"),
        ({"name": "no spaces"}, "Use 1 to 63 letters"),
        ({"title": ""}, "This field is required."),
        ({"pin": "12"}, "A PIN has 4 to 16 digits."),
        ({"max_participants": "0"}, "greater than or equal to 1"),
        ({"lasts_minutes": "1"}, "Select a valid choice."),
        ({"mode": "perhaps"}, "Select a valid choice."),
        ({"two_left": "leave"}, "Select a valid choice."),
    ],
)
def test_mistakes_are_told_and_nothing_is_lost(
    said: dict[str, str], words: str, alice: User, signed_in: SignedIn
) -> None:
    before = Factory.objects.count()
    response = signed_in(alice).post("/new-factory/", {**TEAM, **said})
    page = response.content.decode()
    assert words in page
    assert (Factory.objects.count(), 'value="240" selected' in page) == (
        before,
        "lasts_minutes" not in said,
    )


def test_a_change_keeps_the_address(alice: User, signed_in: SignedIn) -> None:
    """Others dial it, so a name that is sent along changes nothing."""
    signed_in(alice).post("/new-factory/", TEAM)
    page = signed_in(alice).get("/factories/team/").content.decode()
    assert 'name="name"' not in page
    said = {**TEAM, "name": "other", "mode": "answer", "active": ""}
    assert signed_in(alice).post("/factories/team/", said).status_code == 302
    row = Factory.objects.get(owner=alice)
    assert (row.name, row.mode, row.active) == ("team", "answer", False)
    listed = signed_in(alice).get("/factories/").content.decode()
    assert "hears that there is no such address" in listed
    assert selectors.factory("team") is None


def test_it_is_deleted_after_one_more_question(alice: User, signed_in: SignedIn) -> None:
    signed_in(alice).post("/new-factory/", TEAM)
    asked = signed_in(alice).get("/factories/team/delete/").content.decode()
    assert "Nobody is answered at sip:team@conf.test any more." in asked
    assert Factory.objects.filter(name="team").exists()
    assert signed_in(alice).post("/factories/team/delete/").status_code == 302
    assert not Factory.objects.filter(name="team").exists()


def test_the_one_that_there_always_is(alice: User, admin: User, signed_in: SignedIn) -> None:
    """Administrators change it, with a row or without one; nobody deletes it."""
    for _ in ("with its row", "without"):
        browser = signed_in(admin)
        assert 'name="name"' not in browser.get("/factories/conference-factory/").content.decode()
        said = {**TEAM, "for_organizers": ""}
        assert browser.post("/factories/conference-factory/", said).status_code == 302
        row = Factory.objects.get(name="conference-factory")
        assert (row.mode, row.owner) == ("redirect", None)
        assert browser.post("/factories/conference-factory/delete/").status_code == 404
        row.delete()
    listed = signed_in(alice).get("/factories/").content.decode()
    assert "sip:conference-factory@conf.test" in listed
    assert "Kept by the administrators." in listed


def test_mallory_keeps_none(alice: User, mallory: User, admin: User, signed_in: SignedIn) -> None:
    """Who is no organizer sees none; organizers leave those of others alone."""
    signed_in(alice).post("/new-factory/", TEAM)
    pages = ("/factories/", "/new-factory/", "/factories/team/", "/factories/team/delete/")
    mallory.is_organizer = False
    mallory.save()
    for page in pages:
        assert signed_in(mallory).get(page).status_code == 403
    mallory.is_organizer = True
    mallory.save()
    for page in pages[2:]:
        assert signed_in(mallory).get(page).status_code == 403
        assert signed_in(mallory).post(page, TEAM).status_code == 403
    assert "Kept by Alice." in signed_in(mallory).get("/factories/").content.decode()
    assert signed_in(mallory).get("/factories/never-was/").status_code == 404
    assert signed_in(admin).post("/factories/team/delete/").status_code == 302


def test_who_is_not_signed_in_is_asked_to(client: Any) -> None:
    assert client.get("/factories/").status_code == 302


def test_the_list_costs_the_same_however_long(
    alice: User, signed_in: SignedIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    browser = signed_in(alice)
    for number in range(10):
        Factory.objects.create(name=f"team-{number}", owner=alice)
    with django_assert_num_queries(3):
        browser.get("/factories/")


def test_every_sentence(alice: User) -> None:
    """What is not said of a size, a PIN or two who are left is not there."""
    plain = Factory(name="a", admission="invited")
    assert factories.story(plain) == [
        "Whoever calls is in a new conference at once.",
        "Others come in when they are called in.",
        "It ends when its creator leaves, or after 1 day.",
    ]
    back = Factory(name="b", mode="redirect", pin="1234", two_left="back", for_organizers=False)
    assert factories.story(back)[0] == "Whoever calls is sent on to a new conference."
    assert "It asks for a PIN." in factories.story(back)
    assert factories.story(back)[-1].startswith("A call between two that became a conference")
