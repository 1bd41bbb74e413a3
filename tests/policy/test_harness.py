"""The folder that says what a model is told: the shipped one, and what is said of a wrong one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from kernelevo.errors import BadInput
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


@pytest.mark.parametrize("name", ["manifest.toml", "system.md", "skills/coalescing/SKILL.md"])
def test_any_change_changes_its_key(folder: Path, name: str) -> None:
    before = read_policy_harness(folder).key
    (folder / name).write_text((folder / name).read_text() + "\n# more\n")
    assert read_policy_harness(folder).key != before


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("version = 1", "version = 2", "version 2 is not known"),
        ("version = 1", "version = ", "this is no TOML"),
        ("replies = 4", "replies = 0", "replies must be a whole number from 1 to 64"),
        ("replies = 4", "replies = true", "replies must be a whole number"),
        ("max_tokens = 8192", "", "look at max_tokens"),
        ("max_tokens = 8192", "max_tokens = 8192\nseed = 3", "look at seed"),
        ("max_tokens = 8192", "max_tokens = 8192\ntemperature = 9", "from 0 to 2"),
        ("max_tokens = 8192", 'max_tokens = 8192\ntemperature = "hot"', "temperature must be a number"),
        ("log_probabilities = false", "log_probabilities = 0", "must be true or false"),
        ('system = "system.md"', 'system = "../../../etc/passwd"', "is no file of this folder"),
        ('system = "system.md"', 'system = "none.md"', "cannot be read"),
        ('"coalescing"', '"../coalescing"', "folder names"),
        ('"coalescing"', '"occupancy"', "named twice"),
        ('"coalescing"', '"unheard_of"', "cannot be read"),
        ("[turns]", "[other]\na = 1\n[turns]", "look at a"),
    ],
)  # fmt: skip
def test_a_wrong_manifest_is_bad_input_that_names_the_file(folder: Path, old: str, new: str, words: str) -> None:
    manifest = folder / "manifest.toml"
    assert old in manifest.read_text()
    manifest.write_text(manifest.read_text().replace(old, new, 1))
    with pytest.raises(BadInput, match=words) as caught:
        read_policy_harness(folder)
    assert str(folder) in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("head", ["", "---\nname: other\ndescription: x\n---\n", "---\nname: coalescing\n---\n"])
def test_a_skill_begins_with_its_name_and_when_it_helps(folder: Path, head: str) -> None:
    (folder / "skills" / "coalescing" / "SKILL.md").write_text(head + "body\n")
    with pytest.raises(BadInput, match="it must begin with the lines"):
        read_policy_harness(folder)


def test_a_link_out_of_the_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.md").write_text("outside")
    (folder / "system.md").unlink()
    (folder / "system.md").symlink_to(tmp_path / "outside.md")
    with pytest.raises(BadInput, match="is no file of this folder"):
        read_policy_harness(folder)


def test_a_text_that_fits_no_context_is_refused(folder: Path) -> None:
    (folder / "system.md").write_text("x" * 70_000)
    with pytest.raises(BadInput, match="70,000 bytes"):
        read_policy_harness(folder)
