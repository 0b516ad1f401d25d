"""How a reader refuses a data set: with the first thing wrong, and how to see the rest."""

from __future__ import annotations

from collections.abc import Iterable

from refdet.records import Problem


class DataError(ValueError):
    """A data set cannot be used as it is.

    Args:
        problems: what is wrong, at least one; or the text of such an error, as unpickling gives it,
            or a traceback that ends with it, as torch does where a worker process has failed.

    Attributes:
        problems: everything that is wrong, the first of which is the error's text; empty in an
            error of a worker process, of which the text is all that arrives.
    """

    def __init__(self, problems: Iterable[Problem] | str) -> None:
        if isinstance(problems, str):
            self.problems: tuple[Problem, ...] = ()
            heading = f"{type(self).__module__}.{type(self).__qualname__}: "
            super().__init__(problems.rpartition(heading)[-1].rstrip("\n"))
            return
        self.problems = tuple(problems)
        first, *others = self.problems
        more = f" There are {len(others)} more; `refdet check-data` prints all." if others else ""
        super().__init__(f"{first}.{more}")


def errors_in(problems: Iterable[Problem]) -> list[Problem]:
    """The problems that reading cannot go on with."""
    return [problem for problem in problems if not problem.dropped]


def refuse_errors(problems: Iterable[Problem]) -> None:
    """Raise DataError if reading cannot go on with one of `problems`."""
    errors = errors_in(problems)
    if errors:
        raise DataError(errors)
