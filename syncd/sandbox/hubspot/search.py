"""``POST …/search``: filters over the search index, one sort rule, and never a record beyond the first 10,000."""

from __future__ import annotations

import json
import operator
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from syncd.sandbox.hubspot.errors import invalid
from syncd.sandbox.hubspot.properties import milliseconds
from syncd.sandbox.hubspot.reading import Reader, bounded
from syncd.sandbox.hubspot.records import Properties, Table
from syncd.sandbox.replies import Reply

CAP = 10_000
LIMIT = 200
BODY = 3_000
"""The most characters of a search's body."""

GROUPS, FILTERS, ALL_FILTERS = 5, 6, 18

ID = "hs_object_id"

Filter = Mapping[str, Any]
Compare = Callable[[Any, Any], bool]

ORDERED: Mapping[str, Compare] = {
    "EQ": operator.eq,
    "NEQ": operator.ne,
    "GT": operator.gt,
    "GTE": operator.ge,
    "LT": operator.lt,
    "LTE": operator.le,
}
TOKENS = frozenset({"CONTAINS_TOKEN", "NOT_CONTAINS_TOKEN"})
SETS = frozenset({"IN", "NOT_IN"})
PRESENCE = frozenset({"HAS_PROPERTY", "NOT_HAS_PROPERTY"})
OPERATORS = frozenset(ORDERED) | TOKENS | SETS | PRESENCE | {"BETWEEN"}


class Search:
    """Searches one table."""

    # The last filters' matches are kept: a reader that pages by id asks for them again with each page.

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._kept: tuple[Any, list[int]] = (None, [])

    def answer(self, raw: bytes, body: Any) -> Reply:
        """Return the page that the body asks for."""
        if not isinstance(body, dict) or len(raw) > BODY:
            raise invalid(f"the body is a JSON object of at most {BODY:,} characters")
        limit, after = bounded(body.get("limit"), LIMIT), _after(body.get("after"))
        if after + limit > CAP:
            raise invalid(f"paging beyond {CAP:,} results is not possible")
        groups = _groups(body, self._table.types)
        found = self._sorted(self._matches(groups), body.get("sorts"))
        page = found[after : after + self._reader.shorten(limit)]
        properties = body.get("properties") or []
        results = [self._result(number, properties) for number in page]
        answer: dict[str, Any] = {"total": len(found), "results": results}
        if page and after + len(page) < len(found):
            answer["paging"] = {"next": {"after": str(after + len(page))}}
        return Reply(200, answer, rows=len(page))

    @property
    def _table(self) -> Table:
        return self._reader.table

    def _result(self, number: int, properties: Sequence[str]) -> dict[str, Any]:
        record = self._table.records[number]
        seen = self._table.indexed(record)
        result = self._reader.result(record, properties)
        # Search answers with the values that its index knows, which may be old.
        if seen is not None:
            result["properties"] = {name: seen.get(name) for name in result["properties"]}
        return result

    def _matches(self, groups: list[list[Filter]]) -> list[int]:
        """Return the ids that match, ascending."""
        # A lower bound on the id is found by position: the other filters stay the same from page to page.
        above = _above(groups)
        rest = [[each for each in group if not (above and each["propertyName"] == ID)] for group in groups]
        key = (self._table.version, json.dumps(rest))
        # With a lag the index changes with time alone.
        if self._kept[0] != key or self._table.lag:
            self._kept = (key, self._scan(rest))
        kept = self._kept[1]
        return kept[bisect_right(kept, above) :] if above else kept

    def _scan(self, groups: list[list[Filter]]) -> list[int]:
        found = []
        tests = [[_test(each, self._table.types) for each in group] for group in groups]
        for number in self._table.live:
            seen = self._table.indexed(self._table.records[number])
            if seen is not None and (not tests or any(all(test(seen) for test in group) for group in tests)):
                found.append(number)
        return found

    def _sorted(self, found: list[int], sorts: Any) -> list[int]:
        """Return the ids in the order of the one rule; a rule that is no object is ignored."""
        rules = sorts or []
        if not isinstance(rules, list) or len(rules) > 1:
            raise invalid("sorts holds at most one rule")
        if not rules or not isinstance(rules[0], dict):
            # Without a rule the order is of no use for paging, and no reader may rely on it.
            return sorted(found, key=lambda number: (number % 7, number))
        name, down = str(rules[0].get("propertyName")), rules[0].get("direction") == "DESCENDING"
        if name == ID:
            return found[::-1] if down else found
        records = self._table.records
        return sorted(found, key=lambda number: self._table.shown(records[number]).get(name) or "", reverse=down)


def _after(value: Any) -> int:
    text = "0" if value in (None, "") else str(value)
    if not text.isdecimal():
        raise invalid("after is a number in a text")
    return int(text)


def _groups(body: Mapping[str, Any], types: Mapping[str, str]) -> list[list[Filter]]:
    groups = [group.get("filters") for group in body.get("filterGroups") or []]
    filters = [each for group in groups for each in group]
    if len(groups) > GROUPS or len(filters) > ALL_FILTERS or any(len(group) > FILTERS for group in groups):
        raise invalid("there are too many filters")
    for each in filters:
        if each.get("operator") not in OPERATORS:
            raise invalid("there is a filter without one of the operators")
        if each.get("propertyName") not in types:
            raise invalid(f"there is no property {each.get('propertyName')!r}")
    return groups


def _above(groups: list[list[Filter]]) -> int:
    """Return the lower bound on the id, if the only group has one; else 0."""
    filters = groups[0] if len(groups) == 1 else []
    bounds = [each for each in filters if each["propertyName"] == ID]
    fits = len(bounds) == 1 and bounds[0]["operator"] == "GT" and str(bounds[0].get("value")).isdecimal()
    return int(bounds[0]["value"]) if fits else 0


def _test(each: Filter, types: Mapping[str, str]) -> Callable[[Properties], bool]:
    name, how = each["propertyName"], each["operator"]
    kind = types[name]
    if how in PRESENCE:
        return lambda seen: bool(seen.get(name)) == (how == "HAS_PROPERTY")
    if how in SETS:
        # Values are compared in lower case, and the filter's are not lowered: "ANN" is never found.
        wanted = set(map(str, each.get("values") or ()))
        return lambda seen: ((seen.get(name) or "").lower() in wanted) == (how == "IN")
    if how in TOKENS:
        pattern = str(each.get("value", "")).lower()
        return lambda seen: _has_token(seen.get(name), pattern) == (how == "CONTAINS_TOKEN")
    low = _comparable(kind, each.get("value"))
    if how == "BETWEEN":
        high = _comparable(kind, each.get("highValue"))
        return lambda seen: bool(seen.get(name)) and low <= _comparable(kind, seen[name]) <= high
    compare = ORDERED[how]
    return lambda seen: bool(seen.get(name)) and compare(_comparable(kind, seen[name]), low)


def _comparable(kind: str, value: Any) -> Any:
    text = str(value)
    try:
        if kind in ("date", "datetime"):
            return milliseconds(text)
        return float(text) if kind == "number" else text.lower()
    except ValueError:
        raise invalid(f"{kind} expected") from None


def _has_token(value: str | None, pattern: str) -> bool:
    return any(fnmatchcase(token, pattern) for token in (value or "").lower().replace("@", " ").split())
