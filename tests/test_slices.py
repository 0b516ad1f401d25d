"""`refdet slices` as its users meet it."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from refdet.cli import main
from tests.conftest import REPOSITORY
from tests.test_judge_files import Capture

CELLS = REPOSITORY / "fixtures" / "datasets" / "cells"
GT = ("--gt", CELLS, "--split", "val", "--classes", "WBC", "RBC", "Platelets", "--samples", 100)
IMAGES = [f"cells_{number:04d}" for number in range(100, 125)]


def sliced(*arguments: object) -> None:
    """Run the command, which must succeed."""
    with pytest.raises(SystemExit) as stopped:
        main(["slices", *map(str, arguments)])
    assert stopped.value.code == 0


def refused(*arguments: object) -> str:
    """The sentence with which the command stops."""
    with pytest.raises(SystemExit) as stopped:
        main(["slices", *map(str, arguments)])
    assert isinstance(stopped.value.code, str)
    return stopped.value.code


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Everything is found in the images of site A, nothing in those of site B."""
    lines = ["image,class,score,x1,y1,x2,y2"]
    for name in IMAGES[:12]:
        text = (CELLS / "Annotations" / f"{name}.xml").read_text()
        for part in text.split("<object>")[1:]:
            label = part.partition("<name>")[2].partition("<")[0]
            x1, y1, x2, y2 = (
                int(part.partition(f"<{side}>")[2].partition("<")[0])
                for side in ("xmin", "ymin", "xmax", "ymax")
            )
            lines.append(f"{name},{label},0.9,{x1 - 1},{y1 - 1},{x2},{y2}")
    (tmp_path / "run.csv").write_text("\n".join([*lines, ""]))
    return tmp_path / "run.csv"


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Two sites, and a column that names each image."""
    rows = [f"{name}.png,{'A' if k < 12 else 'B'},{name}" for k, name in enumerate(IMAGES)]
    (tmp_path / "images.csv").write_text("\n".join(["image,site,id", *rows, ""]))
    return tmp_path / "images.csv"


def test_slices_finds_the_site_where_nothing_is_found(
    tmp_path: Path, run: Path, table: Path, capsys: Capture
) -> None:
    output = tmp_path / "sliced"
    sliced(run, *GT, "--image-table", table, "--by", "site", "--output", output)
    assert "site 'B' is worst: AP50 is 1.000 below" in capsys.readouterr().out
    with (output / "slices.csv").open(encoding="utf-8", newline="") as file:
        worst, best = csv.DictReader(file)
    assert (worst["value"], worst["n_images"], float(worst["mean_ap50"])) == ("B", "13", 0)
    assert (best["value"], best["n_images"], float(best["mean_ap50"])) == ("A", "12", 1)
    assert sorted(file.name for file in output.iterdir()) == [
        *("slices.csv", "slices.json", "slices.md"),
    ]


def test_slices_without_by_takes_what_can_be_sliced_and_says_what_cannot(
    run: Path, capsys: Capture
) -> None:
    sliced(run, *GT)
    said = capsys.readouterr().out
    assert "no slices: column 'image-size' is '160 x 120' in all 25 images" in said
    assert "object-count" in said


def test_slices_refuses_what_is_not_there(run: Path, table: Path, tmp_path: Path) -> None:
    with_table = (run, *GT, "--image-table", table)
    assert (
        refused(run, *GT, "--by", "site") == "refdet: --by site: there is image-size, object-count"
    )
    assert "there is site, id, image-size" in refused(*with_table, "--by", "sites")
    assert "all 25 images" in refused(*with_table, "--by", "image-size")
    assert "is a file" in refused(*with_table, "--output", table)
    table.write_text("image,object-count\n")
    assert "no row for 25 of the 25 images" in refused(*with_table)
    table.write_text("image,object-count\n" + "".join(f"{name},1\n" for name in IMAGES))
    assert "has the name of a built-in one" in refused(*with_table)


def test_slices_counts_what_the_table_lacks_or_has_too_much_if_asked(
    run: Path, table: Path, capsys: Capture
) -> None:
    text = table.read_text().replace(f"{IMAGES[0]}.png", "unknown.png")
    table.write_text(text)
    assert "line 2: the data set has no image 'unknown.png'" in refused(
        run, *GT, "--image-table", table
    )
    sliced(run, *GT, "--image-table", table, "--by", "site", "--ignore-unknown")
    said = capsys.readouterr().out
    assert "left out: 1 rows" in said
    assert "1 images have no row" in said
    assert "(empty)" in said
