"""The form by which a conference is booked and changed."""

from __future__ import annotations

import datetime
import re
import zoneinfo
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator, validate_email
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from conferences import policy, selectors
from conferences.forms import length, plain, repeating, rules, window
from conferences.models import (
    USER_PART,
    AdmissionChoice,
    AnnounceChoice,
    Conference,
    Kind,
    LanguageChoice,
    RecordedChoice,
    RoleChoice,
    User,
    WaitingRoomChoice,
)
from conferences.recurrence import DEFAULT_MINUTES
from conferences.repetition import Repeats

#: A form is filled in minutes, so "now" may be a little ago when it arrives.
JUST_NOW = datetime.timedelta(minutes=1)
#: Roles that the form offers; others that a script gave stay as they are.
_INVITABLE = [
    (role.value, role.label)
    for role in (RoleChoice.PARTICIPANT, RoleChoice.MODERATOR, RoleChoice.CO_ORGANIZER)
]


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
_ADMISSIONS = [
    (
        AdmissionChoice.INVITED.value,
        plain.Label(
            gettext_lazy("The invited only"), gettext_lazy("They sign in and are on the list.")
        ),
    ),
    (
        AdmissionChoice.SIGNED_IN.value,
        plain.Label(
            gettext_lazy("Everybody with an account"),
            gettext_lazy("Whoever can sign in may come, invited or not."),
        ),
    ),
    (
        AdmissionChoice.OPEN.value,
        plain.Label(
            gettext_lazy("Anyone with the link, guests included"),
            gettext_lazy("Guests just type a name."),
        ),
    ),
]


#: What the services ask of them, too; here so that all that is wrong is marked at once.
_A_PIN = RegexValidator(r"\A[0-9]{4,16}\Z", gettext_lazy("A PIN has 4 to 16 digits."))
_A_NAME = RegexValidator(
    USER_PART,
    gettext_lazy(
        "Use 1 to 63 letters a-z, digits, dots, hyphens and underscores,"
        " and begin with a letter or digit."
    ),
    flags=re.IGNORECASE,
)


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
            try:
                validate_email(text)
            except ValidationError as error:
                raise ValidationError(
                    _("Want a user name, an e-mail or SIP address, or a telephone number.")
                ) from error
            return "", text
        if not selectors.person_exists(text):
            raise ValidationError(_("Nobody here has this user name."))
        return selectors.aor(text), ""


@dataclass(frozen=True, slots=True)
class Guestlist:
    """One invitee that could be read."""

    uri: str
    email: str
    role: policy.Role
    #: Whether the conference is to call him, where he comes from another booking.
    dial_out: bool = False


