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
from django.utils.functional import Promise, lazy
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from conferences import zones


@dataclass(frozen=True, slots=True)
class Label:
    """A choice with a line that explains it."""

    title: str | Promise
    hint: str | Promise

    def __str__(self) -> str:
        return str(self.title)


def minutes_in_words(minutes: int) -> str:
    """As one says it: in days, in hours, or in minutes."""
    if minutes and minutes % 1440 == 0:
        return ngettext("%(count)s day", "%(count)s days", minutes // 1440) % {
            "count": minutes // 1440
        }
    if minutes and minutes % 60 == 0:
        return ngettext("%(count)s hour", "%(count)s hours", minutes // 60) % {
            "count": minutes // 60
        }
    if minutes == 90:
        return _("1½ hours")
    return ngettext("%(count)s minute", "%(count)s minutes", minutes) % {"count": minutes}


_words_later = lazy(minutes_in_words, str)


def minute_choices(minutes: Iterable[int]) -> list[tuple[int, Any]]:
    """Choices of a field, in the language of whoever is shown them."""
    return [(one, _words_later(one)) for one in minutes]


def time_zones() -> list[tuple[str, str]]:
    """Time zones as a person looks for them: by region and city, and UTC."""
    named = sorted(zones.places() - {"UTC"})
    return [("UTC", "UTC"), *((zone, zone.replace("_", " ")) for zone in named)]


def own_zones() -> list[tuple[str, Any]]:
    """The same for a person, who may leave it to his browser."""
    return [("", _("As the browser says")), *time_zones()]


def offer_own(form: forms.BaseForm) -> None:
    """Offer the zone that a row has, also where no other may be booked in it any more.

    A list without it would show, and so choose, another one.
    """
    field, own = form.fields["timezone"], form.initial.get("timezone")
    if own and own not in zones.places():
        field.choices = [*field.choices, (own, own)]  # type: ignore[attr-defined]


def languages() -> list[tuple[str, Any]]:
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


def keep_choice(field: forms.Field, minutes: int) -> None:
    """Minutes that a script chose stay a choice."""
    assert isinstance(field, forms.TypedChoiceField), "minutes are chosen"
    known = [one for one, _words in field.choices]  # type: ignore[union-attr, misc]
    if minutes not in known:
        field.choices = [*field.choices, (minutes, minutes_in_words(minutes))]  # type: ignore[misc]


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
