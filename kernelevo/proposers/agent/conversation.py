"""One conversation with a model about one attempt, as the record tells it.

The record holds the replies; everything else (calls, results, messages) follows from them and from verdicts. So a run
that was killed goes on in the middle of a conversation and asks for nothing again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kernelevo.harness import Harness
from kernelevo.language_model import Message, Prompt, Reply, Stop, Turn, total_usage
from kernelevo.proposers.agent import tools
from kernelevo.proposers.agent.calls import Call, Misread, read_call
from kernelevo.proposers.agent.tools import Bench, Run
from kernelevo.proposers.policy.harness import policy_harness
from kernelevo.proposers.policy.prompt import TaskWords, settled_text, system_words
from kernelevo.types import Attempt, Candidate

MISREAD_IN_A_ROW = 3
LONGEST_SAID = 20_000
"""Of one of its own replies, as the model is shown it again."""
_ENDING = (Stop.EXHAUSTED, Stop.TOO_LONG, Stop.FILTERED)
Judged = Callable[[Candidate], Attempt | str | None]
"""The attempt with this candidate, once it is judged; words, where no verdict will ever come; None: not yet."""


@dataclass(frozen=True)
class Exchange:
    """A reply, what was read in it, and the candidate that it made."""

    reply: Reply
    read: Call | Misread
    candidate: Candidate | None

    @property
    def outcome(self) -> str:
        """The word for the record."""
        if isinstance(self.read, Misread):
            return self.read.outcome
        return "program" if self.candidate is not None else f"call_{self.read.tool}"


class Conversation:
    """`turns` are those of the record, in order, one reply each."""

    def __init__(
        self, harness: Harness, task: TaskWords, parent: Attempt, model: str, turns: Sequence[Turn], run: Run
    ) -> None:  # fmt: skip
        self._harness = harness
        self._settings = harness.dialogue.tools
        self._task = task
        self._parent = parent
        self._model = model
        self._run = run
        self.turns = turns
        self.exchanges = [self._exchange(reply) for turn in turns for reply in turn.replies[:1]]

    @property
    def candidates(self) -> list[Candidate]:
        return [each.candidate for each in self.exchanges if each.candidate is not None]

    @property
    def ended(self) -> bool:
        """Whether nothing more is asked in it."""
        if not self.exchanges:
            return False
        last = self.exchanges[-1]
        misread = [isinstance(each.read, Misread) for each in self.exchanges[-MISREAD_IN_A_ROW:]]
        return (
            (isinstance(last.read, Call) and last.read.tool == "submit")
            or last.reply.stop in _ENDING
            or len(self.exchanges) >= self._settings.calls
            or total_usage(each.reply for each in self.exchanges).total >= self._settings.tokens
            or (len(misread) == MISREAD_IN_A_ROW and all(misread))
        )

    @property
    def has_no_more(self) -> bool:
        """Whether the model has said that it has nothing more to say, or cannot be asked this."""
        return any(each.reply.stop in (Stop.EXHAUSTED, Stop.TOO_LONG) for each in self.exchanges)

    def prompt(self, judged: Judged) -> Prompt | None:
        """The next question; None while a verdict that it tells of is not there."""
        messages = [Message("system", self._system()), Message("user", self._opening())]
        last: Attempt | None = None
        for number, each in enumerate(self.exchanges, 1):
            found = None if each.candidate is None else judged(each.candidate)
            if each.candidate is not None and found is None:
                return None
            last = found if isinstance(found, Attempt) else last
            messages.append(Message("assistant", each.reply.text[:LONGEST_SAID] or "(nothing)"))
            messages.append(Message("user", self._result(each.read, found, last) + self._reminder(number)))
        return Prompt(tuple(messages))

    def _exchange(self, reply: Reply) -> Exchange:
        read = read_call(reply, self._settings.names, self._settings.relaxed, self._task.language)
        program = read.program if isinstance(read, Call) else None
        if program is None:
            return Exchange(reply, read, None)
        if program.text.strip() == settled_text(self._parent, self._task.language).strip():
            return Exchange(reply, Misread("Its file is the one that you were given.", "unchanged"), None)
        origin = self._parent.candidate
        moves = (*origin.moves, f"{self._model}: {program.summary}")
        return Exchange(reply, read, Candidate(program.text, proposer="agent", parent=origin.id, moves=moves))

    def _system(self) -> str:
        return f"{system_words(policy_harness(self._harness))}\n\n{tools.tools_words(self._harness)}"

    def _opening(self) -> str:
        kernel = settled_text(self._parent, self._task.language)
        fence = "cuda" if self._task.language.suffix == ".cu" else "python"
        return (
            f"{self._task.text}\n\n# The kernel file to make faster\n```{fence}\n{kernel}\n```\n\n"
            "Make it faster and keep it right at every size. Before the block of a file put a line that begins with "
            f"`Change:` and says what you change; the block is fenced by ```{fence} and ```."
        )

    def _result(self, read: Call | Misread, found: Attempt | str | None, last: Attempt | None) -> str:
        if isinstance(read, Misread):
            return f"{read.why} Answer with one call."
        bench = Bench(self._parent, last, self._task.file_name, self._task.band)
        if isinstance(found, str):
            return found
        if found is not None:
            return tools.checked_words(found.verdict, bench)
        if read.tool == "load_skill":
            name, reference = read.arguments.get("name", ""), read.arguments.get("reference", "")
            return tools.skill_words(self._harness, name, reference)
        if read.tool == "run_script":
            name, script = read.arguments.get("name", ""), read.arguments.get("script", "")
            return tools.script_words(self._harness, name, script, bench, self._run)
        if read.tool == "read_profile":
            return tools.read_profile(bench, self._harness.dialogue.findings)
        return tools.read_diagnostics(bench)

    def _reminder(self, number: int) -> str:
        """What is told after so many calls: the skills again, where the harness says so, and when it is the last."""
        every, left = self._settings.checklist_every, self._settings.calls - number
        words = f"\n\n{tools.checklist_words(self._harness)}" if every and number % every == 0 else ""
        return f"{words}\n\nThis is your last call: submit." if left == 1 else words
