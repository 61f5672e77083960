"""Read a list whose fields are too many for one request: ask in parts, and combine the records by their ids. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any

from connectors.rest_api.paging import Page
from connectors.rest_api.walk import Walk


def split_names(always: Sequence[str], names: Sequence[str], *, most: int | None, chars: int | None) -> list[list[str]]:
    """Return lists of at most ``most`` names, at most ``chars`` long with commas, that together hold all ``names``.

    Each list begins with the names of ``always``.
    """
    rest = [name for name in names if name not in always]
    parts = [list(always)]
    for name in rest:
        wider = [*parts[-1], name]
        # A name that is too long by itself gets a part of its own: the server may take it all the same.
        if len(parts[-1]) > len(always) and not _fits(wider, most, chars):
            parts.append([*always, name])
        else:
            parts[-1] = wider
    return parts


def _fits(names: Sequence[str], most: int | None, chars: int | None) -> bool:
    return (most is None or len(names) <= most) and (chars is None or len(",".join(names)) <= chars)


def combine(one: Any, other: Any) -> Any:
    """Return one record made of two parts of it; where both have a value, the value of ``one``."""
    if isinstance(one, dict) and isinstance(other, dict):
        shared = {name: combine(value, other[name]) for name, value in one.items() if name in other}
        return {**other, **one, **shared}
    return one


@dataclass(slots=True)
class Parts:
    """Reads one list several times, each time with other fields. It has the methods of a :class:`Walk` over the whole.

    ``flaws``: why records may be missing.
    """

    walks: Sequence[Walk]
    flaws: list[str] = field(default_factory=list)

    @property
    def repeats(self) -> bool:
        return any(walk.repeats for walk in self.walks)

    @property
    def slips(self) -> str:
        # A record that slipped in every part is missing without a trace; in one part only, it is a flaw below.
        return next((walk.slips for walk in self.walks if walk.slips), "")

    @property
    def largest(self) -> int:
        return self.walks[-1].largest

    def pages(self) -> Iterator[Page]:
        """Yield every page of the last part, its records combined with the other parts."""
        # Every other part must be known before a record can be combined, so only the last one is read page by page.
        *others, last = self.walks
        by_id = [_by_id(walk) for walk in others]
        seen: set[str] = set()
        without_id = any(None in part for part in by_id)
        shifted = False
        for page in last.pages():
            # A record that some part lacks came or went in between. It is left out, and noted as a flaw below.
            whole = [
                index for index, id_ in enumerate(page.ids) if id_ is not None and all(id_ in part for part in by_id)
            ]
            rest = list(page.records)
            without_id |= None in page.ids
            shifted |= len(whole) < len(page.records)
            seen.update(id_ for id_ in page.ids if id_ is not None)
            records = [reduce(combine, [part[page.ids[at]] for part in by_id], rest[at]) for at in whole]
            yield replace(page, records=records, ids=[page.ids[at] for at in whole])
        self.flaws += [flaw for walk in self.walks for flaw in walk.flaws]
        if without_id:
            self.flaws.append("a record has no id, by which its parts are put together: add it to fields.always")
        elif shifted or any(part.keys() != seen for part in by_id):
            self.flaws.append("records were added or removed while their fields were read in parts")


def _by_id(walk: Walk) -> dict[str | None, Any]:
    return {id_: record for page in walk.pages() for id_, record in zip(page.ids, page.records, strict=True)}
