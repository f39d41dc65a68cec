"""`/healthz` says whether everything that this process runs is ready."""

from __future__ import annotations

from collections.abc import Callable

from django.db import Error, connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect
from django.templatetags.static import static
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from portal import health


@require_safe
def favicon(request: HttpRequest) -> HttpResponse:  # noqa: ARG001 - Django hands it over
    """Where browsers look by themselves, on pages that name no icon (the API's, say)."""
    return redirect(static("img/parley.svg"), permanent=True)


def _database() -> str:
    """Whether the database answers."""
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error as error:
        return str(error)
    return ""


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:  # noqa: ARG001 - Django hands it over
    """200 with every part that runs here `ok`, or 503 with the failing parts named."""
    checks: dict[str, Callable[[], str]] = {"database": _database, **health.checks}
    found = {part: check() for part, check in checks.items()}
    failing = {part: words for part, words in found.items() if words}
    body = {
        "status": "failing" if failing else "ok",
        **{name: tell() for name, tell in health.process.items()},
        "parts": {part: words or "ok" for part, words in found.items()},
        **({"failing": sorted(failing)} if failing else {}),
    }
    return JsonResponse(body, status=503 if failing else 200)
