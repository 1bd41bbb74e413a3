"""RUNS BEHIND THE WALL: one script of a skill. It comes over descriptor 3, as one line of JSON with its name, its text
and its input; what it prints goes back there. It reads no file but the standard library.
"""

from __future__ import annotations

import io
import json
import os
import sys
from types import TracebackType

CONTROL = 3


def _tell(kind: type[BaseException], fault: BaseException, trace: TracebackType | None) -> None:
    """The fault in one line, with the line of the script that it came from, and without folders of this machine."""
    line = 0
    while trace is not None:
        line, trace = (trace.tb_lineno if trace.tb_frame.f_globals.get("__skill__") else line), trace.tb_next
    print(f"(the script failed in line {line}: {kind.__name__}: {fault})")
    sys.stdout.flush()


def main() -> None:
    with os.fdopen(os.dup(CONTROL), "rb") as asked:
        order = json.loads(asked.readline())
    os.dup2(CONTROL, 1)
    sys.stdin = io.StringIO(order["input"])
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", errors="replace")
    sys.argv = [order["name"]]
    sys.excepthook = _tell
    # A skill's script, written by whoever owns the harness; this process is the jail that it is allowed to ruin.
    exec(compile(order["text"], order["name"], "exec"), {"__name__": "__main__", "__skill__": True})
    sys.stdout.flush()


if __name__ == "__main__":
    main()
