"""Vendors everything with its contracts into a host, and tries it under many Pythons and NumPys.

`make vendor-matrix` runs it. Each pair of a Python and a NumPy has an environment of its own, in a
temporary folder, with nothing of refdet in it. The torch twins are tried with the torch that is
installed here.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from refdet.terminal import say
from refdet.vendor.contracts_file import has_contracts
from refdet.vendor.extracting import Room, modules

NEWEST = "newest"
PYTHONS = tuple(f"python3.{minor}" for minor in range(11, 16))
NUMPYS = ("1.26", "2.0", "2.2", NEWEST)
TOOLS = ("hypothesis", "mypy", "pytest")

HOST_SETTINGS = """\
[mypy]
strict = True
warn_unreachable = True
"""
CONFTEST = """\
from hypothesis import settings

settings.register_profile("quick", max_examples=5, derandomize=True)
settings.load_profile("quick")
"""
# Under a name that refdet does not know, each file by itself.
IMPORTS = """\
import importlib, pathlib, sys
folder = pathlib.Path(sys.argv[1])
sys.path.insert(0, str(folder / "src"))
for file in sorted((folder / "src").rglob("[!_]*.py")):
    if not file.name.startswith("test_"):
        name = ".".join(file.relative_to(folder / "src").with_suffix("").parts)
        importlib.import_module(name)
assert not [name for name in sys.modules if name.partition(".")[0] == "refdet"]
"""


@dataclass(frozen=True)
class Row:
    """One line of the table: what was tried, and what came out."""

    python: str
    numpy: str
    imports: str = ""
    contracts: str = ""
    mypy: str = ""
    skipped: str = ""
    failed: bool = False


@dataclass(frozen=True)
class Done:
    """What a command printed, and whether it succeeded."""

    succeeded: bool
    output: str

    @property
    def last_line(self) -> str:
        """Where pytest and mypy sum up."""
        return (self.output.strip().splitlines() or [""])[-1]


def main() -> int:
    """Print the table; 1 if anything failed, or if nothing could be tried."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pythons", nargs="+", default=PYTHONS, help="names on PATH, or paths")
    parser.add_argument("--numpys", nargs="+", default=NUMPYS, help="as 1.26, or newest")
    arguments = parser.parse_args()
    with TemporaryDirectory(prefix="vendor-matrix-") as name:
        folder = Path(name)
        host, torch_host = vendored(folder, Room.CORE), vendored(folder, Room.TORCH_OPS)
        rows = []
        for row in every_row(folder, host, torch_host, arguments.pythons, arguments.numpys):
            outcome = "skipped" if row.skipped else "failed" if row.failed else "done"
            say(f"Python {row.python}, NumPy {row.numpy}: {outcome}")
            rows.append(row)
    say(table(rows))
    tried = [row for row in rows if not row.skipped]
    return int(not tried or any(row.failed for row in tried))


def vendored(folder: Path, room: Room) -> Path:
    """A host project whose package has all files of a room, with what contracts there are."""
    host = folder / f"host_{room}"
    target = host / "src" / "shelf" / "_third" / "overlaps"
    twins = ["--as-torch"] if room is Room.TORCH_OPS else []
    add = [sys.executable, "-m", "refdet", "vendor", "add", "--to", str(target), *twins]
    for contracts in (True, False):
        names = [name for name in modules(room) if has_contracts(name, (), room) is contracts]
        if names:
            done = run([*add, *(["--with-contracts"] if contracts else []), "--", *names])
            assert done.succeeded, done.output
    for package in (host / "src" / "shelf", target.parent):
        (package / "__init__.py").touch()
    (host / "mypy.ini").write_text(HOST_SETTINGS, encoding="utf-8")
    (host / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    return host


def every_row(
    folder: Path, host: Path, torch_host: Path, pythons: Sequence[str], numpys: Sequence[str]
) -> Iterator[Row]:
    """Each Python with each NumPy; then the torch twins, here."""
    for python in pythons:
        version = version_of(python)
        if not version:
            yield Row(python, "-", skipped="not installed, or not on PATH")
            continue
        for numpy in numpys:
            environment = folder / f"{version}-{numpy}"
            yield tried_in_environment(python, version, numpy, environment, host)
    here = version_of(sys.executable)
    yield tried(sys.executable, torch_host, here, f"{numpy_of(sys.executable)}, torch")


def tried_in_environment(
    python: str, version: str, numpy: str, environment: Path, host: Path
) -> Row:
    """A row of the table, from a fresh environment."""
    run([python, "-m", "venv", str(environment)])
    executable = str(environment / "bin" / "python")
    wanted = "numpy" if numpy == NEWEST else f"numpy=={numpy}.*"
    install = [executable, "-m", "pip", "install", "--quiet", "--only-binary", ":all:"]
    done = run([*install, wanted, *TOOLS])
    if "No matching distribution found for numpy" in done.output:
        return Row(version, numpy, skipped=f"NumPy {numpy} has no wheel for it")
    if not done.succeeded:
        return Row(version, numpy, imports=f"pip: {done.last_line}", failed=True)
    return tried(executable, host, version, numpy_of(executable))


def tried(executable: str, host: Path, version: str, numpy: str) -> Row:
    """A row of the table, from an interpreter that has all that is needed."""
    imports = run([executable, "-I", "-c", IMPORTS, str(host)])
    pytest = run([executable, "-I", "-m", "pytest", "-q", "-p", "no:cacheprovider"], host)
    cache = f"--cache-dir={host.parent / f'cache-{version}-{numpy}'}"
    mypy = run(
        [executable, "-I", "-m", "mypy", "--python-executable", executable, cache, "src"], host
    )
    for done in (imports, pytest, mypy):
        if not done.succeeded:
            say(done.output)
    return Row(
        version,
        numpy,
        "yes" if imports.succeeded else imports.last_line,
        re.sub(r" in [\d.]+s.*", "", pytest.last_line),
        "clean" if mypy.succeeded else mypy.last_line,
        failed=not (imports.succeeded and pytest.succeeded and mypy.succeeded),
    )


def version_of(python: str) -> str:
    """As 3.12.1; nothing if there is no such Python."""
    return said(python, "import platform; print(platform.python_version())")


def numpy_of(python: str) -> str:
    """The version of its NumPy."""
    return said(python, "import numpy; print(numpy.__version__)")


def said(python: str, program: str) -> str:
    """What the program printed; nothing if it could not be run."""
    try:
        done = run([python, "-I", "-c", program])
    except FileNotFoundError:
        return ""
    return done.last_line if done.succeeded else ""


def run(command: Sequence[str], folder: Path | None = None) -> Done:
    """Run a command, whose settings are not those of the caller."""
    names = ("PYTHONPATH", "PYTEST_ADDOPTS", "MYPYPATH")
    environment = {name: value for name, value in os.environ.items() if name not in names}
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    return Done(done.returncode == 0, done.stdout + done.stderr)


def table(rows: Sequence[Row]) -> str:
    """The rows as aligned text."""
    head = ("Python", "NumPy", "imports", "contracts", "mypy --strict")
    cells = [head, *(row_cells(row) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    )


def row_cells(row: Row) -> tuple[str, str, str, str, str]:
    """One row's text, column by column."""
    outcome = f"skipped: {row.skipped}" if row.skipped else row.contracts
    return row.python, row.numpy, row.imports, outcome, row.mypy


if __name__ == "__main__":
    sys.exit(main())
