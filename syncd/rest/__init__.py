"""The one HTTP client, and all that a connector may use of it."""

from __future__ import annotations

from syncd.rest.addresses import LOOPBACK, host_of, is_under, same_origin
from syncd.rest.answers import TARGET, Answer, Failures, Judge, Verdict, http_date, retry_after, source_failures
from syncd.rest.client import Client, Credentials
from syncd.rest.retries import Places

__all__ = [
    "LOOPBACK",
    "TARGET",
    "Answer",
    "Client",
    "Credentials",
    "Failures",
    "Judge",
    "Places",
    "Verdict",
    "host_of",
    "http_date",
    "is_under",
    "retry_after",
    "same_origin",
    "source_failures",
]
