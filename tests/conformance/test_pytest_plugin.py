"""Contracts as tests of somebody else's pytest, each time in a process of its own."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from refdet.config_conformance import ConformanceRun
from refdet.conformance.adapter import Arrays, RealType
from refdet.conformance.contract import BoxFormat
from refdet.conformance.pytest_plugin import CHOICES, OPTIONS
from refdet.conformance.target import contract_named
from tests.conformance.user_code import folder_of_a_stranger
from tests.conftest import REPOSITORY

PLUGIN = "refdet.conformance.pytest_plugin"
IOU = "--refdet-as iou_matrix --refdet-examples 5 --refdet-target mypkg.metrics:"
CHECKS = len(contract_named("iou_matrix").checks())
ALONE = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONDONTWRITEBYTECODE": "1"}
REGISTER = """[[deviation]]
target = "mypkg.metrics:{function}"
contract = "iou_matrix"
checks = ["iou_equals_counting_unit_cells", "iou_matrix/boxes-without-area", {more}]
why = "empty boxes"
thread = "pytorch/vision#2582"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stranger's project with two tests of its own."""
    text = "def test_own(): pass\n\ndef test_other(): pass\n"
    (tmp_path / "test_own.py").write_text(text, encoding="utf-8")
    return folder_of_a_stranger(tmp_path, monkeypatch)


def run(folder: Path, words: str, *plugins: str) -> subprocess.CompletedProcess[str]:
    """`pytest`, which does not look into the current folder by itself, with the plugin."""
    start = "import sys, pytest; sys.path.remove(''); sys.exit(pytest.main(sys.argv[1:]))"
    loaded = [part for name in (PLUGIN, *plugins) for part in ("-p", name)]
    command = [sys.executable, "-c", start, *loaded, "-p", "no:cacheprovider", *words.split()]
    return subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=folder, env=ALONE
    )


def ended(done: subprocess.CompletedProcess[str]) -> dict[str, int]:
    """How many tests ended how, as the last line says."""
    last = done.stdout.strip().splitlines()[-1]
    return {what: int(number) for number, what in re.findall(r"(\d+) (\w+)", last.split(" in ")[0])}


def test_every_check_is_a_test_beside_the_others(folder: Path) -> None:
    done = run(folder, f"-v {IOU}iou")
    assert done.returncode == 0, done.stdout + done.stderr
    assert ended(done) == {"passed": CHECKS + 2}
    assert f"collected {CHECKS + 2} items" in done.stdout
    for check in contract_named("iou_matrix").checks():
        assert re.search(rf"^refdet::iou_matrix::{check.name} PASSED", done.stdout, re.MULTILINE)


def test_options_are_those_of_the_command(folder: Path) -> None:
    assert run(folder, f"{IOU}iou_of_xywh --refdet-format xywh").returncode == 0
    assert (
        run(folder, f"{IOU}swapped --refdet-arguments predicted=a_xyxy,gt=b_xyxy").returncode == 0
    )
    single = f"-k counting {IOU}in_single_precision --refdet-dtype float32"
    assert run(folder, single).returncode == 0
    assert run(folder, f"{single} --refdet-tolerance 0").returncode == 1


def test_no_option_of_the_command_is_missing() -> None:
    reports = {"write_known", "json", "junit", "markdown", "progress"}  # pytest has its own
    command = {field.name.rstrip("_") for field in fields(ConformanceRun)} - reports
    assert command == {*OPTIONS, "targets", "suite", "unchecked_values"}
    for name, kind in (("arrays", Arrays), ("format", BoxFormat), ("dtype", RealType)):
        assert list(CHOICES[name][0]) == [str(one) for one in kind]


def test_a_failure_is_message_and_code_without_a_traceback(folder: Path) -> None:
    done = run(folder, f"-k counting {IOU}nan_where_empty")
    assert done.returncode == 1
    title = "mypkg.metrics:nan_where_empty as iou_matrix: iou_equals_counting_unit_cells"
    start = done.stdout.index(f"_ {title} _")
    shown = done.stdout[start:].split("\n", 1)[1].split("=====")[0]
    about, message, code = shown.strip().split("\n\n", 2)
    assert about == "On integer corners, IoU is a ratio of two counts."
    assert message == "IoU[0, 0]: nan instead of 0.0"
    first, second, *_ = ast.parse(code).body
    assert ast.unparse(first) == "from mypkg.metrics import nan_where_empty"
    assert ast.unparse(second) == "import numpy as np"
    assert "Traceback" not in done.stdout
    assert "warning" not in done.stdout


