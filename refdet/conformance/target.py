"""Whose implementation is held to which contract: a function, and the adapter it is called by."""

from __future__ import annotations

import copy
import importlib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import cast
from unittest import SkipTest

import numpy as np

from refdet.conformance.adapter import Adapter, Arrays, adapt_arguments, adapt_outcome
from refdet.conformance.catalogue import CONTRACTS
from refdet.conformance.contract import Contract

Function = Callable[..., object]


@dataclass(frozen=True)
class Target:
    """A function that claims to follow a contract.

    Attributes:
        label: what it is called in tables, `module:function` as a rule.
        contract: the name of the rule.
        function: what is called, by way of the adapter.
        adapter: how.
    """

    label: str
    contract: str
    function: Function
    adapter: Adapter = field(default_factory=Adapter)


@dataclass(frozen=True)
class Call:
    """One call of a target's function, as it was made.

    Attributes:
        positional: the arguments, copied before the call.
        keywords: likewise.
        outcome: what came back; None after an error.
        error: what it raised instead, or None.
    """

    positional: tuple[object, ...]
    keywords: Mapping[str, object]
    outcome: object = None
    error: BaseException | None = None


class NotOfferedError(SkipTest):
    """Raised by an adapter for what a target has nothing for: the check is left out, not broken."""


class RefusedError(ValueError, TypeError):
    """An error of whatever kind, where a contract asks for one of two kinds."""


class StoppedError(RuntimeError):
    """What a target raised would have ended its caller's program, which refuses nothing."""


def contract_named(name: str) -> Contract[Function]:
    """The contract of that name.

    Raises:
        ValueError: there is none; names those that come close.
    """
    for contract in CONTRACTS:
        if contract.name == name:
            # A name has no type: whatever is found is called with what its own checks pass.
            return cast("Contract[Function]", contract)
    names = [contract.name for contract in CONTRACTS]
    close = get_close_matches(name, names)
    hint = f"did you mean {' or '.join(close)}?" if close else "`refdet conformance list` has them"
    raise ValueError(f"no contract {name!r}; {hint}")


def load_function(reference: str) -> Function:
    """The callable that `package.module:name` stands for; `name` may have dots.

    Raises:
        ValueError: no such form, module or name, or nothing that can be called.
    """
    module_name, colon, path = reference.partition(":")
    if not (module_name and colon and path):
        raise ValueError(f"{reference!r} is not package.module:function")
    try:
        found: object = importlib.import_module(module_name)
    except Exception as error:  # a module may raise anything while it is imported
        why = f"{type(error).__name__}: {error}"
        raise ValueError(f"cannot import {module_name} of {reference!r}: {why}") from error
    for name in path.split("."):
        if not hasattr(found, name):
            close = get_close_matches(name, dir(found))
            hint = f"; did you mean {' or '.join(close)}?" if close else ""
            raise ValueError(f"{module_name} has no {path!r}{hint}")
        found = getattr(found, name)
    if not callable(found):
        raise ValueError(f"{reference!r} is no function, but {type(found).__name__}")
    return found


def load_target(reference: str, contract: str, adapter: Adapter | None = None) -> Target:
    """The target that a user names; without an adapter, arrays or tensors as it is annotated."""
    function = load_function(reference)
    contract_named(contract)
    if adapter is None:
        adapter = Adapter(arrays=arrays_of(function))
    return Target(reference, contract, function, adapter)


def arrays_of(function: Function) -> Arrays:
    """Tensors for a function of torch or torchvision or with `Tensor` in its annotations."""
    if getattr(function, "__module__", "").partition(".")[0] in ("torch", "torchvision"):
        return Arrays.TORCH
    try:
        annotations = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):  # compiled functions have none
        return Arrays.NUMPY
    return Arrays.TORCH if any("Tensor" in str(one) for one in annotations) else Arrays.NUMPY


def implementation(
    target: Target, calls: list[Call] | None = None, copies: bool = True
) -> Function:
    """`target` as a contract calls it, in core's way; every call is appended to `calls`.

    Unless `copies` is false it gets arguments of its own, so that a function that writes to them
    spoils no example for the next one.
    """
    contract = contract_named(target.contract)

    def adapted(*positional: object, **keywords: object) -> object:
        if copies:
            positional = tuple(map(_copied, positional))
            keywords = {name: _copied(value) for name, value in keywords.items()}
        given = adapt_arguments(target.adapter, contract.parameters, positional, keywords)
        made = Call(copy.deepcopy(given.positional), copy.deepcopy(dict(given.keywords)))
        try:
            outcome = target.function(*given.positional, **given.keywords)
        except NotOfferedError:
            raise
        except Exception as error:
            _append(calls, replace(made, error=error))
            if target.adapter.exact_errors:
                raise
            raise RefusedError(f"{type(error).__name__}: {error}") from error
        except BaseException as error:
            if not _stops_the_program(error):
                raise
            _append(calls, replace(made, error=error))
            raise StoppedError(f"{type(error).__name__}: {error}") from error
        _append(calls, replace(made, outcome=outcome))
        return adapt_outcome(target.adapter, outcome, contract.result_boxes)

    return adapted


def _stops_the_program(error: BaseException) -> bool:
    # `sys.exit()` and a panic in Rust are the target's; an interrupt is the user's, and what a
    # test runner raises at its time limit is the test runner's.
    return isinstance(error, SystemExit) or type(error).__name__ == "PanicException"


def _copied(value: object) -> object:
    # Arrays alone: a generator must go on where the last call left it.
    return value.copy() if isinstance(value, np.ndarray) else value


def _append(calls: list[Call] | None, made: Call) -> None:
    if calls is not None:
        calls.append(made)
