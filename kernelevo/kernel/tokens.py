"""Tokens of pragma lines and expressions: C's numbers, names and operators, with `<<<` and `>>>` as CUDA reads them.

The text may be hostile: scanning is linear, and a text or a number too long is a fault at its place, never an
exception of Python's.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MAX_TEXT = 4000
"""Characters of one pragma line or expression; the longest of the shipped kernels has under 200."""

_TOKEN = re.compile(
    r"(?P<space>[ \t\r\n\f\v]+)"
    r"|(?P<number>(?:0[xX][0-9a-fA-F]{1,16}|[0-9]{1,20})[uUlL]{0,3}(?![0-9A-Za-z_.]))"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<operator><<<|>>>|<<|>>|<=|>=|==|!=|&&|\|\||::|[-+*/%<>&|^!~?:(),\[\]=])"
)


class SyntaxFault(Exception):
    """A text that does not parse: what, and at which offset. Its catcher adds file and line, and raises a
    KernelevoError.
    """

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset


@dataclass(frozen=True)
class Token:
    """A piece of text; kind is "number", "name", "operator" or "end"."""

    kind: str
    text: str
    start: int

    @property
    def end(self) -> int:
        return self.start + len(self.text)

    def __str__(self) -> str:
        return "the end of the line" if self.kind == "end" else f"'{self.text}'"


class Cursor:
    """The tokens of a text, read one after another; each method names what it wanted when it meets something else."""

    def __init__(self, text: str) -> None:
        """Raises SyntaxFault at the first character that begins no token."""
        self.text = text
        self.operators = 0
        self._tokens = _scan(text)
        self._next = 0

    def peek(self) -> Token:
        return self._tokens[self._next]

    def take(self) -> Token:
        token = self._tokens[self._next]
        if token.kind != "end":
            self._next += 1
        return token

    def accept(self, text: str) -> bool:
        """Takes the next token if it is exactly this text."""
        if self.peek().kind in ("name", "operator") and self.peek().text == text:
            self.take()
            return True
        return False

    def expect(self, text: str) -> Token:
        token = self.take()
        if token.kind not in ("name", "operator") or token.text != text:
            raise SyntaxFault(f"expected '{text}' but found {token}", token.start)
        return token

    def name(self, what: str) -> Token:
        """Takes a name; `what` says in the fault what it would have named."""
        token = self.take()
        if token.kind != "name":
            raise SyntaxFault(f"expected {what} but found {token}", token.start)
        return token

    def number(self, what: str) -> int:
        """Takes an integer literal, with an optional minus before it."""
        minus = self.accept("-")
        token = self.take()
        if token.kind != "number":
            raise SyntaxFault(f"expected {what} but found {token}", token.start)
        return -literal(token) if minus else literal(token)

    def finish(self) -> None:
        """Raises SyntaxFault unless everything was taken."""
        if self.peek().kind != "end":
            raise SyntaxFault(f"did not expect {self.peek()} here", self.peek().start)


def literal(token: Token) -> int:
    """The value of a number token; raises SyntaxFault for octal and for more than a signed 64-bit integer."""
    digits = token.text.rstrip("uUlL")
    if digits.startswith("0") and digits.isdigit() and len(digits) > 1:
        raise SyntaxFault(f"{token.text} would be octal in C; write it in decimal", token.start)
    value = int(digits, 0)
    if value >= 1 << 63:
        raise SyntaxFault(f"{token.text} does not fit in a signed 64-bit integer", token.start)
    return value


def _scan(text: str) -> list[Token]:
    if len(text) > MAX_TEXT:
        raise SyntaxFault(f"it has {len(text)} characters, and at most {MAX_TEXT} are read", 0)
    tokens = []
    place = 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise SyntaxFault(f"'{_word(text, place)}' is no integer, name or operator", place)
        if match.lastgroup != "space":
            tokens.append(Token(str(match.lastgroup), match.group(), place))
        place = match.end()
    tokens.append(Token("end", "", len(text)))
    return tokens


def _word(text: str, place: int) -> str:
    match = re.compile(r"[0-9A-Za-z_.]{1,30}|.", re.DOTALL).match(text, place)
    assert match is not None
    return match.group()
