"""People's dialogs in the other processes of the system, told to whoever watches them there.

A process says whose dialogs are watched in it: at once of somebody new, and of
all from time to time. The others tell it theirs, and each change. Between
processes everything may get lost; the next round puts it right.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

from sipgateway.focus.actions import TellDialogs, WatchDialogs
from sipgateway.focus.desk import Desk
from sipgateway.focus.dialog_info import End, Talk, Talks
from sipgateway.focus.events import DialogsTold, DialogsWatched

ROUND = 5.0
"""Seconds between two rounds: so long does what was lost stay so."""
GATHERING = 0.5
"""Seconds that the others get to answer before a watcher is told for the first time."""
HEIR_WITHIN = 15.0
"""Seconds for which the dialogs of a process that is gone are told on: its heir has them then."""

Written = Mapping[str, Any]


class DialogsElsewhere:
    """See the module; in a process that is alone it does nothing."""

    def __init__(
        self,
        desk: Desk,
        *,
        watched: Callable[[], Iterable[str]],
        changed: Callable[[float], None],
    ) -> None:
        """`watched` gives whose dialogs are watched here; `changed` hears of new ones."""
        self._desk = desk
        self._watched = watched
        self._changed = changed
        #: Since when the others have been asked for somebody's.
        self._asked: dict[str, float] = {}
        self._rounds = False
        #: Whose dialogs a process watches, and what it was told of each.
        self._wanted: dict[str, dict[str, Talks]] = {}
        #: What a process has told, by person.
        self._told: dict[str, dict[str, Talks]] = {}
        self._gone: set[str] = set()

    # -- what the others have --------------------------------------------------

    def ask(self, entity: str, now: float) -> float:
        """Ask the others for somebody's dialogs; gives when they have answered."""
        if not self._desk.process:
            return now
        if entity not in self._asked:
            self._asked[entity] = now
            self._desk.act(WatchDialogs((entity,), whole=False))
        if not self._rounds:
            self._rounds = True
            self._desk.later(now + ROUND, self._round)
        return self._asked[entity] + GATHERING

    def _round(self, now: float) -> None:
        watched = sorted(set(self._watched()))
        self._asked = {entity: self._asked.get(entity, now) for entity in watched}
        self._desk.act(WatchDialogs(tuple(watched), whole=True))
        self._rounds = bool(watched)
        if watched:
            self._desk.later(now + ROUND, self._round)
        else:
            self._told.clear()

    def told(self, event: DialogsTold, now: float) -> None:
        """Another process tells what dialogs people have there."""
        self._gone.discard(event.by)
        known = {} if event.whole else self._told.setdefault(event.by, {})
        self._told[event.by] = known
        for entity, talks in event.talks.items():
            known[entity] = {talk["id"]: _talk(talk) for talk in talks}
        self._changed(now)

    def talks(self, entity: str) -> Talks:
        """Somebody's dialogs elsewhere; what lives on outdoes what a process that is gone said."""
        found: dict[str, Talk] = {}
        for process in sorted(self._told, key=lambda name: name not in self._gone):
            found |= self._told[process].get(entity, {})
        return found

    def gone(self, process: str, now: float) -> None:
        """A process is gone; another may go on with its dialogs, else they are over."""
        self._wanted.pop(process, None)
        if process in self._told:
            self._gone.add(process)
            self._desk.later(now + HEIR_WITHIN, lambda then: self._drop(process, then))

    def _drop(self, process: str, now: float) -> None:
        if process in self._gone:
            self._gone.discard(process)
            self._told.pop(process, None)
            self._changed(now)

    # -- what is here ----------------------------------------------------------

    @property
    def wanted(self) -> set[str]:
        """Whose dialogs other processes watch."""
        return {entity for wanted in self._wanted.values() for entity in wanted}

    def want(self, event: DialogsWatched) -> None:
        """Another process watches somebody's; `answer` is called next."""
        wanted = self._wanted.setdefault(event.by, {})
        if event.whole:
            for entity in wanted.keys() - set(event.entities):
                del wanted[entity]
        for entity in event.entities:
            wanted[entity] = {}

    def answer(self, event: DialogsWatched, here: Mapping[str, Talks]) -> None:
        """Tell it those, whether or not it has been told before."""
        talks = {entity: here[entity] for entity in event.entities if here.get(entity)}
        self._wanted[event.by] |= talks
        self._tell(event.by, talks, whole=event.whole)

    def changed(self, here: Mapping[str, Talks]) -> None:
        """Tell whoever watches what is other than it was told."""
        for process, wanted in self._wanted.items():
            others = {entity: here.get(entity, {}) for entity in wanted}
            news = {entity: talks for entity, talks in others.items() if talks != wanted[entity]}
            if news:
                wanted |= news
                self._tell(process, news, whole=False)

    def _tell(self, process: str, talks: Mapping[str, Talks], *, whole: bool) -> None:
        written = {entity: _written(those) for entity, those in talks.items()}
        self._desk.act(TellDialogs(process, written, whole))


def _written(talks: Talks) -> Sequence[Written]:
    return [asdict(talk) for talk in talks.values()]


def _talk(written: Written) -> Talk:
    ends = {"local": End(**written["local"]), "remote": End(**written["remote"])}
    return Talk(**{**written, **ends})
