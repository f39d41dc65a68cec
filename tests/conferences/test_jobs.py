"""Jobs claim what is due once, whoever runs them and however often."""

from __future__ import annotations

import datetime

import pytest
from django.utils import timezone

from conferences import notices, selectors, services, tasks
from conferences.models import (
    ApiToken,
    Call,
    CallState,
    Conference,
    Event,
    Guest,
    Lease,
    Participant,
    Removal,
    RemovalState,
    SipAccount,
    User,
    Way,
)
from conferences.services import Invitee, dialouts, jobs
from tests.conferences.conftest import Joined
from tests.people import ALICE, BOB, CAROL

MINUTE = datetime.timedelta(minutes=1)
SECOND = datetime.timedelta(seconds=1)


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The conferences of which somebody was told that they changed."""
    heard: list[int] = []
    monkeypatch.setattr(notices, "conference_changed", heard.append)
    return heard


def _remove(live: Joined, *, ban: bool = False) -> Removal:
    return services.ask_to_remove(
        conference=live.conference.key,
        participant=live.key(BOB),
        actor=ALICE,
        way=Way.REST,
        reason="too loud",
        ban=ban,
    )


def _state(removal: Removal) -> tuple[str, str]:
    removal.refresh_from_db()
    return removal.state, removal.outcome


def test_a_removal_is_claimed_and_the_focus_sees_it(live: Joined, told: list[int]) -> None:
    removal = _remove(live, ban=True)
    assert live.snapshot().removals == ()
    tasks.carry_out_removals()
    tasks.carry_out_removals()
    assert told == [live.conference.pk]
    (order,) = live.snapshot().removals
    assert (order.id, order.participant, order.by) == (removal.pk, live.key(BOB), ALICE.uri)
    assert (order.reason, order.ban) == ("too loud", True)


def test_a_removal_is_in_the_history_with_who_whom_how_and_when(live: Joined) -> None:
    removal = _remove(live)
    tasks.carry_out_removals()
    live.leave(BOB, method="booted", by=ALICE.uri)
    at = timezone.now().timestamp()
    services.removal_ended(removal=removal.pk, outcome="removed", at=at)
    assert _state(removal) == ("done", "gone")
    line = Event.objects.get(kind="removed")
    assert (line.actor, line.target, line.way) == (ALICE.uri, BOB.uri, "rest")
    assert line.detail == {"participant": live.key(BOB), "reason": "too loud", "ban": False}
    assert live.snapshot().removals == ()


def test_nobody_to_remove_and_nobody_to_do_it(live: Joined, told: list[int]) -> None:
    removal = _remove(live)
    live.leave(BOB)
    tasks.carry_out_removals()
    assert _state(removal) == ("failed", "has left already")
    live.join(CAROL)
    removal = services.ask_to_remove(
        conference=live.conference.key, participant=live.key(CAROL), actor=ALICE, way=Way.WEB
    )
    Lease.objects.all().delete()
    tasks.carry_out_removals()
    assert _state(removal) == ("failed", "no focus serves the conference")


def test_a_lost_notice_is_told_again_and_given_up_at_last(live: Joined, told: list[int]) -> None:
    removal = _remove(live)
    tasks.carry_out_removals()
    told.clear()
    now = timezone.now()
    services.carry_out_removals(now=now + 3 * SECOND)
    assert told == []
    services.carry_out_removals(now=now + 6 * SECOND)
    assert told == [live.conference.pk]
    services.carry_out_removals(now=now + jobs.REMOVAL_TAKES + SECOND)
    assert _state(removal) == ("failed", "the focus did not answer")


def test_of_two_workers_with_the_same_row_one_claims_it(live: Joined, told: list[int]) -> None:
    removal = _remove(live)
    copies = [Removal.objects.select_related("participant").get() for _ in range(2)]
    for copy in copies:
        jobs._carry_out(copy, timezone.now())
    assert _state(removal)[0] == RemovalState.CARRYING
    assert told == [live.conference.pk]


def test_of_two_workers_with_the_same_call_one_claims_it(live: Joined, told: list[int]) -> None:
    services.ask_to_call(conference=live.conference.key, uri=CAROL.uri, actor=ALICE, way=Way.REST)
    for copy in [Call.objects.get() for _ in range(2)]:
        dialouts._place(copy, timezone.now())
    assert told == [live.conference.pk]


def test_a_call_is_placed_once(live: Joined, told: list[int]) -> None:
    call = services.ask_to_call(
        conference=live.conference.key, uri=CAROL.uri, actor=ALICE, way=Way.REST
    )
    tasks.place_calls()
    tasks.place_calls()
    assert told == [live.conference.pk]
    (order,) = live.snapshot().calls
    assert (order.id, order.job, order.uri, order.by) == (call.pk, call.job, CAROL.uri, ALICE.uri)


def test_a_call_that_nobody_takes_up(live: Joined, told: list[int]) -> None:
    call = services.ask_to_call(
        conference=live.conference.key, uri=CAROL.uri, actor=ALICE, way=Way.REST
    )
    Lease.objects.all().delete()
    tasks.place_calls()
    now = timezone.now()
    services.place_calls(now=now + 6 * SECOND)
    assert told == [live.conference.pk] * 2
    services.place_calls(now=now + dialouts.CALL_TAKES + SECOND)
    call.refresh_from_db()
    assert (call.state, call.status) == (CallState.FAILED, 408)


def test_a_call_into_what_is_over_fails(live: Joined, told: list[int]) -> None:
    call = services.ask_to_call(
        conference=live.conference.key, uri=CAROL.uri, actor=ALICE, way=Way.REST
    )
    Conference.objects.update(cancelled_at=timezone.now())
    tasks.place_calls()
    call.refresh_from_db()
    assert (call.state, call.reason) == (CallState.FAILED, "over")


def test_the_booking_calls_when_it_opens_each_time(alice: User, told: list[int]) -> None:
    start = timezone.now() + MINUTE
    row = services.book(
        organizer=alice,
        title="Daily",
        starts_at=start,
        duration_minutes=10,
        rrule="FREQ=DAILY",
        invitees=[Invitee(CAROL.uri, dial_out=True)],
    )

    def states(now: datetime.datetime) -> list[str]:
        services.open_and_close(now=now)
        services.place_calls(now=now)
        return list(Call.objects.order_by("due_at").values_list("state", flat=True))

    assert states(start - SECOND) == ["planned"]
    assert states(start) == ["calling"]
    assert states(start + MINUTE) == ["calling"]
    assert states(start + 11 * MINUTE) == ["failed", "planned"]
    assert states(start + datetime.timedelta(days=1)) == ["failed", "calling"]
    assert told[0] == row.pk


def test_a_standing_room_calls_at_once_and_once(alice: User) -> None:
    services.book(organizer=alice, title="Room", invitees=[Invitee(CAROL.uri, dial_out=True)])
    tasks.open_and_close()
    assert Call.objects.get().state == CallState.DUE
    tasks.open_and_close()
    assert Call.objects.count() == 1


def test_an_ending_that_nobody_completes_is_completed(live: Joined) -> None:
    services.end(conference=live.conference.key, actor=ALICE, way=Way.WEB)
    tasks.open_and_close()
    assert live.snapshot().end_by == ALICE.uri
    Lease.objects.all().delete()
    tasks.open_and_close()
    assert live.snapshot().end_by == ""


def test_a_focus_is_told_when_time_is_over(live: Joined, told: list[int]) -> None:
    start = timezone.now()
    Conference.objects.update(kind="booked", starts_at=start, duration_minutes=1)
    for seconds, count in ((0, 0), (59, 0), (60, 1), (66, 2), (71, 2)):
        now = start + seconds * SECOND
        Lease.objects.update(expires_at=now + MINUTE)
        services.open_and_close(now=now)
        assert len(told) == count, seconds


def test_ghosts_of_a_server_that_is_gone_leave(live: Joined) -> None:
    now = timezone.now()
    dialog = {"dialog": {"call_id": "call-1"}}
    services.keep_dialog(
        conference=live.conference.key, key="leg-1", what=dialog, at=now.timestamp()
    )
    services.open_and_close(now=now)
    assert Participant.objects.filter(left_at__isnull=True).count() == 2
    assert selectors.standing_dialogs(live.conference.key)
    services.open_and_close(now=now + 3 * MINUTE)
    assert set(Participant.objects.values_list("left_method", flat=True)) == {"failed"}
    assert selectors.standing_dialogs(live.conference.key) == []


def test_prune(alice: User, open_room: Conference) -> None:
    guest = services.admit_guest(conference=open_room, display_name="Carol")
    services.issue_phone_credentials(
        identity=selectors.identity_of_guest(guest),
        guest=guest,
        until=timezone.now() + MINUTE,
    )
    services.set_sip_password(alice, "swordfish")
    services.issue_api_token(alice)
    tasks.prune()
    assert (Guest.objects.count(), SipAccount.objects.count()) == (1, 2)
    services.prune(now=timezone.now() + datetime.timedelta(days=2))
    assert (Guest.objects.count(), SipAccount.objects.count()) == (0, 1)
    assert ApiToken.objects.count() == 1
