"""Hypothesis draws random programs (programs.py) that end, in which masks are right and nothing races.

Control flow is of three kinds. Uniform: all threads of the block are there, so barriers are allowed, and leaving.
Masked: the lanes of one mask are there, so they may shuffle and vote; each branch and each turn of a loop makes its
mask by a ballot. Quiet: nobody knows who is there; loops may be left and continued from anywhere. So are functions.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from hypothesis import strategies as st
from program_forms import FORMS, Form
from programs import (
    COUNTS,
    DEPTH,
    SUM_OPERATIONS,
    WIDTHS,
    Access,
    Accumulate,
    Barrier,
    Call,
    Collective,
    Compute,
    Exchange,
    Guard,
    Instruction,
    Jump,
    Label,
    Leave,
    Lookup,
    Narrow,
    OwnAtomic,
    Program,
    ReturnIf,
    Set,
    Shuffle,
    Step,
)

Draw = st.DrawFn
NAMES = {file: st.sampled_from([f"{file}{number}" for number in range(count)]) for file, count in COUNTS.items()}
GUARDS = st.one_of(st.none(), st.none(), st.none(), st.builds(Guard, NAMES["p"], st.booleans()))
INDICES = st.one_of(NAMES["r"], st.integers(0, 63))
COLLECTIVES = [
    ("vote.sync.ballot.b32", "r", "p"),
    ("vote.sync.any.pred", "p", "p"),
    ("vote.sync.all.pred", "p", "p"),
    ("vote.sync.uni.pred", "p", "p"),
    ("match.any.sync.b32", "r", "r"),
    ("match.any.sync.b64", "r", "d"),
    *((f"redux.sync.{operation}", "r", "r") for operation in ("add.s32", "and.b32", "or.b32", "xor.b32", "min.s32")),
    ("redux.sync.max.u32", "r", "r"),
]
REDUCTIONS = [("popc.u32", "r"), ("and.pred", "p"), ("or.pred", "p")]
VECTORS = [("b32", ("r0", "r1")), ("b32", ("r4", "r2", "r5", "r3")), ("f32", ("f1", "f3")), ("b64", ("d2", "d0"))]


@dataclass(frozen=True)
class Place:
    """Where a statement stands: `mask` is the depth of masks, None where quiet; `exits` are the loop's labels."""

    level: int = 0
    mask: int | None = 0
    uniform: bool = True
    exits: tuple[str, str] | None = None
    function: bool = False
    callable: int = 0  # how many functions may be called here

    def inside(self, **changes: object) -> Place:
        return replace(self, level=self.level + 1, uniform=False, **changes)


@dataclass
class Writer:
    """Collects instructions and makes labels."""

    draw: Draw
    code: list[Instruction] = field(default_factory=list)
    labels: int = 0

    def label(self) -> str:
        self.labels += 1
        return f"L{self.labels}"

    def add(self, *instructions: Instruction) -> None:
        self.code.extend(instructions)


@st.composite
def programs(draw: Draw, statements: int = 30) -> Program:
    program = Program(block=draw(st.sampled_from([40, 32, 7])), grid=draw(st.sampled_from([1, 1, 2])))
    program.seed = draw(st.integers(0, 1000))
    for _ in range(draw(st.integers(0, 2))):
        program.functions.append(_function(draw))
    writer = Writer(draw)
    _statements(writer, Place(callable=len(program.functions)), statements)
    program.body = writer.code
    return program


def _function(draw: Draw) -> list[Instruction]:
    writer = Writer(draw)
    _statements(writer, Place(level=DEPTH - 2, mask=None, uniform=False, function=True), 4)
    return writer.code


