"""A language model that chooses among charges, opened and asked, its replies on disk (backends/legal/choosing.py)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kernelevo.counting import counted
from kernelevo.errors import BadInput, ModelFailed
from kernelevo.joining_models import open_model
from kernelevo.language_model import Price, Prompt, Reply, Sampling, total_usage
from kernelevo.settings import ModelRequest

if TYPE_CHECKING:
    import numpy as np

    from kernelevo.backends.legal.asking import Answers
    from kernelevo.backends.legal.choosing import Choice, Offer
    from kernelevo.backends.legal.data import Cases
    from kernelevo.backends.legal.replies import KeptReplies

    Array = np.ndarray

Say = Callable[[str], None]
REPLY_TOKENS = 64
_GO_ON = "; what had finished is kept"
"""How messages of servers go on, which know of runs alone."""


@dataclass(frozen=True)
class ChoiceRequest:
    """Which model chooses, among how many charges, in at most so many tokens (of a model that thinks: its thoughts,
    too).
    """

    model: ModelRequest
    candidates: int = 10
    reply_tokens: int = REPLY_TOKENS

    def __post_init__(self) -> None:
        if self.candidates < 2:
            raise BadInput(f"--candidates {self.candidates} are no choice; give 2 or more")
        if self.reply_tokens < 1:
            raise BadInput(f"--reply-tokens {self.reply_tokens} leave no room for a reply; give a positive number")

    @property
    def sampling(self) -> Sampling:
        return Sampling(self.reply_tokens, 0.0)

    @cached_property
    def asked(self) -> str:
        """What the model is known by where its replies are kept: servers, scripts and folders of one name are told
        apart, and what a folder held before from what it holds now. A script goes on where it is made longer.
        It is looked at once: a file that comes into the folder meanwhile makes no other model.
        """
        named = self.model
        if named.kind == "hf":
            return f"{Path(named.model).resolve()} {_content(Path(named.model).resolve())}"
        if named.kind == "scripted":
            return str(Path(named.model).resolve())
        return " ".join(filter(None, (named.name, named.base_url)))

    @property
    def key(self) -> str:
        """What another choice differs by."""
        return f"{self.asked} {self.candidates} {self.reply_tokens}"


@dataclass(frozen=True)
class Chosen:
    """What a choice came to: `questions` differ, of which `before` were answered by an earlier command; `cost` is None
    where no price is known.
    """

    choice: Choice
    model: str
    candidates: int
    questions: int
    before: int
    prompt_tokens: int
    completion_tokens: int
    estimated: bool
    cost: float | None

    def plain(self) -> dict[str, Any]:
        return {
            "model": self.model, "candidates": self.candidates, "asked": self.choice.asked,
            "unread": self.choice.unread, "changed": self.choice.changed, "questions": self.questions,
            "answered_before": self.before, "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens, "tokens_estimated": self.estimated, "cost": self.cost,
        }  # fmt: skip

    def lines(self) -> list[str]:
        choice, about = self.choice, "about " if self.estimated else ""
        return [
            f"{self.model} chose among {self.candidates} charges of {counted(choice.asked, 'case')}: "
            f"{choice.changed:,} changed, {choice.unread:,} unread (the pipeline's own charge is kept)",
            f"{counted(self.questions, 'question')}, {self.before:,} of them answered before; tokens: "
            f"{about}{self.prompt_tokens:,} of prompts, {about}{self.completion_tokens:,} of replies; "
            f"cost: {'unknown' if self.cost is None else f'{self.cost:.6g}'}",
        ]


def _content(folder: Path) -> str:
    """Of what its files are called, how large they are and when they were written: weights are large."""
    files = sorted(each for each in folder.rglob("*") if each.is_file())
    told = [(str(each.relative_to(folder)), each.stat().st_size, each.stat().st_mtime_ns) for each in files]
    return hashlib.sha256(repr(told).encode()).hexdigest()[:16]


def check_choice(request: ChoiceRequest, cases: Cases) -> None:
    """Raises BadInput for a model that cannot be asked and for too many candidates, before anything is computed."""
    from kernelevo.backends.legal.choosing import require_candidates

    require_candidates(request.candidates, cases)
    if request.model.kind == "hf":
        _local(request.model)
    else:
        _opened(request.model, 0).close()


def _local(request: ModelRequest) -> None:
    """A local model takes long to load, and is loaded once."""
    if not Path(request.model).is_dir():
        raise BadInput(f"--choose {request.name}: there is no such folder; give that of a model of transformers")


def _opened(request: ModelRequest, given: int) -> Any:
    try:
        return open_model(request, given)
    except BadInput as error:
        raise type(error)(str(error).replace("--model", "--choose")) from error


def chosen(
    request: ChoiceRequest, given: Sequence[Offer | None], votes: Array, own: Answers, path: Path, say: Say
) -> Chosen:
    """`given`, `own` (the pipeline's answers) and their `votes`, float[cases, charges], are of the same cases. Replies
    go to `path`, and what has one there is not asked again. Raises BadInput where the model stops answering: the same
    call goes on from there.
    """
    from kernelevo.backends.legal.choosing import choose
    from kernelevo.backends.legal.replies import KeptReplies, alone_with, key_of

    prompts = list({offer.prompt.key: offer.prompt for offer in given if offer is not None}.values())
    with alone_with(path):
        kept = KeptReplies(path)
        before = _answered(request, prompts, kept)
        say(f"{counted(len(prompts) - before, 'question')} to {request.model.shown}; replies: {path}")
        if before < len(prompts):
            _ask(request, prompts, kept, before)
    by_prompt = {each.key: kept.get(key_of(request.asked, each, request.sampling)) for each in prompts}
    replies = [None if each is None else by_prompt[each.prompt.key] for each in given]
    choice = choose(own, votes, given, replies)
    return _counted(choice, request, list(by_prompt.values()), before)


def _answered(request: ChoiceRequest, prompts: Sequence[Prompt], kept: KeptReplies) -> int:
    from kernelevo.backends.legal.replies import key_of

    return sum(kept.get(key_of(request.asked, each, request.sampling)) is not None for each in prompts)


def _ask(request: ChoiceRequest, prompts: Sequence[Prompt], kept: KeptReplies, before: int) -> None:
    from kernelevo.backends.legal.replies import ask_all

    model = _opened(request.model, before)
    try:
        ask_all(model, request.asked, prompts, request.sampling, kept, request.model.call_seconds)
    except (ModelFailed, BadInput) as error:
        done = f"{_answered(request, prompts, kept):,} of {counted(len(prompts), 'question')}"
        said = str(error).replace("--model", "--choose").partition(_GO_ON)[0]
        raise BadInput(f"{said}; {done} are answered and kept in {kept.path}: give the command again") from error
    finally:
        model.close()


def _counted(choice: Choice, request: ChoiceRequest, replies: Sequence[Reply | None], before: int) -> Chosen:
    answered = [reply for reply in replies if reply is not None]
    usage = total_usage(answered)
    price = request.model.price
    return Chosen(
        choice, request.model.shown, request.candidates, len(replies), before, usage.prompt, usage.completion,
        usage.estimated, None if price is None else Price(*price).of(usage),
    )  # fmt: skip


def request_of(
    name: str | None, base_url: str | None, key_variable: str | None, price: tuple[float, float] | None,
    call_seconds: float | None, candidates: int | None, reply_tokens: int | None,
) -> ChoiceRequest | None:  # fmt: skip
    """By what a command line gives, if it names a model; raises BadInput for options that need one."""
    options = {"base_url": base_url, "key_variable": key_variable, "price": price, "call_seconds": call_seconds}
    own: dict[str, Any] = {"candidates": candidates, "reply_tokens": reply_tokens}
    given = [f"--{key.replace('_', '-')}" for key, value in (options | own).items() if value is not None]
    if name is None:
        if given:
            raise BadInput(f"{given[0]} says how a model chooses; name one with --choose, too")
        return None
    words: dict[str, Any] = {key: value for key, value in options.items() if value is not None}
    try:
        model = ModelRequest(name, **words)
    except BadInput as error:
        said = str(error).replace("--model", "--choose").replace(", scripted:FILE or tiny", " or scripted:FILE")
        raise BadInput(said) from error
    if model.kind == "tiny":
        raise BadInput("--choose tiny: it makes decisions and writes no text; name another model")
    return replace(ChoiceRequest(model), **{key: value for key, value in own.items() if value is not None})
