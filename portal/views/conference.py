"""The page of a conference for those who organize it or are invited, and its history."""

from __future__ import annotations

import itertools
import re
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Count, F, Max, Q, QuerySet
from django.db.models.functions import Coalesce
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from conferences import forms, policy, selectors, services, wording
from conferences.models import (
    Conference,
    Guest,
    Kind,
    Participant,
    RemovalState,
    Sound,
    User,
    Way,
)
from conferences.policy import ParticipantKey, Refusal, WaiterKey
from portal import access
from portal.access import Visit
from portal.views import calling, in_call, invited, occurrences, presence, recording, story
from portal.views.invited import Invited

#: Conferences on one page of the history.
PAGE = 25
#: Occurrences of a series that its page names.
NEXT = 5

_ADMISSION = {
    policy.Admission.INVITED: gettext_lazy("The invited only"),
    policy.Admission.SIGNED_IN: gettext_lazy("Everybody with an account"),
    policy.Admission.OPEN: gettext_lazy("Anyone with the link"),
}

#: What a moderator reads who cannot let somebody in.
_NOT_LET_IN = {
    Refusal.FULL: gettext_lazy(
        "The conference is full: nobody can come in before somebody leaves."
    ),
    Refusal.UNKNOWN: gettext_lazy("That person waits no more."),
}


@dataclass(frozen=True, slots=True)
class Banned:
    """One who may not come back."""

    id: str
    entity: str
    name: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Page:
    """All that the page of a conference says."""

    url: str
    uri: str
    digits: str
    digits_shown: str
    dial_in: str
    link_label: str
    link_admits: bool
    admission: str
    starts_at: datetime | None
    ends_at: datetime | None
    repeats: str
    #: How it goes on from some time on, where that was changed.
    later: list[occurrences.Part]
    next_ones: list[occurrences.Time]
    over: bool
    may_change: bool
    commands: bool
    #: It runs, and those who moderate can let it last longer.
    runs: bool
    people: list[presence.Present]
    waiting: list[presence.Waits]
    waiting_room: str
    banned: list[Banned]
    called: list[calling.Called]
    invited: list[Invited]
    invited_count: int
    recordings: list[recording.Kept]
    recordings_kept_days: int
    sounds: list[Sound]
    story: list[story.Line]
    story_more: bool
    invitation_text: str


@require_safe
@access.signed_in
def conference(request: HttpRequest, user: User, name: str) -> HttpResponse:
    """Everything needed to join, who is there, who is invited, what happened."""
    visit = access.seen(user, name)
    context = {"conference": visit.conference, "page": _page(visit, now=timezone.now())}
    return render(request, "conferences/detail.html", context)


@require_safe
@access.signed_in
def roster(request: HttpRequest, user: User, name: str) -> HttpResponse:
    """Who is there, as a piece of the page that is fetched again and again."""
    visit = access.seen(user, name)
    page = {
        "people": presence.people(visit),
        "waiting": presence.waiting(visit),
        "banned": _banned(visit),
        "called": calling.called(visit),
        "commands": visit.commands,
    }
    context = {"conference": visit.conference, "page": page}
    return render(request, "conferences/roster.html", context)


@require_http_methods(["GET", "POST"])
@access.signed_in
def remove(request: HttpRequest, user: User, name: str, key: str) -> HttpResponse:
    """Ask why and for how long, then have somebody removed."""
    visit = access.commanded(user, name)
    participant = selectors.participant_by_key(visit.conference.key, ParticipantKey(key))
    if participant is None:
        raise Http404
    data = request.POST if request.method == "POST" else None
    form = forms.PersonRemovalForm(data, phones=presence.phones(participant))
    if request.method == "POST" and form.is_valid():
        _ask_to_remove(visit, participant, form)
        messages.success(request, _("%(name)s is being removed.") % {"name": participant})
        return redirect("conference", visit.conference.name)
    context = {
        "conference": visit.conference,
        "participant": participant,
        "form": form,
        "guest": _is_guest(participant),
        "oneself": participant.entity == visit.identity.uri,
    }
    return render(request, "conferences/remove.html", context)


