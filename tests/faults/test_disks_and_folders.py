"""Full disks, folders that cannot be written, files that were damaged, a record that is held: one sentence each, the
right exit code, and nothing lost that was finished.
"""

from __future__ import annotations

import errno
import json
import os
import random
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from batch.test_stream import CHILD, line
from cli.conftest import KERNEL, Halver, ScriptedBench, Shell, shell
from faults.real import answers, folder, start, write_batch

from kernelevo.compilers.cache import BuildCache
from kernelevo.run import REAL, Joints, Proposers
from kernelevo.stores.folders import run_folders
from kernelevo.stores.sqlite import DATABASE, SqliteStore
from kernelevo.types import BuildFailure, Diagnostic, Image, KernelImage, Parameter

__all__ = ["folder", "shell"]

KEY = "ab" + "0" * 62
KERNELS = (KernelImage("k", "k", (Parameter("u64", 0, 8),), 8, 0, 0, 0, 1024),)
IMAGE = Image(KEY, "sm_90", ".entry k()", b"cubin" * 50, KERNELS, "c")
OTHER = Image("ab" + "1" * 62, "sm_90", ".entry other()", b"other" * 50, KERNELS, "c")
WORDS = ("--evaluations", "12", "--seconds", "100", "--workers", "1", "--json")


# The build cache.


FAILURE = BuildFailure((Diagnostic("error", "no", "k.cu", 3),))


@pytest.mark.parametrize("build", [IMAGE, FAILURE], ids=["image", "failure"])
def test_whatever_a_disk_does_to_an_entry_it_is_right_or_not_believed(tmp_path: Path, build: object) -> None:
    cache, chance = BuildCache(tmp_path), random.Random(5)
    cache.put(KEY, build)
    (file,) = tmp_path.rglob("*.build")
    whole = file.read_bytes()
    for _ in range(400):
        damaged = bytearray(whole)
        for _ in range(chance.choice([1, 1, 2, 8])):
            damaged[chance.randrange(len(damaged))] ^= 1 << chance.randrange(8)
        file.write_bytes(damaged[: chance.choice([len(damaged), len(damaged), chance.randrange(len(damaged))])])
        assert cache.get(KEY) in (None, build)
    file.write_bytes(whole)
    assert cache.get(KEY) == build


def test_an_entry_of_another_candidate_is_not_believed(tmp_path: Path) -> None:
    cache = BuildCache(tmp_path)
    cache.put(KEY, IMAGE)
    cache.put(OTHER.key, OTHER)
    place = {key: next(tmp_path.rglob(f"{key}.build")) for key in (KEY, OTHER.key)}
    os.replace(place[OTHER.key], place[KEY])
    assert cache.get(KEY) is None


def test_a_batch_on_a_damaged_cache_gives_the_same_answers(folder: Path) -> None:
    """Entries are cut, changed, exchanged and emptied between two runs of one batch."""
    write_batch(folder, 6)
    words = ("eval", "grow.cu", "--jsonl", "batch.jsonl", "--workers", "2", "--level", "search")
    out, err = start(folder, *words).communicate(timeout=240)
    undisturbed = answers(out)
    assert len(undisturbed) == 6, err
    files = sorted((folder / "cache" / "builds").rglob("*.build"))
    contents = [file.read_bytes() for file in files]
    assert len(files) == 7  # the six, and the start
    for place, file in enumerate(files):
        content = contents[place]
        changed = content[:200] + bytes([content[200] ^ 8]) + content[201:]
        file.write_bytes([content[:-7], changed, contents[place - 1], b""][place % 4])
    out, err = start(folder, *words).communicate(timeout=240)
    assert answers(out) == undisturbed, err


