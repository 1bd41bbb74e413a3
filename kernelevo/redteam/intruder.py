"""RUNS BEHIND THE WALL, and without it for the control: one attack of a hostile program on the machine around it.

    intruder.py ACTION AIM...      ends with 0 if it worked, with 1 and a reason if it was refused

Standard library only, and nothing of this package: it stands for code of a candidate's that got to run.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable

_LIBC = ctypes.CDLL(None, use_errno=True)
_X86 = os.uname().machine == "x86_64"
_CALLS = {
    # name: (x86-64, AArch64), as in the kernel's tables
    "process_vm_readv": (310, 270), "add_key": (248, 217), "bpf": (321, 280), "perf_event_open": (298, 241),
    "io_uring_setup": (425, 425), "pidfd_open": (434, 434), "pidfd_getfd": (438, 438), "unshare": (272, 97),
    "mount": (165, 40), "ptrace": (101, 117), "userfaultfd": (323, 282),
}  # fmt: skip
_NEW_USER, _SEIZE = 0x10000000, 0x4206


def call(name: str, *arguments: object) -> int:
    """A system call by number; raises OSError as the standard library does."""
    words = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    result: int = _LIBC.syscall(_CALLS[name][0 if _X86 else 1], *words)
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def read(path: str) -> None:
    with open(path, "rb") as file:
        assert file.read(1)


def list_folder(path: str) -> None:
    assert os.listdir(path)


def read_through_link(path: str, scratch: str) -> None:
    link = f"{scratch}/link-{os.getpid()}"
    os.symlink(path, link)
    try:
        read(link)
    finally:
        os.unlink(link)


def write(path: str) -> None:
    with open(path, "w") as file:
        file.write("x")


def replace(path: str) -> None:
    """Puts another file in the place of one that others will read."""
    with open(f"{path}.new", "w") as file:
        file.write("forged")
    os.rename(f"{path}.new", path)


def leave_in_shared_memory(name: str) -> None:
    write(f"/dev/shm/{name}")


def environment(name: str) -> None:
    assert os.environ[name]


def inherited(number: str) -> None:
    assert os.pread(int(number), 1, 0)


def tcp(port: str) -> None:
    socket.create_connection(("127.0.0.1", int(port)), 2).close()


def unix(path: str) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.connect(path)


def stop(pid: str) -> None:
    os.kill(int(pid), signal.SIGTERM)


def trace(pid: str) -> None:
    call("ptrace", _SEIZE, int(pid), None, None)


def read_memory(pid: str, address: str) -> None:
    """What the judge holds, expected outputs among it, as a debugger would read it."""
    held = ctypes.create_string_buffer(8)

    class Span(ctypes.Structure):
        _fields_ = (("base", ctypes.c_void_p), ("size", ctypes.c_size_t))

    here, there = Span(ctypes.addressof(held), 8), Span(int(address), 8)
    call("process_vm_readv", int(pid), ctypes.byref(here), 1, ctypes.byref(there), 1, 0)
    assert held.raw == b"expected"


def write_memory(pid: str, address: str) -> None:
    with open(f"/proc/{pid}/mem", "r+b", buffering=0) as memory:
        memory.seek(int(address))
        memory.write(b"forged!!")


def steal_descriptor(pid: str, number: str) -> None:
    call("pidfd_getfd", call("pidfd_open", int(pid), 0), int(number), 0)


def fork_bomb(count: str) -> None:
    for _ in range(int(count)):
        if os.fork() == 0:
            time.sleep(2)
            os._exit(0)


def threads(count: str) -> None:
    for _ in range(int(count)):
        threading.Thread(target=time.sleep, args=(2,), daemon=True).start()


def memory(mebibytes: str) -> None:
    held = bytearray(int(mebibytes) << 20)
    held[:: 4096] = b"x" * len(held[:: 4096])


def fill(path: str, mebibytes: str) -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    with open(path, "wb") as file:
        for _ in range(int(mebibytes)):
            file.write(b"x" * (1 << 20))


def burn(seconds: str) -> None:
    while time.process_time() < float(seconds):
        pass


def raise_limit() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def user_namespace() -> None:
    call("unshare", _NEW_USER)


def io_uring() -> None:
    call("io_uring_setup", 4, ctypes.create_string_buffer(120))


def key() -> None:
    call("add_key", b"user", b"kernelevo", b"x", 1, -2)


def bpf() -> None:
    attributes = ctypes.create_string_buffer(128)
    attributes[:16] = b"".join(n.to_bytes(4, "little") for n in (2, 4, 4, 1))  # an array of one word
    call("bpf", 0, attributes, 128)


def user_faults() -> None:
    call("userfaultfd", 1)


def run(path: str) -> None:
    child = os.fork()
    if child == 0:
        with contextlib.suppress(OSError):
            os.execv(path, [path])
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def leave_group() -> None:
    """Into a session of its own, where a kill of the group would miss it."""
    child = os.fork()
    if child == 0:
        try:
            os.setsid()
        except OSError:
            os._exit(1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def set_clock() -> None:
    """A clock that is set back makes every time that is taken with it a lie."""
    now = time.clock_gettime(time.CLOCK_REALTIME)
    time.clock_settime(time.CLOCK_REALTIME, now)


ACTIONS: dict[str, Callable[..., None]] = {
    "read": read, "list": list_folder, "link": read_through_link, "write": write, "replace": replace,
    "shared memory": leave_in_shared_memory, "environment": environment, "inherited": inherited, "tcp": tcp,
    "unix": unix, "stop": stop, "trace": trace, "read memory": read_memory, "write memory": write_memory,
    "steal descriptor": steal_descriptor, "forks": fork_bomb, "threads": threads, "memory": memory, "fill": fill,
    "burn": burn, "raise limit": raise_limit, "user namespace": user_namespace, "io_uring": io_uring, "key": key,
    "bpf": bpf, "user faults": user_faults, "run": run, "leave group": leave_group, "set clock": set_clock,
}  # fmt: skip


def main(action: str, *aim: str) -> int:
    try:
        ACTIONS[action](*aim)
    except (OSError, AssertionError, KeyError, MemoryError, RuntimeError, ValueError) as refusal:
        print(f"refused: {type(refusal).__name__} {refusal}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.stdout.flush()
    os._exit(main(*sys.argv[1:]))
