"""Fits the time model of one virtual GPU to measurements of a real card, and writes its calibration.

    python benchmarks/calibrate.py MEASUREMENTS --gpu h100 --card NAME --driver VERSION --date 2026-01-31 [--out FILE]

Each line of MEASUREMENTS is a JSON object of one kernel: {"family", "kernel", "us", "steps"}, where `us` was measured
on the card and each step is {"counts": {names of vgpu::Counts}, "blocks_per_sm", "warps_per_sm"} of one launch, as the
virtual GPU counted it. At most six parameters are fitted (kernelevo/devices/calibrating.py). Whether they help is
judged on kernels that the fit has not seen: each family is held out in turn, whole. The table says the median error (as
a factor) and Kendall's tau within the family, before and after. Nothing is written unless the held-out error falls.
"""

from __future__ import annotations

import argparse
import datetime
import json
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from fitting import Measurement, fit, log_errors, modelled_us
from kendall import kendall_tau

from kernelevo.devices import gpus
from kernelevo.devices.calibrating import Calibration, read_calibration, written
from kernelevo.devices.gpus import Gpu
from kernelevo.devices.occupancy import Occupancy

LEAST_FAMILIES, LEAST_OF_EACH = 3, 3
INSTALLED = Path(__file__).parent.parent / "kernelevo" / "devices" / "calibration"


@dataclass(frozen=True)
class HeldOut:
    """One family, by parameters that were fitted to all the others. Errors are factors: 1.5 is 50 % off either way."""

    family: str
    kernels: int
    before: float
    after: float
    tau_before: float
    tau_after: float


def main() -> int:
    options = _options()
    gpu = gpus.gpu(options.gpu)
    data = read_measurements(options.measurements.read_text(encoding="utf-8"), str(options.measurements))
    rows = hold_out(gpu, data)
    print(table(rows))
    refuse_unless_better(rows)
    # From here the fit has been shown to help kernels it has not seen; only now are all of them used.
    calibration = Calibration(gpu.name, options.card, options.date, options.driver, fit(gpu, data))
    text = written(calibration)
    read_calibration(gpu, text, "the new calibration")
    target = options.out or INSTALLED / f"{gpu.name}.toml"
    target.write_text(text, encoding="utf-8")
    print(f"{text}\nwritten to {target}")
    return 0


def read_measurements(text: str, place: str) -> list[Measurement]:
    """Raises SystemExit naming the line that cannot be used, or saying what is missing as a whole."""
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        try:
            found.append(_measurement(json.loads(line)))
        except (KeyError, TypeError, ValueError) as error:
            raise SystemExit(
                f"{place}:{number}: this is no measurement ({error!r}); see --help for the format"
            ) from error
    sizes = {name: sum(each.family == name for each in found) for name in sorted({each.family for each in found})}
    if len(sizes) < LEAST_FAMILIES or min(sizes.values()) < LEAST_OF_EACH:
        raise SystemExit(
            f"{place} has {sizes}: at least {LEAST_FAMILIES} families with {LEAST_OF_EACH} kernels each are needed, so "
            "that whole families can be held out; measure more"
        )
    return found


def _measurement(item: Mapping[str, Any]) -> Measurement:
    if not (item["us"] > 0 and math.isfinite(item["us"])):
        raise ValueError(f"a measured time is positive, not {item['us']}")
    steps = tuple((step["counts"], _occupancy(step)) for step in item["steps"])
    if not steps:
        raise ValueError("it has no steps")
    return Measurement(str(item["family"]), str(item["kernel"]), float(item["us"]), steps)


def _occupancy(step: Mapping[str, Any]) -> Occupancy:
    blocks, warps = int(step["blocks_per_sm"]), int(step["warps_per_sm"])
    if blocks < 1 or warps < blocks:
        raise ValueError(f"{blocks} blocks with {warps} warps on an SM")
    return Occupancy(blocks, warps, 0.0, "as measured")


def hold_out(gpu: Gpu, data: Sequence[Measurement]) -> list[HeldOut]:
    """Each family in turn, whole, by parameters that were fitted to the others."""
    rows = []
    for family in sorted({each.family for each in data}):
        own = [each for each in data if each.family == family]
        parameters = fit(gpu, [each for each in data if each.family != family])
        measured = [each.us for each in own]
        times = [[modelled_us(gpu, each, chosen) for each in own] for chosen in ({}, parameters)]
        errors = [_median_factor(log_errors(gpu, own, chosen)) for chosen in ({}, parameters)]
        rows.append(HeldOut(family, len(own), *errors, *(kendall_tau(measured, each) for each in times)))
    return rows


def refuse_unless_better(rows: Sequence[HeldOut]) -> None:
    """Raises SystemExit unless the held-out error falls, over all kernels and in most families."""
    before, after = (_overall(rows, name) for name in ("before", "after"))
    better = sum(row.after < row.before for row in rows)
    if after >= before or better * 2 <= len(rows):
        raise SystemExit(
            f"held out, the error goes from {before:.3f} to {after:.3f} and falls in {better} of {len(rows)} families: "
            "this calibration would not help kernels it has not seen, so nothing is written"
        )


def _overall(rows: Sequence[HeldOut], name: str) -> float:
    """The families' median factors, averaged over kernels on the scale on which they were fitted."""
    logs = [math.log(getattr(row, name)) * row.kernels for row in rows]
    return math.exp(sum(logs) / sum(row.kernels for row in rows))


def _median_factor(errors: Any) -> float:
    return math.exp(float(np.median(np.abs(errors))))


def table(rows: Sequence[HeldOut]) -> str:
    lines = [f"{'held out':24} {'kernels':>7} {'error before':>13} {'after':>7} {'tau before':>11} {'after':>7}"]
    for row in rows:
        errors, taus = f"{row.before:13.3f} {row.after:7.3f}", f"{row.tau_before:11.2f} {row.tau_after:7.2f}"
        lines.append(f"{row.family:24} {row.kernels:7} {errors} {taus}")
    total = sum(row.kernels for row in rows)
    lines.append(f"{'all':24} {total:7} {_overall(rows, 'before'):13.3f} {_overall(rows, 'after'):7.3f}")
    return "\n".join(lines)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measurements", type=Path)
    parser.add_argument("--gpu", required=True, choices=gpus.names(), help="the virtual GPU that is calibrated")
    parser.add_argument("--card", required=True, help="the card as its driver names it")
    parser.add_argument("--driver", required=True, help="the version of its driver")
    parser.add_argument("--date", required=True, type=datetime.date.fromisoformat, help="when it was measured")
    parser.add_argument("--out", type=Path, help="the file to write (default: the installed one)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
