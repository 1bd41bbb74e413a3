"""A small HTTP server that speaks the OpenAI format around any Model, on this machine only: so that the code that talks
to servers is tested over a socket, and a search can be tried without one (`python -m kernelevo.models.serving FILE`, a
script of replies or the folder of a local model).

    GET  /v1/models                  POST /v1/chat/completions    whole or streamed, log-probabilities, usage
    POST /tokenize                   POST /v1/completions         whole only
    POST /v1/load_lora_adapter, /v1/unload_lora_adapter           as vLLM has them

It fails on purpose where it is told to: each of `troubles` befalls one request for a sample, in order.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

from kernelevo.errors import BadInput
from kernelevo.interfaces import Model
from kernelevo.language_model import Adapter, Prompt, Reply, Sampling, Stop
from kernelevo.models.scripted import ScriptedModel, read_script
from kernelevo.models.serving_wire import WireError, chunks, completion_json, read_chat, text_json

MOST_BYTES = 1 << 24
SECONDS = 600.0
"""For the model behind it."""


@dataclass(frozen=True)
class Trouble:
    """`status`: a refusal with this HTTP status; `cut`: the connection breaks after so many chunks; `end`: the stream
    ends there, as if it were whole; `garbage`: a line that is no JSON; `silence`: nothing for so many seconds; `no
    usage`: the figures are left out.
    """

    kind: Literal["status", "cut", "end", "garbage", "silence", "no usage"]
    number: float = 0
    code: str | None = None
    message: str = "as it was told to"
    headers: tuple[tuple[str, str], ...] = ()


@dataclass
class Served:
    """What the server serves, and what was asked of it: `requests` are (path, body), in order."""

    model: Model
    key: str | None = None
    context: int | None = None
    troubles: list[Trouble] = field(default_factory=list)
    requests: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    adapters: dict[str, str] = field(default_factory=dict)
    guard: threading.Lock = field(default_factory=threading.Lock)
    address: str = ""
    """For --base-url."""

    def next_trouble(self) -> Trouble | None:
        with self.guard:
            return self.troubles.pop(0) if self.troubles else None

    def names(self) -> list[str]:
        return [self.model.name, *self.adapters]

    def require(self, name: object) -> None:
        if name not in self.names():
            raise WireError(404, f"The model `{name}` does not exist", "model_not_found")

    def sample(self, name: str, prompt: Prompt, n: int, sampling: Sampling) -> list[Reply]:
        """By the model, with the adapter of this name, or without if the name is its own."""
        with self.guard:
            if self.model.capabilities.adapters:
                self.model.load_adapter(_adapter(name, self.adapters[name]) if name in self.adapters else None)
            replies = self.model.sample(prompt, n, sampling, SECONDS)
        if any(reply.stop is Stop.TOO_LONG for reply in replies):
            raise WireError(400, "This model's maximum context length is exceeded", "context_length_exceeded")
        return replies

    def load(self, name: str, path: str) -> None:
        with self.guard:
            self.model.load_adapter(_adapter(name, path))
            self.adapters[name] = path

    def unload(self, name: str) -> bool:
        """Whether it was there."""
        with self.guard:
            if self.adapters.pop(name, None) is None:
                return False
            self.model.load_adapter(None)
            return True


def _adapter(name: str, path: str) -> Adapter:
    stem, _, version = name.rpartition("-v")
    return Adapter(stem or name, int(version) if version.isdigit() else 0, path)


@contextmanager
def serving(
    model: Model, *, key: str | None = None, context: int | None = None, troubles: Sequence[Trouble] = (), port: int = 0
) -> Iterator[Served]:
    """Serves until the block ends. With `key` only requests that have it are answered; with `context` prompts of more
    tokens are refused.
    """
    served = Served(model, key, context, list(troubles))
    server = _Server(("127.0.0.1", port), type("Handler", (_Handler,), {"served": served}))
    served.address = f"http://127.0.0.1:{server.server_address[1]}/v1"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="serving", daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away in the middle is no news."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    served: Served
    protocol_version = "HTTP/1.1"
    timeout = 30

    def log_message(self, format: str, *arguments: object) -> None:
        """Nothing is printed."""

    def do_GET(self) -> None:
        self._answer(lambda: self._models())

    def do_POST(self) -> None:
        self._answer(lambda: self._post(self._body()))

    def _answer(self, work: Any) -> None:
        try:
            if self.served.key is not None and self.headers.get("Authorization") != f"Bearer {self.served.key}":
                raise WireError(401, "Incorrect API key provided", "invalid_api_key")
            answer = work()
            if answer is not None:
                self._send(200, answer)
        except WireError as refusal:
            # What was not read of the request must not be taken for the next one.
            self.close_connection = True
            self._send(refusal.status, refusal.body, refusal.headers)
        except BadInput as refusal:
            self._send(400, WireError(400, str(refusal)).body)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True

    def _models(self) -> Any:
        if self.path != "/v1/models":
            raise WireError(404, f"there is no {self.path}")
        return {"object": "list", "data": [{"id": name, "object": "model"} for name in self.served.names()]}

    def _body(self) -> dict[str, Any]:
        size = int(self.headers.get("Content-Length") or 0)
        if size > MOST_BYTES:
            raise WireError(413, "the request is too large")
        try:
            body = json.loads(self.rfile.read(size) or b"{}")
        except ValueError as error:
            raise WireError(400, f"the request is no JSON: {error}") from error
        if not isinstance(body, dict):
            raise WireError(400, "the request is no object")
        with self.served.guard:
            self.served.requests.append((self.path, body))
        return body

    def _post(self, body: dict[str, Any]) -> Any:
        match self.path:
            case "/v1/chat/completions":
                return self._chat(body)
            case "/v1/completions":
                return self._complete(body)
            case "/tokenize":
                return self._tokenize(body)
            case "/v1/load_lora_adapter":
                return self._load(str(body.get("lora_name")), str(body.get("lora_path")))
            case "/v1/unload_lora_adapter":
                return self._unload(str(body.get("lora_name")))
        raise WireError(404, f"there is no {self.path}")

    def _chat(self, body: dict[str, Any]) -> Any:
        trouble = self.served.next_trouble()
        self._refuse(trouble)
        name, (prompt, n, sampling) = body.get("model"), read_chat(body)
        self.served.require(name)
        self._require_room(prompt)
        replies = self.served.sample(str(name), prompt, n, sampling)
        if not body.get("stream"):
            return completion_json(str(name), replies)
        with_usage = bool((body.get("stream_options") or {}).get("include_usage"))
        with_usage = with_usage and (trouble is None or trouble.kind != "no usage")
        return self._stream(list(chunks(str(name), replies, with_usage)), trouble)

    def _complete(self, body: dict[str, Any]) -> Any:
        self._refuse(self.served.next_trouble())
        self.served.require(body.get("model"))
        chat = {**body, "messages": [{"role": "user", "content": body.get("prompt")}]}
        name = str(body.get("model"))
        return text_json(name, self.served.sample(name, *read_chat(chat)))

    def _tokenize(self, body: dict[str, Any]) -> Any:
        self.served.require(body.get("model"))
        return {"count": self.served.model.count_tokens(read_chat(body)[0]), "max_model_len": self.served.context}

    def _load(self, name: str, path: str) -> Any:
        if name in self.served.adapters:
            raise WireError(400, f"The lora adapter '{name}' has already been loaded.")
        self.served.load(name, path)
        return f"Success: LoRA adapter '{name}' added successfully."

    def _unload(self, name: str) -> Any:
        if not self.served.unload(name):
            raise WireError(404, f"The lora adapter '{name}' cannot be found.")
        return f"Success: LoRA adapter '{name}' removed successfully."

    def _require_room(self, prompt: Prompt) -> None:
        if self.served.context is not None and (size := self.served.model.count_tokens(prompt)) > self.served.context:
            words = f"This model's maximum context length is {self.served.context} tokens; the messages have {size}"
            raise WireError(400, words, "context_length_exceeded")

    def _refuse(self, trouble: Trouble | None) -> None:
        if trouble is not None and trouble.kind == "status":
            raise WireError(int(trouble.number), trouble.message, trouble.code, dict(trouble.headers))
        if trouble is not None and trouble.kind == "silence":
            time.sleep(trouble.number)

    def _stream(self, pieces: list[dict[str, Any]], trouble: Trouble | None) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        kind = trouble.kind if trouble else ""
        if trouble is not None and kind in ("cut", "end"):
            pieces = pieces[: int(trouble.number)]
        for piece in pieces:
            self._chunk("{no JSON" if kind == "garbage" else json.dumps(piece))
        if kind == "cut":
            self.close_connection = True
            return
        if kind != "end":
            self._chunk("[DONE]")
        self.wfile.write(b"0\r\n\r\n")

    def _chunk(self, data: str) -> None:
        line = f"data: {data}\n\n".encode()
        self.wfile.write(f"{len(line):x}\r\n".encode() + line + b"\r\n")

    def _send(self, status: int, body: Any, headers: Any = None) -> None:
        content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain" if isinstance(body, str) else "application/json")
        self.send_header("Content-Length", str(len(content)))
        if self.close_connection:
            self.send_header("Connection", "close")
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)


def main() -> int:
    """Serves a script or a local model until it is stopped."""
    if len(sys.argv) != 2:
        print("usage: python -m kernelevo.models.serving REPLIES.jsonl or the folder of a model", file=sys.stderr)
        return 2
    try:
        model = _open(Path(sys.argv[1]))
    except BadInput as refusal:
        print(refusal, file=sys.stderr)
        return refusal.exit_code
    kind = "vllm" if model.capabilities.adapters else "openai"
    with serving(model) as served:
        print(f"--model {kind}:{model.name} --base-url {served.address}", flush=True)
        with suppress(KeyboardInterrupt):
            threading.Event().wait()
    return 0


def _open(path: Path) -> Model:
    """A folder is a model of transformers, anything else a script."""
    if not path.is_dir():
        return ScriptedModel(read_script(path))
    from kernelevo.models.hf import HfModel

    return HfModel(path.resolve())


if __name__ == "__main__":
    sys.exit(main())
