"""How long something is: hours and minutes, any that a booking may have."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from conferences.forms import plain
from conferences.recurrence import LONGEST_MINUTES


def _number(label: Any, most: int) -> forms.IntegerField:
    return forms.IntegerField(
        label=label,
        min_value=0,
        max_value=most,
        required=False,
        widget=forms.NumberInput(attrs={"inputmode": "numeric", "aria-label": label}),
    )


class LengthForm(plain.PlainForm):
    """Two numbers; once valid ``cleaned_data["duration_minutes"]`` is both, None for no length."""

    duration_hours = _number(gettext_lazy("Hours"), LONGEST_MINUTES // 60)
    duration_minutes = _number(gettext_lazy("Minutes"), LONGEST_MINUTES)

    def clean(self) -> dict[str, Any]:
        """Complain about what is no length."""
        values = super().clean() or self.cleaned_data
        hours, minutes = values.get("duration_hours"), values.get("duration_minutes")
        if hours is None and minutes is None:
            return values
        total = (hours or 0) * 60 + (minutes or 0)
        values["duration_minutes"] = total
        if self.lasts(values) and not 1 <= total <= LONGEST_MINUTES:
            words = _("Choose a length from 1 minute to %(longest)s.")
            longest = plain.minutes_in_words(LONGEST_MINUTES)
            self.add_error("duration_minutes", words % {"longest": longest})
        return values

    def lasts(self, values: dict[str, Any]) -> bool:  # noqa: ARG002 - for forms with a choice
        """Whether what the form is about has a length at all."""
        return True


def initial(minutes: int) -> dict[str, int]:
    """What the form shows."""
    hours, rest = divmod(minutes, 60)
    return {"duration_hours": hours, "duration_minutes": rest}


def suggested(text: str) -> dict[str, int]:
    """A length in minutes as a link says it; nothing where it is none."""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(LONGEST_MINUTES))):
        return {}
    return initial(int(text)) if 1 <= int(text) <= LONGEST_MINUTES else {}
