"""The wheel has what vendoring and conformance need, and works where there is no torch."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

WRONG_IOU = """
import numpy as np
from mypkg._vendor.refdet.iou import iou_matrix

def iou(a, b):
    one_pixel_more = np.array([0, 0, 1, 1])
    return iou_matrix(a + one_pixel_more, b + one_pixel_more)
"""


def run(folder: Path, *command: str | Path) -> subprocess.CompletedProcess[str]:
    """The outcome of a command in a folder, where nothing leads back to this repository."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False
    )


def succeed(folder: Path, *command: str | Path) -> str:
    done = run(folder, *command)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from the unpacked sdist, which must be complete for that."""
    folder = tmp_path_factory.mktemp("dist")
    build = (sys.executable, "-m", "hatchling", "build", "--directory", folder)
    succeed(REPOSITORY, *build, "--target", "sdist")
    (sdist,) = folder.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(folder, filter="data")
    succeed(folder / sdist.name.removesuffix(".tar.gz"), *build, "--target", "wheel")
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def content(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.mark.parametrize("room", ["core", "torch_ops", "conformance", "vendor"])
def test_wheel_has_the_sources_as_they_are(content: dict[str, bytes], room: str) -> None:
    files = sorted((REPOSITORY / "refdet" / room).rglob("*.py"))
    assert files
    for file in files:
        assert content[file.relative_to(REPOSITORY).as_posix()] == file.read_bytes()


def test_wheel_has_every_golden_vector_and_what_explains_them(content: dict[str, bytes]) -> None:
    fixtures, packaged = REPOSITORY / "fixtures", "refdet/conformance/golden"
    wanted = {
        f"{packaged}/{file.relative_to(fixtures / 'golden').as_posix()}": file.read_bytes()
        for file in (fixtures / "golden").rglob("*.json")
    }
    assert len(wanted) > 300
    wanted[f"{packaged}/README.md"] = (fixtures / "README.md").read_bytes()
    found = {name: data for name, data in content.items() if name.startswith(f"{packaged}/")}
    assert found == wanted


def test_wheel_has_the_registers_of_known_deviations(content: dict[str, bytes]) -> None:
    registers = [*(REPOSITORY / "refdet" / "conformance").rglob("*.toml")]
    assert registers
    assert {file.relative_to(REPOSITORY).as_posix() for file in registers} <= set(content)


def test_wheel_has_the_licence_and_nothing_beside_the_package(content: dict[str, bytes]) -> None:
    (licence,) = (name for name in content if name.endswith("licenses/LICENSE"))
    assert content[licence] == (REPOSITORY / "LICENSE").read_bytes()
    tops = {name.partition("/")[0] for name in content}
    assert tops == {"refdet", licence.partition("/")[0]}


def test_installed_wheel_vendors_checks_and_runs_contracts_without_torch(
    wheel: Path, tmp_path: Path
) -> None:
    binaries = installed(wheel, tmp_path / "environment")
    refdet, python = binaries / "refdet", binaries / "python"
    project = tmp_path / "project"
    (project / "mypkg" / "_vendor").mkdir(parents=True)
    for package in (project / "mypkg", project / "mypkg" / "_vendor"):
        (package / "__init__.py").touch()
    target = "mypkg/_vendor/refdet"
    succeed(project, refdet, "vendor", "add", "iou", "nms", "--to", target, "--with-contracts")
    succeed(project, refdet, "vendor", "check")
    imports = "import sys; sys.path.insert(0, '.'); import mypkg._vendor.refdet.{} as vendored"
    for module in ("iou", "nms"):
        alone = "; assert 'refdet' not in sys.modules"
        succeed(project, python, "-I", "-c", imports.format(module) + alone)
    succeed(project, refdet, "vendor", "add", "iou", "--as-torch", "--to", "mypkg/_vendor/twins")
    run_contract = (refdet, "conformance", "run", "--as", "iou_matrix")
    succeed(project, *run_contract, "mypkg._vendor.refdet.iou:iou_matrix")
    (project / "metrics.py").write_text(WRONG_IOU, encoding="utf-8")
    broken = run(project, *run_contract, "metrics:iou")
    assert broken.returncode == 1, broken.stdout + broken.stderr
    assert "survives_scaling_by_powers_of_two" in broken.stdout
    assert run(project, python, "-c", "import torch").returncode == 1


def installed(wheel: Path, environment: Path) -> Path:
    """Where the commands of a fresh environment lie that has the wheel, and no torch."""
    pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
    probe = run(environment.parent, *pip, "download", "--quiet", "--no-deps", "tyro")
    if probe.returncode:
        pytest.skip(f"the package index cannot be reached: {probe.stderr.strip()[-200:]}")
    succeed(environment.parent, sys.executable, "-m", "venv", "--without-pip", environment)
    binaries = environment / ("Scripts" if os.name == "nt" else "bin")
    constraints = ("--constraint", REPOSITORY / "constraints.txt")
    target = (*pip, "--python", binaries / "python", "install", "--quiet", "--no-compile")
    succeed(environment.parent, *target, *constraints, f"{wheel}[conformance]")
    return binaries
