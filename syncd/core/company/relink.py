"""Finds the ledger's contacts in a company that was emptied or restored, whatever ids they have there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from syncd.core.change import Fields
from syncd.core.company.evidence import Known, equal_values, is_same, telling_fields
from syncd.core.remote import Key, Remote, match_keys
from syncd.core.schema import Schema


@dataclass(frozen=True, slots=True)
class Link:
    """A contact of the ledger and the ``id`` that it has at the target.

    ``returned``: all values that the target holds. ``same``: none of the known values differs from them.
    """

    source: str
    key: str
    id: int
    returned: Fields
    same: bool


def links(known: Sequence[Known], there: Mapping[int, Remote], schema: Schema, *, elsewhere: bool = True) -> list[Link]:
    """Return the known contacts that are at the target: under their own id, or else by their match values.

    ``there``: every contact of the target, by id. A contact whose values are others is not one of ours: whoever has it
    may have made it. The next run adopts it. ``elsewhere``: a contact may have another id now, since the company was
    emptied or restored. In a company that was not, another id is another contact: a person may have made it.
    """
    telling = telling_fields(known)
    by_match = _by_match(there.values(), schema) if elsewhere else {}
    keys = match_keys([each.fields for each in known], schema)
    found = []
    for each, key in zip(known, keys, strict=True):
        candidates = there.get(each.id), by_match.get(key) if key else None
        remote = next((one for one in candidates if one and is_same(each, one, schema, telling)), None)
        if remote:
            values = {name: value for name, value in remote.fields.items() if value}
            found.append(Link(each.source, each.key, remote.id, values, equal_values(each, remote, schema)))
    return found


def _by_match(remotes: Iterable[Remote], schema: Schema) -> dict[Key, Remote | None]:
    """Return contacts by match value; None for a match value that several contacts have."""
    remotes = list(remotes)
    found: dict[Key, Remote | None] = {}
    for remote, key in zip(remotes, match_keys([each.fields for each in remotes], schema), strict=True):
        if key is not None:
            found[key] = None if key in found else remote
    return found
