"""Spells a random program (programs.py) as PTX. Each instruction becomes one line for each PTX instruction."""

from __future__ import annotations

import functools
import re

from program_forms import FILES
from programs import (
    BOX_AT,
    COUNTS,
    DEPTH,
    LINES,
    LOCAL_AT,
    OWN_BYTES,
    REGISTERS,
    ROW_BYTES,
    SUM_OPERATIONS,
    SUMS,
    TABLE_WORDS,
    TALLY_AT,
    WIDTHS,
    Access,
    Accumulate,
    Barrier,
    Call,
    Collective,
    Compute,
    Exchange,
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

TABLE = [(index * 2654435761 + 12345) % 2**32 for index in range(TABLE_WORDS)]


def module(program: Program) -> str:
    head = [".version 8.0\n.target sm_80\n.address_size 64"]
    words = ", ".join(map(str, TABLE))
    head.append(f".const .align 16 .b32 table[{TABLE_WORDS}] = {{{words}}};")
    head.append(f".global .align 16 .b32 gtable[{TABLE_WORDS}] = {{{words}}};")
    functions = [_function(number, code) for number, code in enumerate(program.functions)]
    return "\n".join([*head, *functions, _entry(program)])


def instructions(lines: list[str]) -> int:
    """How many PTX instructions these lines are."""
    return sum(line.endswith(";") and not line.lstrip().startswith((".", "prototype:")) for line in lines)


def spell(instruction: Instruction) -> list[str]:
    return [f"  {line}" if not line.endswith(":") else line for line in _spelled(instruction)]


def _guarded(guard: object, lines: list[str]) -> list[str]:
    return [f"{guard or ''}{line}" for line in lines]


@functools.singledispatch
def _spelled(instruction: object) -> list[str]:
    raise AssertionError(instruction)


@_spelled.register
def _compute(it: Compute) -> list[str]:
    names = dict(zip("de", it.results, strict=False)) | dict(zip("abc", it.sources, strict=False))
    return _guarded(it.guard, [f"{piece.format(**names)};" for piece in it.form.pieces])


@_spelled.register
def _label(it: Label) -> list[str]:
    return [f"{it.name}:"]


@_spelled.register
def _jump(it: Jump) -> list[str]:
    return [f"{it.guard}bra {it.target};" if it.guard else f"bra.uni {it.target};"]


@_spelled.register
def _set(it: Set) -> list[str]:
    return [f"and.b32 {it.name}, {it.value}, 3;" if it.modulo else f"mov.b32 {it.name}, {it.value};"]


@_spelled.register
def _step(it: Step) -> list[str]:
    raised = [f"add.u32 {it.counter}, {it.counter}, 1;"] if it.raises else []
    return [*raised, f"setp.lt.u32 q, {it.counter}, {it.limit};"]


BASES = {"box": "boxbase", "local": "localbase", "global": "globalbase", "generic": "genericbase"}
SPACES = {"box": ".shared", "local": ".local", "global": ".global", "generic": "", "lines": ".global"}


def _address(it: Access, size: int) -> tuple[list[str], str]:
    """The lines that make the address, and the address."""
    if it.space == "lines":
        if isinstance(it.index, int):
            return [], f"linesbase+<line {it.index % LINES}>"
        lines = [f"and.b32 t0, {it.index}, {LINES - 1};", "mad.wide.u32 u0, t0, step, linesbase;"]
        return lines, "u0"
    base, mask = BASES[it.space], OWN_BYTES - size
    if isinstance(it.index, int):
        return [], f"{base}+{it.index & mask & -size}"
    lines = [f"and.b32 t0, {it.index}, {mask & -size};"]
    if it.space in ("box", "local"):
        return [*lines, f"add.u32 t0, {base}, t0;"], "t0"
    return [*lines, "cvt.u64.u32 u0, t0;", f"add.s64 u0, {base}, u0;"], "u0"


@_spelled.register
def _access(it: Access) -> list[str]:
    size = WIDTHS[it.width][1] * len(it.registers)
    lines, address = _address(it, size)
    vector = f".v{len(it.registers)}" if len(it.registers) > 1 else ""
    names = f"{{{', '.join(it.registers)}}}" if vector else it.registers[0]
    kind = f"{SPACES[it.space]}{vector}.{it.width}"
    access = f"st{kind} [{address}], {names};" if it.stores else f"ld{kind} {names}, [{address}];"
    return _guarded(it.guard, [*lines, access])


@_spelled.register
def _lookup(it: Lookup) -> list[str]:
    name = "table" if it.space == "const" else "gtable"
    if isinstance(it.index, int):
        return [f"ld.{it.space}.u32 {it.result}, [{name}+{it.index % TABLE_WORDS * 4}];"]
    lines = [f"and.b32 t0, {it.index}, {TABLE_WORDS - 1};", f"mov.u64 u0, {name};", "mad.wide.u32 u0, t0, 4, u0;"]
    return [*lines, f"ld.{it.space}.u32 {it.result}, [u0];"]


@_spelled.register
def _accumulate(it: Accumulate) -> list[str]:
    space, base = ("global", "sumsbase") if it.space == "sums" else ("shared", "tally")
    operation = f"{space}.{SUM_OPERATIONS[it.which]}"
    target = f"[{base}+{4 * it.which}], {it.source};"
    return _guarded(it.guard, [f"atom.{operation} t0, {target}" if it.returns else f"red.{operation} {target}"])


@_spelled.register
def _own_atomic(it: OwnAtomic) -> list[str]:
    names = ", ".join(it.sources)
    operation = {"add": "add.u32", "exch": "exch.b32", "min": "min.s32", "cas": "cas.b32"}[it.operation]
    base = f"{BASES[it.space]}+8"
    return _guarded(it.guard, [f"atom{SPACES[it.space]}.{operation} {it.result}, [{base}], {names};"])


@_spelled.register
def _shuffle(it: Shuffle) -> list[str]:
    by = it.by if isinstance(it.by, int) else "t3"
    lines = [] if isinstance(it.by, int) else [f"and.b32 t3, {it.by}, 31;"]
    where = {"idx": "mov.b32 t0", "up": "sub.u32 t0, lane", "down": "add.u32 t0, lane", "bfly": "xor.b32 t0, lane"}
    clamp = 0 if it.mode == "up" else 31
    return [
        *lines,
        f"shfl.sync.{it.mode}.b32 t1, {it.source}, {by}, {clamp}, {it.mask};",
        f"{where[it.mode]}, {by};",
        f"shr.u32 t2, {it.mask}, t0;",
        "and.b32 t2, t2, 1;",
        "setp.ne.u32 q, t2, 0;",
        f"selp.b32 {it.result}, t1, {it.source}, q;",
    ]


@_spelled.register
def _collective(it: Collective) -> list[str]:
    return [f"{it.operation} {it.result}, {it.source}, {it.mask};"]


@_spelled.register
def _narrow(it: Narrow) -> list[str]:
    if it.swap:
        return [f"xor.b32 {it.inner}, {it.inner}, {it.outer};"]
    return [f"vote.sync.ballot.b32 {it.inner}, {it.predicate}, {it.outer};"]


@_spelled.register
def _barrier(it: Barrier) -> list[str]:
    if it.operation == "sync":
        return ["bar.sync 0;"]
    return [f"bar.red.{it.operation} {it.result}, 0, {it.source};"]


@_spelled.register
def _exchange(it: Exchange) -> list[str]:
    return [
        "bar.sync 0;",
        f"add.u32 t0, tid, {it.by};",
        "rem.u32 t0, t0, ntid;",
        "mov.u32 t1, box;",
        f"mad.lo.u32 t0, t0, {OWN_BYTES}, t1;",
        f"ld.shared.u32 {it.result}, [t0+{4 * it.word}];",
        "bar.sync 0;",
    ]


@_spelled.register
def _leave(it: Leave) -> list[str]:
    return [
        f"vote.sync.ballot.b32 t3, {it.predicate}, m0;",
        f"@!{it.predicate} bra {it.stay};",
        *(line.strip() for line in epilogue()),
        f"{it.stay}:",
        "xor.b32 m0, m0, t3;",
    ]


@_spelled.register
def _call(it: Call) -> list[str]:
    name, lines, prototype = f"function{it.which}", [], ""
    if it.other is not None:
        lines = [f"mov.u64 u0, function{it.which};", f"mov.u64 u1, function{it.other};"]
        lines.append(f"selp.b64 u0, u0, u1, {it.chooser};")
        name, prototype = "u0", ", prototype"
    declared = "prototype: .callprototype (.param .b32 _) _ (.param .b32 _, .param .b64 _);" if prototype else ""
    return [
        "{",
        ".param .b32 pa; .param .b64 pb; .param .b32 result;",
        *lines,
        f"st.param.b32 [pa], {it.a};",
        f"st.param.b64 [pb], {it.b};",
        *([declared] if declared else []),
        f"call (result), {name}, (pa, pb){prototype};",
        f"ld.param.b32 {it.result}, [result];",
        "}",
    ]


@_spelled.register
def _return_if(it: ReturnIf) -> list[str]:
    return [f"@{it.predicate} st.param.b32 [value], {it.value};", f"@{it.predicate} ret;"]


def _declarations(depth: int = DEPTH) -> list[str]:
    lines = [f"  .reg .{FILES[file][1]} {file}<{count}>;" for file, count in COUNTS.items()]
    lines += ["  .reg .pred q;", "  .reg .b32 t<4>, m<8>, tid, ntid, lane, step;", "  .reg .b64 u<4>;"]
    lines += [f"  .reg .b32 c<{depth + 1}>, n<{depth + 1}>;", "  .reg .b32 boxbase, localbase;"]
    return [*lines, "  .reg .b64 globalbase, genericbase, linesbase, sumsbase, initbase, outbase;"]


def _function(number: int, code: list[Instruction]) -> str:
    lines = [f".func (.param .b32 value) function{number}(.param .b32 a, .param .b64 b)", "{", *_declarations()]
    return "\n".join([*lines, *function_prologue(), *(line for one in code for line in spell(one)), *FUNCTION_END, "}"])


def function_prologue() -> list[str]:
    """r0 and d0 are the arguments, the other registers constants."""
    lines = ["  ld.param.u32 r0, [a];", "  ld.param.u64 d0, [b];"]
    for register in REGISTERS:
        if register in ("r0", "d0"):
            continue
        if register[0] == "p":
            lines.append(f"  setp.eq.u32 {register}, {int(register[1])}, 1;")
        else:
            lines.append(f"  mov.b{FILES[register[0]][0]} {register}, {constant(register)};")
    return lines


def constant(register: str) -> int:
    """What a register of a function holds at first (those of floats: bits)."""
    return {"h": 0x3C01, "r": 9, "f": 0x3FC00000, "d": 2**33 + 5, "g": 0x4000000000000000, "p": 0}[register[0]] + int(
        register[1]
    ) * (register[0] != "p")


FUNCTION_END = ["  st.param.b32 [value], r0;", "  ret;"]


def _entry(program: Program) -> str:
    parameters = ", ".join(f".param .u64 {name}" for name in ("init", "own", "lines", "sums", "out"))
    lines = [f".visible .entry program({parameters})", "{", *_declarations()]
    lines.append(f"  .shared .align 16 .b8 box[{OWN_BYTES * program.block}];")
    lines += [f"  .shared .align 16 .b32 tally[{SUMS}];", f"  .local .align 16 .b8 stack[{OWN_BYTES}];"]
    lines += [*prologue(), *(line for one in program.body for line in spell(one)), *tallies(), *epilogue()]
    # A constant index into `lines` is a constant number of bytes, because the length of a line is known here.
    text = "\n".join([*lines, "}\n"])
    return re.sub(r"<line (\d+)>", lambda line: str(int(line[1]) * 4 * program.threads), text)


def prologue() -> list[str]:
    lines = [
        "mov.u32 tid, %tid.x;",
        "mov.u32 ntid, %ntid.x;",
        "mov.u32 lane, %laneid;",
        "mov.u32 t1, %ctaid.x;",
        "mov.u32 t2, %nctaid.x;",
        "mad.lo.u32 t0, t1, ntid, tid;",
        "mul.lo.u32 step, t2, ntid;",
        "shl.b32 step, step, 2;",
        "ld.param.u64 globalbase, [own];",
        f"mad.wide.u32 globalbase, t0, {OWN_BYTES}, globalbase;",
        "ld.param.u64 linesbase, [lines];",
        "mad.wide.u32 linesbase, t0, 4, linesbase;",
        "ld.param.u64 sumsbase, [sums];",
        "ld.param.u64 outbase, [out];",
        f"mad.wide.u32 outbase, t0, {ROW_BYTES}, outbase;",
        "ld.param.u64 initbase, [init];",
        f"mad.wide.u32 initbase, t0, {ROW_BYTES}, initbase;",
        "mov.u32 boxbase, box;",
        f"mad.lo.u32 boxbase, tid, {OWN_BYTES}, boxbase;",
        "cvt.u64.u32 genericbase, boxbase;",
        "cvta.shared.u64 genericbase, genericbase;",
        "mov.u32 localbase, stack;",
    ]
    lines += [line for place, register in enumerate(REGISTERS) for line in _restored(register, 8 * place)]
    for offset in range(0, OWN_BYTES, 16):
        for space, base, at in ((".shared", "boxbase", BOX_AT), (".local", "localbase", LOCAL_AT)):
            lines.append(f"ld.global.v2.u64 {{u0, u1}}, [initbase+{at + offset}];")
            lines.append(f"st{space}.v2.u64 [{base}+{offset}], {{u0, u1}};")
    lines += ["setp.lt.u32 q, tid, 1;", *(f"@q st.shared.u32 [tally+{4 * n}], {17 * n};" for n in range(SUMS))]
    lines += ["activemask.b32 m0;", "bar.sync 0;"]
    return [f"  {line}" for line in lines]


def _restored(register: str, offset: int) -> list[str]:
    if register[0] == "p":
        return [f"ld.global.u32 t0, [initbase+{offset}];", f"setp.lt.s32 {register}, t0, 0;"]
    return [f"ld.global.{FILES[register[0]][1]} {register}, [initbase+{offset}];"]


def tallies() -> list[str]:
    """Those that did not leave early store the shared sums."""
    lines = ["bar.sync 0;"]
    for number in range(SUMS):
        lines += [f"ld.shared.u32 t0, [tally+{4 * number}];", f"st.global.u32 [outbase+{TALLY_AT + 4 * number}], t0;"]
    return [f"  {line}" for line in lines]


def epilogue() -> list[str]:
    lines = []
    for place, register in enumerate(REGISTERS):
        if register[0] == "p":
            lines += [f"selp.u32 t0, 1, 0, {register};", f"st.global.u32 [outbase+{8 * place}], t0;"]
        else:
            lines.append(f"st.global.{FILES[register[0]][1]} [outbase+{8 * place}], {register};")
    for offset in range(0, OWN_BYTES, 16):
        for space, base, at in ((".shared", "boxbase", BOX_AT), (".local", "localbase", LOCAL_AT)):
            lines.append(f"ld{space}.v2.u64 {{u0, u1}}, [{base}+{offset}];")
            lines.append(f"st.global.v2.u64 [outbase+{at + offset}], {{u0, u1}};")
    return [f"  {line}" for line in [*lines, "ret;"]]
