"""Bounds on what a server sends: an answer is over when its time is over, whatever keeps coming, and has so many bytes.

The library's own limits are for each read, so that a server that sends a comment now and then would hold a call for
ever; and it gathers what it has not understood yet without a limit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx2

from kernelevo.errors import BadInput

MOST_BYTES = 1 << 28
"""Of one answer: about a million tokens, each in an event of its own."""
_DEADLINE = "kernelevo_deadline"


def bounded_client(clock: Callable[[], float]) -> httpx2.Client:
    """A client whose answers end by the `read` timeout of the request, counted from its start."""

    def begin(request: httpx2.Request) -> None:
        # A redirected request keeps the extensions, and so the deadline, of the first.
        request.extensions.setdefault(_DEADLINE, clock() + request.extensions["timeout"]["read"])

    def bound(response: httpx2.Response) -> None:
        if response.headers.get("content-encoding", "identity") != "identity":
            raise httpx2.DecodingError("the answer is compressed, which nobody asked for")
        assert isinstance(response.stream, httpx2.SyncByteStream)
        response.stream = _Bounded(response.stream, response.request.extensions[_DEADLINE], clock)

    hooks: dict[str, list[Callable[..., None]]] = {"request": [begin], "response": [bound]}
    return _Client(event_hooks=hooks, follow_redirects=True, headers={"accept-encoding": "identity"})


class _Client(httpx2.Client):
    def __del__(self) -> None:
        # As the library's own does: who forgets to close a model leaves no socket open.
        if not self.is_closed:
            self.close()


class _Bounded(httpx2.SyncByteStream):
    def __init__(self, inner: httpx2.SyncByteStream, deadline: float, clock: Callable[[], float]) -> None:
        self._inner = inner
        self._deadline = deadline
        self._clock = clock

    def __iter__(self) -> Iterator[bytes]:
        size = 0
        for piece in self._inner:
            size += len(piece)
            if size > MOST_BYTES:
                raise httpx2.ReadError(f"its answer has more than {MOST_BYTES:,} bytes")
            if self._clock() > self._deadline:
                raise httpx2.ReadTimeout("its answer did not end in time")
            yield piece

    def close(self) -> None:
        self._inner.close()


def checked_address(address: str) -> str:
    """The address of a server, without slashes at its end; raises BadInput for what is none."""
    address = address.rstrip("/")
    try:
        url = httpx2.URL(address)
        sound = url.scheme in ("http", "https") and bool(url.host.encode("idna"))
    except (httpx2.InvalidURL, UnicodeError):
        sound = False
    if not sound:
        raise BadInput(f"{address} is no address of a server; give --base-url as in http://localhost:8000/v1")
    return address
