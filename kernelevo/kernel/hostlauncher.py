"""Takes a `.cu` with a host launcher: strips the host code and derives the launch plan from its `<<<...>>>`.

Only straight-line launchers are understood: launches, integer and dim3 locals, cudaMemset to zero, and calls that wait
or ask for errors (which a plan does not need). A branch, a loop, an allocation, a copy, another call or a `main` is
refused with its line, because leaving it out could change what the kernels compute. Stripped lines stay as blank ones,
so that a compiler's messages keep the user's line numbers.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tree_sitter import Node

from kernelevo.errors import BadInput
from kernelevo.kernel.cuda_syntax import (
    INTEGER_TYPES,
    SourceFunction,
    SourceParameter,
    find_nodes,
    functions,
    line_of,
    parse_cuda,
    text_of,
)
from kernelevo.kernel.host_values import Inline, Scope, Triple, closed
from kernelevo.kernel.pragmas import PlanError, read_plan

if TYPE_CHECKING:
    from kernelevo.kernel.problem import Problem

_PRAGMA = re.compile(r"^[ \t]*#[ \t]*pragma[ \t]+kernelevo\b", re.MULTILINE)

_IDLE_CALLS = frozenset(
    [
        "cudaDeviceSynchronize",
        "cudaStreamSynchronize",
        "cudaThreadSynchronize",
        "cudaGetLastError",
        "cudaPeekAtLastError",
        "cudaFuncSetAttribute",
        "cudaFuncSetCacheConfig",
    ]
)
"""Calls that change neither what is computed nor how it is launched here."""

# fmt: off
_HOST_HEADERS = frozenset([
    "algorithm", "array", "chrono", "complex", "cuda.h", "cuda_runtime.h", "cuda_runtime_api.h",
    "deque", "device_launch_parameters.h", "exception", "fstream", "functional", "helper_cuda.h",
    "iomanip", "iostream", "list", "map", "memory", "numeric", "ostream", "random", "set", "sstream",
    "stdexcept", "string", "thread", "tuple", "unordered_map", "vector"
])
"""Headers that only host code needs, and that the device compiler has not; C's own (cstdint, cfloat, cmath) stay."""
# fmt: on


def has_plan(text: str) -> bool:
    """Whether the text has a `#pragma kernelevo` line already."""
    return _PRAGMA.search(text) is not None


def derive_plan(text: str, file_name: str, problem: Problem | None = None) -> tuple[str, str]:
    """A kernel file with host code -> (the same file with pragma lines in place of the host code, a sentence saying
    so).

    With `problem`, the launcher's parameters become the problem's names: by name, and what is left by order within
    tensors, dimensions and scalars. Raises BadInput, with file and line, for host code that a plan cannot express.
    """
    root = parse_cuda(text)
    found = functions(root)
    launcher = _only_launcher(found, file_name)
    names = _names(launcher, problem, file_name)
    scope = _file_scope(root, found, launcher, names, file_name)
    pragmas = _Launcher(scope, launcher, names).lines()
    device_text = _with_pragmas(text, _stripped(root, found), pragmas)
    _check(device_text, file_name)
    return device_text, _note(launcher, names, len(pragmas))


def strip_host_code(text: str) -> tuple[str, str]:
    """A kernel file that has a plan, without a `main` or launcher that it also has -> (text, a sentence saying so, or
    "").

    A file with neither comes back as it is.
    """
    root = parse_cuda(text)
    found = functions(root)
    hosts = [
        function for function in found if function.side == "host" and (function.name == "main" or _launches(function))
    ]
    if not hosts:
        return text, ""
    lines = ", ".join(f"{function.name} (line {function.line})" for function in hosts)
    return _with_pragmas(text, _stripped(root, found), []), f"host code left out: {lines}; its own plan is used"


@dataclass(frozen=True)
class _Line:
    """A pragma line, and the line of the host code that it comes from."""

    text: str
    line: int


def _only_launcher(found: list[SourceFunction], file_name: str) -> SourceFunction:
    for function in found:
        if function.side == "host" and function.name == "main":
            message = (
                "a main cannot be turned into a launch plan; leave the kernels and one function that launches them"
            )
            raise BadInput(f"{file_name}:{function.line}: {message}")
    launchers = [function for function in found if function.side == "host" and _launches(function)]
    if not launchers:
        example = "#pragma kernelevo launch kernel<<<grid, block>>>(arguments)"
        raise BadInput(
            f"{file_name}:1: there is neither a launch plan nor a function that launches a kernel; add `{example}`"
        )
    if len(launchers) > 1:
        lines = ", ".join(f"{function.name} (line {function.line})" for function in launchers)
        raise BadInput(f"{file_name}:{launchers[1].line}: several functions launch kernels: {lines}; leave one of them")
    return launchers[0]


