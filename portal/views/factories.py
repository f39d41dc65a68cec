"""Factories: addresses that make a conference of whoever calls them (RFC 4579 5.4)."""

from __future__ import annotations

from dataclasses import dataclass

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_http_methods

from conferences import forms, policy, selectors, services
from conferences.forms import plain
from conferences.models import FACTORY, Factory, FactoryModeChoice, FactoryTwoLeftChoice, User
from portal import access


@dataclass(frozen=True, slots=True)
class Row:
    """A factory as the list shows it."""

    factory: Factory
    uri: str
    #: What happens when somebody calls it, sentence by sentence.
    story: list[str]
    mine: bool
    #: The one that there always is.
    standard: bool


@require_http_methods(["GET", "HEAD"])
@access.signed_in
def factories(request: HttpRequest, user: User) -> HttpResponse:
    """All of them, and the conference application beside them."""
    _check(user)
    rows = [
        Row(
            one,
            selectors.aor(one.name),
            story(one),
            services.may_keep_factory(user, one),
            one.name == FACTORY,
        )
        for one in selectors.factories()
    ]
    context = {
        "rows": rows,
        "application": selectors.aor("conference-app"),
        "late": settings.CONFERENCE_APP_ANSWERS == "late",
    }
    return render(request, "factories/list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@access.signed_in
def new(request: HttpRequest, user: User) -> HttpResponse:
    """The form for another one."""
    _check(user)
    owner = None if user.is_staff else user
    return _form(request, user, Factory(owner=owner, title=_("Conference of {creator}")))


@require_http_methods(["GET", "HEAD", "POST"])
@access.signed_in
def change(request: HttpRequest, user: User, name: str) -> HttpResponse:
    """The same form with what a factory is."""
    return _form(request, user, _mine(user, name))


def _form(request: HttpRequest, user: User, factory: Factory) -> HttpResponse:
    data = request.POST if request.method == "POST" else None
    form = forms.FactoryForm(data, factory=factory, chooses=services.may_name_factory(user))
    if form.is_valid():
        try:
            kept = services.keep_factory(factory=form.apply())
        except ValidationError as error:
            form.complain(error)
        else:
            words = _("Whoever calls %(uri)s makes a conference from now on.")
            off = _("%(uri)s is kept, and switched off.")
            said = (words if kept.active else off) % {"uri": selectors.aor(kept.name)}
            messages.success(request, said)
            return redirect("factories")
    context = {"form": form, "factory": factory, "standard": factory.name == FACTORY}
    return render(request, "factories/form.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@access.signed_in
def delete(request: HttpRequest, user: User, name: str) -> HttpResponse:
    """Ask once more, then delete it."""
    factory = _mine(user, name)
    if factory.name == FACTORY:
        raise Http404
    if request.method == "POST":
        services.delete_factory(factory=factory)
        words = _("Nobody is answered at %(uri)s any more.") % {"uri": selectors.aor(name)}
        messages.success(request, words)
        return redirect("factories")
    context = {"factory": factory, "uri": selectors.aor(factory.name)}
    return render(request, "factories/delete.html", context)


def _check(user: User) -> None:
    if not services.may_have_factories(user):
        raise PermissionDenied


def _mine(user: User, name: str) -> Factory:
    """The factory of that name, if `user` may change it."""
    _check(user)
    found = next((one for one in selectors.factories() if one.name == name), None)
    if found is None:
        raise Http404
    if not services.may_keep_factory(user, found):
        raise PermissionDenied
    return found


# -- in words --------------------------------------------------------------------


def story(factory: Factory) -> list[str]:
    """What happens when somebody calls it."""
    if not factory.active:
        return [_("It is switched off: whoever calls hears that there is no such address.")]
    return [
        _called(factory),
        _others(factory),
        *_waits(factory),
        *_limits(factory),
        _ends(factory),
        *_two(factory),
    ]


def _called(factory: Factory) -> str:
    if factory.mode == FactoryModeChoice.REDIRECT:
        if factory.for_organizers:
            return _("An organizer who calls is sent on to a new conference.")
        return _("Whoever calls is sent on to a new conference.")
    if factory.for_organizers:
        return _("An organizer who calls is in a new conference at once.")
    return _("Whoever calls is in a new conference at once.")


def _others(factory: Factory) -> str:
    return {
        policy.Admission.INVITED.value: _("Others come in when they are called in."),
        policy.Admission.SIGNED_IN.value: _("Everybody with an account may join by its link."),
        policy.Admission.OPEN.value: _("Anyone with its link may join, guests included."),
    }[factory.admission]


def _waits(factory: Factory) -> list[str]:
    return {
        policy.WaitingRoom.MODERATOR.value: [_("They wait until the first moderator is there.")],
        policy.WaitingRoom.LET_IN.value: [_("They wait until a moderator lets them in.")],
    }.get(factory.waiting_room, [])


def _limits(factory: Factory) -> list[str]:
    said = []
    if factory.max_participants:
        room = ngettext("There is room for %(count)s.", "There is room for %(count)s.", 2)
        said.append(room % {"count": factory.max_participants})
    if factory.pin:
        said.append(_("It asks for a PIN."))
    return said


def _ends(factory: Factory) -> str:
    length = plain.minutes_in_words(factory.lasts_minutes)
    if factory.creator_departs == policy.CreatorDeparts.END:
        words = _("It ends when its creator leaves, or after %(length)s.")
    else:
        words = _("It ends when all have left, or after %(length)s.")
    return words % {"length": length}


def _two(factory: Factory) -> list[str]:
    return {
        FactoryTwoLeftChoice.BACK.value: [
            _("A call between two that became a conference is a call again when two are left.")
        ],
        FactoryTwoLeftChoice.CALL.value: [_("When two are left they go on in a plain call.")],
    }.get(factory.two_left, [])
