"""Ctrl-C works in the tests' children even where pytest runs as a background job, whose SIGINT the shell ignores. The
problem files that tests write are the tests' own: they are run without asking, and without a word about it.
"""

from __future__ import annotations

import os
import signal


def pytest_configure() -> None:
    os.environ["KERNELEVO_TRUST"] = "/"
    signal.signal(signal.SIGINT, signal.default_int_handler)
