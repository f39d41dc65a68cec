"""The words of the pages in their languages: takes them out of the source, checks and compiles.

    .venv/bin/python scripts/words.py compile   # .po to .mo, as set-up does
    .venv/bin/python scripts/words.py update    # new strings into the .po files, old ones out
    .venv/bin/python scripts/words.py check     # what is untranslated, fuzzy or has other places
    .venv/bin/python scripts/words.py missing   # strings of the source that no .po file has

Works by Babel alone, so nobody needs the programs of GNU gettext.
"""

from __future__ import annotations

import ast
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation.template import templatize

ROOT = Path(__file__).resolve().parent.parent
LOCALES = ROOT / "locale"
LANGUAGES = ("de", "es", "fr")
#: In the header of every file, so that nothing changes where no word has.
MADE = datetime(2026, 1, 1, tzinfo=UTC)
#: Domain → where its strings stand.
SOURCES = {
    "django": ("conferences/**/*.py", "portal/**/*.py", "sipgateway/**/*.py", "templates/**/*"),
    "djangojs": ("static/js/**/*.js",),
}
_LITERAL = r"""(u?'(?:[^'\\]|\\.)*'|u?"(?:[^"\\]|\\.)*")"""
#: What `templatize` makes of a template: calls of gettext's family with literals.
_CALL = re.compile(rf"\b(n?p?)gettext\({_LITERAL}(?:, {_LITERAL})?(?:, {_LITERAL})?")
_MARKED = re.compile(rf"\s_\({_LITERAL}\)\s")
#: A named place: %(name)s, or {name} where `format_html` fills it.
_PLACE = re.compile(r"%\((\w+)\)[sd]|\{(\w+)\}")
#: Of Python's calls, which arguments are what.
KEYWORDS: dict[str, tuple[int | tuple[int, str], ...] | None] = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "npgettext": ((1, "c"), 2, 3),
    "npgettext_lazy": ((1, "c"), 2, 3),
}


@dataclass(frozen=True, slots=True)
class Found:
    """A string for people: alone, or the singular and the plural; and what it is about."""

    text: str | tuple[str, str]
    context: str | None
    where: str
    comments: tuple[str, ...] = field(default=(), compare=False)


def files(domain: str) -> Iterator[Path]:
    """The files of a domain, in order."""
    for pattern in SOURCES[domain]:
        for path in sorted(ROOT.glob(pattern)):
            if path.is_file() and "migrations" not in path.parts:
                yield path


def in_template(text: str, where: str) -> Iterator[Found]:
    """The strings of a template, by Django's own reader of templates."""
    told = templatize(text, origin=where)
    for kind, *literals in _CALL.findall(told):
        words = [ast.literal_eval(one) for one in literals if one]
        context = words.pop(0) if "p" in kind else None
        yield Found((words[0], words[1]) if "n" in kind else words[0], context, where)
    for literal in _MARKED.findall(told):
        yield Found(ast.literal_eval(literal), None, where)


def in_code(path: Path, where: str) -> Iterator[Found]:
    """The strings of a module in Python or JavaScript."""
    language = "javascript" if path.suffix == ".js" else "python"
    text = BytesIO(path.read_bytes())
    options = {"parse_template_string": "true"}
    for _, said, comments, context in extract(
        language, text, KEYWORDS, comment_tags=("Translators:",), options=options
    ):
        words = said if isinstance(said, str) else (said[0], said[1])
        yield Found(words, context, where, tuple(comments))


def strings(domain: str) -> Iterator[Found]:
    """All strings of a domain as the source has them now."""
    for path in files(domain):
        where = str(path.relative_to(ROOT))
        if path.suffix in (".py", ".js"):
            yield from in_code(path, where)
        else:
            yield from in_template(path.read_text(), where)


def _empty(language: str | None = None) -> Catalog:
    return Catalog(
        locale=language,
        project="Parley",
        version="1",
        creation_date=MADE,
        revision_date=MADE,
        last_translator="Parley",
        language_team="Parley",
        msgid_bugs_address="Parley",
        charset="utf-8",
        fuzzy=False,
    )


def template(domain: str) -> Catalog:
    """The strings of a domain without translations."""
    catalog = _empty()
    for found in strings(domain):
        catalog.add(
            found.text,
            locations=[(found.where, 0)],
            auto_comments=found.comments,
            context=found.context,
            flags=_flags(found),
        )
    return catalog


