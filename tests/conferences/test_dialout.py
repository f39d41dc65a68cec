"""Calls out: who may be called, when, how often, and how a call is called off."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone

from conferences import dialout, notices, policy, selectors, services
from conferences.dialout import Outcome, Who
from conferences.models import (
    Call,
    CallState,
    Conference,
    DialOutRules,
    DialTarget,
    Event,
    Lease,
    User,
    Way,
)
from conferences.policy import Identity, Refusal
from conferences.services import Invitee, Refused
from tests.conferences.conftest import Joined
from tests.people import ALICE, BOB, CAROL, MALLORY

MINUTE = datetime.timedelta(minutes=1)
PHONE = "tel:+4930123456"
FOREIGN = "sip:carol@example.com"


def test_the_longest_pattern_decides() -> None:
    patterns = [
        ("tel:+49*", Who.ADDERS),
        ("tel:+49900*", Who.NOBODY),
        ("sip:*@b.example", Who.ADDERS),
    ]
    told = {uri: dialout.verdict(patterns, uri) for uri in (PHONE, "tel:+4990012", "tel:+1555")}
    assert list(told.values()) == [Who.ADDERS, Who.NOBODY, Who.NOBODY]
    assert dialout.verdict(patterns, "SIP:carol@B.example") is Who.ADDERS
    assert dialout.verdict(patterns, "sip:carol@b.example.evil") is Who.NOBODY
    assert dialout.verdict([("tel:+4*", Who.ADDERS)], "tel:x4") is Who.NOBODY


@pytest.mark.parametrize(
    ("uri", "who"),
    [
        ("sip:carol@b.example;transport=tcp", Who.ADDERS),
        ("sip:carol;x=@b.example", Who.ADDERS),
        ("sip:carol@evil.test;x=@b.example", Who.NOBODY),
        ("sip:carol@evil.test?x=@b.example", Who.NOBODY),
        ("sip:carol@b.example;x=1;Maddr=evil.test", Who.NOBODY),
    ],
)
def test_a_pattern_sees_the_host_that_is_called(uri: str, who: Who) -> None:
    """Not one that stands elsewhere in the address."""
    assert dialout.verdict([("sip:*@b.example", Who.ADDERS)], uri) is who


def test_an_address_that_only_looks_like_ours_is_foreign(live: Joined) -> None:
    live.join(MALLORY)
    services.change(conference=live.conference, actor=ALICE.uri, participants_may_add=True)
    for uri in (
        "sip:carol@evil.test;x=@conf.test",
        "sip:carol@evil.test;@conf.test",
        PHONE,
        FOREIGN,
    ):
        with pytest.raises(Refused) as caught:
            services.ask_to_call(
                conference=live.conference.key, uri=uri, actor=MALLORY, way=Way.REFER
            )
        assert caught.value.refusal is Refusal.TARGET_NOT_ALLOWED
    assert not Call.objects.exists()


def test_who_makes_a_conference_gets_no_calls_out_by_it(alice: User, bob: User) -> None:
    """Bob may make one by dialing the factory; that does not make him an organizer."""
    made = {who.uri: services.create_adhoc(creator=who) for who in (ALICE, BOB)}
    with pytest.raises(Refused) as caught:
        services.ask_to_call(conference=made[BOB.uri], uri=PHONE, actor=BOB, way=Way.REFER)
    assert caught.value.refusal is Refusal.TARGET_NOT_ALLOWED
    services.ask_to_call(conference=made[ALICE.uri], uri=PHONE, actor=ALICE, way=Way.REFER)
    assert [call.by for call in Call.objects.all()] == [ALICE.uri]


@pytest.mark.parametrize(
    ("who", "pattern", "allowed"),
    [
        (ALICE, None, True),
        (BOB, None, False),
        (MALLORY, None, False),
        (ALICE, "nobody", False),
        (ALICE, "commanders", True),
        (BOB, "commanders", False),
        (BOB, "adders", True),
        (Identity("sip:guest-1@conf.test", guest_of=policy.ConferenceId(1)), "adders", False),
    ],
)
def test_who_may_call_a_number_from_his_own_phone(
    db: None, who: Identity, pattern: str | None, allowed: bool
) -> None:
    if pattern:
        DialTarget.objects.create(pattern="tel:+4930*", who=pattern)
    assert (services.may_call_himself(who, PHONE) is None) is allowed


@pytest.mark.parametrize(
    ("hour", "over"),
    [(21, None), (22, "07:00"), (23, "07:00"), (0, "07:00"), (6, "07:00"), (7, None), (12, None)],
)
def test_quiet_hours_go_over_midnight_in_their_zone(hour: int, over: str | None) -> None:
    """Berlin is an hour ahead of UTC in winter."""
    now = datetime.datetime(2026, 1, 15, hour, 0, tzinfo=datetime.UTC) - datetime.timedelta(hours=1)
    start, end = datetime.time(22), datetime.time(7)
    until = dialout.quiet_until(now, zone="Europe/Berlin", start=start, end=end)
    assert (until and f"{until + datetime.timedelta(hours=1):%H:%M}") == over
    assert until is None or now < until <= now + datetime.timedelta(hours=9)
    assert dialout.quiet_until(now, zone="Europe/Berlin", start=start, end=start) is None
    assert dialout.quiet_until(now, zone="Europe/Berlin", start=None, end=end) is None


def test_quiet_hours_of_one_day() -> None:
    noon, two = datetime.time(12), datetime.time(14)
    now = datetime.datetime(2026, 1, 15, 13, 0, tzinfo=datetime.UTC)
    until = dialout.quiet_until(now, zone="UTC", start=noon, end=two)
    assert until == now + datetime.timedelta(hours=1)
    before = now - datetime.timedelta(hours=2)
    assert dialout.quiet_until(before, zone="UTC", start=noon, end=two) is None


def test_what_is_worth_another_try() -> None:
    told = {status: dialout.outcome(status) for status in (486, 600, 408, 480, 603, 404, None)}
    busy, silent, final = Outcome.BUSY, Outcome.NO_ANSWER, Outcome.FINAL
    assert list(told.values()) == [busy, busy, silent, silent, final, final, final]


# --- Redialing ----------------------------------------------------------------------


@pytest.fixture
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens to what is told."""
    monkeypatch.setattr(notices, "conference_changed", lambda _pk: None)


