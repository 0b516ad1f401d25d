"""`refdet conformance`: what it prints, what it exits with, and what it refuses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from refdet.cli import main
from refdet.conformance.catalogue import CONTRACTS
from refdet.conformance.target import contract_named
from tests.conformance.user_code import NAN_BREAKS, folder_of_a_stranger


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stranger's project, as the current folder."""
    return folder_of_a_stranger(tmp_path, monkeypatch)


def run(*words: str) -> int | str | None:
    with pytest.raises(SystemExit) as stopped:
        main(["conformance", *words])
    return stopped.value.code


def check(*words: str) -> int | str | None:
    return run("run", *words, "--as", "iou_matrix", "--examples", "20", "--no-progress")


def test_list_has_every_contract_below_its_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("list") == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    for contract in CONTRACTS:
        (line,) = (one for one in lines if one.startswith(f"  {contract.name} "))
        assert contract.conventions.rule[:20] in line
    files = [line for line in lines if line and line[0] != " "]
    assert files[:3] == sorted(files)[:3]
    assert lines.index("iou") < lines.index("nms")
    at = lines.index("nms")
    assert [one.split()[0] for one in lines[at + 1 : at + 4]] == ["nms", "batched_nms", "soft_nms"]


def test_show_has_all_of_a_contract(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("show", "nms") == 0
    shown = capsys.readouterr().out
    assert shown.startswith("nms(boxes_xyxy, scores, iou_threshold)\n")
    words = " ".join(shown.split())
    contract = contract_named("nms")
    for text in vars(contract.conventions).values():
        assert " ".join(text.split()) in words
    for one in contract.checks():
        assert f"\n  {one.name}\n" in shown
        assert " ".join(one.about.split()) in words
        assert not one.flags or f"[{', '.join(one.flags)}]" in shown


def test_show_names_what_comes_close() -> None:
    assert run("show", "iou_matrx") == (
        "refdet: no contract 'iou_matrx'; did you mean iou_matrix or giou_matrix or diou_matrix?"
    )


@pytest.mark.parametrize(
    "words",
    [
        "mypkg.metrics:iou",
        "mypkg.metrics:iou_of_xywh --format xywh",
        "mypkg.metrics:swapped --arguments b_xyxy a_xyxy",
        "mypkg.metrics:swapped --arguments predicted=a_xyxy gt=b_xyxy",
        "mypkg.metrics:of_torch --arrays torch",
        "mypkg.metrics:of_torch --device cpu",
        "mypkg.metrics:in_single_precision --dtype float32",
        "mypkg.metrics:iou mypkg.metrics:Also.iou",
    ],
)
def test_what_follows_the_contract_exits_with_0(words: str, folder: Path) -> None:
    assert check(*words.split()) == 0


def test_the_arguments_are_told_apart(folder: Path) -> None:
    words = "run mypkg.metrics:ioa --as ioa_matrix --examples 20 --no-progress --arguments"
    assert run(*words.split(), "gt=b_xyxy", "predicted=a_xyxy") == 0
    assert run(*words.split(), "gt=a_xyxy", "predicted=b_xyxy") == 1


@pytest.mark.parametrize("name", ["iou_of_xywh", "of_torch", "in_single_precision", "of_lists"])
def test_without_its_options_it_is_broken(name: str, folder: Path) -> None:
    assert check(f"mypkg.metrics:{name}") == 1


def test_lists_go_in_and_come_out(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    check("mypkg.metrics:of_lists", "--arrays", "list")
    lines = capsys.readouterr().out.splitlines()
    broken = [line.split()[1] for line in lines if line.startswith("broken ")]
    # A list has no dtype, and one without rows no columns: what asks for these cannot hold.
    assert not {"iou_matrix/nested", "iou_matrix/pycocotools", "survives_translation"} & set(broken)


def test_breaks_are_shown_with_message_and_code(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check("mypkg.metrics:nan_where_empty") == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "mypkg.metrics:nan_where_empty as iou_matrix (numpy)"
    for name in NAN_BREAKS:
        assert any(line.startswith(f"broken    {name} ") for line in lines)
    at = lines.index(
        "BROKEN  iou_equals_counting_unit_cells: On integer corners, IoU is a ratio of two counts."
    )
    assert lines[at + 1] == "IoU[0, 0]: nan instead of 0.0"
    assert lines[at + 3 : at + 5] == [
        "from mypkg.metrics import nan_where_empty",
        "import numpy as np",
    ]
    code = "".join(line.strip() for line in lines[at + 5 : at + 9])
    assert code.startswith("nan_where_empty(np.array([[")
    assert lines[-1].endswith("checks are broken, and in no register of known deviations")


def test_the_tolerance_that_goes_with_a_dtype_is_told(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    check("mypkg.metrics:in_single_precision", "--dtype", "float32")
    assert "(numpy, float32, equal within 1e-05)" in capsys.readouterr().out
    assert check("mypkg.metrics:in_single_precision", "--dtype", "float32", "--tolerance", "0") == 1


def test_a_register_is_written_refused_while_open_and_then_believed(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = "mypkg.metrics:nan_where_empty"
    assert check(wrong, "--write-known", "known.toml") == 1
    assert check(wrong, "--known", "known.toml") == 2
    assert "known.toml: deviation 1: why must be a text, got ''" in capsys.readouterr().err
    written = Path("known.toml").read_text(encoding="utf-8")
    filled = written.replace('why = ""', 'why = "empty boxes"\nthread = "pytorch/vision#2582"')
    Path("known.toml").write_text(filled, encoding="utf-8")
    assert check(wrong, "--known", "known.toml") == 0
    shown = capsys.readouterr().out
    assert "KNOWN  iou_equals_counting_unit_cells" in shown
    assert "https://github.com/pytorch/vision/issues/2582" in shown
    assert shown.endswith("all as the register says\n")


def test_a_known_deviation_that_is_gone_exits_with_1(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("known.toml").write_text(
        '[[deviation]]\ntarget = "mypkg.metrics:iou"\ncontract = "iou_matrix"\n'
        'checks = ["is_symmetric"]\nwhy = "once"\n'
    )
    assert check("mypkg.metrics:iou", "--known", "known.toml") == 1
    shown = capsys.readouterr().out
    assert "gone      is_symmetric" in shown
    assert "no longer broken; take it out of the register: once" in shown


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--as iou_matrix", "name a function, package.module:function, or a suite"),
        ("os:getcwd", "say which contract os:getcwd is to follow, as in --as iou_matrix"),
        ("os.getcwd --as nms", "'os.getcwd' is not package.module:function"),
        ("os:getcw --as nms", "os has no 'getcw'; did you mean getcwd"),
        ("nopkg.a:b --as nms", "cannot import nopkg.a of 'nopkg.a:b'"),
        ("mypkg.raises:b --as nms", "RuntimeError: no licence"),
        ("os:getcwd --as nsm", "no contract 'nsm'; did you mean nms"),
        ("os:getcwd --as nms --arguments a=box", "nms has no parameter 'box'; there are boxes"),
        ("operator:add --as iou_matrix --arguments a_xyxy", "arguments a_xyxy leave out b_xyxy"),
        ("operator:add --as iou_matrix --arguments a_xyxy a_xyxy b_xyxy", "have a_xyxy twice"),
        ("mypkg.metrics:ioa --as ioa_matrix", "(*, gt, predicted) cannot be called with a_xyxy, b"),
        ("mypkg.metrics:iou --as iou_matrix --arguments gt=a_xyxy b_xyxy", "say how with --arg"),
        ("mypkg.metrics:iou --as nms --arrays list --device cpu", "(a, b) cannot be called with b"),
        ("operator:add --as iou_matrix --arrays list --device cpu", "device cpu is for tensors"),
        ("operator:add --as iou_matrix --dtype bfloat16", "bfloat16 is for tensors; arrays are nu"),
        ("operator:add --as iou_matrix --device gpu0", "device gpu0 cannot be used here: "),
        ("os:getcwd --as nms --known no.toml", "no.toml"),
        ("os:getcwd --as nms --write-known mypkg/raises.py", "mypkg/raises.py exists already"),
        ("os:getcwd --as nms --json .", "--json .: this is a folder; name a file"),
        ("os:getcwd --as nms --junit mypkg/raises.py/new/a.xml", "raises.py is no folder; name an"),
        ("os:getcwd --as nms --markdown a --json a", "--markdown a is also --json a"),
        ("--suite torchvison", "no suite 'torchvison'; there are torchvision, pycocotools,"),
        ("--suite torchvision --as nms --format xywh", "adapters: as, format cannot be given too"),
    ],
)  # fmt: skip
def test_what_cannot_be_run_exits_with_2_and_says_why(
    words: str, message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("run", *words.split()) == 2
    said = capsys.readouterr()
    assert said.err.startswith("refdet: ")
    assert message in said.err
    assert said.out == ""


@pytest.mark.skipif(torch.cuda.is_available(), reason="here it can be used")
def test_a_device_that_is_not_there_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    words = "run torchvision.ops:box_iou --as iou_matrix --device cuda"
    assert run(*words.split()) == 2
    assert "refdet: device cuda cannot be used here: " in capsys.readouterr().err


WITHOUT_HYPOTHESIS = """
import sys
sys.modules["hypothesis"] = None
from refdet.cli import main
main(sys.argv[1:])
"""


def test_without_hypothesis_the_extra_is_named() -> None:
    command = [sys.executable, "-c", WITHOUT_HYPOTHESIS, "conformance", "list"]
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    sentence = (
        "refdet: this command needs hypothesis: pip install 'refdet[conformance]' brings it\n"
    )
    assert (done.returncode, done.stderr) == (1, sentence)


def test_options_are_saved_by_their_names_and_read_again(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = "mypkg.metrics:iou_of_xywh --as iou_matrix --format xywh --examples 5"
    main(["config", "saved.toml", "conformance", "run", *words.split()])
    assert '\nas = "iou_matrix"\n' in Path("saved.toml").read_text(encoding="utf-8")
    assert run("run", "--config", "saved.toml") == 0
    assert run("run", "--config", "saved.toml", "--as", "giou_matrix") == 1


def test_the_command_line_finds_the_current_folder_and_is_no_place_for_warnings(
    folder: Path,
) -> None:
    command = [str(Path(sys.executable).with_name("refdet")), "conformance", "run"]
    words = "mypkg.metrics:nan_where_empty --as iou_matrix --examples 5"
    done = subprocess.run(
        [*command, *words.split()], check=False, capture_output=True, text=True, cwd=folder
    )
    assert (done.returncode, done.stderr) == (1, "")
    assert "broken, and in no register" in done.stdout
