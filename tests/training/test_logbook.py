"""What is kept of an epoch is JSON for any parser, and a line for whoever looks on."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path

import pytest

from refdet.training.logbook import (
    Record,
    epoch_line,
    require_tensorboard,
    write_history,
)

RECORD: Record = {
    "epoch": 3,
    "train_loss": 1.25,
    "train_loss_box_reg": math.nan,
    "skipped_steps": 0,
    "learning_rates": [0.1, math.inf],
    "val_loss": -math.inf,
    "ap50": 0.5,
    "ap": math.nan,
    "seconds": 61.4,
}


def refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is not JSON")


def test_write_history_holds_nothing_that_is_not_json(tmp_path: Path) -> None:
    # The notebook wrote NaN, at which other parsers than Python's stop.
    file = tmp_path / "history.jsonl"
    write_history(file, [RECORD, {**RECORD, "epoch": 4}])
    lines = file.read_text().splitlines()
    first, second = (json.loads(line, parse_constant=refuse) for line in lines)
    undefined = dict.fromkeys(["train_loss_box_reg", "val_loss", "ap"])
    assert first == {**RECORD, **undefined, "learning_rates": [0.1, None]}
    assert second == {**first, "epoch": 4}


def test_write_history_replaces_the_whole_file(tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    write_history(file, [RECORD, RECORD])
    write_history(file, [])
    assert file.read_bytes() == b""


def test_epoch_line_tells_what_is_known() -> None:
    assert epoch_line(RECORD, 20) == (
        "epoch 3/20  loss 1.250  val loss -inf  val AP50 0.500  val AP nan  61 s"
    )


def test_epoch_line_leaves_out_a_validation_that_was_not_due() -> None:
    record = {key: RECORD[key] for key in ("epoch", "train_loss", "seconds")}
    skipped = {**record, "skipped_steps": 2}
    assert epoch_line(skipped, 9) == "epoch 3/9  loss 1.250  2 steps skipped  61 s"


def test_require_tensorboard_says_what_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    for name in [name for name in sys.modules if name.startswith("torch.utils.tensorboard")]:
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(ValueError, match=r"--tensorboard needs tensorboard: pip install 'refdet\["):
        require_tensorboard()
