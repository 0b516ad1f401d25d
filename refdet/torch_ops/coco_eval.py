"""A whole data set judged by COCO's rules on the device: the twin of `core.coco_eval`.

For detections that are there already. Nothing here loops over images, classes or detections:

1. `_ordered_detections`: ids become positions; detections are sorted by class and score.
2. `_candidate_pairs`: a detection and an object of its class and image that overlap enough.
3. `_wishes`: at each IoU threshold in each area range, whom a detection would take, in order.
4. `_granted`: all detections ask at once, and those that are refused ask again.
5. `_finds`: how many true positives there are down to each, and how many detections that count.
6. `_curves`: precision, recall and scores at every recall level.
7. `_twelve_numbers`: their means.

The host waits where it cannot go on without a number: for the number of classes, of pairs, of pairs
that overlap enough, of wishes, of detections with several wishes, and after every `ROUNDS` rounds
of asking for whether anybody was refused. Malformed values are read along with the second. The
parameters are sent at the start, in one piece.

The arrays equal those of core bit for bit, which rests on one kernel for each operation. Do not
compile this: a compiler would join products and sums, and round once where two roundings are due.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from operator import index
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import pad
from torch.nn.utils.rnn import pad_sequence

HIGHEST_IOU = 1 - 1e-10  # a threshold above is lowered to this, so that rounding costs no match
LEAF = 128  # so many numbers NumPy adds without halving them
ROUNDS = 8  # between two waits; rounds in vain change nothing


class AreaRange(NamedTuple):
    """Objects and detections of `low` to `high` square pixels, both included."""

    name: str
    low: float
    high: float


@dataclass(frozen=True)
class CocoParams:
    """What is asked for; by default COCO's own numbers. As in core, whose own do as well.

    Attributes:
        iou_thresholds: T <= 64, ascending, each in (0, 1].
        recall_levels: R, ascending, each in [0, 1].
        area_ranges: A; those named "all", "small", "medium" and "large" give the twelve numbers.
        max_detections: M; sorted here. So many of a class in an image count, the best first.
        class_agnostic: judge all classes as one.
    """

    # NumPy's `linspace(0.5, 0.95, 10)` and `linspace(0, 1, 101)`, to the last bit.
    iou_thresholds: Sequence[float] = (*(k * ((0.95 - 0.5) / 9) + 0.5 for k in range(9)), 0.95)
    recall_levels: Sequence[float] = tuple(k * 0.01 for k in range(101))
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


@dataclass(frozen=True, eq=False)
class CocoResult:
    """pycocotools' arrays, on the device; -1 where a class has nothing to find in a range.

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

    stats: Tensor
    precision: Tensor
    recall: Tensor
    scores: Tensor
    category_ids: Tensor
    params: CocoParams


