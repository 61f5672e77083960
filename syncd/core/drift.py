"""Compare the target with its own last answers, and make the changes that repair it.

Every contact of the ledger and of the target's list gets a class. A contact is compared with what the target itself
answered when it took the contact. So the target's own way to write a number or a name is no drift, and neither is the
order of numbers or a field that the mapping does not name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from syncd.core.approvals import Approval
from syncd.core.change import Status
from syncd.core.columns import DIGEST, KEY, MATCH
from syncd.core.compare import BEFORE, CHANGE_SCHEMA, ID, KIND, OLD_MATCH, WHY, any_of, decoded, first_case
from syncd.core.gates import Read, gate, holds
from syncd.core.identity import as_frame, plain_text
from syncd.core.mapping.phones import canonical, national
from syncd.core.plan import Held, Plan
from syncd.core.schema import Schema
from syncd.core.settings.rules import GateRules, OnEdit
from syncd.core.wording import counted, percent

CLASS, LEFT, OTHER, HERE = "@class", "@left", "@other", "@here"
"""``@class``: ``same``, ``missing``, ``edited``, ``pending`` or ``rejected``. ``@left``: why a repair leaves the
contact alone. ``@other``: a field that the mapping does not name differs. ``@here``: the contact is at the target."""

SENT, RETURNED, AT, FREE = "@sent", "@returned", "@at", "@free"

HOLDING_SCHEMA = {
    KEY: pl.String,
    ID: pl.Int64,
    "@status": pl.String,
    MATCH: pl.String,
    DIGEST: pl.Int64,
    SENT: pl.String,
    RETURNED: pl.String,
    AT: pl.Float64,
}
"""The ledger's contacts of one source. ``@sent`` and ``@returned``: JSON objects; ``@returned`` is null if the target
answered what was sent. ``@at``: when the row was last written, in Unix seconds."""

REMAINS_SCHEMA = {ID: pl.Int64, KEY: pl.String, MATCH: pl.String, BEFORE: pl.String}
"""Contacts that we deleted. ``@before``: what the target held at that time (a JSON object)."""

LOST_GATE = "missing.share"

_EMPTY = "its match field {!r} is empty, so the target could take it for any contact: fill it in the source"

# Contacts that are compared at once: with three columns a field, all of them would take too much memory.
_SLICE = 20_000

_MISSING, _EDITED = pl.col(CLASS) == "missing", pl.col(CLASS) == "edited"


@dataclass(frozen=True, slots=True)
class Orders:
    """What a repair of one source may do. ``waiting``: keys that a gate of an ordinary run holds."""

    gates: GateRules
    on_edit: OnEdit
    waiting: Collection[str] = ()


def listed(fields: Mapping[int, Mapping[str, str]], schema: Schema) -> pl.DataFrame:
    """Return the target's contacts (their fields by id) as a frame: ``@id`` and each field."""
    return as_frame(list(fields.values()), schema.names).select(pl.Series(ID, list(fields), dtype=pl.Int64), pl.all())


def judge(holdings: pl.DataFrame, there: pl.DataFrame, schema: Schema, *, since: float) -> pl.DataFrame:
    """Give every contact of a source its class, and return the contacts that differ.

    Args:
        holdings: what the ledger says (:data:`HOLDING_SCHEMA`).
        there: every contact at the target, as :func:`listed` returns them.
        schema: the target's fields.
        since: when the listing began, in Unix seconds.

    Returns:
        The rows of ``holdings`` that are not ``same``, or of which a field that the mapping does not name differs from
        what is known of it (``@other``), with ``@class``, ``@here`` (whether the contact is there), and for each field
        three columns: ``@sent:F`` (null if it is left alone), ``@was:F`` (what the target last answered), ``@now:F``
        (null if the contact is missing).
    """
    now = there.rename({name: f"@now:{name}" for name in schema.names}).with_columns(pl.lit(value=True).alias(HERE))
    other = any_of(pl.col(f"@sent:{name}").is_null() & _differs(name, schema) for name in schema.names)
    return pl.concat(
        _with_fields(holdings.slice(start, _SLICE), schema)
        .join(now, on=ID, how="left", maintain_order="left")
        .with_columns(pl.col(HERE).fill_null(value=False))
        .with_columns(_class(schema, since).alias(CLASS), (pl.col(HERE) & other).alias(OTHER))
        .filter((pl.col(CLASS) != "same") | pl.col(OTHER))
        for start in range(0, max(holdings.height, 1), _SLICE)
    )


def _class(schema: Schema, since: float) -> pl.Expr:
    return first_case(
        # The list may be older than a row that was written after the listing began, so it proves nothing of this row.
        ((pl.col("@status") == Status.PENDING) | (pl.col(AT) >= since), "pending"),
        (pl.col("@status") == Status.REJECTED, "rejected"),
        (~pl.col(HERE), "missing"),
        (any_of(_edited(name, schema) for name in schema.names), "edited"),
        otherwise="same",
    )


