"""The tables of `make bench` say what was measured."""

from __future__ import annotations

import pytest

from benchmarks.speed.matches import matches
from benchmarks.speed.tables import (
    headline,
    largest_cases,
    long_tables,
    memory_table,
    roofline_table,
    time_table,
)
from benchmarks.speed.units import duration, memory
from tests.benchmarks.speed_runs import row, run

CORE, TWIN = row("refdet.core", 2e-3), row("refdet.torch_ops", 0.5e-3)
KERNEL, LOOP = row("torchvision", 1e-3), row("loop", 8e-3)
ROWS = CORE, TWIN, KERNEL, LOOP


def cells(table: str) -> list[list[str]]:
    """Without the header's rule."""
    lines = [[cell.strip() for cell in line[1:-1].split("|")] for line in table.splitlines()]
    return [lines[0], *lines[2:]]


def test_time_table_has_ours_each_peer_and_the_fastest_peers_time_over_ours() -> None:
    title = "nms, a-few (200 boxes)"
    assert cells(time_table(ROWS)) == [
        ["", "device", "dtype", "ours", "", "torchvision", "loop", "ratio"],
        *(
            [title, "cpu", "float64", *ours, "1 ms ±5 %", "8 ms ±5 %", ratio]
            for ours, ratio in (
                (("refdet.core", "2 ms ±5 %"), "0.5x"),
                (("refdet.torch_ops", "500 µs ±5 %"), "**2x**"),
            )
        ),
    ]


def test_time_table_compares_within_a_case_a_device_and_a_dtype() -> None:
    elsewhere = [
        row("torchvision", 1e-6, dtype="float32"),
        row("torchvision", 1e-6, device="cuda:0"),
        row("torchvision", 1e-6, case="many", size=201),
    ]
    (match,) = matches([CORE, *elsewhere])
    assert match.peers == ()
    assert cells(time_table([CORE, *elsewhere]))[1][-1] == "-"


def test_time_table_marks_a_peer_that_differs() -> None:
    assert "1 ms ±5 % ≠" in time_table([CORE, row("torchvision", 1e-3, agrees=False)])


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (1.5, "1.5 s ±5 %"),
        (0.0123456, "12.3 ms ±5 %"),
        (4.5e-5, "45 µs ±5 %"),
        (2e-7, "0.2 µs ±5 %"),
        (999e-6, "999 µs ±5 %"),
        (1234.0, "1,234 s ±5 %"),
    ],
)
def test_duration_has_three_digits_and_half_the_quartiles_distance(
    seconds: float, text: str
) -> None:
    assert duration(row("loop", seconds)) == text


def test_duration_of_a_single_call_claims_no_spread() -> None:
    assert duration(row("loop", 12.0, iqr=0.0, rounds=1)) == "12 s (1 call)"


@pytest.mark.parametrize(
    ("peer", "cell"), [(1.04, "1.04x"), (1.06, "**1.06x**"), (0.96, "0.96x"), (250.0, "**250x**")]
)
def test_the_ratio_is_bold_from_where_it_is_counted_as_won(peer: float, cell: str) -> None:
    steady = row("refdet.core", 1.0, iqr=0.0), row("loop", peer, iqr=0.0)
    assert cells(time_table(steady))[1][-1] == cell


@pytest.mark.parametrize(("ours", "theirs"), [(0.3, 0.0), (0.0, 0.3)])
@pytest.mark.parametrize(("peer", "won"), [(1.29, False), (1.31, True)])
def test_the_ratio_is_bold_if_it_is_beyond_what_either_scatters(
    ours: float, theirs: float, peer: float, *, won: bool
) -> None:
    slow = row("loop", 9.0, iqr=90.0)  # not the fastest: it has no say
    rows = row("refdet.core", 1.0, iqr=ours), row("torchvision", peer, iqr=theirs * peer), slow
    assert ("**" in cells(time_table(rows))[1][-1]) is won


def test_a_family_has_one_section_on_however_many_devices() -> None:
    rows = [
        row("refdet.core", 1.0, family=family, function=family, device=device)
        for device in ("cpu", "cuda:0")
        for family in ("iou", "nms")
    ]
    iou, nms, *_ = long_tables(run(*rows, models=("CPU", "GPU")))
    assert [heading for heading, _ in (iou, nms)] == ["iou: time of a call", "nms: time of a call"]
    assert [line[1] for line in cells(iou[1])[1:]] == ["cpu", "cuda:0"]


def test_memory_is_in_mb_unless_it_is_a_few_pages() -> None:
    assert memory(row("loop", 1.0, peak_bytes=123_456_789)) == "123.5"
    assert memory(row("loop", 1.0, peak_bytes=4096)) == "< 0.5"
    assert cells(memory_table(ROWS))[1][3:] == ["refdet.core", "2.0", "2.0", "2.0"]


def test_largest_cases_are_those_that_one_of_ours_ran() -> None:
    many = [row("refdet.core", 1.0, case="many", size=900), row("loop", 1.0, case="many", size=900)]
    beyond = row("loop", 1.0, case="most", size=5000)
    assert largest_cases([*ROWS, *many, beyond]) == many


def test_roofline_table_has_ours_and_the_fastest_peer_beside_a_copy() -> None:
    # 8 MB in 2 ms are 4 GB/s, half of a copy's 8; 4 million operations are 2 Gop/s.
    header, core, twin, kernel = cells(roofline_table(ROWS, run()).split("\n\n")[1])
    assert header[3:] == ["implementation", "MB", "Mop", "GB/s", "of copy", "Gop/s"]
    assert core[3:] == ["refdet.core", "8", "4", "4", "50.0%", "2"]
    assert twin[3:] == ["refdet.torch_ops", "8", "4", "16", "200.0%", "8"]
    assert kernel[3:] == ["torchvision", "8", "4", "8", "100.0%", "4"]


def test_roofline_table_leaves_out_what_is_not_counted() -> None:
    uncounted = row("refdet.core", 1.0, moved_bytes=None, operations=None)
    assert len(cells(roofline_table([uncounted], run()).split("\n\n")[1])) == 1


def test_headline_names_devices_threads_versions_and_commit() -> None:
    text = headline(run(models=("Some CPU", "Some GPU")))
    assert text.startswith("cpu: Some CPU; cuda:0: Some GPU. 1 thread of 2 cores; Python 3.11.7")
    assert text.endswith("numpy 2.4.6; commit abc, 2026-01-31.")
