"""The methods: OPTIONS, PROPFIND, REPORT, GET, PUT, DELETE, POST, and those that are refused."""

from __future__ import annotations

from collections.abc import Callable

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.http import parse_etags
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from lxml import etree

from conferences import services
from conferences.dav import access, reports, scheduling, tree, xml
from conferences.dav.tree import Place
from conferences.dav.xml import cal, dav
from conferences.models import User
from conferences.services import CalendarRefused

Method = Callable[[HttpRequest, Place], HttpResponse]

#: RFC 4791 5.1, RFC 6638 2, RFC 3744 7.2. Class 1 alone: nothing is locked.
DAV_FIELD = "1, 3, access-control, calendar-access, calendar-auto-schedule"
ALLOW = "OPTIONS, GET, HEAD, PUT, DELETE, POST, PROPFIND, PROPPATCH, REPORT"
_STATUSES = {"no-uid-conflict": 409, "max-resource-size": 413}


@csrf_exempt
def well_known(_request: HttpRequest) -> HttpResponse:
    """Where a program that knows the host alone begins (RFC 6764 5)."""
    return HttpResponse(status=301, headers={"Location": tree.ROOT})


# Browsers send Basic credentials to nobody who has not asked for them, and no cookie counts.
@csrf_exempt
@never_cache
def serve(request: HttpRequest, path: str = "") -> HttpResponse:
    """Everything under ``/dav/``."""
    if request.method == "OPTIONS":
        return _marked(HttpResponse(status=200))
    method = _METHODS.get(request.method or "")
    if method is None:
        return _marked(HttpResponse(status=405))
    try:
        user = access.person(request)
    except services.TooManyAttempts as refused:
        return HttpResponse(status=429, headers={"Retry-After": str(refused.wait)})
    if user is None:
        response = _marked(HttpResponse(status=401))
        response["WWW-Authenticate"] = 'Basic realm="Parley", charset="UTF-8"'
        return response
    if method not in (_put, _delete):
        return _answered(method, request, user, path)
    found = tree.place(user, path)
    row = found.stored.conference.pk if found and found.stored else None
    with services.held(person=user.pk, conference=row):
        return _answered(method, request, user, path)


def _answered(method: Method, request: HttpRequest, user: User, path: str) -> HttpResponse:
    here = tree.place(user, path)
    if here is None:
        return _marked(HttpResponse(status=404))
    try:
        return _marked(method(request, here))
    except xml.BadBody as bad:
        return HttpResponse(str(bad), status=400, content_type="text/plain; charset=utf-8")
    except RequestDataTooBig:
        return HttpResponse(status=413)


def _marked(response: HttpResponse) -> HttpResponse:
    if not response.content:
        del response["Content-Type"]
    response["DAV"] = DAV_FIELD
    response["Allow"] = ALLOW
    return response


def _propfind(request: HttpRequest, here: Place) -> HttpResponse:
    depth = request.headers.get("Depth", "infinity")
    if depth not in ("0", "1"):
        return xml.error(403, dav("propfind-finite-depth"))
    if here.kind == "object" and here.stored is None:
        return HttpResponse(status=404)
    names = _asked(xml.parse(request.body))
    now = timezone.now()
    places = [here, *(tree.inside(here, now=now) if depth == "1" else [])]
    found = [tree.told(one, names) for one in places]
    for one, told in zip(places, found, strict=True):
        if one.kind == "calendar":
            lacks = list(told.lacks)
            wanted = [name for name in (tree.CTAG, tree.SYNC_TOKEN) if name in lacks]
            told.has = {**told.has} | {name: tree.dated(name, one.user, now=now) for name in wanted}
            told.lacks = [name for name in lacks if name not in wanted]
    return xml.multistatus(found)


def _asked(root: etree._Element | None) -> list[str] | None:
    """The names of properties that are asked for; None for the usual ones."""
    if root is None:
        return None
    if root.tag != dav("propfind"):
        raise xml.BadBody("Want a DAV:propfind.")
    prop = root.find(dav("prop"))
    return None if prop is None else [str(one.tag) for one in xml.children(prop)]


