"""RUNS IN A DRIVER'S PROCESS, as a script: finds the packages that a driver needs, and serves it.

    python -I -S -B start.py ORDER, with the judge's socket as descriptor 3

ORDER is JSON: "package", the folder of kernelevo; "paths", folders to import the rest from; "options", of make_driver.
The folder around kernelevo is not shown to this process, so that the package is found by its own.
"""

from __future__ import annotations

import importlib.util
import json
import os
import socket
import sys

CONTROL = 3


def main(order: str) -> None:
    told = json.loads(order)
    sys.path[:0] = told["paths"]
    find_package("kernelevo", told["package"])
    from kernelevo.devices.drivers.server import serve

    with socket.socket(fileno=CONTROL) as connection:
        serve(connection, told["options"])


def find_package(name: str, folder: str) -> None:
    """After this, `import name` finds the package whose folder this is."""
    start = os.path.join(folder, "__init__.py")
    spec = importlib.util.spec_from_file_location(name, start, submodule_search_locations=[folder])
    if spec is None or spec.loader is None:
        raise ImportError(f"there is no package in {folder}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)


if __name__ == "__main__":
    main(sys.argv[1])
