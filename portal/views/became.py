"""What a change has changed, in the words of the booking form and the reader's zone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Field
from django.utils import formats, timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from conferences import forms, wording
from conferences.forms.plain import minutes_in_words
from conferences.models import Answer, Conference

#: What the form asks for in another way than scripts, or in several fields.
_LABELS: Mapping[str, Any] = {
    "starts_at": _("Start"),
    "duration_minutes": _("Length"),
    "rrule": forms.BookingForm.base_fields["repeats"].label,
    "invitees": _("Invitees"),
}
_NO_MINUTES: Mapping[str, Any] = {
    "duration_minutes": _("None"),
    "early_minutes": _("At the start"),
    "grace_minutes": _("Until the end"),
    "warn_minutes": _("Never"),
    "reminder_minutes": _("Never"),
}
_ANSWERS = dict(Answer.choices)
_SECRET = ("pin", "moderator_pin")


@dataclass(frozen=True, slots=True)
class Became:
    """One thing that is other than it was; `after` alone where there is no before to tell."""

    what: str
    before: str
    after: str

    def __str__(self) -> str:
        told = f"{self.before} → {self.after}" if self.before else self.after
        return f"{self.what}: {told}"


def became(detail: Mapping[str, Any]) -> list[Became]:
    """What the detail of an event says of it, in the order of the change."""
    return [*_all(detail.get("changes") or {}), *_alone(detail)]


def moment(at: str) -> str:
    """A time as it stands in the history, on the reader's clock."""
    local = timezone.localtime(datetime.fromisoformat(at))
    return formats.date_format(local, "DAY_YEAR_TIME_FORMAT")


def _all(changes: Mapping[str, Mapping[str, Any]]) -> Iterator[Became]:
    for name, change in changes.items():
        label = _label(name)
        if name == "invitees":
            yield Became(label, "", _invitees(change))
        elif name in _SECRET and change["from"] and change["to"]:
            yield Became(label, "", gettext("another one"))
        else:
            yield Became(label, _value(name, change["from"]), _value(name, change["to"]))


def _alone(detail: Mapping[str, Any]) -> Iterator[Became]:
    """What is set in the conference by one button, and what is done next."""
    for name in ("waiting_room", "newcomers"):
        if isinstance(said := detail.get(name), str):
            yield Became(_label(name), "", _value(name, said))
    if answer := detail.get("answer"):
        yield Became(gettext("Answer"), "", str(_ANSWERS.get(answer, answer)))
    if again_at := detail.get("again_at"):
        yield Became(gettext("Next call"), "", moment(str(again_at)))


def _label(name: str) -> str:
    if name in _LABELS:
        return str(_LABELS[name])
    field = forms.BookingForm.base_fields.get(name)
    return str(field.label) if field is not None else name


def _value(name: str, value: Any) -> str:
    said = _SAID.get(name)
    if said is not None:
        return said(value)
    if isinstance(value, bool):
        return gettext("Yes") if value else gettext("No")
    if name in _NO_MINUTES:
        return minutes_in_words(value) if value else str(_NO_MINUTES[name])
    choices = dict(_column(name).flatchoices)
    return str(choices.get(value, value))


def _column(name: str) -> Field[Any, Any]:
    column = Conference._meta.get_field(name)
    assert isinstance(column, Field), "the history tells of columns"
    return column


def _start(at: str | None) -> str:
    return moment(at) if at else gettext("Always open")


def _title(title: str) -> str:
    return gettext("“%(title)s”") % {"title": title}


def _rule(rule: str) -> str:
    return wording.repeats(rule) if rule else gettext("Never")


def _size(size: int | None) -> str:
    return str(size) if size else gettext("No limit")


def _language(language: str) -> str:
    choices = dict(_column("language").flatchoices)
    return str(choices[language]) if language in choices else gettext("The language of the server")


def _quiet(number: int) -> str:
    words = {0: gettext("Never"), 100_000: gettext("However many there are")}
    return words.get(number) or ngettext(
        "While fewer than %(count)s is in", "While fewer than %(count)s are in", number
    ) % {"count": number}


def _may_add(everybody: bool) -> str:
    return gettext("Everybody who is in it") if everybody else gettext("Moderators alone")


_SAID: Mapping[str, Callable[[Any], str]] = {
    "title": _title,
    "starts_at": _start,
    "rrule": _rule,
    "timezone": str,
    "max_participants": _size,
    "language": _language,
    "quiet_from": _quiet,
    "participants_may_add": _may_add,
    "redials": str,
}


def _invitees(change: Mapping[str, int]) -> str:
    words = {
        "added": ngettext("%(count)s added", "%(count)s added", change.get("added", 0)),
        "removed": ngettext("%(count)s taken off", "%(count)s taken off", change.get("removed", 0)),
        "changed": ngettext("%(count)s changed", "%(count)s changed", change.get("changed", 0)),
    }
    told = [words[name] % {"count": number} for name, number in change.items()]
    return ", ".join(told)
