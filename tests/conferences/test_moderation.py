"""What may be asked of a conference, and by whom."""

from __future__ import annotations

import datetime
from collections.abc import Callable

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from conferences import policy, selectors, services
from conferences.models import (
    Ban,
    Call,
    CallState,
    Conference,
    Participant,
    Removal,
    RemovalState,
    User,
    Way,
)
from conferences.policy import Identity, Newcomers, ParticipantKey, Refusal, Role
from conferences.services import Refused
from tests.conferences.conftest import Joined
from tests.people import ALICE, BOB, CAROL, MALLORY


def _remove(live: Joined, actor: Identity, target: Identity, *, ban: bool = False) -> Removal:
    return services.ask_to_remove(
        conference=live.conference.key,
        participant=live.key(target),
        actor=actor,
        way=Way.WEB,
        reason="too loud",
        ban=ban,
    )


def _mute(live: Joined, actor: Identity, target: Identity | None, *, muted: bool = True) -> None:
    services.ask_to_mute(
        conference=live.conference.key,
        participant=live.key(target) if target else None,
        muted=muted,
        actor=actor,
        way=Way.WEB,
    )


ASKS: dict[str, Callable[[Joined, Identity], object]] = {
    "remove": lambda live, actor: _remove(live, actor, BOB),
    "mute": lambda live, actor: _mute(live, actor, BOB),
    "unmute": lambda live, actor: _mute(live, actor, BOB, muted=False),
    "mute all": lambda live, actor: _mute(live, actor, None),
    "lock": lambda live, actor: services.lock(
        conference=live.conference.key, actor=actor, way=Way.WEB
    ),
    "unlock": lambda live, actor: services.unlock(
        conference=live.conference.key, actor=actor, way=Way.WEB
    ),
    "end": lambda live, actor: services.end(
        conference=live.conference.key, actor=actor, way=Way.WEB
    ),
    "call": lambda live, actor: services.ask_to_call(
        conference=live.conference.key, uri=CAROL.uri, actor=actor, way=Way.WEB
    ),
}


@pytest.mark.parametrize("ask", ASKS)
def test_mallory_is_refused(live: Joined, mallory: User, ask: str) -> None:
    before = live.history()
    with pytest.raises(Refused) as caught:
        ASKS[ask](live, MALLORY)
    assert caught.value.refusal is Refusal.NOT_ALLOWED
    assert live.history() == before
    assert not Removal.objects.exists()
    assert not Call.objects.exists()


def _asked(live: Joined) -> tuple[list[str], list[str], list[str]]:
    """What the history tells, whom a removal waits for, and whom a call waits for."""
    removals = Removal.objects.values_list("participant__entity", flat=True)
    return (
        [kind for kind, *_ in live.history() if kind != "joined"],
        list(removals),
        list(Call.objects.values_list("uri", flat=True)),
    )


@pytest.mark.parametrize(
    ("ask", "told"),
    [
        ("remove", ([], [BOB.uri], [])),  # told once he has gone
        ("mute", (["muted"], [], [])),
        ("unmute", (["unmuted"], [], [])),
        ("mute all", (["muted"], [], [])),
        ("lock", (["locked"], [], [])),
        ("unlock", ([], [], [])),  # it was not locked
        ("end", (["end-asked"], [], [])),
        ("call", ([], [], [CAROL.uri])),  # told once she answers
    ],
)
def test_alice_may(live: Joined, ask: str, told: tuple[list[str], list[str], list[str]]) -> None:
    ASKS[ask](live, ALICE)
    assert _asked(live) == told


@pytest.mark.parametrize("ask", ["mute all", "lock", "unlock", "end", "call"])
def test_bob_may_not_command(live: Joined, ask: str) -> None:
    with pytest.raises(Refused):
        ASKS[ask](live, BOB)
    assert _asked(live) == ([], [], [])


