"""Sign each request by itself, with a secret that is never sent. Pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from connectors.http_parts.template import as_text, fill


@dataclass(frozen=True, slots=True)
class Signature:
    """A header with the HMAC-SHA256 (RFC 2104) of a request, in base64.

    ``over`` is the template of the signed text, with ``{method}`` and ``{path}`` (below the base URL, without its
    query). ``before`` stands before the signature, inside the base64.
    """

    header: str
    secret: str = field(repr=False)
    over: str = "{method} {path}"
    before: str = field(default="", repr=False)
    digest: Literal["raw", "hex"] = "raw"

    def headers(self, method: str, path: str) -> Mapping[str, str]:
        """Return the header for one request."""
        # The path is percent-encoded, as it is sent: the server signs the path that it received.
        text = as_text(fill(self.over, {"method": method, "path": path}))
        mac = hmac.new(self.secret.encode(), text.encode(), hashlib.sha256)
        # Vendors differ here: some encode the bytes of the signature, some its hexadecimal digits.
        signature = mac.digest() if self.digest == "raw" else mac.hexdigest().encode()
        return {self.header: base64.b64encode(self.before.encode() + signature).decode("ascii")}
