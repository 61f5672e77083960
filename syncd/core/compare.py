"""What differs between what the sources say and what we last sent: the changes, with each field's old and new value.

``diff`` compares (key, digest) of everything; only the rows that differ are then looked at in full by ``classify``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from syncd.core.change import Change, Kind, Status
from syncd.core.columns import CONTACT, DIGEST, EXCLUDED, INVALID, KEY, LINE, MATCH, ORIGIN, RAW, STATE
from syncd.core.mapping.phones import canonical
from syncd.core.schema import Schema
from syncd.core.settings.rules import GateRules, Mode

KIND, ID, BEFORE, WHY, OLD_MATCH = "@kind", "@id", "@before", "@why", "@old_match"

LEDGER_SCHEMA = {KEY: pl.String, DIGEST: pl.Int64, "@status": pl.String}
DETAIL_SCHEMA = {
    KEY: pl.String,
    ID: pl.Int64,
    "@status": pl.String,
    OLD_MATCH: pl.String,
    BEFORE: pl.String,
    "@origin_kind": pl.String,
    "@missing_since": pl.Float64,
}
INDEX_SCHEMA = {MATCH: pl.String, ID: pl.Int64, BEFORE: pl.String}


@dataclass(frozen=True, slots=True)
class Diff:
    """Keys by what happened to them. ``changed`` and ``gone`` are Series of keys.

    ``changed``: contacts to send. ``gone``: known to the ledger and not wanted any more. ``unchanged``: how many
    are what the ledger says. ``back``: keys that the ledger holds as missing and that are there (unchanged or not).
    """

    changed: pl.Series
    gone: pl.Series
    unchanged: int
    rejected: int


def diff(read: pl.DataFrame, ledger: pl.DataFrame, *, whole: bool, deleted: Sequence[str] = ()) -> Diff:
    """Compare what was read with the ledger.

    Args:
        read: ``@key``, ``@state``, ``@digest``: every row with a key, keys unique.
        ledger: ``@key``, ``@digest``, ``@status`` of this source's contacts.
        whole: the read holds the whole source, so a key that is not in it is gone (whether that is proved is for
            the gates); else only ``deleted`` and excluded keys are.
        deleted: keys that the source says are gone.
    """
    both = _beside(read.filter(pl.col(STATE) == CONTACT).select(KEY, DIGEST), ledger)
    same = (pl.col(DIGEST) == pl.col(_WAS)) & (pl.col("@status") != Status.PENDING)
    rejected = pl.col("@status") == Status.REJECTED
    split = both.select(KEY, same.fill_null(value=False).alias("same"), rejected.alias("rejected"))
    named = None if whole else [*deleted, *read.filter(pl.col(STATE) == EXCLUDED).get_column(KEY)]
    rejected_as_is = split.filter("same", "rejected").height
    return Diff(
        changed=split.filter(~pl.col("same")).get_column(KEY),
        gone=_gone(read, ledger, both.get_column(_AT).drop_nulls(), named),
        unchanged=int(split.get_column("same").sum()) - rejected_as_is,
        rejected=rejected_as_is,
    )


_WAS, _AT, _HASH = "@digest_was", "@at", "@hash"


def _beside(wanted: pl.DataFrame, ledger: pl.DataFrame) -> pl.DataFrame:
    """Put each contact's ledger row beside it: ``@digest_was``, ``@status`` and ``@at``, the row's position.

    The rows are joined by the keys' hashes, which takes half the time and memory of joining by text; where a hash is
    not proof, since the texts differ or two keys share it, they are joined by text.
    """
    known = ledger.rename({DIGEST: _WAS}).with_row_index(_AT)
    left = wanted.with_columns(pl.col(KEY).hash().alias(_HASH))
    right = known.select(_AT, _WAS, "@status", pl.col(KEY).alias("@theirs"), pl.col(KEY).hash().alias(_HASH))
    both = left.join(right, on=_HASH, how="left", maintain_order="left")
    exact = (pl.col(KEY) == pl.col("@theirs")).all()
    if both.height == wanted.height and both.select(exact).item():
        return both
    return wanted.join(known, on=KEY, how="left", maintain_order="left")


def _gone(read: pl.DataFrame, ledger: pl.DataFrame, matched: pl.Series, named: Sequence[str] | None) -> pl.Series:
    """Return the ledger's keys that no row holds; of ``named`` ones only, unless it is None."""
    if len(matched) == ledger.height:
        return ledger.get_column(KEY).clear()
    rest = ledger.with_row_index(_AT).join(matched.to_frame(_AT), on=_AT, how="anti", maintain_order="left")
    if named is not None:
        rest = rest.filter(pl.col(KEY).is_in(pl.Series(named, dtype=pl.String).unique().implode()))
    held = read.filter(pl.col(STATE) == INVALID).select(KEY)
    return rest.join(held, on=KEY, how="anti", maintain_order="left").get_column(KEY)


