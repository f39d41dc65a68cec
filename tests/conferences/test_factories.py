"""Factories as templates: what each makes, and for whom."""

from __future__ import annotations

import datetime
import re

import pytest
from django.core.exceptions import ValidationError
from django.utils import timezone

from conferences import policy, selectors, services
from conferences.models import Conference, Factory, Ledger, User
from conferences.policy import Admission, CreatorDeparts, Refusal, TwoLeft
from conferences.services import Refused
from portal.views import story
from tests.people import ALICE, BOB, MALLORY


def _made(factory: str, creator: policy.Identity = BOB) -> policy.Snapshot:
    found = selectors.snapshot(services.create_adhoc(creator=creator, factory=factory))
    assert found is not None
    return found


def test_the_one_that_there_always_is(bob: User) -> None:
    made = _made("conference-factory")
    assert (made.title, made.admission) == ("Conference of Bob", Admission.SIGNED_IN)
    assert (made.creator_departs, made.pin) == (CreatorDeparts.END, "")
    assert not selectors.redirects("conference-factory")
    assert made.reserved_until == 0
    Factory.objects.all().delete()
    assert _made("conference-factory").title == "Conference of Bob"


def test_a_template_says_it_all(bob: User) -> None:
    Factory.objects.create(
        name="hall",
        title="Hall of {creator}",
        mode="redirect",
        admission=Admission.OPEN,
        max_participants=7,
        lasts_minutes=30,
        pin="2468",
        participants_may_add=True,
        creator_departs=CreatorDeparts.KEEP,
    )
    made, now = _made("hall"), timezone.now()
    assert (made.title, made.admission) == ("Hall of Bob", Admission.OPEN)
    assert (made.max_participants, made.pin) == (7, "2468")
    assert (made.participants_may_add, made.creator_departs) == (True, CreatorDeparts.KEEP)
    assert made.closes_at is not None
    lasts = made.closes_at - now.timestamp()
    assert abs(lasts - datetime.timedelta(minutes=30).total_seconds()) < 60
    assert selectors.redirects("hall")
    assert 0 < made.reserved_until - now.timestamp() <= 60
    assert made.role_of(BOB) is policy.Role.ORGANIZER


def test_a_factory_that_is_shut_is_none(bob: User) -> None:
    Factory.objects.filter(name="conference-factory").update(active=False)
    for name in ("conference-factory", "never-was"):
        with pytest.raises(Refused) as refused:
            services.create_adhoc(creator=BOB, factory=name)
        assert refused.value.refusal is Refusal.UNKNOWN


def test_mallory_calls_a_factory_that_is_for_organizers(alice: User) -> None:
    Factory.objects.create(name="hall", for_organizers=True)
    with pytest.raises(Refused) as refused:
        services.create_adhoc(creator=MALLORY, factory="hall")
    assert refused.value.refusal is Refusal.NOT_ALLOWED
    organizer = selectors.identity_of_user(alice)
    assert services.create_adhoc(creator=organizer, factory="hall")


def test_no_ports_are_no_full_conference(bob: User) -> None:
    Ledger.objects.update_or_create(pk=Ledger.ONLY, defaults={"ports": 1})
    with pytest.raises(Refused) as refused:
        services.create_adhoc(creator=BOB, max_participants=100)
    assert refused.value.refusal is Refusal.NO_PORTS
    assert not Conference.objects.exists()


def test_one_name_space(alice: User) -> None:
    services.book(organizer=alice, title="Weekly", name="weekly")
    for name in ("alice", "weekly"):
        with pytest.raises(ValidationError, match="taken"):
            Factory(name=name).full_clean()
    Factory(name="hall").full_clean()
    Factory.objects.create(name="hall")
    with pytest.raises(ValidationError, match="taken"):
        services.book(organizer=alice, title="Hall", name="hall")
    with pytest.raises(ValidationError, match="taken"):
        services.create_user(username="hall", password="a password")
    with pytest.raises(ValidationError, match="taken"):
        services.create_adhoc(creator=ALICE, name="hall")
    with pytest.raises(ValidationError):
        Factory(name="Not A Name").full_clean()
    with pytest.raises(ValidationError):
        Factory(name="pins", pin="12").full_clean()


def test_c11_generated_uris_are_unique_and_cannot_be_guessed(bob: User) -> None:
    """RFC 4579 5.3: pseudo-random; 20 digits of the system's randomness are 66 bits."""
    made = [_made("conference-factory").name for _ in range(20)]
    assert len(set(made)) == len(made)
    assert all(re.fullmatch("[0-9]{20}", name) for name in made)
    assert 10**20 > 2**64


@pytest.mark.parametrize(
    ("two_left", "of_call", "made"),
    [
        ("stay", True, TwoLeft.STAY),
        ("back", True, TwoLeft.CALL),
        ("back", False, TwoLeft.STAY),
        ("call", False, TwoLeft.CALL),
    ],
)
def test_what_becomes_of_two_who_are_left(
    bob: User, two_left: str, of_call: bool, made: TwoLeft
) -> None:
    Factory.objects.create(name="hall", two_left=two_left)
    key = services.create_adhoc(creator=BOB, factory="hall", of_call=of_call)
    found = selectors.snapshot(key)
    assert found is not None
    assert found.two_left is made


def test_a_name_of_choice_is_vacant_once_it_is_over(bob: User) -> None:
    """A number that was made here stays what it was: 410, and never another conference."""
    chosen, made = (
        services.create_adhoc(creator=BOB, name="Lunch"),
        services.create_adhoc(creator=BOB),
    )
    assert not selectors.is_vacant(chosen)
    for one in (chosen, made):
        services.conference_ended(conference=one, at=timezone.now().timestamp(), by="")
    assert (selectors.is_vacant(chosen), selectors.is_vacant(made)) == (True, False)
    again = services.create_adhoc(creator=BOB, name="lunch")
    assert again != chosen
    assert selectors.conference_key("lunch") == again


def test_the_record_says_that_two_went_on_in_a_call(bob: User) -> None:
    key = services.create_adhoc(creator=BOB)
    services.conference_ended(conference=key, at=timezone.now().timestamp(), by="", parted=True)
    row = Conference.objects.get(pk=key)
    ended = row.events.get(kind="ended")
    assert ended.detail == {"parted": True}
    assert row.ended_at is not None
    assert not row.holds.exists()
    (line, *_), _ = story.lines(row, selectors.Viewer(BOB.uri, identifies=True))
    assert "the two who were left went on in a call" in line.plain


def test_only_what_is_for_now_becomes_a_call(alice: User, bob: User) -> None:
    row = services.book(organizer=alice, title="Planning")
    with pytest.raises(ValidationError) as error:
        services.change(conference=row, actor="", two_left=TwoLeft.CALL)
    assert set(error.value.message_dict) == {"two_left"}
    now = Conference.objects.get(pk=services.create_adhoc(creator=BOB))
    assert services.change(conference=now, actor="", two_left=TwoLeft.CALL).two_left == "call"
