"""The words: all translated, found in every kind of file, and made without gettext's programs."""

from __future__ import annotations

import gettext
import shutil
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog, Message

from scripts import words


@pytest.fixture
def copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The translations in a place of their own."""
    shutil.copytree(
        words.LOCALES, tmp_path, ignore=shutil.ignore_patterns("*.mo"), dirs_exist_ok=True
    )
    monkeypatch.setattr(words, "LOCALES", tmp_path)
    return tmp_path


def test_every_translation_is_in_order() -> None:
    assert words.problems() == []
    for language, domain in words.catalogues():
        assert len(words.read(language, domain)) > 200, f"{language}/{domain} is there"


def test_all_languages_have_the_same_strings() -> None:
    for domain in words.SOURCES:
        first, *others = [
            {(message.id, message.context) for message in words.read(language, domain)}
            for language in words.LANGUAGES
        ]
        assert all(other == first for other in others), domain


def test_set_up_needs_no_programs_of_gettext(copies: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert words.compile_all() == 0
    with (copies / "de" / "LC_MESSAGES" / "django.mo").open("rb") as file:
        german = gettext.GNUTranslations(file)
    assert german.gettext("Book a conference") == "Eine Konferenz buchen"
    assert german.ngettext("%(count)s day", "%(count)s days", 2) == "%(count)s Tage"
    with (copies / "fr" / "LC_MESSAGES" / "django.mo").open("rb") as file:
        french = gettext.GNUTranslations(file)
    assert french.ngettext("%(count)s day", "%(count)s days", 0) == "%(count)s jour"


def test_writing_what_was_read_changes_nothing(copies: Path) -> None:
    before = {path: path.read_bytes() for path in copies.rglob("*.po")}
    for language, domain in words.catalogues():
        words.write(words.read(language, domain), language, domain)
    assert {path: path.read_bytes() for path in copies.rglob("*.po")} == before


def test_a_new_string_is_missing_until_the_files_have_it(
    copies: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "source"
    source.mkdir()
    (source / "one.html").write_text('{% load i18n %}{% translate "A word that is new" %}')
    monkeypatch.setattr(words, "ROOT", source)
    monkeypatch.setattr(words, "SOURCES", {"django": ("*.html",)})
    assert words.missing() == [f"{one}/django: 'A word that is new'" for one in words.LANGUAGES]
    words.update_all()
    assert words.missing() == []
    told = words.problems()
    assert told == [f"{one}/django: untranslated: 'A word that is new'" for one in words.LANGUAGES]


SOURCES = {
    "page.html": """{% load i18n %}
        {% translate "Save" %} {% translate "Book" context "verb" %}
        {% blocktranslate trimmed with name=one.name %}
          Remove {{ name }}?
        {% endblocktranslate %}
        {% blocktranslate trimmed count count=n %}
          One{% plural %}{{ count }} of them
        {% endblocktranslate %}
        {% include "x.html" with label=_("Your PIN") %}""",
    "module.py": """
        told = _("%(who)s has left") % {"who": who}
        some = ngettext("%(count)s person", "%(count)s people", n) % {"count": n}
        verb = pgettext("verb", "Call")
        said = gettext_lazy("Two lines " "of source")""",
    "page.js": """
        gettext("Copied: %(what)s", { what });
        ngettext("%(count)s day", "%(count)s days", n);""",
}
FOUND: dict[str, list[tuple[str | tuple[str, str], str | None]]] = {
    "page.html": [
        ("Book", "verb"),
        (("One", "%(count)s of them"), None),
        ("Remove %(name)s?", None),
        ("Save", None),
        ("Your PIN", None),
    ],
    "module.py": [
        ("%(who)s has left", None),
        (("%(count)s person", "%(count)s people"), None),
        ("Call", "verb"),
        ("Two lines of source", None),
    ],
    "page.js": [
        ("Copied: %(what)s", None),
        (("%(count)s day", "%(count)s days"), None),
    ],
}


@pytest.mark.parametrize("name", SOURCES)
def test_what_is_found(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / name).write_text(SOURCES[name])
    monkeypatch.setattr(words, "ROOT", tmp_path)
    monkeypatch.setattr(words, "SOURCES", {"some": ("*",)})
    found = {(one.text, one.context) for one in words.strings("some")}
    assert found == set(FOUND[name])


BAD: list[tuple[Message, str]] = [
    (Message("Save", ""), "untranslated"),
    (Message("Save", "Speichern", flags=("fuzzy",)), "fuzzy"),
    (Message("%(who)s left", "%(wer)s ging"), "has other places"),
    (Message("{who} left", "Jemand ging"), "lacks a place"),
    (Message(("%(n)s day", "%(n)s days"), ("%(n)s Tag", "")), "untranslated"),
    (Message(("%(n)s day", "%(n)s days"), ("ein Tag", "Tage")), "lacks a place"),
]


@pytest.mark.parametrize(("message", "trouble"), BAD)
def test_what_is_not_in_order(
    message: Message, trouble: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog = Catalog(locale="de")
    catalog[message.id] = message
    monkeypatch.setattr(words, "read", lambda language, domain: catalog)
    assert f"de/django: {trouble}: {message.id!r}" in words.problems()


def test_commands_tell_by_their_end(capsys: pytest.CaptureFixture[str]) -> None:
    assert words.main(["check"]) == 0
    assert capsys.readouterr().out == "Nothing to tell.\n"
    assert words.main(["translate"]) == 2
    assert "compile" in capsys.readouterr().err
