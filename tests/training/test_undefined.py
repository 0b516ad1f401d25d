"""A run whose AP is undefined: nobody's best, no broken JSON, and no reason to stop."""

from __future__ import annotations

import math
from pathlib import Path

from refdet.config import Train
from refdet.models.checkpoints import load_checkpoint
from refdet.train import train
from tests.data.voc_folder import add_split
from tests.training.runs import changed, history, last, make_data


def test_train_judged_on_images_without_objects_writes_null(config: Train, tmp_path: Path) -> None:
    # `history` refuses NaN, which the second notebook wrote.
    data = make_data(tmp_path / "data")
    add_split(data, "val", "empty")
    run = changed(config, data=data, output=tmp_path / "run")
    assert train(run) == 0
    assert [(entry["ap"], entry["ap50"]) for entry in history(run)] == [(None, None)] * 2
    assert all(entry["val_loss"] is not None for entry in history(run))
    assert math.isnan(last(run).best_ap)
    # There is something to use all the same, and it is resumed like any other run.
    assert load_checkpoint(run.output / "best.pt").epoch == 1
    assert train(changed(run, resume=True)) == 0
