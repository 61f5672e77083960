"""The ways in which a number's caller becomes another one, and the words for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from syncd.core.wording import counted

# Nothing slow is imported here: the process that sends the daily digest uses these words too.

GAIN, LOSE, CHANGE, AMBIGUOUS, RESOLVED = KINDS = ("gain", "lose", "change", "ambiguous", "resolved")
"""Nobody → somebody, somebody → nobody, one name → another, one contact → several, several → one."""

RENAMED = (CHANGE, AMBIGUOUS, RESOLVED)
"""The kinds that no count of created and deleted contacts tells."""

_WORDS: Mapping[str, tuple[str, str]] = {
    GAIN: ("gets a name", "get a name"),
    LOSE: ("loses its name", "lose their name"),
    CHANGE: ("changes its name", "change their name"),
    AMBIGUOUS: ("becomes ambiguous", "become ambiguous"),
    RESOLVED: ("is no longer ambiguous", "are no longer ambiguous"),
}
"""What is said of one number, and of several."""


def in_words(counts: Mapping[str, int], kinds: Sequence[str] = KINDS) -> str:
    """Return how many numbers there are of each kind: ``12 change their name, 3 become ambiguous``; "" if none."""
    return ", ".join(counted(counts[kind], *_WORDS[kind]) for kind in kinds if counts.get(kind))
