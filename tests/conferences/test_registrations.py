"""Registered phones as rows: written twice, ended, taken up again, forgotten."""

from __future__ import annotations

import datetime
from dataclasses import replace

import pytest
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from conferences import policy, selectors, services
from conferences.models import Registration, User
from conferences.phonebook import Entry
from conferences.services import Refused
from conferences.services.registrations import KEEP_AWAY, KEEP_ENDED, prune_registrations
from tests import people
from tests.conferences.test_api import Api

NOW = datetime.datetime.now(tz=datetime.UTC)
AT = NOW.timestamp()
DESK = Entry(
    aor=people.BOB.uri,
    key="sip:bob@192.0.2.1:5062",
    contact="<sip:bob@192.0.2.1:5062>;audio",
    path=("<sip:edge.test;lr>",),
    transport="UDP",
    remote_host="192.0.2.1",
    remote_port=5062,
    local_port=5060,
    flow=7,
    call_id="one",
    cseq=1,
    since=AT - 100,
    refreshed_at=AT,
    expires_at=AT + 3600,
    user_agent="Desk 1.0",
)
BROWSER = replace(
    DESK,
    key="<urn:uuid:a>;reg-id=1",
    contact="<sip:x@y.invalid;transport=ws>",
    path=(),
    transport="WS",
    instance="urn:uuid:a",
    call_id="two",
    user_agent="Browser",
)


def _keep(*entries: Entry, gateway: str = "host:1:a") -> None:
    services.keep_registrations(gateway=gateway, entries=entries)


def _shown(user: User) -> list[str]:
    return [row.user_agent for row in selectors.registrations(user)]


def _entries(gateway: str, *ports: int) -> set[str]:
    found = selectors.remembered(gateway, frozenset(ports), now=NOW)
    return {entry.key for entry in found.entries}


def test_what_is_written_is_read_again(bob: User) -> None:
    _keep(DESK, BROWSER)
    _keep(DESK)
    assert set(selectors.registrations_of(DESK.aor, now=NOW)) == {
        ("host:1:a", DESK),
        ("host:1:a", BROWSER),
    }
    moved = replace(DESK, remote_port=5070, flow=8, cseq=2, since=AT)
    _keep(moved, gateway="host:2:b")
    assert ("host:2:b", moved) in selectors.registrations_of(DESK.aor, now=NOW)
    assert Registration.objects.count() == 2


