"""Options: saved with their help, read back, and refused with the file's name."""

from __future__ import annotations

import dataclasses
import tomllib
from pathlib import Path

import pytest

from refdet.cli import parse_options
from refdet.config import CheckData, DataOptions, Evaluate, Infer, Precision
from refdet.config_analysis import Compare, Tune
from refdet.config_conformance import ConformanceList, ConformanceRun, ConformanceShow
from refdet.config_file import Config, arguments_from_toml, field_help, to_toml
from refdet.config_train import Optimizer, Schedule, Train, TrainFasterRCNN, TrainSSD300
from refdet.config_vendor import VendorAdd, VendorCheck, VendorRecord, VendorRemove, VendorUpdate
from refdet.conformance.adapter import RealType
from refdet.conformance.contract import BoxFormat
from refdet.data.options import BoxCoordinates, Layout, PixelRangeOption, SourceOptions
from refdet.models.faster_rcnn_spec import Anchors, Backbone

DATA, OUT = Path("d"), Path("o")
HINTS = "__annotations__"
SHARES = ("horizontal_flip", "vertical_flip", "colour", "mosaic", "mixup", "min_visible")
CONFIG_TYPES: list[type[Config]] = [
    *(TrainSSD300, TrainFasterRCNN, Infer, Evaluate, CheckData, Compare, Tune),
    *(ConformanceList, ConformanceShow, ConformanceRun),
    *(VendorAdd, VendorCheck, VendorUpdate, VendorRecord, VendorRemove),
]
EXAMPLES: list[Config] = [
    TrainSSD300(
        data=DATA,
        output=Path('a "quoted"\\ folder'),
        classes=("WBC", "Größe"),
        epochs=3,
        warm_up=0.0,
    ),
    TrainSSD300(data=DATA, output=OUT, batch_norm=False, precision=Precision.BF16, seed=7),
    TrainSSD300(
        data=DATA, output=OUT, optimizer=Optimizer.SGD, schedule=Schedule.MILESTONES, resume=True
    ),
    TrainFasterRCNN(
        data=DATA,
        output=OUT,
        layout=Layout.NPY_CSV,
        pixel_range=PixelRangeOption.SYMMETRIC,
        box_coordinates=BoxCoordinates.NORMALIZED,
        first_class=1,
        backbone=Backbone.RESNET18_SMALL,
        anchors=Anchors.SMALL,
        trainable_layers=0,
        augment=False,
        exclude_list=Path("false_positive_images.txt"),
    ),
    TrainFasterRCNN(data=DATA, output=OUT),
    Infer(
        checkpoint=Path("best.pt"),
        output=OUT,
        images=Path("pictures"),
        class_thresholds=("WBC=0.6", "7:0.9"),
    ),
    Evaluate(dt=(Path("p.csv"),), gt=DATA, output=OUT, score_threshold=0.25),
    CheckData(data=DATA, plot=Path("counts.png"), image_folder="pictures"),
    Tune(run=Path("val"), output=Path("t.json"), recall=0.9, class_thresholds=("old.json", "A=1")),
    Compare(runs=(Path("first"), Path("second")), gt=DATA, output=OUT, classes=("A", "B")),
    ConformanceList(),
    ConformanceShow(contract="nms"),
    ConformanceRun(
        targets=("a.b:iou", "a.c:iou"),
        as_="iou_matrix",
        format=BoxFormat.XYWH,
        dtype=RealType.FLOAT32,
        arguments=("gt=b_xyxy", "a_xyxy"),
        unchecked_values=True,
    ),
    ConformanceRun(suite=("torchvision", "vernier"), known=OUT),
    VendorAdd(names=("iou", "nms"), to=OUT, only=("iou_matrix",), as_torch=True),
    VendorCheck(folders=(DATA, OUT), strict=True),
    VendorUpdate(),
    VendorRecord(file=DATA, reason='our "boxes"'),
    VendorRemove(all=True, folder=OUT),
]


@pytest.mark.parametrize("config", EXAMPLES, ids=lambda config: type(config).__name__)
def test_to_toml_comes_back_the_same(config: Config, tmp_path: Path) -> None:
    file = tmp_path / "saved.toml"
    file.write_text(to_toml(config), encoding="utf-8")
    assert parse_options(type(config), ["--config", str(file)], "refdet") == config
    assert parse_options(type(config), [f"--config={file}"], "refdet") == config


def test_every_command_is_among_the_examples() -> None:
    assert {type(config) for config in EXAMPLES} == set(CONFIG_TYPES)


@pytest.mark.parametrize("config_type", CONFIG_TYPES)
def test_every_option_has_help(config_type: type[Config]) -> None:
    fields = {field.name for field in dataclasses.fields(config_type)}
    texts = field_help(config_type)
    assert set(texts) == fields
    assert all(len(text) > 10 for text in texts.values())


