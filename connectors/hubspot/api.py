"""HubSpot's API as a reader of contacts uses it: paths by version, limits, and what each refusal means.

Nothing of an answer's addresses is followed: the next page is asked for by its ``after``, so that the token goes to the
configured host alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.http_parts.limits import Hint, Limit, Pacer
from connectors.http_parts.paths import find
from connectors.hubspot.answers import CONTEXT_IDS, FAILED_LINKS, TOO_LONG, Judging
from syncd.errors import SourceInvalid, SourceUnavailable
from syncd.rest import Answer, Client, http_date

LIST, SEARCH, BATCH, LINKS = 100, 200, 100, 500
"""Records of one list, one search, one batch read, and inputs of one batch of associations."""

GENERAL, SEARCHES, ASSOCIATIONS = 90, 4, 90
"""Requests in 10 seconds, searches in one second (the account's 5 are shared with other programs), and batches of
associations in 10 seconds, until an answer tells of another limit."""

SHARE = 0.9
"""How much of the limit that an answer tells of is used."""

URL_NAMES = 2_000
"""Characters of property names that are put into a URL; more are asked for in the bodies of batch reads."""

RATE = "x-hubspot-ratelimit-"
KEPT = ("content-type", "date", "retry-after", f"{RATE}max")

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Paths:
    """The paths of one API version: a date (``2026-09``) or ``v3``."""

    version: str

    def objects(self, kind: str) -> str:
        return f"/crm/v3/objects/{kind}" if self.version == "v3" else f"/crm/objects/{self.version}/{kind}"

    def properties(self, kind: str) -> str:
        return f"/crm/v3/properties/{kind}" if self.version == "v3" else f"/crm/properties/{self.version}/{kind}"

    def links(self, origin: str, to: str) -> str:
        root = "/crm/v4/associations" if self.version == "v3" else f"/crm/associations/{self.version}"
        return f"{root}/{origin}/{to}/batch/read"

    @property
    def token(self) -> str:
        return f"/oauth/{self.version}/token"


@dataclass(frozen=True, slots=True)
class Batch:
    """What a batch read answered.

    ``gone``: the ids that HubSpot says are not there; ``open``: those that it says nothing of; ``aliases``: asked id to
    the id of the record that answered for it.
    """

    found: Sequence[Record] = ()
    gone: frozenset[str] = frozenset()
    open: frozenset[str] = frozenset()
    aliases: Mapping[str, str] = field(default_factory=dict)


class Pace:
    """The limits of one account; the general one follows what answers tell of it."""

    def __init__(self, *, clock: Callable[[], float], sleep: Callable[[float], object]) -> None:
        self._clock = clock
        self._sleep = sleep
        self._general = 0
        self.pacer: Pacer
        self.set(GENERAL)

    def set(self, general: int) -> None:
        """Let so many requests go out in 10 seconds, searches and associations apart."""
        if general != self._general:
            self._general = general
            limits = (
                Limit(general, 10.0, r"^(?!.*/search$)(?!.*/associations/)"),
                Limit(SEARCHES, 1.0, "/search$"),
                Limit(ASSOCIATIONS, 10.0, "/associations/"),
            )
            hint = Hint(remaining=f"{RATE}remaining", pause=1.0)
            self.pacer = Pacer(limits, (hint,), clock=self._clock, sleep=self._sleep)

    def heed(self, headers: Mapping[str, str]) -> None:
        """Wait a moment when an answer says that nothing is left."""
        self.pacer.told(headers)

    def told(self, answer: Answer) -> None:
        """Take the limit from an answer's headers; searches have none."""
        most = answer.headers.get(f"{RATE}max", "")
        if most.isdecimal() and int(most) >= 10:
            self.set(int(int(most) * SHARE))


class Api:
    """Asks one account. Every method may raise a SourceError; ``client`` is closed by whoever made it."""

    def __init__(self, client: Client, paths: Paths, pace: Pace) -> None:
        self._client = client
        self._paths = paths
        self._pace = pace
        self.server_time: float | None = None

    def properties(self, kind: str) -> dict[str, str]:
        """The types of the properties that records of ``kind`` have, by name."""
        answer = self._ask("GET", self._paths.properties(kind))
        names = [each for each in _results(answer) if isinstance(each.get("name"), str) and not each.get("archived")]
        return {each["name"]: str(each.get("type")) for each in names}

    def pages(self, kind: str, properties: Sequence[str], *, archived: bool = False) -> Iterator[list[Record]]:
        """Every record, by pages; with ``archived`` those in the bin. Short and empty pages are no end.

        Raises:
            SourceInvalid: it answers the same page again and again.

        """
        by_url = len(",".join(properties)) <= URL_NAMES
        params: dict[str, str | int] = {"limit": LIST, "archived": str(archived).lower()}
        met: set[str] = set()
        while True:
            names = {"properties": ",".join(properties if by_url else properties[:1])}
            answer = self._ask("GET", self._paths.objects(kind), params={**params, **names})
            if answer.verdict == TOO_LONG:
                if not by_url:
                    raise SourceInvalid("HubSpot finds the shortest URL too long (status 414): check base_url")
                by_url = False
                continue
            records = _results(answer)
            yield records if by_url else self._filled(kind, records, properties, archived=archived)
            after = find("paging.next.after", answer.body)
            if after is None:
                return
            if str(after) in met:
                raise SourceUnavailable("HubSpot lists the same page again: nothing is known of the rest, try later")
            met.add(str(after))
            params["after"] = str(after)

    def changed(self, kind: str, since: int, until: int, *, by: str) -> Iterator[list[str]]:
        """The ids of the records whose date ``by`` is in this window of milliseconds, by pages.

        Each page begins after the last id, so that the 10,000 results that a search may show are never reached, however
        many records one moment holds.
        """
        last = 0
        while True:
            body = _search(by, since, until, above=last)
            answer = self._ask("POST", f"{self._paths.objects(kind)}/search", json=body)
            ids = [int(each["id"]) for each in _results(answer)]
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
        """The records with these ids, or those that they were merged into."""
        asked = list(ids)
        parts = [asked[start : start + BATCH] for start in range(0, len(asked), BATCH)]
        batches = [self._batch(kind, part, properties, archived=archived) for part in parts]
        return Batch(
            [record for each in batches for record in each.found],
            frozenset().union(*(each.gone for each in batches)),
            frozenset().union(*(each.open for each in batches)),
            {old: new for each in batches for old, new in each.aliases.items()},
        )

    def links(self, origin: str, to: str, ids: Iterable[str]) -> Iterator[tuple[str, list[Record]]]:
        """(id, links) of records of kind ``origin``; the links of one record come in several pieces if it has many."""
        waiting: list[dict[str, str]] = [{"id": number} for number in ids]
        while waiting:
            inputs, waiting = waiting[:LINKS], waiting[LINKS:]
            answer = self._ask("POST", self._paths.links(origin, to), json={"inputs": inputs})
            if find(FAILED_LINKS, answer.body):
                raise SourceUnavailable("HubSpot could not answer which companies are linked: try again later")
            for result in _results(answer):
                number, after = str(find("from.id", result)), find("paging.next.after", result)
                yield number, [each for each in result.get("to") or [] if isinstance(each, dict)]
                if after is not None:
                    waiting.append({"id": number, "after": str(after)})

    def _batch(self, kind: str, ids: list[str], properties: Sequence[str], *, archived: bool) -> Batch:
        body = {"inputs": [{"id": each} for each in ids], "properties": list(properties), "propertiesWithHistory": []}
        path = f"{self._paths.objects(kind)}/batch/read"
        answer = self._ask("POST", path, params={"archived": str(archived).lower()}, json=body)
        found = _results(answer)
        aliases = _aliases(ids, found)
        missing = set(ids) - {str(each.get("id")) for each in found} - aliases.keys()
        gone = missing & {str(each) for each in find(CONTEXT_IDS, answer.body) or ()}
        return Batch(found, frozenset(gone), frozenset(missing - gone), aliases)

    def _filled(
        self, kind: str, records: Sequence[Record], properties: Sequence[str], *, archived: bool
    ) -> list[Record]:
        """The same records with more properties than a URL can name; one that has just gone is left out."""
        batch = self.read(kind, [str(each.get("id")) for each in records], properties, archived=archived)
        if batch.open:
            raise SourceUnavailable(f"HubSpot said nothing of {len(batch.open)} records that it lists: try again later")
        return list(batch.found)

    def _ask(self, method: str, path: str, **more: Any) -> Answer:
        answer = self._client.request(method, path, budget=self._pace.pacer.places(method, path), **more)
        self._pace.told(answer)
        if self.server_time is None and (date := http_date(answer.headers.get("date", ""))):
            self.server_time = date.timestamp()
        return answer


def judging(pace: Pace, *, key: str, secrets: Sequence[str]) -> Judging:
    """How this account's answers are judged; the pace heeds what they tell of it."""
    return Judging(pace.heed, key=key, secrets=secrets)


def merged_ids(record: Record) -> list[str]:
    """The ids that became this record."""
    text = find("properties.hs_merged_object_ids", record) or ""
    own = str(record.get("id"))
    return [part for part in str(text).replace(",", ";").split(";") if part.strip().isdecimal() and part != own]


def _search(by: str, since: int, until: int, *, above: int) -> dict[str, Any]:
    filters = [
        {"propertyName": by, "operator": "GTE", "value": str(since)},
        {"propertyName": by, "operator": "LTE", "value": str(until)},
        {"propertyName": "hs_object_id", "operator": "GT", "value": str(above)},
    ]
    return {
        "filterGroups": [{"filters": filters}],
        "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
        "properties": ["hs_object_id"],
        "limit": SEARCH,
    }


def _results(answer: Answer) -> list[Any]:
    """The objects in ``results``.

    Raises:
        SourceUnavailable: the answer holds none; an empty list is none that was cut off.

    """
    results = find("results", answer.body)
    if not isinstance(results, list) or not all(isinstance(each, dict) for each in results):
        raise SourceUnavailable("HubSpot answered with something else than records: try again later")
    return results


def _aliases(ids: Sequence[str], found: Sequence[Record]) -> dict[str, str]:
    """Which asked ids were answered by another record: the one that they were merged into."""
    asked, answered = set(ids), {str(each.get("id")) for each in found}
    aliases = {old: str(each["id"]) for each in found for old in merged_ids(each) if old in asked - answered}
    lost, strange = asked - answered - aliases.keys(), answered - asked - set(aliases.values())
    if len(lost) == len(strange) == 1:
        aliases[lost.pop()] = strange.pop()
    return aliases
