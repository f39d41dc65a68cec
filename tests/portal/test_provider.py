"""Signing in by OpenID Connect, with a provider that answers, and lies when it is told to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings
from django.http import HttpResponse
from django.test import Client, override_settings
from django.utils.html import escape

from conferences import services
from conferences.models import User
from tests.portal.conftest import PASSWORD, SignedIn
from tests.portal.provider import CLIENT, SECRET, Provider, provider

CAROL = {
    "sub": "4711",
    "preferred_username": "Carol@corp.example",
    "name": "Carol C.",
    "email": "carol@example.org",
    "email_verified": True,
}


@pytest.fixture
def house(db: None) -> Iterator[Provider]:
    """A provider that is set, and at which Carol signs in."""
    with provider() as found:
        found.person = dict(CAROL)
        app = {
            "provider_id": "oidc",
            "name": "Our house",
            "client_id": CLIENT,
            "secret": SECRET,
            "settings": {"server_url": found.issuer, "oauth_pkce_enabled": True},
        }
        given = settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]
        with override_settings(
            OIDC_ISSUER=found.issuer,
            OIDC_NAME="Our house",
            SOCIALACCOUNT_PROVIDERS={"openid_connect": {**given, "APPS": [app]}},
        ):
            yield found


def onward(browser: Client, **said: str) -> str:
    """Press the button; the address of the provider to which the page goes on."""
    page = browser.post("/sign-in/provider/", said)
    assert page.status_code == 200, page.content.decode()
    found = re.search(r'http-equiv="refresh" content="0;url=([^"]+)"', page.content.decode())
    assert found is not None
    return found.group(1).replace("&amp;", "&")


def there(url: str) -> str:
    """Sign in at the provider; the path by which the browser comes back."""
    response = requests.get(url, allow_redirects=False, timeout=10)
    back = urlsplit(response.headers["Location"])
    assert f"{back.scheme}://{back.netloc}" == "http://parley.test:8000"
    return f"{back.path}?{back.query}"


def sign_in(browser: Client, **said: str) -> HttpResponse:
    response: Any = browser.get(there(onward(browser, **said)))
    assert isinstance(response, HttpResponse)
    return response


def who(browser: Client) -> str:
    """The user name of who is signed in, or nothing."""
    key = browser.session.get("_auth_user_id")
    return User.objects.get(pk=key).username if key else ""


def test_nothing_of_it_is_there_where_no_provider_is_set(client: Client, db: None) -> None:
    assert "Sign in with" not in client.get("/sign-in/").content.decode()
    assert client.post("/sign-in/provider/").status_code == 404
    assert client.get("/sign-in/provider/answer/?state=x&code=y").status_code == 404


def test_who_is_new_gets_an_account_and_is_known_by_his_number_later(house: Provider) -> None:
    browser = Client()
    assert "Sign in with Our house" in browser.get("/sign-in/").content.decode()
    response = sign_in(browser, next="/planner/")
    assert (response.status_code, response["Location"]) == (302, "/planner/")
    carol = User.objects.get()
    assert (carol.username, carol.display_name, carol.email) == (
        "carol",
        "Carol C.",
        "carol@example.org",
    )
    assert not carol.is_organizer
    assert not carol.has_usable_password()
    house.person |= {"preferred_username": "caroline", "email": "other@example.org"}
    again = Client()
    sign_in(again)
    assert who(again) == "carol"
    assert User.objects.count() == 1


def test_what_is_kept_of_the_claims_is_little(house: Provider) -> None:
    house.person["birthdate"] = "1970-01-01"
    sign_in(Client())
    assert "birthdate" not in str(SocialAccount.objects.get().extra_data)


def test_a_name_that_is_taken_stays_its_owners(house: Provider, carol: User) -> None:
    browser = Client()
    sign_in(browser)
    assert who(browser) == "carol2"
    carol.refresh_from_db()
    assert carol.check_password(PASSWORD)


def test_names_are_made_of_letters_that_phones_can_dial(house: Provider) -> None:
    house.person["preferred_username"] = "Käthe O'Neill"
    browser = Client()
    sign_in(browser)
    assert who(browser) == "k-the-o-neill"
    house.person |= {"sub": "2", "preferred_username": "admin"}
    other = Client()
    sign_in(other)
    assert who(other) == "admin2"


@override_settings(OIDC_NEW_ACCOUNTS=False)
def test_who_is_not_known_is_told_so_where_accounts_are_given_by_hand(house: Provider) -> None:
    browser = Client()
    assert "You have no account here" in sign_in(browser).content.decode()
    assert not User.objects.exists()


@override_settings(OIDC_ORGANIZERS="groups=bookers")
def test_a_claim_gives_and_takes_the_right_to_book(house: Provider) -> None:
    house.person["groups"] = ["staff", "bookers"]
    sign_in(Client())
    assert User.objects.get().is_organizer
    house.person["groups"] = ["bookers2"]
    sign_in(Client())
    assert not User.objects.get().is_organizer
    del house.person["groups"]
    services.let_book(user=User.objects.get(), may_book=True)
    sign_in(Client())
    assert not User.objects.get().is_organizer


@override_settings(OIDC_ORGANIZERS="*")
def test_everybody_who_comes_that_way_may_book_where_it_says_so(house: Provider) -> None:
    sign_in(Client())
    assert User.objects.get().is_organizer


FORGED: list[dict[str, Any]] = [
    {"nonce": "of another sign-in"},
    {"nonce": None},
    {"aud": "somebody else's"},
    {"aud": None},
    {"aud": [CLIENT, "other"], "azp": "other"},
    {"iss": "https://mallory.example"},
    {"exp": 1_700_000_000},
    {"exp": None},
    {"sub": None},
    {"sub": "another person than userinfo speaks of"},
]


@pytest.mark.parametrize("lies", FORGED, ids=str)
def test_mallorys_tokens_sign_nobody_in(house: Provider, lies: dict[str, Any]) -> None:
    house.lies = lies
    browser = Client()
    response = sign_in(browser)
    assert response.status_code == 401
    assert "Nobody was signed in" in response.content.decode()
    assert who(browser) == ""
    assert not User.objects.exists()


def test_a_token_that_another_key_signed_is_not_believed(house: Provider) -> None:
    house.forger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert sign_in(Client()).status_code == 401


@pytest.mark.filterwarnings("ignore:.*HMAC key is.*")
@pytest.mark.parametrize("algorithm", ["HS256", "none"])
def test_a_token_without_a_public_key_is_not_believed(house: Provider, algorithm: str) -> None:
    house.algorithm = algorithm
    assert sign_in(Client()).status_code == 401
    assert not User.objects.exists()


def test_an_answer_that_nobody_waits_for_is_refused(house: Provider) -> None:
    """Mallory has the victim's browser open his own answer (RFC 6749 10.12)."""
    answer = there(onward(Client()))
    victim = Client()
    assert victim.get(answer).status_code == 401
    assert who(victim) == ""
    assert Client().get("/sign-in/provider/answer/?code=x&state=forged").status_code == 401