def _launches(function: SourceFunction) -> bool:
    return next(find_nodes(function.node, "kernel_call_syntax"), None) is not None


# Parameters of the launcher -> names of the problem.


def _names(launcher: SourceFunction, problem: Problem | None, file_name: str) -> dict[str, str]:
    """What each parameter that may be used is called in the plan."""
    names: dict[str, str] = {}
    kinds = (
        ("tensor", [parameter for parameter in launcher.parameters if parameter.is_pointer]),
        ("dimension", [parameter for parameter in launcher.parameters if parameter.is_integer]),
        ("scalar", [parameter for parameter in launcher.parameters if parameter.is_float]),
    )
    for kind, parameters in kinds:
        own = [parameter.name for parameter in parameters]
        names.update(
            zip(own, own, strict=True)
            if problem is None
            else _matched(own, _offered(problem, kind), kind, launcher, file_name)
        )
    return names


def _offered(problem: Problem, kind: str) -> list[str]:
    if kind == "tensor":
        return [tensor.name for tensor in problem.tensors]
    integers = [scalar.name for scalar in problem.scalars if not scalar.dtype.is_float]
    floats = [scalar.name for scalar in problem.scalars if scalar.dtype.is_float]
    return [*problem.dims, *integers] if kind == "dimension" else floats


def _matched(own: list[str], offered: list[str], kind: str, launcher: SourceFunction, file_name: str) -> dict[str, str]:
    matched = {name: name for name in own if name in offered}
    left = [name for name in own if name not in matched]
    free = [name for name in offered if name not in matched]
    if left and len(left) != len(free):
        raise BadInput(
            f"{file_name}:{launcher.line}: {launcher.name} has {kind}s {', '.join(own)}, and the problem has "
            f"{', '.join(offered) or 'none'}; use the problem's names"
        )
    return matched | dict(zip(left, free, strict=False))


# The launcher's statements -> pragma lines.


