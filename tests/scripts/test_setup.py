"""Set-up does what has changed, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from scripts import setup
from scripts.setup import SetupError, Step


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(setup, "ROOT", tmp_path)
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "one.js").write_text("one")
    return tmp_path


class Made:
    """Counts how often something was made."""

    def __init__(self, root: Path) -> None:
        self.times = 0
        self._root = root

    def __call__(self) -> None:
        self.times += 1
        (self._root / "sources" / "dist").mkdir(exist_ok=True)
        (self._root / "sources" / "dist" / "made.js").write_text(str(self.times))

    def bring_up_to_date(self, besides: str = "") -> int:
        Step(
            "making it",
            ("sources/**/*",),
            self,
            stamp=self._root / "sources" / "dist" / ".stamp",
            besides=besides,
            products=("sources/dist",),
        ).bring_up_to_date()
        return self.times


def test_a_step_is_done_once(root: Path) -> None:
    """The product lies among the sources, and does not count as one."""
    made = Made(root)
    assert [made.bring_up_to_date() for _ in range(3)] == [1, 1, 1]


def test_a_step_is_done_again_when_a_file_changes_comes_or_goes(root: Path) -> None:
    made = Made(root)
    made.bring_up_to_date()
    (root / "sources" / "one.js").write_text("other")
    assert made.bring_up_to_date() == 2
    (root / "sources" / "two.js").write_text("two")
    assert made.bring_up_to_date() == 3
    (root / "sources" / "two.js").unlink()
    assert made.bring_up_to_date() == 4


def test_a_step_is_done_again_under_another_interpreter(root: Path) -> None:
    made = Made(root)
    assert [made.bring_up_to_date("3.11"), made.bring_up_to_date("3.12")] == [1, 2]


def test_a_step_whose_product_is_gone_is_done_again(root: Path) -> None:
    made = Made(root)
    made.bring_up_to_date()
    (root / "sources" / "dist" / ".stamp").unlink()
    assert made.bring_up_to_date() == 2


def test_a_step_that_failed_is_tried_again(root: Path) -> None:
    def fail() -> None:
        raise SetupError("no network")

    stamp = root / "stamp"
    with pytest.raises(SetupError):
        Step("failing", ("sources/*",), fail, stamp=stamp).bring_up_to_date()
    assert not stamp.exists()


def test_a_failing_command_names_itself(root: Path) -> None:
    with pytest.raises(SetupError, match=r"`false` failed \(1\)"):
        setup.run("false")


@pytest.mark.parametrize("arguments", [[], ["everything"], ["run", "test"]])
def test_an_unknown_goal_is_refused(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert setup.main(arguments) == 2
    assert "usage" in capsys.readouterr().err
