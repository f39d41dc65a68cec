"""Requests that are sent again, and resources that somebody else has changed meanwhile.

Around all calls of the API: ``Idempotency-Key`` for those that make something
(draft-ietf-httpapi-idempotency-key-header-07), ``ETag`` and ``If-None-Match``
for what is read, ``If-Match`` for what is changed (RFC 9110 13.1).
"""

from __future__ import annotations

import copy
import functools
import hashlib
import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.urls import Resolver404, resolve
from django.utils import timezone
from django.utils.cache import get_conditional_response, set_response_etag
from django.utils.http import parse_etags

from conferences import selectors, services
from conferences.api import problems
from conferences.services import KeyInUse, KeyTaken

View = Callable[..., HttpResponseBase]

LONGEST_KEY = 255
#: What is kept of an answer beside its body.
KEPT_HEADERS = ("Content-Type", "Location", "ETag")
#: What a request makes depend on what there is.
_CONDITIONS = ("HTTP_IF_MATCH", "HTTP_IF_NONE_MATCH")


def safely(view: View) -> View:
    """`view` with all of it."""
    return _once(_conditional(view))


def _conditional(view: View) -> View:
    @functools.wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.method == "HEAD":  # RFC 9110 9.1; the server sends no body then
            request.method = "GET"
        if request.method == "GET":
            return _read(request, view(request, *args, **kwargs))
        if request.method in ("PATCH", "DELETE") and request.headers.get("If-Match"):
            with _held(request, kwargs):
                problem = _has_changed(request, view, args, kwargs)
                return problem or _tagged(request, view(request, *args, **kwargs))
        return _tagged(request, view(request, *args, **kwargs))

    return answer


def _held(request: HttpRequest, kwargs: dict[str, Any]) -> AbstractContextManager[None]:
    """What the call is about, which nobody else changes meanwhile."""
    row = selectors.conference_by_name(kwargs.get("conference", ""))
    return services.held(conference=row.pk) if row else services.held(resource=request.path)


def _tagged(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    """What was made or changed, with the ETag that reading it now has (RFC 9110 8.8.3).

    So whoever goes on changing it need not read it between.
    """
    made = response.status_code == 201 and response.get("Location", "")
    path = urlsplit(made).path if made else request.path
    if not made and (request.method != "PATCH" or response.status_code != 200):
        return response
    try:
        found = resolve(path)
    except Resolver404:
        return response
    now = found.func(_reading(request), *found.args, **found.kwargs)
    if now.status_code == 200 and now.has_header("ETag"):
        response["ETag"] = now["ETag"]
    return response


def _reading(request: HttpRequest) -> HttpRequest:
    """The same caller, who reads."""
    reading = copy.copy(request)
    reading.method = "GET"
    reading.GET = QueryDict()
    reading.META = {key: value for key, value in request.META.items() if key not in _CONDITIONS}
    reading.__dict__.pop("headers", None)
    return reading


def _read(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    if response.status_code != 200 or not isinstance(response, HttpResponse):
        return response
    set_response_etag(response)
    _name_next_page(request, response)
    response["Cache-Control"] = "private, no-cache"
    found = get_conditional_response(request, etag=response["ETag"], response=response)
    return found or response


def _name_next_page(request: HttpRequest, response: HttpResponse) -> None:
    """``Link: <…>; rel="next"`` beside a page that is not the last (RFC 8288)."""
    if b'"pages":' not in response.content:
        return
    told = json.loads(response.content)
    page, pages = told.get("page"), told.get("pages")
    if not (isinstance(page, int) and isinstance(pages, int) and page < pages):
        return
    asked = request.GET.copy()
    asked["page"] = str(page + 1)
    response["Link"] = f'<{settings.BASE_URL}{request.path}?{asked.urlencode()}>; rel="next"'


def _has_changed(
    request: HttpRequest, view: View, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> HttpResponse | None:
    """412 where what the caller has read is not what there is now."""
    now = view(_reading(request), *args, **kwargs)
    if now.status_code != 200 or not isinstance(now, HttpResponse):
        return None  # the call itself says what is wrong
    set_response_etag(now)
    wanted = parse_etags(request.headers["If-Match"])
    if "*" in wanted or now["ETag"] in wanted:
        return None
    return problems.document(412, "It was changed meanwhile. Read it again, then send the change.")


def _once(view: View) -> View:
    @functools.wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        key = request.headers.get("Idempotency-Key", "")
        if request.method != "POST" or not key:
            return view(request, *args, **kwargs)
        if len(key) > LONGEST_KEY or not key.isprintable():
            words = f"An Idempotency-Key has {LONGEST_KEY} characters at most."
            return problems.document(400, words)
        return _first_or_again(request, key, lambda: view(request, *args, **kwargs))

    return answer


def _first_or_again(
    request: HttpRequest, key: str, carry_out: Callable[[], HttpResponseBase]
) -> HttpResponseBase:
    owner = _owner(request)
    asked = f"{request.method} {request.get_full_path()}\n".encode() + request.body
    question = hashlib.sha256(asked).hexdigest()
    try:
        kept = services.claim_key(owner=owner, key=key, question=question, now=timezone.now())
    except KeyInUse:
        words = "A request with this Idempotency-Key is being answered now."
        busy = problems.document(409, words)
        busy["Retry-After"] = "1"
        return busy
    except KeyTaken:
        return problems.document(422, "This Idempotency-Key belongs to another request.")
    if kept is not None:
        again = HttpResponse(bytes(kept.body), status=kept.status, headers=kept.headers)
        again["Idempotent-Replayed"] = "true"
        return again
    response = None
    try:
        response = carry_out()
    finally:
        if not isinstance(response, HttpResponse) or _may_be_asked_again(response.status_code):
            services.forget_key(owner=owner, key=key)
    if isinstance(response, HttpResponse) and not _may_be_asked_again(response.status_code):
        headers = {name: response[name] for name in KEPT_HEADERS if response.has_header(name)}
        services.keep_answer(
            owner=owner,
            key=key,
            status=response.status_code,
            headers=headers,
            body=response.content,
        )
    return response


def _may_be_asked_again(status: int) -> bool:
    """Not carried out: who asked has to sign in, to wait, or met a fault of ours."""
    return status in (401, 429) or status >= 500


def _owner(request: HttpRequest) -> str:
    """Whose key it is, without saying so: by his token or his session."""
    session = request.COOKIES.get(settings.SESSION_COOKIE_NAME, "")
    said = request.headers.get("Authorization", "") or f"session {session}"
    return hashlib.sha256(said.encode()).hexdigest()
