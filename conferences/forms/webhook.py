"""Where others are told of what happens."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from conferences import webhooks
from conferences.forms import plain
from conferences.models import User, Webhook


class WebhookForm(plain.PlainForm):
    """An address, and what it is told."""

    url = forms.CharField(
        label=_("Address"),
        max_length=500,
        help_text=_("Messages are sent there by POST, as JSON."),
        error_messages={"required": _("Give an address that begins with https:// or http://.")},
        widget=forms.URLInput(attrs={"placeholder": "https://example.org/parley"}),
    )
    types = forms.MultipleChoiceField(
        label=_("What it is told"),
        choices=[(one, one) for one in webhooks.CHOICES],
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    everything = forms.BooleanField(
        label=_("Of all conferences, not only those that I organize"), required=False
    )

    def __init__(self, *args: Any, owner: User, webhook: Webhook | None = None) -> None:
        initial = {} if webhook is None else {"url": webhook.url, "everything": webhook.everything}
        chosen = [] if webhook is None else webhook.types
        super().__init__(*args, initial={**initial, "types": chosen})
        if not owner.is_staff:
            del self.fields["everything"]
        # A script may have asked for more types than the page offers.
        offered = dict.fromkeys([*webhooks.CHOICES, *chosen])
        field = self.fields["types"]
        assert isinstance(field, forms.MultipleChoiceField), "types are chosen"
        field.choices = [(one, one) for one in offered]

    def values(self) -> dict[str, Any]:
        """The arguments of `services.add_webhook`; once valid."""
        return dict(self.cleaned_data)

    def complain(self, error: ValidationError) -> None:
        """Show what the service found wrong at the field that it is about."""
        if not hasattr(error, "error_dict"):
            self.add_error(None, error)
            return
        for field, errors in error.error_dict.items():
            self.add_error(field if field in self.fields else None, list(errors))


class ReplayForm(plain.PlainForm):
    """The first message that is to be sent again."""

    number = forms.IntegerField(
        label=_("From number"),
        min_value=1,
        error_messages={"required": _("Which is the first that you missed?")},
    )
