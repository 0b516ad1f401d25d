"""Contract of the evaluation of a whole data set by COCO's rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeAlias, cast

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from refdet.conformance.coco_oracle import Columns, naive_evaluate_coco
from refdet.conformance.comparing import assert_close
from refdet.conformance.contract import Contract, Conventions
from refdet.conformance.vectors import Value
from refdet.core.coco_eval import CocoParams

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]


class CocoArrays(Protocol):
    """What an implementation returns: see `refdet.core.coco_eval.CocoResult`."""

    @property
    def stats(self) -> F64:
        """The twelve numbers."""

    @property
    def precision(self) -> F64:
        """(T, R, K, A, M)."""

    @property
    def recall(self) -> F64:
        """(T, K, A, M)."""

    @property
    def scores(self) -> F64:
        """(T, R, K, A, M)."""


EvaluateCOCO: TypeAlias = Callable[..., CocoArrays]
"""Takes `Columns` by name, and `params`."""

# --- What Hypothesis invents ---

ALL_SIZES = ("all", 0.0, 1e10)
SHORT = CocoParams(
    iou_thresholds=(0.25, 0.5, 1.0),
    recall_levels=(0.0, 1 / 3, 0.5, 1.0),
    area_ranges=(ALL_SIZES, ("small", 0.0, 1024.0), ("tiny", 64.0, 144.0)),
    max_detections=(2, 1, 100),
)
LATE_LEVELS = CocoParams(iou_thresholds=(0.5,), recall_levels=(0.3, 0.7), max_detections=(3,))
MANY_BITS = CocoParams(  # 20 thresholds of 5 ranges are three words of 64 bits
    iou_thresholds=tuple(k / 20 for k in range(1, 21)),
    recall_levels=(0.5,),
    area_ranges=(ALL_SIZES, *((f"above {k}", 100.0 * k, 1e4) for k in range(4))),
    max_detections=(1, 2, 3, 5),
)
ALL_CLASSES_AS_ONE = CocoParams(
    iou_thresholds=(0.5, 0.75), recall_levels=(0.0, 0.5), class_agnostic=True
)
COCO = CocoParams()
OTHER_PARAMS = (SHORT, LATE_LEVELS, MANY_BITS, ALL_CLASSES_AS_ONE)

IDS = (7, 4, 0, 12, 30)
FOREIGN = 5
SCORES = (-1.5, -0.0, 0.0, 0.25, 0.5, 0.5, 1.0)


@st.composite
def columns(draw: st.DrawFn, foreign: int = FOREIGN) -> Columns:
    """1 to 3 images and classes, up to 7 objects and 9 detections: ties everywhere.

    A few of them are of the image or class `foreign`, which is not judged.
    """
    ids = st.lists(st.sampled_from(IDS), min_size=1, max_size=3, unique=True)
    image_ids, category_ids = draw(ids), draw(ids)
    places = st.tuples(
        st.sampled_from([*image_ids, *image_ids, *image_ids, foreign]),
        st.sampled_from([*category_ids, *category_ids, *category_ids, foreign]),
    )
    # Sides of 0, 8, 16, 24 px, or of three times as many, with areas on both sides of 32².
    sides = st.tuples(*[st.integers(0, 2)] * 2, *[st.integers(0, 3)] * 2)
    unit = draw(st.sampled_from([8.0, 24.0, 10.0 / 3.0]))
    boxes = sides.map(lambda box: [side * unit for side in box])
    objects = draw(st.lists(st.tuples(places, boxes, st.sampled_from([1.0, 0.5])), max_size=7))
    detections = draw(st.lists(st.tuples(places, boxes, st.sampled_from(SCORES)), max_size=9))
    crowd = draw(st.lists(st.booleans(), min_size=len(objects), max_size=len(objects)))
    return {
        **_side("gt", [place for place, _, _ in objects], [box for _, box, _ in objects]),
        "gt_area": _reals([box[2] * box[3] * share for _, box, share in objects]),
        "gt_crowd": np.array(crowd, np.bool_),
        **_side("dt", [place for place, _, _ in detections], [box for _, box, _ in detections]),
        "dt_scores": _reals([score for _, _, score in detections]),
        "image_ids": np.array(image_ids, np.int64),
        "category_ids": np.array(category_ids, np.int64),
    }


@st.composite
def with_ignored(draw: st.DrawFn) -> Columns:
    """The same with objects that are ignored besides: a column that not everybody takes."""
    of_all = draw(columns())
    count = len(of_all["gt_crowd"])
    ignore = draw(st.lists(st.booleans(), min_size=count, max_size=count))
    return {**of_all, "gt_ignore": np.array(ignore, np.bool_)}


def _reals(values: Sequence[float] | Sequence[list[float]]) -> F64:
    return np.array(values, np.float64)


def _side(side: str, places: list[tuple[int, int]], boxes: list[list[float]]) -> Columns:
    return {
        f"{side}_image_ids": np.array([image for image, _ in places], np.int64),
        f"{side}_labels": np.array([label for _, label in places], np.int64),
        f"{side}_boxes_xywh": _reals(boxes).reshape(-1, 4),
    }


def one_image(
    objects: list[list[float]], detections: list[list[float]], scores: list[float], crowd: str = ""
) -> Columns:
    """A case written by hand; `crowd` has one character for each object, `x` for true."""
    gt = _reals(objects).reshape(-1, 4)
    return {
        **_side("gt", [(1, 1)] * len(objects), objects),
        "gt_area": gt[:, 2] * gt[:, 3],
        "gt_crowd": np.array([mark == "x" for mark in crowd.ljust(len(objects), ".")], np.bool_),
        **_side("dt", [(1, 1)] * len(detections), detections),
        "dt_scores": _reals(scores),
        "image_ids": np.array([1]),
        "category_ids": np.array([1]),
    }


BOX, SHIFTED = [8.0, 8.0, 16.0, 16.0], [8.0, 16.0, 16.0, 16.0]
NOTHING = one_image([], [], [])
NO_DETECTION = one_image([BOX], [], [])
NO_OBJECT = one_image([], [BOX, SHIFTED], [0.5, 0.5])
SINGLE = one_image([BOX], [BOX], [0.5])
NO_AREA = one_image([[8.0, 8.0, 0.0, 16.0]], [[8.0, 8.0, 0.0, 16.0], BOX], [0.5, 0.5])
ALL_TIED = one_image([BOX] * 3, [BOX] * 4, [0.5] * 4, crowd=".x.")
# Three of five objects are found before a mistake, a fourth after it: a recall of 3/5 is a level in
# float64, and below the one that float32 has.
AT_A_LEVEL = one_image(
    [[24.0 * k, 0.0, 16.0, 16.0] for k in range(5)],
    [[24.0 * k, 0.0, 16.0, 16.0] for k in (0, 1, 2, 9, 3)],
    [1.0, 0.5, 0.5, 0.25, 0.0],
)
# Sides of a few units in the last place of their coordinates, where x + width is rounded.
FAR = one_image([[1e9, 1e9, 3e-7, 2e-7]], [[1e9, 1e9 + 1e-7, 2e-7, 3e-7]], [0.5])

# Two images with an object each, of which the second one's is found.
FOUND_IN_ONE_IMAGE = {
    **one_image([BOX, BOX], [BOX], [0.5]),
    "gt_image_ids": np.array(IDS[:2]),
    "dt_image_ids": np.array(IDS[1:2]),
    "image_ids": np.array(IDS[:2]),
}
HARD = (NOTHING, NO_DETECTION, NO_OBJECT, SINGLE, NO_AREA, ALL_TIED, AT_A_LEVEL, FAR)

# --- Properties ---


def assert_same_arrays(got: CocoArrays, want: CocoArrays) -> None:
    """Raise AssertionError unless precision, recall and scores are equal, bit for bit."""
    for name in ("precision", "recall", "scores"):
        assert_close(getattr(got, name), getattr(want, name), name)


def assert_same(got: CocoArrays, want: CocoArrays) -> None:
    """Raise AssertionError unless the arrays and the twelve numbers are equal, bit for bit."""
    assert_same_arrays(got, want)
    assert_close(got.stats, want.stats, "stats")


def _with_examples(
    check: Callable[[EvaluateCOCO, Columns], None],
) -> Callable[[EvaluateCOCO], None]:
    decorated = given(columns=columns())(check)
    for hard in HARD:
        decorated = example(columns=hard)(decorated)
    return decorated


@_with_examples
def twelve_numbers_equal_naive_loops(evaluate_coco: EvaluateCOCO, columns: Columns) -> None:
    """COCO's own numbers, whatever stands in the arrays behind them."""
    want = naive_evaluate_coco(columns, COCO).stats
    assert_close(evaluate_coco(**columns, params=COCO).stats, want, "stats")


