"""Frames and heads: what is written is read, and what a hostile child writes gets no further than SandboxBroken."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernelevo.errors import SandboxBroken
from kernelevo.wire.frames import MAGIC, frame_layout, read_frame
from kernelevo.wire.heads import HeadReader, HeadWriter
from kernelevo.wire.words import visible, visible_line


def frame(head: bytes, blobs: list[bytes]) -> bytes:
    size, parts = frame_layout(head, blobs)
    memory = bytearray(size)
    for offset, content in parts:
        memory[offset : offset + len(content)] = content
    return bytes(memory)


@given(st.binary(max_size=50), st.lists(st.binary(max_size=200), max_size=5))
def test_a_frame_is_read_as_it_was_written(head: bytes, blobs: list[bytes]) -> None:
    assert read_frame(frame(head, blobs)) == (head, tuple(blobs))


@given(st.binary(max_size=300))
def test_any_bytes_are_a_frame_or_broken(memory: bytes) -> None:
    try:
        head, blobs = read_frame(memory + bytes(40))
    except SandboxBroken:
        return
    assert len(head) + sum(map(len, blobs)) <= 2 * (len(memory) + 40)


@given(st.data())
def test_a_frame_with_changed_bytes_is_read_or_broken(data: st.DataObject) -> None:
    memory = bytearray(frame(b"head", [b"blob", b"another blob"]))
    for _ in range(data.draw(st.integers(1, 4))):
        memory[data.draw(st.integers(0, len(memory) - 1))] = data.draw(st.integers(0, 255))
    try:
        read_frame(bytes(memory))
    except SandboxBroken:
        return


@pytest.mark.parametrize(
    "header",
    [
        (0, 40, 0, 40, 0),
        (MAGIC, 1 << 63, 8, 40, 0),
        (MAGIC, 40, 1 << 63, 40, 0),
        (MAGIC, 40, 0, 40, 1 << 60),
        (MAGIC, 40, 0, 1 << 62, 2),
    ],
)
def test_a_header_that_lies_is_broken(header: tuple[int, ...]) -> None:
    with pytest.raises(SandboxBroken):
        read_frame(struct.pack("<5Q", *header) + bytes(100))


def test_blobs_that_share_bytes_cannot_fill_the_judges_memory() -> None:
    table = struct.pack("<2Q", 0, 1000) * 50
    memory = struct.pack("<5Q", MAGIC, 40, 0, 40, 50) + table + bytes(200)
    with pytest.raises(SandboxBroken, match="overlap"):
        read_frame(memory)


def test_a_head_is_read_as_it_was_written() -> None:
    writer = HeadWriter()
    writer.u32(7)
    writer.u64(1 << 63)
    writer.i64(-5)
    writer.text("größe")
    writer.texts(["a", ""])
    reader = HeadReader(writer.bytes())
    assert (reader.u32(), reader.u64(), reader.i64(), reader.text(), reader.texts()) == (
        7,
        1 << 63,
        -5,
        "größe",
        ["a", ""],
    )


@given(st.binary(max_size=100))
def test_any_bytes_are_texts_or_broken(head: bytes) -> None:
    try:
        texts = HeadReader(head).texts()
    except SandboxBroken:
        return
    assert sum(len(text.encode()) for text in texts) <= 3 * len(head)


def test_hidden_and_controlling_characters_become_visible() -> None:
    hostile = "\x1b[2J\x07 a\tb\r\n\x85\u202e\u200b\ufeff\ud800 \u00e9"
    assert visible(hostile) == "\\x1b[2J\\x07 a\tb\\r\n\\x85\\u202e\\u200b\\ufeff\\ud800 \u00e9"
    assert visible_line("a\nb") == "a\\nb"
    assert visible("int x = 1;\n\treturn;\n") == "int x = 1;\n\treturn;\n"
