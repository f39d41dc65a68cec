"""A burst waits for the database in place of taking all of its connections."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import environ  # type: ignore[import-untyped]
import pytest
from django.db.utils import ConnectionHandler, OperationalError
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from portal import database
from portal.postgresql import base
from portal.postgresql.base import DatabaseWrapper
from tests.conferences import postgres

pytestmark = pytest.mark.django_db
MOST = 3
_MINE = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'"


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    try:
        with postgres.running() as found:
            yield found
    except postgres.Absent as absent:
        pytest.fail(f"{absent} is not installed")


@pytest.fixture
def config(url: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr(base, "_places", base._Places())
    given = {"ENGINE": "portal.postgresql", "CONN_MAX_AGE": 0, "OPTIONS": {"most": MOST}}
    return {**environ.Env.db_url_config(url), **given}


def _wrapper(config: dict[str, Any], **other: Any) -> DatabaseWrapper:
    """One as a thread of its own would have it."""
    found = ConnectionHandler({"default": {**config, **other}})["default"]
    assert isinstance(found, DatabaseWrapper)
    found.inc_thread_sharing()
    return found


def _open(wrapper: DatabaseWrapper) -> int:
    """How many connections the server sees, over one more or one that is open."""
    with wrapper.cursor() as cursor:
        cursor.execute(_MINE)
        return int(cursor.fetchone()[0])


def test_a_hundred_threads_share_a_few_connections(config: dict[str, Any]) -> None:
    everybody_is_here = threading.Barrier(100)
    lock, inside = threading.Lock(), []

    def ask(number: int) -> int:
        mine = _wrapper(config)
        everybody_is_here.wait()
        _open(mine)
        with lock:
            inside.append(number)
            found = len(inside)
        _open(mine)
        with lock:
            inside.remove(number)
        mine.close()
        return found

    with ThreadPoolExecutor(100) as threads:
        seen = list(threads.map(ask, range(100)))
    assert len(seen) == 100
    assert max(seen) <= MOST


def test_whoever_wants_one_more_gets_it_when_one_is_given_back(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = [_wrapper(config) for _ in range(MOST)]
    for one in taken:
        _open(one)
    late = _wrapper(config)
    monkeypatch.setattr(base, "LONGEST_WAIT", 0)
    with pytest.raises(OperationalError, match="all 3 database connections are in use"):
        _open(late)
    monkeypatch.setattr(base, "LONGEST_WAIT", 60.0)
    waiting = threading.Thread(target=_open, args=[late])
    waiting.start()
    taken.pop().close()
    waiting.join()
    assert late.connection is not None
    for one in [*taken, late]:
        one.close()


def test_one_that_is_forgotten_or_cannot_connect_takes_no_place(config: dict[str, Any]) -> None:
    for _ in range(2 * MOST):
        lost = _wrapper(config)
        _open(lost)
        lost.connection.close()
        lost.connection = None
        gc.collect()
    for _ in range(2 * MOST):
        with pytest.raises(OperationalError):
            _open(_wrapper(config, PORT=1))
    last = _wrapper(config)
    assert _open(last) >= 1
    last.close()


def test_a_thread_that_keeps_its_connection_never_waits(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = [_wrapper(config) for _ in range(MOST)]
    for one in taken:
        _open(one)
    monkeypatch.setattr(base, "LONGEST_WAIT", 0)
    gateway = _wrapper(config, CONN_MAX_AGE=None)
    assert _open(gateway) >= MOST + 1
    for one in [*taken, gateway]:
        one.close()


def test_whoever_is_answered_gives_it_back_before_the_answer_is_sent(
    config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, kept = _wrapper(config), _wrapper(config, CONN_MAX_AGE=None)

    def view(_: HttpRequest) -> HttpResponse:
        assert _open(mine) + _open(kept) >= 2
        return HttpResponse()

    class _Two:
        @staticmethod
        def all(*, initialized_only: bool) -> list[DatabaseWrapper]:
            assert initialized_only
            return [mine, kept]

    monkeypatch.setattr(database, "connections", _Two)
    request = RequestFactory().get("/")
    database.GiveBack(view).process_response(request, view(request))
    assert mine.connection is None
    assert kept.connection is not None
    kept.close()
