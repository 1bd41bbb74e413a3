"""`kernelevo sealed legal --choose` as typed, with models behind a server, scripts, and servers that fail half way."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn", reason="the extra `legal` is not installed")

from kernelevo.backends.legal.data import sample
from kernelevo.cli import main
from kernelevo.interfaces import Model
from kernelevo.language_model import Adapter, Capabilities, Prompt, Reply, Sampling, Stop, Usage
from kernelevo.models.serving import Served, Trouble, serving

CASES = sample(12, 20)
ASKED = np.arange(240) % 5 == 0
COUNT = 48
CANARY = "CANARY"
Shell = Callable[..., tuple[int, str, str]]
TEST = ("--test", "test.csv")
LABELS = ("--labels", "labels.csv", "--claim", "that it chooses well")


class Knowing(Model):
    """Says the number of the charge that `charges` has for the case it is asked about."""

    name = "knowing"
    capabilities = Capabilities()

    def __init__(self, charges: Mapping[str, str]) -> None:
        self.charges = charges
        self.calls = 0
        self.after: Callable[[int], None] = lambda calls: None

    def sample(self, prompt: Prompt, n: int, settings: Sampling, seconds: float) -> list[Reply]:
        assert settings.temperature == 0.0
        self.calls += 1
        self.after(self.calls)
        lines = prompt.messages[-1].text.splitlines()
        wanted = next(charge for fact, charge in self.charges.items() if lines[1].startswith(fact[:60]))
        named = [line.partition(". ")[0] for line in lines if line.partition(". ")[2] == wanted]
        return [Reply(named[0] if named else "都不是", Stop.COMPLETE, Usage(100, 3))]

    def count_tokens(self, prompt: Prompt) -> int:
        return prompt.estimated_tokens

    def load_adapter(self, adapter: Adapter | None) -> None:
        raise NotImplementedError

    def close(self) -> None:
        """Nothing to release."""


def write(path: Path, rows: list[tuple[object, ...]]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


def told(name: str = "predictions.csv") -> list[str]:
    with Path(name).open(encoding="utf-8", newline="") as file:
        return [row["label"] for row in csv.DictReader(file)]


def kept(name: str = "predictions.csv") -> list[dict[str, object]]:
    text = Path(f"{name}.choices.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


NAMES = np.array(CASES.charges)[CASES.labels]
FACTS = np.array(CASES.facts)


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    """`kernelevo sealed legal` with a naive pipeline, in a folder with training cases, a test and its labels."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    write(tmp_path / "train.csv", [("text", "label"), *zip(FACTS[~ASKED], NAMES[~ASKED], strict=True)])
    write(tmp_path / "test.csv", [("id", "text"), *enumerate(FACTS[ASKED])])
    write(tmp_path / "labels.csv", [("id", "label"), *enumerate(NAMES[ASKED])])
    (tmp_path / "pipeline.txt").write_text("weigh centroid = 1\nbegin = 400\n", encoding="utf-8")

    def typed(*words: str) -> tuple[int, str, str]:
        code = main(["sealed", "legal", "--train", "train.csv", "--pipeline", "pipeline.txt", *words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return typed


@pytest.fixture
def served() -> Iterator[Served]:
    pytest.importorskip("openai", reason="the extra `llm` is not installed")
    with serving(Knowing(dict(zip(FACTS[ASKED], NAMES[ASKED], strict=True)))) as found:
        yield found


def ask(served: Served, *more: str) -> tuple[str, ...]:
    return (*TEST, "--choose", f"openai:{served.model.name}", "--base-url", served.address, *more)


def test_a_model_that_knows_raises_the_accuracy_and_one_that_knows_others_cases_does_not(
    shell: Shell, served: Served
) -> None:
    code, out, err = shell(*ask(served, *LABELS, "--json", "--price", "2", "10"))
    assert code == 0, err
    right = json.loads(out)
    choice = right["choice"]
    alone, after = right["pipeline_alone"]["accuracy"], right["accuracy"]["accuracy"]
    assert alone < 0.75 < after and right["less_the_pipeline"]["chance"] < 0.01
    assert right["less_the_pipeline"]["difference"] == pytest.approx(after - alone)
    assert after == np.mean(np.array(told()) == NAMES[ASKED])
    assert (choice["asked"], choice["questions"], choice["answered_before"]) == (COUNT, COUNT, 0)
    assert choice["cost"] == pytest.approx((2 * 100 + 10 * 3) * COUNT / 1e6) and choice["prompt_tokens"] == 100 * COUNT
    assert right["accuracy"]["right"] == COUNT - choice["unread"] + sum(
        row["text"] == "都不是" and label == wanted
        for row, label, wanted in zip(kept(), told(), NAMES[ASKED], strict=True)
    )
    shuffled = np.random.default_rng(1).permutation(NAMES[ASKED])
    served.model.charges = dict(zip(FACTS[ASKED], shuffled, strict=True))
    code, out, err = shell(*ask(served, *LABELS[:3], "a control", "--json", "--out", "control.csv"))
    assert code == 0, err
    control = json.loads(out)
    assert control["accuracy"]["accuracy"] < control["pipeline_alone"]["accuracy"] - 0.1 == alone - 0.1


def test_it_says_what_was_asked_and_what_it_cost(shell: Shell, served: Served) -> None:
    code, out, _ = shell(*ask(served, *LABELS, "--candidates", "4"))
    assert code == 0 and "knowing chose among 4 charges of 48 cases: " in out
    assert "48 questions, 0 of them answered before; tokens: 4,800 of prompts, 144 of replies; cost: unknown" in out
    assert "the pipeline alone: accuracy 0." in out and "these answers less the pipeline alone: +" in out
    (text,) = {body["messages"][1]["content"].count("\n   案例：") for _, body in served.requests}
    assert text == 4 * 2 and all(body["temperature"] == 0 for _, body in served.requests)


def test_no_label_of_an_asked_case_is_in_any_question(shell: Shell, served: Served) -> None:
    canaries = [f"{CANARY}{number}" for number in range(COUNT)]
    write(Path("labels.csv"), [("id", "label"), *enumerate(canaries)])
    rows = zip(range(COUNT), FACTS[ASKED], canaries, strict=True)
    write(Path("test.csv"), [("id", "text", "label"), *rows])
    code, out, _ = shell(*ask(served, *LABELS, "--json"))
    assert code == 0 and json.loads(out)["charges_unknown"] == COUNT
    assert len(served.requests) == COUNT and CANARY not in json.dumps(served.requests)
    write(Path("train.csv"), [("text", "label"), *zip(FACTS[~ASKED], NAMES[~ASKED], strict=True), (FACTS[0], CANARY)])
    served.requests.clear()
    assert shell(*ask(served, "--candidates", "12"))[0] == 2
    assert CANARY in json.dumps(served.requests), "the hunt finds it where it is told"


def test_a_server_that_fails_half_way_is_one_sentence_and_the_next_command_goes_on(
    shell: Shell, served: Served
) -> None:
    def fail(calls: int) -> None:
        if calls == 20:
            served.troubles += [Trouble("status", 503)] * 100

    served.model.after = fail
    words = ask(served, "--call-seconds", "1", *LABELS, "--json")
    code, out, err = shell(*words)
    line = err.splitlines()[-1]
    assert code == 2 and not out and not Path("predictions.csv").exists()
    for part in ("503", "20 of 48 questions are answered and kept in predictions.csv.choices.jsonl", "command again"):
        assert part in line
    assert "resume" not in line and len(kept()) == served.model.calls == 20
    served.troubles.clear()
    code, out, err = shell(*words)
    assert code == 0, err
    choice = json.loads(out)["choice"]
    assert (served.model.calls, choice["answered_before"], choice["questions"]) == (COUNT, 20, COUNT)
    assert choice["prompt_tokens"] == 100 * COUNT, "what was paid before is counted"
    Path("predictions.csv.choices.jsonl").rename("other.csv.choices.jsonl")
    whole = told()
    assert shell(*ask(served, "--out", "other.csv"))[0] == 2 and told("other.csv") == whole
    assert served.model.calls == COUNT


def test_labels_are_opened_for_other_answers_as_for_others(shell: Shell, served: Served) -> None:
    assert shell(*TEST, *LABELS)[0] == 0
    code, _, err = shell(*ask(served, *LABELS))
    assert code == 2 and "opened the sealed tasks before" in err and served.model.calls == 0


def test_a_local_model_with_random_weights_says_nothing_and_the_pipeline_is_kept(shell: Shell, tmp_path: Path) -> None:
    for module in ("openai", "torch", "transformers", "peft", "safetensors"):
        pytest.importorskip(module, reason="the extras `llm` and `lora` are not installed")
    from models.tiny_llama import write_tiny_llama

    from kernelevo.models.hf import HfModel

    write(Path("test.csv"), [("id", "text"), *enumerate(FACTS[ASKED][:2])])
    assert shell(*TEST)[0] == 2
    alone = told()
    short = ("--reply-tokens", "8", "--candidates", "3")
    for context, stops in ((16384, {"length", "complete", "empty"}), (512, {"too_long"})):
        folder = write_tiny_llama(tmp_path / f"random-{context}", context=context)
        with serving(HfModel(folder, device="cpu")) as random:
            code, out, err = shell(*ask(random, "--out", f"{context}.csv", *short))
        assert code == 2 and "no --labels are given" in err
        assert "0 changed, 2 unread (the pipeline's own charge is kept)" in out
        assert told(f"{context}.csv") == alone and {row["stop"] for row in kept(f"{context}.csv")} <= stops
    code, out, _ = shell(*TEST, "--choose", f"hf:{tmp_path / 'random-16384'}", "--out", "hf.csv", *short)
    assert "hf:random-16384 chose among 3 charges of 2 cases: 0 changed, 2 unread" in out and told("hf.csv") == alone


def test_a_script_goes_on_where_it_ended(shell: Shell) -> None:
    words = (*TEST, "--choose", "scripted:replies.jsonl")
    Path("replies.jsonl").write_text('{"text": "1"}\n' * 30, encoding="utf-8")
    code, _, err = shell(*words)
    assert code == 2 and "30 of 48 questions are answered" in err and "no more replies" in err
    Path("replies.jsonl").write_text('{"text": "1"}\n' * 30 + '{"text": "说不清"}\n' * 18, encoding="utf-8")
    code, out, err = shell(*words)
    assert "0 changed, 18 unread" in out and "48 questions, 30 of them answered before" in out
    assert shell(*TEST, "--out", "alone.csv")[0] == code == 2 and told("alone.csv") == told()


def test_lawbench_is_chosen_for_as_well(shell: Shell, served: Served) -> None:
    items = [
        {"instruction": "说出罪名", "question": f"事实:{fact}", "answer": f"罪名:{name}"}
        for fact, name in zip(FACTS[ASKED], NAMES[ASKED], strict=True)
    ]
    Path("3-3.json").write_text(json.dumps(items, ensure_ascii=False), encoding="utf-8")
    code, out, _ = shell("--lawbench", "3-3.json", "--json")
    assert code == 0
    words = ("--lawbench", "3-3.json", "--json", "--choose", "openai:knowing", "--base-url", served.address)
    code, chosen, err = shell(*words)
    assert code == 0, err
    assert json.loads(chosen)["strict_f1"] > json.loads(out)["strict_f1"] + 0.2
    assert json.loads(chosen)["choice"]["questions"] == COUNT and "choice" not in json.loads(out)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--choose", "openai:x", "--base-url", "http://127.0.0.1:9/v1"), "no server answers at http://127.0.0.1:9/v1"),
        (("--choose", "openai:x"), "OPENAI_API_KEY is not set"),
        (("--choose", "vllm:x"), "--choose vllm:x needs the server's --base-url"),
        (("--choose", "x"), "--choose 'x' names no model; write openai:NAME, vllm:NAME, hf:FOLDER or scripted:FILE"),
        (("--choose", "tiny"), "--choose tiny: it makes decisions and writes no text"),
        (("--choose", "hf:nowhere"), "--choose hf:nowhere: there is no such folder"),
        (("--choose", "scripted:nowhere.jsonl"), "the script nowhere.jsonl cannot be read"),
        (("--choose", "scripted:one.jsonl", "--candidates", "0"), "--candidates 0 are no choice; give 2 or more"),
        (("--choose", "scripted:one.jsonl", "--candidates", "13"), "no more than the 12 charges of told cases"),
        (("--choose", "scripted:one.jsonl", "--reply-tokens", "0"), "--reply-tokens 0 leave no room"),
        (("--choose", "scripted:one.jsonl", "--price", "-1", "2"), "neither may be negative"),
        (("--candidates", "5"), "--candidates says how a model chooses; name one with --choose, too"),
        (("--base-url", "http://x/v1"), "--base-url says how a model chooses"),
        (("--choose", "scripted:one.jsonl", "--out", "labels.csv"), "labels.csv.choices.jsonl holds no replies"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(shell: Shell, words: tuple[str, ...], said: str) -> None:
    if words[1].startswith(("openai", "vllm")):
        pytest.importorskip("openai", reason="the extra `llm` is not installed")
    Path("one.jsonl").write_text('{"text": "1"}\n', encoding="utf-8")
    Path("labels.csv.choices.jsonl").write_text("id,label\n", encoding="utf-8")
    code, _, err = shell(*TEST, *words)
    assert code == 2 and said in err.splitlines()[-1] and "Traceback" not in err and "--model" not in err
    assert not Path("predictions.csv").exists()
