"""Who may not come back, and who lets him."""

from __future__ import annotations

import pytest

from conferences import services
from conferences.models import Ban, Call, CallState, Way
from conferences.policy import Identity, Refusal
from conferences.services import Refused
from tests.conferences.conftest import Joined
from tests.conferences.test_api import Api, as_alice, as_bob, as_mallory
from tests.people import ALICE, BOB, CAROL, MALLORY

__all__ = ["as_alice", "as_bob", "as_mallory"]


@pytest.fixture
def banned(live: Joined) -> Joined:
    """Bob was removed for good, by Alice."""
    services.ask_to_remove(
        conference=live.conference.key,
        participant=live.key(BOB),
        actor=ALICE,
        way=Way.WEB,
        ban=True,
    )
    return live


def _call(live: Joined, actor: Identity) -> Call:
    return services.ask_to_call(
        conference=live.conference.key, uri=BOB.uri, actor=actor, way=Way.REST
    )


def test_a_moderators_call_lifts_the_ban(banned: Joined) -> None:
    assert _call(banned, ALICE).state == CallState.DUE
    assert banned.snapshot().banned == frozenset()
    assert banned.history()[-1] == ("ban-lifted", ALICE.uri, BOB.uri)


def test_no_other_call_does(banned: Joined) -> None:
    banned.conference.participants_may_add = True
    banned.conference.save(update_fields=["participants_may_add"])
    banned.join(CAROL)
    with pytest.raises(Refused) as caught:
        _call(banned, CAROL)
    assert caught.value.refusal is Refusal.BANNED
    assert Ban.objects.exists()


def test_a_call_that_was_planned_before_is_not_made(live: Joined) -> None:
    call = _call(live, ALICE)
    services.ask_to_remove(
        conference=live.conference.key,
        participant=live.key(BOB),
        actor=ALICE,
        way=Way.WEB,
        ban=True,
    )
    services.place_calls(now=call.due_at)
    call.refresh_from_db()
    assert (call.state, call.reason) == (CallState.FAILED, "banned")


def test_nobody_shuts_himself_out(live: Joined) -> None:
    with pytest.raises(Refused):
        services.ask_to_remove(
            conference=live.conference.key,
            participant=live.key(ALICE),
            actor=ALICE,
            way=Way.REST,
            ban=True,
        )
    assert not Ban.objects.exists()


def test_rest_lists_and_lifts(banned: Joined, as_alice: Api) -> None:
    path = f"/conferences/{banned.conference.name}/bans"
    status, (one,) = as_alice.call("GET", path)
    said = {key: one[key] for key in ("entity", "display_text", "by")}
    assert status == 200
    assert said == {"entity": BOB.uri, "display_text": "Bob", "by": ALICE.uri}
    assert as_alice.call("DELETE", f"{path}/{one['id']}")[0] == 204
    assert as_alice.call("GET", path) == (200, [])
    assert as_alice.call("DELETE", f"{path}/{one['id']}")[0] == 404
    assert banned.history()[-1] == ("ban-lifted", ALICE.uri, BOB.uri)


def test_mallory_and_bob_neither_read_nor_lift(
    banned: Joined, as_bob: Api, as_mallory: Api
) -> None:
    path, ban = f"/conferences/{banned.conference.name}/bans", Ban.objects.get()
    for one in (as_bob, as_mallory):
        assert one.call("GET", path)[0] == 403
        assert one.call("DELETE", f"{path}/{ban.pk}")[0] == 403
    with pytest.raises(Refused):
        services.lift_ban(conference=banned.conference.key, ban=ban.pk, actor=MALLORY, way=Way.REST)
    assert Ban.objects.exists()


def _shut_out(live: Joined, actor: Identity, *, ban: bool = False) -> None:
    services.shut_out(
        conference=live.conference.key,
        entity=CAROL.uri,
        actor=actor,
        way=Way.REFER,
        reason="later",
        ban=ban,
    )


@pytest.mark.parametrize("ban", [False, True])
def test_who_is_sent_away_from_the_pin_is_in_the_history(live: Joined, ban: bool) -> None:
    _shut_out(live, ALICE, ban=ban)
    assert live.history()[-1] == ("not-let-in", ALICE.uri, CAROL.uri)
    assert (CAROL.uri in live.snapshot().banned) is ban
    with pytest.raises(Refused):
        _shut_out(live, MALLORY)
