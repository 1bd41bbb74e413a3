"""Our own faults, as exceptions.

A candidate's fault is a value (a `Status` in a `Verdict`); what is raised is never held against a candidate.

    KernelevoError              everything below; carries the exit code of the command line
      BadInput                  exit 2: what the user gave cannot be used (file, option, problem, plan of the start)
        NotInstalled            exit 2: a part that is not there (extra, native file, device), and how to get it
      Infrastructure            exit 3: this machine or this program failed, not the candidate
        SandboxBroken           the wall or its worker died or answered nonsense
        WallUnavailable         no layer of the wall can be built here, and --unsafe was not given
        DriverLost              the process that drives a card died, hung or answered nonsense
          DriverRefused         it refuses an operation, and is not to be believed that this is not its program's doing
        ModelFailed             the server of a language model failed or answered nonsense, again and again
        StoreConflict           another process holds the run, or its file is damaged
      Interrupted               exit 130: the user stopped the run; what finished is kept

A message is one sentence that says what, where, and what to do. To add one: subclass, give it a sentence here, and a
row in tests/test_errors.py.
"""

from __future__ import annotations


class KernelevoError(Exception):
    """Base of all faults of ours."""

    exit_code = 3


class BadInput(KernelevoError):
    """The user's input cannot be used; the message names what, where and what to do."""

    exit_code = 2


class NotInstalled(BadInput):
    """A part is missing; the message holds the command that installs it."""


class Infrastructure(KernelevoError):
    """This machine or this program failed; never the candidate's doing."""

    exit_code = 3


class SandboxBroken(Infrastructure):
    """The wall's worker died or answered outside its protocol."""


class WallUnavailable(Infrastructure):
    """This machine offers no layer that can hold untrusted code."""


class DriverLost(Infrastructure):
    """The process that drives a card died, hung or answered nonsense; whose fault it was, a probe of the card tells."""


class DriverRefused(DriverLost):
    """The process that drives a card refuses an operation after its program has run: told apart as a lost one is."""


class ModelFailed(Infrastructure):
    """The server of a language model failed or answered nonsense; `perhaps_paid` if it may count the call all the
    same.
    """

    def __init__(self, message: str, perhaps_paid: bool) -> None:
        super().__init__(message)
        self.perhaps_paid = perhaps_paid


class StoreConflict(Infrastructure):
    """The run's file is locked by another process, or damaged."""


class Interrupted(KernelevoError):
    """The user stopped the run; everything finished is in the store."""

    exit_code = 130
