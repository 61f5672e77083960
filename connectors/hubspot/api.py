"""HubSpot's API as the reader of contacts uses it: lists, searches and batches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.http_parts.paths import find
from connectors.hubspot.account import Session
from connectors.hubspot.answers import (
    CONTEXT_IDS,
    FAILED_LINKS,
    TOO_LONG,
    UNNAMED_WITHOUT_LINKS,
    WITHOUT_LINKS,
)
from connectors.hubspot.rows import ID, MERGED
from syncd.errors import SourceInvalid, SourceUnavailable
from syncd.rest import Answer

LIST_SIZE, SEARCH_SIZE, BATCH_SIZE, LINKS_SIZE = 100, 200, 100, 500
"""The most records of one list, one search and one batch read, and the most inputs of one batch of associations."""

URL_NAMES = 2_000
"""The most characters of property names in a URL; more names go into the bodies of batch reads."""

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Batch:
    """The answer to a batch read.

    ``found``: the records. ``gone``: the ids that HubSpot says it does not have. ``unanswered``: the ids that are in
    no part of the answer. ``aliases``: asked id to the id of the record that answered for it.
    """

    found: Sequence[Record] = ()
    gone: frozenset[str] = frozenset()
    unanswered: frozenset[str] = frozenset()
    aliases: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class ListOrder:
    """Finds out whether the pages of a list go on by the ids of its records; then no record slips between two pages.

    HubSpot calls its token the place of the last record that was read, and does not promise an order.
    """

    pages: int = 0
    by_id: bool = True
    _last: int = 0
    _count: int = 0
    _is_offset: bool = False

    @property
    def slips(self) -> str:
        if self.by_id or self.pages < 2:
            return ""
        return "rows may slip between the pages of HubSpot's list, which does not go on by the contacts' ids"

    def note(self, ids: Sequence[str], after: str | None) -> None:
        """Take the ids of a page, and the token of the next page."""
        numbers = [int(id_) for id_ in ids if id_.isdecimal()]
        in_order = len(numbers) == len(ids) and [self._last, *numbers] == sorted({self._last, *numbers})
        # A token may be the last id and, where ids begin at 1, the number of the contacts so far: then it is an offset,
        # unless the next page goes on without a gap, in which a contact could have slipped.
        no_gap = not self._is_offset or not numbers or numbers[0] == self._last + 1
        self.pages, self._count = self.pages + 1, self._count + len(ids)
        self._last = max([self._last, *numbers])
        place = int(after) if after is not None and after.isdecimal() else -1
        self._is_offset = place == self._count
        self.by_id &= in_order and no_gap and (after is None or self._last <= place <= self._last + 1)


class Api:
    """Reads one account. Every method may raise a SourceError."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._ask = session.ask
        self._paths = session.paths

    @property
    def began(self) -> float | None:
        """HubSpot's time (Unix seconds) of the first answer; None if there is none, or it has no date."""
        return self._session.began

    def properties(self, kind: str) -> dict[str, str]:
        """Return the types of the properties of records of ``kind``, by name."""
        return {name: str(each.get("type")) for name, each in self.definitions(kind).items()}

    def definitions(self, kind: str) -> dict[str, Record]:
        """Return the definitions of the properties of records of ``kind``, by name."""
        answer = self._ask("GET", self._paths.properties(kind))
        named = [each for each in results_of(answer) if isinstance(each.get("name"), str) and not each.get("archived")]
        return {each["name"]: each for each in named}

    def pages(
        self, kind: str, properties: Sequence[str], *, archived: bool = False, order: ListOrder | None = None
    ) -> Iterator[list[Record]]:
        """Yield every record by pages; with ``archived`` the records in the bin. ``order`` takes note of each page.

        Raises:
            SourceUnavailable: HubSpot answers with the same page again.
            SourceInvalid: HubSpot refuses the shortest URL as too long.

        """
        by_url = len(",".join(properties)) <= URL_NAMES
        params: dict[str, str | int] = {"limit": LIST_SIZE, "archived": str(archived).lower()}
        tokens: set[str] = set()
        while True:
            # Name one property if not all fit: without any, HubSpot sends its default properties.
            names = {"properties": ",".join(properties if by_url else properties[:1])}
            answer = self._ask("GET", self._paths.objects(kind), params={**params, **names})
            if answer.verdict == TOO_LONG:
                if not by_url:
                    raise SourceInvalid("HubSpot finds the shortest URL too long (status 414): check base_url")
                by_url = False
                continue
            records = results_of(answer)
            # Go on by the token and not by the address beside it, which could lead to another host.
            after = find("paging.next.after", answer.body)
            if order:
                order.note([str(each.get("id")) for each in records], None if after is None else str(after))
            yield records if by_url else self._filled(kind, records, properties, archived=archived)
            if after is None:
                return
            if str(after) in tokens:
                raise SourceUnavailable("HubSpot sent the same page again, and not the rest: try again later")
            tokens.add(str(after))
            params["after"] = str(after)

    def changed(self, kind: str, since: int, *, by: str) -> Iterator[list[str]]:
        """Yield the ids of the records whose date ``by`` is not before ``since`` (milliseconds), by pages.

        Raises:
            SourceUnavailable: the answers are not in the order of ids, or empty though HubSpot counts records.

        """
        # A search shows 10,000 results at most, and one moment may hold more. So each page is a search of its own, for
        # ids above the last one.
        last = 0
        while True:
            body = _search(by, since, above=last)
            answer = self._ask("POST", f"{self._paths.objects(kind)}/search", json=body)
            ids = [int(each["id"]) for each in results_of(answer)]
            if any(each <= last for each in ids) or ids != sorted(set(ids)):
                raise SourceUnavailable("HubSpot's search does not answer in the order of ids: try again later")
            if ids:
                yield [str(each) for each in ids]
                last = ids[-1]
            total = find("total", answer.body)
            if isinstance(total, int) and total > 0 and not ids:
                raise SourceUnavailable("HubSpot's search shows none of the records that it counts: try again later")
            if not ids or (isinstance(total, int) and total <= len(ids)):
                return

    def read(self, kind: str, ids: Iterable[str], properties: Sequence[str], *, archived: bool = False) -> Batch:
        """Return the records with these ids, or the records that they were merged into."""
        asked = list(ids)
        parts = [asked[start : start + BATCH_SIZE] for start in range(0, len(asked), BATCH_SIZE)]
        batches = [self._batch(kind, part, properties, archived=archived) for part in parts]
        return Batch(
            [record for each in batches for record in each.found],
            frozenset().union(*(each.gone for each in batches)),
            frozenset().union(*(each.unanswered for each in batches)),
            {old: new for each in batches for old, new in each.aliases.items()},
        )

    def links(self, origin: str, to: str, ids: Iterable[str]) -> Iterator[tuple[str, list[Record]]]:
        """Yield (id, links) of records of kind ``origin``; the links of one record may come in several pieces."""
        waiting: list[dict[str, str]] = [{"id": id_} for id_ in ids]
        while waiting:
            inputs, waiting = waiting[:LINKS_SIZE], waiting[LINKS_SIZE:]
            answer = self._ask("POST", self._paths.links(origin, to), json={"inputs": inputs})
            if find(FAILED_LINKS, answer.body):
                raise SourceUnavailable("HubSpot could not answer which companies are linked: try again later")
            _check_links([each["id"] for each in inputs], answer)
            for result in results_of(answer):
                id_, after = str(find("from.id", result)), find("paging.next.after", result)
                yield id_, [each for each in result.get("to") or [] if isinstance(each, dict)]
                if after is not None:
                    waiting.append({"id": id_, "after": str(after)})

    def _batch(self, kind: str, ids: list[str], properties: Sequence[str], *, archived: bool) -> Batch:
        body = {"inputs": [{"id": each} for each in ids], "properties": list(properties), "propertiesWithHistory": []}
        path = f"{self._paths.objects(kind)}/batch/read"
        answer = self._ask("POST", path, params={"archived": str(archived).lower()}, json=body)
        found = results_of(answer)
        aliases = _aliases(ids, found)
        missing = set(ids) - {str(each.get("id")) for each in found} - aliases.keys()
        # An id that is absent is gone only if HubSpot says so: it may also have failed to read it.
        gone = missing & {str(each) for each in find(CONTEXT_IDS, answer.body) or ()}
        return Batch(found, frozenset(gone), frozenset(missing - gone), aliases)

    def _filled(
        self, kind: str, records: Sequence[Record], properties: Sequence[str], *, archived: bool
    ) -> list[Record]:
        """Return the records of a list with more properties than a URL can name."""
        # A record that was deleted since it was listed is left out here.
        batch = self.read(kind, [str(each.get("id")) for each in records], properties, archived=archived)
        if batch.unanswered:
            count = len(batch.unanswered)
            raise SourceUnavailable(f"HubSpot did not answer for {count} records of its list: try again later")
        return list(batch.found)


