"""How votes become one, how sure they are, and what descriptions and cases without a label add to them."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the extra `legal` is not installed")

from kernelevo.backends.legal.backend import ChargeBackend
from kernelevo.backends.legal.data import sample
from kernelevo.backends.legal.network import HEAD
from kernelevo.backends.legal.pipeline import SPACE, classify, matched_exponent
from kernelevo.backends.legal.readouts import Known, confident
from kernelevo.backends.legal.scoring import Report, report
from kernelevo.backends.networks import Shelf
from kernelevo.joining_backends import brings_agent
from kernelevo.learning import Split
from kernelevo.types import Candidate

CENTRES, DIMENSIONS = 6, 24
SPLITS = (Split.REWARD, Split.GATE, Split.DEVELOPMENT)
Array = np.ndarray


def of_length_1(rows: Array) -> Array:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def drawn(count: int, noise: float, seed: int, charges: int = CENTRES) -> tuple[Array, Array]:
    """Places about the centre of each charge, and the charges."""
    labels = np.arange(count) % charges
    source = np.random.default_rng(seed)
    return of_length_1(np.eye(charges, DIMENSIONS)[labels] + noise * source.normal(size=(count, DIMENSIONS))), labels


def test_votes_become_one_by_their_mean_or_by_their_geometric_mean() -> None:
    (told, labels), (asked, _) = drawn(30, 0.2, 1), drawn(12, 0.2, 2)
    described = of_length_1(np.random.default_rng(3).normal(size=(CENTRES, DIMENSIONS)))
    made = functools.partial(classify, told, labels, asked, described)
    one, other = (made(SPACE.pipeline({part: 1}), {}) for part in ("centroid", "described"))
    mean, product = (
        made(SPACE.pipeline({"centroid": 1, "described": 4}, fusion=fusion), {}) for fusion in ("mean", "product")
    )
    assert mean == pytest.approx((one + 4 * other) / 5)
    whole = one**0.2 * other**0.8
    assert product == pytest.approx(whole / whole.sum(axis=1, keepdims=True))
    assert np.abs(mean - product).max() > 0.01


def test_a_read_out_that_rules_a_charge_out_does_not_do_it_alone() -> None:
    """The centroids know no case of the last charge, and give it nothing."""
    told, labels = drawn(30, 0.1, 1, CENTRES - 1)
    last = np.eye(CENTRES, DIMENSIONS)[-1:]
    weights = {"centroid": 1, "described": 1}
    said = classify(told, labels, last, np.eye(CENTRES, DIMENSIONS), SPACE.pipeline(weights, fusion="product"), {})
    assert said.sum() == pytest.approx(1.0) and 1e-3 < said[0, -1] < 0.5


@pytest.mark.parametrize(
    ("weights", "settings"),
    [
        ({"described": 1}, {}), ({"centroid": 1}, {"descriptions": 1}), ({"nearest": 1}, {"descriptions": 1}),
        ({"trained": 1}, {"descriptions": 2}), ({"fitted": 1}, {"descriptions": 2}),
        ({"centroid": 1}, {"descriptions": 1, "settle": "on"}),
    ],
)  # fmt: skip
def test_a_charge_without_a_told_case_is_told_by_its_description(
    weights: dict[str, int], settings: dict[str, object]
) -> None:
    told, labels = drawn(50, 0.1, 1, CENTRES - 1)
    asked, wanted = drawn(60, 0.1, 2)
    described = of_length_1(np.eye(CENTRES, DIMENSIONS) + 0.05)
    rare = wanted == CENTRES - 1
    said = classify(told, labels, asked, described, SPACE.pipeline(weights, **settings), {}).argmax(axis=1)
    assert (said[rare] == CENTRES - 1).all() and (said == wanted).mean() > 0.95
    without = classify(told, labels, asked, described, SPACE.pipeline({"centroid": 1}), {}).argmax(axis=1)
    assert not (without[rare] == CENTRES - 1).any(), "the control: told cases know nothing of it"


def test_of_a_description_of_which_nothing_is_read_nothing_is_made() -> None:
    (told, labels), (asked, _) = drawn(30, 0.2, 1), drawn(12, 0.2, 2)
    nothing = np.zeros((CENTRES, DIMENSIONS))
    for part in ("nearest", "centroid", "fitted"):
        plain, counted = (
            classify(told, labels, asked, nothing, SPACE.pipeline({part: 1}, descriptions=times), {})
            for times in (0, 2)
        )
        assert (plain == counted).all()
    said = classify(told, labels, asked, nothing, SPACE.pipeline({"described": 1}), {})
    assert said == pytest.approx(np.full((12, CENTRES), 1 / CENTRES))


def test_settling_tells_more_of_few_told_cases_and_many_that_are_asked_for() -> None:
    gained = []
    for seed in range(5):
        (told, labels), (asked, wanted) = drawn(CENTRES, 0.25, seed), drawn(240, 0.25, seed + 50)
        off, on = (
            classify(told, labels, asked, np.zeros((CENTRES, DIMENSIONS)), SPACE.pipeline(parts, settle=settle), {})
            for settle in ("off", "on") for parts in [{"centroid": 1}]
        )  # fmt: skip
        gained.append((on.argmax(axis=1) == wanted).mean() - (off.argmax(axis=1) == wanted).mean())
    assert np.mean(gained) > 0.05 and min(gained) > 0.0


def test_a_head_settles_too_and_what_is_not_near_any_charge_moves_it_little() -> None:
    (told, labels), (asked, wanted) = drawn(60, 0.1, 1), drawn(240, 0.25, 2)
    head = np.eye(CENTRES, DIMENSIONS) + 0.2 * np.random.default_rng(3).normal(size=(CENTRES, DIMENSIONS))
    network = {HEAD: head.astype(np.float32)}
    nothing = np.zeros((CENTRES, DIMENSIONS))
    off, on = (
        classify(told, labels, asked, nothing, SPACE.pipeline({"trained": 1}, settle=settle), network)
        for settle in ("off", "on")
    )
    right = [(each.argmax(axis=1) == wanted).mean() for each in (off, on)]
    assert right[1] > right[0] + 0.02
    flat = confident(np.full((1, CENTRES), 1 / CENTRES))
    moved = Known(told, labels, nothing).joined_by(asked[:1], flat).centroids()
    assert np.abs(moved - Known(told, labels, nothing).centroids()).max() < 0.02


def test_tellings_of_the_same_cases_settle_each_by_itself() -> None:
    """Else a case told as it is would vote for the same case told otherwise."""
    told, labels = drawn(CENTRES, 0.3, 1)
    first, second = drawn(40, 0.4, 2)[0], drawn(40, 0.4, 3)[0]
    made = functools.partial(
        classify, told, labels, described=np.eye(CENTRES, DIMENSIONS), network={},
        pipeline=SPACE.pipeline({"centroid": 1}, settle="on"),
    )  # fmt: skip
    apart = np.concatenate([made(query=first), made(query=second)])
    both = np.concatenate([first, second])
    assert (made(query=both, tellings=2) == apart).all()
    assert np.abs(made(query=both) - apart).max() > 1e-4


@pytest.mark.parametrize("surety", [0.3, 0.6, 0.95])
def test_the_exponent_makes_votes_as_sure_as_they_are_to_be(surety: float) -> None:
    votes = np.random.default_rng(4).dirichlet(np.ones(8), 200)
    powers = votes ** matched_exponent(votes, surety)
    powers /= powers.sum(axis=1, keepdims=True)
    assert powers.max(axis=1).mean() == pytest.approx(surety, abs=1e-3)


def calibration(backend: ChargeBackend, text: str, level: str = "judge") -> tuple[float, float]:
    """Means over tasks of the calibration error and of the accuracy that verdicts tell."""
    sessions = [backend.open(task) for task in backend.tasks(Split.DEVELOPMENT)]
    told = [session.figures(getattr(session, level)(Candidate(text), 0)) for session in sessions]
    return float(np.mean([each["calibration"] for each in told])), float(np.mean([each["accuracy"] for each in told]))


def test_calibration_brings_the_figure_of_verdicts_down_and_changes_no_charge() -> None:
    backend = ChargeBackend(sample())
    for level in ("judge", "audit"):
        before, accuracy = calibration(backend, "weigh centroid = 1\nbegin = 1000\n", level)
        after, same = calibration(backend, "weigh centroid = 1\nbegin = 1000\ncalibration = on\n", level)
        assert same == accuracy and after < 0.6 * before, (level, before, after)


def of_all(backend: ChargeBackend, text: str) -> tuple[Report, float]:
    """Of the cases of all tasks together (of one task's thirty the calibration error is mostly chance), and how sure
    the likeliest charges are on average.
    """
    wanted, made = list[Array](), list[Array]()
    for task in (each for split in SPLITS for each in backend.tasks(split)):
        session = backend.open(task)
        own = session._score
        session._score = lambda voted, level, own=own: made.append(voted) or own(voted, level)  # type: ignore
        assert session.judge(Candidate(text), 0).score is not None
        wanted.append(session._asked.labels)
    voted = np.concatenate(made)
    return report(np.concatenate(wanted), voted), float(voted.max(axis=1).mean())


@pytest.mark.parametrize("settled", ["", "settle = on\n", "fusion = product\ndescriptions = 1\n"])
def test_votes_of_several_read_outs_are_made_as_sure_as_they_are_right(settled: str) -> None:
    backend, text = ChargeBackend(sample()), f"weigh centroid = 2\nweigh fitted = 1\nbegin = 1000\n{settled}"
    (before, _), (after, _) = (of_all(backend, each) for each in (text, f"{text}calibration = on\n"))
    assert after.accuracy == before.accuracy and after.cases > 400
    assert after.calibration < 0.6 * before.calibration, (before.calibration, after.calibration)


@pytest.mark.skipif(not brings_agent("legal"), reason="the extra `lora` is not installed")
def test_with_an_adapter_votes_are_made_as_sure_as_its_head(tmp_path: Path) -> None:
    """Told cases that are left out tell nothing of a network that was trained on them."""
    backend = ChargeBackend(sample(), Shelf(tmp_path / "shelf"), trains=True)
    head, text = "weigh trained = 1\nbegin = 1000\n", "weigh trained = 1\nweigh centroid = 4\nbegin = 1000\n"
    assert backend.agent is not None
    backend.agent.fit(text, None, tmp_path / "adapter", 1, 1.0)
    network = f"network = {backend.agent.shelf.put(tmp_path / 'adapter')}\n"
    wanted, (before, apart), (after, sure) = (
        of_all(backend, f"{each}{network}") for each in (head, text, f"{text}calibration = on\n")
    )
    assert sure == pytest.approx(wanted[1], abs=0.005) and abs(apart - wanted[1]) > 0.05
    assert after.accuracy == before.accuracy and after.calibration < before.calibration
