"""One row per thread -> one row per warp, or per block.

Found: a kernel whose threads each have an index (or whose blocks have a single thread) and walk with it through
loops of independent iterations over neighbouring elements. Neighbouring threads then read far apart, 32 sectors for
one request. Written: the index becomes that of the warp or block, each loop is shared out among its threads with
neighbouring threads at neighbouring elements, every reduction is completed by shuffles so that all threads hold it,
and stores outside the loops are left to one thread. The rest of the kernel is done by all threads alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tree_sitter import Node

from kernelevo.proposers.rules.accesses import Access, find_accesses
from kernelevo.proposers.rules.effects import has_barrier, only_harmless_calls
from kernelevo.proposers.rules.lanes import Combiner, add_combiners
from kernelevo.proposers.rules.launches import LaunchText, covered_items, multiplied, replace_launch
from kernelevo.proposers.rules.names import Declaration
from kernelevo.proposers.rules.parallel_loops import (
    ParallelLoop,
    outer_writes,
    parallel_loop,
    result_is_used,
    stays_private,
)
from kernelevo.proposers.rules.polynomials import Forms, Polynomial
from kernelevo.proposers.rules.reductions import Reduction, identity_text, is_extremum
from kernelevo.proposers.rules.subject import WARP, Launched, Rewrite, Subject
from kernelevo.proposers.rules.syntax import (
    Edits,
    ancestors,
    bare,
    callee,
    child_of,
    indentation,
    of_type,
    operator_of,
    root_of,
    statements_of,
    text_of,
)
from kernelevo.proposers.rules.thread_index import BUILT_IN, global_index, uses_elsewhere

_OWN = (*(f"{name}.x" for name in BUILT_IN), "threadIdx.y", "threadIdx.z", "blockDim.y", "blockDim.z")


@dataclass(frozen=True)
class Group:
    """The threads that share a row: how many, and the group's number, as CUDA text."""

    name: str
    size: str
    number: str


WARP_GROUP = Group("warp", "32", "blockIdx.x * (blockDim.x / 32) + threadIdx.x / 32")
BLOCK_GROUP = Group("block", "blockDim.x", "blockIdx.x")


@dataclass(eq=False)
class _Rows:
    """What was found in a kernel: its row index (None where a block is one thread), loops, and lone stores."""

    row: Declaration | None
    accesses: list[Access]
    loops: list[ParallelLoop] = field(default_factory=list)
    single: list[Node] = field(default_factory=list)


def row_per_warp(subject: Subject, parameters: Mapping[str, tuple[int, ...]]) -> Iterator[Rewrite]:
    """One warp for each row; `block`: threads of a block where the plan's block is not made of whole warps."""
    for launched, rows in _candidates(subject):
        if rows.row is not None:
            yield from _rewritten(subject, launched, rows, WARP_GROUP, parameters["block"])


def row_per_block(subject: Subject, parameters: Mapping[str, tuple[int, ...]]) -> Iterator[Rewrite]:
    """One block for each row; `block`: threads of a block where the plan's block is not made of whole warps."""
    for launched, rows in _candidates(subject):
        yield from _rewritten(subject, launched, rows, BLOCK_GROUP, parameters["block"])


def _candidates(subject: Subject) -> Iterator[tuple[Launched, _Rows]]:
    for launched in subject.launched():
        if launched.is_flat and subject.separate(launched):
            rows = _find_rows(subject, launched)
            if rows is not None:
                yield launched, rows


def _find_rows(subject: Subject, launched: Launched) -> _Rows | None:
    """The kernel's rows, if it is one thread per row with loops that can be shared out and would gain from it."""
    kernel = launched.kernel
    accesses = find_accesses(kernel, launched.forms)
    if accesses is None or has_barrier(kernel.body):
        return None
    lone = launched.line.block[0].text == "1"
    rows = _Rows(None if lone else global_index(launched, "x"), accesses)
    allowed = () if rows.row is None else (rows.row.statement,)
    own = tuple(name for name in _OWN if not (lone and name.startswith(("blockIdx", "gridDim"))))
    if (rows.row is None and not lone) or uses_elsewhere(kernel, allowed, own):
        return None
    if not all(_uniform(subject, launched, statement, accesses, rows) for statement in statements_of(kernel.body)):
        return None
    gains = any(_is_far_apart(access, parallel, rows.row) for parallel in rows.loops for access in parallel.accesses)
    return rows if gains and stays_private(launched.kernel, accesses, rows.loops, launched.forms) else None


