"""The list of a conference: who is invited, checked and written down."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from conferences import policy, selectors
from conferences.models import Call, CallState, Conference, Invitation, User
from conferences.services import dialouts, names
from conferences.services.names import Invitee

MOST_INVITEES = 1000


@dataclass(frozen=True, slots=True)
class Written:
    """What became of a list. The removed are gone from the database, and know their people."""

    added: list[Invitation] = field(default_factory=list)
    removed: list[Invitation] = field(default_factory=list)
    #: How many of the others have another role, or are called now or no longer.
    changed: int = 0


def checked(invitees: Iterable[Invitee]) -> list[Invitee]:
    """The invited once each, the last word about each counting, URIs in canonical form.

    Raises `ValidationError` with all that is to be mended.
    """
    listed: dict[str, Invitee] = {}
    wrong: list[ValidationError] = []
    for invitee in invitees:
        try:
            one = _checked(invitee)
        except ValidationError as error:
            wrong.extend(error.error_list)
        else:
            listed[one.uri or one.email] = one
    if len(listed) > MOST_INVITEES:
        wrong.append(
            ValidationError(_("At most %(most)s can be invited.") % {"most": MOST_INVITEES})
        )
    if wrong:
        raise ValidationError(wrong)
    return list(listed.values())


def _checked(invitee: Invitee) -> Invitee:
    """With the URI of a person of ours whose mail address was given."""
    if invitee.role is policy.Role.ORGANIZER:
        raise ValidationError(_("A conference has one organizer, who booked it."))
    email = invitee.email.strip().lower()
    if len(email) > names.LONGEST_EMAIL:
        raise ValidationError(
            _("A mail address has at most %(most)s letters.") % {"most": names.LONGEST_EMAIL}
        )
    uri = names.canonical_uri(invitee.uri) if invitee.uri else ""
    if email and not uri:
        uri = selectors.address_of_mail(email)
    if not uri and re.fullmatch(r"[^@\s<>]+@[^@\s<>]+", email) is None:
        raise ValidationError(_("Somebody is invited by a URI or by a mail address."))
    if invitee.dial_out and not uri:
        raise ValidationError(_("%(email)s cannot be called: no URI is known.") % {"email": email})
    if invitee.dial_out and not dialouts.may_call(uri, commands=True):
        raise ValidationError(
            _("%(uri)s may not be called from here; ask whoever runs this server.") % {"uri": uri}
        )
    return Invitee(uri, email, invitee.role, invitee.dial_out)


def give_pins(row: Conference) -> None:
    """To each on the list a PIN of his own, where the conference wants that; else to nobody."""
    if not row.personal_pins:
        row.invitations.exclude(pin="").update(pin="")
        return
    taken = {row.pin, row.moderator_pin, *row.invitations.values_list("pin", flat=True)}
    for one in row.invitations.filter(pin=""):
        one.pin = names.generated_pin(taken)
        taken.add(one.pin)
        one.save(update_fields=["pin"])


def write(row: Conference, listed: list[Invitee] | None) -> Written:
    """Make the invitations those of `listed`; who was on the list keeps his token."""
    before = {one.uri or one.email: one for one in row.invitations.select_related("user")}
    people = User.objects.in_bulk(
        {names.username_of(one.uri) for one in listed or ()} - {""}, field_name="username"
    )
    added, changed = [], 0
    for one in listed or ():
        kept = before.pop(one.uri or one.email, None)
        invitation = kept or Invitation(conference=row, token=secrets.token_urlsafe(32))
        was = (invitation.role, invitation.dial_out)
        invitation.uri, invitation.email = one.uri, one.email
        invitation.role, invitation.dial_out = one.role.value, one.dial_out
        invitation.user = people.get(names.username_of(one.uri))
        invitation.save()
        if kept is None:
            added.append(invitation)
        elif was != (invitation.role, invitation.dial_out):
            changed += 1
    give_pins(row)
    removed = list(before.values())
    for gone in removed:
        Call.objects.filter(invitation=gone, state=CallState.PLANNED).update(
            state=CallState.CANCELLED
        )
        gone.delete()
    return Written(added, removed, changed)
