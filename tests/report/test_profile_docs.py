"""docs/profile.md tells of every rule, every figure of the data, and shows pictures that are there."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest
from profiles import line, profile, step

from kernelevo.diagnosis import memory_rules, schedule_rules, work_rules
from kernelevo.diagnosis.diagnose import RULES
from kernelevo.report_profile_json import profile_json

ROOT = Path(__file__).parent.parent.parent
TEXT = (ROOT / "docs" / "profile.md").read_text(encoding="utf-8")
PICTURES = re.findall(r"\((pictures/[^)]+)\)", TEXT)
MOST_BYTES = 300_000


def rule_names() -> set[str]:
    """The names that findings carry, as the rules' source writes them."""
    sources = "".join(inspect.getsource(module) for module in (memory_rules, schedule_rules, work_rules))
    named = re.findall(r'Finding\(\s*"(\w+)"', sources) + re.findall(r'_told\(subject, "(\w+)"', sources)
    return set(named)


def test_every_rule_is_explained() -> None:
    assert len(rule_names()) == len(RULES)
    assert rule_names() <= set(re.findall(r"`(\w+)`", TEXT))


def test_the_pictures_are_there_and_small() -> None:
    assert {f"pictures/profile_{kernel}_{name}.png" for kernel in ("softmax", "transpose", "matmul")
            for name in ("start", "best")} <= set(PICTURES)  # fmt: skip
    for picture in PICTURES:
        content = (ROOT / "docs" / picture).read_bytes()
        assert content.startswith(b"\x89PNG") and len(content) < MOST_BYTES, picture


@pytest.mark.parametrize("name", ["counts", "diagnosis", "source_lines", "instructions", "accesses", "traffic",
                                  "resources", "residency", "roofline"])  # fmt: skip
def test_the_documented_data_is_there(name: str) -> None:
    data = profile_json(profile(step("latency", line(2, 8, 64))))
    assert data["cases"][0]["steps"][0][name] is not None
    assert re.search(rf"^{name}\b|\s{name}\b", TEXT.partition("## As data")[2], re.MULTILINE)


def test_the_readme_and_the_command_line_lead_to_it() -> None:
    for document in ("README.md", "docs/cli.md"):
        assert "docs/profile.md" in (ROOT / document).read_text(encoding="utf-8")
