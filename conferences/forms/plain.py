"""What all forms have: our clothes, and the time zones as people look for them."""

from __future__ import annotations

import datetime
import zoneinfo
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _


@dataclass(frozen=True, slots=True)
class Label:
    """A choice with a line that explains it."""

    title: str
    hint: str

    def __str__(self) -> str:
        return self.title


LENGTHS = [
    (15, "15 minutes"),
    (30, "30 minutes"),
    (45, "45 minutes"),
    (60, "1 hour"),
    (90, "1½ hours"),
    (120, "2 hours"),
    (180, "3 hours"),
    (240, "4 hours"),
    (480, "8 hours"),
]


def zones() -> list[tuple[str, str]]:
    """Time zones as a person looks for them: by region and city, and UTC."""
    named = sorted(
        zone
        for zone in zoneinfo.available_timezones()
        if "/" in zone and not zone.startswith(("Etc/", "SystemV/"))
    )
    return [("UTC", "UTC"), *((zone, zone.replace("_", " ")) for zone in named)]


def languages() -> list[tuple[str, str]]:
    """The languages of the pages, each by its own name, and the browser's choice."""
    return [("", _("As the browser asks")), *settings.LANGUAGES]


def dress(form: forms.BaseForm) -> None:
    """Give every widget the class that the style sheets know."""
    for field in form.fields.values():
        widget = field.widget
        if isinstance(
            widget, forms.RadioSelect | forms.CheckboxInput | forms.CheckboxSelectMultiple
        ):
            widget.attrs["class"] = "form-check-input"
        elif isinstance(widget, forms.Select):
            widget.attrs["class"] = "form-select"
        else:
            widget.attrs["class"] = f"form-control {widget.attrs.get('class', '')}".strip()


class PlainForm(forms.Form):
    """A form in our clothes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        dress(self)


def taken(data: Any) -> Any:
    """`data` with the date and time of the proposal whose button was pressed."""
    if data is None or not data.get("take"):
        return data
    try:
        at = datetime.datetime.fromisoformat(data["take"])
    except ValueError:
        return data
    changed = data.copy()
    changed["date"], changed["time"] = f"{at:%Y-%m-%d}", f"{at:%H:%M}"
    return changed


def keep_length(field: forms.Field, minutes: int | None) -> None:
    """A length that a script chose stays a choice."""
    assert isinstance(field, forms.TypedChoiceField), "lengths are chosen"
    if minutes and minutes not in dict(LENGTHS):
        field.choices = [*LENGTHS, (minutes, f"{minutes} minutes")]


def proposed(errors: Iterable[ValidationError], zone: str) -> list[datetime.datetime]:
    """The times at which there is room, on the clock of `zone`."""
    where = zoneinfo.ZoneInfo(zone)
    return [
        # Without the zone, or the template would turn them to the reader's.
        at.astimezone(where).replace(tzinfo=None)
        for error in errors
        if error.code == "full"
        for at in (error.params or {}).get("free", ())
    ]
