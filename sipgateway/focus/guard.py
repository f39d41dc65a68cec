"""Who has been wrong too often: the memory behind digest authentication.

The rules stand in `conferences.attempts`. Two words for where a
request comes from: its *source* is an address, as `attempts.source_of` gives it;
its *place* is the address with the port. A phone that has signed in is counted
at its place, so that whoever guesses behind the same address does not lock it
out.

Everything here is bounded: each table forgets whoever was heard of longest
ago. Those who have signed in lie in tables of their own, so that a flood of
strangers pushes out strangers alone.

What is to be seen by administrators is collected and taken by `take_notes`
every few seconds, so that an attack writes no more rows than it has attackers.
"""

from __future__ import annotations

import math
from collections import Counter, OrderedDict
from collections.abc import Hashable
from typing import Generic, NamedTuple, TypeVar

from conferences import attempts
from conferences.attempts import ACCOUNT, PAIR, SEARCH, SOURCE, Held, HeldOff, Notes, Rule, Tally

MOST_TALLIES = 20_000
"""Accounts, sources and pairs that are counted, each; 300 octets for one."""
MOST_KNOWN = 20_000
"""Accounts whose sources are known; a kilobyte for one."""
MOST_SOURCES = 16
"""Sources known of one account: home, office, train, and the last holidays."""
MOST_ACCOUNTS = 200
"""Accounts counted at one source, after which its budget grows no more."""
MOST_PLACES = 50_000
"""Addresses with ports at which an account has signed in; 200 octets for one."""
SPAN = 8.0
"""Seconds after which a challenge should be answered, on a machine that is very busy."""
MOST_NAMES = 2000
"""Names remembered of a source and span."""
MOST_NOTES = 500
"""Notes between two takings; an attack from more sources shows its first ones."""

K = TypeVar("K", bound=Hashable)


class Where(NamedTuple):
    """Where a request comes from."""

    source: str
    place: str


