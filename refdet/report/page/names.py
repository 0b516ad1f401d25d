"""Names as the page shows them; `names.js` has the same rule."""

from __future__ import annotations

from refdet.report.cells import one_line


def shown_name(text: str) -> str:
    """On one line, what cannot be seen as an escape, in quotes if there is nothing but blanks."""
    shown = one_line(text)
    return shown if shown.strip() else f'"{shown}"'
