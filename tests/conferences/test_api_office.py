"""REST of what one runs: factories, accounts, invitations to them, one's SIP password."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.test import Client, override_settings
from django.utils import timezone

from conferences import services
from conferences.models import AccountLink, Conference, Factory, Guest, SipAccount, User
from tests.conferences.test_api_mine import Script

#: Whoever has no token at all gets 401; these are the calls of this file.
CALLS = [
    ("GET", "/factories"),
    ("POST", "/factories"),
    ("GET", "/people"),
    ("POST", "/people"),
    ("GET", "/people/bob"),
    ("PATCH", "/people/bob"),
    ("DELETE", "/people/bob"),
    ("POST", "/people/bob/password-link"),
    ("GET", "/invitations"),
    ("POST", "/invitations"),
    ("DELETE", "/invitations/1"),
]
SAID: dict[str, dict[str, Any]] = {
    "/people": {"username": "guest3"},
    "/invitations": {"email": "carol@example.org"},
}


@pytest.fixture
def alices(alice: User) -> Script:
    return Script(alice)


@pytest.fixture
def roots(db: None) -> Script:
    """An administrator's."""
    return Script(User.objects.create_superuser("chief"))


def _path(url: str) -> str:
    return url.removeprefix(settings.BASE_URL)


@pytest.mark.parametrize(("method", "path"), CALLS)
def test_mallory_is_refused(mallory: User, bob: User, method: str, path: str) -> None:
    """Who neither books nor administers."""
    User.objects.filter(pk=mallory.pk).update(is_organizer=False)
    body = None if method == "GET" else SAID.get(path, {})
    before = (Factory.objects.count(), User.objects.count(), AccountLink.objects.count())
    status, told = Script(mallory).call(method, path, body)
    assert (status, told["refusal"]) == (403, "not-allowed")
    assert getattr(Client(), method.lower())(f"/api/v1{path}").status_code == 401
    after = (Factory.objects.count(), User.objects.count(), AccountLink.objects.count())
    assert before == after


# --- Factories --------------------------------------------------------------------------


def test_organizers_keep_factories_of_their_own(alices: Script, alice: User) -> None:
    said = {"id": "Team", "title": "Team of {creator}", "pin": "4711", "lasts_minutes": 60}
    answer = alices.answer("POST", "/factories", said)
    assert answer.status_code == 201
    assert answer["Location"].endswith("/api/v1/factories/team")
    made = answer.json()
    assert (made["uri"], made["owner"], made["pin"]) == ("sip:team@conf.test", "alice", "4711")
    rows = alices.call("GET", "/factories")[1]["factories"]
    assert [one["id"] for one in rows] == ["conference-factory", "team"]
    assert (rows[0]["standard"], "pin" in rows[0]) == (True, False)
    status, changed = alices.call("PATCH", "/factories/team", {"mode": "redirect", "pin": ""})
    assert (status, changed["mode"], changed["title"]) == (200, "redirect", "Team of {creator}")
    assert alices.call("GET", "/factories/team")[1] == changed
    assert Factory.objects.get(name="team").owner == alice
    assert alices.call("DELETE", "/factories/team")[0] == 204
    assert alices.call("GET", "/factories/team")[0] == 404


def test_a_factory_without_a_name_gets_a_number(alices: Script) -> None:
    made = alices.call("POST", "/factories", {})[1]
    assert made["id"].isdigit()
    assert made["title"] == "Conference of {creator}"


@pytest.mark.parametrize(
    ("said", "status", "field"),
    [
        ({"id": "alice"}, 409, "id"),
        ({"id": "a b"}, 422, "id"),
        ({"pin": "12"}, 422, "pin"),
        ({"lasts_minutes": 1}, 422, "lasts_minutes"),
        ({"colour": "red"}, 422, "colour"),
    ],
)
def test_a_factory_that_cannot_be(
    alices: Script, said: dict[str, Any], status: int, field: str
) -> None:
    got, told = alices.call("POST", "/factories", said)
    assert (got, told["errors"][0]["field"]) == (status, field)
    assert not Factory.objects.exclude(name="conference-factory").exists()


