"""Keeps an undo from what was forgotten: a key, a number, and a contact that a forgotten key was merged into."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from itertools import chain

import polars as pl

from syncd.core.callers.form import plain_numbers
from syncd.core.forgetting.marks import Marks
from syncd.core.forgetting.traces import fields_without
from syncd.core.undo.world import Entry, Fields

KEY_FORGOTTEN = "its key was forgotten"
NUMBERS_FORGOTTEN = "all numbers that it had before were forgotten"
PARTING = "a key that was merged into it was forgotten: the next run takes its numbers away first"


def without_forgotten(
    entries: Sequence[Entry], marks: Marks, phones: Collection[str], parting: Collection[str]
) -> tuple[list[Entry], dict[str, str]]:
    """Return the changes without forgotten numbers, and by key why changes must not be undone at all.

    ``phones``: the names of phone fields. ``parting``: keys of contacts that may hold numbers of a forgotten key.
    """
    keys = {each.key for each in entries}
    gone = pl.Series(sorted(keys), dtype=pl.String)
    barred = dict.fromkeys(keys.intersection(parting), PARTING)
    barred |= dict.fromkeys(gone.filter(marks.forgotten_keys(gone)), KEY_FORGOTTEN)
    held = set(chain.from_iterable(_numbers(each.before, phones) for each in entries))
    forgotten = frozenset(marks.forgotten_numbers(pl.Series(sorted(held), dtype=pl.String)))
    if not forgotten:
        return list(entries), barred
    found = [replace(each, before=_without(each.before, forgotten, phones)) for each in entries]
    for was, now in zip(entries, found, strict=True):
        if was != now and not any(_numbers(now.before, phones)):
            barred.setdefault(now.key, NUMBERS_FORGOTTEN)
    return found, barred


def _numbers(fields: Fields | None, phones: Iterable[str]) -> list[str]:
    return [number for name in phones for number in plain_numbers((fields or {}).get(name) or "")]


def _without(fields: Fields | None, forgotten: frozenset[str], phones: Iterable[str]) -> Fields | None:
    return fields and fields_without(fields, forgotten, phones)
