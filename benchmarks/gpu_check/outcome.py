"""What a part came to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Outcome:
    """`shown` is one line for the table, `wanted` what was hoped for, `details` what is recorded (JSON)."""

    part: str
    ok: bool
    shown: str
    wanted: str
    details: Mapping[str, Any] = field(default_factory=dict)