def test_an_answer_is_good_once(house: Provider) -> None:
    browser = Client()
    answer = there(onward(browser))
    assert browser.get(answer).status_code == 302
    browser.post("/sign-out/")
    assert browser.get(answer).status_code == 401
    assert who(browser) == ""


def test_next_leads_to_pages_of_ours_alone(house: Provider) -> None:
    assert sign_in(Client(), next="https://mallory.example/")["Location"] == "/"


def test_the_request_cannot_change_what_the_provider_is_asked(house: Provider) -> None:
    page = Client().post("/sign-in/provider/?auth_params=prompt%3Dnone&scope=offline_access")
    assert "offline_access" not in page.content.decode()
    assert "prompt" not in page.content.decode()
    query = parse_qs(urlsplit(onward(Client())).query)
    assert query["code_challenge_method"] == ["S256"]
    assert query["redirect_uri"] == ["http://parley.test:8000/sign-in/provider/answer/"]


def test_asking_wants_a_form_with_its_token(house: Provider) -> None:
    assert Client().get("/sign-in/provider/").status_code == 405
    assert Client(enforce_csrf_checks=True).post("/sign-in/provider/").status_code == 403


@pytest.mark.parametrize("lies", [{"issuer": "https://mallory.example"}, {"jwks_uri": ""}])
def test_a_provider_that_is_another_is_not_asked(house: Provider, lies: dict[str, str]) -> None:
    house.document_lies = lies
    response = Client().post("/sign-in/provider/")
    assert response.status_code in (401, 502)
    assert "That did not work" in response.content.decode()


def test_a_provider_that_does_not_answer_is_said_plainly(db: None) -> None:
    app = {
        "provider_id": "oidc",
        "name": "Gone",
        "client_id": CLIENT,
        "secret": SECRET,
        "settings": {"server_url": "http://127.0.0.1:9", "oauth_pkce_enabled": True},
    }
    given = settings.SOCIALACCOUNT_PROVIDERS["openid_connect"]
    with override_settings(
        OIDC_ISSUER="http://127.0.0.1:9",
        SOCIALACCOUNT_PROVIDERS={"openid_connect": {**given, "APPS": [app]}},
    ):
        response = Client().post("/sign-in/provider/")
    assert response.status_code == 502
    assert "That did not work" in response.content.decode()


def test_who_thinks_better_of_it_comes_back_to_the_door(house: Provider) -> None:
    browser = Client()
    state = parse_qs(urlsplit(onward(browser)).query)["state"][0]
    page = browser.get(
        f"/sign-in/provider/answer/?error=access_denied&state={state}", follow=True
    ).content.decode()
    assert "cancelled at the provider" in page
    assert escape("Sign in") in page