def test_a_conference_that_is_none(db: None) -> None:
    with pytest.raises(Refused) as caught:
        services.lock(conference=policy.ConferenceId(4711), actor=ALICE, way=Way.WEB)
    assert caught.value.refusal is Refusal.UNKNOWN


def test_a_removal_asked_for_twice_is_one(live: Joined) -> None:
    first = _remove(live, ALICE, BOB)
    second = _remove(live, ALICE, BOB, ban=True)
    assert first == second
    assert Removal.objects.get().ban
    assert live.snapshot().banned == {BOB.uri}


def _mute_all(live: Joined, actor: Identity, *, newcomers: bool, may_unmute: bool) -> None:
    services.ask_to_mute(
        conference=live.conference.key,
        participant=None,
        muted=True,
        actor=actor,
        way=Way.WEB,
        newcomers=newcomers,
        may_unmute=may_unmute,
    )


@pytest.mark.parametrize(
    ("may_unmute", "come"), [(False, Newcomers.SILENCED), (True, Newcomers.MUTED)]
)
def test_all_are_muted_and_those_who_come(live: Joined, may_unmute: bool, come: Newcomers) -> None:
    """Bob opens his microphone himself only where he may; when all are heard, so is who comes."""
    _mute_all(live, ALICE, newcomers=True, may_unmute=may_unmute)
    snapshot = live.snapshot()
    assert snapshot.newcomers is come
    assert snapshot.muted == {live.key(BOB)}
    if may_unmute:
        _mute(live, BOB, BOB, muted=False)
        assert not live.snapshot().muted
    else:
        with pytest.raises(Refused):
            _mute(live, BOB, BOB, muted=False)
    _mute(live, ALICE, None, muted=False)
    assert live.snapshot().newcomers is Newcomers.HEARD


def test_who_was_silenced_stays_so_when_others_may_unmute(live: Joined) -> None:
    _mute(live, ALICE, BOB)
    _mute_all(live, ALICE, newcomers=False, may_unmute=True)
    assert live.snapshot().silenced == {live.key(BOB)}
    assert live.snapshot().newcomers is Newcomers.HEARD


def test_mallory_and_bob_say_nothing_of_newcomers(live: Joined) -> None:
    for actor in (BOB, MALLORY):
        with pytest.raises(Refused):
            services.set_newcomers(
                conference=live.conference.key,
                newcomers=Newcomers.SILENCED,
                actor=actor,
                way=Way.REST,
            )
    assert live.snapshot().newcomers is Newcomers.HEARD


@pytest.mark.parametrize("come", list(Newcomers))
def test_whoever_comes_is_written_down_as_he_comes(live: Joined, come: Newcomers) -> None:
    services.participant_joined(
        conference=live.conference.key,
        key=ParticipantKey("carol-1"),
        entity=CAROL.uri,
        display_text="Carol",
        role=Role.PARTICIPANT,
        endpoint="sip:carol@phone.invalid",
        joining_method="dialed-in",
        at=timezone.now().timestamp(),
        comes=come,
    )
    snapshot = live.snapshot()
    assert ("carol-1" in snapshot.muted) == (come is not Newcomers.HEARD)
    assert ("carol-1" in snapshot.silenced) == (come is Newcomers.SILENCED)


def test_it_ends_with_the_conference(live: Joined) -> None:
    services.set_newcomers(
        conference=live.conference.key, newcomers=Newcomers.MUTED, actor=ALICE, way=Way.REST
    )
    at = timezone.now().timestamp()
    services.conference_ended(conference=live.conference.key, at=at, by=ALICE.uri)
    assert live.snapshot().newcomers is Newcomers.HEARD


DESK = "sip:bob@192.0.2.7:5060"


def _removes_phone(live: Joined, endpoint: str, *, ban: bool = False) -> Removal:
    return services.ask_to_remove(
        conference=live.conference.key,
        participant=live.key(BOB),
        actor=ALICE,
        way=Way.REST,
        endpoint=endpoint,
        ban=ban,
    )


