"""How the repairs of a source are named beside its runs."""

from __future__ import annotations


def repairs_of(source: str) -> str:
    """The name under which what a repair of the source holds is kept, beside what a run holds; no source has it."""
    return f"{source}:repair"