@dataclass
class _Launcher:
    """Reads the statements of the launcher in order."""

    scope: Scope
    function: SourceFunction
    names: dict[str, str]
    found: list[_Line] = field(default_factory=list)

    def lines(self) -> list[_Line]:
        body = self.function.node.child_by_field_name("body")
        assert body is not None
        for statement in body.named_children:
            self._statement(statement)
        return self.found

    def _statement(self, node: Node) -> None:
        if node.type == "comment":
            return
        if node.type == "declaration":
            self._declaration(node)
        elif node.type == "expression_statement" and node.named_children:
            self._expression(node.named_children[0])
        elif node.type == "return_statement":
            self._return(node)
        elif node.type != "expression_statement":
            what = node.type.replace("_", " ")
            raise self.scope.refuse(
                node, f"the launcher is not straight-line ({what}), so no plan can be derived from it"
            )

    def _declaration(self, node: Node) -> None:
        type_node = node.child_by_field_name("type")
        type_name = " ".join(text_of(type_node).split()) if type_node is not None else ""
        if type_name != "dim3" and type_name != "auto" and type_name not in INTEGER_TYPES:
            raise self.scope.refuse(
                node, f"a local of type {type_name} has no place in a plan; only integers and dim3 have"
            )
        for declarator in node.children_by_field_name("declarator"):
            self._local(declarator, type_name)

    def _local(self, declarator: Node, type_name: str) -> None:
        name_node, value = declarator.child_by_field_name("declarator"), declarator.child_by_field_name("value")
        if declarator.type == "function_declarator" and type_name == "dim3" and name_node is not None:
            # `dim3 block(threads)` looks like a function to a parser that does not know that threads is a variable.
            parameters = declarator.child_by_field_name("parameters")
            assert parameters is not None
            self.scope.dim3s[text_of(name_node)] = self.scope.constructed(parameters)
            return
        if declarator.type != "init_declarator" or name_node is None or name_node.type != "identifier" or value is None:
            raise self.scope.refuse(
                declarator, f"`{text_of(declarator)}` has no value where it is declared; give it one"
            )
        is_dim3 = type_name == "dim3" or (type_name == "auto" and text_of(value).startswith("dim3"))
        self._assign(text_of(name_node), value, is_dim3)

    def _assign(self, name: str, value: Node, is_dim3: bool) -> None:
        if is_dim3:
            self.scope.dim3s[name] = self.scope.triple(value)
        elif value.type in ("initializer_list", "argument_list") and len(value.named_children) == 1:
            self.scope.integers[name] = self.scope.integer(value.named_children[0])
        else:
            self.scope.integers[name] = self.scope.integer(value)

    def _expression(self, node: Node) -> None:
        if node.type == "assignment_expression" and text_of(node.children[1]) == "=":
            name = text_of(node.children[0])
            if name in self.scope.integers or name in self.scope.dim3s:
                return self._assign(name, node.children[2], name in self.scope.dim3s)
        if node.type == "call_expression":
            return self._call(node)
        raise self.scope.refuse(node, f"`{text_of(node)[:60]}` has no place in a plan; remove it")

    def _call(self, node: Node) -> None:
        configuration = next((child for child in node.children if child.type == "kernel_call_syntax"), None)
        if configuration is not None:
            self.found.append(_Line(self._launch(node, configuration), line_of(node)))
        elif text_of(node.children[0]) in ("cudaMemset", "cudaMemsetAsync"):
            self.found.append(_Line(self._zero(node), line_of(node)))
        elif not self._is_idle(node):
            raise self.scope.refuse(node, f"`{text_of(node.children[0])}` has no place in a plan; remove the call")

    def _return(self, node: Node) -> None:
        value = node.named_children[0] if node.named_children else None
        if value is not None and not (value.type == "call_expression" and self._is_idle(value)):
            raise self.scope.refuse(
                node, "a launcher returns nothing here, since its plan has no result; remove the value"
            )

    def _is_idle(self, node: Node) -> bool:
        """A call of _IDLE_CALLS, or such a call wrapped in an error-checking macro."""
        if text_of(node.children[0]) in _IDLE_CALLS:
            return True
        arguments = node.children[-1].named_children
        return bool(arguments) and arguments[0].type == "call_expression" and self._is_idle(arguments[0])

    def _launch(self, node: Node, configuration: Node) -> str:
        sizes = configuration.named_children
        if not 2 <= len(sizes) <= 4:
            raise self.scope.refuse(node, "a launch needs a grid and a block: <<<grid, block>>>")
        grid, block = self.scope.triple(sizes[0]), self.scope.triple(sizes[1])
        shared = self.scope.integer(sizes[2]) if len(sizes) > 2 else "0"
        parts = [_written(grid), _written(block), *([shared] if shared != "0" else [])]
        arguments = [self._argument(argument) for argument in node.children[-1].named_children]
        return f"launch {self._kernel(node.children[0])}<<<{', '.join(parts)}>>>({', '.join(arguments)})"

    def _kernel(self, node: Node) -> str:
        """The kernel's name, with locals put into its template arguments."""
        text = " ".join(text_of(node).split())
        name, bracket, arguments = text.partition("<")
        values = self.scope.integers
        return (
            name
            + bracket
            + re.sub(r"[A-Za-z_]\w*", lambda match: closed(values.get(match.group(), match.group())), arguments)
        )

    def _argument(self, node: Node) -> str:
        if node.type == "cast_expression" and "*" in text_of(node.children[1]):
            return self._argument(node.children[-1])
        if node.type == "call_expression" and text_of(node.children[0]).startswith("reinterpret_cast<"):
            return self._argument(node.children[-1].named_children[0])
        name = text_of(node)
        if node.type == "identifier" and name in self.names and name not in self.scope.integers:
            return self.names[name]
        if node.type == "identifier" and name in [parameter.name for parameter in self.function.parameters]:
            kind = next(parameter.type for parameter in self.function.parameters if parameter.name == name)
            if name not in self.names:
                raise self.scope.refuse(
                    node, f"{name} has type {kind}, which is neither a tensor, an integer nor a float"
                )
        return self.scope.integer(node)

    def _zero(self, node: Node) -> str:
        arguments = node.children[-1].named_children
        target = text_of(arguments[0]) if arguments else ""
        if len(arguments) < 3 or target not in self.names or self.scope.integer(arguments[1]) != "0":
            raise self.scope.refuse(
                node, "only cudaMemset(tensor, 0, bytes) has a place in a plan, as a `zero` line; remove it"
            )
        return f"zero {self.names[target]}"


def _written(size: Triple) -> str:
    used = [text for index, text in enumerate(size) if any(later != "1" for later in size[index:]) or index == 0]
    return used[0] if len(used) == 1 else f"dim3({', '.join(used)})"


# What names mean before the launcher's first statement.