def _joins_by_desk(live: Joined) -> None:
    services.participant_joined(
        conference=live.conference.key,
        key=live.key(BOB),
        entity=BOB.uri,
        display_text=BOB.display_name,
        role=Role.PARTICIPANT,
        endpoint=DESK,
        joining_method="dialed-in",
        at=timezone.now().timestamp(),
    )


def test_of_two_phones_one_is_removed(live: Joined) -> None:
    """The history says that it was one phone of his; all of him is another wish."""
    _joins_by_desk(live)
    one = _removes_phone(live, DESK)
    assert (one.endpoint, _removes_phone(live, DESK)) == (DESK, one)
    everything = _remove(live, ALICE, BOB)
    assert everything != one
    assert everything.endpoint == ""
    services.removal_ended(removal=one.pk, outcome="removed", at=timezone.now().timestamp())
    assert live.history()[-1] == ("phone-removed", ALICE.uri, BOB.uri)


def test_a_phone_that_is_not_in_cannot_be_removed(live: Joined) -> None:
    with pytest.raises(Refused) as caught:
        _removes_phone(live, DESK)
    assert caught.value.refusal is Refusal.UNKNOWN
    assert not Removal.objects.exists()


def test_who_may_not_come_back_goes_with_all_phones(live: Joined) -> None:
    _joins_by_desk(live)
    assert _removes_phone(live, DESK, ban=True).endpoint == ""


def test_who_is_not_there_cannot_be_removed(live: Joined) -> None:
    live.leave(BOB)
    with pytest.raises(Refused) as caught:
        _remove(live, ALICE, BOB)
    assert caught.value.refusal is Refusal.UNKNOWN
    with pytest.raises(Refused):
        services.ask_to_remove(
            conference=live.conference.key,
            participant=ParticipantKey("nobody"),
            actor=ALICE,
            way=Way.WEB,
        )


def test_a_participant_of_another_conference_is_not_there(live: Joined, mallory: User) -> None:
    """Mallory may command in her own room, and only there."""
    hers = services.book(organizer=mallory, title="Hers")
    with pytest.raises(Refused) as caught:
        services.ask_to_remove(
            conference=hers.key, participant=live.key(BOB), actor=MALLORY, way=Way.REST
        )
    assert caught.value.refusal is Refusal.UNKNOWN


def test_leaving_is_always_allowed_but_not_with_a_ban(live: Joined) -> None:
    with pytest.raises(Refused):
        _remove(live, BOB, BOB, ban=True)
    assert not Ban.objects.exists()
    assert _remove(live, BOB, BOB).state == RemovalState.DUE


def test_nobody_removes_the_organizer(live: Joined) -> None:
    services.change(
        conference=live.conference,
        actor=ALICE.uri,
        invitees=[services.Invitee(BOB.uri, role=Role.MODERATOR)],
    )
    with pytest.raises(Refused):
        _remove(live, BOB, ALICE)


def test_a_banned_person_is_not_let_in_again(live: Joined) -> None:
    _remove(live, ALICE, BOB, ban=True)
    refusal = policy.may_join(live.snapshot(), BOB, present=0, now=0.0)
    assert refusal is Refusal.BANNED


@pytest.mark.parametrize(
    ("muting", "opening", "allowed"),
    [(BOB, BOB, True), (ALICE, BOB, False), (ALICE, ALICE, True), (BOB, ALICE, False)],
)
def test_who_opens_a_microphone_again(
    live: Joined, muting: Identity, opening: Identity, allowed: bool
) -> None:
    _mute(live, muting, BOB)
    assert live.snapshot().muted == {live.key(BOB)}
    if allowed:
        _mute(live, opening, BOB, muted=False)
        assert live.snapshot().muted == frozenset()
    else:
        with pytest.raises(Refused):
            _mute(live, opening, BOB, muted=False)
        assert live.snapshot().muted == {live.key(BOB)}


