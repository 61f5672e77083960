"""What a source's configuration says of its contacts, as frozen values: mapping, phones, gates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Column:
    """The text of one column."""

    name: str


@dataclass(frozen=True, slots=True)
class Template:
    """Text with ``{column}`` in it; absent values leave no double spaces. ``{{`` and ``}}`` are braces."""

    text: str


@dataclass(frozen=True, slots=True)
class AllOf:
    """All numbers of these columns, in this order (phone fields only)."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class First:
    """The first of these columns that is not empty."""

    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Value:
    """The same text for every contact."""

    text: str


@dataclass(frozen=True, slots=True)
class Sql:
    """A SQL expression over the source's columns, one value a row."""

    expression: str


Origin = Column | Template | AllOf | First | Value | Sql


@dataclass(frozen=True, slots=True)
class Rule:
    """How one field gets its value: ``origin``, ``decode``, trim, ``translate``, case, default, length, in this order.

    ``empty``: what an empty value does to the contact: ``clear`` the field, ``keep`` the target's value, ``reject``
    the row. ``max_length`` is in characters.
    """

    origin: Origin
    default: str | None = None
    # The configuration calls this ``map``, which is a function of Python.
    translate: Mapping[str, str] = field(default_factory=dict)
    trim: bool = True
    case: Literal["upper", "lower", "title"] | None = None
    max_length: int | None = None
    decode: Literal["html"] | None = None
    empty: Literal["clear", "keep", "reject"] = "clear"


@dataclass(frozen=True, slots=True)
class PhoneRules:
    """How the numbers of a source are read.

    ``region``: an ISO 3166 code. ``region_column``: a column with the code of each row; ``region`` is for the rows
    without one. ``invalid``: what becomes of an impossible number: ``keep`` it, ``drop`` it, ``reject`` the row.
    """

    region: str = "US"
    region_column: str | None = None
    invalid: Literal["keep", "drop", "reject"] = "keep"


@dataclass(frozen=True, slots=True)
class SourceRules:
    """How a source's rows become contacts.

    ``key``: the columns that make the key. ``where``: a SQL expression; a row for which it is not true is excluded.
    ``require``: columns that may not be empty.
    """

    key: tuple[str, ...]
    mapping: Mapping[str, Rule]
    where: str | None = None
    require: tuple[str, ...] = ()
    phones: PhoneRules = PhoneRules()


@dataclass(frozen=True, slots=True)
class DeleteLimits:
    """Deletes are held if they are more than ``count``, or more than ``share`` (0 to 1) of the ledger.

    ``free``: so many deletes always pass both limits. ``grace``: seconds that a contact must be missing first.
    ``adopted``: adopted contacts may be deleted, too.
    """

    # Two limits, since each alone lets a disaster pass: a share the loss of thousands, a count all of a small source.
    count: int = 500
    share: float = 0.2
    free: int = 5
    grace: float = 0.0
    # An adopted contact was at the target before syncd, so a row that leaves is no reason to delete it.
    adopted: bool = False


@dataclass(frozen=True, slots=True)
class KeyLimits:
    """Rows under new keys that are vanishing contacts wait if they are more than ``share`` (0 to 1) of the ledger.

    ``free``: so many are taken over in any case.
    """

    share: float = 0.05
    free: int = 5


Mode = Literal["mirror", "upsert", "update_only", "create_only"]
"""The changes that a source makes at the target; ``mirror``: all of them, deletes included."""


@dataclass(frozen=True, slots=True)
class GateRules:
    """What the gates of a source allow.

    ``updates_share``: the part of the ledger (0 to 1) that one run may update. ``updates_known``: contacts in the
    ledger from which on this is checked. ``canaries``: keys that are always in the source.
    """

    mode: Mode = "mirror"
    deletes: DeleteLimits = DeleteLimits()
    keys: KeyLimits = KeyLimits()
    # A wrong column in the mapping changes nearly all contacts at once.
    updates_share: float = 0.5
    # Of a few contacts, more than half may well change at once.
    updates_known: int = 20
    canaries: tuple[str, ...] = ()


SharedMatch = Literal["first", "merge_phones", "hold"]
"""Which contact is sent of several with one match value: the first, the first with the numbers of all, or none."""

SharedNumbers = Literal["warn", "allow", "first", "newest", "company", "hold"]
"""What becomes of a number that several contacts have: all have it, with a warning or without; or one has it: the first
by source, then key, the one whose contact changed last, the one whose name is its company's; or none until a person
decides."""

DECIDING: frozenset[SharedNumbers] = frozenset({"first", "newest", "company", "hold"})
"""The policies by which at most one contact has a number."""


@dataclass(frozen=True, slots=True)
class NumberLimits:
    """How far numbers of contacts may change without an approval.

    ``same``: the part (0 to 1) of the created and updated contacts that may get one number. ``lost``: the part of the
    known numbers that may vanish or change country. ``contacts``: how many contacts a number may newly come to.
    """

    same: float = 0.3
    lost: float = 0.5
    contacts: int = 50


OnEdit = Literal["report", "overwrite", "keep"]
"""What a repair does to a contact that was changed at the target: report it, send it again, or keep the change."""
