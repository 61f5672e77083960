"""Contacts that hold the numbers of several rows (``shared_match: merge_phones``), and which rows those are.

A row that becomes invalid is left exactly as it is, and so its numbers stay in the contact that it was merged into. So
do those of a row that is missing while another row's key cannot be read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from syncd.state import State

Groups = dict[str, list[str]]
"""The keys whose numbers one contact may hold, by its match value."""


def merged_before(state: State, source: str) -> Groups:
    """Return the keys whose numbers one contact may hold at the target, by match value."""
    return state.facts.merged(source).get()


def learn_merged(state: State, source: str, groups: Mapping[str, Sequence[str]]) -> None:
    """Note the keys whose numbers one contact holds."""
    if groups != merged_before(state, source):
        state.facts.merged(source).set({match: list(keys) for match, keys in groups.items()})


def learn_both(state: State, source: str, groups: Groups) -> None:
    """Note that until a push is through a contact may hold the numbers of the rows before, and of those now."""
    before = merged_before(state, source)
    every = {match: [*before.get(match, ()), *groups.get(match, ())] for match in before | groups}
    learn_merged(state, source, {match: list(dict.fromkeys(keys)) for match, keys in every.items()})
