"""Scripts of skills run behind the wall: what they print comes back, and what they must not reach they do not."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from kernelevo.sandbox_scripts import MOST_OUTPUT, run_script


def ran(text: str, given: str = "", seconds: float = 10.0) -> str:
    return run_script("facts.py", text, given, seconds=seconds)


def test_a_script_reads_the_kernel_and_prints() -> None:
    assert ran("import re, sys\nprint(len(re.findall('for', sys.stdin.read())), 'loops')", "for for") == "2 loops"


def test_a_fault_is_told_by_its_line_without_folders_of_this_machine() -> None:
    assert ran("x = 1\nx / 0") == "(the script failed in line 2: ZeroDivisionError: division by zero)"
    assert (
        ran("def f(:").startswith("(the script failed in line 0: SyntaxError")
        and ran("") == "(the script printed nothing)"
    )


@pytest.mark.parametrize(
    "text",
    [
        f"print(open({str(Path(__file__).resolve())!r}).read())", "print(open('/etc/passwd').read())",
        "open('/tmp/left.behind', 'w')", "import socket; socket.create_connection(('127.0.0.1', 80))",
        "import os; os.fork()", "import subprocess; subprocess.run(['/bin/sh'])", "import os; os.kill(os.getppid(), 9)",
        "x = bytearray(1 << 30)", "import numpy",
    ],
)  # fmt: skip
def test_what_a_script_must_not_reach(text: str) -> None:
    said = ran(f"{text}\nprint('REACHED')")
    assert "REACHED" not in said and "failed in line 1" in said
    assert not Path("/tmp/left.behind").exists()
    assert ran("print('REACHED')") == "REACHED"


def test_time_is_bounded() -> None:
    began = time.monotonic()
    assert "it took more than 1 seconds" in ran("print('first', flush=True)\nwhile True: pass", seconds=1.0)
    assert time.monotonic() - began < 8


def test_output_is_bounded_and_made_visible() -> None:
    assert len(ran("print('x' * 10**6)")) <= MOST_OUTPUT + 200
    assert ran("print('\\x1b[2J\\u202e')") == "\\x1b[2J\\u202e"


def test_our_environment_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret-of-this-test")
    assert "secret" not in ran("import os; print(dict(os.environ))")
