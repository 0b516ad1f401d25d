"""Numbers as tables show them."""

from __future__ import annotations

from benchmarks.speed.runs import Row

# A call's memory is counted in pages: less than this tells nothing.
LEAST_BYTES = 500_000


def seconds(value: float) -> str:
    """Three digits with the unit that suits."""
    unit, factor = ("s", 1.0) if value >= 1 else ("ms", 1e3) if value >= 1e-3 else ("µs", 1e6)
    return (
        f"{value * factor:.3g} {unit}" if value * factor < 1000 else f"{value * factor:,.0f} {unit}"
    )


def duration(row: Row) -> str:
    """The median with its unit, and half the quartiles' distance as a share of it."""
    # Of one call there are no quartiles.
    spread = "(1 call)" if row.rounds == 1 else f"±{50 * row.spread:.0f} %"
    return f"{seconds(row.median)} {spread}"


def memory(row: Row) -> str:
    """In MB, or that it is too little to be counted."""
    return f"{row.peak_bytes / 1e6:,.1f}" if row.peak_bytes >= LEAST_BYTES else "< 0.5"


def multiple(ratio: float) -> str:
    """As `1.23x` or `1,234x`."""
    return f"{ratio:.3g}x" if ratio < 100 else f"{ratio:,.0f}x"
