"""`docs/sip.md` names tests that are there."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
_NAMED = re.compile(r"`(tests/[a-z_/0-9]+\.py)?::(test_\w+)`")


def _tests_in(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text())
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {node.name for node in tree.body if isinstance(node, functions)}


def test_every_row_names_a_test_that_is_there() -> None:
    rows = [
        line
        for line in (ROOT / "docs" / "sip.md").read_text().splitlines()
        if line.startswith("| ") and not line.startswith(("| what", "| ---"))
    ]
    assert len(rows) > 40
    missing = []
    for row in rows:
        named, path = _NAMED.findall(row), ""
        assert named, f"no test: {row}"
        for where, test in named:
            path = where or path
            if test not in _tests_in(path):
                missing.append(f"{path}::{test}")
    assert not missing