def test_field_help_of_an_inherited_option_is_its_own_or_the_new_one() -> None:
    options, train, ours = (field_help(t) for t in (TrainSSD300, Train, TrainFasterRCNN))
    assert train["clip_norm"] == options["clip_norm"] == ours["clip_norm"]
    assert options["learning_rate"] == train["learning_rate"]
    assert options["learning_rate"] == "Highest learning rate; sgd wants about half."
    # Declared once more with another default, and with another text.
    assert ours["learning_rate"] == "Highest learning rate; random weights want about 1e-3."
    assert ours["layout"] == options["layout"] == field_help(CheckData)["layout"]
    assert "\n" not in ours["layout"]


def test_to_toml_explains_each_option() -> None:
    text = to_toml(CheckData(data=DATA))
    assert "# Folder of the data set.\ndata = " in text
    assert tomllib.loads(text) == {
        "layout": "auto",
        "classes": [],
        "one_based": True,
        "image_folder": "images",
        "label_folder": "labels",
        "pixel_range": "auto",
        "box_coordinates": "auto",
        "first_class": 0,
        "data": "d",
    }


def test_to_toml_shows_an_option_that_is_not_set() -> None:
    text = to_toml(TrainFasterRCNN(data=DATA, output=OUT))
    assert "\n# trainable_layers = # not set\n" in text
    assert "\n# exclude_list = # not set\n" in text


def test_source_passes_on_every_declaration() -> None:
    options = DataOptions(
        layout=Layout.NPY_CSV,
        classes=("R", "C"),
        one_based=False,
        image_folder="i",
        label_folder="l",
        pixel_range=PixelRangeOption.UNIT,
        box_coordinates=BoxCoordinates.PIXELS,
        first_class=1,
    )
    told = options.source(DATA)
    nothing_told = SourceOptions(DATA)
    assert told == SourceOptions(
        DATA,
        Layout.NPY_CSV,
        ("R", "C"),
        one_based=False,
        image_folder="i",
        label_folder="l",
        pixel_range=PixelRangeOption.UNIT,
        box_coordinates=BoxCoordinates.PIXELS,
        first_class=1,
    )
    same = [
        f.name for f in dataclasses.fields(told) if vars(told)[f.name] == vars(nothing_told)[f.name]
    ]
    assert same == ["root"]
    assert DataOptions().source(DATA) == nothing_told


def test_options_on_the_command_line_win_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "saved.toml"
    file.write_text(to_toml(TrainSSD300(data=DATA, output=OUT, classes=("A", "B"), epochs=3)))
    words = ["--epochs", "5", "--config", str(file), "--classes", "C", "--no-batch-norm"]
    parsed = parse_options(TrainSSD300, words, "refdet")
    assert (parsed.epochs, parsed.classes, parsed.batch_norm) == (5, ("C",), False)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epoch = 3", r"saved\.toml: no option 'epoch'; there are layout, classes"),
        ("epochs = ", r"cannot read the config .*saved\.toml"),
    ],
)
def test_arguments_from_toml_names_the_file_and_the_fault(
    text: str, message: str, tmp_path: Path
) -> None:
    file = tmp_path / "saved.toml"
    file.write_text(text)
    with pytest.raises(ValueError, match=message):
        arguments_from_toml(file, CheckData)


def test_arguments_from_toml_names_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"cannot read the config .*absent\.toml"):
        arguments_from_toml(tmp_path / "absent.toml", CheckData)


