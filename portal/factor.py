"""A second factor that is compulsory: whoever has to have one sets it up before anything else.

By `SECOND_FACTOR`. A password still lets its owner in, but to the pages on which he sets an
app or a key up, and to the way out; so nobody is locked out, not even the first organizer,
and whoever has found a password gets nowhere. Tokens of scripts and calendars are proofs of
their own, made by somebody who was in; guests have no account to protect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from allauth.mfa.utils import is_mfa_enabled
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect

from conferences.models import User

#: Who has to have one, by what `SECOND_FACTOR` says.
_WHO: Mapping[str, Callable[[User], bool]] = {
    "optional": lambda _user: False,
    "administrators": lambda user: user.is_staff,
    "organizers": lambda user: user.is_staff or user.books,
    "all": lambda _user: True,
}
#: What is open without: setting one up, proving who one is, the way out; and what asks for no
#: account, as links that are secrets of their own.
OPEN = frozenset(
    {
        "account_inactive",
        "account_logout",
        "account_reauthenticate",
        "answer",
        "calendar_feed",
        "forgotten",
        "healthz",
        "metrics",
        "set_language",
        "setup",
        "sign_out",
        "welcome",
        "words",
    }
)
_SETTING_UP = "mfa_"
#: Scripts of pages: they are told that nobody is signed in.
_API = "/api/"


class SecondFactor:
    """Leads whoever lacks one to where it is set up; comes after the one that says who it is."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        """See `process_view`, which knows what is asked for."""
        return self._get_response(request)

    def process_view(
        self, request: HttpRequest, _view: Any, _args: Any, _kwargs: Any
    ) -> HttpResponseBase | None:
        """Nothing where he has one or needs none, else the page on which he gets one."""
        if not lacks(request.user):
            return None
        if request.path.startswith(_API):
            request.user = AnonymousUser()
            return None
        match = request.resolver_match
        name = (match.url_name or "") if match else ""
        if not match or match.namespace or not (name in OPEN or name.startswith(_SETTING_UP)):
            return redirect("mfa_index")
        return None


def lacks(user: object) -> bool:
    """Whether somebody who is signed in has to have a second factor, and has none."""
    return isinstance(user, User) and must_have(user) and not is_mfa_enabled(user)


def must_have(user: User) -> bool:
    """Whether he has to have one."""
    return _WHO[settings.SECOND_FACTOR](user)
