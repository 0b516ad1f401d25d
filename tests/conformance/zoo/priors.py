"""Priors and anchors as people got them wrong, each beside the right one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

from refdet.core.priors import PriorClip, SSDPriorSpec
from tests.conformance.zoo.specimen import Right, Wrong

F64 = NDArray[np.float64]
Size = tuple[int, int]
Pair = tuple[float, float]

# --- SSD's priors: where a cell's priors lie, which shapes they have, how they are clipped ---

Centre = Callable[[SSDPriorSpec, int, int, int], Pair]
Shapes = Callable[[SSDPriorSpec, int], list[Pair]]
Clip = Callable[[SSDPriorSpec, F64], F64]


def cells_per_image(spec: SSDPriorSpec, k: int) -> Pair:
    """How many cells of map `k` the image is high and wide."""
    if spec.steps is None:
        return spec.grid_sizes[k]
    return spec.image_size[0] / spec.steps[k], spec.image_size[1] / spec.steps[k]


def centre(spec: SSDPriorSpec, k: int, i: int, j: int) -> Pair:
    """Of cell (i, j) of map `k`."""
    rows, columns = cells_per_image(spec, k)
    return (j + 0.5) / columns, (i + 0.5) / rows


def centre_of_a_square_map(spec: SSDPriorSpec, k: int, i: int, j: int) -> Pair:
    rows, _ = cells_per_image(spec, k)
    return (j + 0.5) / rows, (i + 0.5) / rows


def shapes(spec: SSDPriorSpec, k: int) -> list[Pair]:
    """The widths and heights of a cell's priors."""
    scale, following = (*spec.scales, 1.0)[k : k + 2]
    between = (scale * following) ** 0.5
    found = [(scale, scale), (between, between)]
    for ratio in spec.aspect_ratios[k]:
        wide, low = scale * ratio**0.5, scale / ratio**0.5
        found += [(wide, low), (low, wide)]
    return found


def shapes_of_one_square(spec: SSDPriorSpec, k: int) -> list[Pair]:
    first, _, *others = shapes(spec, k)
    return [first, *others]


def shapes_square_in_pixels(spec: SSDPriorSpec, k: int) -> list[Pair]:
    height, width = spec.image_size
    return [(w * height / width, h) for w, h in shapes(spec, k)]


def clip(spec: SSDPriorSpec, priors: F64) -> F64:
    """As the spec says."""
    middle, half = priors[:, :2], priors[:, 2:] / 2
    if spec.clip is PriorClip.CENTER_SIZE:
        return np.hstack([middle, np.minimum(2 * half, 1.0)])
    if spec.clip is PriorClip.CORNERS:
        low, high = np.clip(middle - half, 0, 1), np.clip(middle + half, 0, 1)
        return np.hstack([(low + high) / 2, high - low])
    return priors


def clip_four_numbers(spec: SSDPriorSpec, priors: F64) -> F64:
    return priors if spec.clip is PriorClip.NONE else np.clip(priors, 0.0, 1.0)


def built(spec: SSDPriorSpec, centre: Centre, shapes: Shapes, clip: Clip) -> F64:
    """Map by map, row by row, cell by cell, shape by shape."""

    def rows() -> Iterator[tuple[float, ...]]:
        for k, (height, width) in enumerate(spec.grid_sizes):
            for i in range(height):
                for j in range(width):
                    yield from ((*centre(spec, k, i, j), *shape) for shape in shapes(spec, k))

    return clip(spec, np.array(list(rows()), dtype=np.float64).reshape(-1, 4))


ssd_priors = partial(built, centre=centre, shapes=shapes, clip=clip)

# --- A proposal network's anchors: around (0, 0), then moved to every cell ---

Cell = Callable[[Sequence[float], Sequence[float]], F64]
Shifts = Callable[[Size, Size], F64]


def cell(sizes: Sequence[float], ratios: Sequence[float]) -> F64:
    """(ratios * sizes, 4) around (0, 0), in whole pixels."""
    shapes = [(size / ratio**0.5, size * ratio**0.5) for ratio in ratios for size in sizes]
    corners: F64 = np.array([(-w / 2, -h / 2, w / 2, h / 2) for w, h in shapes])
    return np.rint(corners)


