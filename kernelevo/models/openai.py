"""Any server that speaks the OpenAI chat format, through the `openai` library (extra `llm`).

Replies are streamed, so that one that is cut off is kept as far as it came. The library's own retries are off: waiting
must end with the time that the call may take, which only this file knows.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from kernelevo.errors import BadInput, ModelFailed, NotInstalled
from kernelevo.interfaces import Model
from kernelevo.language_model import Adapter, Capabilities, Price, Prompt, Reply, Sampling, Stop, Usage
from kernelevo.models.openai_stream import Gathered

try:
    import httpx2
    import openai

    from kernelevo.models.openai_errors import Server, is_too_long, translated, waits
    from kernelevo.models.openai_wire import bounded_client, checked_address
except ModuleNotFoundError as missing:
    raise NotInstalled(
        f'a model behind a server needs the extra `llm` ({missing}); run `pip install "kernelevo[llm]"`'
    ) from missing

if TYPE_CHECKING:
    from openai import Stream

OPENAI = "https://api.openai.com/v1"
MOST_ATTEMPTS = 6
FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0
"""Seconds between attempts where the server does not say how many: doubled each time."""
EVENTS = "text/event-stream"
LONGEST_CALL = 86_400.0
"""Seconds; sockets know no time without an end."""
Answer = TypeVar("Answer")


class OpenAIModel(Model):
    """`model` at `base_url` (None: OpenAI's own). `key` is sent to it and kept nowhere else; `key_variable` is how
    messages call it. Raises BadInput for an address that is none.
    """

    capabilities = Capabilities(log_probabilities=True)

    def __init__(
        self,
        model: str,
        *,
        key: str,
        key_variable: str = "OPENAI_API_KEY",
        base_url: str | None = None,
        price: Price | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.name = self.sampled = model
        self._address = checked_address(base_url or OPENAI)
        self._server = Server(self._address, model, key_variable, key)
        self._price = price
        self._clock = clock
        self._sleep = sleep
        self._client = openai.OpenAI(
            api_key=key, base_url=self._address, max_retries=0, http_client=bounded_client(clock)
        )

    def sample(self, prompt: Prompt, n: int, settings: Sampling, seconds: float) -> list[Reply]:
        return self.patiently(lambda left: self._sample_once(prompt, n, settings, left), seconds)

    def count_tokens(self, prompt: Prompt) -> int:
        raise BadInput(f"{self.name} does not count tokens of a prompt; estimate them")

    def load_adapter(self, adapter: Adapter | None) -> None:
        if adapter is not None:
            raise BadInput(f"{self.name} loads no adapters; ask a server of vLLM with --model vllm:NAME")

    def close(self) -> None:
        self._client.close()

    def patiently(self, work: Callable[[float], Answer], seconds: float) -> Answer:
        """Does `work`, which is told how many seconds are left, again while the server is busy or broken; raises what
        the last attempt came to.
        """
        deadline = self._clock() + min(seconds, LONGEST_CALL)
        wait = FIRST_WAIT
        for attempt in range(MOST_ATTEMPTS):
            try:
                answer = self._try(work, max(0.001, deadline - self._clock()))
            except openai.OpenAIError as error:
                self._heard(error)
                asked = waits(error, self._server)
                pause = max(wait, asked or 0.0)
                late = self._clock() + pause >= deadline
                if asked is None or late or attempt == MOST_ATTEMPTS - 1:
                    raise translated(error, self._server) from error
                self._sleep(pause)
                wait = min(2 * wait, LONGEST_WAIT)
            else:
                self._server = replace(self._server, answered=True)
                return answer
        raise AssertionError("the last attempt returns or raises")

    def _try(self, work: Callable[[float], Answer], seconds: float) -> Answer:
        try:
            return work(seconds)
        except httpx2.RequestError as error:
            # The library lets these through while it reads what a refusal says.
            self._server = replace(self._server, answered=True)
            raise openai.APIConnectionError(message=str(error), request=error.request) from error
        except (httpx2.InvalidURL, UnicodeError) as error:
            raise ModelFailed(f"{self._address} leads to an address that is none; check --base-url", False) from error
        except (ValueError, RecursionError) as error:
            raise self._nonsense() from error

    def _nonsense(self) -> ModelFailed:
        words = f"{self.name} at {self._address} answered nonsense; check what serves at this address"
        return ModelFailed(words, perhaps_paid=True)

    def _heard(self, error: openai.OpenAIError) -> None:
        """Any answer, even a refusal, shows that there is a server."""
        if isinstance(error, openai.APIStatusError):
            self._server = replace(self._server, answered=True)

    def _sample_once(self, prompt: Prompt, n: int, settings: Sampling, seconds: float) -> list[Reply]:
        deadline = self._clock() + seconds
        gathered = Gathered(n)
        try:
            stream = self._open(prompt, n, settings, seconds)
            self._server = replace(self._server, answered=True)
            self._gather(gathered, stream, deadline)
        except openai.APIError as error:
            if is_too_long(error):
                return [Reply("", Stop.TOO_LONG, Usage(), None if self._price is None else 0.0)]
            # What has come is kept: it was paid for.
            if isinstance(error, openai.APIStatusError) or not gathered.any_text:
                raise
        return [self._server.without_key(reply) for reply in gathered.replies(prompt, self._price)]

    def _open(self, prompt: Prompt, n: int, settings: Sampling, seconds: float) -> Stream[Any]:
        # OpenAI's newer models refuse the older name, which is the only one that most other servers know.
        limit = "max_completion_tokens" if self._address == OPENAI else "max_tokens"
        words: dict[str, Any] = {limit: settings.max_tokens}
        words |= {} if n == 1 else {"n": n}
        words |= {} if settings.temperature is None else {"temperature": settings.temperature}
        words |= {"logprobs": True} if settings.log_probabilities else {}
        messages: Any = [{"role": message.role, "content": message.text} for message in prompt.messages]
        stream: Stream[Any] = self._client.chat.completions.create(
            model=self.sampled, messages=messages, stream=True, stream_options={"include_usage": True},
            timeout=seconds, **words,
        )  # fmt: skip
        return stream

    def _gather(self, gathered: Gathered, stream: Stream[Any], deadline: float) -> None:
        with stream:
            chunks = iter(stream)
            while True:
                try:
                    chunk = next(chunks, None)
                    plain = None if chunk is None else chunk.to_dict(warnings=False)
                except (ValueError, AttributeError, RecursionError) as error:
                    raise self._nonsense() from error
                if plain is None:
                    # A page for people, or one whole answer: no stream of events was ever there.
                    if gathered.empty and not stream.response.headers.get("content-type", "").startswith(EVENTS):
                        raise self._nonsense()
                    return
                gathered.add(plain)
                if gathered.full or self._clock() >= deadline:
                    return
