"""Which changes of a run wait: the gates look at all of them before anything is written.

A gate holds only its own part of the changes, says its numbers, and opens for an approval of exactly its list.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import polars as pl

from syncd.core.approvals import Approval, is_approved, opened
from syncd.core.change import KINDS
from syncd.core.claims import FOREIGN, SEAT, resolve
from syncd.core.columns import DIGEST, KEY, MATCH
from syncd.core.compare import KIND, OLD_MATCH, emptied
from syncd.core.plan import Held, Plan, closed, list_digest
from syncd.core.settings.rules import DeleteLimits, GateRules
from syncd.core.wording import counted, listed, percent

SCHEMA_GATE = "schema.match"
"""Holds the whole source: another set of match fields makes other contacts of the same rows."""

UNDONE_GATE = "undone"
"""Holds undone changes for as long as the source asks for exactly the same."""

EMPTY_GATE = "deletes.empty"
"""Holds the deletes of a source without a row, and the adopted contacts that it would let go."""

BEHIND_GATE = "updates.behind"
"""Holds changes that would overwrite a contact whose move is held."""


@dataclass(frozen=True, slots=True)
class Read:
    """What a run knows of its read of the source.

    ``proved``: nothing is missing from it; ``why`` says how that is known to be otherwise. ``keyless``: rows that
    could not be told from vanished ones. ``missing``: canaries that were not there. ``rows`` counts all rows.
    """

    proved: bool
    rows: int
    why: str = ""
    keyless: int = 0
    missing: tuple[str, ...] = ()
    whole: bool = True


def gate(  # noqa: PLR0913 (each is something else that gates look at)
    changes: pl.DataFrame,
    *,
    read: Read,
    rules: GateRules,
    known: int,
    missing_for: pl.DataFrame,
    approved: Collection[Approval],
    schema_changed: str = "",
    undone: pl.DataFrame | None = None,
    let_go: pl.DataFrame | None = None,
    also: Sequence[Held] = (),
    case_insensitive: bool = False,
) -> Plan:
    """Hold what the gates hold.

    Args:
        changes: all changes of the run.
        read: what is known of the read.
        rules: what this source allows.
        known: contacts in the ledger before the run.
        missing_for: ``@key`` and ``seconds`` that each key to be deleted has been missing (0: since now).
        approved: what a person approved: a gate's list, or whatever has this digest.
        schema_changed: what is new about the target's match fields, if anything: then everything waits.
        undone: ``@key`` and ``@digest`` of what was undone (a null digest: a delete): the same change waits, and is
            no concern of the other gates, until it is approved.
        let_go: the same of contacts that left the source and stay at the target: with an empty source, that waits too.
        also: lists that something else holds, to be approved like those of the gates.
        case_insensitive: the target takes match values for equal if only their case differs.
    """
    ordered = changes.sort(pl.col(KIND).replace_strict(list(KINDS), range(len(KINDS))), KEY)
    back = _held_back(ordered, undone)
    going = ordered.filter(~closed([each for each in back if not is_approved(each, approved)]))
    deletes = going.filter(pl.col(KIND) == "delete")
    edits = going.filter(pl.col(KIND).is_in(["update", "move"]))
    found = [
        *back,
        *also,
        *([_hold(SCHEMA_GATE, ordered, schema_changed)] if schema_changed and not ordered.is_empty() else []),
        *_delete_gates(deletes, changes.clear() if let_go is None else let_go, read, rules, known),
        *_grace(deletes, rules.deletes, missing_for),
        *_update_gates(edits, rules, known, ordered),
    ]
    let_through = opened(ordered, found, approved)
    held = [each for each in found if each not in let_through]
    held += _behind(ordered, held, case_insensitive=case_insensitive)
    waits = closed(held)
    return Plan(ordered.filter(~waits), tuple(held), ordered.filter(waits), tuple(let_through))


def _behind(changes: pl.DataFrame, held: Sequence[Held], *, case_insensitive: bool) -> list[Held]:
    """Hold changes that want the match value which a contact keeps at the target, since its move waits."""
    waits = closed(held)
    moves = changes.filter(pl.col(KIND) == "move").select(KEY, pl.col(OLD_MATCH).alias(SEAT))
    stuck = changes.filter(waits & (pl.col(KIND) == "move")).get_column(KEY)
    if stuck.is_empty():
        return []
    upserts = changes.filter(~waits & (pl.col(KIND) != "delete"))
    found = resolve(
        upserts.select(KEY, MATCH),
        pl.DataFrame(schema=FOREIGN),
        "first",
        seats=moves,
        stuck=stuck.to_list(),
        case_insensitive=case_insensitive,
    )
    part = upserts.join(found.outranked, on=KEY, how="semi", maintain_order="left")
    if part.is_empty():
        return []
    what = counted(part.height, "contact has", "contacts have")
    detail = f"{what} match fields that others still have at the target, whose changes wait: these go first"
    return [_hold(BEHIND_GATE, part, detail, approvable=False)]


_KIND_OF: dict[str, Literal["delete", "update", "all"]] = {
    "deletes": "delete",
    "updates": "update",
    "schema": "all",
    "undone": "all",
    BEHIND_GATE: "all",
}


def _hold(name: str, part: pl.DataFrame, detail: str, *, approvable: bool = True) -> Held:
    kind = _KIND_OF.get(name) or _KIND_OF[name.partition(".")[0]]
    return Held(name, kind, tuple(part.get_column(KEY)), list_digest(part), detail, approvable)


def _held_back(changes: pl.DataFrame, undone: pl.DataFrame | None) -> list[Held]:
    """What a person has undone and the source still asks for."""
    if undone is None or undone.is_empty() or changes.is_empty():
        return []
    again = changes.join(
        undone.select(KEY, pl.col(DIGEST).alias("@undone")), on=KEY, how="inner", maintain_order="left"
    )
    again = again.filter(pl.col(DIGEST).eq_missing(pl.col("@undone"))).drop("@undone")
    if again.is_empty():
        return []
    what = counted(again.height, "change was", "changes were")
    return [_hold(UNDONE_GATE, again, f"{what} undone, and the source still asks for just that")]


def _delete_gates(
    deletes: pl.DataFrame, let_go: pl.DataFrame, read: Read, rules: GateRules, known: int
) -> Iterator[Held]:
    count, limits = deletes.height, rules.deletes
    empty = read.whole and read.rows == 0
    if empty and not count and not let_go.is_empty():
        yield from _let_go_gates(let_go, read)
    if not count:
        return
    if not read.proved:
        yield _hold("deletes.unproved", deletes, f"{_UNPROVED}: {read.why}", approvable=False)
    if empty:
        yield _hold(EMPTY_GATE, deletes, f"the source is empty; {_of(count, known)} would be deleted")
    if read.keyless:
        rows_ = counted(read.keyless, "row has", "rows have")
        yield _hold("deletes.keyless", deletes, f"{rows_} no readable key, so who is gone is unknown")
    if read.missing:
        yield _hold("deletes.canary", deletes, _missing(read))
    if count <= limits.free:
        return
    if count > limits.count:
        yield _hold("deletes.count", deletes, f"{_of(count, known)} would be deleted; {limits.count:,} are allowed")
    if known and count > limits.share * known:
        allowed = f"{percent(limits.share)} is allowed"
        yield _hold("deletes.share", deletes, f"{_share(count, known)} would be deleted; {allowed}")


def _let_go_gates(let_go: pl.DataFrame, read: Read) -> Iterator[Held]:
    """Hold what an empty source would let go, where it deletes nothing whose approval would be for that too."""
    part = let_go.with_columns(pl.lit("let go").alias(KIND))  # an approval of these is none of their deletes
    if not read.proved:
        yield replace(_hold("deletes.unproved", part, f"{_UNPROVED}: {read.why}", approvable=False), kind="all")
        return
    what = counted(let_go.height, "adopted contact")
    found = [_hold(EMPTY_GATE, part, f"the source is empty; {what} would stay at the target and be let go")]
    if read.missing:
        found.append(_hold("deletes.canary", part, _missing(read)))
    yield from (replace(each, kind="all") for each in found)


_UNPROVED = "the read was not proved complete"


def _missing(read: Read) -> str:
    return f"not in the source: {listed(read.missing)} (canaries)"


def _grace(deletes: pl.DataFrame, limits: DeleteLimits, missing_for: pl.DataFrame) -> Iterator[Held]:
    if limits.grace <= 0 or deletes.is_empty():
        return
    young = missing_for.filter(pl.col("seconds") < limits.grace)
    part = deletes.join(young, on=KEY, how="semi", maintain_order="left")
    if not part.is_empty():
        detail = f"{part.height:,} missing for less than the grace of {limits.grace:g} s"
        yield _hold("deletes.grace", part, detail, approvable=True)


def _update_gates(edits: pl.DataFrame, rules: GateRules, known: int, changes: pl.DataFrame) -> Iterator[Held]:
    if known < rules.updates_known or edits.is_empty():
        return
    allowed = f"{percent(rules.updates_share)} is allowed"
    if edits.height > rules.updates_share * known:
        yield _hold("updates.share", edits, f"{_share(edits.height, known)} would change; {allowed}")
    for name, count in sorted(emptied(changes).items()):
        if count > rules.updates_share * known:
            detail = f"{name} would be emptied in {_share(count, known)}; {allowed}"
            yield _hold("updates.emptied", edits, detail)


def _of(count: int, known: int) -> str:
    return f"{count:,} of {known:,} contacts"


def _share(count: int, known: int) -> str:
    return f"{_of(count, known)} ({percent(count / known)})"
