"""The suites as a whole: which there are, and what is said of one that cannot run."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError

import pytest

from refdet.conformance import suites
from refdet.conformance.suites import load_suite


def test_load_suite_names_all_suites_when_there_is_none_of_that_name() -> None:
    with pytest.raises(ValueError, match="no suite 'torchvison'; there are torchvision, pycoco"):
        load_suite("torchvison")


def test_load_suite_says_how_to_install_what_is_missing_before_it_imports_anything(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing(distribution: str) -> str:
        raise PackageNotFoundError(distribution)

    monkeypatch.setattr(suites, "version", missing)
    monkeypatch.setitem(sys.modules, "refdet.conformance.suites.ultrafast", None)
    with pytest.raises(ValueError, match="needs ultrafast-pycocotools: pip install ultrafast-pyco"):
        load_suite("ultrafast")
