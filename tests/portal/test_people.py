"""Invitations to have an account, and ways back into it."""

from __future__ import annotations

import datetime
import re

import pytest
from allauth.account.models import EmailAddress
from django.core import mail
from django.test import Client, override_settings
from django.utils import timezone, translation

from conferences import selectors, services
from conferences.models import AccountLink, MailState, User
from conferences.services import Refused
from tests.portal.conftest import PASSWORD, SignedIn, shown_link

NEW = "another horse entirely"
MAILS = override_settings(
    MAIL_GOES_OUT=True, EMAIL_BACKEND="django.core.mail.backends.locmem.EmailBackend"
)


def invited(by: User, email: str = "carol@example.org", *, may_book: bool = False) -> str:
    link = services.invite_person(by=by, email=email, may_book=may_book)
    return f"/welcome/{selectors.link_token(link)}/"


def account(username: str = "carol", **said: str) -> dict[str, str]:
    return {
        "username": username,
        "display_name": "Carol D.",
        "timezone": "Europe/Berlin",
        "new_password1": NEW,
        "new_password2": NEW,
        **said,
    }


def test_an_organizer_invites_and_the_invited_makes_an_account(
    alice: User, signed_in: SignedIn
) -> None:
    browser = signed_in(alice)
    assert 'href="/people/"' in browser.get("/").content.decode()
    page = browser.post("/people/", {"email": "carol@example.org"}, follow=True).content.decode()
    assert "Here is the link" in page
    path = shown_link(page)
    carol = Client()
    assert "Alice invites you" in carol.get(path).content.decode()
    like = {"new_password1": "carolcarol1", "new_password2": "carolcarol1"}
    weak = carol.post(path, account("carolcarol", **like))
    assert "too similar" in weak.content.decode()
    taken = carol.post(path, account("alice")).content.decode()
    assert "This name is taken" in taken
    assert "Carol D." in taken
    assert carol.post(path, account())["Location"] == "/"
    assert "Carol D." in carol.get("/").content.decode()
    made = User.objects.get(username="carol")
    assert (made.email, made.timezone, made.is_organizer) == (
        "carol@example.org",
        "Europe/Berlin",
        False,
    )
    assert carol.get(path).status_code == 410
    assert Client().post(path, account("mallory2")).status_code == 410
    assert "Nobody is invited" in browser.get("/people/").content.decode()


def test_no_address_is_taken_for_verified_whose_link_was_passed_on(alice: User) -> None:
    """Else Mallory's own account would be where a provider's Carol is led to."""
    Client().post(invited(alice), account())
    assert not EmailAddress.objects.filter(verified=True).exists()


@MAILS
def test_where_mails_go_out_the_link_is_sent_and_shown_to_nobody(
    alice: User, signed_in: SignedIn
) -> None:
    browser = signed_in(alice)
    page = browser.post("/people/", {"email": "carol@example.org"}, follow=True).content.decode()
    assert "on its way" in page
    assert "/welcome/" not in page
    services.send_links(now=timezone.now())
    services.send_links(now=timezone.now())
    assert [one.to for one in mail.outbox] == [["carol@example.org"]]
    found = re.search(r"http://parley\.test:8000(/welcome/\S+)", str(mail.outbox[0].body))
    assert found is not None
    assert Client().post(found[1], account())["Location"] == "/"
    assert EmailAddress.objects.get(verified=True).email == "carol@example.org"


