"""What compilers, and with them every message and count, call a kernel file: its own name, made fit to be passed on.

The name goes through a command line (NVRTC takes one that begins with `-` for an option), a quoted string of PTX
(`.file 1 "NAME"`, in which a quote ends the string and other bytes than ASCII come back as octal escapes), the log of a
compiler (`NAME:LINE:COLUMN: error`, `NAME(LINE): error`) and Python's tracebacks. Each has rules of its own for odd
characters, so that the same file would have several names; here it gets one that all of them leave as it is.
"""

from __future__ import annotations

import re

_ODD = re.compile(r"[^\w .+=%,~()\[\]-]", re.ASCII)
_ODD_START = re.compile(r"^[^\w.]", re.ASCII)


def passed_on(name: str) -> str:
    """The name of a file without its folder, with `_` for each character that not every compiler passes on."""
    return _ODD_START.sub("_", _ODD.sub("_", name))


def renamed_note(name: str) -> str:
    """What is to be said where a file is called otherwise than its user calls it; an empty string where it is not."""
    told = passed_on(name)
    if told == name:
        return ""
    return f"messages call the kernel file {told}: compilers do not pass on every character of its own name"
