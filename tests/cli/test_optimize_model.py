"""`kernelevo optimize --model`: a search in which a language model proposes, as typed by a user; scripted judges."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cli.conftest import KERNEL, Shell

from kernelevo.language_model import Capabilities, Reply, Stop, Usage
from kernelevo.models.recorded import ASKED, REPLIED
from kernelevo.models.scripted import ScriptedModel
from kernelevo.models.serving import Served, Trouble, serving
from kernelevo.stores.folders import run_folders
from kernelevo.stores.sqlite import SqliteStore

HERE = Path(__file__).parent
CHILD = f"""
import sys
sys.path[:0] = {[str(HERE), str(HERE.parent), str(HERE.parent.parent)]!r}
import cli.conftest
from kernelevo.cli import main
sys.exit(main(sys.argv[1:], cli.conftest.SCRIPTED))
"""
ALONE = ("--only-model", "--workers", "1", "--json")


def needs_llm() -> None:
    pytest.importorskip("openai", reason="the extra `llm` is not installed")


def kernel(us: float, status: str = "") -> str:
    remark = f"// status {status}\n" if status else ""
    return KERNEL.replace("// 100 us\n", f"// {us:g} us\n{remark}")


def answer(text: str, change: str = "less work") -> str:
    return f"Change: {change}\n\n```cuda\n{text}```\n"


class Downhill(ScriptedModel):
    """Ten microseconds less than the kernel in the prompt, down to 20: the same question has the same answer."""

    def __init__(self) -> None:
        super().__init__([], name="downhill")

    def sample(self, prompt, n, settings, seconds):
        self.asked.append(prompt)
        us = float(re.findall(r"^// ([\d.]+) us$", prompt.messages[-1].text, re.MULTILINE)[-1])
        texts = [answer(kernel(max(20, us - 10 + index))) for index in range(n)]
        return [Reply(text, Stop.COMPLETE, Usage(0 if at else 100, 50)) for at, text in enumerate(texts)]


def write_script(shell: Shell, *replies: str | dict) -> str:
    lines = [json.dumps(reply if isinstance(reply, dict) else {"text": reply}) for reply in replies]
    shell.write("replies.jsonl", "".join(f"{line}\n" for line in lines))
    return "scripted:replies.jsonl"


def store_of(shell: Shell, runs: str = "runs") -> SqliteStore:
    """The record of the only run in the folder of runs; ids of runs that began within a second have no order."""
    (folder,) = run_folders(shell.folder / runs)
    return SqliteStore.read(folder)


def test_a_model_writes_the_best_kernel_and_the_report_says_what_that_took(shell: Shell) -> None:
    model = write_script(shell, answer(kernel(60)), "I cannot.", answer(kernel(30)), answer(kernel(50, "wrong")))
    code, out, err = shell("optimize", "twice.cu", "--model", model, "--only-model")
    assert code == 0, err
    assert f"model {model} proposes, at most 200,000 tokens, its cost is unknown: give --price IN OUT" in out
    assert "changed: scripted:replies.jsonl: less work" in out
    assert re.search(r"^model scripted:replies.jsonl: \d calls, 4 replies, \d without a program", out, re.MULTILINE)
    assert "3 programs, 2 passed" in out and "cost: unknown (--price IN OUT gives one)" in out
    assert "// 30 us" in Path("best/twice.cu").read_text()


def test_json_tells_tokens_cost_and_outcomes(shell: Shell) -> None:
    counted = {"text": answer(kernel(60)), "prompt_tokens": 1000, "completion_tokens": 400, "cached_tokens": 30}
    model = write_script(shell, counted, {"text": "no", "prompt_tokens": 10, "completion_tokens": 1})
    told = json.loads(shell("optimize", "twice.cu", "--model", model, "--price", "2", "10", *ALONE)[1])["model"]
    assert (told["prompt_tokens"], told["completion_tokens"], told["cached_tokens"]) == (1010, 401, 30)
    assert told["cost"] == pytest.approx((1010 * 2 + 401 * 10) / 1e6) and told["counted_tokens"] == 1411
    assert (told["replies"], told["candidates"], told["passed"]) == (2, 1, 1)
    assert told["outcomes"]["no_code"] == 1 and not told["estimated"]
    assert json.loads(shell("runs", "show", "last", "--json")[1])["model"] == told


def test_an_unknown_cost_is_null_in_json_and_a_run_without_a_model_has_no_such_entry(shell: Shell) -> None:
    model = write_script(shell, answer(kernel(60)))
    assert json.loads(shell("optimize", "twice.cu", "--model", model, *ALONE)[1])["model"]["cost"] is None
    plain = json.loads(shell("optimize", "twice.cu", "--json", "--runs", "plain")[1])
    assert "model" not in plain
    with store_of(shell, "plain") as store:
        assert "model" not in store.run().settings["request"] and store.run().settings["limits"]["seconds"] == 45


def test_others_propose_beside_the_model_unless_they_are_told_not_to(shell: Shell) -> None:
    model = write_script(shell, answer(kernel(60)))
    shell("optimize", "twice.cu", "--model", model)
    with store_of(shell) as store:
        assert {one.proposer for one in store.candidates()} >= {"policy", "halver"}
    shell("optimize", "twice.cu", "--model", model, "--only-model", "--runs", "alone")
    with store_of(shell, "alone") as store:
        assert {one.proposer for one in store.candidates()} == {"user", "policy"}
        assert store.run().settings["limits"]["seconds"] == 600 and len(store.run().hashes["harness"]) == 64


def test_the_model_s_failures_are_told_to_it_without_what_it_must_not_know(shell: Shell) -> None:
    others = [answer(kernel(us)) for us in range(95, 88, -1)]
    model = write_script(shell, answer(kernel(50, "wrong"), "try this"), *others)
    shell("optimize", "twice.cu", "--model", model, *ALONE)
    with store_of(shell) as store:
        prompts = [store.kept(key) for note in store.notes(ASKED) for _, key in note["messages"]]
    assert any("try this: wrong: It ran to its end" in prompt for prompt in prompts)
    assert not [prompt for prompt in prompts if str(shell.folder) in prompt]


def test_hostile_replies_are_shown_as_visible_text(shell: Shell) -> None:
    model = write_script(shell, answer(kernel(60), "\x1b[2J\x07fast\u202e"), "\x1b]0;title\x07")
    code, out, err = shell("optimize", "twice.cu", "--model", model, "--only-model")
    assert code == 0 and "\\x1b[2J\\x07fast\\u202e" in out
    assert not [letter for letter in out + err if letter in "\x1b\x07\u202e"]
    assert "\x1b" not in Path("best/twice.cu").read_text()


def test_a_hostile_kernel_is_shown_as_visible_text(shell: Shell) -> None:
    text = kernel(30).replace("// 30 us\n", "// 30 us\n// \x1b[2J\x1b]0;mine\x07 \u202e\n")
    code, out, err = shell("optimize", "twice.cu", "--model", write_script(shell, answer(text)), "--only-model")
    assert code == 0 and "+// \\x1b[2J" in out
    for words in (("runs", "show", "last"), ("runs", "diff", "last"), ("runs", "replies", "last", "--prompts")):
        _, more, _ = shell(*words)
        assert "\\x1b[2J" in more
        out += more
    assert not [letter for letter in out + err if letter in "\x1b\x07\u202e"]


def test_replies_are_shown_and_replayed_from_the_record(shell: Shell) -> None:
    model = write_script(shell, answer(kernel(60)), "I cannot.", answer(kernel(30)))
    first = json.loads(shell("optimize", "twice.cu", "--model", model, "--price", "1", "2", *ALONE)[1])
    code, out, _ = shell("runs", "replies", "last")
    assert code == 0 and "question 0 to scripted:replies.jsonl" in out and ": no_code, complete, " in out
    assert "You make GPU kernels faster" not in out
    assert "You make GPU kernels faster" in shell("runs", "replies", "last", "--prompts")[1]
    told = json.loads(shell("runs", "replies", "last", "--json")[1])
    assert [reply["text"] for reply in told[0]["replies"]][1] == "I cannot."
    shell.write("again.jsonl", shell("runs", "replies", "last", "--script")[1])
    words = ("--model", "scripted:again.jsonl", "--runs", "again", *ALONE)
    again = json.loads(shell("optimize", "twice.cu", *words)[1])
    for name in ("best_us", "evaluations", "statuses"):
        assert again[name] == first[name]
    assert again["model"]["prompt_tokens"] == first["model"]["prompt_tokens"]


def test_a_run_without_a_model_has_no_replies_and_no_budget_of_tokens(shell: Shell) -> None:
    shell("optimize", "twice.cu")
    code, _, err = shell("runs", "replies", "last")
    assert code == 2 and "asked no model" in err
    code, _, err = shell("resume", "last", "--max-tokens", "5")
    assert code == 2 and "asks no model" in err


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--model", "gpt"], "names no model; write openai:NAME"),
        (["--model", "openai:"], "names no model"),
        (["--model", "vllm:x"], "needs the server's --base-url"),
        (["--model", "openai:x"], "OPENAI_API_KEY is not set"),
        (["--model", "openai:x", "--base-url", "http://127.0.0.1:1/v1", "--key-variable", "MINE"], "MINE is not set"),
        (["--model", "openai:x", "--base-url", "127.0.0.1:1"], "is no address of a server"),
        (["--model", "openai:x", "--base-url", "http://127.0.0.1:1/v1", "--adapter", "/a"], "--adapter goes with"),
        (["--model", "openai:x", "--base-url", "http://me:pw@127.0.0.1:1/v1"], "--base-url would be recorded"),
        (["--model", "scripted:none.jsonl"], "none.jsonl cannot be read"),
        (["--model", "scripted:none.jsonl", "--base-url", "http://x"], "a script is a file"),
        (["--model", "scripted:x", "--max-cost", "1"], "--max-cost needs --price"),
        (["--model", "scripted:x", "--price", "-1", "2"], "--price takes two numbers"),
        (["--model", "scripted:x", "--max-tokens", "0"], "--max-tokens 0"),
        (["--model", "scripted:x", "--call-seconds", "0"], "--call-seconds 0"),
        (["--max-tokens", "5"], "--max-tokens says how a model is asked; name one with --model"),
        (["--only-model"], "--only-model says how a model is asked"),
    ],
)
def test_what_cannot_be_used_is_said_before_anything_is_recorded(
    shell: Shell, monkeypatch: pytest.MonkeyPatch, words: list[str], sentence: str
) -> None:
    if "openai:x" in words:
        needs_llm()
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    code, _, err = shell("optimize", "twice.cu", *words)
    assert code == 2 and sentence in err and "Traceback" not in err
    assert not run_folders(shell.folder / "runs")


def test_a_harness_that_cannot_be_read_is_bad_input(shell: Shell) -> None:
    shell.write("harness/rules.toml", "")
    code, _, err = shell("optimize", "twice.cu", "--model", write_script(shell, "x"))
    assert code == 2 and "harness/default/manifest.toml cannot be read" in err and "kernelevo init" in err


def test_a_budget_of_tokens_ends_the_asking_and_not_the_run(shell: Shell) -> None:
    counted = [
        {"text": answer(kernel(us)), "prompt_tokens": 4000, "completion_tokens": 500} for us in range(90, 40, -5)
    ]
    model = write_script(shell, *counted)
    code, out, _ = shell("optimize", "twice.cu", "--model", model, "--max-tokens", "20000", *ALONE)
    told = json.loads(out)["model"]
    assert code == 0 and 0 < told["counted_tokens"] <= 20_000 and told["replies"] < len(counted)
    assert told["stopped"].startswith("no further call fits the budget")
    code, out, _ = shell("resume", "last", "--max-tokens", "80000", "--json")
    more = json.loads(out)["model"]
    assert code == 0 and more["replies"] > told["replies"] and more["counted_tokens"] <= 80_000
    assert more["candidates"] == more["replies"], "the script went on where it had ended"


def test_a_budget_of_money_is_kept(shell: Shell) -> None:
    model = write_script(shell, *[answer(kernel(us)) for us in range(90, 40, -5)])
    words = ("--price", "1", "2", "--max-cost", "0.03")
    told = json.loads(shell("optimize", "twice.cu", "--model", model, *words, *ALONE)[1])["model"]
    assert 0 < told["cost"] <= 0.03 and "of 0.03 spent" in told["stopped"]


# Over a socket.


@pytest.fixture
def served() -> Iterator[Served]:
    needs_llm()
    with serving(Downhill(), key="the-secret-key") as served:
        yield served


def words_for(served: Served) -> list[str]:
    return ["optimize", "twice.cu", "--model", "openai:downhill", "--base-url", served.address, *ALONE,
            "--key-variable", "TEST_KEY", "--evaluations", "24", "--seconds", "100"]  # fmt: skip


def test_an_adapter_is_loaded_under_a_versioned_name_and_unloaded_at_the_end(shell: Shell) -> None:
    needs_llm()
    model = Downhill()
    model.capabilities = Capabilities(adapters=True, token_counts=True)
    with serving(model, key="the-secret-key") as served:
        words = words_for(served)
        words[words.index("openai:downhill")] = "vllm:downhill"
        code, _, err = shell(*words, "--adapter", "/adapters/kernels")
    assert code == 0 and served.adapters == {}, err
    asked = {body["model"] for path, body in served.requests if path.endswith("/chat/completions")}
    assert len(asked) == 1 and re.fullmatch(r"kernels-v\d+", asked.pop())
    assert {path for path, _ in served.requests} == {
        "/v1/load_lora_adapter", "/tokenize", "/v1/chat/completions", "/v1/unload_lora_adapter"
    }  # fmt: skip


def test_a_script_is_served_to_try_a_search_without_a_model(shell: Shell) -> None:
    needs_llm()
    write_script(shell, answer(kernel(60)))
    command = [sys.executable, "-m", "kernelevo.models.serving", "replies.jsonl"]
    root = str(HERE.parent.parent)
    child = subprocess.Popen(command, cwd=shell.folder, stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": root})
    with child:
        try:
            words = child.stdout.readline().split()
            code, out, err = shell("optimize", "twice.cu", *words, "--only-model", "--json")
        finally:
            child.kill()
    assert code == 0 and json.loads(out)["model"]["passed"] == 1, err


@pytest.fixture(autouse=True)
def the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", "the-secret-key")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


def test_a_server_s_model_writes_the_best_kernel(shell: Shell, served: Served) -> None:
    code, out, err = shell(*words_for(served))
    told = json.loads(out)
    assert code == 0 and told["best_us"] < 80 and told["model"]["passed"] > 4, err
    assert told["model"]["calls"] == len(served.requests) == len(served.model.asked)


def test_the_key_is_in_no_record_and_no_output(shell: Shell, served: Served) -> None:
    code, out, err = shell(*words_for(served))
    assert code == 0 and "the-secret-key" not in out + err
    files = [file for file in shell.folder.rglob("*") if file.is_file()]
    assert files and not [file for file in files if b"the-secret-key" in file.read_bytes()]
    with store_of(shell) as store:
        assert "the-secret-key" not in str(store.run())


def test_an_empty_address_is_not_openai_s(shell: Shell) -> None:
    code, _, err = shell("optimize", "twice.cu", "--model", "openai:m", "--base-url", "")
    assert code == 2 and "--base-url is empty" in err


@pytest.mark.parametrize("key", ["gold-key\nX: y", "\u201cgold-key\u201d"])
def test_a_key_that_cannot_be_sent_is_not_shown(
    shell: Shell, served: Served, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("TEST_KEY", key)
    code, out, err = shell(*words_for(served))
    assert code == 2 and "TEST_KEY holds what no key has" in err and "gold-key" not in out + err


@pytest.mark.parametrize(
    ("trouble", "code", "sentence"),
    [
        (Trouble("status", 401), 2, "refuses the key in TEST_KEY"),
        (Trouble("status", 404), 2, "check the model's name"),
        (Trouble("status", 429, headers=(("Retry-After", "999"),)), 3, "kernelevo resume last"),
    ],
)
def test_a_server_that_refuses_ends_the_run_and_resume_goes_on(
    shell: Shell, served: Served, trouble: Trouble, code: int, sentence: str
) -> None:
    served.troubles[:] = [trouble]
    ended, out, err = shell(*words_for(served))
    assert (ended, out) == (code, "") and sentence in err and "Traceback" not in err
    ended, out, _ = shell("resume", "last", "--json")
    assert ended == 0 and json.loads(out)["model"]["unanswered"] == 1


def test_a_rate_limit_is_waited_out(shell: Shell, served: Served) -> None:
    served.troubles[:] = [Trouble("status", 429, headers=(("Retry-After", "0.1"),)), Trouble("status", 503)]
    code, out, _ = shell(*words_for(served))
    assert code == 0 and json.loads(out)["model"]["unanswered"] == 0


def test_a_broken_stream_is_a_reply_without_a_program(shell: Shell, served: Served) -> None:
    served.troubles[:] = [Trouble("cut", 3)]
    code, out, _ = shell(*words_for(served))
    assert code == 0 and json.loads(out)["model"]["outcomes"]["truncated"] >= 1


Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(shell: Shell) -> Iterator[Start]:
    """Starts the program as a process of its own; whatever is left of it is killed at the end."""
    children: list[subprocess.Popen[str]] = []

    def start(*words: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", CHILD, *words]
        child = subprocess.Popen(command, cwd=shell.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        children.append(child)
        return child

    yield start
    for child in children:
        child.kill()
        with child:
            """Closes its pipes and waits for its end."""


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 40
    while not condition():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.02)


@pytest.mark.parametrize("call", [1, 3])
def test_a_run_that_is_killed_pays_for_nothing_twice(shell: Shell, served: Served, start: Start, call: int) -> None:
    """Killed while its `call`-th question is on its way: the replies before are not asked for again."""
    whole = json.loads(shell(*words_for(served), "--runs", "whole")[1])
    calls = len(served.requests)
    served.requests.clear()
    served.troubles[:] = [Trouble("end", 999)] * (call - 1) + [Trouble("silence", 1.5)]
    child = start(*words_for(served))
    wait_for(lambda: len(served.requests) == call)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    with store_of(shell) as store:
        assert (len(store.notes(ASKED)), len(store.notes(REPLIED))) == (call, call - 1)
    wait_for(lambda: not served.troubles)
    code, out, err = shell("resume", "last", "--json")
    resumed = json.loads(out)
    assert code == 0, err
    assert len(served.requests) == calls + 1
    for name in ("best_us", "evaluations", "statuses", "moves"):
        assert resumed[name] == whole[name]
    assert (resumed["model"]["unanswered"], resumed["model"]["replies"]) == (1, whole["model"]["replies"])
    assert resumed["model"]["counted_tokens"] > whole["model"]["counted_tokens"]


def test_replies_that_were_not_judged_are_used_by_the_next_session(shell: Shell, served: Served, start: Start) -> None:
    whole = json.loads(shell(*words_for(served), "--runs", "whole")[1])
    calls = len(served.requests)
    served.requests.clear()
    child = start(*words_for(served))
    wait_for(lambda: len(served.requests) >= 2)
    child.send_signal(signal.SIGKILL)
    child.communicate()
    resumed = json.loads(shell("resume", "last", "--json")[1])
    lost = resumed["model"]["unanswered"]
    assert lost <= 1 and len(served.requests) == calls + lost
    assert (resumed["best_us"], resumed["statuses"]) == (whole["best_us"], whole["statuses"])


def test_a_run_that_is_stopped_while_the_model_writes_ends_at_once(shell: Shell, served: Served, start: Start) -> None:
    served.troubles[:] = [Trouble("silence", 15.0)]
    child = start(*words_for(served))
    wait_for(lambda: len(served.requests) == 1)
    began = time.monotonic()
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=20)
    assert (child.returncode, out) == (130, "") and "go on with `kernelevo resume" in err
    assert time.monotonic() - began < 10


def test_a_run_goes_on_at_another_address(shell: Shell, served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    served.troubles[:] = [Trouble("status", 401)]
    assert shell(*words_for(served))[0] == 2
    monkeypatch.setenv("OTHER_KEY", "another-key")
    with serving(Downhill(), key="another-key") as other:
        words = ("--base-url", other.address, "--key-variable", "OTHER_KEY", "--json")
        code, out, err = shell("resume", "last", *words)
        assert code == 0 and json.loads(out)["model"]["passed"] > 0 and other.requests, err
    assert len(served.requests) == 1


def test_a_finished_run_that_is_resumed_asks_for_nothing(shell: Shell, served: Served) -> None:
    shell(*words_for(served))
    asked = len(served.requests)
    code, _, _ = shell("resume", "last", "--json")
    assert code == 0 and len(served.requests) == asked


def test_with_tools_on_a_model_reads_checks_and_submits_and_the_verdict_is_told_to_it(shell: Shell) -> None:
    shutil.copytree(HERE.parent.parent / "harness", shell.folder / "harness")
    dialogue = shell.folder / "harness" / "default" / "dialogue.toml"
    dialogue.write_text(dialogue.read_text().replace("on = false", "on = true").replace("replies = 4", "replies = 1"))
    submit, check = '{"tool": "submit"}\n', '{"tool": "check_candidate"}\n'
    model = write_script(
        shell, '{"tool": "read_profile"}', check + answer(kernel(60)), submit + answer(kernel(30), "even less"),
    )  # fmt: skip
    code, out, err = shell("optimize", "twice.cu", "--model", model, "--only-model", "--workers", "1")
    assert code == 0, err
    assert "proposes in tool calls" in out and "changed: scripted:replies.jsonl: even less" in out
    assert "1 call read profile" in out and "2 programs, 2 passed" in out
    assert "It passed, 60 us" in shell("runs", "replies", "last", "--prompts")[1]