def _statements(to: Writer, place: Place, most: int) -> None:
    """Hypothesis favours small numbers, so few statements are left to `_nothing`, which is what each shrinks to."""
    for _ in range(to.draw(st.integers(most // 2, most))):
        to.draw(st.sampled_from(_choices(place)))(to, place)


Statement = Callable[[Writer, Place], None]


def _choices(place: Place) -> list[Statement]:
    found: list[Statement] = [_nothing, *[_compute] * 6]
    if not place.function:
        found += [_access, _access, _access, _lookup, _accumulate, _own_atomic]
    if place.callable:
        found += [_call]
    if place.function:
        found += [_return_if]
    if place.exits:
        found += [_break]
    if place.mask is not None:
        found += [_shuffle, _shuffle, _collective]
    if place.uniform:
        found += [_barrier, _barrier, _exchange, _exchange, _leave]
    if place.level < DEPTH:
        found += [_branch, _branch, _loop]
    return found


def _registers(to: Writer, files: str) -> tuple[str, ...]:
    return tuple(to.draw(NAMES[file]) for file in files)


def _nothing(to: Writer, place: Place) -> None:
    pass


def _compute(to: Writer, place: Place) -> None:
    form: Form = to.draw(st.sampled_from(FORMS))
    results = _registers(to, form.results)
    if len(set(results)) < len(results):
        results = (results[0], f"{results[0][0]}{(int(results[0][1]) + 1) % COUNTS[results[0][0]]}")
    to.add(Compute(form, results, _registers(to, form.sources), to.draw(GUARDS)))


def _access(to: Writer, place: Place) -> None:
    space = to.draw(st.sampled_from(["box", "local", "global", "generic", "lines"]))
    stores, index = to.draw(st.booleans()), to.draw(INDICES)
    if space != "lines" and to.draw(st.integers(0, 3)) == 3:
        width, registers = to.draw(st.sampled_from(VECTORS))
    else:
        width = to.draw(st.sampled_from(["b32", "f32"] if space == "lines" else sorted(WIDTHS)))
        registers = (to.draw(NAMES[WIDTHS[width][0]]),)
    to.add(Access(stores, space, width, registers, index, to.draw(GUARDS)))


def _lookup(to: Writer, place: Place) -> None:
    to.add(Lookup(to.draw(st.sampled_from(["const", "global"])), to.draw(NAMES["r"]), to.draw(INDICES)))


def _accumulate(to: Writer, place: Place) -> None:
    which = to.draw(st.integers(0, len(SUM_OPERATIONS) - 1))
    space = to.draw(st.sampled_from(["sums", "tally"]))
    to.add(Accumulate(space, which, to.draw(NAMES["r"]), to.draw(st.booleans()), to.draw(GUARDS)))


def _own_atomic(to: Writer, place: Place) -> None:
    operation = to.draw(st.sampled_from(["add", "exch", "min", "cas"]))
    space = to.draw(st.sampled_from(["box", "global", "generic"]))
    sources = _registers(to, "rr" if operation == "cas" else "r")
    to.add(OwnAtomic(space, operation, to.draw(NAMES["r"]), sources, to.draw(GUARDS)))


def _call(to: Writer, place: Place) -> None:
    numbers = st.integers(0, place.callable - 1)
    other = to.draw(st.one_of(st.none(), numbers))
    to.add(Call(to.draw(numbers), *_registers(to, "rrd"), other, to.draw(NAMES["p"])))


def _return_if(to: Writer, place: Place) -> None:
    to.add(ReturnIf(*_registers(to, "pr")))


def _break(to: Writer, place: Place) -> None:
    assert place.exits
    to.add(Jump(to.draw(st.sampled_from(place.exits)), Guard(to.draw(NAMES["p"]), to.draw(st.booleans()))))


def _shuffle(to: Writer, place: Place) -> None:
    mode = to.draw(st.sampled_from(["idx", "up", "down", "bfly"]))
    by = to.draw(st.one_of(NAMES["r"], st.integers(0, 31)))
    to.add(Shuffle(mode, *_registers(to, "rr"), by, f"m{place.mask}"))


def _collective(to: Writer, place: Place) -> None:
    operation, result, source = to.draw(st.sampled_from(COLLECTIVES))
    to.add(Collective(operation, *_registers(to, result + source), f"m{place.mask}"))


def _barrier(to: Writer, place: Place) -> None:
    if to.draw(st.booleans()):
        to.add(Barrier("sync"))
    else:
        operation, file = to.draw(st.sampled_from(REDUCTIONS))
        to.add(Barrier(operation, *_registers(to, file + "p")))


def _exchange(to: Writer, place: Place) -> None:
    to.add(Exchange(to.draw(NAMES["r"]), to.draw(st.integers(0, 40)), to.draw(st.integers(0, 15))))


def _leave(to: Writer, place: Place) -> None:
    to.add(Leave(to.draw(NAMES["p"]), to.label()))


def _branch(to: Writer, place: Place) -> None:
    predicate, otherwise, join = to.draw(NAMES["p"]), to.label(), to.label()
    quiet = place.mask is None or to.draw(st.integers(0, 3)) == 3
    inside = place.inside(mask=None if quiet else place.mask + 1)
    outer, inner = f"m{place.mask}", f"m{inside.mask}"
    to.add(*([] if quiet else [Narrow(inner, outer, predicate)]), Jump(otherwise, Guard(predicate, True)))
    _statements(to, inside, 3)
    if to.draw(st.booleans()):
        to.add(Jump(join), Label(otherwise), *([] if quiet else [Narrow(inner, outer, swap=True)]))
        _statements(to, inside, 3)
        to.add(Label(join))
    else:
        to.add(Label(otherwise))


def _loop(to: Writer, place: Place) -> None:
    kinds = [_quiet_loop] + ([_masked_loop] if place.mask is not None else []) + [_uniform_loop] * place.uniform
    counter, limit = f"c{place.level}", f"n{place.level}"
    to.add(Set(counter, 0))
    to.draw(st.sampled_from(kinds))(to, place, counter, limit)


def _quiet_loop(to: Writer, place: Place, counter: str, limit: str) -> None:
    """One turn at least; each lane as often as its register says."""
    head, step, after = to.label(), to.label(), to.label()
    to.add(Set(limit, to.draw(NAMES["r"]), modulo=True), Label(head))
    _statements(to, place.inside(mask=None, exits=(step, after)), 3)
    to.add(Label(step), Step(counter, limit), Jump(head, Guard("q", False)), Label(after))


def _masked_loop(to: Writer, place: Place, counter: str, limit: str) -> None:
    """Before each turn the lanes that were there make the mask of those that go on."""
    head, after, mask = to.label(), to.label(), f"m{place.mask + 1}"
    to.add(Set(limit, to.draw(NAMES["r"]), modulo=True), Set(mask, f"m{place.mask}"), Label(head))
    to.add(Step(counter, limit, raises=False), Narrow(mask, mask), Jump(after, Guard("q", True)))
    _statements(to, place.inside(mask=place.mask + 1, exits=None), 3)
    to.add(Step(counter, limit), Jump(head), Label(after))


def _uniform_loop(to: Writer, place: Place, counter: str, limit: str) -> None:
    head = to.label()
    to.add(Set(limit, to.draw(st.integers(1, 3))), Label(head))
    _statements(to, replace(place, level=place.level + 1), 3)
    to.add(Step(counter, limit), Jump(head, Guard("q", False)))
