"""How large a tile a Triton kernel works on, read from its text, never imported: at most so many elements.

A tile comes from `tl.arange(0, N)`, from a shape that is written out (`tl.zeros([M, N])`, `block_shape=[M, N]`), or
from tiles that meet in an index like `rows[:, None] * N + columns[None, :]`. The bound takes every `arange` to meet
every other one there, so it may be larger than any tile, and is never smaller. Where something cannot be read (a name
without a value, a tile made in another function, `tl.join`), nothing is said.
"""

from __future__ import annotations

import re
import tokenize
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from math import prod

from kernelevo.kernel.expressions import ExpressionError, parse
from kernelevo.kernel.triton_heads import read_heads, read_tokens
from kernelevo.kernel.triton_instance import Instance

_SHAPES = dict.fromkeys(("zeros", "full", "broadcast_to"), "shape")
_SHAPES |= dict.fromkeys(("make_block_ptr", "make_tensor_descriptor"), "block_shape")
"""Calls with a shape: the name of the argument, which of the first kind may also stand at its place."""
_UNREADABLE = frozenset(("join", "cat", "interleave", "histogram", "load_tensor_descriptor"))
_THREE_AXES = re.compile(r"\[[^\[\]]*\bNone\b[^\[\]]*\bNone\b")
_OPEN, _CLOSE = "([{", ")]}"


class _Unknown(Exception):
    """Something that the bound needs cannot be read."""


def largest_tile(text: str, instance: Instance) -> int:
    """Elements of the largest tile of this specialisation, at most; 0 where that cannot be told."""
    source = read_tokens(text)
    words = list(_body(source.tokens, instance.kernel))
    values = {each.name: each.value for each in instance.parameters if each.value is not None}
    elsewhere = _UNREADABLE | (set(read_heads(source)) - {instance.kernel})
    rebound = any(name in values and sign == "=" for name, sign in pairwise(words))
    if source.fault or rebound or not elsewhere.isdisjoint(words) or _THREE_AXES.search(" ".join(words)):
        return 0
    try:
        extents = [_extent(arguments, values) for name, arguments in _calls(words) if name == "arange"]
        shapes = [prod(_shape(name, arguments, values)) for name, arguments in _calls(words) if name in _SHAPES]
    except (_Unknown, ExpressionError):
        return 0
    if extents and not {"None", "expand_dims"}.isdisjoint(words):
        extents = [max(prod(extents), max(extents) ** 2)]
    return max([*extents, *shapes], default=0)


def _body(tokens: Sequence[tokenize.TokenInfo], kernel: str) -> Iterator[str]:
    """The words of the last function of this name at the top level, from its name on."""
    starts = [place for place, token in enumerate(tokens) if token.string == "def" and token.start[1] == 0]
    own = [place for place in starts if tokens[place + 1].string == kernel]
    depth = 0
    for token in tokens[own[-1] + 1 :] if own else ():
        depth += {tokenize.INDENT: 1, tokenize.DEDENT: -1}.get(token.type, 0)
        if token.type == tokenize.DEDENT and not depth:
            return
        if token.type in (tokenize.NAME, tokenize.NUMBER, tokenize.OP):
            yield token.string


def _calls(words: Sequence[str]) -> Iterator[tuple[str, list[list[str]]]]:
    """Every call: its name, and its arguments as words."""
    for place, (name, following) in enumerate(pairwise(words)):
        if following == "(" and name.isidentifier():
            yield name, _parts(words[place + 2 :])


def _parts(words: Sequence[str]) -> list[list[str]]:
    """What commas part, up to the bracket that closes what the words begin in."""
    parts: list[list[str]] = [[]]
    depth = 0
    for word in words:
        if word in _CLOSE and not depth:
            break
        depth += (word in _OPEN) - (word in _CLOSE)
        if word == "," and not depth:
            parts.append([])
        else:
            parts[-1].append(word)
    return [part for part in parts if part]


def _extent(arguments: list[list[str]], values: Mapping[str, int]) -> int:
    """Of `arange(start, end)`."""
    places = [part for part in arguments if part[1:2] != ["="]]
    named = {part[0]: part[2:] for part in arguments if part[1:2] == ["="]}
    start, end = (places[at] if len(places) > at else named.get(name) for at, name in enumerate(("start", "end")))
    if start is None or end is None:
        raise _Unknown
    return _value(end, values) - _value(start, values)


def _shape(name: str, arguments: list[list[str]], values: Mapping[str, int]) -> list[int]:
    wanted = _SHAPES[name]
    named = next((part[2:] for part in arguments if part[:2] == [wanted, "="]), None)
    place = 1 if name == "broadcast_to" else 0
    if named is None and wanted == "shape" and len(arguments) > place:
        named = arguments[place]
    if not named or named[0] not in "([":
        raise _Unknown
    return [_value(part, values) for part in _parts(named[1:])]


def _value(words: list[str], values: Mapping[str, int]) -> int:
    """Of an expression of integers and constants of the compile."""
    return parse(" ".join("/" if word == "//" else word for word in words)).evaluate(values)