def merged_ids(record: Record) -> list[str]:
    """Return the ids of the records that were merged into this record."""
    text = find(f"properties.{MERGED}", record) or ""
    own = str(record.get("id"))
    return [part for part in str(text).replace(",", ";").split(";") if part.strip().isdecimal() and part != own]


def _search(by: str, since: int, *, above: int) -> dict[str, Any]:
    # Without an upper bound: a record that changes meanwhile only comes once more with the next read.
    filters = [
        {"propertyName": by, "operator": "GTE", "value": str(since)},
        {"propertyName": ID, "operator": "GT", "value": str(above)},
    ]
    return {
        "filterGroups": [{"filters": filters}],
        "sorts": [{"propertyName": ID, "direction": "ASCENDING"}],
        "properties": [ID],
        "limit": SEARCH_SIZE,
    }


def results_of(answer: Answer) -> list[Any]:
    """Return the objects in ``results``.

    Raises:
        SourceUnavailable: the answer holds no list of objects, which is not the same as an empty list.

    """
    results = find("results", answer.body)
    if not isinstance(results, list) or not all(isinstance(each, dict) for each in results):
        raise SourceUnavailable("HubSpot's answer holds no list of records: try again later")
    return results


def _check_links(ids: Sequence[str], answer: Answer) -> None:
    """Raise SourceUnavailable if an answer about links says nothing of a record: that is not the same as no link."""
    named = {str(each) for each in find(WITHOUT_LINKS, answer.body) or ()}
    left = set(ids) - named - {str(find("from.id", each)) for each in results_of(answer)}
    # An error may say that a record has no link, and not which record.
    unnamed = len(find(UNNAMED_WITHOUT_LINKS, answer.body) or ())
    if len(left) > unnamed:
        raise SourceUnavailable(
            f"HubSpot did not answer for {len(left)} of the records whose links it was asked for: try again later"
        )


def _aliases(ids: Sequence[str], found: Sequence[Record]) -> dict[str, str]:
    """Return which asked ids were answered by another record, into which they were merged."""
    asked, answered = set(ids), {str(each.get("id")) for each in found}
    aliases = {old: str(each["id"]) for each in found for old in merged_ids(each) if old in asked - answered}
    lost, strange = asked - answered - aliases.keys(), answered - asked - set(aliases.values())
    # HubSpot does not promise the trace of a merge; with one id and one record left over, they belong together.
    if len(lost) == len(strange) == 1:
        aliases[lost.pop()] = strange.pop()
    return aliases
