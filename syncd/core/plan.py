"""All changes of one run of one source, and which of them a gate holds.

A plan is a value: sorted, countable, digested. The gates look at the whole of it before anything is written; each
holds only its own part, says its numbers and is opened by an approval of exactly its list.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import polars as pl

from syncd.core.columns import DIGEST, KEY, MATCH
from syncd.core.compare import ID, KIND, KINDS, OLD_MATCH, rows
from syncd.core.rules import DeleteLimits, GateRules
from syncd.core.wording import counted, percent

BATCH = 500
"""Contacts in one request at most (guide: Push contacts)."""


SCHEMA_GATE = "schema.match"
"""Holds the whole source: another set of match fields makes other contacts of the same rows."""


UNDONE_GATE = "undone"
"""Holds what a person has undone for as long as the source asks for the very same."""


EMPTY_GATE = "deletes.empty"
"""Holds the deletes where a source has no row at all, and the adopted contacts that it would let go."""


BEHIND_GATE = "updates.behind"
"""Holds what would overwrite a contact whose move is held."""


NOTHING = hashlib.sha256().hexdigest()[:16]
"""The digest of a plan without changes."""


Approval = str | tuple[str, str]
"""The digest of a list, for all gates that hold it; or a gate's name and the digest, for that gate alone."""


@dataclass(frozen=True, slots=True)
class Held:
    """One gate's list. ``digest`` is what an approval names; ``approvable`` is False where only a fix helps."""

    gate: str
    kind: Literal["delete", "update", "all"]
    keys: tuple[str, ...]
    digest: str
    detail: str
    approvable: bool = True

    @property
    def count(self) -> int:
        return len(self.keys)


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


