"""The pages in a browser: nothing overflows, nothing is out of reach, nothing fails silently.

axe-core looks at every page, narrow and wide, light and dark; and the parts of
the room that need no gateway are tried: microphones that fail, a name or a PIN
to mend, rosters full and partial.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from asgiref.sync import sync_to_async
from django.conf import settings
from django.utils import timezone
from playwright.async_api import Browser, Page, expect
from pytest_django.live_server_helper import LiveServer

from conferences import selectors, services
from conferences.models import Conference, Ledger, RecordingState, User
from conferences.services import Invitee
from tests import people
from tests.conferences.test_registrations import BROWSER, DESK
from tests.live import browser as browsers
from tests.portal.conftest import PASSWORD, join

pytestmark = [pytest.mark.live, pytest.mark.django_db(transaction=True)]

AXE = Path(settings.BASE_DIR, "node_modules", "axe-core", "axe.min.js")
SIZES = [(1280, 800), (390, 844)]
IS_DARK = "(dark) => (document.documentElement.dataset.bsTheme === 'dark') === dark"


@pytest.fixture(autouse=True)
def _database_in_two_threads() -> Iterator[None]:
    """The test's loop and the server's thread share one database on purpose."""
    before = os.environ.get("DJANGO_ALLOW_ASYNC_UNSAFE")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    yield
    if before is None:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


async def open_page(
    browser: Browser,
    *,
    width: int = 1280,
    height: int = 800,
    scripts: bool = True,
) -> Page:
    """A page that fails the test for exceptions in its scripts and breaches of its policy."""
    context = await browser.new_context(
        locale="en-GB",
        timezone_id="UTC",
        viewport={"width": width, "height": height},
        color_scheme="light",
        java_script_enabled=scripts,
        reduced_motion="reduce",  # what is looked at is not on its way from one colour to another
    )
    page = await context.new_page()
    page.set_default_timeout(browsers.PATIENCE)
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: errors.append(said.text) if "Policy" in said.text else None)
    setattr(page, "errors", errors)  # noqa: B010 - looked at by `is_sound`
    return page


async def sign_in(page: Page, server: LiveServer, username: str) -> None:
    await page.goto(f"{server.url}/sign-in/")
    await page.fill("input[name=username]", username)
    await page.fill("input[name=password]", PASSWORD)
    await page.click("main button[type=submit]")
    await page.wait_for_url(f"{server.url}/")


async def has_no_violation(page: Page, where: str, *, only: Sequence[str] = ()) -> None:
    """What axe-core finds, where it has been loaded; `only` these of its rules."""
    options = {"runOnly": list(only)} if only else {}
    found = await page.evaluate("(options) => axe.run(document, options)", options)
    told = [(one["id"], [node["target"] for node in one["nodes"]]) for one in found["violations"]]
    assert told == [], where


async def is_sound(page: Page, where: str) -> None:
    """No violation, nothing wider than the screen, no exception."""
    wider = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert wider <= 0, f"{where} is {wider} px too wide"
    await page.evaluate(f"{AXE.read_text()}\n;0")
    await has_no_violation(page, where)
    assert getattr(page, "errors") == [], where  # noqa: B009


async def is_sound_by_day_and_night(page: Page, where: str) -> None:
    """The same in the dark, where a page looks at nothing but its colours."""
    await is_sound(page, where)
    await page.emulate_media(color_scheme="dark")
    await page.wait_for_function(IS_DARK, arg=True)
    await has_no_violation(page, f"{where} in the dark", only=("color-contrast",))
    await page.emulate_media(color_scheme="light")
    await page.wait_for_function(IS_DARK, arg=False)


def _link_of_carol(conference: Conference) -> str:
    """She is invited by mail."""
    services.change(conference=conference, actor="", invitees=[Invitee(email="carol@example.org")])
    return f"/i/{conference.invitations.get().token}/join/"


def _recorded(conference: Conference) -> None:
    """With two voices, each by itself, and a sound to play."""
    now = timezone.now()
    made = conference.recordings.create(
        name="kept", state=RecordingState.ENDED, started_at=now, ended_at=now, seconds=65.0
    )
    for name in ("Alice", "Somebody of a very long name indeed, who said a lot"):
        made.tracks.create(
            name=f"kept-{len(name)}", entity=f"sip:{len(name)}@conf.test", display_text=name
        )
    conference.sounds.create(
        name="jingle", title="Jingle", seconds=3.0, added_at=now, added_by="sip:alice@conf.test"
    )


@pytest.mark.parametrize(("width", "height"), SIZES)
async def test_every_page_is_accessible(
    width: int,
    height: int,
    browser: Browser,
    live_server: LiveServer,
    room: Conference,
    open_room: Conference,
    tomorrow: Conference,
    daily: Conference,
) -> None:
    assert daily.starts_at is not None
    link = await sync_to_async(_link_of_carol)(daily)
    first = f"/conferences/daily/on/{selectors.occurrence_name(daily.starts_at)}/"
    key = await sync_to_async(join)(room, "bob")
    await sync_to_async(_recorded)(room)
    hook = await sync_to_async(services.add_webhook)(
        owner=await User.objects.aget(username="alice"), url="https://example.org/"
    )
    await sync_to_async(services.try_webhook)(webhook=hook, now=timezone.now())
    phones = [replace(one, aor=selectors.aor("alice")) for one in (DESK, BROWSER)]
    await sync_to_async(services.keep_registrations)(gateway="host:1:a", entries=phones)
    await sync_to_async(called)("answered")
    await sync_to_async(services.answer_setup)(token="answered", title="Made by a form")
    await sync_to_async(called)("waiting")
    stranger = await open_page(browser, width=width, height=height)
    for path in (
        "/",
        "/sign-in/",
        "/sign-in/forgotten/",
        "/welcome/none/",
        "/nothing",
        "/c/open/",
        f"/c/{tomorrow.name}/",
        "/setup/waiting/",
        "/setup/answered/",
        link,
    ):
        await stranger.goto(live_server.url + path)
        await is_sound_by_day_and_night(stranger, path)
    alice = await open_page(browser, width=width, height=height)
    await sign_in(alice, live_server, "alice")
    for path in (
        "/",
        "/book/",
        "/history/",
        "/account/",
        "/account/second-factor/",
        "/account/delegates/",
        "/account/data/",
        "/people/",
        "/phone/",
        "/planner/",
        "/conferences/planning/",
        "/conferences/planning/change/",
        "/conferences/planning/quality/",
        "/conferences/planning/cancel/",
        f"/conferences/planning/remove/{key}/",
        "/conferences/daily/",
        first,
        f"{first}cancel/",
        "/load/",
        "/conferences/",
        "/webhooks/",
        "/calendar/",
        "/factories/",
        "/new-factory/",
        "/conferences/daily/invitations/",
        "/conferences/daily/invited/",
        "/conferences/planning/protocol/",
        "/conferences/planning/attendance/",
        f"/webhooks/{hook.name}/",
        "/c/planning/",
    ):
        await alice.goto(live_server.url + path)
        await is_sound_by_day_and_night(alice, path)
    await alice.goto(f"{live_server.url}/conferences/planning/")
    await alice.focus("[data-testid=tracks]")
    await alice.keyboard.press("Enter")
    await expect(alice.get_by_test_id("track")).to_have_count(2)
    await is_sound_by_day_and_night(alice, "recordings with their voices")
    await alice.goto(f"{live_server.url}/book/")
    await alice.check("input[name=kind][value=booked]", force=True)
    await alice.fill("input[name=invitee]", "nobody-here")
    async with alice.expect_navigation():
        await alice.click("main form button[type=submit]")
    await is_sound_by_day_and_night(alice, "the form with mistakes")


def called(token: str) -> None:
    """Alice is on the line to the conference application."""
    at = timezone.now().timestamp()
    services.open_setup(token=token, caller=people.ALICE, at=at)


async def test_the_setup_page_needs_no_scripts(
    browser: Browser, live_server: LiveServer, alice: User
) -> None:
    await sync_to_async(called)("token")
    page = await open_page(browser, scripts=False)
    await page.goto(f"{live_server.url}/setup/token/")
    await page.fill("input[name=title]", "Planning")
    await page.fill("input[name=pin]", "1")
    await page.click("main form button[type=submit]")
    await page.get_by_text("A PIN has 4 to 16 digits.").wait_for()
    assert await page.input_value("input[name=title]") == "Planning"
    await page.fill("input[name=pin]", "4711")
    await page.click("main form button[type=submit]")
    await page.get_by_role("heading", name="Planning").wait_for()
    assert await page.locator("[data-copy]:visible").count() == 0


async def test_the_theme_can_be_chosen(browser: Browser, live_server: LiveServer) -> None:
    page = await open_page(browser)
    await page.goto(live_server.url)
    theme = "document.documentElement.dataset.bsTheme"
    assert await page.evaluate(theme) == "light"
    toggle = page.locator("[data-theme-toggle]").first
    await toggle.click()
    await toggle.click()
    assert await page.evaluate(theme) == "dark"
    await page.reload()
    assert await page.evaluate(theme) == "dark"
    await toggle.click()
    assert await page.evaluate(theme) == "light"


async def test_times_are_those_of_the_browser_until_a_zone_is_chosen(
    browser: Browser, live_server: LiveServer, alice: User
) -> None:
    assert alice.timezone == ""
    context = await browser.new_context(locale="en-GB", timezone_id="America/New_York")
    page = await context.new_page()
    await sign_in(page, live_server, "alice")
    await expect(page.get_by_role("main")).to_contain_text("America/New_York")


async def test_the_form_follows_what_is_chosen(
    browser: Browser, live_server: LiveServer, alice: User
) -> None:
    page = await open_page(browser)
    await sign_in(page, live_server, "alice")
    await page.goto(f"{live_server.url}/book/")
    assert not await page.is_visible("input[name=date]")
    await page.check("input[name=kind][value=booked]", force=True)
    assert await page.is_visible("input[name=date]")
    await page.click("[data-generate]")
    assert (await page.input_value("input[name=pin]")).isdigit()
    await page.locator("input[name=invitee]").focus()
    await page.evaluate(
        """() => {
            const given = new DataTransfer();
            given.setData("text", "bob@example.org, carol@example.org\\ncarol@example.org");
            document.activeElement.dispatchEvent(
                new ClipboardEvent("paste", {
                    clipboardData: given, bubbles: true, cancelable: true,
                })
            );
        }"""
    )
    assert await page.locator("input[name=invitee]").count() == 3
    await page.locator("[data-drop]").first.click()
    assert await page.locator("input[name=invitee]").first.input_value() == "carol@example.org"


async def test_a_series_is_booked_and_a_free_time_taken(
    browser: Browser, live_server: LiveServer, alice: User, tomorrow: Conference
) -> None:
    await sync_to_async(Ledger.objects.update_or_create)(pk=1, defaults={"ports": 10})
    page = await open_page(browser)
    await sign_in(page, live_server, "alice")
    await page.goto(f"{live_server.url}/book/")
    assert not await page.is_visible("select[name=repeats]")
    await page.check("input[name=kind][value=booked]", force=True)
    for chosen, days, end in (
        ("never", False, False),
        ("daily", False, True),
        ("weekly", True, True),
    ):
        await page.select_option("select[name=repeats]", chosen)
        assert await page.locator("input[name=days]").first.is_visible() is days
        assert await page.is_visible("select[name=ends]") is end
    assert not await page.is_visible("input[name=count]")
    await page.select_option("select[name=ends]", "count")
    await page.fill("input[name=count]", "2")
    assert tomorrow.starts_at is not None
    await page.fill("input[name=title]", "Mine")
    await page.fill("input[name=date]", f"{tomorrow.starts_at:%Y-%m-%d}")
    await page.fill("input[name=time]", f"{tomorrow.starts_at:%H:%M}")
    await page.select_option("select[name=repeats]", "never")
    # Enter presses no proposal.
    for _ in range(2):
        await page.press("input[name=title]", "Enter")
        await page.get_by_text("There is room at", exact=True).wait_for()
    await is_sound(page, "a refusal for want of ports")
    await page.locator("button[name=take]").first.click()
    await page.get_by_role("heading", name="Mine").wait_for()


async def test_an_invitee_answers_by_link(
    browser: Browser, live_server: LiveServer, daily: Conference
) -> None:
    link = await sync_to_async(_link_of_carol)(daily)
    page = await open_page(browser)
    await page.goto(live_server.url + link.removesuffix("join/"))
    await page.get_by_role("button", name="Maybe").click()
    await page.get_by_text("reads: may come").wait_for()
    await page.get_by_role("button", name="Yes, I come").click()
    await page.get_by_text("reads: comes").wait_for()
    organizer = await open_page(browser)
    await sign_in(organizer, live_server, "alice")
    await organizer.goto(f"{live_server.url}/conferences/{daily.name}/")
    row = organizer.locator("li, tr").filter(has_text="carol@example.org").last
    await expect(row).to_contain_text("Comes")


async def test_the_roster_of_a_page_is_kept_fresh(
    browser: Browser, live_server: LiveServer, room: Conference
) -> None:
    page = await open_page(browser)
    await sign_in(page, live_server, "alice")
    await page.goto(f"{live_server.url}/conferences/planning/")
    await sync_to_async(join)(room, "bob")
    await page.get_by_text("1 here").wait_for()


async def test_a_guest_mends_his_name_and_the_pin(
    browser: Browser, live_server: LiveServer, open_room: Conference
) -> None:
    page = await open_page(browser)
    await page.goto(f"{live_server.url}/c/open/")
    await page.get_by_test_id("join-button").click()
    await page.get_by_text("Type a name of 1 to 100 letters.").wait_for()
    await page.get_by_test_id("join-name").fill("Carol")
    await page.get_by_test_id("join-pin").fill("1")
    await page.get_by_test_id("join-button").click()
    await page.get_by_text("The PIN is wrong.").wait_for()
    assert await page.evaluate("document.activeElement.id") == "pin"
    await sync_to_async(services.cancel)(conference=open_room, actor="sip:alice@conf.test")
    await page.get_by_test_id("join-pin").fill("4711")
    await page.get_by_test_id("join-button").click()
    state = page.get_by_test_id("call-state")
    await page.get_by_text("This conference is over").wait_for()
    assert await state.get_attribute("data-state") == "failed"
    await is_sound(page, "after a refusal")


@pytest.mark.parametrize(
    ("breaks", "words"),
    [
        ("NotAllowedError", "The microphone is blocked"),
        ("NotFoundError", "No microphone found"),
        ("NotReadableError", "The microphone is busy"),
        ("AbortError", "The microphone does not work"),
        ("", "No microphone without HTTPS"),
    ],
)
async def test_every_broken_microphone_has_its_words(
    breaks: str, words: str, browser: Browser, live_server: LiveServer, open_room: Conference
) -> None:
    page = await open_page(browser)
    broken = (
        "navigator.mediaDevices.getUserMedia = () =>"
        f' Promise.reject(new DOMException("", "{breaks}"))'
        if breaks
        else 'Object.defineProperty(navigator, "mediaDevices", { value: undefined })'
    )
    await page.add_init_script(broken)
    await page.goto(f"{live_server.url}/c/open/")
    await page.get_by_text(words).wait_for()
    assert "You will hear the others" in await page.inner_text("#join-how")
    assert await page.is_enabled("#join")
    await is_sound(page, words)


async def test_without_a_gateway_the_page_says_so(
    browser: Browser, live_server: LiveServer, room: Conference
) -> None:
    page = await open_page(browser)
    await sign_in(page, live_server, "alice")
    await page.goto(f"{live_server.url}/c/planning/")
    await page.get_by_text("No connection to Parley. Trying again…").wait_for()


async def test_a_long_name_stays_in_its_dialog(
    browser: Browser, live_server: LiveServer, room: Conference
) -> None:
    page = await open_page(browser, width=390, height=844)
    await sign_in(page, live_server, "alice")
    await page.goto(f"{live_server.url}/c/planning/")
    wider = await page.evaluate(
        """() => {
            const dialog = document.querySelector("#remove-dialog");
            document.querySelector("#remove-name").textContent = "M".repeat(100);
            dialog.showModal();
            return dialog.scrollWidth - dialog.clientWidth;
        }"""
    )
    assert wider == 0


NS = "urn:ietf:params:xml:ns:conference-info"


def document(version: int, inside: str, *, state: str = "partial") -> str:
    """A conference-info document."""
    return (
        f'<conference-info xmlns="{NS}" entity="sip:4711@conf.test"'
        f' state="{state}" version="{version}">{inside}</conference-info>'
    )


def user(name: str, *, state: str = "full", endpoint: str = "", media: str = "sendrecv") -> str:
    """A user with one phone."""
    return (
        f'<user entity="sip:{name}@conf.test" state="{state}"><display-text>{name.title()}'
        f"</display-text><roles><entry>participant</entry></roles>"
        f'<endpoint entity="sip:{name}@192.0.2.1"><status>connected</status>'
        f'<media id="1"><type>audio</type><src-id>77</src-id><status>{media}</status></media>'
        f"{endpoint}</endpoint></user>"
    )


ALICE_AND_BOB = document(1, f"<users>{user('alice')}{user('bob')}</users>", state="full")
BOOTED = (
    '<user entity="sip:bob@conf.test" state="deleted"><endpoint entity="sip:bob@192.0.2.1"'
    ' state="deleted"><status>disconnected</status><disconnection-method>booted'
    "</disconnection-method><disconnection-info><reason>Removed by sip:alice@conf.test: noise."
    " You may not come back.</reason><by>sip:alice@conf.test</by></disconnection-info>"
    "</endpoint></user>"
)

#: Documents received, what became of the last one, and who is there then.
ROSTERS: list[tuple[str, list[str], str, list[str]]] = [
    ("full", [ALICE_AND_BOB], "taken", ["Alice", "Bob"]),
    (
        "one more",
        [ALICE_AND_BOB, document(2, f'<users state="partial">{user("carol")}</users>')],
        "taken",
        ["Alice", "Bob", "Carol"],
    ),
    (
        "one less",
        [ALICE_AND_BOB, document(2, f'<users state="partial">{BOOTED}</users>')],
        "taken",
        ["Alice"],
    ),
    (
        "a partial user keeps what is not said",
        [
            ALICE_AND_BOB,
            document(
                2,
                '<users state="partial"><user entity="sip:bob@conf.test" state="partial">'
                '<endpoint entity="sip:bob@192.0.2.1" state="partial"><media id="1"'
                ' state="partial"><status>recvonly</status></media></endpoint></user></users>',
            ),
        ],
        "taken",
        ["Alice", "Bob (muted)"],
    ),
    (
        "disconnected but not deleted yet",
        [
            ALICE_AND_BOB,
            document(
                2,
                '<users state="partial"><user entity="sip:bob@conf.test" state="partial">'
                '<endpoint entity="sip:bob@192.0.2.1"><status>disconnected</status>'
                "</endpoint></user></users>",
            ),
        ],
        "taken",
        ["Alice"],
    ),
    ("a gap", [ALICE_AND_BOB, document(3, "<users/>")], "gap", ["Alice", "Bob"]),
    ("an old one", [ALICE_AND_BOB, ALICE_AND_BOB], "old", ["Alice", "Bob"]),
    ("partial first", [document(1, f"<users>{user('alice')}</users>")], "gap", []),
    ("full anew", [ALICE_AND_BOB, document(9, "<users/>", state="full")], "taken", []),
    ("all over", [ALICE_AND_BOB, document(2, "", state="deleted")], "taken", []),
    ("not XML", ["<conference-info"], "gap", []),
    ("another document", ['<a xmlns="urn:x"/>'], "gap", []),
]


async def test_rosters_are_put_together(browser: Browser, live_server: LiveServer) -> None:
    """RFC 4575 4.6: full, partial, deleted, versions."""
    page = await open_page(browser)
    await page.goto(live_server.url)
    for case, documents, outcome, names in ROSTERS:
        found = await page.evaluate(
            """async (documents) => {
                const { Roster } = await import("/static/js/room/conference-info.js");
                const roster = new Roster();
                let last = "";
                for (const text of documents) last = roster.receive(text);
                const people = roster.people();
                return [last, people.map((one) => one.name + (one.muted ? " (muted)" : ""))];
            }""",
            documents,
        )
        assert found == [outcome, names], case


async def test_departures_and_farewells_are_told_in_words(
    browser: Browser, live_server: LiveServer
) -> None:
    page = await open_page(browser)
    await page.goto(live_server.url)
    told = await page.evaluate(
        """async ([first, second]) => {
            const { Roster } = await import("/static/js/room/conference-info.js");
            const { departure, farewell } = await import("/static/js/room/words.js");
            const roster = new Roster();
            roster.receive(first);
            roster.receive(second);
            const nameOf = (uri) => ({ "sip:alice@conf.test": "Alice" })[uri];
            const bye = (reason) => {
                const told = farewell({ by: "focus", reason }, null, nameOf);
                return [told.state, told.title, told.text, told.reason ?? ""];
            };
            return [
                departure({ name: "Bob", farewell: roster.farewell("sip:bob@conf.test") }, nameOf),
                bye("Removed by sip:alice@conf.test: too: loud. You may not come back."),
                bye("Removed by sip:carol@conf.test:5062"),
                bye("The conference was ended by sip:alice@conf.test"),
                bye("The conference is over"),
            ];
        }""",
        [ALICE_AND_BOB, document(2, f'<users state="partial">{BOOTED}</users>')],
    )
    assert told == [
        "Bob was removed by Alice: noise",
        ["removed", "Alice removed you", "You may not come back to this conference.", "too: loud"],
        ["removed", "carol removed you", "You may come back if you want to.", ""],
        ["left", "Alice ended the conference", "It is over for everybody.", ""],
        ["left", "The conference has ended", "It is over for everybody.", ""],
    ]
