"""How a pass says that the candidate is at fault: it raises `Rejected`, which the pass list turns into a Verdict in
one place.

Only passes raise it and only `kernels` catches it; outside this part a candidate's fault is always a value.
"""

from __future__ import annotations

from kernelevo.types import Check, Diagnostic, Fault, Status


class Rejected(Exception):
    """The candidate ends here with this status; `feedback` is what its author is told, its first line (or `detail`)
    what the check says. `cases` are the names of those that one of was running, where it stopped for its time.
    """

    def __init__(
        self,
        status: Status,
        check: str,
        feedback: str,
        fault: Fault | None = None,
        diagnostics: tuple[Diagnostic, ...] = (),
        detail: str = "",
        cases: tuple[str, ...] = (),
    ) -> None:
        super().__init__(f"{status}: {feedback}")
        self.status = status
        self.check = Check(check, False, detail or feedback.splitlines()[0])
        self.feedback = feedback
        self.fault = fault
        self.diagnostics = diagnostics
        self.cases = cases


def broken_rule(message: str) -> Rejected:
    """The text or its plan breaks a rule."""
    return Rejected(Status.RULE_BROKEN, "rules", message)
