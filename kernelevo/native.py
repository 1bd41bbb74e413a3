"""Where the compiled files are: the wall's launcher and worker, and the virtual GPU's library; and the interpreter that
may run behind the wall.

They are built by CMake and installed into `kernelevo/_native/`. An editable install keeps the Python files in the
checkout and the native ones in site-packages, so the installed distribution is asked as well.
"""

from __future__ import annotations

import importlib.metadata
import os
import sys
import sysconfig
from pathlib import Path

from kernelevo.errors import NotInstalled


def path(name: str) -> Path:
    """The installed native file called `name`; raises NotInstalled if it is in none of the known folders."""
    tried = [folder / name for folder in _folders()]
    for file in tried:
        if file.exists():
            return file
    raise NotInstalled(
        f"the native file {name} is not installed (looked at {', '.join(map(str, tried))}); "
        "install a C++ compiler and run `pip install .` again"
    )


def interpreter() -> Path:
    """The Python program itself: a virtual environment's is a link to it, with a configuration that no jail shows."""
    return Path(sys.executable).resolve()


def interpreter_files() -> tuple[Path, ...]:
    """What the interpreter reads to start without site packages: its library and the standard library."""
    library = sysconfig.get_config_var("LIBDIR") or ""
    shared = sorted(Path(library).glob("libpython*.so*")) if library else []
    return (*_standard_library(), *shared)


def _standard_library() -> tuple[Path, ...]:
    names = ("stdlib", "platstdlib")
    base = {"base": sys.base_prefix, "platbase": sys.base_exec_prefix, "installed_base": sys.base_prefix}
    base |= {"installed_platbase": sys.base_exec_prefix}
    return tuple(dict.fromkeys(Path(sysconfig.get_path(name, vars=base)).resolve() for name in names))


def _folders() -> list[Path]:
    if override := os.environ.get("KERNELEVO_NATIVE"):
        return [Path(override)]
    folders = [Path(__file__).parent / "_native"]
    try:
        distribution = importlib.metadata.distribution("kernelevo")
    except importlib.metadata.PackageNotFoundError:
        return folders
    return [*folders, Path(str(distribution.locate_file("kernelevo/_native")))]
