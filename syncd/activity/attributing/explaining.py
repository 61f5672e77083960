"""Whose one call or message is, and why: with every contact that has or had its number."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from syncd.activity.attributing.work import Attributing
from syncd.activity.store.kinds import KINDS
from syncd.core.activity.attribution.candidates import Candidate, candidates
from syncd.core.activity.attribution.decision import Decision
from syncd.core.activity.attribution.numbers import NUMBER
from syncd.core.activity.instants import iso
from syncd.core.activity.observations import Kind
from syncd.core.wording import shown_key


def attribution_json(work: Attributing, kind: Kind, key: str, columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return what ``--json`` shows; ``columns``: of the activity, as stored."""
    decision = work.store.attributions.get(kind, key)
    moment = columns[KINDS[kind].moment]
    at = float(columns["first_seen"] if moment is None else moment)
    found = _candidates(work, decision, columns["remote"], at)
    decided = work.store.attributions.decided_at(kind, key)
    return {
        "outcome": decision and decision.outcome,
        "reason": decision and decision.reason,
        "as_of": decision and decision.as_of,
        "decided_at": None if decided is None else iso(decided),
        "contacts": [_contact(*each) for each in (decision.contacts if decision else ())],
        "candidates": [
            {
                **_contact(each.source, each.key),
                "number": columns["remote"],
                "since": None if each.since is None else iso(each.since),
                "until": None if each.until is None else iso(each.until),
                "chosen": each.chosen,
                "why": each.why,
            }
            for each in found
        ],
    }


def _candidates(work: Attributing, decision: Decision | None, number: str | None, at: float) -> list[Candidate]:
    # What is not looked for at any contact has no candidates.
    if number is None or (decision and decision.outcome in {"internal", "withheld"}):
        return []
    rows = work.index().periods.filter(pl.col(NUMBER) == number).sort("rank")
    return [*candidates(rows.iter_rows(named=True), decision, at, work.rules())]


def _contact(source: str, key: str) -> dict[str, str]:
    return {"source": source, "key": shown_key(key)}
