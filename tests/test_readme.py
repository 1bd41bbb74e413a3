"""What the README and docs/cli.md tell people to type exists: the two command lines, every command, every option.

The two command lines themselves are run by `scripts/check` and by the public CI, from a clean clone.
"""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer

from kernelevo.commands.app import app

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
CLI = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
MAIN_JOB = "python3 -m venv .venv && .venv/bin/pip install . && .venv/bin/kernelevo optimize kernels/softmax.cu"
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def command_lines() -> list[str]:
    """The README's first block of shell, without its remarks."""
    block = README.partition("```sh\n")[2].partition("```")[0]
    return [line.partition("#")[0].strip() for line in block.strip().splitlines()]


def words_after_kernelevo(text: str) -> list[list[str]]:
    """What is typed after `kernelevo` wherever a document quotes or shows a command."""
    quoted = re.findall(r"`kernelevo ([^`\n]+)`", text)
    shown = [match for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
             for match in re.findall(r"\bkernelevo ([^\n#&|]+)", block)]  # fmt: skip
    return [shlex.split(words) for words in (*quoted, *shown)]


def commands() -> dict[str, typer.core.TyperCommand]:
    return dict(typer.main.get_group(app).commands)


def named_commands(text: str) -> set[str]:
    return {words[0] for words in words_after_kernelevo(text) if re.fullmatch(r"[a-z]+", words[0])}


def test_the_two_command_lines_are_these() -> None:
    assert command_lines() == [MAIN_JOB, "scripts/check"]


def test_what_the_command_lines_name_is_there() -> None:
    assert (ROOT / "kernels" / "softmax.cu").is_file() and (ROOT / "kernels" / "softmax.problem.py").is_file()
    assert (ROOT / "scripts" / "check").stat().st_mode & 0o111
    assert "scripts/check" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_every_command_that_a_document_names_exists(path: Path) -> None:
    assert named_commands(path.read_text(encoding="utf-8")) <= commands().keys()


def test_a_command_that_does_not_exist_is_noticed() -> None:
    assert named_commands("`kernelevo frobnicate x` and ```sh\n.venv/bin/kernelevo mend y\n```") == {
        "frobnicate",
        "mend",
    }
    assert not {"frobnicate", "mend"} & commands().keys()


def test_docs_tell_of_every_command() -> None:
    assert commands().keys() <= named_commands(CLI)


def test_every_option_in_the_table_of_optimize_exists() -> None:
    table = CLI.partition("## optimize")[2].partition("How it searches")[0]
    documented = set(re.findall(r"(--[a-z][a-z-]+)", table))
    offered = {name for option in commands()["optimize"].params for name in option.opts}
    assert documented and documented <= offered


FIELDS = "run_id device how baseline_us best_us speedup evaluations passed best_path bounds_us floor_us reasons"


@pytest.mark.parametrize("name", FIELDS.split())
def test_the_fields_of_json_are_documented(name: str) -> None:
    assert re.search(rf"\b{name}\b", CLI)
