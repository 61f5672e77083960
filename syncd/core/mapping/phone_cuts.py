"""Prepares a phone value for the search of numbers: one alphabet, and no digits that belong to something else.

Extensions, parameters of addresses, dates, e-mail and web addresses, and the markers of a list are cut out.
"""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import unquote

from syncd.core.mapping.phone_words import EXTENSION_WORDS

SCIENTIFIC, LOST = "in scientific notation", "digits are lost in scientific notation"

BREAK = "|"
"""Takes the place of a cut text: the numbers on both sides must not run together."""

_MARKS = {
    "\u00d7": "x",
    "\u3001": ",",
    "\u060c": ",",
    "\u061b": ";",
    "\r": "\n",
    "\u2028": "\n",
    "\u2029": "\n",
    "\u30fc": "-",
    "\u3012": "zip ",
}
_KINDS = {"Cf": "", "Mn": "", "Me": "", "Pd": "-", "No": " "}
"""The replacement of characters by Unicode category: marks vanish, and a footnote's raised digit is no digit."""

_URI = re.compile(
    r"(?<![a-z])(?:tel|callto|sms|fax|sips?|whatsapp):(?!\s)(?://)?([^\s@?>]*)(@[^\s;?>]*)?[^\s;>]*", re.IGNORECASE
)
_CHAT = re.compile(
    r"\S*(?:wa\.me/|signal\.me/#p/|t\.me/(?=\+)|(?:whatsapp\.com/|whatsapp:(?://)?)send/?\?(?:\S*&)?phone=|viber://\S*number=)"
    r"(?:\+|%2b)?(\d+)\S*",
    re.IGNORECASE,
)
_WEB = re.compile(r"\S*(?:://|www\.)\S*", re.IGNORECASE)
_CONTEXT = re.compile(r";\s*phone-context\s*=\s*(\+[\d.-]+)")
_PARAMETER = re.compile(r";\s*[a-z][a-z-]*\s*=[^;|\n>]*")
_MAIL = re.compile(r"([^\s;,|<>()/]+)@([^\s;,|<>()/]+)")
_DIALLED_LOCAL = re.compile(r"(\+?\d+)(?:\.\d+)?(?::\d+)?")
_DIALLED_HOST = re.compile(r"s\.whatsapp\.net|c\.us|\d+(?:\.\d+){3}(?::\d+)?|.*\bsip\b.*|.*\bpbx\b.*")
_DATE = re.compile(
    r"(?<![\d+])(?<!\d[./-])(?:"
    r"(?:0?[1-9]|[12]\d|3[01])([./-])\s?(?:0?[1-9]|[12]\d|3[01])\1\s?(?:19|20)\d\d"
    r"|(?:19|20)\d\d([./-])(?:0?[1-9]|1[0-2])\2(?:0?[1-9]|[12]\d|3[01])"
    r"(?:[t ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?(?:z| ?[+-]\d\d:?\d\d)?)?"
    r")(?!\d|[./-]\d)"
)
_HOUR = r"(?:[01]?\d|2[0-4]):[0-5]\d(?::[0-5]\d(?:\.\d+)?)?"
_TIME = re.compile(rf"(?<![\d+])(?<!\d[:.-]){_HOUR}(?:\s*-\s*{_HOUR})?(?!\d|[:./-]\d)")
# A spreadsheet turns 2125551234 into 2125551234.0 or 2.125551234E+9.
_FLOAT = re.compile(r"\s*(\d{3,15})\.0+\s*")
_SCIENTIFIC = re.compile(r"(?<![\w.-])\+?(\d+)(?:[.,](\d*))?e\+?(\d{1,3})(?![\w-]|[.,]\d)")
# In Brazil, xx stands for the code of any carrier.
_CARRIER = re.compile(r"(?<![^\s(])0 ?xx\s?(?=\(?\d\d)")
# *67 before a number hides the caller.
_STAR_CODE = re.compile(r"(?<![^\s;,/|])\*\d\d(?=[\s*(+\d])")
_EXTENSION_MARK = rf"(?:{EXTENSION_WORDS})[\s.:#=()-]*(?:(?:numbers?|no|nos|nr|num)\b[\s.:#]*)?"
_ANOTHER = r"\s*(?:[,/&]|or|and|oder|und|ou|et|y|e|и|или)\s*"
_EXTENSION = re.compile(
    rf"(?<=\d)[\s()\[\].,;:-]*{_EXTENSION_MARK}"
    r"(?:\d{1,6}\s?(?:-|to|thru|through|bis|à|al?|t/m|até|do)\s?\d{1,6}(?!\d|[\s.()-]*\d{3})"
    rf"|\d{{1,8}}(?!\d|[\s.()-]*\d{{3}})(?:{_ANOTHER}(?:{_EXTENSION_MARK})?\d{{1,5}}(?!\d|[\s.()-]*\d))*)"
)
# Commas, p and w are pauses: the digits after them are dialled when the call is answered.
_DIALLED_AFTER = re.compile(
    r"(?<=\d)\s*(?:,{2,}|[pw]+(?=\d))[\d#*,pw]*\d#?(?!\d)|(?<=\d{4}),\d{1,5}#?(?!\d|[\s.()-]*\d)"
)
_LIST_MARKER = re.compile(
    r"(?<![\w+.-])(?:\((\d{1,2})\)|#(\d{1,2}):?(?=\s)|(?<!\()(\d{1,2})(?:\)|[.:](?=\s)))\s*(?=[(+\d])"
)


