"""How much memory a JSON text takes once it is parsed, at most, without parsing it. Pure.

Every number here is of CPython's objects. Bytes inside of texts that look like marks only make the weight greater.
"""

from __future__ import annotations

import re

MARKS = {b"{": 184, b"[": 64, b",": 64, b":": 32}
"""The bytes of memory for a value, by the byte that announces it, besides its text; of a key: its place in a dict."""

DISTINCT = 240
"""The bytes of memory for a key that no other object has: its text, and its places in dicts that grow."""

RECORD = 128
"""The bytes of memory for each record of a list whose records are not held: its id, and its place."""

DECIMAL, EXPONENT = 48, 200
"""The bytes of memory for a decimal, and for a number such as 1e39 with the digits that it has as text."""

_DECIMAL = re.compile(rb"[\[,:\s]-?\d+\.\d")
_EXPONENT = re.compile(rb"[\[,:\s]-?\d[\d.]*[eE][-+\d]")
_STRING = re.compile(rb'"((?:[^"\\]|\\.)*+)"\s*(:?)', re.DOTALL)
_PIECE = 1 << 20
_UNCOUNTED = bytes(byte for byte in range(256) if byte not in b"{[,:.eE")
_HIGH = {4: bytes(range(0xF0)), 2: bytes(range(0xC4))}
"""What to take away to find whether a text has characters of 4 or of 2 bytes."""


def marks(content: bytes | bytearray, begin: int = 0) -> int:
    """Return the bytes of memory for the values in ``content[begin:]``, besides their texts and their keys' texts."""
    found = _countable(content[begin:] if begin else content)
    return sum(weight * found.count(mark) for mark, weight in MARKS.items())


def texts(content: bytes | bytearray) -> int:
    """Return the bytes of memory for the text itself, and for its keys and values, once it is parsed."""
    width = max((_width(content[at : at + _PIECE]) for at in range(0, len(content), _PIECE)), default=1)
    inner = 4 if b"\\ud" in content or b"\\uD" in content else 2 if b"\\u" in content else 1
    return len(content) * (1 + width + max(width, inner)) + _numbers(content)


def ceiling(content: bytes | bytearray, values: int) -> int:
    """Return more than a text can take once it is parsed, in a hundredth of the time that its true weight takes.

    ``values``: what its values take (:func:`marks`).
    """
    found = _countable(content)
    numbers = DECIMAL * found.count(b".") + EXPONENT * (found.count(b"e") + found.count(b"E"))
    # No character takes more than 4 bytes, each colon may end a key, and each "e" may be a number's.
    return len(content) * (1 + 4 + 4) + numbers + DISTINCT * found.count(b":") + values


def keys(content: bytes | bytearray, most: int) -> int:
    """Return the bytes of memory for the distinct keys in ``content``; more than ``most`` if there are too many."""
    found: set[int] = set()
    for each in _STRING.finditer(content):
        if each[2]:
            found.add(hash(each[1]))
            if len(found) * DISTINCT > most:
                break
    return len(found) * DISTINCT


def _countable(content: bytes | bytearray) -> bytes | bytearray:
    """Return the bytes that are counted; to count each of them in the whole text takes several times as long."""
    return content.translate(None, _UNCOUNTED)


def _width(piece: bytes | bytearray) -> int:
    """Return the bytes that each character takes in a Python text."""
    return next((width for width, lower in _HIGH.items() if piece.translate(None, lower)), 1)


def _numbers(content: bytes | bytearray) -> int:
    found = DECIMAL * sum(1 for _ in _DECIMAL.finditer(content))
    return found + EXPONENT * sum(1 for _ in _EXPONENT.finditer(content))
