"""The baseline: what changed between two CSV snapshots, by the keyed outer merge that one writes with pandas.

Maps nothing, cleans no number, and says only how many rows differ. ``python pandas_diff.py BEFORE AFTER KEY``
"""

from __future__ import annotations

import json
import sys

import pandas as pd


def counts(before: str, after: str, key: str) -> dict[str, int]:
    """How many rows were added, removed and changed."""
    old = pd.read_csv(before, dtype=str, keep_default_na=False).set_index(key)
    new = pd.read_csv(after, dtype=str, keep_default_na=False).set_index(key)
    both = old.merge(new, how="outer", left_index=True, right_index=True, suffixes=("_old", "_new"), indicator=True)
    there = both[both["_merge"] == "both"]
    differs = pd.Series(data=False, index=there.index)
    for column in old.columns:
        differs |= there[f"{column}_old"] != there[f"{column}_new"]
    sides = both["_merge"].value_counts()
    return {"added": int(sides["right_only"]), "removed": int(sides["left_only"]), "changed": int(differs.sum())}


if __name__ == "__main__":
    print(json.dumps(counts(*sys.argv[1:4])))