def evaluate_coco(
    *,
    gt_image_ids: Tensor,
    gt_labels: Tensor,
    gt_boxes_xywh: Tensor,
    gt_area: Tensor,
    gt_crowd: Tensor,
    dt_image_ids: Tensor,
    dt_labels: Tensor,
    dt_boxes_xywh: Tensor,
    dt_scores: Tensor,
    image_ids: Tensor,
    category_ids: Tensor,
    gt_ignore: Tensor | None = None,
    params: CocoParams = COCO,
) -> CocoResult:
    """Average precision and recall of a data set: pycocotools' arrays, bit for bit.

    Of equal scores, the detection of the lower image id comes first, then the earlier row; of
    equal overlaps, the later object is taken. What is in no image of `image_ids`, or of no class of
    `category_ids`, is left out, as pycocotools does. All tensors lie on one device, which must have
    float64.

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
    given = {
        "gt_image_ids": gt_image_ids,
        "gt_labels": gt_labels,
        "gt_boxes_xywh": gt_boxes_xywh,
        "gt_area": gt_area,
        "gt_crowd": gt_crowd,
        "gt_ignore": torch.zeros_like(gt_crowd) if gt_ignore is None else gt_ignore,
        "dt_image_ids": dt_image_ids,
        "dt_labels": dt_labels,
        "dt_boxes_xywh": dt_boxes_xywh,
        "dt_scores": dt_scores,
        "image_ids": image_ids,
        "category_ids": category_ids,
    }
    columns = {name: _checked_column(given, name) for name in given}
    asked = _Asked.of(columns, params)
    detections, objects = _ordered_detections(columns, asked), _ordered_objects(columns, asked)
    pairs = _candidate_pairs(detections, objects, asked, given)
    wishes = _wishes(pairs, detections, objects, asked)
    finds = _finds(wishes, _granted(wishes), detections, asked)
    # (M, T, A, K, R), and (M, T, A, K): pycocotools' arrays are views of it.
    precision, scores, recall = _curves(finds, wishes, detections, objects, asked)
    precision, scores = (curve.permute(1, 4, 3, 2, 0) for curve in (precision, scores))
    recall = recall.permute(1, 3, 2, 0)
    as_one = asked.categories.new_full((1,), -1)
    return CocoResult(
        stats=_twelve_numbers(params, precision, recall),
        precision=precision,
        recall=recall,
        scores=scores,
        category_ids=as_one if params.class_agnostic else asked.categories,
        params=params,
    )


def _checked_column(columns: dict[str, Tensor], name: str) -> Tensor:
    """An input column as int64, float64 or bool, whichever its name asks for."""
    column = columns[name]
    is_real = column.dtype != torch.bool and not column.is_complex()
    dtype, what, fits = torch.float64, "a real dtype", is_real
    if name.endswith(("crowd", "ignore")):
        dtype, what, fits = torch.bool, "dtype bool", column.dtype == torch.bool
    elif name.endswith(("ids", "labels")):
        dtype, what, fits = torch.int64, "integers", is_real and not column.is_floating_point()
    # An empty list has no dtype to speak of.
    if column.numel() and not fits:
        raise TypeError(f"{name} must be of {what}, got {column.dtype}")
    n_rows = len(columns[f"{name[:3]}image_ids" if name.startswith(("gt_", "dt_")) else name])
    shape = (n_rows, 4) if name.endswith("xywh") else (n_rows,)
    if column.shape != shape:
        raise ValueError(f"{name} must have shape {shape}, got {tuple(column.shape)}")
    return column.detach().to(dtype)


def _on_host(number: Tensor, given: dict[str, Tensor]) -> int:
    """The number, and with it whether any value is malformed: ValueError for the first such row."""
    bad = {("dt_scores", "is NaN"): given["dt_scores"].isnan()}
    for name in ("gt_boxes_xywh", "dt_boxes_xywh", "gt_area"):
        values = given[name] if name.endswith("xywh") else given[name][:, None]
        bad[name, "is not finite"] = ~values.isfinite().all(1)
        bad[name, "has a negative size"] = (values[:, -2:] < 0).any(1)
    for name in (name for name, column in given.items() if column.dtype == torch.uint64):
        bad[name, "is no int64"] = given[name].long() < 0
    on_host, *is_bad = torch.stack([number, *(rows.any() for rows in bad.values())]).tolist()
    if any(is_bad):
        (name, what), rows = [*bad.items()][is_bad.index(1)]
        row = int(rows.int().argmax())
        raise ValueError(f"{name}[{row}] = {given[name][row].tolist()} {what}")
    return int(on_host)


class _Asked(NamedTuple):
    """What is asked for, on the device.

    Attributes:
        images: (I,) int64, ascending, with repetitions.
        categories: (K,) int64, ascending.
        n_classes: K, or 1 if all classes are judged as one.
        thresholds: (T,) float64.
        levels: (R,) float64.
        lows: (A, 1) float64, where an area range begins.
        highs: (A, 1) float64, where it ends.
        limits: (M, 1) float64.
        params: the same on the host.
    """

    images: Tensor
    categories: Tensor
    n_classes: int
    thresholds: Tensor
    levels: Tensor
    lows: Tensor
    highs: Tensor
    limits: Tensor
    params: CocoParams

    @classmethod
    def of(cls, columns: dict[str, Tensor], params: CocoParams) -> "_Asked":
        categories: Tensor = columns["category_ids"].unique()  # the host waits
        thresholds = [min(threshold, HIGHEST_IOU) for threshold in params.iou_thresholds]
        _, lows, highs = zip(*params.area_ranges, strict=True)
        parts = (thresholds, params.recall_levels, lows, highs, params.max_detections)
        # In one piece, since the host waits for each that is sent.
        numbers = torch.tensor(
            [number for part in parts for number in part],
            dtype=torch.float64,
            device=categories.device,
        )
        reached, levels, low, high, limits = numbers.split([len(part) for part in parts])
        return cls(
            images=columns["image_ids"].sort().values,
            categories=categories,
            n_classes=1 if params.class_agnostic else len(categories),
            thresholds=reached,
            levels=levels,
            lows=low[:, None],
            highs=high[:, None],
            limits=limits[:, None],
            params=params,
        )


class _Detections(NamedTuple):
    """All detections, by class, then score descending, then image, then input.

    Attributes:
        boxes_xywh: (N, 4).
        scores: (N,).
        label: (N,) position of the class; K for what is in no image or class that is asked for.
        group: (N,) the class and the image as one number.
        rank: (N,) how many of its group come before it.
        class_start: (K + 1,) where a class begins.
        inside: (A, N) whether its area is in the range.
    """

    boxes_xywh: Tensor
    scores: Tensor
    label: Tensor
    group: Tensor
    rank: Tensor
    class_start: Tensor
    inside: Tensor


def _ordered_detections(columns: dict[str, Tensor], asked: _Asked) -> _Detections:
    row, label, group = _by_image(columns, "dt", asked)
    # Adding 0 turns -0 into 0, with which it is tied.
    by_score = (columns["dt_scores"][row] + 0.0).sort(descending=True, stable=True).indices
    order = by_score[label[by_score].sort(stable=True).indices]
    row, label, group = row[order], label[order], group[order]
    ordered, place = group.sort(stable=True)
    number = torch.arange(len(group), device=group.device)
    start = torch.where(_is_first(ordered), number, 0).cummax(0).values
    rank = torch.empty_like(group).scatter_(0, place, number - start)
    classes = torch.arange(asked.n_classes + 1, device=label.device)
    class_start = torch.searchsorted(label, classes)
    boxes_xywh, scores = columns["dt_boxes_xywh"][row], columns["dt_scores"][row]
    area = boxes_xywh[:, 2] * boxes_xywh[:, 3]
    inside = (area >= asked.lows) & (area <= asked.highs)
    return _Detections(boxes_xywh, scores, label, group, rank, class_start, inside)


def _by_image(
    columns: dict[str, Tensor], side: str, asked: _Asked
) -> tuple[Tensor, Tensor, Tensor]:
    """The rows by image, then input: COCO's order of ties; the class and the group of each.

    Of classes that are judged as one, pycocotools strings those of an image together.
    """
    image, in_images = _positions(columns[f"{side}_image_ids"], asked.images)
    label, in_classes = _positions(columns[f"{side}_labels"], asked.categories)
    row = (image * (len(asked.categories) + 1) + label).sort(stable=True).indices
    if asked.params.class_agnostic:
        label = torch.zeros_like(label)
    label = torch.where(in_images & in_classes, label, asked.n_classes)[row]
    return row, label, label * len(asked.images) + image[row]


def _positions(ids: Tensor, table: Tensor) -> tuple[Tensor, Tensor]:
    """The first place of each id in the ascending `table`, and whether it is there."""
    place = torch.searchsorted(table, ids)
    beyond = torch.cat([table, table.new_zeros(1)])[place]
    return place, (place < len(table)) & (beyond == ids)


def _is_first(keys: Tensor) -> Tensor:
    """Where each run of equal keys begins."""
    new = torch.ones_like(keys, dtype=torch.bool)
    new[1:] = keys[1:] != keys[:-1]
    return new


class _Objects(NamedTuple):
    """All objects, by class, then image, then input.

    Attributes:
        boxes_xywh: (G, 4).
        crowd: (G,).
        group: (G,) the class and the image as one number, ascending.
        regular: (A, G) where the object counts.
        counts: (A, K) how many of a class count.
    """

    boxes_xywh: Tensor
    crowd: Tensor
    group: Tensor
    regular: Tensor
    counts: Tensor


def _ordered_objects(columns: dict[str, Tensor], asked: _Asked) -> _Objects:
    row, label, group = _by_image(columns, "gt", asked)
    group, order = group.sort(stable=True)
    row, label = row[order], label[order]
    area, crowd = columns["gt_area"][row], columns["gt_crowd"][row]
    counted = ~(crowd | columns["gt_ignore"][row])
    regular = counted & (area >= asked.lows) & (area <= asked.highs)
    counts = label.new_zeros(len(regular), asked.n_classes + 1)
    counts.scatter_add_(1, label.expand(len(regular), -1), regular.long())
    return _Objects(columns["gt_boxes_xywh"][row], crowd, group, regular, counts[:, :-1])


class _Pairs(NamedTuple):
    """A detection and an object of its group, at or above the lowest threshold.

    They come by IoU descending, then detection, then object from the last to the first.
    """

    detection: Tensor
    object: Tensor
    iou: Tensor


def _candidate_pairs(
    detections: _Detections, objects: _Objects, asked: _Asked, given: dict[str, Tensor]
) -> _Pairs:
    judged = (detections.label < asked.n_classes) & (detections.rank < asked.limits[-1])
    begin = torch.searchsorted(objects.group, detections.group)
    end = torch.searchsorted(objects.group, detections.group, right=True)
    count = torch.where(judged, end - begin, 0)
    summed = count.cumsum(0)
    n_pairs = _on_host(count.sum(), given)
    place = torch.arange(n_pairs, device=count.device)
    detection = torch.repeat_interleave(count, output_size=n_pairs)
    # Later objects first: of equal overlaps, theirs is taken.
    obj = (end + summed - count)[detection] - 1 - place
    iou = _overlaps(detections.boxes_xywh[detection], objects.boxes_xywh[obj], objects.crowd[obj])
    reached = (iou >= asked.thresholds[0]).nonzero().squeeze(1)  # the host waits
    iou, order = iou[reached].sort(descending=True, stable=True)
    return _Pairs(detection[reached][order], obj[reached][order], iou)


def _overlaps(found: Tensor, true: Tensor, crowd: Tensor) -> Tensor:
    """(P,) IoU by pycocotools' own operations in its order, since every bit counts."""
    far = torch.minimum(found[:, :2] + found[:, 2:], true[:, :2] + true[:, 2:])
    width, height = (far - torch.maximum(found[:, :2], true[:, :2])).clamp(min=0).unbind(1)
    inside = width * height
    own = found[:, 2] * found[:, 3]
    union = own + true[:, 2] * true[:, 3] - inside
    # An empty union shares nothing: NaN reaches no threshold.
    return inside / torch.where(crowd, own, union)