@pytest.fixture
def planned(alice: User, quiet: None) -> Call:
    """Alice's standing room calls Carol, up to two times more."""
    services.book(
        organizer=alice, title="Room", redials=2, invitees=[Invitee(CAROL.uri, dial_out=True)]
    )
    return Call.objects.get()


def _goes(call: Call, now: datetime.datetime) -> str:
    """What the jobs make of it at that time."""
    services.open_and_close(now=now)
    services.place_calls(now=now)
    call.refresh_from_db()
    return call.state


def _fails(call: Call, status: int, now: datetime.datetime) -> str:
    services.call_progressed(
        call=call.pk, state="failed", status=status, reason="so", at=now.timestamp()
    )
    call.refresh_from_db()
    return call.state


def test_who_is_busy_is_called_later_and_not_for_ever(planned: Call) -> None:
    now = timezone.now()
    for attempt in (1, 2, 3):
        assert _goes(planned, now) == CallState.CALLING
        assert planned.attempts == attempt
        (order,) = _snapshot(planned).calls
        assert order.attempt == attempt
        state = _fails(planned, 486, now)
        assert state == (CallState.PLANNED if attempt < 3 else CallState.FAILED)
        assert _goes(planned, now + 4 * MINUTE) == state
        now += 5 * MINUTE
    assert (planned.status, planned.reason) == (486, "so")
    lines = Event.objects.filter(kind="call-failed").order_by("pk")
    assert ["again_at" in line.detail for line in lines] == [True, True, False]


def test_who_does_not_answer_is_called_sooner(planned: Call) -> None:
    now = timezone.now()
    _goes(planned, now)
    assert _fails(planned, 408, now) == CallState.PLANNED
    assert _goes(planned, now + MINUTE) == CallState.CALLING


@pytest.mark.parametrize("status", [603, 404, 403])
def test_who_declines_is_left_in_peace(planned: Call, status: int) -> None:
    now = timezone.now()
    _goes(planned, now)
    assert _fails(planned, status, now) == CallState.FAILED


def test_what_somebody_asked_for_is_not_tried_again_behind_his_back(
    live: Joined, quiet: None
) -> None:
    call = services.ask_to_call(
        conference=live.conference.key, uri=CAROL.uri, actor=ALICE, way=Way.REST
    )
    now = timezone.now()
    assert _goes(call, now) == CallState.CALLING
    assert _fails(call, 486, now) == CallState.FAILED