def classify(contacts: pl.DataFrame, gone: pl.Series, detail: pl.DataFrame, index: pl.DataFrame) -> pl.DataFrame:
    """Make the changes out of the rows that differ.

    Args:
        contacts: the changed contacts: ``@key``, ``@line``, ``@origin``, ``@match``, ``@digest``, ``@raw`` and their
            fields.
        gone: keys not wanted any more.
        detail: ledger rows (``DETAIL_SCHEMA``) of all those keys; ``@before`` is a JSON object of the values at
            the target.
        index: contacts at the target (``INDEX_SCHEMA``) when the target was listed, each match value once.

    Returns:
        One row a change: ``@kind``, ``@key``, ``@id`` (the target's, where known), ``@match``, ``@old_match``,
        ``@digest``, ``@raw``, ``@before``, ``@why``, ``@line``, ``@origin``, and the contact's fields (null for a
        delete).
    """
    sent = contacts.join(detail, on=KEY, how="left", maintain_order="left").join(
        index.rename({ID: "@there", BEFORE: "@there_before"}), on=MATCH, how="left", maintain_order="left"
    )
    has_id = pl.col(ID).is_not_null()
    there = pl.col("@there").is_not_null()
    ours = pl.col("@origin_kind").is_not_null() & (pl.col("@status") == Status.PENDING)
    kind = (
        pl.when(has_id & (pl.col(MATCH) != pl.col(OLD_MATCH)))
        .then(pl.lit("move"))
        .when(has_id)
        .then(pl.lit("update"))
        .when(there & ~ours.fill_null(value=False))
        .then(pl.lit("adopt"))
        .otherwise(pl.lit("create"))
    )
    why = pl.when(pl.col("@status") == Status.PENDING).then(pl.lit("the outcome of an earlier call is unknown"))
    upserts = sent.with_columns(
        kind.alias(KIND),
        pl.coalesce(ID, "@there").alias(ID),
        pl.coalesce(BEFORE, "@there_before").alias(BEFORE),
        why.alias(WHY),
    )
    fields = [name for name in contacts.columns if not name.startswith("@")]
    columns = [KIND, KEY, ID, MATCH, OLD_MATCH, DIGEST, RAW, BEFORE, WHY, LINE, ORIGIN, *fields]
    deletes = detail.join(gone.to_frame(KEY), on=KEY, how="semi").with_columns(
        pl.lit("delete").alias(KIND), pl.col(OLD_MATCH).alias(MATCH)
    )
    return pl.concat([upserts.select(columns), deletes], how="diagonal").select(columns)


def field_changes(
    before: Mapping[str, str], after: Mapping[str, str | None] | None, phones: frozenset[str]
) -> dict[str, dict[str, str | None]]:
    """Return each field whose value differs: name to ``{"old": …, "new": …}``; numbers are compared as sets.

    ``after`` None means that the contact is deleted; a field that is null in it is left alone. An absent and an
    empty value are the same.
    """
    if after is None:
        return {name: {"old": value, "new": None} for name, value in before.items() if value}
    found: dict[str, dict[str, str | None]] = {}
    for name, new in after.items():
        old = before.get(name) or ""
        if new is None or old == new or (name in phones and _same_numbers(old, new)):
            continue
        found[name] = {"old": old or None, "new": new}
    return found


def values_before(changes: pl.DataFrame) -> pl.DataFrame:
    """Return the fields' values at the target before each change, one column a field; "" where none is known."""
    names = [name for name in changes.columns if not name.startswith("@")]
    parsed = changes.get_column(BEFORE).fill_null("{}").str.json_decode(pl.Struct(dict.fromkeys(names, pl.String)))
    return parsed.struct.unnest().with_columns(pl.all().fill_null(""))


