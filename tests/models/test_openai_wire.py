"""A server that means harm, or is broken, over a raw socket: a call ends in time, in words, and without the key."""

from __future__ import annotations

import json
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest
from conformance.model import PROMPT, SAMPLING

from kernelevo.errors import BadInput, KernelevoError, ModelFailed
from kernelevo.language_model import Price, Reply, Stop

pytest.importorskip("openai", reason="the extra `llm` is not installed")
from kernelevo.models.openai import OpenAIModel
from kernelevo.models.openai_wire import checked_address

EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
KEY = "sk-0123456789-GOLD-KEY"
Send = Callable[[bytes], None]


def answer(status: int, body: bytes, length: int | None = None, kind: str = "application/json") -> bytes:
    size = len(body) if length is None else length
    return f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {size}\r\n\r\n".encode() + body


def event(value: object) -> bytes:
    return b"data: " + (value if isinstance(value, bytes) else json.dumps(value).encode()) + b"\n\n"


def whole(delta: object, **more: object) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": "stop"} | more
    return EVENTS + event({"choices": [choice]}) + event(b"[DONE]")


def refusal(status: int) -> bytes:
    return answer(status, json.dumps({"error": {"message": f"you sent {KEY}"}}).encode())


@contextmanager
def raw(serve: Callable[[Send], None]) -> Iterator[str]:
    """Reads a request, then sends whatever `serve` does."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            head = b"".join(iter(self.rfile.readline, b"\r\n")).lower()
            self.rfile.read(int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0]))
            with suppress(OSError):
                serve(self.connection.sendall)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        server.block_on_close = False
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/v1"
        finally:
            server.shutdown()  # a thread that serves on a closed socket spins, and all tests behind it become slow


def sample(serve: Callable[[Send], None], seconds: float = 10.0) -> list[Reply]:
    with raw(serve) as address:
        model = OpenAIModel("m", key=KEY, base_url=address, price=Price(1, 1))
        try:
            return model.sample(PROMPT, 1, SAMPLING, seconds)
        finally:
            model.close()


def failure(content: bytes, seconds: float = 0.4) -> KernelevoError:
    with pytest.raises((ModelFailed, BadInput)) as raised:
        sample(lambda send: send(content), seconds)
    return raised.value


def dripping(head: bytes, drop: bytes) -> Callable[[Send], None]:
    def serve(send: Send) -> None:
        send(head)
        for _ in range(200):
            send(drop)
            time.sleep(0.05)

    return serve


@pytest.mark.parametrize(
    ("head", "drop"),
    [(EVENTS, b": keep-alive\n\n"), (EVENTS + b"data: ", b"a"), (answer(500, b"", 10**6), b"a"),
     (answer(400, b"", 10**6), b"a")],
    ids=["comments", "a line", "a fault", "a refusal"],
)  # fmt: skip
def test_a_call_ends_in_time_whatever_keeps_coming(head: bytes, drop: bytes) -> None:
    began = time.monotonic()
    with pytest.raises(ModelFailed, match="in time"):
        sample(dripping(head, drop), 0.5)
    assert time.monotonic() - began < 5


def test_an_answer_has_so_many_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kernelevo.models.openai_wire.MOST_BYTES", 1 << 16)
    with pytest.raises(ModelFailed, match="more than 65,536 bytes"):
        sample(lambda send: send(EVENTS + b"data: " + b"a" * (1 << 18)), 0.4)


def test_a_compressed_answer_is_not_unpacked() -> None:
    head = EVENTS.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n")
    assert "compressed" in str(failure(head + b"\x1f\x8b" * 9))


@pytest.mark.parametrize("status", [429, 500])
def test_a_refusal_that_breaks_off_is_our_failure(status: int) -> None:
    assert "cannot be reached any more" in str(failure(answer(status, b'{"error"', 1000)))


@pytest.mark.parametrize(
    "content",
    [EVENTS + event(b"[" * 100_000), answer(200, b"<html>hello</html>", kind="text/html"),
     answer(200, b'{"choices": []}'), answer(200, b"")],
    ids=["nested", "a page", "no stream", "nothing"],
)  # fmt: skip
def test_what_is_no_stream_of_a_model_is_nonsense(content: bytes) -> None:
    assert "answered nonsense" in str(failure(content))


def test_figures_beyond_all_reason_are_not_taken() -> None:
    vast = {"prompt_tokens": 10**400, "completion_tokens": 1}
    tokens = {"content": [{"token": "a", "logprob": 10**400}, {"token": "b", "logprob": -0.5}]}
    content = whole({"content": "some text"}, logprobs=tokens).replace(
        b"data: [DONE]", event({"choices": [], "usage": vast}) + b"data: [DONE]"
    )
    (reply,) = sample(lambda send: send(content))
    assert reply.usage.estimated and reply.tokens is not None
    assert [token.log_probability for token in reply.tokens] == [-0.5]


def test_one_piece_is_cut_off_as_many_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kernelevo.models.openai_stream.MOST_CHARACTERS", 100)
    (reply,) = sample(lambda send: send(whole({"content": "x" * 5000})))
    assert len(reply.text) == 101


@pytest.mark.parametrize(
    "content",
    [refusal(400), refusal(401), refusal(500), EVENTS + event({"error": {"message": f"you sent {KEY}"}})],
    ids=["400", "401", "500", "stream"],
)
def test_a_key_that_the_server_repeats_is_in_no_message(content: bytes) -> None:
    words = str(failure(content))
    assert KEY not in words and "you sent (OPENAI_API_KEY)" in words


def test_a_key_that_the_server_repeats_is_in_no_reply() -> None:
    tokens = {"content": [{"token": KEY[:5], "logprob": -1.0}, {"token": KEY[5:], "logprob": -1.0}]}
    content = whole({"content": f"is it {KEY}?", "reasoning_content": KEY}, logprobs=tokens)
    (reply,) = sample(lambda send: send(content))
    assert reply.stop is Stop.COMPLETE and reply.text == "is it (OPENAI_API_KEY)?" and KEY not in repr(reply)


@pytest.mark.parametrize(
    "address",
    ["localhost:8000/v1", "http://", "http://[::1", "http://localhost:abc", "http://\u2603.invalid/v1", "ftp://a/v1",
     f"http://{'a' * 300}/v1"],
)  # fmt: skip
def test_an_address_that_is_none_is_bad_input(address: str) -> None:
    with pytest.raises(BadInput, match="no address of a server"):
        checked_address(address)


def test_an_address_is_taken_as_people_write_it() -> None:
    assert checked_address("HTTP://Localhost:8000/v1//") == "HTTP://Localhost:8000/v1"


def test_a_call_without_an_end_may_be_asked_for() -> None:
    (reply,) = sample(lambda send: send(whole({"content": "fine"})), float("inf"))
    assert reply.text == "fine"
