"""A harness: the folder that says how a policy is asked and what it may do; text that people and the harness lever
change. Every part may read one. The evaluator is outside: nothing here says what is right or fast.

    manifest.toml        what the folder is for, its system prompt, and which parts of it a lever may write
    system.md            the first message to a language model
    skills/NAME/         SKILL.md, and if it likes references/ (texts) and scripts/ (run behind the wall)
    dialogue.toml        how a language model is asked: sampling, skills, tools, what of the past is told
    decisions.toml       how a policy over decisions is asked: rules and their biases, temperature, depth, shares
    memory/lessons.jsonl what was learned that holds beyond one task
    pipelines/NAME.txt   the pipelines that the agent of the domain NAME goes by; not there: the start's
"""

from __future__ import annotations

from kernelevo.harness.decision_file import DecisionFile, RuleChoice, read_decision_file
from kernelevo.harness.dialogue import DialogueSettings, read_dialogue
from kernelevo.harness.folder import Harness, read_harness
from kernelevo.harness.lessons import Lesson, read_lessons
from kernelevo.harness.manifest import Manifest, Scope, part_of, pipeline_file, read_manifest
from kernelevo.harness.skills import Skill, read_skill
from kernelevo.harness.texts import harness_files, harness_key, unified, write_files

__all__ = [
    "DecisionFile",
    "DialogueSettings",
    "Harness",
    "Lesson",
    "Manifest",
    "RuleChoice",
    "Scope",
    "Skill",
    "harness_files",
    "harness_key",
    "part_of",
    "pipeline_file",
    "read_decision_file",
    "read_dialogue",
    "read_harness",
    "read_lessons",
    "read_manifest",
    "read_skill",
    "unified",
    "write_files",
]
