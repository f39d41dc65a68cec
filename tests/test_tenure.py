"""Which conferences a process serves, where several could."""

from __future__ import annotations

import datetime
import time

import pytest
from django.utils import timezone

from conferences import selectors, services
from conferences.models import (
    Call,
    CallState,
    Conference,
    GatewayLease,
    Lease,
    StandingCall,
    User,
)
from conferences.policy import ConferenceId, ParticipantKey, Role, Snapshot
from sipgateway.focus.actions import KeepCall
from sipgateway.focus.events import (
    CallInherited,
    CallLost,
    ConferenceChanged,
    ConferenceInherited,
    ConferenceLoaded,
    LeaseLost,
    SetupAnswered,
)
from sipgateway.tenure import LEASE, Tenure

HERE, THERE = "aaaaaaaa", "bbbbbbbb"
PLACE = "host:aaaaaaaa"


@pytest.fixture
def room(db: None) -> ConferenceId:
    alice: User = services.create_user(username="alice", password="swordfish", is_organizer=True)
    booked: Conference = services.book(organizer=alice, title="Weekly")
    return booked.key


def loaded(tenure: Tenure, room: ConferenceId) -> str:
    """Whom a conference that was loaded is served by, as the focus hears it."""
    answer = tenure.settled(ConferenceLoaded(1, snapshot(room)))[-1]
    assert isinstance(answer, ConferenceLoaded)
    return answer.owner


def snapshot(room: ConferenceId) -> Snapshot:
    found = selectors.snapshot(room)
    assert found is not None
    return found


def test_whoever_loads_a_conference_first_serves_it(room: ConferenceId) -> None:
    here, there = Tenure(PLACE, shared=True), Tenure(f"host:{THERE}", shared=True)
    assert loaded(here, room) == ""
    assert loaded(there, room) == HERE
    assert loaded(here, room) == ""
    here.released(room)
    assert loaded(there, room) == ""


def test_a_lease_that_is_not_renewed_is_lost(room: ConferenceId) -> None:
    here, there = Tenure(PLACE, shared=True), Tenure(f"host:{THERE}", shared=True)
    assert loaded(here, room) == ""
    lease = Lease.objects.get()
    assert LEASE - 1 < lease.expires_at.timestamp() - time.time() <= LEASE
    services.take_lease(conference=room, owner=PLACE, until=time.time() - 1, now=time.time())
    here.renew([room])
    assert loaded(there, room) == HERE
    services.take_lease(conference=room, owner=PLACE, until=time.time() - 1, now=time.time())
    assert loaded(there, room) == ""


def test_an_empty_room_with_watchers_stays_where_it_is(room: ConferenceId) -> None:
    here, alone = Tenure(PLACE, shared=True), Tenure("embedded", shared=False)
    here.occupied(room)
    here.emptied(room)
    assert selectors.owner_of(room) == PLACE
    here.released(room)
    alone.occupied(room)
    alone.emptied(room)
    assert selectors.owner_of(room) == ""


def test_one_process_places_a_call(room: ConferenceId) -> None:
    """All hear that somebody is to be called; he is called by whoever has the lease."""
    here, there = Tenure(PLACE, shared=True), Tenure(f"host:{THERE}", shared=True)
    assert not selectors.has_calls(room)
    assert here.settled(ConferenceChanged(snapshot(room)))
    assert selectors.owner_of(room) == ""
    Call.objects.create(
        conference_id=room,
        uri="sip:carol@127.0.0.1",
        state=CallState.CALLING,
        job="job",
        due_at="2026-01-01T00:00Z",
        claimed_at="2026-01-01T00:00Z",
    )
    assert selectors.has_calls(room)
    changed = ConferenceChanged(snapshot(room))
    assert here.settled(changed) == [changed]
    assert there.settled(changed) == []


def test_a_conference_that_was_made_in_a_call_is_served_where_the_call_is(
    room: ConferenceId,
) -> None:
    here = Tenure(PLACE, shared=True)
    answer = SetupAnswered("token", snapshot(room))
    assert here.settled(answer) == [answer]
    assert selectors.owner_of(room) == PLACE


