"""What a delivery to one sink found and did, as a value with a JSON form and an exit code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from syncd.core.plan import Held
from syncd.errors import SyncdError
from syncd.report.error_text import error_json
from syncd.report.exit_code import code_for

COUNTS = ("create", "update", "associate", "unchanged", "held", "rejected", "waiting")


@dataclass(slots=True)
class SinkReport:
    """One sink's part of a run.

    ``counts``: what is planned in a dry run; else what was accepted, and what stands as held, rejected and waiting.
    ``held``: the lists of gates, as JSON has them.
    ``unknown``: how many outcomes are unknown. ``missing``: contacts that the sink does not have. ``kept``: fields that
    a person changed there and that were left. ``erased``: records that an undo removed; ``left``: those that it could
    not. ``requests``: those that the sink has sent. ``next_due``: when the next delivery is due, in Unix seconds.
    """

    sink: str
    dry_run: bool = False
    kind: str = "deliver"
    counts: Counter[str] = field(default_factory=Counter)
    held: Sequence[Mapping[str, Any]] = ()
    unknown: int = 0
    missing: int = 0
    kept: int = 0
    left: int = 0
    why_left: str = ""
    leads: int = 0
    requests: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    next_due: float | None = None
    error: SyncdError | None = None

    @property
    def source(self) -> str:
        """Its name, where sources and sinks are reported alike."""
        return self.sink

    @property
    def did(self) -> bool:
        """Whether the sink was sent anything, or something new waits."""
        return bool(self.made or self.unknown or self.reasons or self.leads or self.error)

    @property
    def made(self) -> int:
        return sum(self.counts[name] for name in ("create", "update", "associate", "erase"))

    @property
    def exit_code(self) -> int:
        return code_for(
            self.error,
            unknown_outcome=self.unknown,
            held=self.held,
            rejected=self.counts["rejected"],
            not_undone=self.left,
        )

    def to_json(self) -> dict[str, Any]:
        """Return what ``--json`` shows."""
        return {
            "sink": self.sink,
            "counts": {name: self.counts[name] for name in (*COUNTS, *(["erase"] if self.kind == "undo" else []))},
            "held": [*self.held],
            "unknown": self.unknown,
            "missing": self.missing,
            "kept": self.kept,
            "leads": self.leads,
            "requests": self.requests,
            **({"not_undone": {"count": self.left, "reason": self.why_left}} if self.kind == "undo" else {}),
            "rejected": [{"reason": reason, "count": count} for reason, count in sorted(self.reasons.items())],
            "error": None,
            **error_json(self.error),
        }


def held_json(held: Held) -> Mapping[str, Any]:
    """Return one gate's list as JSON, without its keys, of which there may be a hundred thousand."""
    return {
        "gate": held.gate,
        "count": held.count,
        "digest": held.digest,
        "kind": held.kind,
        "detail": held.detail,
        "approvable": held.approvable,
    }
