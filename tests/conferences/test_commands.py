"""Commands for scripts: one JSON object, or an error and status 1."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from django.core.management import ManagementUtility, call_command
from django.core.management.base import CommandError

from conferences import policy, selectors
from conferences.models import Conference, User
from tests.conferences.conftest import Joined
from tests.people import ALICE, BOB


def _run(*arguments: str) -> dict[str, Any]:
    out = io.StringIO()
    call_command(*arguments, stdout=out)
    (line,) = out.getvalue().splitlines()
    printed: dict[str, Any] = json.loads(line)
    return printed


def test_phone_makes_somebody_and_then_finds_him(db: None) -> None:
    made = _run("phone", "Alice", "--display-name", "Alice A.", "--organizer")
    assert made.keys() == {"aor", "username", "password", "websocket", "web_password"}
    assert (made["aor"], made["username"]) == (ALICE.uri, "alice")
    user = User.objects.get()
    assert user.check_password(made["web_password"])
    assert (user.display_name, user.is_organizer) == ("Alice A.", True)
    found = _run("phone", "alice", "--password", "swordfish")
    assert found == {
        "aor": ALICE.uri,
        "username": "alice",
        "password": "swordfish",
        "websocket": made["websocket"],
    }
    user.refresh_from_db()
    assert (user.display_name, user.is_organizer) == ("Alice A.", True)
    assert user.check_password(made["web_password"])
    assert selectors.account("alice") is not None


def test_a_gateway_is_known_as_one(db: None) -> None:
    """Its phones' identity says so, for who calls by them is not one person."""
    _run("phone", "trunk", "--gateway")
    _run("phone", "trunk", "--display-name", "Trunk")
    _run("phone", "bob")
    told = {name: selectors.account(name) for name in ("trunk", "bob")}
    assert {name: found.identity.gateway for name, found in told.items() if found} == {
        "trunk": True,
        "bob": False,
    }


def test_phone_refuses_names_that_nobody_can_have(db: None) -> None:
    with pytest.raises(CommandError, match="username"):
        _run("phone", "conference-app")
    assert not User.objects.exists()


def test_conference_create(alice: User, bob: User, carol: User) -> None:
    made = _run(
        "conference",
        "create",
        *("--title", "Talk", "--organizer", "alice", "--id", "talk"),
        *("--start", "2099-07-01T09:00:00+02:00", "--minutes", "45", "--rrule", "FREQ=WEEKLY"),
        *("--pin", "4711", "--max-participants", "5", "--open"),
        *("--invite", "sip:carol@conf.test", "--invite", "tel:+4930123", "--moderator", "bob"),
    )
    assert (made["id"], made["uri"]) == ("talk", "sip:talk@conf.test")
    assert made["url"].endswith("/c/talk/")
    assert (made["starts_at"], made["duration_minutes"]) == ("2099-07-01T07:00:00Z", 45)
    assert (made["pin"], made["max_participants"]) == ("4711", 5)
    assert made["policy"]["admission"] == "open"
    assert made["policy"]["participants_may_add"]
    row = Conference.objects.get()
    snapshot = selectors.snapshot(row.key)
    assert snapshot is not None
    assert snapshot.role_of(BOB) is policy.Role.MODERATOR


def test_conference_create_makes_a_standing_room(alice: User) -> None:
    made = _run("conference", "create", "--title", "Room", "--organizer", "alice")
    assert made["kind"] == "room"
    assert made["id"].isdigit()
    assert made["starts_at"] is None
    assert made["policy"]["admission"] == "invited"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--organizer", "nobody"), "no user 'nobody'"),
        (("--organizer", "alice", "--id", "alice"), "name: "),
        (("--organizer", "alice", "--pin", "1"), "pin: "),
        (("--organizer", "alice", "--start", "2020-01-01T00:00Z"), "starts_at: "),
        (("--organizer", "alice", "--moderator", "nobody"), "invitees: "),
    ],
)
def test_conference_create_says_what_is_wrong(
    alice: User, arguments: tuple[str, ...], words: str
) -> None:
    with pytest.raises(CommandError, match=words):
        _run("conference", "create", "--title", "Talk", *arguments)
    assert not Conference.objects.exists()


def test_conference_show(live: Joined) -> None:
    shown = _run("conference", "show", live.conference.name.upper())
    assert shown["id"] == live.conference.name
    assert shown["uri"] == f"sip:{live.conference.name}@conf.test"
    assert (shown["active"], shown["locked"], shown["version"]) == (True, False, 0)
    assert shown["title"] == "Weekly"
    assert shown["policy"]["admission"] == "invited"
    assert [one["entity"] for one in shown["participants"]] == [ALICE.uri, BOB.uri]
    assert shown["participants"][1] == {
        "id": live.key(BOB),
        "entity": BOB.uri,
        "display_text": "Bob",
        "role": "participant",
        "endpoints": [
            {
                "entity": "sip:bob@phone.invalid",
                "status": "connected",
                "joining_method": "dialed-in",
                "muted": False,
            }
        ],
    }


def test_conference_show_of_what_is_not_there(db: None) -> None:
    with pytest.raises(CommandError, match="4711"):
        _run("conference", "show", "4711")


def test_apitoken(alice: User) -> None:
    token = _run("apitoken", "ALICE")["token"]
    assert selectors.user_of_token(token) == alice
    with pytest.raises(CommandError, match="nobody"):
        _run("apitoken", "nobody")


@pytest.mark.parametrize(
    "arguments",
    [("phone",), ("conference",), ("conference", "show", "4711"), ("apitoken", "nobody")],
)
def test_errors_end_with_status_1(
    db: None, arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as leaving:
        ManagementUtility(["manage.py", *arguments]).execute()
    printed = capsys.readouterr()
    assert leaving.value.code == 1
    assert printed.out == ""
    assert printed.err
