"""Traces of the scripted backend: every state that is reached by legal decisions, with what every one led to."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from kernelevo.backends.scripted import GRAMMAR, ScriptedBackend
from kernelevo.decisions import STOP, DecisionSettings
from kernelevo.learning_interfaces import TaskSession
from kernelevo.types import Attempt

SETTINGS = DecisionSettings(dict.fromkeys(GRAMMAR.rules, 0.0))


def write_traces(file: Path, tasks: Sequence[str], depth: int = 2) -> None:
    backend = ScriptedBackend()
    lines = []
    for task in tasks:
        session = backend.open(task)
        start = Attempt(session.start, session.judge(session.start))
        lines += [json.dumps(line) for line in _states(session, start, depth)]
    file.write_bytes(gzip.compress("\n".join(lines).encode(), mtime=0))


def _states(session: TaskSession, attempt: Attempt, depth: int) -> Iterator[dict[str, Any]]:
    """This state's line comes last."""
    observation = session.observe(attempt, SETTINGS)
    options = []
    for option in observation.options:
        candidate = session.apply(attempt, option.decision)
        if option.decision == STOP or candidate is None:
            continue
        child = Attempt(candidate, session.judge(candidate))
        reward = best = session.reward(child.verdict)
        if reward and depth > 1:
            below = list(_states(session, child, depth - 1))
            yield from below
            best = max([reward, *(one[3] for one in below[-1]["options"] if one[3] is not None)])
        options.append([str(option.decision), child.verdict.status.value, reward, best])
    own = session.reward(attempt.verdict)
    told = {"task": session.task, "family": session.family, "observation": observation.text()}
    yield {**told, "reward": own, "options": options}
