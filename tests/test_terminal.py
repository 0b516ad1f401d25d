"""Where lines go: at once to the terminal; and whether there is a notebook around."""

from __future__ import annotations

import subprocess
import sys
from types import ModuleType

import pytest

from refdet.terminal import in_notebook, say


class ZMQInteractiveShell:
    """As the class of a notebook's kernel is called."""


class TerminalInteractiveShell:
    """As the class of IPython on a terminal is called."""


def pretend(monkeypatch: pytest.MonkeyPatch, shell: object) -> None:
    ipython = ModuleType("IPython")
    vars(ipython)["get_ipython"] = lambda: shell
    monkeypatch.setitem(sys.modules, "IPython", ipython)


def test_in_notebook_knows_a_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    pretend(monkeypatch, ZMQInteractiveShell())
    assert in_notebook()


@pytest.mark.parametrize("shell", [TerminalInteractiveShell(), None])
def test_in_notebook_knows_what_is_none(monkeypatch: pytest.MonkeyPatch, shell: object) -> None:
    pretend(monkeypatch, shell)
    assert not in_notebook()


def test_in_notebook_is_false_in_a_script(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert not in_notebook()
    assert "IPython" not in sys.modules  # it is not imported to find out


def test_in_notebook_survives_an_ipython_that_is_only_half_imported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "IPython", ModuleType("IPython"))
    assert not in_notebook()


def test_say_writes_at_once_into_a_pipe() -> None:
    # os._exit leaves what is still kept back unwritten.
    code = "import os; from refdet.terminal import say; say('one line'); os._exit(0)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout == "one line\n"


def test_say_writes_to_what_stands_for_the_terminal_now(
    capsys: pytest.CaptureFixture[str],
) -> None:
    # A notebook's kernel puts its own stream there, which shows lines below the cell.
    say("P=0.5")
    assert capsys.readouterr().out == "P=0.5\n"
