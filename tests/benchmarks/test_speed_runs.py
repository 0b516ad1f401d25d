"""A run's file, and the page that is made of the files."""

from __future__ import annotations

import json
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from benchmarks.speed.page import (
    BEGIN,
    END,
    NOTHING,
    PAGE,
    filled,
    folded,
    plot_names,
    rewrite,
    store,
)
from benchmarks.speed.plots import time_figure
from benchmarks.speed.run import (
    POOLS,
    environment,
    from_pytest_benchmark,
    parser,
)
from benchmarks.speed.runs import RESULTS, read_run, stored_runs, write_run
from benchmarks.speed.tables import report
from tests.benchmarks.speed_runs import row, run
from tests.conftest import REPOSITORY

ROWS = row("refdet.core", 2e-3), row("torchvision", 1e-3)
RUN = run(*ROWS, row("refdet.core", 9e-3, case="many", size=4000), models=("CPU", "GPU"))


def test_write_run_and_read_run_are_inverse(tmp_path: Path) -> None:
    odd = run(*ROWS, row("loop", 1 / 3, moved_bytes=None, operations=None, agrees=False))
    for name, kept in {"two": RUN, "odd": odd, "none": run()}.items():
        write_run(tmp_path / f"{name}.json", kept)
        assert read_run(tmp_path / f"{name}.json") == kept
    assert len((tmp_path / "two.json").read_text().splitlines()) < 60  # one for each row


def test_read_run_refuses_another_file(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"outcomes": []}')
    with pytest.raises(ValueError, match=r"a\.json is no run of `make bench`"):
        read_run(tmp_path / "a.json")


def test_machine_tells_devices_and_cores_once_each() -> None:
    assert run(models=("Some CPU(R) 5 @ 2.0GHz",)).machine == "some-cpu-5-2-0ghz-2-cores"
    assert RUN.machine == "cpu-gpu-2-cores"


def test_best_of_takes_the_lesser_time_of_what_was_run_again() -> None:
    again = run(row("refdet.core", 1e-3), row("torchvision", 3e-3))
    times = [row.median for row in RUN.best_of(again).rows]
    assert times == [1e-3, 1e-3, 9e-3]


def test_stored_runs_leaves_other_results_and_the_latest_aside(tmp_path: Path) -> None:
    assert stored_runs(tmp_path) == []
    write_run(tmp_path / "a.json", RUN)
    (tmp_path / "evaluation.json").write_text('{"machine": {}, "outcomes": []}')
    assert stored_runs(tmp_path) == [RUN]


def test_store_writes_json_plots_and_the_page(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text(f"by hand\n\n{BEGIN}\nold\n{END}\n\nby hand too\n")
    other = run(*ROWS)
    for one in (RUN, other, replace(RUN, day="2026-02-01")):
        files = store(one, tmp_path / "results", page)
        assert all(file.stat().st_size for file in files)
    text = page.read_text()
    assert text.startswith("by hand\n")
    assert text.endswith("by hand too\n")
    assert "old" not in text
    assert text.count("### cpu-gpu-2-cores") == text.count("### some-cpu-5-2-cores") == 1
    assert "2026-02-01" in text
    assert report(other, folded) in text
    for picture in plot_names(RUN).values():
        assert f"(results/{picture})" in text
        assert (tmp_path / "results" / picture).exists()
    assert text == filled(text, stored_runs(tmp_path / "results"))


def test_rewrite_makes_the_page_of_the_stored_runs_alone(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text(f"by hand\n{BEGIN}old{END}\n")
    write_run(tmp_path / "a.json", RUN)
    rewrite(tmp_path, page)
    assert page.read_text() == filled(f"by hand\n{BEGIN}{END}\n", [RUN])


def test_the_page_folds_its_long_tables_away() -> None:
    shown, *hidden = filled(f"{BEGIN}{END}", [RUN]).split("<details><summary>")
    titles = [part.partition("</summary>\n\n")[0] for part in hidden]
    assert titles == [
        "All rows that refdet.core loses: 1",
        "nms: time of a call",
        "Memory at the peak, above the inputs, in MB",
        "How far from a plain copy",
    ]
    assert all("\n\n</details>" in part for part in hidden)
    assert "Largest losses" in shown


def test_filled_asks_for_its_markers() -> None:
    for text in ("nothing", BEGIN, f"{END} {BEGIN}"):
        with pytest.raises(ValueError, match="lost a marker"):
            filled(text, [])
    assert NOTHING in filled(f"{BEGIN}{END}", [])


def test_the_page_says_what_the_stored_runs_say() -> None:
    text = PAGE.read_text(encoding="utf-8")
    runs = stored_runs()
    assert text == filled(text, runs)
    for kept in runs:
        assert (RESULTS / f"{kept.machine}.json").exists()
        assert all((RESULTS / name).exists() for name in plot_names(kept).values())


def test_time_figure_has_a_panel_for_each_function_of_several_sizes() -> None:
    one_size = row("refdet.core", 1.0, function="soft_nms")
    figure = time_figure(run(*RUN.rows, one_size), "cpu")
    (axes,) = (axes for axes in figure.axes if axes.get_visible())
    assert axes.get_title() == "nms"
    assert (axes.get_xscale(), axes.get_yscale()) == ("log", "log")
    lines = {str(line.get_label()): line.get_data() for line in axes.get_lines()}
    assert set(lines) == {"refdet.core, float64", "torchvision, float64"}
    sizes, seconds = (np.asarray(part).tolist() for part in lines["refdet.core, float64"])
    assert (sizes, seconds) == ([200, 4000], [2e-3, 9e-3])


def test_time_figure_draws_the_fastest_case_of_a_size() -> None:
    slower = row("torchvision", 9.0, size=RUN.rows[0].size, case="crowded")
    figure = time_figure(run(*RUN.rows, slower), "cpu")
    (axes,) = (axes for axes in figure.axes if axes.get_visible())
    for line in axes.get_lines():
        sizes = np.asarray(line.get_xdata()).tolist()
        assert sizes == sorted(set(sizes))
        assert np.asarray(line.get_ydata()).max() < 9.0


def test_time_figure_has_room_for_the_names_of_many_peers() -> None:
    others = [row(f"a peer with a long name {n}", 1.0) for n in range(7)]
    figure = time_figure(run(*RUN.rows, *others), "cpu")
    figure.savefig(BytesIO(), dpi=figure.dpi)  # lays it out
    [legend] = figure.legends
    box = legend.get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.width


def test_from_pytest_benchmark_takes_what_is_not_private(tmp_path: Path) -> None:
    about = {"threads": 1, "device": "cpu", "device_name": "", "copied_bytes_per_second": 5e9}
    stats = {"median": 2e-3, "iqr": 1e-4, "rounds": 7, "mean": 1.0}
    facts = {
        name: value for name, value in vars(row("refdet.core", 1.0)).items() if name not in stats
    }
    raw = {
        "machine_info": {"node": "somebodys-laptop", "refdet": about},
        "benchmarks": [{"name": "test_nms[x]", "extra_info": facts, "stats": stats}],
    }
    (tmp_path / "raw.json").write_text(json.dumps(raw))
    found = from_pytest_benchmark(tmp_path / "raw.json")
    assert found.rows == (row("refdet.core", 2e-3, iqr=1e-4, rounds=7),)
    assert found.device.model
    assert "laptop" not in repr(found)


def test_bench_is_pinned_to_one_thread() -> None:
    assert parser().parse_args([]).threads == 1
    assert {environment(1)[pool] for pool in POOLS} == {"1"}
    assert "benchmarks.speed.run" in (REPOSITORY / "Makefile").read_text()
