"""The points that HubSpot's documents leave open, or that only other programs show, as switches of the fake."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from syncd.sandbox.dialects import SECONDS, Dialect


def _open(values: str, point: str, meaning: str) -> Dialect:
    return Dialect(tuple(values.split()), point, meaning)


DIALECTS: Mapping[str, Dialect] = MappingProxyType(
    {
        # The vendor warns that search is behind, and names no bound.
        "search_lag": _open(f"0 {SECONDS}", "search", "how long a change stays unseen in search"),
        "merge": _open("new primary", "merge", "the record that a merge leaves: a new one, or the primary with its id"),
        "merge_trace": _open(
            "all latest", "merge", "hs_merged_object_ids: every id that became this record, or the last two"
        ),
        "restored": _open("silent touched", "restore", "whether a restored record's modified date moves"),
        "pages": _open("full short", "paging", "whether pages are full; short ones may be empty and have a next one"),
        "next_link": _open("own foreign", "paging", "the host that paging.next.link names"),
        "dates": _open("iso ms", "values", "how a property of type date is shown: 2026-09-01, or milliseconds"),
        "association_page": _open("100 1 2", "associations", "how many companies of one contact a result holds"),
        "association_ids": _open("version integer string", "associations", "the type of toObjectId"),
        "partial": _open("207 200", "batch read", "the status of an answer without some of the records"),
        "retry_after": _open("absent seconds", "limits", "the Retry-After header of a 429"),
        "refresh_token": _open("kept rotated", "OAuth", "whether a refresh answers a new refresh token"),
        # Whether a company can make unique properties of calls and messages is said nowhere, though upserts need one.
        "unique": _open(
            "custom creation_key none",
            "writes",
            "the unique property of calls and messages: one of the company's own, hs_unique_creation_key, or none",
        ),
        "unknown_property": _open(
            "error ignored", "writes", "a value of a property that there is not: refused, or left out"
        ),
        "create_lost": _open(
            "stored not", "writes", "whether a write was carried out whose answer is lost (the fault drop)"
        ),
        "multi_status": _open(
            "traced whole",
            "writes",
            "one wrong input of a batch whose inputs have an objectWriteTraceId: it alone, or the whole is refused",
        ),
        "write_answer": _open(
            "sent defaults", "writes", "a written record in an answer: what was sent and its trace id, or defaults"
        ),
        "associate_missing": _open(
            "partial whole", "writes", "a link to a contact that there is not: it alone, or the whole batch is refused"
        ),
        "html": _open("kept cleaned", "writes", "whether the HTML of a body is stored as it was sent"),
        "text_limit": _open("65536 20000", "writes", "the most characters of a value"),
        # The vendor names no length either; gateways differ.
        "url": _open("16000 2000 4000", "list", "characters of a URL, beyond which it is too long (414)"),
    }
)
"""Every dialect by name; the first value is the default."""
