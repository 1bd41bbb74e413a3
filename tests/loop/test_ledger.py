"""The sealed tasks are opened once for each claim."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from kernelevo.errors import BadInput, Infrastructure
from kernelevo.loop.ledger import LEDGER, open_sealed, openings, require_unopened, write_outcome


def test_a_claim_opens_once_and_its_run_may_go_on_until_the_outcome(tmp_path: Path) -> None:
    open_sealed(tmp_path, "a wins", "run1", ["x", "y"])
    open_sealed(tmp_path, " a wins ", "run1", ["x", "y"])
    with pytest.raises(BadInput, match=r"opened the sealed tasks before \(run run1, .*was not finished"):
        open_sealed(tmp_path, "a wins", "run2", ["x"])
    write_outcome(tmp_path, "a wins", "run1", {"gain": 0.5})
    with pytest.raises(BadInput, match="has its outcome"):
        open_sealed(tmp_path, "a wins", "run1", ["x", "y"])
    open_sealed(tmp_path, "b wins", "run2", ["x"])
    first, second = openings(tmp_path)
    assert (first.claim, first.run, first.tasks, first.outcome) == ("a wins", "run1", ("x", "y"), {"gain": 0.5})
    assert second.outcome is None and len((tmp_path / LEDGER).read_text().splitlines()) == 3


def test_claims_that_differ_by_case_or_spaces_are_one(tmp_path: Path) -> None:
    require_unopened(tmp_path, "Both levers  beat base")
    open_sealed(tmp_path, "both levers beat base", "run1", ["x"])
    for claim in ("Both levers  beat base", "BOTH LEVERS BEAT BASE "):
        with pytest.raises(BadInput, match="opened the sealed tasks before"):
            open_sealed(tmp_path, claim, "run2", ["x"])
        with pytest.raises(BadInput, match="opened the sealed tasks before"):
            require_unopened(tmp_path, claim)
    require_unopened(tmp_path, "both levers beat by hand")
    assert len(openings(tmp_path)) == 1


def test_an_outcome_is_written_once_and_only_of_an_opening(tmp_path: Path) -> None:
    with pytest.raises(Infrastructure, match="has not opened"):
        write_outcome(tmp_path, "a wins", "run1", {})
    open_sealed(tmp_path, "a wins", "run1", ["x"])
    write_outcome(tmp_path, "a wins", "run1", {"gain": 0.5})
    write_outcome(tmp_path, "a wins", "run1", {"gain": 9.5})
    assert openings(tmp_path)[0].outcome == {"gain": 0.5}


@pytest.mark.parametrize("claim", ["", "ab", "x" * 201, "two\nlines", "\x1b[2J..."])
def test_a_claim_is_one_line(tmp_path: Path, claim: str) -> None:
    with pytest.raises(BadInput, match="--claim"):
        open_sealed(tmp_path, claim, "run1", ["x"])
    assert not openings(tmp_path)


def test_a_damaged_ledger_opens_nothing(tmp_path: Path) -> None:
    open_sealed(tmp_path, "a wins", "run1", ["x"])
    with (tmp_path / LEDGER).open("a") as file:
        file.write('{"claim": "half a li')
    with pytest.raises(Infrastructure, match=f"{LEDGER}:2"):
        open_sealed(tmp_path, "b wins", "run2", ["x"])


def test_of_many_at_once_one_opens(tmp_path: Path) -> None:
    opened: list[str] = []

    def attempt(run: str) -> None:
        try:
            open_sealed(tmp_path, "a wins", run, ["x"])
            opened.append(run)
        except BadInput:
            pass

    threads = [threading.Thread(target=attempt, args=(f"run{number}",)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 1
    (line,) = (tmp_path / LEDGER).read_text().splitlines()
    assert json.loads(line)["run"] == opened[0]


def test_an_outcome_belongs_to_its_claim_however_it_is_spaced(tmp_path: Path) -> None:
    open_sealed(tmp_path, "our claim  one", "run", ["a"])
    open_sealed(tmp_path, "Our claim one", "run", ["a"])  # it goes on
    write_outcome(tmp_path, "OUR claim one", "run", {"held": True})
    (opening,) = openings(tmp_path)
    assert (opening.claim, opening.outcome) == ("our claim  one", {"held": True})
