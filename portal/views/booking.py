"""Booking a conference, changing it, calling it off."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from conferences import forms, policy, selectors, services
from conferences.models import Conference, User, Way
from conferences.services import Invitee
from portal import access
from portal.views import occurrences, presence


@require_http_methods(["GET", "POST"])
@access.signed_in
def book(request: HttpRequest, user: User) -> HttpResponse:
    """The form, and the booking; it may begin as another booking or a template is."""
    if not user.books:
        raise PermissionDenied
    like = _like(request, user)
    listed = like.invitees if like else []
    form = forms.BookingForm(
        request.POST if request.method == "POST" else None,
        owner=user,
        at=request.GET,
        like=like.conference() if like else None,
        listed=[forms.Guestlist(one.uri, one.email, one.role, one.dial_out) for one in listed],
    )
    if request.method == "POST" and form.is_valid():
        before = {one.uri for one in listed if one.dial_out}
        try:
            conference = services.book(
                organizer=form.organizer_of(user),
                by=user,
                like=like,
                invitees=_invitees(form, before),
                **form.values(),
            )
        except services.Refused as refused:
            raise PermissionDenied from refused
        except ValidationError as error:
            form.complain(error)
        else:
            messages.success(request, _("Booked. Here is all that others need to join."))
            return redirect("conference", conference.name)
    context = {"form": form, "templates": selectors.templates_of(user)}
    return render(request, "conferences/book.html", context)


def _like(request: HttpRequest, user: User) -> services.Copied | None:
    """The booking or the template that the address names. Raises `Http404`."""
    now = timezone.now()
    if name := request.GET.get("like", ""):
        return services.copied(access.owned(user, name).conference, now=now)
    if key := request.GET.get("template", ""):
        found = selectors.template(user, key)
        if found is None:
            raise Http404
        return services.of_template(found, now=now)
    return None


@access.pressed("conference", "name")
@access.signed_in
def keep(request: HttpRequest, user: User, name: str) -> HttpResponse:
    """Keep what a booking is like as a template."""
    visit = access.owned(user, name)
    title = request.POST.get("title", "")
    try:
        made = services.save_template(owner=user, conference=visit.conference, title=title)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return redirect("conference", name)
    words = _("“%(title)s” is kept: you find it when you book.")
    messages.success(request, words % {"title": made.title})
    return redirect("conference", name)


@access.pressed("book")
@access.signed_in
def rename(request: HttpRequest, user: User, key: str) -> HttpResponse:
    """Call a template otherwise."""
    found = selectors.template(user, key)
    if found is None:
        raise Http404
    try:
        services.rename_template(template=found, title=request.POST.get("title", ""))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        words = _("The template is called “%(title)s” now.")
        messages.success(request, words % {"title": found.title})
    return redirect("book")


@access.pressed("book")
@access.signed_in
def forget(request: HttpRequest, user: User, key: str) -> HttpResponse:
    """Delete a template; what was booked by it stays."""
    found = selectors.template(user, key)
    if found is None:
        raise Http404
    services.delete_template(template=found)
    messages.success(request, _("The template “%(title)s” is deleted.") % {"title": found.title})
    return redirect("book")


@access.pressed("home")
@access.signed_in
def start(request: HttpRequest, user: User) -> HttpResponse:  # noqa: ARG001
    """One click: a room that anyone with its link may enter, and the organizer at its door."""
    if not user.is_organizer:
        raise PermissionDenied
    now = timezone.localtime()
    title = _("Conference of %(name)s, %(time)s") % {
        "name": user.get_full_name(),
        "time": formats.date_format(now, "DAY_TIME_FORMAT"),
    }
    conference = services.book(organizer=user, title=title, admission=policy.Admission.OPEN)
    return redirect("room", conference.name)


@require_http_methods(["GET", "POST"])
@access.signed_in
def change(request: HttpRequest, user: User, name: str) -> HttpResponse:
    """The same form with what is booked, and the change."""
    visit = access.owned(user, name)
    conference = visit.conference
    form = forms.BookingForm(
        request.POST if request.method == "POST" else None, owner=user, conference=conference
    )
    if request.method == "POST" and form.is_valid():
        try:
            services.change(
                conference=conference,
                actor=visit.identity.uri,
                invitees=_invitees(form, _called(conference)),
                **form.values(),
            )
        except ValidationError as error:
            form.complain(error)
        else:
            messages.success(request, _("The changes are saved."))
            return redirect("conference", conference.name)
    later = occurrences.parts(selectors.after_present(conference, now=timezone.now()))
    context = {"form": form, "conference": conference, "later": later}
    return render(request, "conferences/change.html", context)


def _called(conference: Conference) -> set[str]:
    return set(conference.invitations.filter(dial_out=True).values_list("uri", flat=True))


def _invitees(form: forms.BookingForm, before: set[str]) -> list[Invitee]:
    """The list as typed, with whom the conference is to call; `before` were called so far."""
    called = before
    if form.calls_all:
        called = {_address(one) for one in form.listed()} - {""}
    elif form.marked:
        called = {_address(one) for one in form.listed() if one.dial_out}
    return [Invitee(one.uri, one.email, one.role, _address(one) in called) for one in form.listed()]


def _address(one: forms.Guestlist) -> str:
    """Where somebody on the list can be called; "" for a mere mail address."""
    return one.uri or selectors.address_of_mail(one.email)


@access.pressed("conference", "name")
@access.signed_in
def extend(request: HttpRequest, user: User, name: str) -> HttpResponse:
    """One press: what runs now lasts longer, where nothing follows."""
    visit = access.commanded(user, name)
    try:
        closes_at = services.extend(
            conference=visit.conference.key, actor=visit.identity, way=Way.WEB
        )
    except services.Refused as refused:
        words = _NOT_EXTENDED.get(refused.refusal, _("It cannot be extended."))
        messages.error(request, words)
    else:
        messages.success(
            request,
            _("It stays open until %(time)s.")
            % {"time": formats.time_format(timezone.localtime(closes_at))},
        )
    return redirect("conference", visit.conference.name)


_NOT_EXTENDED = {
    policy.Refusal.NEXT_BEGINS: gettext_lazy("Its next time begins then: it cannot last longer."),
    policy.Refusal.PORTS_BOOKED: gettext_lazy(
        "Something follows: its ports are taken after the end."
    ),
    policy.Refusal.TOO_EARLY: gettext_lazy("It is not open now."),
    policy.Refusal.OVER: gettext_lazy("It is over."),
}


@require_http_methods(["GET", "POST"])
@access.signed_in
def cancel(request: HttpRequest, user: User, name: str) -> HttpResponse:
    """Ask once more, then call it off."""
    visit = access.owned(user, name)
    if request.method == "POST":
        services.cancel(conference=visit.conference, actor=visit.identity.uri)
        messages.success(
            request, _("“%(title)s” is cancelled.") % {"title": visit.conference.title}
        )
        return redirect("home")
    there = presence.count(visit.conference)
    return render(
        request, "conferences/cancel.html", {"conference": visit.conference, "present": there}
    )
