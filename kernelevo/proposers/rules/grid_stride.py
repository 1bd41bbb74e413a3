"""One item per thread -> a loop over items, a grid apart, on as many threads as the device holds.

Found: a kernel with a thread index and one guard `if (i < n)` (or its returning form) whose work depends on the
thread by nothing but the index. Written: the guard becomes the loop `for (int i = ...; i < n; i += gridDim.x *
blockDim.x)`, and the grid at most `waves` blocks for each multiprocessor. Alone it saves little; atomic_reduce and
vector_loads build on it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tree_sitter import Node

from kernelevo.proposers.rules.accesses import Access, find_accesses
from kernelevo.proposers.rules.effects import has_barrier, only_harmless_calls
from kernelevo.proposers.rules.lanes import indent_unit
from kernelevo.proposers.rules.launches import LaunchText, replace_launch
from kernelevo.proposers.rules.names import Declaration
from kernelevo.proposers.rules.subject import Launched, Rewrite, Subject
from kernelevo.proposers.rules.syntax import Edits, child_of, indentation, inside, of_type, reindented, text_of
from kernelevo.proposers.rules.thread_index import BUILT_IN, Guard, find_guard, global_index, uses_elsewhere

_BLOCK_PARTS = tuple(
    f"{name}.{axis}"
    for name in BUILT_IN
    for axis in "xyz"
    if (name, axis) not in (("blockIdx", "y"), ("blockIdx", "z"), ("gridDim", "y"), ("gridDim", "z"))
)


@dataclass(frozen=True, eq=False)
class Items:
    """A kernel with one item per thread: its index, the bound of the index, its guard and its accesses."""

    index: Declaration
    bound: Node
    guard: Guard
    accesses: list[Access]


def grid_stride(subject: Subject, parameters: Mapping[str, tuple[int, ...]]) -> Iterator[Rewrite]:
    """`waves`: blocks for each multiprocessor."""
    for launched in subject.launched():
        items = find_items(subject, launched)
        if items is None:
            continue
        for waves in parameters["waves"]:
            edits = subject.edits()
            loop_over_items(launched, items, edits, [], [])
            limit_grid(launched, edits, waves)
            yield Rewrite(edits.text(), f"grid_stride({launched.kernel.name}, waves={waves})")


def find_items(subject: Subject, launched: Launched) -> Items | None:
    """The kernel's items, if each is worked on by one thread independently of which thread that is."""
    kernel = launched.kernel
    index, guard = global_index(launched, "x"), find_guard(kernel)
    if not launched.is_flat or index is None or guard is None or len(guard.pairs) != 1 or has_barrier(kernel.body):
        return None
    bound, accesses = guard.bound_of(kernel, index), find_accesses(kernel, launched.forms)
    if bound is None or accesses is None or uses_elsewhere(kernel, (index.statement,), _BLOCK_PARTS):
        return None
    if not _movable(launched, index, guard, bound):
        return None
    calm = only_harmless_calls(kernel.body, subject.functions, atomics=True)
    returns = any(next(of_type(statement, "return_statement"), None) for statement in guard.body)
    return Items(index, bound, guard, accesses) if calm and not returns else None


def _movable(launched: Launched, index: Declaration, guard: Guard, bound: Node) -> bool:
    """Whether the guard can become a loop: its bound does not depend on the thread, the index is declared alone, and
    what is declared before it stands on its own or can move into the loop.
    """
    form = launched.forms.of(bound)
    if form.mentions("threadIdx.x") or form.mentions("blockIdx.x"):
        return False
    names = launched.kernel.names
    declared = [local for local in names.declarations if local.statement == index.statement]
    shared = any(local.is_shared for local in names.declarations if not local.is_parameter)
    used = [names.declaration(use) for use in of_type(bound, "identifier")]
    needed_early = any(
        found is not None and not found.is_parameter and found in _late(launched, index, guard) for found in used
    )
    return len(declared) == 1 and not shared and index.statement in guard.opening and not needed_early


def _late(launched: Launched, index: Declaration, guard: Guard) -> list[Declaration]:
    """The declarations between the index and the guard, which move into the loop."""
    after = guard.opening[guard.opening.index(index.statement) + 1 :]
    return [local for local in launched.kernel.names.declarations if local.statement in after]


def loop_over_items(launched: Launched, items: Items, edits: Edits, before: list[str], after: list[str]) -> None:
    """Turns the guard into the loop; `before` and `after` are statements to put around it."""
    kernel, guard, index = launched.kernel, items.guard, items.index
    if index.value is None:
        raise ValueError("an item index without a value")
    name, unit, pad = index.name, indent_unit(kernel), indentation(guard.node)
    header = (
        f"for ({index.type} {name} = {text_of(index.value)}; {name} < {text_of(items.bound)}; "
        f"{name} += gridDim.x * blockDim.x)"
    )
    moved = [local.statement for local in _late(launched, index, guard)]
    end = kernel.body.end_byte - 1
    body = _body_text(guard, edits, end)
    lines = [text_of(statement) for statement in dict.fromkeys(moved)]
    text = "\n".join([*lines, reindented(body, "")]) if lines else reindented(body, "")
    for statement in [index.statement, *dict.fromkeys(moved)]:
        edits.remove_line(statement)
    finish = guard.node.end_byte if _holds_body(guard) else end
    loop = f"{header} {{\n{reindented(text, pad + unit)}\n{pad}}}"
    edits.changes = [change for change in edits.changes if not guard.node.start_byte <= change[0] < finish]
    tail = "" if _holds_body(guard) else "\n"
    around = "".join(f"{line}\n{pad}" for line in before) + "".join([loop, *(f"\n{pad}{line}" for line in after)])
    edits.span(guard.node.start_byte, finish, around + tail)


def limit_grid(launched: Launched, edits: Edits, waves: int) -> None:
    """Launches at most so many blocks for each multiprocessor."""
    before = LaunchText.of(launched.line)
    replace_launch(edits, launched.line, before.with_grid(f"min({before.grid[0]}, sms * {waves})"))


def _holds_body(guard: Guard) -> bool:
    return bool(guard.body) and inside(guard.body[0], guard.node)


def _body_text(guard: Guard, edits: Edits, end: int) -> str:
    """The text of the guarded statements, edited, with the comments between them, first line unindented like the
    rest.
    """
    if not _holds_body(guard):
        text = edits.within(guard.node.end_byte, end)
        return text.strip("\n").rstrip()
    block = child_of(guard.node, "consequence")
    if block.type != "compound_statement":
        return edits.of(block)
    return edits.within(block.start_byte + 1, block.end_byte - 1).strip("\n").rstrip()
