"""Small matrices: more threads would only wait for each other."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    if importlib.util.find_spec("sklearn") is None:
        yield
        return
    import sklearn.cluster  # noqa: F401 it loads the libraries whose threads are counted
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        yield
