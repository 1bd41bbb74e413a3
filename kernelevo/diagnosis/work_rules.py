"""What is wrong with a launch's instructions: too many of a kind, expensive ones, doubles by accident."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from kernelevo.counting import counted
from kernelevo.diagnosis.access import opcode
from kernelevo.diagnosis.finding import Finding, figure, own_lines, place
from kernelevo.diagnosis.lines import LineTotals
from kernelevo.diagnosis.roofline import roofline
from kernelevo.diagnosis.subject import Subject
from kernelevo.diagnosis.traffic import merged_wavefronts
from kernelevo.diagnosis.work import flop, instruction_mix, slots_mix
from kernelevo.types import LineCounts

DECIDES = 0.5
NEAR = 0.8
"""Of a peak, from which on a kernel is said to be at it."""
_SPECIAL = tuple((name,) for name in ("ex2", "lg2", "sin", "cos", "tanh", "rcp", "sqrt", "rsqrt", "div"))
_EXACT = ("div", "sqrt", "rcp", "rsqrt")
_CHEAPER_FLOAT = (
    "where the divisor does not change, divide once and multiply by the reciprocal; __fdividef, rsqrtf or "
    "--use_fast_math where the tolerance allows"
)
_CHEAPER_DOUBLE = (
    "where the divisor does not change, divide once and multiply by the reciprocal; float where the tolerance allows "
    "(--use_fast_math changes nothing about doubles)"
)
_COMPUTES = {"fp32": "FP32", "fp64": "FP64", "fp16": "FP16", "matrix": "tensor"}


def issue_bound(subject: Subject) -> Iterator[Finding]:
    """The number of instructions decides."""
    if subject.kernel_limiter != "issue":
        return
    slots, total = slots_mix(subject.counts), subject.counts.get("issue_slots", 0)
    if not total or not slots:
        return
    first = sorted(slots.items(), key=lambda item: (-item[1], item[0]))[:3]
    parts = ", ".join(f"{name.replace('_', ' ')} {count / total:.0%}" for name, count in first)
    worst = max(subject.by_line, key=lambda line: line.warp_instructions, default=None)
    where = f"; {place(subject, worst)} executes most" if worst else ""
    yield Finding(
        "issue_bound",
        f"the number of instructions decides: {total:,} issue slots, most of them {parts}{where}",
        "fewer instructions for the same result: vector accesses, unrolled loops, index arithmetic and whatever does "
        "not change moved out of the loop, cheaper functions",
        {"issue slots": total, **{f"slots of {name}": count for name, count in first}},
        own_lines(subject, worst) if worst else (),
        0.6,
    )  # fmt: skip


def exact_functions(subject: Subject) -> Iterator[Finding]:
    """Correctly rounded divisions and roots are many machine instructions each."""
    share = subject.share_of_time("issue", "fp32", "fp64", "special", "latency")
    line = _hottest(subject, _is_exact)
    total = subject.counts.get("issue_slots", 0)
    if line is None or not total:
        return
    found = [each for each in line.ptx if _is_exact(each)]
    executed = sum(each.warp_instructions for each in found)
    slots = sum(each.slots * each.warp_instructions for each in found)
    each_takes = f", {figure(slots / executed)} issue slots each" if slots else ""
    name = ".".join(opcode(found[0].instruction))
    yield Finding(
        "exact_functions",
        f"{place(subject, line)}: {executed:,} warp instructions {name}, correctly rounded{each_takes}",
        _CHEAPER_DOUBLE if name.endswith("f64") else _CHEAPER_FLOAT,
        {"warp instructions": executed, "issue slots": slots},
        own_lines(subject, line),
        share * min(1.0, (slots or executed) / total),
    )  # fmt: skip


def accidental_doubles(subject: Subject) -> Iterator[Finding]:
    """Floats are widened to double and back: a literal without its f, or a function of doubles."""
    line = _hottest(subject, lambda each: opcode(each.instruction)[:3] == ("cvt", "f64", "f32"))
    done = subject.counts.get("warp.fp64", 0)
    if line is None or not done:
        return
    yield Finding(
        "accidental_doubles",
        f"{place(subject, line)}: floats are widened to double, {done:,} warp instructions of FP64",
        "write literals with f (0.5f) and call the functions of float (expf, fmaxf), unless the precision is meant",
        {"FP64 warp instructions": done},
        own_lines(subject, line),
        max(0.2, subject.share_of_time("fp64")),
    )


def index_arithmetic(subject: Subject) -> Iterator[Finding]:
    """Integer units are busy with addresses and indices."""
    share = subject.share_of_time("integer", "wide_integer")
    line = _hottest(subject, _is_wide) or _hottest(subject, _is_integer_division)
    if share < DECIDES or line is None:
        return
    division = _hottest(subject, _is_integer_division)
    done = sum(each.warp_instructions for each in line.ptx if _is_wide(each) or _is_integer_division(each))
    yield Finding(
        "index_arithmetic",
        f"{place(subject, line)}: integers keep their units busy for {share:.0%} of the longest bound, {done:,} warp "
        "instructions of 64 bits, widening products and divisions here"
        + (f"; integer division at {place(subject, division)}" if division else ""),
        "where these are indices: 32 bits, a pointer that is moved on instead of an index that is multiplied out, "
        "products that do not change moved out of the loop, unrolling; divide by a constant or a power of two",
        {"wide integer warp instructions": subject.counts.get("warp.wide_integer", 0),
         "integer warp instructions": subject.counts.get("warp.integer", 0)},
        own_lines(subject, line),
        share * 0.5,
    )  # fmt: skip


def shared_bound(subject: Subject) -> Iterator[Finding]:
    """Shared memory is read without conflicts, but too often for what is computed from it."""
    wavefronts = merged_wavefronts(subject.counts, "load")
    share = subject.share_of_time("shared memory")
    if share < DECIDES or not wavefronts:
        return
    line = max(subject.by_line, key=lambda each: each.wavefronts)
    if line.wavefronts >= 1.5 * line.least_wavefronts:
        return
    operations = sum(flop(subject.step.lines).values())
    yield Finding(
        "shared_bound",
        f"{place(subject, line)}: shared memory delivers {counted(wavefronts, 'wavefront')} for {operations:,} FLOP, "
        f"{figure(operations / (32 * wavefronts))} a lane for each",
        "let each thread compute more results from what it reads (a tile of sums in registers), and read four values "
        "at once",
        {"shared load wavefronts as merged": wavefronts, "FLOP": operations},
        own_lines(subject, line),
        share * 0.8,
    )  # fmt: skip


def special_functions(subject: Subject) -> Iterator[Finding]:
    """exp, log, sine and their like decide."""
    share = subject.share_of_time("special")
    done = subject.counts.get("warp.special", 0)
    line = _hottest(subject, lambda each: opcode(each.instruction)[:1] in _SPECIAL)
    if share < DECIDES or not done or line is None:
        return
    yield Finding(
        "special_functions",
        f"{place(subject, line)}: {done:,} warp instructions of special functions need {share:.0%} of the longest "
        "bound",
        "compute each value once and keep it, take exp2 with the factor folded into what is there, or a polynomial for "
        "a part of them",
        {"special warp instructions": done},
        own_lines(subject, line),
        share * 0.6,
    )  # fmt: skip


def at_the_peak(subject: Subject) -> Iterator[Finding]:
    """Arithmetic decides and is close to what the units can do."""
    unit = _COMPUTES.get(subject.kernel_limiter)
    roof = roofline(subject)
    if unit is None or roof is None or roof.unit != "FLOP":
        return
    fraction = roof.attained / roof.peaks.get(unit, float("inf"))
    if fraction < NEAR:
        return
    yield Finding(
        "at_the_peak",
        f"{roof.attained / 1e6:.3g} TFLOP/s, {fraction:.0%} of what the {unit} units can do: arithmetic decides",
        "only less arithmetic makes it faster: another algorithm, lower precision, or tensor cores",
        {"FLOP": roof.work, "us": roof.us},
        weight=0.5,
    )


def mix_words(subject: Subject, count: int = 4) -> str:
    """The commonest classes of instructions, in words."""
    mix, total = instruction_mix(subject.counts), subject.counts.get("warp_instructions", 0)
    if not total:
        return ""
    return ", ".join(f"{name.replace('_', ' ')} {number / total:.0%}" for name, number in list(mix.items())[:count])


def _hottest(subject: Subject, wanted: Callable[[LineCounts], bool]) -> LineTotals | None:
    """The line that executes most instructions of a kind."""
    lines = [line for line in subject.by_line if any(map(wanted, line.ptx))]
    return max(
        lines, key=lambda line: sum(each.warp_instructions for each in line.ptx if wanted(each)), default=None
    )  # fmt: skip


def _is_exact(line: LineCounts) -> bool:
    words = opcode(line.instruction)
    return bool(words) and words[0] in _EXACT and "rn" in words and words[-1] in ("f32", "f64")


def _is_wide(line: LineCounts) -> bool:
    words = opcode(line.instruction)
    return bool(words) and words[0] in ("mul", "mad", "add", "sub", "shl", "shr") and (
        "wide" in words or words[-1] in ("s64", "u64", "b64")
    )  # fmt: skip


def _is_integer_division(line: LineCounts) -> bool:
    words = opcode(line.instruction)
    return words[:1] in (("div",), ("rem",)) and words[-1] in ("s32", "u32", "s64", "u64")
