"""Wrong passwords: the rules, the rows, what administrators see; and Mallory, who guesses."""

from __future__ import annotations

import datetime

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from conferences import attempts, selectors, services
from conferences.attempts import ACCOUNT, PAIR, SOURCE, Held, Notes, Rule, Tally
from conferences.models import Door, HeldOff, KnownSource, User
from conferences.services import TooManyAttempts
from sipgateway import directory, questions
from sipgateway.focus.actions import WriteAttempts
from sipgateway.focus.events import AttemptsRestored
from tests.conferences.conftest import NOW

MALLORY, HOME = "203.0.113.66", "192.0.2.7"
SECOND = datetime.timedelta(seconds=1)


def wrong(times: int, rule: Rule, *, every: float = 0.0, budget: float = 0.0) -> Tally:
    tally, now = Tally(), 1000.0
    for _ in range(times):
        tally = attempts.wrong_again(tally, rule, now, budget=budget)
        now += every
    return tally


# -- rules -----------------------------------------------------------------------


@pytest.mark.parametrize("rule", [PAIR, ACCOUNT, SOURCE])
def test_the_free_ones_cost_nothing_and_then_pauses_double(rule: Rule) -> None:
    free = int(rule.free)
    assert wrong(free, rule).wait(1000.0) == 0
    pauses = [wrong(free + more, rule).wait(1000.0) for more in (1, 2, 3)]
    assert pauses == [rule.pause, 2 * rule.pause, 4 * rule.pause]


def test_a_pause_has_an_end_however_long_one_went_on() -> None:
    assert wrong(100_000, PAIR).wait(1000.0) == PAIR.longest
    assert wrong(100_000, PAIR).wrong < PAIR.free + 20


def test_what_is_long_ago_is_forgotten() -> None:
    tally = wrong(20, PAIR)
    assert tally.remembered(PAIR, 1000.0 + 20 * PAIR.forgotten) == 0
    again = attempts.wrong_again(tally, PAIR, 1000.0 + 20 * PAIR.forgotten)
    assert (again.wrong, again.wait(again.last)) == (1, 0)
    assert again.since == again.last


def test_in_the_long_run_a_guesser_has_a_try_in_a_quarter_of_an_hour() -> None:
    """He waits every pause out, for a day."""
    tally, now, tries = Tally(), 0.0, 0
    while now < 86_400:
        now = max(now, tally.until) + 0.1
        tally = attempts.wrong_again(tally, PAIR, now)
        tries += 1
    assert tries < 10 + 15 + 86_400 / 600


def test_an_office_may_be_wrong_more_often() -> None:
    budget = attempts.budget_of(40)
    assert wrong(int(SOURCE.free) + 200, SOURCE, budget=budget).wait(1000.0) == 0
    assert wrong(int(SOURCE.free) + 201, SOURCE, budget=budget).wait(1000.0) > 0
    assert attempts.budget_of(1_000_000) == attempts.MOST_BUDGET


@pytest.mark.parametrize(
    ("host", "source"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("[2001:db8:1:2::9]", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("not:an:address", "not:an:address"),
        ("phone.invalid", "phone.invalid"),
    ],
)
def test_what_is_one_source(host: str, source: str) -> None:
    assert attempts.source_of(host) == source


def test_a_name_that_is_too_long_is_counted_by_its_hash() -> None:
    assert attempts.account_key("a" * 64) == "a" * 64
    long = attempts.account_key("a" * 65)
    assert len(long) <= 64
    assert long != attempts.account_key("a" * 66)


# -- rows ------------------------------------------------------------------------


def tries(source: str, account: str, *, at: datetime.datetime = NOW) -> bool:
    """One wrong password at the sign-in page; whether it was looked at."""
    try:
        services.may_try(door=Door.PAGES, source=source, account=account, now=at)
    except TooManyAttempts as refused:
        return refused.wait < 1
    services.attempt_failed(door=Door.PAGES, source=source, account=account, now=at)
    return True


@pytest.mark.django_db
@pytest.mark.parametrize("account", ["alice", "nobody", "x" * 500])
def test_mallory_is_looked_at_ten_times(alice: User, account: str) -> None:
    """The same for a name that nobody has."""
    looked = [tries(MALLORY, account) for _ in range(15)]
    assert looked == [True] * 11 + [False] * 4
    assert tries(MALLORY, account, at=NOW + 2 * SECOND)
    assert not tries(MALLORY, account, at=NOW + 2 * SECOND)


@pytest.mark.django_db
def test_nobody_is_kept_out_where_he_signs_in(alice: User) -> None:
    """Mallory guesses from a hundred addresses; Alice's home is known."""
    services.attempt_succeeded(door=Door.PAGES, source=HOME, account="alice", now=NOW)
    looked = [tries(f"203.0.113.{number}", "alice") for number in range(100)]
    assert sum(looked) == 31
    services.may_try(door=Door.PAGES, source=HOME, account="alice", now=NOW)
    with pytest.raises(TooManyAttempts):
        services.may_try(door=Door.PAGES, source="198.51.100.1", account="alice", now=NOW)


@pytest.mark.django_db
def test_trying_many_accounts_gains_nothing(alice: User) -> None:
    looked = [tries(MALLORY, f"user{number}") for number in range(200)]
    assert sum(looked) == SOURCE.free + 1
    assert tries("198.51.100.1", "user1")


@pytest.mark.django_db
def test_the_right_password_forgives_what_was_mistyped() -> None:
    for _ in range(10):
        tries(HOME, "alice")
    services.attempt_succeeded(door=Door.PAGES, source=HOME, account="alice", now=NOW)
    assert [tries(HOME, "alice") for _ in range(10)] == [True] * 10


@pytest.mark.django_db
def test_rows_have_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services.attempts, "MOST_ROWS", 20)
    for number in range(50):
        tries(f"203.0.113.{number}", f"name{number}")
    assert HeldOff.objects.count() == 20


