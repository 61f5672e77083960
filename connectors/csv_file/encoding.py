"""Decode the bytes of a file to UTF-8, strictly: bytes that do not fit the encoding are an error.

Detection takes a byte order mark first, then valid UTF-8, then Windows-1252. Text in another encoding is an error that
suggests encodings, and the user must declare one: a wrong guess would put unreadable names onto the phones.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator

LEGACY = "cp1252"

OTHER_SCRIPTS = ("cp1250", "cp1251", "cp1253", "cp1255", "cp1256", "cp932", "gb18030", "big5", "euc_kr")
"""The encodings that are suggested to the user for text that is not Western."""

MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    # The mark of UTF-32 begins with the mark of UTF-16, so it must come first.
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)

REDECLARE = "remove encoding, or set it to the encoding of the file"
REPAIR = "set encoding to the encoding of the file, or have the export repaired"

_SEQUENCE = re.compile(rb"[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}")
_LIKELY_UTF8 = re.compile(rb"[\xc3-\xc5][\x80-\xbf]|\xe2\x80[\x90-\xbf]|(?:[\xc2-\xdf][\x80-\xbf]){2}")
_CUT_SEQUENCE = re.compile(rb"(?:[\xc2-\xf4]|[\xe0-\xf4][\x80-\xbf]|[\xf0-\xf4][\x80-\xbf]{2})\Z")
_NON_ASCII = re.compile(rb"[\x80-\xff]")
_NON_ASCII_RUN = re.compile(rb"[\x80-\xff]{3,}")
_SYMBOL_IN_WORD = re.compile(rb"[A-Za-z\xc0-\xff][\xa1-\xa9\xab-\xb3\xb5\xb6\xb8\xb9\xbb-\xbf](?=[a-z\xe0-\xff])")
_NON_ASCII_WORDS = re.compile(rb"[\w@. ]*[\x80-\xff][\w\x80-\xff. ]*")
_SAMPLE_BYTES = 4 << 10
_ENOUGH_LETTERS = 1000
"""After so many letters beyond ASCII the text counts as Western."""


class WrongEncoding(Exception):
    """The bytes are no text in the encoding. ``before``: the UTF-8 text between the last block and the bad byte."""

    def __init__(self, message: str, before: bytes = b"") -> None:
        super().__init__(message)
        self.before = before


def utf8_blocks(blocks: Iterable[bytes], declared: str | None) -> Iterator[bytes]:
    """Yield the text of ``blocks`` in UTF-8 without a byte order mark; no block ends inside a character.

    Raises:
        WrongEncoding: the text is not in the declared encoding, or its encoding cannot be detected.

    """
    decoder: _Utf8 | _Codec | None = None
    head = b""
    for block in blocks:
        head += block
        # A byte order mark has up to four bytes, and a block may be smaller.
        if decoder is None and len(head) >= 4:
            decoder, head = _decoder(head, declared)
        if decoder is not None:
            yield decoder.feed(head, final=False)
            head = b""
    if decoder is None:
        decoder, head = _decoder(head, declared)
    yield decoder.feed(head, final=True)


def _decoder(head: bytes, declared: str | None) -> tuple[_Utf8 | _Codec, bytes]:
    """Return the decoder for a file that begins with ``head``, and ``head`` without the byte order mark."""
    mark, marked = next(((mark, name) for mark, name in MARKS if head.startswith(mark)), (b"", None))
    wanted = codecs.lookup(declared).name.removesuffix("-sig") if declared else None
    # The first six characters: "utf-16" is declared without a byte order, and the mark tells the order.
    if marked and wanted and wanted not in {marked, marked[:6]}:
        raise WrongEncoding(f"it begins with the byte order mark of {marked}, not {declared}: {REDECLARE}")
    name = marked or wanted or _unmarked_utf16(head) or "utf-8"
    decoder = _Utf8(detect=not marked and not wanted) if name == "utf-8" else _Codec(name)
    return decoder, head[len(mark) :]


def _unmarked_utf16(head: bytes) -> str | None:
    # A header is mostly Latin text, and in UTF-16 every other byte of Latin text is 0.
    pairs = len(head[:4096]) // 2
    even, odd = head[: 2 * pairs : 2].count(0), head[1 : 2 * pairs : 2].count(0)
    if pairs > 1 and max(even, odd) > 0.8 * pairs and min(even, odd) == 0:
        return "utf-16-le" if odd > even else "utf-16-be"
    return None


class _Utf8:
    """Checks UTF-8 and passes it on. ``detect``: text that is not UTF-8 may be in the legacy encoding."""

    def __init__(self, *, detect: bool) -> None:
        self._detect = detect
        self._tail = b""
        self._has_utf8 = False
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
        # A block may end inside a character; keep its first bytes for the next block.
        cut = None if final else _CUT_SEQUENCE.search(data, max(0, len(data) - 3))
        if cut:
            data, self._tail = data[: cut.start()], data[cut.start() :]
        try:
            data.decode()
        except UnicodeDecodeError as error:
            return self._not_utf8(data, error.start, final=final)
        self._has_utf8 = self._has_utf8 or not data.isascii()
        return data

    def _not_utf8(self, data: bytes, at: int, *, final: bool) -> bytes:
        if sum(byte < 32 and byte not in b"\t\r\n" for byte in data[:_SAMPLE_BYTES]) * 20 > len(data[:_SAMPLE_BYTES]):
            raise WrongEncoding("this is binary data, not text: export it as CSV", data[:at])
        if not self._detect:
            raise WrongEncoding(f"this is not UTF-8: {REPAIR}", data[:at])
        sequences = _SEQUENCE.findall(data)
        strange = len(_NON_ASCII.findall(data)) - sum(map(len, sequences))
        # One damaged byte in a UTF-8 file must not turn every name of the file into Windows-1252 nonsense.
        if self._has_utf8 or _LIKELY_UTF8.search(data) or strange <= 10 * len(sequences):
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
        # Only encodings of one byte a character accept UTF-8, as nonsense; the others refuse it themselves.
        self._is_surely_not_utf8 = not name.startswith(("cp125", "iso8859", "mac"))

    def feed(self, block: bytes, *, final: bool) -> bytes:
        if not self._is_surely_not_utf8:
            self._refuse_utf8(block)
        try:
            text = self._decode.decode(block, final)
        except UnicodeDecodeError as error:
            before = error.object[: error.start].decode(self._name, "ignore").encode(errors="ignore")
            raise WrongEncoding(f"this is not {self._name}: {REDECLARE}", before) from None
        return text.encode()

    def _refuse_utf8(self, block: bytes) -> None:
        """Look at the first text beyond ASCII, and refuse it if it is UTF-8."""
        block, self._cut = self._cut + block, b""
        if block.isascii():
            return
        cut = _CUT_SEQUENCE.search(block, max(0, len(block) - 3))
        if cut and block[: cut.start()].isascii():
            self._cut = cut[0]
            return
        self._is_surely_not_utf8 = True
        sequences = _SEQUENCE.findall(block)
        likely = _LIKELY_UTF8.search(block)
        if likely and len(_NON_ASCII.findall(block)) == sum(map(len, sequences)):
            raise WrongEncoding(f"this is UTF-8, not {self._name}: {REDECLARE}", block[: likely.start()])


class _Western:
    """Refuses text that Windows-1252 would turn into nonsense, in as many blocks as it takes to be sure."""

    def __init__(self) -> None:
        self._letters = self._in_runs = self._symbols = 0

    def require(self, data: bytes) -> None:
        first = _NON_ASCII.search(data) if self._letters < _ENOUGH_LETTERS else None
        if not first:
            return
        at = first.start()
        self._letters += len(_NON_ASCII.findall(data))
        # In Western names, letters beyond ASCII stand alone or in pairs, and no symbol stands inside a word. Read as
        # Windows-1252, other scripts are long runs of such letters, and Central European letters are symbols.
        self._symbols += len(_SYMBOL_IN_WORD.findall(data))
        try:
            data.decode(LEGACY)
            self._in_runs += sum(map(len, _NON_ASCII_RUN.findall(data)))
        except UnicodeDecodeError as error:
            at, self._in_runs = error.start, self._letters
        if self._in_runs * 2 > self._letters or self._symbols * 10 > self._letters:
            line = data.rfind(b"\n", 0, at) + 1
            hint = _suggestion(data[line:])
            raise WrongEncoding(f"this is neither UTF-8 nor Windows-1252: set encoding{hint}", data[:at])


def _suggestion(data: bytes) -> str:
    """Return a hint at likely encodings for the message, or an empty text."""
    from charset_normalizer import from_bytes

    # Only the words beyond ASCII tell encodings apart. Contacts are too little text to decide, so this is only a hint.
    text = b" ".join(_NON_ASCII_WORDS.findall(data[: 16 * _SAMPLE_BYTES])[:_SAMPLE_BYTES])
    names = [match.encoding for match in from_bytes(text, cp_isolation=list(OTHER_SCRIPTS))][:3]
    return f" (perhaps {' or '.join(names)})" if names else ""
