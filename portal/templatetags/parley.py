"""What the templates say often: an icon, a face, a day."""

from __future__ import annotations

import datetime
import json
import re
from ipaddress import ip_address
from urllib.parse import urlsplit

from django import forms, template
from django.http import HttpRequest
from django.templatetags.static import static
from django.utils import formats, timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from conferences import wording
from conferences.forms import dress as in_our_clothes
from conferences.models import User
from portal import factor

register = template.Library()

#: Number of colours for faces in static/css/parley.css.
_FACES = 6


@register.simple_tag
def icon(name: str) -> SafeString:
    """A symbol of the sprite that `npm run build` makes out of static/icons.json."""
    return format_html(
        '<svg class="icon" aria-hidden="true"><use href="{}#{}"></use></svg>',
        static("vendor/icons.svg"),
        name,
    )


@register.simple_tag
def dress(form: forms.BaseForm) -> str:
    """Give the widgets of a form of others the classes that ours have."""
    in_our_clothes(form)
    return ""


@register.simple_tag
def keys_work(request: HttpRequest) -> bool:
    """Whether browsers use security keys here: for names, not for addresses (WebAuthn 5.1.3)."""
    try:
        ip_address(urlsplit(f"//{request.get_host()}").hostname or "")
    except ValueError:
        return True
    return False


@register.simple_tag
def lacks_factor(request: HttpRequest) -> bool:
    """Whether its reader has to set a second factor up before anything else."""
    return factor.lacks(request.user)


@register.simple_tag
def must_have_factor(request: HttpRequest) -> bool:
    """Whether its reader has to have one."""
    return isinstance(request.user, User) and factor.must_have(request.user)


@register.filter
def initials(name: str) -> str:
    """One or two letters that stand for a person."""
    if "@" in name:  # of an address its user, for the rest is where many are
        name = name.partition("@")[0].rpartition(":")[2]
    words = [word for word in re.split(r"[\s._:+-]+", name) if word and word not in ("sip", "tel")]
    if not words:
        return "?"
    return (words[0][0] + (words[-1][0] if len(words) > 1 else "")).upper()


@register.filter
def face(key: str) -> str:
    """The colour class of a person, the same on every page."""
    total = 0
    for letter in key:
        total = (total * 31 + ord(letter)) & 0xFFFFFFFF
    return f"face-{total % _FACES}"


@register.filter
def day(moment: datetime.datetime) -> str:
    """Today, Tomorrow, or the date, in the zone that is active."""
    local = timezone.localtime(moment)
    today = timezone.localdate()
    near = {0: _("Today"), 1: _("Tomorrow"), -1: _("Yesterday")}.get((local.date() - today).days)
    if near:
        return near
    form = "DAY_FORMAT" if local.year == today.year else "DAY_YEAR_FORMAT"
    return formats.date_format(local, form)


@register.filter
def offered(local: datetime.datetime) -> str:
    """A time that is proposed, on the clock of its zone; with its year, where that is another."""
    return wording.moment(local, timezone.localtime())


@register.simple_tag
def span(
    begin: datetime.datetime, end: datetime.datetime, form: str = "WEEKDAY_YEAR_TIME_FORMAT"
) -> SafeString:
    """From when to when, in the zone that is active; see `wording.span`."""
    return _kept_together(wording.span(begin, end, form))


@register.simple_tag
def span_near(begin: datetime.datetime, end: datetime.datetime) -> SafeString:
    """The same with "Today" and "Tomorrow" for days that are near."""
    start = f"{day(begin)}, {formats.time_format(timezone.localtime(begin))}"
    finish = formats.time_format(timezone.localtime(end))
    if end - begin >= datetime.timedelta(days=1):
        finish = f"{day(end)}, {finish}"
    return _kept_together(f"{start}–{finish}")  # noqa: RUF001


def _kept_together(text: str) -> SafeString:
    """With the end on the line of the dash before it: no line ends as in 14:00–."""  # noqa: RUF002
    found = re.search(r"–\d\S*", text)  # noqa: RUF001
    if found is None:
        return format_html("{}", text)
    begin, end = found.span()
    return format_html(
        '{}<span class="kept">{}</span>{}', text[:begin], text[begin:end], text[end:]
    )


@register.filter(name="json")
def as_json(value: object) -> str:
    """As JSON that people read; the page of a webhook shows its messages so."""
    return json.dumps(value, indent=2, ensure_ascii=False)


@register.filter
def length_of(seconds: float) -> str:
    """How long something is, as in 1:02:03 or 4:05."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