def _file_scope(
    root: Node, found: list[SourceFunction], launcher: SourceFunction, names: dict[str, str], file_name: str
) -> Scope:
    scope = Scope(file_name, inlines=_inlines(root, found))
    for node in root.children:
        if node.type == "declaration" and re.search(r"\b(const|constexpr)\b", text_of(node)):
            _file_constants(node, scope)
    for parameter in launcher.parameters:
        scope.integers.pop(parameter.name, None)
        if parameter.is_integer and names[parameter.name] != parameter.name:
            scope.integers[parameter.name] = names[parameter.name]
    return scope


def _file_constants(node: Node, scope: Scope) -> None:
    type_node = node.child_by_field_name("type")
    if type_node is None or text_of(type_node) not in INTEGER_TYPES:
        return
    for declarator in node.children_by_field_name("declarator"):
        name, value = declarator.child_by_field_name("declarator"), declarator.child_by_field_name("value")
        if declarator.type == "init_declarator" and name is not None and value is not None:
            inner = value.named_children[0] if value.type == "initializer_list" else value
            scope.integers[text_of(name)] = scope.integer(inner)


def _inlines(root: Node, found: list[SourceFunction]) -> dict[str, Inline]:
    """Macros with parameters, and functions of integers that only return an expression."""
    inlines = {}
    for macro in find_nodes(root, "preproc_function_def"):
        name, parameters, value = (macro.child_by_field_name(part) for part in ("name", "parameters", "value"))
        if name is not None and parameters is not None and value is not None:
            own = tuple(text_of(parameter) for parameter in parameters.named_children)
            inlines[text_of(name)] = Inline(own, text_of(value).strip())
    for function in found:
        body = function.node.child_by_field_name("body")
        statements = body.named_children if body is not None else []
        whole = all(_is_integer(parameter) for parameter in function.parameters)
        if function.side == "host" and whole and len(statements) == 1 and statements[0].type == "return_statement":
            own = tuple(parameter.name for parameter in function.parameters)
            inlines[function.name] = Inline(own, text_of(statements[0].named_children[0]))
    return inlines


def _is_integer(parameter: SourceParameter) -> bool:
    return parameter.is_integer


# The text without its host code, with the pragma lines in it.


def _stripped(root: Node, found: list[SourceFunction]) -> list[Node]:
    """The nodes that only host code needs."""
    nodes = [function.outer for function in found if function.side == "host" and not function.is_constexpr]
    for include in find_nodes(root, "preproc_include"):
        path = include.child_by_field_name("path")
        if path is not None and text_of(path).strip('<>"') in _HOST_HEADERS:
            nodes.append(include)
    nodes += [node for node in root.children if node.type == "using_declaration" and "std" in text_of(node)]
    return nodes + [node for node in root.children if _is_host_prototype(node)]


def _is_host_prototype(node: Node) -> bool:
    declares = node.type == "declaration" and any(child.type == "function_declarator" for child in node.children)
    return declares and not re.search(r"__(global|device)__", text_of(node))


def _with_pragmas(text: str, stripped: list[Node], pragmas: list[_Line]) -> str:
    """Blanks the stripped nodes and writes each pragma on the line it comes from, or on the next one that is free."""
    raw = bytearray(text.encode())
    free: set[int] = set()
    for node in stripped:
        for place in range(node.start_byte, node.end_byte):
            if raw[place] != ord("\n"):
                raw[place] = ord(" ")
        free |= set(range(node.start_point.row, node.end_point.row + 1))
    lines = [line.rstrip() for line in raw.decode().split("\n")]
    last = -1
    for pragma in pragmas:
        place = max(pragma.line - 1, last + 1)
        if place >= len(lines) or place not in free or lines[place]:
            lines.insert(place, "")
            free = {row if row < place else row + 1 for row in free}
        lines[place] = f"#pragma kernelevo {pragma.text}"
        last = place
    return "\n".join(lines).rstrip() + "\n"


def _check(device_text: str, file_name: str) -> None:
    """The derived lines must read as a plan; what they may still lack is a value of a macro."""
    try:
        read_plan(device_text, file_name)
    except PlanError as error:
        raise BadInput(f"{error} (in the plan derived from the host code; write the launch line yourself)") from error


def _note(launcher: SourceFunction, names: dict[str, str], count: int) -> str:
    renamed = [f"{own} as {name}" for own, name in names.items() if own != name]
    mapping = f"; it takes {', '.join(renamed)}" if renamed else ""
    steps = f"{count} step{'s' if count != 1 else ''}"
    end = launcher.node.end_point.row + 1
    return f"host code left out, plan of {steps} derived from {launcher.name} (lines {launcher.line}-{end}){mapping}"