def test_known_deviations_are_expected_to_fail_and_gone_ones_fail(folder: Path) -> None:
    written = REGISTER.format(function="nan_where_empty", more='"stays_between_0_and_1"')
    (folder / "known.toml").write_text(written, encoding="utf-8")
    done = run(folder, f"-rx {IOU}nan_where_empty --refdet-known known.toml")
    assert ended(done)["xfailed"] == 3
    assert "empty boxes (pytorch/vision#2582)" in done.stdout
    everything = contract_named("iou_matrix").checks()
    held = run(folder, f"{IOU}iou --refdet-known known.toml")
    assert ended(held) == {"passed": len(everything) + 2}, "the register is of another function"
    gone = REGISTER.format(function="iou", more='"is_symmetric"')
    (folder / "known.toml").write_text(gone, encoding="utf-8")
    done = run(folder, f"{IOU}iou --refdet-known known.toml")
    assert ended(done) == {"failed": 3, "passed": CHECKS - 3 + 2}
    assert "[XPASS(strict)] empty boxes (pytorch/vision#2582)" in done.stdout


def test_what_is_left_out_is_skipped(folder: Path) -> None:
    done = run(folder, f"{IOU}iou --refdet-unchecked-values -rs")
    refused = [one for one in contract_named("iou_matrix").checks() if "refused-value" in one.flags]
    assert ended(done)["skipped"] == len(refused) > 0
    assert "the target does not look at values" in done.stdout


def test_it_goes_with_several_processes(folder: Path) -> None:
    done = run(folder, f"-n 2 {IOU}nan_where_empty", "xdist.plugin")
    alone = run(folder, f"{IOU}nan_where_empty")
    assert ended(done) == ended(alone)
    assert ended(done)["failed"] >= 2
    assert "IoU[0, 0]: nan instead of 0.0" in done.stdout


def test_it_goes_with_selection_and_collection(folder: Path) -> None:
    done = run(folder, f"-k refdet {IOU}iou --collect-only -q")
    lines = done.stdout.splitlines()
    assert [line for line in lines if "::" in line] == [
        f"refdet::iou_matrix::{check.name}" for check in contract_named("iou_matrix").checks()
    ]
    only = run(folder, f"{IOU}iou --deselect refdet::iou_matrix test_own.py::test_own")
    assert ended(only) == {"passed": 1, "deselected": CHECKS}


def test_several_targets_have_their_names(folder: Path) -> None:
    words = f"-k symmetric -v {IOU}iou --refdet-target mypkg.metrics:Also.iou"
    done = run(folder, words)
    assert "refdet::mypkg.metrics:iou::iou_matrix::is_symmetric PASSED" in done.stdout
    assert "refdet::mypkg.metrics:Also.iou::iou_matrix::is_symmetric PASSED" in done.stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--refdet-target mypkg.metrics:iou", "say which contract mypkg.metrics:iou is to follow"),
        (f"{IOU}iuo", "mypkg.metrics has no 'iuo'; did you mean iou"),
        ("--refdet-as nms", "--refdet-as is of --refdet-target, which is missing"),
        ("--refdet-suite torchvison", "no suite 'torchvison'"),
        (f"{IOU}iou --refdet-format xyx", "invalid choice: 'xyx'"),
    ],
)
def test_what_cannot_be_run_stops_pytest_with_a_sentence(
    words: str, message: str, folder: Path
) -> None:
    done = run(folder, words)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_loading_it_imports_neither_numpy_nor_hypothesis(folder: Path) -> None:
    program = (
        f"import sys, pytest, {PLUGIN}\nprint({{'numpy', 'hypothesis', 'tyro'}} & {{*sys.modules}})"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert done.stdout == "set()\n"
    (folder / "test_own.py").write_text(
        "import sys\n\ndef test_own():\n    assert not {'numpy', 'hypothesis'} & {*sys.modules}\n"
    )
    assert ended(run(folder, "")) == {"passed": 1}


def test_pytest_finds_it_by_its_entry_point(folder: Path, tmp_path: Path) -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"]["pytest11"] == {"refdet": PLUGIN}
    # What pip writes of it.
    about = tmp_path / "installed" / "some-1.dist-info"
    about.mkdir(parents=True)
    (about / "METADATA").write_text("Name: some\nVersion: 1\n")
    (about / "entry_points.txt").write_text(f"[pytest11]\nrefdet = {PLUGIN}\n")
    path = os.pathsep.join([str(about.parent), str(REPOSITORY)])
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", *f"{IOU}iou".split()]
    env = {**os.environ, "PYTHONPATH": path}
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=env, check=False)
    assert "refdet::iou_matrix::is_symmetric" in done.stdout
    without = [*command[:3], "-p", "no:refdet", "-q"]
    done = subprocess.run(without, capture_output=True, text=True, cwd=folder, env=env, check=False)
    assert ended(done) == {"passed": 2}