def test_one_process_alone_takes_no_lease_to_look(room: ConferenceId) -> None:
    alone = Tenure("embedded", shared=False)
    assert loaded(alone, room) == ""
    assert selectors.owner_of(room) == ""


def test_another_process_of_the_system_closes_no_rosters_when_it_starts(
    room: ConferenceId,
) -> None:
    """The rosters of one that is gone are for whoever takes its conferences over."""
    services.participant_joined(
        conference=room,
        key=ParticipantKey("bob"),
        entity="sip:bob@127.0.0.1",
        display_text="Bob",
        role=Role.PARTICIPANT,
        endpoint="sip:bob@x.invalid",
        joining_method="dialed-in",
        at=time.time(),
    )
    row = Conference.objects.get(pk=room)
    Tenure(PLACE, shared=True).begin()
    assert len(selectors.roster(row)["participants"]) == 1
    Tenure("embedded", shared=False).begin()
    assert selectors.roster(row)["participants"] == []


def joins(room: ConferenceId, name: str) -> ParticipantKey:
    """Somebody is in, as the gateway reports it."""
    key = ParticipantKey(f"key-of-{name}")
    services.participant_joined(
        conference=room,
        key=key,
        entity=f"sip:{name}@127.0.0.1",
        display_text=name.capitalize(),
        role=Role.PARTICIPANT,
        endpoint=f"sip:{name}@x.invalid",
        joining_method="dialed-in",
        at=time.time(),
    )
    return key


def test_another_takes_over_what_is_not_renewed(room: ConferenceId) -> None:
    """Once; with what was written down; whoever has no dialog there is off the roster."""
    here, there = Tenure(PLACE, shared=True), Tenure(f"host:{THERE}", shared=True)
    assert loaded(here, room) == ""
    bob, _ = joins(room, "bob"), joins(room, "carol")
    services.roster_changed(conference=room, version=7)
    written = {"usage": "leg", "participant": bob, "dialog": {"call_id": "call-1"}}
    for at in (1.0, 2.0):  # said again it is changed
        services.keep_dialog(conference=room, key="leg-1", what=written, at=at)
    assert there.owner_of_call("call-1") == HERE
    assert there.take_over() == []
    services.take_lease(conference=room, owner=PLACE, until=time.time() - 1, now=time.time())
    (inherited,) = there.take_over()
    assert isinstance(inherited, ConferenceInherited)
    assert (inherited.left, inherited.version, inherited.gone) == (((written, 2.0),), 7, HERE)
    row = Conference.objects.get(pk=room)
    assert [one["id"] for one in selectors.roster(row)["participants"]] == [bob]
    assert there.take_over() == []
    assert there.owner_of_call("call-1") == THERE
    assert here.renew([room]) == [LeaseLost(room)]
    assert there.renew([room]) == []
    services.forget_dialog(key="leg-1")
    assert there.owner_of_call("call-1") == ""


def test_whoever_takes_over_learns_what_came_of_a_referral(room: ConferenceId) -> None:
    """Its order may be over, and the process gone before it could tell."""
    here, there = Tenure(PLACE, shared=True), Tenure(f"host:{THERE}", shared=True)
    assert loaded(here, room) == ""
    orders = [{"removal": 1}, {"call": 4711}, {}]
    for number, order in enumerate(orders):
        what = {"usage": "refer", "order": order, "dialog": {"call_id": "1"}}
        services.keep_dialog(conference=room, key=f"refer-{number}", what=what, at=1.0)
    here.hand_over()
    (inherited,) = there.take_over()
    assert isinstance(inherited, ConferenceInherited)
    outcomes = [what.get("outcome") for what, _ in inherited.left]
    assert outcomes == [(503, ""), (503, ""), None]


