"""Every attack, in every mode of the wall, as root and as an ordinary user; and without the wall, where it must work.

An attack that a machine refuses even without the wall proves nothing there, and is skipped with that reason.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from wall.conftest import NOBODY, TOKEN, Place, run_group

LIMITS = {"--forks": 8, "--file-bytes": 1 << 20, "--data-bytes": 192 << 20, "--address-bytes": 512 << 20}

# What each attack is aimed at; `victim` is a process of the same user.
TARGETS: dict[str, Callable[[Place, int], object]] = {
    "tcp": lambda place, victim: place.tcp_port,
    "udp": lambda place, victim: place.tcp_port,
    "unix": lambda place, victim: place.unix_socket,
    "io_uring": lambda place, victim: "",
    "listen": lambda place, victim: f"kernelevo-{victim}",
    "datagram": lambda place, victim: "",
    "read": lambda place, victim: place.secret,
    "read /etc/passwd": lambda place, victim: "/etc/passwd",
    "read environ": lambda place, victim: f"/proc/{victim}/environ",
    "list": lambda place, victim: place.secret.parent,
    "write": lambda place, victim: place.secret.parent / f"new-{victim}",
    "fill": lambda place, victim: place.scratch / f"large-{victim}",
    "signal": lambda place, victim: victim,
    "ptrace": lambda place, victim: victim,
    "fork": lambda place, victim: 20,
    "threads": lambda place, victim: 20,
    "memory": lambda place, victim: 300,
    "shared": lambda place, victim: 600,
    "memfd": lambda place, victim: "",
    "descriptors": lambda place, victim: "",
    "environment": lambda place, victim: TOKEN,
    "unshare": lambda place, victim: "",
    "mount": lambda place, victim: place.scratch,
    "capabilities": lambda place, victim: "",
    "escape": lambda place, victim: "",
    "key": lambda place, victim: "",
    "exec": lambda place, victim: place.program,
    "limit": lambda place, victim: "",
}
# Attacks on what Landlock's ABIs add; at an ABI without it another layer has to hold.
ABOUT_ABIS = ["tcp", "unix", "read", "read /etc/passwd", "read environ", "list", "write", "fill", "signal", "exec"]
# Only root can, or some machines refuse them to everybody.
MAY_FAIL_WITHOUT_WALL = {"io_uring", "ptrace", "unshare", "mount", "capabilities", "key", "limit"}

MODES: dict[str, list[str]] = {
    "namespaces and landlock": [],
    "landlock alone": ["--no-namespaces"],
    "namespaces alone": ["--landlock-abi", "0"],
}
ABI_MODES = {f"landlock abi {abi} alone": ["--no-namespaces", "--landlock-abi", str(abi)] for abi in range(1, 7)}
USERS = ["self", "nobody"]


@pytest.fixture(params=USERS)
def user(request: pytest.FixtureRequest) -> list[str]:
    """The words that make a program run as the user."""
    if request.param == "nobody" and os.geteuid() != 0:
        pytest.skip("only root can become another user; these tests run as an ordinary user already")
    return NOBODY if request.param == "nobody" else []


@pytest.fixture
def victim(user: list[str]) -> Iterator[int]:
    process = subprocess.Popen([*user, "sleep", "60"], env={"PATH": os.environ["PATH"], TOKEN: "secret"})
    try:
        until = time.monotonic() + 30
        # Before that it is still another user's.
        while Path(f"/proc/{process.pid}/comm").read_text() != "sleep\n":
            assert time.monotonic() < until, "the victim did not start"
            time.sleep(0.001)
        yield process.pid
    finally:
        process.kill()
        process.wait()


def attack(
    place: Place, user: Sequence[str], wall: Sequence[object], name: str, target: object
) -> subprocess.CompletedProcess[str]:
    with place.secret.open() as held:
        return run_group(
            [*user, *wall, place.attacks, name.split()[0], target],
            pass_fds=[held.fileno()],
            env={"PATH": os.environ["PATH"], TOKEN: "secret"},
        )


def wall_of(place: Place, mode: Sequence[str], **limits: int) -> list[object]:
    options = {**LIMITS, **{f"--{name.replace('_', '-')}": value for name, value in limits.items()}}
    given = [word for option in options.items() for word in option]
    return [place.launcher, *mode, *given, "--write", place.scratch, "--folder", place.scratch, "--"]


def needs(mode: Sequence[str], offered: dict[str, object]) -> None:
    abi = int(mode[mode.index("--landlock-abi") + 1]) if "--landlock-abi" in mode else 1
    if abi > int(str(offered["landlock_abi"])):
        pytest.skip(f"this machine has no Landlock ABI {abi}")
    if "--no-namespaces" not in mode and not offered["namespaces"]:
        pytest.skip("this machine offers no namespaces")


def refused(result: subprocess.CompletedProcess[str]) -> bool:
    return result.returncode == 1 and "refused: " in result.stderr


@pytest.mark.parametrize("name", TARGETS)
def test_without_the_wall_the_attack_works(place: Place, user: list[str], victim: int, name: str) -> None:
    result = attack(place, user, [], name, TARGETS[name](place, victim))
    if name in MAY_FAIL_WITHOUT_WALL and refused(result):
        pytest.skip(f"this machine refuses it to this user anyway: {result.stderr.strip()}")
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("mode", MODES)
def test_the_wall_holds(
    place: Place, user: list[str], victim: int, offered: dict[str, object], mode: str, name: str
) -> None:
    needs(MODES[mode], offered)
    result = attack(place, user, wall_of(place, MODES[mode]), name, TARGETS[name](place, victim))
    assert refused(result), (result.returncode, result.stderr)


@pytest.mark.parametrize("name", ABOUT_ABIS)
@pytest.mark.parametrize("mode", ABI_MODES)
def test_the_wall_holds_on_older_kernels(
    place: Place, user: list[str], victim: int, offered: dict[str, object], mode: str, name: str
) -> None:
    needs(ABI_MODES[mode], offered)
    result = attack(place, user, wall_of(place, ABI_MODES[mode]), name, TARGETS[name](place, victim))
    assert refused(result), (result.returncode, result.stderr)


NOT_OPEN_TO_DRIVERS = [name for name in TARGETS if name != "listen"]


@pytest.mark.parametrize("name", NOT_OPEN_TO_DRIVERS)
@pytest.mark.parametrize("mode", MODES)
def test_the_wall_of_a_driver_holds_but_for_listening(
    place: Place, user: list[str], victim: int, offered: dict[str, object], mode: str, name: str
) -> None:
    needs(MODES[mode], offered)
    wall = [place.launcher, "--driver", *wall_of(place, MODES[mode])[1:]]
    result = attack(place, user, wall, name, TARGETS[name](place, victim))
    assert refused(result), (result.returncode, result.stderr)


@pytest.mark.parametrize("mode", MODES)
def test_a_driver_may_make_sockets_and_listen(
    place: Place, user: list[str], victim: int, offered: dict[str, object], mode: str
) -> None:
    needs(MODES[mode], offered)
    wall = [place.launcher, "--driver", *wall_of(place, MODES[mode])[1:]]
    assert attack(place, user, wall, "listen", f"kernelevo-driver-{victim}").returncode == 0
    assert refused(attack(place, user, wall_of(place, MODES[mode]), "listen", f"kernelevo-other-{victim}"))


@pytest.mark.parametrize("mode", MODES | ABI_MODES)
def test_a_device_can_be_controlled_where_it_was_granted_so(
    place: Place, user: list[str], offered: dict[str, object], mode: str
) -> None:
    device, options = "/dev/full", (MODES | ABI_MODES)[mode]
    needs(options, offered)
    granted = [place.launcher, "--device", device, *wall_of(place, options)[1:]]
    assert attack(place, user, [], "control", device).returncode == 0
    assert attack(place, user, granted, "control", device).returncode == 0
    assert refused(attack(place, user, wall_of(place, options), "control", device))


def test_a_device_that_may_be_written_may_not_be_controlled_since_abi_5(
    place: Place, offered: dict[str, object]
) -> None:
    """/dev/null is granted to everybody, for reading and writing."""
    needs(["--landlock-abi", "5"], offered)
    older = ["--no-namespaces", "--landlock-abi", "4"]
    assert attack(place, [], wall_of(place, older), "control", "/dev/null").returncode == 0
    assert refused(attack(place, [], wall_of(place, ["--no-namespaces"]), "control", "/dev/null"))


def test_a_device_that_is_not_there_is_passed_over(place: Place, offered: dict[str, object]) -> None:
    for mode in MODES.values():
        needs(mode, offered)
        wall = [place.launcher, "--device", "/dev/nvidia-of-another-machine", *wall_of(place, mode)[1:]]
        assert attack(place, [], wall, "memory", 16).returncode == 0


@pytest.mark.parametrize("mode", MODES)
def test_an_endless_loop_is_ended_by_the_cpu_limit(
    place: Place, user: list[str], offered: dict[str, object], mode: str
) -> None:
    needs(MODES[mode], offered)
    assert attack(place, user, [], "cpu", 1.5).returncode == 0
    assert attack(place, user, wall_of(place, MODES[mode], cpu_seconds=1), "cpu", 1.5).returncode < 0


@pytest.mark.parametrize(
    ("name", "target"),
    [("read", "scratch/given"), ("write", "scratch/own"), ("fork", 3), ("threads", 3), ("memory", 64), ("shared", 64)],
)
@pytest.mark.parametrize("mode", MODES | ABI_MODES)
def test_what_is_granted_works(
    place: Place, user: list[str], offered: dict[str, object], mode: str, name: str, target: object
) -> None:
    options = (MODES | ABI_MODES)[mode]
    needs(options, offered)
    (place.scratch / "given").write_text("given")
    aim = place.folder / str(target) if name in ("read", "write") else target
    result = attack(place, user, wall_of(place, options), name, aim)
    (place.scratch / "own").unlink(missing_ok=True)
    assert result.returncode == 0, result.stderr


@pytest.mark.parametrize("mode", MODES)
def test_a_granted_folder_can_be_read_but_not_written(
    place: Place, user: list[str], offered: dict[str, object], mode: str
) -> None:
    needs(MODES[mode], offered)
    granted = [place.launcher, "--read", place.secret.parent, *wall_of(place, MODES[mode])[1:]]
    assert attack(place, user, granted, "read", place.secret).returncode == 0
    assert attack(place, user, granted, "exec", place.program).returncode == 0
    assert refused(attack(place, user, granted, "write", place.secret.parent / "new"))
    assert refused(attack(place, user, granted, "write", place.secret))


@pytest.mark.parametrize("child", ["compile", "run"])
@pytest.mark.parametrize(
    "name",
    ["tcp", "unix", "write", "signal", "ptrace", "fork", "threads", "shared", "memfd", "unshare", "escape", "exec"],
)
def test_the_filter_of_a_forked_child_holds_alone(place: Place, attack_program: Path, child: str, name: str) -> None:
    target = TARGETS[name](place, os.getpid())
    assert refused(run_group([attack_program, "--as-child", child, name, target]))


def test_a_child_that_runs_kernels_opens_no_file_and_one_that_compiles_may(place: Place) -> None:
    assert refused(run_group([place.attacks, "--as-child", "run", "read", place.secret]))
    assert run_group([place.attacks, "--as-child", "compile", "read", place.secret]).returncode == 0
    assert run_group([place.attacks, "--as-child", "run", "memory", 16]).returncode == 0
