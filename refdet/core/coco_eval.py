"""A whole data set judged by COCO's rules at once: pycocotools' numbers, bit for bit.

Nothing here loops over images or classes. The way of the data:

1. `_ordered_detections`: ids become positions; detections are sorted by class and score.
2. `_candidate_pairs`: a detection and an object of its class and image that overlap enough.
3. `_won_bits`: detections take objects, at all IoU thresholds and area ranges at once.
4. `CocoState`: what became of each detection. The states of different images add up.
5. `CocoState.accumulate`: precision and recall at every recall level, and the twelve numbers.

A detection is matched at T thresholds for A area ranges. These T * A answers are bits: a *field* of
T bits for each range, the fields side by side in 64-bit *words* (one word for COCO's 10 thresholds
and 4 ranges). A few bitwise operations then match at all of them together.

Source of the rules: pycocotools 2.0.11, `COCOeval`.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from operator import index
from pathlib import Path
from typing import Any, NamedTuple, TypeVar
from zipfile import ZipFile

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
I32 = NDArray[np.int32]
Mask = NDArray[np.bool_]
Words = NDArray[np.uint64]
# [Any]: of whatever precision, which NumPy before 2.2 wants to be said.
Fields = NDArray[np.unsignedinteger[Any]]
RealArray = NDArray[np.floating[Any] | np.integer[Any]]
IntArray = NDArray[np.integer[Any]]
Column = TypeVar("Column", F64, I64)

BLOCK = 12_000  # detections whose columns fit into a processor's cache together
PORTION = 100_000  # pairs that are matched together: memory stays small, and few steps are needed
HIGHEST_IOU = 1 - 1e-10  # a threshold above is lowered to this, so that rounding costs no match


class AreaRange(NamedTuple):
    """Objects and detections of `low` to `high` square pixels, both included."""

    name: str
    low: float
    high: float


@dataclass(frozen=True)
class CocoParams:
    """What is asked for; by default COCO's own numbers.

    Attributes:
        iou_thresholds: T <= 64, ascending, each in (0, 1].
        recall_levels: R, ascending, each in [0, 1].
        area_ranges: A; those named "all", "small", "medium" and "large" give the twelve numbers.
        max_detections: M; sorted here. So many of a class in an image count, the best first.
        class_agnostic: judge all classes as one.
    """

    iou_thresholds: Sequence[float] = tuple(np.linspace(0.5, 0.95, 10).tolist())
    recall_levels: Sequence[float] = tuple(np.linspace(0, 1, 101).tolist())
    area_ranges: Sequence[tuple[str, float, float]] = (
        AreaRange("all", 0.0, 1e10),
        AreaRange("small", 0.0, 32.0**2),
        AreaRange("medium", 32.0**2, 96.0**2),
        AreaRange("large", 96.0**2, 1e10),
    )
    max_detections: Sequence[int] = (1, 10, 100)
    class_agnostic: bool = False

    def __post_init__(self) -> None:
        for name in ("iou_thresholds", "recall_levels"):
            values = tuple(float(value) for value in getattr(self, name))
            ascend = all(low < high for low, high in pairwise(values))
            if not values or not ascend or not (values[0] >= 0 and values[-1] <= 1):
                raise ValueError(f"{name} must ascend within [0, 1], got {values}")
            object.__setattr__(self, name, values)
        if self.iou_thresholds[0] == 0:
            raise ValueError(f"iou_thresholds must be above 0, got {self.iou_thresholds}")
        if len(self.iou_thresholds) > 64:
            raise ValueError(f"iou_thresholds: at most 64, got {len(self.iou_thresholds)}")
        ranges = tuple(
            AreaRange(str(name), float(low), float(high)) for name, low, high in self.area_ranges
        )
        if not ranges or len({one.name for one in ranges}) < len(ranges):
            raise ValueError(f"area_ranges must have distinct names, got {ranges}")
        if not all(one.low <= one.high for one in ranges):
            raise ValueError(f"area_ranges must have low <= high, got {ranges}")
        object.__setattr__(self, "area_ranges", ranges)
        limits = tuple(sorted(map(index, self.max_detections)))
        if not limits or limits[0] < 1:
            raise ValueError(f"max_detections must be positive, got {limits}")
        object.__setattr__(self, "max_detections", limits)


COCO = CocoParams()
"""COCO's own numbers."""

STATE_FORMAT = 1


@dataclass(frozen=True, eq=False)
class CocoResult:
    """pycocotools' arrays; -1 where a class has nothing to find in a range.

    Attributes:
        stats: (12,) float64: AP, AP50, AP75; AP of small, medium and large objects; average recall
            at the first, the second and the largest of `max_detections`; average recall of small,
            medium and large objects. What names no `max_detections` is at the largest.
        precision: (T, R, K, A, M) float64, the best at that recall or beyond; 0 if not reached.
        recall: (T, K, A, M) float64, the highest reached.
        scores: (T, R, K, A, M) float64, of the detection that reached that recall.
        category_ids: (K,) int64, ascending; -1 alone if all classes are judged as one.
        params: what was asked for.
    """

    stats: F64
    precision: F64
    recall: F64
    scores: F64
    category_ids: I64
    params: CocoParams


def evaluate_coco(
    *,
    gt_image_ids: IntArray,
    gt_labels: IntArray,
    gt_boxes_xywh: RealArray,
    gt_area: RealArray,
    gt_crowd: Mask,
    dt_image_ids: IntArray,
    dt_labels: IntArray,
    dt_boxes_xywh: RealArray,
    dt_scores: RealArray,
    image_ids: IntArray,
    category_ids: IntArray,
    gt_ignore: Mask | None = None,
    params: CocoParams = COCO,
) -> CocoResult:
    """Average precision and recall of a data set: pycocotools' arrays, bit for bit.

    Of equal scores, the detection of the lower image id comes first, then the earlier row; of
    equal overlaps, the later object is taken. What is in no image of `image_ids`, or of no class of
    `category_ids`, is left out, as pycocotools does.

    Args:
        gt_image_ids: (G,) integers of any size.
        gt_labels: (G,) category ids, likewise.
        gt_boxes_xywh: (G, 4), any real dtype: left, top, width, height in pixels. Sides between
            1e-75 and 1e75 keep every area inside float64's range.
        gt_area: (G,) square pixels, of the mask where there is one. Decides the area range only.
        gt_crowd: (G,) bool. A crowd neither counts nor is used up, and the overlap with it is
            intersection over the detection's area.
        dt_image_ids: (D,) integers.
        dt_labels: (D,) category ids.
        dt_boxes_xywh: (D, 4), as `gt_boxes_xywh`.
        dt_scores: (D,), any real dtype, of any scale, not NaN.
        image_ids: (I,) the images that are judged; repetition means nothing.
        category_ids: (K,) the classes that are judged, likewise.
        gt_ignore: (G,) bool, objects that do not count and, unlike crowds, can be found once; by
            default none. (pycocotools has no such thing: it overwrites `ignore` by `iscrowd`.)
        params: thresholds, recall levels, area ranges, detections per image.

    Returns:
        A `CocoResult`.

    Raises:
        TypeError: a column of ids that is not integer, of boxes, areas or scores that is not real,
            of flags that is not boolean.
        ValueError: lengths that differ, a score that is NaN, a box or an area that is not finite
            or negative in size; names the argument, the row and the value.

    Source:
        pycocotools 2.0.11, `COCOeval` with `iouType="bbox"`.
    """
    data = CocoData(
        gt_image_ids=gt_image_ids,
        gt_labels=gt_labels,
        gt_boxes_xywh=gt_boxes_xywh,
        gt_area=gt_area,
        gt_crowd=gt_crowd,
        dt_image_ids=dt_image_ids,
        dt_labels=dt_labels,
        dt_boxes_xywh=dt_boxes_xywh,
        dt_scores=dt_scores,
        image_ids=image_ids,
        category_ids=category_ids,
        gt_ignore=gt_ignore,
    )
    return data.state(params).accumulate()


