"""What does not agree with itself is refused, even where every hash was put right; and it is known what can be changed
unnoticed, because only a run of one's own, or a signature, says more.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from evidence.made_bundle import exhibit, leaves, matter, passed, resealed, sealed, spoiled, with_other

from kernelevo.evidence import canonical, making
from kernelevo.evidence.bundle import Bundle
from kernelevo.run_evidence import Examined, examine

GOOD = sealed()
MEASURED = {
    "cases": [], "samples": [], "watch": "nobody", "notes": [],
    "card": {"name": "a card", "uuid": "", "arch": "sm_90", "properties": {}, "versions": {}},
}  # fmt: skip
LONE = making.make(replace(matter(), start=None, chosen=None))
"""A claim that it passes, and no more."""
DOCUMENTS = [name for name in GOOD.members if name.endswith(".json")]
FREE = {
    # What nothing else in a bundle says: changed with all hashes put right, only --rerun or a signature can tell.
    "origin.json": r"run|command|started|kernelevo|versions|calibration|harness|adapter|notes|asked"
    r"|properties/\w+",
    "problem/declaration.json": r"file_name|suffix|compute_dtype|tolerance|oracle_name|arguments/\d/(aligned|value)"
    r"|arguments/\d/(dtype|shape/\d)|tests/\d/weight",
    "judgement": r"proposer|moves/\d|feedback|seed|not_checked/\d|checks/\d/(name|detail)|seconds|cases/\d/limiter"
    r"|cases/\d/steps/\d/(limiter|kernel)|trials/\d/(index|offset|repeat|inputs/x|outputs/y|error_ratio)"
    r"|compiled/(arch|compiler|key|cubin_sha256)"
    r"|compiled/kernels/\d/(name|registers|\w+_bytes)",
}


def refusals(data: bytes) -> list[str]:
    return [f"{row.part}: {row.words}" for row in examine(data, None).rows if row.state == "refused"]


def is_free(name: str, path: str) -> bool:
    pattern = FREE["judgement"] if name.startswith(("best", "start")) else FREE.get(name, "$^")
    return re.fullmatch(f"({pattern})(/.*)?", path) is not None


@pytest.mark.parametrize(
    ("made", "name"), [(made, name) for made in (GOOD, LONE) for name in DOCUMENTS if name in made.members]
)
def test_every_value_of_every_document_is_checked_or_known_to_be_free(made: Bundle, name: str) -> None:
    value = json.loads(made.members[name])
    unnoticed = []
    for path in leaves(value):
        data = resealed({**made.members, name: canonical.written(with_other(value, path))})
        if not refusals(data) and not is_free(name, "/".join(map(str, path))):
            unnoticed.append(path)
    assert not unnoticed


def test_what_is_called_free_is_there_to_be_changed() -> None:
    """The list of free values does not outlive the values."""
    for name, pattern in FREE.items():
        documents = [each for each in DOCUMENTS if each == name or (name == "judgement" and "/" in each)]
        paths = {"/".join(map(str, path)) for each in documents for path in leaves(json.loads(GOOD.members[each]))}
        for branch in re.sub(r"\([^()]*\)", "*", pattern).split("|"):
            start = branch.split("\\")[0].split("*")[0]
            assert any(path.startswith(start) for path in paths), branch


CHANGES = {
    "a faster case": ("best/judgement.json", lambda said: said["cases"][0].update(time_us=0.5), "launches take"),
    "a faster score": ("best/judgement.json", lambda said: said.update(score_us=0.5), "come to"),
    "a check that failed": ("best/judgement.json", lambda said: said["checks"][0].update(passed=False), "failed"),
    "no checks": ("best/judgement.json", lambda said: said.update(checks=[]), "0 checks"),
    "light checks": ("best/judgement.json", lambda said: said.update(mode="search"), "full checks"),
    "a status": ("best/judgement.json", lambda said: said.update(status="wrong"), "only a passed verdict"),
    "another device": ("best/judgement.json", lambda said: said.update(device="virtual:a100"), "another device"),
    "measured": ("best/judgement.json", lambda said: said.update(how="measured"), "way of timing"),
    "an error too large": ("best/judgement.json", lambda said: said["trials"][0].update(error_ratio=1.5), "tolerances"),
    "a case left out": ("best/judgement.json", lambda said: said["cases"].pop(), "benchmark cases"),
    "tests left out": ("best/judgement.json", lambda said: said["trials"].pop(0), "trials are not of the cases"),
    "an output left out": ("best/judgement.json", lambda said: said["trials"][0].update(outputs={}), "arguments"),
    "another grid": ("best/judgement.json", lambda said: said["launches"]["n=33"][1].update(grid=[2, 1, 1]), "n=33"),
    "another macro": ("best/judgement.json", lambda said: said["macros"].update(BLOCK=64), "values"),
    "no launches": ("best/judgement.json", lambda said: said["cases"][0].update(steps=[]), "0 launches"),
    "a launch's counters": (
        "best/judgement.json",
        lambda said: [each["counts"].update(idle=0) for each in (said["cases"][0], said["cases"][0]["steps"][1])],
        "other counters",
    ),
    "no compiled code": ("best/judgement.json", lambda said: said.update(compiled=None), "names no compiled code"),
    "no kernels": ("best/judgement.json", lambda said: said["compiled"].update(kernels=[]), "twice is launched"),
    "samples of a device that takes none": (
        "best/judgement.json", lambda said: said.update(measured=MEASURED, trials=[], cases=[]), "times none",
    ),
    "the seed that it was chosen by, spelled otherwise": (
        "best/chosen.json", lambda said: said.update(seed="01e"), "seed is none",
    ),
    "a seed that is none": ("best/judgement.json", lambda said: said.update(seed="-1"), "seed"),
    "other counts": ("best/judgement.json", lambda said: said["cases"][0]["counts"].update(l2=1), "counts"),
    "a kernel that is not there": (
        "best/judgement.json", lambda said: said["compiled"]["kernels"][0].update(symbol="thrice"), "thrice",
    ),
    "the claim's ratio": ("claim.json", lambda said: said.update(ratio=100.0), "ratio is 100.0"),
    "the claim's words": ("claim.json", lambda said: said.update(words="100 times as fast"), "words"),
    "the claim's band": ("claim.json", lambda said: said.update(band=0.01), "words"),
    "another task": ("claim.json", lambda said: said.update(task="thrice"), "task"),
    "the figure it was chosen by": ("best/chosen.json", lambda said: said.update(score_us=9.0), "come to"),
    "another one chosen": ("best/chosen.json", lambda said: said.update(candidate="0" * 16), "another kernel"),
    "another problem": ("problem/declaration.json", lambda said: said.update(sha256="0" * 64), "another file"),
    "a weight": ("problem/declaration.json", lambda said: said["benchmarks"][0].update(weight=9.0), "come to"),
    "a language": ("problem/declaration.json", lambda said: said.update(language="Fortran"), "Fortran"),
    "a field nobody knows": ("claim.json", lambda said: said.update(more=1), "more"),
    "a number as text": ("claim.json", lambda said: said.update(score_us="4"), "score_us"),
}  # fmt: skip


@pytest.mark.parametrize("what", CHANGES)
def test_a_changed_figure_with_its_hashes_put_right_is_found(what: str) -> None:
    name, change, words = CHANGES[what]
    assert any(words in refusal for refusal in refusals(spoiled(name, change))), refusals(spoiled(name, change))


@pytest.mark.parametrize("band", [0.2501, 0.0, 9.0])
def test_the_band_is_part_of_the_words_whatever_is_claimed(band: float) -> None:
    for made in (GOOD, LONE):
        claim = json.loads(made.members["claim.json"]) | {"band": band}
        changed = resealed({**made.members, "claim.json": canonical.written(claim)})
        assert any("words" in each for each in refusals(changed))


@pytest.mark.parametrize("name", ["best/kernel", "start/kernel", "problem/problem.py", "best/kernel.ptx"])
def test_another_text_with_its_hashes_put_right_is_found(name: str) -> None:
    changed = GOOD.members[name].replace(b"}", b"} ").replace(b"problem", b"Problem")
    assert changed != GOOD.members[name]
    assert any(name.split("/")[0] in refusal for refusal in refusals(resealed({**GOOD.members, name: changed})))


@pytest.mark.parametrize("spelling", [b'{"a": 1}', b"1e0", b" 4.0", b'"band": 0.25,\n "band": 0.25'])
def test_json_in_another_form_is_refused(spelling: bytes) -> None:
    claim = GOOD.members["claim.json"]
    changed = claim.replace(b'"band": 0.25', spelling if b"band" in spelling else b'"band": ' + spelling)
    assert changed != claim
    assert refusals(resealed({**GOOD.members, "claim.json": changed}))


def test_an_honest_bundle_without_a_choice_or_a_start_agrees_with_itself() -> None:
    whole = matter()
    for made in (replace(whole, chosen=None), replace(whole, start=None, chosen=None)):
        examined = examine(making.make(made).encode(), None)
        assert not examined.refused
    assert row_of(examine(making.make(replace(whole, chosen=None)).encode(), None), "winner's curse") == "not checked"


def test_a_best_judged_anew_on_the_same_seed_is_not_taken_for_new() -> None:
    whole = matter()
    chosen = passed(whole.best.attempt.candidate.text, (3.8, 9.0), 30)
    assert row_of(examine(making.make(replace(whole, chosen=chosen)).encode(), None), "winner's curse") == "not checked"


def test_tuned_values_are_part_of_the_candidate() -> None:
    best = exhibit(passed(matter().start.attempt.candidate.text, (4.0, 10.0), 30, {"BLOCK": 64}))
    made = making.make(replace(matter(), best=best, chosen=None))
    assert not examine(made.encode(), None).refused
    said = json.loads(made.members["best/judgement.json"])
    assert said["launches"]["n=1000"][1]["grid"] == [16, 1, 1] and said["macros"] == {"BLOCK": 64}
    said["defines"] = {"BLOCK": 128}
    changed = resealed({**made.members, "best/judgement.json": canonical.written(said)})
    assert any("another text or other values" in each for each in refusals(changed))


def row_of(examined: Examined, part: str) -> Any:
    return next(row.state for row in examined.rows if row.part == part)
