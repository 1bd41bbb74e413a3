"""scripts/gpu_check: that it says what is missing, that every part runs (on the virtual GPU), and what is recorded."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "scripts" / "gpu_check"
CARD = Path("/dev/nvidiactl").exists()


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The package's modules."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    from gpu_check import ceilings, noise, own_tests, record, script

    return SimpleNamespace(ceilings=ceilings, noise=noise, own_tests=own_tests, record=record, script=script)


def run(*words: str, folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    out = ["--out", str(folder)] if folder else []
    return subprocess.run([sys.executable, SCRIPT, *words, *out], capture_output=True, text=True, timeout=300)


@pytest.mark.skipif(CARD, reason="this machine has a card")
def test_without_a_card_it_says_so_in_one_sentence() -> None:
    done = run()
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.count("\n") == 1 and "there is no CUDA card here" in done.stderr


def test_without_the_packages_it_needs_it_says_so_in_one_sentence() -> None:
    done = subprocess.run([sys.executable, "-S", SCRIPT], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and done.stdout == "", done
    assert done.stderr.count("\n") == 1 and "the package rich is not in this Python" in done.stderr


def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_measured(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    done = run("noise", "--rehearse", folder=tmp_path / "file")
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "--out" in done.stderr


def test_a_part_that_is_none_is_refused() -> None:
    done = run("weather", "--rehearse")
    assert done.returncode == 2 and "invalid choice: 'weather'" in done.stderr


@pytest.fixture(scope="module")
def rehearsal(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], dict[str, Any]]:
    """All parts but the tests' own, rehearsed; and their records by part."""
    folder = tmp_path_factory.mktemp("rehearsal")
    done = run("twins", "noise", "cheats", "ceilings", "--rehearse", folder=folder)
    return done, {file.stem[11:]: json.loads(file.read_text()) for file in folder.glob("*/*.json")}


def test_every_part_runs_and_is_in_the_table(rehearsal: Any) -> None:
    done, records = rehearsal
    assert done.returncode == 0, done.stdout + done.stderr
    assert set(records) == {"twins", "noise", "cheats", "ceilings"}
    table = done.stdout[done.stdout.index("rehearsal)") :]
    assert all(part in table for part in records)
    assert "no figure here is measured" in done.stdout


def test_a_record_holds_what_its_figures_depend_on(rehearsal: Any) -> None:
    for record in rehearsal[1].values():
        assert record["how"] == "modelled: a rehearsal" and record["device"] == "cuda:virtual"
        assert {"processor", "cores", "system"} <= set(record["machine"])
        assert record["card"]["name"] and record["compiler"].startswith("nvrtc ")
        assert record["commit"] and record["date"][:4].isdecimal() and "sm_mhz" in record["state"]


def test_twins_agree_on_kernels_and_on_planted_faults(rehearsal: Any) -> None:
    found = rehearsal[1]["twins"]["details"]
    assert [row["ok"] for row in found["kernels"]] == [True, True]
    assert all(0 < row["virtual"] <= 1 or row["virtual"] == 0 for row in found["kernels"])
    assert found["endings"] == {
        "far_store": ["out_of_bounds"] * 2, "far_load": ["out_of_bounds"] * 2, "misaligned": ["misaligned"] * 2,
        "trapped": ["trap"] * 2, "fine": ["done"] * 2,
    }  # fmt: skip


def test_cheats_are_the_red_teams_scorecard(rehearsal: Any) -> None:
    card = rehearsal[1]["cheats"]["details"]["scorecard"]
    assert card["good"] and card["device"].startswith("single calls on cuda:virtual,") and len(card["attacks"]) >= 2
    assert "open: none" in rehearsal[1]["cheats"]["shown"]


def test_ceilings_are_rates_below_the_data_sheet(rehearsal: Any) -> None:
    found = rehearsal[1]["ceilings"]["details"]
    rates = {name: each["median"] for name, each in found["figures"].items()}
    assert set(rates) == {
        "copy_gbps", "l2_read_gbps", "mma_f16_tflops", "mma_bf16_tflops", "mma_tf32_tflops", "fma_f32_tflops"
    }  # fmt: skip
    assert all(0 < low["low"] <= low["median"] <= low["high"] for low in found["figures"].values())
    assert rates["mma_f16_tflops"] == pytest.approx(2 * rates["mma_tf32_tflops"], rel=0.1), "half the depth, same count"
    assert 0 < found["launch"]["each_us"]["median"] < 10 and not found["above_data_sheet"]