def _flags(found: Found) -> tuple[str, ...]:
    texts = found.text if isinstance(found.text, tuple) else (found.text,)
    return ("python-format",) if any("%(" in text for text in texts) else ()


def po_file(language: str, domain: str) -> Path:
    """Where the translations lie."""
    return LOCALES / language / "LC_MESSAGES" / f"{domain}.po"


def read(language: str, domain: str) -> Catalog:
    """The translations of a domain; empty where there are none yet."""
    path = po_file(language, domain)
    if not path.is_file():
        return _empty(language)
    with path.open("rb") as file:
        return read_po(file, locale=language, domain=domain)


def write(catalog: Catalog, language: str, domain: str) -> None:
    """Put the translations down, in an order and a form that make small differences."""
    path = po_file(language, domain)
    path.parent.mkdir(parents=True, exist_ok=True)
    catalog.fuzzy = False
    catalog.header_comment = (
        f"# Parley in {catalog.locale.english_name}; docs/words.md has the terms."
    )
    with path.open("wb") as file:
        write_po(
            file,
            catalog,
            width=96,
            sort_by_file=True,
            include_lineno=False,
            ignore_obsolete=True,
            omit_header=False,
        )


def catalogues() -> Iterator[tuple[str, str]]:
    """Every language with every domain."""
    for language in LANGUAGES:
        for domain in SOURCES:
            yield language, domain


def compile_all() -> int:
    """.po to .mo; whoever reads meanwhile finds the old file or the new one."""
    for language, domain in catalogues():
        path = po_file(language, domain).with_suffix(".mo")
        making = path.with_suffix(f".{os.getpid()}")
        with making.open("wb") as file:
            write_mo(file, read(language, domain))
        making.replace(path)
    return 0


def are_compiled() -> bool:
    """Whether each .mo is there and younger than its .po."""
    files = [po_file(language, domain) for language, domain in catalogues()]
    return all(
        (made := path.with_suffix(".mo")).is_file() and made.stat().st_mtime >= path.stat().st_mtime
        for path in files
    )


def update_all() -> int:
    """Bring the .po files to the strings of the source; what is new is untranslated."""
    for domain in SOURCES:
        now = template(domain)
        for language in LANGUAGES:
            catalog = read(language, domain)
            catalog.update(now, no_fuzzy_matching=True)
            write(catalog, language, domain)
    return 0


def _several(words: str | Sequence[str] | None) -> tuple[str, ...]:
    """A string, or singular and plural, as a tuple."""
    return (words or "",) if isinstance(words, str | None) else tuple(words)


def _problem(message: Message) -> str:
    """What is wrong with a translation; empty where nothing is."""
    asked, given = _several(message.id), _several(message.string)
    if not all(given) or len(given) != len(asked):
        return "untranslated"
    if message.fuzzy:
        return "fuzzy"
    places = set(_PLACE.findall(asked[-1]))
    if any(set(_PLACE.findall(one)) - places for one in given):
        return "has other places"
    if places - {("count", "")} - set(_PLACE.findall(given[-1])):
        return "lacks a place"
    return ""


def problems() -> list[str]:
    """One line for each translation that is not in order."""
    return [
        f"{language}/{domain}: {trouble}: {message.id!r}"
        for language, domain in catalogues()
        for message in read(language, domain)
        if message.id and (trouble := _problem(message))
    ]


def missing() -> list[str]:
    """One line for each string of the source that a .po file does not have."""
    lines = []
    for domain in SOURCES:
        now = [message for message in template(domain) if message.id]
        for language in LANGUAGES:
            known = read(language, domain)
            lines += [
                f"{language}/{domain}: {message.id!r}"
                for message in now
                if known.get(message.id, message.context) is None
            ]
    return lines


def _told(lines: Sequence[str]) -> int:
    print("\n".join(lines) or "Nothing to tell.")
    return 1 if lines else 0


def main(arguments: Sequence[str]) -> int:
    """Carry out one command."""
    commands: dict[str, Callable[[], int]] = {
        "compile": compile_all,
        "update": update_all,
        "check": lambda: _told(problems()),
        "missing": lambda: _told(missing()),
    }
    if len(arguments) != 1 or arguments[0] not in commands:
        print(__doc__, file=sys.stderr)
        return 2
    return commands[arguments[0]]()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
