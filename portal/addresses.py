"""Addresses that name nothing: a NUL stands in no name, and PostgreSQL takes none in a question."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.http import Http404, HttpRequest, HttpResponseBase
from django.utils.deprecation import MiddlewareMixin
from django.utils.translation import gettext as _

from conferences.api import problems

NUL = "%00"


class NothingThere(MiddlewareMixin):
    """404 before anybody looks for it, whether it stands in the path or in the query."""

    def process_view(
        self,
        request: HttpRequest,
        view: Callable[..., HttpResponseBase],  # noqa: ARG002
        args: tuple[Any, ...],  # noqa: ARG002
        kwargs: dict[str, Any],  # noqa: ARG002
    ) -> HttpResponseBase | None:
        """See the class; scripts get a problem document (RFC 9457)."""
        if NUL not in request.get_full_path():
            return None
        if request.path.startswith("/api/"):
            return problems.document(404, _("There is nothing of that name."))
        raise Http404
