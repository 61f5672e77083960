"""How the target differs from what it last answered, and the changes that would put it right.

Every contact of the ledger and every contact at the target gets a class. What a contact should be is what the target
itself answered when it took the contact, so its own way of writing a number or a name is never drift, and neither is
the order of numbers or a field that the mapping does not name.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import polars as pl

from syncd.core.approvals import Approval
from syncd.core.change import Status
from syncd.core.columns import DIGEST, KEY, LINE, MATCH, ORIGIN
from syncd.core.compare import BEFORE, ID, KIND, OLD_MATCH, WHY
from syncd.core.gates import Read, gate
from syncd.core.mapping.phones import canonical
from syncd.core.plan import Held, Plan, list_digest
from syncd.core.schema import Schema
from syncd.core.settings.rules import GateRules, OnEdit
from syncd.core.wording import counted, percent

Class = Literal["same", "missing", "edited", "pending", "rejected"]

CLASS, LEFT, OTHER, HERE = "@class", "@left", "@other", "@here"
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
"""The ledger's contacts of one source. ``@sent`` and ``@returned``: JSON objects; ``@returned`` is null where the
target answered what was sent. ``@at``: when the row was last written, in Unix seconds."""

REMAINS_SCHEMA = {ID: pl.Int64, KEY: pl.String, MATCH: pl.String, BEFORE: pl.String}
"""Contacts that we deleted, with what the target held then (a JSON object)."""

LOST_GATE = "missing.share"

_SLICE = 20_000  # contacts whose fields are laid side by side at once

_NOT_A_DIGIT, _LEADING_ONE = r"[^\d;]", r"(^|;)1(\d{10})\b"


@dataclass(frozen=True, slots=True)
class Orders:
    """What a repair of one source may do. ``waiting``: keys that a gate of an ordinary run holds."""

    gates: GateRules
    on_edit: OnEdit
    waiting: Collection[str] = ()


def listed(fields: Mapping[int, Mapping[str, str]], schema: Schema) -> pl.DataFrame:
    """Return the target's contacts as a frame: ``@id`` and each field."""
    columns: dict[str, Any] = {ID: list(fields)}
    columns |= {name: [each.get(name) or "" for each in fields.values()] for name in schema.names}
    return pl.DataFrame(columns, schema={ID: pl.Int64, **dict.fromkeys(schema.names, pl.String)})


def judge(holdings: pl.DataFrame, there: pl.DataFrame, schema: Schema, *, since: float) -> pl.DataFrame:
    """Give every contact of a source its class, and return those of which there is something to say.

    Args:
        holdings: what the ledger says (``HOLDING_SCHEMA``).
        there: every contact at the target, as :func:`listed` returns them.
        schema: the target's fields.
        since: when the listing began; what was written later cannot be judged by it.

    Returns:
        The rows of ``holdings`` that are not ``same``, or of which a field that the mapping does not name differs from
        what is known of it (``@other``), with ``@class``, ``@here`` (whether the contact is there), and for each field
        three columns: ``@sent:F`` (null where it is left alone), ``@was:F`` (what the target last answered),
        ``@now:F`` (null where the contact is missing).
    """
    now = there.rename({name: f"@now:{name}" for name in schema.names}).with_columns(pl.lit(value=True).alias(HERE))
    mapped = pl.any_horizontal(pl.lit(value=False), *(_edited(name, schema) for name in schema.names))
    other = pl.any_horizontal(
        pl.lit(value=False), *(pl.col(f"@sent:{name}").is_null() & _differs(name, schema) for name in schema.names)
    )
    class_ = (
        pl.when((pl.col("@status") == Status.PENDING) | (pl.col(AT) >= since))
        .then(pl.lit("pending"))
        .when(pl.col("@status") == Status.REJECTED)
        .then(pl.lit("rejected"))
        .when(~pl.col(HERE))
        .then(pl.lit("missing"))
        .when(mapped)
        .then(pl.lit("edited"))
        .otherwise(pl.lit("same"))
    )
    told = (pl.col(CLASS) != "same") | pl.col(OTHER)
    parts = [
        _decoded(holdings.slice(start, _SLICE), schema)
        .join(now, on=ID, how="left", maintain_order="left")
        .with_columns(pl.col(HERE).fill_null(value=False))
        .with_columns(class_.alias(CLASS), (pl.col(HERE) & other).alias(OTHER))
        .filter(told)
        for start in range(0, max(holdings.height, 1), _SLICE)
    ]
    return pl.concat(parts)


