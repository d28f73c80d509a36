"""Damage: a file's bytes with a few changes drawn by a seed, and text whose numbers and words are others."""

import re
from collections.abc import Callable
from random import Random

INTEGERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x7FFFFFFFFFFFFFFF)
WORDS = (
    "-1", "0", "1", "2", "0.5", "1e999", "-1e308", "NaN", "Infinity", "9" * 19, "9" * 40, "9" * 5000, "true", "null",
    "[]", "{}", '""', '"x"', '"\\ud800"', '"\\u0000"', "[" * 70, "[[[[1]]]]", "", " ", "../../etc/passwd", "/",
    "\x1b[31m", "&a [*a]", "<!ENTITY a 'b'>", "é", "x" * 300,
)  # fmt: skip


def flip(data: bytearray, rng: Random) -> None:
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def put_byte(data: bytearray, rng: Random) -> None:
    data[rng.randrange(len(data))] = rng.choice((0, 1, 0x20, 0x30, 0x7F, 0x80, 0xFE, 0xFF))


def put_integer(data: bytearray, rng: Random) -> None:
    size, at = rng.choice((2, 4, 8)), rng.randrange(len(data))
    value = rng.choice(INTEGERS) & (1 << 8 * size) - 1
    data[at : at + size] = value.to_bytes(size, rng.choice(("little", "big")))


def cut(data: bytearray, rng: Random) -> None:
    del data[rng.randrange(len(data)) :]


def drop(data: bytearray, rng: Random) -> None:
    at = rng.randrange(len(data))
    del data[at : at + _length(rng)]


def repeat(data: bytearray, rng: Random) -> None:
    at = rng.randrange(len(data))
    data[at:at] = data[at : at + _length(rng)]


def swap(data: bytearray, rng: Random) -> None:
    a, b, size = rng.randrange(len(data)), rng.randrange(len(data)), _length(rng)
    first, second = data[a : a + size], data[b : b + size]
    data[a : a + len(second)], data[b : b + len(first)] = second, first


def blank(data: bytearray, rng: Random) -> None:
    at, size = rng.randrange(len(data)), _length(rng)
    data[at : at + size] = bytes([rng.choice((0, 0xFF))]) * len(data[at : at + size])


def noise(data: bytearray, rng: Random) -> None:
    at, size = rng.randrange(len(data)), _length(rng)
    data[at : at + size] = rng.randbytes(size)


def another_word(data: bytearray, rng: Random) -> None:
    """A number, a word or a text in quotes becomes another."""
    places = [found.span() for found in re.finditer(rb'-?\d[\d.]*|"[^"\n]*"|\w+', data)]
    if places:
        begin, end = rng.choice(places)
        data[begin:end] = rng.choice(WORDS).encode("utf-8", "surrogatepass")


def lines(data: bytearray, rng: Random) -> None:
    """A line goes, comes twice, or changes places with another."""
    parts = data.split(b"\n")
    a, b = rng.randrange(len(parts)), rng.randrange(len(parts))
    match rng.randrange(3):
        case 0:
            del parts[a]
        case 1:
            parts.insert(a, parts[b])
        case _:
            parts[a], parts[b] = parts[b], parts[a]
    data[:] = b"\n".join(parts)


def _length(rng: Random) -> int:
    return 1 << rng.randrange(10)


BYTES: tuple[Callable[[bytearray, Random], None], ...] = (
    flip, flip, put_byte, put_integer, put_integer, cut, drop, repeat, swap, blank, noise,
)  # fmt: skip
TEXT = (*(another_word,) * 6, lines, lines, flip, put_byte, drop, repeat, swap, cut)


def mutated(content: bytes, rng: Random, text: bool = False) -> bytes:
    """`content` with 1 to 8 changes."""
    data = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 2, 4, 8))):
        if data:
            rng.choice(TEXT if text else BYTES)(data, rng)
    return bytes(data)
