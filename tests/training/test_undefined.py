"""A run whose AP is undefined: nobody's best, no broken JSON, and no reason to stop."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from refdet.config_train import Train
from refdet.models.checkpoints import load_checkpoint
from refdet.train import train
from tests.data.voc_folder import add_split
from tests.training.runs import changed, history, last, make_data


@pytest.mark.parametrize("eval_every", [1, 2])
def test_train_judged_on_images_without_objects_writes_null(
    config: Train, tmp_path: Path, eval_every: int
) -> None:
    # `history` refuses NaN, which the second notebook wrote.
    data = make_data(tmp_path / "data")
    add_split(data, "val", "empty")
    run = changed(config, data=data, output=tmp_path / "run", eval_every=eval_every)
    assert train(run) == 0
    judged = [entry for entry in history(run) if "ap" in entry]
    assert len(judged) == 2 // eval_every
    assert all(entry["ap"] is entry["ap50"] is None for entry in judged)
    assert all(entry["val_loss"] is not None for entry in judged)
    assert math.isnan(last(run).best_ap)
    # There is something to use all the same, and it is resumed like any other run.
    assert load_checkpoint(run.output / "best.pt").epoch == eval_every
    assert train(changed(run, resume=True)) == 0
