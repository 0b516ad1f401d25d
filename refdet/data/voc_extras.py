"""What VOC annotations hold beyond what columns keep, counted, so that a conversion names it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from defusedxml import ElementTree

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_KEPT = {
    "annotation": {"filename", "size", "object"},
    "object": {"name", "difficult", "bndbox"},
}
_SAYS_NOTHING = {"", "0", "unspecified", "unknown"}
"""What VOC and the tools that write it put where nothing is known, in lower case."""


def voc_extra_elements(files: Iterable[Path]) -> tuple[str, ...]:
    """Sentences about what columns do not keep of annotations that were read before.

    An element whose every text is empty, 0, Unspecified or Unknown is not counted: its absence
    says the same.

    Args:
        files: annotations in XML.

    Returns:
        One for the annotations that hold such elements and one for the objects, with in how many
        of them each is; the most frequent first, then by name.
    """
    found: dict[str, Counter[str]] = {part: Counter() for part in _KEPT}
    total: Counter[str] = Counter()
    for file in files:
        root = ElementTree.parse(str(file), forbid_dtd=True).getroot()
        if root is None:
            continue
        for element in (root, *root.findall("object")):
            total[element.tag] += 1
            found[element.tag].update(_telling(element) - _KEPT[element.tag])
    return tuple(
        f"{_told(counts)} of {total[part]} {part}s" for part, counts in found.items() if counts
    )


def _told(counts: Counter[str]) -> str:
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{tag} ({count})" for tag, count in ordered)


def _telling(element: Element) -> set[str]:
    """The tags of the children that say something."""
    return {
        child.tag
        for child in element
        if any((part.text or "").strip().lower() not in _SAYS_NOTHING for part in child.iter())
    }
