"""`docs/sip.md` and `docs/focus.md` name tests that are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_NAMED = re.compile(r"`(tests/[a-z_/0-9]+\.py)?::(test_\w+)`")


def _tests_in(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text())
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in tree.body if isinstance(node, functions)}


def _rows(page: str) -> list[str]:
    lines = (ROOT / "docs" / page).read_text().splitlines()
    heads = ("| what", "| row", "| draft", "| ---")
    return [line for line in lines if line.startswith("| ") and not line.startswith(heads)]


def test_no_row_of_the_focus_is_missing() -> None:
    """C01 to C31, each once and in order."""
    names = [row.split("|")[1].strip() for row in _rows("focus.md")]
    assert names == [f"C{number:02}" for number in range(1, 32)]


@pytest.mark.parametrize(("page", "least"), [("sip.md", 40), ("focus.md", 31)])
def test_every_row_names_a_test_that_is_there(page: str, least: int) -> None:
    rows = _rows(page)
    assert len(rows) >= least
    missing = []
    for row in rows:
        named, path = _NAMED.findall(row), ""
        assert named, f"no test: {row}"
        for where, test in named:
            path = where or path
            if test not in _tests_in(path):
                missing.append(f"{path}::{test}")
    assert not missing
