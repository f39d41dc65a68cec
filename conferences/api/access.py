"""Who calls, and whether he may see or command the conference that he names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.http import Http404, HttpRequest
from django.utils import timezone
from ninja.security import APIKeyCookie, HttpBearer

from conferences import policy, selectors, services
from conferences.models import Conference, Door, User, Way
from conferences.services import Refused


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody with an account, or a guest (then `user` is None)."""

    identity: policy.Identity
    user: User | None
    #: What he wishes comes from a page of ours, or from a script.
    way: Way


class BearerToken(HttpBearer):
    """``Authorization: Bearer TOKEN``."""

    def authenticate(self, request: HttpRequest, token: str) -> Caller | None:
        """Whose token it is. Raises `services.TooManyAttempts` after too many wrong ones."""
        user = selectors.user_of_token(token)
        if user is not None:
            return Caller(selectors.identity_of_user(user), user, Way.REST)
        source, now = request.META.get("REMOTE_ADDR", ""), timezone.now()
        services.may_try(door=Door.API, source=source, now=now)
        services.attempt_failed(door=Door.API, source=source, now=now)
        return None


class BrowserSession(APIKeyCookie):
    """The session cookie of a page of ours, with Django's CSRF token."""

    param_name = settings.SESSION_COOKIE_NAME

    def __call__(self, request: HttpRequest) -> Caller | None:
        """Who is signed in or a guest; nothing is checked where there is no cookie."""
        if self.param_name not in request.COOKIES:
            return None
        caller: Caller | None = super().__call__(request)
        return caller

    def authenticate(self, request: HttpRequest, key: str | None) -> Caller | None:  # noqa: ARG002
        """The session itself is read by Django's middleware."""
        identity = selectors.identity_of_request_session(
            request.user, request.session, _named(request)
        )
        if identity is None:
            return None
        user = request.user if isinstance(request.user, User) else None
        return Caller(identity, user, Way.WEB)


def _named(request: HttpRequest) -> policy.ConferenceId | None:
    """The conference in the address of the call, of which somebody may be a guest."""
    match = request.resolver_match
    name = match.kwargs.get("conference") if match else None
    row = selectors.conference_by_name(name) if name else None
    return row.key if row else None


def caller(request: HttpRequest) -> Caller:
    """Who was authenticated for this request."""
    found = getattr(request, "auth", None)
    assert isinstance(found, Caller), "every call of the API is authenticated"
    return found


Rule = Callable[[policy.Snapshot, policy.Identity], policy.Refusal | None]


def conference(request: HttpRequest, name: str, rule: Rule) -> Conference:
    """The conference of that id, where `rule` lets the caller; else `Refused` or `Http404`."""
    return view(request, name, rule)[0]


def view(request: HttpRequest, name: str, rule: Rule) -> tuple[Conference, selectors.Viewer]:
    """The same, and what the caller may see of it."""
    row = selectors.conference_by_name(name)
    snapshot = selectors.snapshot(row.key) if row else None
    if row is None or snapshot is None:
        raise Http404(f"There is no conference {name!r}.")
    refusal = rule(snapshot, caller(request).identity)
    if refusal is not None:
        raise Refused(refusal)
    return row, selectors.viewer(snapshot, caller(request).identity)


def may_change(snapshot: policy.Snapshot, who: policy.Identity) -> policy.Refusal | None:
    """The booking itself belongs to those who organize it."""
    return policy.may_change(snapshot, who)


def may_look(snapshot: policy.Snapshot, who: policy.Identity) -> policy.Refusal | None:
    """Whoever may come in by the list may look."""
    return policy.may_subscribe(snapshot, who)
