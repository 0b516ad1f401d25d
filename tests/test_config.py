"""Options: saved with their help, read back, and refused with the file's name."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path

import pytest

from refdet.cli import parse_options
from refdet.config import (
    CheckData,
    Config,
    Evaluate,
    Infer,
    Precision,
    TrainSSD300,
    arguments_from_toml,
    field_help,
    to_toml,
)

EXAMPLES: list[Config] = [
    TrainSSD300(Path("data"), Path('a "quoted"\\ folder'), classes=("WBC", "Größe"), epochs=3),
    TrainSSD300(Path("d"), Path("o"), batch_norm=False, precision=Precision.BF16, seed=7),
    Infer(Path("best.pt"), Path("out"), images=Path("pictures"), class_thresholds=("WBC=0.6",)),
    Evaluate(Path("p.csv"), Path("data"), Path("out"), score_threshold=0.25),
    CheckData(Path("data"), plot=Path("counts.png")),
]


@pytest.mark.parametrize("config", EXAMPLES, ids=lambda config: type(config).__name__)
def test_to_toml_comes_back_the_same(config: Config, tmp_path: Path) -> None:
    file = tmp_path / "saved.toml"
    file.write_text(to_toml(config), encoding="utf-8")
    assert parse_options(type(config), ["--config", str(file)], "refdet") == config
    assert parse_options(type(config), [f"--config={file}"], "refdet") == config


@pytest.mark.parametrize("config_type", [TrainSSD300, Infer, Evaluate, CheckData])
def test_every_option_has_help(config_type: type[Config]) -> None:
    fields = {field.name for field in dataclasses.fields(config_type)}
    texts = field_help(config_type)
    assert set(texts) == fields
    assert all(len(text) > 10 for text in texts.values())


def test_to_toml_explains_each_option() -> None:
    text = to_toml(CheckData(Path("data")))
    assert "# Folder in Pascal VOC layout.\ndata = " in text
    assert tomllib.loads(text) == {"data": "data", "classes": [], "one_based": True}


def test_options_on_the_command_line_win_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "saved.toml"
    file.write_text(to_toml(TrainSSD300(Path("d"), Path("o"), classes=("A", "B"), epochs=3)))
    words = ["--epochs", "5", "--config", str(file), "--classes", "C", "--no-batch-norm"]
    parsed = parse_options(TrainSSD300, words, "refdet")
    assert (parsed.epochs, parsed.classes, parsed.batch_norm) == (5, ("C",), False)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epoch = 3", r"saved\.toml: no option 'epoch'; there are data, output"),
        ("epochs = ", r"cannot read the config .*saved\.toml"),
    ],
)
def test_arguments_from_toml_names_the_file_and_the_fault(
    text: str, message: str, tmp_path: Path
) -> None:
    file = tmp_path / "saved.toml"
    file.write_text(text)
    with pytest.raises(ValueError, match=message):
        arguments_from_toml(file, ["data", "output", "epochs"])


def test_arguments_from_toml_names_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"cannot read the config .*absent\.toml"):
        arguments_from_toml(tmp_path / "absent.toml", ["epochs"])


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("epochs", 0, "--epochs must be at least 1, got 0"),
        ("batch_size", 0, "--batch-size must be at least 1, got 0"),
        ("eval_every", 0, "--eval-every must be at least 1, got 0"),
        ("workers", -1, "--workers must be at least 0, got -1"),
        ("clip_norm", 0.0, r"--clip-norm must be in \(0, inf\), got 0.0"),
        ("learning_rate", float("nan"), r"--learning-rate must be in \(0, inf\), got nan"),
        ("match_iou", 1.5, r"--match-iou must be in \(0, 1\], got 1.5"),
        ("seed", -1, "--seed must be at least 0, got -1"),
        ("seed", 2**31, r"--seed must be below 2\*\*31"),
    ],
)
def test_train_options_name_what_is_out_of_range(option: str, value: float, message: str) -> None:
    options: dict[str, object] = {"data": Path("d"), "output": Path("o"), option: value}
    with pytest.raises(ValueError, match=message):
        TrainSSD300(**options)  # type: ignore[arg-type]  # the types are right, their mixture hides it


def test_infer_options_name_what_is_out_of_range() -> None:
    with pytest.raises(ValueError, match="--max-pictures must be at least 0, got -1"):
        Infer(Path("best.pt"), Path("o"), max_pictures=-1)
    with pytest.raises(ValueError, match="--top-k must be at least 1, got 0"):
        Infer(Path("best.pt"), Path("o"), top_k=0)
