"""What a run stands at is read from its record while it is written, and where it was stopped at any moment."""

from __future__ import annotations

from pathlib import Path

from kernelevo.backends.scripted import ScriptedBackend
from kernelevo.joining_loop import LoopRequest, loop_record
from kernelevo.loop.record import Record
from kernelevo.loop.summary import run_summary
from kernelevo.run_of_loop import recorded_loop
from kernelevo.stores.memory import MemoryStore
from kernelevo.stores.sqlite import SqliteStore


def test_a_run_that_was_stopped_before_its_policy_was_noted_keeps_nothing(tmp_path: Path) -> None:
    told = run_summary(Record(MemoryStore(), "1", dict), tmp_path)
    assert told["policy"] == {} and told["ended"] is None and told["generations"] == []


def test_a_record_is_read_as_of_one_moment(tmp_path: Path) -> None:
    with SqliteStore.create(tmp_path) as writer:
        writer.begin(loop_record("r1", "run scripted", LoopRequest("scripted", "prior"), ScriptedBackend()))
        writer.note("a", {"number": 1})
        with SqliteStore.read(tmp_path) as reader:
            with reader.at_one_moment():
                before = reader.notes("a")
                writer.note("a", {"number": 2})
                assert reader.notes("a") == before == [{"number": 1}]
            assert len(reader.notes("a")) == 2
        assert recorded_loop(tmp_path).run == "r1"