class Book(Generic[K]):
    """Tallies by key, of which the least recently wrong is forgotten first."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._tallies: OrderedDict[K, Tally] = OrderedDict()

    def __len__(self) -> int:
        return len(self._tallies)

    def wait(self, key: K, now: float) -> float:
        """Seconds until the next attempt is looked at."""
        tally = self._tallies.get(key)
        return tally.wait(now) if tally is not None else 0.0

    def wrong(self, key: K, now: float, *, budget: float = 0.0) -> Tally:
        """One more wrong attempt."""
        before = self._tallies.get(key, Tally())
        tally = attempts.wrong_again(before, self._rule, now, budget=budget)
        self.put(key, tally)
        return tally

    def put(self, key: K, tally: Tally) -> None:
        """Remember a tally as it is."""
        self._tallies[key] = tally
        self._tallies.move_to_end(key)
        if len(self._tallies) > MOST_TALLIES:
            self._tallies.popitem(last=False)

    def forgive(self, key: K, *, until: float = math.inf) -> None:
        """Forget what was wrong up to then."""
        tally = self._tallies.get(key)
        if tally is not None and tally.last <= until:
            del self._tallies[key]


class _Asked:
    """The names that a source asked for without signing in, of this span of time and the last."""

    def __init__(self, now: float) -> None:
        self._turned = now
        self._young: set[str] = set()
        self._old: set[str] = set()

    def note(self, name: str, now: float) -> int:
        """One more; gives how many of the last span are unanswered, once, as it ends."""
        unanswered = 0
        if now - self._turned >= SPAN:
            unanswered = len(self._old)
            if now - self._turned >= 2 * SPAN:
                unanswered += len(self._young)
                self._young.clear()
            self._old, self._young, self._turned = self._young, set(), now
        if len(self._young) < MOST_NAMES:
            self._young.add(name)
        return unanswered

    def forget(self, name: str) -> None:
        """It was answered."""
        self._young.discard(name)
        self._old.discard(name)


class Guard:
    """See the module. `now` is in POSIX seconds."""

    def __init__(self) -> None:
        self._pairs: Book[Held] = Book(PAIR)
        self._accounts: Book[str] = Book(ACCOUNT)
        self._sources: Book[str] = Book(SOURCE)
        #: Where each account has signed in from, latest last, and the other way round.
        self._known: OrderedDict[str, OrderedDict[str, None]] = OrderedDict()
        self._residents: OrderedDict[str, OrderedDict[str, None]] = OrderedDict()
        self._places: OrderedDict[Hashable, None] = OrderedDict()
        self._lived_at: OrderedDict[Hashable, None] = OrderedDict()
        self._searchers: Book[str] = Book(SEARCH)
        self._asked: OrderedDict[str, _Asked] = OrderedDict()
        self._held_off: dict[Held, Tally] = {}
        self._searching: dict[Held, Tally] = {}
        self._newly_known: dict[Held, None] = {}
        #: What was counted, by outcome.
        self.counters: Counter[str] = Counter()

    # -- questions -----------------------------------------------------------

    def wait(self, where: Where, account: str, now: float) -> float:
        """Seconds until an attempt at `account` is looked at; 0 for at once."""
        account = attempts.account_key(account)
        waits = [self._pairs.wait(self._pair(where, account), now)]
        if not self.knows(where.source, account):
            waits += [self._accounts.wait(account, now), self._sources.wait(where.source, now)]
        return max(waits)

    def knows(self, source: str, account: str) -> bool:
        """Whether that account has signed in from there."""
        return source in self._known.get(attempts.account_key(account), ())

    def lives_at(self, place: str) -> bool:
        """Whether somebody has signed in from that address and port."""
        return place in self._lived_at

    def searches(self, source: str, now: float) -> bool:
        """Whether a source is shut out, because it searches for names."""
        return self._searchers.wait(source, now) > 0

    @property
    def holding(self) -> bool:
        """Whether anybody may have to wait."""
        books = (self._pairs, self._accounts, self._sources, self._searchers)
        return any(len(book) for book in books)

    def residents(self, source: str) -> int:
        """How many accounts have signed in from there."""
        return len(self._residents.get(source, ()))

    def _pair(self, where: Where, account: str) -> Held:
        at_place = Held(where.place, account)
        return at_place if at_place in self._places else Held(where.source, account)

    # -- what happens --------------------------------------------------------

    def failed(self, where: Where, account: str, now: float) -> None:
        """A wrong password, or a name that nobody has."""
        self.counters["wrong password"] += 1
        account, source = attempts.account_key(account), where.source
        pair = self._pair(where, account)
        self._hold(pair, self._pairs.wrong(pair, now), now)
        budget = attempts.budget_of(self.residents(source))
        self._hold(Held(source, ""), self._sources.wrong(source, now, budget=budget), now)
        if not self.knows(source, account):
            self._hold(Held("", account), self._accounts.wrong(account, now), now)

    def succeeded(self, where: Where, account: str) -> None:
        """The right password: what this account's people mistyped there is forgotten.

        What the source got wrong stays, for one who guesses may have an account too.
        """
        self._pairs.forgive(Held(where.source, account))
        self._pairs.forgive(Held(where.place, account))
        if not self.knows(where.source, account) and len(self._newly_known) < MOST_NOTES:
            self._newly_known[Held(where.source, account)] = None
        self.learn(where.source, account)
        for table, key in (
            (self._places, Held(where.place, account)),
            (self._lived_at, where.place),
        ):
            table[key] = None
            table.move_to_end(key)
            if len(table) > MOST_PLACES:
                table.popitem(last=False)

    def challenged(self, where: Where, name: str, now: float) -> None:
        """A request that concerns `name` came without credentials.

        Whoever is somebody answers within a moment. A source that does not, for one
        name after the other, searches; an office is allowed the more the more of its
        people have signed in.
        """
        if self.lives_at(where.place):
            return
        asked = self._asked.get(where.source)
        if asked is None:
            asked = self._asked[where.source] = _Asked(now)
            if len(self._asked) > MOST_TALLIES:
                self._asked.popitem(last=False)
        self._asked.move_to_end(where.source)
        unanswered = asked.note(attempts.account_key(name), now)
        allowed = attempts.SEARCHED + attempts.budget_of(self.residents(where.source))
        if unanswered > allowed:
            self.counters["searches for names"] += 1
            tally = self._searchers.wrong(where.source, now)
            if len(self._searching) < MOST_NOTES:
                self._searching[Held(where.source, "")] = tally

    def answered(self, where: Where, name: str) -> None:
        """Somebody has signed in whose requests concern `name`."""
        if (asked := self._asked.get(where.source)) is not None:
            asked.forget(attempts.account_key(name))

    def learn(self, source: str, account: str) -> None:
        """From now on that account is known to sign in from there."""
        _remember(self._known, account, source, most=MOST_SOURCES)
        _remember(self._residents, source, account, most=MOST_ACCOUNTS)

    def _hold(self, who: Held, tally: Tally, now: float) -> None:
        if tally.until <= now:
            return
        self.counters["held off"] += 1
        if who in self._held_off or len(self._held_off) < MOST_NOTES:
            self._held_off[who] = tally

    # -- administrators ------------------------------------------------------

    def take_notes(self) -> Notes:
        """What there is to write down since the last taking."""
        held_off = tuple(HeldOff(who, tally) for who, tally in self._held_off.items())
        searching = tuple(HeldOff(who, tally) for who, tally in self._searching.items())
        notes = Notes(held_off, tuple(self._newly_known), searching)
        self._held_off.clear()
        self._searching.clear()
        self._newly_known.clear()
        return notes

    def restore(self, notes: Notes) -> None:
        """What an earlier life of this process has written down."""
        for one in notes.held_off:
            self._put(one.who, one.tally)
        for one in notes.searching:
            self._searchers.put(one.who.source, one.tally)
        for pair in notes.known:
            self.learn(pair.source, pair.account)

    def _put(self, who: Held, tally: Tally) -> None:
        if not who.account:
            self._sources.put(who.source, tally)
        elif not who.source:
            self._accounts.put(who.account, tally)
        else:
            self._pairs.put(who, tally)

    def lift(self, who: Held, at: float) -> None:
        """An administrator lets them try again: what was wrong up to then is forgotten."""
        if not who.account:
            self._sources.forgive(who.source, until=at)
            self._searchers.forgive(who.source, until=at)
        elif not who.source:
            self._accounts.forgive(who.account, until=at)
        else:
            self._pairs.forgive(who, until=at)


def _remember(
    into: OrderedDict[str, OrderedDict[str, None]], key: str, value: str, *, most: int
) -> None:
    values = into.setdefault(key, OrderedDict())
    into.move_to_end(key)
    values[value] = None
    values.move_to_end(value)
    if len(values) > most:
        values.popitem(last=False)
    if len(into) > MOST_KNOWN:
        into.popitem(last=False)
