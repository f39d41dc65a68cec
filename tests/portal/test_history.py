"""The history says what has changed, in the reader's words and zone; as page, CSV and JSON."""

from __future__ import annotations

import csv
import datetime
import io
import json
import zoneinfo

import pytest
from django.utils import timezone

from conferences import policy, services
from conferences.models import Conference, User, Way
from conferences.services import Invitee
from tests import people
from tests.portal.conftest import SignedIn

UTC = datetime.UTC
ALICE = people.ALICE.uri
SUMMER = datetime.datetime(timezone.now().year + 1, 6, 7, 7, tzinfo=UTC)


@pytest.fixture
def changed(alice: User, bob: User) -> Conference:
    """At nine in Berlin, and then at ten."""
    row = services.book(
        organizer=alice,
        name="history",
        title="Weekly",
        starts_at=SUMMER,
        duration_minutes=60,
        timezone="Europe/Berlin",
        pin="4711",
        invitees=[Invitee(people.BOB.uri, role=policy.Role.MODERATOR)],
    )
    services.change(
        conference=row,
        actor=ALICE,
        way=Way.REST,
        title="<b>Planning</b>",
        starts_at=SUMMER + datetime.timedelta(hours=1),
        pin="8642",
        recorded=policy.Recorded.NEVER,
        reminder_minutes=1440,
    )
    return row


def page(client_of: SignedIn, user: User, address: str) -> str:
    answer = client_of(user).get(address)
    assert answer.status_code == 200
    return answer.content.decode()


def test_the_page_says_from_what_to_what(
    changed: Conference, alice: User, signed_in: SignedIn
) -> None:
    User.objects.filter(pk=alice.pk).update(timezone="Asia/Kathmandu")
    alice.refresh_from_db()
    text = page(signed_in, alice, "/conferences/history/")
    assert "Title: “Weekly” → “&lt;b&gt;Planning&lt;/b&gt;”" in text
    assert ", 12:45 → " in text, "07:00 UTC there"
    assert ", 13:45</div>" in text
    assert "PIN: another one" in text
    assert "Recording: Moderators may; everybody is told → Nobody may record" in text
    assert "Remind invitees: Never → 1 day" in text


def test_in_the_readers_words(changed: Conference, alice: User, signed_in: SignedIn) -> None:
    User.objects.filter(pk=alice.pk).update(language="de", timezone="Europe/Berlin")
    alice.refresh_from_db()
    text = page(signed_in, alice, "/conferences/history/")
    assert "Titel: „Weekly“ → „&lt;b&gt;Planning&lt;/b&gt;“" in text
    assert "PIN: eine andere" in text


def test_all_of_it_as_a_table_and_as_json(
    changed: Conference, alice: User, signed_in: SignedIn
) -> None:
    text = page(signed_in, alice, "/conferences/history/history.csv")
    rows = list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"))))
    assert [row["kind"] for row in rows] == ["booked", "changed"]
    assert "Alice changed the booking, by the REST API; Title: “Weekly” → " in rows[1]["text"]
    found = json.loads(page(signed_in, alice, "/conferences/history/history.json"))
    change = found["events"][1]
    assert change["detail"]["changes"]["title"] == {"from": "Weekly", "to": "<b>Planning</b>"}
    assert change["text"] == rows[1]["text"]
    assert "4711" not in json.dumps(found["events"][1]["detail"]) + rows[1]["text"]


@pytest.mark.parametrize("form", ["csv", "json"])
def test_mallory_reads_none_of_it(
    changed: Conference, mallory: User, carol: User, signed_in: SignedIn, form: str
) -> None:
    address = f"/conferences/history/history.{form}"
    assert signed_in(mallory).get(address).status_code == 404
    services.change(
        conference=changed,
        actor=ALICE,
        invitees=[Invitee(people.CAROL.uri)],
    )
    assert signed_in(carol).get(address).status_code in (403, 404)


def test_another_form_is_not_there(changed: Conference, alice: User, signed_in: SignedIn) -> None:
    assert signed_in(alice).get("/conferences/history/history.xml").status_code == 404


def test_what_is_set_by_a_button_is_told(
    changed: Conference, alice: User, signed_in: SignedIn
) -> None:
    row = changed.events.create(
        at=timezone.now(),
        kind="waiting-room",
        actor=ALICE,
        detail={"waiting_room": policy.WaitingRoom.LET_IN.value},
    )
    assert row.title == "<b>Planning</b>"
    assert "Waiting room: Until a moderator lets them in" in page(
        signed_in, alice, "/conferences/history/"
    )


def test_another_time_that_an_invitee_asks_for(
    changed: Conference, alice: User, signed_in: SignedIn
) -> None:
    services.propose(
        invitation=changed.invitations.get(),
        series=changed.series,
        starts_at=SUMMER + datetime.timedelta(hours=3),
        ends_at=SUMMER + datetime.timedelta(hours=4),
        at=timezone.now(),
        comment="<After lunch?>",
    )
    table = page(signed_in, alice, "/conferences/history/history.csv")
    said = " ".join(list(csv.DictReader(io.StringIO(table)))[-1].values())
    assert "Bob asks for another time, by mail: <After lunch?>; Start: " in said
    assert "&lt;After lunch?&gt;" in page(signed_in, alice, "/conferences/history/")


def test_an_extension_says_until_when(
    changed: Conference, alice: User, signed_in: SignedIn
) -> None:
    until = datetime.datetime(2027, 6, 7, 10, 15, tzinfo=zoneinfo.ZoneInfo("UTC"))
    User.objects.filter(pk=alice.pk).update(timezone="Europe/Berlin")
    alice.refresh_from_db()
    changed.events.create(
        at=timezone.now(),
        kind="extended",
        actor=ALICE,
        way=Way.KEYPAD,
        detail={"minutes": 15, "closes_at": until.isoformat()},
    )
    text = page(signed_in, alice, "/conferences/history/")
    assert "extended the conference, until " in text
    assert " 2027, 12:15, by keypad" in text