@dataclass(frozen=True, eq=False, kw_only=True)
class CocoData:
    """Objects and detections of any images; attributes and errors as the arguments above."""

    gt_image_ids: IntArray
    gt_labels: IntArray
    gt_boxes_xywh: RealArray
    gt_area: RealArray
    gt_crowd: Mask
    dt_image_ids: IntArray
    dt_labels: IntArray
    dt_boxes_xywh: RealArray
    dt_scores: RealArray
    image_ids: IntArray
    category_ids: IntArray
    gt_ignore: Mask | None = None

    def __post_init__(self) -> None:
        for side in ("gt", "dt"):
            n_rows = len(self.__dict__[f"{side}_image_ids"])
            for name in (name for name in self.__dict__ if name.startswith(side)):
                column = self.__dict__[name]
                if column is not None:
                    object.__setattr__(self, name, _checked_column(column, n_rows, name))
        for name in ("image_ids", "category_ids"):
            column = self.__dict__[name]
            object.__setattr__(self, name, _checked_column(column, len(column), name))

    def match(self, params: CocoParams = COCO) -> "CocoMatches":
        """Match the detections to the objects, at all thresholds and ranges of `params`."""
        pairs: list[tuple[_Pairs, Words]] = []
        state, detections, objects = self._judge(params, pairs)
        columns = [(*some, won) for some, won in pairs]
        detection, obj, iou, won = (np.concatenate(column) for column in zip(*columns, strict=True))
        return CocoMatches(
            state=state,
            n_detections=len(self.dt_scores),
            row=detections.row,
            detection=detections.row[detections.grouped[detection]],
            object=objects.row[obj],
            iou=iou,
            won=won,
        )

    def state(self, params: CocoParams = COCO) -> "CocoState":
        """`match(params).state`, without keeping which object each detection has found."""
        return self._judge(params, None)[0]

    def _judge(
        self, params: CocoParams, kept: "list[tuple[_Pairs, Words]] | None"
    ) -> "tuple[CocoState, _Detections, _Objects]":
        """Match, and add to `kept` the pairs and where each is a match."""
        # Free a block of 4 MB: from now on, glibc keeps freed memory of that size for the next
        # array instead of fetching zeroed pages anew, which takes a tenth of the time.
        np.empty(500_000)
        images, categories = _distinct(self.image_ids), _distinct(self.category_ids)
        detections = _ordered_detections(self, images, categories, params)
        objects = _ordered_objects(self, images, categories, params)
        outcomes = _Outcomes.of(detections, objects, params)
        for pairs in _candidate_pairs(self, detections, objects, params):
            won = _won_bits(pairs, detections, objects, outcomes.used, params)
            _mark(outcomes, pairs, won, detections, objects)
            if kept is not None:
                kept.append((pairs, won))
        n_images = max(1, len(images))
        state = CocoState(
            params=params,
            image_ids=images,
            category_ids=np.array([-1]) if params.class_agnostic else categories,
            object_image=(objects.group_key % n_images).astype(np.int32),
            object_label=(objects.group_key // n_images).astype(np.int32),
            object_counts=_counts_of_groups(objects, _Layout.of(params)),
            image=detections.image,
            label=detections.label,
            rank=detections.rank,
            scores=detections.scores,
            hit=outcomes.hit,
            ignored=outcomes.ignored | (_outside_bits(self, detections, params) & ~outcomes.hit),
        )
        return state, detections, objects


def _checked_column(column: NDArray[np.generic], n_rows: int, name: str) -> NDArray[np.generic]:
    """An input column as int64, float64 or bool, whichever its name asks for."""
    array = np.asarray(column)
    kinds, what = "fiu", "a real dtype"
    if name.endswith(("crowd", "ignore")):
        kinds, what = "b", "dtype bool"
    elif name.endswith(("ids", "labels")):
        kinds, what = "iu", "integers"
    # An empty list has no dtype to speak of.
    if array.size and array.dtype.kind not in kinds:
        raise TypeError(f"{name} must be of {what}, got {array.dtype}")
    shape = (n_rows, 4) if name.endswith("xywh") else (n_rows,)
    if array.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {array.shape}")
    if kinds == "b":
        return array.astype(np.bool_, copy=False)
    if kinds == "iu":
        if array.dtype == np.uint64 and array.max(initial=0) >= 2**63:
            row = int(np.argmax(array.astype(np.uint64) >= 2**63))
            raise ValueError(f"{name}[{row}] = {array[row]} is no int64")
        return array.astype(np.int64, copy=False)
    values = array.astype(np.float64, copy=False)
    _check_values(values, name)
    return values


def _check_values(values: F64, name: str) -> None:
    """Raise for the first row that is NaN or, except for scores, infinite or of negative size."""
    # A sum shows in one pass whether any of its terms is NaN or infinite.
    with np.errstate(over="ignore", invalid="ignore"):
        total = float(values.sum())
    bad = np.isnan(values) if name == "dt_scores" else ~np.isfinite(values)
    if not np.isfinite(total) and bad.any():
        row = int(np.argwhere(bad)[0][0])
        raise ValueError(f"{name}[{row}] = {values[row].tolist()} is not finite")
    if name != "dt_scores":
        sizes = values[:, 2:] if values.ndim == 2 else values
        if sizes.min(initial=0) < 0:
            row = int(np.argwhere(sizes < 0)[0][0])
            raise ValueError(f"{name}[{row}] = {values[row].tolist()} has a negative size")


class _Layout(NamedTuple):
    """How the bits of T thresholds and A area ranges lie in words.

    Attributes:
        n_thresholds: T, the bits in use of a field.
        n_ranges: A, the fields in use.
        field: the dtype of a field.
        n_words: W, of 64 bits.
    """

    n_thresholds: int
    n_ranges: int
    field: np.dtype[np.unsignedinteger[Any]]
    n_words: int

    @classmethod
    def of(cls, params: CocoParams) -> "_Layout":
        n_thresholds, n_ranges = len(params.iou_thresholds), len(params.area_ranges)
        field = np.dtype(f"u{next(size for size in (2, 4, 8) if 8 * size >= n_thresholds)}")
        return cls(n_thresholds, n_ranges, field, -(-n_ranges * field.itemsize // 8))

    @property
    def full(self) -> np.unsignedinteger[Any]:
        """The field with the bits of all thresholds."""
        return self.field.type((1 << self.n_thresholds) - 1)

    def words(self, n_rows: int, columns: Sequence[Fields]) -> Words:
        """(N, W) from a column of N fields for each area range."""
        table = np.zeros((n_rows, self.n_words * 8 // self.field.itemsize), self.field)
        for place, column in enumerate(columns):
            table[:, place] = column
        return table.view(np.uint64)

    def fields(self, words: Words) -> Fields:
        """(N, A), the reverse."""
        return words.view(self.field)[:, : self.n_ranges]


class _Detections(NamedTuple):
    """The detections that are judged, in two orders.

    Attributes:
        row: (N,) rows in the input, by class, then score descending, then image, then input.
        label: (N,) position of the class.
        image: (N,) position of the image.
        scores: (N,).
        rank: (N,) how many of its class in its image come before it.
        grouped: (N,) places in that order, sorted by class, then image, then rank.
        group_start: (U,) places in `grouped` where a class in an image begins.
        group_key: (U,) class * images + image, ascending.
    """

    row: I64
    label: I32
    image: I32
    scores: F64
    rank: I32
    grouped: I64
    group_start: I64
    group_key: I64


def _ordered_detections(
    data: CocoData, images: I64, categories: I64, params: CocoParams
) -> _Detections:
    """Without those of unknown image or class, and those beyond the largest `max_detections`."""
    image = _positions(data.dt_image_ids, images)
    label = _positions(data.dt_labels, categories)
    row = _rows_by_image(image, label, params)
    image, label = image[row], label[row]
    scores = data.dt_scores.astype(np.float64, copy=False)[row]
    if params.class_agnostic:
        label = np.zeros_like(label)
    # From here on by class and score; `row` still leads back to the input.
    order = _by_label_and_score(label, scores)
    label, image = np.take(label, order), np.take(image, order)
    key = label.astype(np.int64)
    key *= len(images)
    key += image
    # The same detections group by group: those of a class in an image, still by score.
    key, grouped = _sorted_with_places(key)
    start = _starts(key)
    counter: I32 = np.arange(len(key), dtype=np.int32)
    counter -= np.repeat(start.astype(np.int32), np.diff(start, append=len(key)))
    rank = np.empty_like(counter)
    rank[grouped] = counter
    row = order if isinstance(row, slice) else row[order]
    scores = np.take(scores, order)
    limit = params.max_detections[-1]
    if counter.max(initial=0) >= limit:
        keep = rank < limit
        grouped = (np.cumsum(keep) - 1)[grouped[counter < limit]]
        key = key[counter < limit]
        start = _starts(key)
        row, label, image = row[keep], label[keep], image[keep]
        scores, rank = scores[keep], rank[keep]
    return _Detections(row, label, image, scores, rank, grouped, start, key[start])


def _rows_by_image(image: I32, label: I32, params: CocoParams) -> I64 | slice:
    """The rows of known image and class, by image, then input: COCO's order of ties."""
    known = (image >= 0) & (label >= 0)
    if known.all() and not params.class_agnostic and not (image[1:] < image[:-1]).any():
        return slice(None)
    row = np.flatnonzero(known)
    if params.class_agnostic:
        # pycocotools then strings the classes of an image together, one after the other.
        row = row[np.argsort(label[row], kind="stable")]
    return row[np.argsort(image[row], kind="stable")]


def _distinct(ids: IntArray) -> I64:
    ordered: I64 = np.sort(ids.astype(np.int64, copy=False))
    distinct: I64 = ordered[_starts(ordered)]
    return distinct


def _positions(ids: IntArray, table: I64) -> I32:
    """The place of each id in the ascending `table`; -1 for an id that is not there."""
    if not len(table) or not len(ids):
        return np.full(len(ids), -1, np.int32)
    low, high = int(table[0]), int(table[-1])
    # The ends of int64 have no neighbour that could mean "not there".
    inner = low > -(2**63) and high < 2**63 - 1
    if inner and high - low < 8 * (len(table) + len(ids)):
        lookup = np.full(high - low + 3, -1, np.int32)
        lookup[table - (low - 1)] = np.arange(len(table), dtype=np.int32)
        if ids.min() < low or ids.max() > high:
            ids = np.clip(ids, low - 1, high + 1)  # both ends of `lookup` hold -1
        return np.take(lookup, ids - (low - 1))
    place = np.minimum(np.searchsorted(table, ids), len(table) - 1).astype(np.int32)
    place[table[place] != ids] = -1
    return place


def _starts(keys: NDArray[np.generic]) -> I64:
    """Where each run of equal keys begins."""
    new = np.ones(len(keys), np.bool_)
    np.not_equal(keys[1:], keys[:-1], out=new[1:])
    return np.flatnonzero(new)


def _sorted_with_places(keys: I64) -> tuple[I64, I64]:
    """`keys` ascending, ties in their order, and the place that each had. `keys` is used up.

    To sort integers that carry their place in the low bits takes a third of the time of `argsort`.
    """
    bits = len(keys).bit_length()
    if int(keys.max(initial=0)).bit_length() + bits > 63:
        places = np.argsort(keys, kind="stable")
        return keys[places], places
    keys <<= bits
    keys |= np.arange(len(keys))
    keys.sort()
    places = keys & ((1 << bits) - 1)
    keys >>= bits
    return keys, places


def _by_label_and_score(label: NDArray[np.signedinteger[Any]], scores: F64) -> I64:
    """Places by label ascending, then score descending, then place.

    One integer holds all three. If the score's bits do not fit, the lowest are cut off, and the
    few places that this leaves in disorder are sorted again.
    """
    if not len(scores):
        return np.zeros(0, np.int64)
    place_bits = len(scores).bit_length()
    label_bits = int(label.max()).bit_length()
    # The bits of positive floats, read as integers, are in their order. Adding 0 turns -0 into 0.
    key = (scores + 0.0).view(np.uint64)
    if scores.min() < 0:
        sign = np.uint64(1 << 63)
        key = np.where(key >= sign, ~key, key | sign)
    best = key.max()
    room = 64 - place_bits - label_bits
    cut = max(0, int(best - key.min()).bit_length() - room)
    # In place throughout: fresh memory costs more than the arithmetic.
    np.subtract(best, key, out=key)
    key >>= np.uint64(cut)
    if label_bits:
        labels = label.astype(np.uint64)
        labels <<= np.uint64(room)
        key |= labels
    key <<= np.uint64(place_bits)
    key |= np.arange(len(key), dtype=np.uint64)
    key.sort()
    order: I64 = (key & np.uint64((1 << place_bits) - 1)).view(np.int64)
    if cut:
        key >>= np.uint64(place_bits)
        found = np.take(scores, order)
        wrong = (found[1:] > found[:-1]) & (key[1:] == key[:-1])
        if wrong.any():
            run = np.cumsum(np.diff(key, prepend=key[:1]) != 0)
            at = np.flatnonzero(np.isin(run, run[1:][wrong]))
            order[at] = order[at][np.lexsort((order[at], -found[at], run[at]))]
    return order


class _Objects(NamedTuple):
    """The objects of known image and class, by class, then image, then input.

    Attributes:
        row: (G,) rows in the input.
        boxes_xywh: (G, 4).
        crowd: (G + 1,); the last row is nobody.
        regular: (G + 1, W), where the object counts.
        group_start: (V,) where a class in an image begins.
        group_key: (V,) class * images + image, ascending.
    """

    row: I64
    boxes_xywh: F64
    crowd: Mask
    regular: Words
    group_start: I64
    group_key: I64


def _ordered_objects(data: CocoData, images: I64, categories: I64, params: CocoParams) -> _Objects:
    layout = _Layout.of(params)
    image = _positions(data.gt_image_ids, images)
    label = _positions(data.gt_labels, categories)
    row = np.arange(len(image))[_rows_by_image(image, label, params)]
    key = image[row].astype(np.int64)
    if not params.class_agnostic:
        key += label[row].astype(np.int64) * len(images)
    key, place = _sorted_with_places(key)
    row = row[place]
    start = _starts(key)
    area, crowd = data.gt_area[row], data.gt_crowd[row]
    counts = ~crowd if data.gt_ignore is None else ~(crowd | data.gt_ignore[row])
    regular = [
        np.append((counts & (area >= low) & (area <= high)) * layout.full, layout.field.type(0))
        for _, low, high in params.area_ranges
    ]
    words = layout.words(len(row) + 1, regular)
    boxes_xywh = data.gt_boxes_xywh.astype(np.float64, copy=False)[row]
    return _Objects(row, boxes_xywh, np.append(crowd, False), words, start, key[start])


def _counts_of_groups(objects: _Objects, layout: _Layout) -> I32:
    """(V, A), how many objects of each class in an image count in each area range."""
    counts: I32 = (layout.fields(objects.regular[:-1]) != 0).astype(np.int32)
    if not len(counts):
        return counts
    summed: I32 = np.add.reduceat(counts, objects.group_start, axis=0, dtype=np.int32)
    return summed


class _Pairs(NamedTuple):
    """A detection and an object of its class and image, at or above the lowest threshold.

    Attributes:
        detection: (P,) place in `_Detections.grouped`.
        object: (P,) place in `_Objects`.
        iou: (P,).
    """

    detection: I64
    object: I64
    iou: F64


def _candidate_pairs(
    data: CocoData, detections: _Detections, objects: _Objects, params: CocoParams
) -> Iterator[_Pairs]:
    """All pairs that may match, in portions that hold whole groups (a class in an image).

    In a portion they come by detection, and then in the order in which it prefers its objects.

    With the detections sorted by how many objects they face, those that face an r-th object come
    first. So the loop is over r, not over groups, and a step forms all its pairs at once.
    """
    met = _positions(detections.group_key, objects.group_key)
    group = np.flatnonzero(met >= 0)
    n_objects = np.diff(objects.group_start, append=len(objects.row))[met[group]]
    busiest = np.argsort(-n_objects, kind="stable")
    group, n_objects = group[busiest], n_objects[busiest]
    size = np.diff(detections.group_start, append=len(detections.row))[group]
    end = np.cumsum(size)
    place = np.arange(size.sum())
    place += np.repeat(detections.group_start[group] - (end - size), size)
    first_object = np.repeat(objects.group_start[met[group]], size)
    falling = np.repeat(-n_objects, size)  # ascends, so that `searchsorted` finds who faces an r-th
    row = np.take(detections.row, np.take(detections.grouped, place))
    lowest = min(params.iou_thresholds[0], HIGHEST_IOU)
    dt_boxes_xywh = data.dt_boxes_xywh.astype(np.float64, copy=False)
    theirs = _Corners.of(objects.boxes_xywh, objects.crowd[:-1])
    found = [_Pairs(place[:0], place[:0], np.zeros(0))]
    # A block holds whole groups and, if these have many objects, fewer detections.
    work = np.cumsum(size * np.maximum(1, n_objects // 16)) // BLOCK
    bounds = [0, *end[_starts(work)[1:] - 1].tolist(), len(place)]
    for begin, stop in pairwise(bounds):
        block = slice(begin, stop)
        boxes_xywh = np.take(dt_boxes_xywh, row[block], axis=0)
        own = _Corners.of(boxes_xywh)
        # IoU >= t needs a common width of t times the own width: most pairs go no further. 1e-4 is
        # more than rounding adds, except far from 0.
        least: F64 = boxes_xywh[:, 2] * (lowest * (1 - 1e-4))
        least[_blurred(own, boxes_xywh[:, 2:])] = 0
        # The later objects first: of equal overlaps, theirs is taken.
        for r in range(-int(falling[block][:1].sum()) - 1, -1, -1):
            n_facing = int(np.searchsorted(falling[block], -r))
            obj = first_object[block][:n_facing] + r
            near, obj, iou = _reaching(own, theirs, obj, least, lowest)
            if len(near):
                found.append(_Pairs(place[block][near], obj, iou))
        if stop == len(place) or sum(len(some.iou) for some in found) >= PORTION:
            yield _by_preference(found)
            found = found[:1]


def _by_preference(found: Sequence[_Pairs]) -> _Pairs:
    detection, obj, iou = (np.concatenate(column) for column in zip(*found, strict=True))
    order = _by_label_and_score(detection, iou)
    return _Pairs(np.take(detection, order), np.take(obj, order), np.take(iou, order))


class _Corners(NamedTuple):
    """The columns of boxes. A crowd's area is NaN: the overlap with it has another denominator."""

    x1: F64
    y1: F64
    x2: F64
    y2: F64
    area: F64

    @classmethod
    def of(cls, boxes_xywh: F64, crowd: Mask | None = None) -> "_Corners":
        x, y, width, height = np.ascontiguousarray(boxes_xywh.T)
        with np.errstate(over="ignore"):  # an area beyond float64 is infinite, in C as well
            area = width * height
        if crowd is not None:
            area[crowd] = np.nan
        return cls(x, y, x + width, y + height, area)


def _blurred(corners: _Corners, sizes: F64) -> Mask:
    """Boxes so far from 0, for their size, that rounding x + width may add to what they share."""
    x1, y1, x2, y2, _ = corners
    far = max(*(c.max(initial=0) for c in (x2, y2)), *(-c.min(initial=0) for c in (x1, y1)))
    blurred: Mask = np.minimum(sizes[:, 0], sizes[:, 1]) < far * 1e-10
    return blurred


def _reaching(
    own: _Corners, theirs: _Corners, obj: I64, least: F64, lowest: float
) -> tuple[I64, I64, F64]:
    """Which of the first boxes of `own` reach an IoU with their object `obj`; those objects; it.

    Pairs with a common width below `least` go no further. The operations are pycocotools' own, in
    its order, since every bit of the IoU counts.
    """
    n = len(obj)
    inside = np.minimum(own.x2[:n], np.take(theirs.x2, obj))
    inside -= np.maximum(own.x1[:n], np.take(theirs.x1, obj))
    near = np.flatnonzero((inside >= least[:n]) & (inside > 0))
    obj, inside = _rows(obj, near, n), _rows(inside, near, n)
    height = np.minimum(_rows(own.y2, near, n), np.take(theirs.y2, obj))
    height -= np.maximum(_rows(own.y1, near, n), np.take(theirs.y1, obj))
    inside *= np.maximum(height, 0, out=height)
    area = _rows(own.area, near, n)
    union = area + np.take(theirs.area, obj)
    union -= inside
    crowd = np.isnan(union)
    if crowd.any():
        union[crowd] = area[crowd]
    with np.errstate(invalid="ignore"):  # an empty union shares nothing: NaN reaches no threshold
        iou = inside / union
    n, reached = len(near), np.flatnonzero(iou >= lowest)
    return _rows(near, reached, n), _rows(obj, reached, n), _rows(iou, reached, n)


def _rows(column: Column, rows: I64, n: int) -> Column:
    """Ascending `rows` of the first `n` of a column; itself if that is all of them."""
    return column[:n] if len(rows) == n else np.take(column, rows)


def _won_bits(
    pairs: _Pairs, detections: _Detections, objects: _Objects, used: Words, params: CocoParams
) -> Words:
    """(P, W) where each of the pairs of a portion is a match; `used` is filled in."""
    layout = _Layout.of(params)
    level = np.zeros(len(pairs.iou), np.uint8)  # how many thresholds a pair reaches
    for threshold in params.iou_thresholds:
        level += pairs.iou >= min(threshold, HIGHEST_IOU)
    reached = np.array([(1 << n) - 1 for n in range(layout.n_thresholds + 1)], layout.field)
    reached_words = layout.words(len(reached), [reached] * layout.n_ranges)
    # Where no detection of an object has another object to turn to, the matching is easy.
    start = _starts(pairs.detection)
    several = np.diff(start, append=len(level)) > 1
    contested = np.zeros(len(objects.row), np.bool_)
    contested[pairs.object[np.repeat(several, np.diff(start, append=len(level)))]] = True
    is_hard = np.take(contested, pairs.object)
    won = np.zeros((len(level), layout.n_words), np.uint64)
    easy = np.flatnonzero(~is_hard)
    obj, place = _sorted_with_places(np.take(pairs.object, easy))
    easy = np.take(easy, place)
    won[easy] = _won_easily(obj, np.take(level, easy), reached_words, objects.crowd)
    hard = slice(None) if is_hard.all() else np.flatnonzero(is_hard)
    turns = _turns(pairs.detection[hard], detections.group_start)
    for word in range(layout.n_words):
        wanted = np.take(reached_words[:, word], level[hard])
        won[hard, word] = _won_in_turn(
            turns, pairs.object[hard], wanted, objects.regular[:, word], objects.crowd, used[word]
        )
    return won


def _won_easily(obj: I64, level: NDArray[np.uint8], reached_words: Words, crowd: Mask) -> Words:
    """For pairs by object, then score: each threshold goes to the first that reaches it.

    That holds for objects that count and for ignored ones alike. A crowd gives itself to all.
    """
    own = level.astype(np.int64)
    # A running maximum that starts anew with each object, since the objects ascend.
    offset = obj * len(reached_words)
    running = np.maximum.accumulate(offset + own) - offset
    before = np.zeros_like(own)
    before[1:] = running[:-1]
    before[_starts(obj)] = 0
    before[crowd[obj]] = 0
    won: Words = reached_words[own] & ~reached_words[np.minimum(before, own)]
    return won


class _Turns(NamedTuple):
    """Who chooses when: one detection of each class in an image at a time.

    Attributes:
        start: (D,) where the pairs of a detection begin; detections by turn.
        n_pairs: (D,) how many they are.
        bounds: (turns + 1,) where in `start` a turn begins.
    """

    start: I64
    n_pairs: I64
    bounds: I64


def _turns(detection: I64, group_start: I64) -> _Turns:
    """For pairs by detection. Groups with many candidates take turns apart from those with few."""
    start = _starts(detection)
    if not len(start):
        return _Turns(start, start, np.zeros(1, np.int64))
    count = np.diff(start, append=len(detection))
    group = np.searchsorted(group_start, detection[start], "right")
    first = _starts(group)
    size = np.diff(first, append=len(group))
    turn = np.arange(len(group)) - np.repeat(first, size)
    # 1, 2-3, 4-7, 8-15 ... so that the rows of a turn's table are at most half empty.
    width = np.frexp(np.repeat(np.maximum.reduceat(count, first), size))[1]
    order = np.lexsort((turn, width))
    bounds = _starts(width[order] * (int(turn.max()) + 1) + turn[order])
    return _Turns(start[order], count[order], np.append(bounds, len(order)))


def _won_in_turn(
    turns: _Turns, obj: I64, wanted: Words, regular: Words, crowd: Mask, used: Words
) -> Words:
    """One word of what each pair wins, the pairs of a detection in its order of preference.

    In its turn a detection takes, bit by bit, the first object of its pairs that counts and is
    free; where none is, the first that is ignored and free, or a crowd.
    """
    nobody, nothing = len(regular) - 1, len(obj)
    # A pair with nobody, who wants nothing, fills the tables where a detection has fewer pairs.
    obj, wanted = np.append(obj, nobody), np.append(wanted, np.uint64(0))
    won = np.zeros(nothing + 1, np.uint64)
    for begin, end in zip(turns.bounds[:-1].tolist(), turns.bounds[1:].tolist(), strict=True):
        n_pairs = turns.n_pairs[begin:end, None]
        columns = np.arange(int(n_pairs.max()))
        pair = turns.start[begin:end, None] + columns
        if n_pairs.min() < len(columns):
            pair = np.where(columns < n_pairs, pair, nothing)
        them, wish = np.take(obj, pair), np.take(wanted, pair)  # (detections, candidates)
        taken, counts = np.take(used, them), np.take(regular, them)
        free = wish & ~taken
        got = free & counts
        satisfied = _keep_first(got)
        again = np.where(np.take(crowd, them), wish, free)
        second = again & ~(counts | satisfied)
        _keep_first(second)
        got |= second
        won[pair] = got
        used[them] = taken | got
    return won[:-1]


def _keep_first(bits: Words) -> Words:
    """Clear the bits that an earlier column of the row has; return (N, 1), all bits of the row."""
    seen: Words = np.bitwise_or.accumulate(bits, axis=1)
    bits[:, 1:] &= ~seen[:, :-1]
    return seen[:, -1:]


class _Outcomes(NamedTuple):
    """What is filled in portion by portion.

    Attributes:
        hit: (N, W) where a detection is a true positive.
        ignored: (N, W) where it matched an object that does not count.
        used: (W, G + 1) where an object is taken.
    """

    hit: Words
    ignored: Words
    used: Words

    @classmethod
    def of(cls, detections: _Detections, objects: _Objects, params: CocoParams) -> "_Outcomes":
        n_words, n_rows = _Layout.of(params).n_words, len(detections.row)
        hit, ignored = (np.zeros((n_rows, n_words), np.uint64) for _ in range(2))
        return cls(hit, ignored, np.zeros((n_words, len(objects.row) + 1), np.uint64))


def _mark(
    outcomes: _Outcomes, pairs: _Pairs, won: Words, detections: _Detections, objects: _Objects
) -> None:
    """Fill in what the matches of a portion make of their detections."""
    start = _starts(pairs.detection)
    if len(start):
        at = detections.grouped[pairs.detection[start]]
        regular = np.take(objects.regular, pairs.object, axis=0)
        outcomes.hit[at] = np.bitwise_or.reduceat(won & regular, start, axis=0)
        outcomes.ignored[at] = np.bitwise_or.reduceat(won & ~regular, start, axis=0)


def _outside_bits(data: CocoData, detections: _Detections, params: CocoParams) -> Words:
    """(N, W) where a detection is outside the area range: there it is not wrong if unmatched."""
    layout = _Layout.of(params)
    area = data.dt_boxes_xywh[:, 2] * data.dt_boxes_xywh[:, 3]
    outside = [((area < low) | (area > high)) * layout.full for _, low, high in params.area_ranges]
    return np.take(layout.words(len(area), outside), detections.row, axis=0)


def _place_and_bit(
    params: CocoParams, layout: _Layout, iou_threshold: float, area_range: str
) -> tuple[int, np.unsignedinteger[Any]]:
    """Which field is an area range's, and which of its bits a threshold's."""
    names = [one[0] for one in params.area_ranges]
    if iou_threshold not in params.iou_thresholds or area_range not in names:
        raise ValueError(f"{iou_threshold}, {area_range!r} is not among {params}")
    bit = layout.field.type(1 << params.iou_thresholds.index(iou_threshold))
    return names.index(area_range), bit


@dataclass(frozen=True, eq=False)
class CocoOutcomes:
    """What became of each detection at one threshold, in input order.

    A detection that was not judged (unknown image or class, beyond `max_detections`) is neither a
    true nor a false positive nor ignored.

    Attributes:
        object_row: (D,) int64, row of the object that it matched; -1 for none.
        true_positive: (D,) bool, it matched an object that counts.
        false_positive: (D,) bool, it matched nothing.
        ignored: (D,) bool, it matched an object that does not count, or none and is outside the
            area range.
    """

    object_row: I64
    true_positive: Mask
    false_positive: Mask
    ignored: Mask


@dataclass(frozen=True, eq=False)
class CocoMatches:
    """The matching of a data set, from which everything else is read.

    Attributes:
        state: what became of each detection, without its object.
        n_detections: D, in the input.
        row: (N,) rows in the input of the detections in `state`.
        detection: (P,) row of the detection in each candidate pair: a class, an image, and an IoU
            of at least the lowest threshold.
        object: (P,) row of its object.
        iou: (P,) float64; the overlap with a crowd is over the detection's area.
        won: (P, W) where the pair is a match.
    """

    state: "CocoState"
    n_detections: int
    row: I64
    detection: I64
    object: I64
    iou: F64
    won: Words

    def outcomes(self, iou_threshold: float, area_range: str = "all") -> CocoOutcomes:
        """What each detection came to at one of the thresholds, in one of the area ranges.

        Raises:
            ValueError: the threshold or the range is none of those that were matched at.
        """
        right, neither = self.state.verdicts(iou_threshold, area_range)
        params, layout = self.state.params, _Layout.of(self.state.params)
        place, bit = _place_and_bit(params, layout, iou_threshold, area_range)
        object_row = np.full(self.n_detections, -1, np.int64)
        true_positive, ignored = np.zeros((2, self.n_detections), np.bool_)
        judged = np.zeros(self.n_detections, np.bool_)
        pair = np.flatnonzero(layout.fields(self.won)[:, place] & bit)
        object_row[self.detection[pair]] = self.object[pair]
        true_positive[self.row], ignored[self.row], judged[self.row] = right, neither, True
        return CocoOutcomes(object_row, true_positive, judged & ~(true_positive | ignored), ignored)


@dataclass(frozen=True, eq=False)
class CocoState:
    """What became of the detections in some images: all that the numbers of those need.

    States of other images add up with `merge`. A detection takes 36 bytes by COCO's parameters.

    Attributes:
        params: what was asked for.
        image_ids: (I,) int64, ascending, the images judged; `image` points into it.
        category_ids: (K,) int64, ascending; `label` points into it.
        object_image: (V,) int32, for each class in an image that has objects.
        object_label: (V,) int32.
        object_counts: (V, A) int32, how many count in each area range.
        image: (N,) int32 of each detection, by label, then score descending, then image, then rank.
        label: (N,) int32.
        rank: (N,) int32, how many of its class in its image come before it.
        scores: (N,) float64.
        hit: (N, W) uint64, where it is a true positive.
        ignored: (N, W) uint64, where it is neither right nor wrong.
    """

    params: CocoParams
    image_ids: I64
    category_ids: I64
    object_image: I32
    object_label: I32
    object_counts: I32
    image: I32
    label: I32
    rank: I32
    scores: F64
    hit: Words
    ignored: Words

    def verdicts(self, iou_threshold: float, area_range: str = "all") -> tuple[Mask, Mask]:
        """(N,) which detections are right, and which are neither right nor wrong.

        Raises:
            ValueError: the threshold or the range is none of those that were matched at.
        """
        layout = _Layout.of(self.params)
        place, bit = _place_and_bit(self.params, layout, iou_threshold, area_range)
        hit, ignored = layout.fields(self.hit), layout.fields(self.ignored)
        return (hit[:, place] & bit) != 0, (ignored[:, place] & bit) != 0

    def accumulate(self) -> CocoResult:
        """Precision and recall of all detections, and the twelve numbers."""
        params, layout, n_classes = self.params, _Layout.of(self.params), len(self.category_ids)
        # The sums below run from level to level; what lies below the first belongs to recall 0.
        levels = np.array(params.recall_levels)
        if levels[0] > 0:
            levels = np.append(0.0, levels)
        shape = (len(params.area_ranges), len(params.max_detections), len(params.iou_thresholds))
        # In the order of writing; pycocotools' is a view of it.
        precision: F64 = np.empty((*shape[:2], len(levels), shape[2], n_classes))  # (A, M, R, T, K)
        scores: F64 = np.empty((*shape, n_classes, len(levels)))  # (A, M, T, K, R)
        recall = np.empty((*shape, n_classes))  # (A, M, T, K)
        for area in range(shape[0]):
            counts = np.zeros(n_classes)
            counts += np.bincount(self.object_label, self.object_counts[:, area], n_classes)
            needed = _needed(counts, levels)
            events = _events(self, layout, area)
            for place, limit in enumerate(params.max_detections):
                at = area, place
                matched = _matched(self, layout, area, events, limit)
                _fill_curves(matched, needed, precision[at], scores[at], recall[at])
                recall[at] /= np.maximum(counts, 1)
                # Recall 0 is reached by the first detection, whatever it is.
                scores[at][..., levels == 0] = self._best_scores()[:, None]
                nothing = counts == 0
                precision[at][..., nothing] = recall[at][..., nothing] = -1
                scores[at][:, nothing] = -1
        asked = slice(len(levels) - len(params.recall_levels), None)
        precision = precision[:, :, asked].transpose(3, 2, 4, 0, 1)
        recall = recall.transpose(2, 3, 0, 1)
        stats = _twelve_numbers(params, precision, recall)
        scores = scores[..., asked].transpose(2, 4, 3, 0, 1)
        return CocoResult(stats, precision, recall, scores, self.category_ids, params)

    def _best_scores(self) -> F64:
        """(K,), 0 for a class without a detection."""
        best = np.zeros(len(self.category_ids))
        first = _starts(self.label)
        best[self.label[first]] = self.scores[first]
        return best

    @classmethod
    def merge(cls, states: "Iterable[CocoState]", *, keep_one: bool = False) -> "CocoState":
        """The state of all images of `states`; in whatever order and grouping, the same bits.

        Args:
            states: at least one, all with the same parameters and classes.
            keep_one: what to do with an image that several states have judged differently: True
                to keep one of them (the same one, whatever the order), as is right for images that
                a sampler repeated to fill up a batch; False to refuse it. An image that all have
                judged alike is taken once in either case.

        Raises:
            ValueError: no state, other parameters or classes, an image that was judged differently.
        """
        states = list(states)
        if not states:
            raise ValueError("states is empty: there is nothing to merge")
        for place, state in enumerate(states):
            same_classes = np.array_equal(state.category_ids, states[0].category_ids)
            if state.params != states[0].params or not same_classes:
                raise ValueError(f"states[{place}] has other parameters or classes than states[0]")
        images = _distinct(np.concatenate([state.image_ids for state in states]))
        kept = _kept_images(states, images, keep_one=keep_one)
        own = [
            state._columns(np.searchsorted(images, state.image_ids).astype(np.int32), keep)
            for state, keep in zip(states, kept, strict=True)
        ]
        object_image, object_label, object_counts, image, label, rank, *rest = (
            np.concatenate(column) for column in zip(*own, strict=True)
        )
        of_objects = np.lexsort((object_image, object_label))
        ranks = int(rank.max(initial=0)) + 1
        _, by_image = _sorted_with_places(image.astype(np.int64) * ranks + rank)
        order = by_image[_by_label_and_score(label[by_image], rest[0][by_image])]
        objects = (column[of_objects] for column in (object_image, object_label, object_counts))
        detections = (column[order] for column in (image, label, rank, *rest))
        return cls(states[0].params, images, states[0].category_ids, *objects, *detections)

    def _columns(self, new_image: I32, keep: Mask) -> tuple[NDArray[np.generic], ...]:
        """The columns of the images to keep, with their new positions."""
        objects, detections = keep[self.object_image], keep[self.image]
        return (
            new_image[self.object_image[objects]],
            self.object_label[objects],
            self.object_counts[objects],
            new_image[self.image[detections]],
            *(
                column[detections]
                for column in (self.label, self.rank, self.scores, self.hit, self.ignored)
            ),
        )

    def save(self, path: Path) -> None:
        """Write the state to `path`, in NumPy's `.npz` format."""
        columns = {name: value for name, value in vars(self).items() if name != "params"}
        text = json.dumps({"format": STATE_FORMAT, **asdict(self.params)})
        with Path(path).open("wb") as file:
            np.savez(file, params=np.array(text), **columns)

    @classmethod
    def load(cls, path: Path) -> "CocoState":
        """Read what `save` wrote.

        Raises:
            OSError: there is no such file.
            ValueError: the file is no state, or of another format; names it.
        """
        with Path(path).open("rb") as file:
            try:
                # NumPy checks no sum of a column that its own header cuts short.
                if damaged := ZipFile(file).testzip():
                    raise ValueError(f"{damaged} is damaged")
                file.seek(0)
                with np.load(file, allow_pickle=False) as archive:
                    columns = {name: archive[name] for name in archive.files}
                params = json.loads(str(columns.pop("params")))
                if params.pop("format") != STATE_FORMAT:
                    raise ValueError("of another format")
                state = cls(params=CocoParams(**params), **columns)
                state._check_columns()
            # A damaged archive raises whatever its bytes lead to: zlib.error, TokenError ...
            except Exception as error:
                raise ValueError(f"{path} is no state that this version wrote: {error}") from error
        return state

    def _check_columns(self) -> None:
        """Raise ValueError unless dtypes and shapes are as the attributes are described."""
        layout = _Layout.of(self.params)
        n_objects, n_detections = len(self.object_image), len(self.image)
        shapes: dict[str, tuple[int, ...]] = {
            "image_ids": (len(self.image_ids),),
            "category_ids": (len(self.category_ids),),
            "object_counts": (n_objects, layout.n_ranges),
            "hit": (n_detections, layout.n_words),
            "ignored": (n_detections, layout.n_words),
        }
        dtypes = {"scores": "f8", "hit": "u8", "ignored": "u8"}
        for name in (name for name in vars(self) if name != "params"):
            column = getattr(self, name)
            rows = n_objects if name.startswith("object") else n_detections
            dtype = dtypes.get(name, "i8" if name.endswith("ids") else "i4")
            if column.shape != shapes.get(name, (rows,)) or column.dtype != dtype:
                raise ValueError(f"{name} is {column.dtype} of shape {column.shape}")
            table = self.image_ids if name.endswith("image") else self.category_ids
            if name.endswith(("image", "label")) and column.max(initial=-1) >= len(table):
                raise ValueError(f"{name} points beyond {len(table)} ids")

    def _contents(self, image_ids: I64) -> Iterator[tuple[int, bytes]]:
        """Position and content of those of `image_ids` that are here."""
        positions = np.flatnonzero(np.isin(self.image_ids, image_ids))
        if not len(positions):
            return
        objects, detections = (
            (np.argsort(image, kind="stable"), np.sort(image))
            for image in (self.object_image, self.image)
        )
        columns = (self.label, self.rank, self.scores, self.hit, self.ignored)
        for position in positions.tolist():
            low, high = np.searchsorted(objects[1], [position, position + 1])
            rows = objects[0][low:high]
            parts = [self.object_label[rows].tobytes(), self.object_counts[rows].tobytes()]
            low, high = np.searchsorted(detections[1], [position, position + 1])
            rows = detections[0][low:high]
            yield position, b"".join([*parts, *(column[rows].tobytes() for column in columns)])


def _kept_images(states: Sequence[CocoState], images: I64, *, keep_one: bool) -> list[Mask]:
    """For each state, which of its images it contributes, so that every image comes once."""
    kept: list[Mask] = [np.ones(len(state.image_ids), np.bool_) for state in states]
    given = np.concatenate([state.image_ids for state in states])
    repeated = images[np.bincount(np.searchsorted(images, given), minlength=len(images)) > 1]
    copies: dict[int, list[tuple[bytes, int, int]]] = {image: [] for image in repeated.tolist()}
    for place, state in enumerate(states):
        for position, content in state._contents(repeated):
            copies[int(state.image_ids[position])].append((content, place, position))
    for image, found in copies.items():
        if not keep_one and len({content for content, _, _ in found}) > 1:
            places = [place for _, place, _ in found]
            raise ValueError(f"image {image} was judged differently in states {places}")
        for _, place, position in sorted(found)[1:]:
            kept[place][position] = False
    return kept


class _Events(NamedTuple):
    """The detections that count at some threshold in an area range; the others are ignored at all.

    Attributes:
        place: (E,) places in the state, ascending.
        settled: (E,) field where it is matched or ignored; elsewhere it is a false positive.
        start: (K + 1,) where in `place` a class begins.
    """

    place: I64
    settled: Fields
    start: I64


def _events(state: CocoState, layout: _Layout, area: int) -> _Events:
    hit = layout.fields(state.hit)[:, area]
    settled = hit | layout.fields(state.ignored)[:, area]
    place = np.flatnonzero((settled != layout.full) | (hit != 0))
    label_start = np.searchsorted(state.label, np.arange(len(state.category_ids) + 1))
    return _Events(place, settled[place], np.searchsorted(place, label_start))


class _Matched(NamedTuple):
    """The events that are not plain false positives: the only ones at which precision can rise.

    Attributes:
        hit: (S,) field where it is a true positive.
        ignored: (S,) field where it is ignored.
        scores: (S,).
        down_to: (S,) float64, the events of its class down to it, itself included.
        start: (K + 1,) where a class begins.
    """

    hit: Fields
    ignored: Fields
    scores: F64
    down_to: F64
    start: I64


def _matched(state: CocoState, layout: _Layout, area: int, events: _Events, limit: int) -> _Matched:
    """Of the events, those with less than `limit` of their class before them in their image."""
    place, settled, event_start = events
    if state.rank.max(initial=0) >= limit:
        kept = np.flatnonzero(np.take(state.rank, place) < limit)
        place, settled = np.take(place, kept), np.take(settled, kept)
        event_start = np.searchsorted(kept, event_start)
    event = np.flatnonzero(settled != 0)
    start = np.searchsorted(event, event_start)
    down_to: F64 = event + np.float64(1)
    down_to -= np.repeat(event_start[:-1], np.diff(start))
    place, settled = np.take(place, event), np.take(settled, event)
    hit = layout.fields(state.hit)[place, area]
    return _Matched(hit, settled & ~hit, np.take(state.scores, place), down_to, start)


def _needed(counts: F64, levels: F64) -> I64:
    """(K, R), the first number of true positives k with k / count >= level, as float64 has it."""
    counts = np.maximum(counts, 1)[:, None]
    # The rounding of product and quotient is less than one count: one step either way mends it.
    needed = np.ceil(levels * counts)
    needed -= (needed - 1) / counts >= levels
    needed += needed / counts < levels
    return needed.astype(np.int64)


def _fill_curves(matched: _Matched, needed: I64, precision: F64, scores: F64, recall: F64) -> None:
    """Fill in (R, T, K) precision, (T, K, R) scores, and (T, K) true positives as `recall`.

    The best precision at a recall or beyond is reached at a true positive. So for each level the
    best of the true positives from there to the next level is taken, and then, from the last level
    back, the best so far. What comes before a true positive is `down_to` less what is ignored.
    """
    # An additional entry at the end is where levels that are not reached point to.
    some_ignored = np.bitwise_or.reduce(matched.ignored, initial=0)
    first = np.maximum(needed - 1, 0)
    for t in range(len(recall)):
        bit = matched.hit.dtype.type(1 << t)
        at = np.flatnonzero((matched.hit & bit) != 0)
        start = np.searchsorted(at, matched.start)
        start, found = start[:-1], np.diff(start)
        seen = np.take(matched.down_to, at)
        if some_ignored & bit:
            gone = np.zeros(len(matched.ignored) + 1)
            np.cumsum((matched.ignored & bit) != 0, out=gone[1:])
            seen -= np.take(gone, at) - np.repeat(gone[matched.start[:-1]], found)
        number = np.arange(1.0, len(at) + 1)
        number -= np.repeat(start.astype(np.float64), found)
        best = np.zeros(len(at) + 1)
        # The epsilon is in pycocotools' formula, and in its numbers.
        np.divide(number, seen + np.spacing(1), out=best[:-1])
        reach = np.minimum(first, found[:, None])
        beyond = reach == found[:, None]
        reach += start[:, None]
        between = np.maximum.reduceat(best, reach.ravel()).reshape(reach.shape)
        between[beyond] = 0
        precision[:, t] = between.T
        np.take(np.append(np.take(matched.scores, at), 0.0), reach, out=scores[t])
        scores[t][beyond] = 0
        recall[t] = found
    for level in range(len(precision) - 2, -1, -1):
        np.maximum(precision[level], precision[level + 1], out=precision[level])


def _twelve_numbers(params: CocoParams, precision: F64, recall: F64) -> F64:
    """Means over what is defined, in the order in which pycocotools adds it up."""
    names = [one[0] for one in params.area_ranges]

    def mean(array: F64, area: str, limit: int, iou_threshold: float | None = None) -> float:
        if area not in names:
            return -1.0
        chosen = array[..., names.index(area), limit]
        if iou_threshold is not None:
            chosen = chosen[np.array(params.iou_thresholds) == iou_threshold]
        defined = chosen[chosen > -1]
        return float(np.mean(defined)) if defined.size else -1.0

    last = len(params.max_detections) - 1
    sizes = ("small", "medium", "large")
    return np.array(
        [
            *(mean(precision, "all", last, threshold) for threshold in (None, 0.5, 0.75)),
            *(mean(precision, size, last) for size in sizes),
            *(mean(recall, "all", limit) for limit in (0, min(1, last), last)),
            *(mean(recall, size, last) for size in sizes),
        ]
    )


class CocoStream:
    """A data set judged batch by batch: all that is left for the end is to accumulate.

    Args:
        params: what is asked for.
    """

    def __init__(self, params: CocoParams = COCO) -> None:
        self.params = params
        self._states: list[CocoState] = []

    def update(self, batch: CocoData) -> None:
        """Judge the images of `batch.image_ids`; none of them may come again, or only the same.

        `batch.category_ids` are the classes of the whole data set in every batch.
        """
        self._states.append(batch.state(self.params))

    def state(self, *, keep_one: bool = False) -> CocoState:
        """All batches so far, as one state; `keep_one` and errors as in `CocoState.merge`.

        Before the first batch there is no state, and that is a ValueError.
        """
        if not self._states:
            raise ValueError("no batch was given to update: there is no state")
        merged = CocoState.merge(self._states, keep_one=keep_one)
        self._states = [merged]
        return merged
