"""A problem file is trusted code: it runs in this process, outside the wall. So the first time that this machine meets
one, the program says so and asks.

Known are: the problems that are installed with kernelevo, those that `kernelevo new` wrote, and those that were let in
before; all by the SHA-256 of their content, so that a file that changes is new again. The list is a file in the cache
folder, one `sha256  path` per line. What is new is let in by a person at a terminal, by `--trust`, or by the variable
KERNELEVO_TRUST: `1` for every file, or the absolute folders (separated by colons; `~` is the home folder) whose problem
files are one's own; a relative name would mean another folder in every place, a stranger's too, and is refused. Where
nobody can be asked and nobody has vouched, it is refused: a stranger's file is never run unnoticed, and a pipeline of
one's own breaks with the words that mend it.

The content is read once. What is shown and hashed here is what is executed (`tasks.py`).
"""

from __future__ import annotations

import hashlib
import os
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kernelevo.counting import counted
from kernelevo.errors import BadInput, NotInstalled
from kernelevo.wire.words import visible_line

LIST = "trusted-problems"
EVERY_FILE = "1"

Ask = Callable[[str], str]
"""Shows a question to a person, and gives the answer."""


@dataclass(frozen=True)
class Gate:
    """Lets problem files in, or refuses them. `installed` holds the hashes of the files that come with kernelevo; `ask`
    is None where there is nobody to ask; `tell` says one thing on standard error.
    """

    cache: Path
    installed: Callable[[], frozenset[str]]
    vouched: bool
    variable: str
    ask: Ask | None
    tell: Callable[[str], None]
    reading: str = ""
    """The command that shows the content, where that is in no file that stays."""

    def __call__(self, path: Path, content: bytes) -> None:
        """Returns if the content may be executed; raises BadInput if not."""
        digest = hashlib.sha256(content).hexdigest()
        if digest in self.installed() or digest in _remembered(self.cache) or self._is_own(path):
            return
        if self.variable == EVERY_FILE:
            self.tell(f"runs {_named(path, content)} outside the wall, because KERNELEVO_TRUST=1 says so")
            return
        self.tell(_notice(path, content, self.reading or f"less {shlex.quote(_shown(path))}"))
        if self.vouched:
            self.tell("it is run, because --trust says so")
        elif self.ask is None:
            raise BadInput(
                f"{_shown(path)} was not run: it is new to this machine, and there is no terminal to ask on; read it, "
                "then give --trust once, or set KERNELEVO_TRUST=1"
                f"{'' if self.reading else ' (or to the folders whose problem files are yours)'}"
            )
        elif self.ask("Run it? [y/N] ").strip().lower() not in ("y", "yes"):
            raise BadInput(f"{_shown(path)} was not run; read it, and answer y or give --trust if it is all right")
        if complaint := remember(self.cache, path, content):
            self.tell(complaint)

    def _is_own(self, path: Path) -> bool:
        """Whether it lies below a folder that the variable names."""
        names = filter(None, () if self.variable == EVERY_FILE else self.variable.split(os.pathsep))
        folders = [_own_folder(name) for name in names]
        return any(path.resolve().is_relative_to(folder) for folder in folders)


def _own_folder(name: str) -> Path:
    """A folder as KERNELEVO_TRUST names it; raises BadInput for one that depends on where the program is started."""
    # os.path's leaves a home that is not known as it is; Path's raises.
    folder = Path(os.path.expanduser(name))
    if not folder.is_absolute():
        raise BadInput(
            f"KERNELEVO_TRUST names {_shown(Path(name))}, which is no absolute folder; set it to 1 for every file, or "
            "to folders that begin with / or ~"
        )
    return folder.resolve()


def remember(cache: Path, path: Path, content: bytes) -> str:
    """Adds the content to the list of what is known. Where the list cannot be written, the file is asked about again,
    and no more is lost: the words that say so come back, and otherwise an empty text.
    """
    digest = hashlib.sha256(content).hexdigest()
    if digest in _remembered(cache):
        return ""
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with (cache / LIST).open("a", encoding="utf-8") as file:
            file.write(f"{digest}  {_shown(path.absolute())}\n")
    except OSError as error:
        return f"{_shown(path)} will be asked about again, because {cache / LIST} cannot be written: {error.strerror}"
    return ""


def hashes_in(folder: Callable[[], Path]) -> frozenset[str]:
    """The hashes of the problem files in `kernels` of a folder of samples; none where it is not installed."""
    try:
        files = (folder() / "kernels").glob("*.problem.py")
    except NotInstalled:
        return frozenset()
    return frozenset(hashlib.sha256(file.read_bytes()).hexdigest() for file in files)


def _remembered(cache: Path) -> frozenset[str]:
    """What was let in before. A line that is none counts as nothing: then the file is asked about again."""
    try:
        text = (cache / LIST).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return frozenset()
    return frozenset(line.split(" ", 1)[0] for line in text.split("\n") if line)


def _shown(path: Path) -> str:
    """A path's own letters, without what would move a terminal's cursor."""
    return visible_line(str(path))


def _named(path: Path, content: bytes) -> str:
    return f"{_shown(path)} ({counted(len(content), 'byte')}, sha256 {hashlib.sha256(content).hexdigest()[:16]})"


def _notice(path: Path, content: bytes, reading: str) -> str:
    return f"""{_shown(path)} is a program, and new to this machine.
  It says what a kernel must compute, and runs outside the wall, with your rights: it can read and change your files,
  and use your network and keys. Kernels run behind the wall; a problem file does not. Read it before you run it:
    file    {_shown(path.absolute())}
    size    {counted(len(content), 'byte')}
    sha256  {hashlib.sha256(content).hexdigest()}
    read    {reading}"""