def cell_height_first(sizes: Sequence[float], ratios: Sequence[float]) -> F64:
    return cell(sizes, ratios)[:, [1, 0, 3, 2]]


def cell_to_the_last_pixel(sizes: Sequence[float], ratios: Sequence[float]) -> F64:
    return cell(sizes, ratios) - [0, 0, 1, 1]


def shifts(image_size: Size, size: Size) -> F64:
    """(cells, 4), row by row."""
    stride_y, stride_x = image_size[0] // size[0], image_size[1] // size[1]
    corners = [(j * stride_x, i * stride_y) for i in range(size[0]) for j in range(size[1])]
    return np.array(corners, dtype=np.float64)[:, [0, 1, 0, 1]]


def shifts_to_the_middle(image_size: Size, size: Size) -> F64:
    stride_y, stride_x = image_size[0] // size[0], image_size[1] // size[1]
    half: F64 = np.array([stride_x, stride_y] * 2) // 2
    return shifts(image_size, size) + half


def shifts_column_by_column(image_size: Size, size: Size) -> F64:
    by_row = shifts(image_size, size).reshape(*size, 4)
    return by_row.transpose(1, 0, 2).reshape(-1, 4)


def placed(
    image_size: Size,
    feature_maps: Sequence[Size],
    sizes: Sequence[Sequence[float]],
    aspect_ratios: Sequence[Sequence[float]],
    cell: Cell,
    shifts: Shifts,
) -> F64:
    """Level by level, each shift with each anchor of the cell."""
    anchors = [np.zeros((0, 4))]
    for size, level_sizes, ratios in zip(feature_maps, sizes, aspect_ratios, strict=True):
        if size[0] > image_size[0] or size[1] > image_size[1]:
            raise ValueError(f"{size} is larger than {image_size}")
        moved = shifts(image_size, size)[:, None] + cell(level_sizes, ratios)
        anchors.append(moved.reshape(-1, 4))
    return np.concatenate(anchors)


rpn_anchors = partial(placed, cell=cell, shifts=shifts)

RIGHT = (Right("ssd_priors", ssd_priors), Right("rpn_anchors", rpn_anchors))

ZOO = (
    Wrong(
        "ssd_priors",
        "maps-taken-for-squares",
        partial(ssd_priors, centre=centre_of_a_square_map),
        "NVIDIA/TensorRT#1563",
    ),
    Wrong(
        "ssd_priors",
        "one-square-for-two",
        partial(ssd_priors, shapes=shapes_of_one_square),
        "chuanqi305/MobileNet-SSD#23",
    ),
    Wrong(
        "ssd_priors",
        "square-in-pixels",
        partial(ssd_priors, shapes=shapes_square_in_pixels),
        "apache/mxnet#7083",
    ),
    Wrong(
        "ssd_priors",
        "centres-clipped-with-sizes",
        partial(ssd_priors, clip=clip_four_numbers),
        "amdegroot/ssd.pytorch#18",
    ),
    Wrong(
        "rpn_anchors",
        "ratio-as-width-over-height",
        partial(rpn_anchors, cell=cell_height_first),
        "bubbliiiing/faster-rcnn-pytorch#26",
    ),
    Wrong(
        "rpn_anchors",
        "to-the-last-pixel",
        partial(rpn_anchors, cell=cell_to_the_last_pixel),
        "open-mmlab/mmdetection#277, py-faster-rcnn's base anchor 0, 0, 15, 15",
    ),
    Wrong(
        "rpn_anchors",
        "half-a-stride",
        partial(rpn_anchors, shifts=shifts_to_the_middle),
        "Project-MONAI/MONAI#8475, against the anchors that weights were trained with",
    ),
    Wrong(
        "rpn_anchors",
        "column-by-column",
        partial(rpn_anchors, shifts=shifts_column_by_column),
        "allanzelener/YAD2K#51, allanzelener/YAD2K#86",
    ),
)
