"""Who waits, who lets whom in, and for how long that holds."""

from __future__ import annotations

import datetime

import pytest
from django.utils import timezone

from conferences import policy, selectors, services
from conferences.models import Conference, Event, Factory, Kind, User, Waiter, WaiterState, Way
from conferences.policy import Identity, Refusal, WaiterKey, WaitingRoom
from conferences.services import Refused
from tests.conferences.conftest import Joined
from tests.conferences.test_api import Api, as_alice, as_bob, as_mallory
from tests.people import ALICE, BOB, CAROL, MALLORY

__all__ = ["as_alice", "as_bob", "as_mallory"]


def room_of(live: Joined, room: WaitingRoom) -> None:
    Conference.objects.filter(pk=live.conference.pk).update(waiting_room=room)


@pytest.fixture
def waiting(live: Joined) -> Joined:
    """Alice and Bob are in; Carol waits, and behind her Mallory."""
    room_of(live, WaitingRoom.LET_IN)
    for who in (CAROL, MALLORY):
        waits(live, who)
    return live


def key(who: Identity) -> WaiterKey:
    return WaiterKey(f"w-{who.display_name.lower()}")


def waits(live: Joined, who: Identity, *, name: str = "", private: bool = False) -> None:
    services.wait_began(
        conference=live.conference.key,
        key=WaiterKey(name) if name else key(who),
        entity=who.uri,
        display_text=who.display_name,
        private=private,
        at=timezone.now().timestamp(),
    )


def let_in(live: Joined, who: Identity | None, *, by: Identity = ALICE) -> int:
    waiter = key(who) if who else None
    return services.let_in(conference=live.conference.key, waiter=waiter, actor=by, way=Way.WEB)


def ended(who: Identity, *, inside: bool, by: str = "") -> None:
    services.wait_ended(key=key(who), inside=inside, by=by, at=timezone.now().timestamp())


def queue(live: Joined) -> list[str]:
    return [one.entity for one in selectors.waiters(live.conference)]


# Policy


def of(**said: object) -> policy.Snapshot:
    roles = {ALICE.uri: policy.Role.ORGANIZER, CAROL.uri: policy.Role.MODERATOR}
    known: dict[str, object] = {"id": policy.ConferenceId(1), "name": "x", "title": "X"}
    return policy.Snapshot(**{**known, "roles": roles, **said})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("room", "opened", "who", "waits"),
    [
        (WaitingRoom.NONE, False, BOB, False),
        (WaitingRoom.MODERATOR, False, BOB, True),
        (WaitingRoom.MODERATOR, True, BOB, False),
        (WaitingRoom.LET_IN, False, BOB, True),
        (WaitingRoom.LET_IN, True, BOB, True),
        (WaitingRoom.LET_IN, False, ALICE, False),
        (WaitingRoom.LET_IN, False, CAROL, False),
        (WaitingRoom.MODERATOR, False, CAROL, False),
    ],
)
def test_who_has_to_wait(room: WaitingRoom, opened: bool, who: Identity, waits: bool) -> None:
    assert policy.has_to_wait(of(waiting_room=room), who, opened=opened) is waits


@pytest.mark.parametrize("spared", ["let_in", "pulled_in"])
def test_who_was_let_in_or_called_does_not(spared: str) -> None:
    snapshot = of(waiting_room=WaitingRoom.LET_IN, **{spared: frozenset({BOB.uri})})
    assert not policy.has_to_wait(snapshot, BOB, opened=False)
    assert policy.has_to_wait(snapshot, MALLORY, opened=False)


def test_who_is_outside_does_not_watch() -> None:
    snapshot = of(waiting_room=WaitingRoom.LET_IN, admission=policy.Admission.SIGNED_IN)
    assert policy.may_watch(snapshot, BOB, inside=False) is Refusal.NOT_ALLOWED
    assert policy.may_watch(snapshot, BOB, inside=True) is None
    assert policy.may_watch(snapshot, CAROL, inside=False) is None
    stranger = of(waiting_room=WaitingRoom.LET_IN)
    assert policy.may_watch(stranger, MALLORY, inside=False) is Refusal.NOT_INVITED


