"""What all tests share."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
from django.test import override_settings
from django.utils import timezone, translation
from hypothesis import settings
from playwright.async_api import Browser, expect
from xdist.remote import Producer
from xdist.scheduler import LoadFileScheduling

from scripts import words
from tests.live import browser as browsers

# How long an example takes says something of the machine, and nothing of the code.
settings.register_profile(
    "parley", settings.get_profile(settings.get_current_profile_name()), deadline=None
)
settings.load_profile("parley")
# Else it waits for five seconds, whatever the page's patience is.
expect.set_options(timeout=browsers.PATIENCE)


class Together(LoadFileScheduling):  # type: ignore[misc]
    """Where several processes share the tests, one has a whole file, or a folder with a server."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        folder = file.rpartition("/")[0]
        return folder if folder.endswith("/several") else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling | None:
    """Who runs what; xdist's own way for all else than ``--dist loadfile``."""
    return Together(config, log) if config.getvalue("dist") == "loadfile" else None


@pytest.fixture(scope="session", autouse=True)
def quick_passwords() -> Iterator[None]:
    """Hash passwords cheaply: the real hash is slow on purpose."""
    with override_settings(PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"]):
        yield


@pytest.fixture(scope="session", autouse=True)
def compiled_words() -> None:
    """Pages speak as the .po files say, also where those are younger than the set-up."""
    if not words.are_compiled():
        words.compile_all()


@pytest.fixture(autouse=True)
def no_reader_left() -> Iterator[None]:
    """Whoever read a page in the test before leaves his language and his zone to nobody."""
    yield
    translation.deactivate()
    timezone.deactivate()


@pytest.fixture
def still(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time stands still: a pause of seconds is not over before a slow machine has asked again."""
    moment = timezone.now()
    monkeypatch.setattr(timezone, "now", lambda: moment)


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One headless Chromium, with a microphone that anybody may use."""
    with browsers.running(tmp_path_factory.mktemp("chromium")) as endpoint:
        yield endpoint


@pytest.fixture
async def browser(chromium: str) -> AsyncIterator[Browser]:
    """That Chromium, with nobody else's pages."""
    async with browsers.connected(chromium) as connection:
        yield connection
