"""Programs of several launches, made of problems of one: what each reads and writes, and the text and reference of all.

A kernel, its macros and its functions get names of their own; its launch is given the arrays between launches
(temporaries of the plan) and the sizes as they are there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kernelevo.backends.kernels.generated.drafting import Draft

_LAUNCH = re.compile(r"#pragma kernelevo launch (\w+)(<<<.*>>>)\((.*)\)\n")
_ZERO = re.compile(r"#pragma kernelevo zero \w+\n")
_OWN = re.compile(r"\b(?:BLOCK|shaped)\b")


@dataclass(frozen=True)
class Step:
    """One launch. `reads` are arrays in the order of the kernel's inputs, `extent` is how many elements it writes, and
    `sizes` says, in the order of the kernel's parameters, what its sizes are in the program (nothing is multiplied with
    them in a plan). Steps of the same `number` launch one kernel.
    """

    draft: Draft
    number: int
    reads: tuple[str, ...]
    writes: str
    extent: str
    sizes: Mapping[str, str]


def text_of(steps: Sequence[Step]) -> str:
    """The file: temporaries for all that is written but by the last step, the launches, and each kernel once."""
    temps = "".join(f"#pragma kernelevo temp float {step.writes}[{step.extent}]\n" for step in steps[:-1])
    texts = {step.number: _kernel(step) for step in reversed(steps)}
    return f"{temps}{''.join(map(_launch, steps))}\n{''.join(texts[number] for number in sorted(texts))}"


def reference_of(steps: Sequence[Step], inputs: Sequence[str]) -> Callable[..., Any]:
    """The references of all steps after each other; `inputs` names the arrays that it is called with."""

    def reference(*given):  # type: ignore[no-untyped-def]
        known = dict(zip(inputs, given, strict=True))
        for step in steps:
            known[step.writes] = step.draft.reference(*(known[name] for name in step.reads))
        return known[steps[-1].writes]

    return reference


def extents_of(argument: Any) -> list[str]:
    return [extent.text for extent in argument.shape]


def _kernel(step: Step) -> str:
    """The step's text without its plan."""
    text = _OWN.sub(lambda own: f"{own[0]}_{step.number}", step.draft.text)
    ((name, _, _),) = _LAUNCH.findall(text)
    return re.sub(rf"\b{name}\b", f"{name}_{step.number}", _ZERO.sub("", _LAUNCH.sub("", text)))


def _launch(step: Step) -> str:
    text = _OWN.sub(lambda own: f"{own[0]}_{step.number}", step.draft.text)
    ((name, geometry, _),) = _LAUNCH.findall(text)
    names = "|".join(rf"\b{size}\b" for size in step.sizes)
    geometry = re.sub(names, lambda size: step.sizes[size[0]], geometry)
    passed = ", ".join([*step.reads, step.writes, *step.sizes.values()])
    cleared = f"#pragma kernelevo zero {step.writes}\n" if _ZERO.search(text) else ""
    return f"{cleared}#pragma kernelevo launch {name}_{step.number}{geometry}({passed})\n"
