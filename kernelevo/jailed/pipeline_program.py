"""RUNS BEHIND THE WALL: the zygote (zygote.py) that has loaded NumPy, SciPy and scikit-learn, and whose children each
run one program in Python that somebody wrote: they call one of its functions with arrays and texts that came with the
request, and answer with the array that it returns.

    pipeline_program.py PACKAGES LOCK_LIBRARY, with the control socket as descriptor 3

PACKAGES is JSON: where each package that may be imported lies, by name. The folders around them are not shown to this
process, so that packages are found by their own. What asked reads the answer as untrusted: a program may do in its
child whatever it likes, and put what it likes into the answer. Faults are told here for the sake of their words alone.
"""

from __future__ import annotations

import importlib.abc
import importlib.util
import io
import json
import linecache
import random
import sys
import traceback
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from zygote import serve_errands

MODULE, FILE_NAME = "program", "program.py"
INHERITED_BYTES = 384 << 20
"""Private memory that a process has when all of LOADED is there: 233 MiB with scikit-learn 1.9."""
LOADED = (
    "numpy.linalg", "numpy.random", "scipy.linalg", "scipy.sparse.linalg", "scipy.sparse.csgraph", "scipy.spatial",
    "scipy.special", "scipy.optimize", "scipy.stats", "sklearn.cluster", "sklearn.decomposition",
    "sklearn.feature_extraction.text", "sklearn.linear_model", "sklearn.naive_bayes", "sklearn.neighbors",
    "sklearn.pipeline", "sklearn.preprocessing", "sklearn.svm",
)  # fmt: skip
"""Programs may import anything else of the packages, which takes them time of their own."""
LONGEST_WORDS = 500


def main(packages: str, lock_library: str) -> None:
    sys.meta_path.append(Shown(json.loads(packages)))
    # It would read of /proc which libraries are loaded, and does not look whether it may; the C library knows, too.
    importlib.import_module("threadpoolctl").__dict__["_HAS_PROCFS"] = False
    for name in LOADED:
        importlib.import_module(name)
    warm_up()
    sys.stdout = sys.stderr = Nowhere()
    serve_errands(lock_library, answer, INHERITED_BYTES)


class Shown(importlib.abc.MetaPathFinder):
    """Finds packages where they were said to lie: a folder with __init__.py, or one file."""

    def __init__(self, places: dict[str, str]) -> None:
        self.places = places

    def find_spec(self, name: str, path: Any, target: ModuleType | None = None) -> ModuleSpec | None:
        place = self.places.get(name)
        if place is None:
            return None
        if place.endswith(".py"):
            return importlib.util.spec_from_file_location(name, place)
        return importlib.util.spec_from_file_location(name, f"{place}/__init__.py", submodule_search_locations=[place])


class Nowhere(io.TextIOBase):
    """What programs print is thrown away: there is nobody to read it."""

    def write(self, text: str) -> int:
        return len(text)


def warm_up() -> None:
    """What is loaded at the first call is loaded for all children, and fails here if it can."""
    import numpy
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.neighbors import NearestNeighbors
    from sklearn.svm import LinearSVC

    values = numpy.random.default_rng(0).random((40, 30))
    TruncatedSVD(2, random_state=0).fit_transform(values)
    NearestNeighbors(n_neighbors=3).fit(values).kneighbors(values)
    words = TfidfVectorizer(analyzer="char").fit_transform(["ab", "bc", "cd", "de"])
    LinearSVC().fit(words, [0, 1, 0, 1])


# The child.


class Refused(Exception):
    """What a program lacks, or what is wrong with what it returned; our words."""


def answer(order: dict[str, Any], blobs: list[bytes]) -> tuple[dict[str, Any], list[bytes]]:
    """The array as an .npy file, or {"fault": the stage it came from, "words": ...}."""
    stage = "import"
    try:
        sow(order["seed"])
        module = load(order["text"])
        function = getattr(module, order["function"], None)
        if not callable(function):
            raise Refused(f"it defines no function {order['function']}")
        arguments = [read(each, blobs) for each in order["arguments"]]
        stage = "call"
        returned = function(*arguments, order["seed"])
        stage = "result"
        return {}, [written(returned, order["function"], tuple(order["shape"]))]
    except BaseException as error:  # the program raises whatever it likes
        return {"fault": stage, "words": explain(error)}, []


def load(text: str) -> ModuleType:
    """The program as a module; its lines are shown in tracebacks, which the program may want to look at."""
    module = ModuleType(MODULE)
    module.__file__ = FILE_NAME
    sys.modules[MODULE] = module
    linecache.cache[FILE_NAME] = (len(text), None, text.splitlines(keepends=True), FILE_NAME)
    exec(compile(text, FILE_NAME, "exec"), module.__dict__)
    return module


def read(argument: dict[str, Any], blobs: Sequence[bytes]) -> Any:
    import numpy

    if "blob" in argument:
        return numpy.load(io.BytesIO(blobs[argument["blob"]]), allow_pickle=False)
    return argument["value"]


def sow(seed: int) -> None:
    """Programs that draw without asking for a seed draw the same each time, too."""
    import numpy

    random.seed(seed)
    numpy.random.seed(seed)


def written(returned: Any, function: str, shape: tuple[int, ...]) -> bytes:
    import numpy
    from scipy import sparse

    if sparse.issparse(returned):
        returned = returned.toarray()
    made = numpy.asarray(returned)
    if made.dtype.kind != "f":
        kind = f"{type(returned).__name__} of {made.dtype}"
        raise Refused(f"{function} returned {kind}, but an array of floats is wanted")
    if made.shape != shape:
        raise Refused(f"{function} returned an array of shape {made.shape}, but {shape} is wanted")
    file = io.BytesIO()
    numpy.save(file, numpy.ascontiguousarray(made, dtype="<f8"), allow_pickle=False)
    return file.getvalue()


def explain(error: BaseException) -> str:
    """The exception in a line, with the innermost line of the program that it came from."""
    if isinstance(error, Refused):
        return str(error)[:LONGEST_WORDS]
    frames = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == FILE_NAME]
    line = (error.lineno if isinstance(error, SyntaxError) else None) or (frames[-1] if frames else None)
    where = f"line {line}: " if line else ""
    said = error.msg if isinstance(error, SyntaxError) else str(error)
    return f"{where}{type(error).__name__}{f': {said}' if said else ''}"[:LONGEST_WORDS]


if __name__ == "__main__":
    main(*sys.argv[1:])
