"""`refdet.torch_ops.coco_eval` beside core's: the same bits, on any device, with few waits.

`tests/test_contracts.py` holds it to COCO's rules themselves.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from benchmarks.evaluation.workloads import Size, Workload, crowded, synthetic
from refdet.conformance import coco_eval as contract
from refdet.core import coco_eval as core
from refdet.torch_ops.coco_eval import COCO, CocoParams, CocoResult, _means, _needed, evaluate_coco
from tests.core.coco_cases import IS_LONG, Columns, evaluate, random_columns, random_params
from tests.targets import DEVICES

F64 = NDArray[np.float64]

BLOCKS = 10
CASES_PER_BLOCK = 250 if IS_LONG else 15


def on_device(columns: Columns, device: str = "cpu") -> dict[str, Tensor]:
    return {name: torch.from_numpy(column).to(device) for name, column in columns.items()}


def evaluate_twin(columns: Mapping[str, Tensor], params: CocoParams = COCO) -> CocoResult:
    return evaluate_coco(**columns, params=params)


def columns_of(workload: Workload) -> Columns:
    objects, detections = workload.objects, workload.detections
    return {
        "gt_image_ids": objects.image_ids,
        "gt_labels": objects.category_ids,
        "gt_boxes_xywh": objects.boxes_xywh,
        "gt_area": objects.area,
        "gt_crowd": objects.crowd,
        "dt_image_ids": detections.image_ids,
        "dt_labels": detections.category_ids,
        "dt_boxes_xywh": detections.boxes_xywh,
        "dt_scores": detections.scores,
        "image_ids": objects.images.ids,
        "category_ids": objects.categories.ids,
    }


def as_twin(params: core.CocoParams) -> CocoParams:
    return CocoParams(**{name: getattr(params, name) for name in names_of(CocoParams)})


def names_of(record: type[CocoParams | CocoResult]) -> list[str]:
    return [field.name for field in dataclasses.fields(record)]


def assert_as_core(columns: Columns, params: core.CocoParams, where: object) -> None:
    want = evaluate(columns, params)
    for device in DEVICES:
        got = evaluate_twin(on_device(columns, device), as_twin(params))
        for name in ("precision", "recall", "scores", "stats", "category_ids"):
            array, wanted = getattr(got, name), getattr(want, name)
            assert array.device == torch.device(device)
            assert array.cpu().numpy().dtype == wanted.dtype
            assert np.array_equal(array.cpu().numpy(), wanted), f"{where} on {device}: {name}"


# --- The same bits as core ---


@pytest.mark.parametrize("block", range(BLOCKS))
def test_evaluate_coco_equals_core_on_random_cases(block: int) -> None:
    for seed in range(block * CASES_PER_BLOCK, (block + 1) * CASES_PER_BLOCK):
        rng = np.random.default_rng(seed)
        columns, params = random_columns(rng), random_params(rng, limits=1 + seed % 5)
        if seed % 3 == 0:
            columns["gt_ignore"] = rng.random(len(columns["gt_crowd"])) < 0.3
        assert_as_core(columns, params, seed)


@given(
    columns=st.one_of(contract.columns(), contract.with_ignored()),
    params=st.sampled_from([*contract.OTHER_PARAMS, contract.COCO]),
)
@example(columns=contract.NOTHING, params=contract.COCO)
@example(columns=contract.ALL_TIED, params=contract.MANY_BITS)
@example(columns=contract.NO_AREA, params=contract.SHORT)
@example(columns=contract.FAR, params=contract.SHORT)
def test_evaluate_coco_equals_core_where_everything_is_tied(
    columns: Columns, params: core.CocoParams
) -> None:
    assert_as_core(columns, params, params)


@pytest.mark.parametrize("origin", [1e4, 1e6, 1e9, 1e15])
def test_evaluate_coco_equals_core_where_the_rounding_of_corners_shows(origin: float) -> None:
    """Sides of about one unit in the last place of the coordinates: x + width may be anything."""
    for seed in range(10):
        rng = np.random.default_rng(seed)
        corner = origin * (1 + rng.random(2))
        unit = float(np.spacing(corner.max()))
        columns = random_columns(rng)
        for side in ("gt", "dt"):
            n = len(columns[f"{side}_labels"])
            sides = rng.choice([0.6, 0.75, 1.0, 1.4, 3.0, 1e9], (n, 2))
            boxes = [corner + rng.integers(0, 3, (n, 2)) * unit, sides * unit]
            columns[f"{side}_boxes_xywh"] = np.hstack(boxes)
        assert_as_core(columns, random_params(rng), seed)


@pytest.mark.parametrize("class_agnostic", [False, True])
def test_evaluate_coco_equals_core_on_a_whole_data_set(*, class_agnostic: bool) -> None:
    params = core.CocoParams(class_agnostic=class_agnostic)
    assert_as_core(columns_of(synthetic(Size(60, 700, 4_000, 7))), params, "synthetic")


def test_evaluate_coco_equals_core_where_refusals_follow_each_other() -> None:
    """Every detection overlaps every object: many rounds, after each of which somebody asks."""
    assert_as_core(columns_of(crowded(2, 30, 50)), core.COCO, "crowded")


# --- What is peculiar to tensors ---


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16, torch.int32])
def test_evaluate_coco_computes_in_float64_whatever_it_is_given(dtype: torch.dtype) -> None:
    columns = random_columns(np.random.default_rng(3), exact=True)
    rounded, exact = {}, {}
    for name, column in on_device(columns).items():
        is_real = column.is_floating_point()
        rounded[name] = (column * 100 if name == "dt_scores" else column).to(
            dtype if is_real else column.dtype
        )
        exact[name] = rounded[name].double() if is_real else column
    assert_same(evaluate_twin(rounded), evaluate_twin(exact))


def assert_same(got: CocoResult, want: CocoResult) -> None:
    for name in ("precision", "recall", "scores", "stats"):
        assert getattr(got, name).dtype == torch.float64
        assert torch.equal(getattr(got, name), getattr(want, name)), name


def test_evaluate_coco_leaves_its_inputs_as_they_were() -> None:
    given_ = on_device(columns_of(synthetic(Size(5, 40, 200, 3))))
    given_["dt_boxes_xywh"].requires_grad_()
    before = {name: column.detach().clone() for name, column in given_.items()}
    assert not evaluate_twin(given_).precision.requires_grad
    for name, column in given_.items():
        assert torch.equal(column.detach(), before[name]), name


def test_default_params_are_those_of_core() -> None:
    """And with them what stands in for `np.linspace`."""
    assert dataclasses.asdict(CocoParams()) == dataclasses.asdict(core.CocoParams())


@pytest.mark.parametrize(
    "wrong",
    [
        {"iou_thresholds": (0.5, 0.5)},
        {"iou_thresholds": (0.0, 0.5)},
        {"iou_thresholds": tuple(k / 65 for k in range(1, 66))},
        {"recall_levels": ()},
        {"recall_levels": (0.5, 1.5)},
        {"area_ranges": ()},
        {"area_ranges": (("all", 0, 1), ("all", 0, 2))},
        {"area_ranges": (("all", 2, 1),)},
        {"max_detections": (0, 1)},
    ],
)
def test_params_refuse_what_core_refuses(wrong: Mapping[str, tuple[float, ...]]) -> None:
    messages = []
    for params in (CocoParams, core.CocoParams):
        with pytest.raises(ValueError, match=next(iter(wrong))) as caught:
            params(**wrong)  # type: ignore[arg-type]  # as a caller without mypy would
        messages.append(str(caught.value))
    assert messages[0] == messages[1]


@pytest.mark.parametrize(
    ("name", "wrong", "message"),
    [
        ("dt_scores", [0.5, np.nan], r"dt_scores\[1\] = nan is NaN"),
        ("gt_area", [1.0, -2.0], r"gt_area\[1\] = -2.0 has a negative size"),
        ("gt_area", [np.inf, 1.0], r"gt_area\[0\] = inf is not finite"),
        ("dt_boxes_xywh", [[0.0, 0, 1, 1], [0, 0, 1, -1]], r"\[1\] = \[.*-1\.0\] has a negative"),
        ("gt_boxes_xywh", [[0.0, 0, 1, 1], [np.nan, 0, 1, 1]], r"gt_boxes_xywh\[1\] = \[nan, "),
        ("dt_labels", np.array([1, 2**63], np.uint64), r"dt_labels\[1\] = 9223372036854775808 is"),
    ],
)
def test_evaluate_coco_names_the_row_of_a_malformed_value(
    name: str, wrong: object, message: str
) -> None:
    good = contract.one_image([[0.0, 0.0, 1.0, 1.0]] * 2, [[0.0, 0.0, 1.0, 1.0]] * 2, [0.5, 0.25])
    with pytest.raises(ValueError, match=message):
        evaluate_twin(on_device({**good, name: np.asarray(wrong)}))


@pytest.mark.parametrize("length", [1, 5, 7, 8, 9, 127, 128, 129, 255, 257, 1111, 80_800])
def test_means_are_added_up_as_numpy_adds(length: int) -> None:
    rng = np.random.default_rng(length)
    values: F64 = rng.random((4, length))
    values[1, rng.random(length) < 0.3] = -1
    values[2] = -1
    values[3, 1:] = -1
    want = [row[row >= 0].mean() if (row >= 0).any() else -1 for row in values]
    assert _means(torch.from_numpy(values)).tolist() == want


def test_needed_is_the_first_quotient_at_a_level() -> None:
    levels = [k * 0.01 for k in range(101)]
    counts = range(1, 120)
    want = [[next(k for k in range(n + 1) if k / n >= x) for x in levels] for n in counts]
    got = _needed(torch.tensor([*counts]), torch.tensor(levels, dtype=torch.float64))
    assert got.tolist() == want


def test_an_id_of_0_is_not_beyond_negative_ids() -> None:
    columns: Columns = {**contract.one_image([contract.BOX], [contract.BOX], [0.5])}
    columns["image_ids"] = columns["gt_image_ids"] = np.array([-3])
    columns["dt_image_ids"] = np.array([0])
    assert_as_core(columns, core.COCO, "id 0")
