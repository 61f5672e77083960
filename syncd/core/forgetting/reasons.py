"""Takes forgotten keys and numbers out of the reasons that other contacts have: who has a number, who was first."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from syncd.core.callers.wording import DECIDED, NOBODY
from syncd.core.forgetting.texts import ERASED, erased
from syncd.core.forgetting.traces import SHORTEST, Sought
from syncd.core.wording import shown_key

# Programs compare them.
_FIXED = (NOBODY, DECIDED)


def without(source: str, sought: Sought, fixed: Iterable[str] = ()) -> Callable[[str], str]:
    """Return a function that takes what is sought of a source out of a reason.

    A key goes where its source stands before it, and one of four characters or more wherever it stands. ``fixed``:
    reasons that stay as they are.
    """
    keys = sorted(map(shown_key, sought.keys), key=len, reverse=True)
    named = re.compile(rf"(?<![\w+-])({re.escape(source)} )?({'|'.join(map(re.escape, keys))})(?![\w+-])")
    stays = frozenset([*_FIXED, *fixed])

    def instead(found: re.Match[str]) -> str:
        before, key = found.groups(default="")
        return f"{before}{ERASED}" if before or len(key) >= SHORTEST else key

    def without_them(reason: str) -> str:
        if reason in stays:
            return reason
        return erased(named.sub(instead, reason) if keys else reason, sought.numbers.__contains__)

    return without_them
