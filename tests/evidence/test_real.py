"""Real parts: a kernel is compiled, judged, bundled, and judged again from its bundle alone."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from evidence.made_bundle import resealed

from kernelevo.cli import main
from kernelevo.evidence import bundle, canonical
from kernelevo.evidence.documents import Claim, Judgement
from kernelevo.evidence.wording import claim_words
from kernelevo.types import Candidate

KERNELS = Path(__file__).parents[2] / "kernels"
EVIDENCE = "best/transpose.evidence.tar"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The evidence of a short search on the real parts."""
    folder = tmp_path_factory.mktemp("made")
    shutil.copytree(KERNELS, folder / "kernels")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        words = ["--case", "rows=256,cols=256", "--evaluations", "10", "--seconds", "60", "--quiet", "--json"]
        assert main(["optimize", "kernels/transpose.cu", *words]) == 0
    return (folder / EVIDENCE).read_bytes()


def verify(data: bytes, folder: Path, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, dict]:
    file = folder / "claim.evidence.tar"
    file.write_bytes(data)
    code = main(["verify", str(file), "--json", *words])
    return code, json.loads(capsys.readouterr().out)


def states(told: dict) -> dict[str, str]:
    return {row["part"]: row["state"] for row in told["rows"]}


def test_what_is_recorded_comes_out_again_exactly(
    made: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERNELEVO_CACHE", str(tmp_path / "cache"))  # nothing is left of the first build
    code, told = verify(made, tmp_path, capsys, "--rerun")
    assert (code, told["outcome"]) == (0, "holds"), told
    assert states(told)["best, run again"] == states(told)["start, run again"] == "holds"
    assert told["claim"]["ratio"] > 1.5 and told["claim"]["how"] == "modelled"


def members_of(data: bytes) -> dict[str, bytes]:
    return dict(bundle.decode(data).members)


def test_a_gain_made_up_with_care_agrees_with_itself_and_does_not_hold(
    made: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All figures of the best a tenth, every hash and word put right: only a run of one's own finds it."""
    members = members_of(made)
    for name in ("best/judgement.json", "best/chosen.json"):
        members[name] = canonical.written(tenth(json.loads(members[name])))
    members["claim.json"] = canonical.write(claim_of(members))
    code, told = verify(resealed(members), tmp_path, capsys)
    assert code == 0 and not told["refused"]
    code, told = verify(resealed(members), tmp_path, capsys, "--rerun")
    assert (code, told["outcome"]) == (1, "does not hold")
    assert states(told)["best, run again"] == "refused" and "claimed" in told["words"]


def tenth(said: dict) -> dict:
    said["score_us"] /= 10
    for case in said["cases"]:
        case["time_us"] /= 10
        for step in case["steps"]:
            step["time_us"] /= 10
    return said


def claim_of(members: dict[str, bytes]) -> Claim:
    claim = canonical.read("c", members["claim.json"], Claim)
    best, chosen = (
        canonical.read("j", members[name], Judgement) for name in ("best/judgement.json", "best/chosen.json")
    )
    figures = {"score_us": best.score_us, "ratio": claim.start_us / best.score_us}
    claim = claim.model_copy(update={**figures, "ratio_when_chosen": claim.start_us / chosen.score_us})
    return claim.model_copy(update={"words": claim_words(claim, len(best.checks), len(best.cases))})


def test_a_wrong_kernel_put_in_with_care_does_not_hold(
    made: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A kernel that is never right under the figures of one that is."""
    members = members_of(made)
    text = members["best/kernel"].decode() + "\n#error not the kernel that was judged\n"
    members["best/kernel"] = text.encode()
    for name in ("best/judgement.json", "best/chosen.json"):
        said = json.loads(members[name])
        said["text_sha256"], said["candidate"] = bundle.manifest.sha256(text.encode()), Candidate(text).id
        members[name] = canonical.written(said)
    assert verify(resealed(members), tmp_path, capsys)[0] == 0
    code, told = verify(resealed(members), tmp_path, capsys, "--rerun")
    assert code == 1 and "build_error" in told["words"]


def test_a_problem_file_of_ones_own_with_other_tests_does_not_make_a_claim_false(
    made: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its tests draw other inputs from the recorded seed, which says nothing against what was recorded."""
    own = tmp_path / "transpose.problem.py"
    text = (KERNELS / "transpose.problem.py").read_text(encoding="utf-8")
    own.write_text(text.replace("benchmarks=", 'tests=["rows=3,cols=5"], benchmarks='), encoding="utf-8")
    code, told = verify(made, tmp_path, capsys, "--rerun", "--trust", "--problem", str(own))
    assert (code, told["outcome"]) == (0, "holds"), told
    assert states(told)["best, run again"] == "not checked"


def test_a_problem_file_of_another_kernel_is_bad_input(
    made: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "claim.evidence.tar"
    file.write_bytes(made)
    assert main(["verify", str(file), "--rerun", "--problem", str(KERNELS / "layernorm.problem.py")]) == 2
    assert "and the bundle's problem x, y; give a problem file for this kernel" in capsys.readouterr().err
