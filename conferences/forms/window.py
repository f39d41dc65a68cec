"""When a booking opens and closes, and who is told: minutes to choose from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from conferences.forms import plain
from conferences.models import Conference

FIELDS = ("early_minutes", "grace_minutes", "warn_minutes", "reminder_minutes")


def _choices(
    none: Promise, minutes: Iterable[int], *, empty: str = "0"
) -> list[tuple[str, Promise]]:
    return [(empty, none), *((str(one), words) for one, words in plain.minute_choices(minutes))]


def _field(label: Any, choices: list[tuple[str, Promise]]) -> forms.TypedChoiceField:
    return forms.TypedChoiceField(
        label=label, choices=choices, coerce=int, empty_value=None, required=False
    )


class WindowForm(plain.PlainForm):
    """The fields of the window of a booking."""

    early_minutes = _field(_("Opens early"), _choices(_("At the start"), (5, 10, 15, 30, 60)))
    grace_minutes = _field(_("Stays open"), _choices(_("Until the end"), (5, 10, 15, 30, 60)))
    warn_minutes = _field(_("Warn of the end"), _choices(_("Never"), (1, 2, 5, 10, 15)))
    reminder_minutes = _field(
        _("Remind invitees"),
        _choices(_("Never"), (10, 15, 30, 60, 120, 1440, 2880), empty=""),
    )

    def keep_minutes(self, conference: Conference | None) -> None:
        """What a script chose stays a choice."""
        for name in FIELDS:
            field = self.fields[name]
            minutes = getattr(conference, name, None)
            assert isinstance(field, forms.TypedChoiceField), "declared above"
            if minutes and str(minutes) not in dict(field.choices):  # type: ignore[arg-type]
                field.choices = [*field.choices, (str(minutes), plain.minutes_in_words(minutes))]  # type: ignore[misc]

    def window_values(self) -> dict[str, Any]:
        """The arguments of the services; those alone that the page asked for."""
        said = self.cleaned_data
        return {
            name: said[name] if name == "reminder_minutes" else said[name] or 0
            for name in FIELDS
            if name in self.data
        }


def initial(conference: Conference | None) -> dict[str, Any]:
    """What the form shows."""
    shown = conference or Conference()
    return {name: getattr(shown, name) for name in FIELDS}
