"""How a booking repeats, as a form asks for it (see `conferences.repetition`)."""

from __future__ import annotations

import datetime
from typing import Any

from django import forms
from django.utils import dates
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext_lazy

from conferences import recurrence, repetition, wording
from conferences.forms import plain
from conferences.repetition import Repeats, Repetition

_REPEATS = [
    (Repeats.NEVER.value, gettext_lazy("Never")),
    (Repeats.DAILY.value, gettext_lazy("Every day")),
    (Repeats.WEEKDAYS.value, gettext_lazy("Every weekday, Monday to Friday")),
    (Repeats.WEEKLY.value, gettext_lazy("Every week")),
    (Repeats.BY_DATE.value, gettext_lazy("Every month, on the same date")),
    (Repeats.BY_WEEKDAY.value, gettext_lazy("Every month, on the same weekday")),
    (Repeats.RULE.value, gettext_lazy("By a rule of your own")),
]
_DAYS = list(zip(repetition.DAYS, [dates.WEEKDAYS_ABBR[day] for day in range(7)], strict=True))
_ENDS = [
    ("never", gettext_lazy("Never")),
    ("until", gettext_lazy("On a day")),
    ("count", gettext_lazy("After n times")),
]


class RepeatingForm(plain.PlainForm):
    """The fields of a repetition, and the rule that they make."""

    repeats = forms.ChoiceField(label=gettext_lazy("Repeats"), choices=_REPEATS, required=False)
    every = forms.IntegerField(
        label=gettext_lazy("Every"),
        min_value=1,
        max_value=99,
        required=False,
        help_text=gettext_lazy("2 is every other day, week or month."),
        widget=forms.NumberInput(attrs={"placeholder": "1"}),
    )
    days = forms.MultipleChoiceField(
        label=pgettext_lazy("weekdays", "On"),
        choices=_DAYS,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    ends = forms.ChoiceField(label=gettext_lazy("Ends"), choices=_ENDS, required=False)
    until = forms.DateField(
        label=gettext_lazy("Last day"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    count = forms.IntegerField(
        label=gettext_lazy("Times"), min_value=1, max_value=999, required=False
    )
    rrule = forms.CharField(
        label=gettext_lazy("Rule"),
        max_length=255,
        required=False,
        help_text=gettext_lazy("RFC 5545, as in FREQ=MONTHLY;BYDAY=2TU,4TU"),
        widget=forms.TextInput(
            attrs={"autocapitalize": "characters", "autocomplete": "off", "spellcheck": "false"}
        ),
    )

    def check_repetition(self, values: dict[str, Any]) -> None:
        """Complain of parts that are missing."""
        chosen = values.get("repeats")
        if chosen in ("", Repeats.NEVER.value):
            return
        if chosen == Repeats.RULE.value:
            self._want("rrule", _("Type a rule."))
            self._check_rule(values.get("rrule") or "")
            return
        if values.get("ends") == "until":
            self._want("until", _("Choose the last day."))
            if values.get("until") and values.get("date") and values["until"] < values["date"]:
                self.add_error("until", _("This lies before the start."))
        if values.get("ends") == "count":
            self._want("count", _("Say how many times."))

    def _check_rule(self, text: str) -> None:
        try:
            if text:
                recurrence.parse_rule(text)
        except recurrence.BadRule as error:
            self.add_error("rrule", wording.of_rule(error))

    def _want(self, field: str, words: str) -> None:
        if not self.cleaned_data.get(field) and field not in self.errors:
            self.add_error(field, words)

    def repetition_values(self, first: datetime.date) -> dict[str, str]:
        """The argument ``rrule`` of the services; nothing where the page did not ask for it."""
        said = self.cleaned_data
        if "repeats" not in self.data:
            return {}
        chosen = Repetition(
            Repeats(said["repeats"] or Repeats.NEVER),
            every=said["every"] or 1,
            days=tuple(said["days"]),
            until=said["until"] if said["ends"] == "until" else None,
            count=said["count"] if said["ends"] == "count" else None,
            rule=said["rrule"],
        )
        return {"rrule": repetition.build_rule(chosen, first)}


def initial(rule: str, first: datetime.date | None) -> dict[str, Any]:
    """What the form shows of a rule that begins on `first`."""
    found = repetition.parse_repetition(rule, first) if first else Repetition()
    return {
        "repeats": found.repeats.value,
        "every": found.every,
        "days": list(found.days),
        "ends": "until" if found.until else "count" if found.count else "never",
        "until": found.until,
        "count": found.count,
        "rrule": found.rule,
    }
