"""The harness folder: the shipped one, its hash, and what is said of a wrong one."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from kernelevo.decisions import Grammar
from kernelevo.errors import BadInput
from kernelevo.harness import (
    DecisionFile,
    Lesson,
    RuleChoice,
    Scope,
    harness_key,
    read_decision_file,
    read_harness,
    read_lessons,
)
from kernelevo.proposers.rules.catalogue import RULES

SHIPPED = Path(__file__).parents[2] / "harness" / "default"
GRAMMAR = Grammar("kernels", 1, (*RULES, "tune", "stop"), (), ())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(SHIPPED, tmp_path / "default")
    return tmp_path / "default"


def refused(folder: Path, words: str) -> None:
    with pytest.raises(BadInput, match=words) as caught:
        read_harness(folder)
    assert str(folder) in str(caught.value) and "\n" not in str(caught.value)


def test_the_shipped_one_prefers_no_rule_and_leaves_all_on() -> None:
    settings = read_harness(SHIPPED).decisions.settings(GRAMMAR)
    assert settings.rules == dict.fromkeys(GRAMMAR.rules, 0.0)
    assert (settings.temperature, settings.samples, settings.shares) == (1.0, 4, {})


def test_the_shipped_decisions_are_as_the_program_writes_them() -> None:
    harness = read_harness(SHIPPED)
    assert harness.files["decisions.toml"] == harness.decisions.text()


def test_the_manifest_and_scripts_can_be_opened_to_no_lever() -> None:
    manifest = read_harness(SHIPPED).manifest
    assert manifest.scope_of("manifest.toml") is Scope.READ
    assert manifest.scope_of("skills/coalescing/scripts/run.py") is Scope.READ
    assert manifest.scope_of("skills/coalescing/SKILL.md") is Scope.WRITE
    assert manifest.scope_of("memory/lessons.jsonl") is Scope.APPEND
    assert manifest.scope_of("../other/system.md") is Scope.READ


@pytest.mark.parametrize("name", ["manifest.toml", "system.md", "decisions.toml", "skills/coalescing/SKILL.md"])
def test_any_change_changes_the_hash(folder: Path, name: str) -> None:
    before = harness_key(folder)
    assert before == harness_key(SHIPPED) == read_harness(folder).key
    (folder / name).write_text((folder / name).read_text() + "\n# more\n")
    assert harness_key(folder) != before


def test_a_file_more_changes_the_hash_and_a_hidden_one_does_not(folder: Path) -> None:
    before = harness_key(folder)
    (folder / ".editor.swp").write_text("x")
    assert harness_key(folder) == before
    (folder / "notes.txt").write_text("x")
    assert harness_key(folder) != before


@pytest.mark.parametrize(
    ("name", "old", "new", "words"),
    [
        ("manifest.toml", "version = 2", "version = 1", "version 1 is not known"),
        ("manifest.toml", "version = 2", "version = ", "this is no TOML"),
        ("manifest.toml", 'system = "system.md"', 'system = "../../etc/passwd"', "is no file of this folder"),
        ("manifest.toml", 'system = "system.md"', 'system = "none.md"', "cannot be read"),
        ("manifest.toml", 'scripts = "read"', 'scripts = "write"', "never executed"),
        ("manifest.toml", 'memory = "append"', 'memory = "all"', "must be one of read, append, write"),
        ("manifest.toml", 'memory = "append"', "", "look at memory"),
        ("dialogue.toml", "replies = 4", "replies = 0", "replies must be a whole number from 1 to 64"),
        ("dialogue.toml", "replies = 4", "replies = true", "replies must be a whole number"),
        ("dialogue.toml", "max_tokens = 8192", "", "look at max_tokens"),
        ("dialogue.toml", "max_tokens = 8192", "max_tokens = 8192\nseed = 3", "look at seed"),
        ("dialogue.toml", "max_tokens = 8192", "max_tokens = 8192\ntemperature = 9", "from 0 to 2"),
        ("dialogue.toml", "max_tokens = 8192", 'max_tokens = 8192\ntemperature = "hot"', "must be a number"),
        ("dialogue.toml", "log_probabilities = false", "log_probabilities = 0", "must be true or false"),
        ("dialogue.toml", '"coalescing"', '"../coalescing"', "is no skill"),
        ("dialogue.toml", '"coalescing"', '"occupancy"', "named twice"),
        ("dialogue.toml", "on_demand = []", 'on_demand = ["occupancy"]', "named twice"),
        ("dialogue.toml", '"coalescing"', '"unheard_of"', "cannot be read"),
        ("dialogue.toml", ', "submit"', "", "must hold submit"),
        ("dialogue.toml", '"submit"', '"submit", "shell"', "'shell' is not known"),
        ("dialogue.toml", 'format = "strict"', 'format = "loose"', "must be one of strict, relaxed"),
        ("dialogue.toml", "[turns]", "[other]\na = 1\n[turns]", "look at other"),
        ("decisions.toml", "temperature = 1.0", "temperature = nan", "must be a number from 0.05 to 5"),
        ("decisions.toml", "temperature = 1.0", "temperature = 0", "must be a number from 0.05 to 5"),
        ("decisions.toml", "samples = 4", "samples = 4.0", "samples must be a whole number"),
        ("decisions.toml", "kernels.unroll = {", "unroll = {", "must be a table"),
        ("decisions.toml", "bias = 0.0", "bias = 99", "bias must be a number from -8 to 8"),
        ("decisions.toml", "on = true, ", "", "look at on"),
        ("decisions.toml", "kernels.unroll", 'kernels."un roll"', "is no name"),
        ("decisions.toml", "[shares]", '[shares]\nkernels.a = "x"', "must be a number from 0.1 to 10"),
        ("decisions.toml", "[rules]", "rules = 3\n[other]", "look at other"),
        ("decisions.toml", 'unlisted = "on"', "unlisted = true", "must be one of on, off"),
    ],
)  # fmt: skip
def test_a_wrong_file_is_bad_input_that_names_it(folder: Path, name: str, old: str, new: str, words: str) -> None:
    file = folder / name
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new, 1))
    refused(folder, words)


@pytest.mark.parametrize("head", ["", "---\nname: other\ndescription: x\n---\n", "---\nname: coalescing\n---\n"])
def test_a_skill_begins_with_its_name_and_when_it_helps(folder: Path, head: str) -> None:
    (folder / "skills" / "coalescing" / "SKILL.md").write_text(head + "body\n")
    refused(folder, "it must begin with the lines")


def test_a_check_is_a_word_and_no_pattern(folder: Path) -> None:
    head = "---\nname: coalescing\ndescription: x\nchecks: float4 | (a+)+$\n---\n"
    (folder / "skills" / "coalescing" / "SKILL.md").write_text(head)
    refused(folder, "is no word of a program")


def test_a_skill_is_followed_by_code_and_not_by_a_comment() -> None:
    skill = read_harness(SHIPPED).skills["vector_loads"]
    assert skill.followed_by("const float4 v = rows[i];")
    assert not skill.followed_by("// float4 would help\n/* so would\nfloat4 */ float v; myfloat4x w;")
    assert read_harness(SHIPPED).skills["coalescing"].followed_by("anything") is None


def test_a_link_is_refused(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.md").write_text("outside")
    (folder / "system.md").unlink()
    (folder / "system.md").symlink_to(tmp_path / "outside.md")
    refused(folder, "plain files only")


def test_a_folder_that_is_a_link_is_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "skills" / "more").symlink_to(tmp_path, target_is_directory=True)
    refused(folder, "plain files only")


def test_a_text_that_fits_no_context_is_refused(folder: Path) -> None:
    (folder / "system.md").write_text("x" * 70_000)
    refused(folder, "70,000 bytes")


def test_what_is_no_text_is_refused(folder: Path) -> None:
    (folder / "notes.bin").write_bytes(b"\xff\xfe\x00")
    refused(folder, "must be text in UTF-8")


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="kernelevo init"):
        read_harness(tmp_path / "none")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("nonsense", "no JSON object"),
        ("[" * 100_000, "no JSON object"),
        ('{"lesson": "x"}', "an object with lesson and about"),
        ('{"lesson": "", "about": "kernels"}', "at most 400 characters"),
        ('{"lesson": "x", "about": "../a"}', "must name a backend"),
    ],
)
def test_a_wrong_lesson_is_named_by_its_line(line: str, words: str) -> None:
    good = Lesson("Rows are read once.", "kernels/rows").line()
    assert len(read_lessons(good * 2, "lessons.jsonl")) == 2
    with pytest.raises(BadInput, match=words) as caught:
        read_lessons(good + line + "\n", "lessons.jsonl")
    assert "lessons.jsonl:2" in str(caught.value)


def test_decisions_are_read_as_they_were_written() -> None:
    written = DecisionFile(
        False, 0.75, 8, 3, 0.0, 0, {"a": {"x": RuleChoice(False, -1.25), "y": RuleChoice()}, "b": {"x": RuleChoice()}},
        {"a": {"rows": 1.5}},
    )  # fmt: skip
    assert read_decision_file(written.text(), "decisions.toml") == written
    changed = written.with_rule("a", "y", RuleChoice(True, 0.5)).with_share("b", "f", 2.0)
    assert read_decision_file(changed.text(), "decisions.toml") == changed != written


def test_a_rule_that_is_off_is_absent_and_stopping_never_is() -> None:
    grammar = Grammar("a", 1, ("x", "y", "stop"), (), ())
    listed = DecisionFile(rules={"a": {"x": RuleChoice(False), "stop": RuleChoice(False, -1.0)}})
    assert listed.settings(grammar).rules == {"y": 0.0, "stop": -1.0}
    with pytest.raises(BadInput, match="leaves no rule of a on"):
        listed.with_rule("a", "y", RuleChoice(False)).settings(grammar)
    with pytest.raises(BadInput, match=r"a\.z is no rule"):
        listed.with_rule("a", "z", RuleChoice()).settings(grammar)
