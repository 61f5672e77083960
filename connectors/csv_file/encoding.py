"""From the bytes of a file, in whatever encoding, to UTF-8, strictly: what does not fit is an error, never a guess.

Detection takes a byte order mark first, then valid UTF-8, then Windows-1252. Anything else is named to the user, who
must declare it: a wrong guess would put unreadable names onto the phones without anyone having been asked.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator

LEGACY = "cp1252"

OTHERS = ("cp1250", "cp1251", "cp1253", "cp1255", "cp1256", "cp932", "gb18030", "big5", "euc_kr")
"""What text that is not Western is looked for in, to name it to the user."""

MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

DROP = "remove encoding, or set it to what the file is in"
REPAIR = "set encoding to what the file is in, or have the export repaired"

_SEQUENCE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_LIKELY_UTF8 = re.compile(rb"[\xc3-\xc5][\x80-\xbf]|\xe2\x80[\x90-\xbf]|(?:[\xc2-\xdf][\x80-\xbf]){2}")
_LOOSE_END = re.compile(rb"(?:[\xc2-\xf4]|[\xe0-\xf4][\x80-\xbf]|[\xf0-\xf4][\x80-\xbf]{2})\Z")
_HIGH = re.compile(rb"[\x80-\xff]")
_HIGH_RUN = re.compile(rb"[\x80-\xff]{3,}")
_SYMBOL_IN_WORD = re.compile(rb"[A-Za-z\xc0-\xff][\xa1-\xa9\xab-\xb3\xb5\xb6\xb8\xb9\xbb-\xbf](?=[a-z\xe0-\xff])")
_STRANGE_WORDS = re.compile(rb"[\w@. ]*[\x80-\xff][\w\x80-\xff. ]*")
_SAMPLE = 4 << 10
_ENOUGH = 1000
"""So many letters beyond ASCII tell what text is in."""


class WrongEncoding(Exception):
    """Bytes that are no text in the encoding. ``before``: the UTF-8 text between the last block and the bad place."""

    def __init__(self, message: str, before: bytes = b"") -> None:
        super().__init__(message)
        self.before = before


def utf8_blocks(blocks: Iterable[bytes], declared: str | None) -> Iterator[bytes]:
    """Yield the text of ``blocks`` in UTF-8, in blocks that end at a character's end; without a byte order mark.

    Raises:
        WrongEncoding: the text is not in the declared encoding, or in none that can be told.

    """
    decode: _Utf8 | _Codec | None = None
    head = b""
    for block in blocks:
        head += block
        if decode is None and len(head) >= 4:
            decode, head = _decoder(head, declared)
        if decode is not None:
            yield decode.feed(head, final=False)
            head = b""
    if decode is None:
        decode, head = _decoder(head, declared)
    yield decode.feed(head, final=True)


def _decoder(head: bytes, declared: str | None) -> tuple[_Utf8 | _Codec, bytes]:
    mark, marked = next(((mark, name) for mark, name in MARKS if head.startswith(mark)), (b"", None))
    wanted = codecs.lookup(declared).name.removesuffix("-sig") if declared else None
    if marked and wanted and wanted not in {marked, marked[:6]}:
        raise WrongEncoding(f"it begins with the byte order mark of {marked}, not {declared}: {DROP}")
    name = marked or wanted or _unmarked_utf16(head) or "utf-8"
    decoder = _Utf8(detect=not marked and not wanted) if name == "utf-8" else _Codec(name)
    return decoder, head[len(mark) :]


def _unmarked_utf16(head: bytes) -> str | None:
    """UTF-16 without its mark: of the Latin text that a header is, every other byte is 0."""
    pairs = len(head[:4096]) // 2
    even, odd = head[: 2 * pairs : 2].count(0), head[1 : 2 * pairs : 2].count(0)
    if pairs > 1 and max(even, odd) > 0.8 * pairs and min(even, odd) == 0:
        return "utf-16-le" if odd > even else "utf-16-be"
    return None


class _Utf8:
    """Checks UTF-8 and passes it on. ``detect``: what is not UTF-8 may be in the legacy encoding."""

    def __init__(self, *, detect: bool) -> None:
        self._detect = detect
        self._tail = b""
        self._seen = False
        self._legacy: _Codec | None = None
        self._western = _Western()

    def feed(self, block: bytes, *, final: bool) -> bytes:
        if self._legacy:
            self._western.require(block)
            return self._legacy.feed(block, final=final)
        data = self._tail + block if self._tail else block
        self._tail = b""
        if data.isascii():
            return data
        loose = None if final else _LOOSE_END.search(data, max(0, len(data) - 3))
        if loose:
            data, self._tail = data[: loose.start()], data[loose.start() :]
        try:
            data.decode()
        except UnicodeDecodeError as error:
            return self._not_utf8(data, error.start, final=final)
        self._seen = self._seen or not data.isascii()
        return data

    def _not_utf8(self, data: bytes, at: int, *, final: bool) -> bytes:
        if sum(byte < 32 and byte not in b"\t\r\n" for byte in data[:_SAMPLE]) * 20 > len(data[:_SAMPLE]):
            raise WrongEncoding("this is binary data, not text: export it as CSV", data[:at])
        sequences = _SEQUENCE.findall(data)
        strange = len(_HIGH.findall(data)) - sum(map(len, sequences))
        if not self._detect:
            raise WrongEncoding(f"this is not UTF-8: {REPAIR}", data[:at])
        if self._seen or _LIKELY_UTF8.search(data) or strange <= 10 * len(sequences):
            raise WrongEncoding(f"this is not UTF-8, though other text of the file seems to be: {REPAIR}", data[:at])
        self._western.require(data)
        self._legacy = _Codec(LEGACY)
        data, self._tail = data + self._tail, b""
        return self._legacy.feed(data, final=final)


class _Codec:
    """Decodes strictly with one of Python's codecs."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._decode = codecs.getincrementaldecoder(name)()
        self._cut = b""
        self._unlike_utf8 = not name.startswith(("cp125", "iso8859", "mac"))

    def feed(self, block: bytes, *, final: bool) -> bytes:
        if not self._unlike_utf8:
            self._refuse_utf8(block)
        try:
            text = self._decode.decode(block, final)
        except UnicodeDecodeError as error:
            before = error.object[: error.start].decode(self._name, "ignore").encode(errors="ignore")
            raise WrongEncoding(f"this is not {self._name}: {DROP}", before) from None
        return text.encode()

    def _refuse_utf8(self, block: bytes) -> None:
        """UTF-8 fits every one-byte encoding, as nonsense: where text beyond ASCII first appears, look at it."""
        block, self._cut = self._cut + block, b""
        if block.isascii():
            return
        loose = _LOOSE_END.search(block, max(0, len(block) - 3))
        if loose and block[: loose.start()].isascii():
            self._cut = loose[0]
            return
        self._unlike_utf8 = True
        sequences = _SEQUENCE.findall(block)
        likely = _LIKELY_UTF8.search(block)
        if likely and len(_HIGH.findall(block)) == sum(map(len, sequences)):
            raise WrongEncoding(f"this is UTF-8, not {self._name}: {DROP}", block[: likely.start()])