@_with_examples
def equals_naive_loops(evaluate_coco: EvaluateCOCO, columns: Columns) -> None:
    """The arrays too: everything is decided, ties of scores and of overlaps, crowds, ranges."""
    assert_same(evaluate_coco(**columns, params=COCO), naive_evaluate_coco(columns, COCO))


@given(columns=columns(), params=st.sampled_from(OTHER_PARAMS))
@example(columns=NO_AREA, params=SHORT)
@example(columns=ALL_TIED, params=MANY_BITS)
@example(columns=FAR, params=SHORT)
def equals_naive_loops_at_other_parameters(
    evaluate_coco: EvaluateCOCO, columns: Columns, params: CocoParams
) -> None:
    """Other thresholds, levels, area ranges and limits than COCO's; all classes as one."""
    want = naive_evaluate_coco(columns, params)
    assert_same_arrays(evaluate_coco(**columns, params=params), want)


@given(columns=columns(), params=st.sampled_from(OTHER_PARAMS))
@example(columns=SINGLE, params=LATE_LEVELS)
def twelve_numbers_equal_naive_loops_at_other_parameters(
    evaluate_coco: EvaluateCOCO, columns: Columns, params: CocoParams
) -> None:
    """The largest limit stands for 100; what has no area range of its name is -1."""
    want = naive_evaluate_coco(columns, params).stats
    assert_close(evaluate_coco(**columns, params=params).stats, want, "stats")