# Letting in


def test_one_is_let_in_and_may_come_back(waiting: Joined) -> None:
    assert queue(waiting) == [CAROL.uri, MALLORY.uri]
    assert let_in(waiting, CAROL) == 1
    assert waiting.snapshot().let_in == {CAROL.uri}
    assert queue(waiting) == [MALLORY.uri]
    ended(CAROL, inside=True)
    waiting.join(CAROL)
    waiting.leave(CAROL)
    assert waiting.snapshot().let_in == {CAROL.uri}
    kinds = [line for line in waiting.history() if line[0] in ("waits", "let-in", "gave-up")]
    assert kinds == [
        ("waits", CAROL.uri, ""),
        ("waits", MALLORY.uri, ""),
        ("let-in", ALICE.uri, CAROL.uri),
    ]


def test_all_are_let_in(waiting: Joined) -> None:
    assert let_in(waiting, None) == 2
    assert let_in(waiting, None) == 0
    assert waiting.snapshot().let_in == {CAROL.uri, MALLORY.uri}


def test_decided_once_by_whoever_is_first(waiting: Joined) -> None:
    let_in(waiting, CAROL)
    with pytest.raises(Refused) as caught:
        let_in(waiting, CAROL)
    assert caught.value.refusal is Refusal.UNKNOWN
    with pytest.raises(Refused) as caught:
        turn_away(waiting, CAROL)
    assert caught.value.refusal is Refusal.UNKNOWN
    assert waiting.snapshot().turned_away == ()


@pytest.mark.parametrize("who", [BOB, CAROL, MALLORY])
def test_bob_and_those_who_wait_let_nobody_in(waiting: Joined, who: Identity) -> None:
    for whom in (MALLORY, None):
        with pytest.raises(Refused) as caught:
            let_in(waiting, whom, by=who)
        assert caught.value.refusal is Refusal.NOT_ALLOWED
    with pytest.raises(Refused):
        turn_away(waiting, CAROL, by=who)
    with pytest.raises(Refused):
        services.set_waiting_room(
            conference=waiting.conference.key, room=WaitingRoom.NONE, actor=who, way=Way.REST
        )
    assert len(queue(waiting)) == 2
    assert waiting.snapshot().waiting_room is WaitingRoom.LET_IN


def test_nobody_is_let_into_a_full_conference(waiting: Joined) -> None:
    Conference.objects.update(max_participants=2)
    with pytest.raises(Refused) as caught:
        let_in(waiting, CAROL)
    assert caught.value.refusal is Refusal.FULL
    assert len(queue(waiting)) == 2


def test_of_another_conference_nobody_is(waiting: Joined, carol: User) -> None:
    other = services.book(organizer=carol, title="Carol's")
    with pytest.raises(Refused) as caught:
        services.let_in(conference=other.key, waiter=key(MALLORY), actor=CAROL, way=Way.REST)
    assert caught.value.refusal is Refusal.UNKNOWN
    assert len(queue(waiting)) == 2


# Not letting in


def turn_away(
    live: Joined, who: Identity, *, by: Identity = ALICE, reason: str = "", ban: bool = False
) -> None:
    services.turn_away(
        conference=live.conference.key,
        waiter=key(who),
        actor=by,
        way=Way.REST,
        reason=reason,
        ban=ban,
    )


@pytest.mark.parametrize("ban", [False, True])
def test_one_is_not_let_in(waiting: Joined, ban: bool) -> None:
    turn_away(waiting, MALLORY, reason="who are you?", ban=ban)
    order = policy.TurnedAway(key(MALLORY), ALICE.uri, "Alice", "who are you?", ban)
    assert waiting.snapshot().turned_away == (order,)
    assert (MALLORY.uri in waiting.snapshot().banned) is ban
    assert queue(waiting) == [CAROL.uri]
    ended(MALLORY, inside=False)
    assert waiting.snapshot().turned_away == ()
    assert waiting.history()[-1] == ("not-let-in", ALICE.uri, MALLORY.uri)


