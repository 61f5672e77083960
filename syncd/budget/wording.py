"""Lengths of time and forecasts, in words for people."""

from __future__ import annotations

SECONDS_EACH = 1.0
"""The seconds that a forecast assumes for one request (500 contacts) that no window delays."""


def describe(seconds: float) -> str:
    """Return a length of time in at most two units: ``12 s``, ``3 m 20 s``, ``1 h 17 m``, ``2 d 4 h``."""
    whole = max(1, round(seconds)) if seconds > 0 else 0
    if whole >= 3600:
        whole = round(whole / 60) * 60
    if whole >= 86_400:
        whole = round(whole / 3600) * 3600
    units = (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1))
    shown = []
    for name, size in units:
        count, whole = divmod(whole, size)
        if count:
            shown.append(f"{count} {name}")
    return " ".join(shown[:2]) or "0 s"


def describe_requests(requests: int, seconds: float, *, each: float = SECONDS_EACH) -> str:
    """Return a forecast for people: ``2,003 requests, about 1 h 17 m at this key's limits``."""
    noun = "request" if requests == 1 else "requests"
    limited = " at this key's limits" if seconds > requests * each * 1.1 + 1 else ""
    return f"{requests:,} {noun}, about {describe(seconds)}{limited}" if requests else "no requests"
