"""Verdicts by key in a folder, one compressed file each, for every process of this machine.

A file is written whole under another name and then renamed, so that a reader finds all of it or nothing. One that
cannot be read (cut off by a full disk, of another version) counts as not there.
"""

from __future__ import annotations

import gzip
import os
import threading
import zlib
from pathlib import Path

from kernelevo.errors import Infrastructure, StoreConflict
from kernelevo.stores.codec import from_json, to_json
from kernelevo.types import Verdict


class VerdictFolder:
    """Implements what a backend asks of a memo: `get` and `put`. The folder is made when it is first needed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, key: str) -> Verdict | None:
        try:
            return from_json(gzip.decompress(self._path(key).read_bytes()), Verdict)
        except (FileNotFoundError, gzip.BadGzipFile, EOFError, zlib.error, StoreConflict):
            return None

    def put(self, key: str, verdict: Verdict) -> None:
        path = self._path(key)
        passing = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            passing.write_bytes(gzip.compress(to_json(verdict, Verdict).encode(), 3, mtime=0))
            passing.replace(path)
        except OSError as error:
            raise Infrastructure(f"a verdict cannot be kept in {path} ({error.strerror}); check the disk") from error

    def _path(self, key: str) -> Path:
        return self._folder / key[:2] / f"{key}.json.gz"
