"""What a comparison with the target found and a repair did, as a value with a JSON form and an exit code."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from syncd.push.result import PushResult
from syncd.report.error_text import error_json
from syncd.report.exit_code import code_for
from syncd.report.source_report import SourcePart, held_json, with_shown_keys

# Every contact of the ledger is in one class; "extra_ours" and "held" count beside them.
CLASSES = ("same", "missing", "edited", "extra_ours", "pending", "rejected", "held")


def is_choice(left: str | None) -> bool:
    """Tell whether a contact is left alone because the configuration says so, and not until a person acts."""
    return left is not None and (left == "on_edit: keep" or left.startswith("mode: "))


@dataclass(slots=True)
class SourceDrift(SourcePart):
    """The result for one source.

    ``counts``: contacts by :data:`CLASSES`. ``missing``, ``edited``, ``extra``: ``key``, ``id`` and ``left``, why
    a repair leaves the contact alone; an edit also has ``fields`` with ``old`` (what the target answered last) and
    ``new`` (what is there). ``plan``: the repair; ``pushed``: its result, if it was carried out. ``noted``: the number
    of contacts whose present values the ledger took over. ``late``: how many of the pending contacts were sent while
    the target was listed. ``running``: another run has the source.
    """

    missing: list[dict[str, Any]] = field(default_factory=list)
    edited: list[dict[str, Any]] = field(default_factory=list)
    extra: list[dict[str, Any]] = field(default_factory=list)
    pushed: PushResult | None = None
    noted: int = 0
    late: int = 0
    running: bool = False

    @property
    def waiting(self) -> int:
        """How many contacts differ and need a person or a repair."""
        found = [each["left"] for each in (*self.missing, *self.edited, *self.extra) if not is_choice(each["left"])]
        # A repair that was carried out has settled the contacts that it did not leave alone.
        return len(found) if self.pushed is None else sum(left is not None for left in found)

    # Both wait for another run: the daemon tries again after their exit code.
    @property
    def unknown(self) -> int:
        """How many changes of the repair have no known outcome, or were not made because of another source."""
        return self.pushed.unknown + self.pushed.kept if self.pushed else 0

    @property
    def exit_code(self) -> int:
        return code_for(
            self.error,
            unknown_outcome=self.unknown,
            drift=self.waiting,
            # Without a repair the plan's gates hold nothing yet: the counts say what an earlier run left held.
            held=self.counts["held"] or (self.pushed and self.held),
            rejected=self.counts["rejected"] or (self.pushed and self.pushed.rejected),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the source's part of ``syncd reconcile --json``; ``repaired`` is null without a repair."""
        return {
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
            "left": with_shown_keys(self.left),
            "unknown": self.unknown,
            **error_json(self.error),
        }


@dataclass(slots=True)
class Reconciled:
    """The result for all sources.

    ``there``: the number of contacts at the target. ``foreign``: ids of the contacts that no configured source made.
    ``shared``: groups of ids of contacts that share a number. ``sent``: requests.
    """

    run: str = ""
    repair: bool = False
    there: int = 0
    foreign: list[int] = field(default_factory=list)
    shared: list[list[int]] = field(default_factory=list)
    sources: list[SourceDrift] = field(default_factory=list)
    sent: int = 0
