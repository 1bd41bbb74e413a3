"""Seeds of draws, from what the draws depend on."""

from __future__ import annotations

import hashlib
import json


def seed_of(*parts: object) -> int:
    """A seed that torch takes, from anything that is told apart by its text."""
    return int.from_bytes(hashlib.sha256(json.dumps([str(part) for part in parts]).encode()).digest()[:7])


def fraction_of(*parts: object) -> float:
    """A number from 0 to below 1, uniform over what it depends on."""
    return seed_of(*parts) / 2**56