def test_who_is_asked_for_over_tls_is_called_over_tls(live: Joined, quiet: None) -> None:
    """One person, whatever the scheme; the order and the job keep it (RFC 3261 26.2.2)."""
    secured = CAROL.uri.replace("sip:", "sips:")
    call = services.ask_to_call(
        conference=live.conference.key, uri=secured, actor=ALICE, way=Way.REST
    )
    assert (call.uri, selectors.job(call)["uri"]) == (CAROL.uri, secured)
    _goes(call, timezone.now())
    (order,) = _snapshot(call).calls
    assert (order.uri, order.secure) == (CAROL.uri, True)


def test_nobody_is_called_again_into_what_is_over_by_then(alice: User, quiet: None) -> None:
    now = timezone.now()
    services.book(
        organizer=alice,
        title="Short",
        starts_at=now,
        duration_minutes=3,
        invitees=[Invitee(CAROL.uri, dial_out=True)],
    )
    call = Call.objects.get()
    _goes(call, now)
    assert _fails(call, 486, now) == CallState.FAILED


def test_who_has_come_by_himself_is_not_called(planned: Call) -> None:
    Joined(planned.conference).join(CAROL)
    assert _goes(planned, timezone.now()) == CallState.CANCELLED
    assert planned.reason == "has joined already"


def test_an_ended_conference_calls_nobody_again(planned: Call) -> None:
    now = timezone.now()
    _goes(planned, now)
    _fails(planned, 486, now)
    services.conference_ended(conference=planned.conference.key, at=now.timestamp(), by=ALICE.uri)
    assert _goes(planned, now + 6 * MINUTE) == CallState.CANCELLED


def test_at_night_the_clock_calls_nobody_but_people_may(
    planned: Call, live: Joined, carol: User
) -> None:
    now = timezone.now()
    DialOutRules.objects.update(
        quiet_from=(now - MINUTE).time().replace(microsecond=0),
        quiet_until=(now + 60 * MINUTE).time().replace(microsecond=0),
    )
    assert _goes(planned, now) == CallState.PLANNED
    assert planned.again_at is not None
    assert _goes(planned, planned.again_at) == CallState.CALLING
    call = services.ask_to_call(
        conference=live.conference.key, uri=CAROL.uri, actor=ALICE, way=Way.WEB
    )
    assert _goes(call, timezone.now()) == CallState.CALLING


# --- Limits -------------------------------------------------------------------------


def test_calls_wait_for_their_turn(live: Joined, quiet: None) -> None:
    DialOutRules.objects.update(calls_at_once=1)
    first, second = (
        services.ask_to_call(conference=live.conference.key, uri=uri, actor=ALICE, way=Way.WEB)
        for uri in (CAROL.uri, FOREIGN)
    )
    now = timezone.now()
    assert (_goes(first, now), _goes(second, now)) == ("calling", "due")
    services.call_progressed(call=first.pk, state="done", status=200, at=now.timestamp())
    assert _goes(second, now) == "calling"


def test_the_trunk_carries_so_many(live: Joined, quiet: None) -> None:
    DialOutRules.objects.update(outside_at_once=1)
    calls = [
        services.ask_to_call(conference=live.conference.key, uri=uri, actor=ALICE, way=Way.WEB)
        for uri in (FOREIGN, PHONE, CAROL.uri)
    ]
    now = timezone.now()
    assert [_goes(call, now) for call in calls] == ["calling", "due", "calling"]
    Call.objects.filter(pk=calls[0].pk).update(state=CallState.DONE)
    assert [_goes(call, now) for call in calls] == ["done", "calling", "calling"]


def test_one_person_asks_for_so_many_calls_an_hour(live: Joined) -> None:
    DialOutRules.objects.update(calls_an_hour=2)
    ask = {"conference": live.conference.key, "uri": CAROL.uri, "way": Way.WEB}
    for _ in range(2):
        services.ask_to_call(actor=ALICE, **ask)  # type: ignore[arg-type]
    with pytest.raises(Refused) as refused:
        services.ask_to_call(actor=ALICE, **ask)  # type: ignore[arg-type]
    assert refused.value.refusal is Refusal.TOO_MANY_CALLS
    Call.objects.update(created_at=timezone.now() - 61 * MINUTE)
    services.ask_to_call(actor=ALICE, **ask)  # type: ignore[arg-type]


