"""``GET /media/{id}``, and what is in the files."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

from syncd.sandbox.activity.clock import stamp
from syncd.sandbox.activity.faults import FileExpire
from syncd.sandbox.activity.model import LONG, Segment
from syncd.sandbox.activity.phones import Phones
from syncd.sandbox.activity.rows import Said
from syncd.sandbox.faults import Faults
from syncd.sandbox.replies import Reply, error

VALID = 1_800
"""Seconds for which a signed address is valid."""

BEGINNINGS: Mapping[str, bytes] = {
    "audio/mp3": b"ID3\x04\x00\x00\x00\x00\x00\x00",
    "audio/wav": b"RIFF\x00\x00\x00\x00WAVE",
    "image/jpeg": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00",
    "image/png": b"\x89PNG\r\n\x1a\n",
    "text/vcard": b"BEGIN:VCARD\r\n",
}
"""How a file of a type begins."""


@dataclass(frozen=True, slots=True)
class Medium:
    """One file: its id, such as ``rec_84729``, its type, its size in bytes, and what the metadata says beside that."""

    id: str
    content_type: str
    size: int
    shown: Mapping[str, Any]

    def content(self, begin: int = 0, end: int | None = None) -> bytes:
        """Return the bytes from ``begin`` until before ``end`` (None: the end); the same ones each time."""
        head = BEGINNINGS.get(self.content_type, b"")
        block = hashlib.sha512(self.id.encode()).digest() * 64
        end = self.size if end is None else min(end, self.size)
        first = begin // len(block)
        many = block * (-(-end // len(block)) - first)
        part = bytearray(many[begin - first * len(block) : end - first * len(block)])
        if begin < len(head):
            part[: len(head) - begin] = head[begin : begin + len(part)]
        return bytes(part)

    @property
    def sha256(self) -> str:
        """The digest of the whole content in hex."""
        found = hashlib.sha256()
        for begin in range(0, self.size, 1 << 20):
            found.update(self.content(begin, begin + (1 << 20)))
        return found.hexdigest()


class Media:
    """Finds media and signs addresses of their files. ``host`` is the address of the host of the files."""

    def __init__(self, phones: Phones, dialects: Mapping[str, str], faults: Faults, clock: Callable[[], float]) -> None:
        self.phones = phones
        self.dialects = dialects
        self.faults = faults
        self.clock = clock
        self.host = ""
        self._secret = secrets.token_bytes(32)

    def reply(self, name: str) -> Reply:
        """Return the metadata of a medium and a signed address of its file, or 404."""
        medium = self.find(name)
        if medium is None:
            return error(404, "Media not found.")
        expires = ceil(self.clock()) + VALID
        struck = self.faults.aside(FileExpire)
        valid = int(self.clock()) - 1 if struck else expires
        url = f"{self.host}/{name}?expires={valid}&signature={self._signature(name, str(valid))}"
        known = {"id": name, **medium.shown, "url": url, "expires_at": stamp(expires)}
        return Reply(200, known, rows=1)

    def find(self, name: str) -> Medium | None:
        """Return the medium of this id, or None if there is none now."""
        kind, _, number = name.partition("_")
        if not (number.isascii() and number.isdecimal() and len(number) < 18):
            return None
        with self.phones.lock:
            if kind == "rec":
                return self._recording(name, int(number))
            attachment = self.phones.attachment(int(number)) if kind == "att" else None
        if attachment is None:
            return None
        suffix = attachment.filename.rpartition(".")[2]
        shown = {"type": "attachment", "content_type": attachment.content_type, "format": suffix, "duration": None}
        return Medium(name, attachment.content_type, attachment.size, shown)

    def _recording(self, name: str, number: int) -> Medium | None:
        found = self.phones.recording(number)
        if found is None or not Said.by(self.dialects, "").recorded(*found, self.phones.now()):
            return None
        segment = found[1]
        content_type, form = self._form(segment)
        shown = {"type": "recording", "content_type": content_type, "format": form, "duration": int(segment.talk)}
        return Medium(name, content_type, segment.size, shown)

    def _form(self, segment: Segment) -> tuple[str, str]:
        """Return the content type and the format of a recording."""
        form, rule = self.dialects["recording_format"], self.dialects["long_recordings"]
        if segment.talk <= LONG or rule in {"same", "absent"}:
            return f"audio/{form}", form
        return ("audio/wav", "wav") if rule == "wav" else ("application/octet-stream", "")

    def is_valid(self, name: str, expires: str, signature: str) -> bool:
        """Return whether an address was signed here and has not expired."""
        if not hmac.compare_digest(self._signature(name, expires).encode(), signature.encode()):
            return False
        return self.clock() <= float(expires)

    def _signature(self, name: str, expires: str) -> str:
        return hmac.new(self._secret, f"{name}?{expires}".encode(), hashlib.sha256).hexdigest()
