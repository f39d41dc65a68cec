"""Who has been answered needs no database any more."""

from __future__ import annotations

from django.db import connections
from django.http import HttpRequest, HttpResponseBase
from django.utils.deprecation import MiddlewareMixin


class GiveBack(MiddlewareMixin):
    """Gives the connection back before the answer is sent, which may take a slow phone minutes.

    A connection that is kept between requests (SQLite's) stays.
    """

    def process_response(
        self,
        request: HttpRequest,  # noqa: ARG002  Django's signature
        response: HttpResponseBase,
    ) -> HttpResponseBase:
        """See the class."""
        for one in connections.all(initialized_only=True):
            if one.settings_dict["CONN_MAX_AGE"] is not None:
                one.close_if_unusable_or_obsolete()
        return response