@given(columns=with_ignored(), params=st.sampled_from((*OTHER_PARAMS, COCO)))
def equals_naive_loops_with_ignored_objects(
    evaluate_coco: EvaluateCOCO, columns: Columns, params: CocoParams
) -> None:
    """What `gt_ignore` names does not count, and can be found once."""
    want = naive_evaluate_coco(columns, params)
    assert_same_arrays(evaluate_coco(**columns, params=params), want)


@given(columns=columns(), ids=st.permutations([*IDS, FOREIGN]))
@example(columns=FOUND_IN_ONE_IMAGE, ids=[*IDS[::-1], FOREIGN])
def does_not_depend_on_the_order_of_images(
    evaluate_coco: EvaluateCOCO, columns: Columns, ids: list[int]
) -> None:
    """The rows of an image stay in their order, and may lie anywhere between those of others."""
    place = {image: place for place, image in enumerate(ids)}
    moved = dict(columns)
    for side in ("gt", "dt"):
        order = np.argsort([place[i] for i in columns[f"{side}_image_ids"].tolist()], kind="stable")
        names = [name for name in columns if name.startswith(side)]
        moved.update({name: columns[name][order] for name in names if len(order)})
    for name in ("image_ids", "category_ids"):
        moved[name] = np.array([*columns[name][::-1], *columns[name]], np.int64)
    assert_same(evaluate_coco(**moved, params=COCO), evaluate_coco(**columns, params=COCO))


