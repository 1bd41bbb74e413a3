"""Opens a driver in a process of its own, behind the wall: what that process is shown, and nothing more.

It reads the interpreter with its standard library, the package kernelevo, the folder of packages that hold what the
driver imports, and native files. For a card it gets the driver's libraries (in the C library's folders, which every
jail shows), its device files with the right to control them, and what the driver's library reads of /proc and /sys.
"""

from __future__ import annotations

import importlib.util
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

import kernelevo
from kernelevo import native
from kernelevo.devices.drivers import libcuda
from kernelevo.devices.drivers.making import MEMORY_BYTES, WARP_INSTRUCTIONS, how_of
from kernelevo.devices.drivers.remote import DEADLINES, Deadlines, RemoteDriver
from kernelevo.errors import NotInstalled
from kernelevo.interfaces import JailedProcess, JailOrder
from kernelevo.virtual_library import LIBRARY

OVERHEAD_BYTES = 2 << 30
"""What the process of a virtual GPU may use beside its memory: the interpreter, caches, staged content."""
CARD_THREADS = 256
"""A CUDA context starts some threads of its own; this is no tight bound."""
DEVICES = ("/dev/nvidiactl", "/dev/nvidia-uvm", "/dev/nvidia-uvm-tools", "/dev/nvidia-caps")
DRIVER_FOLDERS = ("/usr/local/nvidia", "/usr/lib/wsl/lib", "/run/opengl-driver/lib")
"""Where the driver's libraries are, if not beside the C library: in containers, under Windows, and on NixOS."""
CARD_READS = ("/proc/driver/nvidia", "/proc/devices", "/proc/modules", "/proc/cpuinfo", "/proc/sys/vm", "/proc/self",
              "/sys/devices/system", "/sys/bus/pci/devices", "/sys/module/nvidia", "/sys/module/nvidia_uvm",
              "/etc/nvidia", "/opt/cuda")  # fmt: skip
PACKAGES = {"virtual": ("numpy",), "cupy": ("numpy", "cupy"), "pycuda": ("numpy", "pycuda")}
INSTALL = {"cupy": 'pip install "kernelevo[cuda]"', "pycuda": 'pip install "kernelevo[pycuda]"'}
CHOICE = ("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER")
"""By these a user, or a queue that lends cards, says which cards there are; a driver's process keeps to them."""
_ENVIRONMENT = {"LC_ALL": "C", "OPENBLAS_NUM_THREADS": "1", "CUDA_CACHE_DISABLE": "1", "CUDA_MODULE_LOADING": "EAGER"}

Start = Callable[[JailOrder], JailedProcess]


def open_driver(
    name: str, start: Start, *, memory_bytes: int = MEMORY_BYTES, warp_instructions: int = WARP_INSTRUCTIONS,
    deadlines: Deadlines = DEADLINES,
) -> RemoteDriver:  # fmt: skip
    """The driver called `name` ("virtual:h100", "cupy:0", "pycuda:0"), in a fresh process that `start` starts
    (sandbox_session.start_session). Memory and instructions are bounds of a virtual GPU. Raises BadInput for an unknown
    name, NotInstalled for a missing package or card, Infrastructure.
    """
    how = how_of(name)
    options = {"name": name, "memory_bytes": memory_bytes, "warp_instructions": warp_instructions}
    return RemoteDriver(name, how, start(order(name, options)), deadlines)


def order(name: str, options: dict[str, object]) -> JailOrder:
    """The process of a driver, and what it is shown. Raises NotInstalled for a package that is not there."""
    kind = name.partition(":")[0]
    package = Path(kernelevo.__file__).parent.resolve()
    library = native.path(LIBRARY).resolve()
    paths = folders(kind)
    told = {"package": str(package), "paths": paths, "options": options}
    script = package / "devices" / "drivers" / "start.py"
    words = (str(native.interpreter()), "-I", "-S", "-B", str(script), json.dumps(told))
    readable = [*map(str, native.interpreter_files()), str(package), str(library), *paths]
    # CuPy makes sure of a cache folder when it is imported; it compiles nothing here, so that any folder does.
    environment = {**_ENVIRONMENT, "KERNELEVO_NATIVE": str(library.parent), "CUPY_CACHE_DIR": str(package)}
    if kind == "virtual":
        memory = int(str(options["memory_bytes"])) + OVERHEAD_BYTES
        return JailOrder(words, tuple(readable), environment=environment, data_bytes=memory)
    environment |= {name: os.environ[name] for name in CHOICE if name in os.environ}
    if found := [folder for folder in _library_folders() if (folder / libcuda.LIBRARY).exists()]:
        environment["LD_LIBRARY_PATH"] = ":".join(map(str, found))
    return JailOrder(words, (*readable, *DRIVER_FOLDERS, *CARD_READS), card_devices(), environment, CARD_THREADS)


def card_devices() -> tuple[str, ...]:
    """The device files of all cards: CUDA numbers cards in an order of its own, and opens them all."""
    return (*map(str, sorted(Path("/dev").glob("nvidia[0-9]*"))), *DEVICES)


def _library_folders() -> list[Path]:
    return [Path(folder) / sub for folder in DRIVER_FOLDERS for sub in ("", "lib", "lib64")]


def folders(kind: str) -> list[str]:
    """The folders in which the packages of a kind of driver lie; raises NotInstalled naming one that is not there."""
    found = []
    for package in PACKAGES[kind]:
        spec = importlib.util.find_spec(package)
        if spec is None or spec.origin is None:
            raise NotInstalled(
                f"the driver {kind} needs the package {package}; run: {INSTALL.get(kind, 'pip install .')}"
            )
        found.append(str(Path(spec.origin).parent.parent.resolve()))
    return list(dict.fromkeys(found))


def installed(kinds: Sequence[str] = tuple(PACKAGES)) -> list[str]:
    """The kinds of drivers whose packages are there."""
    return [kind for kind in kinds if all(importlib.util.find_spec(package) for package in PACKAGES[kind])]
