"""What `check --problem` tells of a problem: tables for a person, one object for a machine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markup import escape

from kernelevo.report_table import print_rows

if TYPE_CHECKING:
    from kernelevo.evaluators.selftest import Closest, MutantResult, SelfTest
    from kernelevo.evaluators.tolerance_words import Derivation


def print_problem(console: Console, tested: SelfTest) -> None:
    """Mutants, honest styles, tolerances, and the conclusion."""
    console.print("mutants: wrong outputs that must be refused, each in one output while the others are right")
    rows = [_mutant_row(result) for result in tested.results]
    columns = {"mutant": "left", "output": "left", "refused": "right", "verdict": "left", "why": "left"}
    print_rows(console, columns, rows)
    console.print("honest styles: must pass; largest error in units of the tolerance")
    honest = [
        (each.style, f"{each.worst.ratio:.3g}", "REFUSED" if each.complaint else "passes", _place(each.worst))
        for each in tested.honest_results
    ]
    print_rows(console, {"style": "left", "error": "right", "verdict": "left", "where": "left"}, honest)
    console.print("tolerance: |got - expected| of each element is at most")
    for derivations in by_output(tested):
        for line in tolerance_lines(derivations):
            console.print(f"  {escape(line)}", soft_wrap=True)
    console.print(escape(tested.sentence), soft_wrap=True)


def _mutant_row(result: MutantResult) -> tuple[str, ...]:
    state = "SURVIVED" if result.survived else "refused"
    return (result.name, result.output, f"{result.refused} of {result.trials}", state, _why(result))


def _why(result: MutantResult) -> str:
    if result.closest is None:
        return result.words
    error = f"off by at most {result.closest.ratio:.3g} of the tolerance"
    if result.closest.ratio == 0:
        error = "the same as what is right"
    return f"{result.words}; passes {result.trials - result.refused}: {error} in {_place(result.closest)}"


def _place(closest: Closest) -> str:
    return f"case {closest.case}, {closest.inputs}"


def by_output(tested: SelfTest) -> list[list[Derivation]]:
    """The tolerance of each output over the trials in which it came about in the same way."""
    from kernelevo.evaluators.tolerance_words import alike  # late: it loads NumPy

    names = tested.derivations[0] if tested.derivations else {}
    return [alike([trial[name] for trial in tested.derivations]) for name in names]


def tolerance_lines(derivations: Sequence[Derivation]) -> list[str]:
    """One output's rule, what was compared with what, and the numbers it gave on these trials."""
    first = derivations[0]
    lines = [f"{first.output} (stored in {first.storage}): {first.rule}"]
    if first.styles:
        lines.append(f"  styles: {', '.join(first.styles)}; their error is typically {_span(derivations, 'scale')}")
    if first.bound:
        relative = [each.relative for each in derivations if each.relative is not None]
        of_expected = f", or {min(relative):.2g} to {max(relative):.2g} of |expected|" if relative else ""
        lines.append(f"  in all typically {_span(derivations, 'bound')}{of_expected}, by trial")
    return lines


def _span(derivations: Sequence[Derivation], name: str) -> str:
    numbers = [getattr(each, name) for each in derivations]
    return f"{min(numbers):.2g} to {max(numbers):.2g}"


def problem_json(tested: SelfTest, path: str) -> dict[str, Any]:
    """The one object of `check --problem --json`."""
    return {
        "problem": tested.problem,
        "file": path,
        "separable": tested.separable,
        "sentence": tested.sentence,
        "mutants": [
            {
                "name": each.name, "words": each.words, "output": each.output, "trials": each.trials,
                "refused": each.refused, "survived": each.survived,
                "closest": each.closest and _closest_json(each.closest),
            }
            for each in tested.results
        ],
        "honest": [
            {"style": each.style, "passed": not each.complaint, "complaint": each.complaint,
             "worst": _closest_json(each.worst)}
            for each in tested.honest_results
        ],
        "tolerances": [_tolerance_json(derivations) for derivations in by_output(tested)],
    }  # fmt: skip


def _closest_json(closest: Closest) -> dict[str, Any]:
    """`ratio` is null where it is infinite, which JSON cannot say."""
    ratio = closest.ratio if closest.ratio < float("inf") else None
    return {"ratio": ratio, "case": closest.case, "inputs": closest.inputs}


def _tolerance_json(derivations: Sequence[Derivation]) -> dict[str, Any]:
    from kernelevo.evaluators.tolerance import ALLOWANCES  # late: it loads NumPy

    first = derivations[0]
    allowed = ALLOWANCES[first.compute] if first.source == "derived" else None
    relative = [each.relative for each in derivations if each.relative is not None]
    return {
        "output": first.output, "source": first.source, "rule": first.rule, "compute_dtype": first.compute,
        "storage": first.storage, "styles": list(first.styles), "safety": allowed and allowed.safety,
        "ulps": allowed and allowed.ulps, "reason": first.declared and first.declared.reason,
        "scale": [min(each.scale for each in derivations), max(each.scale for each in derivations)],
        "bound": [min(each.bound for each in derivations), max(each.bound for each in derivations)],
        "relative": [min(relative), max(relative)] if relative else None,
    }  # fmt: skip
