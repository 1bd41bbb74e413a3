"""HTML and SVG elements as values: whatever is not an element already is text, and is escaped."""

from __future__ import annotations

import html
from collections.abc import Iterable

from kernelevo.wire.words import visible

_VOID = ("meta", "br", "hr")

Child = object
"""An element, text, a number, a list of them, or None for nothing."""


class Html(str):
    """Text that is markup, made by `el` alone."""

    __slots__ = ()


def el(name: str, /, *children: Child, **attributes: str | float | bool | None) -> Html:
    """One element. Of an attribute's name a trailing underscore is dropped and others become hyphens (`class_`,
    `stroke_width`); None and False leave it out, True gives it no value.
    """
    given = "".join(_attribute(key, value) for key, value in attributes.items())
    if name in _VOID:
        return Html(f"<{name}{given}>")
    return Html(f"<{name}{given}>{markup(children)}</{name}>")


def markup(children: Child) -> Html:
    """Children one after the other."""
    if children is None or children is False:
        return Html("")
    if isinstance(children, Html):
        return children
    if isinstance(children, Iterable) and not isinstance(children, str):
        return Html("".join(map(markup, children)))
    return Html(html.escape(visible(str(children))))


def document(head: Child, body: Child) -> str:
    """A whole page."""
    return "<!DOCTYPE html>\n" + el("html", el("head", head), el("body", body), lang="en") + "\n"


def raw_style(text: str) -> Html:
    """A style sheet of ours; a stray end tag in it would end the element early."""
    if "</" in text:
        raise ValueError("a style sheet holds no tags")
    return Html(f"<style>{text}</style>")


def _attribute(key: str, value: str | float | bool | None) -> str:
    name = key.removesuffix("_").replace("_", "-")
    if value is None or value is False:
        return ""
    if value is True:
        return f" {name}"
    shown = f"{value:.6g}" if isinstance(value, float) else visible(str(value))
    return f' {name}="{html.escape(shown)}"'
