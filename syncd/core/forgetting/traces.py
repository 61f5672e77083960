"""What is known of what is to be erased, and what is left of stored reports and texts without it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from syncd.core.forgetting.texts import ERASED, erased, without_numbers
from syncd.core.wording import shown_key

SHORTEST = 4
"""The length in characters of the shortest text that is looked for in sentences: shorter ones are in any of them."""

# What programs read: a value of a contact that is the same word by chance must not replace it.
_WORDS = frozenset(
    ("source", "run", "read", "kind", "gate", "digest", "outcome", "undoes", "status", "at", "was", "run", "what")
)


@dataclass(frozen=True, slots=True)
class Sought:
    """What is to be erased of one source: contacts by their ``keys``, and ``numbers`` (in their plain form)."""

    keys: frozenset[str] = frozenset()
    numbers: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.keys or self.numbers)


@dataclass(frozen=True, slots=True)
class Traces:
    """How what is sought shows in stored reports and texts: ``values`` are those of the fields of its contacts."""

    sought: Sought
    values: frozenset[str] = field(default_factory=frozenset)

    def out_of_text(self, text: str) -> str:
        """Return a sentence without them."""
        words = {shown_key(key) for key in self.sought.keys} | self.values
        looked_for = sorted((word for word in words if len(word) >= SHORTEST), key=len, reverse=True)
        if looked_for:
            text = re.sub(rf"(?<!\w)(?:{'|'.join(map(re.escape, looked_for))})(?!\w)", ERASED, text)
        return erased(text, self.sought.numbers.__contains__)

    def out_of_report(self, report: Any) -> Any:
        """Return a stored report (JSON) without them: entries of their keys and numbers go, texts lose them."""
        keys = {shown_key(key) for key in self.sought.keys} | self.sought.keys
        return self._without(report, keys)

    def _without(self, value: Any, keys: frozenset[str] | set[str]) -> Any:
        match value:
            case dict():
                return {
                    name: each if name in _WORDS and isinstance(each, str) else self._without(each, keys)
                    for name, each in value.items()
                }
            case list():
                return [self._without(each, keys) for each in value if not self._is_of(each, keys)]
            case str():
                return self.out_of_text(value)
            case _:
                return value

    def _is_of(self, value: Any, keys: frozenset[str] | set[str]) -> bool:
        """Return whether an entry of a list is of one of the keys or numbers: as a text, or by its ``key``."""
        if isinstance(value, dict):
            named = (value.get("key"), value.get("was"))
            return any(key in keys for key in named) or value.get("number") in self.sought.numbers
        return isinstance(value, str) and (value in keys or value in self.sought.numbers)


def fields_without(fields: Mapping[str, str], numbers: frozenset[str], phones: Iterable[str]) -> dict[str, str]:
    """Return the fields of a contact without these numbers in its phone fields."""
    return {**fields, **{name: without_numbers(fields[name], numbers) for name in phones if fields.get(name)}}


def holds_one_of(fields: Mapping[str, str], numbers: frozenset[str], phones: Iterable[str]) -> bool:
    """Return whether a phone field of a contact holds one of these numbers."""
    return any(fields.get(name) and without_numbers(fields[name], numbers) != fields[name] for name in phones)
