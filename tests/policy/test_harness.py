"""What of a harness a model is told in one message (tests/harness has the folder itself)."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from kernelevo.harness import Lesson
from kernelevo.initialise import initialise
from kernelevo.proposers.policy.harness import read_policy_harness
from kernelevo.proposers.policy.prompt import system_words
from policy.made import ROOT

SHIPPED = ROOT / "harness" / "default"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(SHIPPED, tmp_path / "default")
    return tmp_path / "default"


def test_the_shipped_one_has_all_its_skills() -> None:
    harness = read_policy_harness(SHIPPED)
    assert {skill.name for skill in harness.skills} == {place.name for place in (SHIPPED / "skills").iterdir()}
    assert all(skill.description and len(skill.body) > 200 for skill in harness.skills)
    assert harness.replies == 4 and harness.sampling.max_tokens == 8192
    assert len(system_words(harness)) < 12_000


def test_init_writes_it(tmp_path: Path) -> None:
    initialise(tmp_path)
    assert read_policy_harness(tmp_path / "harness" / "default") == read_policy_harness(SHIPPED)


@pytest.mark.parametrize("name", ["manifest.toml", "dialogue.toml", "system.md", "skills/coalescing/SKILL.md"])
def test_any_change_changes_its_key(folder: Path, name: str) -> None:
    before = read_policy_harness(folder).key
    (folder / name).write_text((folder / name).read_text() + "\n# more\n")
    assert read_policy_harness(folder).key != before


def test_lessons_are_told_the_latest_only(folder: Path) -> None:
    (folder / "memory").mkdir()
    (folder / "memory" / "lessons.jsonl").write_text("".join(Lesson(f"lesson {n}", "kernels").line() for n in range(9)))
    told = system_words(read_policy_harness(folder))
    assert "- lesson 8 (kernels)" in told and "- lesson 1 (kernels)" in told and "lesson 0" not in told


def test_a_skill_on_demand_is_not_in_the_one_message(folder: Path) -> None:
    dialogue = folder / "dialogue.toml"
    changed = dialogue.read_text().replace('"coalescing", ', "").replace("on_demand = []", 'on_demand = ["coalescing"]')
    dialogue.write_text(changed)
    assert "## coalescing" not in system_words(read_policy_harness(folder))
    assert "## coalescing" in system_words(read_policy_harness(SHIPPED))