@pytest.mark.django_db
def test_what_is_long_over_is_pruned() -> None:
    tries(MALLORY, "alice")
    services.attempt_succeeded(door=Door.PAGES, source=HOME, account="alice", now=NOW)
    services.prune(now=NOW + datetime.timedelta(days=29))
    assert (HeldOff.objects.count(), KnownSource.objects.count()) == (3, 1)
    services.prune(now=NOW + datetime.timedelta(days=181))
    assert (HeldOff.objects.count(), KnownSource.objects.count()) == (0, 0)


@pytest.mark.django_db
def test_a_restart_of_the_gateway_forgives_nobody() -> None:
    at = NOW.timestamp()
    held = attempts.HeldOff(Held(MALLORY, "alice"), Tally(12.0, at - 9, at, at + 60))
    over = attempts.HeldOff(Held(MALLORY, "bob"), Tally(12.0, at - 90, at - 80, at - 60))
    services.write_attempts(Notes((held, over), (Held(HOME, "alice"),)), at=at)
    assert selectors.standing_attempts(now=NOW) == Notes((held,), (Held(HOME, "alice"),))
    services.write_attempts(Notes((held,), (Held(HOME, "alice"),)), at=at + 1)
    assert KnownSource.objects.get().last_at == NOW + SECOND


@pytest.mark.django_db
def test_the_gateway_writes_and_reads_by_its_directory() -> None:
    """What the guard notes is restored at the next start, and forgotten once lifted."""
    now = timezone.now().timestamp()
    held = attempts.HeldOff(Held(MALLORY, "alice"), Tally(12.0, now - 9, now, now + 60))
    caught = attempts.HeldOff(Held(MALLORY, ""), Tally(1.0, now, now, now + 60))
    notes = Notes((held,), (Held(HOME, "alice"),), (caught,))
    questions.answer(WriteAttempts(notes, now))
    assert directory._restored() == AttemptsRestored(notes)
    assert directory._lifted() is None
    assert services.lift_attempts(rows=HeldOff.objects.all()) == 2
    lifted = directory._lifted()
    assert lifted is not None
    assert {who for who, _ in lifted.lifted} == {held.who, caught.who}
    assert directory._restored().notes.held_off == ()


# -- administrators --------------------------------------------------------------


@pytest.fixture
def office(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("root", password="secret"))
    return client


def test_administrators_see_and_lift(office: Client) -> None:
    now = timezone.now()
    tally = Tally(12.0, now.timestamp() - 9, now.timestamp(), now.timestamp() + 600)
    note = attempts.HeldOff(Held(MALLORY, "alice"), tally)
    services.write_attempts(Notes((note,)), at=now.timestamp())
    address = reverse("admin:conferences_heldoff_changelist")
    page = office.get(address).content.decode()
    assert MALLORY in page
    assert "alice" in page
    row = HeldOff.objects.get()
    office.post(address, {"action": "lift", "_selected_action": [row.pk]})
    row.refresh_from_db()
    assert row.lifted_at is not None
    assert selectors.standing_attempts(now=timezone.now()).held_off == ()
    since = now - SECOND
    assert [who for who, _ in selectors.lifted_attempts(since=since)] == [Held(MALLORY, "alice")]
    assert services.lift_attempts(rows=[row]) == 0, "what is lifted is not lifted twice"


def test_mallory_sees_and_lifts_nothing(mallory: User) -> None:
    browser = Client()
    browser.force_login(mallory)
    address = reverse("admin:conferences_heldoff_changelist")
    assert browser.get(address).status_code == 302
    assert browser.post(address, {"action": "lift"}).status_code == 302


# -- the REST API ----------------------------------------------------------------


def ask(browser: Client, token: str) -> int:
    """One call with a token; its status."""
    headers = {"Authorization": f"Bearer {token}"}
    return browser.get("/api/v1/conferences", headers=headers).status_code


@pytest.mark.usefixtures("still")
def test_wrong_tokens_are_counted_and_a_right_one_works(alice: User) -> None:
    browser, token = Client(), services.issue_api_token(alice)
    statuses = [ask(browser, f"guess{number}") for number in range(70)]
    assert statuses == [401] * 61 + [429] * 9
    refused = browser.get("/api/v1/conferences", headers={"Authorization": "Bearer guess"})
    assert int(refused["Retry-After"]) >= 1
    assert refused.json()["status"] == 429
    assert ask(browser, token) == 200


# -- accounts named by their hash ------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("algorithm", "hashed"),
    [
        # of "alice:conf.test", by another program
        ("MD5", "856a11d0d0fd289aa9b4a1f7e09a79f7"),
        ("SHA-256", "74c44251bbcf844b3c109e22f6259b30c2b75dc89e9f19af5395ef29e2dda614"),
    ],
)
def test_an_account_is_found_by_its_hashed_name(alice: User, algorithm: str, hashed: str) -> None:
    services.set_sip_password(alice, "a SIP password")
    found = selectors.account(hashed, hashed_by=algorithm)
    assert found is not None
    assert found.auth_name == "alice"
    assert selectors.account(hashed) is None
    assert selectors.account("alice", hashed_by=algorithm) is None
    assert selectors.account(hashed, hashed_by="SHA-512-256") is None
    assert selectors.account("", hashed_by=algorithm) is None
