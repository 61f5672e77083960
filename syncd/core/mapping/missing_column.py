"""The message about a column that a source lacks."""

from __future__ import annotations

import re
from collections.abc import Sequence

from syncd.core.wording import nearest


def no_column(name: str, columns: Sequence[str]) -> str:
    """Return a sentence that names the missing column and the columns that may be meant."""
    # The CSV connector numbers columns that share a name in a header: phone_1, phone_2.
    numbered = [column for column in columns if re.fullmatch(rf"{re.escape(name)}_[1-9][0-9]*", column)]
    if len(numbered) < 2:
        return f"the source has no column {name!r}{nearest(name, columns)}"
    return (
        f"the source has no single column {name!r} but {len(numbered)}, which are told apart by a number: "
        f"write the one that is meant, {' or '.join(map(repr, numbered))}"
    )
