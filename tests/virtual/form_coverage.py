"""Which test executes which row of the table of instruction forms: recorded by running the tests.

`record(["tests/virtual"])` runs them in this process with a launch that counts by line: a row is executed by a test
when one of its instructions ran in at least one warp of a launch of that test, and the test passed. Tests whose
expectations come from no independent source (counts, differential runs, malformed text) do not count.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from kernelevo.virtual import LaunchReport, Machine, Module

HERE = Path(__file__).parent
NO_ORACLE = {
    "test_counts.py", "test_machine.py", "test_malformed_ptx.py", "test_quick_paths.py", "test_random_programs.py",
    "test_threads.py",
}  # fmt: skip
FILES = "test_file_behaves_as_its_head_says"


class Recorder:
    """A pytest plugin; `executed` maps the name of a row to the tests that execute it, in the order they ran."""

    def __init__(self) -> None:
        self.executed: dict[str, list[str]] = defaultdict(list)
        self._of_test: set[str] = set()

    @pytest.hookimpl(hookwrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        self._of_test = set()
        original = Machine.launch

        @functools.wraps(original)
        def launch(machine: Machine, kernel: str, **options: Any) -> LaunchReport:
            asked = options.get("lines", False)  # what is no bool is refused, and has to stay so
            report = original(machine, kernel, **{**options, "lines": True if asked is False else asked})
            self._of_test |= executed_forms(machine.module, kernel, report)
            return report

        Machine.launch = launch  # type: ignore[method-assign]
        outcome = yield
        Machine.launch = original  # type: ignore[method-assign]
        if outcome.excinfo is None and item.path.name not in NO_ORACLE:
            for form in self._of_test:
                if (name := test_name(item.nodeid)) not in self.executed[form]:
                    self.executed[form].append(name)


def executed_forms(module: Module, kernel: str, report: LaunchReport) -> set[str]:
    """The rows behind the lines that at least one thread executed."""
    ran = {line.ptx_line for line in report.lines if line.thread_instructions}
    return {each.form for each in _instructions(module) if each.kernel == kernel and each.ptx_line in ran}


def test_name(node: str) -> str:
    """`test_x.py::test_y` without parameters; of a behaviour file `ptx/NAME.ptx`."""
    path, _, function = node.partition("::")
    if function.startswith(FILES):
        return f"ptx/{function.partition('[')[2].split('-')[0]}.ptx"
    return f"{Path(path).name}::{function.partition('[')[0]}"


test_name.__test__ = False  # type: ignore[attr-defined]


def record(arguments: Sequence[str]) -> dict[str, list[str]]:
    """Runs these tests; raises AssertionError where one of them fails."""
    recorder = Recorder()
    ignored = [f"--ignore={HERE / name}" for name in sorted(NO_ORACLE)]
    status = pytest.main(["-q", "-p", "no:cacheprovider", *ignored, *arguments], plugins=[recorder])
    assert status == pytest.ExitCode.OK, f"the tests {list(arguments)} do not pass: pytest exits with {status}"
    return dict(recorder.executed)


@functools.lru_cache(maxsize=256)
def _instructions(module: Module) -> tuple[Any, ...]:
    return module.instructions()
