"""Who is invited: the first of the list beside a conference, all of it page by page."""

from __future__ import annotations

from dataclasses import dataclass

from django.core.paginator import Paginator
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from conferences.models import Answer, Conference, Invitation, User
from portal import access

#: Invitees that stand beside the conference, and on a page of the list.
FIRST, PAGE = 10, 50


@dataclass(frozen=True, slots=True)
class Invited:
    """One invitee as the page shows him."""

    name: str
    address: str
    role: str
    role_words: str
    answer: str
    answer_words: str
    #: The conference calls him when it opens.
    called: bool
    #: The PIN that is his alone, for the organizers to read.
    pin: str


def some(conference: Conference) -> list[Invited]:
    """The first of the list."""
    return [_shown(one) for one in conference.invitations.select_related("user")[:FIRST]]


def _shown(one: Invitation) -> Invited:
    address = one.email or one.uri
    return Invited(
        name=one.user.get_full_name() if one.user else address,
        address=one.user.username if one.user else address,
        role=one.role,
        role_words=one.get_role_display(),
        answer=one.answer,
        answer_words=one.get_answer_display(),
        called=one.dial_out,
        pin=one.pin,
    )


@require_safe
@access.signed_in
def invited(request: HttpRequest, user: User, name: str) -> HttpResponse:
    """All who are invited, by what they are called and what they have answered."""
    visit = access.commanded(user, name)
    text = request.GET.get("q", "").strip()[:200].replace("\x00", "")
    wanted = request.GET.get("answer", "")
    said = wanted if wanted in (*Answer.values, "none") else ""
    rows = visit.conference.invitations.select_related("user").order_by("pk")
    pages = Paginator(_found(rows, text, said), PAGE).get_page(request.GET.get("page"))
    answers = [*((one.value, one.label) for one in Answer if one), ("none", Answer.NONE.label)]
    context = {
        "conference": visit.conference,
        "page": {"may_change": visit.owns},
        "pages": pages,
        "people": [_shown(one) for one in pages],
        "q": text,
        "said": said,
        "answers": answers,
        "asked": urlencode({"q": text, "answer": said}),
    }
    return render(request, "conferences/invitees.html", context)


def _found(rows: QuerySet[Invitation], text: str, said: str) -> QuerySet[Invitation]:
    if text:
        rows = rows.filter(
            Q(email__icontains=text)
            | Q(uri__icontains=text)
            | Q(user__display_name__icontains=text)
            | Q(user__username__icontains=text)
        )
    return rows.filter(answer="" if said == "none" else said) if said else rows
