"""docs/conformance.md and the README's section say what the command does."""

from __future__ import annotations

import doctest
import json
import re
from pathlib import Path

import pytest

from refdet.cli import main
from refdet.config_conformance import ConformanceRun
from refdet.conformance.register import read_register
from refdet.conformance.running import Verdict
from refdet.conformance.suites import SUITES
from tests.conformance.user_code import folder_of_a_stranger
from tests.conftest import REPOSITORY

PAGE = (REPOSITORY / "docs" / "conformance.md").read_text(encoding="utf-8")
BOX_IOU = "conformance run torchvision.ops:box_iou --as iou_matrix --examples 20 --no-progress"
BOX = """
from dataclasses import dataclass

from refdet.core.iou import iou_matrix


@dataclass
class Box:
    x1: float
    y1: float
    x2: float
    y2: float

    def iou(self, other):
        one, two = ([[box.x1, box.y1, box.x2, box.y2]] for box in (self, other))
        return iou_matrix(one, two)[0, 0]
"""


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def run(words: str) -> int | str | None:
    with pytest.raises(SystemExit) as stopped:
        main(words.split())
    return stopped.value.code


def test_readme_shows_what_the_command_prints(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(BOX_IOU) == 1
    printed = capsys.readouterr().out
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    section = readme.split("\n## Test your own IoU\n")[1].split("\n## ")[0]
    (shown,) = re.findall(r"^```text\n(.*?)^```$", section, re.DOTALL | re.MULTILINE)
    assert shown in printed
    assert len(shown.splitlines()) > 5


def test_page_gives_what_it_shows() -> None:
    examples = doctest.DocTestParser().get_doctest(PAGE, {}, "conformance.md", "conformance.md", 0)
    results = doctest.DocTestRunner().run(examples)
    assert results.attempted > 4
    assert results.failed == 0


def test_page_has_a_register_that_is_read(tmp_path: Path) -> None:
    (text,) = blocks("toml")
    (tmp_path / "known.toml").write_text(text, encoding="utf-8")
    (deviation,) = read_register(tmp_path / "known.toml").deviations
    assert deviation.target == "mypkg.metrics:iou"


def test_page_has_a_wrapper_that_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = folder_of_a_stranger(tmp_path, monkeypatch)
    (folder / "mypkg" / "metrics.py").write_text(BOX, encoding="utf-8")
    (text,) = (block for block in blocks("python") if block.startswith("# contract_iou.py"))
    (folder / "contract_iou.py").write_text(text, encoding="utf-8")
    words = "conformance run contract_iou:iou_matrix --as iou_matrix --examples 10 --no-progress"
    assert run(words) == 0


def test_page_names_every_key_of_the_json(tmp_path: Path) -> None:
    run(f"{BOX_IOU} --json {tmp_path / 'found.json'}")
    whole = json.loads((tmp_path / "found.json").read_text(encoding="utf-8"))
    target = whole["targets"][0]
    check = target["checks"][0]
    said = set(re.findall(r"`(?:\w+\[\]\.)*(\w+)`", PAGE.split("**JSON**")[1].split("\n## ")[0]))
    verdicts = {word for verdict in Verdict for word in (verdict, *verdict.split())}
    assert said - verdicts - {"property", "vector"} == {*whole, *target, *target["adapter"], *check}


def test_page_names_every_suite_and_verdict() -> None:
    told = ConformanceRun.__doc__ or ""
    assert [name for name in SUITES if f"`{name}`" not in PAGE or name not in told] == []
    assert all(f"| {verdict} |" in PAGE for verdict in Verdict)