def values_differ(changes: pl.DataFrame, phones: frozenset[str]) -> pl.Series:
    """Return which changes give a field another value; numbers are compared as sets (Boolean)."""
    was = values_before(changes)
    found = pl.Series("", [False]).new_from_index(0, changes.height)
    for name in was.columns:
        pair = pl.DataFrame([changes.get_column(name).alias("new"), was.get_column(name).alias("old")])
        new, old = (canonical(pl.col(each)) if name in phones else pl.col(each) for each in ("new", "old"))
        found |= pair.select((new != old).fill_null(value=False)).to_series()
    return found


def _same_numbers(old: str, new: str) -> bool:
    return set(old.split(";")) == set(new.split(";"))


_ABOUT = (KIND, KEY, ID, MATCH, DIGEST, RAW, OLD_MATCH, WHY, LINE, ORIGIN, BEFORE)
"""The columns of a change, in the order of the fields of :class:`syncd.core.change.Change`."""


def rows(changes: pl.DataFrame) -> Iterator[Change]:
    """Yield each change of a frame as :func:`classify` returns it; columns that the frame lacks are None."""
    fields = changes.select(name for name in changes.columns if not name.startswith("@"))
    # A null is a field that is left alone. Most plans have none, and to look for it in each row costs every push.
    some_left_alone = any(fields.null_count().row(0))
    about = changes.select(name if name in changes.columns else pl.lit(None).alias(name) for name in _ABOUT)
    for (*rest, before), values in zip(about.iter_rows(), fields.iter_rows(named=True), strict=True):
        after: dict[str, str] | None = values
        if rest[0] == "delete":
            after = None
        elif some_left_alone:
            after = {name: value for name, value in values.items() if value is not None}
        yield Change._make((*rest, json.loads(before) if before else {}, after))


Same = dict[str, int]
"""The digests of contacts that are what the target holds, by key."""

_BARRED: Mapping[Mode, Sequence[Kind]] = {
    "mirror": (),
    "upsert": ("delete",),
    "update_only": ("create", "delete"),
    "create_only": ("update", "move", "delete", "adopt"),
}
"""The changes that each mode does not make."""


def without_same(changes: pl.DataFrame, again: pl.Series, schema: Schema) -> tuple[pl.DataFrame, Same]:
    """Leave out updates that change no field: only the order of numbers differs, or the way digests are made.

    ``again``: keys whose contacts the target refused and that are sent again: the target may have lost the contact.
    """
    updates = changes.filter((pl.col(KIND) == "update") & pl.col(WHY).is_null() & pl.col(BEFORE).is_not_null())
    updates = updates.filter(~pl.col(KEY).is_in(again.implode()))
    same = {
        change.key: change.digest or 0
        for change in rows(updates.filter(~values_differ(updates, schema.phones)))
        if change.before and not field_changes(change.before, change.after, schema.phones)
    }
    if not same:
        return changes, same
    kept = ~((pl.col(KIND) == "update") & pl.col(KEY).is_in(pl.Series(list(same)).implode()))
    return changes.filter(kept), same


def in_mode(changes: pl.DataFrame, mode: Mode) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the changes that the source's mode makes, and the upserts among the changes that it does not make."""
    barred = pl.col(KIND).is_in(_BARRED[mode])
    return changes.filter(~barred), changes.filter(barred & (pl.col(KIND) != "delete"))


def without_adopted(changes: pl.DataFrame, detail: pl.DataFrame, rules: GateRules) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return the changes without the deletes of adopted contacts, which stay at the target, and these deletes."""
    if rules.deletes.adopted:
        return changes, changes.clear()
    adopted = detail.filter(pl.col("@origin_kind") == "adopted").get_column(KEY)
    kept = (pl.col(KIND) == "delete") & pl.col(KEY).is_in(adopted.implode())
    return changes.filter(~kept), changes.filter(kept)


def emptied(changes: pl.DataFrame) -> dict[str, int]:
    """Count, per field, the updates that empty a value."""
    edits = changes.filter(pl.col(KIND).is_in(["update", "move"]))
    was = values_before(edits)
    found = {
        name: len(was.filter((edits.get_column(name) == "") & (was.get_column(name) != ""))) for name in was.columns
    }
    return {name: count for name, count in found.items() if count}