@MAILS
def test_a_mail_that_is_not_taken_is_tried_again(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    invited(alice)

    def refuse(*args: object, **kwargs: object) -> int:
        raise ConnectionRefusedError("nobody there")

    monkeypatch.setattr("django.core.mail.backends.locmem.EmailBackend.send_messages", refuse)
    now = timezone.now()
    for _ in range(3):
        services.send_links(now=now)
        assert AccountLink.objects.get().state == MailState.DUE
        now += datetime.timedelta(hours=1)
    services.send_links(now=now)
    row = AccountLink.objects.get()
    assert (row.state, row.error) == (MailState.FAILED, "nobody there")


def test_that_somebody_may_book_is_for_administrators_to_say(
    alice: User, signed_in: SignedIn
) -> None:
    assert "may_book" not in signed_in(alice).get("/people/").content.decode()
    signed_in(alice).post("/people/", {"email": "carol@example.org", "may_book": "on"})
    assert not AccountLink.objects.get().may_book
    with pytest.raises(Refused):
        services.invite_person(by=alice, email="guest-1@example.org", may_book=True)
    alice.is_staff = True
    alice.save()
    signed_in(alice).post("/people/", {"email": "guest-2@example.org", "may_book": "on"})
    Client().post(
        f"/welcome/{selectors.link_token(AccountLink.objects.get(may_book=True))}/", account()
    )
    assert User.objects.get(username="carol").is_organizer


def test_bob_who_may_not_book_invites_nobody(bob: User, signed_in: SignedIn) -> None:
    assert 'href="/people/"' not in signed_in(bob).get("/").content.decode()
    assert signed_in(bob).get("/people/").status_code == 403
    assert signed_in(bob).post("/people/", {"email": "a@example.org"}).status_code == 403
    with pytest.raises(Refused):
        services.invite_person(by=bob, email="a@example.org")


def test_nobody_is_invited_twice_or_who_is_here(alice: User, signed_in: SignedIn) -> None:
    browser = signed_in(alice)
    invited(alice)
    page = browser.post("/people/", {"email": "CAROL@example.org"}).content.decode()
    assert "is invited already" in page
    User.objects.create_user("guest-3", "guest-3@example.org")
    page = browser.post("/people/", {"email": "guest-3@example.org"}).content.decode()
    assert "has an account already" in page
    assert "Enter a valid" in browser.post("/people/", {"email": "x"}).content.decode()


def test_invitations_are_withdrawn_by_those_who_gave_them(
    alice: User, mallory: User, signed_in: SignedIn
) -> None:
    path = invited(alice)
    row = AccountLink.objects.get()
    assert "carol@example.org" not in signed_in(mallory).get("/people/").content.decode()
    signed_in(mallory).post(f"/people/{row.pk}/withdraw/")
    assert Client().get(path).status_code == 200
    page = signed_in(alice).post(f"/people/{row.pk}/withdraw/", follow=True).content.decode()
    assert "withdrawn" in page
    assert Client().get(path).status_code == 410


def test_a_link_is_good_for_a_while(alice: User) -> None:
    path = invited(alice)
    late = timezone.now() - datetime.timedelta(seconds=1)
    AccountLink.objects.update(expires_at=late)
    assert Client().get(path).status_code == 410
    services.prune(now=timezone.now() + datetime.timedelta(days=31))
    assert not AccountLink.objects.exists()


@pytest.mark.parametrize("token", ["1-00", "x", "9" * 30, "1-", "-", "²-a", "1-" + "0" * 64])
def test_mallory_guesses_no_link(alice: User, token: str) -> None:
    invited(alice)
    assert Client().get(f"/welcome/{token}/").status_code == 410


def test_the_link_of_one_is_not_made_of_that_of_another(alice: User) -> None:
    first, second = invited(alice), invited(alice, "guest-3@example.org")
    numbers = [path.split("/")[2].partition("-") for path in (first, second)]
    assert Client().get(f"/welcome/{numbers[0][0]}-{numbers[1][2]}/").status_code == 410


# --- Forgotten passwords --------------------------------------------------------------


@pytest.fixture
def reachable(bob: User) -> User:
    bob.email = "bob@example.org"
    bob.save()
    return bob


def test_without_mails_the_page_says_whom_to_ask(client: Client, db: None) -> None:
    assert "/sign-in/forgotten/" in client.get("/sign-in/").content.decode()
    assert "sends no mails" in client.get("/sign-in/forgotten/").content.decode()


@MAILS
@pytest.mark.parametrize("typed", ["bob", " BOB ", "Bob@Example.org"])
def test_a_way_back_by_mail(reachable: User, typed: str) -> None:
    inside = Client()
    inside.post("/sign-in/", {"username": "bob", "password": PASSWORD})
    assert inside.get("/account/").status_code == 200
    page = Client().post("/sign-in/forgotten/", {"who": typed}).content.decode()
    assert "If there is such an account" in page
    services.send_links(now=timezone.now())
    found = re.search(r"http://parley\.test:8000(/welcome/\S+)", str(mail.outbox[0].body))
    assert found is not None
    browser = Client()
    assert "For bob" in browser.get(found[1]).content.decode()
    said = {"new_password1": NEW, "new_password2": NEW}
    assert browser.post(found[1], said)["Location"] == "/sign-in/"
    # Who was in with the old one is out, and who comes by the link is not in.
    assert inside.get("/account/").status_code == 302
    assert browser.get("/account/").status_code == 302
    assert browser.post(found[1], said).status_code == 410
    assert Client().post("/sign-in/", {"username": "bob", "password": NEW})["Location"] == "/"


@MAILS
def test_the_mail_speaks_its_readers_language(
    reachable: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    reachable.language = "de"
    reachable.save()
    services.password_forgotten(who="bob")
    spoken: list[str | None] = []

    def render(*args: object) -> str:
        spoken.append(translation.get_language())
        return "text"

    monkeypatch.setattr("conferences.services.accounts.render_to_string", render)
    services.send_links(now=timezone.now())
    assert spoken == ["de"]


@MAILS
def test_the_page_tells_nobody_who_has_an_account(reachable: User) -> None:
    known = Client().post("/sign-in/forgotten/", {"who": "bob"}).content
    unknown = Client().post("/sign-in/forgotten/", {"who": "nobody"}).content
    assert known == unknown
    assert AccountLink.objects.count() == 1


@MAILS
def test_nobody_is_flooded_with_mails(reachable: User) -> None:
    for _ in range(9):
        Client().post("/sign-in/forgotten/", {"who": "bob"})
    assert AccountLink.objects.count() == 3


@MAILS
def test_who_never_had_a_password_here_or_is_switched_off_gets_none(reachable: User) -> None:
    reachable.set_unusable_password()
    reachable.save()
    services.password_forgotten(who="bob")
    reachable.set_password(PASSWORD)
    reachable.is_active = False
    reachable.save()
    services.password_forgotten(who="bob")
    assert not AccountLink.objects.exists()


@MAILS
def test_a_changed_password_closes_the_ways_back(reachable: User, signed_in: SignedIn) -> None:
    services.password_forgotten(who="bob")
    token = selectors.link_token(AccountLink.objects.get())
    said = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    signed_in(reachable).post("/account/password/", said)
    assert Client().get(f"/welcome/{token}/").status_code == 410


def test_administrators_hand_out_links_to_those_below_them(alice: User, bob: User) -> None:
    with pytest.raises(Refused):
        services.password_link(user=bob, by=alice)
    alice.is_staff = True
    root = User.objects.create_superuser("root", password="secret")
    with pytest.raises(Refused):
        services.password_link(user=root, by=alice)
    link = services.password_link(user=bob, by=alice)
    assert Client().get(f"/welcome/{selectors.link_token(link)}/").status_code == 200
    bob.is_active = False
    bob.save()
    assert Client().get(f"/welcome/{selectors.link_token(link)}/").status_code == 410
