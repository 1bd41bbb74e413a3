"""Findings as SARIF: valid, stable over runs, and with a kernel's own words as data."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
from pydantic import ValidationError
from report.findings import EVERYTHING, FILE, IN_A_HEADER, NOWHERE, RACE, REMARK, TEXT, verdict
from report.sarif_model import Log, Result, read_log

from kernelevo.report_fingerprints import line_fingerprints
from kernelevo.report_sarif import rule_id, sarif_log
from kernelevo.types import Diagnostic, SourceLine, Status, Verdict


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "kernels \u4e8c").mkdir()
    (tmp_path / "kernels \u4e8c" / FILE).write_text(TEXT)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def written(given: Verdict, text: str = TEXT, code: int = 1) -> str:
    log = sarif_log(given, text, FILE, Path("kernels \u4e8c") / FILE, "0.1.0", code)
    return json.dumps(log)


def results(given: Verdict, text: str = TEXT) -> list[Result]:
    return read_log(written(given, text)).runs[0].results


def test_a_log_with_findings_of_every_shape_is_valid() -> None:
    (run,) = read_log(written(EVERYTHING)).runs
    assert [result.ruleId for result in run.results] == [
        "kernelevo/race", "kernelevo/trap", "kernelevo/misaligned", "kernelevo/failed-check",
        "kernelevo/uninitialised-value",
    ]  # fmt: skip
    assert [result.level for result in run.results] == ["error"] * 4 + ["note"]
    assert run.invocations[0].executionSuccessful and run.invocations[0].exitCode == 1
    assert run.automationDetails.id == "kernelevo/kernels%20%E4%BA%8C/twice.cu/"
    assert run.properties["sanitizing"]["left_out"] == 3


@pytest.mark.parametrize(
    "spoil",
    [
        lambda log: log["runs"][0]["results"][0].pop("partialFingerprints"),
        lambda log: log["runs"][0]["results"][0].update(ruleIndex=3),
        lambda log: log["runs"][0]["results"][0]["message"].update(text="[a link](http://localhost/)"),
        lambda log: log["runs"][0]["artifacts"][0]["location"].update(uri="../twice.cu"),
        lambda log: log["runs"][0].update(colour="blue"),
        lambda log: log.update(version="2.0.0"),
    ],
)
def test_the_model_refuses_what_is_not_valid(spoil) -> None:
    log = json.loads(written(EVERYTHING))
    spoil(log)
    with pytest.raises(ValidationError):
        Log.model_validate_json(json.dumps(log))


def test_a_race_is_at_its_line_and_links_to_the_other_party_and_the_launch() -> None:
    (race,) = results(verdict(RACE))
    region = race.locations[0].physicalLocation.region
    assert (region.startLine, region.startColumn) == (6, 3)
    assert region.snippet.text == TEXT.split("\n")[5]
    assert [related.physicalLocation.region.startLine for related in race.relatedLocations] == [5, 2]
    assert "the store of thread (1, 3, 0) in block (0, 0, 0) at [line 5](1)" in race.message.text
    assert race.message.text.startswith("Race: another thread accesses the same bytes")
    assert race.properties["warp"] == 3 and race.properties["lane"] == 31
    assert race.properties["address"] == "0x100" and race.properties["others"][0]["warp"] == 1


def test_columns_count_utf16_code_units() -> None:
    region = results(verdict(RACE))[0].relatedLocations[0].physicalLocation.region
    line = TEXT.split("\n")[4]
    assert region.snippet.text == line and "\U0001f680" in line
    assert (region.startColumn, region.endColumn) == (2, len(line) + 1 + 1)


def test_words_of_a_kernel_survive_and_are_no_links() -> None:
    (trap,) = results(verdict(IN_A_HEADER))
    assert "[see here] (http://localhost/) [red]no[/red] \U0001f680" in trap.message.text
    assert "It happens in check.h, line 12." in trap.message.text


@pytest.mark.parametrize(("fault", "line"), [(IN_A_HEADER, 2), (NOWHERE, 2), (REMARK, 6)])
def test_a_finding_outside_the_file_is_placed_at_its_launch(fault, line: int) -> None:
    (result,) = results(verdict(remarks=(fault,)))
    assert result.locations[0].physicalLocation.region.startLine == line


def test_fingerprints_stay_while_lines_move_and_threads_differ() -> None:
    moved = "// one more line\n" + TEXT
    elsewhere = dataclasses.replace(
        RACE, block=(9, 0, 0), thread=(2, 2, 0), source=dataclasses.replace(RACE.source, line=7),
        ptx_line=99, instruction="ld.shared.f32 %f77, [%r9]", occurrences=1, cases=("n=5",), address=8,
    )  # fmt: skip
    (before,), (after,) = results(verdict(RACE)), results(verdict(elsewhere), moved)
    assert before.partialFingerprints == after.partialFingerprints
    assert results(verdict(NOWHERE))[0].partialFingerprints != before.partialFingerprints


def test_findings_that_look_alike_are_told_apart() -> None:
    prints = [result.partialFingerprints.ours for result in results(verdict(RACE, RACE))]
    assert prints[0].removesuffix(":1") == prints[1].removesuffix(":2")


def test_line_fingerprints_are_those_of_githubs_uploader() -> None:
    """Expected values: the tests of github/codeql-action (src/fingerprints.test.ts)."""
    assert line_fingerprints("") == ["c129715d7a2bc9a3:1"]
    assert line_fingerprints(" a\nb\n  \t\tc\n d") == [
        "271789c17abda88f:1", "54703d4cd895b18:1", "180aee12dab6264:1", "a23a3dc5e078b07b:1",
    ]  # fmt: skip
    mixed = line_fingerprints(" hello; \t\nworld!!!\r\n\n\r  \t\tGreetings\r End\r\n")
    assert mixed == line_fingerprints(" hello; \t\nworld!!!\n\n\n  \t\tGreetings\n End\n")
    assert mixed[0] == "e9496ae3ebfced30:1" and mixed[5:] == ["c8e28b0b4002a3a0:1", "c129715d7a2bc9a3:1"]
    repeated = line_fingerprints("Lorem ipsum dolor sit amet.\n" * 10)
    assert repeated[1] == "a7f2ff13bc495cf2:2" and repeated[8] == "55ec222b86bcae53:1"


def test_a_clean_kernel_has_no_results_and_all_rules() -> None:
    (run,) = read_log(written(verdict(), code=0)).runs
    assert run.results == [] and run.invocations[0].exitCode == 0
    assert {rule.id for rule in run.tool.driver.rules} >= {"kernelevo/out-of-bounds", "kernelevo/race"}
    (other,) = read_log(written(EVERYTHING)).runs
    assert other.tool == run.tool


def test_wrong_outputs_without_a_finding_are_a_result_at_the_launch() -> None:
    (result,) = results(verdict(status=Status.WRONG))
    assert result.ruleId == "kernelevo/failed-check" and "in words" in result.message.text
    assert result.locations[0].physicalLocation.region.startLine == 2


def test_a_kernel_that_does_not_end_is_a_result_where_it_stood() -> None:
    stood = dataclasses.replace(RACE, kind="budget", others=())
    for fault, line in ((stood, RACE.source.line), (dataclasses.replace(stood, source=SourceLine()), 2)):
        (result,) = results(verdict(status=Status.TIMEOUT, fault=fault))
        assert (result.ruleId, result.locations[0].physicalLocation.region.startLine) == (
            "kernelevo/failed-check", line,
        )  # fmt: skip


def test_what_the_compiler_refuses_is_at_its_line() -> None:
    said = (Diagnostic("warning", "unused", FILE, 5, 1), Diagnostic("error", "expected a ;", FILE, 6, 3))
    (result,) = results(verdict(status=Status.BUILD_ERROR, diagnostics=said))
    assert result.locations[0].physicalLocation.region.startLine == 6 and "expected a ;" in result.message.text


@pytest.mark.parametrize("status", [Status.INFRA, Status.UNSUPPORTED])
def test_what_is_not_the_kernels_fault_is_no_result(status: Status) -> None:
    (run,) = read_log(written(verdict(status=status), code=3)).runs
    assert run.results == []
    assert not run.invocations[0].executionSuccessful
    assert "in words" in run.invocations[0].toolExecutionNotifications[0].message.text


def test_rule_ids_are_spelled_as_services_like_them() -> None:
    assert rule_id("out_of_bounds") == "kernelevo/out-of-bounds"


def test_a_kernel_elsewhere_has_an_absolute_uri(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("elsewhere") / FILE
    log = sarif_log(verdict(RACE), TEXT, FILE, path, "0.1.0", 1)
    assert log["runs"][0]["artifacts"][0]["location"]["uri"].startswith("file:///")