def test_others_than_our_people_are_for_those_who_command(live: Joined) -> None:
    """Against toll fraud: a participant has no paid number called, nor a trunk's SIP address."""
    Conference.objects.update(participants_may_add=True)
    key = live.conference.key
    services.ask_to_call(conference=key, uri=CAROL.uri, actor=BOB, way=Way.WEB)
    for uri in (FOREIGN, PHONE):
        with pytest.raises(Refused) as refused:
            services.ask_to_call(conference=key, uri=uri, actor=BOB, way=Way.WEB)
        assert refused.value.refusal is Refusal.TARGET_NOT_ALLOWED
        services.ask_to_call(conference=key, uri=uri, actor=ALICE, way=Way.WEB)


def test_only_what_is_on_the_list_may_be_called(live: Joined, alice: User) -> None:
    """Nor may it be planned; what was planned before the list was made is not called."""
    key = live.conference.key
    call = services.ask_to_call(conference=key, uri=FOREIGN, actor=ALICE, way=Way.WEB)
    DialTarget.objects.create(pattern="tel:+49*", who=Who.ADDERS)
    with pytest.raises(Refused):
        services.ask_to_call(conference=key, uri=FOREIGN, actor=ALICE, way=Way.WEB)
    services.ask_to_call(conference=key, uri=PHONE, actor=ALICE, way=Way.WEB)
    services.ask_to_call(conference=key, uri=CAROL.uri, actor=ALICE, way=Way.WEB)
    with pytest.raises(ValidationError, match="may not be called"):
        services.book(organizer=alice, title="X", invitees=[Invitee(FOREIGN, dial_out=True)])
    services.book(organizer=alice, title="X", invitees=[Invitee(FOREIGN)])
    assert _goes(call, timezone.now()) == CallState.FAILED
    assert call.reason == Refusal.TARGET_NOT_ALLOWED.value


# --- Neither lost nor made twice ----------------------------------------------------


