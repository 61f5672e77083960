"""The host of the files, on a port of its own: signed addresses, no key, ranges."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from functools import partial

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from syncd.sandbox.activity.faults import FileFault, FileShort, FileSlow, FileStatus
from syncd.sandbox.activity.media import Media, Medium

BLOCK = 64 * 1024
RANGE = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")


def build_files(media: Media) -> Starlette:
    """Return the host of the files as an ASGI application."""
    return Starlette(routes=[Route("/{name}", partial(_file, media), methods=["GET"])])


async def _file(media: Media, request: Request) -> Response:
    name, query = request.path_params["name"], request.query_params
    fault = media.faults.aside(FileFault)
    if isinstance(fault, FileStatus):
        headers = {"Location": fault.location} if fault.location else {}
        return PlainTextResponse("<Error/>", fault.status, headers)
    if not media.is_valid(name, query.get("expires", ""), query.get("signature", "")):
        return PlainTextResponse("<Error><Code>AccessDenied</Code></Error>", 403)
    medium = media.find(name)
    if medium is None:
        return PlainTextResponse("<Error><Code>NoSuchKey</Code></Error>", 404)
    begin, end, partial_ = 0, medium.size, False
    if "range" in request.headers:
        wanted = _range(request.headers["range"], medium.size)
        if wanted is None:
            return PlainTextResponse("", 416, {"Content-Range": f"bytes */{medium.size}"})
        (begin, end), partial_ = wanted, True
    return _answer(medium, begin, end, fault, partial_=partial_)


def _answer(medium: Medium, begin: int, end: int, fault: FileFault | None, *, partial_: bool) -> Response:
    headers = {"Content-Length": str(end - begin), "Accept-Ranges": "bytes"}
    if partial_:
        headers["Content-Range"] = f"bytes {begin}-{end - 1}/{medium.size}"
    if isinstance(fault, FileShort):
        end = begin + int((end - begin) * fault.share)
        # A length that is told leaves nothing to notice but the size that is known from elsewhere.
        headers |= {"Content-Length": str(end - begin)} if fault.told else {}
    pause = fault.seconds if isinstance(fault, FileSlow) else 0.0
    body = _blocks(medium, begin, end, pause)
    return StreamingResponse(body, 206 if partial_ else 200, headers, medium.content_type)


async def _blocks(medium: Medium, begin: int, end: int, pause: float) -> AsyncIterator[bytes]:
    half = (begin + end) // 2
    for at in range(begin, end, BLOCK):
        if pause and at <= half < at + BLOCK:
            yield medium.content(at, half)
            await asyncio.sleep(pause)
            yield medium.content(half, min(at + BLOCK, end))
        else:
            yield medium.content(at, min(at + BLOCK, end))


def _range(text: str, size: int) -> tuple[int, int] | None:
    """Return the bytes that a Range header asks for as (begin, end), or None if there are none."""
    found = RANGE.fullmatch(text.strip())
    if not found or not (found[1] or found[2]):
        return None
    begin = int(found[1]) if found[1] else max(size - int(found[2]), 0)
    end = min(int(found[2]) + 1, size) if found[1] and found[2] else size
    return (begin, end) if begin < end else None
