"""`python -m kernelevo` is `kernelevo`."""

from __future__ import annotations

import sys

from kernelevo.cli import main

if __name__ == "__main__":
    sys.exit(main())
