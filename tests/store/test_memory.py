from __future__ import annotations

import pytest
from conformance.store import StoreContract

from kernelevo.stores.memory import MemoryStore


class TestMemoryStore(StoreContract):
    @pytest.fixture
    def store(self) -> MemoryStore:
        return MemoryStore()
