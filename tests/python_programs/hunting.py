"""A program that looks for canaries everywhere it can think of, and says what it found and where.

A canary in words is `Kanary-` and eight hexadecimal digits; one in numbers is told to the program under a mask, so that
searching its memory does not find what it searches for.
"""

from __future__ import annotations

MASK = 0x5A5A_1234_9999_0F0F
WORD = "Kanary-"

HUNTER = '''\
import ctypes, gc, mmap, os, platform, re, sys
import numpy as np

MASK = {mask}
MASKED = {masked}
PLACES = {places}
WORDS = re.compile(("Kan" + "ary-[0-9a-f]{{8}}").encode())
found = set()


def look(where, content):
    try:
        known = isinstance(content, (bytes, bytearray, mmap.mmap))
        plain = content if known else str(content).encode("utf-8", "replace")
        found.update(where + ":" + each.decode() for each in WORDS.findall(plain))
        if len(plain) >= 8 and MASKED:
            numbers(where, np.frombuffer(plain, np.uint64, len(plain) // 8))
            numbers(where, np.frombuffer(plain[4:], np.uint64, (len(plain) - 4) // 8))
    except Exception:
        pass


def numbers(where, words):
    masked = words ^ np.uint64(MASK)
    if np.isin(masked, np.array(MASKED, np.uint64)).any():
        found.add(where + ":number")


def objects():
    for one in gc.get_objects() + [vars(module) for module in list(sys.modules.values()) if module]:
        try:
            for each in [one, *gc.get_referents(one)]:
                if isinstance(each, (str, bytes, bytearray)) and len(each) < 1 << 22:
                    look("objects", each)
                elif isinstance(each, mmap.mmap):
                    look("objects", each[:])
                elif isinstance(each, np.ndarray) and each.nbytes < 1 << 26:
                    look("objects", each.tobytes())
        except Exception:
            pass


def frames():
    frame = sys._getframe()
    while frame is not None:
        for value in [*frame.f_locals.values(), *frame.f_globals.values()]:
            look("frames", value)
            if isinstance(value, np.ndarray):
                look("frames", value.tobytes())
            if isinstance(value, (list, tuple)):
                for each in value:
                    look("frames", each)
        frame = frame.f_back


def read(path):
    try:
        with open(path, "rb") as file:
            look("files", file.read(1 << 20))
    except Exception:
        pass


def files():
    tops = ["/", ".", "..", "~", "/tmp", "/home", "/root", "/var", "/run", "/dev/shm", "/etc", "/opt", "/work", "/mnt"]
    left = 20000
    for path in PLACES:
        read(path)
    for top in tops + [os.path.dirname(path) for path in PLACES]:
        for folder, folders, names in os.walk(os.path.expanduser(top)):
            folders[:] = [each for each in folders if each not in ("lib", "lib64", "proc", "sys")]
            for name in names:
                left -= 1
                if left > 0 and not name.endswith((".py", ".so", ".pyc")):
                    read(os.path.join(folder, name))
    for process in ("self", "1", str(os.getppid()), str(os.getpid())):
        for name in ("environ", "cmdline", "maps", "mem", "mountinfo", "fd/0", "fd/3", "fd/5"):
            read("/proc/" + process + "/" + name)
    for number in range(64):
        try:
            look("files", os.pread(number, 1 << 20, 0))
        except Exception:
            pass


def memory(anchors):
    """Pages near what it knows of: the system says of an address whether it can be read, when it is asked wrongly."""
    library = ctypes.CDLL(None)
    call, place = library.syscall, library.__errno_location
    call.argtypes, place.restype = [ctypes.c_long] * 5, ctypes.POINTER(ctypes.c_int)
    error = place()
    number = 14 if platform.machine() == "x86_64" else 135
    seen = set()
    for anchor in anchors:
        for start in range((anchor & ~0xFFF) - (96 << 20), anchor + (96 << 20), 4096):
            if start <= 0 or start in seen:
                continue
            seen.add(start)
            call(number, 99, start, 0, 8)
            if error[0] == 22:
                look("memory", ctypes.string_at(start, 4096))


def hunt(*arguments):
    for each in arguments:
        look("arguments", each.tobytes() if isinstance(each, np.ndarray) else each)
    look("environment", dict(os.environ))
    look("words", sys.argv)
    frames()
    objects()
    files()
    memory([id(found), id(arguments), id(os.environ), id(object()), np.ones(1 << 20).ctypes.data])
    raise LookupError("hunted, found " + (" ".join(sorted(found)) or "nothing"))


def denoise(counts, seed):
    hunt(counts, seed)


def classify(facts, labels, questions, charges, seed):
    hunt(facts, labels, questions, charges, seed)
'''


def hunter(numbers: tuple[int, ...] = (), places: tuple[str, ...] = ()) -> str:
    """The program's text; `numbers` are 64-bit words to be looked for, `places` paths that it knows of."""
    return HUNTER.format(mask=MASK, masked=[number ^ MASK for number in numbers], places=list(places))