def test_many_cost_few_statements(
    bob: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    many = [replace(DESK, key=f"sip:bob@{n}.invalid") for n in range(40)]
    with django_assert_num_queries(5):  # savepoint, what is ended, people, rows, release
        _keep(*many)
    with django_assert_num_queries(1):
        assert len(_shown(bob)) == 40


def test_a_guest_has_a_phone_too(db: None) -> None:
    _keep(replace(DESK, aor="sip:guest-1@conf.test"))
    assert Registration.objects.get().user is None


def test_phones_go_with_their_person(bob: User) -> None:
    _keep(DESK)
    bob.delete()
    assert not Registration.objects.exists()


def test_one_that_is_ended(bob: User, carol: User) -> None:
    """It is shown no more, and what was on its way does not bring it back."""
    _keep(DESK, BROWSER)
    desk = Registration.objects.get(user_agent="Desk 1.0")
    with pytest.raises(Refused) as no:
        services.end_registration(user=carol, registration=desk.pk)
    assert no.value.refusal is policy.Refusal.UNKNOWN
    services.end_registration(user=bob, registration=desk.pk)
    with pytest.raises(Refused):
        services.end_registration(user=bob, registration=desk.pk)
    assert _shown(bob) == ["Browser"]
    assert selectors.registrations_to_drop("host:1:a") == [(DESK.aor, DESK.key, "one")]
    _keep(replace(DESK, cseq=2, expires_at=AT + 7200))
    assert _shown(bob) == ["Browser"]
    services.forget_registrations(names=[DESK.name], at=AT)
    assert selectors.registrations_to_drop("host:1:a") == []
    assert selectors.remembered("host:1:a", frozenset(), now=NOW).ended == ((DESK.aor, "one"),)
    _keep(replace(DESK, call_id="three"))
    assert sorted(_shown(bob)) == ["Browser", "Desk 1.0"]


def test_who_is_switched_off_has_no_phones(bob: User, carol: User) -> None:
    _keep(DESK, replace(DESK, aor=people.CAROL.uri))
    bob.is_active = False
    bob.save()
    assert selectors.registrations_to_drop("host:1:a") == [(DESK.aor, DESK.key, "one")]
    services.forget_registrations(names=[DESK.name], at=AT)
    assert selectors.registrations_to_drop("host:1:a") == []
    assert Registration.objects.get().user == carol


def test_forgotten_phones(bob: User) -> None:
    """One with a name of its own is known to be away."""
    named = replace(DESK, key="<urn:uuid:b>;reg-id=1", instance="urn:uuid:b")
    _keep(DESK, BROWSER, named)
    names = [DESK.name, BROWSER.name, named.name, ("sip:x@y", "z")]
    services.forget_registrations(names=names, at=AT)
    assert _shown(bob) == []
    left = selectors.remembered("host:1:a", frozenset(), now=NOW)
    assert (left.entries, left.away) == ((), ((named.aor, "urn:uuid:b"),))


def test_many_are_forgotten_at_once(
    bob: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    """A hall full of browsers, after a restart."""
    many = [replace(BROWSER, aor=f"sip:guest-{n}@conf.test") for n in range(1500)]
    _keep(DESK, *many)
    with django_assert_max_num_queries(60):
        services.forget_registrations(names=[entry.name for entry in many], at=AT)
    assert Registration.objects.get().user == bob


def test_who_takes_up_what(bob: User) -> None:
    """Its own, and what came to a port of the machine on which it listens now."""
    _keep(DESK, BROWSER, gateway="embedded")
    assert _entries("embedded", 5060) == {DESK.key, BROWSER.key}
    assert _entries("host:2:b", 5060) == set()
    _keep(DESK, BROWSER, gateway="host:1:a")
    assert _entries("host:2:b", 5060) == {DESK.key}
    assert _entries("host:2:b", 5070) == set()
    assert _entries("another:2:b", 5060) == set()


def test_prune(bob: User) -> None:
    _keep(DESK, BROWSER)
    services.end_registration(user=bob, registration=Registration.objects.get(key=DESK.key).pk)
    day = datetime.timedelta(days=1)
    prune_registrations(now=NOW)
    assert Registration.objects.count() == 2
    prune_registrations(now=NOW + KEEP_ENDED + day)
    assert Registration.objects.get().instance == "urn:uuid:a"
    prune_registrations(now=NOW + KEEP_AWAY + day)
    assert not Registration.objects.exists()


def test_the_api_lists_and_ends(bob: User, mallory: User) -> None:
    """Mallory ends nobody's phone but his own."""
    _keep(DESK, BROWSER)
    as_bob, as_mallory = Api(bob), Api(mallory)
    status, listed = as_bob.call("GET", "/me/phones")
    assert status == 200
    desk = next(one for one in listed["phones"] if one["transport"] == "UDP")
    assert desk["address"] == "192.0.2.1:5062"
    assert desk["contact"] == "<sip:bob@192.0.2.1:5062>;audio"
    assert desk["user_agent"] == "Desk 1.0"
    assert as_mallory.call("GET", "/me/phones")[1] == {"phones": []}
    assert as_mallory.call("DELETE", f"/me/phones/{desk['id']}")[0] == 404
    assert as_bob.call("DELETE", f"/me/phones/{desk['id']}") == (204, None)
    assert as_bob.call("DELETE", f"/me/phones/{desk['id']}")[0] == 404
    left = as_bob.call("GET", "/me/phones")[1]["phones"]
    assert [one["user_agent"] for one in left] == ["Browser"]
    assert Api(None).call("GET", "/me/phones")[0] == 401


def test_administrators_end_registrations(bob: User, client: Client) -> None:
    _keep(DESK, BROWSER)
    client.force_login(User.objects.create_superuser("root", password="secret"))
    chosen = [str(row.pk) for row in Registration.objects.all()]
    page = reverse("admin:conferences_registration_changelist")
    client.post(page, {"action": "end", "_selected_action": chosen})
    assert _shown(bob) == []
    assert Registration.objects.filter(ended_at__isnull=False).count() == 2


def test_administrators_delete_people_with_their_phones(bob: User, client: Client) -> None:
    """By the action that calls off what they booked; and no phone by itself."""
    _keep(DESK)
    client.force_login(User.objects.create_superuser("root", password="secret"))
    row = Registration.objects.get()
    itself = reverse("admin:conferences_registration_delete", args=[row.pk])
    assert client.post(itself, {"post": "yes"}).status_code == 403
    person = reverse("admin:conferences_user_delete", args=[bob.pk])
    assert client.post(person, {"post": "yes"}).status_code == 403
    said = {"action": "delete_people", ACTION_CHECKBOX_NAME: [bob.pk], "sure": "yes"}
    client.post(reverse("admin:conferences_user_changelist"), said)
    services.delete_people(now=timezone.now())
    assert not User.objects.filter(username="bob").exists()
    assert not Registration.objects.exists()
