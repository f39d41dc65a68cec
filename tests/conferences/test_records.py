"""What the gateway writes down, once and twice."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from conferences import selectors, services
from conferences.models import Call, CallState, Conference, Endpoint, Event, Lease, Participant, Way
from conferences.policy import ConferenceId, ParticipantKey, Role
from tests.conferences.conftest import Joined
from tests.people import ALICE, BOB, CAROL, MALLORY


def _now() -> float:
    return timezone.now().timestamp()


def test_a_lease_has_one_owner(room: Conference) -> None:
    def take(owner: str, now: float) -> bool:
        return services.take_lease(conference=room.key, owner=owner, until=now + 10, now=now)

    assert take("one", 100.0)
    assert take("one", 105.0)
    assert not take("two", 114.9)
    assert take("two", 115.0)
    assert not take("one", 116.0)
    services.release_lease(conference=room.key, owner="one")
    assert not take("one", 117.0)
    services.release_lease(conference=room.key, owner="two")
    assert take("one", 118.0)


def test_a_lease_is_renewed_until_another_has_it(room: Conference, open_room: Conference) -> None:
    for row in (room, open_room):
        services.take_lease(conference=row.key, owner="one", until=110.0, now=100.0)
    both = [room.key, open_room.key]
    assert services.renew_leases(owner="one", conferences=both, until=120.0) == set(both)
    services.take_lease(conference=room.key, owner="two", until=140.0, now=121.0)
    assert services.renew_leases(owner="one", conferences=both, until=150.0) == {open_room.key}
    assert services.renew_leases(owner="one", conferences=[], until=150.0) == frozenset()


def test_a_roster(live: Joined) -> None:
    services.roster_changed(conference=live.conference.key, version=7)
    live.conference.refresh_from_db()
    roster = selectors.roster(live.conference)
    assert roster == {
        "id": live.conference.name,
        "uri": f"sip:{live.conference.name}@conf.test",
        "active": True,
        "locked": False,
        "newcomers": "heard",
        "version": 7,
        "participants": [
            {
                "id": live.key(who),
                "entity": who.uri,
                "display_text": who.display_name,
                "role": role,
                "endpoints": [
                    {
                        "entity": f"sip:{who.display_name.lower()}@phone.invalid",
                        "status": "connected",
                        "joining_method": "dialed-in",
                        "muted": False,
                    }
                ],
            }
            for who, role in ((ALICE, "organizer"), (BOB, "participant"))
        ],
    }


def test_a_join_told_twice_counts_once(live: Joined) -> None:
    before = live.history()
    live.join(BOB)
    assert live.history() == before
    assert Participant.objects.count() == 2
    assert Endpoint.objects.count() == 2


def test_a_late_join_does_not_bring_somebody_back(live: Joined) -> None:
    live.leave(BOB)
    live.join(BOB)
    assert [one["entity"] for one in selectors.roster(live.conference)["participants"]] == [
        ALICE.uri
    ]


def test_a_second_phone_comes_and_goes(live: Joined) -> None:
    told: dict[str, Any] = {
        "conference": live.conference.key,
        "key": live.key(BOB),
        "endpoint": "sip:bob@desk.invalid",
        "at": _now(),
    }
    services.participant_joined(
        **told,
        entity=BOB.uri,
        display_text="Bob",
        role=Role.PARTICIPANT,
        joining_method="dialed-out",
        by=ALICE.uri,
    )
    services.endpoint_changed(**told, status="on-hold", muted=True)
    (entry,) = [
        one for one in selectors.roster(live.conference)["participants"] if one["entity"] == BOB.uri
    ]
    assert entry["endpoints"][1] == {
        "entity": "sip:bob@desk.invalid",
        "status": "on-hold",
        "joining_method": "dialed-out",
        "muted": True,
    }
    assert live.history()[-1] == ("joined", ALICE.uri, BOB.uri)
    services.endpoint_left(**told, method="departed")
    assert Endpoint.objects.get(uri=told["endpoint"]).disconnection_method == "departed"
    assert len(selectors.roster(live.conference)["participants"][1]["endpoints"]) == 1


def test_leaving_is_told_once(live: Joined) -> None:
    live.leave(BOB, method="failed")
    live.leave(BOB)
    assert live.history()[2:] == [("left", BOB.uri, BOB.uri)]
    row = Participant.objects.get(key=live.key(BOB))
    assert row.left_method == "failed"
    assert row.endpoints.get().status == "disconnected"


def test_after_a_restart_nobody_is_there(live: Joined, open_room: Conference) -> None:
    other = Joined(open_room)
    now = _now()
    services.take_lease(conference=open_room.key, owner="other", until=now + 60, now=now)
    other.join(CAROL)
    services.close_stale_rosters(owner="focus", at=now)
    assert selectors.roster(live.conference)["participants"] == []
    assert not selectors.roster(live.conference)["active"]
    assert len(selectors.roster(open_room)["participants"]) == 1
    assert Lease.objects.get().owner == "other"


def test_a_refusal_is_written_once_in_a_while(live: Joined) -> None:
    def refuse(refusal: str, at: float) -> None:
        services.join_refused(
            conference=live.conference.key, entity=MALLORY.uri, refusal=refusal, at=at
        )

    now = _now()
    for at in (now, now + 1, now + 20):
        refuse("not-invited", at)
    refuse("locked", now + 21)
    refused = selectors.events(live.conference).filter(kind="refused")
    assert [line.detail["refusal"] for line in refused] == ["not-invited"] * 2 + ["locked"]


def test_wrong_pins_of_a_call_count(live: Joined) -> None:
    services.change(conference=live.conference, actor=ALICE.uri, pin="1234")
    for _ in range(5):
        services.wrong_pin(conference=live.conference.key, entity=BOB.uri, at=_now())
    assert live.snapshot().held_off == {BOB.uri}


def test_a_call_is_over_once(live: Joined) -> None:
    call = services.ask_to_call(
        conference=live.conference.key, uri=CAROL.uri, actor=ALICE, way=Way.REST
    )
    now = _now()
    services.call_progressed(call=call.pk, state="calling", status=180, at=now)
    services.call_progressed(call=call.pk, state="failed", status=486, reason="busy", at=now)
    services.call_progressed(call=call.pk, state="done", at=now)
    call = Call.objects.select_related("conference").get()
    assert call.state == CallState.FAILED
    assert selectors.job(call) == {
        "job": call.job,
        "conference": live.conference.name,
        "uri": CAROL.uri,
        "state": "failed",
        "reason": "busy",
        "status": 486,
    }
    assert live.history()[-1] == ("call-failed", ALICE.uri, CAROL.uri)


def test_a_booking_is_not_over_because_its_room_is_empty(live: Joined) -> None:
    services.change(
        conference=live.conference, actor=ALICE.uri, starts_at=timezone.now(), duration_minutes=5
    )
    services.conference_ended(conference=live.conference.key, at=_now(), by="")
    assert not live.snapshot().over


def test_what_is_told_of_a_conference_that_is_gone(db: None) -> None:
    gone = ConferenceId(4711)
    services.conference_ended(conference=gone, at=_now(), by="")
    services.roster_changed(conference=gone, version=1)
    services.release_lease(conference=gone, owner="focus")
    services.room_emptied(conference=gone)
    services.participant_left(
        conference=gone, key=ParticipantKey("k"), method="departed", by="", reason="", at=_now()
    )
    assert selectors.snapshot(gone) is None


@pytest.mark.parametrize(("what", "count"), [("join", 4), ("leave", 5), ("account", 1)])
def test_what_a_report_costs(
    live: Joined,
    alice: Any,
    what: str,
    count: int,
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    """Numbers to be proud of, savepoints included; raise them only for a reason."""
    services.set_sip_password(alice, "swordfish")
    with django_assert_num_queries(count):
        if what == "join":
            live.join(CAROL)
        elif what == "leave":
            live.leave(BOB)
        else:
            selectors.account("alice")


def test_the_last_wrong_pin_of_a_call_holds_off_at_once(room: Conference) -> None:
    """Three tries a call: whoever calls again has to wait."""
    room.pin = "2468"
    room.save(update_fields=["pin"])
    for last in (False, False, True):
        services.wrong_pin(conference=room.key, entity=MALLORY.uri, at=_now(), last=last)
    snapshot = selectors.snapshot(room.key)
    assert snapshot is not None
    assert snapshot.held_off == {MALLORY.uri}


def test_what_somebody_may_not_is_written_once_for_a_while(live: Joined) -> None:
    now = timezone.now().timestamp()
    for at in (now, now + 1, now + 20):
        services.ask_refused(
            conference=live.conference.key,
            entity=MALLORY.uri,
            asked="remove",
            target=ALICE.uri,
            refusal="not-allowed",
            at=at,
        )
    lines = Event.objects.filter(kind="ask-refused")
    assert [(line.actor, line.target) for line in lines] == [(MALLORY.uri, ALICE.uri)] * 2
    assert lines[0].detail == {"asked": "remove", "refusal": "not-allowed"}


def test_who_was_to_go_and_is_not_there_is_written_down(live: Joined) -> None:
    """The history says that the removal failed, once for each who was named."""
    now = timezone.now().timestamp()
    for target in (CAROL.uri, CAROL.uri, MALLORY.uri):
        services.ask_refused(
            conference=live.conference.key,
            entity=ALICE.uri,
            asked="remove",
            target=target,
            refusal="unknown",
            at=now,
        )
    failed = [one for one in live.history() if one[0] == "removal-failed"]
    assert failed == [("removal-failed", ALICE.uri, who) for who in (CAROL.uri, MALLORY.uri)]
