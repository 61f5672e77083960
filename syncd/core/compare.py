"""Compare the sources' contacts with the ledger: the changes, with the old and the new value of each field.

:func:`diff` compares the digests of all contacts. :func:`classify` looks only at contacts that differ.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from syncd.core.change import CarriedOut, Change, Status
from syncd.core.columns import CONTACT, DIGEST, EXCLUDED, INVALID, KEY, LINE, MATCH, ORIGIN, RAW, STATE
from syncd.core.mapping.phones import canonical
from syncd.core.schema import Schema

KIND, ID, BEFORE, WHY, OLD_MATCH = "@kind", "@id", "@before", "@why", "@old_match"

SPARES = "@spares"
"""A column that a frame of changes may have: whether a move leaves its former contact at the target."""

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
"""Ledger rows in full. ``@old_match``: the match value at the target. ``@before``: the values at the target (a JSON
object), null if they are unknown. ``@origin_kind``: ``created`` or ``adopted``. ``@missing_since``: Unix seconds."""

INDEX_SCHEMA = {MATCH: pl.String, ID: pl.Int64, BEFORE: pl.String}
"""Contacts at the target by match value."""

CHANGE_SCHEMA = {
    KIND: pl.String,
    KEY: pl.String,
    ID: pl.Int64,
    MATCH: pl.String,
    OLD_MATCH: pl.String,
    DIGEST: pl.Int64,
    RAW: pl.Int64,
    BEFORE: pl.String,
    WHY: pl.String,
    LINE: pl.UInt32,
    ORIGIN: pl.UInt32,
}
"""A frame of changes has these columns and one String column for each field. ``@kind``: one of :data:`KINDS`. ``@id``:
the target's id, if it is known. ``@match``: the match value that the contact gets. ``@old_match``: the match value that
it has. ``@why``: a reason beside the values, if there is one. A delete has null in every field."""

FORMERLY_UNKNOWN = "the target had it before; what it held then is not known"
"""Why the former values of a change are absent: nobody had read them."""


@dataclass(frozen=True, slots=True)
class Diff:
    """``changed``: keys of contacts to send. ``gone``: keys in the ledger that are not wanted any more.

    ``unchanged``: how many contacts are what the ledger says, without contacts that the target refused.
    """

    changed: pl.Series
    gone: pl.Series
    unchanged: int


def diff(read: pl.DataFrame, ledger: pl.DataFrame, *, whole: bool, deleted: Sequence[str] = ()) -> Diff:
    """Compare what was read with the ledger.

    Args:
        read: ``@key``, ``@state``, ``@digest`` of every row with a key, keys unique.
        ledger: contacts of the source (:data:`LEDGER_SCHEMA`).
        whole: whether a key without a row is gone; else only ``deleted`` keys and keys of excluded rows are gone.
        deleted: keys that the source reports as gone.
    """
    both = _beside(read.filter(pl.col(STATE) == CONTACT).select(KEY, DIGEST), ledger)
    keys, status = both.get_column(KEY), both.get_column("@status")
    # A pending contact is sent again even if its digest is the same: the target may hold something else.
    same = ((both.get_column(DIGEST) == both.get_column(_WAS)) & (status != Status.PENDING)).fill_null(value=False)
    named = None if whole else [*deleted, *read.filter(pl.col(STATE) == EXCLUDED).get_column(KEY)]
    return Diff(
        changed=keys.filter(~same),
        gone=_gone(read, ledger, both.get_column(_AT).drop_nulls(), named),
        unchanged=int((same & (status != Status.REJECTED)).sum()),
    )


_WAS, _AT, _HASH = "@digest_was", "@at", "@hash"


def _beside(wanted: pl.DataFrame, ledger: pl.DataFrame) -> pl.DataFrame:
    """Put each contact's ledger row beside it: ``@digest_was``, ``@status`` and ``@at``, the row's position."""
    known = ledger.rename({DIGEST: _WAS}).with_row_index(_AT)
    # A join by the hashes of the keys takes half the time and memory of a join by text.
    left = wanted.with_columns(pl.col(KEY).hash().alias(_HASH))
    right = known.select(_AT, _WAS, "@status", pl.col(KEY).alias("@theirs"), pl.col(KEY).hash().alias(_HASH))
    both = left.join(right, on=_HASH, how="left", maintain_order="left")
    if both.height == wanted.height and (both.get_column(KEY) == both.get_column("@theirs")).all():
        return both
    # Two keys have the same hash.
    return wanted.join(known, on=KEY, how="left", maintain_order="left")


def _gone(read: pl.DataFrame, ledger: pl.DataFrame, matched: pl.Series, named: Sequence[str] | None) -> pl.Series:
    """Return the ledger's keys that no row has; if keys are ``named``, only these."""
    if len(matched) == ledger.height:
        return ledger.get_column(KEY).clear()
    rest = ledger.with_row_index(_AT).join(matched.to_frame(_AT), on=_AT, how="anti", maintain_order="left")
    if named is not None:
        rest = rest.filter(pl.col(KEY).is_in(pl.Series(named, dtype=pl.String).unique().implode()))
    # An invalid row says nothing of its contact, so its key is not gone.
    held = read.filter(pl.col(STATE) == INVALID).select(KEY)
    return rest.join(held, on=KEY, how="anti", maintain_order="left").get_column(KEY)


