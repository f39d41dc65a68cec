"""Removing several at once, by the page."""

from __future__ import annotations

from conferences.models import Ban, Conference, Removal, User
from tests.portal.conftest import SignedIn, join

PAGE = "/conferences/planning/remove/"


def test_those_who_are_chosen_are_removed(
    alice: User, bob: User, carol: User, room: Conference, signed_in: SignedIn
) -> None:
    keys = [join(room, name) for name in ("alice", "bob", "carol")]
    browser = signed_in(alice)
    assert PAGE in browser.get("/conferences/planning/").content.decode()
    shown = browser.get(PAGE).content.decode()
    assert keys[0] not in shown
    assert all(key in shown for key in keys[1:])
    said = {"who": keys[1:], "reason": "noise", "ban": "on"}
    page = browser.post(PAGE, said, follow=True).content.decode()
    assert "2 people are being removed." in page
    rows = Removal.objects.values_list("participant__key", "reason", "ban").order_by("pk")
    assert list(rows) == [(key, "noise", True) for key in keys[1:]]
    assert Ban.objects.count() == 2


def test_nobody_is_chosen(alice: User, bob: User, room: Conference, signed_in: SignedIn) -> None:
    assert "Nobody whom you may remove" in signed_in(alice).get(PAGE).content.decode()
    join(room, "bob")
    page = signed_in(alice).post(PAGE, {"reason": "noise"}).content.decode()
    assert "Choose who is to go." in page
    assert not Removal.objects.exists()


def test_mallory_removes_nobody(
    alice: User, bob: User, mallory: User, room: Conference, signed_in: SignedIn
) -> None:
    """She does not see it; Bob sees it, and may not."""
    join(room, "alice")
    key = join(room, "bob")
    assert signed_in(mallory).post(PAGE, {"who": [key]}).status_code == 404
    assert signed_in(bob).post(PAGE, {"who": [key]}).status_code == 403
    assert (
        "Select a valid choice"
        in signed_in(alice).post(PAGE, {"who": ["made-up"]}).content.decode()
    )
    assert not Removal.objects.exists()
