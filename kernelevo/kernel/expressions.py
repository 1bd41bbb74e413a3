"""Integer arithmetic of C over named dimensions: `ceildiv(rows, BLOCK)`, `cols % 4 == 0 && cols <= 4096`.

Grid, block and shared-memory sizes, guards, shapes and costs are such expressions. They are parsed and evaluated by
us, never by Python's or C's own evaluator, because a candidate writes them. Values are signed 64-bit integers;
overflow, division by zero and shifts beyond the width, undefined in C, are errors here. Operators and their precedence
are C's (https://en.cppreference.com/w/c/language/operator_precedence).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from kernelevo.errors import BadInput
from kernelevo.kernel import dtypes
from kernelevo.kernel.tokens import Cursor, SyntaxFault, Token, literal

MAX_OPERATORS = 100
"""Operators, parentheses and calls in one expression; it also bounds the depth of every walk over it."""

_LOWEST, _HIGHEST = -(1 << 63), (1 << 63) - 1


class ExpressionError(BadInput):
    """An expression that does not parse, or has no value for the names it was given."""


@dataclass(frozen=True)
class _Number:
    value: int


@dataclass(frozen=True)
class _Name:
    name: str


@dataclass(frozen=True)
class _Operation:
    """An operator or function with its operands: "+" with one or two, "?:" with three, "ceildiv" with two."""

    operator: str
    operands: tuple[_Node, ...]


_Node = _Number | _Name | _Operation


@dataclass(frozen=True)
class Expression:
    """A parsed expression. `text` is as it was written; two are equal if they mean the same syntax tree."""

    text: str = field(compare=False)
    names: frozenset[str] = field(compare=False)
    root: _Node = field(repr=False)

    @classmethod
    def constant(cls, value: int) -> Expression:
        return cls(str(value), frozenset(), _Number(value))

    @property
    def name(self) -> str | None:
        """The name, if the expression is nothing but one name."""
        return self.root.name if isinstance(self.root, _Name) else None

    def evaluate(self, names: Mapping[str, int]) -> int:
        """Its value; comparisons are 0 or 1. Raises ExpressionError for an unknown name and for what C leaves
        undefined.
        """
        try:
            return _value(self.root, names)
        except _NoValue as fault:
            given = ", ".join(f"{name}={names[name]}" for name in sorted(self.names & names.keys()))
            raise ExpressionError(f"`{self.text}` has no value: {fault}{f' (with {given})' if given else ''}") from None

    def simplified(self) -> Expression:
        """The same expression with constants worked out where nothing else is in it, and no parenthesis more than it
        needs.
        """
        if not self.names:
            return Expression.constant(self.evaluate({}))
        return Expression(_written(self.root, 0), self.names, self.root)

    def __str__(self) -> str:
        return self.text


def parse(text: str, where: str = "") -> Expression:
    """The expression that `text` is; raises ExpressionError, which begins with `where`, if it is none."""
    try:
        cursor = Cursor(text)
        expression = read(cursor)
        cursor.finish()
        return expression
    except SyntaxFault as fault:
        shown = text if len(text) <= 80 else text[:77] + "..."
        place = f"{where}: " if where else ""
        raise ExpressionError(
            f"{place}`{shown}` is no integer expression: at character {fault.offset + 1}, {fault.message}"
        ) from None


def read(cursor: Cursor) -> Expression:
    """Takes one expression from the cursor, up to the first token that cannot go on; raises SyntaxFault."""
    start = cursor.peek().start
    cursor.operators = 0
    root = _conditional(cursor)
    text = cursor.text[start : cursor.peek().start].rstrip()
    return Expression(text, frozenset(_names(root)), root)


# Parsing: one function per level of the grammar that is not a plain binary operator, and precedence climbing for
# those that are.

_LEVELS = (
    ("||",),
    ("&&",),
    ("|",),
    ("^",),
    ("&",),
    ("==", "!="),
    ("<", "<=", ">", ">="),
    ("<<", ">>"),
    ("+", "-"),
    ("*", "/", "%"),
)
_LEVEL = {operator: level for level, operators in enumerate(_LEVELS) for operator in operators}


def _conditional(cursor: Cursor) -> _Node:
    condition = _binary(cursor, 0)
    if not cursor.accept("?"):
        return condition
    _count(cursor)
    chosen = _conditional(cursor)
    cursor.expect(":")
    return _Operation("?:", (condition, chosen, _conditional(cursor)))


def _binary(cursor: Cursor, lowest: int) -> _Node:
    left = _unary(cursor)
    while (token := cursor.peek()).kind == "operator" and _LEVEL.get(token.text, -1) >= lowest:
        cursor.take()
        _count(cursor)
        left = _Operation(token.text, (left, _binary(cursor, _LEVEL[token.text] + 1)))
    return left


def _unary(cursor: Cursor) -> _Node:
    for operator in ("-", "+", "!", "~"):
        if cursor.accept(operator):
            _count(cursor)
            return _Operation(operator, (_unary(cursor),))
    return _primary(cursor)


def _primary(cursor: Cursor) -> _Node:
    token = cursor.take()
    if token.kind == "number":
        return _Number(literal(token))
    if token.kind == "name":
        return _call(cursor, token) if cursor.peek().text == "(" else _Name(token.text)
    if token.text == "(":
        _count(cursor)
        inner = _conditional(cursor)
        cursor.expect(")")
        return inner
    raise SyntaxFault(f"expected a number, a name or '(' but found {token}", token.start)


def _call(cursor: Cursor, function: Token) -> _Node:
    _count(cursor)
    cursor.expect("(")
    if function.text == "sizeof":
        return _sizeof(cursor)
    if function.text not in FUNCTIONS:
        raise SyntaxFault(
            f"'{function.text}' is no function here; there are {', '.join(FUNCTIONS)} and sizeof", function.start
        )
    arguments = [_conditional(cursor)]
    while cursor.accept(","):
        arguments.append(_conditional(cursor))
    cursor.expect(")")
    if len(arguments) != FUNCTIONS[function.text].arity:
        raise SyntaxFault(
            f"{function.text} takes {FUNCTIONS[function.text].arity} arguments, not {len(arguments)}", function.start
        )
    return _Operation(function.text, tuple(arguments))


def _sizeof(cursor: Cursor) -> _Node:
    first = cursor.name("the name of a type")
    words = [first.text]
    while cursor.peek().kind == "name":
        words.append(cursor.take().text)
    cursor.expect(")")
    dtype = dtypes.find(" ".join(words))
    if dtype is None:
        raise SyntaxFault(f"'{' '.join(words)}' is no type whose size is known here", first.start)
    return _Number(dtype.bytes)


def _count(cursor: Cursor) -> None:
    cursor.operators += 1
    if cursor.operators > MAX_OPERATORS:
        raise SyntaxFault(f"more than {MAX_OPERATORS} operators in one expression", cursor.peek().start)


def _names(node: _Node) -> set[str]:
    if isinstance(node, _Operation):
        return set().union(*(_names(operand) for operand in node.operands))
    return {node.name} if isinstance(node, _Name) else set()


# Writing.


def _written(node: _Node, lowest: int) -> str:
    """The node as text; in parentheses if its operator binds less tightly than level `lowest`."""
    if isinstance(node, _Number):
        return str(node.value)
    if isinstance(node, _Name):
        return node.name
    operands = node.operands
    if node.operator in FUNCTIONS:
        return f"{node.operator}({', '.join(_written(operand, 0) for operand in operands)})"
    if len(operands) == 1:
        return node.operator + _written(operands[0], len(_LEVELS))
    if node.operator == "?:":
        condition, chosen, other = (_written(operand, 1) for operand in operands)
        return f"({condition} ? {chosen} : {other})"
    level = _LEVEL[node.operator]
    text = f"{_written(operands[0], level)} {node.operator} {_written(operands[1], level + 1)}"
    return f"({text})" if level < lowest else text


# Evaluation.


class _NoValue(Exception):
    """Why an expression has no value; `Expression.evaluate` adds the text and the values of its names."""


def _value(node: _Node, names: Mapping[str, int]) -> int:
    if isinstance(node, _Number):
        return node.value
    if isinstance(node, _Name):
        if node.name not in names:
            raise _NoValue(f"{node.name} is not known here; known are {', '.join(sorted(names)) or 'no names'}")
        return _bounded(names[node.name])
    if node.operator in ("&&", "||", "?:"):
        return _short_circuit(node, names)
    operands = [_value(operand, names) for operand in node.operands]
    return _bounded(_APPLY[node.operator, len(operands)](*operands))


def _short_circuit(node: _Operation, names: Mapping[str, int]) -> int:
    first = _value(node.operands[0], names)
    if node.operator == "?:":
        return _value(node.operands[1 if first else 2], names)
    if bool(first) is (node.operator == "||"):
        return int(bool(first))
    return int(bool(_value(node.operands[1], names)))


def _bounded(value: int) -> int:
    if not _LOWEST <= value <= _HIGHEST:
        raise _NoValue("it overflows a signed 64-bit integer")
    return value


def _divide(left: int, right: int) -> int:
    if right == 0:
        raise _NoValue("it divides by zero")
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


def _remainder(left: int, right: int) -> int:
    return left - right * _divide(left, right)


def _shift_left(left: int, right: int) -> int:
    return left << _shift(right)


def _shift_right(left: int, right: int) -> int:
    return left >> _shift(right)


def _shift(count: int) -> int:
    if not 0 <= count < 64:
        raise _NoValue(f"it shifts by {count}, and only 0 to 63 are defined")
    return count


def _ceildiv(left: int, right: int) -> int:
    if right <= 0:
        raise _NoValue(f"it divides into parts of {right}")
    return -(-left // right)


def _roundup(left: int, right: int) -> int:
    return _ceildiv(left, right) * right


def _pow2ceil(value: int) -> int:
    if value < 1:
        raise _NoValue(f"no power of two is the next of {value}")
    return 1 << (value - 1).bit_length()


@dataclass(frozen=True)
class _Function:
    arity: int
    apply: Callable[..., int]


FUNCTIONS: Mapping[str, _Function] = {
    "ceildiv": _Function(2, _ceildiv),
    "min": _Function(2, min),
    "max": _Function(2, max),
    "roundup": _Function(2, _roundup),
    "pow2ceil": _Function(1, _pow2ceil),
}
"""The functions of expressions; a dimension may not have one of these names."""

_APPLY: dict[tuple[str, int], Callable[..., int]] = {
    ("-", 1): lambda value: -value,
    ("+", 1): lambda value: value,
    ("!", 1): lambda value: int(not value),
    ("~", 1): lambda value: ~value,
    ("+", 2): lambda left, right: left + right,
    ("-", 2): lambda left, right: left - right,
    ("*", 2): lambda left, right: left * right,
    ("/", 2): _divide,
    ("%", 2): _remainder,
    ("<<", 2): _shift_left,
    (">>", 2): _shift_right,
    ("<", 2): lambda left, right: int(left < right),
    ("<=", 2): lambda left, right: int(left <= right),
    (">", 2): lambda left, right: int(left > right),
    (">=", 2): lambda left, right: int(left >= right),
    ("==", 2): lambda left, right: int(left == right),
    ("!=", 2): lambda left, right: int(left != right),
    ("&", 2): lambda left, right: left & right,
    ("|", 2): lambda left, right: left | right,
    ("^", 2): lambda left, right: left ^ right,
    **{(name, function.arity): function.apply for name, function in FUNCTIONS.items()},
}
