"""What the wall's tests stand on: the attack program, built here, and a place where victims and secrets lie open."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from kernelevo import native, sandbox

ROOT = Path(__file__).parent.parent.parent
NOBODY = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
TOKEN = "API_KEY"


@dataclass(frozen=True)
class Place:
    """Paths that every user may reach, so that only the wall can keep a program from them."""

    folder: Path
    launcher: Path
    attacks: Path
    secret: Path
    program: Path
    scratch: Path
    tcp_port: int
    unix_socket: Path


@pytest.fixture(scope="session")
def attack_program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("c++")
    if not compiler:
        pytest.skip("no C++ compiler to build the attack program with")
    wall = ROOT / "sandbox" / "wall"
    program = tmp_path_factory.mktemp("attacks") / "attacks"
    sources = [Path(__file__).parent / "attacks.cpp", wall / "call_rules.cpp", wall / "seccomp_filter.cpp"]
    flags = ["-std=c++17", "-O1", f"-I{wall}", "-pthread", "-static-libstdc++", "-static-libgcc"]
    subprocess.run([compiler, *flags, *sources, "-o", program], check=True)
    return program


@pytest.fixture(scope="session")
def place(attack_program: Path) -> Iterator[Place]:
    # Not pytest's own folder, which other users cannot enter.
    with tempfile.TemporaryDirectory() as name, socket.socket() as tcp, socket.socket(socket.AF_UNIX) as unix:
        folder = Path(name).resolve()
        folder.chmod(0o755)
        tcp.bind(("127.0.0.1", 0))
        tcp.listen(1000)
        private = folder / "home"
        private.mkdir()
        made = Place(
            folder=folder,
            launcher=Path(shutil.copy(native.path("kernelevo-jail"), folder / "launcher")),
            attacks=Path(shutil.copy(attack_program, folder / "attacks")),
            secret=private / "id_ed25519",
            program=Path(shutil.copy(Path(shutil.which("true") or "/bin/true").resolve(), private / "program")),
            scratch=folder / "scratch",
            tcp_port=tcp.getsockname()[1],
            unix_socket=private / "socket",
        )
        made.secret.write_text("secret")
        made.scratch.mkdir()
        unix.bind(str(made.unix_socket))
        unix.listen(1000)
        for path in (made.scratch, private, made.unix_socket):
            path.chmod(0o777)
        yield made


@pytest.fixture(scope="session")
def offered() -> dict[str, object]:
    """The layers of this machine."""
    return dict(sandbox.layers())


def run_group(words: Sequence[object], **options: object) -> subprocess.CompletedProcess[str]:
    """Runs a program to its end, and then ends whatever it left behind."""
    process = subprocess.Popen(
        [str(word) for word in words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        **options,  # type: ignore[call-overload]
    )
    try:
        process.wait(20)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    out, err = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)
