"""What the first source notebook got wrong, and the test that fails on its behaviour.

The notebook trained an SSD300 on blood cells. Each row of its faults stands here with the tests
that hold it right; a test that is renamed or removed must be replaced here too.
"""

from __future__ import annotations

import ast
import dataclasses
import re

import pytest

from refdet.config import CheckData, Convert, DataOptions, Evaluate, Infer
from refdet.config_analysis import AuditLabels, Compare, Report, Slices, Tune
from refdet.config_file import Config
from refdet.config_train import TrainFasterRCNN, TrainSSD300
from tests.conftest import REPOSITORY

FAULTS = {
    "the forward pass crashes at 300 x 300, by pool3 and pool5": [
        "models/test_ssd300.py::test_ssd300_runs_at_300_pixels",
        "models/test_ssd300.py::test_ssd300_maps_have_the_published_sizes",
    ],
    "one degenerate box makes the loss infinite, so that no best checkpoint is written": [
        "training/test_train.py::test_train_survives_a_degenerate_box_and_an_image_without_objects",
    ],
    "zero objects or zero positives crash or give NaN": [
        "models/test_ssd_loss.py::test_ssd_loss_is_finite_without_objects",
        "torch_ops/test_losses.py::test_multibox_loss_of_a_batch_without_objects_is_0_and_trains_nothing",
    ],
    "two objects claim one prior and one of them is lost": [
        "core/test_assign.py::test_assign_ssd_loses_no_object_where_two_claim_one_prior",
        "torch_ops/test_assign.py::test_assign_ssd_of_a_padded_batch_equals_core_image_by_image",
    ],
    "the localisation loss is four times too small": [
        "torch_ops/test_losses.py::test_multibox_loss_sums_the_localisation_over_four_coordinates",
    ],
    "conv4_3 is not normalised": [
        "models/test_ssd300.py::test_ssd300_normalises_conv4_3",
    ],
    "nothing detected gives a fake box": [
        "models/test_ssd_detect.py::test_ssd_detect_gives_empty_tensors_when_nothing_is_found",
    ],
    "results are unsorted and unclipped": [
        "models/test_ssd_detect.py::test_ssd_detect_sorts_by_score",
        "models/test_ssd_detect.py::test_ssd_detect_decodes_and_clips_to_the_image",
    ],
    "no AP at all": ["training/test_train.py::test_train_records_every_epoch"],
    "no augmentation": [
        "data/test_augmentation.py::test_training_transform_zooms_crops_flips_and_changes_colours",
    ],
    "no seed": [
        "training/test_train.py::test_train_with_the_same_seed_is_the_same_run",
        "training/test_train.py::test_train_with_another_seed_is_another_run",
    ],
    "four config values are never used": [
        "test_first_notebook.py::test_every_option_is_read_somewhere",
    ],
    "weights-only checkpoints": [
        "training/test_train.py::test_train_writes_what_can_be_used_and_taken_up",
        "training/test_resuming.py::test_train_stopped_by_ctrl_c_and_resumed_is_the_same_run",
    ],
}


@pytest.mark.parametrize("fault", FAULTS)
def test_first_notebook_fault_has_tests_that_exist(fault: str) -> None:
    assert FAULTS[fault]
    assert [place for place in FAULTS[fault] if not is_a_test(place)] == []


def is_a_test(place: str) -> bool:
    """Whether `file::name`, below `tests`, is a test."""
    file, _, name = place.partition("::")
    tree = ast.parse((REPOSITORY / "tests" / file).read_text(encoding="utf-8"))
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    return name.startswith("test_") and name in functions


TRAINING = ("train.py", "training/*.py")
READERS: dict[type[Config], tuple[str, ...]] = {
    TrainSSD300: TRAINING,
    TrainFasterRCNN: TRAINING,
    Infer: ("infer.py", "judge.py", "reading.py"),
    Evaluate: ("judge.py", "judge_files.py", "reading.py"),
    Report: ("report_page.py", "slices.py", "reading.py"),
    Compare: ("compare.py", "reading.py"),
    Convert: ("convert.py",),
    Slices: ("slices.py", "reading.py"),
    AuditLabels: ("audit_labels.py", "reading.py"),
    Tune: ("tune.py", "reading.py"),
    CheckData: ("judge.py",),
}
"""The files that run each command."""


def read_options(source: str) -> set[str]:
    """What a file reads as `config.<option>` or `<object>.config.<option>`."""
    return {
        node.attr
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Attribute)
        and isinstance(node.ctx, ast.Load)
        and re.fullmatch(r"(\w+\.)*config", ast.unparse(node.value))
    }


@pytest.mark.parametrize("config_type", READERS)
def test_every_option_is_read_somewhere(config_type: type[Config]) -> None:
    """Where its command is run; what describes the data, all at once by `config.source`."""
    read: set[str] = set()
    for pattern in READERS[config_type]:
        for file in (REPOSITORY / "refdet").glob(pattern):
            read |= read_options(file.read_text(encoding="utf-8"))
    assert "source" in read
    # tests/test_config.py holds that `source` passes on every one of these.
    read |= {field.name for field in dataclasses.fields(DataOptions)}
    if "declared_format" in read:
        read.add("gt_format")  # as that property does
    assert {field.name for field in dataclasses.fields(config_type)} - read == set()


def test_read_options_sees_reads_alone() -> None:
    source = "self.config.a; config.b; run.config.c; config.d = 1; other.e; f"
    assert read_options(source) == {"a", "b", "c"}