def test_noise_is_the_spread_of_medians(checks: Any) -> None:
    calls = [[SimpleNamespace(event_us=each) for each in repeat] for repeat in ([1, 9, 2], [4, 4, 4], [2, 2, 2])]
    found = checks.noise.figures(calls)
    assert found["repeats_us"] == [2, 4, 2]
    assert found["cv"] == pytest.approx((4 / 3) ** 0.5 / (8 / 3)) and found["aa"] == pytest.approx(0.5)
    assert checks.noise.figures(calls[:1])["cv"] is None


def test_the_tests_part_reads_what_pytest_says(checks: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"out": "3 passed, 1 skipped in 2.00s"}
    answer = lambda *args, **named: SimpleNamespace(stdout=f"...\n{said['out']}\n", returncode=0)  # noqa: E731
    monkeypatch.setattr(checks.own_tests.subprocess, "run", answer)
    card, rehearsed = SimpleNamespace(rehearsal=False), SimpleNamespace(rehearsal=True)
    assert checks.own_tests.run(card).ok
    said["out"] = "1 failed, 3 passed in 2.00s"
    assert not checks.own_tests.run(card).ok and not checks.own_tests.run(rehearsed).ok
    said["out"] = "90 skipped in 2.00s"
    assert checks.own_tests.run(rehearsed).ok and not checks.own_tests.run(card).ok, "on a card some must have run"
    said["out"] = "Segmentation fault"
    assert not checks.own_tests.run(rehearsed).ok


def test_a_failing_part_is_a_row_and_the_next_part_goes_on(
    checks: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from kernelevo.errors import Infrastructure

    def fails(bench: Any) -> Any:
        raise Infrastructure("the card fell off the bus")

    monkeypatch.setattr(checks.ceilings, "run", fails)
    monkeypatch.setattr(checks.script, "write", lambda *args: tmp_path)
    fine = checks.script.Outcome("noise", True, "quiet", "quiet")
    monkeypatch.setattr(checks.noise, "run", lambda bench: fine)
    bench = SimpleNamespace(card=SimpleNamespace(name="NVIDIA H200", arch="sm_90"), device="cuda:0", compiler="nvrtc",
                            rehearsal=False)  # fmt: skip
    assert checks.script._run(bench, ["ceilings", "noise"], tmp_path) == 1
    shown = capsys.readouterr().out
    assert "fell off the bus" in shown and "quiet" in shown


def test_all_parts_end_within_ten_minutes(checks: Any) -> None:
    assert checks.script.TOTAL_SECONDS <= 580 and set(checks.script.MOST_SECONDS) == set(checks.script.PARTS)


@pytest.mark.parametrize(("what", "said"), [("hangs", "did not end within 1 s"), ("breaks", "without an answer")])
def test_a_part_that_hangs_or_breaks_costs_its_row_only(
    checks: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str], what: str,
    said: str,
) -> None:
    """It is killed with what it started, and the next part goes on."""
    pid = tmp_path / "pid"

    def part(bench: Any) -> Any:
        started = subprocess.Popen(["sleep", "60"])
        pid.write_text(str(started.pid))
        if what == "breaks":
            raise ZeroDivisionError("nobody thought of this")
        time.sleep(60)

    monkeypatch.setattr(checks.ceilings, "run", part)
    monkeypatch.setitem(checks.script.MOST_SECONDS, "ceilings", 1.0)
    monkeypatch.setattr(checks.script, "TOTAL_SECONDS", 3.0 if what == "hangs" else 30.0)
    monkeypatch.setitem(checks.script.MOST_SECONDS, "noise", 2.0)
    monkeypatch.setattr(checks.script, "write", lambda *args: tmp_path)
    monkeypatch.setattr(checks.noise, "run", lambda bench: checks.script.Outcome("noise", True, "quiet", "quiet"))
    bench = SimpleNamespace(card=SimpleNamespace(name="NVIDIA H200", arch="sm_90"), device="cuda:0", compiler="nvrtc",
                            rehearsal=False)  # fmt: skip
    assert checks.script._run(bench, ["ceilings", "noise"], tmp_path) == 1
    shown = capfd.readouterr()
    assert said in shown.out and "quiet" in shown.out
    assert ("nobody thought of this" in shown.err) == (what == "breaks")
    state = Path(f"/proc/{pid.read_text()}/stat")
    assert not state.exists() or state.read_text().split()[2] == "Z"


def test_a_folder_is_named_after_the_card(checks: Any) -> None:
    assert checks.record.slug("NVIDIA H200") == "nvidia-h200"
    assert checks.record.slug("NVIDIA A100-SXM4-80GB") == "nvidia-a100-sxm4-80gb"
