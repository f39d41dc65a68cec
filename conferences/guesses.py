"""Wrong PINs: how long whoever gave them has to wait, and when a conference hides from guessers.

Pure: who gave one, and when (POSIX seconds), is handed in. `conferences.attempts` says the same
of passwords.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

#: Before the address of somebody who gives a PIN on a page and has said no more of himself.
#: His browser's own word may follow, after a slash.
ON_THE_WEB = "web:"
#: Wrong PINs that are answered with another try; the next one has to wait.
WRONG_PINS = 5
#: The same of all browsers at one address together: an office has one, and so has whoever
#: pretends to be another browser each time.
WRONG_PINS_AT_ADDRESS = 20
#: Seconds of the first wait; each further wrong PIN doubles it, up to the second.
HOLD_OFF = (30.0, 3600.0)


def on_the_web(address: str, browser: str = "") -> str:
    """Whose wrong PINs those are that are typed on a page by somebody without an account."""
    return f"{ON_THE_WEB}{address}" + (f"/{browser}" if browser else "")


def side_of(entity: str) -> str:
    """Where wrong PINs come from: of the web the address, whatever browser."""
    return entity.partition("/")[0] if entity.startswith(ON_THE_WEB) else entity


def web_held_off_until(wrong: Iterable[tuple[str, float]], entity: str) -> float:
    """Until when `entity` has to wait: for its own wrong PINs, or for all at its address."""
    given = list(wrong)
    own = held_off_until([at for who, at in given if who == entity])
    side = [at for who, at in given if side_of(who) == side_of(entity)]
    return max(own, held_off_until(side, most=WRONG_PINS_AT_ADDRESS))


def held_off_until(wrong: Collection[float], *, most: int = WRONG_PINS) -> float:
    """Until when (POSIX seconds) somebody who gave wrong PINs at these times has to wait."""
    if len(wrong) < most:
        return 0.0
    first, longest = HOLD_OFF
    doublings = min(len(wrong) - most, 16)
    return max(wrong) + min(first * 2.0**doublings, longest)


#: So many wrong PINs from so many sides within these seconds are an attack.
ATTACK = (20, 5, 600.0)
#: Seconds for which a conference is hidden after the last wrong PIN of one.
HIDDEN = 600.0


def hidden_until(wrong: Iterable[tuple[str, float]]) -> float:
    """Until when a conference is hidden to whom wrong PINs were given: who, when (POSIX)."""
    count, sides, span = ATTACK
    given = sorted((at, side_of(who)) for who, at in wrong)
    until = 0.0
    for last in range(count - 1, len(given)):
        some = given[last - count + 1 : last + 1]
        if some[-1][0] - some[0][0] <= span and len({who for _, who in some}) >= sides:
            until = some[-1][0] + HIDDEN
    return until