def cut(text: str) -> tuple[str, list[str]]:
    """Return ``text`` in lower case and ASCII digits, without what is no part of a number; and why digits are cut."""
    problems: list[str] = []
    text = _dialled_addresses(_plain(text))
    if "@" in text:
        text = _MAIL.sub(lambda found: _mail(found, problems), text)
    if "://" in text or "www." in text:
        text = _WEB.sub(lambda found: _gone("a web address", found, problems), text)
    if "=" in text:
        text = _PARAMETER.sub("", text)
    if "." in text and (number := _FLOAT.fullmatch(text)):
        return number[1], problems
    if _SCIENTIFIC.search(text):
        text = _SCIENTIFIC.sub(lambda found: _from_scientific(found, problems), text)
    if _DATE.search(text):
        text = _DATE.sub(lambda found: _gone("a date", found, problems), text)
    if ":" in text:
        text = _TIME.sub(lambda found: _gone("a time", found, problems), text)
    if "xx" in text:
        text = _CARRIER.sub("0", text)
    if "*" in text:
        text = _STAR_CODE.sub(" ", text)
    return _without_markers(_DIALLED_AFTER.sub(BREAK, _EXTENSION.sub(BREAK, text))), problems


def _from_scientific(found: re.Match[str], problems: list[str]) -> str:
    """Return the whole number that ``found`` writes as ``2.1E+9``; nothing if digits of it are lost."""
    head, tail, places = found[1], found[2] or "", int(found[3])
    if places != len(tail):
        problems.append(LOST)
        return BREAK
    problems.append(SCIENTIFIC)
    return f"{BREAK}{head}{tail}{BREAK}"


def _gone(problem: str, found: re.Match[str], problems: list[str]) -> str:
    if any(char.isdigit() for char in found[0]):
        problems.append(problem)
    return BREAK


def _mail(found: re.Match[str], problems: list[str]) -> str:
    """Return the number of an address that is dialled, as SIP and WhatsApp write it; nothing of an e-mail address."""
    local = _DIALLED_LOCAL.fullmatch(found[1])
    if local and _DIALLED_HOST.fullmatch(found[2]):
        return local[1]
    return _gone("an e-mail address", found, problems)


def _dialled_addresses(text: str) -> str:
    """Return ``text`` with the number alone of each address such as ``tel:``, ``sip:`` or ``wa.me/``."""
    if ":" not in text and ".me/" not in text and ".com/send" not in text:
        return text
    bare = _PARAMETER.sub("", text)
    if (context := _CONTEXT.search(text)) and "+" not in bare:
        return _URI.sub(rf" {context[1]} \1", bare)
    return _URI.sub(_dialled, _CHAT.sub(r" +\1 ", text))


def _dialled(found: re.Match[str]) -> str:
    number = unquote(found[1], errors="ignore")
    return number if any(char.isdigit() for char in number) else f"{number}{found[2] or ''}"


def _without_markers(text: str) -> str:
    """Return ``text`` without the markers of a list that counts from one, as in ``1) 212 … 2) 646 …``."""
    markers = [next(filter(None, found.groups())) for found in _LIST_MARKER.finditer(text)]
    counts = markers and [int(marker) for marker in markers] == list(range(1, len(markers) + 1))
    return _LIST_MARKER.sub(BREAK, text) if counts else text


def _plain(text: str) -> str:
    """Return ``text`` in lower case, with every character that matters in a phone number as ASCII."""
    if not text.isascii():
        text = "".join(map(_character, text))
    return text.replace("\r", "\n").lower()


def _character(char: str) -> str:
    if char.isascii() or char in _MARKS:
        return _MARKS.get(char, char)
    kind = unicodedata.category(char)
    if kind == "Nd":
        return str(unicodedata.decimal(char))
    other = unicodedata.normalize("NFKC", char)
    if kind not in _KINDS and other.isascii():
        return other
    return char if kind[0] == "L" else _KINDS.get(kind, " ")
