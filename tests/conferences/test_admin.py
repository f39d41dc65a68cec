"""The back office opens, shows everything, and is not for everybody."""

from __future__ import annotations

import datetime
import json
import re
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.auth.models import Group, Permission
from django.db.models import Model
from django.http import HttpResponse
from django.test import Client, override_settings
from django.urls import reverse
from django.utils import timezone

from conferences import selectors, services
from conferences.models import Conference, DialTarget, Door, Trunk, User, Way
from conferences.services import Invitee
from tests.conferences.conftest import Joined
from tests.conferences.test_registrations import DESK
from tests.people import ALICE, BOB, CAROL

OURS = [model for model in admin.site._registry if model._meta.app_label == "conferences"]


@pytest.fixture
def office(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root", password="secret"))
    return client


@pytest.fixture
def filled(live: Joined, open_room: Conference, alice: User) -> Joined:
    """Something of everything."""
    guest = services.admit_guest(conference=open_room, display_name="Carol")
    services.issue_phone_credentials(
        identity=selectors.identity_of_guest(guest), guest=guest, until=timezone.now()
    )
    services.issue_api_token(alice)
    services.attempt_failed(
        door=Door.PAGES, source="203.0.113.66", account="alice", now=timezone.now()
    )
    Trunk.objects.create(name="Provider", uri="sip:trunk.example")
    services.book(organizer=alice, title="Talk", invitees=[Invitee(email="carol@example.com")])
    services.ask_to_remove(
        conference=live.conference.key,
        participant=live.key(BOB),
        actor=ALICE,
        way=Way.WEB,
        ban=True,
    )
    services.ask_to_call(conference=live.conference.key, uri=CAROL.uri, actor=ALICE, way=Way.WEB)
    services.keep_registrations(gateway="host:1:a", entries=[DESK])
    services.invite_person(by=alice, email="carol@example.com")
    services.make_delegate(owner=alice, username="bob")
    DialTarget.objects.create(pattern="tel:+49*", who="adders")
    return live


@pytest.mark.parametrize("model", OURS, ids=lambda model: model.__name__)
def test_pages(office: Client, filled: Joined, model: type[Model]) -> None:
    name = f"admin:conferences_{model._meta.model_name}"
    assert office.get(reverse(f"{name}_changelist"), {"q": "a"}).status_code == 200
    row = model._default_manager.first()
    assert row is not None
    page = office.get(reverse(f"{name}_change", args=[row.pk]))
    assert page.status_code == 200
    assert b"ha1_" not in page.content.lower()


@pytest.mark.parametrize("username", ["Mallory", "a b", "ä"])
def test_people_have_names_that_phones_can_dial(office: Client, username: str) -> None:
    add = reverse("admin:conferences_user_add")
    said = {"password1": "long enough 1", "password2": "long enough 1", "usable_password": "true"}
    page = office.post(add, {**said, "username": username})
    assert b"begin with a letter or digit" in page.content
    assert office.post(add, {**said, "username": "mallory"}).status_code == 302
    assert User.objects.get(username="mallory")


def test_mallory_is_sent_to_sign_in(mallory: User, client: Client) -> None:
    client.force_login(mallory)
    page = client.get(reverse("admin:conferences_event_changelist"))
    assert page.status_code == 302


def test_groups_have_quotas(office: Client, alice: User) -> None:
    said = {
        "name": "Sales",
        "quota-TOTAL_FORMS": 1,
        "quota-INITIAL_FORMS": 0,
        "quota-0-ports": 40,
        "quota-0-ports_each": "",
    }
    assert office.post(reverse("admin:auth_group_add"), said).status_code == 302
    alice.groups.add(Group.objects.get())
    assert [(one.group, one.ports) for one in selectors.quotas(alice.pk)] == [("Sales", 40)]
    page = office.get(reverse("admin:auth_group_changelist")).content.decode()
    assert ">40<" in page
    empty = {**said, "name": "Idle", "quota-0-ports": "", "quota-0-ports_each": ""}
    assert office.post(reverse("admin:auth_group_add"), empty).status_code == 302
    assert not hasattr(Group.objects.get(name="Idle"), "quota")


def act(office: Client, action: str, *people: User, **said: str) -> HttpResponse:
    chosen = {"action": action, ACTION_CHECKBOX_NAME: [one.pk for one in people], **said}
    response: Any = office.post(reverse("admin:conferences_user_changelist"), chosen, follow=True)
    assert isinstance(response, HttpResponse)
    return response


def test_a_link_to_set_a_password_is_shown_once(office: Client, bob: User) -> None:
    page = act(office, "make_password_links", bob).content.decode()
    found = re.search(r"/welcome/([0-9a-f-]+)/", page)
    assert found is not None
    link = selectors.account_link(found[1], now=timezone.now())
    assert link is not None
    assert link.user == bob
    listed = office.get(reverse("admin:conferences_accountlink_change", args=[link.pk]))
    assert link.nonce not in listed.content.decode()
    assert found[1] not in office.get(reverse("admin:conferences_user_changelist")).content.decode()


def test_a_second_factor_is_taken_away_and_its_key_is_shown_nowhere(
    office: Client, bob: User
) -> None:
    TOTP.activate(bob, "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
    row = Authenticator.objects.get()
    page = office.get(reverse("admin:mfa_authenticator_change", args=[row.pk])).content.decode()
    assert row.data["secret"] not in page
    act(office, "take_second_factor", bob)
    assert not Authenticator.objects.exists()


def test_people_go_after_a_question(office: Client, bob: User, alice: User) -> None:
    page = act(office, "delete_people", bob).content.decode()
    assert "Nobody can bring them back" in page
    assert User.objects.get(username="bob").is_active
    act(office, "delete_people", bob, sure="yes")
    services.delete_people(now=timezone.now())
    assert not User.objects.filter(username="bob").exists()
    root = User.objects.get(username="root")
    page = act(office, "delete_people", root, sure="yes").content.decode()
    assert "last administrator" in page
    assert office.post(reverse("admin:conferences_user_delete", args=[alice.pk])).status_code == 403


def test_the_data_of_one_person_is_downloaded(office: Client, bob: User, alice: User) -> None:
    assert "Choose one person." in act(office, "download", bob, alice).content.decode()
    assert json.loads(act(office, "download", bob).content)["account"]["username"] == "bob"


def test_an_address_that_an_administrator_gives_is_verified(office: Client, bob: User) -> None:
    page = office.get(reverse("admin:conferences_user_change", args=[bob.pk]))
    said = {
        name: "" if value is None else value
        for name, value in page.context["adminform"].form.initial.items()
        if not isinstance(value, list | datetime.datetime) and value is not False
    }
    said |= {"email": "bob@example.org", "date_joined_0": "2026-01-01", "date_joined_1": "00:00"}
    changed = office.post(reverse("admin:conferences_user_change", args=[bob.pk]), said)
    assert changed.status_code == 302
    assert EmailAddress.objects.get(user=bob).verified


def test_pins_are_their_organizers(office: Client, alice: User) -> None:
    row = services.book(
        organizer=alice, title="Board", pin="471147114711", moderator_pin="081508150815"
    )
    page = office.get(reverse("admin:conferences_conference_change", args=[row.pk]))
    assert b"471147114711" not in page.content
    assert b"081508150815" not in page.content


def test_staff_below_superusers_touch_none_of_them(bob: User, db: None) -> None:
    root = User.objects.create_superuser("root", password="secret")
    TOTP.activate(root, "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
    bob.is_staff = True
    bob.save()
    bob.user_permissions.set(Permission.objects.filter(content_type__model="user"))
    office = Client()
    office.force_login(bob)
    page = act(office, "make_password_links", root).content.decode()
    assert "same rank" in page
    assert "/welcome/" not in page
    act(office, "take_second_factor", root)
    act(office, "delete_people", root, sure="yes")
    mine = reverse("admin:conferences_user_change", args=[bob.pk])
    said = {"username": "bob", "is_active": "on", "is_staff": "on", "is_superuser": "on"}
    office.post(mine, said)
    bob.refresh_from_db()
    assert not bob.is_superuser
    hers = reverse("admin:auth_user_password_change", args=[root.pk])
    new = {"password1": "mallory was here 1", "password2": "mallory was here 1"}
    assert office.post(hers, new).status_code == 403
    root.refresh_from_db()
    assert root.is_active
    assert Authenticator.objects.filter(user=root).exists()


TRUNK = {"name": "Provider", "uri": "sip:trunk.example:5080;transport=tcp", "prefix": "+49"}


def test_a_trunk_is_kept_and_its_password_shown_nowhere(office: Client) -> None:
    add, said = "/admin/conferences/trunk/add/", TRUNK | {"active": "on", "caller": "+4930999"}
    typed = {"username": "parley", "password": "correct horse"}
    assert office.post(add, said | typed).status_code == 302
    (row,) = selectors.trunks()
    assert (row.prefix, row.password, row.caller) == ("+49", "correct horse", "+4930999")
    kept = Trunk.objects.get()
    change = f"/admin/conferences/trunk/{kept.pk}/change/"
    page = office.get(change).content.decode()
    assert "correct horse" not in page
    assert kept.sealed_password not in page
    office.post(change, said | {"username": "parley", "password": ""})
    assert selectors.trunks()[0].password == "correct horse"
    office.post(change, said | {"username": "", "password": ""})
    assert selectors.trunks()[0].password == ""
    office.post(change, TRUNK)
    assert selectors.trunks() == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"uri": "trunk.example"},
        {"uri": "sip:me:secret@trunk.example"},
        {"uri": "sip:trunk.example;transport=ws"},
        {"prefix": "+49x"},
        {"caller": "Alice"},
    ],
)
def test_what_is_no_trunk_is_refused(office: Client, wrong: dict[str, str]) -> None:
    page = office.post("/admin/conferences/trunk/add/", TRUNK | wrong).content.decode()
    assert "errorlist" in page
    assert not Trunk.objects.exists()


@override_settings(SIP_TRUNK="sip:trunk.test")
def test_what_the_environment_says_takes_all_the_rest(office: Client) -> None:
    page = office.post("/admin/conferences/trunk/add/", TRUNK | {"prefix": ""}).content.decode()
    assert "leaves by SIP_TRUNK already" in page


def test_mallory_reads_no_trunk(mallory: User, client: Client) -> None:
    client.force_login(mallory)
    assert client.get("/admin/conferences/trunk/").status_code != 200
    client.post("/admin/conferences/trunk/add/", TRUNK)
    assert not Trunk.objects.exists()


def test_a_password_that_was_sealed_by_another_key_is_none(office: Client) -> None:
    Trunk.objects.create(name="Old", uri="sip:trunk.example", sealed_password="gone")
    assert selectors.trunks() == []
