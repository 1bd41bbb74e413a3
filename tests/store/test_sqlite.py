"""The record on disk: durable, append-only, one writer, and clear words when the disk or the file fails."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from conformance.store import RECORD, StoreContract, passed

import kernelevo
from kernelevo.errors import BadInput, Infrastructure, StoreConflict
from kernelevo.stores.lock import writer_of
from kernelevo.stores.sqlite import DATABASE, SqliteStore
from kernelevo.types import Candidate

CHILD = "from pathlib import Path; from conformance.store import *; from kernelevo.stores.sqlite import SqliteStore\n"


def python(body: str, *arguments: str | Path) -> subprocess.Popen[str]:
    """A second process with the suite's names at hand; `folder` is its first argument."""
    places = [str(Path(__file__).parent.parent), str(Path(kernelevo.__file__).parent.parent)]
    script = f"import sys; sys.path[:0] = {places}; {CHILD}folder = Path(sys.argv[1])\n" + textwrap.dedent(body)
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


class TestSqliteStore(StoreContract):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Iterator[SqliteStore]:
        with SqliteStore.create(tmp_path) as store:
            yield store


def begun(folder: Path) -> SqliteStore:
    store = SqliteStore.create(folder)
    store.begin(RECORD)
    return store


def test_rows_are_there_after_reopening(tmp_path: Path) -> None:
    with begun(tmp_path) as store:
        store.propose(candidate := Candidate("a"))
    with SqliteStore.resume(tmp_path) as store:
        store.conclude(passed(candidate))
    with SqliteStore.read(tmp_path) as store:
        assert [attempt.verdict for attempt in store.attempts()] == [passed(candidate)]


@pytest.mark.parametrize("table", ["run", "candidate", "verdict", "note", "blob"])
@pytest.mark.parametrize("change", ["DELETE FROM {}", "UPDATE {} SET rowid = rowid + 100"])
def test_no_row_can_be_changed_by_anyone(tmp_path: Path, table: str, change: str) -> None:
    with begun(tmp_path) as store:
        store.propose(candidate := Candidate("a"))
        store.conclude(passed(candidate))
        store.note("phase", {})
    stranger = sqlite3.connect(tmp_path / DATABASE)
    with pytest.raises(sqlite3.IntegrityError, match="only appends"):
        stranger.execute(change.format(table))
    stranger.close()


def test_a_second_writer_is_told_who_the_first_is(tmp_path: Path) -> None:
    child = python("store = SqliteStore.create(folder); print('open', flush=True); sys.stdin.read()", tmp_path)
    assert child.stdout.readline() == "open\n"
    with pytest.raises(StoreConflict, match=f"pid {child.pid}"):
        SqliteStore.resume(tmp_path)
    child.communicate("")
    SqliteStore.resume(tmp_path).close()


def test_a_second_writer_in_the_same_process_is_refused_too(tmp_path: Path) -> None:
    with begun(tmp_path), pytest.raises(StoreConflict):
        SqliteStore.resume(tmp_path)


def test_who_writes_a_run_is_known_and_nobody_after_that(tmp_path: Path) -> None:
    assert writer_of(tmp_path) is None
    with SqliteStore.create(tmp_path):
        assert writer_of(tmp_path) == os.getpid()
    assert writer_of(tmp_path) is None, "this process is alive, and does not hold the lock"
    (tmp_path / "run.lock").write_text("not a number\n")
    assert writer_of(tmp_path) is None


def test_a_run_can_be_read_while_it_is_written(tmp_path: Path) -> None:
    with begun(tmp_path) as writer, SqliteStore.read(tmp_path) as reader:
        writer.propose(Candidate("a"))
        assert reader.candidates() == [Candidate("a")]
        with pytest.raises(BadInput):
            reader.propose(Candidate("b"))


@pytest.mark.parametrize("delay", [0.0, 0.02, 0.07])
def test_sigkill_loses_nothing_that_was_concluded(tmp_path: Path, delay: float) -> None:
    child = python(
        """
        store = SqliteStore.create(folder)
        store.begin(RECORD)
        for number in range(10**6):
            candidate = Candidate(f"kernel {number}")
            store.propose(candidate)
            store.conclude(passed(candidate, number))
            print(number, flush=True)
        """,
        tmp_path,
    )
    assert child.stdout.readline() == "0\n"
    try:
        child.wait(delay or 0.001)
    except subprocess.TimeoutExpired:
        child.send_signal(signal.SIGKILL)
    told = [0, *map(int, child.stdout.read().split())]
    child.communicate()
    assert child.returncode == -signal.SIGKILL
    with SqliteStore.resume(tmp_path) as store:
        kept = [attempt.verdict.score.value for attempt in store.attempts()]
        assert kept[: len(told)] == told and len(kept) <= len(told) + 1
        store.propose(Candidate("after"))


