"""Words for what the pure modules tell by codes: in the language that is active."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils import dates, formats
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from conferences import recurrence, repetition

#: A weekday's place in a month.
_PLACES: Mapping[int, Any] = {
    0: "%(day)s",
    1: gettext_lazy("the first %(day)s"),
    2: gettext_lazy("the second %(day)s"),
    3: gettext_lazy("the third %(day)s"),
    4: gettext_lazy("the fourth %(day)s"),
    -1: gettext_lazy("the last %(day)s"),
}
#: Why a rule cannot be booked, where `recurrence` says it in these words.
_BAD_RULES: Mapping[str, Any] = {
    "a rule has one FREQ, and each other part once at most": gettext_lazy(
        "a rule has one FREQ, and each other part once at most"
    ),
    "a rule has either COUNT or UNTIL": gettext_lazy("a rule has either COUNT or UNTIL"),
    "a rule has 255 letters at most": gettext_lazy("a rule has 255 letters at most"),
    "the rule names no day at all": gettext_lazy("the rule names no day at all"),
    "nothing comes before the first occurrence": gettext_lazy(
        "nothing comes before the first occurrence"
    ),
    "one rule is wanted": gettext_lazy("one rule is wanted"),
}


def of_rule(error: recurrence.BadRule) -> str:
    """What is wrong with a rule."""
    return str(_BAD_RULES.get(str(error), error))


def repeats(rule: str) -> str:
    """`rule` as one says it, in lower case: "every week on Monday, 5 times"."""
    found = repetition.describe(rule)
    if found is None:
        return _("by the rule %(rule)s") % {"rule": rule}
    told = _on(found)
    if found.count == 1:
        return _("%(rule)s, once") % {"rule": told}
    if found.count:
        words = ngettext("%(rule)s, %(count)s time", "%(rule)s, %(count)s times", found.count)
        return words % {"rule": told, "count": found.count}
    if found.until:
        return _("%(rule)s, until %(day)s") % {
            "rule": told,
            "day": formats.date_format(found.until),
        }
    return told


def _on(found: repetition.Described) -> str:
    if found.on_workdays:
        return _("every weekday")
    if found.dates:
        words = ngettext(
            "every month on day %(days)s", "every %(count)s months on day %(days)s", found.every
        )
        return words % {"count": found.every, "days": _listed([str(one) for one in found.dates])}
    if found.days:
        return _on_weekdays(found)
    steps = {
        "DAILY": ngettext("every day", "every %(count)s days", found.every),
        "WEEKLY": ngettext("every week", "every %(count)s weeks", found.every),
        "MONTHLY": ngettext("every month", "every %(count)s months", found.every),
        "YEARLY": ngettext("every year", "every %(count)s years", found.every),
    }
    return steps[found.frequency] % {"count": found.every}


def _on_weekdays(found: repetition.Described) -> str:
    named = [
        str(_PLACES[place]) % {"day": str(dates.WEEKDAYS[weekday])} for place, weekday in found.days
    ]
    words = (
        ngettext("every week on %(days)s", "every %(count)s weeks on %(days)s", found.every)
        if found.frequency == "WEEKLY"
        else ngettext("every month on %(days)s", "every %(count)s months on %(days)s", found.every)
    )
    return words % {"count": found.every, "days": _listed(named)}


def _listed(some: Sequence[str]) -> str:
    if len(some) == 1:
        return some[0]
    return _("%(some)s and %(last)s") % {"some": ", ".join(some[:-1]), "last": some[-1]}