TRAIN = [
    ("epochs", 0, "--epochs must be at least 1, got 0"),
    ("batch_size", 0, "--batch-size must be at least 1, got 0"),
    ("accumulate", 0, "--accumulate must be at least 1, got 0"),
    ("eval_every", 0, "--eval-every must be at least 1, got 0"),
    ("max_skipped", -1, "--max-skipped must be at least 0, got -1"),
    ("patience", -1, "--patience must be at least 0, got -1"),
    ("keep_every", -1, "--keep-every must be at least 0, got -1"),
    ("save_minutes", -0.5, "--save-minutes must be at least 0, got -0.5"),
    ("workers", -1, "--workers must be at least 0, got -1"),
    ("threads", -1, "--threads must be at least 0, got -1"),
    ("weight_decay", -1e-4, "--weight-decay must be at least 0, got -0.0001"),
    ("clip_norm", 0.0, r"--clip-norm must be in \(0, inf\), got 0.0"),
    ("learning_rate", 0.0, r"--learning-rate must be in \(0, inf\), got 0.0"),
    ("learning_rate", float("nan"), r"--learning-rate must be in \(0, inf\), got nan"),
    ("learning_rate", float("inf"), r"--learning-rate must be in \(0, inf\), got inf"),
    ("warm_up", 1.0, r"--warm-up must be in \[0, 1\), got 1.0"),
    ("warm_up", -0.1, r"--warm-up must be in \[0, 1\), got -0.1"),
    ("seed", -1, "--seed must be at least 0, got -1"),
    ("seed", 2**31, r"--seed must be below 2\*\*31"),
]
SSD300 = [
    ("match_iou", 0.0, r"--match-iou must be in \(0, 1\], got 0.0"),
    ("match_iou", 1.5, r"--match-iou must be in \(0, 1\], got 1.5"),
    ("negative_ratio", -1.0, "--negative-ratio must be at least 0, got -1.0"),
    ("max_zoom_out", 0.9, "--max-zoom-out must be at least 1, got 0.9"),
    ("augment_share", 1.1, r"--augment-share must be in \[0, 1\], got 1.1"),
]
FASTER_RCNN = [
    *(
        (share, 1.1, rf"--{share.replace('_', '-')} must be in \[0, 1\], got 1.1")
        for share in SHARES
    ),
    *((share, -0.1, rf"--{share.replace('_', '-')} must be in \[0, 1\]") for share in SHARES),
    ("hue", 0.6, r"--hue must be in \[0, 0.5\], got 0.6"),
    ("mixup_alpha", 0.0, r"--mixup-alpha must be in \(0, inf\), got 0.0"),
    ("min_scale", 0.0, r"--min-scale must be in \(0, inf\), got 0.0"),
    ("max_scale", 0.7, "--max-scale must be at least 0.8, got 0.7"),
    ("min_size", -1, "--min-size must be at least 0, got -1"),
    ("max_size", -1, "--max-size must be at least 0, got -1"),
]


@pytest.mark.parametrize(
    ("config_type", "option", "value", "message"),
    [
        *((TrainSSD300, *case) for case in (*TRAIN, *SSD300)),
        *((TrainFasterRCNN, *case) for case in (*TRAIN, *FASTER_RCNN)),
    ],
)
def test_train_options_name_what_is_out_of_range(
    config_type: type[Config], option: str, value: float, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        make(config_type, **{option: value})


def make(config_type: type[Config], **options: object) -> Config:
    given: dict[str, object] = {"data": DATA, "output": OUT, **options}
    return config_type(**given)  # type: ignore[arg-type]  # the types are right, their mixture hides it


def test_train_options_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="--no-augment leaves samples as they are"):
        make(TrainFasterRCNN, augment=False, mosaic=0.5)


@pytest.mark.parametrize("end", [0.0, 1.0])
def test_train_options_may_be_at_the_end_of_their_range(end: float) -> None:
    make(TrainFasterRCNN, **dict.fromkeys(SHARES, end), hue=end / 2, min_scale=1.0, max_scale=1.0)
    make(TrainSSD300, augment_share=end, match_iou=1.0, max_zoom_out=1.0, seed=2**31 - 1)
    make(TrainSSD300, warm_up=0.0, weight_decay=0.0, save_minutes=0.0, negative_ratio=0.0)


def test_infer_options_name_what_is_out_of_range() -> None:
    for option, value, message in (
        ("max_pictures", -1, "--max-pictures must be at least 0, got -1"),
        ("top_k", 0, "--top-k must be at least 1, got 0"),
        ("batch_size", 0, "--batch-size must be at least 1, got 0"),
        ("threads", -1, "--threads must be at least 0, got -1"),
    ):
        with pytest.raises(ValueError, match=message):
            make(Infer, checkpoint=Path("best.pt"), **{option: value})
    with pytest.raises(ValueError, match="--max-pictures must be at least 0, got -1"):
        Evaluate(dt=(Path("p.csv"),), gt=DATA, output=OUT, max_pictures=-1)


@pytest.mark.parametrize("config_type", CONFIG_TYPES)
def test_what_must_be_given_and_the_commands_own_options_come_first(
    config_type: type[Config],
) -> None:
    inherited = {name for base in config_type.__mro__[1:] for name in vars(base).get(HINTS, {})}
    own = vars(config_type).get(HINTS, {}).keys()
    ranks = [
        (field.default is not dataclasses.MISSING, field.name in inherited)
        for field in dataclasses.fields(config_type)
        if field.name not in own & inherited  # with another default or help, it stays there
    ]
    assert ranks == sorted(ranks)


def test_tune_explains_its_score_threshold_as_the_one_that_is_kept() -> None:
    assert "What a class keeps" in field_help(Tune)["score_threshold"]
    assert "Counts and lists" in field_help(Compare)["score_threshold"]
