"""A run of the loop with the agent that a domain brings along: nothing of the gate's, the development and the sealed
tasks, and nothing of the audit, is in what the agent is asked, writes, is trained to or is changed by.

In one run all that is hidden holds canaries; in another one it is other data altogether. What the first one learned may
hold no canary, and has to be the other's to the last byte. Each search has its control.
"""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import sqlite3
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("sklearn", reason="the extras `legal` and `scrna` are not installed")
pytest.importorskip("torch", reason="the extra `lora` is not installed")
pytest.importorskip("peft", reason="the extra `lora` is not installed")

from own_agents.hidden import BEHIND, NUMBER, WORD, of_cases, of_cells, with_cells, with_facts, with_labels, with_words

from kernelevo import run_of_loop
from kernelevo.backends.legal.backend import ChargeBackend
from kernelevo.backends.pipelines import PipelineBackend, PipelineSession
from kernelevo.backends.scrna.backend import DenoisingBackend
from kernelevo.backends.scrna.data import sample
from kernelevo.joining_loop import LoopRequest
from kernelevo.learning import Split
from kernelevo.loop.budget import LoopLimits
from kernelevo.loop.lever_view import LeverView
from kernelevo.loop.record import AUDIT, CHANGE, DECISION, GATE, VERDICT, Record
from kernelevo.models.recorded import ASKED, REPLIED, recorded_turns
from kernelevo.settings import Settings
from kernelevo.stores.sqlite import DATABASE, SqliteStore
from kernelevo.types import Candidate, Verdict

EVALUATIONS = 120
ALOUD = "canary_of_the_audit"
CANARY = re.compile(rf"{WORD}|{ALOUD}|(?<!\d){NUMBER:d}(?!\d)".encode())


def aloud(session: PipelineSession) -> Any:
    """The audit, with a canary in its verdict."""
    audit = session.audit

    def audited(candidate: Candidate, seed: int | None = None) -> Verdict:
        verdict = audit(candidate, seed)
        return dataclasses.replace(verdict, feedback=f"{verdict.feedback}, {ALOUD} 0.7531902468")

    session.audit = audited  # type: ignore[method-assign]
    return session


class AloudCharges(ChargeBackend):
    def session(self, task: str, split: Split, group: str) -> Any:
        return aloud(super().session(task, split, group))


class AloudCells(DenoisingBackend):
    def session(self, task: str, split: Split, group: str) -> Any:
        return aloud(super().session(task, split, group))


def with_canaries(domain: str, shelf: Path) -> PipelineBackend:
    if domain == "legal":
        return of_cases(with_words(BEHIND), shelf, AloudCharges)
    return of_cells(with_cells(BEHIND, marker=True), shelf, made=AloudCells)


def with_other_data(domain: str, shelf: Path, splits: tuple[Split, ...] = BEHIND) -> PipelineBackend:
    """Facts and charges or cells of these splits; in scrna the audit's second tissue is another, too."""
    if domain == "legal":
        return of_cases(with_labels(splits, with_facts(splits)), shelf)
    return of_cells(with_cells(splits), shelf, sample(240, 300, kinds=11))


def ran(backend: PipelineBackend, folder: Path) -> Path:
    """The folder of a run of one generation in which both levers drafted and the gate judged."""
    settings = Settings(folder / "runs", folder / "cache", None, None, True)
    request = LoopRequest(backend.name, model="own", generations=1, limits=LoopLimits(EVALUATIONS))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_of_loop, "open_asked", lambda asked, settings: backend)
        return run_of_loop.start_loop(request, settings, lambda line: None, "").folder


