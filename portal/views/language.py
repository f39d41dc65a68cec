"""Choosing a language, and the words of the scripts in it."""

from __future__ import annotations

from typing import cast

from django.conf import settings
from django.http import Http404, HttpRequest
from django.http.response import HttpResponseBase
from django.utils import translation
from django.views.decorators.cache import cache_control
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import condition, require_GET
from django.views.i18n import JavaScriptCatalog, set_language

from conferences import services
from conferences.models import User
from portal import access, languages


@csrf_exempt
@access.pressed("home")
def choose(request: HttpRequest) -> HttpResponseBase:
    """Keep the choice in a cookie, and with the account of who is signed in.

    Asks for no token, so that pages for guests set no cookie: another site's form comes
    without the session (SameSite), and can change nothing but the language of a guest.
    """
    language = request.POST.get("language", "")
    if isinstance(request.user, User) and language in dict(settings.LANGUAGES):
        services.choose_language(user=request.user, language=language)
    return cast(HttpResponseBase, set_language(request))


def _edition(_request: HttpRequest, language: str) -> str:
    return f'"{languages.edition(language)}"'


@require_GET
@cache_control(public=True, max_age=300)
@condition(etag_func=_edition)
def words(request: HttpRequest, language: str) -> HttpResponseBase:
    """The catalogue that ``static/js/words.js`` reads, as a script of our own."""
    if language not in dict(settings.LANGUAGES):
        raise Http404
    with translation.override(language):
        return JavaScriptCatalog.as_view()(request)
