"""Where the files of a YOLO data set lie.

Images and labels lie in `images/` and `labels/`, in the same folder, or in two that are named. A
split is a folder in those two, `images/<split>`, or around them, `<split>/images`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from refdet.data.images import IMAGE_SUFFIXES
from refdet.data.reading import split_order
from refdet.data.yolo_names import NAME_FILES, find_class_names

IMAGES, LABELS, LABEL_SUFFIX = "images", "labels", ".txt"

LOOKED_FOR = (
    "images/*.jpg with labels/*.txt, the same in images/<split> and labels/<split> or in "
    "<split>/images and <split>/labels, or *.jpg with *.txt in one folder"
)


@dataclass(frozen=True)
class YoloFolder:
    """The files of a split, or of a data set without splits.

    Attributes:
        image_files: by file name, sorted.
        label_files: by name without suffix, sorted.
        labels: the folder that they lie in.
        class_names: None if no file names classes.
        split: None where there are no splits.
    """

    image_files: dict[str, Path]
    label_files: dict[str, Path]
    labels: Path
    class_names: tuple[str, ...] | None
    split: str | None


def open_yolo(root: Path, split: str | None = None, images: Path | None = None) -> YoloFolder:
    """The files of one split in `root`.

    Args:
        root: the folder; or that of the labels, if `images` is given.
        split: its name; None takes the only one, or the whole where there are no splits.
        images: the folder of images, where it is not found beside the labels.

    Raises:
        ValueError: there is no such split, or more than one and none was named; there are no
            images; two images would share a label file; the names of classes cannot be read.
    """
    parts = _parts(root, images)
    if split is None and None not in parts and len(parts) == 1:
        split = next(iter(parts))
    if split is not None and split not in parts and images is not None:
        split = None  # The folders that were given are the split's.
    if split not in parts:
        there = ", ".join(sorted(filter(None, parts), key=split_order)) or "none"
        wanted = "name a split" if split is None else f"there is no split {split!r}"
        message = f"{root}: {wanted}; splits that are there: {there}"
        if not parts:
            message = f"{root} is no YOLO data set; looked for {LOOKED_FOR}"
        raise ValueError(message)
    image_folder, label_folder = parts[split]
    image_files = image_files_in(image_folder)
    _refuse_twins(image_files)
    named = find_class_names(list(dict.fromkeys((root, label_folder, label_folder.parent))))
    return YoloFolder(
        image_files,
        label_files_in(label_folder),
        label_folder,
        named[0] if named else None,
        split,
    )


def is_yolo(root: Path) -> bool:
    """Whether there are images and labels in `root` as this module expects them."""
    return any(
        any(label_files_in(labels)) and any(image_files_in(images))
        for images, labels in _parts(root, None).values()
    )


def image_files_in(folder: Path) -> dict[str, Path]:
    """The image files in a folder by name, sorted; none if there is no such folder."""
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    return {file.name: file for file in files if file.suffix.lower() in IMAGE_SUFFIXES}


def label_files_in(folder: Path) -> dict[str, Path]:
    """The files of a folder that can be labels, by name without suffix, sorted."""
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    return {
        file.stem: file
        for file in files
        if file.suffix == LABEL_SUFFIX and file.name not in NAME_FILES
    }


def _parts(root: Path, images: Path | None) -> dict[str | None, tuple[Path, Path]]:
    """The folders of images and of labels by split; None is the whole, without a split."""
    if images is not None:
        inner = root / LABELS
        return {None: (images, inner if inner.is_dir() else root)}
    if not root.is_dir():
        return {}
    found: dict[str | None, tuple[Path, Path]] = {}
    if image_files_in(root / IMAGES):
        found[None] = (root / IMAGES, root / LABELS)
    elif image_files_in(root):
        found[None] = (root, root)
    for folder in sorted(root.iterdir()):
        if image_files_in(folder / IMAGES):
            found[folder.name] = (folder / IMAGES, folder / LABELS)
    for folder in sorted((root / IMAGES).iterdir()) if (root / IMAGES).is_dir() else []:
        if image_files_in(folder):
            found[folder.name] = (folder, root / LABELS / folder.name)
    return found


def _refuse_twins(image_files: dict[str, Path]) -> None:
    by_stem: dict[str, Path] = {}
    for file in image_files.values():
        if file.stem in by_stem:
            raise ValueError(
                f"{file}: {by_stem[file.stem].name} would have the same labels, {file.stem}.txt"
            )
        by_stem[file.stem] = file
