"""The end of an account, what there is about a person, and how long anything is kept."""

from __future__ import annotations

import datetime
import json

import pytest
from django.core.exceptions import ValidationError
from django.core.serializers.json import DjangoJSONEncoder
from django.test import Client, override_settings
from django.utils import timezone

from conferences import policy, selectors, services
from conferences.models import (
    Answer,
    Conference,
    Event,
    HeldOff,
    Mail,
    MailState,
    Participant,
    Recording,
    RecordingState,
    Trace,
    Track,
    User,
    Way,
)
from conferences.models.choices import Door
from conferences.services import Invitee
from tests import people
from tests.conferences.conftest import Joined

DAY = datetime.timedelta(days=1)


def gone(user: User, by: User | None = None) -> None:
    services.delete_person(user=user, by=by or user)
    services.delete_people(now=timezone.now())


def traces_of(word: str) -> list[str]:
    """Every text column of every row of ours in which `word` still stands."""
    found = []
    for model in Conference._meta.apps.get_app_config("conferences").get_models():
        for row in model._default_manager.values():
            for column, value in row.items():
                # The key of a roster entry is random; these tests make it of a name.
                said = (
                    str(value).replace(f"{word.strip('@')}-1", "") if column == "detail" else value
                )
                if word in str(said) and column != "key":
                    found.append(f"{model.__name__}.{column}: {value}")
    return found


def test_who_is_gone_is_named_nowhere(live: Joined, bob: User, alice: User) -> None:
    """In Alice's history somebody was there, spoke and left; not who."""
    services.ask_to_call(
        conference=live.conference.key, uri=people.BOB.uri, actor=people.ALICE, way=Way.WEB
    )
    services.attempt_failed(
        door=Door.PAGES, source="203.0.113.66", account="bob", now=timezone.now()
    )
    services.keep_messages(
        name=live.conference.name,
        lines=[{"at": 1.0, "sent": True, "call": "", "peer": "", "way": "", "text": "sip:bob@"}],
    )
    live.leave(people.BOB)
    before = live.conference.events.count()
    assert traces_of("bob@")
    gone(bob)
    assert traces_of("bob") == []
    assert traces_of("Bob") == []
    assert not Trace.objects.exists()
    assert not HeldOff.objects.filter(account="bob").exists()
    assert live.conference.events.count() == before
    met = live.conference.participants.exclude(entity=people.ALICE.uri).get()
    assert met.entity.startswith(policy.FORMER)
    assert met.display_text == policy.FORMER_NAME
    assert Event.objects.filter(kind="left", target=met.entity).exists()
    assert not User.objects.filter(username="bob").exists()


def test_at_once_he_is_nobody_here(bob: User) -> None:
    token = services.issue_api_token(bob)
    services.set_sip_password(bob, "a long enough one")
    services.delete_person(user=bob, by=bob)
    assert selectors.user_of_token(token) is None
    assert selectors.account("bob") is None
    assert not selectors.person_exists("bob")
    bob.refresh_from_db()
    assert not bob.has_usable_password()


@override_settings(MAIL_GOES_OUT=True)
def test_invitees_hear_that_it_is_off_before_it_is_gone(alice: User, bob: User) -> None:
    row = services.book(
        organizer=alice,
        title="Talk",
        starts_at=timezone.now() + DAY,
        duration_minutes=60,
        invitees=[Invitee(email="carol@example.org")],
    )
    Mail.objects.update(state=MailState.SENT)
    now = timezone.now()
    services.delete_person(user=alice, by=alice)
    services.delete_people(now=now)
    row.refresh_from_db()
    assert row.cancelled_at is not None
    assert [mail.kind for mail in Mail.objects.filter(state=MailState.DUE)] == ["cancel"]
    Mail.objects.update(state=MailState.SENT)
    services.delete_people(now=now)
    assert not Conference.objects.exists()
    assert not User.objects.filter(username="alice").exists()


@override_settings(MAIL_GOES_OUT=True)
def test_a_mail_server_that_is_away_keeps_nobody_for_ever(alice: User) -> None:
    services.book(organizer=alice, title="Talk", invitees=[Invitee(email="carol@example.org")])
    services.delete_person(user=alice, by=alice)
    services.delete_people(now=timezone.now() + DAY + DAY)
    assert not User.objects.filter(username="alice").exists()


def test_recordings_go_with_their_files(
    live: Joined, alice: User, django_capture_on_commit_callbacks: object
) -> None:
    recording = Recording.objects.create(
        conference=live.conference,
        name="secret",
        state=RecordingState.ENDED,
        started_at=timezone.now(),
        started_by=people.ALICE.uri,
        ended_at=timezone.now(),
    )
    path = selectors.recording_file(recording)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"OggS")
    live.leave(people.BOB)
    live.leave(people.ALICE)
    assert callable(django_capture_on_commit_callbacks)
    with django_capture_on_commit_callbacks(execute=True):
        gone(alice)
    assert not path.exists()
    assert not Conference.objects.exists()


