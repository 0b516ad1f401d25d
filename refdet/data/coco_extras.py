"""What a COCO file holds beyond what columns keep, counted, so that a conversion names it."""

from __future__ import annotations

from collections import Counter
from itertools import chain
from pathlib import Path

import orjson

_KEPT = {
    "images": {"id", "file_name", "width", "height"},
    "categories": {"id", "name"},
    "annotations": {"id", "image_id", "category_id", "bbox", "area", "iscrowd", "ignore"},
}
_RESULTS = {"image_id", "category_id", "bbox", "score"}


def coco_extra_keys(path: Path) -> tuple[str, ...]:
    """Sentences about what columns do not keep of a file that was read before.

    Args:
        path: ground truth or results.

    Returns:
        One for each list of the file that holds such keys, with their counts, and one for other
        parts of the file.
    """
    contents: object = orjson.loads(path.read_bytes())
    if isinstance(contents, list):
        return _counted("results", contents, _RESULTS)
    parts = contents if isinstance(contents, dict) else {}
    sentences = [
        sentence
        for part, kept in _KEPT.items()
        for sentence in _counted(part, parts.get(part) or [], kept)
    ]
    ids = [entry.get("id") for entry in parts.get("annotations") or []]
    if any(ids) and ids != list(range(1, len(ids) + 1)):
        sentences.append(f"ids of {len(ids)} annotations")
    others = [key for key, value in parts.items() if key not in _KEPT and value]
    if others:
        sentences.append(f"{', '.join(others)} of the file")
    return tuple(sentences)


def _counted(part: str, entries: list[dict[str, object]], kept: set[str]) -> tuple[str, ...]:
    """The keys that are not kept, where there is a value, most frequent first."""
    counts = Counter(chain.from_iterable(entries))
    if not counts.keys() - kept:
        return ()
    filled = {
        key: sum(entry.get(key) not in (None, [], {}) for entry in entries)
        for key in counts
        if key not in kept
    }
    ordered = sorted(filled.items(), key=lambda item: -item[1])
    told = ", ".join(f"{key} ({count})" for key, count in ordered if count)
    return (f"{told} of {len(entries)} {part}",) if told else ()
