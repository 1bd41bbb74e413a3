"""Scripts of replies: what a file may say, and what is said of a bad one."""

from __future__ import annotations

from pathlib import Path

import pytest
from conformance.model import PROMPT, SAMPLING

from kernelevo.errors import BadInput
from kernelevo.language_model import Reply, Stop, Token, Usage
from kernelevo.models.scripted import ScriptedModel, read_script


def test_a_file_says_what_a_reply_is(tmp_path: Path) -> None:
    file = tmp_path / "script.jsonl"
    file.write_text(
        '{"text": "a", "prompt_tokens": 3, "completion_tokens": 2, "cached_tokens": 1, "tokens": [["a", -0.5]]}\n\n'
        '{"text": "b", "stop": "length", "thinking": "hm", "tokens": [["b", -1, null], ["", -2, 7]]}\n{"text": " "}\n'
    )
    assert read_script(file) == [
        Reply("a", Stop.COMPLETE, Usage(3, 2, 1), tokens=(Token("a", -0.5),)),
        Reply("b", Stop.LENGTH, Usage(), thinking="hm", tokens=(Token("b", -1.0), Token("", -2.0, 7))),
        Reply(" ", Stop.EMPTY, Usage()),
    ]


@pytest.mark.parametrize(
    "line", ["{", "[]", '{"text": 3}', '{"text": "a", "more": 1}', '{"text": "a", "stop": "bored"}',
             '{"text": "a", "prompt_tokens": -1}', '{"text": "a", "tokens": [1]}',
             '{"text": "a", "tokens": [["a", -1, 2, 3]]}',
             '{"text": "a", "cached_tokens": 1e999}', f'{{"text": "a", "prompt_tokens": 1{"0" * 400}}}', "[" * 100_000],
)  # fmt: skip
def test_a_bad_line_is_named(tmp_path: Path, line: str) -> None:
    file = tmp_path / "script.jsonl"
    file.write_text(f'{{"text": "good"}}\n{line}\n')
    with pytest.raises(BadInput, match=r"script\.jsonl:2: "):
        read_script(file)


def test_a_file_that_is_not_there_is_bad_input(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="cannot be read"):
        read_script(tmp_path / "none.jsonl")


def test_tokens_that_nobody_counted_are_estimated() -> None:
    (first, second) = ScriptedModel([Reply("abcd", Stop.COMPLETE, Usage())] * 2).sample(PROMPT, 2, SAMPLING, 1.0)
    assert first.usage == Usage(PROMPT.estimated_tokens, 2, estimated=True)
    assert second.usage == Usage(0, 2, estimated=True)


def test_a_later_session_goes_on_where_the_first_ended() -> None:
    script = [Reply(text, Stop.COMPLETE, Usage(1, 1)) for text in "abc"]
    (reply,) = ScriptedModel(script, given=2).sample(PROMPT, 1, SAMPLING, 1.0)
    assert reply.text == "c"
