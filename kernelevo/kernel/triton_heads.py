"""The heads of a Triton file's top-level functions: their decorators and parameters, read as text, never imported.

The file is cut into tokens (`tokenize`), and only the head of a decorated function, `def name(...):`, is parsed
(`ast`), with bounds on its length and nesting: the text may be a candidate's, and Python's parser is not made for
hostile text. What the functions do is the compiler's business, behind the wall.
"""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

MAX_HEAD = 4000
"""Characters of one decorator or head; the longest of the published kernels have under 1500."""

OPTIONS = ("num_warps", "num_stages")
"""What a launch may be given besides the kernel's own parameters."""

MAX_NESTING = 12
"""Brackets inside brackets in a head."""


@dataclass(frozen=True)
class HeadParameter:
    """One parameter as written: whether its annotation says `constexpr`, and whether it has a default."""

    name: str
    is_constant: bool
    has_default: bool


@dataclass(frozen=True)
class Head:
    """A decorated function. `fault` says why it cannot be launched, or is empty."""

    name: str
    parameters: tuple[HeadParameter, ...]
    line: int
    fault: str


@dataclass(frozen=True)
class SourceText:
    """The tokens of a Python text, up to where they cannot be read; `fault` is then (message, line), else None."""

    tokens: tuple[tokenize.TokenInfo, ...]
    fault: tuple[str, int] | None


def read_tokens(text: str) -> SourceText:
    """Every token of `text` that can be read; a text that is no Python ends early, with a fault."""
    found: list[tokenize.TokenInfo] = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            found.append(token)
    except tokenize.TokenError as error:
        return SourceText(tuple(found), (str(error.args[0]), int(error.args[1][0])))
    except SyntaxError as error:
        return SourceText(tuple(found), (error.msg, error.lineno or 0))
    return SourceText(tuple(found), None)


def read_heads(source: SourceText) -> Mapping[str, Head]:
    """The `@triton.jit` functions at the top level, by name; a later one of the same name hides the earlier."""
    heads: dict[str, Head] = {}
    decorators: list[str] = []
    for statement in _statements(source.tokens):
        words = [token.string for token in statement[:2]]
        if words[0] == "@":
            decorators.append("".join(token.string for token in statement[1:]))
            continue
        if words[0] == "def" and any(_is_jit(decorator) for decorator in decorators):
            heads[words[1]] = _head(words[1], statement, decorators)
        decorators = []
    return heads


_NO_CODE = (tokenize.COMMENT, tokenize.NL, tokenize.INDENT, tokenize.DEDENT, tokenize.ENCODING, tokenize.ENDMARKER)


def _statements(tokens: tuple[tokenize.TokenInfo, ...]) -> Iterator[list[tokenize.TokenInfo]]:
    """The statements that begin at the first column, each as the tokens of its first logical line."""
    statement: list[tokenize.TokenInfo] = []
    for token in tokens:
        if token.type == tokenize.NEWLINE:
            if statement and statement[0].start[1] == 0:
                yield statement
            statement = []
        elif token.type not in _NO_CODE:
            statement.append(token)


def _is_jit(decorator: str) -> bool:
    name = decorator.split("(")[0]
    return name == "jit" or name.endswith(".jit")


def _head(name: str, statement: list[tokenize.TokenInfo], decorators: list[str]) -> Head:
    line = statement[0].start[0]
    other = next((decorator.split("(")[0] for decorator in decorators if not _is_jit(decorator)), "")
    if other:
        return Head(name, (), line, f"it is decorated with {other[:80]}; leave @triton.jit alone and write tune lines")
    words = list(_words_of_head(statement))
    text = " ".join(words) + " pass"
    if len(text) > MAX_HEAD or _nesting(words) > MAX_NESTING:
        return Head(name, (), line, "its parameters are too long or too deeply nested to be read; simplify them")
    try:
        function = ast.parse(text).body[0]
    except (SyntaxError, ValueError) as error:
        return Head(name, (), line, f"its parameters cannot be read ({error}); correct them")
    assert isinstance(function, ast.FunctionDef)
    arguments = function.args
    if arguments.vararg or arguments.kwarg:
        return Head(name, (), line, "it takes *args or **kwargs; name every parameter")
    parameters = tuple(_parameters(arguments))
    reserved = next((each.name for each in parameters if each.name in OPTIONS), "")
    fault = f"its parameter {reserved} has the name of a launch option; rename it" if reserved else ""
    return Head(name, parameters, line, fault)


def _words_of_head(statement: list[tokenize.TokenInfo]) -> Iterator[str]:
    """The tokens up to the colon that ends the head: the first outside brackets."""
    depth = 0
    for token in statement:
        yield token.string
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(token.string, 0)
        if depth == 0 and token.string == ":":
            return


def _nesting(words: list[str]) -> int:
    depth = deepest = 0
    for word in words:
        depth += {"(": 1, "[": 1, "{": 1, ")": -1, "]": -1, "}": -1}.get(word, 0)
        deepest = max(deepest, depth)
    return deepest


def _parameters(arguments: ast.arguments) -> Iterator[HeadParameter]:
    places = [*arguments.posonlyargs, *arguments.args]
    without = len(places) - len(arguments.defaults)
    for index, argument in enumerate(places):
        yield HeadParameter(argument.arg, _is_constant(argument), index >= without)
    for argument, default in zip(arguments.kwonlyargs, arguments.kw_defaults, strict=True):
        yield HeadParameter(argument.arg, _is_constant(argument), default is not None)


def _is_constant(argument: ast.arg) -> bool:
    """Triton's own test: the annotation, as text, contains the word."""
    note = argument.annotation
    names = (
        [node for node in ast.walk(note) if isinstance(node, ast.Name | ast.Attribute | ast.Constant)] if note else []
    )
    return any(
        "constexpr" in str(getattr(node, "id", getattr(node, "attr", getattr(node, "value", "")))) for node in names
    )
