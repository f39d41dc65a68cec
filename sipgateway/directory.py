"""The gateway's only door to the database.

One thread reads and writes, in the order in which it was asked: what the
focus recorded is there before the next thing is read. Facts that wait are
written together, in one transaction. Answers go back to the event loop.
"""

from __future__ import annotations

import asyncio
import datetime
import itertools
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterator

from django.db import (
    DatabaseError,
    InterfaceError,
    OperationalError,
    close_old_connections,
    connection,
    transaction,
)
from django.utils import timezone as clock

from conferences import selectors, services
from conferences.policy import ConferenceId
from sipgateway import facts, ladder, questions
from sipgateway.focus.actions import (
    DirectoryAction,
    KeepCall,
)
from sipgateway.focus.events import (
    AttemptsLifted,
    AttemptsRestored,
    ConferenceChanged,
    FocusEvent,
    PhonesEnded,
    PhonesFound,
    PhonesKept,
    PhonesRemembered,
    QuestionFailed,
)
from sipgateway.focus.facts import Record, RosterChanged
from sipgateway.focus.questions import (
    FindPhones,
    KeepPhones,
    Query,
)
from sipgateway.ladder import Batch
from sipgateway.sip.credentials import Trunk
from sipgateway.sip.errors import BadMessage
from sipgateway.sip.uri import parse_sip_uri
from sipgateway.tenure import LEASE, Tenure

LOG = logging.getLogger(__name__)

LIFTED_WITHIN = datetime.timedelta(minutes=1)
"""How far back one looks for those who may try again: a dozen looks of the gateway."""
BATCH = 200
"""Facts written in one transaction at most."""

RETRY = 1.0
"""Seconds between two tries to write facts down when the database does not answer."""

_Work = Callable[[], FocusEvent | list[FocusEvent] | None]


