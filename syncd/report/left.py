"""Contacts that stay at the target and that syncd no longer looks after, as reports and ``syncd explain`` name them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from syncd.core.change import Left
from syncd.state.leaving.leftovers import Leftover

WHY = {
    Left.ADOPTED: "it was at the target before syncd; deletes: {adopted: true} would delete it",
    Left.FOREIGN: "a call of unknown outcome may have made it, and a person may have: it holds what syncd has not sent",
    Left.UNCONFIGURED: "only a source that is not configured has a claim on it",
    Left.FORGOTTEN: "all numbers of its row were forgotten, and it has another one that no row has sent",
    Left.GIVEN_UP: "a call of unknown outcome may still make a contact of this key: a later run looks once more",
}
"""Why a contact stays, in words for people."""


def left_json(found: Iterable[Leftover]) -> list[dict[str, Any]]:
    """Return each contact as ``key``, ``id`` (None: it was not found) and ``reason``."""
    return [{"key": each.key, "id": each.id, "reason": WHY[each.why]} for each in found]
