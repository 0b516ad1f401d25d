"""Made-up runs for the tests of tables, comparison and page."""

from __future__ import annotations

from benchmarks.speed.runs import Device, Row, Run


def row(implementation: str, median: float, **others: object) -> Row:
    """A row of NMS of 200 boxes on the CPU, unless told otherwise."""
    told: dict[str, object] = {
        "family": "nms",
        "function": "nms",
        "unit": "boxes",
        "case": "a-few",
        "size": 200,
        "device": "cpu",
        "dtype": "float64",
        "agrees": True,
        "iqr": 0.1 * median,
        "rounds": 20,
        "peak_bytes": 2_000_000,
        "moved_bytes": 8_000_000,
        "operations": 4_000_000,
    }
    return Row(implementation=implementation, median=median, **(told | others))  # type: ignore[arg-type]


def run(*rows: Row, models: tuple[str, ...] = ("Some CPU(R) 5",)) -> Run:
    """A run of these rows on a machine of one or two devices."""
    names = ("cpu", "cuda:0")
    devices = tuple(Device(*one, 8e9) for one in zip(names, models, strict=False))
    return Run(2, 1, "3.11.7", {"numpy": "2.4.6"}, "abc", "2026-01-31", devices, rows)
