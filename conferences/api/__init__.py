"""The JSON edge: parse, ask access, call a service, print.

Everything lies under ``/api/v1/``: the calls of `bookings`, `occurrences`, `answers`, `rooms`,
`floor`, `sounds`, `records`, `phones`, `factories`, `people` and `webhooks`, who calls in
`access`, what goes in and out in `schemas`, errors in `problems`; names in queries that are
unknown in `queries`.
"""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver
from ninja import NinjaAPI, Router
from ninja.openapi.schema import OpenAPISchema

from conferences.api import (
    access,
    again,
    answers,
    bans,
    bookings,
    delegates,
    factories,
    floor,
    mine,
    occurrences,
    people,
    phones,
    problems,
    queries,
    records,
    rooms,
    sounds,
    waiting,
    webhooks,
)


class _Api(NinjaAPI):
    """`NinjaAPI` that says "no such method" in a problem document; see also `again`."""

    @property
    def urls(self) -> tuple[list[URLResolver | URLPattern], str, str]:
        patterns, app, namespace = super().urls
        for pattern in patterns:
            if isinstance(pattern, URLPattern) and pattern.callback is not None:
                pattern.callback = again.safely(problems.documented(pattern.callback))
        return patterns, app, namespace

    def get_openapi_schema(self, **said: Any) -> OpenAPISchema:
        """The description; whatever else a call answers is a problem document."""
        schema = super().get_openapi_schema(**said)
        for methods in schema["paths"].values():
            for operation in methods.values():
                operation["responses"]["default"] = problems.DESCRIBED
        return schema


elsewhere = Router()


@elsewhere.api_operation(
    ["GET", "POST", "PUT", "PATCH", "DELETE"], "/{path:rest}", include_in_schema=False, auth=None
)
def nowhere(request: HttpRequest, rest: str) -> HttpResponse:  # noqa: ARG001
    """Whatever else lies under the API's address: 404."""
    return problems.document(404, f"There is no {rest!r} here; see /api/v1/docs.")


api = _Api(
    title="Parley",
    version="1",
    description="Book conferences, see who is there, and moderate.",
    urls_namespace="api",
    auth=[access.BearerToken(), access.BrowserSession()],
)
for part in (
    bookings,
    occurrences,
    answers,
    rooms,
    sounds,
    phones,
    delegates,
    floor,
    waiting,
    bans,
    webhooks,
    mine,
    records,
    factories,
    people,
):
    queries.guard(part.router)
    api.add_router("", part.router)
# The last, because it takes whatever is left.
api.add_router("", elsewhere)
problems.install(api)


__all__ = ["api"]
