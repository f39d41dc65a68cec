"""What browsers are told about every answer: where a page may load from, and what it may use.

Content Security Policy Level 3: the pages load their own scripts, styles and
pictures and nothing else, speak to this server alone, and stand in no frame,
so that a title or a name with markup in it stays text whatever else goes
wrong. Pages of other people's making get the one exception that they need.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.utils.deprecation import MiddlewareMixin

#: Directive → sources. Scripts come from here alone and never stand in a page. `eval`
#: is used by none of ours; programs that drive a browser wait by it (Playwright's
#: wait_for_function), and it gives markup no way to run. `connect-src` names the
#: WebSocket beside the pages' own origin.
POLICY: Mapping[str, str] = {
    "default-src": "'self'",
    "script-src": "'self' 'unsafe-eval'",
    "connect-src": "'self' {websocket}",
    "img-src": "'self' data:",
    "media-src": "'self' blob:",
    "object-src": "'none'",
    "base-uri": "'none'",
    "form-action": "'self'",
    "frame-ancestors": "'none'",
}
#: Django's back office, the page that shows the REST API and the calendar write styles into
#: their elements.
EXCEPTIONS: Mapping[str, Mapping[str, str]] = {
    "/admin/": {"style-src": "'self' 'unsafe-inline'"},
    "/planner/": {"style-src": "'self' 'unsafe-inline'", "font-src": "data:"},
    "/api/v1/docs": {"style-src": "'self' 'unsafe-inline'"},
}
#: The microphone is for our own pages; the rest of the device is for nobody.
PERMISSIONS = "microphone=(self), camera=(), geolocation=(), display-capture=(), usb=()"


def policy(path: str) -> str:
    """The value of Content-Security-Policy for the page at `path`."""
    more = next((extra for start, extra in EXCEPTIONS.items() if path.startswith(start)), {})
    websocket = settings.WEBSOCKET_URL.rpartition("/")[0]
    return "; ".join(
        f"{directive} {sources.format(websocket=websocket)}"
        for directive, sources in {**POLICY, **more}.items()
    )


class BrowserRules(MiddlewareMixin):
    """Puts both header fields on every answer that has none of its own."""

    def process_response(
        self, request: HttpRequest, response: HttpResponseBase
    ) -> HttpResponseBase:
        """See the class."""
        response.headers.setdefault("Content-Security-Policy", policy(request.path))
        response.headers.setdefault("Permissions-Policy", PERMISSIONS)
        return response