@dataclass(frozen=True, slots=True)
class Plan:
    """The changes to make (``todo``) and those that wait (``held``).

    ``todo``: a frame as :func:`syncd.core.compare.classify` gives it, sorted by kind, then key; ``waiting``: the same
    of what is held. ``opened``: the lists that an approval let pass a gate.
    """

    todo: pl.DataFrame
    held: tuple[Held, ...]
    waiting: pl.DataFrame
    opened: tuple[Held, ...] = ()

    def counts(self) -> dict[str, int]:
        """How many changes of each kind are to be made."""
        found = dict(self.todo.group_by(KIND).len().iter_rows())
        return {kind: found.get(kind, 0) for kind in KINDS}

    def held_count(self) -> int:
        """How many contacts wait, with those that would only be let go."""
        listed = {key for each in self.held for key in each.keys}
        return self.waiting.height + len(listed.difference(self.waiting.get_column(KEY)))

    def digest(self) -> str:
        return list_digest(self.todo)

    def still_approved(self, done: Collection[str]) -> tuple[Held, ...]:
        """Return what is left of the approved lists when the changes of the keys ``done`` are made.

        That may be what other gates hold.
        """
        gone = pl.Series(list(done), dtype=pl.String)
        rest = pl.concat([self.todo.filter(~pl.col(KEY).is_in(gone.implode())), self.waiting])
        parts = [(each, rest.filter(_closed([each]))) for each in self.opened]
        return tuple(
            replace(each, keys=tuple(part.get_column(KEY)), digest=list_digest(part))
            for each, part in parts
            if not part.is_empty()
        )

    def upserts(self) -> pl.DataFrame:
        return self.todo.filter(pl.col(KIND) != "delete")

    def deletes(self) -> pl.DataFrame:
        return self.todo.filter(pl.col(KIND) == "delete")

    def requests(self) -> int:
        """How many writing requests the plan takes when nothing is refused; a move deletes one id at most."""
        moves = self.todo.filter(pl.col(KIND) == "move").height
        return -(-self.upserts().height // BATCH) - (-(self.deletes().height + moves) // BATCH)


def batches(changes: pl.DataFrame, size: int = BATCH) -> Iterator[list[dict[str, Any]]]:
    """Cut changes into batches of ``size``, each a list of what :func:`syncd.core.compare.rows` yields."""
    for start in range(0, changes.height, size):
        yield list(rows(changes.slice(start, size)))


def list_digest(changes: pl.DataFrame) -> str:
    """Return 16 hex digits that name exactly this list: every kind, key, id and digest, in any order."""
    lines = changes.select(
        pl.format("{}\x1e{}\x1e{}\x1e{}", KIND, KEY, pl.col(ID).fill_null(0), pl.col(DIGEST).fill_null(0))
    ).to_series()
    return hashlib.sha256("\x1d".join(lines.sort()).encode()).hexdigest()[:16]


def gate(  # noqa: PLR0913 (each is something else that gates look at)
    changes: pl.DataFrame,
    *,
    read: Read,
    rules: GateRules,
    known: int,
    emptied: dict[str, int],
    missing_for: pl.DataFrame,
    approved: Collection[Approval],
    schema_changed: str = "",
    undone: pl.DataFrame | None = None,
    let_go: pl.DataFrame | None = None,
    also: Sequence[Held] = (),
    folds: bool = False,
) -> Plan:
    """Hold what the gates hold.

    Args:
        changes: all changes of the run.
        read: what is known of the read.
        rules: what this source allows.
        known: contacts in the ledger before the run.
        emptied: per field, how many updates empty it.
        missing_for: ``@key`` and ``seconds`` that each key to be deleted has been missing (0: since now).
        approved: what a person approved: a gate's list, or whatever has this digest.
        schema_changed: what is new about the target's match fields, if anything: then everything waits.
        undone: ``@key`` and ``@digest`` of what was undone (a null digest: a delete): the same change waits, and is
            no concern of the other gates, until it is approved.
        let_go: the same of contacts that left the source and stay at the target: with an empty source, that waits too.
        also: lists that something else holds, to be approved like those of the gates.
        folds: the target takes match values for one that differ only in case.
    """
    ordered = changes.sort(pl.col(KIND).replace_strict(list(KINDS), range(len(KINDS))), KEY)
    back = _held_back(ordered, undone)
    going = ordered.filter(~_closed([each for each in back if not _is_approved(each, approved)]))
    deletes = going.filter(pl.col(KIND) == "delete")
    edits = going.filter(pl.col(KIND).is_in(["update", "move"]))
    found = [
        *back,
        *also,
        *([_hold(SCHEMA_GATE, ordered, schema_changed)] if schema_changed and not ordered.is_empty() else []),
        *_delete_gates(deletes, changes.clear() if let_go is None else let_go, read, rules, known),
        *_grace(deletes, rules.deletes, missing_for),
        *_update_gates(edits, rules, known, emptied),
    ]
    opened = _opened(ordered, found, approved)
    held = [each for each in found if each not in opened]
    held += _behind(ordered, held, folds=folds)
    waits = _closed(held)
    return Plan(todo=ordered.filter(~waits), held=tuple(held), waiting=ordered.filter(waits), opened=tuple(opened))


def _behind(changes: pl.DataFrame, held: Sequence[Held], *, folds: bool) -> list[Held]:
    """Hold what would take the match value that a contact still has at the target, whose move waits."""
    waits = _closed(held)
    kept = changes.filter(waits & (pl.col(KIND) == "move"))
    if kept.is_empty():
        return []
    takers: dict[str, list[tuple[str, str | None]]] = {}
    for kind, key, match, old in changes.filter(~waits).select(KIND, KEY, MATCH, OLD_MATCH).iter_rows():
        if kind != "delete":
            takers.setdefault(_plain(match, folds=folds), []).append((key, old if kind == "move" else None))
    behind: list[str] = []
    taken = [_plain(old, folds=folds) for old in kept.get_column(OLD_MATCH)]
    while taken:
        for key, old in takers.pop(taken.pop(), ()):
            behind.append(key)
            taken += [_plain(old, folds=folds)] if old is not None else []
    if not behind:
        return []
    part = changes.filter(pl.col(KEY).is_in(behind) & (pl.col(KIND) != "delete"))
    what = counted(part.height, "contact has", "contacts have")
    detail = f"{what} match fields that others still have at the target, whose changes wait: these go first"
    return [_hold(BEHIND_GATE, part, detail, approvable=False)]


def _plain(match: str, *, folds: bool) -> str:
    return match.casefold() if folds else match


def _is_approved(held: Held, approved: Collection[Approval]) -> bool:
    return held.approvable and (held.digest in approved or (held.gate, held.digest) in approved)


def _opened(changes: pl.DataFrame, found: Sequence[Held], approved: Collection[Approval]) -> list[Held]:
    """Return the approved gates that let something go on; one whose whole list others hold keeps its approval."""
    allowed = [each for each in found if _is_approved(each, approved)]
    shut = _closed([each for each in found if each not in allowed])
    lists = [(each, changes.filter(_closed([each]))) for each in allowed]
    return [each for each, part in lists if part.is_empty() or not part.filter(~shut).is_empty()]


def _closed(held: Sequence[Held]) -> pl.Expr:
    """Whether a change is in a list that a gate holds."""
    waits = pl.lit(value=False)
    for each in held:
        kinds = ["delete"] if each.kind == "delete" else ["update", "move"] if each.kind == "update" else list(KINDS)
        keys = pl.Series(each.keys, dtype=pl.String)
        waits |= pl.col(KIND).is_in(kinds) & pl.col(KEY).is_in(keys.implode())
    return waits


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
    return f"not in the source: {_list(read.missing)} (canaries)"


def _grace(deletes: pl.DataFrame, limits: DeleteLimits, missing_for: pl.DataFrame) -> Iterator[Held]:
    if limits.grace <= 0 or deletes.is_empty():
        return
    young = missing_for.filter(pl.col("seconds") < limits.grace)
    part = deletes.join(young, on=KEY, how="semi", maintain_order="left")
    if not part.is_empty():
        detail = f"{part.height:,} missing for less than the grace of {limits.grace:g} s"
        yield _hold("deletes.grace", part, detail, approvable=True)


def _update_gates(edits: pl.DataFrame, rules: GateRules, known: int, emptied: dict[str, int]) -> Iterator[Held]:
    if known < rules.updates_known or edits.is_empty():
        return
    allowed = f"{percent(rules.updates_share)} is allowed"
    if edits.height > rules.updates_share * known:
        yield _hold("updates.share", edits, f"{_share(edits.height, known)} would change; {allowed}")
    for name, count in sorted(emptied.items()):
        if count > rules.updates_share * known:
            detail = f"{name} would be emptied in {_share(count, known)}; {allowed}"
            yield _hold("updates.emptied", edits, detail)


def _of(count: int, known: int) -> str:
    return f"{count:,} of {known:,} contacts"


def _share(count: int, known: int) -> str:
    return f"{_of(count, known)} ({percent(count / known)})"


def _list(names: Sequence[str]) -> str:
    more = f" and {len(names) - 5:,} more" if len(names) > 5 else ""
    return ", ".join(names[:5]) + more
