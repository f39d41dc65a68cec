"""The back office opens, shows everything, and is not for everybody."""

from __future__ import annotations

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from conferences import selectors, services
from conferences.models import Conference, DialTarget, Door, User, Way
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
    guest = services.admit_guest(conference=open_room, display_name="Grace")
    services.issue_phone_credentials(
        identity=selectors.identity_of_guest(guest), guest=guest, until=timezone.now()
    )
    services.issue_api_token(alice)
    services.attempt_failed(
        door=Door.PAGES, source="203.0.113.66", account="alice", now=timezone.now()
    )
    services.book(organizer=alice, title="Talk", invitees=[Invitee(email="zoe@example.com")])
    services.ask_to_remove(
        conference=live.conference.key,
        participant=live.key(BOB),
        actor=ALICE,
        way=Way.WEB,
        ban=True,
    )
    services.ask_to_call(conference=live.conference.key, uri=CAROL.uri, actor=ALICE, way=Way.WEB)
    services.keep_registrations(gateway="host:1:a", entries=[DESK])
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
    assert b"ha1" not in page.content


@pytest.mark.parametrize("username", ["Dave", "a b", "ä"])
def test_people_have_names_that_phones_can_dial(office: Client, username: str) -> None:
    add = reverse("admin:conferences_user_add")
    said = {"password1": "long enough 1", "password2": "long enough 1", "usable_password": "true"}
    page = office.post(add, {**said, "username": username})
    assert b"begin with a letter or digit" in page.content
    assert office.post(add, {**said, "username": "dave"}).status_code == 302
    assert User.objects.get(username="dave")


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
