"""Requests that are signed each by itself, with a secret that is never sent; pure."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from connectors.rest_api.template import as_text, fill


@dataclass(frozen=True, slots=True)
class Signature:
    """A header that holds HMAC-SHA256 (RFC 2104) of what a request asks for, in base64.

    ``over`` is a template with ``{method}`` and ``{path}``, the latter as it is sent, below the base URL and without
    its query. ``before`` stands before the signature, inside the base64; ``digest``: its bytes, or hexadecimal digits.
    """

    header: str
    secret: str = field(repr=False)
    over: str = "{method} {path}"
    before: str = field(default="", repr=False)
    digest: Literal["raw", "hex"] = "raw"

    def headers(self, method: str, path: str) -> Mapping[str, str]:
        """The header for one request."""
        text = as_text(fill(self.over, {"method": method, "path": path}))
        mac = hmac.new(self.secret.encode(), text.encode(), hashlib.sha256)
        signed = mac.digest() if self.digest == "raw" else mac.hexdigest().encode()
        return {self.header: base64.b64encode(self.before.encode() + signed).decode("ascii")}
