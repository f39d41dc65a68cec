"""Statements that are written once say and do what Django's own do."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from conferences.models import Conference, Event, Lease
from conferences.statements import Change, Deletion, Entry, Rows

SOON = datetime.datetime(2027, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
LATER = SOON + datetime.timedelta(hours=1)


def leases(conference: int, until: datetime.datetime) -> QuerySet[Lease]:
    return Lease.objects.filter(conference_id=conference, expires_at__lte=until)


def said(do: Callable[[], object]) -> list[str]:
    """What reaches the database."""
    with CaptureQueriesContext(
        connection,
    ) as caught:
        do()
    return [one["sql"] for one in caught.captured_queries]


@pytest.fixture
def lease(room: Conference) -> Lease:
    return Lease.objects.create(conference=room, owner="one", expires_at=SOON)


def test_rows_are_those_of_the_queryset(lease: Lease) -> None:
    columns = ("conference_id", "owner", "expires_at")
    prepared = Rows(
        lambda conference, until: leases(conference, until).values_list(*columns),
        conference=int,
        until=datetime.datetime,
    )
    pk = lease.conference_id
    for until in (SOON, LATER, SOON - datetime.timedelta(seconds=1)):
        theirs = list(leases(pk, until).values_list(*columns))
        assert prepared(conference=pk, until=until) == theirs
    assert prepared(conference=pk, until=SOON) == [(pk, "one", SOON)]
    assert prepared(conference=pk + 1, until=LATER) == []
    asked = said(lambda: prepared(conference=pk, until=SOON))
    assert asked == said(lambda: list(leases(pk, SOON).values_list(*columns)))


def test_it_is_written_once(
    lease: Lease, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    written: list[int] = []

    def asked(conference: int) -> QuerySet[Lease, Any]:
        written.append(conference)
        return Lease.objects.filter(conference_id=conference).values_list("owner")

    prepared = Rows(asked, conference=int)
    with django_assert_num_queries(3):
        for _ in range(3):
            assert prepared(conference=lease.conference_id) == [("one",)]
    assert len(written) == 1


def test_a_change_is_that_of_the_queryset(lease: Lease) -> None:
    prepared = Change(
        leases,
        {"owner": str, "expires_at": datetime.datetime},
        conference=int,
        until=datetime.datetime,
    )
    pk = lease.conference_id

    def ours() -> int:
        return prepared(conference=pk, until=SOON, owner="two", expires_at=LATER)

    theirs = said(lambda: leases(pk, SOON).update(owner="two", expires_at=LATER))
    assert said(ours) == theirs
    assert ours() == 0, "it has passed on"
    assert prepared(conference=pk, until=LATER, owner="three", expires_at=LATER) == 1
    lease.refresh_from_db()
    assert (lease.owner, lease.expires_at) == ("three", LATER)


def test_a_change_to_what_is_always_the_same(room: Conference) -> None:
    def here(pk: int) -> QuerySet[Conference]:
        return Conference.objects.filter(pk=pk)

    assert Change(here, {"locked": True, "end_by": str}, pk=int)(pk=room.pk, end_by="Alice") == 1
    room.refresh_from_db()
    assert (room.locked, room.end_by) == (True, "Alice")


def test_a_deletion(lease: Lease) -> None:
    prepared = Deletion(leases, conference=int, until=datetime.datetime)
    pk = lease.conference_id
    assert prepared(conference=pk, until=SOON - datetime.timedelta(seconds=1)) == 0
    assert prepared(conference=pk, until=SOON) == 1
    assert not Lease.objects.exists()


def test_an_entry_has_the_defaults_of_its_model(room: Conference) -> None:
    prepared = Entry(Event)
    keys = [
        prepared(conference_id=room.pk, at=SOON, kind="joined", detail={"at": number})
        for number in range(2)
    ]
    rows = [Event.objects.get(pk=key) for key in keys]
    assert [row.detail for row in rows] == [{"at": 0}, {"at": 1}]
    for row in rows:
        fresh = Event(conference=room, at=SOON, kind="joined", detail=row.detail, pk=row.pk)
        assert all(
            getattr(row, field.attname) == getattr(fresh, field.attname)
            for field in Event._meta.concrete_fields
        )
    with pytest.raises(TypeError, match="colour"):
        prepared(conference_id=room.pk, at=SOON, kind="joined", colour="red")


def test_an_entry_takes_the_place_of_another(lease: Lease, open_room: Conference) -> None:
    prepared = Entry(Lease, instead_of="conference")
    assert prepared(conference_id=lease.conference_id, owner="two", expires_at=LATER) == lease.pk
    prepared(conference_id=open_room.pk, owner="one", expires_at=SOON)
    found = Lease.objects.order_by("pk").values_list("conference_id", "owner", "expires_at")
    assert list(found) == [(lease.conference_id, "two", LATER), (open_room.pk, "one", SOON)]


def test_an_argument_that_the_statement_does_not_have_is_found_out(db: None) -> None:
    prepared = Rows(
        lambda conference, owner: Lease.objects.filter(conference_id=conference).values_list("pk"),
        conference=int,
        owner=str,
    )
    with pytest.raises(LookupError, match="owner"):
        prepared(conference=1, owner="one")


def test_an_entry_looks_up_what_stands_in_another_row(room: Conference) -> None:
    entry = Entry(Event, looked_up={"title": ("conference", "title")})
    Conference.objects.filter(pk=room.pk).update(title="Before")
    pk = entry(conference_id=room.pk, kind="joined", at=SOON)
    Conference.objects.filter(pk=room.pk).update(title="After")
    assert Event.objects.get(pk=pk).title == "Before"
