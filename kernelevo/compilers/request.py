"""What every compiler does with a BuildRequest before it compiles: refuses what no compiler should see, and hashes
the rest.
"""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path

from kernelevo.counting import counted
from kernelevo.errors import BadInput
from kernelevo.types import BuildFailure, BuildRequest, Diagnostic

LONGEST_TEXT = 4 << 20  # bytes; the largest real kernels, generated ones included, have under 1 MiB
LARGEST_INCLUDES = 256 << 20  # bytes in all granted include folders, which are read in full for the key
_ARCH = re.compile(r"sm_\d{2,3}[af]?")


def refuse(request: BuildRequest) -> BuildFailure | None:
    """The failure of a text that is not given to any compiler. Raises BadInput where the request itself is wrong."""
    if not _ARCH.fullmatch(request.arch):
        raise BadInput(f"{request.arch!r} is not an architecture; name one like sm_80")
    size = len(request.text.encode(errors="replace"))
    if size > LONGEST_TEXT:
        return failure(f"the text has {counted(size, 'byte')}; at most {LONGEST_TEXT} are compiled", request.file_name)
    for line, text in enumerate(request.text.split("\n"), start=1):
        # The compiler would end the file here, and judge another text than the one that is kept.
        if "\0" in text:
            return failure("the text holds a NUL character", request.file_name, line)
    return None


def failure(message: str, file: str = "", line: int = 0) -> BuildFailure:
    return BuildFailure((Diagnostic("error", message, file, line),))


def build_key(request: BuildRequest, compiler: str) -> str:
    """The hash of everything the outcome depends on; `compiler` names it with its version and fixed options."""
    parts = {
        "compiler": compiler,
        "text": request.text,
        "file_name": request.file_name,
        "names": request.names,
        "arch": request.arch,
        "defines": sorted(request.defines.items()),
        "options": request.options,
        "include_folders": [_folder_hash(Path(folder)) for folder in request.include_folders],
    }
    return hashlib.sha256(json.dumps(parts).encode(errors="surrogatepass")).hexdigest()


def _folder_hash(folder: Path) -> str:
    if not folder.is_dir():
        raise BadInput(f"the include folder {folder} does not exist; check -I")
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if sum(path.stat().st_size for path in files) > LARGEST_INCLUDES:
        raise BadInput(f"the include folder {folder} holds more than {LARGEST_INCLUDES >> 20} MiB; grant a smaller one")
    digest = hashlib.sha256(str(folder).encode())
    for path in files:
        digest.update(f"\0{path.relative_to(folder)}\0{path.stat().st_size}\0".encode(errors="surrogateescape"))
        digest.update(path.read_bytes())
    return digest.hexdigest()
