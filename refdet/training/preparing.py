"""From the options to a run that is ready for its next step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch.amp.grad_scaler import GradScaler

from refdet import config as options
from refdet.config import Precision, Train
from refdet.data.dataset import DetectionDataset
from refdet.data.exclusion import exclude_images, read_exclude_list
from refdet.data.source import DataSource, open_source
from refdet.files import atomic_path
from refdet.models.optimisation import adamw, constant, milestones, one_cycle, sgd
from refdet.models.runtime import (
    NumberFormat,
    be_deterministic,
    computes_bf16,
    keep_freed_memory,
    seed_everything,
    set_threads,
)
from refdet.records import AnnotatedImage
from refdet.report.panels import draw_grid
from refdet.training.engine import Engine, Progress, steps_per_epoch
from refdet.training.loading import make_loader
from refdet.training.logbook import EventLog
from refdet.training.plan import EpochBatches
from refdet.training.processes import World
from refdet.training.recipes import INFERENCE_TRANSFORMS, Recipe, recipe_for
from refdet.training.saving import RunFolder
from refdet.training.stepping import Stepper
from refdet.training.validation import Validator

OPTIMIZERS = {options.Optimizer.ADAMW: adamw, options.Optimizer.SGD: sgd}
SCHEDULES = {
    options.Schedule.ONE_CYCLE: one_cycle,
    options.Schedule.MILESTONES: milestones,
    options.Schedule.CONSTANT: constant,
}
N_SHOWN = 8
"""Samples in the picture of what the network is trained on."""

Tell = Callable[[str], None]


def refuse_used_folder(config: Train) -> None:
    """Raise ValueError if the output holds a run that the options neither resume nor replace."""
    if (config.output / "last.pt").exists() and not (config.resume or config.overwrite):
        raise ValueError(
            f"{config.output} holds a run already; go on with it by --resume, replace it by "
            "--overwrite, or name another --output"
        )
    if config.resume and config.overwrite:
        raise ValueError("--resume goes on with a run and --overwrite replaces it; give one")


def prepare_process(config: Train, world: World) -> None:
    """Threads, memory, determinism and seeds of this process."""
    set_threads(config.threads, world.size)
    keep_freed_memory()
    if config.deterministic:
        be_deterministic()
    seed_everything(config.seed)


def prepare_run(
    config: Train,
    device: torch.device,
    world: World,
    stop_requested: Callable[[], bool],
    tell: Tell,
) -> tuple[Engine, RunFolder]:
    """The run, at its start or where `last.pt` left it.

    Args:
        config: the options.
        device: of the network.
        world: the processes that train together; `prepare_process` has seeded them alike.
        stop_requested: asked between steps.
        tell: called with every sentence that the user should read.

    Raises:
        ValueError: the data, the weights, the folder or the checkpoint cannot be used.
    """
    source = open_source(config.source(config.data))
    for sentence in source.settled:
        tell(sentence)
    train_images = _training_images(config, source, tell)
    val_images = _read_split(source, config.val_split, tell)
    recipe = recipe_for(config, len(source.class_names))
    for sentence in recipe.told:
        tell(sentence)
    number_format = choose_number_format(config.precision, device)
    parameters = sum(parameter.numel() for parameter in recipe.detector.network.parameters())
    tell(f"{recipe.detector.architecture}: {parameters:,} parameters, {number_format}")

    steps = config.epochs * steps_per_epoch(config, len(train_images), world.size)
    stepper = _stepper(config, recipe, device, world, number_format, steps)
    # From here on the processes draw different numbers, for whatever the network draws.
    seed_everything(config.seed + world.rank)
    training = DetectionDataset(
        train_images, recipe.transform, config.seed, cache=config.cache, mixing=recipe.mixing
    )
    validation = DetectionDataset(
        val_images, INFERENCE_TRANSFORMS[recipe.detector.architecture](), cache=config.cache
    )
    progress = Progress()
    folder = RunFolder(config, source.class_names, stepper, progress, device, tell)
    _start_or_take_up(config, folder, tell)
    if world.leads:
        _show_samples(training, recipe, source.class_names, config.output / "training_samples.png")
        if config.tensorboard:
            folder.events = EventLog(config.output / "tensorboard", progress.epoch)
    batches = EpochBatches(len(training), config.batch_size, config.seed, world.rank, world.size)
    engine = Engine(
        config,
        stepper,
        make_loader(
            training,
            batches,
            workers=config.workers,
            pin_memory=device.type == "cuda",
            tell=tell,
        ),
        batches,
        training,
        [image.ground_truth.image for image in train_images],
        Validator(
            validation,
            val_images,
            source.class_names,
            config.val_split,
            config.batch_size,
            number_format,
            world,
            stop_requested,
        ),
        progress,
        folder.save,
        stop_requested,
    )
    return engine, folder


def choose_number_format(precision: Precision, device: torch.device) -> NumberFormat:
    """The format of the network's arithmetic; auto is bf16 where the hardware computes it."""
    if precision is Precision.AUTO:
        return NumberFormat.BF16 if computes_bf16(device) else NumberFormat.FP32
    return NumberFormat(precision.value)


def _start_or_take_up(config: Train, folder: RunFolder, tell: Tell) -> None:
    if config.resume and folder.last.exists():
        for sentence in folder.take_up():
            tell(sentence)
        return
    if config.resume:
        tell(f"nothing to resume in {config.output}: a new run")
    folder.start()


def _stepper(
    config: Train,
    recipe: Recipe,
    device: torch.device,
    world: World,
    number_format: NumberFormat,
    steps: int,
) -> Stepper:
    network = recipe.detector.network.to(device)
    if config.channels_last:
        network.to(memory_format=torch.channels_last)
    optimizer = OPTIMIZERS[config.optimizer](network, config.learning_rate, config.weight_decay)
    if config.compile:
        recipe.detector.compiled_part.compile()
    return Stepper(
        recipe.detector,
        world.wrap(network, device),
        optimizer,
        SCHEDULES[config.schedule](optimizer, steps, config.warm_up),
        GradScaler(device.type, enabled=number_format is NumberFormat.FP16),
        number_format,
        config.clip_norm,
        config.max_skipped,
        world,
    )


def _training_images(config: Train, source: DataSource, tell: Tell) -> tuple[AnnotatedImage, ...]:
    images = _read_split(source, config.train_split, tell)
    if config.exclude_list is None:
        return images
    names = read_exclude_list(config.exclude_list)
    kept = exclude_images(images, names, config.exclude_list)
    tell(f"{config.exclude_list}: {len(images) - len(kept)} training images left out")
    return kept


def _read_split(source: DataSource, name: str, tell: Tell) -> tuple[AnnotatedImage, ...]:
    split = source.read_split(name)
    objects = sum(len(image.ground_truth) for image in split.images)
    tell(f"{name}: {len(split.images)} images, {objects} objects")
    for problem in split.dropped:
        tell(f"  left out: {problem}")
    return split.images


def _show_samples(
    training: DetectionDataset, recipe: Recipe, class_names: Sequence[str], file: Path
) -> None:
    """Draw the first images as the network will see them, boxes and all."""
    training.set_epoch(1)
    items = [training[index] for index in range(min(N_SHOWN, len(training)))]
    grid = draw_grid(
        [recipe.to_pixels(item.image).permute(1, 2, 0).numpy() for item in items],
        [item.boxes_xyxy.double().numpy() for item in items],
        [item.labels.numpy() for item in items],
        class_names,
    )
    with atomic_path(file) as temporary:
        grid.save(temporary, format="PNG")
