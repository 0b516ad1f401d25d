"""Detections written image by image, so that those of a large folder need not be kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from types import TracebackType

from refdet.files import atomic_path, json_text
from refdet.records import Detections
from refdet.report.predictions import coco_entries, csv_header, csv_rows, ids_by_name

PARTIAL = "predictions_partial.csv"
"""What is there of `predictions.csv` while it is written, and if that breaks off."""


@contextmanager
def prediction_files(
    folder: Path, images: Sequence[str], class_names: Sequence[str]
) -> Iterator[Callable[[Detections], None]]:
    """Write `predictions.csv` and `predictions.json` while detections are found.

    The files are those of `write_predictions_csv` and `write_predictions_coco`. They take their
    places when the block succeeds. If it fails or the process is killed in it, older files stay,
    and `predictions_partial.csv` has the rows of every image that was written before.

    Args:
        folder: made if it does not exist.
        images: the names of all images; an image's id is its position, from 1.
        class_names: by label.

    Yields:
        What writes the detections of one image; to be called in the order of the images.

    Raises:
        ValueError: a name is twice in `images`; from the function, a label has no name, or the
            image is not in `images`.
        OSError: a file cannot be written, as on a full disk.
    """
    image_ids = ids_by_name(images)
    partial = folder / PARTIAL
    with atomic_path(folder / "predictions.json") as part_of_json:
        with _Rows(partial) as rows, part_of_json.open("w", encoding="utf-8") as entries:
            separator = ""
            entries.write("[")

            def write(found: Detections) -> None:
                nonlocal separator
                listed = json_text(coco_entries(found, image_ids))[1:-1]
                rows.append(csv_rows(found, class_names))
                if listed:
                    entries.write(separator + listed)
                    separator = ", "

            yield write
            entries.write("]")
            rows.append("")  # where there was no image at all, the header
        with atomic_path(folder / "predictions.csv") as part_of_csv:
            partial.replace(part_of_csv)


class _Rows:
    """A CSV file that holds whole images at any time, made when the first one is appended."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: FileIO | None = None

    def __enter__(self) -> _Rows:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._file is not None:
            self._file.close()

    def append(self, rows: str) -> None:
        if self._file is None:
            # Not before: what an earlier run left is better than an empty file.
            self._file = FileIO(self._path, "w")
            rows = csv_header() + rows
        end = self._file.tell()
        left = memoryview(rows.encode())
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError:
            self._file.truncate(end)
            raise
