"""`kernelevo init`: the sample kernels and the default harness, put into a folder of the user's. Nothing there is
overwritten.

The samples lie in the package (`_samples`, put there by the build) or, in a checkout, beside it.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from pathlib import Path

from kernelevo.errors import BadInput, Infrastructure, NotInstalled

FOLDERS = ("kernels", "harness")


@dataclass(frozen=True)
class Initialised:
    """Files that were written, and those that were there already and left alone."""

    written: tuple[Path, ...]
    kept: tuple[Path, ...]


def initialise(folder: Path, samples: Path | None = None) -> Initialised:
    """Copies the samples into `folder`; raises BadInput if it cannot be written."""
    source = samples or samples_folder()
    written, kept = [], []
    for file in _sample_files(source):
        target = folder / file.relative_to(source)
        if target.exists():
            kept.append(target)
            continue
        _copy(file, target)
        written.append(target)
    return Initialised(tuple(written), tuple(kept))


def samples_folder() -> Path:
    """Where the samples are; raises NotInstalled if they are nowhere."""
    package = Path(__file__).parent
    for folder in (package / "_samples", package.parent):
        if (folder / "kernels").is_dir():
            return folder
    raise NotInstalled(f"the sample kernels are not in {package}; run `pip install --force-reinstall kernelevo`")


def _sample_files(source: Path) -> list[Path]:
    found = [file for name in FOLDERS for file in sorted((source / name).rglob("*"))]
    return [file for file in found if file.is_file() and "__pycache__" not in file.parts]


def _copy(file: Path, target: Path) -> None:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, target)
    except (FileExistsError, NotADirectoryError, PermissionError) as error:
        raise BadInput(f"{target} cannot be written ({error.strerror}); give another folder") from error
    except OSError as error:
        raise Infrastructure(f"{target} cannot be written ({error.strerror}); check the disk") from error
