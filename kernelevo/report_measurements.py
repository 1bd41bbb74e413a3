"""What a measured verdict rests on: in words with interval and number of samples, and as data with every sample."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any

from kernelevo.measurement import CaseMeasurement, Estimate, Measurements, TimedCall


def measurement_lines(measured: Measurements, how: str, device: str) -> Iterator[str]:
    """A line for each case: median, interval, samples, and how many times as fast as the start it is."""
    for case in measured.cases:
        yield f"{case.case}: {estimate_words(case.us, 'us')} ({how}, {device}){_ratio_words(case)}"


def estimate_words(estimate: Estimate, unit: str = "") -> str:
    """`102.1 us [101.9, 102.4], 95.0 % interval of 25 calls`"""
    value = f"{estimate.value:.4g} {unit}".strip()
    held = f"{100 * estimate.confidence:.1f} % interval of {estimate.samples} calls"
    return f"{value} [{estimate.low:.4g}, {estimate.high:.4g}], {held}"


def _ratio_words(case: CaseMeasurement) -> str:
    if case.ratio is None:
        return ""
    ratio = case.ratio
    blocks = f"{100 * ratio.confidence:.1f} % interval of {ratio.samples} blocks of start and candidate"
    return f"; {ratio.value:.3f} times as fast as the start [{ratio.low:.3f}, {ratio.high:.3f}], {blocks}"


def measurements_json(measured: Measurements) -> dict[str, Any]:
    """Everything: estimates, floors, the card, and each call with its clocks and the card's state."""
    return {
        "card": {"name": measured.card.name, "uuid": measured.card.uuid, "versions": dict(measured.card.versions)},
        "watch": measured.watch,
        "notes": list(measured.notes),
        "cases": [_case_json(case) for case in measured.cases],
        "samples": [sample_json(sample) for sample in measured.samples],
    }


def _case_json(case: CaseMeasurement) -> dict[str, Any]:
    return {
        "name": case.case,
        "time_us": asdict(case.us),
        "times_as_fast_as_start": case.ratio and asdict(case.ratio),
        "floor": case.floor and asdict(case.floor),
        "left_out": case.left_out,
    }


def sample_json(sample: TimedCall) -> dict[str, Any]:
    return asdict(sample)
