"""One annotation file of Pascal VOC, read without trusting that it is what it should be.

Everything wrong in the file is listed, object by object, rather than raised at the first.
Objects are counted from 0, in the order of the file. Nothing is converted here: corners are the
numbers that the file holds.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from defusedxml import DefusedXmlException, ElementTree

from refdet.records import Problem

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

CORNERS = ("xmin", "ymin", "xmax", "ymax")


@dataclass(frozen=True)
class XmlObject:
    """One `<object>` as the file has it.

    Attributes:
        index: its place among the objects of the file, from 0.
        class_name: what `<name>` says.
        corners: `xmin, ymin, xmax, ymax`; finite, in the file's own coordinates.
        difficult: True if the file marks it so.
    """

    index: int
    class_name: str
    corners: tuple[float, float, float, float]
    difficult: bool


@dataclass(frozen=True)
class XmlAnnotation:
    """What could be read of one file.

    Attributes:
        size: (width, height) of the image, or None if that is among the problems.
        objects: those that could be read.
        class_names: of every object that has a name, whatever else is wrong with it.
        problems: what could not be read, and why.
    """

    size: tuple[int, int] | None
    objects: tuple[XmlObject, ...]
    class_names: tuple[str, ...]
    problems: tuple[Problem, ...]


def read_voc_xml(file: Path, place: str) -> XmlAnnotation:
    """The annotation in `file`; whatever is wrong in it is among its problems.

    Args:
        file: the XML file. Document type declarations and entities are refused.
        place: what to call the file in a problem.
    """
    try:
        root = _parse(file)
    except ValueError as error:
        return XmlAnnotation(None, (), (), (Problem(place, str(error)),))
    size: tuple[int, int] | None = None
    objects: list[XmlObject] = []
    problems: list[Problem] = []
    try:
        size = _read_size(root)
    except ValueError as error:
        problems.append(Problem(place, str(error)))
    elements = root.findall("object")
    hidden = sum(1 for _ in root.iter("object")) - len(elements)
    if hidden:
        problems.append(Problem(place, f"has {hidden} <object> inside another element"))
    for index, element in enumerate(elements):
        try:
            objects.append(_read_object(element, index))
        except ValueError as error:
            problems.append(Problem(f"{place}, object {index}", str(error)))
    written = ((element.findtext("name") or "").strip() for element in elements)
    names = tuple(name for name in written if name)
    return XmlAnnotation(size, tuple(objects), names, tuple(problems))


def _parse(file: Path) -> Element:
    try:
        root = ElementTree.parse(str(file), forbid_dtd=True).getroot()
    except FileNotFoundError:
        raise ValueError(
            "is missing; an image without objects needs an annotation without <object>"
        ) from None
    except DefusedXmlException:
        raise ValueError("has a DOCTYPE or entities, which an annotation does not need") from None
    except (ElementTree.ParseError, OSError, ValueError, LookupError) as error:
        raise ValueError(f"is not XML that can be read: {error}") from None
    if root is None or root.tag != "annotation":
        raise ValueError(f"is no VOC annotation: its root is not <annotation> but {root!r}")
    return root


def _read_size(root: Element) -> tuple[int, int]:
    if root.find("size") is None:
        raise ValueError("has no <size>")
    width, height = _number(root, "size/width"), _number(root, "size/height")
    if width <= 0 or height <= 0 or not width.is_integer() or not height.is_integer():
        raise ValueError(f"<size> is {width:g} x {height:g}; both must be positive whole numbers")
    return int(width), int(height)


def _read_object(element: Element, index: int) -> XmlObject:
    name = _text(element, "name")
    if not name:
        raise ValueError("has no <name>")
    n_boxes = len(element.findall("bndbox"))
    if n_boxes != 1:
        raise ValueError(f"{name} has {n_boxes or 'no'} <bndbox>; there must be one")
    x1, y1, x2, y2 = (_number(element, f"bndbox/{corner}") for corner in CORNERS)
    difficult = _text(element, "difficult") or "0"
    if difficult not in ("0", "1"):
        raise ValueError(f"<difficult> is {difficult!r}; it must be 0 or 1")
    return XmlObject(index, name, (x1, y1, x2, y2), difficult == "1")


def _number(element: Element, path: str) -> float:
    text, tag = _text(element, path), path.rsplit("/", 1)[-1]
    if text is None:
        raise ValueError(f"has no <{tag}>")
    try:
        # Python reads 1_0 as 10.
        number = float(text.replace("_", "?"))
    except ValueError:
        raise ValueError(f"<{tag}> is {text!r}, not a number") from None
    if not math.isfinite(number):
        raise ValueError(f"<{tag}> is {text!r}, not a finite number")
    return number


def _text(element: Element, path: str) -> str | None:
    found = element.findall(path)
    if len(found) > 1:
        raise ValueError(f"has {len(found)} <{path}>; there must be one")
    return (found[0].text or "").strip() if found else None
