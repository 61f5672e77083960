"""Fields that are too many for one request: asked for in parts, and put together by the records' ids; pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any

from connectors.rest_api.paging import Page
from connectors.rest_api.walk import Walk


def parted(always: Sequence[str], names: Sequence[str], *, most: int | None, chars: int | None) -> list[list[str]]:
    """Lists of at most ``most`` names, joined by commas at most ``chars`` long, that hold all ``names`` between them.

    Each begins with the names of ``always``. A name that is too long by itself has a part of its own.
    """
    rest = [name for name in names if name not in always]
    parts = [list(always)]
    for name in rest:
        wider = [*parts[-1], name]
        if len(parts[-1]) > len(always) and not _fits(wider, most, chars):
            parts.append([*always, name])
        else:
            parts[-1] = wider
    return parts


def _fits(names: Sequence[str], most: int | None, chars: int | None) -> bool:
    return (most is None or len(names) <= most) and (chars is None or len(",".join(names)) <= chars)


def together(one: Any, other: Any) -> Any:
    """One record of two parts of it; where both have a value, that of ``one``."""
    if isinstance(one, dict) and isinstance(other, dict):
        shared = {name: together(value, other[name]) for name, value in one.items() if name in other}
        return {**other, **one, **shared}
    return one


@dataclass(slots=True)
class Parts:
    """Reads one list several times, each time with other fields; what a :class:`Walk` tells, for all of them.

    The last part is read page by page, the others before it and whole. A record that is not in every part came or went
    meanwhile, or slipped by: it is left out, and noted in ``flaws``, so that nothing is taken for complete.
    """

    walks: Sequence[Walk]
    flaws: list[str] = field(default_factory=list)

    @property
    def repeats(self) -> bool:
        return any(walk.repeats for walk in self.walks)

    @property
    def largest(self) -> int:
        return self.walks[-1].largest

    def pages(self) -> Iterator[Page]:
        """Every page of the last part, its records with what the other parts hold of them."""
        *others, last = self.walks
        known = [_by_id(walk) for walk in others]
        met: set[str] = set()
        nameless = any(None in part for part in known)
        shifted = False
        for page in last.pages():
            whole = [
                index for index, id_ in enumerate(page.ids) if id_ is not None and all(id_ in part for part in known)
            ]
            nameless |= None in page.ids
            shifted |= len(whole) < len(page.records)
            met.update(id_ for id_ in page.ids if id_ is not None)
            records = [_joined(page.records[at], [part[page.ids[at]] for part in known]) for at in whole]
            yield replace(page, records=records, ids=[page.ids[at] for at in whole])
        self.flaws += [flaw for walk in self.walks for flaw in walk.flaws]
        if nameless:
            self.flaws.append("a record has no id, by which its parts are put together: add it to fields.always")
        elif shifted or any(part.keys() != met for part in known):
            self.flaws.append("records were added or removed while their fields were read in parts")


def _by_id(walk: Walk) -> dict[str | None, Any]:
    return {id_: record for page in walk.pages() for id_, record in zip(page.ids, page.records, strict=True)}


def _joined(record: Any, others: Sequence[Any]) -> Any:
    return reduce(together, others, record)
