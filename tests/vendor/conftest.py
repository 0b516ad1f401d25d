"""The fixture that the tests of the commands share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from refdet.vendor import sources
from refdet.vendor.contracts_file import contracts_source
from refdet.vendor.extracting import Room, module_source
from tests.vendor.host import Host


@pytest.fixture
def host(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Host:
    one = Host(tmp_path, capsys, monkeypatch)

    def edited(text: str) -> str:
        for old, new in one.edits:
            text = text.replace(old, new)
        return text

    def source(module: str, functions: Sequence[str] = (), room: Room = Room.CORE) -> str:
        return edited(module_source(module, functions, room))

    def contracts(module: str, functions: Sequence[str] = (), room: Room = Room.CORE) -> str:
        return edited(contracts_source(module, functions, room))

    monkeypatch.setattr(sources, "module_source", source)
    monkeypatch.setattr(sources, "contracts_source", contracts)
    monkeypatch.chdir(tmp_path)
    return one
