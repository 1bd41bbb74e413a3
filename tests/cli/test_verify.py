"""`verify` and `sign` from the command line: what is written, exit codes, and no stranger's code executed unasked."""

from __future__ import annotations

import dataclasses
import errno
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from cli.conftest import PROBLEM, ScriptedBench, Shell

from kernelevo.errors import SandboxBroken
from kernelevo.evaluators.scripted import ScriptedEvaluator
from kernelevo.evidence import bundle, canonical
from kernelevo.evidence.documents import Origin
from kernelevo.run_record import make_record
from kernelevo.types import Status

BEST = "best/twice.evidence.tar"


@pytest.fixture
def evidence(shell: Shell) -> Path:
    code, out, _ = shell("optimize", "twice.cu", "--json")
    assert code == 0 and json.loads(out)["evidence_path"] == BEST
    return shell.folder / BEST


def test_optimize_writes_evidence_beside_the_best_and_in_the_run(shell: Shell, evidence: Path) -> None:
    (run,) = (shell.folder / "runs").iterdir()
    assert (run / "evidence.tar").read_bytes() == evidence.read_bytes()


def test_what_optimize_wrote_holds(shell: Shell, evidence: Path) -> None:
    code, out, _ = shell("verify", BEST)
    assert code == 0
    assert "claim: twice: " in out and "times as fast as the start" in out
    assert "agrees with itself" in out and "Hashes alone show consistency only" in out


def test_json_has_every_row(shell: Shell, evidence: Path) -> None:
    code, out, _ = shell("verify", BEST, "--json")
    told = json.loads(out)
    assert code == 0 and not told["refused"] and told["outcome"] is None
    assert told["claim"]["device"] == "virtual:h100" and told["claim"]["how"] == "modelled"
    assert {row["state"] for row in told["rows"]} == {"holds", "not checked"}


def test_a_changed_one_is_refused_with_exit_code_1_saying_which_part(shell: Shell, evidence: Path) -> None:
    evidence.write_bytes(evidence.read_bytes().replace(b"__global__", b"__gl0bal__"))
    code, out, _ = shell("verify", BEST)
    assert code == 1 and "Refused: member" in out and "kernel" in out
    code, out, _ = shell("verify", BEST, "--rerun", "--trust", "--json")
    assert code == 1 and json.loads(out)["refused"] and json.loads(out)["outcome"] is None


@pytest.mark.parametrize("name", ["missing.tar", "."])
def test_a_bundle_that_cannot_be_read_is_bad_input(shell: Shell, name: str) -> None:
    code, _, err = shell("verify", name)
    assert code == 2 and "cannot be read" in err


def test_a_file_that_is_no_bundle_is_refused(shell: Shell) -> None:
    assert shell("verify", "twice.cu")[0] == 1


def test_nothing_faster_is_a_claim_of_one_verdict(shell: Shell) -> None:
    code, _, _ = shell.with_bench(ScriptedBench, [])("optimize", "twice.cu")
    assert code == 0
    code, out, _ = shell("verify", BEST)
    assert code == 0 and "twice passes its 1 check, at 100 us" in out


def test_check_writes_the_evidence_of_a_verdict_that_passed(shell: Shell) -> None:
    code, out, _ = shell("check", "twice.cu", "--bundle", "v.tar")
    assert code == 0 and "kernelevo verify v.tar" in out
    assert shell("verify", "v.tar")[0] == 0


def test_check_writes_no_evidence_of_what_failed(shell: Shell) -> None:
    shell.write("twice.cu", (shell.folder / "twice.cu").read_text() + "// status wrong\n")
    code, out, _ = shell("check", "twice.cu", "--bundle", "v.tar")
    assert code == 1 and "only what passed is a claim" in out and not Path("v.tar").exists()


def test_evidence_never_overwrites_the_kernel(shell: Shell) -> None:
    code, _, err = shell("check", "twice.cu", "--bundle", "twice.cu")
    assert code == 2 and "overwrite" in err


