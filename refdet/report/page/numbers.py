"""Numbers as the page words them; what is undefined is `-`."""

from __future__ import annotations

import math

from refdet.analysis_records import Estimate
from refdet.report.cells import share

MINUS = "\N{MINUS SIGN}"
EN_DASH = "\N{EN DASH}"
_SMALLEST_P = 0.001


def signed(value: float) -> str:
    """Three digits with a sign, unless it rounds to zero."""
    text = share(abs(value))
    if text in {"-", "0.000"}:
        return text
    return f"{MINUS if value < 0 else '+'}{text}"


def interval_text(estimate: Estimate) -> str:
    """`0.750-0.875`, with a dash of the length for ranges; empty where it is undefined."""
    if math.isnan(estimate.low) or math.isnan(estimate.high):
        return ""
    return f"{share(estimate.low)}{EN_DASH}{share(estimate.high)}"


def interval_note(estimate: Estimate) -> str:
    """The interval below a number; `-` where the number has none, and empty where both lack."""
    return interval_text(estimate) or ("" if math.isnan(estimate.value) else "-")


def signed_interval_text(estimate: Estimate) -> str:
    """`-0.125 to +0.250`; empty where it is undefined."""
    if math.isnan(estimate.low) or math.isnan(estimate.high):
        return ""
    return f"{signed(estimate.low)} to {signed(estimate.high)}"


def p_text(value: float) -> str:
    """Three digits; smaller ones are not told apart."""
    return f"<{_SMALLEST_P}" if value < _SMALLEST_P else share(value)


def count_text(value: int) -> str:
    """Thousands apart by a narrow space, which no reader takes for a decimal point."""
    return f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def plural(count: int, one: str, many: str = "") -> str:
    """`1 image`, `2 images`."""
    return f"{count_text(count)} {one if count == 1 else many or one + 's'}"
