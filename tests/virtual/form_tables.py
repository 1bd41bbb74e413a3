"""The two generated tables of instruction forms: the full one (docs) with each row's test, the compact one (README)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from kernelevo.virtual import Form

ROOT = Path(__file__).parent.parent.parent
DOCUMENT = ROOT / "docs" / "virtual-gpu-forms.md"
README = ROOT / "README.md"
BEGIN, END = "<!-- forms: written by scripts/list-forms -->", "<!-- end of forms -->"
MANUAL = "https://docs.nvidia.com/cuda/parallel-thread-execution/#"
HEAD = """# Instruction forms the virtual GPU executes

Written by `scripts/list-forms` from `sandbox/vgpu/isa/*.def` and from a run of `tests/virtual`; do not edit. `a|b` is a
choice, `x?` may be absent, `*` stands for ordering, scope and cache qualifiers. *slots* is the number of machine
instructions that one PTX instruction is counted as. *test* is the first of `tests/virtual` that executes the row and
compares what it did with values from an independent source.

| form | class | slots | test |
| --- | --- | --- | --- |
"""
_ROW = re.compile(r"\| \[`(?P<pattern>.*)`\]\((?P<section>\S*)\) \| (?P<cls>\w+) \| (?P<slots>\d+) \| (?P<test>.*) \|")
_TYPE = re.compile(r"(?:[usbf](?:8|16|32|64|128)|bf16|(?:bf|f|u|s)16x2|f32x2|tf32|[us]4|b1|e[45]m[23](?:x2)?|pred)\Z")


def document(forms: Sequence[Form], executed: Mapping[str, Sequence[str]]) -> str:
    return HEAD + "".join(_row(form, executed.get(form.name, [])) for form in forms)


def _row(form: Form, tests: Sequence[str]) -> str:
    # What random programs reach depends on chance and on the version of hypothesis: they come last.
    chosen = min(tests, key=lambda name: name.startswith("test_program_twins"), default="none")
    test = f"[{chosen}](../tests/virtual/{chosen.partition('::')[0]})" if tests else chosen
    pattern = form.pattern.replace("|", r"\|")
    return f"| [`{pattern}`]({MANUAL}{form.section}) | {form.cls} | {form.slots} | {test} |\n"


def rows_of(text: str) -> list[tuple[str, str, str, int, str]]:
    """(pattern, section, class, slots, test) of each row of the document; the test "none" where there is none."""
    rows = []
    for match in map(_ROW.fullmatch, text.splitlines()):
        if match:
            test = re.sub(r"\[(.*)\]\(.*\)", r"\1", match["test"])
            section = match["section"].removeprefix(MANUAL)
            rows.append((match["pattern"].replace(r"\|", "|"), section, match["cls"], int(match["slots"]), test))
    return rows


def compact(forms: Sequence[Form]) -> str:
    """One line for each base opcode: how many forms it has, and the types that it is executed for."""
    count: dict[str, int] = {}
    types: dict[str, list[str]] = {}
    for form in forms:
        bases, *rest = form.pattern.split(".")
        for base in bases.split("|"):
            name = "cp.async" if base == "cp" else base
            count[name] = count.get(name, 0) + 1
            known = types.setdefault(name, [])
            words = (word for token in rest for word in token.split(" ")[0].rstrip("?").split("|"))
            known += [word for word in dict.fromkeys(words) if _TYPE.match(word) and word not in known]
    lines = [f"| `{base}` | {count[base]} | {' '.join(types[base])} |\n" for base in sorted(count)]
    return "| opcode | forms | types |\n| --- | --- | --- |\n" + "".join(lines)


def with_table(readme: str, table: str) -> str:
    """The README with the table between its markers."""
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    assert begin and end, "README.md has lost the markers of the table of forms"
    return f"{before}{begin}\n\n{table}\n{end}{after}"
