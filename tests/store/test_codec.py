"""What is recorded is read back equal, for any noun hypothesis can think of."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernelevo.errors import Infrastructure, StoreConflict
from kernelevo.provenance import Provenance, TrialRecord
from kernelevo.stores.codec import from_json, payload_to_json, to_json
from kernelevo.types import (
    CaseResult,
    Check,
    Diagnostic,
    Fault,
    Figure,
    LineCounts,
    Party,
    RunRecord,
    Sanitizing,
    SourceLine,
    Status,
    StepReport,
    Verdict,
)

texts = st.text(max_size=8)
counts = st.integers(0, 2**63)
tables = st.dictionaries(texts, counts, max_size=3)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(texts, inner, max_size=2),
    max_leaves=4,
)
figures = st.builds(
    Figure, st.floats(0, allow_infinity=True), st.just("us"), texts, st.sampled_from(["measured", "modelled"])
)
lines = st.builds(LineCounts, st.builds(SourceLine, texts, counts), counts, texts, *[counts] * 6)
steps = st.builds(
    StepReport, texts, tables, st.lists(lines, max_size=2).map(tuple), texts, st.none() | figures, texts,
    st.none() | st.floats(0, 1), st.dictionaries(texts, anything, max_size=2),
)  # fmt: skip
cases = st.builds(
    CaseResult, texts, tables, figures, tables, texts, st.floats(0, 2), st.lists(steps, max_size=2).map(tuple)
)
checks = st.lists(st.builds(Check, texts, st.just(True), texts), min_size=1, max_size=3).map(tuple)
severities = st.sampled_from(["error", "warning", "note"])
place = st.tuples(counts, counts, counts)
sources = st.builds(SourceLine, texts, counts)
parties = st.builds(Party, texts, texts, place, place, sources, counts, texts, texts)
faults = st.builds(
    Fault, texts, texts, texts, texts, place, place, source=sources, occurrences=counts, block_dim=place,
    others=st.lists(parties, max_size=1).map(tuple), cases=st.lists(texts, max_size=2).map(tuple), launched=sources,
)  # fmt: skip
found = st.lists(faults, max_size=2).map(tuple)
words = st.lists(texts, max_size=2).map(tuple)
sanitizings = st.none() | st.builds(Sanitizing, words, counts, counts, words, words, counts, st.floats(0, 1))
hashes = st.dictionaries(texts, texts, max_size=2)
trials = st.builds(
    TrialRecord, texts, counts, st.booleans(), st.booleans(), st.booleans(), st.floats(0, 1), hashes, hashes
)
provenances = st.none() | st.builds(Provenance, texts, texts, st.lists(trials, max_size=2).map(tuple))
good = st.builds(
    Verdict, texts, texts, st.just(Status.PASSED), texts, figures, st.lists(cases, max_size=2).map(tuple), checks,
    image=st.dictionaries(texts, anything, max_size=2), remarks=found, sanitizing=sanitizings,
    provenance=provenances,
)  # fmt: skip
bad = st.builds(
    Verdict, texts, texts, st.sampled_from([status for status in Status if status is not Status.PASSED]), texts,
    fault=st.none() | faults,
    diagnostics=st.lists(st.builds(Diagnostic, severities, texts), max_size=2).map(tuple),
    findings=found, remarks=found, sanitizing=sanitizings,
    provenance=provenances,
)  # fmt: skip


@settings(max_examples=60, deadline=None)
@given(good | bad)
def test_a_verdict_is_read_back_equal(verdict: Verdict) -> None:
    text = to_json(verdict, Verdict)
    assert text.isascii() and from_json(text, Verdict) == verdict


def test_a_verdict_of_before_the_search_for_faults_is_read() -> None:
    """As written until findings and remarks were recorded."""
    fault = {"kind": "misaligned", "message": "not aligned", "kernel": "k", "source": {"file": "k.cu", "line": 3}}
    old = {"candidate": "a", "device": "virtual:h100", "status": "trapped", "feedback": "f", "fault": fault}
    verdict = from_json(json.dumps(old), Verdict)
    assert (verdict.findings, verdict.remarks, verdict.sanitizing) == ((), (), None)
    assert verdict.fault is not None and (verdict.fault.occurrences, verdict.fault.cases) == (1, ())


@settings(max_examples=40, deadline=None)
@given(
    st.builds(
        RunRecord,
        *[texts] * 4,
        st.just("modelled"),
        texts,
        st.dictionaries(texts, anything),
        *[st.dictionaries(texts, texts)] * 2,
    )
)
def test_a_run_record_is_read_back_equal(record: RunRecord) -> None:
    assert from_json(to_json(record, RunRecord), RunRecord) == record


def test_a_value_with_no_json_form_is_refused_and_not_changed() -> None:
    verdict = Verdict("c", "d", Status.WRONG, "", image={"registers": np.int64(3)})
    with pytest.raises(Infrastructure, match="Verdict"):
        to_json(verdict, Verdict)
    with pytest.raises(Infrastructure):
        payload_to_json({"registers": np.int64(3)})


@pytest.mark.parametrize("text", ["", "{", "{}", "[1]", '{"status": "passed"}'])
def test_nonsense_is_said_to_be_damage(text: str) -> None:
    with pytest.raises(StoreConflict, match="damaged"):
        from_json(text, Verdict)