class _Wishes(NamedTuple):
    """At a threshold in an area range: an object that a detection reaches.

    They come by threshold, then range, then detection, and then in the order in which it prefers
    its objects: those that count, then those that are ignored.

    Attributes:
        asker: (E,) threshold, range and detection as one number, ascending.
        slot: (E,) threshold, range and object as one number. A crowd has a slot for each wish,
            since it gives itself to all.
        n_slots: more than the highest of them.
        curve: (E,) threshold, range and class as one number, ascending.
        area: (E,) the range.
        detection: (E,).
        regular: (E,) whether the object counts there.
    """

    asker: Tensor
    slot: Tensor
    n_slots: int
    curve: Tensor
    area: Tensor
    detection: Tensor
    regular: Tensor


def _wishes(pairs: _Pairs, detections: _Detections, objects: _Objects, asked: _Asked) -> _Wishes:
    n_ranges, n_objects = objects.regular.shape
    n_detections, n_thresholds = len(detections.scores), len(asked.thresholds)
    areas = torch.arange(n_ranges, device=pairs.iou.device)[:, None]
    asker = areas * n_detections + pairs.detection  # (A, P)
    regular = objects.regular[:, pairs.object]
    order = (2 * asker + ~regular).flatten().sort(stable=True).indices
    reached = pairs.iou.repeat(n_ranges)[order] >= asked.thresholds[:, None]  # (T, A P)
    threshold, place = reached.nonzero(as_tuple=True)  # the host waits
    wish = order[place]
    area = areas.expand_as(asker).flatten()[wish]
    detection = pairs.detection.repeat(n_ranges)[wish]
    obj = pairs.object.repeat(n_ranges)[wish]
    world = threshold * n_ranges + area
    n_slots = n_thresholds * n_ranges * n_objects
    own_slot = torch.arange(n_slots, n_slots + len(wish), device=wish.device)
    return _Wishes(
        asker=world * n_detections + detection,
        slot=torch.where(objects.crowd[obj], own_slot, world * n_objects + obj),
        n_slots=n_slots + len(wish),
        curve=world * asked.n_classes + detections.label[detection],
        area=area,
        detection=detection,
        regular=regular.flatten()[wish],
    )


