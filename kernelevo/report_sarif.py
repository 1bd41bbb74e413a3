"""The findings of one kernel as SARIF 2.1.0, which code scanning services read (GitHub's properties are all there).

A finding outside the kernel file (in a header) is placed at the launch that led there, because a service shows only
files of the repository; the message says where it is. Words that a kernel chose are data: they cannot become links.
Specification: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote

from kernelevo.report import finding_json, sanitizing_json
from kernelevo.report_fingerprints import line_fingerprints
from kernelevo.report_kinds import KINDS, Kind, kind_of
from kernelevo.types import Fault, Party, SourceLine, Status, Verdict

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
Json = dict[str, Any]
Level = Literal["error", "warning", "note"]

_FAILED = "failed_check"
_NO_FINDINGS = ("invalid_launch", "unsupported", "budget")
"""Kinds that end a judgement and are no place in a kernel; a verdict with one is a failed check."""
_RULES: Mapping[str, Kind] = {
    **{name: kind for name, kind in KINDS.items() if name not in _NO_FINDINGS},
    _FAILED: Kind(
        "Kernel did not pass its checks",
        "The compiler refused it, it broke a rule of its plan, did not end, or gave other outputs than its reference.",
        "Run `kernelevo check` on this file; it names the case and the element.",
    ),
}
_ORDER = {name: place for place, name in enumerate(_RULES)}


def sarif_log(verdict: Verdict, text: str, file_name: str, path: Path, version: str, exit_code: int) -> Json:
    """The log of one judgement. `text` is the kernel file as it is on disk at `path`; `file_name` is what the device
    calls it. Paths are relative to the current folder, which is the repository's root if services are to find them.
    """
    kernel = _KernelFile(text, file_name, _uri(path))
    results = [_result(finding, "error", kernel) for finding in verdict.findings]
    results += [_result(remark, "note", kernel) for remark in verdict.remarks]
    if not verdict.findings and verdict.status.blames_candidate:
        results += _failures(verdict, kernel)
    _number_alike(results)
    driver = {"name": "kernelevo", "semanticVersion": version, "version": version,
              "rules": [_rule(name, kind) for name, kind in _RULES.items()]}  # fmt: skip
    properties: Json = {"device": verdict.device, "status": verdict.status.value}
    if verdict.sanitizing:
        properties |= {"sanitizing": sanitizing_json(verdict.sanitizing)}
    run = {
        "tool": {"driver": driver},
        "automationDetails": {"id": f"kernelevo/{kernel.uri}/"},
        "columnKind": "utf16CodeUnits",
        "invocations": [_invocation(verdict, exit_code)],
        "artifacts": [{"location": {"uri": kernel.uri}, "roles": ["analysisTarget"]}],
        "results": results,
        "properties": properties,
    }
    return {"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}


def rule_id(kind: str) -> str:
    """kernelevo/out-of-bounds and the like."""
    return f"kernelevo/{kind.replace('_', '-')}"


class _KernelFile:
    """The kernel's text and where services find it."""

    def __init__(self, text: str, file_name: str, uri: str) -> None:
        self.lines = re.split(r"\r\n|\r|\n", text)
        self.fingerprints = line_fingerprints(text)
        self.file_name, self.uri = file_name, uri

    def holds(self, source: SourceLine) -> bool:
        return source.file == self.file_name and 0 < source.line <= len(self.lines)

    def text(self, line: int) -> str:
        return self.lines[line - 1]

    def location(self, line: int) -> Json:
        """The line from its first character to its last, in UTF-16 code units from 1."""
        text = self.text(line)
        start = _units(text[: len(text) - len(text.lstrip())])
        end = max(_units(text.rstrip()), start)
        region = {"startLine": line, "startColumn": start + 1, "endLine": line, "endColumn": end + 1,
                  "snippet": {"text": text}}  # fmt: skip
        return {"physicalLocation": {"artifactLocation": {"uri": self.uri}, "region": region}}

    def first_launch(self) -> int:
        """The line of the first launch, or the first line."""
        launches = (number for number, line in enumerate(self.lines, 1) if re.search(r"\bkernelevo:?\s+launch\b", line))
        return next(launches, 1)


def _units(text: str) -> int:
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _uri(path: Path) -> str:
    """Relative to the current folder where it lies below it, links resolved."""
    absolute = path.resolve()
    try:
        return quote(absolute.relative_to(Path.cwd().resolve()).as_posix())
    except ValueError:
        return absolute.as_uri()


def _rule(name: str, kind: Kind) -> Json:
    level, severity = ("note", "recommendation") if name == "uninitialised_value" else ("error", "error")
    markdown = f"{kind.meaning}\n\n**What usually fixes it:** {kind.fix}"
    return {
        "id": rule_id(name),
        "name": "".join(word.capitalize() for word in name.split("_")),
        "shortDescription": {"text": kind.title},
        "fullDescription": {"text": kind.meaning},
        "help": {"text": f"{kind.meaning} {kind.fix}", "markdown": markdown},
        "defaultConfiguration": {"level": level},
        "properties": {"tags": ["correctness", "gpu"], "precision": "high", "problem.severity": severity},
    }


