"""The mutants of a file are what they say they are, and are put to the tests as they are."""

from __future__ import annotations

import ast
import json
import subprocess
import sys

import pytest

from benchmarks.mutants.mutant import Key, Kind, Mutant
from benchmarks.mutants.trial import REPOSITORY, own_tests

mutations = pytest.importorskip(
    "benchmarks.mutants.mutations", reason="the extra `mutants` is not installed"
)

SOURCE = '''\
"""A module."""

F64 = NDArray[np.float64]
if TYPE_CHECKING:
    Real = NDArray[np.floating[Any] | np.integer[Any]]
else:
    Real = NDArray[np.generic]
LIMIT = 3


class Shape:
    """A shape."""

    sides: int = 4

    @property
    def corners(self) -> int:
        """As many as sides."""
        return self.sides + 0


def half(x: float) -> float:
    """Half of x."""
    if x < 0:
        raise ValueError(f"{x} is below 0")
    for bad, why in ((x == 1, "is odd"),):
        y = x / 2
    return y


def _check_half(x: float) -> None:
    x = x * 2


def double(x: float) -> float:
    """Twice x."""
    _check_half(x, "x")
    return x * 2


def kept(x: Real) -> F64:
    """x, of another dtype."""
    return x.astype(np.float64, copy=False)
'''


@pytest.fixture(scope="module")
def made() -> list[Mutant]:
    made: list[Mutant] = mutations.mutants_of("toy", SOURCE)
    return made


def test_mutants_change_constants_defaults_properties_and_functions(made: list[Mutant]) -> None:
    keys = {mutant.key for mutant in made}
    assert Key("toy", "", "LIMIT = 3", "LIMIT = 4") in keys
    assert Key("toy", "Shape", "sides: int = 4", "sides: int = 5") in keys
    assert Key("toy", "Shape.corners", "return self.sides + 0", "return self.sides - 0") in keys
    assert Key("toy", "half", "if x < 0:", "if x <= 0:") in keys


def test_mutants_leave_aliases_docstrings_and_decorators(made: list[Mutant]) -> None:
    for mutant in made:
        assert mutant.source.count(" = NDArray[np.") == 3
        assert "@property\n" in mutant.source
        assert ast.get_docstring(ast.parse(mutant.source)) == "A module."


def test_mutants_are_different_programs(made: list[Mutant]) -> None:
    programs = {ast.dump(ast.parse(mutant.source)) for mutant in made}
    assert len(programs) == len(made) == len({mutant.key for mutant in made})
    assert ast.dump(ast.parse(SOURCE)) not in programs


def test_mutants_know_their_kind_and_line(made: list[Mutant]) -> None:
    kinds = {(mutant.line, mutant.key.now): mutant.kind for mutant in made}
    assert kinds[24, "if x <= 0:"] is Kind.CHECK
    assert kinds[25, "raise ValueError(None)"] is Kind.MESSAGE
    assert kinds[26, 'for bad, why in ((x == 1, "IS ODD"),):'] is Kind.MESSAGE
    assert kinds[27, "y = x * 2"] is Kind.RULE
    assert kinds[32, "x = x / 2"] is Kind.CHECK
    assert kinds[37, '_check_half(x, "X")'] is Kind.CHECK
    assert kinds[38, "return x / 2"] is Kind.RULE


def test_mutants_that_compute_the_same_by_construction_have_a_kind_of_their_own(
    made: list[Mutant],
) -> None:
    assert {mutant.key.now for mutant in made if mutant.kind is Kind.EQUAL} == {
        "return x.astype(np.float64, copy=True)",
        "return x.astype(np.float64, copy=None)",
        "return x.astype(np.float64, )",
        "return x.astype(None, copy=False)",
    }
    assert all(mutant.key.scope == "kept" for mutant in made if mutant.kind is Kind.EQUAL)
    rules = {mutant.key.now for mutant in made if mutant.kind is Kind.RULE}
    assert "return x.astype(copy=False)" in rules  # copy for dtype: no dtype at all


def test_tests_of_a_file_are_those_that_import_it() -> None:
    found = own_tests("nms")
    assert "tests/core/test_nms.py" in found
    assert "tests/core/test_refusals.py" in found
    assert "tests/core/test_iou.py" not in found
    assert "tests/core/test_coco_eval.py" in own_tests("coco_eval")


# In a process of its own, since nothing of refdet may be loaded before a mutant is.
JUDGE = """
import json, sys
from benchmarks.mutants import judging
from benchmarks.mutants.mutant import Key, Kind, Mutant

judging.prepare()
source = (judging.CORE / "calibration.py").read_text()
function = "def reliability_curve("
changes = json.loads(sys.argv[1])
mutants = [
    Mutant(Key("calibration", "", was, now), Kind.RULE, 1, source.replace(was, now, 1))
    for was, now in changes
]
assert all(mutant.source != source for mutant in mutants)
judged = judging.judged(judging.target("calibration"), mutants, 2)
print(json.dumps({mutant.key.now: [outcome.verdict, outcome.by] for mutant, outcome in judged}))
"""


def test_judged_tells_what_became_of_each_mutant() -> None:
    function = "def reliability_curve("
    changes = {
        "# nothing\n" + function: ["survived", ""],
        f"raise OSError\n{function}": ["contract", "import"],
        f"import os; os.kill(os.getpid(), 9)\n{function}": ["contract", "SIGKILL"],
        f"while True: pass\n{function}": ["loop", "import"],
        '] is nan"': ["test", "tests/core"],
    }
    pairs = [('] is NaN"' if "nan" in now else function, now) for now in changes]
    ran = subprocess.run(
        [sys.executable, "-c", JUDGE, json.dumps(pairs)],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    found = {
        now: [verdict, by.rpartition("/")[0] or by]
        for now, (verdict, by) in json.loads(ran.stdout).items()
    }
    assert found == changes
