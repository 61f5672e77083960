"""How the file of a recording or an attachment is called, and whether a download is that file. Pure.

Whoever sends a message chooses the name and the type of its attachments. So a name from there decides nothing: neither
the folder, nor the extension.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_EXTENSIONS: Mapping[str, str] = {
    **dict.fromkeys(("audio/mp3", "audio/mpeg", "audio/mpeg3", "audio/x-mp3"), "mp3"),
    **dict.fromkeys(("audio/wav", "audio/x-wav", "audio/wave", "audio/vnd.wave"), "wav"),
    **dict.fromkeys(("audio/mp4", "audio/m4a", "audio/x-m4a"), "m4a"),
    **dict.fromkeys(("audio/ogg", "application/ogg", "audio/vorbis"), "ogg"),
    **dict.fromkeys(("audio/flac", "audio/x-flac"), "flac"),
    **dict.fromkeys(("text/vcard", "text/x-vcard"), "vcf"),
    **dict.fromkeys(("video/3gpp", "audio/3gpp"), "3gp"),
    **dict.fromkeys(("image/jpeg", "image/jpg"), "jpg"),
    "audio/opus": "opus",
    "audio/amr": "amr",
    "audio/aac": "aac",
    "audio/webm": "webm",
    "image/png": "png",
    "image/gif": "gif",
    "image/webp": "webp",
    "image/heic": "heic",
    "image/bmp": "bmp",
    "image/tiff": "tif",
    "video/mp4": "mp4",
    "video/quicktime": "mov",
    "video/webm": "webm",
    "application/pdf": "pdf",
    "application/msword": "doc",
    "application/vnd.ms-excel": "xls",
    "application/vnd.ms-powerpoint": "ppt",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": "docx",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": "xlsx",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": "pptx",
    "application/zip": "zip",
    "text/plain": "txt",
    "text/csv": "csv",
    "text/calendar": "ics",
}
_KNOWN = frozenset(_EXTENSIONS.values())
_GENERIC = frozenset({"", "application/octet-stream", "binary/octet-stream", "application/binary"})
_PAGES = frozenset({"text/html", "application/xhtml+xml", "application/xml", "text/xml", "application/json"})
_PLAIN_ID = re.compile(r"[a-z0-9_-]{1,100}")
_LONGEST = 80


@dataclass(frozen=True, slots=True)
class Named:
    """What the API says of a file. ``url``: its signed address, never stored. ``size``: bytes, if it says so."""

    url: str
    content_type: str
    format: str
    size: int | None = None
    duration: float | None = None

    @classmethod
    def of(cls, body: Any, media_id: str) -> Named | None:
        """Return what an answer says; None if it is no answer about this file."""
        if not isinstance(body, Mapping) or body.get("id") not in {None, media_id}:
            return None
        url, size, duration = body.get("url"), body.get("size"), body.get("duration")
        if not isinstance(url, str) or not url:
            return None
        return cls(
            url,
            type_of(body.get("content_type")),
            _text(body.get("format")).lower(),
            size if isinstance(size, int) and size > 0 else None,
            float(duration) if isinstance(duration, int | float) and duration >= 0 else None,
        )


def type_of(header: Any) -> str:
    """Return a content type without its parameters, in small letters; "" if there is none."""
    return _text(header).partition(";")[0].strip().lower()


def is_same_type(named: str, served: str) -> bool:
    """Return whether a file that came as type ``served`` can be the one that the API named ``named``.

    Hosts of files often name a type of their own, or none. But a page or an answer in its place is not the file.
    """
    return served == named or served not in _PAGES


def file_name(media_id: str, content_type: str, format: str = "", filename: str | None = None) -> str:  # noqa: A002
    """Return the name of a file: its id, what is left of the sender's ``filename``, and the extension of its type."""
    stem = media_id
    # Two ids that a file system takes for one name must not share a file.
    if not _PLAIN_ID.fullmatch(media_id):
        digest = hashlib.sha256(media_id.encode()).hexdigest()[:12]
        stem = f"{re.sub('[^a-z0-9_-]', '_', media_id.lower())[:60]}-{digest}"
    called, _, suffix = (filename or "").replace("\\", "/").rpartition("/")[2].rpartition(".")
    words = _harmless(called or suffix)
    return f"{stem}{'-' if words else ''}{words}.{_extension(content_type, format, suffix)}"


def _extension(content_type: str, format: str, suffix: str) -> str:  # noqa: A002
    if found := _EXTENSIONS.get(content_type):
        return found
    # What a sender calls "photo.exe" is no program here, unless its type is known to be one.
    others = (format, suffix.lower()) if content_type in _GENERIC else (format,)
    return next((each for each in others if each in _KNOWN), "bin")


def _harmless(name: str) -> str:
    """Return what is left of a name without anything that a file system, a shell or a screen takes for more."""
    text = re.sub(r"[^\w() -]+", "_", unicodedata.normalize("NFC", name)).strip(" _-")
    return text.encode()[:_LONGEST].decode(errors="ignore").rstrip(" _-")


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
