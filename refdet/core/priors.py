"""Where a detector looks: SSD's priors and the anchors of a region proposal network."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

import numpy as np
from numpy.typing import NDArray

F64 = NDArray[np.float64]
Size = tuple[int, int]
"""(height, width)."""


def _as_size(size: int | Size, name: str) -> Size:
    if isinstance(size, int | np.integer):
        return int(size), int(size)
    _check_size(size, name)
    return size


def _check_size(size: Size, name: str) -> None:
    if np.shape(size) != (2,):
        raise ValueError(f"{name} must be (height, width), got {size}")
    _check_positive(size, name)


def _check_positive(values: Sequence[float], name: str) -> None:
    for index, value in enumerate(values):
        if not 0 < value < math.inf:
            raise ValueError(f"{name}[{index}] must be positive and finite, got {value}")


class PriorClip(Enum):
    """How priors that reach out of the image are clipped.

    Attributes:
        NONE: not at all.
        CENTER_SIZE: w and h to at most 1, as torchvision does. A prior near the border still
            reaches out of the image, and steps may even put its centre outside: the last centre
            of `SSD300_COCO`'s 10 x 10 map is at 9.5 * 32 / 300 > 1.
        CORNERS: x1, y1, x2 and y2 to [0, 1] each, which moves the centres of such priors.
    """

    NONE = auto()
    CENTER_SIZE = auto()
    CORNERS = auto()


@dataclass(frozen=True)
class SSDPriorSpec:
    """All that SSD's priors depend on.

    Attributes:
        image_size: (height, width) of the network's input, in pixels.
        feature_maps: one per map, the finest first: (height, width), or the side of a square.
        scales: the size of a map's square prior as a fraction of the input; one per map, and
            optionally the scale after the last, which is 1.0 otherwise.
        aspect_ratios: for each map the ratios r besides 1; each gives width / height r and 1 / r.
        steps: for each map the pixels between two centres. None spreads the centres evenly.
        clip: what becomes of priors that reach out of the image.

    Raises:
        ValueError: lengths that do not fit, a size that is not (height, width), a number that is
            not positive and finite; names it.
    """

    image_size: Size
    feature_maps: tuple[int | Size, ...]
    scales: tuple[float, ...]
    aspect_ratios: tuple[tuple[float, ...], ...]
    steps: tuple[float, ...] | None = None
    clip: PriorClip = PriorClip.NONE

    def __post_init__(self) -> None:
        n_maps = len(self.feature_maps)
        lengths = {"aspect_ratios": self.aspect_ratios, "steps": self.steps}
        for name, values in lengths.items():
            if values is not None and len(values) != n_maps:
                raise ValueError(f"{name} has {len(values)} entries for {n_maps} feature maps")
        if len(self.scales) not in (n_maps, n_maps + 1):
            raise ValueError(
                f"scales has {len(self.scales)} entries for {n_maps} feature maps; "
                "it needs as many, or one more"
            )
        _check_size(self.image_size, "image_size")
        for row, size in enumerate(self.grid_sizes):
            _check_positive(size, f"feature_maps[{row}]")
        _check_positive(self.scales, "scales")
        for row, ratios in enumerate(self.aspect_ratios):
            _check_positive(ratios, f"aspect_ratios[{row}]")
        _check_positive(self.steps or (), "steps")

    @property
    def grid_sizes(self) -> tuple[Size, ...]:
        """(height, width) of every feature map."""
        return tuple(
            _as_size(size, f"feature_maps[{row}]") for row, size in enumerate(self.feature_maps)
        )

    @property
    def boxes_per_cell(self) -> tuple[int, ...]:
        """How many priors each cell of every feature map has."""
        return tuple(2 + 2 * len(ratios) for ratios in self.aspect_ratios)

    @property
    def n_priors(self) -> int:
        """How many priors there are in all."""
        grids = zip(self.grid_sizes, self.boxes_per_cell, strict=True)
        return sum(height * width * boxes for (height, width), boxes in grids)


SSD300_BCCD = SSDPriorSpec(
    image_size=(300, 300),
    feature_maps=(38, 19, 10, 5, 3, 1),
    scales=(0.1, 0.2, 0.375, 0.55, 0.725, 0.9),
    aspect_ratios=((2,), (2, 3), (2, 3), (2, 3), (2,), (2,)),
)
"""8,732 priors for blood cells: the scales of SSD300 on PASCAL VOC, centres spread evenly."""

SSD300_COCO = SSDPriorSpec(
    image_size=(300, 300),
    feature_maps=(38, 19, 10, 5, 3, 1),
    scales=(0.07, 0.15, 0.33, 0.51, 0.69, 0.87, 1.05),
    aspect_ratios=((2,), (2, 3), (2, 3), (2, 3), (2,), (2,)),
    steps=(8, 16, 32, 64, 100, 300),
    clip=PriorClip.CENTER_SIZE,
)
"""The 8,732 default boxes of torchvision's `ssd300_vgg16`, which its weights were trained with."""