@given(columns=columns())
@example(columns=SINGLE)
def does_not_depend_on_the_size_of_ids(evaluate_coco: EvaluateCOCO, columns: Columns) -> None:
    """Only their order counts."""
    ends = {0: -(2**63), 30: 2**63 - 1}
    renamed = {
        name: np.array([ends.get(i, i * 10**15) for i in column.tolist()], np.int64)
        if name.endswith(("ids", "labels"))
        else column
        for name, column in columns.items()
    }
    assert_same(evaluate_coco(**renamed, params=COCO), evaluate_coco(**columns, params=COCO))


@given(columns=columns(), name=st.sampled_from(["image_ids", "category_ids"]))
@example(columns=SINGLE, name="image_ids")
@example(columns=SINGLE, name="category_ids")
def judges_nothing_without_images_or_classes(
    evaluate_coco: EvaluateCOCO, columns: Columns, name: str
) -> None:
    """An empty list is one of nothing, not of everything."""
    empty = {**columns, name: np.zeros(0, np.int64)}
    assert_same(evaluate_coco(**empty, params=COCO), naive_evaluate_coco(empty, COCO))


@given(columns=columns())
def leaves_out_what_is_not_judged(evaluate_coco: EvaluateCOCO, columns: Columns) -> None:
    """Rows of other images and classes might as well not be there."""
    judged = dict(columns)
    for side in ("gt", "dt"):
        known = np.isin(columns[f"{side}_image_ids"], columns["image_ids"])
        known &= np.isin(columns[f"{side}_labels"], columns["category_ids"])
        judged.update({n: columns[n][known] for n in columns if n.startswith(side)})
    assert_same(evaluate_coco(**judged, params=COCO), evaluate_coco(**columns, params=COCO))


@given(columns=columns(foreign=IDS[0]))
@example(columns=ALL_TIED)
def judges_all_classes_as_one(evaluate_coco: EvaluateCOCO, columns: Columns) -> None:
    """As if there were one class, whose rows come class by class."""
    merged = dict(columns)
    for side in ("gt", "dt"):
        known = np.isin(columns[f"{side}_labels"], columns["category_ids"])
        order = np.argsort(columns[f"{side}_labels"], kind="stable")
        order = order[known[order]]
        merged.update({n: columns[n][order] for n in columns if n.startswith(side)})
        merged[f"{side}_labels"] = np.zeros(len(order), np.int64)
    merged["category_ids"] = np.zeros(1, np.int64)
    one = CocoParams(ALL_CLASSES_AS_ONE.iou_thresholds, ALL_CLASSES_AS_ONE.recall_levels)
    want = evaluate_coco(**merged, params=one)
    assert_same(evaluate_coco(**columns, params=ALL_CLASSES_AS_ONE), want)


@given(columns=columns())
@example(columns=ALL_TIED)
def counts_an_ignored_object_for_nobody(evaluate_coco: EvaluateCOCO, columns: Columns) -> None:
    """Where all objects are ignored, there is nothing to find."""
    ignored = {**columns, "gt_ignore": np.ones(len(columns["gt_crowd"]), np.bool_)}
    got = evaluate_coco(**ignored, params=SHORT)
    for name in ("precision", "recall", "scores", "stats"):
        values = np.asanyarray(getattr(got, name))
        assert_close(values, np.full(values.shape, -1.0), name)


REFUSED: Mapping[str, tuple[type[Exception], NDArray[np.generic]]] = {
    "dt_scores": (ValueError, np.array([np.nan])),
    "dt_boxes_xywh": (ValueError, np.array([[0.0, np.inf, 1.0, 1.0]])),
    "gt_boxes_xywh": (ValueError, np.array([[0.0, 0.0, -1.0, 1.0]])),
    "gt_area": (ValueError, np.array([-1.0])),
    "gt_crowd": (TypeError, np.array([0])),
    "gt_ignore": (TypeError, np.array([1.0])),
    "gt_labels": (TypeError, np.array([True])),
    "dt_labels": (TypeError, np.array([1.0])),
    "gt_image_ids": (TypeError, np.array(["1"])),
    "dt_image_ids": (ValueError, np.array([2**63], np.uint64)),
    "image_ids": (ValueError, np.array([[1]])),
    "category_ids": (TypeError, np.array([1.5])),
}


