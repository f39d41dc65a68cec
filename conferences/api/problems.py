"""RFC 9457 problem documents: a status, a title and what to mend.

The one table from `policy.Refusal` to an HTTP status is here; that for SIP is
the gateway's.
"""

from __future__ import annotations

import functools
import http
import json
import logging
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.core.exceptions import RequestDataTooBig, ValidationError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.http.multipartparser import MultiPartParserError
from django.utils.translation import gettext, gettext_lazy
from ninja import NinjaAPI
from ninja.errors import AuthenticationError, HttpError
from ninja.errors import ValidationError as BadInput

from conferences.api.schemas.bookings import PolicyIn
from conferences.policy import Refusal
from conferences.services import Refused, TooManyAttempts

logger = logging.getLogger(__name__)

#: Status and what to mend.
REFUSALS: dict[Refusal, tuple[int, Any]] = {
    Refusal.UNKNOWN: (404, gettext_lazy("There is no such conference, participant or phone.")),
    Refusal.TOO_EARLY: (409, gettext_lazy("The conference has not opened yet.")),
    Refusal.OVER: (410, gettext_lazy("The conference is over.")),
    Refusal.FULL: (409, gettext_lazy("The conference is full.")),
    Refusal.NEXT_BEGINS: (
        409,
        gettext_lazy("Its next time begins before that; move that one, or ask for less."),
    ),
    Refusal.PORTS_BOOKED: (
        409,
        gettext_lazy("Others have booked the ports for the time after it; ask for less."),
    ),
    Refusal.NO_PORTS: (409, gettext_lazy("All ports of this server are taken; try again later.")),
    Refusal.LOCKED: (403, gettext_lazy("The conference is locked; a moderator can unlock it.")),
    Refusal.NOT_INVITED: (
        403,
        gettext_lazy("You are not on the list; its organizer can invite you."),
    ),
    Refusal.BANNED: (403, gettext_lazy("You were removed and may not come back.")),
    Refusal.WRONG_PIN_TOO_OFTEN: (
        429,
        gettext_lazy("Wrong PINs were given too often; wait a while."),
    ),
    Refusal.TARGET_NOT_ALLOWED: (403, gettext_lazy("This address may not be called from here.")),
    Refusal.TOO_MANY_CALLS: (
        429,
        gettext_lazy("You have had too many people called; wait a while."),
    ),
    Refusal.NOT_ALLOWED: (403, gettext_lazy("Your role in this conference does not allow that.")),
    Refusal.NOT_RECORDED: (
        403,
        gettext_lazy("This conference may not be recorded; its organizer can allow it."),
    ),
    Refusal.LISTENS: (
        409,
        gettext_lazy("Listeners are never heard; give another role to one who is to speak."),
    ),
}


_TEXT = {"type": "string"}
#: How the API's description tells of problem documents (OpenAPI 3.1 4.8.17).
DESCRIBED: dict[str, Any] = {
    "description": "A problem document (RFC 9457): what is wrong and what to mend.",
    "content": {
        "application/problem+json": {
            "schema": {
                "type": "object",
                "required": ["type", "title", "status"],
                "properties": {
                    "type": _TEXT,
                    "title": _TEXT,
                    "status": {"type": "integer"},
                    "detail": _TEXT,
                    "refusal": _TEXT,
                    "errors": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["field", "detail"],
                            "properties": {
                                "field": _TEXT,
                                "detail": _TEXT,
                                "free": {"type": "array", "items": _TEXT},
                            },
                        },
                    },
                },
            }
        }
    },
}


def document(
    status: int, detail: str = "", *, errors: list[dict[str, Any]] | None = None, **more: str
) -> HttpResponse:
    """A problem; `errors` name a field each, `more` are further members."""
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": http.HTTPStatus(status).phrase,
        "status": status,
        **({"detail": detail} if detail else {}),
        **({"errors": errors} if errors else {}),
        **more,
    }
    response = HttpResponse(
        json.dumps(body), status=status, content_type="application/problem+json"
    )
    if status == 401:
        response["WWW-Authenticate"] = 'Bearer realm="Parley"'
    return response


