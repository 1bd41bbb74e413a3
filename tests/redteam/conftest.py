"""One range for all attacks of a worker: the wall and the compiler are opened once."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from kernelevo.errors import NotInstalled
from kernelevo.redteam.range import Range


@pytest.fixture(scope="session")
def ground() -> Iterator[Range]:
    with Range() as range_:
        try:
            range_.compiler  # noqa: B018
        except NotInstalled as missing:
            pytest.skip(f"the native part or the compiler is missing: {missing}")
        yield range_
