"""Images per second beside torchvision's detectors: `make bench-throughput`.

Both sides have the same weights and are given the same images, objects and batches, on the device
that is asked for. They are checked once: each trains, and each gives detections. Then they take
turns, and the median turn is shown. Training is a whole step of each side's own loop: forward,
loss, backward, step. The weights are random, so a detector finds nothing or everything: inference
is timed with a lowest score of 1, which leaves the network alone, and of 0, with which every prior
or proposal is a candidate of every class. Real images lie between. SSD300's normalisation is in
the time of both. The input pipelines are timed by themselves, from JPEG files of 500 x 375, from a
file of decoded images, and with the samples augmented on the device.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import chain
from pathlib import Path

import torch

from benchmarks.evaluation.machine import commit, processor, today, version
from benchmarks.evaluation.tables import markdown
from benchmarks.throughput import pipeline
from benchmarks.throughput.checks import EVERYTHING, NOTHING, check_detects, check_trains
from benchmarks.throughput.inputs import batches
from benchmarks.throughput.sides import Architecture, Setup, Side
from benchmarks.throughput.timing import Line, rows, timed
from refdet.data.dataset import Batch
from refdet.files import write_text_atomic
from refdet.models.runtime import NumberFormat, choose_device, usable_cores
from refdet.terminal import say

OURS = "refdet"
NAMES = ("ssd300", "faster-rcnn")
TASKS = ("train", "infer", "input")
HEADER = ("task", "side", "images/s", "slowest .. fastest turn", "ours is faster by")


@dataclass(frozen=True)
class Plan:
    """How much is measured.

    Attributes:
        device: where the networks run.
        tasks: which of `TASKS`.
        batch_size: images per step.
        steps: per turn.
        turns: of each side.
        workers: of the input pipelines.
        setups: of our side and of torchvision's; ours is the first.
    """

    device: torch.device
    tasks: tuple[str, ...]
    batch_size: int
    steps: int
    turns: int
    workers: int
    setups: Sequence[Setup]

    def timed(
        self,
        task: str,
        sides: Mapping[str, Callable[[int], object]],
    ) -> list[Line]:
        """Time sides at a task."""
        say(f"timing {task}: {', '.join(sides)}")
        return timed(task, sides, self.batch_size, self.device, steps=self.steps, turns=self.turns)


def main() -> None:
    """Check, measure, print the table; what is measured is kept should the rest not end."""
    arguments = parser().parse_args()
    torch.set_num_threads(arguments.threads)
    plan = planned(arguments)
    about = machine(plan)
    lines: list[Line] = []
    for architecture in (Architecture(name, size_of(name, arguments)) for name in arguments.only):
        for of_a_task in chain(measured(architecture, plan), measured_input(architecture, plan)):
            for line in of_a_task:
                say(f"  {line.side}: {line.rate:.3g} images/s")
            lines += of_a_task
            if arguments.output:
                content = {"machine": about, "lines": [asdict(line) for line in lines]}
                write_text_atomic(arguments.output, json.dumps(content, indent=1) + "\n")
    say(f"\n{headline(about)}\n\n{markdown(HEADER, rows(lines, OURS))}")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m benchmarks.throughput.run",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--only", nargs="+", choices=NAMES, default=NAMES, help="these detectors")
    made.add_argument("--tasks", nargs="+", choices=TASKS, default=TASKS, help="these tasks")
    made.add_argument("--device", type=device, default="auto", help="cpu, cuda, cuda:1 ...")
    one = at_least(1)
    made.add_argument("--batch-size", type=one, help="default: 2 on a CPU, 32 on a GPU")
    made.add_argument("--steps", type=one, help="per turn; default: 1 on a CPU, 20 on a GPU")
    made.add_argument("--turns", type=one, default=5, help="of each side; the median is shown")
    made.add_argument(
        "--size",
        nargs=2,
        type=one,
        metavar=("HEIGHT", "WIDTH"),
        help="of Faster R-CNN's images; default: 240 320 on a CPU, 800 1066 on a GPU",
    )
    formats = [one.value for one in NumberFormat]
    made.add_argument("--precision", choices=formats, help="default: fp32 on a CPU, bf16 on a GPU")
    made.add_argument("--compile", action=argparse.BooleanOptionalAction, help="default: on a GPU")
    made.add_argument("--threads", type=one, default=usable_cores(), help="of the CPU")
    made.add_argument(
        "--workers", type=at_least(0), default=usable_cores(), help="of input pipelines"
    )
    made.add_argument("--output", type=writable, help="also write the numbers as JSON")
    return made


def at_least(least: int) -> Callable[[str], int]:
    """The type of an argument."""

    def number(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise argparse.ArgumentTypeError(f"{text!r} is no whole number of at least {least}")
        return int(text)

    return number


def device(name: str) -> torch.device:
    """One that is here."""
    try:
        return choose_device(name)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def writable(text: str) -> Path:
    """A file that can be written when everything is measured."""
    path = Path(text)
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise argparse.ArgumentTypeError(f"{text} cannot be written: name a file in a folder")
    return path


def planned(arguments: argparse.Namespace) -> Plan:
    """What the command line asks for."""
    device: torch.device = arguments.device
    gpu = device.type == "cuda"
    precision = NumberFormat(arguments.precision or ("bf16" if gpu else "fp32"))
    compiled = gpu if arguments.compile is None else arguments.compile
    usual, best = Setup(device), Setup(device, precision, channels_last=True, compiled=compiled)
    return Plan(
        device,
        tuple(arguments.tasks),
        arguments.batch_size or (32 if gpu else 2),  # which are at least 1 where given
        arguments.steps or (20 if gpu else 1),
        arguments.turns,
        arguments.workers,
        # Ours; torchvision's as its scripts train it; and where that differs, in our precision.
        [best, usual] + [Setup(device, precision)] * (precision is not NumberFormat.FP32),
    )


def size_of(name: str, arguments: argparse.Namespace) -> tuple[int, int]:
    """Height and width of the images that a detector is given."""
    if name == "ssd300":
        return 300, 300
    if arguments.size:
        height, width = arguments.size
        return height, width
    return (800, 1066) if arguments.device.type == "cuda" else (240, 320)


def measured(architecture: Architecture, plan: Plan) -> Iterator[list[Line]]:
    """Training and inference of one detector, task by task."""
    if not {"train", "infer"} & set(plan.tasks):
        return
    inputs = batches(architecture.size, architecture.n_classes, plan.batch_size, plan.device)
    ours = architecture.ours(plan.setups[0])
    sides: list[Side] = [ours, *(architecture.theirs(setup, ours) for setup in plan.setups[1:])]
    for side in sides:
        say(f"checking {architecture.name}: {side.name}")
        check_detects(side, inputs[0], architecture.n_classes)
        check_trains(side, inputs[0])
    yield from lines_of(architecture.name, sides, inputs, plan)


def lines_of(
    name: str, sides: Sequence[Side], inputs: Sequence[Batch], plan: Plan
) -> Iterator[list[Line]]:
    """What checked sides reach, task by task."""

    def step(side: Side, number: int) -> object:
        return side.step(inputs[number % len(inputs)])

    def detect(side: Side, number: int) -> object:
        return side.detect(inputs[number % len(inputs)].images)

    titles = {f"{side.name} ({side.setup})": side for side in sides}
    if "infer" in plan.tasks:
        for what, score in (("nothing", NOTHING), ("everything", EVERYTHING)):
            for side in sides:
                side.network.eval()
                side.set_min_score(score)
            run = {title: partial(detect, side) for title, side in titles.items()}
            yield plan.timed(f"{name} inference, finds {what}", run)
    if "train" in plan.tasks:
        for side in sides:
            side.network.train()
        yield plan.timed(
            f"{name} training", {title: partial(step, side) for title, side in titles.items()}
        )


def measured_input(architecture: Architecture, plan: Plan) -> Iterator[list[Line]]:
    """The input pipelines of one detector, whose batches end on the CPU or on the device."""
    if "input" not in plan.tasks:
        return
    name, given = architecture.name, (plan.batch_size, plan.workers)
    n = plan.batch_size * -(-pipeline.N_IMAGES // plan.batch_size)
    with tempfile.TemporaryDirectory() as folder:
        images = pipeline.write_images(Path(folder), architecture.n_classes, n)
        ours = partial(pipeline.ours_for_training, images, name, *given)
        file = Path(folder) / "decoded.safetensors"
        sides = {
            f"{OURS}, train": ours(),
            f"{OURS}, train --cache": ours(cache=True),
            f"{OURS}, train --cache-file": ours(cache_file=file),
            f"{OURS}, train --cache-file --augment-on-device ({plan.device})": ours(
                cache_file=file, augment_on=plan.device
            ),
            f"{OURS}, infer": pipeline.ours_for_inference(images, name, *given),
            "torchvision's preset": pipeline.theirs_for_training(images, name, *given),
        }
        yield plan.timed(f"{name} input", sides)


def machine(plan: Plan) -> dict[str, object]:
    """All that the numbers depend on."""
    gpu = plan.device.type == "cuda"
    return {
        "processor": processor(),
        "device": torch.cuda.get_device_name(plan.device) if gpu else "cpu",
        "threads": torch.get_num_threads(),
        "workers": plan.workers,
        "batch_size": plan.batch_size,
        "steps": plan.steps,
        "turns": plan.turns,
        "python": platform.python_version(),
        "versions": {name: version(name) for name in ("refdet", "torch", "torchvision")},
        "commit": commit(),
        "day": today(),
    }


def headline(about: Mapping[str, object]) -> str:
    """The line above the table."""
    versions = about["versions"]
    assert isinstance(versions, dict)
    listed = ", ".join(f"{name} {number}" for name, number in versions.items())
    return (
        f"{about['processor']}; {about['device']}; {about['threads']} threads, "
        f"{about['workers']} workers, batches of {about['batch_size']}, {about['turns']} turns of "
        f"{about['steps']} steps; Python {about['python']}, {listed}; "
        f"commit {about['commit']}, {about['day']}."
    )


if __name__ == "__main__":
    main()
