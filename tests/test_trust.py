"""A problem file that is new to this machine is not run unnoticed, and what was shown is what runs."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from kernelevo.errors import BadInput, NotInstalled
from kernelevo.initialise import samples_folder
from kernelevo.tasks import open_problem
from kernelevo.trust import LIST, Gate, hashes_in, remember

PROBLEM = """from kernelevo import Input, Output, Problem

problem = Problem([Input("x", "f32[n]"), Output("y", "f32[n]")], lambda x: x * 2, ["n=1000"])
"""


@dataclass
class Scene:
    """A problem file, a cache, what was told, and a person with one answer (None: nobody is there)."""

    folder: Path
    answer: str | None = None
    told: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    @property
    def file(self) -> Path:
        return self.folder / "double.problem.py"

    def gate(self, vouched: bool = False, variable: str = "", installed: frozenset[str] = frozenset()) -> Gate:
        ask = None if self.answer is None else self._ask
        return Gate(self.folder / "cache", lambda: installed, vouched, variable, ask, self.told.append)

    def _ask(self, question: str) -> str:
        self.asked.append(question)
        return self.answer or ""

    def opens(self, **given: object) -> bool:
        """Whether the file is executed, which it notes in a file of its own."""
        ran = self.folder / "ran"
        ran.unlink(missing_ok=True)
        self.file.write_text(f"open({str(ran)!r}, 'w').close()\n{PROBLEM}")
        try:
            open_problem(self.file, self.gate(**given))
        except BadInput:
            assert not ran.exists()
            return False
        return ran.exists()


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_a_new_file_is_not_run_where_nobody_can_be_asked(scene: Scene) -> None:
    assert not scene.opens()
    content = scene.file.read_bytes()
    for what in (str(scene.file), f"{len(content)} bytes", hashlib.sha256(content).hexdigest(), "your rights", "less"):
        assert what in scene.told[0]
    with pytest.raises(BadInput, match="--trust once, or set KERNELEVO_TRUST=1"):
        scene.gate()(scene.file, content)


ANSWERS = [("y\n", True), ("YES\n", True), ("n\n", False), ("\n", False), ("", False)]


@pytest.mark.parametrize(("answer", "runs"), ANSWERS)
def test_a_person_decides_and_no_is_the_default(scene: Scene, answer: str, runs: bool) -> None:
    scene.answer = answer
    assert scene.opens() is runs
    assert scene.asked == ["Run it? [y/N] "]
    # Who said yes is not asked again until the file changes; who said no is.
    scene.answer = None
    assert scene.opens() is runs
    assert any("is a program" in text for text in scene.told[1:]) is not runs


def test_a_file_that_changed_is_new_again(scene: Scene) -> None:
    assert scene.opens(vouched=True) and scene.opens()
    with pytest.raises(BadInput, match="new to this machine"):
        scene.gate()(scene.file, scene.file.read_bytes() + b"# changed")


def test_vouched_for_on_the_command_line_it_is_told_run_and_remembered(scene: Scene) -> None:
    assert scene.opens(vouched=True)
    assert "is a program" in scene.told[0] and "--trust says so" in scene.told[1]
    assert scene.opens() and len(scene.told) == 2


def test_the_variable_for_every_file_is_told_of_in_one_line_and_remembers_nothing(scene: Scene) -> None:
    assert scene.opens(variable="1")
    assert len(scene.told) == 1 and "\n" not in scene.told[0] and "KERNELEVO_TRUST=1" in scene.told[0]
    assert not scene.opens()


def test_folders_of_ones_own_are_named_by_the_variable(scene: Scene, tmp_path: Path) -> None:
    assert scene.opens(variable=f"/nowhere:{tmp_path}") and not scene.told
    assert not scene.opens(variable=f"/nowhere:{tmp_path}/kernels:{tmp_path}x")
    link = tmp_path.parent / f"{tmp_path.name}-link"
    link.symlink_to(tmp_path)
    assert scene.opens(variable=str(link))


def test_what_is_installed_is_known(scene: Scene) -> None:
    installed = hashes_in(samples_folder)
    shipped = samples_folder() / "kernels" / "softmax.problem.py"
    scene.gate(installed=installed)(shipped, shipped.read_bytes())
    assert not scene.told
    assert not scene.opens(installed=installed)

    def missing() -> Path:
        raise NotInstalled("no samples")

    assert hashes_in(missing) == frozenset()


def test_what_was_shown_is_what_runs_even_if_the_file_changes_in_between(scene: Scene) -> None:
    scene.file.write_text(PROBLEM)

    def swap(path: Path, content: bytes) -> None:
        assert content.decode() == PROBLEM
        path.write_text("raise SystemExit('another program')")

    problem, content = open_problem(scene.file, swap)
    assert problem.dims == ("n",) and content.decode() == PROBLEM
    with pytest.raises(BadInput, match="another program"):
        open_problem(scene.file)


def test_a_damaged_list_trusts_nothing_and_a_list_that_cannot_be_written_is_told_of(scene: Scene) -> None:
    cache = scene.folder / "cache"
    cache.mkdir()
    (cache / LIST).write_bytes(b"\xff\xfe\n\n" + b"0" * 64 + b"  x\n")
    assert not scene.opens()
    (cache / LIST).unlink()
    (cache / LIST).mkdir()
    assert scene.opens(vouched=True)
    assert "will be asked about again" in scene.told[-1]


def test_a_content_is_remembered_once(tmp_path: Path) -> None:
    for _ in range(3):
        assert remember(tmp_path, tmp_path / "a.problem.py", b"x") == ""
    assert len((tmp_path / LIST).read_text().splitlines()) == 1


def test_a_name_cannot_move_the_cursor(scene: Scene) -> None:
    scene.gate(vouched=True)(scene.folder / "a\x1b[2J\n.problem.py", b"x")
    assert "\x1b" not in "".join(scene.told) and "\x1b" not in (scene.folder / "cache" / LIST).read_text()


@pytest.mark.parametrize("variable", [".", "kernels", "true", "0", "no", "1:kernels", "~nobody-of-this-name/x"])
def test_a_folder_that_depends_on_the_place_is_refused(
    scene: Scene, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a stranger's clone it would be the stranger's folder."""
    monkeypatch.chdir(scene.folder)
    assert not scene.opens(variable=variable)
    with pytest.raises(BadInput, match="no absolute folder"):
        open_problem(scene.file, scene.gate(variable=variable))


def test_the_home_folder_is_understood(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(scene.folder))
    assert scene.opens(variable="~") and not scene.told