def _granted(wishes: _Wishes) -> Tensor:
    """(E,) the wishes that come true.

    All ask at once for what they like best. Each object keeps the best of its suitors, and those
    that it refuses ask for their next. As all objects agree on who is better, that ends as if the
    detections had chosen one after the other. A detection is known by its first wish.
    """
    first = _is_first(wishes.asker)
    last = first.roll(-1)
    place = torch.arange(len(first), device=first.device)
    keeper = place.new_full((wishes.n_slots,), len(first))
    keeper.scatter_reduce_(0, wishes.slot, place.where(first, len(first)), "amin")
    # Those with one wish have asked already, and never ask for another.
    asking = (first & ~last).nonzero().squeeze(1)  # the host waits
    end = torch.searchsorted(wishes.asker, wishes.asker[asking], right=True) - 1
    wish, waiting = asking, len(asking) > 0
    while waiting:
        for _ in range(ROUNDS):
            slot = wishes.slot[wish]
            keeper.scatter_reduce_(0, slot, asking, "amin")
            before, wish = wish, torch.minimum(wish + (keeper[slot] < asking), end)
        waiting = not torch.equal(before, wish)  # the host waits
    granted = first & last & (keeper[wishes.slot] == place)
    granted[wish] = keeper[wishes.slot[wish]] == asking
    return granted