def classify(contacts: pl.DataFrame, gone: pl.Series, detail: pl.DataFrame, index: pl.DataFrame) -> pl.DataFrame:
    """Make the changes out of the contacts that differ.

    Args:
        contacts: ``@key``, ``@line``, ``@origin``, ``@match``, ``@digest``, ``@raw`` and the fields of these contacts.
        gone: keys that are not wanted any more.
        detail: ledger rows (:data:`DETAIL_SCHEMA`) of all these keys.
        index: contacts at the target (:data:`INDEX_SCHEMA`), each match value once; empty if it was not listed.

    Returns:
        The changes (:data:`CHANGE_SCHEMA` and the fields).
    """
    there = index.rename({ID: "@there", BEFORE: "@there_before"})
    # A contact may be at the target although the ledger does not have it: it was there before syncd.
    sent = contacts.join(detail, on=KEY, how="left", maintain_order="left")
    sent = sent.join(there, on=MATCH, how="left", maintain_order="left")
    columns = [*CHANGE_SCHEMA, *(name for name in contacts.columns if not name.startswith("@"))]
    upserts = sent.with_columns(
        _kind().alias(KIND),
        pl.coalesce(ID, "@there").alias(ID),
        pl.coalesce(BEFORE, "@there_before").alias(BEFORE),
        pl.when(pl.col("@status") == Status.PENDING)
        .then(pl.lit("the outcome of an earlier call is unknown"))
        .alias(WHY),
    )
    deletes = detail.join(gone.to_frame(KEY), on=KEY, how="semi").with_columns(
        pl.lit("delete").alias(KIND), pl.col(OLD_MATCH).alias(MATCH)
    )
    return pl.concat([upserts.select(columns), deletes], how="diagonal").select(columns)


def _kind() -> pl.Expr:
    """Return the kind of an upsert."""
    has_id, there = pl.col(ID).is_not_null(), pl.col("@there").is_not_null()
    # A create of unknown outcome may have made the contact at the target. An adopted contact is never deleted, so such
    # a contact is not adopted.
    ours = pl.col("@origin_kind").is_not_null() & (pl.col("@status") == Status.PENDING)
    return first_case(
        (has_id & (pl.col(MATCH) != pl.col(OLD_MATCH)), "move"),
        (has_id, "update"),
        (there & ~ours.fill_null(value=False), "adopt"),
        otherwise="create",
    )


def field_changes(
    before: Mapping[str, str], after: Mapping[str, str | None] | None, phones: frozenset[str]
) -> dict[str, dict[str, str | None]]:
    """Return each field whose value differs: name to ``{"old": …, "new": …}``; numbers are compared as sets.

    ``after``: None for a delete; a field that is null in it is left alone. An absent value and an empty value are the
    same.
    """
    if after is None:
        return {name: {"old": value, "new": None} for name, value in before.items() if value}
    found: dict[str, dict[str, str | None]] = {}
    for name, new in after.items():
        old = before.get(name) or ""
        if new is None or old == new or (name in phones and set(old.split(";")) == set(new.split(";"))):
            continue
        found[name] = {"old": old or None, "new": new}
    return found


def first_case(*cases: tuple[pl.Expr, str], otherwise: str | None = None) -> pl.Expr:
    """Return the text of the first case (condition and text) whose condition holds, else ``otherwise``."""
    texts = (pl.when(condition).then(pl.lit(text)) for condition, text in cases)
    return pl.coalesce(*texts, pl.lit(otherwise, dtype=pl.String))


def any_of(conditions: Iterable[pl.Expr]) -> pl.Expr:
    """Return whether any of these conditions holds; false if there are none."""
    return pl.any_horizontal(pl.lit(value=False), *conditions)


def decoded(texts: pl.Expr, names: Iterable[str]) -> pl.Expr:
    """Return JSON objects of fields as structs with these names; null in each field that an object lacks."""
    return texts.str.json_decode(pl.Struct(dict.fromkeys(names, pl.String)))


def values_before(changes: pl.DataFrame) -> pl.DataFrame:
    """Return the fields' values at the target before each change, one column a field; "" if none is known."""
    names = [name for name in changes.columns if not name.startswith("@")]
    known = changes.select(decoded(pl.col(BEFORE).fill_null("{}"), names))
    return known.unnest(BEFORE).with_columns(pl.all().fill_null(""))


