"""`/metrics`: what was counted, in the text format of Prometheus, for administrators and itself.

Who asks from this machine needs no session, for that is how it is scraped;
behind a proxy everybody comes from this machine, and says so.
"""

from __future__ import annotations

import ipaddress

from django.http import HttpRequest, HttpResponse, HttpResponseForbidden
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from conferences.models import User
from portal import health

#: https://prometheus.io/docs/instrumenting/exposition_formats/, the text-based format.
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Counters by part and what, and gauges by what."""
    user = request.user
    if not (_is_here(request) or (isinstance(user, User) and user.is_staff)):
        return HttpResponseForbidden("For administrators, and for this machine itself.\n")
    lines = ["# HELP parley_sip_total What SIP has counted.", "# TYPE parley_sip_total counter"]
    for ask in health.counters:
        for key, number in sorted(ask().items()):
            part, _, what = key.partition(": ")
            lines.append(f'parley_sip_total{{part="{part}",what="{_escaped(what)}"}} {number}')
    lines += ["# HELP parley_now How much goes on.", "# TYPE parley_now gauge"]
    for ask in health.gauges:
        for what, number in sorted(ask().items()):
            lines.append(f'parley_now{{what="{_escaped(what)}"}} {number}')
    return HttpResponse("\n".join(lines) + "\n", content_type=CONTENT_TYPE)


def _is_here(request: HttpRequest) -> bool:
    """Whether the asking process runs on this machine, and no proxy asks for somebody else."""
    if any(name in request.META for name in ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED")):
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


def _escaped(text: str) -> str:
    """A label's value."""
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
