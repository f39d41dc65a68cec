"""Whom a URI means of those in a conference, and what each is called, for whom."""

from __future__ import annotations

from collections.abc import Mapping

from conferences import policy
from conferences.policy import Identity, Snapshot
from sipgateway.focus import outside, privacy
from sipgateway.focus.desk import Domain, uri_of
from sipgateway.focus.roster import EndpointEntry, Roster, User
from sipgateway.sip.headers import NameAddr
from sipgateway.sip.uri import SipUri, Uri


def find(users: Mapping[str, User], target: Uri, domain: Domain) -> User | None:
    """The one of `users` whom a URI means: by his address, or by one of his devices."""
    if (outsider := users.get(outside.canonical(target))) is not None:
        return outsider
    if not isinstance(target, SipUri):
        return None
    for user in users.values():
        if target.aor in (user.entity, policy.alias(user.key)) or phone(user, target) is not None:
            return user
    return users.get(domain.uri(target.name.lower()).aor) if domain.owns(target) else None


def phone(user: User, target: Uri) -> EndpointEntry | None:
    """The one endpoint of his that a URI means; None where it means the person, or nobody.

    A GRUU (RFC 5627) is an address of record with the name of one device.
    """
    if not isinstance(target, SipUri):
        return None
    if target.param("gr") is None and target.aor == user.entity:
        return None
    same = [(uri_of(entry.entity), entry) for entry in user.endpoints]
    same = [(uri, entry) for uri, entry in same if target.matches(uri)]
    # Of two calls of one phone the later is told apart by a parameter (see `attendance`).
    exact = [entry for uri, entry in same if uri.param("call") == target.param("call")]
    return next(iter([*exact, *(entry for _, entry in same)]), None)


def shown(roster: Roster, entity: str) -> str:
    """The address that everybody may read for that of somebody, here or not."""
    return roster.aliases.get(entity, entity)


def as_seen(
    roster: Roster, snapshot: Snapshot, who: Identity, viewer: Identity, *, hidden: bool = False
) -> NameAddr:
    """What one person is for another; `hidden` says that he asks for privacy just now."""
    alias = shown(roster, who.uri)
    anonymous = hidden or alias != who.uri
    if not anonymous or policy.may_identify(snapshot, viewer) is None:
        return NameAddr(uri_of(who.uri), who.display_name)
    return NameAddr(uri_of(alias), policy.ANONYMOUS) if alias != who.uri else privacy.NOBODY


def name_of(roster: Roster, entity: str, name: str = "") -> str:
    """What somebody who did something to others is called in words for everybody."""
    if entity in roster.aliases:
        return "a moderator"
    user = roster.users.get(entity)
    return name or (user.display_text if user else "") or entity
