"""As a new user would: the real command in an empty project, and as a hook before each commit."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

REFDET = (sys.executable, "-m", "refdet")
FOLDER = "src/mypkg/_vendor/refdet"

SCRIPT = """
set -u
mkdir -p src/mypkg && touch src/mypkg/__init__.py
refdet vendor add iou average_precision nms --to src/mypkg/_vendor/refdet
echo "add: $?"
refdet vendor check
echo "check: $?"
sed -i.bak 's/iou > /iou >= /' src/mypkg/_vendor/refdet/nms.py && rm src/mypkg/_vendor/refdet/*.bak
refdet vendor check
echo "check after an accident: $?"
refdet vendor update
echo "update: $?"
refdet vendor check
echo "check after the update: $?"
"""


def run(*command: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        # Neither what this machine's user has set nor what other projects have installed.
        "GIT_CONFIG_GLOBAL": os.devnull,
        "PRE_COMMIT_HOME": str(cwd.parent / "pre-commit-home"),
    }
    return subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


def test_three_functions_are_vendored_changed_by_accident_and_restored(tmp_path: Path) -> None:
    done = run("sh", "-c", SCRIPT, cwd=tmp_path)
    assert done.stderr == ""
    steps = [line for line in done.stdout.splitlines() if line[-3:-1] == ": "]
    assert steps == [
        "add: 0",
        "check: 0",
        "check after an accident: 1",
        "update: 0",
        "check after the update: 0",
    ]
    _, accident = done.stdout.split("check: 0\n")
    told, restored = accident.split("check after an accident: 1\n")
    assert "  nms.py                       modified\n" in told
    assert "  iou.py                       unmodified\n" in told
    for said in (told, restored):  # what is undone is printed once more
        assert "\n-" in said
        assert [line for line in said.splitlines() if line.startswith("+ ") and "iou >= " in line]
    original = (REPOSITORY / "refdet/core/nms.py").read_text(encoding="utf-8")
    assert (tmp_path / FOLDER / "nms.py").read_text(encoding="utf-8").endswith(original)


QUICK = """
from hypothesis import settings

settings.register_profile("quick", max_examples=2)
settings.load_profile("quick")
"""


def test_the_readme_s_commands_work_where_refdet_is_installed_too(tmp_path: Path) -> None:
    """pytest has loaded the installed refdet then, whose name is the folder's as well."""
    section = (REPOSITORY / "README.md").read_text(encoding="utf-8").split("## Copy our AP ")[1]
    commands = section.split("```sh\n")[1].split("```")[0]
    assert "\npytest " in commands
    (tmp_path / "src" / "mypkg").mkdir(parents=True)
    (tmp_path / "src" / "mypkg" / "__init__.py").touch()
    (tmp_path / "conftest.py").write_text(QUICK, encoding="utf-8")
    done = run("sh", "-e", "-c", commands, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert " passed in " in done.stdout
    assert "has no __init__.py" not in done.stdout


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A git repository that vendors and has the hook of docs/vendoring.md."""
    page = (REPOSITORY / "docs" / "vendoring.md").read_text(encoding="utf-8")
    hook = page.split("```yaml\n")[1].split("```")[0]
    (tmp_path / ".pre-commit-config.yaml").write_text(hook)
    for command in (
        ("git", "init", "-q"),
        ("git", "config", "user.email", "a@example.org"),
        ("git", "config", "user.name", "a"),
        (*REFDET, "vendor", "add", "iou", "--to", FOLDER),
        ("git", "add", "."),
        (sys.executable, "-m", "pre_commit", "install"),
    ):
        done = run(*command, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    return tmp_path


def test_the_documented_hook_stops_a_commit_that_changes_a_copy(repository: Path) -> None:
    assert run("git", "commit", "-qm", "vendor", cwd=repository).returncode == 0
    path = repository / FOLDER / "iou.py"
    path.write_text(path.read_text(encoding="utf-8").replace("> 0", ">= 0"), encoding="utf-8")
    committed = run("git", "commit", "-qam", "by accident", cwd=repository)
    assert committed.returncode == 1
    assert "iou.py                       modified" in committed.stdout + committed.stderr
    assert run(*REFDET, "vendor", "update", cwd=repository).returncode == 0
    path.with_name("helper.py").write_text("")
    run("git", "add", ".", cwd=repository)
    assert run("git", "commit", "-qm", "restored", cwd=repository).returncode == 0


def test_the_hook_sees_a_copy_that_is_deleted(repository: Path) -> None:
    assert run("git", "commit", "-qm", "vendor", cwd=repository).returncode == 0
    run("git", "rm", "-q", f"{FOLDER}/LICENSE", cwd=repository)
    committed = run("git", "commit", "-qm", "no licence", cwd=repository)
    assert committed.returncode == 1
    assert "licence missing" in committed.stdout + committed.stderr