class BookingForm(repeating.RepeatingForm, window.WindowForm, rules.RulesForm, length.LengthForm):
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
    admission = forms.ChoiceField(
        label=gettext_lazy("Who may come in"), choices=_ADMISSIONS, widget=forms.RadioSelect
    )
    pin = forms.CharField(
        label=gettext_lazy("PIN"),
        max_length=16,
        required=False,
        validators=[_A_PIN],
        help_text=gettext_lazy("4 to 16 digits. Pages ask for it, phones key it."),
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )
    moderator_pin = forms.CharField(
        label=gettext_lazy("PIN of moderators"),
        max_length=16,
        required=False,
        validators=[_A_PIN],
        help_text=gettext_lazy("Whoever gives this one moderates."),
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "off"}),
    )
    personal_pins = forms.BooleanField(
        label=gettext_lazy("Give each invitee a PIN of his own"),
        required=False,
        help_text=gettext_lazy("Who keys it is known by it, on any phone."),
    )
    max_participants = forms.IntegerField(
        label=gettext_lazy("Size"),
        min_value=1,
        max_value=100_000,
        required=False,
        widget=forms.NumberInput(attrs={"placeholder": gettext_lazy("No limit")}),
    )
    language = forms.ChoiceField(
        label=gettext_lazy("Prompts speak"),
        choices=[("", gettext_lazy("The language of the server")), *LanguageChoice.choices],
        required=False,
    )
    announce = forms.ChoiceField(
        label=gettext_lazy("When somebody comes or goes"),
        choices=AnnounceChoice.choices,
        required=False,
    )
    recorded = forms.ChoiceField(
        label=gettext_lazy("Recording"), choices=RecordedChoice.choices, required=False
    )
    tracks = forms.BooleanField(
        label=gettext_lazy("Also keep each voice on a track of its own"),
        required=False,
        help_text=gettext_lazy(
            "For cutting and for minutes: one file for each who speaks, all aligned."
        ),
    )
    waiting_room = forms.ChoiceField(
        label=gettext_lazy("Waiting room"),
        choices=WaitingRoomChoice.choices,
        required=False,
        help_text=gettext_lazy(
            "All but organizers and moderators wait there with music, by browser and by phone; "
            "who is called in does not."
        ),
    )
    name = forms.CharField(
        label=gettext_lazy("Address"),
        max_length=63,
        required=False,
        validators=[_A_NAME],
        help_text=gettext_lazy(
            "A word of your choice for the link and the SIP address. "
            "Left empty it is a number that every phone can dial."
        ),
        widget=forms.TextInput(
            attrs={
                "placeholder": gettext_lazy("planning"),
                "autocapitalize": "none",
                "spellcheck": "false",
            }
        ),
    )

    blank_invitee = InviteeRow()

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
        self._copied = list(listed)
        shown = conference or like
        self.invitee_error = ""
        self._listed: list[Guestlist] = []
        self.proposals: list[datetime.datetime] = []
        self._new = conference is None
        super().__init__(
            plain.taken(data),
            initial=_initial(owner, shown, self._copied) | _suggested(at or {}),
        )
        self._offer_organizers(owner, conference)
        plain.offer_own(self)
        self.initial["organizer"] = (at or {}).get("for", owner.username)
        self._tell_quota(conference.organizer if conference is not None else owner)
        if conference is not None or settings.USER_CHOSEN_URIS == "off":
            del self.fields["name"]
        if data is not None:
            # What is wrong gets the focus.
            del self.fields["title"].widget.attrs["autofocus"]
        self._say_what_cannot_be()
        self.keep_minutes(shown)
        self.settle(shown, called=[one.dial_out for one in self._copied if one.uri])
        self.invitee_rows = self._rows(conference)
        kept = {row.role for row in self.invitee_rows} - set(dict(_INVITABLE))
        self.roles = [*_INVITABLE, *((role, RoleChoice(role).label) for role in sorted(kept))]

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

    def _tell_quota(self, organizer: User | None) -> None:
        """How much he may take at a time, where somebody has said so."""
        field = self.fields["max_participants"]
        kept = selectors.ports_kept(organizer.pk if organizer is not None else None)
        field.help_text = ngettext(
            "How many can be in it at once; left empty, %(ports)s port is kept.",
            "How many can be in it at once; left empty, %(ports)s ports are kept.",
            kept,
        ) % {"ports": kept}
        for quota in selectors.quotas(organizer.pk) if organizer is not None else ():
            words = _("You may take %(ports)s ports at a time.")
            if quota.group:
                words = _("%(group)s may take %(ports)s ports at a time together.")
            told = words % {"ports": quota.ports, "group": quota.group}
            field.help_text = f"{field.help_text} {told}"

    def organizer_of(self, owner: User) -> User:
        """For whom it is booked; once the form is valid."""
        return self.organizers.get(self.cleaned_data.get("organizer", ""), owner)

    def _rows(self, conference: Conference | None) -> list[InviteeRow]:
        if self.is_bound:
            return list(_typed_rows(self.data))
        invited = conference.invitations.select_related("user") if conference is not None else ()
        rows = [
            InviteeRow(one.user.username if one.user else one.uri or one.email, one.role)
            for one in invited
        ]
        rows += [InviteeRow(_typed(one), one.role.value) for one in self._copied]
        return [*rows, InviteeRow()]

    def clean(self) -> dict[str, Any]:
        """A date needs its parts; the list is read row by row."""
        values = super().clean() or self.cleaned_data
        if values.get("kind") == Kind.BOOKED.value:
            for field, words in (("date", _("Choose a date.")), ("time", _("Choose a time."))):
                if not values.get(field) and field not in self.errors:
                    self.add_error(field, words)
            self.check_repetition(values)
            self._check_start(values)
        for row in self.invitee_rows:
            self._read(row)
        if any(row.error for row in self.invitee_rows):
            self.add_error(None, _("Somebody on the list of invitees cannot be invited."))
        if not self.invitee_rows:
            self.invitee_rows = [InviteeRow()]
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

    def _read(self, row: InviteeRow) -> None:
        try:
            uri, email = row.where()
            self._listed.append(Guestlist(uri, email, policy.Role(row.role)))
        except ValidationError as error:
            row.error = " ".join(error.messages)

    def _say_what_cannot_be(self) -> None:
        """What the mixer of this server does not do."""
        if not settings.TRACKS:
            self.fields["tracks"].disabled = True
            self.initial["tracks"] = False
            told = _("The mixer of this server, Janus, keeps the whole and no single voices.")
            self.fields["tracks"].help_text = told

    def listed(self) -> list[Guestlist]:
        """Who is invited; once the form is valid."""
        return self._listed

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
            "pin": said["pin"],
            "max_participants": said["max_participants"],
            "admission": policy.Admission(said["admission"]),
            **self._sound(),
            **self.rules_values(),
            **repeats,
            **(self.window_values() if booked else {}),
            **self._pins(),
            **self._waiting(),
            **({"name": said["name"]} if said.get("name") else {}),
        }

    def _pins(self) -> dict[str, Any]:
        """Those that the page asked for: a box that is not ticked is not sent."""
        if "moderator_pin" not in self.data:
            return {}
        said = self.cleaned_data
        return {"moderator_pin": said["moderator_pin"], "personal_pins": said["personal_pins"]}

    def _waiting(self) -> dict[str, Any]:
        """Who has to wait, as far as the form was asked."""
        said = self.cleaned_data.get("waiting_room")
        return {"waiting_room": policy.WaitingRoom(said)} if said else {}

    def _sound(self) -> dict[str, Any]:
        """What is heard and kept, as far as the form was asked."""
        said = self.cleaned_data
        sound: dict[str, Any] = {}
        if "language" in self.data:
            sound["language"] = policy.Language(said["language"]) if said["language"] else None
        if said.get("announce"):
            sound["announce"] = policy.Announce(said["announce"])
        if said.get("recorded"):
            sound["recorded"] = policy.Recorded(said["recorded"])
            sound["tracks"] = said["tracks"]
        return sound

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
                self.add_error(None, _("Somebody on the list of invitees cannot be invited."))
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