def test_a_worker_that_dies_in_the_middle_loses_nothing(
    live: Joined, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before its commit the call is still due; after it the sweep tells the focus again."""
    call = services.ask_to_call(
        conference=live.conference.key, uri=CAROL.uri, actor=ALICE, way=Way.REST
    )
    Lease.objects.all().delete()
    now = timezone.now()

    def dies(_pk: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(notices, "conference_changed", dies)
    with pytest.raises(KeyboardInterrupt):
        services.place_calls(now=now)
    call.refresh_from_db()
    assert (call.state, call.attempts) == (CallState.DUE, 0)
    told: list[int] = []
    monkeypatch.setattr(notices, "conference_changed", told.append)
    services.place_calls(now=now)
    told.clear()
    services.place_calls(now=now + 6 * datetime.timedelta(seconds=1))
    call.refresh_from_db()
    assert (call.state, call.attempts, told) == (CallState.CALLING, 1, [live.conference.pk])


def test_a_late_report_of_an_earlier_try_changes_nothing_that_is_over(planned: Call) -> None:
    now = timezone.now()
    _goes(planned, now)
    services.call_progressed(call=planned.pk, state="done", status=200, at=now.timestamp())
    assert _fails(planned, 486, now) == CallState.DONE


# --- Calling it off -----------------------------------------------------------------


def test_a_call_is_called_off_planned_or_ringing(live: Joined, quiet: None) -> None:
    key = live.conference.key
    for placed in (False, True):
        call = services.ask_to_call(conference=key, uri=CAROL.uri, actor=ALICE, way=Way.WEB)
        if placed:
            services.place_calls(now=timezone.now())
            assert len(live.snapshot().calls) == 1
        services.cancel_call(job=call.job, actor=ALICE, way=Way.WEB)
        call.refresh_from_db()
        assert (call.state, call.reason) == (CallState.CANCELLED, "cancelled by Alice")
        assert live.snapshot().calls == ()
    line = Event.objects.filter(kind="call-cancelled").latest("pk")
    assert (line.actor, line.target, line.way) == (ALICE.uri, CAROL.uri, "web")


def test_who_answers_while_he_is_called_off_is_in(live: Joined, quiet: None) -> None:
    """The row says what is, not what was wished."""
    call = services.ask_to_call(
        conference=live.conference.key, uri=CAROL.uri, actor=ALICE, way=Way.WEB
    )
    now = timezone.now()
    services.place_calls(now=now)
    services.cancel_call(job=call.job, actor=ALICE, way=Way.WEB)
    services.call_progressed(call=call.pk, state="done", status=200, at=now.timestamp())
    call.refresh_from_db()
    assert call.state == CallState.DONE
    assert services.cancel_call(job=call.job, actor=ALICE, way=Way.WEB).state == CallState.DONE


def test_mallory_calls_nothing_off(live: Joined, mallory: User, quiet: None) -> None:
    call = services.ask_to_call(
        conference=live.conference.key, uri=CAROL.uri, actor=ALICE, way=Way.WEB
    )
    for who in (MALLORY, BOB):
        with pytest.raises(Refused):
            services.cancel_call(job=call.job, actor=who, way=Way.REST)
        with pytest.raises(Refused):
            services.cancel_calls_to(
                conference=live.conference.key, uri=CAROL.uri, actor=who, way=Way.REST
            )
    token = services.issue_api_token(mallory)
    refused = _ask(token, "delete", f"/api/v1/jobs/{call.job}")
    assert refused[0] in (403, 404)
    call.refresh_from_db()
    assert call.state == CallState.DUE


def test_who_asked_for_a_call_may_call_it_off(live: Joined, quiet: None) -> None:
    Conference.objects.update(participants_may_add=True)
    key = live.conference.key
    services.ask_to_call(conference=key, uri=CAROL.uri, actor=ALICE, way=Way.WEB)
    services.ask_to_call(conference=key, uri=CAROL.uri, actor=BOB, way=Way.WEB)
    ask = {"conference": key, "uri": CAROL.uri, "way": Way.WEB}
    assert services.cancel_calls_to(actor=BOB, **ask) == 1  # type: ignore[arg-type]
    assert services.cancel_calls_to(actor=ALICE, **ask) == 1  # type: ignore[arg-type]


def _ask(token: str, method: str, path: str, **body: str) -> tuple[int, dict[str, Any]]:
    client = Client(headers={"authorization": f"Bearer {token}"})
    answer = getattr(client, method)(path, json.dumps(body), content_type="application/json")
    return answer.status_code, answer.json()


def test_the_api_calls_off(live: Joined, alice: User, quiet: None) -> None:
    token = services.issue_api_token(alice)
    base = f"/api/v1/conferences/{live.conference.name}"
    _, job = _ask(token, "post", f"{base}/participants", uri=CAROL.uri)
    for _ in range(2):
        status, told = _ask(token, "delete", f"/api/v1/jobs/{job['job']}")
        assert (status, told["state"]) == (200, "cancelled")
    _ask(token, "post", f"{base}/participants", uri=CAROL.uri)
    assert _ask(token, "post", f"{base}/calls/cancel", uri="nobody here")[0] == 422
    assert _ask(token, "post", f"{base}/calls/cancel", uri=CAROL.uri) == (200, {"cancelled": 1})
    assert _ask(token, "post", f"{base}/calls/cancel", uri=CAROL.uri)[0] == 409
    assert _ask(token, "delete", "/api/v1/jobs/nothing")[0] == 404
    assert not Call.objects.filter(state__in=["planned", "due", "calling"]).exists()
    call = Call.objects.latest("pk")
    Call.objects.filter(pk=call.pk).update(state=CallState.DONE)
    assert _ask(token, "delete", f"/api/v1/jobs/{call.job}")[0] == 409


def test_the_policy_goes_in_and_out_by_the_api(alice: User) -> None:
    token = services.issue_api_token(alice)
    client = Client(headers={"authorization": f"Bearer {token}"})
    wanted = {"title": "X", "policy": {"redials": 0, "confirm_calls": True}}
    made = client.post("/api/v1/conferences", wanted, content_type="application/json").json()
    assert (made["policy"]["redials"], made["policy"]["confirm_calls"]) == (0, True)
    row = selectors.conference_by_name(made["id"])
    assert row is not None
    snapshot = selectors.snapshot(row.key)
    assert snapshot is not None
    assert snapshot.confirm_calls
    wrong = {"title": "X", "policy": {"redials": 11}}
    refused = client.post("/api/v1/conferences", wanted | wrong, content_type="application/json")
    assert refused.json()["errors"][0]["field"] == "policy.redials"


def _snapshot(call: Call) -> policy.Snapshot:
    found = selectors.snapshot(call.conference.key)
    assert found is not None
    return found


def test_an_identity_may_be_nameless(live: Joined, quiet: None) -> None:
    nobody = Identity(ALICE.uri)
    call = services.ask_to_call(
        conference=live.conference.key, uri=CAROL.uri, actor=ALICE, way=Way.WEB
    )
    told = services.cancel_call(job=call.job, actor=nobody, way=Way.WEB)
    assert told.reason == f"cancelled by {ALICE.uri}"


@pytest.mark.parametrize(
    ("state", "status", "reason", "told"),
    [
        (CallState.DUE, None, "", None),
        (CallState.CALLING, 486, "Busy Here", None),
        (CallState.PLANNED, None, "", None),
        (CallState.PLANNED, 486, "Busy Here", (486, "Busy Here")),
        (CallState.DONE, 200, "OK", (200, "OK")),
        (CallState.FAILED, 603, "Decline", (603, "Decline")),
        (CallState.FAILED, None, "too late", (480, "too late")),
        (CallState.CANCELLED, None, "", (487, "The call was called off")),
    ],
)
def test_what_came_of_a_call_for_whoever_asked_by_refer(
    planned: Call, state: str, status: int | None, reason: str, told: tuple[int, str] | None
) -> None:
    """To be tried again later is a failure to somebody who waits for a final word now."""
    Call.objects.update(state=state, status=status, reason=reason)
    assert selectors.order_outcome({"call": planned.pk}) == told


def test_what_came_of_a_call_that_nobody_knows(planned: Call) -> None:
    assert selectors.order_outcome({"call": planned.pk + 1}) == (503, "")
    assert selectors.order_outcome({"removal": 1}) == (503, "")


@pytest.fixture
def calling(alice: User, quiet: None) -> Call:
    """Alice's room calls Carol, whose phone may send that on."""
    room = services.book(organizer=alice, title="Room")
    services.ask_to_call(conference=room.key, uri=CAROL.uri, actor=ALICE, way=Way.REFER)
    services.place_calls(now=timezone.now())
    return Call.objects.get()


@pytest.mark.parametrize(
    ("who", "refusal"),
    [
        (Who.NOBODY, Refusal.TARGET_NOT_ALLOWED),
        (Who.COMMANDERS, None),
        (Who.ADDERS, None),
    ],
)
def test_a_call_is_sent_on_where_whoever_asked_for_it_may_call(
    calling: Call, who: Who, refusal: Refusal | None
) -> None:
    DialTarget.objects.create(pattern="tel:+49*", who=who)
    assert services.send_on(call=calling.pk, uri=PHONE) is refusal
    assert services.send_on(call=calling.pk, uri="tel:+881999") is Refusal.TARGET_NOT_ALLOWED
    calling.refresh_from_db()
    assert calling.sent_on == ("" if refusal else PHONE)


def test_mallorys_call_is_sent_on_nowhere_that_costs_money(calling: Call) -> None:
    """Whoever does not command calls numbers by no phone's word either."""
    Call.objects.update(by=MALLORY.uri)
    DialTarget.objects.create(pattern="tel:*", who=Who.COMMANDERS)
    assert services.send_on(call=calling.pk, uri=PHONE) is Refusal.TARGET_NOT_ALLOWED


def test_a_call_that_is_sent_on_takes_a_line(calling: Call) -> None:
    """And none where there is none left; what is over is sent on nowhere."""
    DialTarget.objects.create(pattern="tel:*", who=Who.COMMANDERS)
    DialOutRules.objects.update(outside_at_once=1)
    assert services.send_on(call=calling.pk, uri=PHONE) is None
    assert services.send_on(call=calling.pk, uri=PHONE) is Refusal.TOO_MANY_CALLS
    Call.objects.update(state=CallState.CANCELLED)
    assert services.send_on(call=calling.pk, uri=PHONE) is Refusal.UNKNOWN


@pytest.mark.parametrize("name", ["itself", "conference-factory"])
def test_no_conference_is_called(live: Joined, name: str) -> None:
    called = live.conference.name if name == "itself" else name
    with pytest.raises(ValidationError, match="nobody to call"):
        services.ask_to_call(
            conference=live.conference.key,
            uri=f"sip:{called}@{settings.SIP_DOMAIN}",
            actor=ALICE,
            way=Way.REST,
        )
    assert not Call.objects.exists()
