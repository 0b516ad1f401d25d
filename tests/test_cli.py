"""The command: its help teaches, its errors are sentences, its exit codes can be relied on."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from refdet.cli import COMMANDS, main, parse_options
from refdet.config_train import Optimizer, TrainFasterRCNN, TrainSSD300
from refdet.data.options import Layout
from refdet.models.faster_rcnn_spec import Backbone


def run(*arguments: str) -> int | str | None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    return stopped.value.code


def test_help_lists_every_command_with_a_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--help") == 0
    shown = capsys.readouterr().out
    for name in COMMANDS:
        assert re.search(rf"^  {' '.join(name)} +[A-Z].+\.$", shown, re.MULTILINE)
    assert "refdet config FILE.toml" in shown


def test_no_command_shows_the_help_and_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 2
    assert "usage: refdet COMMAND" in capsys.readouterr().out


@pytest.mark.parametrize(("words", "code"), [(("vendor", "--help"), 0), (("vendor",), 2)])
def test_help_of_a_group_lists_its_commands_alone(
    words: tuple[str, ...], code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words) == code
    shown = capsys.readouterr().out
    assert shown.startswith("usage: refdet vendor COMMAND")
    listed = re.findall(r"^  ([a-z]+ [a-z]+) +[A-Z].+\.$", shown, re.MULTILINE)
    assert listed == [" ".join(name) for name in COMMANDS if name[0] == "vendor"]


@pytest.mark.parametrize("name", COMMANDS, ids=" ".join)
def test_every_command_explains_its_options(
    name: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*name, "--help") == 0
    shown = capsys.readouterr().out
    assert f"usage: refdet {' '.join(name)}" in shown
    assert "--data" in shown or "--gt" in shown or name[0] in {"vendor", "conformance"}


def test_unknown_command_names_those_that_exist() -> None:
    message = run("trian", "ssd300")
    assert isinstance(message, str)
    assert "no command 'trian ssd300'" in message
    assert "there are: train ssd300, train faster-rcnn, infer, evaluate, compare, " in message
    assert all(" ".join(name) in message for name in (*COMMANDS, ("config",)))


def test_an_error_is_one_sentence_without_traceback(tmp_path: Path) -> None:
    message = run("check-data", "--data", str(tmp_path / "absent"))
    assert isinstance(message, str)
    assert message.startswith("refdet: ")
    assert str(tmp_path / "absent") in message


def test_config_saves_options_that_can_be_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "ssd300.toml"
    arguments = ("train", "ssd300", "--data", "d", "--output", "o", "--epochs", "9")
    main(["config", str(file), *arguments])
    assert f"refdet train ssd300 --config {file}" in capsys.readouterr().out
    assert "epochs = 9" in file.read_text()
    message = run("config", str(file), *arguments)
    assert isinstance(message, str)
    assert "exists already" in message


WITHOUT_TORCH = """
import sys

class Nowhere:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ("torch", "torchvision"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Nowhere())
from refdet.cli import main
main(sys.argv[1:])
"""


@pytest.mark.parametrize(
    "command",
    [
        "train ssd300 --data d --output o",
        "train faster-rcnn --data d --output o",
        "infer --checkpoint best.pt --output o --images i",
    ],
)
def test_a_command_that_needs_torch_says_so_without_it(command: str) -> None:
    python = [sys.executable, "-c", WITHOUT_TORCH, *command.split()]
    done = subprocess.run(python, check=False, capture_output=True, text=True)
    assert done.returncode == 1
    sentence = "refdet: this command needs torch: pip install 'refdet[torch]' brings it\n"
    assert done.stderr == sentence


def test_evaluate_and_check_data_load_no_torch() -> None:
    code = "import sys, refdet.judge; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_defaults_of_ssd300_are_the_network_that_trains_on_a_cpu() -> None:
    defaults = TrainSSD300(data=Path("d"), output=Path("o"))
    assert (defaults.width, defaults.batch_norm, defaults.weights) == (0.25, True, "none")


def test_defaults_of_faster_rcnn_are_the_network_that_was_trained_on_coco() -> None:
    defaults = TrainFasterRCNN(data=Path("d"), output=Path("o"))
    assert (defaults.backbone, defaults.weights) == (Backbone.RESNET50_FPN_V2, "coco")
    assert (defaults.epochs, defaults.batch_size, defaults.learning_rate) == (20, 4, 1e-4)


@pytest.mark.parametrize(
    ("words", "parsed"),
    [
        ("--backbone resnet18_small", {"backbone": Backbone.RESNET18_SMALL}),
        ("--layout npy-csv --first-class 1", {"layout": Layout.NPY_CSV, "first_class": 1}),
        ("--no-augment --trainable-layers 2", {"augment": False, "trainable_layers": 2}),
        ("--classes R C --optimizer sgd", {"classes": ("R", "C"), "optimizer": Optimizer.SGD}),
    ],
)
def test_options_are_written_as_the_help_does(words: str, parsed: dict[str, object]) -> None:
    given = ["--data", "d", "--output", "o", *words.split()]
    options = vars(parse_options(TrainFasterRCNN, given, "refdet"))
    assert {name: options[name] for name in parsed} == parsed


def test_ctrl_c_has_the_exit_code_of_its_signal(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_: object) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr("refdet.judge.check_data", interrupted)
    assert run("check-data", "--data", "anything") == 130
    said = capsys.readouterr()
    assert said.err == "refdet: stopped by Ctrl-C; what was written so far is complete\n"


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    data = Path(__file__).parent.parent / "fixtures" / "datasets" / "cells"
    command = [sys.executable, "-m", "refdet", "check-data", "--data", str(data)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        assert running.stderr.read() == b""
    assert running.returncode == 0