def _uniform(subject: Subject, launched: Launched, node: Node, accesses: list[Access], rows: _Rows) -> bool:
    """Whether all threads of a group may execute the statement alike; notes loops to share out and stores for one
    thread.
    """
    kernel = launched.kernel
    functions = dict(subject.functions)
    if node.type in ("for_statement", "while_statement", "do_statement"):
        found = parallel_loop(kernel, launched.forms, node, accesses, functions)
        if found is not None:
            rows.loops.append(found)
        return found is not None or not any(access.within(node) for access in accesses)
    if node.type == "compound_statement":
        return all(_uniform(subject, launched, inner, accesses, rows) for inner in statements_of(node))
    if node.type == "if_statement":
        return _uniform_branch(subject, launched, node, accesses, rows)
    if node.type in ("return_statement", "declaration", "expression_statement"):
        return _uniform_step(functions, node, accesses, rows)
    return False


def _uniform_branch(subject: Subject, launched: Launched, node: Node, accesses: list[Access], rows: _Rows) -> bool:
    condition = child_of(node, "condition")
    if any(access.within(condition) and access.stores for access in accesses):
        return False
    if not only_harmless_calls(condition, subject.functions, atomics=False):
        return False
    branches = [child_of(node, "consequence")]
    other = node.child_by_field_name("alternative")
    if other is not None:
        branches += [child for child in other.named_children if child.type != "comment"]
    return all(_uniform(subject, launched, branch, accesses, rows) for branch in branches)


def _uniform_step(functions: Mapping[str, list[Node]], node: Node, accesses: list[Access], rows: _Rows) -> bool:
    stores = [access for access in accesses if access.within(node) and access.stores]
    if "__shared__" in text_of(node) or not only_harmless_calls(node, functions, atomics=True):
        return False
    if not stores:
        return True
    # One thread executes the statement, so that nothing else may come of it than the store.
    store = stores[0]
    alone = len(stores) == 1 and node.type == "expression_statement"
    if not alone or (store.atomic and result_is_used(store)):
        return False
    top = node.named_children[0]
    if not store.atomic and not (top.type == "assignment_expression" and bare(child_of(top, "left")) == store.node):
        return False
    rows.single.append(node)
    return True


def _is_far_apart(access: Access, parallel: ParallelLoop, row: Declaration | None) -> bool:
    """Whether iterations are neighbours in memory, but threads are not."""
    along = access.index.coefficient(parallel.loop.counter.name)
    step = along.value if along is not None else None
    if step != 1:
        return False
    if row is None:
        return True
    across = access.index.coefficient("threadIdx.x")
    return across is not None and bool(across.terms) and across.value not in (1, -1)


def _rewritten(
    subject: Subject, launched: Launched, rows: _Rows, group: Group, blocks: tuple[int, ...]
) -> Iterator[Rewrite]:
    """The rewritten text: as it is launched where blocks are whole warps, else once for each block size of `blocks`."""
    used = {write for parallel in rows.loops for write in outer_writes(launched.kernel, parallel.loop.node)}
    reduced = {one.variable for parallel in rows.loops for one in parallel.reductions}
    if used != reduced:
        return
    for block in [None] if subject.whole_warps(launched.line) else list(blocks):
        edits = subject.edits()
        size = launched.line.block[0].text if block is None else str(block)
        replace_launch(edits, launched.line, _launch(launched, group, size))
        if not _share_out(subject, launched, rows, group, edits):
            return
        note = "" if block is None else f", block={block}"
        yield Rewrite(edits.text(), f"row_per_{group.name}({launched.kernel.name}{note})")


