"""Element by element -> 16 bytes at a time.

Found: strided loops (strided_loops.py) that load or store neighbouring elements of arrays declared to be aligned to
16 bytes. Written: each thread takes several neighbouring iterations at once, with one vector access for each array
and an unrolled inner loop for the work. What does not fill a vector is done in one of two ways: where rows start at
multiples of the vector whatever their length, by the old loop over the rest; else by the old kernel, kept in the
file, where the new kernel's guard (`when(cols % 4 == 0)`) fails.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tree_sitter import Node

from kernelevo.proposers.rules.accesses import Access, find_accesses
from kernelevo.proposers.rules.kernels import Kernel
from kernelevo.proposers.rules.lanes import indent_unit
from kernelevo.proposers.rules.launches import LaunchText, add_launch_before
from kernelevo.proposers.rules.parallel_loops import stays_private
from kernelevo.proposers.rules.polynomials import MAX_TEXT, Polynomial, TooComplex
from kernelevo.proposers.rules.strided_loops import StridedLoop, strided_loops
from kernelevo.proposers.rules.subject import Launched, Rewrite, Subject, renamed_text
from kernelevo.proposers.rules.syntax import (
    LOOPS,
    Edits,
    ancestors,
    arguments,
    bare,
    child_of,
    indentation,
    inside,
    of_type,
    operator_of,
    reindented,
    root_of,
    text_of,
)

_VECTORS = {
    ("float", 4): "float4",
    ("float", 2): "float2",
    ("int", 4): "int4",
    ("int", 2): "int2",
    ("unsigned", 4): "uint4",
    ("unsigned", 2): "uint2",
    ("double", 2): "double2",
}
_BYTES = {"float": 4, "int": 4, "unsigned": 4, "double": 8}


@dataclass(frozen=True)
class _Target:
    """Elements in one access, and the parameter that the new kernel's guard says is a multiple of it (None: no
    guard).
    """

    width: int
    guard: str | None

    def divides(self, form: Polynomial) -> bool:
        """Whether the form is a multiple of the width where the guard holds."""
        return all(value % self.width == 0 or self.guard in monomial for monomial, value in form.terms.items())


@dataclass(eq=False)
class _Vector:
    """The accesses of one loop to the same neighbouring elements, done by one vector load or store or both."""

    accesses: list[Access] = field(default_factory=list)

    @property
    def stores(self) -> bool:
        return any(access.stores for access in self.accesses)

    @property
    def loads(self) -> bool:
        """Whether the old elements are needed: not where an assignment that is over before any load overwrites them."""
        reading = [access.node.start_byte for access in self.accesses if access.loads]
        writing = [
            access.node.parent.end_byte
            for access in self.accesses
            if access.stores and not access.loads and access.node.parent is not None
        ]
        return bool(reading) and (not writing or min(reading) < min(writing))


def vector_loads(subject: Subject, parameters: Mapping[str, tuple[int, ...]]) -> Iterator[Rewrite]:
    """`width`: elements in one access."""
    for launched in subject.launched():
        accesses = find_accesses(launched.kernel, launched.forms)
        if accesses is None or not subject.separate(launched):
            continue
        loops = [loop for loop in strided_loops(subject, launched, accesses) if loop.width == 1]
        if not loops or not stays_private(launched.kernel, accesses, [loop.parallel for loop in loops], launched.forms):
            continue
        for width in parameters["width"]:
            yield from _rewritten(subject, launched, loops, accesses, width)


def _rewritten(
    subject: Subject, launched: Launched, loops: list[StridedLoop], accesses: list[Access], width: int
) -> Iterator[Rewrite]:
    """The kernel with the most vectors that can be had under one guard; if as many can be had without one, then so."""
    kernel = launched.kernel
    best: tuple[_Target, dict[StridedLoop, list[_Vector]]] = (_Target(width, None), {})
    for guard in [None, *(parameter.name for parameter in kernel.parameters if not parameter.is_pointer)]:
        target = _Target(width, guard)
        changed = {loop: found for loop in loops if (found := _vectors(subject, launched, loop, target))}
        if _consistent(loops, changed, accesses) and sum(map(len, changed.values())) > sum(map(len, best[1].values())):
            best = (target, changed)
    target, changed = best
    if not changed:
        return
    edits = subject.edits()
    for loop, vectors in changed.items():
        _vectorise(subject, launched, loop, vectors, target, edits)
    note = f"vector_loads({kernel.name}, width={width})"
    if target.guard is None:
        yield Rewrite(edits.text(), note)
    elif (condition := launched.in_plan(Polynomial.atom(target.guard))) is not None:
        name = subject.fresh(f"{kernel.name}_vec{width}")
        condition = condition if condition.isidentifier() else f"({condition})"
        yield Rewrite(guarded_copy(subject, launched, edits, name, f"{condition} % {width} == 0"), note)


def guarded_copy(subject: Subject, launched: Launched, inner: Edits, name: str, condition: str) -> str:
    """The file with an edited copy of the kernel under a new name, launched where the condition holds."""
    edits = subject.edits()
    told = f"// {launched.kernel.name} where {condition}."
    edits.insert(launched.kernel.outer.end_byte, f"\n\n{told}\n{renamed_text(launched.kernel, name, inner)}")
    line = LaunchText.of(launched.line)
    guarded = LaunchText(
        name, line.grid, line.block, line.shared, line.arguments, line.guard, line.cooperative, line.cluster
    )
    add_launch_before(edits, launched.line, guarded.guarded(condition))
    return edits.text()


def _consistent(loops: list[StridedLoop], changed: Mapping[StridedLoop, list[_Vector]], accesses: list[Access]) -> bool:
    """Whether what one loop stores and another loads is still done by the same thread: then both change, or none."""
    for array in {access.array for access in accesses if access.stores}:
        users = [loop for loop in loops if any(access.array is array for access in loop.parallel.accesses)]
        if len({loop in changed for loop in users}) > 1:
            return False
    return True


def _vectors(subject: Subject, launched: Launched, loop: StridedLoop, target: _Target) -> list[_Vector]:
    """The vectors of the loop, if its bound and the rows of all of them are multiples of the width under the guard."""
    bound = launched.forms.of(loop.parallel.loop.bound)
    if target.guard is not None and not target.divides(bound):
        return []
    vectors: dict[tuple[str, str], _Vector] = {}
    for access in loop.parallel.accesses:
        along = access.index.coefficient(loop.counter)
        if along is None or along.value != 1 or access.width != 1 or access.atomic:
            continue
        vectors.setdefault((access.array.name, str(access.index)), _Vector()).accesses.append(access)
    return [vector for vector in vectors.values() if _fits(subject, launched, loop, vector, target)]


def _fits(subject: Subject, launched: Launched, loop: StridedLoop, vector: _Vector, target: _Target) -> bool:
    """Whether the elements are aligned, and accessed in every iteration whatever the data."""
    array = vector.accesses[0].array
    size = _BYTES.get(array.type)
    if size is None or (array.type, target.width) not in _VECTORS:
        return False
    if subject.alignment(launched, array) < size * target.width:
        return False
    base = vector.accesses[0].index.without(loop.counter)
    certain = [always(access, loop.parallel.loop.node) for access in vector.accesses]
    reached = all(certain) if vector.stores else any(certain)
    return reached and target.divides(base)


def always(access: Access, loop: Node) -> bool:
    """Whether every iteration of the loop makes the access."""
    below = access.node
    for above in ancestors(access.node, loop):
        if above.type in (*LOOPS, "switch_statement"):
            return False
        if above.type in ("if_statement", "conditional_expression") and below != child_of(above, "condition"):
            return False
        if (
            above.type == "binary_expression"
            and operator_of(above) in ("&&", "||")
            and below == child_of(above, "right")
        ):
            return False
        below = above
    return True


def _vectorise(
    subject: Subject, launched: Launched, loop: StridedLoop, vectors: list[_Vector], target: _Target, edits: Edits
) -> None:
    """Replaces the loop by its vector form, followed by the old loop over the rest if no guard says that there is
    none.
    """
    kernel, counted, width = launched.kernel, loop.parallel.loop, target.width
    unit, pad = indent_unit(kernel), indentation(counted.node)
    part = subject.fresh("part")
    inner = Edits(edits.data)
    opening, closing = [], []
    labels: list[str] = []
    for vector in vectors:
        label = f"{vector.accesses[0].array.name}_parts"
        labels.append(subject.fresh(label if label not in labels else f"{label}{labels.count(label) + 1}"))
        before, after = _moves(vector, labels[-1], _address(kernel, loop, vector.accesses[0]), width)
        for access in vector.accesses:
            inner.replace(access.node, f"{labels[-1]}[{part}]")
        opening += before
        closing += after
    _shift_counter(kernel, loop, vectors, part, inner)
    work = reindented(body_text(inner, counted.body), unit)
    lines = [*opening, "#pragma unroll", f"for (int {part} = 0; {part} < {width}; {part}++) {{", work, "}", *closing]
    body = reindented("\n".join(lines), pad + unit)
    text = f"{_header(loop, target)} {{\n{body}\n{pad}}}"
    if target.guard is None:
        text += f"\n{pad}{_tail(loop, width)}"
    edits.replace(counted.node, text)


def _moves(vector: _Vector, label: str, address: str, width: int) -> tuple[list[str], list[str]]:
    """The lines before and after the inner loop that move the vector between memory and the array `label`."""
    array = vector.accesses[0].array
    kind = _VECTORS[array.type, width]
    before = [f"{array.type} {label}[{width}];"]
    if vector.loads:
        whole = f"{label.removesuffix('parts')}vector"
        values = ", ".join(f"{whole}.{name}" for name in "xyzw"[:width])
        constant = "" if vector.stores else "const "
        before = [
            f"const {kind} {whole} = *reinterpret_cast<const {kind}*>({address});",
            f"{constant}{array.type} {label}[{width}] = {{{values}}};",
        ]
    values = ", ".join(f"{label}[{number}]" for number in range(width))
    after = [f"*reinterpret_cast<{kind}*>({address}) = make_{kind}({values});"] if vector.stores else []
    return before, after


def _address(kernel: Kernel, loop: StridedLoop, access: Access) -> str:
    """The address of the access as text that stands outside the loop's body: locals of the body are spelled out."""
    node = access.node
    if node.type == "call_expression":
        return _spelled_out(kernel, loop, arguments(node)[0])
    if node.type == "pointer_expression":
        return _spelled_out(kernel, loop, bare(child_of(node, "argument")))
    return f"&{_spelled_out(kernel, loop, node)}"


