"""The proposer that asks a language model: what it is told (`prompt`, `task_words`, `past`), by which harness
(`harness`), and what is found in its replies (`program`).
"""

from kernelevo.proposers.policy.harness import PolicyHarness, policy_harness, read_policy_harness
from kernelevo.proposers.policy.program import Outcome, Reading, read_program
from kernelevo.proposers.policy.prompt import TaskWords
from kernelevo.proposers.policy.proposer import PolicyProposer
from kernelevo.proposers.policy.task_words import reference_source

__all__ = [
    "Outcome",
    "PolicyHarness",
    "PolicyProposer",
    "Reading",
    "TaskWords",
    "policy_harness",
    "read_policy_harness",
    "read_program",
    "reference_source",
]