class _Finds(NamedTuple):
    """What the wishes that come true make of the curves.

    Attributes:
        hit: (M, E) where it is a true positive among the first detections of its group.
        number: (M, E) the true positives of its curve down to it.
        precision: (M, E) their share of the detections down to it that count.
        found: (M, T, A, K) all true positives of a curve.
    """

    hit: Tensor
    number: Tensor
    precision: Tensor
    found: Tensor


def _finds(wishes: _Wishes, granted: Tensor, detections: _Detections, asked: _Asked) -> _Finds:
    within = detections.rank < asked.limits  # (M, N)
    inside = (within[:, None] & detections.inside).cumsum(2)  # (M, A, N)
    inside -= _padded(inside)[..., detections.class_start[detections.label]]
    # A detection counts where it is inside the range and not ignored, and where it is outside and
    # right: one more than those inside, or one fewer.
    more = wishes.regular.long() - detections.inside[wishes.area, wishes.detection].long()
    valid = within[:, wishes.detection] & granted
    hit = valid & wishes.regular
    sums = torch.stack([hit.long(), valid * more]).cumsum(2)  # (2, M, E)
    n_curves = len(asked.thresholds) * len(asked.lows) * asked.n_classes
    curve_start = torch.searchsorted(
        wishes.curve, torch.arange(n_curves + 1, device=granted.device)
    )
    at_start = _padded(sums)[..., curve_start]
    number, more = sums - at_start[..., wishes.curve]
    seen = inside[:, wishes.area, wishes.detection] + more
    # The epsilon is in pycocotools' formula, and in its numbers.
    precision = number / (seen.double() + sys.float_info.epsilon)
    shape = len(within), len(asked.thresholds), len(asked.lows), asked.n_classes
    return _Finds(hit, number, precision, at_start[0].diff().view(shape))