def _initial(
    owner: User, conference: Conference | None, copied: Iterable[Guestlist] = ()
) -> dict[str, Any]:
    if conference is None:
        return {
            "kind": Kind.ROOM.value,
            **length.initial(DEFAULT_MINUTES),
            "timezone": owner.timezone or timezone.get_current_timezone_name(),
            # Whoever books sends the link around, and expects it to open the door.
            "admission": AdmissionChoice.OPEN.value,
            "announce": AnnounceChoice.TONES.value,
            "recorded": RecordedChoice.TOLD.value,
            "waiting_room": WaitingRoomChoice.NONE.value,
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
        "admission": conference.admission,
        "pin": conference.pin,
        "moderator_pin": conference.moderator_pin,
        "personal_pins": conference.personal_pins,
        **window.initial(conference),
        **rules.initial(conference, called=[one.dial_out for one in copied if one.uri]),
        "max_participants": conference.max_participants,
        "language": conference.language,
        "announce": conference.announce,
        "recorded": conference.recorded,
        "tracks": conference.tracks,
        "waiting_room": conference.waiting_room,
        **repeating.initial(conference.rrule, local.date() if local else None),
    }


def _typed(one: Guestlist) -> str:
    """What is typed to mean him: a user name, where he is one of ours."""
    name = one.uri.removeprefix("sip:").partition("@")[0]
    return name if one.uri == selectors.aor(name) else one.uri or one.email


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