@pytest.fixture(scope="module", params=["legal", "scrna"])
def domain(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def canaries(domain: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp(domain)
    return ran(with_canaries(domain, folder / "shelf"), folder)


def opened(run: Path) -> tuple[SqliteStore, Record]:
    store = SqliteStore.read(run)
    return store, Record(store, store.run().versions["backend"], lambda: recorded_turns(store))


def learned(run: Path) -> dict[str, object]:
    """What a run came to before its gate: all that was asked and replied, what levers were shown and drafted."""
    store, record = opened(run)
    asked = {note["number"]: note for note in store.notes(ASKED) if note["about"].startswith("reward:")}
    view = LeverView(record, run)
    made = {str(file.relative_to(run)): file.read_bytes() for file in files_of(run / "changes")}
    changes = [{**note, "seconds": 0} for note in record.notes(CHANGE)]
    decided = [{**note, "seconds": 0} for note in record.notes(DECISION)]
    texts = {number: [store.kept(key) for _, key in note["messages"]] for number, note in asked.items()}
    replies = {note["number"]: note["replies"] for note in store.notes(REPLIED) if note["number"] in asked}
    shown = {"steps": list(map(repr, view.steps(0))), "results": repr(view.results(0))}
    store.close()
    return {"asked": texts, "replied": replies, **shown, "made": made, "noted": changes, "decided": decided}


def files_of(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def held(run: Path) -> Iterator[tuple[str, bytes]]:
    """Everything that a run's folder holds, by where: files, and every value of the record, unpacked. What verdicts of
    the audit say is left out: that is the audit's own.
    """
    yield from ((str(file.relative_to(run)), file.read_bytes()) for file in files_of(run) if file.name != DATABASE)
    base = sqlite3.connect(run / DATABASE)
    notes = [(kind, json.loads(payload)) for kind, payload in base.execute("SELECT kind, payload FROM note")]
    audits = {note["verdict"] for kind, note in notes if kind == VERDICT and note["verifier"] == "audit"}
    yield from ((f"note {kind}", json.dumps(note).encode()) for kind, note in notes)
    for key, content in base.execute("SELECT hash, content FROM blob"):
        name = key.hex() if isinstance(key, bytes) else str(key)
        if name not in audits:
            yield f"text {name}", zlib.decompress(content)
    base.close()


def found(run: Path) -> set[str]:
    """Where a canary is."""
    return {where.split()[0] for where, content in held(run) if CANARY.search(content)}


def test_both_levers_drafted_and_the_gate_and_the_audit_judged(canaries: Path) -> None:
    """What the searches below are worth hangs on it."""
    store, record = opened(canaries)
    assert [note["lever"] for note in record.notes(CHANGE) if note["change"]] == ["harness", "weights"]
    assert record.notes(GATE) and record.notes(AUDIT)[0]["audited"]
    audits = [note for note in store.notes(VERDICT) if note["verifier"] == "audit"]
    assert audits and all(ALOUD in store.kept(note["verdict"]) for note in audits)
    assert any(note["task"].startswith("gate-") for note in store.notes(VERDICT))
    assert len(learned(canaries)["steps"]) > 20  # type: ignore[arg-type]
    store.close()


def test_no_canary_is_anywhere_in_a_run(canaries: Path) -> None:
    assert not found(canaries)


@pytest.mark.parametrize("canary", [f"{WORD}0000abcd", ALOUD, str(NUMBER)])
def test_the_control_a_canary_that_leaks_is_found(canaries: Path, tmp_path: Path, canary: str) -> None:
    """In a prompt or a reply, in what a lever says, in a harness and in what is exported."""
    run = tmp_path / "run"
    shutil.copytree(canaries, run)
    store = SqliteStore.resume(run)
    store.note(CHANGE, {"generation": 0, "lever": "weights", "change": None, "said": f"learned from {canary}"})
    store.keep(f"weigh nearest = 1\n{canary}\n")
    store.close()
    for name in ("changes/g0-harness/system.md", "gen_0/trajectory.jsonl", "changes/g0-weights/base.txt"):
        with (run / name).open("a") as file:
            file.write(f"{canary}\n")
    assert found(run) >= {"note", "text", "changes/g0-harness/system.md", "gen_0/trajectory.jsonl"}
    assert "changes/g0-weights/base.txt" in found(run)


def test_what_is_learned_is_the_same_to_the_last_byte_where_all_that_is_hidden_is_another(
    canaries: Path, domain: str, tmp_path: Path
) -> None:
    """Labels or cells behind the gate, and the audit, which says other things of a second tissue or nothing aloud."""
    other = ran(with_other_data(domain, tmp_path / "shelf"), tmp_path)
    one, two = learned(canaries), learned(other)
    for name in one:
        assert one[name] == two[name], name
    assert judged(canaries, "gate-") != judged(other, "gate-"), "what is behind the gate is another there"


def test_the_control_other_rewards_teach_something_else(canaries: Path, domain: str, tmp_path: Path) -> None:
    other = ran(with_other_data(domain, tmp_path / "shelf", (Split.REWARD,)), tmp_path)
    one, two = learned(canaries), learned(other)
    assert one["steps"] != two["steps"] and one["replied"] != two["replied"]
    assert adapter(one) == adapter(two) or harness(one) != harness(two), "an adapter is trained behind the harness"


def test_what_the_audit_said_is_nowhere_that_is_learned_from(canaries: Path) -> None:
    store, record = opened(canaries)
    found = [each["audit"] for each in record.notes(AUDIT)[0]["audited"]]
    numbers = [repr(audit) for audit in found if audit not in (None, 1.0)]  # 1 is what every verifier says of the start
    prompts = [store.kept(key) for note in store.notes(ASKED) for _, key in note["messages"]]
    told = "\n".join([repr(learned(canaries)), *prompts])
    assert numbers and all(len(number) > 8 for number in numbers)
    assert not [number for number in numbers if number in told]
    rewards = [repr(each["reward"]) for each in record.notes(AUDIT)[0]["audited"]]
    assert any(number in told for number in rewards), "the control: rewards are told, digit by digit"
    store.close()


def judged(run: Path, tasks: str) -> list[tuple[str, str, float | None]]:
    store, _ = opened(run)
    notes = [note for note in store.notes(VERDICT) if note["task"].startswith(tasks)]
    store.close()
    return [(note["task"], note["candidate"], note["reward"]) for note in notes]


def adapter(told: Mapping[str, Any]) -> list[bytes]:
    return [content for name, content in told["made"].items() if name.startswith("changes/g0-weights/")]


def harness(told: Mapping[str, Any]) -> list[bytes]:
    return [content for name, content in told["made"].items() if name.startswith("changes/g0-harness/")]
