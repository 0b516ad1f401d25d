"""The licence that every copy carries is the repository's."""

from __future__ import annotations

import tomllib

from refdet.vendor.licence import COPYRIGHT, LICENCE, SPDX
from tests.conftest import REPOSITORY


def test_licence_is_that_of_the_repository() -> None:
    assert (REPOSITORY / "LICENSE").read_text(encoding="utf-8") == LICENCE
    assert f"Copyright (c) {COPYRIGHT}\n" in LICENCE


def test_spdx_is_what_the_package_declares() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["license"] == SPDX
