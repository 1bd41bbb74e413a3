"""Drivers: one context on one card, behind one small interface (interfaces.Driver).

`virtual.py` executes on the virtual GPU, `cupy.py` and `pycuda.py` on a card, `scripted.py` replays. `server.py` is
the process that a driver lives in, `remote.py` the judge's side of it, `opening.py` joins them by name. What is where,
and why: docs/drivers.md.
"""
