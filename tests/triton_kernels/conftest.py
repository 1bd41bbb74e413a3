"""Everything here compiles with Triton; where the extra is not installed, it is skipped, and the skips are counted."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="session", autouse=True)
def triton_with_a_cache_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Triton keeps what it compiled in a folder; the user's own stays as it is, and nothing old is found there."""
    pytest.importorskip("triton.language", reason="the extra triton is not installed")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRITON_CACHE_DIR", str(tmp_path_factory.mktemp("triton")))
        yield