def test_muting_oneself_does_not_undo_a_moderators_mute(live: Joined) -> None:
    _mute(live, ALICE, BOB)
    _mute(live, BOB, BOB)
    with pytest.raises(Refused):
        _mute(live, BOB, BOB, muted=False)


def test_mute_all_spares_those_who_command(live: Joined) -> None:
    live.join(CAROL, Role.MODERATOR)
    _mute(live, ALICE, None)
    assert live.snapshot().muted == {live.key(BOB)}
    _mute(live, BOB, BOB)
    _mute(live, ALICE, None, muted=False)
    assert live.snapshot().muted == frozenset()


def test_unmute_all_leaves_those_who_muted_themselves(live: Joined) -> None:
    _mute(live, BOB, BOB)
    _mute(live, ALICE, None, muted=False)
    assert live.snapshot().muted == {live.key(BOB)}


def test_calling_again_does_not_undo_a_mute(live: Joined) -> None:
    _mute(live, ALICE, BOB)
    live.leave(BOB)
    now = timezone.now().timestamp()
    services.participant_joined(
        conference=live.conference.key,
        key=ParticipantKey("bob-again"),
        entity=BOB.uri,
        display_text="Bob",
        role=Role.PARTICIPANT,
        endpoint="sip:bob@phone.invalid",
        joining_method="dialed-in",
        at=now,
    )
    assert live.snapshot().muted == {ParticipantKey("bob-again")}


def test_a_lock_lasts_as_long_as_somebody_is_inside(live: Joined) -> None:
    services.lock(conference=live.conference.key, actor=ALICE, way=Way.WEB)
    services.lock(conference=live.conference.key, actor=ALICE, way=Way.WEB)
    assert [kind for kind, _, _ in live.history()].count("locked") == 1
    assert live.snapshot().locked
    live.leave(BOB)
    live.leave(ALICE)
    services.room_emptied(conference=live.conference.key)
    assert not live.snapshot().locked


def test_the_end_of_a_standing_room_is_not_for_good(live: Joined) -> None:
    services.end(conference=live.conference.key, actor=ALICE, way=Way.WEB)
    assert live.snapshot().end_by == ALICE.uri
    now = timezone.now().timestamp()
    services.conference_ended(conference=live.conference.key, at=now, by=ALICE.uri)
    assert live.snapshot().end_by == ""
    assert policy.when(live.snapshot(), now=now) is None


def test_an_ending_that_meets_an_empty_room_does_not_end_the_next_meeting(live: Joined) -> None:
    services.end(conference=live.conference.key, actor=ALICE, way=Way.WEB)
    live.leave(BOB)
    live.leave(ALICE)
    services.room_emptied(conference=live.conference.key)
    assert live.snapshot().end_by == ""


def test_an_ended_booking_is_over_and_its_next_occurrence_is_not(alice: User, bob: User) -> None:
    start = timezone.now() - datetime.timedelta(minutes=5)
    once = services.book(organizer=alice, title="Once", starts_at=start, running=True)
    daily = services.book(
        organizer=alice, title="Daily", starts_at=start, rrule="FREQ=DAILY", running=True
    )
    for row in (once, daily):
        services.end(conference=row.key, actor=ALICE, way=Way.WEB)
    snapshots = [selectors.snapshot(row.key) for row in (once, daily)]
    now = timezone.now().timestamp()
    refusals = [one and policy.when(one, now=now) for one in snapshots]
    assert refusals == [Refusal.OVER, Refusal.TOO_EARLY]
    assert [one and one.end_by for one in snapshots] == ["", ""]


