"""`make bench-throughput` prints a table, and keeps what it has measured."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest
import torch

from benchmarks.throughput import pipeline, run
from benchmarks.throughput.run import Plan
from benchmarks.throughput.sides import Architecture
from benchmarks.throughput.timing import Line


def test_main_prints_a_table_with_machine_and_versions(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "N_IMAGES", 2)
    words = "run --only ssd300 --tasks input --batch-size 2 --steps 1 --turns 1 --workers 0"
    output = tmp_path / "throughput.json"
    options = [*words.split(), "--threads", "1", "--device", "cpu", "--output", str(output)]
    monkeypatch.setattr("sys.argv", options)
    threads = torch.get_num_threads()
    try:
        run.main()
    finally:
        torch.set_num_threads(threads)
    said = capsys.readouterr().out
    assert "1 threads, 0 workers, batches of 2, 1 turns of 1 steps" in said
    assert f"torch {torch.__version__.partition('+')[0]}" in said
    table = [line for line in said.splitlines() if line.startswith("| ssd300 input")]
    assert len(table) == 6
    assert table[-1].rstrip(" |").endswith("x")
    kept = json.loads(output.read_text())
    assert len(kept["lines"]) == 6
    told = kept["machine"]
    assert f"; commit {told['commit']}, {told['day']}." in said
    assert re.fullmatch(r"(unknown|[0-9a-f]{10,})( with changes)?", told["commit"])
    assert abs(date.today() - date.fromisoformat(told["day"])) <= timedelta(days=1)


def test_main_keeps_what_is_measured_should_the_rest_not_end(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def ends_early(architecture: Architecture, plan: Plan) -> Iterator[list[Line]]:
        yield [Line(f"{architecture.name} inference", "refdet (fp32)", (2.0, 4.0))]
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "measured", ends_early)
    output = tmp_path / "throughput.json"
    words = ["run", "--only", "ssd300", "--device", "cpu", "--output", str(output)]
    monkeypatch.setattr("sys.argv", words)
    threads = torch.get_num_threads()
    with pytest.raises(KeyboardInterrupt):
        run.main()
    torch.set_num_threads(threads)
    assert "refdet (fp32): 3 images/s" in capsys.readouterr().out
    [line] = json.loads(output.read_text())["lines"]
    assert (line["task"], line["rates"]) == ("ssd300 inference", [2.0, 4.0])
