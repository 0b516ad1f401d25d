"""JSON files: a key that is twice in one entry is found, wherever it is and however written."""

from __future__ import annotations

import gc
import json
import tempfile
from pathlib import Path
from typing import TypeAlias

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from refdet.data.coco_json import read_coco_ground_truth, read_coco_results
from refdet.data.json_file import read_json

Json: TypeAlias = "str | float | bool | list[Json] | dict[str, Json] | None"

TEXTS = st.text(max_size=3) | st.sampled_from(['"', '""', "\\", ":", "id"])


def contents() -> st.SearchStrategy[Json]:
    """Lists and dicts of any kind in each other, but of none twice."""
    scalars: st.SearchStrategy[Json] = st.none() | st.booleans() | st.integers(-9, 9) | TEXTS
    return st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
        max_leaves=12,
    )


@given(value=contents())
@example(value=[[{"a": 1}], 2, {"b": "c"}])
@example(value={"a": [1, {"b": 2}]})
def test_read_json_takes_whatever_has_no_key_twice(value: Json) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.json"
        path.write_text(json.dumps(value))
        assert read_json(path) == value


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('[{"score": 1}, {"score": 0.1, "score": 0.9}]', ", entry 1: 'score'"),
        ('[{"score": 0.1, "s\\u0063ore": 0.9}]', ", entry 0: 'score'"),
        ('[{"note": "a", "bbox": [1], "note": "b"}]', ", entry 0: 'note'"),
        ('[7, {"id": 1, "id": 1}]', ", entry 1: 'id'"),
        ('{"images": [], "annotations": [1], "images": []}', ": 'images'"),
        ('{"images": [{"id": 1}, {"id": 1, "id": 2}]}', r", images\[1\]: 'id'"),
        ('{"annotations": [{"iscrowd": 0, "iscrowd": 1}]}', r", annotations\[0\]: 'iscrowd'"),
        ('{"info": {"year": 1}, "categories": [{"id": 1, "id": 1}]}', r", categories\[0\]: 'id'"),
        ('[{"score": NaN, "score": 0.9}]', ", entry 0: 'score'"),
    ],
)
def test_read_json_names_a_key_that_is_twice_in_an_entry(
    tmp_path: Path, text: str, where: str
) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(ValueError, match=rf"a\.json{where} is there more than once"):
        read_json(tmp_path / "a.json")
    assert gc.isenabled()


def test_read_json_does_not_read_usual_files_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    polygon: dict[str, Json] = {"id": 1, "bbox": [1, 2, 3, 4], "segmentation": [[1.5, 2, 3, 4]]}
    crowd: dict[str, Json] = {
        "id": 2,
        "bbox": [1, 2, 3, 4],
        "segmentation": {"size": [9, 9], "counts": "a:b"},
    }
    files: list[Json] = [
        [{"image_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}] * 3,
        [{"image_id": 1, "score": 0.5, "note": "text"}, {"tags": ["a", "b"]}],
        {
            "info": {"url": "http://a", "contributor": {"name": "b"}},
            "images": [{"id": 1, "file_name": "ü.png"}],
            "annotations": [polygon, crowd],
        },
    ]
    paths = [tmp_path / f"{n}.json" for n in range(len(files))]
    for path, value in zip(paths, files, strict=True):
        path.write_text(json.dumps(value))

    def slow(*_: object, **__: object) -> None:
        raise AssertionError("Python's parser takes several times as long")

    monkeypatch.setattr("refdet.data.json_file.json.loads", slow)
    assert [read_json(path) for path in paths] == files


def test_readers_of_coco_refuse_a_key_that_is_twice(tmp_path: Path) -> None:
    (tmp_path / "d.json").write_text('[{"score": 0.1, "score": 0.9}]')
    with pytest.raises(ValueError, match=r"d\.json, entry 0: 'score'"):
        read_coco_results(tmp_path / "d.json")
    (tmp_path / "g.json").write_text('{"annotations": [{"bbox": [1, 2, 3, 4], "bbox": []}]}')
    with pytest.raises(ValueError, match=r"g\.json, annotations\[0\]: 'bbox'"):
        read_coco_ground_truth(tmp_path / "g.json")