def _decoded(holdings: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    """Put each field as it was sent, and as the target answered it, in a column of its own."""
    form = pl.Struct(dict.fromkeys(schema.names, pl.String))
    sent, answered = pl.col(SENT).str.json_decode(form), pl.col(RETURNED).str.json_decode(form)
    columns = []
    for name in schema.names:
        was = pl.when(pl.col(RETURNED).is_null()).then(sent.struct.field(name)).otherwise(answered.struct.field(name))
        columns += [sent.struct.field(name).alias(f"@sent:{name}"), was.fill_null("").alias(f"@was:{name}")]
    return holdings.with_columns(columns)


def _edited(name: str, schema: Schema) -> pl.Expr:
    return pl.col(f"@sent:{name}").is_not_null() & _differs(name, schema)


def _differs(name: str, schema: Schema) -> pl.Expr:
    plain = _plain_numbers if name in schema.phones else _plain_text
    was, now = pl.col(f"@was:{name}"), pl.col(f"@now:{name}").fill_null("")
    return (was != now) & (plain(was) != plain(now))


def _plain_text(value: pl.Expr) -> pl.Expr:
    return value.str.strip_chars().str.normalize("NFC")


def _plain_numbers(value: pl.Expr) -> pl.Expr:
    """Digits in any order, US numbers without a leading 1, however the list writes them."""
    digits = value.str.replace_all(_NOT_A_DIGIT, "").str.replace_all(_LEADING_ONE, "${1}${2}")
    return canonical(digits.str.strip_chars(";"))


def remade(judged: pl.DataFrame, index: pl.DataFrame, claimed: pl.Series, schema: Schema) -> pl.DataFrame:
    """Recognise missing contacts that are at the target under another id: a person deleted one and made it again.

    Args:
        judged: as :func:`judge` returns it, with ``@before``: JSON of what is there, null where that is nothing.
        index: the target's contacts by match value: ``@match``, ``@id``, ``@before``, ``many``.
        claimed: ids that a contact of any source holds.
        schema: the target's fields.

    Returns:
        ``judged`` with ``@free`` (the id to adopt) and, where the match value is not free, ``@left`` (why it cannot be
        repaired). A remade contact is ``edited``, with that one's values as what is there.
    """
    taken = pl.col("@there").is_in(claimed.implode())
    by_match = index.select(MATCH, pl.col(ID).alias("@there"), pl.col(BEFORE).alias("@remade"), "many")
    found = judged.join(by_match, on=MATCH, how="left", maintain_order="left")
    missing, edited = pl.col(CLASS) == "missing", pl.col(CLASS) == "edited"
    free = missing & (pl.col("many") == 1) & ~taken
    several = "{} contacts at the target have its match values: delete all but one there"
    left = (
        pl.when((missing | edited) & (pl.col("many") > 1))
        .then(pl.format(several, "many"))
        .when((missing | edited) & (pl.col("@there") != pl.col(ID)) & ~free)
        .then(pl.lit("another contact at the target has its match values: mend that one there"))
    )
    found = found.with_columns(pl.when(free).then("@there").alias(FREE), left.alias(LEFT))
    form = pl.Struct(dict.fromkeys(schema.names, pl.String))
    new = pl.col("@remade").str.json_decode(form)
    is_free = pl.col(FREE).is_not_null()
    return found.with_columns(
        pl.when(is_free).then(pl.lit("edited")).otherwise(pl.col(CLASS)).alias(CLASS),
        pl.when(is_free).then("@remade").otherwise(pl.col(BEFORE)).alias(BEFORE),
        *(
            pl.when(is_free).then(new.struct.field(name)).otherwise(pl.col(f"@now:{name}")).alias(f"@now:{name}")
            for name in schema.names
        ),
    ).drop("@there", "@remade", "many")


def extra_ours(there: pl.DataFrame, remains: pl.DataFrame, schema: Schema) -> pl.DataFrame:
    """Find what we deleted and what is there all the same, exactly as it was: ``remains``' rows of those.

    A contact with the id of one that we deleted but with other values may be somebody's work, and is not returned.
    """
    form = pl.Struct(dict.fromkeys(schema.names, pl.String))
    known = pl.col("@known").str.json_decode(form)
    both = remains.rename({BEFORE: "@known"}).join(there, on=ID, how="inner", maintain_order="left")
    both = both.with_columns(
        *(known.struct.field(name).fill_null("").alias(f"@was:{name}") for name in schema.names),
        *(pl.col(name).alias(f"@now:{name}") for name in schema.names),
    )
    other = pl.any_horizontal(pl.lit(value=False), *(_differs(name, schema) for name in schema.names))
    return both.filter(~other).select(ID, KEY, MATCH, pl.col("@known").alias(BEFORE))


def with_orders(judged: pl.DataFrame, orders: Orders, schema: Schema) -> pl.DataFrame:
    """Say in ``@left`` why a repair would leave a missing or an edited contact alone; null where it would not."""
    mode, policy = orders.gates.mode, orders.on_edit
    missing, edited = pl.col(CLASS) == "missing", pl.col(CLASS) == "edited"
    differs = pl.any_horizontal(pl.lit(value=False), *(_edited(name, schema) for name in schema.names))
    waits = pl.col(KEY).is_in(pl.Series(list(orders.waiting), dtype=pl.String).implode())
    why = (
        pl.when((missing | edited) & waits)
        .then(pl.lit("a gate holds its changes"))
        .when(missing & pl.lit(mode == "update_only"))
        .then(pl.lit("mode: update_only creates none"))
        .when(edited & pl.lit(mode == "create_only"))
        .then(pl.lit("mode: create_only changes none"))
        .when(edited & differs & pl.lit(policy != "overwrite"))
        .then(pl.lit(f"on_edit: {policy}"))
    )
    return judged.with_columns(pl.coalesce(LEFT, why).alias(LEFT))


def repairs(judged: pl.DataFrame, extra: pl.DataFrame, schema: Schema, *, deletes: bool) -> pl.DataFrame:
    """Return the changes that put right what is not left alone, of the form of :func:`syncd.core.compare.classify`.

    Args:
        judged: as :func:`with_orders` returns it. ``extra``: as :func:`extra_ours` returns it.
        extra: contacts of ours that no row stands for.
        schema: the target's fields.
        deletes: whether the source's mode deletes.
    """
    todo = judged.filter(pl.col(CLASS).is_in(["missing", "edited"]) & pl.col(LEFT).is_null())
    moved = pl.any_horizontal(pl.lit(value=False), *(_edited(name, schema) for name in schema.match))
    kind = (
        pl.when(pl.col(CLASS) == "missing")
        .then(pl.lit("create"))
        .when(pl.col(FREE).is_not_null())
        .then(pl.lit("adopt"))
        .when(moved)
        .then(pl.lit("move"))
        .otherwise(pl.lit("update"))
    )
    id_ = pl.when(pl.col(CLASS) == "missing").then(None).otherwise(pl.coalesce(FREE, ID))
    upserts = todo.select(
        kind.alias(KIND),
        KEY,
        id_.alias(ID),
        MATCH,
        pl.col(MATCH).alias(OLD_MATCH),
        DIGEST,
        BEFORE,
        pl.when(pl.col(CLASS) == "missing")
        .then(pl.lit("it is not at the target any more"))
        .otherwise(pl.lit("it was changed at the target"))
        .alias(WHY),
        pl.lit(None, dtype=pl.UInt32).alias(LINE),
        pl.lit(None, dtype=pl.UInt32).alias(ORIGIN),
        *(pl.col(f"@sent:{name}").alias(name) for name in schema.names),
    )
    if extra.is_empty() or not deletes:
        return upserts
    surplus = extra.with_columns(
        pl.lit("delete").alias(KIND),
        pl.col(MATCH).alias(OLD_MATCH),
        pl.lit("it was deleted before and is still at the target").alias(WHY),
    )
    return pl.concat([upserts, surplus], how="diagonal").select(upserts.columns)


def repair_plan(
    changes: pl.DataFrame,
    rules: GateRules,
    *,
    known: int,
    approved: Collection[Approval],
    schema_changed: str = "",
) -> Plan:
    """Put a repair through the gates; beside those of a run, one that holds the creates when too much is missing.

    ``known``: contacts of the source in the ledger. ``approved``:
    digests of lists that a person approved. ``schema_changed``: what is new about the match fields, if anything.
    """
    return gate(
        changes,
        read=Read(proved=True, rows=known),
        rules=rules,
        known=known,
        missing_for=pl.DataFrame(schema={KEY: pl.String, "seconds": pl.Float64}),
        approved=approved,
        schema_changed=schema_changed,
        also=tuple(_lost(changes.filter(pl.col(KIND) == "create"), rules, known)),
    )


def _lost(creates: pl.DataFrame, rules: GateRules, known: int) -> Iterator[Held]:
    """A target that lacks most of the contacts may be another company's: the wrong key, the wrong place."""
    if known < rules.updates_known or creates.height <= rules.updates_share * known:
        return
    part = f"{creates.height:,} of {counted(known, 'contact')} ({percent(creates.height / known)})"
    detail = f"{part} are not at the target; {percent(rules.updates_share)} is allowed. Is it the right account?"
    yield Held(LOST_GATE, "all", tuple(creates.get_column(KEY)), list_digest(creates), detail)


def edits(judged: pl.DataFrame, schema: Schema) -> Iterator[tuple[dict[str, Any], dict[str, dict[str, str | None]]]]:
    """Yield each row of ``judged`` with its mapped fields that differ: ``old`` is what the target answered last."""
    flags = judged.with_columns(_edited(name, schema).alias(f"@edited:{name}") for name in schema.names)
    for row in flags.iter_rows(named=True):
        yield (
            row,
            {
                name: {"old": row[f"@was:{name}"] or None, "new": row[f"@now:{name}"] or None}
                for name in schema.names
                if row[f"@edited:{name}"]
            },
        )
