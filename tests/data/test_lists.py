"""Lists of a dict per image as columns, of tensors, arrays and lists alike."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from refdet.columns import ObjectColumns
from refdet.data.box_format import BoxFormat
from refdet.data.lists import columns_from_lists, detections_from_lists, objects_from_lists
from tests.data.whole_sets import assert_same, object_columns

XYXY, XYWH = BoxFormat.XYXY, BoxFormat.XYWH
Kind = Callable[[list[object]], object]
KINDS: dict[str, Kind] = {
    "tensor": torch.tensor,
    "array": np.array,
    "list": list,
    "tuple": tuple,
    "scalars": lambda values: [np.array(value) for value in values],
}

TARGETS: list[dict[str, list[object]]] = [
    {"boxes": [[1, 2, 4, 6], [0, 0, 8, 2]], "labels": [3, 1]},
    {"boxes": [], "labels": []},
    {"boxes": [[2, 2, 2, 2.5]], "labels": [3], "area": [7.5], "iscrowd": [1], "ignore": [0]},
    {"boxes": [[0, 0, 1, 3]], "labels": [1]},
]
PREDS: list[dict[str, list[object]]] = [
    {"boxes": [], "scores": [], "labels": []},
    {"boxes": [[0, 0, 1, 1]], "scores": [0.5], "labels": [2]},
    {"boxes": [[0, 0, 1, 1], [2, 2, 3, 4]], "scores": [0.25, 0.75], "labels": [3, 3]},
]


def as_kind(dicts: list[dict[str, list[object]]], kind: str) -> list[dict[str, object]]:
    return [{key: KINDS[kind](value) for key, value in image.items()} for image in dicts]


@pytest.mark.parametrize("kind", KINDS)
def test_objects_from_lists_reads_every_kind_of_array(kind: str) -> None:
    objects = objects_from_lists(as_kind(TARGETS, kind), box_format=XYXY)
    assert objects.images.ids.tolist() == [0, 1, 2, 3]
    assert objects.images.names == ("0", "1", "2", "3")
    assert (objects.categories.ids.tolist(), objects.categories.names) == ([1, 3], ("1", "3"))
    assert objects.image_ids.tolist() == [0, 0, 2, 3]
    assert objects.category_ids.tolist() == [3, 1, 3, 1]
    want = [[1, 2, 3, 4], [0, 0, 8, 2], [2, 2, 0, 0.5], [0, 0, 1, 3]]
    assert objects.boxes_xywh.tolist() == want
    assert objects.area.tolist() == [12, 16, 7.5, 3]
    assert objects.crowd.tolist() == [False, False, True, False]
    assert objects.ignore.tolist() == [False, False, False, False]


@pytest.mark.parametrize("kind", KINDS)
def test_detections_from_lists_reads_every_kind_of_array(kind: str) -> None:
    detections = detections_from_lists(as_kind(PREDS, kind), box_format=XYXY)
    assert detections.image_ids.tolist() == [1, 2, 2]
    assert detections.category_ids.tolist() == [2, 3, 3]
    assert detections.boxes_xywh.tolist() == [[0, 0, 1, 1], [0, 0, 1, 1], [2, 2, 1, 2]]
    assert detections.scores.tolist() == [0.5, 0.25, 0.75]


@pytest.mark.parametrize(
    ("box_format", "box"),
    [(XYXY, [1, 2, 4, 8]), (XYWH, [1, 2, 3, 6]), (BoxFormat.CXCYWH, [2.5, 5, 3, 6])],
)
def test_box_formats_mean_the_same_box(box_format: BoxFormat, box: list[float]) -> None:
    target = {"boxes": [box], "labels": [0]}
    objects = objects_from_lists([target], box_format=box_format)
    assert objects.boxes_xywh.tolist() == [[1, 2, 3, 6]]
    assert target["boxes"] == [box]


def test_a_box_format_may_be_a_word_but_not_any_word() -> None:
    pred = {"boxes": [[1, 2, 4, 8]], "scores": [0.5], "labels": [0]}
    found = detections_from_lists([pred], box_format="xyxy")  # type: ignore[arg-type]  # untyped callers do
    assert found.boxes_xywh.tolist() == [[1, 2, 3, 6]]
    with pytest.raises(ValueError, match="'yxyx' is not a valid BoxFormat"):
        detections_from_lists([pred], box_format="yxyx")  # type: ignore[arg-type]  # likewise


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32, torch.int32])
def test_tensors_of_every_dtype_are_read_exactly(dtype: torch.dtype) -> None:
    box, score = torch.tensor([[1, 2, 3, 400]], dtype=dtype), torch.tensor([3], dtype=dtype)
    pred: dict[str, object] = {
        "boxes": box,
        "scores": score,
        "labels": torch.tensor([5], dtype=torch.uint8),
    }
    for preds in (
        [pred],
        [pred, {}],
        [pred, {"boxes": torch.zeros(0), "labels": [], "scores": []}],
    ):
        detections = detections_from_lists(preds, box_format=XYWH)
        assert detections.boxes_xywh.tolist() == [[1, 2, 3, 400]]
        assert detections.scores.tolist() == [3]
        assert detections.category_ids.tolist() == [5]


def test_tensors_with_gradients_are_read() -> None:
    boxes = torch.tensor([[1.0, 2, 3, 4]], requires_grad=True)
    pred = {"boxes": boxes, "scores": torch.ones(1), "labels": torch.ones(1, dtype=torch.int64)}
    assert (
        detections_from_lists([pred] * 2, box_format=XYXY).boxes_xywh.tolist() == [[1, 2, 2, 2]] * 2
    )


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_tensors_on_two_devices_are_read() -> None:
    pred = {key: torch.tensor(value) for key, value in PREDS[2].items()}
    far = {key: value.cuda() for key, value in pred.items()}
    for preds in ([pred, far], [far, far]):
        detections = detections_from_lists(preds, box_format=XYXY)
        assert detections.scores.tolist() == [0.25, 0.75] * 2


def test_large_labels_survive_an_empty_tensor_of_floats() -> None:
    large = 2**53 + 1
    preds = [
        {"boxes": torch.ones(1, 4), "scores": torch.ones(1), "labels": torch.tensor([large])},
        {"boxes": torch.ones(0, 4), "scores": torch.ones(0), "labels": torch.tensor([])},
    ]
    preds.append({**preds[0], "labels": torch.tensor([1.0])})
    arrays = [{key: value.numpy() for key, value in image.items()} for image in preds]
    for kind in (preds, arrays):
        assert detections_from_lists(kind, box_format=XYWH).category_ids.tolist() == [large, 1]


@pytest.mark.parametrize("nothing", [{}, {"boxes": []}, {"boxes": torch.zeros(0, 4), "labels": ()}])
def test_images_may_be_empty(nothing: Mapping[str, object]) -> None:
    objects, detections = columns_from_lists([nothing], [nothing], box_format=XYXY)
    assert (len(objects.images), len(objects), len(detections)) == (1, 0, 0)
    objects, detections = columns_from_lists([], [], box_format=XYXY)
    assert (len(objects.images), len(objects), len(detections)) == (0, 0, 0)


@pytest.mark.parametrize(
    ("target_ids", "pred_ids", "object_ids", "detection_ids"),
    [
        (None, None, [0, 1], [0, 1]),
        ([7, 5], None, [7, 5], [7, 5]),
        (None, [7, 5], [0, 1], [0, 1]),
        ([7, 5], [5, 7], [7, 5], [5, 7]),
    ],
)
def test_images_are_matched_by_position_unless_both_have_ids(
    target_ids: list[int] | None,
    pred_ids: list[int] | None,
    object_ids: list[int],
    detection_ids: list[int],
) -> None:
    targets: list[dict[str, object]] = [{"boxes": [[0, 0, 1, 1]], "labels": [0]} for _ in range(2)]
    preds: list[dict[str, object]] = [{**target, "scores": [1]} for target in targets]
    for dicts, ids in ((targets, target_ids), (preds, pred_ids)):
        for image, id_ in zip(dicts, ids or (), strict=False):
            image["image_id"] = torch.tensor([id_])  # torchvision's tutorial has it in a list
    objects, detections = columns_from_lists(preds, targets, box_format=XYXY)
    assert objects.images.ids.tolist() == object_ids
    assert objects.image_ids.tolist() == object_ids
    assert detections.image_ids.tolist() == detection_ids


def test_image_ids_may_be_given_by_position() -> None:
    objects = objects_from_lists(as_kind(TARGETS, "list"), box_format=XYXY, image_ids=[9, 8, 7, 6])
    assert objects.image_ids.tolist() == [9, 9, 7, 6]
    detections = detections_from_lists(as_kind(PREDS, "list"), box_format=XYXY, image_ids=[9, 8, 7])
    assert detections.image_ids.tolist() == [8, 7, 7]


def test_classes_are_those_of_both_lists_or_those_with_names() -> None:
    targets, preds = as_kind(TARGETS, "list"), as_kind([*PREDS, {}], "list")
    objects, _ = columns_from_lists(preds, targets, box_format=XYXY)
    assert objects.categories.names == ("1", "2", "3")
    for names in (["a", "b", "c", "d"], {3: "d", 1: "b"}):
        objects, _ = columns_from_lists(preds, targets, box_format=XYXY, category_names=names)
        table = dict(zip(objects.categories.ids.tolist(), objects.categories.names, strict=True))
        assert table == (names if isinstance(names, dict) else dict(enumerate(names)))


@given(objects=object_columns(), data=st.data())
def test_objects_come_back_from_lists_of_any_kind(
    objects: ObjectColumns, data: st.DataObject
) -> None:
    kind = data.draw(st.sampled_from(["array", "list"]))
    order = np.concatenate(
        [
            np.zeros(0, np.int64),
            *(np.flatnonzero(objects.image_ids == i) for i in objects.images.ids),
        ]
    )
    columns = {
        "boxes": objects.boxes_xywh,
        "labels": objects.category_ids,
        "area": objects.area,
        "iscrowd": objects.crowd,
        "ignore": objects.ignore,
    }
    targets: list[dict[str, object]] = []
    for id_ in objects.images.ids:
        here = {key: column[objects.image_ids == id_] for key, column in columns.items()}
        listed = here if kind == "array" else {key: part.tolist() for key, part in here.items()}
        targets.append({"image_id": id_, **listed})
    names = dict(zip(objects.categories.ids.tolist(), objects.categories.names, strict=True))
    got = objects_from_lists(targets, box_format=XYWH, category_names=names)
    assert got.images.ids.tolist() == objects.images.ids.tolist() or not len(objects.images)
    assert_same(got.categories, objects.categories)
    for name in ("image_ids", "category_ids", "boxes_xywh", "area", "crowd", "ignore"):
        assert getattr(got, name).tobytes() == getattr(objects, name)[order].tobytes(), name


def test_lists_are_read_without_torch() -> None:
    program = """
import sys
import numpy as np
from refdet.data.lists import BoxFormat, detections_from_lists
pred = {"boxes": np.ones((1, 4)), "scores": np.ones(1), "labels": np.ones(1, np.int64)}
assert len(detections_from_lists([pred, {}], box_format=BoxFormat.XYWH)) == 1
assert "torch" not in sys.modules
"""
    done = subprocess.run(
        [sys.executable, "-I", "-c", program], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
