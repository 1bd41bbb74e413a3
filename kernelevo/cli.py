"""The command line: errors become a sentence and an exit code. The commands themselves are files in `commands`.

Exit codes: 0 good, 1 the thing judged failed, 2 bad input, 3 this machine or this program failed, 4 inconclusive, 130
stopped, 141 nobody reads the output any more.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import traceback
from collections.abc import Sequence
from types import FrameType
from typing import TYPE_CHECKING, Any

from kernelevo.errors import KernelevoError

if TYPE_CHECKING:
    from kernelevo.run import Joints

_AGAIN_SECONDS = 0.01
"""Until a signal is sent again that came where it could not be told."""


def main(arguments: Sequence[str] | None = None, joints: Joints | None = None) -> int:
    """Runs one command line and returns its exit code; what goes wrong is one sentence on standard error."""
    words = _with_joined_standard(sys.argv[1:] if arguments is None else arguments)
    before = _listen()
    try:
        _run(words, joints)
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0
        return _stopped() if code == 130 else code
    except KeyboardInterrupt:
        return _stopped()
    except KernelevoError as fault:
        print(f"kernelevo: {fault}", file=sys.stderr)
        return fault.exit_code
    except Exception:
        # A fault of this program; exit code 1 would say that the kernel failed.
        traceback.print_exc()
        print(
            "kernelevo: this is a fault of kernelevo, not of your kernel; please report it with the lines above",
            file=sys.stderr,
        )
        return 3
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return 0


def _run(words: Sequence[str], joints: Joints | None) -> None:
    """Loads the program and runs it; in here, so that Ctrl-C while it loads is 130, too."""
    from kernelevo.commands.app import app
    from kernelevo.commands.options import State
    from kernelevo.run import REAL
    from kernelevo.settings import Settings

    state = State(joints or REAL, Settings.from_environment(), sys.stdout)
    app(args=words, prog_name="kernelevo", obj=state)


def _stopped() -> int:
    print("kernelevo: stopped; nothing had begun", file=sys.stderr)
    return 130


def _with_joined_standard(words: Sequence[str]) -> list[str]:
    """`-std=c++17`, as compilers spell it, is `--std=c++17` here."""
    return [f"-{word}" if word.startswith("-std=") else word for word in words]


def _listen() -> dict[int, Any]:
    """SIGTERM stops a run as Ctrl-C does: children are ended, and what finished is kept. Gives the handlers before.
    Where Ctrl-C is ignored, as by a shell for what it runs in the background, it stays so.
    """
    numbers = [signal.SIGTERM]
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        numbers.append(signal.SIGINT)
    return {number: signal.signal(number, _stop) for number in numbers}


def _stop(number: int, frame: FrameType | None) -> None:
    if _is_lost_in(frame):
        again = threading.Timer(_AGAIN_SECONDS, os.kill, (os.getpid(), number))
        again.daemon = True
        again.start()
        return
    raise KeyboardInterrupt


def _is_lost_in(frame: FrameType | None) -> bool:
    """Whether Python would print and forget what is raised here: at the end of each import it is in a callback of a
    weak reference, through which no exception passes.
    """
    while frame is not None:
        if (frame.f_code.co_name, frame.f_code.co_filename) == ("cb", "<frozen importlib._bootstrap>"):
            return True
        frame = frame.f_back
    return False
