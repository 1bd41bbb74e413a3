"""What the `openai` library raises, translated once: into sentences that say what to do, and whether to try again.

refused for what was asked (key, model, address, parameters)   BadInput, at once
busy, broken, not to be reached any more, out of time          ModelFailed, after some patience
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import openai

from kernelevo.errors import BadInput, KernelevoError, ModelFailed
from kernelevo.language_model import Reply
from kernelevo.wire.words import visible_line

LONGEST_WORDS = 300
SHORTEST_KEY = 16
"""Characters below which a key is none to be hidden: servers of one's own take any word."""
_TOO_LONG_CODE = "context_length_exceeded"
_TOO_LONG = ("maximum context length", "context size", "longer than the maximum model length")
_RESUME = "what had finished is kept, so go on later with `kernelevo resume last`"


@dataclass(frozen=True)
class Server:
    """Who is asked, as messages name it. `answered` once it has answered anything. A server may repeat the `key` that
    it was sent: what it says is shown and kept without it.
    """

    address: str
    model: str
    key_variable: str
    key: str = field(default="", repr=False)
    answered: bool = False

    def hidden(self, words: str) -> str:
        return words if len(self.key) < SHORTEST_KEY else words.replace(self.key, f"({self.key_variable})")

    def without_key(self, reply: Reply) -> Reply:
        if len(self.key) < SHORTEST_KEY:
            return reply
        said = "".join(token.text for token in reply.tokens or ())
        tokens = None if self.key in said else reply.tokens
        return replace(reply, text=self.hidden(reply.text), thinking=self.hidden(reply.thinking), tokens=tokens)


def is_too_long(error: openai.OpenAIError) -> bool:
    """Whether the server refused the prompt because it does not fit the model's context."""
    if not isinstance(error, openai.BadRequestError):
        return False
    return error.code == _TOO_LONG_CODE or any(words in str(error) for words in _TOO_LONG)


def waits(error: openai.OpenAIError, server: Server) -> float | None:
    """How many seconds the server wants to be left alone (0: it does not say); None if trying again is no use."""
    if isinstance(error, openai.APIStatusError):
        passing = error.status_code in (408, 409, 429) or error.status_code >= 500
        return _retry_after(error) if passing and error.code != "insufficient_quota" else None
    if isinstance(error, openai.APITimeoutError):
        return 0.0
    if isinstance(error, openai.APIConnectionError):
        return 0.0 if server.answered else None
    return 0.0 if isinstance(error, openai.APIError) else None


def translated(error: openai.OpenAIError, server: Server) -> KernelevoError:
    """The error of ours that says the same."""
    words, where = said(error, server), visible_line(f"{server.model} at {server.address}")
    if isinstance(error, (openai.AuthenticationError, openai.PermissionDeniedError)):
        return BadInput(f"{where} refuses the key in {server.key_variable} ({words}); set that variable to a valid one")
    if isinstance(error, openai.NotFoundError):
        return BadInput(f"there is no {where} ({words}); check the model's name and --base-url")
    if isinstance(error, openai.APITimeoutError):
        return ModelFailed(f"{where} gave no answer in time; {_RESUME}", perhaps_paid=True)
    if isinstance(error, openai.APIConnectionError):
        return _unreachable(error, server, where)
    if isinstance(error, openai.APIStatusError):
        return _status(error, where, words)
    return ModelFailed(f"{where} broke off ({words}); {_RESUME}", perhaps_paid=True)


def said(error: BaseException, server: Server) -> str:
    """What the server said, as one short line fit to be shown."""
    body = getattr(error, "body", None)
    message = body.get("message") if isinstance(body, dict) else None
    return visible_line(server.hidden(str(message or error)))[:LONGEST_WORDS]


def _unreachable(error: openai.APIConnectionError, server: Server, where: str) -> KernelevoError:
    cause = visible_line(server.hidden(str(error.__cause__ or error)))[:LONGEST_WORDS]
    if server.answered:
        return ModelFailed(f"{where} cannot be reached any more ({cause}); {_RESUME}", perhaps_paid=True)
    return BadInput(f"no server answers at {visible_line(server.address)} ({cause}); start it, or correct --base-url")


def _status(error: openai.APIStatusError, where: str, words: str) -> KernelevoError:
    if error.code == "insufficient_quota":
        return BadInput(f"{where}: the account has nothing left ({words}); raise its limit, or take another key")
    if error.status_code == 429:
        return ModelFailed(f"{where} is asked too often ({words}); {_RESUME}", perhaps_paid=False)
    if error.status_code >= 500 or error.status_code in (408, 409):
        return ModelFailed(f"{where} failed with status {error.status_code} ({words}); {_RESUME}", perhaps_paid=False)
    return BadInput(f"{where} refuses what it is asked (status {error.status_code}: {words}); correct the options")


def _retry_after(error: openai.APIStatusError) -> float:
    """Seconds of the header retry-after, where it has a number."""
    try:
        seconds = float(error.response.headers.get("retry-after", "0"))
    except ValueError:
        return 0.0
    return seconds if 0 <= seconds < float("inf") else 0.0
