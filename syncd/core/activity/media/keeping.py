"""Which files of recordings and attachments are removed, and how far back files are fetched. Pure."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from typing import NamedTuple


class Kept(NamedTuple):
    """A file that is here. ``at``: when its call or its message was, Unix seconds; ``size``: bytes."""

    media_id: str
    owner: str
    at: float
    size: int
    path: str | None


class Room(NamedTuple):
    """What all files of one kind take. ``total``, ``largest``: bytes; ``oldest``: the ``at`` of the oldest one."""

    total: int = 0
    largest: int = 0
    oldest: float | None = None


class Limits(NamedTuple):
    """``keep``: the seconds for which files are kept, None for ever; ``at_most``: bytes of all of them."""

    keep: float | None
    at_most: int


def too_many(
    oldest_first: Iterable[Kept], total: int, limits: Limits, now: float, awaited: Container[str] = frozenset()
) -> Iterator[Kept]:
    """Yield the files to remove: those that are too old, then the oldest until the others take at most the limit.

    ``total``: the bytes of all files. ``awaited``: the owners whose delivery is still awaited: their files stay.
    """
    for each in oldest_first:
        is_old = limits.keep is not None and each.at < now - limits.keep
        if not is_old and total <= limits.at_most:
            return
        if each.owner not in awaited:
            total -= each.size
            yield each


def fetched_from(room: Room, limits: Limits, now: float) -> float:
    """Return how old (Unix seconds) a file may be that is fetched: an older one would be removed again at once."""
    oldest = float("-inf") if limits.keep is None else now - limits.keep
    # The next file may be as large as the largest so far; so full, it would push itself out.
    is_full = room.total + room.largest > limits.at_most
    if room.total > limits.at_most:
        # What is here may not be removed yet.
        return float("inf")
    return max(oldest, room.oldest) if is_full and room.oldest is not None else oldest