def _result(fault: Fault, level: Level, kernel: _KernelFile) -> Json:
    kind = fault.kind if fault.kind in _RULES else _FAILED
    line = _line_of(fault, kernel)
    words = _unlinked(f"{kind_of(fault.kind).title}: {fault.message}.")
    if not kernel.holds(fault.source) and fault.source.line:
        words += _unlinked(f" It happens in {os.path.basename(fault.source.file)}, line {fault.source.line}.")
    related: list[Json] = []
    for other in fault.others:
        words += f" The other party is the {_unlinked(other.access)} of thread {other.thread} in block {other.block}"
        if kernel.holds(other.source):
            related.append(_related(len(related) + 1, other.source.line, f"the other party: {other.access}", kernel))
            words += f" at [line {other.source.line}]({len(related)})"
        words += "."
    if kernel.holds(fault.launched):
        related.append(_related(len(related) + 1, fault.launched.line, "launched here", kernel))
    return {
        **_plain_result(kind, level, f"{words} {kind_of(fault.kind).fix}", line, kernel, fault),
        "relatedLocations": related,
        "properties": _properties(fault),
    }


def _line_of(fault: Fault, kernel: _KernelFile) -> int:
    """Its line in the kernel file, or that of its launch, or of any launch."""
    for source in (fault.source, fault.launched):
        if kernel.holds(source):
            return source.line
    return kernel.first_launch()


def _related(number: int, line: int, words: str, kernel: _KernelFile) -> Json:
    return {"id": number, **kernel.location(line), "message": {"text": words}}


def _properties(fault: Fault) -> Json:
    """Everything that a person sees, for machines; an address is too large for a number of JSON."""
    shown = finding_json(fault)
    return {**shown, "address": f"{fault.address:#x}"} if fault.bytes else shown


def _unlinked(words: str) -> str:
    """Words that a kernel chose, in which `[text](target)` is no link."""
    return words.replace("](", "] (")


def _failures(verdict: Verdict, kernel: _KernelFile) -> Iterator[Json]:
    """A verdict that no finding explains: what the compiler said at its lines, anything else at the launch."""
    errors = [said for said in verdict.diagnostics if said.severity == "error"]
    for said in errors if verdict.status is Status.BUILD_ERROR else ():
        source = SourceLine(said.file, said.line)
        line = said.line if kernel.holds(source) else kernel.first_launch()
        yield _plain_result(_FAILED, "error", _unlinked(f"The compiler says: {said.message}."), line, kernel)
    if verdict.status is not Status.BUILD_ERROR or not errors:
        first = verdict.feedback.split("\n")[0]
        words = _unlinked(f"{verdict.status.sentence} {first}")
        line = _line_of(verdict.fault, kernel) if verdict.fault else kernel.first_launch()
        yield _plain_result(_FAILED, "error", words, line, kernel)


def _plain_result(
    kind: str, level: Level, words: str, line: int, kernel: _KernelFile, fault: Fault | None = None
) -> Json:
    return {
        "ruleId": rule_id(kind),
        "ruleIndex": _ORDER[kind],
        "level": level,
        "message": {"text": words},
        "locations": [kernel.location(line)],
        "partialFingerprints": {
            "primaryLocationLineHash": kernel.fingerprints[line - 1],
            "kernelevo/v1": _identity(kind, kernel.text(line), fault),
        },
    }


def _identity(kind: str, line: str, fault: Fault | None) -> str:
    """Of what stays the same while lines move, registers are named anew, and the threads that meet are others."""
    said = [kind, "".join(line.split())]
    parties: list[Fault | Party] = [fault, *fault.others] if fault else []
    for seen in parties:
        said += [_operation(seen), "".join(seen.text.split())]
    return hashlib.sha256("\0".join(said).encode()).hexdigest()[:32]


def _operation(seen: Fault | Party) -> str:
    return seen.instruction.split(" ")[0]


def _number_alike(results: list[Json]) -> None:
    """Several findings that look alike are told apart by their number."""
    seen: Counter[str] = Counter()
    for result in results:
        prints = result["partialFingerprints"]
        seen[prints["kernelevo/v1"]] += 1
        prints["kernelevo/v1"] += f":{seen[prints['kernelevo/v1']]}"


def _invocation(verdict: Verdict, exit_code: int) -> Json:
    """Whether the tool did its work, which it did where the kernel failed."""
    invocation: Json = {"executionSuccessful": verdict.status.blames_candidate or verdict.score is not None,
                        "exitCode": exit_code}  # fmt: skip
    if not invocation["executionSuccessful"]:
        words = f"{verdict.status.sentence} {verdict.feedback}"
        invocation["toolExecutionNotifications"] = [{"level": "error", "message": {"text": _unlinked(words)}}]
    return invocation