# --- Accounts that were here before ---------------------------------------------------


def verified_here(user: User, email: str) -> None:
    user.email = email
    user.save()
    services.address_verified(user)


def test_an_address_alone_leads_to_nobodys_account(house: Provider, bob: User) -> None:
    """Unless the settings say so: Mallory may have typed Bob's address over there."""
    verified_here(bob, "carol@example.org")
    browser = Client()
    sign_in(browser)
    assert who(browser) == "carol"
    assert not SocialAccount.objects.filter(user=bob).exists()


@override_settings(OIDC_LINK_BY_EMAIL=True)
def test_an_address_that_both_sides_verified_leads_to_its_account(
    house: Provider, bob: User
) -> None:
    verified_here(bob, "Carol@Example.org")
    browser = Client()
    sign_in(browser)
    assert who(browser) == "bob"
    # From then on by the provider's number, whatever becomes of the address.
    EmailAddress.objects.all().delete()
    house.person["email"] = "other@example.org"
    again = Client()
    sign_in(again)
    assert who(again) == "bob"
    bob.refresh_from_db()
    assert bob.check_password(PASSWORD)


@override_settings(OIDC_LINK_BY_EMAIL=True)
@pytest.mark.parametrize("verified", [False, None, "false", "no", 1])
def test_an_address_that_the_provider_has_not_verified_leads_nowhere(
    house: Provider, bob: User, verified: object
) -> None:
    verified_here(bob, "carol@example.org")
    house.person["email_verified"] = verified
    browser = Client()
    sign_in(browser)
    assert who(browser) == "carol"
    assert User.objects.get(username="carol").email == ""


@override_settings(OIDC_LINK_BY_EMAIL=True)
def test_an_address_that_was_never_verified_here_leads_nowhere(house: Provider, bob: User) -> None:
    """Mallory made himself an account with Carol's address, and waits for her to come."""
    bob.email = "carol@example.org"
    bob.save()
    browser = Client()
    sign_in(browser)
    assert who(browser) == "carol"


@override_settings(OIDC_LINK_BY_EMAIL=True)
def test_an_address_leads_to_no_administrator(house: Provider, alice: User) -> None:
    alice.is_staff = True
    verified_here(alice, "carol@example.org")
    browser = Client()
    sign_in(browser)
    assert who(browser) == "carol"


def test_somebody_connects_his_account_and_lets_go_of_it(house: Provider, bob: User) -> None:
    browser = Client()
    browser.post("/sign-in/", {"username": "bob", "password": PASSWORD})
    assert "Connect with Our house" in browser.get("/account/providers/").content.decode()
    asked = browser.get(there(onward(browser, process="connect")))
    assert asked["Location"].startswith("/account/prove/")
    browser.post(asked["Location"], {"password": "wrong"})
    assert not SocialAccount.objects.exists()
    assert browser.post(asked["Location"], {"password": PASSWORD})["Location"] == "/account/"
    assert SocialAccount.objects.get().user == bob
    other = Client()
    sign_in(other)
    assert who(other) == "bob"
    page = browser.get("/account/providers/").content.decode()
    assert "Disconnect" in page
    row = SocialAccount.objects.get()
    browser.post("/account/providers/", {"account": row.pk})
    assert not SocialAccount.objects.exists()


def test_mallory_connects_nobody_elses(house: Provider, bob: User, mallory: User) -> None:
    """What leads to Carol's account leads to no other; and a link connects nobody."""
    sign_in(Client())
    browser = Client()
    browser.post("/sign-in/", {"username": "mallory", "password": PASSWORD})
    asked = browser.get(there(onward(browser, process="connect")))
    browser.post(asked["Location"], {"password": PASSWORD})
    assert not SocialAccount.objects.filter(user=mallory).exists()
    assert browser.get("/sign-in/provider/?process=connect").status_code == 405


def test_who_is_switched_off_is_not_let_in(house: Provider) -> None:
    sign_in(Client())
    User.objects.update(is_active=False)
    browser = Client()
    response = sign_in(browser)
    assert response["Location"] == "/sign-in/switched-off/"
    assert who(browser) == ""
    assert "switched off" in browser.get("/sign-in/switched-off/").content.decode()


def test_who_has_no_password_sets_one_on_his_page(house: Provider) -> None:
    browser = Client()
    sign_in(browser)
    assert "You have no password here yet" in browser.get("/account/").content.decode()
    new = "another horse entirely"
    said = {"new_password1": new, "new_password2": new}
    assert browser.post("/account/password/", said).status_code == 302
    assert User.objects.get().check_password(new)


def test_the_page_of_providers_is_for_those_who_are_in(house: Provider) -> None:
    assert Client().get("/account/providers/").status_code == 302


def test_another_signs_in_where_somebody_is_already(
    house: Provider, bob: User, signed_in: SignedIn
) -> None:
    browser = signed_in(bob)
    sign_in(browser)
    assert who(browser) == "carol"
