"""A content-addressed folder of builds: what was compiled once is not compiled again, in any run.

Written by the judge only, never from behind the wall; an entry appears by an atomic rename, so that a reader sees all
of it or nothing, and it begins with the hash of the rest, so that a damaged one is not believed but built again. The
key says everything that the outcome depends on (nvrtc.py, nvcc.py), so entries never go stale; delete the folder at
any time.
"""

from __future__ import annotations

import base64
import errno
import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from kernelevo.errors import BadInput, Infrastructure, KernelevoError
from kernelevo.types import BuildFailure, Diagnostic, Image, KernelImage, Parameter

_FORMAT = 3


class BuildCache:
    """`folder` is made when the first entry is written. Several processes may use one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, key: str) -> Image | BuildFailure | None:
        """The build stored under `key`, or None where there is none or it is damaged."""
        try:
            content = self._file(key).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unusable(error) from error
        digest, _, body = content.partition(b"\n")
        if digest != hashlib.sha256(body).hexdigest().encode():
            return None
        entry = json.loads(body)
        if (entry["format"], entry["key"]) != (_FORMAT, key):
            return None
        return _from_json(key, entry)

    def put(self, key: str, build: Image | BuildFailure) -> None:
        """Stores a build. Raises BadInput where the folder cannot be written, Infrastructure where the disk is full."""
        body = json.dumps({"format": _FORMAT, "key": key, **_to_json(build)}).encode()
        content = hashlib.sha256(body).hexdigest().encode() + b"\n" + body
        target = self._file(key)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".new-", delete=False) as file:
                file.write(content)
            os.replace(file.name, target)
        except OSError as error:
            raise self._unusable(error) from error

    def _unusable(self, error: OSError) -> KernelevoError:
        """A full disk is this machine's fault; a folder that can never be used is a wrong setting."""
        what = f"the build cache {self._folder} cannot be used ({error.strerror})"
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
            return Infrastructure(f"{what}; free some space, or name another folder with KERNELEVO_CACHE")
        return BadInput(f"{what}; name a folder that can be written with KERNELEVO_CACHE")

    def _file(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}.build"


def _to_json(build: Image | BuildFailure) -> dict[str, Any]:
    diagnostics = [vars(diagnostic) for diagnostic in build.diagnostics]
    if isinstance(build, BuildFailure):
        return {"image": None, "diagnostics": diagnostics}
    kernels = [{**vars(kernel), "parameters": [vars(one) for one in kernel.parameters]} for kernel in build.kernels]
    image = {
        "arch": build.arch,
        "ptx": build.ptx,
        "cubin": base64.b64encode(build.cubin).decode(),
        "kernels": kernels,
        "compiler": build.compiler,
    }
    return {"image": image, "diagnostics": diagnostics}


def _from_json(key: str, entry: dict[str, Any]) -> Image | BuildFailure:
    diagnostics = tuple(Diagnostic(**one) for one in entry["diagnostics"])
    image = entry["image"]
    if image is None:
        return BuildFailure(diagnostics)
    kernels = tuple(_kernel(kernel) for kernel in image["kernels"])
    cubin = base64.b64decode(image["cubin"])
    return Image(key, image["arch"], image["ptx"], cubin, kernels, image["compiler"], diagnostics)


def _kernel(entry: dict[str, Any]) -> KernelImage:
    parameters = tuple(Parameter(**one) for one in entry["parameters"])
    return KernelImage(**{**entry, "parameters": parameters, "scratch_bytes": tuple(entry["scratch_bytes"])})
