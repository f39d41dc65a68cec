"""Signing in by name and password, counted: every form of Django's asks here.

Not django-axes: it locks by fixed numbers, cannot exempt sources from which a
person has signed in before, and would be a second list beside that of the phones.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.utils import timezone
from django.views.decorators.debug import sensitive_variables

from conferences import services
from conferences.models import Door

#: Key of `HttpRequest.META` under which stands how long to wait.
_WAIT = "parley.attempts_wait"


class CountedBackend(ModelBackend):
    """Django's, behind `services.may_try`. Without a request, as in a shell, nobody is counted."""

    @sensitive_variables("credentials")
    def authenticate(  # type: ignore[override]  # Django asks by keyword, whatever they are
        self, request: HttpRequest | None, **credentials: Any
    ) -> Any:
        """The user; None for a wrong password. Raises `PermissionDenied` where one has to wait."""
        username = credentials.get(get_user_model().USERNAME_FIELD)
        if request is None or username is None:
            return super().authenticate(request, **credentials)
        source, account = request.META.get("REMOTE_ADDR", ""), str(username).strip().lower()
        now = timezone.now()
        try:
            services.may_try(door=Door.PAGES, source=source, account=account, now=now)
        except services.TooManyAttempts as refused:
            request.META[_WAIT] = refused.wait
            raise PermissionDenied from refused
        user = super().authenticate(request, **credentials)
        if user is None:
            services.attempt_failed(door=Door.PAGES, source=source, account=account, now=now)
        else:
            services.attempt_succeeded(door=Door.PAGES, source=source, account=account, now=now)
        return user


def wait_of(request: HttpRequest | None) -> int:
    """Seconds that this request was told to wait; 0 if its password was looked at."""
    return int(request.META.get(_WAIT, 0)) if request is not None else 0
