"""Tiny Pascal VOC folders for tests, clean unless a test makes one dirty."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from PIL import Image

SIZE = (40, 30)
CLASSES = ("cat", "dog")


def object_xml(
    name: str = "cat", corners: Iterable[object] = (5, 6, 15, 26), difficult: object = 0
) -> str:
    box = "".join(
        f"<{tag}>{value}</{tag}>"
        for tag, value in zip(("xmin", "ymin", "xmax", "ymax"), corners, strict=True)
    )
    return (
        f"<object><name>{name}</name><difficult>{difficult}</difficult>"
        f"<bndbox>{box}</bndbox></object>"
    )


def size_xml(width: object = SIZE[0], height: object = SIZE[1]) -> str:
    return f"<size><width>{width}</width><height>{height}</height><depth>3</depth></size>"


def add_image(
    root: Path,
    name: str,
    *objects: str,
    size: str | None = None,
    colour: tuple[int, int, int] | None = None,
) -> None:
    """One PNG with its annotation. Every name has its own colour: equal files would be a leak."""
    body = (size_xml() if size is None else size) + "".join(objects)
    (root / "Annotations" / f"{name}.xml").write_text(f"<annotation>{body}</annotation>")
    own = sum(ord(letter) * 7**place for place, letter in enumerate(name)) % 256
    Image.new("RGB", SIZE, colour or (own, 90, 90)).save(root / "JPEGImages" / f"{name}.png")


def add_split(root: Path, split: str, *lines: str) -> None:
    text = "".join(f"{line}\n" for line in lines)
    (root / "ImageSets" / "Main" / f"{split}.txt").write_text(text)


def clean_folder(root: Path) -> Path:
    """Two splits of one image each: `a` (a cat, a dog) in train, `b` (nothing) in val."""
    for part in ("Annotations", "ImageSets/Main", "JPEGImages"):
        (root / part).mkdir(parents=True)
    add_image(root, "a", object_xml("cat"), object_xml("dog", (1, 1, 40, 30), difficult=1))
    add_image(root, "b")
    add_split(root, "train", "a")
    add_split(root, "val", "b")
    return root
