"""The form by which a conference is booked and changed."""

from __future__ import annotations

import datetime
import hashlib
import zoneinfo
from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from conferences import selectors
from conferences.forms import door, invitees, length, plain, repeating, rules, sound, window
from conferences.forms.invitees import Guestlist
from conferences.models import Conference, Kind, User
from conferences.recurrence import DEFAULT_MINUTES
from conferences.repetition import Repeats

#: A form is filled in minutes, so "now" may be a little ago when it arrives.
JUST_NOW = datetime.timedelta(minutes=1)
_KINDS = [
    (
        Kind.ROOM.value,
        plain.Label(
            gettext_lazy("A standing room"),
            gettext_lazy("Always open, for as long as you keep it."),
        ),
    ),
    (
        Kind.BOOKED.value,
        plain.Label(
            gettext_lazy("At a date and time"), gettext_lazy("Opens and closes by the clock.")
        ),
    ),
]


_CHANGED = gettext_lazy(
    "Somebody has changed this booking since you opened this page, perhaps you in another "
    "window. Look at it as it is now; saving once more puts what stands here in its place."
)


class BookingForm(
    repeating.RepeatingForm,
    window.WindowForm,
    invitees.InviteesForm,
    door.DoorForm,
    rules.RulesForm,
    sound.SoundForm,
    length.LengthForm,
):
    """Books a conference, or changes one: `values()` is what the services take."""

    organizer = forms.ChoiceField(label=gettext_lazy("For whom"), required=False)
    title = forms.CharField(
        label=gettext_lazy("Title"),
        max_length=200,
        error_messages={"required": gettext_lazy("Give it a title.")},
        widget=forms.TextInput(
            attrs={"placeholder": gettext_lazy("Weekly planning"), "autofocus": True}
        ),
    )
    kind = forms.ChoiceField(label=gettext_lazy("When"), choices=_KINDS, widget=forms.RadioSelect)
    date = forms.DateField(
        label=gettext_lazy("Date"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    time = forms.TimeField(
        label=gettext_lazy("Time"),
        required=False,
        widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
    )
    timezone = forms.ChoiceField(
        label=gettext_lazy("Time zone"),
        choices=plain.time_zones,
        required=False,
        help_text=gettext_lazy(
            "A series keeps its time on the clock there when the clocks change. "
            "A time that they skip is as much later, of one that comes twice the first counts."
        ),
    )

    def __init__(
        self,
        data: Any = None,
        *,
        owner: User,
        conference: Conference | None = None,
        at: Mapping[str, str] | None = None,
        like: Conference | None = None,
        listed: Iterable[Guestlist] = (),
    ) -> None:
        """`at` holds a date, a time and a length that a link to the form suggests.

        With `like` the form begins as another booking was, `listed` are its invitees.
        """
        copied = list(listed)
        shown = conference or like
        self.proposals: list[datetime.datetime] = []
        self._new = conference is None
        #: What the page shows, for whoever changes it: see `clean`.
        self.seen = "" if conference is None else _digest(owner, conference)
        super().__init__(
            plain.taken(data),
            initial=_initial(owner, shown) | _suggested(at or {}),
        )
        self._offer_organizers(owner, conference)
        plain.offer_own(self)
        self.initial["organizer"] = (at or {}).get("for", owner.username)
        self.tell_quota(conference.organizer if conference is not None else owner)
        if conference is not None or settings.USER_CHOSEN_URIS == "off":
            del self.fields["name"]
        if data is not None:
            # What is wrong gets the focus.
            del self.fields["title"].widget.attrs["autofocus"]
        self.say_what_cannot_be()
        self.keep_minutes(shown)
        self.settle(shown)
        self.show_rows(conference, copied)

    def _offer_organizers(self, owner: User, conference: Conference | None) -> None:
        """Himself and whose delegate he is; nothing to choose where it is himself alone."""
        self.organizers = {owner.username: owner} if owner.is_organizer else {}
        if conference is None:
            self.organizers |= {one.username: one for one in selectors.books_for(owner)}
        if conference is not None or set(self.organizers) <= {owner.username}:
            del self.fields["organizer"]
            return
        field = self.fields["organizer"]
        assert isinstance(field, forms.ChoiceField), "declared above"
        field.choices = [
            (name, _("Myself") if one == owner else one.get_full_name())
            for name, one in self.organizers.items()
        ]

    def organizer_of(self, owner: User) -> User:
        """For whom it is booked; once the form is valid."""
        return self.organizers.get(self.cleaned_data.get("organizer", ""), owner)

    def clean(self) -> dict[str, Any]:
        """A date needs its parts; the list is read row by row.

        What somebody else has changed since the page was opened is not undone unsaid.
        """
        values = super().clean() or self.cleaned_data
        if self.data.get("seen", self.seen) != self.seen:
            self.add_error(None, ValidationError(_CHANGED, code="changed"))
        if values.get("kind") == Kind.BOOKED.value:
            for field, words in (("date", _("Choose a date.")), ("time", _("Choose a time."))):
                if not values.get(field) and field not in self.errors:
                    self.add_error(field, words)
            self.check_repetition(values)
            self._check_start(values)
        self.read_rows()
        return values

    def _check_start(self, values: dict[str, Any]) -> None:
        """So that what is over is marked together with the rest; a series may begin later."""
        if not self._new or not all(values.get(one) for one in ("date", "time", "timezone")):
            return
        at = datetime.datetime.combine(values["date"], values["time"])
        start = at.replace(tzinfo=zoneinfo.ZoneInfo(values["timezone"]))
        once = values.get("repeats") in (None, "", Repeats.NEVER.value)
        if once and start < timezone.now() - JUST_NOW and "date" not in self.errors:
            self.add_error("date", _("The start lies in the past."))

    def lasts(self, values: dict[str, Any]) -> bool:
        """A standing room has no length."""
        return values.get("kind") == Kind.BOOKED.value

    def values(self) -> dict[str, Any]:
        """The arguments of `services.book` and `change`, but for the list; once valid."""
        said = self.cleaned_data
        booked = said["kind"] == Kind.BOOKED.value
        repeats = self.repetition_values(said["date"]) if booked else {}
        zone = said["timezone"] or self.initial["timezone"]
        return {
            "title": said["title"],
            "starts_at": datetime.datetime.combine(said["date"], said["time"]).replace(
                tzinfo=zoneinfo.ZoneInfo(zone)
            )
            if booked
            else None,
            "duration_minutes": said["duration_minutes"] if booked else None,
            "timezone": zone,
            **self.door_values(),
            **self.sound_values(),
            **self.rules_values(),
            **repeats,
            **(self.window_values() if booked else {}),
        }

    def complain(self, error: ValidationError) -> None:
        """Show what a service found wrong at the field that it is about."""
        if not hasattr(error, "error_dict"):
            self.add_error(None, error)
            return
        for field, errors in error.error_dict.items():
            self._propose(errors)
            shown = self._shown(field)
            if shown == "invitees":
                self.invitee_error = " ".join(error.messages)
                self.say_list_is_wrong()
            elif self.proposals:
                self.add_error(None, list(errors))
            else:
                self.add_error(shown if shown in self.fields else None, list(errors))

    def _shown(self, field: str) -> str:
        """Where a complaint about an argument of the service belongs."""
        if field == "rrule" and self.cleaned_data.get("repeats") != Repeats.RULE:
            return "repeats"
        return {"starts_at": "date"}.get(field, field)

    def _propose(self, errors: list[ValidationError]) -> None:
        """Offer the times at which there is room, in the zone that was chosen."""
        zone = self.cleaned_data.get("timezone") or self.initial["timezone"]
        self.proposals += plain.proposed(errors, zone)


def _suggested(at: Mapping[str, str]) -> dict[str, Any]:
    """What a link suggests, in the owner's zone; nothing where it makes no sense."""
    try:
        start = datetime.datetime.fromisoformat(at["starts_at"]).replace(tzinfo=None)
    except (KeyError, ValueError):
        return {}
    return {
        "kind": Kind.BOOKED.value,
        "date": start.date(),
        "time": start.time(),
        **length.suggested(at.get("minutes", "")),
    }


def _digest(owner: User, conference: Conference) -> str:
    """What the form shows of it, in short."""
    people = conference.invitations.order_by("pk").values_list("uri", "email", "role", "dial_out")
    shown = (sorted(_initial(owner, conference).items()), list(people))
    return hashlib.sha256(repr(shown).encode()).hexdigest()[:32]


def _initial(owner: User, conference: Conference | None) -> dict[str, Any]:
    if conference is None:
        return {
            "kind": Kind.ROOM.value,
            **length.initial(DEFAULT_MINUTES),
            "timezone": owner.timezone or timezone.get_current_timezone_name(),
            **door.initial(None),
            **sound.initial(None),
            **repeating.initial("", None),
            **window.initial(None),
            **rules.initial(None),
        }
    starts = conference.starts_at
    local = starts.astimezone(zoneinfo.ZoneInfo(conference.timezone)) if starts else None
    return {
        "title": conference.title,
        "kind": conference.kind if starts else Kind.ROOM.value,
        "date": local.date() if local else None,
        "time": local.time() if local else None,
        **length.initial(conference.duration_minutes or DEFAULT_MINUTES),
        "timezone": conference.timezone,
        **door.initial(conference),
        **window.initial(conference),
        **rules.initial(conference),
        **sound.initial(conference),
        **repeating.initial(conference.rrule, local.date() if local else None),
    }
