"""Packs states and texts: JSON, compressed."""

from __future__ import annotations

import zlib
from typing import Any

import orjson

from syncd.core.activity.observations import State

# A state is a short JSON text whose names are always the same ones. With a dictionary of them, it takes a third of the
# room and of the time. The dictionary is part of the format: another one needs another number before the bytes.
_DICTIONARY = (
    b'{"content_type":"filename","image/jpeg","attachments":[],"whatsapp","status":[17,"sent","delivered","read",'
    b'"failed","said":{"received":[17,"sent":[17,"status":[17,"list":[17,"files":{"att_":[2,17,[0,"body":[1,17'
    b'"legs":{"17|10":{"started":[17,{"answered":[17,{"ended":[17,{"direction":"incoming","heard":17'
    b'"texts":{"summary event 17":[1,17"transcription event 17":[1,17"summary 17|User|10":[2,17'
    b'"media":{"17|User|10":[17,"rec_'
    b'"first":[17,"webhook"],"first":[17,"list"]}"listed":17,'
    b'"rows":{"17|10":[2,17,{"direction":"outgoing","direction":"internal","direction":"incoming","extension":"10",'
    b'"extension_name":"","remote":null,"remote":"+1","remote_name":null,"remote_name":"","own":"","start":17,"end":null,'
    b'"end":17,"duration":null,"duration":,"status":"missed","status":"answered","journey":[["17|AutoAttendant|",'
    b'"AutoAttendant","Main Menu",["17|HuntGroup|","HuntGroup",["17|CallCenter|","CallCenter",["17|User|10","User",'
    b'null,null,false],true]]}]},"first":[17'
)
_FORMAT = b"\x01"
_PACKER = zlib.compressobj(1, zlib.DEFLATED, -12, 4, zlib.Z_DEFAULT_STRATEGY, _DICTIONARY)
"""Has read the dictionary, and nothing else: it is copied for each state."""


def pack(state: State) -> bytes:
    """Return a state as it is stored."""
    packer = _PACKER.copy()
    return _FORMAT + packer.compress(orjson.dumps(state)) + packer.flush()


def unpack(stored: bytes) -> State:
    """Return a state that was stored.

    Raises:
        ValueError: a newer program stored it, or the file is damaged.
    """
    if not stored.startswith(_FORMAT):
        raise ValueError("a state of an activity in a format of a newer syncd")
    unpacker = zlib.decompressobj(-12, _DICTIONARY)
    state: State = orjson.loads(unpacker.decompress(stored[1:]) + unpacker.flush())
    return state


def pack_words(words: list[Any]) -> bytes:
    """Return texts as they are stored."""
    text = orjson.dumps(words)
    # To prepare the tables for a long text takes longer than to pack a short one.
    is_long = len(text) > 4096
    packer = zlib.compressobj(6, zlib.DEFLATED, 15 if is_long else 12, 8 if is_long else 5)
    return packer.compress(text) + packer.flush()


def unpack_words(stored: bytes) -> list[Any]:
    """Return texts that were stored."""
    words: list[Any] = orjson.loads(zlib.decompress(stored))
    return words
