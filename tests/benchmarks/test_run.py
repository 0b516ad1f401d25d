"""A measurement in a process of its own: what it reports, and what becomes of one that fails."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.evaluation import inputs
from benchmarks.evaluation.evaluators import EVALUATORS, Evaluator
from benchmarks.evaluation.inputs import Form
from benchmarks.evaluation.run import (
    DETECTOR,
    Plan,
    default_name,
    measured_case,
    parser,
    plain,
    planned,
)
from benchmarks.evaluation.workloads import NAMES, Size, synthetic

PYCOCOTOOLS = EVALUATORS[0]


def plan_of(folder: Path, *evaluators: Evaluator) -> Plan:
    """A detector's output of 12 images, as files."""
    lists = inputs.lists(synthetic(Size(images=6, objects=30, detections=80, categories=3)))
    truth, found = folder / "truth.json", folder / "found.json"
    truth.write_text(json.dumps(lists.ground_truth))
    found.write_text(json.dumps(lists.results))
    return Plan((DETECTOR,), evaluators, repetitions=1, detector=(truth, found), repeat=2)


def test_measured_case_times_the_reference_and_outlives_a_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    missing = Evaluator("missing", Form.ARRAYS, "with_nothing")
    too_small = Evaluator("small", Form.LISTS, "with_nothing", largest=10)
    plan = plan_of(tmp_path, PYCOCOTOOLS, missing, too_small)
    done, failed, left_out = measured_case(DETECTOR, plan, tmp_path)
    assert (done.case.images, done.case.objects, done.case.detections) == (12, 60, 160)
    assert 0 < done.seconds[0] < 60
    assert 0 <= done.peak_bytes[0] < 1e9
    assert done.reference == PYCOCOTOOLS.name
    assert done.agreement is not None
    assert done.agreement.identical
    assert (failed.problem, left_out.problem) == ("failed", "not run")
    json.dumps([plain(outcome) for outcome in (done, failed, left_out)])
    said = capsys.readouterr().err
    assert "with_nothing" in said
    assert "detector: pycocotools (lists) 1/1: " in said


def test_planned_takes_everything_or_what_is_asked_for() -> None:
    everything = planned(parser().parse_args([]))
    assert everything.cases == NAMES
    assert everything.evaluators == EVALUATORS
    some = planned(parser().parse_args(["--only", "cells", "--peers", "hotcoco", "--quick"]))
    assert some.cases == ("cells",)
    assert [evaluator.name for evaluator in some.evaluators] == [
        "hotcoco (lists)",
        "hotcoco (arrays)",
    ]
    assert some.repetitions == 1
    assert default_name(everything) == "evaluation.json"
    assert default_name(some) == "evaluation_partial.json"


def test_planned_adds_the_detector_when_its_files_are_named() -> None:
    plan = planned(parser().parse_args(["--detector", "a.json", "b.json", "--repeat", "3"]))
    assert plan.cases == (*NAMES, DETECTOR)
    assert (plan.detector, plan.repeat) == ((Path("a.json"), Path("b.json")), 3)


def test_planned_refuses_the_detector_without_files() -> None:
    with pytest.raises(SystemExit, match="--detector"):
        planned(parser().parse_args(["--only", DETECTOR]))