def _is_guest(participant: Participant) -> bool:
    uri_user = participant.entity.removeprefix("sip:").partition("@")[0]
    return Guest.objects.filter(conference=participant.conference_id, uri_user=uri_user).exists()


def _ask_to_remove(visit: Visit, participant: Participant, form: forms.PersonRemovalForm) -> None:
    try:
        services.ask_to_remove(
            conference=visit.conference.key,
            participant=ParticipantKey(participant.key),
            actor=visit.identity,
            way=Way.WEB,
            reason=form.cleaned_data["reason"],
            ban=form.cleaned_data["ban"],
            endpoint=form.cleaned_data.get("phone", ""),
        )
    except services.Refused as refused:
        raise PermissionDenied from refused


@access.pressed("conference", "name")
@access.signed_in
def let_in(request: HttpRequest, user: User, name: str) -> HttpResponse:
    """Let one in who waits, or all."""
    visit = access.commanded(user, name)
    key = request.POST.get("waiter")
    try:
        services.let_in(
            conference=visit.conference.key,
            waiter=WaiterKey(key) if key else None,
            actor=visit.identity,
            way=Way.WEB,
        )
    except services.Refused as refused:
        words = _NOT_LET_IN.get(refused.refusal)
        if words is None:
            raise PermissionDenied from refused
        messages.warning(request, words)
    return redirect("conference", visit.conference.name)


def _banned(visit: Visit) -> list[Banned]:
    """Who may not come back, for those who command."""
    if not visit.commands or not visit.snapshot.banned:
        return []
    lines = selectors.bans(visit.conference, visit.viewer)
    return [Banned(one["id"], one["entity"], one["display_text"], one["at"]) for one in lines]


@access.pressed("conference", "name")
@access.signed_in
def lift_ban(request: HttpRequest, user: User, name: str, ban: int) -> HttpResponse:
    """Let somebody come again who was removed for good."""
    visit = access.commanded(user, name)
    who = next((one for one in _banned(visit) if one.id == str(ban)), None)
    if who is None:
        raise Http404
    try:
        services.lift_ban(
            conference=visit.conference.key, ban=ban, actor=visit.identity, way=Way.WEB
        )
    except services.Refused as refused:
        raise Http404 from refused
    messages.success(request, _("%(who)s may come again.") % {"who": who.name})
    return redirect("conference", visit.conference.name)


@require_http_methods(["GET", "POST"])
@access.signed_in
def turn_away(request: HttpRequest, user: User, name: str, key: str) -> HttpResponse:
    """Ask why and for how long, then do not let somebody in who waits."""
    visit = access.commanded(user, name)
    waiter = next((one for one in presence.waiting(visit) if one.key == key), None)
    if waiter is None:
        raise Http404
    form = forms.RemovalForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        _turn_away(visit, key, form)
        messages.success(request, _("%(who)s is not let in.") % {"who": waiter.name})
        return redirect("conference", visit.conference.name)
    context = {"conference": visit.conference, "waiter": waiter, "form": form}
    return render(request, "conferences/turn_away.html", context)


def _turn_away(visit: Visit, key: str, form: forms.RemovalForm) -> None:
    try:
        services.turn_away(
            conference=visit.conference.key,
            waiter=WaiterKey(key),
            actor=visit.identity,
            way=Way.WEB,
            reason=form.cleaned_data["reason"],
            ban=form.cleaned_data["ban"],
        )
    except services.Refused as refused:
        raise Http404 from refused


@require_safe
@access.signed_in
def history(request: HttpRequest, user: User) -> HttpResponse:
    """What has taken place, or was called off."""
    pages = Paginator(past(user, now=timezone.now()), PAGE)
    context = {"page": pages.get_page(request.GET.get("page"))}
    return render(request, "conferences/history.html", context)


