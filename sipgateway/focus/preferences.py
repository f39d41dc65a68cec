"""Which of a person's phones a caller wants (RFC 3841), by what they say they can do (RFC 3840).

Reject-Contact and what Accept-Contact requires take phones out. Preferences
that only sort are met by all phones ringing at once. Numbers are not compared:
no phone that registers gives any.
"""

from __future__ import annotations

from collections.abc import Sequence

from sipgateway.focus.desk import Phone
from sipgateway.sip import headers
from sipgateway.sip.headers import Tokened
from sipgateway.sip.message import Request

#: RFC 3841 7.2.3, step 2; all others begin with a plus.
_BASE = frozenset(
    [
        "audio",
        "automata",
        "class",
        "duplex",
        "data",
        "control",
        "mobility",
        "description",
        "events",
        "priority",
        "methods",
        "schemes",
        "application",
        "video",
        "actor",
        "language",
        "isfocus",
        "type",
        "extensions",
        "text",
    ]
)

Features = dict[str, frozenset[str]]


def chosen(request: Request, phones: Sequence[Phone]) -> list[Phone]:
    """Those of the phones that the request may go to."""
    rejected = [_features(one.params) for one in request.every(headers.REJECT_CONTACT)]
    required = [
        one for one in request.every(headers.ACCEPT_CONTACT) if one.param("require") is not None
    ]
    if not rejected and not required:
        return list(phones)
    return [phone for phone in phones if _suits(_features(phone.features), rejected, required)]


def _suits(phone: Features, rejected: Sequence[Features], required: Sequence[Tokened]) -> bool:
    if not phone:
        return True  # it says nothing of itself: immune (7.2.3)
    if any(one and _matches(one, phone, explicit=True) for one in rejected):
        return False
    return all(
        _matches(_features(one.params), phone, explicit=one.param("explicit") is not None)
        for one in required
    )


def _matches(wanted: Features, phone: Features, *, explicit: bool) -> bool:
    """7.2.4: a feature of which the phone says nothing is no objection, unless `explicit`."""
    for name, values in wanted.items():
        said = phone.get(name)
        if said is None:
            if explicit:
                return False
        elif not any(_is_one(value, said) for value in values):
            return False
    return True


def _is_one(value: str, said: frozenset[str]) -> bool:
    if value.startswith("!"):
        return value[1:] not in said
    return value in said or value.startswith("#")


def _features(params: headers.Params) -> Features:
    """Feature tags with their values: ``audio`` is ``audio="TRUE"`` (RFC 3840 9)."""
    found: Features = {}
    for name, _ in params:
        tag = name.lower()
        if tag in _BASE or tag.startswith("+"):
            text = headers.param_of(params, tag) or "TRUE"
            strict = text.startswith("<")  # a string, case and commas and all
            values = [text] if strict else [one.strip().lower() for one in text.split(",")]
            found[tag.removeprefix("+") if tag[1:] in _BASE else tag] = frozenset(values)
    return found
