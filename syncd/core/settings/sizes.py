"""Sizes of data as people write them: ``64MB``, ``512 KiB``, or a number of bytes."""

from __future__ import annotations

import re

LARGEST = 4 << 30
"""No size of an answer or a file is larger (bytes)."""

FORM = "write 64MB, 512KB, 1GB or a number of bytes"

_UNITS = {"": 1, "b": 1, "k": 1000, "kb": 1000, "m": 1000**2, "mb": 1000**2, "g": 1000**3, "gb": 1000**3}
_UNITS |= {"t": 1000**4, "tb": 1000**4, "tib": 1 << 40}
_UNITS |= {"kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30}
_SIZE = re.compile(r"(?P<number>\d{1,12}(?:\.\d{1,9})?)\s*(?P<unit>[a-z]*)", re.ASCII | re.IGNORECASE)


def parse_size(value: str | float, most: int = LARGEST) -> int:
    """Return the bytes in ``64MB`` (64,000,000), ``64 MiB`` (67,108,864), ``1.5GB``; a plain number is bytes.

    Raises:
        ValueError: the value is not of this form, is less than a byte, or is more than ``most`` bytes.

    """
    # In Python a bool is a number, but ``yes`` in the configuration is no size.
    size = None if isinstance(value, bool) else _SIZE.fullmatch(str(value).strip())
    unit = _UNITS.get(size["unit"].lower()) if size else None
    if size is None or unit is None:
        raise ValueError(f"is not a size: {FORM}")
    count = float(size["number"]) * unit
    if not 1 <= count <= most:
        raise ValueError(f"is not a usable size: it must be from 1 byte to {most >> 30:,} GiB")
    return int(count)