def _padded(sums: Tensor) -> Tensor:
    """Running sums with the 0 in front."""
    return pad(sums, (1, 0))


def _curves(
    finds: _Finds, wishes: _Wishes, detections: _Detections, objects: _Objects, asked: _Asked
) -> tuple[Tensor, Tensor, Tensor]:
    """(M, T, A, K, R) precision and scores, and (M, T, A, K) recall.

    Precision at a level is the best from there on. Its score is that of the first true positive
    from there on. So each true positive is entered at the last level that it reaches, and then,
    from the last level back, the best is carried on: in integers, whose order is also that of the
    bits of positive floats.
    """
    n_detections, n_levels = len(detections.scores), len(asked.levels)
    curve = torch.arange(finds.found.numel(), device=wishes.curve.device)  # (M T A K)
    curve = curve.view(len(finds.hit), -1)[:, wishes.curve]  # (M, E)
    # One more level, for what does not reach the first.
    entry = curve * (n_levels + 1) + _levels_reached(finds.number, wishes, objects, asked)
    earliness = (n_detections - wishes.detection).expand_as(entry)  # 0 is nobody
    values = torch.stack([finds.precision.view(torch.int64), earliness]) * finds.hit
    best = entry.new_zeros(2, finds.found.numel() * (n_levels + 1))
    best.scatter_reduce_(1, entry.flatten().expand(2, -1), values.flatten(1), "amax")
    best = best.view(2, *finds.found.shape, n_levels + 1)
    best = best.flip(-1).cummax(-1).values.flip(-1)[..., 1:]
    precision, score = best[0].view(torch.float64), _padded(detections.scores.flip(0))
    scores = score[best[1]]
    if asked.params.recall_levels[0] == 0:
        # Recall 0 is reached by the first detection, whatever it is.
        start = detections.class_start
        scores[..., 0] = score[(n_detections - start[:-1]).where(start.diff() > 0, 0)]
    nothing = objects.counts == 0
    for curves in (precision, scores):
        curves.masked_fill_(nothing[..., None], -1)
    recall = (finds.found.double() / objects.counts.clamp(min=1)).masked_fill_(nothing, -1)
    return precision, scores, recall


def _levels_reached(number: Tensor, wishes: _Wishes, objects: _Objects, asked: _Asked) -> Tensor:
    """(M, E) how many recall levels so many true positives reach.

    From a table with a row for each range and class, of the levels reached by 0, 1 ... count + 1.
    """
    needed = _needed(objects.counts, asked.levels)  # (A, K, R)
    width = objects.counts.flatten() + 2
    start = width.cumsum(0) - width
    table = width.new_zeros(objects.regular.numel() + 2 * len(width))  # at least all rows
    at = (start[:, None] + needed.flatten(0, 1)).flatten()
    reached = table.scatter_add_(0, at, torch.ones_like(at)).cumsum(0)
    row = wishes.curve % max(1, len(width))
    # All earlier rows have reached all levels.
    return reached[start[row] + number] - row * len(asked.levels)


