"""RUNS BEHIND THE WALL: imports a candidate's Triton file and compiles specialisations of its kernels to PTX.

`build` takes a request and gives an answer, both plain values that JSON can hold; what asked for it reads the answer
as untrusted text. It follows triton.compile (triton/compiler/compiler.py, 3.9) as far as the PTX, but keeps nothing on
disk and starts no program: the cubin is made from the PTX elsewhere. Faults of the candidate become diagnostics; the
innermost place in its file is named.
"""

from __future__ import annotations

import linecache
import sys
import traceback
from types import ModuleType
from typing import Any

MODULE = "candidate"
ATTRIBUTE = ["tt.divisibility", 16]


def build(request: dict[str, Any]) -> dict[str, Any]:
    """{"kernels": [...]}, one for each of the request's instances, or {"error": message, "line": 1-based or 0}."""
    try:
        module = load(request["text"], request["file_name"])
        return {"kernels": [_compile(module, request, instance) for instance in request["instances"]]}
    except BaseException as error:  # the candidate raises whatever it likes
        return explain(error, request["file_name"])


def load(text: str, file_name: str) -> ModuleType:
    """The candidate as a module. Triton reads the source of its functions, which lies in no file but in linecache."""
    module = ModuleType(MODULE)
    module.__file__ = file_name
    sys.modules[MODULE] = module
    linecache.cache[file_name] = (len(text), None, text.splitlines(keepends=True), file_name)
    exec(compile(text, file_name, "exec"), module.__dict__)
    return module


class Refused(Exception):
    """Why a kernel cannot be compiled; our words."""


def _compile(module: ModuleType, request: dict[str, Any], instance: dict[str, Any]) -> dict[str, Any]:
    from triton.backends.compiler import GPUTarget
    from triton.compiler.compiler import ASTSource, make_backend
    from triton.runtime.jit import JITFunction

    function = getattr(module, instance["kernel"], None)
    if not isinstance(function, JITFunction):
        raise Refused(f"{instance['kernel']} is no @triton.jit function when the file is imported")
    function._repr = lambda _: instance["symbol"]
    source = ASTSource(function, *_specialisation(function, instance["parameters"]))
    target = GPUTarget("cuda", request["arch"], 32)
    options = {
        "num_warps": instance["num_warps"],
        "num_stages": instance["num_stages"],
        "ptx_version": request["ptx_version"],
        "debug": bool(function.debug),
        # Triton 3.9's own choice where nothing is said, and it warns of a change.
        "enable_fp_fusion": True,
    }
    return _lower(source, make_backend(target), target, options)


def _specialisation(function: Any, parameters: list[dict[str, Any]]) -> tuple[dict[str, str], dict, dict]:
    """Signature, constants and attributes, as ASTSource takes them."""
    given = {each["name"]: each for each in parameters}
    signature, constants, attributes = {}, {}, {}
    for place, parameter in enumerate(function.params):
        if parameter.name not in given:
            raise Refused(f"parameter {parameter.name} of {function.__name__} is not in the text's own list")
        each = given[parameter.name]
        signature[parameter.name] = each["type"] or "constexpr"
        if each["type"] is None:
            constants[(place,)] = parameter.default if each["value"] is None else each["value"]
        elif each["divisible"]:
            attributes[(place,)] = [ATTRIBUTE]
    return signature, constants, attributes


def _lower(source: Any, backend: Any, target: Any, given: dict[str, Any]) -> dict[str, Any]:
    """The stages of triton.compile up to the PTX."""
    from triton._C.libtriton import ir

    options = backend.parse_options(given)
    context = ir.context()
    ir.load_dialects(context)
    backend.load_dialects(context)
    generators = backend.get_codegen_implementation(options)
    stages: dict[str, Any] = {}
    backend.add_stages(stages, options, source.language)
    metadata: dict[str, Any] = {"target": target, **options.__dict__}
    module = source.make_ir(target, options, generators, backend.get_module_map(), context)
    for name in ("ttir", "ttgir", "llir", "ptx"):
        module = stages[name](module, metadata)
    return {
        "ptx": module,
        "shared_bytes": metadata["shared"],
        "scratch_bytes": [metadata["global_scratch_size"], metadata["profile_scratch_size"]],
    }


# Errors.


def explain(error: BaseException, file_name: str) -> dict[str, Any]:
    """What to tell of an exception, and the innermost line of the candidate's file that it names."""
    line, message = 0, ""
    seen: BaseException | None = error
    while seen is not None:
        line = _line(seen, file_name) or line
        message = _message(seen) or message
        seen = seen.__cause__
    return {"error": message or type(error).__name__, "line": line}


def _message(error: BaseException) -> str:
    # Triton's own errors carry an excerpt of the source in their text, and the words apart.
    words = getattr(error, "error_message", None) if hasattr(error, "node") else str(error)
    if not words or words == "None":
        return ""
    return words if hasattr(error, "node") or isinstance(error, Refused) else f"{type(error).__name__}: {words}"


def _line(error: BaseException, file_name: str) -> int:
    if isinstance(error, SyntaxError) and error.filename == file_name:
        return error.lineno or 0
    node, source = getattr(error, "node", None), getattr(error, "src", None)
    if node is not None and source is not None:
        start = _start_of(source)
        return start + getattr(node, "lineno", 1) - 1 if start else 0
    frames = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file_name]
    return frames[-1] or 0 if frames else 0


def _start_of(source: str) -> int:
    """The line at which the function with this source begins in the candidate's file; 0 if it is none of its own."""
    module = sys.modules.get(MODULE)
    for value in vars(module).values() if module else ():
        if getattr(value, "_src", None) == source:
            return int(value.def_file_line_number)
    return 0