def values_differ(changes: pl.DataFrame, phones: frozenset[str]) -> pl.Series:
    """Return which changes give a field another value (Boolean), as :func:`field_changes` compares values."""
    was = values_before(changes)
    both = changes.select(was.columns).hstack(was.rename(lambda name: f"@was:{name}"))

    def differs(name: str) -> pl.Expr:
        new, old = pl.col(name), pl.col(f"@was:{name}")
        unequal = canonical(new) != canonical(old) if name in phones else new != old
        return unequal.fill_null(value=False)

    return both.select(any_of(map(differs, was.columns))).to_series()


_ABOUT = (KIND, KEY, ID, MATCH, DIGEST, RAW, OLD_MATCH, WHY, LINE, ORIGIN, SPARES, BEFORE)
"""The columns of a change, nearly in the order of the fields of :class:`syncd.core.change.Change`."""


def rows(changes: pl.DataFrame) -> Iterator[Change]:
    """Yield each change of a frame as :func:`classify` returns it; columns that the frame lacks are None."""
    fields = changes.select(name for name in changes.columns if not name.startswith("@"))
    # A null is a field that is left alone. Most plans have none, and to look for it in each row costs every push.
    some_left_alone = any(fields.null_count().row(0))
    about = changes.select(name if name in changes.columns else pl.lit(None).alias(name) for name in _ABOUT)
    for (*rest, spares, before), values in zip(about.iter_rows(), fields.iter_rows(named=True), strict=True):
        after: dict[str, str] | None = values
        if rest[0] == "delete":
            after = None
        elif some_left_alone:
            after = {name: value for name, value in values.items() if value is not None}
        yield Change._make((*rest, json.loads(before) if before else {}, after, spares))


Same = Mapping[str, tuple[int, str]]
"""By key, the digest and the fields (a JSON object) of contacts that are what the target holds."""


def without_same(changes: pl.DataFrame, again: pl.Series, schema: Schema) -> tuple[pl.DataFrame, Same]:
    """Leave out updates that change no field: only the order of numbers differs, or the way digests are made.

    ``again``: keys of refused contacts that are sent again.
    """
    # If nothing is known of the contact at the target, or the last outcome is unknown, only sending it makes it sure.
    known = (pl.col(KIND) == "update") & pl.col(WHY).is_null() & (pl.col(BEFORE) != "{}")
    # The target may have lost a contact that it refused.
    updates = changes.filter(known & ~pl.col(KEY).is_in(again.implode()))
    if updates.is_empty():
        return changes, {}
    same = updates.filter(~values_differ(updates, schema.phones))
    # A repair sends the fields that the ledger has. So these become the row's fields, together with the digest.
    found = {each.key: (each.digest or 0, json.dumps(each.after, ensure_ascii=False)) for each in rows(same)}
    return changes.join(same.select(KEY), on=KEY, how="anti", maintain_order="left"), found


def as_carried_out(changes: pl.DataFrame, done: Mapping[str, tuple[int, CarriedOut]]) -> pl.DataFrame:
    """Return changes as the target carried them out; ``done``: by key, the id, and what the change turned out to be."""
    met = "it took over a contact that the target had before"
    found = pl.DataFrame(
        [
            (key, each.kind, id_, None if each.before is None else json.dumps(dict(each.before), ensure_ascii=False))
            for key, (id_, each) in done.items()
        ],
        schema={KEY: pl.String, "@done": pl.String, "@new_id": pl.Int64, "@was": pl.String},
        orient="row",
    )
    both = changes.join(found, on=KEY, how="left", maintain_order="left")
    turned = pl.col("@done").is_not_null()
    blind = turned & (pl.col("@done") != "create") & pl.col("@was").is_null()
    says = first_case((blind, FORMERLY_UNKNOWN), (pl.col("@done") == pl.col(KIND), met))
    return both.with_columns(
        pl.coalesce("@done", KIND).alias(KIND),
        pl.when(turned).then("@new_id").otherwise(ID).alias(ID),
        pl.when(turned).then("@was").otherwise(BEFORE).alias(BEFORE),
        pl.concat_str(WHY, says, separator="; ", ignore_nulls=True).replace("", None).alias(WHY),
    ).select(changes.columns)


def emptied(changes: pl.DataFrame) -> dict[str, int]:
    """Count, per field, the updates that empty a value."""
    edits = changes.filter(pl.col(KIND).is_in(["update", "move"]))
    was = values_before(edits)
    counts = {name: int(((edits[name] == "") & (was[name] != "")).sum()) for name in was.columns}
    return {name: count for name, count in counts.items() if count}