def _proppatch(request: HttpRequest, here: Place) -> HttpResponse:
    """Colours and orders are the program's own affair."""
    root = xml.parse(request.body)
    names = [] if root is None else [str(one.tag) for one in root.iterfind(f".//{dav('prop')}/*")]
    return xml.refused(here.href, names)


def _report(request: HttpRequest, here: Place) -> HttpResponse:
    root = xml.parse(request.body)
    if root is None:
        raise xml.BadBody("A REPORT has a body.")
    return reports.report(here, root, now=timezone.now())


def _get(request: HttpRequest, here: Place) -> HttpResponse:
    if here.stored is None:
        return HttpResponse(status=404 if here.kind == "object" else 405)
    if here.stored.etag in _tags(request, "If-None-Match"):
        return HttpResponse(status=304, headers={"ETag": f'"{here.stored.etag}"'})
    response = HttpResponse(here.data, content_type="text/calendar; charset=utf-8")
    response["ETag"] = f'"{here.stored.etag}"'
    response["Schedule-Tag"] = f'"{here.stored.schedule_tag}"'
    return response


def _post(request: HttpRequest, here: Place) -> HttpResponse:
    """Who has time (RFC 6638 5); everything else that is scheduled is done by PUT."""
    if here.kind != "outbox":
        return HttpResponse(status=405)
    if not tree.may_ask(here.user):
        return xml.error(403, dav("need-privileges"))
    return scheduling.post(here, request.body, now=timezone.now())


def _put(request: HttpRequest, here: Place) -> HttpResponse:
    """No ETag comes back: what is stored is what was put and more (RFC 4791 5.3.4)."""
    if here.kind != "object":
        return HttpResponse(status=405)
    if not _as_expected(request, here):
        return HttpResponse(status=412)
    if not request.headers.get("Content-Type", "text/calendar").startswith("text/calendar"):
        return xml.error(403, cal("supported-calendar-data"))
    try:
        new = services.put_calendar_object(user=here.user, name=here.name, octets=request.body)
    except CalendarRefused as refused:
        return _refusal(refused, here)
    return HttpResponse(status=201 if new else 204)


def _delete(request: HttpRequest, here: Place) -> HttpResponse:
    if here.kind != "object":
        return xml.error(403, xml.dav("need-privileges"))
    if here.stored is None:
        return HttpResponse(status=404)
    if not _as_expected(request, here):
        return HttpResponse(status=412)
    try:
        tell = request.headers.get("Schedule-Reply", "T").strip().upper() != "F"
        services.delete_calendar_object(user=here.user, name=here.name, tell=tell)
    except CalendarRefused as refused:
        return _refusal(refused, here)
    return HttpResponse(status=204)


def _refusal(refused: CalendarRefused, here: Place) -> HttpResponse:
    """The precondition that is not met, and what to tell the person."""
    namespace = xml.OWN if refused.precondition in CalendarRefused.OWN else xml.CAL
    about = Place("object", here.user, refused.href).href if refused.href else ""
    status = _STATUSES.get(refused.precondition, 403)
    name = f"{{{namespace}}}{refused.precondition}"
    return xml.error(status, name, refused.text, about=about)


def _as_expected(request: HttpRequest, here: Place) -> bool:
    """Whether ``If-Match`` and ``If-None-Match`` hold (RFC 9110 13.1)."""
    etag = here.stored.etag if here.stored else ""
    wanted, unwanted = _tags(request, "If-Match"), _tags(request, "If-None-Match")
    # RFC 6638 3.2.10: an answer that came meanwhile does not stand in the way.
    scheduled = _tags(request, "If-Schedule-Tag-Match")
    if scheduled and not (here.stored and here.stored.schedule_tag in scheduled):
        return False
    if wanted and not (etag and ("*" in wanted or etag in wanted)):
        return False
    return not (etag and ("*" in unwanted or etag in unwanted))


def _tags(request: HttpRequest, field: str) -> list[str]:
    found = parse_etags(request.headers.get(field, ""))
    return [one.removeprefix("W/").strip('"') for one in found]


_METHODS: dict[str, Method] = {
    "PROPFIND": _propfind,
    "PROPPATCH": _proppatch,
    "REPORT": _report,
    "GET": _get,
    "HEAD": _get,
    "PUT": _put,
    "POST": _post,
    "DELETE": _delete,
}
