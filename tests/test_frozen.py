"""Naive starts and device tables are frozen: no faster answer may come from a slower
start or a kinder table.

To change one on purpose, say why in the changelog, and let `python tests/test_frozen.py` print the new hashes.
"""

from __future__ import annotations

import hashlib
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
RECORD = ROOT / "benchmarks" / "frozen.toml"


def frozen_files() -> list[Path]:
    starts = [*(ROOT / "kernels").glob("*.cu"), *(ROOT / "kernels").glob("*.triton.py")]
    return [*sorted(starts), ROOT / "kernelevo" / "devices" / "gpus.toml"]


def current() -> dict[str, str]:
    return {str(path.relative_to(ROOT)): hashlib.sha256(path.read_bytes()).hexdigest() for path in frozen_files()}


def recorded() -> dict[str, str]:
    return tomllib.loads(RECORD.read_text(encoding="utf-8"))["sha256"]


@pytest.mark.parametrize("path", frozen_files(), ids=lambda path: path.name)
def test_a_frozen_file_is_unchanged(path: Path) -> None:
    name = str(path.relative_to(ROOT))
    assert current()[name] == recorded().get(name)


def test_every_record_is_of_a_file_that_is_there() -> None:
    assert set(recorded()) == set(current())


if __name__ == "__main__":
    print("\n".join(f'"{name}" = "{value}"' for name, value in current().items()))
