"""The form by which one occurrence is changed, or it and all that follow."""

from __future__ import annotations

import datetime
import zoneinfo
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from conferences import recurrence, selectors
from conferences.forms import length, plain

ONE = "one"
FOLLOWING = "following"
_RANGES = [
    (ONE, plain.Label(_("This one alone"), _("The others stay as they are."))),
    (
        FOLLOWING,
        plain.Label(_("This one and all that follow"), _("Those before stay as they are.")),
    ),
]


class OccurrenceForm(length.LengthForm):
    """Times are local in the zone of the booking; `values()` is what the services take."""

    title = forms.CharField(
        label=_("Title"), max_length=200, error_messages={"required": _("Give it a title.")}
    )
    date = forms.DateField(
        label=_("Date"), widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    time = forms.TimeField(
        label=_("Time"), widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )
    range = forms.ChoiceField(
        label=_("Change"), choices=_RANGES, widget=forms.RadioSelect, required=False
    )

    def __init__(self, data: Any = None, *, found: selectors.Planned) -> None:
        self._zone = found.series.pattern.zone
        self.proposals: list[datetime.datetime] = []
        one = found.now or found.then
        begin = recurrence.local(one.starts_at, self._zone)
        minutes = round((one.ends_at - one.starts_at).total_seconds() / 60)
        initial = {
            "title": one.title or found.series.title,
            "date": begin.date(),
            "time": begin.time(),
            **length.initial(minutes),
            "range": ONE,
        }
        super().__init__(plain.taken(data), initial=initial)

    @property
    def following(self) -> bool:
        """Whether all that follow are meant too; once valid."""
        return bool(self.cleaned_data["range"] == FOLLOWING)

    def values(self) -> dict[str, Any]:
        """The arguments of `services.change_occurrence` and `change_following`; once valid."""
        said = self.cleaned_data
        local = datetime.datetime.combine(said["date"], said["time"])
        minutes = said["duration_minutes"]
        return {
            "title": said["title"],
            "starts_at": local.replace(tzinfo=zoneinfo.ZoneInfo(self._zone)),
            **({} if minutes is None else {"duration_minutes": minutes}),
        }

    def complain(self, error: ValidationError) -> None:
        """Show what a service found wrong at the field that it is about."""
        if not hasattr(error, "error_dict"):
            self.add_error(None, error)
            return
        for field, errors in error.error_dict.items():
            self.proposals += plain.proposed(errors, self._zone)
            shown = {"starts_at": "date"}.get(field, field)
            known = shown in self.fields and not self.proposals
            self.add_error(shown if known else None, list(errors))
