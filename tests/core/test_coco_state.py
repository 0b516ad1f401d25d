"""`CocoState.merge`: whatever the partition, the order and the grouping, the bits of one run."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from refdet.core.coco_eval import COCO, CocoParams, CocoState, CocoStream
from tests.core.coco_cases import Columns, data_of, random_columns, random_params, state_of

PER_DETECTION = ("image", "label", "rank", "scores", "hit", "ignored")


def assert_same_state(got: CocoState, want: CocoState) -> None:
    assert got.params == want.params
    for name, column in vars(want).items():
        if name != "params":
            mine = getattr(got, name)
            assert mine.dtype == column.dtype, name
            assert np.array_equal(mine, column), f"{name}: {mine.tolist()} != {column.tolist()}"
    result, expected = got.accumulate(), want.accumulate()
    for name in ("stats", "precision", "recall", "scores", "category_ids"):
        assert np.array_equal(getattr(result, name), getattr(expected, name)), name


def case(seed: int) -> tuple[Columns, CocoParams]:
    rng = np.random.default_rng(seed)
    return random_columns(rng), random_params(rng)


def merged_at_random(states: list[CocoState], data: st.DataObject, **how: bool) -> CocoState:
    """One state from all, merged some at a time, in any order."""
    while len(states) > 1:
        order = data.draw(st.permutations(range(len(states))), label="order")
        n_merged = len(states) - data.draw(st.integers(0, len(states) - 2), label="left alone")
        merged = CocoState.merge([states[i] for i in order[:n_merged]], **how)
        states = [merged, *(states[i] for i in order[n_merged:])]
    return CocoState.merge(states, **how)


@given(seed=st.integers(0, 2**32), data=st.data())
def test_merge_of_any_partition_equals_one_run(seed: int, data: st.DataObject) -> None:
    columns, params = case(seed)
    ids = np.unique(columns["image_ids"])
    part = data.draw(st.lists(st.integers(0, 3), min_size=len(ids), max_size=len(ids)))
    parts = [ids[np.array(part, np.int64) == i] for i in range(4)]  # some without an image
    states = [state_of(columns, params, image_ids) for image_ids in parts]
    # A sampler may give an image to several processes.
    again = data.draw(st.lists(st.sampled_from(range(4)), max_size=3))
    states += [state_of(columns, params, parts[i][:2]) for i in again]
    assert_same_state(merged_at_random(states, data), state_of(columns, params))


@given(seed=st.integers(0, 2**32), data=st.data())
@example(seed=3, data=None)
def test_merge_does_not_need_the_rows_of_other_images(
    seed: int, data: st.DataObject | None
) -> None:
    columns, params = case(seed)
    ids = np.unique(columns["image_ids"])
    first = ids[: data.draw(st.integers(0, len(ids))) if data else 1]
    parts = []
    for some in (first, np.setdiff1d(ids, first)):
        rows = {side: np.isin(columns[f"{side}_image_ids"], some) for side in ("gt", "dt")}
        own = {n: c[rows[n[:2]]] if n[:2] in rows else c for n, c in columns.items()}
        parts.append(state_of({**own, "image_ids": some}, params))
    assert_same_state(CocoState.merge(parts[::-1]), state_of(columns, params))


def conflicting(seed: int, n_copies: int) -> tuple[list[CocoState], list[int]]:
    """States that all hold the same images, with different scores, and those images."""
    columns, params = case(seed)
    rng = np.random.default_rng(seed)
    scores = columns["dt_scores"]
    copies = [state_of(columns, params)]
    for _ in range(n_copies - 1):
        changed = {**columns, "dt_scores": rng.permutation(scores)}
        copies.append(state_of(changed, params))
    return copies, np.unique(columns["image_ids"]).tolist()


@given(seed=st.integers(0, 2**32), data=st.data())
def test_merge_that_keeps_one_keeps_the_same_one(seed: int, data: st.DataObject) -> None:
    states, _ = conflicting(seed, 4)
    got = merged_at_random(states, data, keep_one=True)
    assert_same_state(got, CocoState.merge(states, keep_one=True))
    assert_same_state(CocoState.merge([got, *states], keep_one=True), got)


@given(seed=st.integers(0, 2**32))
def test_merge_that_keeps_one_keeps_a_whole_copy(seed: int) -> None:
    states, _ = conflicting(seed, 3)
    got = CocoState.merge(states, keep_one=True)
    for place in range(len(got.image_ids)):
        copies = [_of_image(state, place) for state in states]
        assert _of_image(got, place) in copies


def _of_image(state: CocoState, place: int) -> list[list[object]]:
    objects, rows = state.object_image == place, state.image == place
    return [
        *(getattr(state, name)[rows].tolist() for name in PER_DETECTION),
        *(c[objects].tolist() for c in (state.object_label, state.object_counts)),
    ]


def small(**changes: object) -> Columns:
    """One object that is found, in each of the images 10 and 20."""
    columns: dict[str, object] = {
        "gt_image_ids": [10, 20],
        "gt_labels": [1, 1],
        "gt_boxes_xywh": [[0, 0, 9, 9], [0, 0, 9, 9]],
        "gt_area": [81, 81],
        "gt_crowd": [False, False],
        "dt_image_ids": [10, 20],
        "dt_labels": [1, 1],
        "dt_boxes_xywh": [[0, 0, 9, 9], [0, 0, 9, 9]],
        "dt_scores": [0.5, 0.25],
        "image_ids": [10, 20],
        "category_ids": [1, 2],
    }
    return {name: np.array(value) for name, value in {**columns, **changes}.items()}


def test_merge_takes_any_iterable() -> None:
    state = state_of(small())
    assert_same_state(CocoState.merge(iter([state])), state)


def test_merge_takes_equal_copies_once() -> None:
    state = state_of(small())
    assert_same_state(CocoState.merge([state, state, state_of(small())]), state)


@pytest.mark.parametrize(
    "changes",
    [
        {"dt_scores": [0.5, 0.75]},
        {"dt_boxes_xywh": [[0, 0, 9, 9], [50, 50, 9, 9]]},
        {"dt_image_ids": [10, 10]},
        {"dt_labels": [1, 2]},
        {"gt_labels": [1, 2]},
        {"gt_image_ids": [10, 10]},
        {"gt_area": [81, 5000]},
        {"gt_crowd": [False, True]},
    ],
)
def test_merge_refuses_an_image_that_was_judged_differently(changes: dict[str, object]) -> None:
    whole, other = state_of(small()), state_of(small(**changes), image_ids=np.array([20, 30]))
    for states in ([whole, other], [other, whole]):
        with pytest.raises(ValueError, match=r"image 20 was judged differently in states \[0, 1\]"):
            CocoState.merge(states)
    assert CocoState.merge([whole, other], keep_one=True).image_ids.tolist() == [10, 20, 30]


@pytest.mark.parametrize("changes", [{"gt_area": [81, 5000]}, {"gt_labels": [1, 2]}])
def test_merge_refuses_objects_that_differ_where_nothing_is_detected(
    changes: dict[str, object],
) -> None:
    elsewhere = {"dt_image_ids": [10, 10]}
    states = [state_of(small(**elsewhere)), state_of(small(**elsewhere, **changes))]
    with pytest.raises(ValueError, match="image 20 was judged differently"):
        CocoState.merge(states)


def test_merge_refuses_what_is_wrong_in_one_copy_and_ignored_in_the_other() -> None:
    """Nothing is found in either; but a large box is outside the range of small ones."""
    boxes = ([[0, 0, 9, 9], [50, 50, side, side]] for side in (9, 200))
    states = [state_of(small(dt_boxes_xywh=some)) for some in boxes]
    with pytest.raises(ValueError, match="image 20 was judged differently"):
        CocoState.merge(states)


def test_merge_names_the_states_that_differ() -> None:
    states = [state_of(small()), state_of(small(), image_ids=np.array([10]))]
    states.append(state_of(small(dt_scores=[0.5, 0.75])))
    with pytest.raises(ValueError, match=r"image 20 was judged differently in states \[0, 2\]"):
        CocoState.merge(states)


@pytest.mark.parametrize(
    "other",
    [
        state_of(small(), CocoParams(max_detections=(1, 10, 99))),
        state_of(small(), CocoParams(class_agnostic=True)),
        state_of(small(category_ids=[1, 3])),
        state_of(small(category_ids=[1, 2, 3])),
    ],
)
def test_merge_refuses_other_parameters_or_classes(other: CocoState) -> None:
    state = state_of(small())
    with pytest.raises(ValueError, match=r"states\[2\] has other parameters or classes"):
        CocoState.merge([state, state, other])


def test_merge_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^states is empty: there is nothing to merge$"):
        CocoState.merge([])


def test_state_of_a_stream_without_a_batch_is_refused() -> None:
    with pytest.raises(ValueError, match=r"^no batch was given to update: there is no state$"):
        CocoStream().state()


def test_verdicts_are_of_all_areas_unasked() -> None:
    state = state_of(small())
    for got, want in zip(state.verdicts(0.5), state.verdicts(0.5, "all"), strict=True):
        assert got.tolist() == want.tolist()


def test_state_takes_at_most_40_bytes_a_detection() -> None:
    rng = np.random.default_rng(0)
    n = 5000
    columns = {
        **small(),
        "dt_image_ids": rng.integers(0, 200, n),
        "dt_labels": rng.integers(0, 3, n),
        "dt_boxes_xywh": rng.random((n, 4)),
        "dt_scores": rng.random(n),
        "image_ids": np.arange(200),
        "category_ids": np.arange(3),
    }
    state = state_of(columns)
    assert len(state.scores) == n
    assert sum(getattr(state, name).nbytes for name in PER_DETECTION) <= 40 * n


@pytest.mark.parametrize("seed", range(10))
def test_stream_of_batches_equals_one_run(seed: int) -> None:
    columns, params = case(seed)
    stream = CocoStream(params)
    ids = np.unique(columns["image_ids"]).astype(np.int64)
    for end in range(1, len(ids) + 1):
        stream.update(data_of(columns, ids[end - 1 : end]))
        if end % 2:  # a look at the state in between changes nothing
            assert_same_state(stream.state(), state_of(columns, params, ids[:end]))
    stream.update(data_of(columns, ids[:1]))  # once more, as a sampler that fills up a batch
    assert_same_state(stream.state(), state_of(columns, params))


def test_stream_keeps_one_of_two_copies_if_asked() -> None:
    stream = CocoStream()
    stream.update(data_of(small()))
    stream.update(data_of(small(dt_scores=[0.5, 0.75])))
    with pytest.raises(ValueError, match="image 20 was judged differently"):
        stream.state()
    assert len(stream.state(keep_one=True).scores) == 2


def test_stream_without_a_batch_has_no_state() -> None:
    with pytest.raises(ValueError, match="no batch"):
        CocoStream(COCO).state()
