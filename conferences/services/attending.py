"""An invitee's own calendar program says whether he comes (RFC 6638 3.2.2.1).

To all times or to single ones; of everything else nothing is his to change.
"""

from __future__ import annotations

import dataclasses
import datetime

from django.utils import timezone as clock
from django.utils.translation import gettext_lazy

from conferences import invitations, recurrence, selectors
from conferences.models import Answer, User, Way
from conferences.services import rsvp
from conferences.services.readings import Attending, CalendarRefused, Single, Wanted, differing

NOT_YOURS = gettext_lazy("You may not change this conference; ask whoever organizes it.")

_ANSWERS = {word: answer for answer, word in invitations.PARTSTAT.items() if answer}


def answer(user: User, found: selectors.Stored, wanted: Wanted) -> None:
    """An invitee says whether he comes; of the rest nothing is his to change."""
    row, now = found.conference, clock.now()
    series = next(one for one in selectors.series(row) if one.number == found.number)
    invitation = row.invitations.filter(user=user).first()
    answer = _own_answer(user, wanted.people)
    if invitation is None or answer is None or differing(series, wanted):
        raise CalendarRefused("not-allowed", str(NOT_YOURS))
    single = _single_answers(user, series, wanted)
    if answer != invitation.answer:
        rsvp.answer(invitation=invitation, answer=answer, at=now, way=Way.CALDAV)
    before = selectors.single_answers(invitation)
    for name, said in sorted(_still_to_come(series, single, before, now)):
        if before.get(name, invitation.answer) != said:
            rsvp.answer(
                invitation=invitation, answer=said, at=now, recurrence_id=name, way=Way.CALDAV
            )


def _own_answer(user: User, people: list[Attending]) -> Answer | None:
    """What he says of himself; None where he is not there, or says nothing that is known."""
    own = {one.removeprefix("mailto:").lower() for one in invitations.objects.addresses(user)}
    said = next((one for one in people if one.address.lower() in own), None)
    return _ANSWERS.get(said.answer) if said is not None else None


def _single_answers(
    user: User, series: selectors.Series, wanted: Wanted
) -> dict[datetime.datetime, Answer]:
    """What an invitee says of single times; who takes one out of his calendar does not come.

    Raises `CalendarRefused` where he would change them.
    """
    known = series.pattern.overrides
    off = {name for name, one in known.items() if one.cancelled}
    said = {
        name: Answer.DECLINED
        for name in wanted.off - off
        if recurrence.is_planned(series.pattern, name)
    }
    for name, single in wanted.changed.items():
        answer = _own_answer(user, single.people)
        if name in off or not _is_as_planned(series, name, single):
            raise CalendarRefused("not-allowed", str(NOT_YOURS))
        if answer is not None:
            said[name] = answer
    # What was changed for all, and what was called off, is not his to undo.
    if not off <= wanted.off or known.keys() - off - wanted.off - wanted.changed.keys():
        raise CalendarRefused("not-allowed", str(NOT_YOURS))
    return said


def _is_as_planned(series: selectors.Series, name: datetime.datetime, single: Single) -> bool:
    found = next(recurrence.changed(_only(series, name), also=[name]), None)
    if found is None or found.recurrence_id != name:
        return False
    minutes = datetime.timedelta(minutes=single.minutes)
    title = " ".join(single.title.split())
    return (found.starts_at, found.ends_at - found.starts_at, found.title or series.title) == (
        single.starts_at,
        minutes,
        title,
    )


def _only(series: selectors.Series, name: datetime.datetime) -> recurrence.Pattern:
    """The series, of which that one time alone may be changed."""
    kept = {key: one for key, one in series.pattern.overrides.items() if key == name}
    return dataclasses.replace(series.pattern, overrides=kept)


def _still_to_come(
    series: selectors.Series,
    single: dict[datetime.datetime, Answer],
    before: dict[datetime.datetime, Answer],
    now: datetime.datetime,
) -> list[tuple[datetime.datetime, Answer]]:
    """What he says of times to come; of one that he says nothing of any more, he takes it back."""
    back = dict.fromkeys(before.keys() - single.keys(), Answer.NONE)
    last = max({*single, *back}, default=None)
    found = {}
    for then, one in recurrence.both(series.pattern) if last else ():
        if last is None or then.recurrence_id > last:
            break
        if one is not None and one.ends_at > now:
            found[then.recurrence_id] = one
    return [(name, said) for name, said in (back | single).items() if name in found]
