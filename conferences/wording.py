"""Words for what the pure modules tell by codes: in the language that is active."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.utils import dates, formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from conferences import recurrence, repetition, typed, zones
from conferences.recurrence import Fault

#: A weekday's place in a month.
_PLACES: Mapping[int, Any] = {
    0: "%(day)s",
    1: gettext_lazy("the first %(day)s"),
    2: gettext_lazy("the second %(day)s"),
    3: gettext_lazy("the third %(day)s"),
    4: gettext_lazy("the fourth %(day)s"),
    -1: gettext_lazy("the last %(day)s"),
}
#: Why a rule cannot be booked.
_BAD_RULES: Mapping[Fault, Any] = {
    Fault.PART: gettext_lazy("“%(part)s” is not a part of a rule that can be booked."),
    Fault.FREQUENCY: gettext_lazy("FREQ is DAILY, WEEKLY, MONTHLY or YEARLY."),
    Fault.NUMBER: gettext_lazy("%(part)s is a number from 1 to %(most)s."),
    Fault.TWICE: gettext_lazy("A rule has one FREQ, and each other part once at most."),
    Fault.TWO_ENDS: gettext_lazy("A rule has either COUNT or UNTIL."),
    Fault.LONG: gettext_lazy("A rule has %(most)s letters at most."),
    Fault.DAY: gettext_lazy("“%(part)s” is no day that can be booked."),
    Fault.NO_DAY: gettext_lazy("The rule names no day at all."),
    Fault.NOTHING_BEFORE: gettext_lazy("Nothing comes before the first occurrence."),
    Fault.UNREADABLE: gettext_lazy("The rule cannot be read."),
}


def of_rule(error: recurrence.BadRule) -> str:
    """What is wrong with a rule."""
    return str(_BAD_RULES[error.fault]) % {"part": error.part, "most": error.most}


def moment(local: datetime.datetime, today: datetime.datetime) -> str:
    """A time on the clock on the wall, with its year where that is another."""
    name = "DAY_TIME_FORMAT" if local.year == today.year else "DAY_YEAR_TIME_FORMAT"
    return formats.date_format(local, name)


def zone(name: str) -> str:
    """The time zone that is meant by `name` (`conferences.zones`). Raises `ValidationError`."""
    found = zones.named(name)
    if found is None:
        words = _("“%(zone)s” is no time zone of a place, as Europe/Berlin is.")
        raise ValidationError(words % {"zone": name})
    return found


def line(text: str) -> str:
    """`text` as one line of text (`conferences.typed`). Raises `ValidationError`."""
    try:
        return typed.line(text)
    except typed.NoText as error:
        raise ValidationError(
            _("There are control characters in it, which nobody can read. Take them out.")
        ) from error


def person(name: str) -> str:
    """The name of a person, typed in one line. Raises `ValidationError`."""
    try:
        typed.check(name)
    except typed.NoText as error:
        raise ValidationError(_("A name is one line of letters.")) from error
    return line(name)


#: From this length on it is not clear from the time alone on which day something ends.
_DAY = datetime.timedelta(days=1)


def span(begin: datetime.datetime, end: datetime.datetime, form: str) -> str:
    """From when to when, in the zone that is active, as ``Mon 1 Mar 2027, 10:00-10:45``.

    `form` is the name of a format with day and time. What takes a day or longer
    says when it begins and when it ends in the same way.
    """
    long = end - begin >= _DAY
    form = "DAY_TIME_FORMAT" if long and form == "TIME_FORMAT" else form
    start = formats.date_format(timezone.localtime(begin), form)
    finish = formats.date_format(timezone.localtime(end), form if long else "TIME_FORMAT")
    return f"{start}–{finish}"  # noqa: RUF001


def repeats_here(pattern: recurrence.Pattern) -> str:
    """The rule for who reads in the zone that is active.

    Its days are those of its own zone, so where that is another one it is said, with
    the time there: "every week on Friday (at 23:30 in Europe/Berlin)".
    """
    told = repeats(pattern.rule)
    if pattern.zone == timezone.get_current_timezone_name():
        return told
    at = formats.time_format(recurrence.local(pattern.starts_at, pattern.zone))
    return _("%(rule)s (at %(time)s in %(zone)s)") % {
        "rule": told,
        "time": at,
        "zone": pattern.zone,
    }


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