def test_a_full_disk_is_one_sentence_and_what_was_written_stays(tmp_path: Path) -> None:
    child = python(
        """
        import resource
        store = SqliteStore.create(folder)
        store.begin(RECORD)
        from kernelevo.errors import KernelevoError
        resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))
        import random
        done = 0
        try:
            while True:
                store.propose(Candidate("".join(chr(random.randrange(33, 1000)) for _ in range(4000))))
                done += 1
        except KernelevoError as error:
            print(done, error.exit_code, error)
        """,
        tmp_path,
    )
    out, err = child.communicate(timeout=60)
    done, code, sentence = out.split(maxsplit=2)
    assert (code, err) == ("3", "") and "no space left" in sentence and int(done) > 3
    with SqliteStore.resume(tmp_path) as store:
        assert len(store.candidates()) == int(done)
        store.propose(Candidate("after"))


def test_a_folder_that_cannot_be_written_is_bad_input(tmp_path: Path) -> None:
    not_a_folder = tmp_path / "file"
    not_a_folder.write_text("")
    with pytest.raises(BadInput, match="file"):
        SqliteStore.create(not_a_folder)


@pytest.mark.parametrize("place", [0, 40, 5000])
def test_a_damaged_file_is_said_to_be_damaged(tmp_path: Path, place: int) -> None:
    with begun(tmp_path) as store:
        store.propose(Candidate("a" * 20_000))
    file = tmp_path / DATABASE
    content = bytearray(file.read_bytes())
    content[place : place + 3000] = b"\xff" * min(3000, len(content) - place)
    file.write_bytes(content)
    for mode in (SqliteStore.read, SqliteStore.resume):
        with pytest.raises(Infrastructure, match="damaged"):
            mode(tmp_path).candidates()


def test_a_file_that_is_no_database_is_said_to_be_damaged(tmp_path: Path) -> None:
    (tmp_path / DATABASE).write_text("this is not a database, and it is long enough to be looked at" * 20)
    with pytest.raises(StoreConflict, match="damaged"):
        SqliteStore.read(tmp_path)


def test_a_changed_text_is_noticed_by_its_hash(tmp_path: Path) -> None:
    with begun(tmp_path) as store:
        store.propose(Candidate("a"))
    stranger = sqlite3.connect(tmp_path / DATABASE)
    stranger.execute("DROP TRIGGER candidate_no_update")
    stranger.execute("UPDATE candidate SET defines = '{\"BLOCK\": 3}'")
    stranger.commit()
    stranger.close()
    with SqliteStore.read(tmp_path) as store, pytest.raises(StoreConflict, match="own hash"):
        store.candidates()


def test_a_missing_run_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput):
        SqliteStore.read(tmp_path / "nothing")
    with pytest.raises(BadInput):
        SqliteStore.read(tmp_path)


def test_a_run_stopped_before_its_schema_was_there_says_so(tmp_path: Path) -> None:
    (tmp_path / DATABASE).touch()
    with pytest.raises(StoreConflict, match="stopped before it began"):
        SqliteStore.read(tmp_path)


def test_a_record_of_a_later_version_is_not_read(tmp_path: Path) -> None:
    begun(tmp_path).close()
    stranger = sqlite3.connect(tmp_path / DATABASE)
    stranger.execute("PRAGMA user_version = 99")
    stranger.close()
    with pytest.raises(StoreConflict, match="version 99"):
        SqliteStore.resume(tmp_path)


def test_the_same_text_is_kept_once(tmp_path: Path) -> None:
    with begun(tmp_path) as store:
        for block in range(5):
            store.propose(Candidate("the same", {"BLOCK": block}))
    stranger = sqlite3.connect(tmp_path / DATABASE)
    assert stranger.execute("SELECT count(*) FROM blob").fetchone() == (1,)
    stranger.close()
