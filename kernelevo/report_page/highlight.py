"""Source text as lines of marked-up words: keywords, comments, numbers, strings and preprocessor lines apart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from pygments.lexers.c_like import CudaLexer
from pygments.lexers.python import PythonLexer
from pygments.token import Comment, Keyword, Name, Number, String

from kernelevo.report_page.markup import Html, el, markup

Token = Any
"""A kind of token of Pygments; a kind holds (`in`) the kinds below it."""
_CLASSES: tuple[tuple[Token, str], ...] = (
    (Comment.Preproc, "pp"), (Comment, "co"), (Keyword, "kw"), (String, "st"), (Number, "nu"), (Name.Builtin, "kw"),
)  # fmt: skip


def highlighted(text: str, triton: bool) -> list[Html]:
    """One piece of markup for each line of the text, as a compiler counts lines."""
    lexer = PythonLexer(stripnl=False, ensurenl=False) if triton else CudaLexer(stripnl=False, ensurenl=False)
    lines: list[list[Html]] = [[]]
    for kind, value in lexer.get_tokens(text):
        first, *rest = value.split("\n")
        lines[-1] += _word(kind, first)
        for part in rest:
            lines.append(list(_word(kind, part)))
    return [markup(words) for words in lines]


def _word(kind: Token, text: str) -> Iterator[Html]:
    if text:
        name = next((name for wanted, name in _CLASSES if kind in wanted), "")
        yield el("span", text, class_=name) if name else markup(text)
