"""The finer rules of a booking: who is named and may do what, calls out, and what is heard.

All of them have good defaults; a page may leave the whole part out (`ASKED`).
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.functional import lazy
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from conferences import policy
from conferences.forms import plain
from conferences.models import (
    AnonymityChoice,
    Conference,
    CreatorDepartsChoice,
    Kind,
    NewcomersChoice,
    TwoLeftChoice,
)

ASKED = "rules"
"""The field by which a page says that it has this part: a box that is not ticked is not sent."""
#: From so many people on coming and going is not heard any more.
_QUIET = (5, 10, 15, 25, 50, 100)
_ALWAYS = 100_000
_REDIALS = (1, 2, 3, 5, 10)
_ADDS = [
    ("", _("Where anyone with the link may come in")),
    ("yes", _("Everybody who is in it")),
    ("no", _("Moderators alone")),
]
#: Who of the list is called when it opens.
_CALLED = [
    ("", _("Those who are marked on the list")),
    ("all", _("Everybody on the list who has a phone here or a number")),
]


class RulesForm(plain.PlainForm):
    """See the module; it is shown in groups that can be folded away."""

    anonymity = forms.ChoiceField(
        label=_("Who is shown without a name"), choices=AnonymityChoice.choices, required=False
    )
    participants_may_add = forms.ChoiceField(
        label=_("Who may call others in"), choices=_ADDS, required=False
    )
    newcomers = forms.ChoiceField(
        label=_("Whoever comes in"), choices=NewcomersChoice.choices, required=False
    )
    creator_departs = forms.ChoiceField(
        label=_("When its organizer leaves"), choices=CreatorDepartsChoice.choices, required=False
    )
    two_left = forms.ChoiceField(
        label=_("When two are left"), choices=TwoLeftChoice.choices, required=False
    )
    hidden_focus = forms.BooleanField(
        label=_("Do not tell phones that this is a conference"),
        required=False,
        help_text=_("They show a plain call then, without a list of who is there."),
    )
    calls_out = forms.ChoiceField(
        label=_("Whom it calls when it opens"), choices=_CALLED, required=False
    )
    redials = forms.TypedChoiceField(
        label=_("Who is busy or does not answer"), coerce=int, empty_value=None, required=False
    )
    confirm_calls = forms.BooleanField(
        label=_("Whoever is called presses 1 to come in"),
        required=False,
        help_text=_("So that no answering machine takes part."),
    )
    quiet_from = forms.TypedChoiceField(
        label=_("Coming and going is heard"), coerce=int, empty_value=None, required=False
    )
    music = forms.BooleanField(
        label=_("Play music to a phone that is alone"),
        required=False,
    )

    def settle(self, conference: Conference | None) -> None:
        """Offer what makes sense for this one, and keep what a script chose."""
        if conference is None or conference.kind != Kind.ADHOC:
            del self.fields["two_left"]
        shown = conference or Conference()
        self._offer("redials", _REDIALS, shown.redials, none=_("Is not called again"), say=_again)
        self._offer("quiet_from", _QUIET, shown.quiet_from, none=_("Never"), say=_up_to)
        quiet = self.fields["quiet_from"]
        assert isinstance(quiet, forms.TypedChoiceField), "declared above"
        quiet.choices = [*quiet.choices, (_ALWAYS, _("However many there are"))]  # type: ignore[misc]

    def _offer(
        self, name: str, known: tuple[int, ...], chosen: int, *, none: Any, say: Any
    ) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.TypedChoiceField), "declared above"
        numbers = sorted({*known, chosen} - {0, _ALWAYS})
        field.choices = [(0, none), *((number, say(number)) for number in numbers)]

    def rules_values(self) -> dict[str, Any]:
        """The arguments of the services; nothing where the page did not ask."""
        if ASKED not in self.data:
            return {}
        said = self.cleaned_data
        values: dict[str, Any] = {
            "anonymity": policy.Anonymity(said["anonymity"] or policy.Anonymity.ASKED),
            "creator_departs": policy.CreatorDeparts(
                said["creator_departs"] or policy.CreatorDeparts.KEEP
            ),
            "newcomers": policy.Newcomers(said["newcomers"] or policy.Newcomers.HEARD),
            "participants_may_add": {"yes": True, "no": False}.get(said["participants_may_add"]),
            "hidden_focus": said["hidden_focus"],
            "confirm_calls": said["confirm_calls"],
            "music": said["music"],
        }
        for name in ("redials", "quiet_from"):
            if said[name] is not None:
                values[name] = said[name]
        if said.get("two_left"):
            values["two_left"] = policy.TwoLeft(said["two_left"])
        return values

    @property
    def calls_all(self) -> bool:
        """Whether it calls everybody who can be called, marked or not; once valid."""
        return ASKED in self.data and self.cleaned_data["calls_out"] == "all"

    @property
    def people_open(self) -> bool:
        """Whether that group says something out of the ordinary, or has a mistake."""
        return self._says(
            "anonymity", "participants_may_add", "newcomers", "creator_departs", "hidden_focus"
        )

    @property
    def calls_open(self) -> bool:
        """The same of the calls."""
        return self._says("calls_out", "redials", "confirm_calls")

    @property
    def sound_open(self) -> bool:
        """The same of what is heard."""
        return self._says("quiet_from", "music")

    def _says(self, *names: str) -> bool:
        usual = initial(None)
        return any(
            name in self.errors or str(self[name].value() or "") != str(usual[name] or "")
            for name in names
        )


def _again_in_words(number: int) -> str:
    said = ngettext("Is called %(count)s more time", "Is called %(count)s more times", number)
    return said % {"count": number}


def _up_to_in_words(number: int) -> str:
    said = ngettext("While fewer than %(count)s is in", "While fewer than %(count)s are in", number)
    return said % {"count": number}


_again, _up_to = lazy(_again_in_words, str), lazy(_up_to_in_words, str)


def initial(conference: Conference | None) -> dict[str, Any]:
    """What the form shows."""
    shown = conference or Conference()
    adds = "yes" if shown.participants_may_add else "no"
    return {
        "anonymity": shown.anonymity,
        "participants_may_add": adds if conference else "",
        "newcomers": shown.newcomers_at_first,
        "creator_departs": shown.creator_departs,
        "two_left": shown.two_left,
        "hidden_focus": shown.hidden_focus,
        "calls_out": "",
        "redials": shown.redials,
        "confirm_calls": shown.confirm_calls,
        "quiet_from": shown.quiet_from,
        "music": shown.music,
    }