class Directory:
    """See the module. `told` is called on the event loop with every answer.

    On `ports` phones reach this process and no other of the machine.
    """

    def __init__(
        self, *, tenure: Tenure, ports: Collection[int] = (), told: Callable[[FocusEvent], None]
    ) -> None:
        self._tenure = tenure
        self._owner = tenure.owner
        self._ports = frozenset(ports)
        self._told = told
        self._queue: queue.SimpleQueue[DirectoryAction | _Work | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="directory", daemon=True)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._failing = ""
        self._failed_at = float("-inf")
        #: Facts that could not be written, in order; they are once the database answers.
        self._unwritten: deque[Record] = deque()
        self._put_by: list[DirectoryAction | _Work | None] = []

    async def start(self) -> None:
        """Start the thread; rosters that an earlier life of this process left are closed."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()
        self._queue.put(self._tenure.begin)
        self._queue.put(_restored)

    async def stop(self) -> None:
        """Write down what waits, then end the thread."""
        self._queue.put(None)
        await asyncio.to_thread(self._thread.join, 3.0)

    def hand_over(self) -> None:
        """Let others take all our conferences at once, when what waits is written down."""
        self._queue.put(self._tenure.hand_over)

    def failing(self) -> str:
        """Empty while the database answers, for ``/healthz``."""
        return self._failing if self._thread.is_alive() else "the directory has stopped"

    def act(self, action: DirectoryAction) -> None:
        """Queue a question or a fact."""
        self._queue.put(action)

    def look(self, conference: ConferenceId, *, live: bool) -> None:
        """Read a conference again, because somebody may have changed it.

        Where it is not live here all that matters is whether somebody is to be called.
        """
        self._queue.put(lambda: _changed(conference, live=live))

    def look_at_setup(self, token: str) -> None:
        """Read what a caller of the conference application has answered."""
        self._queue.put(lambda: questions.setup_answered(token))

    def find_owner(self, call_id: str, then: Callable[[str], None]) -> None:
        """Tell the process that has the dialogs of a Call-ID; nothing if that cannot be read."""

        def found() -> None:
            owner = self._tenure.owner_of_call(call_id)
            if self._loop is not None and not self._loop.is_closed():
                self._loop.call_soon_threadsafe(then, owner)

        self._queue.put(found)

    def look_at_trunks(self, then: Callable[[list[tuple[str, Trunk]]], None]) -> None:
        """Tell by what calls leave, by prefix of number; nothing if that cannot be read."""

        def found() -> None:
            trunks = list(_trunks())
            if self._loop is not None and not self._loop.is_closed():
                self._loop.call_soon_threadsafe(then, trunks)

        self._queue.put(found)

    def look_at_phones(self) -> None:
        """Read which registrations were ended."""
        self._queue.put(self._ended_phones)

    def remember_phones(self) -> None:
        """Read what an earlier life of this process knew of phones."""
        self._queue.put(self._remembered_phones)

    def renew(self, conferences: Collection[ConferenceId], calls: Collection[str] = ()) -> None:
        """Keep the leases of the conferences that are served here, and the groups of `calls`."""
        if conferences:
            self._queue.put(lambda: self._tenure.renew(conferences))
        self._queue.put(lambda: self._tenure.renew_calls(calls))
        self._queue.put(self._take_over)

    def keep_messages(self, batches: list[Batch]) -> None:
        """Write down what was said in conferences, without its secrets."""
        if batches:
            self._queue.put(lambda: _keep(batches))

    def look_at_lifted(self) -> None:
        """Read whom administrators let try again."""
        self._queue.put(_lifted)

    def _take_over(self) -> list[FocusEvent]:
        """Not when the database has just come back: whoever could not renew gets his time."""
        steady = time.monotonic() - self._failed_at > LEASE
        return self._tenure.take_over() if steady else []

    def _ended_phones(self) -> PhonesEnded | None:
        found = selectors.registrations_to_drop(self._owner)
        return PhonesEnded(tuple(found)) if found else None

    def _remembered_phones(self) -> PhonesRemembered:
        now = datetime.datetime.now(tz=datetime.UTC)
        return PhonesRemembered(selectors.remembered(self._owner, self._ports, now=now))

    # -- the thread ----------------------------------------------------------

    def _run(self) -> None:
        # Asked several times a second: this thread's connection stays open, and is nobody else's.
        connection.settings_dict = {**connection.settings_dict, "CONN_MAX_AGE": None}
        for batch in self._batches():
            close_old_connections()
            try:
                self._catch_up()
                self._carry_out(batch)
                self._failing = ""
            except Exception as error:  # noqa: BLE001  without this guard nobody is let in any more
                self._failed(batch, error)
        connection.close()

    def _batches(self) -> Iterator[list[DirectoryAction | _Work]]:
        """Facts that wait together, everything else alone."""
        while (item := self._next()) is not None:
            batch: list[DirectoryAction | _Work] = [item]
            while isinstance(batch[-1], Record) and len(batch) < BATCH:
                try:
                    following = self._queue.get_nowait()
                except queue.Empty:
                    break
                if not isinstance(following, Record):
                    self._put_by.append(following)
                    break
                batch.append(following)
            yield batch
        if self._unwritten:
            yield [_nothing]

    def _next(self) -> DirectoryAction | _Work | None:
        """What is next; nothing to do where it is time to try again what could not be written."""
        if self._put_by:
            return self._put_by.pop()
        try:
            return self._queue.get(timeout=RETRY if self._unwritten else None)
        except queue.Empty:
            return _nothing

    def _catch_up(self) -> None:
        """Write what could not be written; raises what keeps it from that."""
        while self._unwritten:
            some = list(itertools.islice(self._unwritten, BATCH))
            self._carry_out(list(some))
            for _ in some:
                self._unwritten.popleft()

    def _carry_out(self, batch: list[DirectoryAction | _Work]) -> None:
        records = _latest([item for item in batch if isinstance(item, Record)])
        if len(records) > 1:
            with transaction.atomic():
                for record in records:
                    self._write(record)
            return
        item = batch[0]
        if isinstance(item, Record):
            self._write(item)
            return
        if isinstance(item, KeepCall):
            self._tenure.keep_call(item)
            return
        answer = item() if callable(item) else self._answer(item)
        for event in answer if isinstance(answer, list) else self._tenure.settled(answer):
            self._tell(event)

    def _answer(self, item: DirectoryAction) -> FocusEvent | None:
        if isinstance(item, FindPhones):
            return PhonesFound(item.question, self._tenure.phones_elsewhere(item.aor))
        if isinstance(item, KeepPhones):
            services.keep_registrations(gateway=self._owner, entries=item.entries)
            return PhonesKept(item.question)
        return questions.answer(item)

    def _failed(self, batch: list[DirectoryAction | _Work], error: Exception) -> None:
        """Answer what was asked; keep facts until the database answers, or see which is wrong."""
        if isinstance(error, DatabaseError):
            if not self._failing:
                LOG.error("the database does not answer: %s", error)
            self._failing = f"the database does not answer: {error}"
            self._failed_at = time.monotonic()
        if isinstance(error, OperationalError | InterfaceError) and not _answers():
            self._unwritten.extend(item for item in batch if isinstance(item, Record))
            for item in batch:
                self._fail(item)
            return
        LOG.error("%d facts or questions failed", len(batch), exc_info=error)
        batch = [*self._unwritten, *batch]
        self._unwritten.clear()
        if len(batch) == 1 and not isinstance(batch[0], Record):
            self._fail(batch[0])
            return
        self._one_by_one(batch)

    def _one_by_one(self, batch: list[DirectoryAction | _Work]) -> None:
        """So that one does not take the others with it."""
        for item in batch:
            try:
                self._carry_out([item])
            except Exception:  # the same guard
                LOG.exception("a fact was lost: %r", item)
                self._fail(item)

    def _fail(self, item: DirectoryAction | _Work) -> None:
        if isinstance(item, Query):
            self._tell(QuestionFailed(item.question))

    def _tell(self, event: FocusEvent) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._told, event)

    def _write(self, record: Record) -> None:
        facts.write(self._tenure, record)


def _nothing() -> None:
    """Something to do that is nothing."""


def _answers() -> bool:
    """Whether the database is there at all."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return False
    return True