def test_whom_a_moderator_calls_is_asked_for_no_pin(live: Joined) -> None:
    services.change(conference=live.conference, actor=ALICE.uri, pin="1234")
    call = services.ask_to_call(
        conference=live.conference.key, uri=CAROL.uri, actor=ALICE, way=Way.REST
    )
    assert call.state == CallState.DUE
    assert not policy.needs_pin(live.snapshot(), CAROL)
    assert policy.may_join(live.snapshot(), CAROL, present=0, now=0.0) is None


def test_whom_a_moderator_calls_as_moderator_is_one(live: Joined) -> None:
    services.ask_to_call(
        conference=live.conference.key,
        uri=CAROL.uri,
        actor=ALICE,
        way=Way.REST,
        role=Role.MODERATOR,
    )
    assert live.snapshot().role_of(CAROL) is Role.MODERATOR


def test_participants_of_an_open_conference_may_call_but_promote_nobody(
    open_room: Conference, bob: User
) -> None:
    joined = Joined(open_room)
    ask = {"conference": open_room.key, "uri": CAROL.uri, "actor": BOB, "way": Way.REFER}
    with pytest.raises(Refused):
        services.ask_to_call(**ask)  # type: ignore[arg-type]
    joined.join(BOB)
    services.ask_to_call(**ask)  # type: ignore[arg-type]
    with pytest.raises(Refused):
        services.ask_to_call(**ask, role=Role.MODERATOR)  # type: ignore[arg-type]
    services.change(conference=open_room, actor=ALICE.uri, pin="1234")
    assert policy.needs_pin(joined.snapshot(), CAROL)


def test_a_call_needs_an_address_and_an_open_conference(live: Joined) -> None:
    ask = {"conference": live.conference.key, "actor": ALICE, "way": Way.WEB}
    with pytest.raises(ValidationError):
        services.ask_to_call(**ask, uri="http://example.com/")  # type: ignore[arg-type]
    services.cancel(conference=live.conference, actor=ALICE.uri)
    with pytest.raises(Refused) as caught:
        services.ask_to_call(**ask, uri=CAROL.uri)  # type: ignore[arg-type]
    assert caught.value.refusal is Refusal.OVER


def test_cancelling_sends_away_those_who_are_in(live: Joined) -> None:
    services.cancel(conference=live.conference, actor=ALICE.uri)
    assert live.snapshot().end_by == ALICE.uri
    assert Participant.objects.filter(left_at__isnull=True).count() == 2


def test_who_asks_without_his_name_is_in_the_order_alone(live: Joined) -> None:
    """RFC 3323: the history, which others read, does not tell."""
    removal = services.ask_to_remove(
        conference=live.conference.key,
        participant=live.key(BOB),
        actor=ALICE,
        way=Way.REFER,
        ban=True,
        anonymous=True,
    )
    (order,) = _claimed(removal)
    assert (order.by, order.anonymous, order.ban) == (ALICE.uri, True, True)
    services.removal_ended(removal=removal.pk, outcome="removed", at=timezone.now().timestamp())
    call = services.ask_to_call(
        conference=live.conference.key,
        uri=CAROL.uri,
        actor=ALICE,
        way=Way.REFER,
        anonymous=True,
        history="<resource-lists/>",
    )
    Call.objects.update(state="calling", attempts=1)
    (called,) = live.snapshot().calls
    assert (called.by, called.anonymous) == (ALICE.uri, True)
    assert called.history == "<resource-lists/>"
    services.call_progressed(
        call=call.pk, state="done", status=200, reason="", at=timezone.now().timestamp()
    )
    told = live.conference.events.filter(kind__in=("removed", "called"))
    assert {one.actor for one in told} == {policy.NOBODY}


def _claimed(removal: Removal) -> tuple[policy.RemovalOrder, ...]:
    """As the focus reads it once the job has claimed it."""
    Removal.objects.filter(pk=removal.pk).update(state=RemovalState.CARRYING)
    found = selectors.snapshot(policy.ConferenceId(removal.conference_id))
    assert found is not None
    return found.removals