@override_settings(USER_CHOSEN_URIS="off")
def test_names_are_chosen_where_they_may_be(alices: Script, roots: Script) -> None:
    assert alices.call("POST", "/factories", {"id": "team"})[0] == 422
    assert roots.call("POST", "/factories", {"id": "team"})[0] == 201


def test_nobody_keeps_the_factory_of_another(alices: Script, bob: User, roots: Script) -> None:
    alices.call("POST", "/factories", {"id": "team", "pin": "4711"})
    bob.is_organizer = True
    bob.save()
    bobs = Script(bob)
    status, read = bobs.call("GET", "/factories/team")
    assert (status, read["pin_required"], "pin" in read) == (200, True, False)
    assert bobs.call("PATCH", "/factories/team", {"active": False})[0] == 403
    assert bobs.call("DELETE", "/factories/team")[0] == 403
    assert bobs.call("PATCH", "/factories/conference-factory", {"active": False})[0] == 403
    off = roots.call("PATCH", "/factories/conference-factory", {"active": False})
    assert (off[0], off[1]["active"]) == (200, False)
    assert roots.call("DELETE", "/factories/conference-factory")[0] == 422


# --- Accounts ---------------------------------------------------------------------------


def test_administrators_make_and_change_accounts(roots: Script) -> None:
    said = {"username": "Carol", "display_name": " Carol  C. ", "email": "carol@example.org"}
    status, made = roots.call("POST", "/people", said)
    assert (status, made["username"], made["display_name"]) == (201, "carol", "Carol C.")
    assert (made["is_organizer"], made["ports_quota"]) == (False, None)
    assert not User.objects.get(username="carol").has_usable_password()
    status, link = roots.call("POST", "/people/carol/password-link")
    assert status == 201
    assert Client().get(_path(link["url"])).status_code == 200
    changes = {"is_organizer": True, "ports_quota": 20, "timezone": "Europe/Berlin"}
    status, changed = roots.call("PATCH", "/people/carol", changes)
    assert (status, changed) == (200, made | changes)
    assert roots.call("GET", "/people/carol")[1] == changed
    found = roots.call("GET", "/people", q="EXAMPLE.org")[1]
    assert (found["count"], found["people"]) == (1, [changed])


def test_who_is_switched_off_is_nobody(roots: Script, bob: User) -> None:
    bobs = Script(bob)
    assert roots.call("PATCH", "/people/bob", {"is_active": False})[0] == 200
    assert bobs.call("GET", "/me")[0] == 401
    assert roots.call("PATCH", "/people/bob", {"is_active": True})[0] == 200
    assert bobs.call("GET", "/me")[0] == 200


def test_an_account_is_deleted(roots: Script, bob: User) -> None:
    assert roots.call("DELETE", "/people/bob")[0] == 204
    assert roots.call("GET", "/people/bob")[0] == 404
    services.delete_people(now=timezone.now())
    assert not User.objects.filter(username="bob").exists()
    status, told = roots.call("DELETE", "/people/chief")
    assert (status, "last administrator" in told["detail"]) == (422, True)


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"timezone": "Mars"}, "timezone"),
        ({"email": "x"}, "email"),
        ({"display_name": "a\nb"}, "display_name"),
        ({"ports_quota": -1}, "ports_quota"),
        ({"is_superuser": True}, "is_superuser"),
    ],
)
def test_what_an_account_cannot_be(
    roots: Script, bob: User, said: dict[str, Any], field: str
) -> None:
    status, told = roots.call("PATCH", "/people/bob", said)
    assert (status, told["errors"][0]["field"]) == (422, field)
    assert User.objects.get(username="bob").timezone == bob.timezone
    assert roots.call("POST", "/people", {"username": "bob"})[0] == 409


