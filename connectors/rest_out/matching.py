"""Which record of a server is ours, and which of its fields a person has changed. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from connectors.http_parts.paths import find
from connectors.http_parts.template import ABSENT, fill
from syncd.sink import compact


def found_id(
    records: Sequence[Any], id_: str, same: Mapping[str, Any], values: Mapping[str, Any], *, whole: bool
) -> tuple[bool, str | None]:
    """Return whether it is known if one of ``records`` is ours, and its id.

    ``id_``: where a record has its id. ``same``: places in a record to the templates of what they must hold. ``whole``:
    there are no more records.
    """
    wanted = {place: fill(template, values) for place, template in same.items()}
    # A condition without a value would be no condition.
    if ABSENT in wanted.values():
        return False, None
    ours = [each for each in records if all(alike(find(place, each), value) for place, value in wanted.items())]
    ids = {str(found) for each in ours if (found := find(id_, each)) is not None}
    if len(ids) == 1 and len(ours) == 1:
        return True, ids.pop()
    return (whole and not ours), None


def alike(there: Any, ours: Any) -> bool:
    """Return whether a value at the server is the one that was sent, perhaps in another form."""
    one, other = _text(there), _text(ours)
    if one == other:
        return True
    if (at := _moment(one)) and (sent := _moment(other)):
        # Some servers keep no seconds.
        return at == sent or (at.second == 0 and at == sent.replace(second=0))
    digits = re.sub(r"\D", "", one), re.sub(r"\D", "", other)
    numbers = all(re.fullmatch(r"\+?[\d\s().-]+", text) for text in (one, other))
    return numbers and min(map(len, digits)) >= 7 and digits[0][-10:] == digits[1][-10:]


def _text(value: Any) -> str:
    return "" if value is None else str(value).strip()


def _moment(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    found = found if found.tzinfo else found.replace(tzinfo=UTC)
    return found.replace(microsecond=0) if len(text) >= 16 else None


def changed(record: Mapping[str, Any], sent: Mapping[str, Any], tried: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a record that are not as they were sent; ``tried``: what was sent without an answer."""
    return {
        name: value
        for name, value in record.items()
        if compact(value) != sent.get(name) or (name in tried and compact(value) != tried[name])
    }


def of_a_person(value: Any, there: Any, remembered: Collection[Any]) -> bool:
    """Return whether a person has changed a field.

    ``value``: what will be sent. ``there``: what the server holds. ``remembered``: what it was sent before, compacted.
    """
    if there is None or there == "":
        return any(each is not None for each in remembered)
    if there == value:
        return False
    # A reference comes back with more than its id.
    if isinstance(value, Mapping) and isinstance(there, Mapping):
        there = {key: there.get(key) for key in value}
        if there == value:
            return False
    forms = [there]
    if isinstance(there, str):
        forms += [there.strip(), there.replace("\r\n", "\n"), there.replace("\r\n", "\n").strip()]
    return not any(compact(form) in remembered for form in forms)
