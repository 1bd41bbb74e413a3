"""Arrays on their way through the wall: as .npy files (numpy.lib.format), of which nothing is ever unpickled.

`read_floats` reads what an untrusted process wrote: the header has to be, byte for byte, the one that such an array
has, so that no header is ever parsed and no size is believed.
"""

from __future__ import annotations

import io
import math

import numpy as np


def array_bytes(array: np.ndarray) -> bytes:
    """The array as an .npy file; raises ValueError for one of objects."""
    file = io.BytesIO()
    np.save(file, np.ascontiguousarray(array), allow_pickle=False)
    return file.getvalue()


def floats_size(shape: tuple[int, ...]) -> int:
    """Bytes of the .npy file of a float64 array of this shape."""
    return len(_header(shape)) + 8 * math.prod(shape)


def read_floats(content: bytes, shape: tuple[int, ...]) -> np.ndarray:
    """The finite float64 array of this shape that is written there; raises ValueError saying what else it is."""
    header = _header(shape)
    if not content.startswith(header) or len(content) != floats_size(shape):
        raise ValueError(f"it is no .npy file of a float64 array of shape {shape}")
    array = np.frombuffer(content, "<f8", offset=len(header)).reshape(shape)
    if not (finite := np.isfinite(array)).all():
        place = tuple(int(each[0]) for each in np.nonzero(~finite))
        raise ValueError(f"the value at {place if len(place) > 1 else place[0]} is {array[place]}, which is not finite")
    return array


def _header(shape: tuple[int, ...]) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "<f8", "fortran_order": False, "shape": shape})
    return file.getvalue()
