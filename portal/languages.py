"""In which language a page answers: the account's, else the cookie's, else the browser's.

Who is signed in and has chosen a language reads it on every device. Everybody else gets what
the menu at the foot of a page put into the cookie, or what the browser asks for
(RFC 9110 12.5.4, Accept-Language), and English where neither is one of ours.
"""

from __future__ import annotations

from pathlib import Path

from django.conf import settings
from django.http import HttpRequest
from django.middleware.locale import LocaleMiddleware
from django.utils import translation

from conferences import services
from conferences.models import User


class PersonsLanguage(LocaleMiddleware):
    """Turns on the language of who asks; comes after the one that says who that is."""

    def process_request(self, request: HttpRequest) -> None:
        """See the module."""
        user = request.user
        chosen = user.language if isinstance(user, User) else ""
        if chosen not in dict(settings.LANGUAGES):
            super().process_request(request)
            _keep(request)
            return
        translation.activate(chosen)
        request.LANGUAGE_CODE = chosen


def _keep(request: HttpRequest) -> None:
    """Mails of somebody who has chosen no language are in the one that he reads pages in."""
    user = request.user
    read = translation.get_language() or settings.LANGUAGE_CODE
    if isinstance(user, User) and read != (user.language_read or settings.LANGUAGE_CODE):
        services.language_read(user=user, language=read)


def edition(language: str) -> str:
    """What changes when the words of the scripts in that language do."""
    name = translation.to_locale(language)
    files = [
        Path(root, locale, "LC_MESSAGES", "djangojs.mo")
        for root in settings.LOCALE_PATHS
        for locale in (name, name.partition("_")[0])
    ]
    return "-".join(
        ["1", language, *(str(one.stat().st_mtime_ns) for one in files if one.is_file())]
    )
