"""What a comparison with the target found, and what its repair did, as a value with a JSON form and an exit code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from syncd.core.plan import Held, Plan
from syncd.errors import SyncdError
from syncd.push.result import PushResult
from syncd.report.source_report import error_json, held_json, with_shown_keys

CLASSES = ("same", "missing", "edited", "extra_ours", "pending", "rejected", "held")


def is_choice(left: str | None) -> bool:
    """Whether something is left alone for good, since the configuration wants it so."""
    return left is not None and (left == "on_edit: keep" or left.startswith("mode: "))


@dataclass(slots=True)
class SourceDrift:
    """What came of one source.

    ``counts``: by :data:`CLASSES`. ``missing``, ``edited``, ``extra``: ``key``, ``id``, for an edit ``fields`` with
    ``old`` (what the target answered last) and ``new`` (what is there), and ``left``: why a repair leaves it alone.
    ``plan``: the repair; ``pushed``: what became of it, if it was carried out. ``noted``: contacts of which the ledger
    learned what the target holds now. ``late``: those of the pending ones that were sent while the target was listed;
    ``running``: another run has the source.
    """

    source: str
    phones: frozenset[str] = frozenset()
    known: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    missing: list[dict[str, Any]] = field(default_factory=list)
    edited: list[dict[str, Any]] = field(default_factory=list)
    extra: list[dict[str, Any]] = field(default_factory=list)
    plan: Plan | None = None
    pushed: PushResult | None = None
    noted: int = 0
    late: int = 0
    running: bool = False
    error: SyncdError | None = None

    @property
    def held(self) -> Sequence[Held]:
        return self.plan.held if self.plan else ()

    @property
    def waiting(self) -> int:
        """How many contacts are not as they should be, and need a person or a repair."""
        found = [each["left"] for each in (*self.missing, *self.edited, *self.extra) if not is_choice(each["left"])]
        return len(found) if self.pushed is None else sum(left is not None for left in found)

    @property
    def unknown(self) -> int:
        """Changes of the repair whose outcome is not known, or that another source kept from being made."""
        return self.pushed.unknown + self.pushed.kept if self.pushed else 0

    @property
    def exit_code(self) -> int:
        if self.error:
            return self.error.exit_code
        if self.unknown:
            return 4
        open_ = self.pushed and (self.held or self.pushed.rejected)
        return 3 if self.waiting or open_ or self.counts["rejected"] or self.counts["held"] else 0

    def to_json(self) -> dict[str, Any]:
        """The source's part of ``syncd reconcile --json``; ``repaired`` is null where nothing was to be repaired."""
        found: dict[str, Any] = {
            "source": self.source,
            "contacts": self.known,
            "counts": {name: self.counts[name] for name in CLASSES},
            "missing": with_shown_keys(self.missing),
            "edited": with_shown_keys(self.edited),
            "extra_ours": with_shown_keys(self.extra),
            "held": [held_json(each) for each in self.held],
            "repaired": dict(self.pushed.counts) if self.pushed else None,
            "noted": self.noted,
            "late": self.late,
            "running": self.running,
            "rejected": with_shown_keys(self.pushed.rejected) if self.pushed else [],
            "unknown": self.unknown,
        }
        if self.error:
            found["error"] = error_json(self.error)
        return found


@dataclass(slots=True)
class Reconciled:
    """What came of all. ``there``: contacts at the target.

    ``foreign``: ids of those that are none of ours, or of a source that is not configured.
    ``shared``: ids of contacts that share a number, a group for each.
    """

    run: str = ""
    repair: bool = False
    there: int = 0
    foreign: list[int] = field(default_factory=list)
    shared: list[list[int]] = field(default_factory=list)
    sources: list[SourceDrift] = field(default_factory=list)
    sent: int = 0