def test_who_ends_in_good_order_is_followed_at_once(room: ConferenceId) -> None:
    here, there = Tenure(PLACE, shared=True), Tenure(f"host:{THERE}", shared=True)
    assert loaded(here, room) == ""
    written = {"usage": "leg", "participant": joins(room, "bob"), "dialog": {"call_id": "1"}}
    services.keep_dialog(conference=room, key="leg-1", what=written, at=1.0)
    here.hand_over()
    assert len(there.take_over()) == 1


def test_whoever_is_asked_for_it_first_takes_it_over_too(room: ConferenceId) -> None:
    """Somebody calls in before anybody has looked: he meets those who are in."""
    here, there = Tenure(PLACE, shared=True), Tenure(f"host:{THERE}", shared=True)
    assert loaded(here, room) == ""
    written = {
        "usage": "leg",
        "participant": joins(room, "bob"),
        "dialog": {"call_id": "call-1"},
    }
    services.keep_dialog(conference=room, key="leg-1", what=written, at=1.0)
    services.take_lease(conference=room, owner=PLACE, until=time.time() - 1, now=time.time())
    inherited, answer = there.settled(ConferenceLoaded(1, snapshot(room)))
    assert isinstance(inherited, ConferenceInherited)
    assert isinstance(answer, ConferenceLoaded)
    assert answer.owner == ""


def test_one_process_alone_takes_nothing_over(room: ConferenceId) -> None:
    services.keep_dialog(conference=room, key="leg-1", what={"dialog": {"call_id": "1"}}, at=1.0)
    services.take_lease(conference=room, owner=PLACE, until=time.time() - 1, now=time.time() - 2)
    assert Tenure("embedded", shared=False).take_over() == []


def test_a_call_goes_on_where_its_process_is_gone(db: None) -> None:
    """Two look at the same time: one has it, and the other nothing."""
    here, there = Tenure(PLACE, shared=True), Tenure(f"host:{THERE}", shared=True)
    third = Tenure("host:cccccccc", shared=True)
    what = {"usage": "leg", "dialog": {"call_id": "a-call"}}
    here.renew_calls([])
    for leg in ("one", "two"):
        here.keep_call(KeepCall("call-1", f"call-{leg}", what, time.time()))
    assert there.take_over() == []
    assert there.owner_of_call("a-call") == HERE
    services.renew_gateway(owner=PLACE, until=time.time() - 1)
    (told,) = there.take_over()
    assert isinstance(told, CallInherited)
    assert (told.group, told.gone, len(told.left)) == ("call-1", HERE, 2)
    there.renew_calls(["call-1"])
    assert third.take_over() == []
    assert there.owner_of_call("a-call") == THERE
    assert here.renew_calls(["call-1", "call-never-written"]) == [CallLost("call-1")]
    assert there.renew_calls(["call-1"]) == []
    services.forget_call(key="call-one")
    services.forget_call(key="call-two")
    assert there.owner_of_call("a-call") == ""


def test_a_process_that_ends_in_good_order_gives_its_calls_up(db: None) -> None:
    here, there = Tenure(PLACE, shared=True), Tenure(f"host:{THERE}", shared=True)
    here.renew_calls([])
    here.keep_call(KeepCall("call-1", "call-one", {"dialog": {"call_id": "x"}}, time.time()))
    here.hand_over()
    assert len(there.take_over()) == 1


def test_what_nobody_took_is_forgotten(db: None) -> None:
    """And what lives is not, however old."""
    now = timezone.now()
    long_ago = (now - datetime.timedelta(hours=2)).timestamp()
    for owner, until in ((PLACE, time.time() + 9), ("host:gone", long_ago)):
        services.renew_gateway(owner=owner, until=until)
        what = {"dialog": {"call_id": owner}}
        services.keep_call(owner=owner, group=owner, key=owner, what=what, at=long_ago)
    services.prune(now=now)
    assert [row.owner for row in StandingCall.objects.all()] == [PLACE]
    assert [row.owner for row in GatewayLease.objects.all()] == [PLACE]


def test_one_process_alone_says_nothing_of_itself(db: None) -> None:
    alone = Tenure("embedded", shared=False)
    assert alone.renew_calls(["call-1"]) == []
    assert not GatewayLease.objects.exists()
