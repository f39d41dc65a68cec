"""Facts wait, in order, for a database that is away; questions are answered at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction

from conferences.policy import ConferenceId
from sipgateway import directory, facts
from sipgateway.directory import Directory
from sipgateway.focus.events import FocusEvent, QuestionFailed
from sipgateway.focus.facts import Ended, Record, RosterChanged
from sipgateway.focus.questions import LoadAccount
from sipgateway.tenure import Tenure

ROOM = ConferenceId(1)


@dataclass
class Database:
    """Writes facts down while it is there; `away` says for how many tries it is not."""

    away: int = 0
    wrong: frozenset[str] = frozenset()
    written: list[str] = field(default_factory=list)

    def write(self, tenure: Tenure, record: Record, fact: Ended) -> None:
        if self.away:
            self.away -= 1
            raise OperationalError("connection refused")
        if fact.by in self.wrong:
            raise IntegrityError(fact.by)
        self.written.append(fact.by)

    def answers(self) -> bool:
        return not self.away


class Loop:
    """An event loop that does at once what it is asked."""

    def is_closed(self) -> bool:
        return False

    def call_soon_threadsafe(self, call: Callable[..., None], *arguments: Any) -> None:
        call(*arguments)


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch) -> Database:
    stands = Database()
    monkeypatch.setitem(facts._FACTS, Ended, stands.write)
    monkeypatch.setattr(directory, "_answers", stands.answers)
    monkeypatch.setattr(directory, "close_old_connections", lambda: None)
    monkeypatch.setattr(connection, "close", lambda: None)
    monkeypatch.setattr(transaction, "atomic", lambda: _Atomic(stands))
    monkeypatch.setattr(directory, "RETRY", 0.01)
    return stands


@dataclass
class _Atomic:
    """All or nothing."""

    database: Database
    before: list[str] = field(default_factory=list)

    def __enter__(self) -> None:
        self.before = list(self.database.written)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self.database.written[:] = self.before


def run(*items: Any) -> list[FocusEvent]:
    """Have a directory do all this, in this thread; what it told."""
    told: list[FocusEvent] = []
    made = Directory(tenure=Tenure("embedded", shared=False), told=told.append)
    made._loop = Loop()  # type: ignore[assignment]
    for item in (*items, None):
        made._queue.put(item)
    made._run()
    return told


def fact(by: str) -> Record:
    return Record(ROOM, Ended(by), 0.0)


def test_facts_are_written_in_order_once_the_database_is_back(database: Database) -> None:
    database.away = 3
    told = run(fact("a"), fact("b"), LoadAccount(7, "bob"), fact("c"))
    assert database.written == ["a", "b", "c"]
    assert told == [QuestionFailed(7)]


def test_facts_that_wait_when_the_process_ends_are_tried_once_more(database: Database) -> None:
    database.away = 1
    run(fact("a"))
    assert database.written == ["a"]


def test_one_wrong_fact_takes_no_other_with_it(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    database.away, database.wrong = 1, frozenset({"b"})
    run(fact("a"), fact("b"), fact("c"), lambda: None, fact("d"))
    assert database.written == ["a", "c", "d"]
    assert "a fact was lost" in caplog.text


def test_only_the_last_version_of_a_roster_is_written() -> None:
    records = [Record(ROOM, RosterChanged(number), 0.0) for number in (1, 2, 3)]
    assert directory._latest(records) == records[-1:]


async def test_nobody_takes_over_when_the_database_has_just_come_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever could not renew his lease gets the length of one to do it."""
    told: list[FocusEvent] = []
    made = Directory(tenure=Tenure("host:aaaaaaaa", shared=True), told=told.append)
    made._loop = asyncio.get_running_loop()
    monkeypatch.setattr(directory, "_answers", lambda: False)
    asked: list[bool] = []

    def take_over() -> list[FocusEvent]:
        asked.append(True)
        return []

    monkeypatch.setattr(made._tenure, "take_over", take_over)
    assert made._take_over() == []
    assert asked == [True]
    made._failed([], OperationalError("connection refused"))
    assert made._take_over() == []
    assert asked == [True]
    assert "does not answer" in made._failing
