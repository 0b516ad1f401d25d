"""The summary of `make bench`: who is counted as won or lost, what was asked, what is not known."""

from __future__ import annotations

import pytest

from benchmarks.speed.asked import ASKED, LOSSES, THROUGHPUT, Asked, asked_table, measured
from benchmarks.speed.matches import matches
from benchmarks.speed.runs import Row, Run
from benchmarks.speed.summary import (
    NO_ACCELERATOR,
    counts,
    guide,
    highlights,
    losses,
    summary,
    tally,
)
from benchmarks.speed.tables import headed
from tests.benchmarks.speed_runs import row, run
from tests.benchmarks.test_speed_suite import EVERY
from tests.benchmarks.test_speed_tables import cells

CORE, TWIN, KERNEL = "refdet.core", "refdet.torch_ops", "torchvision"
# Won by the twin, lost by core; beside the loop alone both would win.
BOTH = row(CORE, 2.0), row(TWIN, 0.5), row(KERNEL, 1.0), row("loop", 8.0)
EVEN = row(CORE, 1.0, case="even"), row(KERNEL, 1.04, case="even")
LOST = row(TWIN, 4.0, case="lost"), row(KERNEL, 1.0, case="lost"), row("loop", 9.0, case="lost")
ALONE = row(CORE, 1.0, case="alone", function="alone")
RUN = run(*BOTH, *EVEN, *LOST, ALONE)


def test_tally_counts_rows_by_the_faster_of_ours_and_by_each() -> None:
    own = row(CORE, 1.0, case="own"), row("loop", 3.0, case="own")
    header, *lines = cells(tally(list(matches([*RUN.rows, *own]))))
    assert header == ["rows", "all", "won", "even", "lost"]
    assert [line[1:] for line in lines] == [
        ["4", "2", "1", "1"],  # the faster of ours
        ["3", "1", "1", "1"],  # beside a library
        ["1", "1", "0", "0"],  # where there is none
        ["3", "1", "1", "1"],  # core
        ["2", "1", "0", "1"],  # the twin
    ]
    assert [line[0].split(",")[0] for line in lines[3:]] == [CORE, TWIN]


def test_tally_holds_a_loop_that_beats_a_library_against_us_but_not_as_one() -> None:
    rows = row(CORE, 2.0), row(KERNEL, 3.0), row("notebook", 1.0)
    _, fastest, library, alone, core = cells(tally(list(matches(rows))))
    assert fastest[1:] == core[1:] == ["1", "0", "0", "1"]
    assert library[1:] == ["1", "1", "0", "0"]
    assert alone[1:] == ["0", "0", "0", "0"]


@pytest.mark.parametrize(
    ("medians", "spreads", "counted"),
    [
        ((1.0, 1.06), (0.0, 0.0), (1, 0, 0)),
        ((1.06, 1.0), (0.0, 0.0), (0, 0, 1)),
        ((1.04, 1.0), (0.0, 0.0), (0, 1, 0)),
        ((1.0, 1.19), (0.2, 0.0), (0, 1, 0)),
        ((1.0, 1.19), (0.0, 0.2), (0, 1, 0)),
        ((1.19, 1.0), (0.2, 0.0), (0, 1, 0)),
        ((1.19, 1.0), (0.0, 0.2), (0, 1, 0)),
        ((1.21, 1.0), (0.2, 0.0), (0, 0, 1)),
        ((2.1, 1.0), (0.0, 1.0), (0, 0, 1)),  # no scatter is too large to lose by
    ],
)
def test_even_is_what_differs_by_less_than_either_scatters(
    medians: tuple[float, float], spreads: tuple[float, float], counted: tuple[int, int, int]
) -> None:
    names = CORE, KERNEL
    rows = [
        row(name, median, iqr=spread * median)
        for name, median, spread in zip(names, medians, spreads, strict=True)
    ]
    found = list(matches(rows))
    assert counts(found) == (1, *counted)
    assert (losses(found) == "None.") is (counted[-1] == 0)
    assert ("Largest losses: none." in highlights(run(*rows))) is (counted[-1] == 0)
    assert ("over a library: none." in highlights(run(*rows))) is (counted[0] == 0)


def test_guide_has_the_faster_of_ours_of_each_function_on_each_device() -> None:
    split = [*BOTH, row(CORE, 1.0, case="few"), row(TWIN, 3.0, case="few")]
    split += [row("loop", 2.0, case="few"), row(TWIN, 1.0, device="cuda:0"), ALONE]
    _, nms, alone, on_cuda = cells(guide(split))
    # Where they run beside each other, each is the faster once: the first is named.
    assert nms[:2] == ["nms", "cpu"]
    assert nms[2] == f"{TWIN} in 1 of 2 rows"
    assert nms[3:] == ["2", "0", "0", "**2x** .. **2x**"]
    assert alone == ["alone", "cpu", CORE, "0", "0", "0", "-"]
    assert on_cuda[:3] == ["nms", "cuda:0", TWIN]