def _with_fields(holdings: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    """Add the columns ``@sent:F`` and ``@was:F`` of each field."""
    sent, answered = decoded(pl.col(SENT), schema.names), decoded(pl.col(RETURNED), schema.names)
    # A field that an answer leaves out is empty at the target, so the answer counts as a whole.
    was = pl.when(pl.col(RETURNED).is_null()).then(sent).otherwise(answered)
    return holdings.with_columns(
        *(sent.struct.field(name).alias(f"@sent:{name}") for name in schema.names),
        *(was.struct.field(name).fill_null("").alias(f"@was:{name}") for name in schema.names),
    )


def _edited(name: str, schema: Schema) -> pl.Expr:
    """Return whether a field that was sent differs at the target."""
    return pl.col(f"@sent:{name}").is_not_null() & _differs(name, schema)


def _differs(name: str, schema: Schema) -> pl.Expr:
    plain = _plain_numbers if name in schema.phones else plain_text
    was, now = pl.col(f"@was:{name}"), pl.col(f"@now:{name}").fill_null("")
    return (was != now) & (plain(was) != plain(now))


def _plain_numbers(value: pl.Expr) -> pl.Expr:
    """Return the digits of the numbers in any order, without the leading 1 of the North American plan."""
    # A target may write numbers in its list in another way than in its answers.
    return canonical(national(value.str.replace_all(r"[^\d;]", "")).str.strip_chars(";"))


def remade(judged: pl.DataFrame, index: pl.DataFrame, claimed: pl.Series, schema: Schema) -> pl.DataFrame:
    """Find missing contacts that are at the target under another id: a person deleted a contact and made it again.

    Args:
        judged: as :func:`judge` returns it, with ``@before``: JSON of what is there, null if the contact is missing.
        index: the target's contacts by match value: ``@match``, ``@id``, ``@before``, ``many``.
        claimed: ids that a contact of any source holds.
        schema: the target's fields.

    Returns:
        ``judged`` with ``@free`` (the id to adopt) and, if the match value is not free, ``@left`` (why the contact
        cannot be repaired). A remade contact is ``edited``, and its values at the target are those under the new id.
    """
    by_match = index.select(MATCH, pl.col(ID).alias("@there"), pl.col(BEFORE).alias("@remade"), "many")
    found = judged.join(by_match, on=MATCH, how="left", maintain_order="left")
    free = _MISSING & (pl.col("many") == 1) & ~pl.col("@there").is_in(claimed.implode())
    left = (
        pl.when((_MISSING | _EDITED) & (pl.col("many") > 1))
        .then(pl.format("{} contacts at the target have its match values: delete all but one there", "many"))
        .when((_MISSING | _EDITED) & (pl.col("@there") != pl.col(ID)) & ~free)
        .then(pl.lit("another contact at the target has its match values: mend that one there"))
    )
    found = found.with_columns(pl.when(free).then("@there").alias(FREE), left.alias(LEFT))
    # From here on the remade contact counts as the ledger's: its values are compared, and a repair adopts it.
    values = decoded(pl.col("@remade"), schema.names)
    new = {CLASS: pl.lit("edited"), BEFORE: pl.col("@remade")}
    new |= {f"@now:{name}": values.struct.field(name) for name in schema.names}
    is_free = pl.col(FREE).is_not_null()
    return found.with_columns(
        pl.when(is_free).then(value).otherwise(pl.col(name)).alias(name) for name, value in new.items()
    ).drop("@there", "@remade", "many")


def extra_ours(there: pl.DataFrame, remains: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    """Return the rows of ``remains`` (:data:`REMAINS_SCHEMA`) whose contacts are at the target exactly as they were."""
    known = decoded(pl.col(BEFORE), schema.names)
    both = remains.join(there, on=ID, how="inner", maintain_order="left").with_columns(
        *(known.struct.field(name).fill_null("").alias(f"@was:{name}") for name in schema.names),
        *(pl.col(name).alias(f"@now:{name}") for name in schema.names),
    )
    # The id of a contact that we deleted may have come back with other values. These may be somebody's work.
    other = any_of(_differs(name, schema) for name in schema.names)
    return both.filter(~other).select(ID, KEY, MATCH, BEFORE)


def with_orders(judged: pl.DataFrame, orders: Orders, schema: Schema) -> pl.DataFrame:
    """Say in ``@left`` why a repair would leave a missing or an edited contact alone; null if it would repair it."""
    mode, policy = orders.gates.mode, orders.on_edit
    waits = pl.col(KEY).is_in(pl.Series(list(orders.waiting), dtype=pl.String).implode())
    # A remade contact is ``edited`` even if its values are the same. To adopt it overwrites no edit.
    differs = any_of(_edited(name, schema) for name in schema.names)
    why = first_case(
        *(((_MISSING | _EDITED) & _is_empty(name, schema), _EMPTY.format(name)) for name in schema.match),
        ((_MISSING | _EDITED) & waits, "a gate holds its changes"),
        (_MISSING & (mode == "update_only"), "mode: update_only creates none"),
        (_EDITED & (mode == "create_only"), "mode: create_only changes none"),
        (_EDITED & differs & (policy != "overwrite"), f"on_edit: {policy}"),
    )
    return judged.with_columns(pl.coalesce(LEFT, why).alias(LEFT))


def _is_empty(name: str, schema: Schema) -> pl.Expr:
    """Return whether nothing was sent in a match field: it became one later, and the row has no value in it."""
    sent = pl.col(f"@sent:{name}").fill_null("")
    return ~sent.str.contains(r"\d" if name in schema.phones else r"\S")


def repairs(judged: pl.DataFrame, extra: pl.DataFrame, schema: Schema, *, deletes: bool) -> pl.DataFrame:
    """Return the changes (:data:`syncd.core.compare.CHANGE_SCHEMA` and the fields) that repair the target.

    Args:
        judged: as :func:`with_orders` returns it.
        extra: contacts that we deleted and that are there again, as :func:`extra_ours` returns them.
        schema: the target's fields.
        deletes: whether the source's mode deletes.
    """
    todo = judged.filter((_MISSING | _EDITED) & pl.col(LEFT).is_null())
    # An upsert with the match value of the ledger would make a twin, if the match value was changed at the target.
    moved = any_of(_edited(name, schema) for name in schema.match)
    adopts = pl.col(FREE).is_not_null()
    upserts = todo.select(
        first_case((_MISSING, "create"), (adopts, "adopt"), (moved, "move"), otherwise="update").alias(KIND),
        KEY,
        # The id of a missing contact is gone. The target gives the contact a new one.
        pl.when(~_MISSING).then(pl.coalesce(FREE, ID)).alias(ID),
        MATCH,
        pl.col(MATCH).alias(OLD_MATCH),
        DIGEST,
        BEFORE,
        first_case((_MISSING, "it is not at the target any more"), otherwise="it was changed at the target").alias(WHY),
        *(pl.col(f"@sent:{name}").alias(name) for name in schema.names),
    )
    surplus = (extra if deletes else extra.clear()).with_columns(
        pl.lit("delete").alias(KIND),
        pl.col(MATCH).alias(OLD_MATCH),
        pl.lit("it was deleted before and is still at the target").alias(WHY),
    )
    columns = pl.DataFrame(schema={**CHANGE_SCHEMA, **dict.fromkeys(schema.names, pl.String)})
    return pl.concat([columns, upserts, surplus], how="diagonal")


def repair_plan(
    changes: pl.DataFrame, rules: GateRules, *, known: int, approved: Collection[Approval], schema_changed: str = ""
) -> Plan:
    """Put a repair through the gates of a run, and one that holds the creates if too many contacts are missing.

    Args:
        changes: as :func:`repairs` returns them.
        rules: what the gates of the source allow.
        known: contacts of the source in the ledger.
        approved: lists that a person approved.
        schema_changed: what has changed about the target's match fields; "" for nothing.
    """
    return gate(
        changes,
        read=Read(proved=True, rows=known),
        rules=rules,
        known=known,
        approved=approved,
        schema_changed=schema_changed,
        also=tuple(_lost(changes.filter(pl.col(KIND) == "create"), rules, known)),
    )


def _lost(creates: pl.DataFrame, rules: GateRules, known: int) -> Iterator[Held]:
    # A target that lacks most of the contacts may be another company's: somebody changed the API key.
    lost = known >= rules.updates_known and creates.height > rules.updates_share * known
    part = f"{creates.height:,} of {counted(known, 'contact')} ({percent(creates.height / max(known, 1))})"
    detail = f"{part} are not at the target; {percent(rules.updates_share)} is allowed. Is it the right account?"
    return holds("all", creates, (LOST_GATE, lost, detail))


def edits(judged: pl.DataFrame, schema: Schema) -> Iterator[tuple[dict[str, Any], dict[str, dict[str, str | None]]]]:
    """Yield each row of ``judged`` with its mapped fields that differ: name to ``{"old": …, "new": …}``.

    ``old`` is what the target answered last. An empty value is null.
    """
    flags = judged.with_columns(_edited(name, schema).alias(f"@edited:{name}") for name in schema.names)
    for row in flags.iter_rows(named=True):
        names = [name for name in schema.names if row[f"@edited:{name}"]]
        yield row, {name: {"old": row[f"@was:{name}"] or None, "new": row[f"@now:{name}"] or None} for name in names}
