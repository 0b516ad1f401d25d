"""Lines for the user: on a terminal, in a log file, or below a notebook's cell."""

from __future__ import annotations

import sys
from collections.abc import Callable


def say(text: str) -> None:
    """Print a line at once, also where output is kept back, as in a pipe or a notebook."""
    print(text, flush=True)  # noqa: T201 - what this is for


def in_notebook() -> bool:
    """Whether this process is a notebook's kernel, which has no terminal of its own."""
    ipython = sys.modules.get("IPython")
    get_shell: Callable[[], object] = getattr(ipython, "get_ipython", lambda: None)
    # A terminal's IPython is another class; Colab's is derived from a notebook's.
    return "ZMQInteractiveShell" in [base.__name__ for base in type(get_shell()).__mro__]
