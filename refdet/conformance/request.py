"""What is asked for on a command line, of pytest or of the shell: which targets, called how."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from importlib.metadata import packages_distributions, version
from pathlib import Path

from refdet.conformance.adapter import Adapter, Arrays, RealType
from refdet.conformance.contract import BoxFormat, CheckKind, Contract
from refdet.conformance.register import Register, read_register
from refdet.conformance.suites import load_suite
from refdet.conformance.target import Function, Target, contract_named, load_target
from refdet.conformance.told import register_of_library

TOLERANCES = {
    RealType.FLOAT64: 0.0,
    RealType.FLOAT32: 1e-5,
    RealType.FLOAT16: 1e-2,
    RealType.BFLOAT16: 5e-2,
}
"""What counts as equal unless told otherwise: a hundred roundings of float32, some of the rest."""


OPTIONS = {
    "contract": "as",
    "box_format": "format",
    "checks_values": "unchecked-values",
}
"""What the command line calls a field of `Request`, where that has another name."""


@dataclass(frozen=True)
class Request:
    """Either functions and the contract that they are to follow, or suites.

    The fields are the options of `refdet conformance run`; None and empty where one is not given.
    """

    targets: tuple[str, ...] = ()
    contract: str | None = None
    suites: tuple[str, ...] = ()
    arrays: Arrays | None = None
    box_format: BoxFormat | None = None
    dtype: RealType | None = None
    device: str | None = None
    arguments: tuple[str, ...] = ()
    returns: tuple[str, ...] = ()
    checks_values: bool = True
    tolerance: float | None = None
    known: Path | None = None


@dataclass(frozen=True)
class Candidate:
    """A target that can be run.

    Attributes:
        target: the function, its contract and its adapter.
        register: what it is known to break.
        library: what the register that ships for its library knows; it changes no verdict.
        version: the distribution that it is from, with its version; empty if it is from none.
    """

    target: Target
    register: Register
    library: Register = field(default_factory=Register)
    version: str = ""


def candidates(request: Request) -> list[Candidate]:
    """The targets that are asked for, ready to be run.

    Raises:
        ValueError: options that do not go together, or a name that nothing has; says what would.
        OSError: the register cannot be read.
    """
    _refuse_what_does_not_go_together(request)
    own = read_register(request.known) if request.known else Register()
    return list(_from_suites(request, own) if request.suites else _from_functions(request, own))


def _refuse_what_does_not_go_together(request: Request) -> None:
    if request.suites:
        alone = Request(suites=request.suites, known=request.known)
        if request != alone:
            given = [
                OPTIONS.get(name, name)
                for name, value in vars(request).items()
                if value != vars(alone)[name]
            ]
            raise ValueError(
                f"a suite has its own targets and adapters: {', '.join(given)} cannot be given too"
            )
    elif not request.targets:
        raise ValueError("name a function, package.module:function, or a suite")
    elif request.contract is None:
        raise ValueError(
            f"say which contract {request.targets[0]} is to follow, as in --as iou_matrix; "
            "`refdet conformance list` has them"
        )


def _from_suites(request: Request, own: Register) -> Iterator[Candidate]:
    for name in request.suites:
        suite = load_suite(name)
        both = replace(own, deviations=(*own.deviations, *suite.register.deviations))
        for target in suite.targets:
            yield Candidate(target, both, version=f"{suite.distribution} {suite.version}")


def _from_functions(request: Request, own: Register) -> Iterator[Candidate]:
    contract = contract_named(request.contract or "")
    always = _always_passed(contract)
    _refuse_arguments(contract, request.arguments, always)
    for reference in request.targets:
        target = load_target(reference, contract.name)
        _refuse_what_cannot_be_called(target, request.arguments or always)
        target = replace(target, adapter=_adapter(request, target.adapter.arrays))
        library = register_of_library(reference.partition(":")[0])
        yield Candidate(target, own, library, distribution_of(reference))


def _always_passed(contract: Contract[Function]) -> tuple[str, ...]:
    """The parameters that every vector's call has, as --arguments writes them; others may lack."""
    calls: list[list[str]] = []

    def noted(*positional: object, **keywords: object) -> None:
        in_order = contract.parameters[: len(positional)]
        calls.append([*in_order, *(f"{name}={name}" for name in keywords)])

    for check in contract.checks():
        if check.kind is CheckKind.VECTOR:
            with suppress(Exception):  # it gets no answer
                check.run(noted)
    return tuple(word for word in calls[0] if all(word in call for call in calls))


def _refuse_arguments(
    contract: Contract[Function], arguments: Sequence[str], always: Sequence[str]
) -> None:
    ours = [word.rpartition("=")[2] for word in arguments]
    for name in ours:
        if name not in contract.parameters:
            names = ", ".join(contract.parameters)
            raise ValueError(f"{contract.name} has no parameter {name!r}; there are {names}")
        if ours.count(name) > 1:
            raise ValueError(f"arguments {' '.join(arguments)} have {name} twice")
    missing = [name for word in always if (name := word.rpartition("=")[2]) not in ours]
    if arguments and missing:
        raise ValueError(f"arguments {' '.join(arguments)} leave out {', '.join(missing)}")


def _refuse_what_cannot_be_called(target: Target, words: Sequence[str]) -> None:
    """Before every check breaks for it, or counts the TypeError for a refusal."""
    positional = [word for word in words if "=" not in word]
    keywords = {word.partition("=")[0]: word for word in words if "=" in word}
    try:
        # What a decorator hides is not looked for: it may call the function with more.
        signature = inspect.signature(target.function, follow_wrapped=False)
    except (TypeError, ValueError):  # compiled functions have none
        return
    try:
        signature.bind(*positional, **keywords)
    except TypeError as error:
        raise ValueError(
            f"{target.label}{signature} cannot be called with {', '.join(words)}: {error}; "
            "say how with --arguments, or name a function of your own that calls it"
        ) from error


def _adapter(request: Request, by_annotation: Arrays) -> Adapter:
    arrays = request.arrays or (Arrays.TORCH if request.device else by_annotation)
    if request.device and arrays is not Arrays.TORCH:
        raise ValueError(f"device {request.device} is for tensors; arrays are {arrays}")
    if request.dtype is RealType.BFLOAT16 and arrays is not Arrays.TORCH:
        raise ValueError(f"dtype bfloat16 is for tensors; arrays are {arrays}")
    device = request.device or "cpu"
    if arrays is Arrays.TORCH:
        _require_device(device)
    tolerance = request.tolerance
    if tolerance is None:
        tolerance = TOLERANCES[request.dtype or RealType.FLOAT64]
    return Adapter(
        arrays=arrays,
        box_format=request.box_format,
        dtype=request.dtype,
        device=device,
        arguments=request.arguments,
        returns=request.returns,
        checks_values=request.checks_values,
        tolerance=tolerance,
    )


def _require_device(device: str) -> None:
    try:
        import torch  # noqa: PLC0415 - only where tensors are wanted
    except ImportError as error:
        raise ValueError("tensors need torch: pip install 'refdet[torch]' brings it") from error
    try:
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        why = str(error).splitlines()[0]
        raise ValueError(f"device {device} cannot be used here: {why}") from error


def distribution_of(reference: str) -> str:
    """Which distribution a module is from, with its version; empty if it is from none."""
    top = reference.partition(":")[0].partition(".")[0]
    names = packages_distributions().get(top, [])
    return f"{names[0]} {version(names[0])}" if names else ""
