"""`kernelevo run scrna --data`: what a person sees first, and what is said of a file that is no counts."""

from __future__ import annotations

import numpy as np
import pytest
from cli.conftest import Shell

pytest.importorskip("sklearn", reason="the extra `scrna` is not installed")
pytest.importorskip("pandas", reason="the extra `scrna` is not installed")

ASKED = ("--model", "prior", "--workers", "1", "--levers", "none", "--generations", "1", "--budget", "evaluations=12")


def write(shell: Shell, counts: np.ndarray) -> str:
    place = shell.folder / "mine.csv"
    lines = [",".join(["", *(f"g{gene}" for gene in range(counts.shape[1]))])]
    lines += [",".join([f"c{cell}", *(f"{value:g}" for value in row)]) for cell, row in enumerate(counts)]
    place.write_text("\n".join(lines))
    return str(place)


def counts() -> np.ndarray:
    return np.random.default_rng(0).poisson(1.0, (160, 160)).astype(float)


def test_a_run_says_in_its_first_lines_what_is_known_of_the_data(shell: Shell) -> None:
    drawn = counts()
    drawn[:, 7] = 0.0
    code, out, err = shell("run", "scrna", "--data", write(shell, drawn), *ASKED)
    assert code == 0, err
    first, second, third, *_ = out.splitlines()
    assert first.startswith("backend scrna on scrna:mine (measured)")
    assert second.startswith("data: mine.csv is not registered (SHA-256 ")
    assert "160 cells x 159 genes, without 1 gene of which no cell has any" in second
    assert third == "rewarded by the metric guarded", "there is no second tissue beside data of one's own"
    code, out, err = shell("run", "scrna", *ASKED, "--metric", "openproblems")
    assert code == 0, err
    assert out.splitlines()[1].startswith("data: a sample that is made here") and "metric openproblems" in out


@pytest.mark.parametrize(
    ("value", "words"), [(-1.0, "negative values"), (0.5, "fractions such as 0.5"), (float("nan"), "not finite")]
)
def test_what_are_no_counts_is_one_sentence_and_exit_code_2(shell: Shell, value: float, words: str) -> None:
    drawn = counts()
    drawn[3, 5] = value
    code, out, err = shell("run", "scrna", "--data", write(shell, drawn), *ASKED)
    assert code == 2 and words in err and "Traceback" not in out + err
    assert len(err.strip().splitlines()) == 1
