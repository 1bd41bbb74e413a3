"""Ctrl-C works in the tests' children even where pytest runs as a background job, whose SIGINT the shell ignores. The
problem files that tests write are the tests' own: they are run without asking, and without a word about it.
"""

from __future__ import annotations

import os
import signal

# Before numpy is imported, here and in the tests' children: two test processes share few cores, and threads of linear
# algebra would wait for each other. `check` of matmul_f16 then takes up to thirty seconds of processor time, not two.
for _library in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_library, "1")


def pytest_configure() -> None:
    os.environ["KERNELEVO_TRUST"] = "/"
    signal.signal(signal.SIGINT, signal.default_int_handler)