class _Western:
    """Refuses text that Windows-1252 would turn into nonsense, of however many blocks it takes to be sure.

    In Western names letters beyond ASCII stand alone or in pairs, and no symbol stands inside a word; read as
    Windows-1252, whole words of other scripts are such letters, and Central European letters are symbols.
    """

    def __init__(self) -> None:
        self._high = self._runs = self._symbols = 0

    def require(self, data: bytes) -> None:
        first = _HIGH.search(data) if self._high < _ENOUGH else None
        if not first:
            return
        at, high = first.start(), len(_HIGH.findall(data))
        self._high += high
        self._symbols += len(_SYMBOL_IN_WORD.findall(data))
        try:
            data.decode(LEGACY)
            self._runs += sum(map(len, _HIGH_RUN.findall(data)))
        except UnicodeDecodeError as error:
            at, self._runs = error.start, self._high
        if self._runs * 2 > self._high or self._symbols * 10 > self._high:
            line = data.rfind(b"\n", 0, at) + 1
            hint = _guess(data[line:])
            raise WrongEncoding(f"this is neither UTF-8 nor Windows-1252: set encoding{hint}", data[:at])


def _guess(data: bytes) -> str:
    """What the text may be in: a hint for a person, since contacts are too little text to be sure."""
    from charset_normalizer import from_bytes

    text = b" ".join(_STRANGE_WORDS.findall(data[: 16 * _SAMPLE])[:_SAMPLE])
    names = [match.encoding for match in from_bytes(text, cp_isolation=list(OTHERS))][:3]
    return f" (perhaps {' or '.join(names)})" if names else ""
