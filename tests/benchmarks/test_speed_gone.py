"""`make bench-compare`: rows that are gone, what has no peer, times that scatter, wrong files."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.speed import compare
from benchmarks.speed.compare import changes, gone, losses, main, measured_anew, verdict
from benchmarks.speed.run import FAMILIES
from benchmarks.speed.runs import Run, write_run
from tests.benchmarks.speed_runs import row, run

NMS = row("refdet.core", 4e-3), row("torchvision", 2e-3)
IOU = tuple(replace(one, family="iou", function="iou_matrix") for one in NMS)
STORED = run(*NMS, *IOU)


def test_bench_compare_fails_where_a_family_is_gone_and_names_its_rows() -> None:
    text, status = verdict(STORED, run(*NMS))
    assert status == 1
    assert "1 of the stored run are gone, or have lost their peer" in text
    assert text.endswith("- iou_matrix, a-few, cpu, float64, refdet.core")


def test_bench_compare_only_looks_at_families_that_are_asked_for() -> None:
    assert verdict(STORED, run(*NMS), ["nms"]) == ("1 ratios compared, 0 worse by more than 25%", 0)


def test_bench_compare_fails_where_one_of_ours_has_lost_every_peer() -> None:
    assert verdict(STORED, run(*NMS, IOU[0]))[1] == 1


def test_bench_compare_fails_where_what_had_no_peer_is_gone() -> None:
    alone = row("refdet.core", 1.0, function="alone")
    assert gone(run(*NMS, alone), run(*NMS, alone), FAMILIES) == []
    assert len(gone(run(*NMS, alone), run(*NMS), FAMILIES)) == 1


def test_bench_compare_says_of_a_device_that_is_not_here_that_it_was_left_out() -> None:
    on_cuda = [replace(one, device="cuda:0") for one in NMS]
    both = run(*NMS, *on_cuda, models=("CPU", "GPU"))
    text, status = verdict(both, run(*NMS))
    assert status == 0
    assert text.endswith("nothing of cuda:0, which is not here")
    assert verdict(both, replace(run(*NMS), devices=both.devices))[1] == 1


@pytest.mark.parametrize("place", [{"dtype": "float32"}, {"device": "cuda:0"}])
def test_bench_compare_holds_what_has_no_peer_against_core(place: dict[str, str]) -> None:
    def judged(seconds: float) -> Run:
        return run(row("refdet.core", 1e-2), row("refdet.torch_ops", seconds, **place))

    assert losses(judged(1e-1), judged(1.2e-1)) == []
    (lost,) = losses(judged(1e-1), judged(1.0))
    assert (lost.peer, lost.before) == ("refdet.core", 10.0)
    assert lost.loss == pytest.approx(9.0)


def test_bench_compare_does_not_hold_core_against_itself() -> None:
    alone = run(row("refdet.core", 1.0))
    assert changes(alone, alone) == []


@pytest.mark.parametrize("scatters", [0, 1])
def test_bench_compare_lets_what_scattered_when_stored_scatter(scatters: int) -> None:
    rows = list(NMS)
    rows[scatters] = replace(rows[scatters], iqr=0.6 * rows[scatters].median)
    stored = run(*rows)
    for loss, expected in ((0.55, 0), (0.65, 1)):
        new = run(replace(NMS[0], median=4e-3 * (1 + loss)), NMS[1])
        text, status = verdict(stored, new)
        assert status == expected
        assert ("+60%" in text) == bool(expected)


def measuring(
    monkeypatch: pytest.MonkeyPatch, devices: Sequence[str], runs: list[Run]
) -> list[tuple[list[str], list[str]]]:
    """Let `measured` give these runs; what it is called with."""
    calls: list[tuple[list[str], list[str]]] = []

    def measured(devices: Sequence[str], families: Sequence[str], *, threads: int) -> Run:
        assert threads == 1  # as the stored runs have
        calls.append((list(devices), list(families)))
        return runs[len(calls) - 1]

    monkeypatch.setattr(compare, "DEVICES", tuple(devices))
    monkeypatch.setattr(compare, "measured", measured)
    return calls


def test_what_lost_is_measured_again_on_the_device_where_it_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    on_cuda = [replace(one, device="cuda:0") for one in NMS]
    stored = run(*NMS, *IOU, *on_cuda, models=("CPU", "GPU"))
    slow = replace(on_cuda[0], median=1.0)
    first = replace(stored, rows=(*NMS, *IOU, slow, on_cuda[1]))
    again = run(*on_cuda)
    calls = measuring(monkeypatch, ["cpu", "cuda:0"], [first, again])
    assert losses(stored, measured_anew(stored, FAMILIES)) == []
    assert calls == [(["cpu", "cuda:0"], list(FAMILIES)), (["cuda:0"], ["nms"])]


def test_only_devices_of_the_stored_run_are_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = measuring(monkeypatch, ["cpu", "cuda:0"], [STORED])
    measured_anew(STORED, ["nms"])
    assert calls == [(["cpu"], ["nms"])]
    monkeypatch.setattr(compare, "DEVICES", ("cuda:0",))
    with pytest.raises(SystemExit, match="devices that are not here"):
        measured_anew(STORED, ["nms"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "No such file"),
        ("{", "it is no JSON"),
        ('{"images": []}', "no run of `make bench`"),
        ("[]", "no run of `make bench`"),
        ('{"format": "refdet bench 1"}', "no whole run of `make bench`"),
        ('{"format": "refdet bench 1", "devices": [], "rows": [{}]}', "no whole run"),
    ],
)
def test_bench_compare_refuses_what_is_no_run_before_it_measures(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    content: str | None,
    message: str,
) -> None:
    wrong, right = tmp_path / "wrong.json", tmp_path / "right.json"
    write_run(right, STORED)
    if content is not None:
        wrong.write_text(content)
    calls = measuring(monkeypatch, ["cpu"], [])
    for files in ([str(wrong)], [str(right), "--new", str(wrong)]):
        monkeypatch.setattr(sys, "argv", ["compare", *files])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr().err
        assert ended.value.code == 2
        assert str(wrong) in said
        assert message in said
    assert calls == []


def test_bench_compare_says_that_a_machine_has_no_stored_run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    calls = measuring(monkeypatch, ["cpu"], [])
    monkeypatch.setattr(compare, "machine_here", lambda: "never-seen")
    monkeypatch.setattr(sys, "argv", ["compare"])
    with pytest.raises(SystemExit):
        main()
    assert "never-seen.json: `make bench` makes one" in capsys.readouterr().err
    assert calls == []
