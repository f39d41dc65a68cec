"""Who has to wait, and that no attack makes the guard's tables grow or forget a friend."""

from __future__ import annotations

import pytest

from conferences.attempts import ACCOUNT, PAIR, SOURCE, Held, HeldOff, Notes, Tally
from sipgateway.focus import guard as guards
from sipgateway.focus.guard import Guard, Where

NOW = 1_800_000_000.0
HOME = Where("192.0.2.7", "192.0.2.7:5060")
#: Somebody else behind the same address.
NEIGHBOUR = Where("192.0.2.7", "192.0.2.7:40001")
MALLORY = Where("203.0.113.66", "203.0.113.66:5060")
ABROAD = Where("198.51.100.1", "198.51.100.1:5060")


def elsewhere(number: int) -> Where:
    host = f"203.0.{number // 250}.{number % 250}"
    return Where(host, f"{host}:5060")


def fail(guard: Guard, where: Where, account: str, times: int) -> int:
    """Try so often; how many were looked at."""
    looked = 0
    for _ in range(times):
        if guard.wait(where, account, NOW) == 0:
            guard.failed(where, account, NOW)
            looked += 1
    return looked


@pytest.mark.parametrize("account", ["alice", "nobody", "x" * 1000])
def test_a_guesser_has_to_wait_longer_and_longer(account: str) -> None:
    guard = Guard()
    guard.succeeded(HOME, "alice")
    assert fail(guard, MALLORY, account, 100) == PAIR.free + 1
    assert guard.wait(MALLORY, account, NOW) == PAIR.pause
    assert guard.wait(MALLORY, account, NOW + PAIR.pause) == 0
    guard.failed(MALLORY, account, NOW + PAIR.pause)
    assert guard.wait(MALLORY, account, NOW + PAIR.pause) > 1.9 * PAIR.pause


def test_nobody_is_locked_out_of_a_place_where_he_signed_in() -> None:
    guard = Guard()
    guard.succeeded(HOME, "alice")
    looked = sum(fail(guard, elsewhere(number), "alice", 1) for number in range(500))
    assert looked == ACCOUNT.free + 1
    assert guard.wait(ABROAD, "alice", NOW) > 0
    assert guard.wait(HOME, "alice", NOW) == 0


def test_a_guesser_behind_the_same_address_locks_nobody_out() -> None:
    guard = Guard()
    guard.succeeded(HOME, "alice")
    assert fail(guard, NEIGHBOUR, "alice", 100) == PAIR.free + 1
    assert guard.wait(NEIGHBOUR, "alice", NOW) > 0
    assert guard.wait(HOME, "alice", NOW) == 0


def test_a_phone_with_an_old_password_harms_itself_alone() -> None:
    guard = Guard()
    guard.succeeded(HOME, "alice")
    guard.succeeded(NEIGHBOUR, "bob")
    fail(guard, HOME, "alice", 100)
    assert guard.wait(HOME, "alice", NOW) > 0
    assert guard.wait(NEIGHBOUR, "bob", NOW) == 0
    assert guard.wait(NEIGHBOUR, "carol", NOW) == 0


def test_many_accounts_from_one_source() -> None:
    guard = Guard()
    guard.succeeded(HOME, "alice")
    looked = sum(fail(guard, NEIGHBOUR, f"user{number}", 1) for number in range(500))
    assert looked == SOURCE.free + 5 + 1, "one account signed in here"
    assert guard.wait(NEIGHBOUR, "carol", NOW) > 0
    assert guard.wait(HOME, "alice", NOW) == 0, "who is known is not meant"


def test_an_account_of_ones_own_buys_no_guesses() -> None:
    """Mallory signs in between her guesses; what her source got wrong stays."""
    guard, looked = Guard(), 0
    for number in range(300):
        guard.succeeded(MALLORY, "mallory")
        looked += fail(guard, MALLORY, f"user{number}", 1)
    assert looked == SOURCE.free + 5 + 1


def test_tables_have_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MOST_TALLIES", "MOST_KNOWN", "MOST_PLACES", "MOST_NOTES"):
        monkeypatch.setattr(guards, name, 50)
    guard = Guard()
    for number in range(500):
        guard.failed(elsewhere(number), f"name{number}", NOW)
        guard.succeeded(elsewhere(number), f"friend{number}")
        for _ in range(40):
            guard.failed(MALLORY, f"name{number}", NOW)
    tables = [guard._pairs, guard._accounts, guard._sources, guard._known, guard._residents]
    assert [len(table) for table in (*tables, guard._places)] == [50] * 6  # type: ignore[arg-type]
    notes = guard.take_notes()
    assert (len(notes.held_off), len(notes.known)) == (50, 50)


def test_strangers_push_out_strangers_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guards, "MOST_TALLIES", 50)
    guard = Guard()
    guard.succeeded(HOME, "alice")
    for number in range(500):
        guard.failed(elsewhere(number), f"name{number}", NOW)
    assert guard.knows("192.0.2.7", "alice")


def test_notes_are_taken_once() -> None:
    guard = Guard()
    guard.succeeded(HOME, "alice")
    guard.succeeded(HOME, "alice")
    fail(guard, MALLORY, "alice", 100)
    notes = guard.take_notes()
    assert [one.who for one in notes.held_off] == [Held("203.0.113.66", "alice")]
    assert notes.held_off[0].tally.wrong == PAIR.free + 1
    assert notes.known == (Held("192.0.2.7", "alice"),)
    assert guard.take_notes() == Notes()
    guard.succeeded(HOME, "alice")
    assert guard.take_notes() == Notes(), "known already"


@pytest.mark.parametrize(
    "who", [Held("203.0.113.66", "alice"), Held("203.0.113.66", ""), Held("", "alice")]
)
def test_what_was_restored_can_be_lifted(who: Held) -> None:
    guard = Guard()
    guard.restore(Notes((HeldOff(who, Tally(15, NOW - 9, NOW, NOW + 60)),), ()))
    assert guard.holding
    assert guard.wait(MALLORY, "alice", NOW) == 60
    guard.lift(who, NOW - 1)
    assert guard.wait(MALLORY, "alice", NOW) == 60, "wrong again since"
    guard.lift(who, NOW + 1)
    assert guard.wait(MALLORY, "alice", NOW) == 0
    assert not guard.holding
