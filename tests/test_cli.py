"""The command: its help teaches, its errors are sentences, its exit codes can be relied on."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from refdet.cli import COMMANDS, main
from refdet.config import TrainSSD300


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


@pytest.mark.parametrize("name", COMMANDS, ids=" ".join)
def test_every_command_explains_its_options(
    name: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*name, "--help") == 0
    shown = capsys.readouterr().out
    assert f"usage: refdet {' '.join(name)}" in shown
    assert "--data" in shown


def test_unknown_command_names_those_that_exist() -> None:
    message = run("trian", "ssd300")
    assert isinstance(message, str)
    assert "no command 'trian ssd300'" in message
    assert "train ssd300, infer, evaluate, check-data, config" in message


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


def test_a_command_that_needs_torch_says_so_without_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    for name in [name for name in sys.modules if name.startswith(("refdet.train", "refdet.infer"))]:
        monkeypatch.delitem(sys.modules, name)
    message = run("infer", "--checkpoint", "best.pt", "--output", "o", "--images", "i")
    assert isinstance(message, str)
    assert "pip install 'refdet[torch]'" in message


def test_evaluate_and_check_data_load_no_torch() -> None:
    code = "import sys, refdet.judge; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_defaults_are_the_network_that_trains_on_a_cpu() -> None:
    defaults = TrainSSD300(Path("d"), Path("o"))
    assert (defaults.width, defaults.batch_norm, defaults.weights) == (0.25, True, "none")
