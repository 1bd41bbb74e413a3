"""The OpenAI wire format, written: replies as a completion, as chunks of a stream, and errors."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kernelevo.language_model import Message, Prompt, Reply, Sampling, Stop, Usage, total_usage

PIECE = 12
"""Characters of a chunk, where there are no tokens to go by."""
_FINISH = {Stop.LENGTH: "length", Stop.FILTERED: "content_filter", Stop.CUT_OFF: None}
MOST_REPLIES = 128


class WireError(Exception):
    """A refusal: the HTTP status, and what the body says."""

    def __init__(self, status: int, message: str, code: str | None = None, headers: Mapping[str, str] | None = None):
        super().__init__(message)
        self.status = status
        self.headers = dict(headers or {})
        kind = "invalid_request_error" if status < 500 else "server_error"
        self.body = {"error": {"message": message, "type": kind, "param": None, "code": code}}


def read_chat(body: Mapping[str, Any]) -> tuple[Prompt, int, Sampling]:
    """The prompt, how many replies, and how they are drawn; raises WireError."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise WireError(400, "messages must be a list that is not empty")
    try:
        prompt = Prompt(tuple(Message(message["role"], str(message["content"])) for message in messages))
        most = int(body.get("max_completion_tokens") or body.get("max_tokens") or 1024)
        n = int(body.get("n") or 1)
        sampling = Sampling(most, body.get("temperature"), bool(body.get("logprobs")))
    except (KeyError, TypeError, ValueError) as error:
        raise WireError(400, f"this is no request of the chat format: {error}") from error
    if not 1 <= n <= MOST_REPLIES:
        raise WireError(400, f"n must be from 1 to {MOST_REPLIES}")
    return prompt, n, sampling


def usage_json(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.prompt, "completion_tokens": usage.completion, "total_tokens": usage.total,
        "prompt_tokens_details": {"cached_tokens": usage.cached},
    }  # fmt: skip


def completion_json(model: str, replies: Sequence[Reply]) -> dict[str, Any]:
    """A whole answer of the chat format."""
    choices = [
        {
            "index": index, "finish_reason": _FINISH.get(reply.stop, "stop"), "logprobs": _logprobs(reply),
            "message": {"role": "assistant", "content": reply.text},
        }
        for index, reply in enumerate(replies)
    ]  # fmt: skip
    return {**_head(model, "chat.completion"), "choices": choices, "usage": usage_json(total_usage(replies))}


def text_json(model: str, replies: Sequence[Reply]) -> dict[str, Any]:
    """A whole answer of the older completions format."""
    choices = [
        {
            "index": index, "finish_reason": _FINISH.get(reply.stop, "stop"), "text": reply.text,
            "logprobs": reply.tokens and {
                "tokens": [token.text for token in reply.tokens],
                "token_logprobs": [token.log_probability for token in reply.tokens],
            },
        }
        for index, reply in enumerate(replies)
    ]  # fmt: skip
    return {**_head(model, "text_completion"), "choices": choices, "usage": usage_json(total_usage(replies))}


def chunks(model: str, replies: Sequence[Reply], with_usage: bool) -> Iterator[dict[str, Any]]:
    """The answer of the chat format as a stream: pieces of each reply, its end (none if it was cut off), the usage."""
    head = _head(model, "chat.completion.chunk")
    for index, reply in enumerate(replies):
        for delta, logprobs in _pieces(reply):
            choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": None}
            yield {**head, "choices": [choice]}
        if ended := _FINISH.get(reply.stop, "stop"):
            yield {**head, "choices": [{"index": index, "delta": {}, "logprobs": None, "finish_reason": ended}]}
    if with_usage:
        yield {**head, "choices": [], "usage": usage_json(total_usage(replies))}


def _pieces(reply: Reply) -> Iterator[tuple[dict[str, Any], dict[str, Any] | None]]:
    if reply.thinking:
        yield {"role": "assistant", "reasoning_content": reply.thinking}, None
    if reply.tokens is not None:
        for token in reply.tokens:
            listed = {"content": [{"token": token.text, "logprob": token.log_probability, "top_logprobs": []}]}
            yield {"role": "assistant", "content": token.text}, listed
        return
    for start in range(0, len(reply.text), PIECE):
        yield {"role": "assistant", "content": reply.text[start : start + PIECE]}, None


def _logprobs(reply: Reply) -> dict[str, Any] | None:
    if reply.tokens is None:
        return None
    return {
        "content": [
            {"token": token.text, "logprob": token.log_probability, "top_logprobs": []} for token in reply.tokens
        ]
    }


def _head(model: str, kind: str) -> dict[str, Any]:
    return {"id": "kernelevo-0", "object": kind, "created": 0, "model": model}
