"""`refdet report` as its users meet it."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import cast

import pytest

from refdet.analysis_records import Analysis
from refdet.cli import main
from refdet.config_analysis import Report
from refdet.report import analysis_plots
from tests.data.every_format import DETECTIONS, detections_in, ground_truth_in

Capture = pytest.CaptureFixture[str]
BETTER = (*DETECTIONS[:3], ("b", "cat", (0, 0, 32, 16), 0.6))
"""The second cat is found, and the dog of nothing is gone."""


def report(*arguments: object) -> None:
    """Run the command, which must succeed."""
    with pytest.raises(SystemExit) as stopped:
        main(["report", *map(str, arguments), "--samples", "100"])
    assert stopped.value.code == 0


def refused(*arguments: object) -> str:
    """The sentence with which the command stops."""
    with pytest.raises(SystemExit) as stopped:
        main(["report", *map(str, arguments), "--samples", "100"])
    assert isinstance(stopped.value.code, str)
    return stopped.value.code


def files(root: Path) -> tuple[Path, Path, Path]:
    """Ground truth, and two runs in different formats."""
    a = detections_in("csv", root / "a")
    b = detections_in("coco", root / "b", BETTER)
    return ground_truth_in("coco", root / "truth"), a, b


def data_of(page: Path, name: str) -> dict[str, object]:
    """What the page carries for its scripts."""
    found = re.search(
        rf'<script type="application/json" id="{name}-data">(.*?)</script>',
        page.read_text(encoding="utf-8"),
    )
    assert found is not None
    return cast("dict[str, object]", json.loads(found[1]))


def test_report_writes_a_page_and_says_where(tmp_path: Path, capsys: Capture) -> None:
    truth, a, _ = files(tmp_path)
    page = tmp_path / "new folder" / "report.html"
    pictures = truth.parent / "pictures"
    report(a, "--gt", truth, "--images", pictures, "--output", page)
    said = capsys.readouterr().out
    # The cat without a detection of its own; two dogs where there is none.
    assert re.search(rf"page: {page} \(0\.\d MB, 3 errors, 3 of them with a picture\)", said)
    gallery = data_of(page, "gallery")
    assert gallery["has_images"] is True
    assert data_of(page, "explorer")["runs"]
    assert "<bdi>a/dt.csv</bdi>" in page.read_text(encoding="utf-8")


def test_report_of_two_runs_compares_them(tmp_path: Path, capsys: Capture) -> None:
    truth, a, b = files(tmp_path)
    page = tmp_path / "report.html"
    report(a, b, "--gt", truth, "--output", page)
    assert "page: " in capsys.readouterr().out
    runs = cast("list[dict[str, str]]", data_of(page, "gallery")["runs"])
    assert [run["name"] for run in runs] == [a.name, b.name]
    assert 'id="differences"' in page.read_text(encoding="utf-8")


def test_report_plots_each_run_and_both(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    plotted: list[tuple[Path, tuple[str, ...]]] = []

    def note(folder: Path, *analyses: Analysis) -> list[Path]:
        plotted.append((folder, tuple(one.name for one in analyses)))
        return [folder / "plot.png"]

    # tests/report/test_analysis_plots.py sees what they draw, which takes a while.
    monkeypatch.setattr(analysis_plots, "write_plots", note)
    monkeypatch.setattr(analysis_plots, "write_compared_plots", note)
    truth, a, b = files(tmp_path)
    folder = tmp_path / "plots"
    both = ("--gt", truth, "--output", tmp_path / "report.html", "--plots", folder)
    report(a, *both)
    assert plotted == [(folder, ("a/dt.csv",))]
    report(a, b, *both)
    one, other = a.name, b.name
    assert plotted[1:] == [(folder, (one, other)), (folder / "a", (one,)), (folder / "b", (other,))]
    assert f"plots: {folder} (3 files)" in capsys.readouterr().out


def test_report_slices_by_the_columns_of_a_table(tmp_path: Path) -> None:
    truth, a, _ = files(tmp_path)
    table = tmp_path / "images.csv"
    names = [one["file_name"] for one in json.loads(truth.read_text(encoding="utf-8"))["images"]]
    rows = [f"{name},{'north' if row % 2 else 'south'},{row}" for row, name in enumerate(names)]
    table.write_text("\n".join(["image,site,wardrobe", *rows]) + "\n", encoding="utf-8")
    page = tmp_path / "report.html"
    report(a, "--gt", truth, "--output", page, "--image-table", table, "--by", "site")
    text = page.read_text(encoding="utf-8")
    assert 'id="slices"' in text
    assert "north" in text
    assert "wardrobe" not in text
    wrong = refused(a, "--gt", truth, "--output", page, "--image-table", table, "--by", "camera")
    assert "--by camera: there is site, wardrobe, image-size, object-count" in wrong


def test_report_tells_which_images_have_no_picture(tmp_path: Path, capsys: Capture) -> None:
    truth, a, _ = files(tmp_path)
    pictures = truth.parent / "pictures"
    for file in pictures.iterdir():
        if file.stem == "b":
            file.write_bytes(b"no image")
    page = tmp_path / "report.html"
    report(a, "--gt", truth, "--images", pictures, "--output", page)
    said = capsys.readouterr().out
    assert "no picture: b.png: " in said
    assert "3 errors, 1 of them with a picture" in said


def test_report_without_image_files_says_how_to_name_them(tmp_path: Path, capsys: Capture) -> None:
    truth, a, _ = files(tmp_path)
    shutil.rmtree(truth.parent / "pictures")
    page = tmp_path / "report.html"
    report(a, "--gt", truth, "--output", page)
    assert "no image files are known" in capsys.readouterr().out
    assert data_of(page, "gallery")["has_images"] is False


def test_report_takes_the_truth_that_lies_with_the_run(tmp_path: Path, capsys: Capture) -> None:
    truth, a, _ = files(tmp_path)
    runs = tmp_path / "first", tmp_path / "second"
    for run in runs:
        run.mkdir()
        shutil.copy(truth, run / "ground_truth.json")
        shutil.copy(a, run / "predictions.csv")
    report(runs[0], "--output", tmp_path / "report.html")
    assert capsys.readouterr().out.count("ground truth: ") == 1
    report(*runs, "--output", tmp_path / "report.html")
    read = json.loads(truth.read_text(encoding="utf-8"))
    read["annotations"] = read["annotations"][1:]
    (runs[1] / "ground_truth.json").write_text(json.dumps(read), encoding="utf-8")
    assert "objects" in refused(*runs, "--output", tmp_path / "report.html")


def test_report_replaces_a_page_and_no_folder(tmp_path: Path) -> None:
    truth, a, _ = files(tmp_path)
    (tmp_path / "report.html").write_text("old", encoding="utf-8")
    report(a, "--gt", truth, "--output", tmp_path / "report.html")
    assert (tmp_path / "report.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert "is a folder; name a file: " in refused(a, "--gt", truth, "--output", tmp_path)
    page = tmp_path / "report.html"
    wrong = refused(a, "--gt", truth, "--output", tmp_path / "other.html", "--plots", page)
    assert f"--plots {page} is a file; a folder is written" in wrong
    assert not (tmp_path / "other.html").exists()


@pytest.mark.parametrize("n_runs", [0, 3])
def test_report_of_another_number_of_runs_is_refused(n_runs: int) -> None:
    with pytest.raises(ValueError, match="name one run or two"):
        Report(runs=(Path("a"),) * n_runs, output=Path("report.html"))


def test_report_slices_by_what_needs_no_table(tmp_path: Path) -> None:
    truth, a, _ = files(tmp_path)
    page = tmp_path / "report.html"
    report(a, "--gt", truth, "--output", page, "--by", "object-count")
    assert 'id="slices"' in page.read_text(encoding="utf-8")
    report(a, "--gt", truth, "--output", page)
    assert 'id="slices"' not in page.read_text(encoding="utf-8")