def past(user: User, *, now: datetime) -> QuerySet[Conference]:
    """Conferences of `user` that somebody was in, or that are over; the latest first."""
    his = Q(organizer=user) | Q(invitations__user=user) | Q(pk__in=selectors.delegated_to(user))
    mine = Conference.objects.filter(pk__in=Conference.objects.filter(his).values("pk"))
    return (
        mine.annotate(
            people=Count("participants__entity", distinct=True),
            removed=Count("removals", distinct=True, filter=Q(removals__state=RemovalState.DONE)),
            last=Coalesce(Max("participants__joined_at"), "cancelled_at", "closes_at", "ended_at"),
        )
        .annotate(
            called_off_before=Q(people=0, starts_at__isnull=False)
            & Q(cancelled_at__lt=F("starts_at"))
        )
        .filter(Q(people__gt=0) | Q(cancelled_at__isnull=False) | Q(closes_at__lte=now))
        .order_by("-last", "-pk")
    )


def _page(visit: Visit, *, now: datetime) -> Page:
    row = visit.conference
    occurrence = selectors.occurrence(row, now=now)
    told, more = story.lines(row, visit.viewer) if visit.commands else ([], False)
    url = selectors.conference_url(row)
    starts_at, ends_at = (
        (occurrence.starts_at, occurrence.ends_at) if occurrence else (row.starts_at, None)
    )
    if occurrence is None and row.starts_at is not None:
        ends_at = selectors.pattern(row).starts_at + selectors.pattern(row).duration
    return Page(
        url=url,
        uri=selectors.conference_uri(row),
        digits=row.digits,
        digits_shown=re.sub(r"(.{4})(?=.)", r"\1 ", row.digits),
        dial_in=settings.DIAL_IN,
        link_label=in_call.LINK_LABELS[visit.snapshot.admission],
        link_admits=visit.snapshot.admission is not policy.Admission.INVITED,
        admission=str(_ADMISSION[visit.snapshot.admission]),
        starts_at=starts_at,
        ends_at=ends_at,
        repeats=wording.repeats_here(selectors.pattern(row)) if row.rrule else "",
        later=occurrences.parts(selectors.after_present(row, now=now)),
        next_ones=_next_ones(visit, now=now),
        over=visit.snapshot.over,
        may_change=visit.owns,
        commands=visit.commands,
        runs=row.kind == Kind.BOOKED and policy.when(visit.snapshot, now=now.timestamp()) is None,
        people=presence.people(visit),
        waiting=presence.waiting(visit),
        waiting_room=row.get_waiting_room_display(),
        banned=_banned(visit),
        called=calling.called(visit),
        invited=invited.some(row) if visit.commands else [],
        invited_count=row.invitations.count() if visit.commands else 0,
        recordings=recording.kept(visit),
        sounds=list(selectors.sounds(row)) if visit.commands else [],
        recordings_kept_days=settings.RECORDINGS_KEPT.days if settings.RECORDINGS_KEPT else 0,
        story=told,
        story_more=more,
        invitation_text=_invitation_text(row, url=url, starts_at=starts_at),
    )


def _next_ones(visit: Visit, *, now: datetime) -> list[occurrences.Time]:
    """The next of a series that goes on, those called off too."""
    row = visit.conference
    if not (row.rrule or row.series) or row.cancelled_at is not None:
        return []
    found = itertools.islice(selectors.planned(row, since=now), NEXT)
    return [occurrences.time(visit, one) for one in found]


def _invitation_text(row: Conference, *, url: str, starts_at: datetime | None) -> str:
    """What one pastes into a mail."""
    when = _("at any time")
    if starts_at is not None:
        local = formats.date_format(timezone.localtime(starts_at), "WEEKDAY_YEAR_TIME_FORMAT")
        when = f"{local} ({timezone.get_current_timezone_name()})"
    if row.rrule:
        when = f"{when}, {wording.repeats_here(selectors.pattern(row))}"
    lines = [
        row.title,
        _("When: %(when)s") % {"when": when},
        _("In the browser: %(url)s") % {"url": url},
        _("By SIP phone: %(uri)s") % {"uri": selectors.conference_uri(row)},
    ]
    if row.pin:
        lines.append(_("PIN: %(pin)s") % {"pin": row.pin})
    return "\n".join(lines)
