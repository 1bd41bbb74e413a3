"""Replies of a model to questions, on disk as they come, so that nothing is asked twice.

One JSON object a line: {"key", "text", "stop", "prompt_tokens", "completion_tokens", "cached_tokens", "estimated"},
where the key is of the model, the question and how the reply is drawn. A last line that is not whole is left out, and a
reply that broke off on its way is asked for again by the next one who reads the file.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kernelevo.errors import BadInput
from kernelevo.interfaces import Model
from kernelevo.language_model import Prompt, Reply, Sampling, Stop, Usage

BEGUN = b'{"key": '
"""How a line begins."""


@contextmanager
def alone_with(path: Path) -> Iterator[None]:
    """Raises BadInput where another command writes replies to this file, or nobody can."""
    _require_writable(path)
    with path.open("ab") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BadInput(f"another command writes replies to {path}; wait for it, or give another --out") from None
        yield


def _require_writable(path: Path) -> None:
    if path.is_dir() or not os.access(path if path.exists() else path.parent, os.W_OK):
        raise BadInput(f"replies cannot be written to {path}; name a file in a folder that is there and writable")


class KeptReplies:
    """The file at `path`, which need not be there; raises BadInput for what is no such file, or cannot be written. One
    writer at a time (`alone_with`).
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        _require_writable(path)
        self._whole = 0
        """Bytes of whole lines."""
        self._by_key = self._read()

    def get(self, key: str) -> Reply | None:
        return self._by_key.get(key)

    def add(self, key: str, reply: Reply) -> None:
        """On disk when this returns."""
        usage = reply.usage
        told = {
            "key": key, "text": reply.text, "stop": reply.stop.value, "prompt_tokens": usage.prompt,
            "completion_tokens": usage.completion, "cached_tokens": usage.cached, "estimated": usage.estimated,
        }  # fmt: skip
        line = (json.dumps(told, ensure_ascii=False) + "\n").encode()
        with self.path.open("r+b" if self.path.exists() else "xb") as file:
            file.truncate(self._whole)
            file.seek(self._whole)
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        self._whole += len(line)
        self._by_key[key] = reply

    def _read(self) -> dict[str, Reply]:
        try:
            content = self.path.read_bytes() if self.path.exists() else b""
            lines = content.split(b"\n")[:-1]
            found = [_reply(json.loads(line)) for line in lines]
        except (OSError, ValueError, KeyError, TypeError, AttributeError, ArithmeticError, RecursionError) as error:
            said = " ".join(f"{type(error).__name__}: {error}".split())[:120]
            raise BadInput(f"{self.path} holds no replies of a model ({said}); move it away, or mend it") from error
        if not lines and not content.startswith(BEGUN[: len(content)]):
            raise BadInput(f"{self.path} holds no replies of a model (no whole line); move it away")
        self._whole = sum(len(line) + 1 for line in lines)
        return {key: reply for key, reply in found if reply.stop is not Stop.CUT_OFF}


def _reply(told: dict[str, Any]) -> tuple[str, Reply]:
    prompt, completion, cached = (int(told[f"{what}_tokens"]) for what in ("prompt", "completion", "cached"))
    usage = Usage(prompt, completion, cached, bool(told["estimated"]))
    return str(told["key"]), Reply(str(told["text"]), Stop(told["stop"]), usage)


def key_of(model: str, prompt: Prompt, sampling: Sampling) -> str:
    """The same for the same question to the same model, and for no other."""
    words = [model, prompt.key, sampling.max_tokens, sampling.temperature]
    return hashlib.sha256(json.dumps(words).encode()).hexdigest()


def ask_all(
    model: Model, name: str, prompts: Sequence[Prompt], sampling: Sampling, kept: KeptReplies, seconds: float
) -> None:
    """Asks what has no reply yet, in order; `seconds` are those of one question, `name` what keys call the model.
    Raises ModelFailed and BadInput as the model does, and BadInput where a script is at its end.
    """
    for prompt in prompts:
        key = key_of(name, prompt, sampling)
        if kept.get(key) is None:
            reply = model.sample(prompt, 1, sampling, seconds)[0]
            if reply.stop is Stop.EXHAUSTED:
                raise BadInput(f"the script {model.name} has no more replies; give a longer one")
            kept.add(key, reply)
