"""Candidates of a domain of pipelines that are programs: a text in Python that defines the domain's function. Any other
text is a pipeline.

A program runs behind the wall (interfaces.ProgramRunner) on the same draws as a pipeline, and what it returns is scored
by the same rule. It is given nothing but the function's arguments, and they tell nothing but what they say: rows come
in an order that hangs on what is held out, not in that of the draw, and the program's seed is not the draw's
(`hidden_seed`). Otherwise whoever guesses the draw's seed could undo the draw.
"""

from __future__ import annotations

import hashlib
import re
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from kernelevo.backends.pipelines import Level, PipelineSession, Scored, Space, Unsound
from kernelevo.decisions import STOP, STOP_RULE, DecisionSettings, Grammar, Observation, Option, read_decision
from kernelevo.interfaces import ProgramCall, ProgramFailure, ProgramRunner
from kernelevo.types import Attempt, Candidate, Status

Array = np.ndarray
QUOTED = 8
"""Characters in a row that are taken for a quote."""


@dataclass(frozen=True)
class ProgramForm:
    """What a program of a domain has to define: `function`, with these parameters; `words` tell what they are and what
    is returned.
    """

    function: str
    parameters: tuple[str, ...]
    words: str

    def defined_by(self, text: str) -> bool:
        """Whether a line of the text begins the function's definition. The text is not parsed: it is untrusted."""
        return re.search(rf"^def[ \t]+{self.function}[ \t]*\(", text, re.MULTILINE) is not None

    @property
    def signature(self) -> str:
        return f"def {self.function}({', '.join(self.parameters)}):"


Run = Callable[[Sequence[Any], int, tuple[int, ...]], Array]
"""Calls the program's function with these arguments and this seed, for an array of this shape; raises Unsound."""


class ProgramSession(PipelineSession):
    """A PipelineSession whose candidates may be programs, too. A domain gives `form` and `scored_program`. Without
    `programs` there is nobody to run them, and their verdicts are UNSUPPORTED.
    """

    form: ProgramForm

    def __init__(
        self, task: str, family: str, device: str, grammar: Grammar, space: Space, programs: ProgramRunner | None = None
    ) -> None:
        super().__init__(task, family, device, grammar, space)
        self._programs = programs

    @abstractmethod
    def scored_program(self, run: Run, level: Level, seed: int) -> Scored:
        """Runs the program on the draw of this seed, and scores what it made. Raises Unsound."""

    def scored_text(self, text: str, level: Level, seed: int) -> Scored:
        if not self.form.defined_by(text):
            return super().scored_text(text, level, seed)
        return self.scored_program(lambda *given: self._run(text, *given), level, seed)

    def observe(self, attempt: Attempt, settings: DecisionSettings) -> Observation:
        """Nothing is to be decided about a program."""
        if not self.form.defined_by(attempt.candidate.text):
            return super().observe(attempt, settings)
        moves = tuple(move for move in map(read_decision, attempt.candidate.moves) if move is not None)
        options = (Option(STOP, settings.rules.get(STOP_RULE, 0.0)),)
        return Observation(self._grammar.key, self._seen(attempt), (), moves, options)

    def apply(self, attempt: Attempt, decision: Any) -> Candidate | None:
        return None if self.form.defined_by(attempt.candidate.text) else super().apply(attempt, decision)

    def program_words(self) -> str:
        """The task as it is told to a model that may write programs."""
        settings = "; ".join(f"{name} {', '.join(map(str, values))}" for name, values in self.space.choices.items())
        return (
            f"{self.words()} A part weighs one of {', '.join(map(str, self.space.weights))}; values of settings, the "
            f"usual first, are: {settings}.\n\n"
            f"Or write a program in Python that begins its function with `{self.form.signature}`. {self.form.words}"
        )

    def _run(self, text: str, arguments: Sequence[Any], seed: int, shape: tuple[int, ...]) -> Array:
        if self._programs is None:
            raise Unsound("programs in Python are not run here", Status.UNSUPPORTED)
        made = self._programs.call(ProgramCall(text, self.form.function, arguments, seed, shape))
        if isinstance(made, ProgramFailure):
            raise Unsound(without_quotes(made.words, arguments), made.status)
        return np.asarray(made)


def without_quotes(words: str, arguments: Sequence[Any]) -> str:
    """The words of a failure without what they quote of texts that the program was given: they are told to a model,
    which is to see what a program did and not what it was asked.
    """
    lists = [each for each in arguments if isinstance(each, list)]
    given = "\n".join(text for each in lists for text in each if isinstance(text, str))
    quoted = [False] * len(words)
    for start in range(len(words) - QUOTED + 1):
        if words[start : start + QUOTED] in given:
            quoted[start : start + QUOTED] = [True] * QUOTED
    kept = ("\0" if cut else letter for letter, cut in zip(words, quoted, strict=True))
    return re.sub("\0+", "[...]", "".join(kept))


def hidden_seed(*parts: object) -> int:
    """128 bits that hang on all parts, among them such as no program knows; arrays count by their values."""
    digest = hashlib.sha256()
    for part in parts:
        plain = np.asarray(part, dtype=np.int64).tobytes() if isinstance(part, Array) else str(part).encode()
        digest.update(len(plain).to_bytes(8, "little") + plain)
    return int.from_bytes(digest.digest()[:16], "little")


def told_seed(hidden: int) -> int:
    """What a program is told as its seed: 31 bits, from which nobody comes back to what they are made of."""
    return int.from_bytes(hashlib.sha256(f"told {hidden}".encode()).digest()[:4], "little") >> 1
