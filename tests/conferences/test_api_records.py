"""REST of what was said and how it sounded: protocol and quality of a conference."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from conferences import policy, selectors, services
from conferences.models import Endpoint, User
from tests.conferences.conftest import Joined
from tests.conferences.test_api_mine import Script
from tests.people import ALICE, BOB, MALLORY

FIGURES = ("mos", "loss_in", "loss_out", "jitter_in", "jitter_out", "round_trip")
GOOD = dict(zip(FIGURES, (4.2, 0.2, 0.0, 3.0, 2.0, 40.0), strict=True))
POOR = GOOD | {"mos": 2.9, "loss_in": 12.5}


def _line(first: str, cseq: str, after: float, *, sent: bool) -> services.Line:
    text = f"{first}\nCall-ID: a\nCSeq: {cseq}\n\n"
    now = timezone.now().timestamp()
    way = "WS 192.0.2.1:1"
    return {"at": now + after, "sent": sent, "call": "a", "peer": BOB.uri, "way": way, "text": text}


@pytest.fixture
def talked(live: Joined) -> Joined:
    """Bob came and something was said: INVITE, a challenge, INVITE, 200."""
    lines = [
        _line("INVITE sip:4711@x SIP/2.0", "1 INVITE", 1, sent=False),
        _line("SIP/2.0 401 Unauthorized", "1 INVITE", 2, sent=True),
        _line("INVITE sip:4711@x SIP/2.0", "2 INVITE", 3, sent=False),
        _line("SIP/2.0 200 OK", "2 INVITE", 4, sent=True),
    ]
    services.keep_messages(name=live.conference.name, lines=lines, left_out=3)
    return live


def _moments(told: dict[str, Any]) -> list[tuple[str, str]]:
    """Kinds of events, and what stands on arrows."""
    return [
        (one["event"]["kind"], "event") if "event" in one else (one["arrow"]["what"], "arrow")
        for one in told["moments"]
    ]


def test_the_protocol_is_one_timeline(talked: Joined, alice: User) -> None:
    path = f"/conferences/{talked.conference.name}/protocol"
    alices = Script(alice)
    status, told = alices.call("GET", path)
    assert (status, told["left_out"], told["pages"]) == (200, 3, 1)
    arrows = [("INVITE", "arrow"), ("200 OK", "arrow")]
    assert _moments(told)[0] == ("booked", "event")
    assert ("joined", "event") in _moments(told)
    assert _moments(told)[-2:] == arrows
    first = next(one["arrow"] for one in told["moments"] if "arrow" in one)
    assert (first["note"], len(first["messages"])) == ("after a challenge", 3)
    assert first["messages"][0]["text"].startswith("INVITE sip:4711@x")
    last = alices.call("GET", path, page_size="1", page=str(told["count"]))[1]
    assert _moments(last) == arrows[1:]
    assert alices.call("GET", path, page=str(10**6))[1]["moments"] == []


def test_administrators_read_it_without_the_anonymous_being_so(talked: Joined) -> None:
    chief = Script(User.objects.create_superuser("chief"))
    name = talked.conference.name
    told = chief.call("GET", f"/conferences/{name}/protocol")[1]
    assert ("200 OK", "arrow") in _moments(told)
    assert chief.call("GET", f"/conferences/{name}/quality")[0] == 200
    assert chief.call("GET", "/conferences/nothing/protocol")[0] == 404


@pytest.mark.parametrize("what", ["protocol", "quality"])
def test_mallory_and_bob_who_does_not_command_are_refused(
    talked: Joined, bob: User, mallory: User, what: str
) -> None:
    path = f"/conferences/{talked.conference.name}/{what}"
    for user in (bob, mallory):
        assert Script(user).call("GET", path)[0] == 403


def test_who_may_not_see_the_anonymous_reads_no_messages(talked: Joined, alice: User) -> None:
    """Who hides is written in every message."""
    services.change(conference=talked.conference, actor="", anonymity=policy.Anonymity.STRICT)
    talked.join(MALLORY, private=True)
    told = Script(alice).call("GET", f"/conferences/{talked.conference.name}/protocol")[1]
    assert not [one for one in told["moments"] if "arrow" in one]
    assert MALLORY.uri not in str(told)


def test_quality_is_told_of_each_phone(talked: Joined, alice: User) -> None:
    phone = Endpoint.objects.get(participant__key=talked.key(BOB))
    for now, worst in ((POOR, 2.9), (GOOD, 2.9)):
        services.endpoint_measured(
            key=talked.key(BOB),
            endpoint=phone.uri,
            now=now,
            mean=POOR,
            worst=worst,
            at=timezone.now().timestamp(),
        )
    talked.leave(BOB)
    told = Script(alice).call("GET", f"/conferences/{talked.conference.name}/quality")[1]
    (bobs,) = [one for one in told["phones"] if one["entity"] == BOB.uri]
    assert bobs["left_at"] is not None
    quality = bobs["quality"]
    assert (quality["grade"], quality["mos"], quality["worst_mos"]) == ("good", 4.2, 2.9)
    assert quality["mean"] == POOR
    assert [one["quality"] for one in told["phones"] if one["entity"] != BOB.uri] == [None]


def test_who_speaks_is_in_the_roster_of_scripts(talked: Joined, alice: User) -> None:
    """Whoever speaks, and nobody who did before or in another room; Mallory reads nothing of it."""
    path = f"/conferences/{talked.conference.name}/participants"

    def speak(heard: dict[tuple[policy.ParticipantKey, str], int | None]) -> dict[str, int | None]:
        services.speakers_changed(conference=policy.ConferenceId(talked.conference.pk), heard=heard)
        people = Script(alice).call("GET", path)[1]["participants"]
        phones = ((one["entity"], phone) for one in people for phone in one["endpoints"])
        return {who: phone["level"] for who, phone in phones if phone.get("speaking")}

    bobs = Endpoint.objects.get(participant__key=talked.key(BOB)).uri
    alices = Endpoint.objects.get(participant__key=talked.key(ALICE)).uri
    assert speak({(talked.key(BOB), bobs): -24}) == {BOB.uri: -24}
    assert speak({(talked.key(ALICE), alices): None}) == {ALICE.uri: None}
    shown = selectors.show(talked.conference, now=timezone.now())
    assert [[e.get("speaking") for e in one["endpoints"]] for one in shown["participants"]] == [
        [True],
        [None],
    ]
    elsewhere = policy.ConferenceId(talked.conference.pk + 1)
    services.speakers_changed(conference=elsewhere, heard={(talked.key(BOB), bobs): -3})
    assert speak({}) == {}
    people = Script(alice).call("GET", path)[1]["participants"]
    assert not any("speaking" in phone for one in people for phone in one["endpoints"])
    assert Script(User.objects.create_user("mallory")).call("GET", path)[0] == 403
