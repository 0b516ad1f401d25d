"""A whole data set judged by refdet and its peers, each time in a fresh process: `make bench-eval`.

The clock runs from inputs in memory to the 12 numbers and, where an evaluator gives them without
extra work, the full arrays of precision, recall and scores. Everybody may use two cores.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from benchmarks.evaluation.answer import Answer, agreement
from benchmarks.evaluation.evaluators import EVALUATORS, Evaluator
from benchmarks.evaluation.files import from_coco_files
from benchmarks.evaluation.inputs import Form, save
from benchmarks.evaluation.machine import THREADS, headline, machine
from benchmarks.evaluation.tables import Case, Outcome, report
from benchmarks.evaluation.workloads import CROWDED, NAMES, SCALING, Workload, workload

RESULTS = Path(__file__).resolve().parent.parent / "results"
REPOSITORY = RESULTS.parent.parent
DETECTOR = "detector"
# Nobody waits longer for one measurement.
LIMIT_SECONDS = 180.0
REFERENCES = ("pycocotools (lists)", "ultrafast-pycocotools (arrays)")


@dataclass(frozen=True)
class Plan:
    """What is measured.

    Attributes:
        cases: names of workloads.
        evaluators: those who take part.
        repetitions: how often.
        detector: ground truth and results of a real detector, for the case of that name.
        repeat: how often the detector's images are taken.
    """

    cases: tuple[str, ...]
    evaluators: tuple[Evaluator, ...]
    repetitions: int
    detector: tuple[Path, Path] | None = None
    repeat: int = 1

    def made(self, name: str) -> Workload:
        """The workload of that name."""
        if name == DETECTOR and self.detector:
            return from_coco_files(*self.detector, self.repeat)
        return workload(name)


def main() -> None:
    """Measure, print the tables, write the numbers."""
    arguments = parser().parse_args()
    plan = planned(arguments)
    outcomes = []
    for name in plan.cases:
        with tempfile.TemporaryDirectory() as folder:
            outcomes += measured_case(name, plan, Path(folder))
    about = machine()
    sys.stdout.write(f"{headline(about)}\n\n{report(outcomes)}\n")
    output: Path = arguments.output or RESULTS / default_name(plan)
    content = {"machine": about, "outcomes": [plain(outcome) for outcome in outcomes]}
    output.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    sys.stderr.write(f"wrote {output}\n")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m benchmarks.evaluation.run", description=__doc__)
    cases = (*NAMES, DETECTOR)
    made.add_argument("--only", nargs="+", choices=cases, metavar="CASE", help=", ".join(cases))
    packages = sorted({evaluator.package for evaluator in EVALUATORS})
    made.add_argument("--peers", nargs="+", choices=packages, metavar="NAME", help="these alone")
    forms = [form.value for form in Form]
    made.add_argument(
        "--forms", nargs="+", choices=forms, default=forms, help="of input, these alone"
    )
    made.add_argument("--quick", action="store_true", help="the two small cases, once")
    made.add_argument("--repetitions", type=int, default=3, help="the median is shown")
    made.add_argument(
        "--detector",
        nargs=2,
        type=Path,
        metavar=("GROUND_TRUTH", "RESULTS"),
        help=f"a real detector's output, as COCO's two JSON files: the case {DETECTOR}",
    )
    made.add_argument("--repeat", type=int, default=1, help="take the detector's images this often")
    made.add_argument("--output", type=Path, help="JSON file; default: in benchmarks/results")
    return made


def planned(arguments: argparse.Namespace) -> Plan:
    """What the command line asks for."""
    detector = tuple(arguments.detector) if arguments.detector else None
    cases = ("cells", CROWDED) if arguments.quick else NAMES
    cases = arguments.only or (*cases, *([DETECTOR] if detector else []))
    if DETECTOR in cases and detector is None:
        sys.exit(f"--only {DETECTOR}: name its two files with --detector")
    return Plan(
        cases=tuple(cases),
        evaluators=tuple(
            evaluator
            for evaluator in EVALUATORS
            if evaluator.package in (arguments.peers or [evaluator.package])
            and evaluator.form.value in arguments.forms
        ),
        repetitions=1 if arguments.quick else arguments.repetitions,
        detector=detector,
        repeat=arguments.repeat,
    )


def default_name(plan: Plan) -> str:
    """A part of the whole does not overwrite the whole."""
    whole = set(NAMES) <= set(plan.cases) and plan.evaluators == EVALUATORS
    return "evaluation.json" if whole else "evaluation_partial.json"


def measured_case(name: str, plan: Plan, folder: Path) -> list[Outcome]:
    """Everybody's turn, then everybody's next turn, so that a busy minute falls on all alike."""
    made = plan.made(name)
    save(made, folder / "workload.npz")
    objects = made.objects
    case = Case(
        name, len(objects.images), len(objects), len(made.detections), len(objects.categories)
    )
    outcomes = {evaluator.name: Outcome(case, evaluator) for evaluator in plan.evaluators}
    for turn in range(plan.repetitions):
        for evaluator in plan.evaluators:
            before = outcomes[evaluator.name]
            if not before.problem:
                outcomes[evaluator.name] = measured(before, folder)
                progress(outcomes[evaluator.name], turn, plan.repetitions)
    return list(compared(list(outcomes.values()), folder))


def measured(outcome: Outcome, folder: Path) -> Outcome:
    """The outcome with one more measurement, or with what went wrong."""
    evaluator = outcome.evaluator
    if evaluator.largest is not None and outcome.case.detections > evaluator.largest:
        return replace(outcome, problem="not run")
    if outcome.case.name in SCALING and evaluator.form is not Form.ARRAYS:
        return replace(outcome, problem="not run")
    files = [folder / "workload.npz", folder / "result.json", answer_file(evaluator, folder)]
    module = "benchmarks.evaluation.measure"
    command = [
        sys.executable,
        "-m",
        module,
        evaluator.module,
        evaluator.form.value,
        *map(str, files),
    ]
    try:
        done = subprocess.run(
            command,
            cwd=REPOSITORY,
            env=os.environ | THREADS,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=LIMIT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return replace(outcome, problem=f"over {LIMIT_SECONDS:.0f} s", seconds=(), peak_bytes=())
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        sys.stderr.write(f"{evaluator.name}: {last}\n")
        return replace(outcome, problem="failed", seconds=(), peak_bytes=())
    result = json.loads(files[1].read_text())
    return replace(
        outcome,
        seconds=(*outcome.seconds, result["seconds"]),
        peak_bytes=(*outcome.peak_bytes, result["peak_bytes"]),
    )


def answer_file(evaluator: Evaluator, folder: Path) -> Path:
    return folder / f"{evaluator.package}-{evaluator.form.value}.npz"


def compared(outcomes: Sequence[Outcome], folder: Path) -> Iterator[Outcome]:
    """The outcomes with how far they agree with the first reference that has an answer."""
    answered = {o.evaluator.name: o.evaluator for o in outcomes if o.seconds}
    reference = next((name for name in REFERENCES if name in answered), "")
    want = Answer.load(answer_file(answered[reference], folder)) if reference else None
    for outcome in outcomes:
        if want is None or not outcome.seconds:
            yield outcome
        else:
            got = Answer.load(answer_file(outcome.evaluator, folder))
            yield replace(outcome, agreement=agreement(got, want), reference=reference)


def progress(outcome: Outcome, turn: int, turns: int) -> None:
    """One line for each measurement."""
    said = outcome.problem
    if outcome.seconds:
        said = f"{1000 * outcome.seconds[-1]:,.0f} ms, {outcome.peak_bytes[-1] / 1e6:,.0f} MB"
    who = f"{outcome.case.name}: {outcome.evaluator.name}"
    sys.stderr.write(f"{who} {turn + 1}/{turns}: {said}\n")
    sys.stderr.flush()


def plain(outcome: Outcome) -> dict[str, object]:
    """The outcome as JSON's own types."""
    return asdict(outcome) | {"evaluator": outcome.evaluator.name}


if __name__ == "__main__":
    main()
