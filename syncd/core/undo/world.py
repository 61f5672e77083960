"""What is known when a run is undone: its changes, and its contacts now."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

Fields = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Entry:
    """A change as the journal has it. ``before`` is None if it was not known what the target held before the change.

    ``other``: the change came upon a contact with another id than the key's contact had before. ``outcome``:
    ``accepted`` (the change was made), ``pending`` (unknown), or another word if nothing was done. ``old_id``: the id
    of the contact before the change; None if there was none, or it was not known.
    """

    key: str
    kind: str
    before: Fields | None
    after: Fields | None
    outcome: str
    other: bool = False
    old_id: int | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What the ledger says of a key now. ``fields``: what the target holds, as far as syncd knows."""

    status: str
    id: int | None
    match: str
    fields: Fields
    created: bool
    digest: int


@dataclass(frozen=True, slots=True)
class World:
    """What is known now of the contacts whose changes are undone.

    ``known``: the ledger by key. ``later``: keys that another run has changed since, and the name of that run.
    ``already``: keys whose change is undone, and by which run. ``begun``: keys that an earlier undo of the same run has
    begun, and whose outcome is unknown. ``holders``: per match value, the (source, key) of every contact of the ledger
    that has it. ``there``: ids at the target by match value; ``ours``: ids among these that the ledger knows.
    ``taken_from``: by key, the (source, key) whose contact it has at the target. ``barred``: by key, why what was
    forgotten bars the undo.

    The match values of ``holders`` and ``there`` are without case: the target may take two values for the same one if
    only their case differs, and a contact that is overwritten is lost.
    """

    source: str
    known: Mapping[str, Known]
    later: Mapping[str, str] = field(default_factory=dict)
    already: Mapping[str, str] = field(default_factory=dict)
    begun: frozenset[str] = frozenset()
    holders: Mapping[str, Sequence[tuple[str, str]]] = field(default_factory=dict)
    there: Mapping[str, Collection[int]] = field(default_factory=dict)
    ours: frozenset[int] = frozenset()
    taken_from: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    barred: Mapping[str, str] = field(default_factory=dict)
