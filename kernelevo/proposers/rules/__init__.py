"""Rewrites of CUDA text on its syntax tree. docs/rules.md lists the rules; harness/rules.toml says which are on.

`RulesProposer` (proposer.py) applies them. Each rule is a function of a Subject and its parameters in a file of its
own, that matches structure, never a name, and rewrites the kernel's own expressions.
"""

from __future__ import annotations

from kernelevo.proposers.rules.proposer import RulesProposer
from kernelevo.proposers.rules.settings import RuleSetting, RuleSettings, read_rule_settings

__all__ = ["RuleSetting", "RuleSettings", "RulesProposer", "read_rule_settings"]
