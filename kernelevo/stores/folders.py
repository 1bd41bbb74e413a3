"""Run ids and where runs lie: `RUNS/ID`.

An id is eight characters of Crockford's base 32 (no i, l, o, u), which count 1/1024 seconds since 2024, so that ids
sort by time. A prefix that only one run has, or `last`, names a run too.
"""

from __future__ import annotations

import time
from pathlib import Path

from kernelevo.errors import BadInput
from kernelevo.stores.faults import from_system, translated
from kernelevo.stores.sqlite import DATABASE

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
EPOCH = 1_704_067_200
"""2024-01-01T00:00:00Z; eight digits reach to the year 2058."""


def new_run_id(now: float | None = None) -> str:
    ticks = int(((time.time() if now is None else now) - EPOCH) * 1024)
    return "".join(ALPHABET[ticks >> shift & 31] for shift in range(35, -1, -5))


def new_run_folder(runs: Path) -> Path:
    """Makes an empty folder for a new run; raises BadInput if `runs` cannot be written."""
    try:
        runs.mkdir(parents=True, exist_ok=True)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise BadInput(
            f"the folder of runs {runs} cannot be made ({error.strerror}); give another one with --runs"
        ) from error
    except OSError as error:
        raise from_system(error, runs) from error
    with translated(runs):
        while True:
            folder = runs / new_run_id()
            try:
                folder.mkdir()
            except FileExistsError:
                time.sleep(1 / 1024)  # another run took this id
                continue
            return folder


def run_folders(runs: Path) -> list[Path]:
    """Folders of all runs, oldest first."""
    if not runs.is_dir():
        return []
    return sorted(folder for folder in runs.iterdir() if (folder / DATABASE).exists())


def find_run(runs: Path, name: str) -> Path:
    """The folder of the run called `name`: its id, a prefix that no other run has, or `last`."""
    folders = run_folders(runs)
    if name == "last" and folders:
        return folders[-1]
    wanted = name.strip().lower()
    found = [folder for folder in folders if wanted and folder.name.startswith(wanted)]
    exact = [folder for folder in found if folder.name == wanted]
    if len(exact or found) == 1:
        return (exact or found)[0]
    if found:
        raise BadInput(
            f"several runs in {runs} begin with {name!r}: {', '.join(folder.name for folder in found)}; type more of it"
        )
    raise BadInput(f"there is no run {name!r} in {runs}; `kernelevo runs list` shows those there are")
