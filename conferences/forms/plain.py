"""What all forms have: our clothes, and the time zones as people look for them."""

from __future__ import annotations

import zoneinfo
from typing import Any

from django import forms


def zones() -> list[tuple[str, str]]:
    """Time zones as a person looks for them: by region and city, and UTC."""
    named = sorted(
        zone
        for zone in zoneinfo.available_timezones()
        if "/" in zone and not zone.startswith(("Etc/", "SystemV/"))
    )
    return [("UTC", "UTC"), *((zone, zone.replace("_", " ")) for zone in named)]


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