def test_a_voice_by_itself_goes_and_in_the_mix_is_told(
    live: Joined, bob: User, mallory: User, client: Client
) -> None:
    """The mix is the organizer's; whose voice is in it learns whom to ask."""
    recording = Recording.objects.create(
        conference=live.conference,
        name="mix",
        state=RecordingState.ENDED,
        started_at=timezone.now(),
        started_by=people.ALICE.uri,
        ended_at=timezone.now() + DAY,
    )
    tracks = [
        Track.objects.create(recording=recording, name=f"mix-{number}", entity=one.uri)
        for number, one in enumerate((people.ALICE, people.BOB))
    ]
    assert [list(selectors.recordings_with(one)) for one in (bob, mallory)] == [[recording], []]
    client.force_login(bob)
    page = client.get("/account/data/").content.decode()
    assert "it cannot be taken out again" in page
    assert "Weekly, " in page
    assert "organized by Alice" in page
    client.force_login(mallory)
    assert "organized by Alice" not in client.get("/account/data/").content.decode()
    live.leave(people.BOB)
    gone(bob)
    assert list(recording.tracks.all()) == tracks[:1]
    assert Recording.objects.count() == 1


def test_not_while_a_conference_of_his_goes_on(live: Joined, alice: User, bob: User) -> None:
    with pytest.raises(ValidationError, match="going on"):
        services.delete_person(user=alice, by=alice)
    alice.refresh_from_db()
    assert alice.is_active
    services.delete_person(user=bob, by=bob)


def test_mallory_deletes_nobody(alice: User, mallory: User) -> None:
    with pytest.raises(ValidationError, match="may not"):
        services.delete_person(user=alice, by=mallory)
    mallory.is_staff = True
    alice.is_superuser = True
    alice.save()
    with pytest.raises(ValidationError, match="may not"):
        services.delete_person(user=alice, by=mallory)
    assert User.objects.filter(is_active=True).count() == 2


def test_the_last_administrator_stays(alice: User, bob: User) -> None:
    alice.is_superuser = alice.is_staff = True
    alice.save()
    with pytest.raises(ValidationError, match="last administrator"):
        services.delete_person(user=alice, by=alice)
    gone(bob, by=alice)
    assert not User.objects.filter(username="bob").exists()


def test_everything_about_somebody(live: Joined, bob: User, alice: User) -> None:
    services.make_delegate(owner=alice, username="bob")
    services.issue_api_token(bob)
    services.set_sip_password(bob, "a long enough one")
    services.book(organizer=alice, title="Not for Bob")
    told = json.loads(json.dumps(selectors.everything_about(bob), cls=DjangoJSONEncoder))
    assert told["account"]["address"] == people.BOB.uri
    assert told["delegate_of"] == ["alice"]
    assert [one["conference__title"] for one in told["participant_rows"]] == ["Weekly"]
    assert [one["conference__title"] for one in told["invitations"]] == ["Weekly"]
    said = json.dumps(told)
    assert "Not for Bob" not in said
    for secret in ("ha1", "digest", "pin", 'password":', live.conference.pin or "no pin"):
        assert secret not in said
    hers = selectors.everything_about(alice)
    assert {row["title"] for row in hers["conferences"]} == {"Weekly", "Not for Bob"}


def test_all_parts_of_a_series_are_taken_away(alice: User, bob: User) -> None:
    start = timezone.now().replace(microsecond=0) + DAY
    row = services.book(
        organizer=alice,
        title="Daily",
        starts_at=start,
        rrule="FREQ=DAILY;COUNT=5",
        invitees=[Invitee(people.BOB.uri)],
    )
    actor = people.ALICE.uri
    services.cancel_occurrence(conference=row, recurrence_id=start + DAY, actor=actor)
    services.change_following(
        conference=row, recurrence_id=start + 3 * DAY, actor=actor, title="Later"
    )
    services.answer(
        invitation=row.invitations.get(),
        answer=Answer.DECLINED,
        at=timezone.now(),
        recurrence_id=start,
    )
    (told,) = selectors.everything_about(alice)["conferences"]
    assert [one["title"] for one in told["changed_from_one_time_on"]] == ["Later"]
    assert [one["recurrence_id"] for one in told["single_times"]] == [start + DAY]
    assert told["policy"]["admission"] == "invited"
    (said,) = selectors.everything_about(bob)["answers_to_single_times"]
    assert (said["recurrence_id"], said["answer"]) == (start, "declined")


def test_history_is_kept_as_long_as_the_settings_say(live: Joined, alice: User) -> None:
    over = services.book(
        organizer=alice,
        title="Over",
        starts_at=timezone.now() + DAY,
        duration_minutes=60,
    )
    services.cancel(conference=over, actor=people.ALICE.uri)
    live.leave(people.BOB)
    now = timezone.now()
    with override_settings(HISTORY_KEPT=10 * DAY):
        services.prune(now=now + 9 * DAY)
        assert Conference.objects.filter(pk=over.pk).exists()
        assert Participant.objects.count() == 2
        services.prune(now=now + 11 * DAY)
    assert not Conference.objects.filter(pk=over.pk).exists()
    # The room itself stays, and who is in it.
    assert [row.entity for row in Participant.objects.all()] == [people.ALICE.uri]
    assert not Event.objects.exists()


def test_what_is_kept_for_ever_is(live: Joined) -> None:
    live.leave(people.BOB)
    with override_settings(HISTORY_KEPT=None, ADHOC_KEPT=None):
        services.prune(now=timezone.now() + 5000 * DAY)
    assert Event.objects.filter(kind="left").exists()
