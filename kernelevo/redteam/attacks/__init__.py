"""The corpus: one file a topic, each with a list ATTACKS. A new file joins it by being here."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules

from kernelevo.redteam.attack import Attack


def corpus() -> list[Attack]:
    """Every attack, by topic; raises ValueError where two have one name."""
    found: list[Attack] = []
    for module in sorted(iter_modules(__path__), key=lambda each: each.name):
        found += import_module(f"{__name__}.{module.name}").ATTACKS
    names = [attack.name for attack in found]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise ValueError(f"two attacks are called {twice!r}; rename one")
    return found
