"""Settings whose folders are a test's own."""

from __future__ import annotations

from pathlib import Path

from kernelevo.settings import Settings


def settings_at(folder: Path) -> Settings:
    return Settings(runs=folder / "runs", cache=folder / "cache", device=None, harness=None, plain=True)