def ssd_priors(spec: SSDPriorSpec) -> F64:
    """SSD's priors, in the order in which the network's heads predict.

    Map after map, row by row, cell by cell. A cell's priors share its centre: the square at the
    map's scale s, the square at sqrt(s s'), where s' is the next map's scale, then for each ratio
    r the box of width s sqrt(r) and height s / sqrt(r), and its transpose. Widths are fractions
    of the input's width and heights of its height: on an input that is not square, a square
    prior has the input's shape.

    Args:
        spec: maps, scales, ratios, steps and clipping.

    Returns:
        (P, 4) float64 `cx, cy, w, h` as fractions of the input, P = `spec.n_priors`.

    Raises:
        ValueError: never for its own part: `SSDPriorSpec` has refused what does not fit.

    Source:
        Liu et al., "SSD: Single Shot MultiBox Detector", ECCV 2016, section 2.2; order as in
        torchvision 0.29, `DefaultBoxGenerator`.
    """
    next_scales = (*spec.scales, 1.0)[1:]
    priors: list[F64] = [np.zeros((0, 4))]
    for k, (grid_size, ratios) in enumerate(zip(spec.grid_sizes, spec.aspect_ratios, strict=True)):
        step = None if spec.steps is None else spec.steps[k]
        centres = _cell_centres(grid_size, spec.image_size, step)  # (cells, 2)
        sizes = _prior_sizes(spec.scales[k], next_scales[k], ratios)  # (boxes, 2)
        repeated = np.repeat(centres, len(sizes), axis=0)
        priors.append(np.hstack([repeated, np.tile(sizes, (len(centres), 1))]))
    return _clipped(np.concatenate(priors), spec.clip)


def rpn_anchors(
    image_size: Size,
    feature_maps: Sequence[int | Size],
    sizes: Sequence[Sequence[float]],
    aspect_ratios: Sequence[Sequence[float]],
) -> F64:
    """The anchors of a region proposal network, in the order in which its head predicts.

    Level after level, row by row, cell by cell, ratio by ratio, size by size. An anchor of size s
    and ratio r has the width s / sqrt(r) and the height s sqrt(r), its corners rounded to whole
    pixels around (0, 0), half to even. Cell (i, j) moves it to (j, i) times the stride, not to
    the middle of the cell. The stride is the image's side over the map's, rounded down.

    Args:
        image_size: (height, width) of the padded input, in pixels.
        feature_maps: one per level: (height, width), or the side of a square; none may be larger
            than the image.
        sizes: for each level, in pixels, positive.
        aspect_ratios: for each level, height / width, positive.

    Returns:
        (A, 4) float64 `x1, y1, x2, y2` in pixels, not clipped to the image.

    Raises:
        ValueError: lengths differ, a size is not (height, width), or a number is not positive;
            names it.

    Source:
        torchvision 0.29, `AnchorGenerator`, whose numbers these equal.
    """
    _check_size(image_size, "image_size")
    if not len(feature_maps) == len(sizes) == len(aspect_ratios):
        lengths = f"{len(feature_maps)}, {len(sizes)} and {len(aspect_ratios)}"
        raise ValueError(f"feature_maps, sizes and aspect_ratios differ in length: {lengths}")
    anchors = [np.zeros((0, 4))]
    for level, feature_map in enumerate(feature_maps):
        _check_positive(sizes[level], f"sizes[{level}]")
        _check_positive(aspect_ratios[level], f"aspect_ratios[{level}]")
        rows, columns = _cell_corners(feature_map, image_size, f"feature_maps[{level}]")
        cell = _rounded_anchors(sizes[level], aspect_ratios[level])  # (ratios * sizes, 4)
        moved = np.empty((len(rows), len(columns), *cell.shape))
        moved[..., 0::2] = columns[:, None, None] + cell[:, 0::2]
        moved[..., 1::2] = rows[:, None, None, None] + cell[:, 1::2]
        anchors.append(moved.reshape(-1, 4))
    return np.concatenate(anchors)


def _cell_centres(grid_size: Size, image_size: Size, step: float | None) -> F64:
    height, width = grid_size
    # How many cells the image has, which with steps need not be a whole number.
    rows, columns = (height, width) if step is None else (side / step for side in image_size)
    i, j = np.divmod(np.arange(height * width), width)
    return np.stack([(j + 0.5) / columns, (i + 0.5) / rows], axis=1)


def _prior_sizes(scale: float, next_scale: float, ratios: Sequence[float]) -> F64:
    between = math.sqrt(scale * next_scale)
    sizes = [(scale, scale), (between, between)]
    for ratio in ratios:
        wide, low = scale * math.sqrt(ratio), scale / math.sqrt(ratio)
        sizes += [(wide, low), (low, wide)]
    return np.array(sizes)


def _clipped(priors: F64, clip: PriorClip) -> F64:
    if clip is PriorClip.NONE:
        return priors
    if clip is PriorClip.CENTER_SIZE:
        return np.concatenate([priors[:, :2], np.minimum(priors[:, 2:], 1.0)], axis=1)
    centres, half = priors[:, :2], priors[:, 2:] / 2.0
    low, high = np.clip(centres - half, 0.0, 1.0), np.clip(centres + half, 0.0, 1.0)
    return np.concatenate([(low + high) / 2.0, high - low], axis=1)


def _cell_corners(feature_map: int | Size, image_size: Size, name: str) -> tuple[F64, F64]:
    """The y of each row of cells and the x of each column, in pixels."""
    height, width = grid_size = _as_size(feature_map, name)
    _check_positive(grid_size, name)
    strides = (image_size[0] // height, image_size[1] // width)
    if 0 in strides:
        raise ValueError(f"{name} = {grid_size} is larger than the image, {image_size}")
    y, x = (np.arange(n, dtype=np.float64) for n in (height, width))
    return y * strides[0], x * strides[1]


def _rounded_anchors(sizes: Sequence[float], ratios: Sequence[float]) -> F64:
    # In float32, as torchvision does it: a corner near k + 0.5 must round to the same side.
    height_factors = np.sqrt(np.array(ratios, dtype=np.float32))[:, None]
    width_factors = 1 / height_factors
    sides = np.array(sizes, dtype=np.float32)
    heights, widths = (height_factors * sides).ravel(), (width_factors * sides).ravel()
    corners = np.stack([-widths, -heights, widths, heights], axis=1) / 2
    rounded: F64 = np.round(corners).astype(np.float64)
    return rounded