def test_summary_lists_each_loss_of_the_faster_and_folds_those_of_each() -> None:
    text = summary(RUN, headed)
    shown, *folded = text.split("#### ")
    (lost,) = (line for line in shown.splitlines() if " takes " in line)
    assert lost == f"- nms, lost (200 boxes), cpu, float64: {KERNEL} takes 0.25 of {TWIN}'s time"
    assert [part.splitlines()[0] for part in folded] == [
        f"All rows that {CORE} loses: 1",
        f"All rows that {TWIN} loses: 1",
    ]
    assert f"a-few (200 boxes), cpu, float64: {KERNEL} takes 0.50 of {CORE}'s time" in folded[0]


def test_highlights_name_the_choice_the_wins_the_losses_and_what_has_no_gpu_figure() -> None:
    use, wins, losses, no_gpu = highlights(RUN).splitlines()
    assert use == f"- Of ours, the faster on cpu: {TWIN} for nms."
    assert wins == f"- Largest wins over a library: nms (a-few) 2x {KERNEL}."
    assert losses == f"- Largest losses: nms (lost) 0.25x {KERNEL}."
    assert no_gpu == f"- Without a GPU figure: all. {NO_ACCELERATOR}"


def test_highlights_say_that_the_choice_depends_on_the_size() -> None:
    rows = [*BOTH, row(CORE, 1.0, case="few"), row(TWIN, 3.0, case="few")]
    assert "either, by size, for nms." in highlights(run(*rows))


def test_highlights_of_a_run_on_a_gpu_name_what_is_missing_there() -> None:
    both = run(*RUN.rows, row(TWIN, 1.0, device="cuda:0"), models=("CPU", "GPU"))
    text = highlights(both)
    assert "- Of ours, the faster on cuda:0: no choice." in text
    assert text.endswith("- Without a GPU figure: alone.")


GOAL = Asked("loss", "loss", "batch8", "notebook", 2.0)


def pair(ratio: float, **others: object) -> tuple[Row, Row]:
    place = {"function": "loss", "case": "batch8", **others}
    return row(TWIN, 1.0, **place), row("notebook", ratio, **place)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (pair(2.0), ("float64 2x", "yes")),
        (pair(1.99), ("float64 1.99x", "**no**")),
        ((*pair(3.0), *pair(1.5, dtype="float32")), ("float64 3x, float32 1.5x", "**no**")),
        (pair(3.0, case="batch1"), ("not in this run", "?")),
        (pair(3.0, device="cuda:0"), ("not in this run", "?")),
        (pair(3.0)[:1], ("not in this run", "?")),
        ((row(CORE, 0.1, function="loss", case="batch8"), *pair(1.5)), ("float64 1.5x", "**no**")),
    ],
)
def test_measured_is_the_peers_time_over_that_of_torch_ops(
    rows: tuple[Row, ...], said: tuple[str, str]
) -> None:
    assert measured(GOAL, run(*rows)) == said


def test_measured_on_a_gpu_needs_one() -> None:
    goal = Asked("evaluation", "judge", "coco", "", 0.015, on_gpu=True)
    images = Asked("images", THROUGHPUT, "", KERNEL, 2.0, on_gpu=True)
    here: Run = run(row(TWIN, 1.0, function="judge", case="coco"))
    assert measured(goal, here) == measured(images, here) == ("not measured: no accelerator", "?")
    fast = row(TWIN, 0.0149, function="judge", case="coco", device="cuda:0")
    there = run(fast, models=("CPU", "GPU"))
    assert measured(goal, there) == ("float64 14.9 ms", "yes")
    assert measured(images, there) == (f"by `{THROUGHPUT}`", "?")


def test_a_goal_of_once_is_to_be_faster() -> None:
    goal = Asked("decoding", "loss", "batch8", "notebook", 1.0)
    assert measured(goal, run(*pair(1.0)))[1] == "**no**"
    assert measured(goal, run(*pair(1.001)))[1] == "yes"
    assert (goal.goal, GOAL.goal) == ("> 1x notebook", "≥ 2x notebook")


def test_every_goal_is_a_benchmark_that_ours_and_its_peer_run() -> None:
    names = {(t.task.name, t.case.name, t.implementation.name) for t in EVERY}
    for goal in ASKED:
        if goal.function != THROUGHPUT:
            assert (goal.function, goal.case, TWIN) in names
            assert not goal.peer or (goal.function, goal.case, goal.peer) in names
    assert len(cells(asked_table(RUN))) == 1 + len(ASKED)
    assert len(LOSSES) == 4


def test_a_run_of_a_part_has_no_table_of_goals_that_it_does_not_touch() -> None:
    assert asked_table(run(ALONE)) == ""
    assert "What was asked" not in summary(run(ALONE), headed)
