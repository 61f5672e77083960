"""Sign a message as Standard Webhooks says (https://www.standardwebhooks.com, version 1). Pure."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from urllib.parse import quote

PREFIX = "whsec_"

SHORTEST, LONGEST = 24, 64
"""The bytes that a secret may have."""

LONGEST_ID = 200
"""The characters of an id; a longer one is cut, with a digest of the whole."""


def key_of(secret: str) -> bytes:
    """Return the bytes of a secret: base64, after ``whsec_``.

    Raises:
        ValueError: it is no such secret; the message does not hold it.

    """
    if not secret.startswith(PREFIX):
        raise ValueError(f"a secret begins with {PREFIX}")
    coded = secret.removeprefix(PREFIX)
    try:
        # Generators of secrets often leave the padding out.
        key = base64.b64decode(coded + "=" * (-len(coded) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"a secret is base64 after {PREFIX}, and one of these is not") from None
    if not SHORTEST <= len(key) <= LONGEST:
        raise ValueError(f"a secret has {SHORTEST} to {LONGEST} bytes, and one of these has {len(key)}")
    return key


def message_id(identity: str, version: str) -> str:
    """Return the id of a message about ``identity``; another ``version`` of the same activity has another id."""
    # Only what every server takes in a header; a full stop separates the id from the time in what is signed.
    text = quote(identity, safe=":", errors="backslashreplace").replace(".", "%2E")
    if len(text) > LONGEST_ID:
        text = f"{text[:LONGEST_ID]}~{hashlib.blake2b(text.encode('ascii'), digest_size=8).hexdigest()}"
    return f"{text}:{version}"


def headers(id_: str, moment: int, body: bytes, keys: Sequence[bytes]) -> Mapping[str, str]:
    """Return the headers of a message: ``body`` as it is sent, signed at ``moment`` (Unix seconds) by every key."""
    signed = b".".join([id_.encode("ascii"), str(moment).encode("ascii"), body])
    macs = [hmac.new(key, signed, hashlib.sha256).digest() for key in keys]
    return {
        "webhook-id": id_,
        "webhook-timestamp": str(moment),
        "webhook-signature": " ".join(f"v1,{base64.b64encode(mac).decode('ascii')}" for mac in macs),
        "Idempotency-Key": id_,
    }
