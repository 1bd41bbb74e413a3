"""Ctrl-C works in the tests' children even where pytest runs as a background job, whose SIGINT the shell ignores."""

from __future__ import annotations

import signal


def pytest_configure() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
