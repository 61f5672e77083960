"""The one HTTP client of syncd, and every name of it that other rooms and connectors may use."""

from __future__ import annotations

# Connectors import from here and not from the modules below, so that those can change.
from syncd.rest.addresses import LOOPBACK, host_of, is_under, same_origin
from syncd.rest.answers import Answer, Judge, Verdict, http_date, is_refusal, retry_after
from syncd.rest.bodies import encoded
from syncd.rest.bounds import Bounds
from syncd.rest.client import Client, Credentials
from syncd.rest.detours import is_gateways
from syncd.rest.downloads import Downloaded, Downloads
from syncd.rest.failures import TARGET, Failures, sink_failures, source_failures
from syncd.rest.listed import Listed, parts_of
from syncd.rest.retries import Places

__all__ = [
    "LOOPBACK",
    "TARGET",
    "Answer",
    "Bounds",
    "Client",
    "Credentials",
    "Downloaded",
    "Downloads",
    "Failures",
    "Judge",
    "Listed",
    "Places",
    "Verdict",
    "encoded",
    "host_of",
    "http_date",
    "is_gateways",
    "is_refusal",
    "is_under",
    "parts_of",
    "retry_after",
    "same_origin",
    "sink_failures",
    "source_failures",
]
