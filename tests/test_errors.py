"""Every exception of ours has an exit code and a sentence, and the tree in the docstring is the tree in the code."""

from __future__ import annotations

import inspect

import pytest

from kernelevo import errors


def all_errors() -> list[type[errors.KernelevoError]]:
    members = [member for _, member in inspect.getmembers(errors, inspect.isclass)]
    return [member for member in members if issubclass(member, errors.KernelevoError)]


EXIT_CODES = {
    "KernelevoError": 3,
    "BadInput": 2,
    "NotInstalled": 2,
    "Infrastructure": 3,
    "SandboxBroken": 3,
    "WallUnavailable": 3,
    "DriverLost": 3,
    "DriverRefused": 3,
    "ModelFailed": 3,
    "StoreConflict": 3,
    "Interrupted": 130,
}


def test_each_error_has_its_exit_code() -> None:
    assert {error.__name__: error.exit_code for error in all_errors()} == EXIT_CODES


@pytest.mark.parametrize("error", all_errors())
def test_each_error_is_in_the_drawn_tree(error: type[errors.KernelevoError]) -> None:
    assert error.__name__ in (errors.__doc__ or "")
    assert error.__doc__