LOUD = f"from pathlib import Path\nPath({{marker!r}}).touch()\n{PROBLEM}"


@pytest.fixture
def strange(shell: Shell, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A bundle whose problem file leaves a mark when it is executed, and the mark (not yet there)."""
    marker = tmp_path_factory.mktemp("elsewhere") / "executed"
    shell.write("twice.problem.py", LOUD.format(marker=str(marker)))
    assert shell("optimize", "twice.cu")[0] == 0
    marker.unlink()
    return shell.folder / BEST, marker


def test_a_strangers_problem_file_is_not_executed_without_trust(shell: Shell, strange: tuple[Path, Path]) -> None:
    _, marker = strange
    assert shell("verify", BEST)[0] == 0 and not marker.exists()
    code, _, err = shell("verify", BEST, "--rerun")
    assert code == 2 and "--trust" in err and "outside the wall" in err and not marker.exists()
    # Its place is gone by now, so the words name one that is not, and no folder that could be vouched for.
    reading = f"tar xOf {BEST} {bundle.PROBLEM}"
    assert reading in err and "folders whose" not in err
    shown = subprocess.run(reading.split(), capture_output=True, check=True, cwd=shell.folder).stdout
    assert shown == bundle.decode((shell.folder / BEST).read_bytes()).members[bundle.PROBLEM]


def test_with_trust_it_is_judged_again(shell: Shell, strange: tuple[Path, Path]) -> None:
    _, marker = strange
    code, out, _ = shell("verify", BEST, "--rerun", "--trust")
    assert code == 0 and "holds: claimed" in out and marker.exists()


def test_with_a_problem_of_ones_own_the_bundles_is_not_executed(shell: Shell, strange: tuple[Path, Path]) -> None:
    _, marker = strange
    shell.write("mine/twice.problem.py", PROBLEM)
    code, out, _ = shell("verify", BEST, "--rerun", "--problem", "mine/twice.problem.py")
    assert code == 0 and "another file than the bundle's" in out and not marker.exists()


def test_a_claim_that_does_not_hold_here_is_exit_code_1(shell: Shell, evidence: Path) -> None:
    class Slow(ScriptedBench):
        def judge(self, candidate):
            slower = super().judge(type(candidate)(candidate.text.replace("// 6.25 us", "// 60 us")))
            return dataclasses.replace(slower, candidate=candidate.id)

    code, out, _ = shell.with_bench(Slow)("verify", BEST, "--rerun", "--trust")
    assert code == 1 and "does not hold: claimed" in out


@pytest.mark.parametrize(
    ("status", "expected"), [("wrong", 1), ("race", 1), ("infra", 4), ("inconclusive", 4), ("unsupported", 4)]
)
def test_a_best_that_does_not_pass_here(shell: Shell, evidence: Path, status: str, expected: int) -> None:
    class Failing(ScriptedBench):
        def judge(self, candidate):
            passed = "// 100 us" in candidate.text
            return super().judge(candidate) if passed else self.failed(candidate, Status(status))

    code, out, _ = shell.with_bench(Failing)("verify", BEST, "--rerun", "--trust")
    assert code == expected and status in out


def test_a_replay_that_differs_is_why_a_claim_does_not_hold(shell: Shell, evidence: Path) -> None:
    """Not the figures, which may be the same."""
    name = "best/judgement.json"
    made = bundle.decode(evidence.read_bytes())
    said = json.loads(made.members[name])
    said["trials"][0]["outputs"] = {"y": "0" * 64}
    evidence.write_bytes(bundle.seal({**made.members, name: canonical.written(said)}).encode())
    code, out, _ = shell("verify", BEST, "--rerun", "--trust")
    assert code == 1 and "does not hold: best, run again: " in out and "does not hold: claimed" not in out


def test_beside_a_rerun_nothing_is_said_that_it_contradicts(shell: Shell, evidence: Path) -> None:
    assert "was not executed" in shell("verify", BEST)[1]
    code, out, _ = shell("verify", BEST, "--rerun", "--trust")
    assert code == 0 and "was executed to judge by" in out
    assert "was not executed" not in out and "--rerun" not in out
    told = json.loads(shell("verify", BEST, "--rerun", "--trust", "--json")[1])
    assert [row["state"] for row in told["rows"] if row["part"] == "the problem's code"] == ["not checked"]
    assert {row["part"] for row in told["rows"]} >= {"best, compiled again", "start, compiled again"}


def test_on_another_device_nothing_is_compared(shell: Shell, evidence: Path) -> None:
    other = shell.with_bench(lambda: ScriptedBench("virtual:a100"))
    code, out, _ = other("verify", BEST, "--rerun", "--trust", "--device", "virtual:a100")
    assert code == 4 and "other device: the claim is of virtual:h100" in out


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="no ssh-keygen")
def test_sign_and_verify_with_a_key(shell: Shell, evidence: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", "mine"], check=True)
    assert shell("verify", BEST, "--key", "mine.pub")[0] == 1
    code, out, _ = shell("sign", BEST, "--key", "mine")
    assert code == 0 and "--key mine.pub" in out
    code, out, _ = shell("verify", BEST, "--key", "mine.pub")
    assert code == 0 and "holds        signature" in out and "Hashes alone" not in out


@pytest.fixture
def keys(shell: Shell) -> Path:
    """Keys `mine` and `other` in the home folder, of which these tests are told by `~`."""
    for name in ("mine", "other"):
        words = ["-q", "-t", "ed25519", "-N", "", "-f", str(shell.folder / name)]
        subprocess.run(["ssh-keygen", *words], check=True)
    return shell.folder


needs_ssh = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="no ssh-keygen")


@needs_ssh
def test_an_older_signature_is_replaced_only_where_that_is_said(shell: Shell, evidence: Path, keys: Path) -> None:
    assert shell("sign", BEST, "--key", "mine")[0] == 0
    before = evidence.read_bytes()
    code, _, err = shell("sign", BEST, "--key", "other")
    assert code == 2 and "signed already" in err and "SHA256:" in err and evidence.read_bytes() == before
    code, out, _ = shell("sign", BEST, "--key", "other", "--replace")
    assert code == 0 and "the signature that was there is gone" in out and "SHA256:" in out
    assert shell("verify", BEST, "--key", "other.pub")[0] == 0 and shell("verify", BEST, "--key", "mine.pub")[0] == 1


@needs_ssh
def test_a_symbolic_link_is_not_signed(shell: Shell, evidence: Path, keys: Path) -> None:
    link, before = shell.folder / "link.tar", evidence.read_bytes()
    link.symlink_to(BEST)
    code, _, err = shell("sign", "link.tar", "--key", "mine")
    assert code == 2 and "symbolic link" in err and str(evidence) in err
    assert link.is_symlink() and evidence.read_bytes() == before


@needs_ssh
def test_a_signature_is_written_whole_or_not_at_all(
    shell: Shell, evidence: Path, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*paths: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = evidence.read_bytes()
    with monkeypatch.context() as broken:
        broken.setattr("kernelevo.report_file.os.replace", full)
        assert shell("sign", BEST, "--key", "mine")[0] == 3
    assert evidence.read_bytes() == before and [each.name for each in evidence.parent.glob(".*")] == []


@needs_ssh
def test_a_key_may_lie_at_home(
    shell: Shell, evidence: Path, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(keys))
    assert shell("sign", BEST, "--key", "~/mine")[0] == 0
    code, out, err = shell("verify", BEST, "--key", "~/mine.pub")
    assert code == 0 and "holds        signature" in out, err
    for words in (("verify", BEST), ("sign", BEST, "--replace")):
        code, _, err = shell(*words, "--key", "~nobody-of-this-name/mine.pub")
        assert code == 2 and "without ~" in err


def test_every_output_makes_its_folders(shell: Shell) -> None:
    assert shell("check", "twice.cu", "--bundle", "new/folder/v.tar")[0] == 0
    assert shell("verify", "new/folder/v.tar")[0] == 0


def test_what_is_refused_is_not_signed(shell: Shell, evidence: Path) -> None:
    evidence.write_bytes(evidence.read_bytes()[:-512])
    before = evidence.read_bytes()
    code, _, err = shell("sign", BEST, "--key", "mine")
    assert code == 2 and "refused" in err and evidence.read_bytes() == before


def test_a_strangers_words_do_not_move_the_cursor(shell: Shell, evidence: Path) -> None:
    sealed = bundle.decode(evidence.read_bytes())
    origin = canonical.read("origin", sealed.members[bundle.ORIGIN], Origin)
    loud = canonical.write(origin.model_copy(update={"kernelevo": "0.1\x1b[2J[bold]", "harness": "\x1b[31m"}))
    evidence.write_bytes(bundle.seal({**sealed.members, bundle.ORIGIN: loud}).encode())
    code, out, _ = shell("verify", BEST)
    assert code == 0 and "\x1b" not in out and "[bold]" in out


def test_what_no_full_checks_have_confirmed_is_no_claim(shell: Shell) -> None:
    class NoFinal(ScriptedBench):
        def __post_init__(self) -> None:
            super().__post_init__()
            self.full = ScriptedEvaluator(self.broken)

        def broken(self, candidate):
            if "// 100 us" in candidate.text:
                raise SandboxBroken("the worker died")
            return self.judge(candidate)

    code, out, _ = shell.with_bench(NoFinal)("optimize", "twice.cu", "--json", "--workers", "1")
    told = json.loads(out)
    assert code == 0 and not told["passed"] and told["evidence_path"] is None and not Path(BEST).exists()


def test_a_run_of_a_version_without_evidence_goes_on_without(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    def without_properties(*words, **more):
        record = make_record(*words, **more)
        settings = {name: value for name, value in record.settings.items() if name != "properties"}
        return dataclasses.replace(record, settings=settings)

    monkeypatch.setattr("kernelevo.run.make_record", without_properties)
    code, out, _ = shell("optimize", "twice.cu", "--json")
    assert code == 0 and json.loads(out)["evidence_path"] is None and Path("best/twice.cu").exists()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"mode": None}, "mode that it does not name"), ({"mode": "search"}, "mode search"),
        ({"seed": None}, "seed is not there"), ({"trials": []}, "trials are not there"),
        ({"mode": None, "seed": None, "trials": []}, "refused"),
    ],
)  # fmt: skip
def test_a_judgement_that_nobody_can_draw_again_makes_no_claim(
    shell: Shell, evidence: Path, change: dict, words: str
) -> None:
    """Whoever writes a bundle must not be able to switch off its replay."""
    name = "best/judgement.json"
    made = bundle.decode(evidence.read_bytes())
    said = json.loads(made.members[name]) | change
    evidence.write_bytes(bundle.seal({**made.members, name: canonical.written(said)}).encode())
    for again in ((), ("--rerun", "--trust")):
        code, out, _ = shell("verify", BEST, *again)
        assert code == 1 and words in out.lower() and "holds:" not in out


def test_a_verdict_of_the_most_thorough_mode_is_judged_again_in_it(shell: Shell) -> None:
    assert shell("check", "twice.cu", "--sanitize", "--bundle", "v.tar")[0] == 0
    code, out, err = shell("verify", "v.tar", "--rerun", "--trust")
    assert code == 0 and "run again on seed" in out, err


@pytest.mark.parametrize("option", [("--trust",), ("--problem", "twice.problem.py"), ("--device", "virtual:h200")])
def test_an_option_of_judging_again_is_refused_where_nothing_is(
    shell: Shell, evidence: Path, option: tuple[str, ...]
) -> None:
    code, _, err = shell("verify", BEST, *option)
    assert code == 2 and f"{option[0]} says how" in err