def _spelled_out(kernel: Kernel, loop: StridedLoop, node: Node) -> str:
    spelled = Edits(text_of(root_of(node)).encode())
    for use in of_type(node, "identifier"):
        found = kernel.names.declaration(use)
        if found is not None and inside(found.identifier, loop.parallel.loop.body) and found.value is not None:
            text = _spelled_out(kernel, loop, found.value)
            spelled.replace(use, text if text.isidentifier() else f"({text})")
    text = spelled.of(node)
    if len(text) > MAX_TEXT:
        raise TooComplex
    return text


def _shift_counter(kernel: Kernel, loop: StridedLoop, vectors: list[_Vector], part: str, inner: Edits) -> None:
    """Makes what remains of the work use the element's own counter, and drops locals that only named replaced
    elements.
    """
    replaced = [access.node for vector in vectors for access in vector.accesses]
    dropped: list[Node] = []
    body = loop.parallel.loop.body
    for local in reversed(kernel.names.declarations):
        uses = kernel.names.uses(local)
        gone = [*replaced, *dropped]
        if inside(local.identifier, body) and uses and all(any(inside(use, node) for node in gone) for use in uses):
            alone = sum(other.statement == local.statement for other in kernel.names.declarations) == 1
            if alone and kernel.names.is_constant(local):
                dropped.append(local.statement)
                inner.remove_line(local.statement)
    for use in kernel.names.uses(loop.parallel.loop.counter):
        if inside(use, body) and not any(inside(use, node) for node in (*replaced, *dropped)):
            closed = use.parent is not None and use.parent.type in ("subscript_argument_list", "argument_list")
            text = f"{loop.counter} + {part}"
            inner.replace(use, text if closed else f"({text})")


def _header(loop: StridedLoop, target: _Target) -> str:
    counted, width = loop.parallel.loop, target.width
    start, bound, name = text_of(counted.start), text_of(counted.bound), loop.counter
    start = start if start.replace(".", "").isidentifier() else f"({start})"
    condition = f"{name} + {width - 1} < {bound}" if target.guard is None else f"{name} < {bound}"
    step = "1" if counted.step is None else text_of(counted.step)
    stride = str(int(step) * width) if step.isdigit() else f"{step} * {width}"
    return f"for ({counted.counter.type} {name} = {start} * {width}; {condition}; {name} += {stride})"


def _tail(loop: StridedLoop, width: int) -> str:
    """The old loop, beginning where the last whole vector ends."""
    counted = loop.parallel.loop
    edits = Edits(text_of(root_of(counted.node)).encode())
    bound = text_of(counted.bound)
    bound = bound if bound.isidentifier() else f"({bound})"
    edits.insert(counted.start.start_byte, f"{bound} / {width} * {width} + ")
    return edits.of(counted.node)


def body_text(inner: Edits, body: Node) -> str:
    if body.type != "compound_statement":
        return inner.of(body)
    return inner.within(body.start_byte + 1, body.end_byte - 1).strip("\n").rstrip()
