"""A causal language model of transformers in a local folder, with its tokenizer and LoRA adapters of peft.

Nothing is downloaded: only files of the folder are read. Adapters live in slots of one wrapped network, beside each
other: the one that replies are drawn with, and those that are being trained. `active` says which of them speaks.
"""

from __future__ import annotations

import inspect
import itertools
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from kernelevo.errors import BadInput, NotInstalled
from kernelevo.language_model import Prompt, sound
from kernelevo.models.adapter_files import WEIGHTS, read_config, read_tensors

try:
    import torch
    import transformers
    from jinja2 import TemplateError
    from peft import LoraConfig, PeftModel, get_peft_model
except ImportError as missing:
    raise NotInstalled(
        f'a local model needs the extra `lora` ({missing}); run `pip install "kernelevo[lora]"`'
    ) from missing

ALPHA_OF_RANK = 1.0
"""lora_alpha / rank: the scale of a change does not depend on the rank."""
_HALF = "\ufffd"
"""What a tokenizer decodes a part of a character to."""


class HfNetwork:
    """Raises BadInput for a folder that holds no such model. `device` is torch's name of one."""

    def __init__(self, folder: Path, device: str) -> None:
        transformers.utils.logging.disable_progress_bar()
        self.folder = folder
        self.device = torch.device(device)
        self._tokenizer, self._base = _load(folder, self.device)
        self._peft: PeftModel | None = None
        self._numbers = itertools.count()
        self._left: list[str] = []
        self.ends = _ends(self._base, self._tokenizer)
        self.context = int(getattr(self._base.config, "max_position_embeddings", None) or 2**31)
        self.hidden = int(self._base.get_output_embeddings().weight.shape[1])
        takes = inspect.signature(self._base.forward).parameters
        self._keeps = {"logits_to_keep": 1} if "logits_to_keep" in takes else {}
        self._cache = "cache" if "cache" in takes else "past_key_values"

    @property
    def default_temperature(self) -> float:
        """What the model's own files say, or 1.0."""
        return float(self._base.generation_config.temperature or 1.0)

    def ids(self, prompt: Prompt) -> list[int]:
        """The tokens of a prompt: by the model's chat template, or, without one, its texts one after the other. What is
        written in a message cannot end it: special tokens within are taken apart.
        """
        messages = [{"role": message.role, "content": self._plain(message.text)} for message in prompt.messages]
        if self._tokenizer.chat_template is None:
            text = "\n\n".join(message["content"] for message in messages) + "\n\n"
            return list(self._tokenizer(text)["input_ids"])
        try:
            return self._templated(messages)
        except TemplateError:  # such as those of models that know no system prompt
            merged = "\n\n".join(message["content"] for message in messages)
            return self._templated([{"role": "user", "content": merged}])

    def pieces(self, ids: Sequence[int]) -> list[str]:
        """The text that each token adds; a token that ends within a character adds it when the character is whole."""
        pieces: list[str] = []
        start = read = 0
        for end in range(1, len(ids) + 1):
            before, now = self._decoded(ids[start:read]), self._decoded(ids[start:end])
            whole = len(now) > len(before) and not now.endswith(_HALF)
            if whole or end == len(ids):
                pieces.append(sound(now[len(before) :]))
                start, read = read, end
            else:
                pieces.append("")
        return pieces

    def encoded(self, text: str) -> list[int]:
        """The tokens of a text that is no prompt."""
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    @contextmanager
    def active(self, slot: str | None) -> Iterator[Any]:
        """The network with the adapter in this slot, or (None) the base alone."""
        if self._peft is None:
            yield self._base
        elif slot is None:
            with self._peft.disable_adapter():
                yield self._peft
        else:
            self._peft.set_adapter(slot)
            yield self._peft

    def next_logits(self, network: Any, ids: torch.Tensor, cache: Any) -> tuple[torch.Tensor, Any]:
        """float32[n, vocabulary] of what comes after ids int[n, t] and what the cache holds; and the next cache."""
        output = network(input_ids=ids, use_cache=True, **{self._cache: cache}, **self._keeps)
        return output.logits[:, -1].float(), output[self._cache]

    def logits_of(self, network: Any, asked: list[int], said: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """float32[t, vocabulary] of the t tokens that were said, and the last hidden state float32[h] of the prompt."""
        ids = torch.tensor([[*asked, *said]], device=self.device)
        kept = {name: len(said) + 1 for name in self._keeps}
        output = network(input_ids=ids, use_cache=False, output_hidden_states=True, **kept)
        return output.logits[0, -len(said) - 1 : -1].float(), output.hidden_states[-1][0, len(asked) - 1].float()

    def open_slot(self, folder: Path) -> str:
        """Loads an adapter beside those that are there; raises BadInput if it is none, or of another model."""
        self._require_fitting(folder)
        self._close_left()
        slot = f"slot{next(self._numbers)}"
        more = {"torch_device": str(self.device)}
        with _old_names():
            if self._peft is None:
                self._peft = PeftModel.from_pretrained(self._base, str(folder), adapter_name=slot, **more)
            else:
                self._peft.load_adapter(str(folder), adapter_name=slot, **more)
        return slot

    def fresh_slot(self, rank: int, seed: int) -> str:
        """A new adapter on every linear layer but the last, which changes nothing yet."""
        self._close_left()
        slot = f"slot{next(self._numbers)}"
        alpha = ALPHA_OF_RANK * rank
        config = LoraConfig(
            r=rank, lora_alpha=alpha, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM"
        )
        with torch.random.fork_rng(devices=[]), _old_names():
            torch.manual_seed(seed)
            if self._peft is None:
                self._peft = get_peft_model(self._base, config, adapter_name=slot)
            else:
                self._peft.add_adapter(slot, config)
        return slot

    def close_slot(self, slot: str) -> None:
        """Forgets an adapter."""
        if self._peft is None:
            return
        others = [name for name in self._peft.peft_config if name != slot]
        if not others:
            self._base, self._peft = self._peft.unload(), None
            return
        self._peft.set_adapter(others[0])
        self._peft.delete_adapter(slot)

    def save_merged(self, adapter: Path, into: Path) -> None:
        """Writes the model with an adapter's changes in its weights, as transformers writes models, or nothing. The
        network is used up.
        """
        slot = self.open_slot(adapter)
        assert self._peft is not None
        merged = self._peft.merge_and_unload(adapter_names=[slot])
        unfinished = into.with_name(f".{into.name}.unfinished")
        merged.save_pretrained(unfinished)
        self._tokenizer.save_pretrained(unfinished)
        unfinished.rename(into)

    def leave_slot(self, slot: str) -> None:
        """Says that nobody needs an adapter any more; it is forgotten before another one comes."""
        self._left.append(slot)

    def parameters(self, slot: str) -> dict[str, torch.nn.Parameter]:
        """An adapter's parameters by peft's names, in the order of the network."""
        assert self._peft is not None
        self._peft.set_adapter(slot)
        named = dict(self._peft.named_parameters())
        return {name.replace(f".{slot}.", "."): value for name, value in named.items() if f".{slot}." in name}

    def config(self, slot: str) -> Mapping[str, Any]:
        assert self._peft is not None
        return self._peft.peft_config[slot].to_dict() | {"inference_mode": True}

    def _close_left(self) -> None:
        while self._left:
            self.close_slot(self._left.pop())

    def _templated(self, messages: list[dict[str, str]]) -> list[int]:
        text = self._tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def _plain(self, text: str) -> str:
        for special in self._tokenizer.all_special_tokens:
            text = text.replace(special, f"{special[:1]} {special[1:]}")
        return sound(text)

    def _decoded(self, ids: Sequence[int]) -> str:
        return self._tokenizer.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)

    def _require_fitting(self, folder: Path) -> None:
        read_config(folder)
        modules = dict(self._base.named_modules())
        for name, tensor in read_tensors(folder / WEIGHTS).items():
            inner, _, part = name.removeprefix("base_model.model.").partition(".lora_")
            layer = modules.get(inner)
            sizes = {"A.weight": (1, "in_features"), "B.weight": (0, "out_features")}
            axis, side = sizes.get(part, (0, ""))
            if layer is None or (side and tensor.shape[axis] != getattr(layer, side, None)):
                raise BadInput(
                    f"the adapter in {folder} belongs to another model than {self.folder.name}: it changes {inner} of "
                    "another size, or one that is not there; give one of this model"
                )