def full_disk(*_: object, **__: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_cache_on_a_full_disk_ends_a_batch_with_one_sentence(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Building(ScriptedBench):
        def judge(self, candidate):
            BuildCache(tmp_path / "cache").put(KEY, IMAGE)
            return super().judge(candidate)

    building = Shell(
        shell.folder, shell.capture, Joints(REAL.open_task, lambda *_: Building(), lambda *_: Proposers([], ""))
    )
    monkeypatch.setattr("kernelevo.compilers.cache.os.replace", full_disk)
    shell.write("batch.jsonl", "\n".join(json.dumps({"text": f"{KERNEL}// {n}\n"}) for n in range(9)))
    code, out, err = building("eval", "twice.cu", "--jsonl", "batch.jsonl", "--workers", "1")
    statuses = [json.loads(each)["status"] for each in out.splitlines()]
    assert (code, statuses) == (3, ["infra"] * 3) and "Traceback" not in err
    assert "free some space" in err.splitlines()[-1] and "KERNELEVO_CACHE" in err.splitlines()[-1]


# The output.


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_answers_that_find_no_space_end_the_batch(shell: Shell) -> None:
    shell.write("batch.jsonl", "".join(line(str(n)).decode() for n in range(4)))
    words = [sys.executable, "-c", CHILD, "eval", "twice.cu", "--jsonl", "batch.jsonl"]
    with open("/dev/full", "w") as full:
        done = subprocess.run(words, cwd=shell.folder, stdout=full, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 3 and "no space left" in done.stderr and "Traceback" not in done.stderr


# The record.


def search(shell: Shell, *words: str) -> tuple[int, str, str]:
    return shell("optimize", "twice.cu", *WORDS, *words)


@pytest.mark.parametrize("after", [0, 1, 5, 9])
def test_a_record_on_a_full_disk_keeps_what_was_finished_and_goes_on(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    whole = json.loads(search(shell, "--runs", "whole")[1])
    left = [after]
    conclude = SqliteStore.conclude

    def full(store: SqliteStore, verdict: object) -> None:
        if left[0] == 0:
            raise_full(store)
        left[0] -= 1
        conclude(store, verdict)

    with monkeypatch.context() as patched:
        patched.setattr(SqliteStore, "conclude", full)
        code, out, err = search(shell)
    assert (code, out) == (3, "") and "no space left" in err and "Traceback" not in err
    (run,) = run_folders(shell.folder / "runs")
    with SqliteStore.read(run) as store:
        assert len(store.attempts()) == after
    code, out, err = shell("resume", run.name, "--json")
    assert code == 0, err
    resumed = json.loads(out)
    assert {name: resumed[name] for name in ("best_us", "evaluations", "statuses")} == {
        name: whole[name] for name in ("best_us", "evaluations", "statuses")
    }


def raise_full(store: SqliteStore) -> None:
    """What SQLite does where the disk is full: a database that may not grow is full, too."""
    (pages,) = store._connection.execute("PRAGMA page_count").fetchone()
    store._connection.execute(f"PRAGMA max_page_count = {pages}")
    store.note("filler", {"words": os.urandom(1 << 20).hex()})


@pytest.fixture
def held(shell: Shell) -> Iterator[list[sqlite3.Connection]]:
    connections: list[sqlite3.Connection] = []
    yield connections
    for connection in connections:
        connection.close()


def test_a_record_that_another_program_holds_ends_the_run_and_loses_nothing(
    shell: Shell, held: list[sqlite3.Connection]
) -> None:
    class Grabbing(Halver):
        """After some proposals a backup program takes the database and does not let go."""

        def propose(self, parent, tried, limit):
            if len(tried) >= 3 and not held:
                (run,) = run_folders(Path("runs"))
                held.append(sqlite3.connect(run / DATABASE, isolation_level=None))
                held[0].execute("BEGIN IMMEDIATE")
            return super().propose(parent, tried, limit)

    whole = json.loads(search(shell, "--runs", "whole")[1])
    joints = Joints(REAL.open_task, lambda *_: ScriptedBench(), lambda *_: Proposers([Grabbing()], "scripted"))
    grabbing = Shell(shell.folder, shell.capture, joints)
    started = time.monotonic()
    code, out, err = search(grabbing)
    assert (code, out) == (3, "") and "held by another program" in err and time.monotonic() - started < 60
    held.pop().close()
    (run,) = run_folders(shell.folder / "runs")
    resumed = json.loads(shell("resume", run.name, "--json")[1])
    assert (resumed["best_us"], resumed["evaluations"]) == (whole["best_us"], whole["evaluations"])


@pytest.mark.parametrize("place", ["/proc/kernelevo", "/sys/kernel/kernelevo", "/dev/null/runs"])
def test_runs_in_a_folder_that_cannot_be_written_are_bad_input(shell: Shell, place: str) -> None:
    code, out, err = search(shell, "--runs", place)
    assert (code, out) == (2, "") and place in err and "--runs" in err and "Traceback" not in err


@pytest.mark.parametrize("place", ["/proc/kernelevo", "/sys/kernel/kernelevo", "/dev/null/cache"])
def test_a_cache_in_a_folder_that_cannot_be_written_is_bad_input(place: str, folder: Path) -> None:
    code, out, err = _run_with_cache(folder, place)
    assert (code, out) == (2, "") and "KERNELEVO_CACHE" in err and "Traceback" not in err


def _run_with_cache(folder: Path, place: str) -> tuple[int, str, str]:
    with start(folder, "check", "grow.cu", "--json", cache=place) as child:
        out, err = child.communicate(timeout=120)
    return child.returncode, out, err


@pytest.mark.parametrize("damage", ["cut", "zeros", "no database"])
def test_a_damaged_record_is_said_to_be_and_others_are_listed(shell: Shell, damage: str) -> None:
    assert search(shell)[0] == 0
    time.sleep(1.1)  # ids sort by the second
    assert search(shell)[0] == 0
    first, second = run_folders(shell.folder / "runs")
    file = first / DATABASE
    content = file.read_bytes()
    damaged = {"cut": content[:2000], "zeros": content[:100] + bytes(len(content) - 100), "no database": b"x" * 5000}
    file.write_bytes(damaged[damage])
    for command in ("show", "resume"):
        words = ("runs", "show", first.name) if command == "show" else ("resume", first.name)
        code, out, err = shell(*words)
        assert (code, out) == (3, "") and "damaged" in err and "Traceback" not in err
    code, out, _ = shell("runs", "list", "--json")
    states = {row["run"]: row["state"] for row in json.loads(out)}
    assert code == 0 and "unreadable" in states[first.name] and "unreadable" not in states[second.name]
