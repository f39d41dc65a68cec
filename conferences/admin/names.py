"""What the back office calls rows and columns, in the language of who looks.

The English words are those that Django makes of the names in the source. They are turned into
others here, and not in the models: so a word is no migration.
"""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy, pgettext_lazy

#: All of them, for `scripts/words.py` to find.
MARKED = (
    pgettext_lazy("column", "account"),
    pgettext_lazy("column", "active"),
    pgettext_lazy("column", "actor name"),
    pgettext_lazy("column", "actor"),
    pgettext_lazy("column", "address"),
    pgettext_lazy("column", "admission"),
    pgettext_lazy("column", "again at"),
    pgettext_lazy("column", "agreed to recording"),
    pgettext_lazy("column", "announce"),
    pgettext_lazy("column", "anonymity"),
    pgettext_lazy("column", "anonymous"),
    pgettext_lazy("column", "api token"),
    pgettext_lazy("column", "api tokens"),
    pgettext_lazy("column", "asked to speak"),
    pgettext_lazy("column", "at"),
    pgettext_lazy("column", "attempts"),
    pgettext_lazy("column", "auth name"),
    pgettext_lazy("column", "ban"),
    pgettext_lazy("column", "booked by"),
    pgettext_lazy("column", "by"),
    pgettext_lazy("column", "call id"),
    pgettext_lazy("column", "call"),
    pgettext_lazy("column", "calls"),
    pgettext_lazy("column", "cancelled at"),
    pgettext_lazy("column", "claimed at"),
    pgettext_lazy("column", "closes at"),
    pgettext_lazy("column", "conference kind"),
    pgettext_lazy("column", "conference"),
    pgettext_lazy("column", "conferences"),
    pgettext_lazy("column", "confirm calls"),
    pgettext_lazy("column", "contact"),
    pgettext_lazy("column", "created at"),
    pgettext_lazy("column", "creator departs"),
    pgettext_lazy("column", "creator"),
    pgettext_lazy("column", "cseq"),
    pgettext_lazy("column", "delegate"),
    pgettext_lazy("column", "detail"),
    pgettext_lazy("column", "dial target"),
    pgettext_lazy("column", "dial targets"),
    pgettext_lazy("column", "display name"),
    pgettext_lazy("column", "display text"),
    pgettext_lazy("column", "done at"),
    pgettext_lazy("column", "door"),
    pgettext_lazy("column", "due at"),
    pgettext_lazy("column", "duration minutes"),
    pgettext_lazy("column", "early minutes"),
    pgettext_lazy("column", "email"),
    pgettext_lazy("column", "end by"),
    pgettext_lazy("column", "ended at"),
    pgettext_lazy("column", "entity"),
    pgettext_lazy("column", "error"),
    pgettext_lazy("column", "event"),
    pgettext_lazy("column", "events"),
    pgettext_lazy("column", "expires at"),
    pgettext_lazy("column", "factory"),
    pgettext_lazy("column", "gateway"),
    pgettext_lazy("column", "grace minutes"),
    pgettext_lazy("column", "guest"),
    pgettext_lazy("column", "guests"),
    pgettext_lazy("column", "hand raised at"),
    pgettext_lazy("column", "hidden focus"),
    pgettext_lazy("column", "history"),
    pgettext_lazy("column", "instance"),
    pgettext_lazy("column", "invitation"),
    pgettext_lazy("column", "job"),
    pgettext_lazy("column", "joined at"),
    pgettext_lazy("column", "key"),
    pgettext_lazy("column", "kind"),
    pgettext_lazy("column", "language"),
    pgettext_lazy("column", "lease"),
    pgettext_lazy("column", "leases"),
    pgettext_lazy("column", "ledger"),
    pgettext_lazy("column", "left at"),
    pgettext_lazy("column", "left by"),
    pgettext_lazy("column", "left method"),
    pgettext_lazy("column", "left reason"),
    pgettext_lazy("column", "lifted at"),
    pgettext_lazy("column", "local port"),
    pgettext_lazy("column", "locked"),
    pgettext_lazy("column", "mail"),
    pgettext_lazy("column", "mails"),
    pgettext_lazy("column", "max participants"),
    pgettext_lazy("column", "mode"),
    pgettext_lazy("column", "moderator pin"),
    pgettext_lazy("column", "music"),
    pgettext_lazy("column", "muted by"),
    pgettext_lazy("column", "name"),
    pgettext_lazy("column", "newcomers at first"),
    pgettext_lazy("column", "note"),
    pgettext_lazy("column", "organizer"),
    pgettext_lazy("column", "outcome"),
    pgettext_lazy("column", "outgoing"),
    pgettext_lazy("column", "owner"),
    pgettext_lazy("column", "participant"),
    pgettext_lazy("column", "participants may add"),
    pgettext_lazy("column", "participants"),
    pgettext_lazy("column", "path"),
    pgettext_lazy("column", "pattern"),
    pgettext_lazy("column", "personal pins"),
    pgettext_lazy("column", "phone"),
    pgettext_lazy("column", "pin"),
    pgettext_lazy("column", "ports"),
    pgettext_lazy("column", "prefix"),
    pgettext_lazy("column", "private"),
    pgettext_lazy("column", "quiet from"),
    pgettext_lazy("column", "quiet until"),
    pgettext_lazy("column", "reason"),
    pgettext_lazy("column", "recorded"),
    pgettext_lazy("column", "recurrence id"),
    pgettext_lazy("column", "redials"),
    pgettext_lazy("column", "refreshed at"),
    pgettext_lazy("column", "registration"),
    pgettext_lazy("column", "registrations"),
    pgettext_lazy("column", "reminder minutes"),
    pgettext_lazy("column", "removal"),
    pgettext_lazy("column", "removals"),
    pgettext_lazy("column", "replaces"),
    pgettext_lazy("column", "role"),
    pgettext_lazy("column", "rrule"),
    pgettext_lazy("column", "sequence"),
    pgettext_lazy("column", "since"),
    pgettext_lazy("column", "sip account"),
    pgettext_lazy("column", "sip accounts"),
    pgettext_lazy("column", "source"),
    pgettext_lazy("column", "starts at"),
    pgettext_lazy("column", "state"),
    pgettext_lazy("column", "status"),
    pgettext_lazy("column", "takes over"),
    pgettext_lazy("column", "target"),
    pgettext_lazy("column", "timezone"),
    pgettext_lazy("column", "title"),
    pgettext_lazy("column", "tracks"),
    pgettext_lazy("column", "transport"),
    pgettext_lazy("column", "trunk"),
    pgettext_lazy("column", "trunks"),
    pgettext_lazy("column", "two left"),
    pgettext_lazy("column", "uid"),
    pgettext_lazy("column", "uri user"),
    pgettext_lazy("column", "uri"),
    pgettext_lazy("column", "used at"),
    pgettext_lazy("column", "user agent"),
    pgettext_lazy("column", "user"),
    pgettext_lazy("column", "username"),
    pgettext_lazy("column", "waiting room"),
    pgettext_lazy("column", "warn minutes"),
    pgettext_lazy("column", "way"),
    pgettext_lazy("column", "who"),
)
#: What Django's own pages say and its catalogues have not yet in all our languages.
DJANGOS = (
    gettext_lazy("After you’ve created a user, you’ll be able to edit more user options."),  # noqa: RUF001
    gettext_lazy("Password-based authentication"),
    gettext_lazy("Enabled"),
    gettext_lazy("Disabled"),
    gettext_lazy(
        "Whether the user will be able to authenticate using a password or not. "
        "If disabled, they may still be able to authenticate using other backends, "
        "such as Single Sign-On or LDAP."
    ),
    gettext_lazy("Reset password"),
    gettext_lazy("Set password"),
    gettext_lazy("Raw passwords are not stored, so there is no way to see the user’s password."),  # noqa: RUF001
    gettext_lazy("Enable password-based authentication for this user by setting a password."),
    gettext_lazy("Disable password-based authentication"),
    gettext_lazy("Enable password-based authentication"),
)


#: Of models that have words of their own for one row alone.
MANY = {"HeldOff": pgettext_lazy("column", "wrong passwords")}


def _in_their_language(words: Any) -> Any:
    return words if isinstance(words, Promise) else pgettext_lazy("column", words)


def translate() -> None:
    """Have every model and column that has no words of its own speak the reader's language."""
    for model in apps.get_app_config("conferences").get_models():
        told = model._meta
        if model.__name__ in MANY:
            told.verbose_name_plural = MANY[model.__name__]
        elif "verbose_name_plural" not in told.original_attrs:
            told.verbose_name_plural = _in_their_language(f"{told.verbose_name}s")
        told.verbose_name = _in_their_language(told.verbose_name)
        for column in told.fields:
            column.verbose_name = _in_their_language(column.verbose_name)
