"""No file and no function runs away: sizes are signals for a second look, and the exceptions are listed with their
reason.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
MAX_FILE, MAX_FUNCTION, MAX_COLUMN = 500, 70, 120
LONG_FILES: dict[str, str] = {
    # file: why it is longer than 500 lines
}


def python_files() -> list[Path]:
    return sorted(
        [*(ROOT / "kernelevo").rglob("*.py"), *(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")]
    )


def native_files() -> list[Path]:
    return sorted(path for pattern in ("*.cpp", "*.h") for path in (ROOT / "sandbox").rglob(pattern))


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


def too_long(lines: int, name: str) -> list[str]:
    return [f"{name}: {lines} lines"] if lines > MAX_FILE and name not in LONG_FILES else []


def too_wide(text: str, name: str) -> list[str]:
    return [f"{name}:{number}" for number, line in enumerate(text.splitlines(), 1) if len(line) > MAX_COLUMN]


# One test a rule: thousands of tests, one a file and rule, took longer to report than to run.
def test_files_and_lines_are_short() -> None:
    files = {shown(path): read(path) for path in (*python_files(), *native_files())}
    assert len(files) > 1000
    found = [fault for name, text in files.items() for fault in too_long(len(text.splitlines()), name)]
    assert not found, f"files over {MAX_FILE} lines: {found}"
    found = [fault for name, text in files.items() for fault in too_wide(text, name)]
    assert not found, f"lines over {MAX_COLUMN} columns: {found}"


def long_functions(nodes: Sequence[ast.AST]) -> list[str]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef)
    sizes = {
        f"{node.name}:{node.lineno}": (node.end_lineno or 0) - node.lineno + 1
        for node in nodes if isinstance(node, kinds)
    }  # fmt: skip
    return [f"{name} ({lines} lines)" for name, lines in sizes.items() if lines > MAX_FUNCTION]


def swallowing_handlers(nodes: Sequence[ast.AST]) -> list[int]:
    found = []
    for node in nodes:
        if not isinstance(node, ast.ExceptHandler):
            continue
        broad = node.type is None or getattr(node.type, "id", "") in ("Exception", "BaseException")
        if broad and not any(isinstance(inner, ast.Raise) for inner in ast.walk(node)):
            found.append(node.lineno)
    return found


def nodes_of(source: str) -> list[ast.AST]:
    return list(ast.walk(ast.parse(source)))


@pytest.fixture(scope="module")
def faults() -> dict[Path, tuple[list[str], list[int]]]:
    """Of each file: to parse them all takes seconds, and is done once."""
    parsed = ((path, nodes_of(read(path))) for path in python_files())
    return {path: (long_functions(nodes), swallowing_handlers(nodes)) for path, nodes in parsed}


def test_functions_are_short(faults: dict[Path, tuple[list[str], list[int]]]) -> None:
    found = {shown(path): long for path, (long, _) in faults.items() if long}
    assert len(faults) > 1000 and not found, f"functions over {MAX_FUNCTION} lines: {found}"


def test_what_is_too_long_or_wide_is_recognised() -> None:
    assert too_long(MAX_FILE + 1, "a.py") and not too_long(MAX_FILE, "a.py")
    assert too_wide(f"x\n{'x' * 121}\n", "a.py") == ["a.py:2"] and not too_wide("x" * 120, "a.py")
    lines = "\n".join(["def f():", *["    x"] * 69])
    assert long_functions(nodes_of(f"{lines}\n    x\n")) == ["f:1 (71 lines)"]
    assert not long_functions(nodes_of(lines))


def test_only_the_edges_catch_everything(faults: dict[Path, tuple[list[str], list[int]]]) -> None:
    """The command line, and the process behind the wall in which a candidate raises whatever it likes."""
    edges = ("cli.py", "triton_build.py", "pipeline_program.py")
    package = [path for path in faults if path.is_relative_to(ROOT / "kernelevo") and path.name not in edges]
    found = {shown(path): faults[path][1] for path in package if faults[path][1]}
    assert package and not found, f"broad except that swallows: {found}"


def test_a_swallowing_handler_is_recognised() -> None:
    assert swallowing_handlers(nodes_of("try:\n    x\nexcept Exception:\n    pass\n")) == [3]
    assert swallowing_handlers(nodes_of("try:\n    x\nexcept Exception as e:\n    raise ValueError from e\n")) == []


def test_no_two_test_files_have_one_module_name() -> None:
    """pytest imports those outside packages by their bare name, and collects nothing at all where two share one."""
    files = [path for path in (ROOT / "tests").rglob("test_*.py") if not (path.parent / "__init__.py").exists()]
    names = [path.name for path in files]
    assert len(names) > 100 and not {name for name in names if names.count(name) > 1}