def documented(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """`view`, whose "method not allowed" becomes a problem document, `Allow` kept."""

    @functools.wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response = view(request, *args, **kwargs)
        if response.status_code != 405:
            return response
        problem = document(405, f"{request.method} is not for this address.")
        problem["Allow"] = response.headers.get("Allow", "")
        return problem

    return answer


def _unauthenticated(_request: HttpRequest, _error: AuthenticationError) -> HttpResponse:
    return document(401, gettext("Send Authorization: Bearer TOKEN with a token that is valid."))


def _bad_input(_request: HttpRequest, error: BadInput) -> HttpResponse:
    errors = [
        {
            "field": ".".join(str(part) for part in one["loc"][1:] or one["loc"]),
            "detail": one["msg"],
        }
        for one in error.errors
    ]
    # Ninja names the function's parameter that holds the body; nobody outside knows it.
    for one in errors:
        one["field"] = one["field"].removeprefix("said.").removeprefix("said") or "body"
    return document(422, gettext("Mend what stands under errors."), errors=errors)


def _invalid(_request: HttpRequest, error: ValidationError) -> HttpResponse:
    """What a service complains about; a name or ports that are taken are a conflict.

    A change of what is called off is one, too.

    Where the ports are, `free` are starts at which they are not.
    """
    if not hasattr(error, "error_dict"):
        conflict = any(one.code == "cancelled" for one in error.error_list)
        return document(409 if conflict else 422, " ".join(error.messages))
    errors: list[dict[str, Any]] = []
    status = 422
    for field, found in error.error_dict.items():
        shown = _as_sent(field)
        for one in found:
            status = 409 if one.code in ("taken", "full") else status
            free = [at.isoformat() for at in (one.params or {}).get("free", ())]
            more = {"free": free} if free else {}
            errors.extend({"field": shown, "detail": text, **more} for text in one.messages)
    return document(status, gettext("Mend what stands under errors."), errors=errors)


def _as_sent(field: str) -> str:
    """Where the argument `field` of a service stands in the body of a request."""
    if field in PolicyIn.model_fields:
        return f"policy.{field}"
    return "id" if field == "name" else field


def _refused(request: HttpRequest, error: Refused) -> HttpResponse:
    status, detail = REFUSALS[error.refusal]
    match = request.resolver_match
    if error.refusal is Refusal.NOT_ALLOWED and (match is None or "conference" not in match.kwargs):
        detail = gettext("Your account does not allow that; an administrator can change it.")
    return document(status, str(detail), refusal=error.refusal.value)


def _too_many_attempts(_request: HttpRequest, error: TooManyAttempts) -> HttpResponse:
    response = document(
        429, gettext("Too many wrong tokens came from your address. Wait, then try again.")
    )
    response["Retry-After"] = str(error.wait)
    return response


def _not_found(_request: HttpRequest, error: Http404) -> HttpResponse:
    return document(404, str(error) or gettext("There is nothing of that name."))


def _said(_request: HttpRequest, error: HttpError) -> HttpResponse:
    return document(error.status_code, error.message)


def _unreadable(_request: HttpRequest, error: MultiPartParserError) -> HttpResponse:
    return document(400, str(error) or "The parts of the body cannot be read.")


def _too_long(_request: HttpRequest, _error: RequestDataTooBig) -> HttpResponse:
    words = gettext("The body is too long; send %(most)s octets at most.")
    return document(413, words % {"most": settings.DATA_UPLOAD_MAX_MEMORY_SIZE})


def _unexpected(request: HttpRequest, error: Exception) -> HttpResponse:
    """A fault of ours: scripts still get a problem document, and the log has the rest."""
    logger.error("%s %s failed", request.method, request.path, exc_info=error)
    return document(500, gettext("This is a fault of the server; its log says more."))


def install(api: NinjaAPI) -> None:
    """Have `api` answer every error with a problem document."""
    handlers: dict[type[Exception], Callable[[HttpRequest, Any], HttpResponse]] = {
        AuthenticationError: _unauthenticated,
        BadInput: _bad_input,
        ValidationError: _invalid,
        Refused: _refused,
        TooManyAttempts: _too_many_attempts,
        Http404: _not_found,
        HttpError: _said,
        MultiPartParserError: _unreadable,
        RequestDataTooBig: _too_long,
        Exception: _unexpected,
    }
    for error, handler in handlers.items():
        api.add_exception_handler(error, handler)
