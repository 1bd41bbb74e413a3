"""What stands between a candidate and a score it did not earn, as switches that are all on.

Only the red team (`kernelevo/redteam/`) makes one with a switch off: an attack counts as stopped by a defence only if
it succeeds without it. No command line, setting or environment variable reaches these; tests/redteam holds that.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace


@dataclass(frozen=True)
class Defences:
    """Each field is one defence of the evaluator; False switches it off, for a control of the red team only."""

    poison: bool = True
    """Outputs and temps start each call with a pattern that nobody knows; off: they hold what a call before left."""
    second_poison: bool = True
    """Repeated trials run again under another poison, and must agree."""
    tracking: bool = True
    """Bytes that nobody wrote are followed, and a branch on one is a fault."""
    fresh_memory: bool = True
    """Each call of a virtual device has memory and device globals of its own; off: both last from call to call."""
    bounds: bool = True
    """An access outside every buffer is a fault; off: buffers lie side by side, and nothing is said."""
    endings: bool = True
    """A run that stops at a fault or a limit is judged so; off: what its memory holds is taken for its outputs."""
    fresh_inputs: bool = True
    """Each call has new content; off: the same content every time."""
    fresh_pointers: bool = True
    """Buffers move unpredictably between calls; off: the same addresses every time."""
    timed_calls_checked: bool = True
    """Outputs of timed calls are checked; off: only those of tests."""
    mixed_calls: bool = True
    """Tests and timed calls come in random order; off: tests first, then timed calls."""
    inputs_compared: bool = True
    """Inputs are compared byte for byte after each call."""
    secret_seeds: bool = True
    """Inputs come from the system's entropy after the build; off: from a seed that everybody knows."""
    all_distributions: bool = True
    """Every distribution of inputs is met, at benchmark sizes, too; off: only the first."""
    edge_cases: bool = True
    """Test cases of odd and small sizes run; off: only benchmark cases."""
    unlisted_sizes: bool = True
    """Sizes that no list has run, too, where a problem leaves its tests to us; off: only those that are listed."""
    expected_apart: bool = True
    """Expected outputs are in no memory that a candidate reaches; off: they lie in a buffer of the same call."""
    every_element: bool = True
    """Each element is held to its bound, and NaN is right only where expected; off: 1 % may differ, NaN never does."""
    derived_tolerance: bool = True
    """An elementwise bound for the declared precision; off: 1e-2 absolute or relative, as often seen."""
    other_order: bool = True
    """A second run under another order of blocks and warps."""
    races: bool = True
    """The race detector, where the device has one."""
    searched_in_part: bool = True
    """Where a search for races takes too long, its beginning is made; off: such a size is not searched at all."""
    rereading: bool = True
    """Some outputs are read a second time, later."""
    clocks_agree: bool = True
    """Events and the judge's own clock must tell the same story."""
    physics_floor: bool = True
    """A time below what the card's ceilings allow is impossible."""
    ablation: bool = True
    """Each kernel of the plan is replaced by none, once, and an output must change."""

    def without(self, *names: str) -> Defences:
        """The same with these switched off; raises ValueError for a name that is none."""
        known = {field.name for field in fields(self)}
        if unknown := sorted(set(names) - known):
            raise ValueError(f"there is no defence {unknown[0]}; there are {', '.join(sorted(known))}")
        return replace(self, **dict.fromkeys(names, False))


ALL = Defences()
