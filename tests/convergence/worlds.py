"""What the machine draws: companies, rows, faults, and the readings of the API under which all of it must come right.

Left out are readings under which no client could be right: ``no_match_field`` (nothing is ever pushed: see the tests of
the schema), ``delete_body=lost`` for good (a run meets it for a while), and ``match_case=fold`` beside a server that
makes two contacts of one in a batch, or refuses them without a word that ties it to a row. ``match_letters`` and
``match_kept`` would need match values that differ in accents and signs; they have tests of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import strategies as st

from syncd.core.settings.rules import DeleteLimits, GateRules, KeyLimits, SharedMatch, SharedNumbers
from tests.convergence.company import LAYOUTS, OPEN_GATES, Layout
from tests.convergence.shelf import Row, Tells

ONES = ("A", "B", "C", "D", "E", "A", "B", "C", "D", "E", "a", "")
FOREIGN = ("X1", "X2", "X3")
PHONES = ("2125550101", "2125550102", "2125550101;2125550102", "(212) 555-0103", "")

READINGS: Mapping[str, tuple[str, ...]] = {
    "rekey": ("integration",),
    "empty_match": ("match", "create"),
    "match_many": ("newest", "all", "error"),
    "match_case": ("fold",),
    "match_phone": ("ordered", "raw"),
    "match_trim": ("trimmed",),
    "match_unicode": ("nfc",),
    "update": ("replace",),
    "returned": ("sent",),
    "clear": ("both", "null", "ignored"),
    "duplicate_in_batch": ("create", "error"),
    "unknown_field": ("error",),
    "field_case": ("fold",),
    "field_id": ("accepted",),
    "failed_status": ("201", "207", "400", "422"),
    "failed_body": ("error",),
    "errors": ("index1", "row", "nested", "unindexed", "strings", "contact", "fields", "none"),
    "contacts": ("shuffled", "full", "echoed"),
    "atomic": ("all",),
    "over_batch": ("413", "cut"),
    "body_size": ("64kb",),
    "value_length": ("cut", "refused"),
    "errors_summary": ("zero", "extra"),
    "unchanged": ("unchanged",),
    "delete_status": ("200",),
    "delete_unknown": ("404", "partial", "all_or_nothing"),
    "delete_cap": ("100",),
    "revive": ("created", "updated"),
    "delete_empty": ("noop", "everything"),
    "extension": ("drop", "error"),
    "bad_phone": ("empty", "error"),
    "phone_count": ("cut", "refused"),
    "phone_us": ("10", "11"),
    "phone_order": ("sorted",),
    "phone_comma": ("splits",),
    "list_order": ("newest", "updated", "unstable"),
    "search": ("prefix", "exact"),
    "search_phone": ("digits",),
    "no_pages": ("1",),
    "past_end": ("404",),
    "over_limit": ("400", "422"),
    "empty_fields": ("absent",),
    "read_lag": ("2",),
    "retry_after": ("date", "absent"),
    "invalid_status": ("422",),
}
"""The readings of each open point besides the default."""

NOT_DRAWN = {"no_match_field", "delete_body", "match_letters", "match_kept"}


@dataclass(frozen=True, slots=True)
class Opening:
    """A company at the beginning of a history."""

    layout: Layout
    policy: SharedMatch
    sources: tuple[str, ...]
    dialects: Mapping[str, str]
    rows: tuple[tuple[Row, ...], ...]
    people: tuple[Row, ...]
    gates: GateRules = OPEN_GATES
    in_flight: int = 1
    batch: int = 500
    limits: tuple[tuple[int, float], ...] = ()
    tells: Tells = "whole"
    numbers: SharedNumbers = "warn"


@dataclass(frozen=True, slots=True)
class Edit:
    """One edit of a source.

    ``kind``: add, remove, hand over, swap, spoil (the row becomes unusable), merge (a row's key goes on under another
    one's), or the column that is changed to ``row``'s.
    """

    kind: str
    source: int
    other: int
    place: int
    second: int
    row: Row

    def _repr_pretty_(self, printer: Any, _cycle: bool) -> None:
        printer.text(f"{self.kind} {self.source}[{self.place}] {self.other}[{self.second}] ")
        self.row._repr_pretty_(printer, _cycle)


@st.composite
def rows(draw: st.DrawFn) -> Row:
    return Row(
        key=draw(st.sampled_from(["1", "2", "3", "4", "5", "6", "1", "2", "3", "4", "5", "6", ""])),
        one=draw(st.sampled_from(ONES)),
        two=draw(st.sampled_from(["x", "y"])),
        name=draw(st.sampled_from(["Ann", "Bob", "Cy", ""])),
        phone=draw(st.sampled_from(PHONES)),
        status=draw(st.sampled_from(["ok", "ok", "ok", "ok", "ok", "former"])),
    )


@st.composite
def edits(draw: st.DrawFn) -> Edit:
    kinds = ["add", "remove", "hand over", "swap", "one", "two", "name", "phone", "status", "key", "spoil", "merge"]
    place = st.integers(0, 7)
    return Edit(draw(st.sampled_from(kinds)), draw(place), draw(place), draw(place), draw(place), draw(rows()))


TIGHT = DeleteLimits(count=1, share=0.3, free=0)
GATES = (
    OPEN_GATES,
    OPEN_GATES,
    replace(OPEN_GATES, deletes=TIGHT, keys=KeyLimits(share=0.0, free=0)),
    replace(OPEN_GATES, keys=KeyLimits(share=0.0, free=0), deletes=replace(TIGHT, grace=5_000.0)),
    replace(OPEN_GATES, deletes=replace(OPEN_GATES.deletes, adopted=True)),
    replace(OPEN_GATES, updates_share=0.2, updates_known=2),
    replace(OPEN_GATES, keys=KeyLimits(share=0.0, free=0)),
)


NUMBERS: tuple[SharedNumbers, ...] = ("warn", "warn", "first", "hold")
TELLS: tuple[Tells, ...] = ("whole", "changes", "present")


@st.composite
def openings(draw: st.DrawFn) -> Opening:
    sources = draw(st.sampled_from([("one",), ("one", "two")]))
    policies: list[SharedMatch] = ["first", "merge_phones", "hold"]
    changed = draw(st.lists(st.sampled_from(sorted(READINGS)), max_size=5, unique=True))
    dialects = {name: draw(st.sampled_from(READINGS[name])) for name in changed}
    if dialects.get("match_case") == "fold":
        for name in ("duplicate_in_batch", "atomic", "failed_status", "failed_body", "errors", "errors_summary"):
            dialects.pop(name, None)
    layout = draw(st.sampled_from(LAYOUTS))
    if layout.integration and "rekey" in dialects:  # then a reference that two sources have names one contact
        sources = sources[:1]
    return Opening(
        layout=layout,
        policy=draw(st.sampled_from(policies)),
        sources=sources,
        dialects=dialects,
        rows=tuple(tuple(draw(st.lists(rows(), min_size=1, max_size=5))) for _ in sources),
        people=tuple(draw(st.lists(rows(), max_size=2))),
        gates=draw(st.sampled_from(GATES)),
        in_flight=draw(st.sampled_from([1, 1, 1, 3])),
        batch=draw(st.sampled_from([500, 500, 2])),
        limits=draw(st.sampled_from([(), (), ((4, 10.0),)])),
        tells=draw(st.sampled_from(TELLS)),
        numbers=draw(st.sampled_from(NUMBERS)),
    )


FAULTS = ("drop", "status", "html", "empty", "truncate", "poison", "limit", "slow")
"""The kinds of faults of the sandbox; ``limit`` is a 429."""


@st.composite
def faults(draw: st.DrawFn) -> Mapping[str, Any]:
    kind = draw(st.sampled_from(FAULTS))
    if kind == "poison":
        return {
            "kind": kind,
            "value": draw(st.sampled_from(["Ann", "A"])),
            "whole": draw(st.sampled_from([None, 400, 422])),
        }
    if kind == "limit":  # for ever, it would only be waited out
        wait = draw(st.sampled_from([None, "30"]))
        return {"kind": "status", "status": 429, "retry_after": wait, "times": draw(st.sampled_from([1, 3]))}
    fault: dict[str, Any] = {
        "kind": kind,
        "method": draw(st.sampled_from(["POST", "POST", "DELETE", "GET", None])),
        "times": draw(st.sampled_from([1, 3, None])),
        "after": draw(st.integers(0, 3)),
        "done": draw(st.booleans()),
    }
    if kind == "status":
        fault["status"] = draw(st.sampled_from([400, 401, 403, 404, 408, 413, 422, 425, 500, 503]))
    if kind == "empty":
        fault["done"] = True  # a server that says of a delete that it was done, and lies, cannot be seen through
    if kind == "slow":
        fault["seconds"] = 90.0
    if kind == "html":
        fault["status"] = draw(st.sampled_from([200, 502]))
    return fault
