"""Who holds which number by the ledger: one look at each contact, in the words of the ledger's documentation."""

from __future__ import annotations

import json
import re
from collections.abc import Collection

from syncd.state import State
from syncd.state.numbers.there import DISPLACED

Held = set[tuple[str, str, str]]


def held(state: State, phones: Collection[str]) -> Held:
    """Return number, source and key of every contact at the target."""
    rows = state.records("SELECT source, key, status, remote_id, reason, fields, returned FROM contact")
    accepted = {row["remote_id"] for row in rows if row["status"] == "accepted"}
    found: Held = set()
    for row in rows:
        values = json.loads(row["returned"] or row["fields"])
        lost = row["remote_id"] is None or row["reason"] == DISPLACED or row["remote_id"] in accepted
        if row["fields"] == "{}" or (row["status"] != "accepted" and lost):
            continue
        for number in ";".join(values.get(name) or "" for name in phones).split(";"):
            digits = re.sub("[^0-9]", "", number)
            plain = digits[1:] if len(digits) == 11 and digits[0] == "1" else digits
            found |= {(plain, row["source"], row["key"])} if plain else set()
    return found


def indexed(state: State) -> Held:
    """Return the rows of the index."""
    return set(state.rows("SELECT number, source, key FROM number"))
