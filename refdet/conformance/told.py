"""What the registers that ship know of a function that somebody names by itself.

Only the register is read: neither the suite's module nor what it needs is imported.
"""

from __future__ import annotations

import re
from importlib.metadata import packages_distributions
from pathlib import Path

from refdet.conformance import suites
from refdet.conformance.register import Register, read_register

FIRST_LINE = re.compile(r"# What (?P<library>\S+ \S+) is known to do otherwise\. ")
"""How every register that ships begins: the library, and the version that it was written for."""


def register_of_library(module: str) -> Register:
    """The register that ships for the library that a module is from; empty if there is none.

    Its entries name that library and version in `of`.
    """
    top = module.partition(".")[0]
    distributions = {_normal(name) for name in packages_distributions().get(top, ())}
    for suite, distribution in suites.SUITES.items():
        if distribution in distributions:
            return read_shipped(suite)
    return Register()


def read_shipped(suite: str) -> Register:
    """The register of a suite, as `SUITES` names it."""
    file = Path(suites.__file__).with_name(f"{suite.replace('-', '_')}.toml")
    first = FIRST_LINE.match(file.read_text(encoding="utf-8"))
    assert first is not None, f"{file}: the first line does not say of which version it is"
    return read_register(file, of=first["library"])


def _normal(distribution: str) -> str:
    # As packaging's rule has it: what is installed may spell its name with any of these.
    return re.sub(r"[-_.]+", "-", distribution).lower()
