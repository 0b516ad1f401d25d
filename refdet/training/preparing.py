"""From the options to a run that is ready for its next step."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

import torch
from torch.amp.grad_scaler import GradScaler

from refdet import config_train as options
from refdet.config import Precision
from refdet.config_train import Train
from refdet.data.dataset import Batch, DetectionDataset, Untransformed
from refdet.files import atomic_path
from refdet.models.checkpoints import Checkpoint, load_checkpoint
from refdet.models.optimisation import adamw, constant, milestones, one_cycle, sgd
from refdet.models.runtime import (
    NumberFormat,
    be_deterministic,
    computes_bf16,
    keep_freed_memory,
    seed_everything,
    set_threads,
)
from refdet.report.panels import draw_grid
from refdet.training.data import Decode, TrainingData, decoder, fingerprint, read_data
from refdet.training.engine import Engine, Progress, steps_per_epoch
from refdet.training.loading import TransformedOnDevice, make_loader
from refdet.training.logbook import EventLog, require_tensorboard
from refdet.training.plan import EpochBatches
from refdet.training.processes import World, n_processes_here
from refdet.training.recipes import INFERENCE_TRANSFORMS, Recipe, recipe_for
from refdet.training.resuming import take_up
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
    """Threads, memory, determinism and seeds of this process.

    Raises:
        ValueError: an option needs what is not installed.
    """
    if config.tensorboard:
        require_tensorboard()
    set_threads(config.threads, n_processes_here())
    keep_freed_memory()
    if config.deterministic:
        be_deterministic()
    seed_everything(config.seed)
    # The schedule goes on where a step is skipped, of which torch would warn at the first.
    warnings.filterwarnings("ignore", message=".*lr_scheduler.step.*before.*optimizer.step")


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
    data = read_data(config, tell)
    checkpoint = _checkpoint_to_take_up(config, world, tell)
    recipe = recipe_for(config, len(data.class_names), checkpoint)
    for sentence in recipe.told:
        tell(sentence)
    number_format = choose_number_format(config.precision, device)
    parameters = sum(parameter.numel() for parameter in recipe.detector.network.parameters())
    tell(f"{recipe.detector.architecture}: {parameters:,} parameters, {number_format}")
    steps = config.epochs * steps_per_epoch(config, len(data.training), world.size)
    stepper = _stepper(config, recipe, device, world, number_format, steps)
    # Before there is a folder: what is wrong with an image or the file must not leave one behind.
    decode = decoder(data, config, world, stop_requested, tell)
    # From here on the processes draw different numbers, for whatever the network draws.
    seed_everything(config.seed + world.rank)
    folder = RunFolder(
        config,
        data.class_names,
        stepper,
        Progress(),
        device,
        _circumstances(config, data, device, number_format),
        tell,
    )
    if checkpoint:
        for sentence in take_up(folder, checkpoint):
            tell(sentence)
    else:
        folder.start()
    if config.tensorboard and world.leads:
        folder.events = EventLog(config.output / "tensorboard", folder.progress.epoch)
    return _engine(config, data, decode, recipe, folder, stop_requested), folder


def _engine(
    config: Train,
    data: TrainingData,
    decode: Decode,
    recipe: Recipe,
    folder: RunFolder,
    stop_requested: Callable[[], bool],
) -> Engine:
    """The engine with its loaders; the leader draws the first samples on the way."""
    stepper, world = folder.stepper, folder.stepper.world
    dataset_of = partial(DetectionDataset, cache=config.cache, decode=decode)
    training = dataset_of(data.training, recipe.transform, config.seed, mixing=recipe.mixing)
    judged = INFERENCE_TRANSFORMS[recipe.detector.architecture]()
    validation = dataset_of(data.validation, judged)
    if world.leads:
        _show_samples(training, recipe, data.class_names, config.output / "training_samples.png")
    load = partial(
        make_loader,
        workers=config.workers,
        pin_memory=folder.device.type == "cuda",
        tell=folder.tell,
    )
    batches = EpochBatches(len(training), config.batch_size, config.seed, world.rank, world.size)
    return Engine(
        config,
        stepper,
        _training_loader(config, training, batches, load, folder),
        batches,
        training,
        [image.ground_truth.image for image in data.training],
        Validator(
            validation,
            data.validation,
            data.class_names,
            config.val_split,
            config.batch_size,
            stepper.number_format,
            world,
            stop_requested,
            load,
        ),
        folder.progress,
        folder.save,
        stop_requested,
    )


def _training_loader(
    config: Train,
    training: DetectionDataset,
    batches: EpochBatches,
    load: Callable[..., Iterable[Batch]],
    folder: RunFolder,
) -> Iterable[Batch]:
    """The batches of an epoch, their samples augmented by the workers or on the device."""
    if not config.augment_on_device:
        return load(training, batches)
    if folder.device.type == "cpu":
        folder.tell("--augment-on-device helps a GPU: on a CPU --workers are the faster way")
    return TransformedOnDevice(load(Untransformed(training), batches), training, folder.device)


def choose_number_format(precision: Precision, device: torch.device) -> NumberFormat:
    """The format of the network's arithmetic; auto is bf16 where the hardware computes it."""
    if precision is Precision.AUTO:
        return NumberFormat.BF16 if computes_bf16(device) else NumberFormat.FP32
    return NumberFormat(precision.value)


def _checkpoint_to_take_up(config: Train, world: World, tell: Tell) -> Checkpoint | None:
    """`last.pt`, if the run is to be resumed and there is one; in every process alike."""
    if not config.resume:
        return None
    file = config.output / "last.pt"
    there = file.exists()
    if world.any(there != world.from_leader(there)):
        raise ValueError(f"not every process sees {file}: --output must be a folder that all share")
    if not there:
        tell(f"nothing to resume in {config.output}: a new run")
        return None
    checkpoint = load_checkpoint(file)
    if not checkpoint.training_state:
        raise ValueError(f"{file} is for use only: it holds no state to go on from")
    return checkpoint


def _circumstances(
    config: Train, data: TrainingData, device: torch.device, number_format: NumberFormat
) -> dict[str, str]:
    on_gpu = device.type == "cuda"
    return {
        "training data": fingerprint(data.training),
        "validation data": fingerprint(data.validation),
        "number format": number_format.value,
        "device": torch.cuda.get_device_name(device) if on_gpu else device.type,
        "augmentation": "on the GPU" if on_gpu and config.augment_on_device else "on the CPU",
        "threads": str(torch.get_num_threads()),
    }


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
