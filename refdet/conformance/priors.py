"""Contracts of SSD's priors and of the anchors of a region proposal network."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from refdet.conformance.comparing import assert_close
from refdet.conformance.contract import BoxFormat, Contract, Conventions
from refdet.conformance.vectors import Value
from refdet.core.priors import SSD300_BCCD, SSD300_COCO, PriorClip, SSDPriorSpec

F64 = NDArray[np.float64]
Size: TypeAlias = tuple[int, int]
Levels: TypeAlias = Sequence[tuple[Size, Sequence[float], Sequence[float]]]
Priors: TypeAlias = Callable[[SSDPriorSpec], F64]
Anchors: TypeAlias = Callable[
    [Size, Sequence[Size], Sequence[Sequence[float]], Sequence[Sequence[float]]], F64
]

# --- What Hypothesis invents ---

_SIDES = st.integers(1, 4)
_SIZES = st.tuples(_SIDES, _SIDES)
_SCALES = st.integers(1, 24).map(lambda k: k / 20)


@st.composite
def prior_specs(draw: st.DrawFn) -> SSDPriorSpec:
    """Up to three small maps, square or not, with and without steps and a last scale."""
    n_maps = draw(st.integers(0, 3))
    n_scales = n_maps + draw(st.integers(0, 1))
    ratios = st.lists(st.sampled_from([2.0, 3.0, 0.25]), max_size=2).map(tuple)
    steps = st.lists(st.sampled_from([8.0, 25.0, 50.0]), min_size=n_maps, max_size=n_maps)
    return SSDPriorSpec(
        image_size=draw(st.tuples(st.integers(20, 120), st.integers(20, 120))),
        feature_maps=tuple(draw(st.one_of(_SIDES, _SIZES)) for _ in range(n_maps)),
        scales=tuple(draw(_SCALES) for _ in range(n_scales)),
        aspect_ratios=tuple(draw(ratios) for _ in range(n_maps)),
        steps=draw(st.none() | steps.map(tuple)),
        clip=draw(st.sampled_from(PriorClip)),
    )


ONE_CELL = SSDPriorSpec((1, 1), (1,), (0.9,), ((),))
NO_MAP = SSDPriorSpec((300, 300), (), (), ())

# --- Oracles: plain Python, one prior at a time ---


def naive_priors(spec: SSDPriorSpec) -> list[list[float]]:
    """Map by map, row by row, cell by cell, shape by shape."""
    priors = []
    image_height, image_width = spec.image_size
    for k, feature_map in enumerate(spec.feature_maps):
        height, width = (feature_map,) * 2 if isinstance(feature_map, int) else feature_map
        for i in range(height):
            for j in range(width):
                cx, cy = (j + 0.5) / width, (i + 0.5) / height
                if spec.steps is not None:
                    cx = (j + 0.5) * spec.steps[k] / image_width
                    cy = (i + 0.5) * spec.steps[k] / image_height
                shapes = _naive_shapes(spec, k)
                priors += [_naive_clip([cx, cy, w, h], spec.clip) for w, h in shapes]
    return priors


def _naive_shapes(spec: SSDPriorSpec, k: int) -> list[tuple[float, float]]:
    scale = spec.scales[k]
    following = spec.scales[k + 1] if k + 1 < len(spec.scales) else 1.0
    shapes = [(scale, scale), ((scale * following) ** 0.5, (scale * following) ** 0.5)]
    for ratio in spec.aspect_ratios[k]:
        shapes.append((scale * ratio**0.5, scale / ratio**0.5))
        shapes.append((scale / ratio**0.5, scale * ratio**0.5))
    return shapes


def _naive_clip(prior: list[float], clip: PriorClip) -> list[float]:
    cx, cy, w, h = prior
    if clip is PriorClip.CENTER_SIZE:
        return [cx, cy, min(w, 1.0), min(h, 1.0)]
    if clip is PriorClip.CORNERS:
        x1, x2 = (min(max(x, 0.0), 1.0) for x in (cx - w / 2, cx + w / 2))
        y1, y2 = (min(max(y, 0.0), 1.0) for y in (cy - h / 2, cy + h / 2))
        return [(x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1]
    return prior


def naive_anchors(image_size: Size, levels: Levels) -> list[list[float]]:
    """Level by level, row by row, cell by cell, ratio by ratio, size by size."""
    anchors = []
    for (height, width), sizes, ratios in levels:
        stride_y, stride_x = image_size[0] // height, image_size[1] // width
        for i in range(height):
            for j in range(width):
                for ratio in ratios:
                    for size in sizes:
                        w, h = size / ratio**0.5, size * ratio**0.5
                        # Python's round is half to even, too.
                        corners = [round(c) for c in (-w / 2, -h / 2, w / 2, h / 2)]
                        x, y = j * stride_x, i * stride_y
                        shift = (x, y, x, y)
                        anchors.append([float(c + s) for c, s in zip(corners, shift, strict=True)])
    return anchors


# --- Properties ---


@given(spec=prior_specs())
@example(spec=NO_MAP)
@example(spec=ONE_CELL)
@example(spec=SSD300_BCCD)
@example(spec=SSD300_COCO)
def priors_equal_the_loop(ssd_priors: Priors, spec: SSDPriorSpec) -> None:
    """Order included: the heads of a trained network depend on it."""
    want = np.array(naive_priors(spec), dtype=np.float64).reshape(-1, 4)
    assert_close(ssd_priors(spec), want, "priors", atol=1e-14)


@given(spec=prior_specs())
@example(spec=NO_MAP)
@example(spec=SSD300_COCO)
def the_spec_counts_its_priors(ssd_priors: Priors, spec: SSDPriorSpec) -> None:
    """`n_priors` and `boxes_per_cell`, from which the heads are built."""
    assert ssd_priors(spec).shape == (spec.n_priors, 4)
    cells = [height * width for height, width in spec.grid_sizes]
    per_map = [count * boxes for count, boxes in zip(cells, spec.boxes_per_cell, strict=True)]
    assert sum(per_map) == spec.n_priors


@st.composite
def anchor_levels(draw: st.DrawFn) -> Levels:
    """Up to two small levels; a size of 5 or 15 puts corners half way between pixels."""
    sizes = st.lists(st.sampled_from([1.0, 5.0, 15.0, 32.0]), min_size=1, max_size=3)
    ratios = st.lists(st.sampled_from([0.25, 0.5, 1.0, 2.0, 4.0]), min_size=1, max_size=3)
    n_levels = draw(st.integers(0, 2))
    return [(draw(_SIZES), draw(sizes), draw(ratios)) for _ in range(n_levels)]


@given(levels=anchor_levels(), image_size=st.tuples(st.integers(4, 50), st.integers(4, 50)))
@example(levels=[], image_size=(8, 8))
@example(levels=[((1, 1), [15.0], [1.0])], image_size=(8, 8))
def anchors_equal_the_loop(rpn_anchors: Anchors, levels: Levels, image_size: Size) -> None:
    """Whole pixels, so nothing may differ."""
    feature_maps = [level[0] for level in levels]
    sizes, ratios = [level[1] for level in levels], [level[2] for level in levels]
    want = np.array(naive_anchors(image_size, levels), dtype=np.float64).reshape(-1, 4)
    assert_close(rpn_anchors(image_size, feature_maps, sizes, ratios), want, "anchors")


# --- Vectors list the fields of a spec ---


def read_spec(inputs: Mapping[str, Value]) -> tuple[SSDPriorSpec]:
    """The spec that a vector's inputs describe, as the implementation's one argument."""
    spec = SSDPriorSpec(
        image_size=_size(inputs["image_size"]),
        feature_maps=tuple(_size(size) for size in _items(inputs["feature_maps"])),
        scales=_floats(inputs["scales"]),
        aspect_ratios=tuple(_floats(ratios) for ratios in _items(inputs["aspect_ratios"])),
        steps=None if inputs["steps"] is None else _floats(inputs["steps"]),
        clip=PriorClip[str(inputs["clip"])],
    )
    return (spec,)


def _size(value: Value) -> Size:
    height, width = np.asarray(_items(value), dtype=np.int64).tolist()
    return height, width


def _floats(value: Value) -> tuple[float, ...]:
    return tuple(np.asarray(_items(value), dtype=np.float64).tolist())


def _items(value: Value) -> list[Value]:
    assert isinstance(value, list), f"{value!r} is not a list"
    return value


CONTRACTS = (
    Contract[Priors](
        "ssd_priors",
        ("spec",),
        Conventions(
            rule=(
                "SSD's priors, map by map, row by row, cell by cell. A cell has the square of side "
                "s, the map's scale, then that of sqrt(s s'), where s' is the next scale, 1.0 "
                "after the last, then for each ratio r the width s sqrt(r) and height s / sqrt(r), "
                "then its transpose. Cell (i, j) has its centre at (j + 0.5, i + 0.5) times the "
                "step over the image's side, or over the map's side where no steps are given."
            ),
            boxes=(
                "cx, cy, w, h as fractions of the input: a centre's x and a width of its width, "
                "the others of its height. Sizes in the spec are (height, width)."
            ),
            thresholds=(
                "Clipped as the spec says: not at all, w and h to at most 1, or all four corners "
                "to 0..1, which moves centres."
            ),
        ),
        (priors_equal_the_loop, the_spec_counts_its_priors),
        read_arguments=read_spec,
        result_boxes=BoxFormat.CXCYWH,
    ),
    Contract[Anchors](
        "rpn_anchors",
        ("image_size", "feature_maps", "sizes", "aspect_ratios"),
        Conventions(
            rule=(
                "Anchors level by level, row by row, cell by cell, ratio by ratio, size by size. "
                "Size s and ratio r = height / width give the width s / sqrt(r) and the height "
                "s sqrt(r). Cell (i, j) moves them to (j, i) times the stride, without half a "
                "stride; the stride is the image's side over the map's, rounded down."
            ),
            boxes=(
                "x1, y1, x2, y2 in pixels, not clipped; around (0, 0) the corners are rounded to "
                "whole pixels. Sizes of images and maps are (height, width)."
            ),
            ties="A corner half way between two pixels is rounded to the even one.",
        ),
        (anchors_equal_the_loop,),
        result_boxes=BoxFormat.XYXY,
    ),
)
