"""Tiny YOLO folders for tests, clean unless a test makes one dirty."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

SIZE = (40, 20)


def add_image(folder: Path, name: str, size: tuple[int, int] = SIZE) -> Path:
    """A grey image file."""
    folder.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size).save(folder / name)
    return folder / name


def add_labels(folder: Path, stem: str, *lines: str) -> Path:
    """A text file of these lines."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{stem}.txt").write_text("".join(f"{line}\n" for line in lines))
    return folder / f"{stem}.txt"


def clean_folder(root: Path) -> Path:
    """`a.png` with a dog and a cat, `b.jpg` without objects; classes cat, dog, bird."""
    add_image(root / "images", "a.png")
    add_image(root / "images", "b.jpg", (64, 64))
    add_labels(root / "labels", "a", "1 0.5 0.5 0.25 0.5", "0 0.125 0.25 0.25 0.5")
    (root / "data.yaml").write_text("names: [cat, dog, bird]\n")
    return root
