"""What is heard and kept of a booking: the language of its prompts, announcements, recording."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from conferences import policy
from conferences.forms import plain
from conferences.models import AnnounceChoice, Conference, LanguageChoice, RecordedChoice


class SoundForm(plain.PlainForm):
    """See the module."""

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

    def say_what_cannot_be(self) -> None:
        """What the mixer of this server does not do."""
        if not settings.TRACKS:
            self.fields["tracks"].disabled = True
            self.initial["tracks"] = False
            told = _("The mixer of this server, Janus, keeps the whole and no single voices.")
            self.fields["tracks"].help_text = told

    def sound_values(self) -> dict[str, Any]:
        """The arguments of the services, as far as the page asked."""
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


def initial(conference: Conference | None) -> dict[str, Any]:
    """What the form shows."""
    if conference is None:
        return {
            "announce": AnnounceChoice.TONES.value,
            "recorded": RecordedChoice.TOLD.value,
        }
    return {
        "language": conference.language,
        "announce": conference.announce,
        "recorded": conference.recorded,
        "tracks": conference.tracks,
    }
