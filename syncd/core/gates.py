"""Decide which changes of a run wait. The gates look at all changes before anything is written.

A gate holds only its own part of the changes, says its numbers, and opens for an approval of exactly its list.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import polars as pl

from syncd.core.approvals import Approval, is_approved, opened
from syncd.core.change import KINDS
from syncd.core.claims import FOREIGN, SEAT, resolve
from syncd.core.columns import DIGEST, KEY, MATCH
from syncd.core.compare import KIND, OLD_MATCH, emptied
from syncd.core.plan import Held, HeldKind, Plan, closed, list_digest
from syncd.core.settings.rules import DeleteLimits, GateRules
from syncd.core.takeover.decide import UPDATES_GATE, KeyChanges
from syncd.core.wording import counted, listed, percent

SCHEMA_GATE = "schema.match"
"""Holds the whole source: with other match fields the same rows make other contacts."""

UNDONE_GATE = "undone"
"""Holds undone changes for as long as the source asks for exactly the same."""

UNPROVED_GATE = "deletes.unproved"
"""Holds the deletes after a read that may lack rows, and the adopted contacts that it would let go."""

EMPTY_GATE = "deletes.empty"
"""Holds the deletes of a source without a row, and the adopted contacts that it would let go."""

CANARY_GATE = "deletes.canary"
"""Holds the same if a row that is always there is missing."""

BEHIND_GATE = "updates.behind"
"""Holds changes that would overwrite a contact whose move is held."""

PARTS_GATE = "deletes.parts"
"""Holds the same if a part of the source is missing that the last complete read had."""

_NONE_MISSING = pl.DataFrame(schema={KEY: pl.String, "seconds": pl.Float64})

_NOT_APPROVABLE = {UNPROVED_GATE, BEHIND_GATE}


@dataclass(frozen=True, slots=True)
class Read:
    """What a run knows of its read of the source.

    ``proved``: the read lacks no row; ``why``: why this is not sure. ``rows``: how many rows the source has.
    ``keyless``: how many rows have no readable key. ``missing``: canaries (keys that are always there) without a row.
    ``whole``: a key without a row is gone. ``missing_parts``: parts of the source that the last complete read had.
    ``remedy``: what may help with rows without a key.
    """

    proved: bool
    rows: int
    why: str = ""
    keyless: int = 0
    missing: tuple[str, ...] = ()
    whole: bool = True
    missing_parts: tuple[str, ...] = ()
    remedy: str = ""


def missing_parts(before: Collection[str], now: Collection[str]) -> tuple[str, ...]:
    """Return the parts of a source that are missing: none, if every name is new, as names with a date are."""
    lost = {*before} - {*now}
    return tuple(sorted(lost)) if lost < {*before} else ()


def doubts(read: Read) -> str:
    """Return why it is not sure that a key without a row has left the source; "" if it is."""
    if not read.proved:
        return f"{_UNPROVED}: {read.why}"
    if read.keyless:
        return _keyless(read)
    if read.missing_parts:
        return _missing_parts(read)
    return _missing(read) if read.missing else ""


def gate(  # noqa: PLR0913 (each is something else that gates look at)
    changes: pl.DataFrame,
    *,
    read: Read,
    rules: GateRules,
    known: int,
    missing_for: pl.DataFrame = _NONE_MISSING,
    approved: Collection[Approval],
    schema_changed: str = "",
    undone: pl.DataFrame | None = None,
    keys: KeyChanges | None = None,
    let_go: pl.DataFrame | None = None,
    also: Sequence[Held] = (),
    numbers: Callable[[pl.DataFrame], Iterable[Held]] = lambda _going: (),
    case_insensitive: bool = False,
) -> Plan:
    """Hold what the gates hold.

    Args:
        changes: all changes of the run (:data:`syncd.core.compare.CHANGE_SCHEMA` and the fields).
        read: what is known of the read.
        rules: what the gates of this source allow.
        known: contacts in the ledger before the run.
        missing_for: ``@key`` and ``seconds`` (Float64): how long each key to be deleted has been missing.
        approved: lists that a person approved.
        schema_changed: what has changed about the target's match fields; "" for nothing.
        undone: ``@key`` and ``@digest`` of undone changes (a null digest: a delete).
        keys: rows under new keys, and what becomes of them.
        let_go: the deletes of adopted contacts, which stay at the target.
        also: lists that something else holds, to be approved like the lists of the gates.
        numbers: the gates of numbers: return the lists that they hold of the changes that count.
        case_insensitive: the target takes match values for equal if only their case differs.
    """
    ordered = changes.sort(pl.col(KIND).replace_strict(list(KINDS), range(len(KINDS))), KEY)
    back = list(_undone_again(ordered, undone))
    keys = keys or KeyChanges()
    changed = keys.holding(ordered)
    # Undone changes are not made, so the other gates do not count them until a person approves them. A contact whose
    # row has another key does not leave, and its new key is no edit.
    going = ordered.filter(~closed([*changed, *(each for each in back if not is_approved(each, approved))]))
    going = going.filter(~keys.moved(going), ~keys.passing(going))
    found = [*back, *also, *changed, *holds("all", ordered, (SCHEMA_GATE, schema_changed != "", schema_changed))]
    found += _delete_gates(going.filter(pl.col(KIND) == "delete"), let_go, missing_for, read, rules.deletes, known)
    edits = going.filter(pl.col(KIND).is_in(["update", "move"]))
    found += [*_update_gates(edits, rules, known), *numbers(going)]
    plan = _plan(ordered, found, approved, case_insensitive=case_insensitive)
    return replace(plan, opened=(*plan.opened, *keys.used(ordered, plan.held)))


def _plan(
    ordered: pl.DataFrame, found: Sequence[Held], approved: Collection[Approval], *, case_insensitive: bool
) -> Plan:
    let_through = opened(ordered, found, approved)
    held = [each for each in found if each not in let_through]
    held += _behind(ordered, closed(held), case_insensitive=case_insensitive)
    waits = closed(held)
    return Plan(ordered.filter(~waits), tuple(held), ordered.filter(waits), tuple(let_through))


def holds(kind: HeldKind, part: pl.DataFrame, *gates: tuple[str, bool, str]) -> Iterator[Held]:
    """Yield the lists of these gates (name, whether it holds ``part``, what it says) that hold a change."""
    for name, holding, detail in gates:
        if holding and not part.is_empty():
            keys, digest = tuple(part.get_column(KEY)), list_digest(part)
            yield Held(name, kind, keys, digest, detail, approvable=name not in _NOT_APPROVABLE)


def behind(changes: pl.DataFrame, waits: pl.Expr, *, case_insensitive: bool) -> pl.DataFrame:
    """Return the changes that want a match value that another contact keeps at the target, since its move waits.

    ``waits``: which of the changes are not made.
    """
    stuck = changes.filter(waits & (pl.col(KIND) == "move")).get_column(KEY)
    if stuck.is_empty():
        return changes.clear()
    moves = changes.filter(pl.col(KIND) == "move").select(KEY, pl.col(OLD_MATCH).alias(SEAT))
    upserts = changes.filter(~waits & (pl.col(KIND) != "delete"))
    # A move that has to wait keeps its match value as well, so others may have to wait for this move in turn.
    found = resolve(
        upserts.select(KEY, MATCH),
        pl.DataFrame(schema=FOREIGN),
        "first",
        seats=moves,
        stuck=stuck.to_list(),
        case_insensitive=case_insensitive,
    )
    return upserts.join(found.outranked, on=KEY, how="semi", maintain_order="left")


def _behind(changes: pl.DataFrame, waits: pl.Expr, *, case_insensitive: bool) -> Iterator[Held]:
    part = behind(changes, waits, case_insensitive=case_insensitive)
    what = counted(part.height, "contact has", "contacts have")
    detail = f"{what} match fields that others still have at the target, whose changes wait: these go first"
    yield from holds("all", part, (BEHIND_GATE, True, detail))


def _undone_again(changes: pl.DataFrame, undone: pl.DataFrame | None) -> Iterator[Held]:
    """Hold what a person has undone and the source still asks for."""
    if undone is None or undone.is_empty():
        return
    asked = undone.select(KEY, pl.col(DIGEST).alias("@undone"))
    again = changes.join(asked, on=KEY, how="inner", maintain_order="left")
    # The digest of a delete is null in both frames, so nulls count as equal.
    again = again.filter(pl.col(DIGEST).eq_missing(pl.col("@undone"))).drop("@undone")
    what = counted(again.height, "change was", "changes were")
    yield from holds("all", again, (UNDONE_GATE, True, f"{what} undone, and the source still asks for just that"))


def _delete_gates(
    deletes: pl.DataFrame,
    let_go: pl.DataFrame | None,
    missing_for: pl.DataFrame,
    read: Read,
    limits: DeleteLimits,
    known: int,
) -> Iterator[Held]:
    count, empty = deletes.height, read.whole and read.rows == 0
    # If there are deletes as well, their approval also lets the adopted contacts go.
    if empty and not count and let_go is not None:
        yield from _let_go_gates(let_go, read)
    would = "would be deleted"
    # A few deletes always pass, or a small source could never lose a contact.
    many = count > limits.free
    too_large = many and known > 0 and count > limits.share * known
    yield from holds(
        "delete",
        deletes,
        (UNPROVED_GATE, not read.proved, f"{_UNPROVED}: {read.why}"),
        (EMPTY_GATE, empty, f"the source is empty; {_of(count, known)} {would}"),
        ("deletes.keyless", read.keyless > 0, _keyless(read)),
        (PARTS_GATE, bool(read.missing_parts), _missing_parts(read)),
        (CANARY_GATE, bool(read.missing), _missing(read)),
        ("deletes.count", many and count > limits.count, f"{_of(count, known)} {would}; {limits.count:,} are allowed"),
        ("deletes.share", too_large, f"{_share(count, known)} {would}; {percent(limits.share)} is allowed"),
    )
    young = missing_for.filter(pl.col("seconds") < limits.grace)
    part = deletes.join(young, on=KEY, how="semi", maintain_order="left")
    detail = f"{part.height:,} missing for less than the grace of {limits.grace:g} s"
    yield from holds("delete", part, ("deletes.grace", limits.grace > 0, detail))


def _let_go_gates(let_go: pl.DataFrame, read: Read) -> Iterator[Held]:
    """Hold the adopted contacts that an empty source would let go."""
    # The digest of this list must differ from that of deletes: an approval to let contacts go deletes none of them.
    part = let_go.with_columns(pl.lit("let go").alias(KIND))
    what = counted(let_go.height, "adopted contact")
    yield from holds(
        "all",
        part,
        (UNPROVED_GATE, not read.proved, f"{_UNPROVED}: {read.why}"),
        (EMPTY_GATE, read.proved, f"the source is empty; {what} would stay at the target and be let go"),
        (PARTS_GATE, read.proved and bool(read.missing_parts), _missing_parts(read)),
        (CANARY_GATE, read.proved and bool(read.missing), _missing(read)),
    )


_UNPROVED = "the read was not proved complete"


def _missing(read: Read) -> str:
    return f"not in the source: {listed(read.missing)} (canaries)"


def _keyless(read: Read) -> str:
    said = f"{counted(read.keyless, 'row has', 'rows have')} no readable key, so who is gone is unknown"
    return f"{said}; {read.remedy}" if read.remedy else said


def _missing_parts(read: Read) -> str:
    has = counted(len(read.missing_parts), "part of the source is", "parts of the source are")
    return f"{has} missing that the last complete read had: {listed(read.missing_parts)}"


def _update_gates(edits: pl.DataFrame, rules: GateRules, known: int) -> Iterator[Held]:
    # Of a few contacts, half may well change in one run.
    if known < rules.updates_known or edits.is_empty():
        return
    most, allowed = rules.updates_share * known, f"{percent(rules.updates_share)} is allowed"
    share = (UPDATES_GATE, edits.height > most, f"{_share(edits.height, known)} would change; {allowed}")
    emptying = (
        ("updates.emptied", count > most, f"{name} would be emptied in {_share(count, known)}; {allowed}")
        for name, count in sorted(emptied(edits).items())
    )
    yield from holds("update", edits, share, *emptying)


def _of(count: int, known: int) -> str:
    return f"{count:,} of {known:,} contacts"


def _share(count: int, known: int) -> str:
    return f"{_of(count, known)} ({percent(count / max(known, 1))})"
