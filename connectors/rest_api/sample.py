"""What the first page of a list tells: the columns of its records, and whether they have ids."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from connectors.http_parts.records import MOST_COLUMNS, TooWide, columns_of, ids_of, require_narrow
from syncd.errors import SourceInvalid


def sampled(
    parts: Iterable[Sequence[Any]],
    id_path: str,
    whole: Callable[[Sequence[Any]], Sequence[Any]],
    name: str,
    *,
    flat: bool = True,
) -> list[str]:
    """Return the columns of the records of all parts; ``whole``: adds to the live records of a part what is looked up.

    ``flat``: columns are wanted; they may be named already.

    Raises:
        SourceInvalid: no record has an id, or there are too many columns.

    """
    found: dict[str, None] = {}
    some, with_id = False, False
    for live in parts:
        some |= bool(live)
        with_id = with_id or any(ids_of(live, id_path))
        if with_id:
            records = whole(live)
            with narrow(name):
                found |= dict.fromkeys(columns_of(records if flat else ()))
                require_narrow(found)
    if some and not with_id:
        raise SourceInvalid(f"{name}: no record has anything at {id_path!r}: correct records.id")
    return list(found)


@contextmanager
def narrow(name: str) -> Iterator[None]:
    """Raise SourceInvalid where records have too many columns; ``name``: the source's."""
    try:
        yield
    except TooWide:
        raise SourceInvalid(
            f"{name}: the records have more than {MOST_COLUMNS:,} columns, so their keys may be values: name those "
            "that you use in columns, or correct records.path"
        ) from None