@given(name=st.sampled_from(sorted(REFUSED)))
def refuses_what_is_malformed(evaluate_coco: EvaluateCOCO, name: str) -> None:
    """A score that is NaN, a box without size, a flag that is a number: never judged silently."""
    error, column = REFUSED[name]
    good = {**SINGLE, "gt_ignore": np.zeros(1, np.bool_)}
    wrong = [(column, error)]
    if name not in ("image_ids", "category_ids"):
        wrong.append((np.repeat(good[name], 2, axis=0), ValueError))
    for malformed, expected in wrong:
        try:
            got = evaluate_coco(**{**good, name: malformed}, params=COCO)
        except expected:
            continue
        told = f"returned {got!r} instead of raising {expected.__name__}"
        raise AssertionError(f"{name} = {malformed.tolist()}: {told}")


# --- Vectors ---


def read_keywords(inputs: Mapping[str, Value]) -> Mapping[str, object]:
    """A vector's inputs; `params`, if it is there, lists those that are not COCO's own."""
    # The schema of the vectors says what stands here; a file has no types for mypy to read.
    given_params = cast(dict[str, object], inputs.get("params", {}))
    return {**inputs, "params": CocoParams(**given_params)}  # type: ignore[arg-type]  # likewise


EVALUATE_COCO = Contract[EvaluateCOCO](
    "evaluate_coco",
    (
        "gt_image_ids",
        "gt_labels",
        "gt_boxes_xywh",
        "gt_area",
        "gt_crowd",
        "dt_image_ids",
        "dt_labels",
        "dt_boxes_xywh",
        "dt_scores",
        "image_ids",
        "category_ids",
        "gt_ignore",
        "params",
    ),
    Conventions(
        rule="pycocotools' COCOeval with iouType bbox, bit for bit, all arguments by name: "
        "matching class by class and image by image as match_coco does, at each of "
        "params.iou_thresholds and params.area_ranges, of at most params.max_detections of a "
        "class in an image, the best by score; precision (T, R, K, A, M) as in "
        "average_precision_coco, the scores where it is reached, recall (T, K, A, M), and stats, "
        "the twelve numbers COCO prints, in which the largest of max_detections stands for 100. "
        "An object outside an area range is ignored there, and so is a detection outside that "
        "finds nothing; gt_area decides an object's range, width times height a detection's. A "
        "crowd is ignored, found any number of times, and overlapped by intersection over the "
        "detection's area; gt_ignore, which pycocotools lacks, names objects that are ignored "
        "and found once. Rows of images or classes that are not listed are left out. params is a "
        "refdet.core.coco_eval.CocoParams; with class_agnostic all classes are judged as one",
        boxes="xywh, continuous coordinates: x + width is the far edge",
        ties="of score: the lower image id, then the earlier row (of several classes judged as "
        "one: the lower class first); of overlap: the later row",
        thresholds="overlap >= threshold finds, a threshold above 1 - 1e-10 being lowered to it; "
        "area ranges include both ends; recall >= level, all in float64",
        undefined="-1 where a class has nothing to find in an area range; means leave it out, and "
        "are -1 without anything left",
    ),
    (
        twelve_numbers_equal_naive_loops,
        equals_naive_loops,
        equals_naive_loops_at_other_parameters,
        twelve_numbers_equal_naive_loops_at_other_parameters,
        equals_naive_loops_with_ignored_objects,
        does_not_depend_on_the_order_of_images,
        does_not_depend_on_the_size_of_ids,
        judges_nothing_without_images_or_classes,
        leaves_out_what_is_not_judged,
        judges_all_classes_as_one,
        counts_an_ignored_object_for_nobody,
        refuses_what_is_malformed,
    ),
    read_keywords=read_keywords,
)

CONTRACTS = (EVALUATE_COCO,)
