"""Entry points of `refdet train`: options in; a run, its checkpoints and its curves out."""

from __future__ import annotations

import time
from contextlib import ExitStack

from refdet.config_train import Train, TrainFasterRCNN, TrainSSD300
from refdet.models.runtime import describe_environment
from refdet.records import Evaluation
from refdet.report.plots import history_figure, write_figure
from refdet.report.text_table import format_class_table
from refdet.terminal import say
from refdet.training.engine import Progress
from refdet.training.preparing import prepare_process, prepare_run, refuse_used_folder
from refdet.training.processes import choose_process_device, joined_world
from refdet.training.stopping import stop_on_signals

INTERRUPTED = 130
"""The exit code of a run that was asked to stop, as shells count Ctrl-C."""


def train_ssd300(config: TrainSSD300) -> int:
    """Train SSD300 as `config` says; returns the exit code."""
    return train(config)


def train_faster_rcnn(config: TrainFasterRCNN) -> int:
    """Train Faster R-CNN as `config` says; returns the exit code."""
    return train(config)


def train(config: Train) -> int:
    """Train the detector that `config` is for, from the start or on from `last.pt`."""
    refuse_used_folder(config)
    started = time.perf_counter()
    device = choose_process_device(config.device)
    with ExitStack() as stack:
        world = stack.enter_context(joined_world(device))
        tell = say if world.leads else _say_nothing
        stop = stack.enter_context(stop_on_signals(announced="step" if world.leads else None))
        prepare_process(config, world)
        tell(describe_environment(device))
        engine, folder = prepare_run(config, device, world, lambda: stop.made, tell)
        if folder.events:
            stack.enter_context(folder.events)
        evaluation = engine.run()
        if evaluation is None:
            tell(_how_to_go_on(config, engine.progress))
            return INTERRUPTED
        if world.leads:
            _summarise(config, engine.progress, evaluation, time.perf_counter() - started)
    return 0


def _how_to_go_on(config: Train, progress: Progress) -> str:
    where = f"epoch {progress.epoch}, step {progress.step}"
    return (
        f"stopped in {where}; {config.output / 'last.pt'} holds everything. "
        "Go on with the same command and --resume"
    )


def _summarise(config: Train, progress: Progress, evaluation: Evaluation, seconds: float) -> None:
    output, history = config.output, progress.history
    write_figure(output / "curves.png", history_figure(history))
    say(f"the last epoch's network:\n{format_class_table(evaluation)}")
    if len(history) < config.epochs:
        say(f"ended early: {progress.waited} validations in a row brought no better AP")
    say(
        f"{len(history)} epochs, {seconds:.0f} s; best validation AP {progress.best_ap:.3f}\n"
        f"weights: {output / 'best.pt'}   history: {output / 'history.jsonl'}   "
        f"curves: {output / 'curves.png'}"
    )


def _say_nothing(_text: str) -> None:
    """What a process says that does not lead."""
