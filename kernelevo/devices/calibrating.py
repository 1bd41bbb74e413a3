"""A calibration: at most six parameters of the time model, fitted to measurements of one card on one day.

`calibration/NAME.toml` holds it, and `benchmarks/calibrate.py` writes it. A virtual GPU without such a file is "not
calibrated", and says so; one with a file names its card and date wherever a time stands. A file of another card, of
another format or model, or without a date is refused: a wrong calibration is worse than none.
"""

from __future__ import annotations

import datetime
import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import resources
from typing import Any

from kernelevo.devices import gpus
from kernelevo.devices.gpus import Gpu
from kernelevo.errors import BadInput

FORMAT = 1
NOT_CALIBRATED = "not calibrated"
PARAMETERS: Mapping[str, tuple[float, float]] = {
    "launch_us": (0.1, 20.0),
    "dram_efficiency": (0.3, 1.0),
    "l2_factor": (0.2, 5.0),
    "latency_factor": (0.2, 5.0),
    "issue_factor": (0.2, 2.0),
    "overlap": (1.0, 64.0),
}
"""What may be fitted, and between which limits. `l2_factor` scales the bandwidth of L2, `issue_factor` every rate of an
SM; an `overlap` of 64 is as good as full.
"""


@dataclass(frozen=True)
class Calibration:
    """Parameters of one card, and which card, when, and with which driver they were measured."""

    gpu: str
    card: str
    measured: datetime.date
    driver: str
    parameters: Mapping[str, float]

    def __str__(self) -> str:
        return f"calibrated on {self.card}, {self.measured.isoformat()}, driver {self.driver}"


def calibration_of(gpu: Gpu) -> Calibration | None:
    """The installed calibration of this GPU, or None; raises BadInput where the file may not be used."""
    file = resources.files(__package__).joinpath("calibration").joinpath(f"{gpu.name}.toml")
    return read_calibration(gpu, file.read_text(encoding="utf-8"), str(file)) if file.is_file() else None


def read_calibration(gpu: Gpu, text: str, place: str) -> Calibration:
    """The calibration in `text` (of the file `place`) for this GPU; raises BadInput saying what is wrong with it."""
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadInput(f"{place} is not TOML ({error}); {_REMEDY}") from error
    for fault in (_wrong_kind(gpu, found), _wrong_labels(found), _wrong_parameters(found.get("parameters"))):
        if fault:
            raise BadInput(f"{place}: {fault}; {_REMEDY}")
    parameters = {name: float(value) for name, value in found["parameters"].items()}
    return Calibration(gpu.name, found["card"], found["measured"], found["driver"], parameters)


def calibrated(gpu: Gpu, parameters: Mapping[str, float]) -> Gpu:
    """The GPU with these parameters (names of PARAMETERS) in place of the table's; those not given stay."""
    issue = parameters.get("issue_factor", 1.0)
    return replace(
        gpu,
        launch_us=parameters.get("launch_us", gpu.launch_us),
        dram_efficiency=parameters.get("dram_efficiency", gpu.dram_efficiency),
        l2_gbps=gpu.l2_gbps * parameters.get("l2_factor", 1.0),
        latency_factor=parameters.get("latency_factor", gpu.latency_factor),
        rates={name: rate * issue for name, rate in gpu.rates.items()},
        overlap=parameters.get("overlap", gpu.overlap),
    )


def written(calibration: Calibration) -> str:
    """The text of a calibration's file."""
    lines = [
        f"format = {FORMAT}",
        f"model = {gpus.bands().version}",
        f'gpu = "{calibration.gpu}"',
        f'card = "{calibration.card}"',
        f"measured = {calibration.measured.isoformat()}",
        f'driver = "{calibration.driver}"',
        "",
        "[parameters]",
        *(f"{name} = {value:.6g}" for name, value in calibration.parameters.items()),
    ]
    return "\n".join(lines) + "\n"


_REMEDY = "remove the file, or write it anew with benchmarks/calibrate.py"


def _wrong_kind(gpu: Gpu, found: Mapping[str, Any]) -> str:
    wanted = {"format": FORMAT, "model": gpus.bands().version, "gpu": gpu.name}
    for name, value in wanted.items():
        if found.get(name) != value:
            return f"its {name} is {found.get(name)!r}, and virtual:{gpu.name} needs {value!r}"
    return ""


def _wrong_labels(found: Mapping[str, Any]) -> str:
    if not isinstance(found.get("measured"), datetime.date) or isinstance(found["measured"], datetime.datetime):
        return "it says not on which date the card was measured (measured = 2026-01-31)"
    if found["measured"] > datetime.datetime.now(datetime.UTC).date() + datetime.timedelta(days=1):
        return f"its date {found['measured']} lies in the future"
    for name in ("card", "driver"):
        if not isinstance(found.get(name), str) or not found[name].strip():
            return f"it does not name the {name}"
    return ""


def _wrong_parameters(parameters: Any) -> str:
    if not isinstance(parameters, dict) or not parameters:
        return "it has no parameters"
    for name, value in parameters.items():
        if name not in PARAMETERS:
            return f"it has a parameter {name}; there are {', '.join(PARAMETERS)}"
        low, high = PARAMETERS[name]
        number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not number or not low <= value <= high:
            return f"its {name} is {value!r}, and must be a number from {low:g} to {high:g}"
    return ""