def _launch(launched: Launched, group: Group, block: str) -> LaunchText:
    """The launch line with as many groups as there were threads before."""
    before = LaunchText.of(launched.line)
    items = covered_items(before.grid[0], before.block[0])
    threads = items if items is not None else multiplied(before.grid[0], before.block[0])
    if group.name == "block":
        return before.with_grid(threads).with_block(block)
    per_block = str(int(block) // WARP) if block.isdigit() else f"{block} / {WARP}"
    grid = threads if per_block == "1" else f"ceildiv({threads}, {per_block})"
    return before.with_grid(grid).with_block(block)


def _share_out(subject: Subject, launched: Launched, rows: _Rows, group: Group, edits: Edits) -> bool:
    """Makes the edits of the kernel; False if something in the file stands in the way."""
    kernel = launched.kernel
    member = "threadIdx.x"
    if rows.row is not None and rows.row.value is not None:
        edits.replace(rows.row.value, group.number)
    if rows.row is not None and group is WARP_GROUP:
        member, place = subject.fresh("lane"), rows.row.statement
        edits.insert(place.end_byte, f"\n{indentation(place)}const int {member} = threadIdx.x % 32;")
    combiners: list[Combiner] = []
    for parallel in rows.loops:
        stride_loop(parallel, edits, member, group.size, _repeats_first(parallel, launched.forms, rows.accesses))
        _complete(parallel, edits, member, group, combiners)
    for statement in rows.single:
        text = f"if ({member} == 0) {text_of(statement)}"
        is_branch = statement.parent is not None and statement.parent.type != "compound_statement"
        edits.replace(statement, f"{{ {text} }}" if is_branch else text)
    return add_combiners(edits, kernel, combiners)


def stride_loop(parallel: ParallelLoop, edits: Edits, member: str, size: str, from_zero: bool) -> None:
    """Lets the thread number `member` of `size` threads take every size-th iteration, beginning at its own.

    A maximum that was declared as the first element and goes on at the second may as well go on at the first
    (`from_zero`), which leaves the accesses aligned.
    """
    loop = parallel.loop
    step = None if loop.step is None or text_of(loop.step) == "1" else text_of(loop.step)
    offset = member if step is None else f"{member} * ({step})"
    start = "0" if from_zero else text_of(loop.start)
    edits.replace(loop.start, offset if start == "0" else f"{start} + {offset}")
    edits.replace(loop.update, f"{loop.counter.name} += {size if step is None else f'{size} * ({step})'}")


def _repeats_first(parallel: ParallelLoop, forms: Forms, accesses: list[Access]) -> bool:
    """Whether the loop starts at 1 and at 0 would only repeat what its maxima and minima were declared as."""
    loop = parallel.loop
    if forms.of(loop.start).value != 1 or loop.step is not None or not parallel.reductions:
        return False
    if any(one.operator.identity is not None or not _compares_loads(one) for one in parallel.reductions):
        return False
    if any(access.stores or access.index.coefficient(loop.counter.name) is None for access in parallel.accesses):
        return False
    at_zero = {
        (access.array, str(access.index.substitute(loop.counter.name, Polynomial({})))) for access in parallel.accesses
    }
    started = {
        (access.array, str(access.index))
        for access in accesses
        for one in parallel.reductions
        if one.variable.value is not None and bare(one.variable.value) == access.node
    }
    return len(parallel.reductions) == len(at_zero) == 1 and at_zero == started


def _compares_loads(one: Reduction) -> bool:
    """Whether what the reduction takes the maximum of is the loaded element itself, with no arithmetic on it."""
    kinds = {node.type for update in one.updates for node in of_type(update, "unary_expression", "cast_expression")}
    calls = [callee(call) for update in one.updates for call in of_type(update, "call_expression")]
    plain = all(
        operator_of(node) in ("<", ">", "<=", ">=")
        or any(above.type == "subscript_argument_list" for above in ancestors(node, update))
        for update in one.updates
        for node in of_type(update, "binary_expression")
    )
    return not kinds and all(map(is_extremum, calls)) and plain and len(one.updates) == 1


def _complete(parallel: ParallelLoop, edits: Edits, member: str, group: Group, combiners: list[Combiner]) -> None:
    """Adds what completes the loop's reductions, and starts sums so that the value before the loop counts once."""
    node = parallel.loop.node
    pad = indentation(node)
    before, after = "", ""
    for one in parallel.reductions:
        combiner = Combiner(group.name, one.operator, one.variable.type)
        combiners.append(combiner)
        name = one.variable.name
        identity = identity_text(one.operator, one.variable.type)
        if identity is not None and not _starts_at_identity(one, node):
            before += f"if ({member} != 0) {name} = {identity};\n{pad}"
        after += f"\n{pad}{name} = {combiner.name}({name});"
    if not parallel.reductions:
        return
    braces = node.parent is not None and node.parent.type != "compound_statement"
    edits.insert(_start_with_pragma(node), ("{ " if braces else "") + before)
    edits.insert(node.end_byte, after + (" }" if braces else ""))


def _start_with_pragma(node: Node) -> int:
    """Where the loop starts, with an unroll pragma directly above it."""
    before = node.prev_sibling
    return before.start_byte if before is not None and before.type == "preproc_call" else node.start_byte


def _starts_at_identity(one: Reduction, loop: Node) -> bool:
    """Whether the variable holds the identity when the loop starts: it is declared so, and nothing writes it in
    between.
    """
    value = one.variable.value
    zero = {"sum": 0.0, "or": 0.0, "xor": 0.0, "product": 1.0}.get(one.operator.name)
    if value is None or zero is None or value.type != "number_literal":
        return False
    try:
        starts = float(text_of(value).rstrip("fFuUlL")) == zero
    except ValueError:
        return False
    declared_beside = one.variable.statement.parent == loop.parent
    between = [
        use
        for use in of_type(root_of(loop), "identifier")
        if one.variable.identifier.end_byte < use.start_byte < loop.start_byte and text_of(use) == one.variable.name
    ]
    return starts and declared_beside and not between
