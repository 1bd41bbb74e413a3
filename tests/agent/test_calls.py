"""What is found in a reply of a model that works in tool calls: strict and relaxed, and whatever hostile text holds."""

from __future__ import annotations

import json

import pytest
from policy.made import KERNEL

from kernelevo.harness.dialogue import TOOLS
from kernelevo.kernel.languages import CUDA
from kernelevo.language_model import Reply, Stop, Usage
from kernelevo.proposers.agent.calls import Call, Misread, read_call

BLOCK = f"```cuda\n{KERNEL}```\n"


def read(text: str, relaxed: bool = False, stop: Stop = Stop.COMPLETE) -> Call | Misread:
    return read_call(Reply(text, stop, Usage()), TOOLS, relaxed, CUDA)


@pytest.mark.parametrize("relaxed", [False, True])
@pytest.mark.parametrize(
    ("text", "tool", "arguments"),
    [
        ('{"tool": "read_profile"}', "read_profile", {}),
        ('  {"tool": "load_skill", "name": "coalescing"}\n', "load_skill", {"name": "coalescing"}),
        ("<think>\nhm\n</think>\n" + '{"tool": "read_diagnostics"}', "read_diagnostics", {}),
        ('{"tool": "submit"}\nChange: none\n' + BLOCK, "submit", {}),
        ('{"tool": "check_candidate"}\r\n' + BLOCK.replace("\n", "\r\n"), "check_candidate", {}),
    ],
)
def test_calls(relaxed: bool, text: str, tool: str, arguments: dict[str, str]) -> None:
    call = read(text, relaxed)
    assert isinstance(call, Call) and (call.tool, call.arguments) == (tool, arguments)
    assert (call.program is not None) == (tool in ("submit", "check_candidate"))
    assert call.program is None or call.program.text.strip() == KERNEL.strip()


@pytest.mark.parametrize(
    ("text", "tool"),
    [
        ('I will look first.\n{"tool": "read_profile"}\nThen I go on.', "read_profile"),
        ("Change: all of it\n" + BLOCK, "submit"),
        ('Reading.\n{"tool": "check_candidate"}\n' + BLOCK, "check_candidate"),
    ],
)
def test_text_around_a_call_is_a_fault_in_strict_form_alone(text: str, tool: str) -> None:
    relaxed = read(text, relaxed=True)
    assert isinstance(read(text), Misread) and isinstance(relaxed, Call) and relaxed.tool == tool


@pytest.mark.parametrize("relaxed", [False, True])
@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no call"), ("[" * 100_000, "no call"), ('{"tool": ' * 500, "no call"), ("{" * 100_000, "no call"),
        ('{"tool": "shell", "command": "rm -rf /"}', "no such tool"), ('{"tool": ["submit"]}', "no such tool"),
        ('{"tool": "__class__"}', "no such tool"), ('{"tool": null}', "no such tool"),
        ('{"tool": "read_profile", "path": "/etc/passwd"}', "takes no arguments"),
        ('{"tool": "load_skill", "folder": ".."}', "takes name, reference"),
        ('{"tool": "load_skill", "name": {"a": 1}}', "are texts"),
        (json.dumps({"tool": "load_skill", "name": "x" * 300}), "are texts"),
        ('{"tool": "submit"}', "no code"), ('{"tool": "submit"}\n```cuda\nint x;\n```', "no kernel"),
        ('{"tool": "submit"}\n' + BLOCK[:200], "ended before"),
        ("x" * 2_000_000, "larger than"),
    ],
)  # fmt: skip
def test_what_is_no_call_says_why(relaxed: bool, text: str, why: str) -> None:
    found = read(text, relaxed, Stop.LENGTH if text.startswith('{"tool": "submit"}\n```cuda\n#') else Stop.COMPLETE)
    assert isinstance(found, Misread) and why in found.why, found


def test_a_tool_that_the_harness_leaves_out_is_none() -> None:
    found = read_call(Reply('{"tool": "read_profile"}', Stop.COMPLETE, Usage()), ("submit",), False, CUDA)
    assert isinstance(found, Misread) and "there are submit." in found.why
