"""What the pages' scripts say and read, by tables; the functions need no browser."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

pytestmark = pytest.mark.live

SCRIPTS = Path(settings.BASE_DIR, "static", "js")


def results(module: str, function: str, calls: list[list[Any]]) -> list[Any]:
    """What an exported function gives for each list of arguments."""
    script = """
        const [path, name, calls] = JSON.parse(process.argv[1]);
        const found = (await import(path))[name];
        console.log(JSON.stringify(calls.map((given) => found(...given))));
    """
    given = json.dumps([f"file://{SCRIPTS / module}", function, calls])
    done = subprocess.run(
        ["node", "--no-warnings", "--input-type=module", "-e", script, given],
        check=True,
        capture_output=True,
        text=True,
    )
    told: list[Any] = json.loads(done.stdout)
    return told


ADDRESSES = {
    "4711": "sip:4711@conf.test:5070",
    " Weekly ": "sip:weekly@conf.test:5070",
    "0049 (30) 12-34": "sip:0049301234@conf.test:5070",
    "+49.30": "sip:+4930@conf.test:5070",
    "sip:Bob@elsewhere.test;transport=tcp": "sip:Bob@elsewhere.test;transport=tcp",
    "SIPS:bob@elsewhere.test": "SIPS:bob@elsewhere.test",
    "tel:+4930": "tel:+4930",
    "bob@elsewhere.test": "sip:bob@elsewhere.test",
}


def test_what_is_typed_becomes_an_address() -> None:
    calls = [[typed, "conf.test:5070"] for typed in ADDRESSES]
    found = results("phone/address.js", "addressOf", calls)
    assert dict(zip(ADDRESSES, found, strict=True)) == ADDRESSES


#: A job as the API tells it, and what is said of it.
OUTCOMES: list[tuple[dict[str, Any], str]] = [
    ({"state": "failed", "status": 486, "reason": "Busy Here"}, "Carol is busy"),
    (
        {"state": "failed", "status": 486, "reason": "Conference Is Full"},
        "The conference is full; Carol was not called",
    ),
    (
        {"state": "failed", "status": 480, "reason": "No Phone Is Registered"},
        "Carol has no phone that is on right now",
    ),
    ({"state": "failed", "status": 480, "reason": ""}, "Carol is not reachable right now"),
    ({"state": "failed", "status": 408, "reason": "No Answer"}, "Carol did not answer"),
    ({"state": "failed", "status": 603, "reason": "Decline"}, "Carol declined"),
    ({"state": "failed", "status": 404, "reason": "Not Found"}, "There is no Carol to call"),
    ({"state": "failed", "status": None, "reason": "over"}, "The call to Carol was not made"),
    (
        {"state": "failed", "status": 500, "reason": "Odd"},
        "The call to Carol did not work: Odd",
    ),
    ({"state": "cancelled"}, "The call to Carol was given up"),
]


def test_how_a_call_out_ended() -> None:
    found = results("room/words.js", "callOutcome", [[job, "Carol"] for job, _ in OUTCOMES])
    assert found == [words for _, words in OUTCOMES]


#: What a response says, and the title that the page gives it.
REFUSALS: list[tuple[dict[str, Any], str]] = [
    ({"status": 404}, "There is no such conference"),
    ({"status": 410}, "This conference is over"),
    ({"status": 480, "retryAfter": 60}, "It has not started yet"),
    ({"status": 480, "phrase": "No Phone Is Registered"}, "No phone is on there"),
    ({"status": 480}, "Not reachable right now"),
    ({"status": 486, "reason": "The conference is full"}, "The conference is full"),
    ({"status": 486, "phrase": "Busy Here"}, "Busy"),
    ({"status": 603}, "Declined"),
    ({"status": 403, "reason": "You are not on the list"}, "You are not on the list"),
    ({"status": 0, "cause": "Connection Error"}, "No connection"),
    ({"status": 499}, "Joining did not work"),
]


def test_why_a_call_was_refused() -> None:
    said = [[{"reason": "", "phrase": "", **one}] for one, _ in REFUSALS]
    found = results("room/words.js", "refusal", said)
    assert [one["title"] for one in found] == [title for _, title in REFUSALS]


def test_what_is_said_of_a_call_that_rang() -> None:
    calls = [
        [{"reason": "Call completed elsewhere", "answered": True}, "Weekly"],
        [{"reason": "No answer", "answered": False}, "Weekly"],
        [{"reason": "", "answered": False}, "Weekly"],
    ]
    elsewhere, unanswered, given_up = results("room/words.js", "missed", calls)
    assert elsewhere["title"] == "Answered on another phone"
    assert "again" not in elsewhere
    assert unanswered["title"] == given_up["title"] == "Missed call: Weekly"
    assert unanswered["text"] != given_up["text"]


def test_leaving_what_ends_with_oneself() -> None:
    calls = [[{"by": "self"}, None, None, False], [{"by": "self"}, None, None, True]]
    stays, ends = results("room/words.js", "farewell", calls)
    assert (stays["again"], ends["again"]) == (True, False)
    assert "ended" in ends["text"]


@pytest.mark.parametrize("again", [True, False])
def test_a_room_that_stays_may_be_joined_again(again: bool) -> None:
    standing = {"removed": None, "ended": True, "ended_by": "", "again": again}
    call = [{"by": "focus", "reason": ""}, standing]
    (told,) = results("room/words.js", "farewell", [call])
    assert told["again"] is again
    assert ("come in again" in told["text"]) is again


def test_only_who_was_in_joins_again() -> None:
    assert results("room/words.js", "againWords", [[True], [False]]) == ["Join again", "Try again"]
    doors = [["banned"], ["not-invited"], ["over"], ["locked"], ["full"], ["wrong-pin-too-often"]]
    knock = results("room/words.js", "mayKnock", doors)
    assert knock == [False, False, False, True, True, True]


def test_a_long_countdown_is_in_days() -> None:
    seconds = [[0], [61], [86_399], [86_400], [765 * 3600 + 17 * 60 + 31]]
    told = ["00:00:00", "00:01:01", "23:59:59", "1 day, 00:00:00", "31 days, 21:17:31"]
    assert results("countdown.js", "countdown", seconds) == told
