"""A server of vLLM: the OpenAI format, and LoRA adapters that are loaded while it runs, under versioned names.

The server must allow it (`VLLM_ALLOW_RUNTIME_LORA_UPDATING=True`, `--enable-lora`).
"""

from __future__ import annotations

from typing import Any

from kernelevo.errors import ModelFailed
from kernelevo.language_model import MOST_TOKENS, Adapter, Capabilities, Prompt
from kernelevo.models.openai import OpenAIModel

ADMINISTRATION_SECONDS = 120.0
"""For loading an adapter, which reads files."""
CLOSING_SECONDS = 5.0


class VllmModel(OpenAIModel):
    """As OpenAIModel; `sampled` is the adapter's versioned name while one is loaded."""

    capabilities = Capabilities(adapters=True, log_probabilities=True, token_counts=True)

    def __init__(self, model: str, **settings: Any) -> None:
        super().__init__(model, **settings)
        self._adapter: Adapter | None = None

    def count_tokens(self, prompt: Prompt) -> int:
        messages = [{"role": message.role, "content": message.text} for message in prompt.messages]
        place = f"{self._address.removesuffix('/v1')}/tokenize"
        answer = self._post(place, {"model": self.sampled, "messages": messages})
        count = answer.get("count") if isinstance(answer, dict) else None
        if type(count) is not int or not 0 <= count <= MOST_TOKENS:
            raise ModelFailed(f"{self.name} at {self._address} answered nonsense when it was to count tokens", False)
        return count

    def load_adapter(self, adapter: Adapter | None) -> None:
        """The new one is loaded before the old one goes, so that a failure leaves everything as it was."""
        before = self._adapter
        if adapter == before:
            return
        if adapter is not None:
            words = {"lora_name": adapter.versioned_name, "lora_path": adapter.path}
            self._post("/load_lora_adapter", words, as_text=True)
        self._adapter, self.sampled = adapter, adapter.versioned_name if adapter else self.name
        if before is not None:
            self._unload(before, ADMINISTRATION_SECONDS)

    def close(self) -> None:
        """Unloads the adapter; a server that is gone by now has none."""
        try:
            if self._adapter is not None:
                self._unload(self._adapter, CLOSING_SECONDS)
        except ModelFailed:
            self._adapter = None
        finally:
            super().close()

    def _unload(self, adapter: Adapter, seconds: float) -> None:
        self._post("/unload_lora_adapter", {"lora_name": adapter.versioned_name}, as_text=True, seconds=seconds)

    def _post(
        self, path: str, body: dict[str, Any], as_text: bool = False, seconds: float = ADMINISTRATION_SECONDS
    ) -> Any:
        kind: Any = str if as_text else object
        return self.patiently(
            lambda left: self._client.post(path, cast_to=kind, body=body, options={"timeout": left}),
            seconds,
        )
