"""The forms of the pages: what is typed into what the services take.

A form turns text into values and says at its field what cannot be read. What
a booking may be is decided by `services.book`; its complaints, by the name of
its argument, come back through `BookingForm.complain`.
"""

from __future__ import annotations

import datetime
import zoneinfo
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from conferences import policy, selectors
from conferences.models import AdmissionChoice, Conference, Kind, RoleChoice, User

MIN_SIP_PASSWORD = 12

#: Roles that the form offers; others that a script gave stay as they are.
_INVITABLE = [(role.value, role.label) for role in (RoleChoice.PARTICIPANT, RoleChoice.MODERATOR)]


@dataclass(frozen=True, slots=True)
class Label:
    """A choice with a line that explains it."""

    title: str
    hint: str

    def __str__(self) -> str:
        return self.title


_KINDS = [
    (Kind.ROOM.value, Label("A standing room", "Always open, for as long as you keep it.")),
    (Kind.BOOKED.value, Label("At a date and time", "Opens and closes by the clock.")),
]
_ADMISSIONS = [
    (AdmissionChoice.INVITED.value, Label("The invited only", "They sign in and are on the list.")),
    (
        AdmissionChoice.SIGNED_IN.value,
        Label("Everybody with an account", "Whoever can sign in may come, invited or not."),
    ),
    (
        AdmissionChoice.OPEN.value,
        Label("Anyone with the link, guests included", "Guests just type a name."),
    ),
]
_LENGTHS = [
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


def _dress(form: forms.BaseForm) -> None:
    """Give every widget the class that the style sheets know."""
    for field in form.fields.values():
        widget = field.widget
        if isinstance(widget, forms.RadioSelect | forms.CheckboxInput):
            widget.attrs["class"] = "form-check-input"
        elif isinstance(widget, forms.Select):
            widget.attrs["class"] = "form-select"
        else:
            widget.attrs["class"] = f"form-control {widget.attrs.get('class', '')}".strip()


class PlainForm(forms.Form):
    """A form in our clothes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _dress(self)


@dataclass(slots=True)
class InviteeRow:
    """One row of the list of invitees, as typed."""

    address: str = ""
    role: str = policy.Role.PARTICIPANT.value
    error: str = ""

    def where(self) -> tuple[str, str]:
        """`(uri, email)`, one of them empty. Raises `ValidationError`."""
        text = self.address
        if text.lower().startswith(("sip:", "sips:", "tel:")):
            return text, ""
        if "@" in text:
            validate_email(text)
            return "", text
        if not selectors.person_exists(text):
            raise ValidationError("Nobody here has this user name.")
        return selectors.aor(text), ""


@dataclass(frozen=True, slots=True)
class Guestlist:
    """One invitee that could be read."""

    uri: str
    email: str
    role: policy.Role


class BookingForm(PlainForm):
    """Books a conference, or changes one: `values()` is what the services take."""

    title = forms.CharField(
        max_length=200,
        error_messages={"required": "Give it a title."},
        widget=forms.TextInput(attrs={"placeholder": "Weekly planning", "autofocus": True}),
    )
    kind = forms.ChoiceField(label="When", choices=_KINDS, widget=forms.RadioSelect)
    date = forms.DateField(required=False, widget=forms.DateInput(attrs={"type": "date"}))
    time = forms.TimeField(
        required=False, widget=forms.TimeInput(attrs={"type": "time"}, format="%H:%M")
    )
    duration_minutes = forms.TypedChoiceField(
        label="Length", choices=_LENGTHS, coerce=int, empty_value=None, required=False
    )
    timezone = forms.ChoiceField(label="Time zone", choices=zones, required=False)
    admission = forms.ChoiceField(
        label="Who may come in", choices=_ADMISSIONS, widget=forms.RadioSelect
    )
    pin = forms.CharField(
        label="PIN",
        max_length=16,
        required=False,
        help_text="4 to 16 digits. Pages ask for it, phones key it.",
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )
    max_participants = forms.IntegerField(
        label="Size",
        min_value=1,
        max_value=100_000,
        required=False,
        help_text="How many can be in it at once.",
        widget=forms.NumberInput(attrs={"placeholder": "No limit"}),
    )
    name = forms.CharField(
        label="Address",
        max_length=63,
        required=False,
        help_text="A word of your choice for the link and the SIP address. "
        "Left empty it is a number that every phone can dial.",
        widget=forms.TextInput(
            attrs={"placeholder": "planning", "autocapitalize": "none", "spellcheck": "false"}
        ),
    )

    blank_invitee = InviteeRow()

    def __init__(
        self, data: Any = None, *, owner: User, conference: Conference | None = None
    ) -> None:
        self.invitee_error = ""
        self._listed: list[Guestlist] = []
        super().__init__(data, initial=_initial(owner, conference))
        if conference is not None or settings.USER_CHOSEN_URIS == "off":
            del self.fields["name"]
        if conference is not None:
            self._keep_length(conference.duration_minutes)
        self.invitee_rows = self._rows(conference)
        kept = {row.role for row in self.invitee_rows} - set(dict(_INVITABLE))
        self.roles = [*_INVITABLE, *((role, RoleChoice(role).label) for role in sorted(kept))]

    def _keep_length(self, minutes: int | None) -> None:
        """A length that a script chose stays a choice."""
        field = self.fields["duration_minutes"]
        assert isinstance(field, forms.TypedChoiceField), "declared above"
        if minutes and minutes not in dict(_LENGTHS):
            field.choices = [*_LENGTHS, (minutes, f"{minutes} minutes")]

    def _rows(self, conference: Conference | None) -> list[InviteeRow]:
        if self.is_bound:
            return list(_typed_rows(self.data))
        invited = conference.invitations.select_related("user") if conference is not None else ()
        rows = [
            InviteeRow(one.user.username if one.user else one.uri or one.email, one.role)
            for one in invited
        ]
        return [*rows, InviteeRow()]

    def clean(self) -> dict[str, Any]:
        """A date needs its parts; the list is read row by row."""
        values = super().clean() or self.cleaned_data
        if values.get("kind") == Kind.BOOKED.value:
            for field, words in (("date", "Choose a date."), ("time", "Choose a time.")):
                if not values.get(field) and field not in self.errors:
                    self.add_error(field, words)
        for row in self.invitee_rows:
            self._read(row)
        if any(row.error for row in self.invitee_rows):
            self.add_error(None, "Somebody on the list of invitees cannot be invited.")
        if not self.invitee_rows:
            self.invitee_rows = [InviteeRow()]
        return values

    def _read(self, row: InviteeRow) -> None:
        try:
            uri, email = row.where()
            self._listed.append(Guestlist(uri, email, policy.Role(row.role)))
        except ValidationError as error:
            row.error = " ".join(error.messages)

    def listed(self) -> list[Guestlist]:
        """Who is invited; once the form is valid."""
        return self._listed

    def values(self) -> dict[str, Any]:
        """The arguments of `services.book` and `change`, but for the list; once valid."""
        said = self.cleaned_data
        booked = said["kind"] == Kind.BOOKED.value
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
            "pin": said["pin"],
            "max_participants": said["max_participants"],
            "admission": policy.Admission(said["admission"]),
            **({"name": said["name"]} if said.get("name") else {}),
        }

    def complain(self, error: ValidationError) -> None:
        """Show what a service found wrong at the field that it is about."""
        if not hasattr(error, "error_dict"):
            self.add_error(None, error)
            return
        for field, errors in error.error_dict.items():
            shown = {"starts_at": "date"}.get(field, field)
            if shown == "invitees":
                self.invitee_error = " ".join(error.messages)
                self.add_error(None, "Somebody on the list of invitees cannot be invited.")
            else:
                self.add_error(shown if shown in self.fields else None, list(errors))


def _initial(owner: User, conference: Conference | None) -> dict[str, Any]:
    if conference is None:
        return {
            "kind": Kind.ROOM.value,
            "duration_minutes": 60,
            "timezone": owner.timezone,
            "admission": AdmissionChoice.INVITED.value,
        }
    starts = conference.starts_at
    local = starts.astimezone(zoneinfo.ZoneInfo(conference.timezone)) if starts else None
    return {
        "title": conference.title,
        "kind": conference.kind if starts else Kind.ROOM.value,
        "date": local.date() if local else None,
        "time": local.time() if local else None,
        "duration_minutes": conference.duration_minutes or 60,
        "timezone": conference.timezone,
        "admission": conference.admission,
        "pin": conference.pin,
        "max_participants": conference.max_participants,
    }


def _typed_rows(data: Mapping[str, Any]) -> Iterator[InviteeRow]:
    """Rows that say something; `data` is the QueryDict of a request."""
    addresses = getattr(data, "getlist", data.get)("invitee") or []
    roles = getattr(data, "getlist", data.get)("invitee_role") or []
    known = set(RoleChoice.values) - {RoleChoice.ORGANIZER.value}
    for index, address in enumerate(addresses):
        if not address.strip():
            continue
        role = roles[index] if index < len(roles) else ""
        yield InviteeRow(address.strip(), role if role in known else policy.Role.PARTICIPANT.value)


class SetupForm(PlainForm):
    """What a caller of the conference application is asked for (draft 4.3)."""

    title = forms.CharField(
        max_length=200,
        error_messages={"required": "Give it a title."},
        widget=forms.TextInput(attrs={"placeholder": "Weekly planning", "autofocus": True}),
    )
    call = forms.CharField(
        label="Call these people",
        required=False,
        help_text="User names or SIP addresses, one a line. Their phones ring at once.",
        widget=forms.Textarea(attrs={"rows": 2, "autocapitalize": "none", "spellcheck": "false"}),
    )
    pin = forms.CharField(
        label="PIN",
        max_length=16,
        required=False,
        help_text="4 to 16 digits, for those who dial in.",
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )
    max_participants = forms.IntegerField(
        label="Size",
        min_value=1,
        max_value=100_000,
        required=False,
        widget=forms.NumberInput(attrs={"placeholder": "No limit"}),
    )

    def clean_call(self) -> list[str]:
        """The addresses, a user name made into one."""
        found = []
        for text in self.cleaned_data["call"].replace(",", "\n").split():
            name = text.lower()
            found.append(selectors.aor(name) if selectors.person_exists(name) else text)
        return found

    def values(self) -> dict[str, Any]:
        """The arguments of `services.answer_setup`; once valid."""
        return dict(self.cleaned_data)

    def complain(self, error: ValidationError) -> None:
        """Show what the service found wrong at the field that it is about."""
        if not hasattr(error, "error_dict"):
            self.add_error(None, error)
            return
        for field, errors in error.error_dict.items():
            self.add_error(field if field in self.fields else None, list(errors))


class RemovalForm(PlainForm):
    """Why somebody is removed, and whether for good."""

    reason = forms.CharField(max_length=200, required=False, label="Reason")
    ban = forms.BooleanField(required=False, label="May not come back")


class AccountForm(forms.ModelForm):  # type: ignore[type-arg]  # not generic at run time
    """How somebody is called, and in which zone he reads times."""

    timezone = forms.ChoiceField(label="Time zone", choices=zones)

    class Meta:
        model = User
        fields = ("display_name", "timezone")
        help_texts = {"display_name": "What others read when you are in a conference."}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        _dress(self)


class SipPasswordForm(PlainForm):
    """A password for phones; left empty, one is made up."""

    password = forms.CharField(
        label="Password of your own",
        required=False,
        min_length=MIN_SIP_PASSWORD,
        max_length=128,
        strip=False,
        help_text="Leave it empty to have a strong one made up.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )


def dress(form: forms.BaseForm) -> None:
    """Clothes for a form of Django's own (signing in, changing the password)."""
    _dress(form)