def test_nobody_reaches_above_himself(alice: User, bob: User) -> None:
    """Staff do what their permissions say, and nothing to those who have all of them."""
    alice.is_staff = True
    alice.save()
    assert Script(alice).call("GET", "/people")[0] == 403
    User.objects.create_superuser("chief")
    helper = User.objects.get(username="alice")
    helper.user_permissions.set(_permissions("view_user", "change_user"))
    helpers = Script(helper)
    assert helpers.call("GET", "/people")[0] == 200
    assert helpers.call("PATCH", "/people/bob", {"is_organizer": True})[0] == 200
    assert helpers.call("POST", "/people", {"username": "guest3"})[0] == 403
    assert helpers.call("PATCH", "/people/chief", {"is_active": False})[0] == 403
    assert helpers.call("POST", "/people/chief/password-link")[0] == 403
    assert helpers.call("DELETE", "/people/chief")[0] == 422
    assert helpers.call("PATCH", "/people/alice", {"is_active": False})[0] == 422


def _permissions(*names: str) -> Any:
    permission = User.user_permissions.field.related_model
    return permission._default_manager.filter(codename__in=names)


# --- Invitations to have an account -----------------------------------------------------


def test_an_invitation_is_made_and_withdrawn(alices: Script, roots: Script, bob: User) -> None:
    status, made = alices.call("POST", "/invitations", {"email": "carol@example.org"})
    assert (status, made["by"], made["state"]) == (201, "alice", "kept")
    path = _path(made["url"])
    assert Client().get(path).status_code == 200
    assert alices.call("GET", "/invitations")[1]["invitations"] == [made]
    assert roots.call("GET", "/invitations")[1]["invitations"] == [made]
    again = alices.call("POST", "/invitations", {"email": "carol@example.org"})
    assert (again[0], again[1]["errors"][0]["field"]) == (422, "email")
    bob.is_organizer = True
    bob.save()
    assert Script(bob).call("DELETE", f"/invitations/{made['id']}")[0] == 404
    assert alices.call("DELETE", f"/invitations/{made['id']}")[0] == 204
    assert Client().get(path).status_code == 410


def test_that_somebody_may_book_is_for_administrators(alices: Script, roots: Script) -> None:
    said = {"email": "carol@example.org", "may_book": True}
    assert alices.call("POST", "/invitations", said)[0] == 403
    assert roots.call("POST", "/invitations", said)[1]["may_book"]


@override_settings(MAIL_GOES_OUT=True)
def test_a_link_that_is_sent_is_told_to_nobody(alices: Script) -> None:
    made = alices.call("POST", "/invitations", {"email": "carol@example.org"})[1]
    assert (made["state"], "url" in made) == ("due", False)


# --- One's phones -----------------------------------------------------------------------


def test_the_sip_password_is_set_and_renewed(bob: User) -> None:
    bobs = Script(bob)
    before = bobs.call("GET", "/me/sip")[1]
    assert (before["auth_name"], before["has_password"]) == ("bob", False)
    status, made = bobs.call("PUT", "/me/sip/password", {})
    assert (status, made["has_password"], len(made["password"])) == (200, True, 22)
    first = SipAccount.objects.get(auth_name="bob").ha1_sha256
    assert first == services.people._hashes("bob", made["password"])["ha1_sha256"]
    chosen = {"password": "correct horse"}
    status, told = bobs.call("PUT", "/me/sip/password", chosen)
    assert (status, "password" in told) == (200, False)
    assert SipAccount.objects.get(auth_name="bob").ha1_sha256 != first
    status, told = bobs.call("PUT", "/me/sip/password", {"password": "short"})
    assert (status, told["errors"][0]["field"]) == (422, "password")
    assert bobs.call("GET", "/me/sip")[1] == before | {"has_password": True}


def test_a_guest_has_no_sip_password(open_room: Conference) -> None:
    browser = Client()
    browser.post(f"/c/{open_room.name}/enter/", {"display_name": "Mallory"})
    assert Guest.objects.count() == 1
    assert browser.get("/api/v1/me/sip").status_code == 403
    assert browser.put("/api/v1/me/sip/password").status_code == 403