def test_whoever_is_removed_waits_again(waiting: Joined) -> None:
    """But not whoever went with the end of the process, or of himself."""
    for who in (CAROL, MALLORY):
        let_in(waiting, who)
        ended(who, inside=True)
        waiting.join(who)
    waiting.leave(CAROL, method="booted", by="")
    waiting.leave(MALLORY, method="booted", by=ALICE.uri)
    assert waiting.snapshot().let_in == {CAROL.uri}


# For how long


def test_let_in_holds_for_one_occurrence(alice: User) -> None:
    start = timezone.now().replace(microsecond=0) - datetime.timedelta(minutes=10)
    row = services.book(
        organizer=alice,
        title="Weekly",
        starts_at=start,
        duration_minutes=60,
        rrule="FREQ=WEEKLY;COUNT=3",
        waiting_room=WaitingRoom.LET_IN,
        running=True,
    )
    live = Joined(row)
    waits(live, BOB)
    let_in(live, BOB)
    assert live.snapshot().let_in == {BOB.uri}
    next_week = timezone.now() + datetime.timedelta(days=7)
    snapshot = selectors.snapshot(row.key, now=next_week)
    assert snapshot is not None
    assert snapshot.let_in == frozenset()


def test_in_a_standing_room_half_a_day_and_not_beyond_its_end(waiting: Joined) -> None:
    let_in(waiting, CAROL)
    later = timezone.now() + datetime.timedelta(hours=12, minutes=1)
    snapshot = selectors.snapshot(waiting.conference.key, now=later)
    assert snapshot is not None
    assert snapshot.let_in == frozenset()
    services.conference_ended(
        conference=waiting.conference.key, at=timezone.now().timestamp() + 1, by=ALICE.uri
    )
    assert waiting.snapshot().let_in == frozenset()


def test_a_process_that_is_gone_leaves_nobody_waiting(waiting: Joined) -> None:
    """Who was let in stays so; who still waits has to call again, and waits again."""
    let_in(waiting, CAROL)
    services.close_stale_rosters(owner="focus", at=timezone.now().timestamp())
    assert queue(waiting) == []
    assert waiting.snapshot().let_in == {CAROL.uri}
    assert Waiter.objects.get(entity=MALLORY.uri).state == WaiterState.WAITING
    assert ("gave-up", MALLORY.uri, "") not in waiting.history(), "it was not he who went"


def test_told_twice_it_is_written_once(waiting: Joined) -> None:
    waits(waiting, CAROL)
    for _ in range(2):
        ended(CAROL, inside=True, by=ALICE.uri)
    kinds = [line for line in waiting.history() if line[0] in ("waits", "let-in")]
    assert kinds.count(("let-in", ALICE.uri, CAROL.uri)) == 1
    assert kinds.count(("waits", CAROL.uri, "")) == 1
    assert waiting.snapshot().let_in == frozenset(), "opened by her coming, decided by nobody"


def test_old_ones_are_forgotten(waiting: Joined) -> None:
    ended(CAROL, inside=False)
    services.prune(now=timezone.now() + datetime.timedelta(days=11))
    assert [one.entity for one in Waiter.objects.all()] == [MALLORY.uri]


# The booking and the API


def test_a_factory_has_one(alice: User) -> None:
    Factory.objects.create(name="board", waiting_room=WaitingRoom.MODERATOR)
    made = services.create_adhoc(creator=ALICE, factory="board")
    row = Conference.objects.get(pk=made)
    assert (row.kind, row.waiting_room) == (Kind.ADHOC, WaitingRoom.MODERATOR)


