"""The star: types <- interfaces, errors, settings <- parts (never each other) <- run.py, joining.py <- cli.py."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "kernelevo"
FOUNDATION = {
    "types", "fault", "measurement", "provenance", "defences", "interfaces", "errors", "settings", "native", "answer",
    "statistics", "counting", "language_model", "decisions", "learning",
    "learning_interfaces",
}  # fmt: skip
PARTS = {
    "compilers", "devices", "evaluators", "executors", "proposers", "stores", "sandbox", "virtual", "search",
    "disassembler", "archive", "report", "evidence",
    "progress", "doctor", "initialise", "batch", "reward", "models", "backends", "levers", "loop", "studies",
}  # fmt: skip
KNOWLEDGE = {"kernel", "wire", "diagnosis", "harness", "telemetry"}
"""No parts, so that every part may read them."""
MAY_USE = {
    # A noun file may use only what stands before it.
    "errors": set(),
    "counting": set(),
    "fault": set(),
    "measurement": {"fault"},
    "defences": set(),
    "provenance": set(),
    "language_model": set(),
    "decisions": {"language_model"},
    "learning": {"types", "language_model"},
    "types": {"fault", "measurement", "provenance", "counting"},
    "statistics": {"measurement"},
    "interfaces": {"types", "errors", "measurement", "defences", "language_model"},
    "learning_interfaces": {"types", "interfaces", "decisions", "language_model", "learning"},
    "settings": {"types", "errors"},
    "native": {"errors"},
    "answer": {"types"},
    "archive": FOUNDATION,
    # A batch is a stream of requests; what a verdict is worth is a noun of its own.
    "reward": {"types"},
    "batch": FOUNDATION | {"reward"},
    # What a kernel file says, and what passes through the wall, is knowledge and no part: every part may read it.
    "kernel": FOUNDATION,
    # What a harness folder says, and how it was gone by, is knowledge, too.
    "harness": FOUNDATION,
    "telemetry": FOUNDATION | {"harness"},
    "wire": {"types", "interfaces", "errors", "measurement"},
    # What a verdict is worth to a policy is what it is worth to any trainer.
    "backends": FOUNDATION | {"kernel", "diagnosis", "reward"},
    # A study runs loops.
    "studies": FOUNDATION | KNOWLEDGE | {"loop"},
    # A search orders attempts: it is the one part that needs a data structure of its own.
    "search": FOUNDATION | {"archive"},
    "doctor": FOUNDATION | {"sandbox", "disassembler"},
    # What counts say of a kernel: knowledge, too, which reports show and proposers may read.
    "diagnosis": FOUNDATION,
    # A driver of the virtual GPU is its Python API in the shape of a card.
    "devices": FOUNDATION | {"kernel", "wire", "diagnosis", "virtual"},
    # Runs behind the wall, where there is no package but Triton.
    "jailed": set(),
}
JOINERS = {
    "run", "api", "api_arguments", "run_record", "run_evidence", "rerunning", "joining", "joining_cards",
    "joining_models", "joining_decisions", "joining_backends", "joining_levers", "joining_loop", "joining_programs",
    "joining_python", "joining_texts", "joining_choices", "run_of_loop", "run_of_study", "run_of_sealed",
    "study_anew",
    "cli", "commands", "redteam", "__init__", "__main__",
}  # fmt: skip
"""Those that may import every part; the red team attacks the parts as they are joined."""


def part_of(path: Path) -> str:
    first = path.relative_to(PACKAGE).parts[0]
    stem = first.removesuffix(".py")
    return next(
        (part for part in sorted(PARTS, key=len, reverse=True) if stem == part or stem.startswith(part + "_")), stem
    )


def imported_parts(path: Path) -> set[tuple[str, int]]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative imports hide the layer"
            names = [node.module or ""]
            if node.module == "kernelevo":
                names = [f"kernelevo.{alias.name}" for alias in node.names]
        for name in names:
            pieces = name.split(".")
            if pieces[0] == "kernelevo" and len(pieces) > 1:
                found.add((part_of(PACKAGE / f"{pieces[1]}.py"), node.lineno))
    return found


def modules() -> list[Path]:
    return sorted(path for path in PACKAGE.rglob("*.py"))


def test_there_are_modules_to_look_at() -> None:
    names = {part_of(path) for path in modules()}
    assert {"types", "interfaces", "errors", "kernel", "devices", "evaluators", "run", "cli"} <= names


def faults(path: Path, imported: set[tuple[str, int]]) -> list[str]:
    own = part_of(path)
    if own in JOINERS:
        return []
    allowed = MAY_USE.get(own, FOUNDATION | KNOWLEDGE) | {own}
    return [f"line {line} imports {other}" for other, line in sorted(imported) if other not in allowed]


@pytest.fixture(scope="module")
def imports() -> dict[Path, set[tuple[str, int]]]:
    return {path: imported_parts(path) for path in modules()}


def test_a_module_imports_only_what_its_layer_allows(imports: dict[Path, set[tuple[str, int]]]) -> None:
    broken = {f"{path.relative_to(PACKAGE)} ({part_of(path)})": faults(path, found) for path, found in imports.items()}
    assert not any(broken.values()), {module: said for module, said in broken.items() if said}


def test_what_runs_behind_the_wall_is_not_imported_by_what_judges(
    imports: dict[Path, set[tuple[str, int]]],
) -> None:
    importers = {str(path) for path, found in imports.items() for other, _ in found if other == "jailed"}
    assert not importers


def test_the_rule_catches_a_part_that_imports_another(tmp_path: Path) -> None:
    offender = PACKAGE / "devices" / "imaginary.py"
    source = tmp_path / "imaginary.py"
    source.write_text("from kernelevo.proposers import tune\nimport kernelevo.stores.sqlite\n")
    assert {other for other, _ in imported_parts(source)} == {"proposers", "stores"}
    assert part_of(offender) == "devices" and len(faults(offender, imported_parts(source))) == 2
