"""Decide whether a list that gates hold is approved. A person names the digest of exactly that list, once."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import polars as pl

from syncd.core.plan import Held, closed

Approval = str | tuple[str, str]
"""The digest of a list, for all gates that hold it; or a gate's name and the digest, for that gate alone."""


def is_approved(held: Held, approved: Collection[Approval]) -> bool:
    """Return whether a person approved what this gate holds."""
    return held.approvable and (held.digest in approved or (held.gate, held.digest) in approved)


def opened(changes: pl.DataFrame, found: Sequence[Held], approved: Collection[Approval]) -> list[Held]:
    """Return the approved gates that let a change go on.

    Args:
        changes: all changes of the run.
        found: the lists of all gates.
        approved: lists that a person approved.
    """
    allowed = [each for each in found if is_approved(each, approved)]
    shut = closed([each for each in found if each not in allowed])
    lists = [(each, changes.filter(closed([each]))) for each in allowed]
    # An approval is used once. If other gates hold the gate's whole list, the approval is kept until they open. A list
    # without a change is of contacts that are let go.
    return [each for each, part in lists if part.is_empty() or not part.filter(~shut).is_empty()]