def _latest(records: list[Record]) -> list[Record]:
    """Without roster versions that a later one in the same batch makes stale."""
    versions = {r.conference: r for r in records if isinstance(r.fact, RosterChanged)}
    return [
        r for r in records if not isinstance(r.fact, RosterChanged) or versions[r.conference] is r
    ]


def _keep(batches: list[Batch]) -> None:
    for batch in batches:
        lines: list[services.Line] = [
            {
                "at": one.at,
                "sent": one.sent,
                "call": one.call,
                "peer": one.peer,
                "way": one.way,
                "text": ladder.readable(one.octets),
            }
            for one in batch.messages
        ]
        services.keep_messages(name=batch.name, lines=lines, left_out=batch.left_out)


def _changed(conference: ConferenceId, *, live: bool) -> ConferenceChanged | None:
    if not live and not selectors.has_calls(conference):
        return None
    snapshot = selectors.snapshot(conference)
    return ConferenceChanged(snapshot) if snapshot else None


def _restored() -> AttemptsRestored:
    return AttemptsRestored(selectors.standing_attempts(now=clock.now()))


def _trunks() -> Iterator[tuple[str, Trunk]]:
    for line in selectors.trunks():
        try:
            uri = parse_sip_uri(line.uri)
        except BadMessage:
            LOG.warning("the address of a trunk cannot be read: %s", line.uri)
        else:
            yield line.prefix, Trunk(uri, line.username, line.password, line.caller)


def _lifted() -> AttemptsLifted | None:
    lifted = selectors.lifted_attempts(since=clock.now() - LIFTED_WITHIN)
    return AttemptsLifted(tuple(lifted)) if lifted else None
