"""``manage.py`` that stays: each command without the start of a new interpreter.

As a program it takes one JSON list of arguments a line and answers each with
one JSON object: `status`, `out` and `err`, as the command would have had them.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path

from django.core.management import execute_from_command_line

ROOT = Path(__file__).resolve().parent.parent.parent


class Office:
    """A process in which commands are run, one after the other; started when first asked."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = {
            "DJANGO_SETTINGS_MODULE": "portal.settings",
            **environment,
        }
        self._one_at_a_time = threading.Lock()
        self._process: subprocess.Popen[str] | None = None

    def run(self, *arguments: str) -> str:
        """What a command printed; fails with what it said otherwise."""
        with self._one_at_a_time:
            if self._process is None:
                self._process = self._started()
            question, answers = self._process.stdin, self._process.stdout
            assert question is not None
            assert answers is not None
            question.write(json.dumps(arguments) + "\n")
            question.flush()
            line = answers.readline()
            if not line:
                self._end()
                raise AssertionError(f"manage.py {' '.join(arguments)} broke; see above")
        told = json.loads(line)
        assert told["status"] == 0, f"manage.py {' '.join(arguments)}:\n{told['err']}"
        printed: str = told["out"]
        return printed

    def close(self) -> None:
        """End the process, until somebody asks again."""
        with self._one_at_a_time:
            self._end()

    def _started(self) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.live.office"],
            cwd=ROOT,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def _end(self) -> None:
        if self._process is not None:
            self._process.communicate()  # the end of its input is the end of it
            self._process = None


def answered(arguments: list[str]) -> dict[str, object]:
    """Run one command as `manage.py` does."""
    out, err, status = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            execute_from_command_line(["manage.py", *arguments])
        except SystemExit as ended:
            status = int(ended.code or 0)
    return {"status": status, "out": out.getvalue(), "err": err.getvalue()}


def main() -> None:
    """Answer until nobody asks any more."""
    answers = os.fdopen(os.dup(1), "w")  # whatever is printed besides goes elsewhere
    os.dup2(2, 1)
    for line in sys.stdin:
        answers.write(json.dumps(answered(json.loads(line))) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