@contextmanager
def _old_names() -> Iterator[None]:
    """peft asks transformers for things by names that it calls old: a warning that is not for our users."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        yield


def _load(folder: Path, device: torch.device) -> tuple[Any, Any]:
    """The tokenizer, and the network, frozen: in its own precision on a GPU, in float32 on a CPU."""
    if not (folder / "config.json").is_file():
        raise BadInput(f"{folder} holds no model of transformers (no config.json); give the folder of one")
    precision = torch.float32 if device.type == "cpu" else "auto"
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder, local_files_only=True)
        network = transformers.AutoModelForCausalLM.from_pretrained(folder, local_files_only=True, dtype=precision)
    except (OSError, ValueError, KeyError, ImportError) as error:
        words = str(error).strip().partition("\n")[0]
        raise BadInput(f"the model in {folder} cannot be loaded ({words}); give a causal language model") from error
    network.requires_grad_(False)
    return tokenizer, network.eval().to(device)


def _ends(network: Any, tokenizer: Any) -> tuple[int, ...]:
    """The tokens that end a reply."""
    own = network.generation_config.eos_token_id
    listed = own if isinstance(own, list) else [own]
    return tuple(sorted({*(end for end in listed if end is not None), *_of_tokenizer(tokenizer)}))


def _of_tokenizer(tokenizer: Any) -> list[int]:
    return [] if tokenizer.eos_token_id is None else [tokenizer.eos_token_id]
