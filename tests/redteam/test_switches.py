"""Nothing but the red team and the tests can switch a defence off."""

from __future__ import annotations

import ast
from dataclasses import fields
from pathlib import Path

import pytest

from kernelevo.defences import ALL, Defences
from kernelevo.evaluators.kernels import KernelEvaluator

PACKAGE = Path(__file__).parent.parent.parent / "kernelevo"
MAY_READ = {"defences.py", "interfaces.py", "redteam", "evaluators", "devices"}
"""Files and folders of the package that may name the switches at all; only the red team may turn one."""


def switched(source: str) -> list[int]:
    """Lines that make defences other than ALL: a call of Defences or of `without`, or a replacement."""
    lines: list[int] = []
    if "efences" not in source:
        return lines
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            about = name == "replace" and any("defences" in ast.unparse(each).lower() for each in node.args)
            if name in ("Defences", "without") or about:
                lines.append(node.lineno)
    return lines


def modules() -> list[Path]:
    found = sorted(PACKAGE.rglob("*.py"))
    assert len(found) > 100
    return found


def top(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0]


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_module_but_those_of_the_red_team_turns_a_switch(path: Path) -> None:
    source = path.read_text(encoding="utf-8")
    if top(path) not in ("redteam", "defences.py"):
        assert switched(source) == []
    if top(path) not in MAY_READ:
        assert "kernelevo.defences" not in source, "no command, setting or joint reaches the switches"


def test_a_turned_switch_is_recognised() -> None:
    assert switched("d = Defences(poison=False)") == [1]
    assert switched("d = defences.ALL.without('poison')") == [1]
    assert switched("\nd = replace(self.defences, poison=False)") == [2]
    assert switched("d = replace(job, poison=defences.poison)") == []


def test_all_defences_are_on_unless_something_else_is_said() -> None:
    assert all(getattr(ALL, field.name) is True for field in fields(Defences))
    assert KernelEvaluator.__init__.__kwdefaults__["defences"] is ALL


def test_a_defence_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="there is no defence luck"):
        ALL.without("poison", "luck")
