"""What the machine draws: companies, rows, faults, and the readings of the API under which all of it must come right.

Left out are readings under which no client could be right: ``match_many`` (which of several contacts is meant is open),
``match_case=fold`` (rows that differ in case only are not drawn), ``clear=null`` and ``ignored`` ("" clears nothing),
``read_lag`` (a contact of unknown outcome is not in the list yet), ``delete_body=lost`` (no delete has an effect).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from syncd.core.rules import SharedMatch
from tests.convergence.company import LAYOUTS, Layout
from tests.convergence.shelf import Row

ONES = ("A", "B", "C", "D", "E", "A", "B", "C", "D", "E", "")
FOREIGN = ("X1", "X2", "X3")
PHONES = ("2125550101", "2125550102", "2125550101;2125550102", "(212) 555-0103", "")

READINGS: Mapping[str, tuple[str, ...]] = {
    "rekey": ("integration",),
    "match_phone": ("ordered", "raw"),
    "match_trim": ("trimmed",),
    "match_unicode": ("nfc",),
    "update": ("replace",),
    "returned": ("sent",),
    "clear": ("both",),
    "duplicate_in_batch": ("create", "error"),
    "unknown_field": ("error",),
    "field_case": ("fold",),
    "field_id": ("accepted",),
    "failed_status": ("201", "207", "400", "422"),
    "failed_body": ("error",),
    "errors": ("index1", "row", "nested", "unindexed", "strings", "contact", "fields", "none"),
    "contacts": ("shuffled", "full", "echoed"),
    "atomic": ("all",),
    "errors_summary": ("zero", "extra"),
    "unchanged": ("unchanged",),
    "delete_status": ("200",),
    "delete_unknown": ("404", "partial", "all_or_nothing"),
    "delete_cap": ("100",),
    "revive": ("created", "updated"),
    "phone_us": ("10", "11"),
    "phone_order": ("sorted",),
    "phone_comma": ("splits",),
    "list_order": ("newest", "updated", "unstable"),
    "search": ("prefix", "exact"),
    "search_phone": ("digits",),
    "no_pages": ("1",),
    "past_end": ("404",),
    "empty_fields": ("absent",),
    "invalid_status": ("422",),
}
"""The other readings of each open point, beside the default one."""


@dataclass(frozen=True, slots=True)
class Opening:
    """A company as it begins."""

    layout: Layout
    policy: SharedMatch
    sources: tuple[str, ...]
    dialects: Mapping[str, str]
    rows: tuple[tuple[Row, ...], ...]
    people: tuple[Row, ...]


@dataclass(frozen=True, slots=True)
class Edit:
    """One edit of a source. ``kind``: add, remove, hand over, swap, spoil (the row becomes unusable), or the column
    that is changed to ``row``'s."""

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
    kinds = ["add", "remove", "hand over", "swap", "one", "two", "name", "phone", "status", "key", "spoil"]
    place = st.integers(0, 7)
    return Edit(draw(st.sampled_from(kinds)), draw(place), draw(place), draw(place), draw(place), draw(rows()))


@st.composite
def openings(draw: st.DrawFn) -> Opening:
    sources = draw(st.sampled_from([("one",), ("one", "two")]))
    policies: list[SharedMatch] = ["first", "merge_phones", "hold"]
    changed = draw(st.lists(st.sampled_from(sorted(READINGS)), max_size=4, unique=True))
    return Opening(
        layout=draw(st.sampled_from(LAYOUTS)),
        policy="first" if len(sources) > 1 else draw(st.sampled_from(policies)),
        sources=sources,
        dialects={name: draw(st.sampled_from(READINGS[name])) for name in changed},
        rows=tuple(tuple(draw(st.lists(rows(), min_size=1, max_size=5))) for _ in sources),
        people=tuple(draw(st.lists(rows(), max_size=2))),
    )


@st.composite
def faults(draw: st.DrawFn) -> Mapping[str, Any]:
    kind = draw(st.sampled_from(["drop", "status", "html", "empty", "truncate", "poison"]))
    if kind == "poison":
        return {
            "kind": kind,
            "value": draw(st.sampled_from(["Ann", "A"])),
            "whole": draw(st.sampled_from([None, 400, 422])),
        }
    fault: dict[str, Any] = {
        "kind": kind,
        "method": draw(st.sampled_from(["POST", "POST", "DELETE", None])),
        "times": draw(st.sampled_from([1, 3, None])),
        "after": draw(st.integers(0, 1)),
        "done": draw(st.booleans()),
    }
    if kind == "status":
        fault["status"] = draw(st.sampled_from([400, 401, 408, 413, 422, 500, 503]))
    if kind == "empty":
        fault["done"] = True  # a server that says of a delete that it was done, and lies, cannot be seen through
    if kind == "html":
        fault["status"] = draw(st.sampled_from([200, 502]))
    return fault
