"""What a cubin says of its kernels: registers, stack, static shared memory, thread limit.

A cubin is a 64-bit little-endian ELF file. Its `.nv.info` sections hold records of (format u8, attribute u8, value):
the registers of each function in the global one, a kernel's own limits in `.nv.info.NAME`; `.nv.shared.NAME` has the
size of the static shared memory. The records are as in the public readers of the format (for one, CuAssembler's and
Ghidra's tables). The bytes come from a jailed compiler that met hostile text: every offset is checked, and a
malformed file raises BadCubin.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from kernelevo.counting import counted

_HEADER = struct.Struct("<4s12xHHIQQQIHHHHHH")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_SYMTAB, _NOBITS = 2, 8
_HALF_VALUE, _SIZED_VALUE = 3, 4
_MAX_THREADS, _FRAME_SIZE, _REGISTER_COUNT = 0x05, 0x11, 0x2F
_RESERVED_SHARED = 1024
_LONGEST_NAME = 1 << 13
"""Of a section, hence of its kernel and a prefix: twice what a plan's kernel may have (`image.LONGEST_SYMBOL`)."""


class BadCubin(Exception):
    """The bytes are not a cubin that we understand; the message says where."""


@dataclass(frozen=True)
class Resources:
    """One kernel's resources: registers per thread, bytes of stack per thread and of static shared memory per block.

    `max_threads` is the product of __launch_bounds__'s first argument or .maxntid; None where the kernel gives none.
    """

    registers: int
    stack_bytes: int
    shared_bytes: int
    max_threads: int | None


@dataclass(frozen=True)
class _Section:
    name: str
    type: int
    offset: int
    size: int
    info: int


def read_resources(cubin: bytes) -> dict[str, Resources]:
    """Resources of every kernel by its symbol. Raises BadCubin."""
    sections = _sections(cubin)
    symbols = _symbols(cubin, sections)
    registers, stacks = _by_function(cubin, sections, symbols)
    shared = _static_shared(sections)
    kernels = [s for s in sections if s.name.startswith(".nv.info.")]
    return {
        name: Resources(
            registers=registers.get(name, 0),
            stack_bytes=stacks.get(name, 0),
            shared_bytes=shared.get(name, 0),
            max_threads=_thread_limit(_content(cubin, section)),
        )
        for section in kernels
        if (name := section.name[len(".nv.info.") :])
    }


def _sections(cubin: bytes) -> list[_Section]:
    header = _unpack(_HEADER, cubin, 0, "the ELF header")
    magic, table, entry_size, count, names_index = header[0], header[6], header[11], header[12], header[13]
    if magic != b"\x7fELF" or entry_size != _SECTION.size:
        raise BadCubin("the compiler's output is not a 64-bit ELF file")
    raw = [_unpack(_SECTION, cubin, table + index * entry_size, "a section header") for index in range(count)]
    if names_index >= len(raw):
        raise BadCubin("the section with the section names does not exist")
    names = _slice(cubin, raw[names_index][4], raw[names_index][5], "the section names")
    return [_Section(_text(names, entry[0]), entry[1], entry[4], entry[5], entry[7]) for entry in raw]


def _symbols(cubin: bytes, sections: list[_Section]) -> list[str]:
    """Names of the symbol table's entries, by index."""
    names = next((_content(cubin, section) for section in sections if section.name == ".strtab"), b"")
    table = next((_content(cubin, section) for section in sections if section.type == _SYMTAB), b"")
    whole = len(table) // _SYMBOL.size * _SYMBOL.size
    return [_text(names, entry[0]) for entry in _SYMBOL.iter_unpack(table[:whole])]


def _by_function(cubin: bytes, sections: list[_Section], symbols: list[str]) -> tuple[dict[str, int], dict[str, int]]:
    """Register counts and stack sizes (bytes) by function, from the global .nv.info."""
    found: dict[int, dict[str, int]] = {_REGISTER_COUNT: {}, _FRAME_SIZE: {}}
    content = next((_content(cubin, section) for section in sections if section.name == ".nv.info"), b"")
    for attribute, value in _records(content):
        if attribute in found and len(value) >= 8:
            symbol, number = struct.unpack_from("<II", value)
            if symbol >= len(symbols):
                raise BadCubin(f"a record names symbol {symbol}, but there are {len(symbols)}")
            found[attribute][symbols[symbol]] = number
    return found[_REGISTER_COUNT], found[_FRAME_SIZE]


def _static_shared(sections: list[_Section]) -> dict[str, int]:
    """Bytes by kernel. From sm_90 on a section begins with what the driver reserves, which is not the kernel's."""
    reserved = _RESERVED_SHARED if any(section.name == ".nv.shared.reserved.0" for section in sections) else 0
    prefix = ".nv.shared."
    return {s.name[len(prefix) :]: max(0, s.size - reserved) for s in sections if s.name.startswith(prefix)}


def _thread_limit(content: bytes) -> int | None:
    for attribute, value in _records(content):
        if attribute == _MAX_THREADS and len(value) >= 12:
            x, y, z = struct.unpack_from("<III", value)
            return int(x * y * z)
    return None


def _records(content: bytes) -> Iterator[tuple[int, bytes]]:
    """The records of a .nv.info section as (attribute, value)."""
    at = 0
    while at + 4 <= len(content):
        format_, attribute, size = struct.unpack_from("<BBH", content, at)
        at += 4
        if format_ == _SIZED_VALUE:
            yield attribute, _slice(content, at, size, "a record's value")
            at += size
        elif format_ == _HALF_VALUE:
            yield attribute, struct.pack("<H", size)


def _content(cubin: bytes, section: _Section) -> bytes:
    return b"" if section.type == _NOBITS else _slice(cubin, section.offset, section.size, f"section {section.name}")


def _slice(content: bytes, offset: int, size: int, what: str) -> bytes:
    if offset > len(content) or size > len(content) - offset:
        raise BadCubin(f"{what} lies outside the {counted(len(content), 'byte')}")
    return content[offset : offset + size]


def _unpack(layout: struct.Struct, content: bytes, offset: int, what: str) -> tuple[int, ...]:
    return layout.unpack(_slice(content, offset, layout.size, what))


def _text(names: bytes, offset: int) -> str:
    """The name there; empty for one that is too long. A candidate may call its functions as it likes, so that is no
    malformed file; no kernel of a plan is called so.
    """
    end = names.find(b"\0", offset)
    if offset > len(names) or end < 0:
        raise BadCubin("a name has no end")
    return "" if end - offset > _LONGEST_NAME else names[offset:end].decode(errors="replace")
