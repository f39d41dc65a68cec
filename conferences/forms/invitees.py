"""The list of invitees of a booking: rows as they are typed, and whom they mean."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _

from conferences import policy, selectors
from conferences.forms import plain
from conferences.models import Conference, RoleChoice

#: Roles that the form offers; others that a script gave stay as they are.
_INVITABLE = [
    (role.value, role.label)
    for role in (RoleChoice.PARTICIPANT, RoleChoice.MODERATOR, RoleChoice.CO_ORGANIZER)
]


@dataclass(slots=True)
class InviteeRow:
    """One row of the list of invitees, as typed."""

    address: str = ""
    role: str = policy.Role.PARTICIPANT.value
    #: The conference calls him when it opens.
    call: bool = False
    error: str = ""

    def where(self) -> tuple[str, str]:
        """`(uri, email)`, one of them empty. Raises `ValidationError`."""
        text = self.address
        if text.lower().startswith(("sip:", "sips:", "tel:")):
            return text, ""
        if "@" in text:
            try:
                validate_email(text)
            except ValidationError as error:
                raise ValidationError(
                    _("Want a user name, an e-mail or SIP address, or a telephone number.")
                ) from error
            return "", text
        if not selectors.person_exists(text):
            raise ValidationError(_("Nobody here has this user name."))
        return selectors.aor(text), ""


@dataclass(frozen=True, slots=True)
class Guestlist:
    """One invitee that could be read."""

    uri: str
    email: str
    role: policy.Role
    #: Whether the conference is to call him.
    dial_out: bool = False


class InviteesForm(plain.PlainForm):
    """A list whose every row is read, and complained of, by itself."""

    blank_invitee = InviteeRow()

    def show_rows(self, conference: Conference | None, copied: Iterable[Guestlist]) -> None:
        """Take the rows as typed; else those of `conference`, and those `copied` from another."""
        self.invitee_error = ""
        self._listed: list[Guestlist] = []
        self.invitee_rows = self._rows(conference, copied)
        kept = {row.role for row in self.invitee_rows} - set(dict(_INVITABLE))
        self.roles = [*_INVITABLE, *((role, RoleChoice(role).label) for role in sorted(kept))]

    def _rows(self, conference: Conference | None, copied: Iterable[Guestlist]) -> list[InviteeRow]:
        if self.is_bound:
            return list(_typed_rows(self.data))
        invited = conference.invitations.select_related("user") if conference is not None else ()
        rows = [
            InviteeRow(
                one.user.username if one.user else one.uri or one.email, one.role, one.dial_out
            )
            for one in invited
        ]
        rows += [InviteeRow(_typed(one), one.role.value, one.dial_out) for one in copied]
        return [*rows, InviteeRow()]

    def read_rows(self) -> None:
        """Read them all, and complain once of those that mean nobody."""
        for row in self.invitee_rows:
            self._read(row)
        if any(row.error for row in self.invitee_rows):
            self.say_list_is_wrong()
        if not self.invitee_rows:
            self.invitee_rows = [InviteeRow()]

    def say_list_is_wrong(self) -> None:
        """Above the form; the rows have the reasons."""
        self.add_error(None, _("Somebody on the list of invitees cannot be invited."))

    def _read(self, row: InviteeRow) -> None:
        try:
            uri, email = row.where()
            if row.call and not (uri or selectors.address_of_mail(email)):
                raise ValidationError(_("Nobody knows a phone of this address: it is not called."))
            self._listed.append(Guestlist(uri, email, policy.Role(row.role), row.call))
        except ValidationError as error:
            row.error = " ".join(error.messages)

    @property
    def marked(self) -> bool:
        """Whether the page says of each row whether it is called."""
        return "invitee_call" in self.data

    def listed(self) -> list[Guestlist]:
        """Who is invited; once the form is valid."""
        return self._listed


def _typed(one: Guestlist) -> str:
    """What is typed to mean him: a user name, where he is one of ours."""
    name = one.uri.removeprefix("sip:").partition("@")[0]
    return name if one.uri == selectors.aor(name) else one.uri or one.email


def _typed_rows(data: Mapping[str, Any]) -> Iterator[InviteeRow]:
    """Rows that say something; `data` is the QueryDict of a request."""
    addresses, roles, calls = (
        getattr(data, "getlist", data.get)(name) or []
        for name in ("invitee", "invitee_role", "invitee_call")
    )
    known = set(RoleChoice.values) - {RoleChoice.ORGANIZER.value}
    for index, address in enumerate(addresses):
        if not address.strip():
            continue
        role = roles[index] if index < len(roles) else ""
        role = role if role in known else policy.Role.PARTICIPANT.value
        call = index < len(calls) and calls[index] == "1"
        yield InviteeRow(address.strip(), role, call)