def test_it_is_booked_and_changed(as_alice: Api) -> None:
    wanted = {"title": "X", "policy": {"waiting_room": "let-in"}}
    status, made = as_alice.call("POST", "/conferences", wanted)
    assert (status, made["policy"]["waiting_room"]) == (201, "let-in")
    changes = {"policy": {"waiting_room": "moderator"}}
    status, changed = as_alice.call("PATCH", f"/conferences/{made['id']}", changes)
    assert (status, changed["policy"]["waiting_room"]) == (200, "moderator")
    wrong = {"policy": {"waiting_room": "cellar"}}
    assert as_alice.call("PATCH", f"/conferences/{made['id']}", wrong)[0] == 422


def test_alice_sees_and_lets_in_by_the_api(waiting: Joined, as_alice: Api) -> None:
    path = f"/conferences/{waiting.conference.name}"
    status, seen = as_alice.call("GET", f"{path}/waiting")
    assert status == 200
    assert seen["waiting_room"] == "let-in"
    assert [(one["id"], one["entity"], one["display_text"]) for one in seen["waiting"]] == [
        ("w-carol", CAROL.uri, "Carol"),
        ("w-mallory", MALLORY.uri, "Mallory"),
    ]
    told = as_alice.call("POST", f"{path}/waiting/let-in", {"waiter": "w-carol"})
    assert told == (200, {"let_in": 1})
    assert as_alice.call("POST", f"{path}/waiting/let-in", {"waiter": "w-carol"})[0] == 404
    refused = as_alice.call("DELETE", f"{path}/waiting/w-mallory?reason=later&ban=true")
    assert refused[0] == 204
    (order,) = waiting.snapshot().turned_away
    assert (order.reason, order.ban) == ("later", True)
    assert as_alice.call("POST", f"{path}/waiting/let-in")[1] == {"let_in": 0}
    assert as_alice.call("POST", f"{path}/waiting-room", {"waiting_room": "none"})[0] == 204
    assert waiting.snapshot().waiting_room is WaitingRoom.NONE
    (event,) = Event.objects.filter(kind="waiting-room")
    assert event.detail == {"waiting_room": "none"}


def test_mallory_and_bob_do_not_by_the_api(waiting: Joined, as_bob: Api, as_mallory: Api) -> None:
    path = f"/conferences/{waiting.conference.name}"
    for other in (as_bob, as_mallory, Api(None)):
        refused = 401 if not other.headers else 403
        assert other.call("GET", f"{path}/waiting")[0] == refused
        assert other.call("POST", f"{path}/waiting/let-in", {})[0] == refused
        assert other.call("DELETE", f"{path}/waiting/w-carol")[0] == refused
        room = {"waiting_room": "none"}
        assert other.call("POST", f"{path}/waiting-room", room)[0] == refused
    assert len(queue(waiting)) == 2


def test_whoever_waits_reads_no_roster(waiting: Joined, as_bob: Api, as_mallory: Api) -> None:
    """Not even with an account, as long as he is not in."""
    Conference.objects.update(admission=policy.Admission.SIGNED_IN)
    path = f"/conferences/{waiting.conference.name}/participants"
    assert as_mallory.call("GET", path)[0] == 403
    assert as_bob.call("GET", path)[0] == 200
    let_in(waiting, MALLORY)
    assert as_mallory.call("GET", path)[0] == 200


def test_the_anonymous_wait_without_a_name(live: Joined, as_alice: Api) -> None:
    room_of(live, WaitingRoom.LET_IN)
    Conference.objects.update(anonymity=policy.Anonymity.STRICT)
    waits(live, CAROL, private=True)
    path = f"/conferences/{live.conference.name}"
    (one,) = as_alice.call("GET", f"{path}/waiting")[1]["waiting"]
    assert one["display_text"] == policy.ANONYMOUS
    told = str(as_alice.call("GET", f"{path}/events")[1])
    assert CAROL.uri not in told + str(one)