def _needed(counts: Tensor, levels: Tensor) -> Tensor:
    """(..., R), the least number of true positives k with k / count >= level in float64."""
    count = counts.clamp(min=1).double()[..., None]
    # The rounding of product and quotient is less than one count: one step either way mends it.
    needed = (levels * count).ceil()
    needed = torch.where((needed - 1) / count >= levels, needed - 1, needed)
    return torch.where(needed / count < levels, needed + 1, needed).long()


def _twelve_numbers(params: CocoParams, precision: Tensor, recall: Tensor) -> Tensor:
    names = [one[0] for one in params.area_ranges]

    def chosen(array: Tensor, area: str, limit: int, iou_threshold: float | None = None) -> Tensor:
        """(T, ...), -1 for what is not asked for."""
        nothing = torch.full_like(array[..., 0, limit], -1)
        if area not in names:
            return nothing
        everything = array[..., names.index(area), limit]
        if iou_threshold is None:
            return everything
        if iou_threshold in params.iou_thresholds:
            place = params.iou_thresholds.index(iou_threshold)
            nothing[place] = everything[place]
        return nothing

    last = len(params.max_detections) - 1
    sizes = ("small", "medium", "large")
    slices = [
        *(chosen(precision, "all", last, threshold) for threshold in (None, 0.5, 0.75)),
        *(chosen(precision, size, last) for size in sizes),
        *(chosen(recall, "all", limit) for limit in (0, min(1, last), last)),
        *(chosen(recall, size, last) for size in sizes),
    ]
    rows = [one.flatten() for one in slices]
    return _means(pad_sequence(rows, batch_first=True, padding_value=-1.0))


def _means(values: Tensor) -> Tensor:
    """(S,) means of what is not negative in the rows of (S, L); -1 where nothing is."""
    defined = values >= 0
    count = defined.sum(1)
    # What is defined moves to the front; the rest goes to a column at the end.
    length = values.shape[1]
    place = torch.where(defined, defined.cumsum(1) - 1, length + LEAF)
    packed = values.new_zeros(len(values), length + LEAF + 1).scatter_(1, place, values)
    return torch.where(count > 0, _numpy_sums(packed, count) / count, -1)


def _numpy_sums(values: Tensor, count: Tensor) -> Tensor:
    """(S,) sums of the first `count` of each row, in NumPy's order: so they round alike.

    NumPy halves what it adds until `LEAF` numbers are left. Of these it sums every eighth, then
    these eight sums in pairs, and adds the up to seven that are over, one by one.
    """
    sizes, largest, n_halvings = count[:, None], values.shape[1], 0
    while largest > LEAF:
        left = torch.where(sizes > LEAF, sizes // 16 * 8, sizes)
        sizes = torch.stack([left, sizes - left], dim=2).flatten(1)
        largest, n_halvings = largest // 2 + 8, n_halvings + 1
    start = sizes.cumsum(1) - sizes
    even = sizes // 8 * 8
    column = torch.arange(LEAF, device=values.device)
    places = (start[..., None] + column).flatten(1)
    leaves = values.gather(1, places).view(*sizes.shape, LEAF)
    leaves = leaves.where(column < even[..., None], 0).view(*sizes.shape, LEAF // 8, 8)
    sums = leaves[..., 0, :]
    for row in range(1, LEAF // 8):
        sums = sums + leaves[..., row, :]
    for _ in range(3):
        sums = sums[..., 0::2] + sums[..., 1::2]
    total = sums.squeeze(-1)
    for over in range(7):
        last = values.gather(1, start + even + over)
        total = total + last.where(over < sizes - even, 0)
    for _ in range(n_halvings):
        total = total[:, 0::2] + total[:, 1::2]
    return total[:, 0]
