"""Every suite with its register: what is known is all that is broken, and still is."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping

import pytest

from refdet.conformance import running
from refdet.conformance.register import DeviationKind
from refdet.conformance.running import Outcome, Verdict, examples, run_check
from refdet.conformance.suites import SUITES, Suite, load_suite
from refdet.conformance.target import contract_named

pytestmark = pytest.mark.filterwarnings("ignore")


def installed(name: str) -> Suite:
    try:
        return load_suite(name)
    except ValueError as error:
        pytest.skip(str(error))


# The scorecard is made at 100, and stops at what a register does not say.
COUNTS = [40, 100] if os.environ.get("HYPOTHESIS_PROFILE") == "long" else [40]


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("name", SUITES)
def test_suite_breaks_what_its_register_says_and_nothing_else(
    name: str, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "MOST_TRIES", 3)  # whether it breaks is asked, not how little
    suite = installed(name)
    wrong = []
    for target in suite.targets:
        with examples(count), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for outcome in running.run_target(target, suite.register):
                if not outcome.passes:
                    wrong.append(f"{outcome.target}: {outcome.check} {outcome.verdict}")
    assert wrong == []


@pytest.mark.parametrize("name", SUITES)
def test_register_names_targets_of_its_suite(name: str) -> None:
    suite = installed(name)
    targets = {(target.label, target.contract) for target in suite.targets}
    named = {(entry.target, entry.contract) for entry in suite.register.deviations}
    assert named <= targets
    assert len(targets) == len(suite.targets)


def outcome_of(suite: str, target: str, contract: str, check: str) -> Outcome:
    (found,) = [
        one for one in installed(suite).targets if (one.label, one.contract) == (target, contract)
    ]
    (asked,) = [one for one in contract_named(contract).checks() if one.name == check]
    with examples(40), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return run_check(found, asked)


CROWD = "evaluate_coco/by-hand-crowd-in-twelve-numbers"
NAN = "evaluate_coco/by-hand-score-is-nan"
FOUND: Mapping[str, tuple[str, str, str, str, str]] = {
    "torchmetrics' levels are float32": (
        *("torchmetrics", "MeanAveragePrecision", "evaluate_coco"),
        *("equals_naive_loops", "precision[0, 60, 0, 0, 1]: 0.8 instead of 1.0"),
    ),
    "torchmetrics' levels show in COCO's numbers": (
        *("torchmetrics", "MeanAveragePrecision", "evaluate_coco"),
        *("evaluate_coco/pycocotools-twelve-numbers", "stats[0]: 0.4306"),
    ),
    "faster-coco-eval is off by an ulp": (
        *("faster-coco-eval", "COCOeval_faster", "evaluate_coco"),
        *("equals_naive_loops", "1.0 instead of 0.9999999999999998"),
    ),
    "globox knows no crowds": (
        *("globox", "COCOEvaluator", "evaluate_coco", CROWD, "stats[0]: 0.25"),
    ),
    "NaN passes pycocotools": (*("pycocotools", "COCOeval", "evaluate_coco", NAN, "returned"),),
    "NaN passes ultrafast": (*("ultrafast", "COCOeval", "evaluate_coco", NAN, "returned"),),
    "id 0 is unmatched in pycocotools": (
        *("pycocotools", "COCOeval, ids from 0", "evaluate_coco"),
        *("equals_naive_loops", "precision[0, 0, 0, 0, 0]: 0.0 instead of 0.9999999999999998"),
    ),
    "id 0 is unmatched in faster-coco-eval": (
        *("faster-coco-eval", "COCOeval_faster, ids from 0", "evaluate_coco"),
        *("evaluate_coco/by-hand-one-of-two-found", "instead of"),
    ),
    "all-point tools include the far edge": (
        *("mean-average-precision", "mean_average_precision.utils:compute_iou", "iou_matrix"),
        *("iou_matrix/published-example", "0.30339805825242"),
    ),
}


@pytest.mark.parametrize("name", FOUND)
def test_suite_finds_what_is_known_of_its_library(name: str) -> None:
    suite, target, contract, check, told = FOUND[name]
    outcome = outcome_of(suite, target, contract, check)
    assert outcome.verdict is Verdict.BROKEN
    assert told in outcome.message


HELD: Mapping[str, tuple[str, str, str, str]] = {
    "levels given in float64": (
        *("torchmetrics", "MeanAveragePrecision, levels in float64", "evaluate_coco"),
        "equals_naive_loops",
    ),
    "id 0 in ultrafast": (
        *("ultrafast", "COCOeval, ids from 0", "evaluate_coco", "equals_naive_loops"),
    ),
    "id 0 in vernier": (
        *("vernier", "evaluate_bbox_grid, ids from 0", "evaluate_coco", "equals_naive_loops"),
    ),
    "NaN in vernier": (*("vernier", "evaluate_bbox_grid", "evaluate_coco", NAN),),
    "the far edge where it is asked for": (
        *("mean-average-precision", "mean_average_precision.utils:compute_iou"),
        *("iou_matrix_inclusive", "iou_matrix_inclusive/published-example"),
    ),
}


@pytest.mark.parametrize("name", HELD)
def test_suite_finds_nothing_where_there_is_nothing(name: str) -> None:
    assert outcome_of(*HELD[name]).verdict is Verdict.HELD


def test_registers_keep_values_that_nobody_looks_at_apart() -> None:
    entries = [entry for name in SUITES for entry in installed(name).register.deviations]
    for entry in entries:
        silent = all(check.endswith(("-is-nan", "/nan", "/inverted")) for check in entry.checks)
        assert not silent or entry.kind is DeviationKind.VALUES, entry
