"""What proves that a target is the company of the ledger: a known contact that is there under its id.

Another company numbers its contacts from 1 too, and may number its customers from 1 as well. So an id alone proves
nothing, an id with its match value proves little, and other values of the contact must agree too. A value that every
contact has, such as a kind, proves nothing either.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, zip_longest

from syncd.core.change import Fields
from syncd.core.remote import Remote, numbers
from syncd.core.schema import Schema

HANDFUL = 8
"""Up to so many contacts are chosen, and up to so many searches made."""

_SEVERAL = 3  # of fewer contacts, two may well have the same value by chance
_DISTINCT = 4  # letters of a text that a search finds few contacts with


@dataclass(frozen=True, slots=True)
class Known:
    """A contact of the ledger with an id.

    ``fields``: the values that the target last held, as far as they were sent, under the fields' names of now.
    """

    source: str
    key: str
    id: int
    fields: Fields


def proved(known: Sequence[Known], there: Mapping[int, Remote], schema: Schema, telling: Collection[str]) -> bool:
    """Tell whether one of the contacts ``there`` (by id) is one of the ``known`` contacts under its id.

    ``telling``: as :func:`telling_fields` returns it.
    """
    return any(is_same(each, there[each.id], schema, telling) for each in known if each.id in there)


def telling_fields(known: Sequence[Known]) -> set[str]:
    """Return the fields that tell contacts apart: if there are several contacts, not all have the same value in it."""
    names = {name for each in known for name in each.fields}
    if len(known) < _SEVERAL:
        return names
    return {name for name in names if len({each.fields.get(name) or "" for each in known}) > 1}


def is_same(known: Known, remote: Remote, schema: Schema, telling: Collection[str]) -> bool:
    """Tell whether a contact of the target is the known contact, whatever its id is.

    Its match values must agree, and at least half of its other values in ``telling`` fields: people edit single fields
    of a contact.
    """
    names = [name for name, value in known.fields.items() if value and name in schema.names]
    match = [name for name in names if name in schema.match]
    rest = [name for name in names if name not in schema.match and name in telling]
    agrees = {name: _agrees(known.fields[name], remote.fields.get(name) or "", name, schema) for name in names}
    return bool(match) and all(agrees[name] for name in match) and 2 * sum(agrees[name] for name in rest) >= len(rest)


def equal_values(known: Known, remote: Remote, schema: Schema) -> bool:
    """Tell whether all known values of the contact are at the target as they were."""
    return all(
        _agrees(value, remote.fields.get(name) or "", name, schema)
        for name, value in known.fields.items()
        if name in schema.names
    )


def _agrees(was: str, now: str, name: str, schema: Schema) -> bool:
    # A target may write numbers in its list in another way than in its answers, and ignore case.
    return numbers(was) == numbers(now) if name in schema.phones else _plain(was) == _plain(now)


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def searches(known: Sequence[Known], schema: Schema) -> list[tuple[Known, str]]:
    """Return a handful of searches for contacts: of each contact the best text first, then the next best."""
    texts = [[(each, text) for text in _texts(each, schema)] for each in known]
    rounds = zip_longest(*texts)
    return list(islice((search for found in rounds for search in found if search), HANDFUL))


def _texts(known: Known, schema: Schema) -> list[str]:
    """Return the texts that may find the contact, the best ones first."""
    # Of a list of numbers only the first: the target may have the numbers in another order.
    first = {name: value.split(";")[0].strip() for name, value in known.fields.items() if name in schema.names}

    def rank(name: str) -> tuple[bool, bool, bool, int]:
        # A short text is in the fields of many contacts, and a search returns only some of them. People edit match
        # values less than others, and a server may keep a number in another form.
        return len(first[name]) < _DISTINCT, name not in schema.match, name in schema.phones, -len(first[name])

    return list(dict.fromkeys(first[name] for name in sorted(first, key=rank) if first[name]))
