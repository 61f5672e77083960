"""The number that a person gives to a command."""

from __future__ import annotations

from collections.abc import Sequence

from syncd.errors import ConfigError


def one_number(words: Sequence[str]) -> str:
    """Return the number, which the shell may have cut at its spaces.

    Raises:
        ConfigError: it was cut; the message does not quote it.
    """
    if len(words) > 1:
        raise ConfigError('NUMBER: this is more than one word: put the number in quotes, such as "212 555 0101"')
    return words[0]
