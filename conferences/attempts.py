"""How often somebody may be wrong about a password, and how long he then waits.

Pure: the gateway keeps its tallies in memory (`sipgateway.focus.guard`), the
pages keep theirs in rows (`conferences.services.attempts`); the rules are the
same. Wrong attempts are counted three times:

* for the account *at that source* (`PAIR`): whoever mistypes waits, and nobody else;
* for the source (`SOURCE`), so that trying many accounts gains nothing. A source from
  which many accounts have signed in is an office behind one address: it may be wrong
  more often;
* for the account (`ACCOUNT`), so that guessing from many sources gains nothing. This
  one holds off *strangers* alone: sources that never signed in to the account. So
  nobody can lock a person out of the phone that works.

A name that does not exist is counted like one that does.
"""

from __future__ import annotations

import hashlib
import ipaddress
import math
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Rule:
    """How a tally grows and is forgotten."""

    #: Wrong attempts that cost nothing.
    free: float
    #: Seconds of the first pause; every further wrong attempt doubles it.
    pause: float
    #: Seconds of the longest pause.
    longest: float
    #: Seconds after which one wrong attempt is forgotten.
    forgotten: float


PAIR = Rule(free=10, pause=1.0, longest=900.0, forgotten=900.0)
"""Ten typing errors are human. In the long run a guesser has one try in a quarter of an hour."""
ACCOUNT = Rule(free=30, pause=2.0, longest=900.0, forgotten=300.0)
"""Three people who mistype; in the long run 300 guesses a day, from however many sources."""
SOURCE = Rule(free=60, pause=2.0, longest=900.0, forgotten=30.0)
"""A small office on a bad day; in the long run two guesses a minute, over all accounts."""
SEARCH = Rule(free=0, pause=60.0, longest=900.0, forgotten=900.0)
"""A source that asks for one name after the other and signs in to none of them."""
SEARCHED = 100
"""Names that a source may ask for in a few seconds without signing in to them."""
BUDGET = 5
"""Further wrong attempts that a source may have for each account that signed in from it."""
MOST_BUDGET = 1000
"""200 accounts; beyond that the address says nothing any more."""


@dataclass(frozen=True, slots=True)
class Tally:
    """Wrong attempts of one kind; times in POSIX seconds."""

    wrong: float = 0.0
    #: The first that is not forgotten, the last, and when the next may come.
    since: float = 0.0
    last: float = 0.0
    until: float = 0.0

    def wait(self, now: float) -> float:
        """Seconds until the next attempt is looked at; 0 if it may come now."""
        return max(0.0, self.until - now)

    def remembered(self, rule: Rule, now: float) -> float:
        """How many wrong attempts are not forgotten yet."""
        return max(0.0, self.wrong - max(0.0, now - self.last) / rule.forgotten)


class Held(NamedTuple):
    """Somebody who is counted: an account at a source, or all of one of them ("")."""

    source: str
    account: str


@dataclass(frozen=True, slots=True)
class HeldOff:
    """Who was wrong how often, and until when he has to wait."""

    who: Held
    tally: Tally


@dataclass(frozen=True, slots=True)
class Notes:
    """What is to be written down: who is held off, and who signed in from where, new."""

    held_off: tuple[HeldOff, ...] = ()
    known: tuple[Held, ...] = ()
    #: Sources that search for names; `wrong` is how often they were caught at it.
    searching: tuple[HeldOff, ...] = ()


def wrong_again(tally: Tally, rule: Rule, now: float, *, budget: float = 0.0) -> Tally:
    """The tally after one more wrong attempt; `budget` are further ones that cost nothing."""
    before = tally.remembered(rule, now)
    steps = math.log2(rule.longest / rule.pause) + 1
    # Not counted beyond the longest pause, so that what has ended is forgotten in time.
    count = min(before + 1, max(before, rule.free + budget + steps))
    over = count - rule.free - budget
    pause = min(rule.longest, rule.pause * 2.0 ** (over - 1)) if over > 0 else 0.0
    since = tally.since if before else now
    return Tally(count, since, now, now + pause)


def budget_of(accounts: int) -> float:
    """The budget of a source from which so many accounts have signed in."""
    return float(min(MOST_BUDGET, BUDGET * accounts))


LONGEST_NAME = 64
"""Letters of an account's name; a longer one is no account's, and is counted by its hash."""


def account_key(name: str) -> str:
    """By what a name is counted, which is as long as a name may be."""
    if len(name) <= LONGEST_NAME:
        return name
    return f"#{hashlib.blake2s(name.encode('utf-8', 'replace'), digest_size=16).hexdigest()}"


def source_of(host: str) -> str:
    """What is counted as one source: an IPv4 address, or the /64 of an IPv6 one.

    A /64 is what one subscriber is given (RFC 6177), with as many addresses as he
    likes. What is no address stands for itself.
    """
    if ":" not in host:
        return host
    try:
        address = ipaddress.IPv6Address(host.strip("[]").partition("%")[0])
    except ValueError:
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.IPv6Network((address, 64), strict=False))
