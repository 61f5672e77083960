"""Whether a delivery was signed by Vocatech: the header ``X-Vocatech-Signature`` over the bytes of the body.

The header is ``t=1710000000,v1=5257a8…``: ``t`` is when it was signed, in Unix seconds, and each ``v1`` is the
HMAC-SHA256, in hexadecimal digits, of ``t=<t>.<body>`` under a secret.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

HEADER = "X-Vocatech-Signature"

TOLERANCE = 300.0
"""Seconds by which a signature's time may differ from the clock, as the guide says."""

LONGEST_TIME = 12
"""Digits of a signature's time: a longer one is no time of this age of the world."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a signature proves.

    ``kind``: ``good``; ``stale`` (genuine, but signed too long ago or too far ahead); ``bad`` (not genuine).
    ``signed_at``: Unix seconds. ``secret``: the number of the secret that it was made with. Both None if bad.
    """

    kind: Literal["good", "stale", "bad"]
    signed_at: int | None = None
    secret: int | None = None


BAD = Verdict("bad")


def verify(
    header: str, body: bytes, secrets: Sequence[bytes], now: float, tolerance: float | None = TOLERANCE
) -> Verdict:
    """Return what ``header`` proves of ``body`` at the time ``now`` (Unix seconds); it raises nothing.

    ``tolerance``: seconds; None accepts every time.
    """
    parts = [part.strip().partition("=") for part in header.split(",")]
    times = [value for name, _, value in parts if name == "t"]
    signatures = [value.encode(errors="replace") for name, _, value in parts if name == "v1"]
    if len(times) != 1 or not is_time(times[0]):
        return BAD
    secret = _maker(times[0].encode(), body, signatures, secrets)
    if secret is None:
        return BAD
    # The clock is asked last, so that a delivery that is late is told from one that is forged.
    signed_at = int(times[0])
    is_fresh = tolerance is None or abs(now - signed_at) <= tolerance
    return Verdict("good" if is_fresh else "stale", signed_at, secret)


def is_time(text: str) -> bool:
    """Return whether ``text`` is a number of seconds as a signature holds it: ASCII digits only."""
    return text.isascii() and text.isdigit() and len(text) <= LONGEST_TIME


def signed(body: bytes, secret: bytes, at: int) -> str:
    """Return the header of a ``body`` that is signed at the Unix second ``at``."""
    return f"t={at},v1={_digest(str(at).encode(), body, secret)}"


def fingerprint(secret: bytes) -> str:
    """Return a name for a secret, from which nobody can find the secret."""
    return hashlib.sha256(b"syncd webhook secret:" + secret).hexdigest()[:16]


def _maker(time: bytes, body: bytes, signatures: Sequence[bytes], secrets: Sequence[bytes]) -> int | None:
    """Return the number of the secret that made one of ``signatures``; None if none did."""
    found = None
    for number, secret in enumerate(secrets):
        # Anybody can sign with an empty secret.
        if not secret:
            continue
        expected = _digest(time, body, secret).encode()
        for signature in signatures:
            # Every secret meets every signature: while secrets are exchanged, the second of each may be ours.
            if hmac.compare_digest(expected, signature) and found is None:
                found = number
    return found


def _digest(time: bytes, body: bytes, secret: bytes) -> str:
    mac = hmac.new(secret, b"t=" + time + b".", hashlib.sha256)
    mac.update(body)
    return mac.hexdigest()
