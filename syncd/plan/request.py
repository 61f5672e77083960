"""What planning needs of a source's configuration."""

from __future__ import annotations

from dataclasses import dataclass

from syncd.config import Source
from syncd.core.settings.rules import GateRules, SharedMatch, SharedNumbers
from syncd.run.session import Session


@dataclass(frozen=True, slots=True)
class PlanRequest:
    """The rules for one source; ``order``: the names of all sources, in the order of the configuration."""

    name: str
    gates: GateRules
    shared_match: SharedMatch
    order: tuple[str, ...]
    shared_numbers: SharedNumbers = "warn"


def request_of(session: Session, source: Source) -> PlanRequest:
    """Return what planning needs of the source's configuration."""
    order = tuple(session.settings.sources)
    return PlanRequest(source.name, source.gates, source.shared_match, order, source.shared_numbers)
